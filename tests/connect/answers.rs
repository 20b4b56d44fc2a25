//! Answers to the handshake over polling that open no session.

use std::{thread, time::Duration};

use actix_engineio::{
    self as engineio, Connect, ConnectError, Event, HttpStatus, SendErrorKind, Stage, TransportError,
    TransportKind, Wait,
};

use crate::support::{Client, SHORT, leave, milestone, script::OPEN, server::Server, takes};

/// What comes of a handshake that is answered by these bytes.
async fn answered(answer: impl Into<String>) -> ConnectError {
    let answer = answer.into();
    let server = Server::start(move |server| {
        let mut get = server.accept();
        get.handshake();
        // The client may have seen enough before the end.
        let _ = get.try_write(answer);
        get.close();
    });
    let mut client = Client::with(&server, |builder| builder.max_message_size(4096));
    let err = client.fails().await;
    server.finish().await;
    err
}

/// A response with a body.
fn response(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} Status\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

async fn refused(status: u16, headers: &str, body: &str) -> (HttpStatus, bool) {
    let err = answered(response(status, headers, body)).await;
    let retryable = err.is_retryable();
    let ConnectError::Status { status, .. } = err else { panic!("{err:?}") };
    (*status, retryable)
}

/// Why the answer is not Engine.IO's.
async fn not_engine_io(answer: impl Into<String>) -> String {
    let answer = answer.into();
    let err = answered(answer.clone()).await;
    assert!(!err.is_retryable());
    let ConnectError::NotEngineIo { reason, .. } = &err else { panic!("{answer:?}: {err:?}") };
    reason.to_string()
}

#[actix::test]
async fn a_refusal_whose_words_have_no_end_is_a_refusal_over_either_transport() {
    for (head, words) in [
        ("content-length: 100\r\n", "no"),
        ("", "no"),
        ("transfer-encoding: chunked\r\n", "2\r\nno\r\n"),
        ("content-length: 99999999999\r\n", ""),
    ] {
        let server = Server::start(move |server| {
            for _ in 0..2 {
                let mut peer = server.accept();
                peer.read_request();
                peer.write(format!("HTTP/1.1 403 Status\r\n{head}\r\n{words}"));
                peer.wait_closed();
            }
        });
        let mut client = Client::start(&server);
        for transport in [TransportKind::Polling, TransportKind::WebSocket] {
            let err = client.fails_over(transport).await;
            assert!(!err.is_retryable(), "{err:?}");
            assert!(matches!(&err, ConnectError::Status { status, .. } if status.status == 403), "{err:?}");
        }
        server.finish().await;
    }
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
async fn a_page_of_html_that_refuses_is_told_by_its_status() {
    let (status, retryable) = refused(404, "content-type: text/html\r\n", "<h1>Not Found</h1>").await;
    assert_eq!((status.status, status.code, status.message, retryable), (404, None, None, false));
    let (status, retryable) = refused(502, "", "<h1>Bad Gateway</h1>").await;
    assert_eq!((status.status, status.code, status.message, retryable), (502, None, None, true));
}

#[actix::test]
async fn a_refusal_in_json_keeps_its_code_and_its_words() {
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
    let (status, _) = refused(401, "", r#""words alone""#).await;
    assert_eq!(status.message.as_deref(), Some("words alone"));
    let (status, _) = refused(401, "", "plain words").await;
    assert_eq!(status.message.as_deref(), Some("plain words"));
}

#[actix::test]
async fn a_refusal_of_the_protocol_is_an_unsupported_protocol() {
    let body = r#"{"code":5,"message":"Unsupported protocol version"}"#;
    let err = answered(response(400, "", body)).await;
    assert!(matches!(err, ConnectError::UnsupportedProtocol { .. }), "{err:?}");
    assert!(!err.is_retryable());
}

#[actix::test]
async fn an_overloaded_server_says_when_to_come_back() {
    let (status, retryable) = refused(503, "retry-after: 7\r\n", "").await;
    assert_eq!((status.status, status.retry_after), (503, Some(Duration::from_secs(7))));
    assert!(retryable);
}

#[actix::test]
async fn an_empty_400_is_a_refusal_without_words() {
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
    // A body that may not have one is as empty.
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
async fn an_open_packet_that_makes_no_sense_is_refused() {
    let bodies = [
        r#"0"#,
        r#"0{"#,
        r#"0[]"#,
        r#"0{"upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#,
        r#"0{"sid":"","upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#,
        r#"0{"sid":7,"upgrades":[],"pingInterval":25000,"pingTimeout":20000}"#,
        r#"0{"sid":"abc","upgrades":[],"pingTimeout":20000}"#,
        r#"0{"sid":"abc","upgrades":[],"pingInterval":25000}"#,
        r#"0{"sid":"abc","upgrades":[],"pingInterval":0,"pingTimeout":20000}"#,
        r#"0{"sid":"abc","upgrades":[],"pingInterval":-1,"pingTimeout":20000}"#,
        r#"0{"sid":"abc","upgrades":[],"pingInterval":25000,"pingTimeout":"soon"}"#,
        r#"0{"sid":"abc","upgrades":7,"pingInterval":25000,"pingTimeout":20000}"#,
    ];
    for body in bodies {
        let reason = not_engine_io(response(200, "", body)).await;
        assert!(reason.contains("bad open packet"), "{body}: {reason}");
    }
}

#[actix::test]
async fn an_open_packet_with_absurd_numbers_opens_a_bounded_session() {
    let body = r#"0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["carrier pigeon"],"pingInterval":1e300,
        "pingTimeout":1e300,"maxPayload":-1}"#;
    let server = Server::start(move |server| {
        let mut get = server.opens(body);
        get.poll();
        let mut post = server.accept();
        post.posts("1");
        post.ok();
        post.leaves();
        get.leaves();
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
        get.leaves();

        let mut get = server.opens(OPEN);
        get.poll();
        get.packets("4hello\u{1e}1");
        get.leaves();
    });
    let mut client = Client::start(&server);
    client.fails().await;
    client.connect().await;
    assert_eq!(client.text().await, "hello");
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn a_handshake_that_drips_is_bounded_by_request_timeout() {
    for (at_once, slowly, stage) in [
        ("", "HTTP/1.1 200 OK\r\n", Stage::Response),
        ("HTTP/1.1 200 OK\r\n\r\n", r#"0{"sid":"lv_VI97HAXpY6yYWAAAC"}"#, Stage::Body),
    ] {
        let server = Server::start(move |server| {
            let mut get = server.accept();
            get.handshake();
            get.write(at_once);
            for byte in slowly.bytes() {
                // The client gives up in the middle.
                let _ = get.try_write([byte]);
                thread::sleep(SHORT / 10);
            }
            get.wait_closed();
        });
        let mut client = Client::with(&server, |builder| builder.request_timeout(SHORT));
        let err = takes(SHORT, client.fails()).await;
        assert!(matches!(&err, ConnectError::Timeout { stage: at, .. } if *at == stage), "{err:?}");
        server.finish().await;
    }
}

#[actix::test]
async fn what_is_sent_while_connecting_waits_for_the_outcome() {
    let (asked, has_asked) = milestone();
    let (sent, is_sent) = leave();
    let server = Server::start(|server| {
        let mut get = server.accept();
        get.handshake();
        asked.reached();
        is_sent.wait();
        get.respond(403, &[], "");
        get.leaves();

        let mut get = server.opens(OPEN);
        get.poll();
        let mut post = server.accept();
        post.posts("4two");
        post.ok();
        get.packets("1");
        get.leaves();
        post.leaves();
    });
    let mut client = Client::start(&server);
    let connecting = client.connecting(Connect::new(server.origin()));
    has_asked.await;
    let waiting = actix_rt::spawn(client.addr.send(Wait));
    let sending = actix_rt::spawn(client.addr.send(engineio::Send::text("one")));
    client.addr.do_send(engineio::Send::text("lost"));
    actix_rt::task::yield_now().await;
    assert!(!sending.is_finished());
    sent.give();
    assert!(matches!(connecting.await.unwrap(), Err(ConnectError::Status { .. })));
    let err = sending.await.unwrap().unwrap().unwrap_err();
    assert_eq!((err.kind, err.data.as_text()), (SendErrorKind::NotConnected, Some("one")));
    assert_eq!(waiting.await.unwrap().unwrap(), None);
    // Nobody awaits a reply to this one.
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
