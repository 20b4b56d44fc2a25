use super::*;
use crate::error::ConnectError;

/// Headers, each written as `name: value`.
fn headers(lines: &[&str]) -> Headers {
    let mut headers = Headers::default();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        headers.parse_and_append(name, value.as_bytes()).unwrap();
    }
    headers
}

fn lines(headers: &Headers) -> Vec<String> {
    headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
}

#[test]
fn headers_keep_their_order_and_may_repeat() {
    let given = ["x-b: 1", "x-a: 1", "cookie: a=1", "x-b: 2", "cookie: b=2"];
    assert_eq!(lines(&headers(&given)), given);
}

#[test]
fn of_a_header_that_a_request_has_once_the_last_one_is_sent() {
    for name in SINGLE {
        let [first, last, other] = ["first", "last", "other"].map(|value| format!("{name}: {value}"));
        let given = headers(&[&first, "x-a: 1", &last]);
        assert_eq!(lines(&given), ["x-a: 1", &last]);
        assert_eq!(lines(&given.with(&headers(&[&other]))), ["x-a: 1", &other]);
    }
}

#[test]
fn a_replaced_header_is_replaced_wherever_it_was() {
    let mut given = headers(&["cookie: a=1", "x-a: 1", "cookie: b=2"]);
    given.replace(header::COOKIE, HeaderValue::from_static("c=3"));
    assert_eq!(lines(&given), ["x-a: 1", "cookie: c=3"]);
}

#[test]
fn the_headers_of_one_connect_replace_all_of_their_names() {
    let mut given = headers(&["x-a: 1", "x-b: 1", "x-a: 2", "origin: http://a"]);
    given.override_with(headers(&["x-a: 3", "x-c: 1", "x-a: 4"]));
    assert_eq!(lines(&given), ["x-b: 1", "origin: http://a", "x-a: 3", "x-c: 1", "x-a: 4"]);

    let mut other = headers(&["x-a: 5", "x-d: 1"]);
    other.remove_names_of(&given);
    assert_eq!(lines(&other), ["x-d: 1"]);
}

#[test]
fn another_origin_sees_only_headers_without_secrets() {
    let given = headers(&[
        "authorization: secret",
        "x-a: 1",
        "cookie: a=1",
        "host: example.org",
        "proxy-authorization: secret",
        "sec-websocket-protocol: token",
        "origin: http://a",
        "user-agent: b",
        "referer: http://a/?secret",
        "accept: c",
        "accept-encoding: identity",
        "accept-language: d",
    ]);
    let expected =
        ["origin: http://a", "user-agent: b", "accept: c", "accept-encoding: identity", "accept-language: d"];
    assert_eq!(lines(&given.for_another_origin()), expected);
}

#[test]
fn defaults_come_first_and_only_where_none_was_given() {
    let defaults = [(header::HOST, "a"), (header::ACCEPT, "*/*"), (header::USER_AGENT, "client")];
    let defaults = defaults.map(|(name, value)| (name, HeaderValue::from_static(value)));
    let given = headers(&["x-a: 1", "accept: text/plain"]).with_defaults(defaults);
    assert_eq!(lines(&given), ["host: a", "user-agent: client", "x-a: 1", "accept: text/plain"]);
}

#[test]
fn a_header_that_breaks_a_request_is_refused() {
    let not_allowed = "the value of x-a has bytes that HTTP does not allow";
    for (name, value, reason) in [
        ("", "1", "\"\" is not a header name"),
        ("x a", "1", "\"x..\" is not a header name"),
        ("x-a", "1\r\nx-b: 2", not_allowed),
        ("x-a", "\0", not_allowed),
        ("Content-Length", "1", "content-length is set by the client itself"),
        ("sec-websocket-key", "1", "sec-websocket-key is set by the client itself"),
        ("accept-encoding", "gzip, br", "only gzip, deflate and identity can be read"),
    ] {
        let expected = ConnectError::Invalid { what: "header", reason: reason.to_owned() };
        let mut headers = Headers::default();
        assert_eq!(headers.parse_and_append(name, value.as_bytes()), Err(expected));
        assert!(headers.is_empty());
    }
    for codings in ["", "gzip", "GZIP;q=1.0, deflate ;q=0", "identity,x-gzip"] {
        assert!(Headers::default().parse_and_append("accept-encoding", codings.as_bytes()).is_ok());
    }
}

#[test]
fn subprotocols_are_offered_in_one_header_that_replaces_the_last() {
    let mut headers = headers(&["sec-websocket-protocol: old", "x-a: 1"]);
    headers.offer_protocols(&["graphql", "chat.v2"]).unwrap();
    assert_eq!(lines(&headers), ["x-a: 1", "sec-websocket-protocol: graphql, chat.v2"]);
    headers.offer_protocols(&[]).unwrap();
    assert_eq!(lines(&headers), ["x-a: 1"]);
}

#[test]
fn a_subprotocol_is_a_token_and_unique() {
    for (protocols, reason) in [
        (["a b", "c"], "number 1 is not a token"),
        (["", "c"], "number 1 is not a token"),
        (["a", "a"], "number 2 is given twice"),
    ] {
        let expected = ConnectError::Invalid { what: "WebSocket subprotocol", reason: reason.to_owned() };
        assert_eq!(Headers::default().offer_protocols(&protocols), Err(expected));
    }
}

#[test]
fn debug_shows_no_values() {
    assert_eq!(format!("{:?}", headers(&["x-a: secret", "x-b: secret"])), r#"["x-a", "x-b"]"#);
}
