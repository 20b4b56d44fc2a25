use actix_http::{Method, header::HeaderValue, uri::PathAndQuery};
use bytes::Bytes;

use super::*;
use crate::transport::{Headers, http::Repeat};

const HEAD: &str = "GET /engine.io/?room=parlour&pass%20key&EIO=4&transport=polling&sid=abcdef HTTP/1.1\r\n\
    host: example.org\r\n\
    user-agent: browser\r\n\
    authorization: Basic dXNlcjpob3JzZWI9\r\n\
    x-key: say \"hush\" & go\r\n\
    cookie: id=battery; own=staple\r\n\
    sec-websocket-protocol: v1.json, token-123\r\n\r\n";

fn mask(text: &str) -> String {
    Secrets::of_head(HEAD.as_bytes()).mask(text).into_owned()
}

#[test]
fn values_are_masked_in_every_form_in_which_a_peer_may_repeat_them() {
    for (text, expected) in [
        ("no room parlour here", "no room .. here"),
        ("?pass%20key and pass key", "?.. and .."),
        ("session abcdef", "session .."),
        ("authorization: Basic dXNlcjpob3JzZWI9", "authorization: .."),
        ("credentials dXNlcjpob3JzZWI9", "credentials .."),
        ("user:horseb= is unknown", ".. is unknown"),
        ("password horseb= is wrong", "password .. is wrong"),
        ("cookie: id=battery; own=staple", "cookie: .."),
        ("staple and battery", ".. and .."),
        ("x-key: say \"hush\" & go", "x-key: .."),
        (r#"{"x-key":"say \"hush\" & go"}"#, r#"{"x-key":".."}"#),
        ("say &quot;hush&quot; &amp; go", ".."),
        ("no subprotocol token-123", "no subprotocol .."),
    ] {
        assert_eq!(mask(text), expected);
    }
}

#[test]
fn the_rest_of_a_text_stays_as_it_is() {
    for text in [
        "",
        "GET /engine.io/",
        "example.org",
        "browser",
        "transport unknown, EIO 4, polling",
        "Basic auth is needed",
    ] {
        assert_eq!(mask(text), text);
        assert!(matches!(Secrets::of_head(HEAD.as_bytes()).mask(text), Cow::Borrowed(_)));
    }
}

#[test]
fn a_text_that_was_cut_within_a_secret_does_not_show_its_beginning() {
    assert_eq!(mask("cookie: id=batt"), "cookie: ..");
    assert_eq!(mask("user:hors"), "..");
    // Five bytes tell nobody anything.
    assert_eq!(mask("token"), "token");
}

#[test]
fn a_head_without_secrets_has_none() {
    for head in [
        "",
        "GET",
        "GET / HTTP/1.1\r\nhost: example.org\r\n\r\n",
        "CONNECT example.org:80 HTTP/1.1\r\nhost: a\r\n\r\n",
    ] {
        let secrets = Secrets::of_head(head.as_bytes());
        assert!(secrets.0.is_empty(), "{:?}", secrets.0);
    }
    assert_eq!(Secrets::default().mask("anything"), "anything");
    assert_eq!(format!("{:?}", Secrets::of_head(HEAD.as_bytes())), "Secrets(7)");
}

#[test]
fn the_values_of_a_request_are_those_of_its_head() {
    let mut headers = Headers::default();
    for (name, value) in [
        ("Authorization", "Basic dXNlcjpob3JzZWI9"),
        ("Cookie", "id=battery"),
        ("X-Key", "abc"),
        ("Origin", "https://a.example"),
    ] {
        headers.parse_and_append(name, value.as_bytes()).unwrap();
    }
    let request = Request {
        method: Method::GET,
        target: PathAndQuery::from_static("/engine.io/?room=parlour&EIO=4&transport=websocket&sid=abcdef"),
        host: HeaderValue::from_static("example.org"),
        headers,
        body: Bytes::new(),
        repeat: Repeat::Unread,
    };
    let secrets = Secrets::of_request(&request);
    assert_eq!(secrets.0, Secrets::of_head(&request.head(None)).0);
    assert_eq!(format!("{secrets:?}"), "Secrets(4)", "one header is too short, and one is public");
}

#[test]
fn the_sid_of_an_open_packet_is_masked() {
    for open in [r#"{"sid":"abc-def","upgrades":[]}"#, r#"{ "upgrades": [], "sid" : "abc-def" }"#] {
        let mut secrets = Secrets::default();
        secrets.add_sid(open);
        assert_eq!(secrets.mask("abc-def is unknown"), ".. is unknown");
    }
    for open in ["", "\"sid\"", r#"{"sid":7}"#, r#"{"sid":""}"#, r#"{"sid":"a"}"#] {
        let mut secrets = Secrets::default();
        secrets.add_sid(open);
        assert!(secrets.0.is_empty());
    }
}

#[test]
fn the_mask_itself_is_masked_only_once() {
    let secrets = Secrets::of_head(b"GET /?a=aaaa&b=aaaaaaaa HTTP/1.1\r\nx: bbbb\r\n\r\n");
    assert_eq!(secrets.mask("aaaaaaaa aaaa bbbb"), ".. .. ..");
}
