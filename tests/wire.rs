//! Answers that overtake each other, and requests and answers in unusual forms.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod support;

use std::time::Duration;

use actix_engineio::{self as engineio, Connect, Disconnect, Event, TransportKind};
use futures::StreamExt as _;
use support::{
    Client, Clock, SHORT, milestone, moment,
    script::{OPEN, UPGRADABLE},
    server::Server,
    soon, steps,
};

#[actix::test]
async fn a_refused_post_does_not_lose_what_a_poll_has_brought() {
    let (answered, is_answered) = milestone();
    let server = Server::start(|server| {
        let (mut get, mut post) = server.opens_both(OPEN);
        post.posts("4x");
        let mut body: Vec<String> = (0..500).map(|n| format!("4{n}")).collect();
        body.push("1".into());
        get.packets(body.join("\u{1e}"));
        post.respond(400, &[], r#"{"code":1,"message":"Session ID unknown"}"#);
        answered.reached();
        get.wait_closed();
        post.wait_closed();
    });
    let client = engineio::EngineIoClient::builder().receive_buffer(1000).start();
    let mut events = engineio::EventStream::subscribe(&client).await.unwrap();
    client.send(Connect::new(server.origin())).await.unwrap().unwrap();
    client.send(engineio::Send::text("x")).await.unwrap().unwrap();
    is_answered.await;
    moment().await;
    let mut got = 0;
    while let Some(event) = soon("an event", events.next()).await {
        match event {
            Event::Message(_) => got += 1,
            Event::Disconnected(_) => break,
            _ => {}
        }
    }
    server.finish().await;
    assert_eq!(got, 500);
}

/// Nothing is in doubt after a disconnect whose poll is answered so before its POST is accepted.
async fn last_post(status: u16, poll: &'static str) {
    let server = Server::start(move |server| {
        let (mut get, mut post) = server.opens_both(OPEN);
        post.posts("4x\u{1e}1");
        get.respond(status, &[], poll);
        post.stays_silent(Duration::from_millis(30));
        post.ok();
        post.wait_closed();
        get.wait_closed();
    });
    let mut client = Client::connected(&server).await;
    client.addr.do_send(engineio::Send::text("x"));
    client.disconnect().await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn a_close_that_the_poll_answers_first_with_a_close_loses_nothing() {
    last_post(200, "1").await;
}

#[actix::test]
async fn a_close_that_the_poll_answers_first_with_an_error_status_loses_nothing() {
    last_post(400, r#"{"code":1,"message":"Session ID unknown"}"#).await;
}

#[actix::test]
async fn a_close_that_the_poll_answers_first_with_a_noop_loses_nothing() {
    last_post(200, "6").await;
}

#[actix::test]
async fn a_subprotocol_that_was_asked_for_by_a_header_may_be_chosen() {
    let server = Server::start(|server| {
        let mut ws = server.accept();
        let request = ws.read_head();
        assert_eq!(request.header("sec-websocket-protocol").as_deref(), Some("chat"));
        ws.switch_protocols(&request, &[("sec-websocket-protocol", "chat")]);
        ws.send_text(&OPEN.to_string());
        ws.send_text("1");
        ws.wait_closed();
    });
    let mut client =
        Client::with(&server, |builder| builder.websocket_header("sec-websocket-protocol", "chat"));
    client.connect_over(TransportKind::WebSocket).await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn a_post_that_was_never_sent_is_not_in_doubt() {
    let server = Server::start(|server| {
        let (_get, mut post) = server.opens_both(OPEN);
        post.accepts("4x");
        assert!(post.try_read_request().is_none());
    });
    let mut client = Client::connected(&server).await;
    client.send("x").await;
    soon("flush", client.addr.send(engineio::Flush)).await.unwrap().unwrap();
    for n in 0..70 {
        client.addr.do_send(engineio::Send::text(n.to_string()));
    }
    soon("abort", client.addr.send(Disconnect::abort())).await.unwrap();
    match client.next().await {
        Event::Disconnected(end) => assert_eq!((end.unsent.len(), end.in_doubt.len()), (70, 0)),
        event => panic!("{event:?}"),
    }
    server.finish().await;
}

#[actix::test]
async fn a_message_that_comes_byte_by_byte_is_a_sign_of_life_for_the_shortest_heartbeat() {
    const INTERVAL: Duration = Duration::from_millis(300);
    const TIMEOUT: Duration = Duration::from_millis(200);
    const FRAME: &[u8] = b"\x81\x054four";
    let clock = Clock::stop();
    let (mut bytes, cues) = steps();
    let server = Server::start(move |server| {
        let mut ws = server.opens_websocket(OPEN.ping(INTERVAL, TIMEOUT));
        for byte in FRAME {
            cues.step(|| ws.write([*byte]));
        }
        ws.send_text("1");
        ws.wait_closed();
    });
    let mut client = Client::connected_over(&server, TransportKind::WebSocket).await;
    for _ in FRAME {
        bytes.next().await;
        // Progress is not reported more often than this.
        clock.advance(Duration::from_millis(100)).await;
    }
    assert_eq!(client.text().await, "four");
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn a_chunked_answer_with_trailers_opens_a_session() {
    let server = Server::start(|server| {
        let mut get = server.accept();
        get.handshake();
        let body = OPEN.to_string();
        get.write(format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-a\r\n\r\n{:x};ext=1\r\n{body}\r\n0\r\nx-a: b\r\n\r\n", body.len()));
        get.poll();
        get.expect_closed();
    });
    let client = Client::connected(&server).await;
    let _ = client.addr.send(Disconnect::abort()).await;
    server.finish().await;
}

/// Some servers write the name of a character set there.
#[actix::test]
async fn an_answer_whose_content_encoding_is_not_registered_opens_a_session() {
    let server = Server::start(|server| {
        let mut get = server.accept();
        get.handshake();
        get.respond(200, &[("content-encoding", "UTF-8")], OPEN.to_string());
        get.poll();
        get.expect_closed();
    });
    let client = Client::connected(&server).await;
    let _ = client.addr.send(Disconnect::abort()).await;
    server.finish().await;
}

#[actix::test]
async fn a_disconnect_while_a_poll_is_not_answered_is_sent_over_polling() {
    let clock = Clock::stop();
    let (paused, is_paused) = milestone();
    let server = Server::start(|server| {
        let (get, ws) = server.pauses(UPGRADABLE);
        paused.reached();
        let mut post = server.accept();
        post.accepts("4x\u{1e}1");
        get.expect_closed();
        ws.wait_closed();
        post.expect_closed();
    });
    let mut client = Client::with(&server, |builder| builder.close_timeout(2 * SHORT));
    client.connect().await;
    is_paused.await;
    client.addr.do_send(engineio::Send::text("x"));
    clock.takes(SHORT, async {}, client.disconnect()).await;
    client.upgrade_failed().await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn host_and_proxy_headers_do_not_follow_a_redirect_elsewhere() {
    let other = Server::start(|server| {
        let mut get = server.accept();
        let request = get.read_request();
        assert_ne!(request.header("host").as_deref(), Some("first.example"));
        assert_eq!(request.header("proxy-authorization"), None);
        get.packets(OPEN);
        get.poll();
        get.expect_closed();
    });
    let to = format!("{}/engine.io/", other.origin());
    let server = Server::start(move |server| {
        let mut get = server.accept();
        get.read_request();
        get.respond(302, &[("location", &to)], "");
        get.expect_closed();
    });
    let client = engineio::EngineIoClient::builder()
        .header("host", "first.example")
        .header("proxy-authorization", "Basic secret")
        .start();
    client.send(Connect::new(server.origin())).await.unwrap().unwrap();
    let _ = client.send(Disconnect::abort()).await;
    other.finish().await;
    server.finish().await;
}

#[actix::test]
async fn a_lookup_that_never_ends_is_bounded_by_request_timeout() {
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        let client = engineio::EngineIoClient::builder()
            .request_timeout(SHORT)
            .resolver(async |_: String| std::future::pending().await)
            .start();
        let connect = Connect::new("http://localhost:9").transports([transport]);
        let err = soon("a connect", client.send(connect)).await.unwrap().unwrap_err();
        assert!(matches!(err, engineio::ConnectError::Timeout { .. }), "{err:?}");
    }
}
