#![allow(clippy::unwrap_used)]

use bytes::Bytes;

use super::*;
use crate::testing::TestServerBuilder;

fn state() -> State {
    State::new(TestServerBuilder::new().settings(), Listener::in_memory())
}

fn request(method: &str, path: &str, query: &[(&str, &str)]) -> Request {
    let query = query.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    let headers = vec![("sec-websocket-key".to_owned(), "AAAA".to_owned())];
    Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.collect(),
        headers,
        body: Bytes::from_static(b"4a"),
    }
}

/// The status line of the response, or what happens instead of one.
fn outcome(reaction: Reaction) -> String {
    match reaction {
        Reaction::Respond(response) => {
            let response = String::from_utf8(response.encode()).unwrap();
            let (head, body) = response.split_once("\r\n\r\n").unwrap();
            format!("{} {}", head.split(' ').nth(1).unwrap(), body.split(':').nth(1).unwrap_or(body))
        }
        Reaction::Silence => "silence".to_owned(),
        Reaction::Poll(id) => format!("poll {id}"),
        Reaction::WebSocket(id, _) => format!("websocket {id}"),
    }
}

#[test]
fn each_request_has_its_answer() {
    const POLLING: (&str, &str) = ("transport", "polling");
    const WEBSOCKET: (&str, &str) = ("transport", "websocket");
    const V4: (&str, &str) = ("EIO", "4");
    const FIRST: (&str, &str) = ("sid", "test-session-1");
    let mut state = state();
    for (method, path, query, expected) in [
        ("GET", "/", [].as_slice(), "404 Not Found"),
        ("GET", "/engine.io/", &[("EIO", "5"), POLLING], "400 5,\"message\""),
        ("GET", "/engine.io/", &[V4], "400 0,\"message\""),
        ("GET", "/engine.io/", &[V4, POLLING, FIRST], "400 1,\"message\""),
        ("POST", "/engine.io/", &[V4, POLLING], "400 2,\"message\""),
        ("GET", "/engine.io/", &[V4, POLLING], "200 1000000,\"pingInterval\""),
        ("GET", "/engine.io/", &[V4, POLLING, FIRST], "poll 0"),
        ("POST", "/engine.io/", &[V4, POLLING, FIRST], "200 ok"),
        ("DELETE", "/engine.io/", &[V4, POLLING, FIRST], "400 3,\"message\""),
        ("GET", "/engine.io/", &[V4, WEBSOCKET, FIRST], "websocket 0"),
        ("GET", "/engine.io/", &[V4, WEBSOCKET], "websocket 1"),
        ("GET", "/engine.io/", &[V4, POLLING, ("sid", "test-session-2")], "400 3,\"message\""),
    ] {
        assert_eq!(
            outcome(state.react(&request(method, path, query), Instant::now())),
            expected,
            "{query:?}"
        );
    }
    assert!(state.failures.take().unwrap().contains("that it has moved to a WebSocket"));
    state.react(&request("GET", "/engine.io/", &[V4, POLLING, FIRST]), Instant::now());
    assert!(state.failures.take().unwrap().contains("a GET while another one was waiting"));

    state.session(0).unwrap().vanish();
    let post = request("POST", "/engine.io/", &[V4, POLLING, FIRST]);
    assert_eq!(outcome(state.react(&post, Instant::now())), "silence");
    assert_eq!((state.accept(), state.accept(), state.accept()), (Some(0), Some(1), None));
    state.end_life();
    assert_eq!(outcome(state.react(&post, Instant::now())), "400 1,\"message\"");
}
