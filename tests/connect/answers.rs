//! Answers to the handshake over polling that open no session.

use std::time::Duration;

use actix_engineio::{
    self as engineio, Connect, ConnectError, Event, HttpStatus, SendErrorKind, Stage, TransportError,
    TransportKind, Wait,
};

use crate::support::{
    Client, Clock, SHORT, milestone,
    script::{OPEN, SID},
    server::Server,
    signal,
};

/// The longest wait for the body of an error response.
const ERROR_BODY_LIMIT: Duration = Duration::from_millis(500);

/// The error of a connect whose handshake is answered with these bytes.
async fn answered(answer: impl Into<String>) -> ConnectError {
    let answer = answer.into();
    let server = Server::start(move |server| {
        let mut get = server.accept();
        get.handshake();
        // The client may close before the end.
        let _ = get.try_write(answer);
        get.close();
    });
    let mut client = Client::with(&server, |builder| builder.max_message_size(4096));
    let err = client.fails().await;
    server.finish().await;
    err
}

/// A response with a body, as bytes.
fn response(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} Status\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

/// The error of a connect whose handshake is answered with this error status, and whether it is retryable.
async fn refused(status: u16, headers: &str, body: &str) -> (HttpStatus, bool) {
    let err = answered(response(status, headers, body)).await;
    let retryable = err.is_retryable();
    let ConnectError::Status { status, .. } = err else { panic!("{err:?}") };
    (*status, retryable)
}

/// The reason why this answer is not an answer of Engine.IO.
async fn not_engine_io(answer: impl Into<String>) -> String {
    let answer = answer.into();
    let err = answered(answer.clone()).await;
    assert!(!err.is_retryable());
    let ConnectError::NotEngineIo { reason, .. } = &err else { panic!("{answer:?}: {err:?}") };
    reason.to_string()
}

/// Answers a request with an error status whose body does not end, over each transport, and waits `limit` for the error.
async fn refused_without_end(head: &str, body: &str, limit: Option<Duration>) {
    let clock = Clock::stop();
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        let (answered, is_answered) = milestone();
        let answer = format!("HTTP/1.1 403 Status\r\n{head}\r\n{body}");
        let server = Server::start(move |server| {
            let mut peer = server.accept();
            peer.read_request();
            peer.write(answer);
            answered.reached();
            peer.wait_closed();
        });
        let mut client = Client::start(&server);
        let failing = client.fails_over(transport);
        let err = match limit {
            Some(limit) => clock.takes(limit, is_answered, failing).await,
            None => failing.await,
        };
        assert!(!err.is_retryable(), "{err:?}");
        assert!(matches!(&err, ConnectError::Status { status, .. } if status.status == 403), "{err:?}");
        server.finish().await;
    }
}

#[actix::test]
async fn an_error_response_whose_body_has_no_end_is_an_error_status_over_either_transport() {
    refused_without_end("content-length: 100\r\n", "no", Some(ERROR_BODY_LIMIT)).await;
    refused_without_end("", "no", Some(ERROR_BODY_LIMIT)).await;
    refused_without_end("transfer-encoding: chunked\r\n", "2\r\nno\r\n", Some(ERROR_BODY_LIMIT)).await;
    // A body that is too large is not read at all.
    refused_without_end("content-length: 99999999999\r\n", "", None).await;
}

#[actix::test]
async fn what_is_not_http_is_not_engine_io() {
    for answer in
        ["SSH-2.0-OpenSSH_9.6\r\n\r\n", "220 mail.example.org ESMTP\r\n\r\n", "\u{0}\u{1}\u{2}\r\n\r\n"]
    {
        assert_eq!(not_engine_io(answer).await, "not HTTP");
    }
}

#[actix::test]
async fn a_page_of_html_is_not_engine_io() {
    let page = "<!DOCTYPE html><html><body>It works!</body></html>";
    let html = "content-type: text/html\r\n";
    assert_eq!(not_engine_io(response(200, html, page)).await, "a page of HTML");
    assert_eq!(not_engine_io(response(200, "", &format!("\r\n  {page}"))).await, "a page of HTML");
}

#[actix::test]
async fn a_page_of_html_with_an_error_status_is_an_error_status() {
    let (status, retryable) = refused(404, "content-type: text/html\r\n", "<h1>Not Found</h1>").await;
    assert_eq!((status.status, status.code, status.message, retryable), (404, None, None, false));
    let (status, retryable) = refused(502, "", "<h1>Bad Gateway</h1>").await;
    assert_eq!((status.status, status.code, status.message, retryable), (502, None, None, true));
}

#[actix::test]
async fn an_error_in_json_is_reported_with_its_code_and_its_message() {
    for code in ["1", r#""1""#] {
        let body = format!(r#"{{"code":{code},"message":"Session ID unknown"}}"#);
        let (status, retryable) = refused(400, "content-type: application/json\r\n", &body).await;
        assert_eq!((status.status, status.code), (400, Some(1)));
        assert_eq!(status.message.as_deref(), Some("Session ID unknown"));
        assert!(retryable);
    }
    let (status, retryable) = refused(403, "", r#"{"code":4,"message":"no room for you"}"#).await;
    assert_eq!((status.status, status.code), (403, Some(4)));
    assert_eq!(status.message.as_deref(), Some("no room for you"));
    assert!(!retryable);
    let (status, _) = refused(401, "", r#""a string""#).await;
    assert_eq!(status.message.as_deref(), Some("a string"));
    let (status, _) = refused(401, "", "plain words").await;
    assert_eq!(status.message.as_deref(), Some("plain words"));
}

#[actix::test]
async fn an_error_code_of_the_protocol_version_is_an_unsupported_protocol() {
    let body = r#"{"code":5,"message":"Unsupported protocol version"}"#;
    let err = answered(response(400, "", body)).await;
    assert!(matches!(err, ConnectError::UnsupportedProtocol { .. }), "{err:?}");
    assert!(!err.is_retryable());
}

#[actix::test]
async fn an_overloaded_server_says_when_to_try_again() {
    let (status, retryable) = refused(503, "retry-after: 7\r\n", "").await;
    assert_eq!((status.status, status.retry_after), (503, Some(Duration::from_secs(7))));
    assert!(retryable);
}

#[actix::test]
async fn an_empty_400_is_an_error_status_without_a_message() {
    let (status, retryable) = refused(400, "", "").await;
    assert_eq!((status.status, status.code, status.message, retryable), (400, None, None, false));
}

#[actix::test]
async fn protocol_3_is_recognised() {
    let open = OPEN.to_string();
    let err = answered(response(200, "", &format!("{}:{open}2:40", open.len()))).await;
    assert!(matches!(err, ConnectError::UnsupportedProtocol { .. }), "{err:?}");
    assert!(err.to_string().contains("protocol 3"), "{err}");
}

#[actix::test]
async fn a_first_packet_that_is_not_the_open_packet_is_refused() {
    for body in ["6", "4hello", "2", "1", "3probe", "bAQID", "", &format!("4hello\u{1e}{OPEN}")] {
        let reason = not_engine_io(response(200, "", body)).await;
        assert!(reason.contains("first packet is not an open packet"), "{body}: {reason}");
    }
    // A response that cannot have a body counts as empty.
    let reason = not_engine_io("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert!(reason.contains("first packet is not an open packet"), "{reason}");
}

#[actix::test]
async fn a_body_that_is_no_payload_is_not_engine_io() {
    for body in ["It works!", "{\"sid\":\"abc\"}", "\u{1e}", "b***"] {
        let reason = not_engine_io(response(200, "", body)).await;
        assert!(reason.contains("undecodable packet"), "{body}: {reason}");
    }
}

#[actix::test]
async fn an_invalid_open_packet_is_refused() {
    let bodies = [
        r#"0"#,
        r#"0{"#,
        r#"0[]"#,
        r#"0{"upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#,
        r#"0{"sid":"","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#,
        r#"0{"sid":7,"upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#,
    ];
    for body in bodies {
        let reason = not_engine_io(response(200, "", body)).await;
        assert!(reason.contains("bad open packet"), "{body}: {reason}");
    }
}

#[actix::test]
async fn an_open_packet_whose_hints_cannot_be_read_opens_a_session() {
    let sid = format!(r#""sid":"{SID}""#);
    let second = Duration::from_secs(1);
    for (hints, interval, timeout) in [
        ("", 25 * second, 20 * second),
        (
            r#","pingInterval":8571.428571428572,"pingTimeout":0"#,
            Duration::from_nanos(8_571_428_571),
            20 * second,
        ),
        (r#","pingInterval":"7000","pingTimeout":"soon","upgrades":7"#, 7 * second, 20 * second),
        (r#","pingInterval":-1,"pingTimeout":1e999,"upgrades":[null]"#, 25 * second, 24 * 3600 * second),
        (r#","pingInterval":null,"pingTimeout":{},"maxPayload":[1]"#, 25 * second, 20 * second),
    ] {
        let body = format!("0{{{sid}{hints}}}");
        let server = Server::start(move |server| server.opens(body).ends_session());
        let mut client = Client::start(&server);
        let session = client.connect().await;
        assert_eq!((session.ping_interval, session.ping_timeout), (interval, timeout), "{hints}");
        assert_eq!((&*session.upgrades, session.max_payload), ([].as_slice(), None), "{hints}");
        client.ended_cleanly().await;
        server.finish().await;
    }
}

#[actix::test]
async fn an_open_packet_with_absurd_numbers_opens_a_bounded_session() {
    let body = r#"0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["carrier pigeon"],"pingInterval":1e300,
        "pingTimeout":1e300,"maxPayload":-1}"#;
    let server = Server::start(move |server| {
        let (get, mut post) = server.opens_both(body);
        post.accepts("1");
        post.expect_closed();
        get.expect_closed();
    });
    let mut client = Client::start(&server);
    let session = client.connect().await;
    let day = Duration::from_secs(24 * 60 * 60);
    assert_eq!((session.ping_interval, session.ping_timeout), (day, day));
    assert_eq!((&*session.upgrades, session.max_payload), ([].as_slice(), None));
    client.disconnect().await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn a_body_larger_than_max_message_size_is_refused() {
    let endless = format!("0{}", "x".repeat(10_000));
    let answers = [
        response(200, "", &endless),
        format!("HTTP/1.1 200 OK\r\n\r\n{endless}"),
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{endless}\r\n0\r\n\r\n",
            endless.len()
        ),
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".to_owned(),
    ];
    for answer in answers {
        let err = answered(answer).await;
        let ConnectError::Transport { source, .. } = &err else { panic!("{err:?}") };
        assert_eq!(*source, TransportError::body_too_large(4096));
    }
}

#[actix::test]
async fn a_failed_connect_can_be_followed_by_another() {
    let server = Server::start(|server| {
        let mut get = server.accept();
        get.handshake();
        get.respond(503, &[], "");
        get.expect_closed();

        let mut get = server.opens(OPEN);
        get.packets("4hello\u{1e}1");
        get.expect_closed();
    });
    let mut client = Client::start(&server);
    client.fails().await;
    client.connect().await;
    assert_eq!(client.text().await, "hello");
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn a_handshake_whose_answer_comes_byte_by_byte_is_bounded_by_request_timeout() {
    let clock = Clock::stop();
    for (start, stage) in [
        ("HTTP/1.1 200 OK", Stage::Response),
        ("HTTP/1.1 200 OK\r\n\r\n0{\"sid\":\"lv_VI97HAXpY", Stage::Body),
    ] {
        let (started, is_started) = milestone();
        let (passed, has_passed) = signal();
        let (continued, has_continued) = milestone();
        let server = Server::start(move |server| {
            let mut get = server.accept();
            get.handshake();
            get.write(start);
            started.reached();
            has_passed.wait();
            get.write("6");
            continued.reached();
            get.wait_closed();
        });
        let mut client = Client::with(&server, |builder| builder.request_timeout(SHORT));
        let halfway = async {
            is_started.await;
            clock.advance(SHORT / 2).await;
            passed.send();
            has_continued.await;
        };
        let err = clock.takes(SHORT / 2, halfway, client.fails()).await;
        assert!(matches!(&err, ConnectError::Timeout { stage: at, .. } if *at == stage), "{err:?}");
        server.finish().await;
    }
}

/// A client that always finds more bytes to decode has to look at its timer all the same.
#[actix::test]
async fn a_handshake_whose_answer_comes_faster_than_it_is_decoded_is_bounded_by_request_timeout() {
    let server = Server::start(|server| {
        let mut get = server.accept();
        get.handshake();
        get.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        let chunks = "1\r\n0\r\n".repeat(100_000);
        // Without the timer the body would end at `max_message_size`, after 400 MB.
        while get.try_write(&chunks).is_ok() {}
    });
    let mut client = Client::with(&server, |builder| builder.request_timeout(SHORT));
    let err = client.fails().await;
    assert!(matches!(err, ConnectError::Timeout { stage: Stage::Body, .. }), "{err:?}");
    server.finish().await;
}

#[actix::test]
async fn what_is_sent_while_connecting_waits_for_the_outcome() {
    let (asked, has_asked) = milestone();
    let (sent, is_sent) = signal();
    let server = Server::start(|server| {
        let mut get = server.accept();
        get.handshake();
        asked.reached();
        is_sent.wait();
        get.respond(403, &[], "");
        get.expect_closed();

        let (get, mut post) = server.opens_both(OPEN);
        post.accepts("4two");
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::start(&server);
    let connecting = client.connecting(Connect::new(server.origin()));
    has_asked.await;
    let waiting = actix_rt::spawn(client.addr.send(Wait));
    let sending = actix_rt::spawn(client.addr.send(engineio::Send::text("one")));
    client.addr.do_send(engineio::Send::text("lost"));
    actix_rt::task::yield_now().await;
    assert!(!sending.is_finished());
    sent.send();
    assert!(matches!(connecting.await.unwrap(), Err(ConnectError::Status { .. })));
    let err = sending.await.unwrap().unwrap().unwrap_err();
    assert_eq!((err.kind, err.data.as_text()), (SendErrorKind::NotConnected, Some("one")));
    assert_eq!(waiting.await.unwrap().unwrap(), None);
    // Nobody awaits the reply to this one.
    match client.next().await {
        Event::Rejected(err) => {
            assert_eq!((&err.kind, err.data.as_text()), (&SendErrorKind::NotConnected, Some("lost")))
        }
        event => panic!("{event:?}"),
    }
    client.is_gone().await;

    let connecting = client.connecting(Connect::new(server.origin()));
    actix_rt::task::yield_now().await;
    client.send("two").await;
    connecting.await.unwrap().unwrap();
    assert!(matches!(client.next().await, Event::Connected(_)));
    assert!(matches!(client.next().await, Event::Disconnected(_)));
    server.finish().await;
}
