use super::*;
use crate::transport::Cookies;

fn endpoint(url: &str) -> Arc<Endpoint> {
    Arc::new(Endpoint::new(url, "engine.io", true, "t".into()).unwrap())
}

/// Requests to this URL, with a header of every kind that has a rule.
fn requests(url: &str) -> Requests {
    let mut options = Options {
        timestamp_requests: false,
        cookies: Some(Cookies::Own(Arc::default())),
        ..Options::new(Arc::default())
    };
    for (name, value) in [("x-a", "all"), ("cookie", "own=1"), ("origin", "http://all")] {
        options.headers.parse_and_append(name, value.as_bytes()).unwrap();
    }
    for (name, value) in [("x-a", "websocket"), ("origin", "http://websocket")] {
        options.websocket_headers.parse_and_append(name, value.as_bytes()).unwrap();
    }
    Requests::new(endpoint(url), None, Arc::new(options), endpoint(url))
}

fn lines(request: &http::Request) -> Vec<String> {
    request.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
}

fn head(headers: &[(header::HeaderName, &str)]) -> HeaderMap {
    headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
}

#[test]
fn a_request_belongs_to_its_session_and_its_transport() {
    let mut requests = requests("http://example.org/?room=7");
    let poll = requests.get().unwrap();
    assert_eq!((poll.method, poll.host.to_str().unwrap()), (Method::GET, "example.org"));
    assert_eq!(poll.target, "/engine.io/?room=7&EIO=4&transport=polling");

    requests.set_sid("a b".into());
    let post = requests.post("4hi".into(), Repeat::Unread).unwrap();
    assert_eq!((post.method, &*post.body), (Method::POST, &b"4hi"[..]));
    assert_eq!(post.target, "/engine.io/?room=7&EIO=4&transport=polling&sid=a%20b");
    let handshake = requests.websocket_handshake(&Headers::default()).unwrap();
    assert_eq!(handshake.target, "/engine.io/?room=7&EIO=4&transport=websocket&sid=a%20b");
}

#[test]
fn websocket_handshakes_have_headers_of_their_own() {
    let requests = requests("http://example.org");
    let poll = requests.get().unwrap();
    assert_eq!(lines(&poll), ["x-a: all", "cookie: own=1", "origin: http://all"]);

    let own = Headers::from([(header::UPGRADE, HeaderValue::from_static("websocket"))]);
    let handshake = requests.websocket_handshake(&own).unwrap();
    let expected =
        ["x-a: all", "cookie: own=1", "x-a: websocket", "origin: http://websocket", "upgrade: websocket"];
    assert_eq!(lines(&handshake), expected);
}

#[test]
fn credentials_of_the_url_are_sent_unless_a_header_replaces_them() {
    let url = "http://user:secret@example.org";
    let basic = "authorization: Basic dXNlcjpzZWNyZXQ=";
    assert!(lines(&requests(url).get().unwrap()).contains(&basic.to_owned()));

    let mut requests = requests(url);
    let options = Arc::make_mut(&mut requests.options);
    options.headers.parse_and_append("authorization", b"Bearer token").unwrap();
    let lines = lines(&requests.get().unwrap());
    assert!(lines.contains(&"authorization: Bearer token".to_owned()), "{lines:?}");
    assert!(!lines.contains(&basic.to_owned()), "{lines:?}");
}

#[test]
fn cookies_that_a_response_sets_are_sent_beside_those_of_the_user() {
    let requests = requests("http://example.org");
    requests.store_cookies(&head(&[(header::SET_COOKIE, "lb=2; Path=/")]));
    let poll = requests.get().unwrap();
    assert_eq!(lines(&poll), ["x-a: all", "origin: http://all", "cookie: own=1; lb=2"]);
}

#[test]
fn after_a_redirect_to_another_origin_only_headers_without_secrets_are_sent() {
    let mut requests = requests("http://user:secret@example.org");
    requests.store_cookies(&head(&[(header::SET_COOKIE, "lb=2; Path=/")]));

    let moved = requests.redirect(&head(&[(header::LOCATION, "/other/")])).unwrap();
    assert_eq!(moved.url().as_str(), "http://example.org/other/");
    assert!(lines(&requests.get().unwrap()).iter().any(|line| line.starts_with("authorization: ")));

    requests.redirect(&head(&[(header::LOCATION, "http://example.com/")])).unwrap();
    let poll = requests.get().unwrap();
    assert_eq!(poll.host.to_str().unwrap(), "example.com");
    assert_eq!(lines(&poll), ["origin: http://all"]);
}

#[test]
fn a_redirect_needs_a_location_that_may_be_followed() {
    let mut requests = requests("https://example.org");
    for headers in [head(&[]), head(&[(header::LOCATION, "http://example.org")])] {
        assert!(matches!(requests.redirect(&headers), Err(TransportError::Redirect(_))));
    }
    assert_eq!(requests.get().unwrap().host.to_str().unwrap(), "example.org");
}

#[test]
fn a_stamp_is_different_each_time() {
    let mut requests = requests("http://example.org");
    Arc::make_mut(&mut requests.options).timestamp_requests = true;
    let [first, second] = [(); 2].map(|()| requests.get().unwrap().target);
    assert!(first.to_string().contains("&t="), "{first}");
    assert_ne!(first, second);
}
