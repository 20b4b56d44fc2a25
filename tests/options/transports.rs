//! The choice of the transport that opens a session, and subprotocols.

use std::time::Duration;

use actix_engineio::{
    Connect, ConnectError, DisconnectReason, EngineIoClient, Event, GetStatus, Reconnect, TransportKind,
};

use crate::support::{
    Client, Recorder,
    script::{OPEN, UPGRADABLE},
    server::Server,
};

const WEBSOCKET_FIRST: [TransportKind; 2] = [TransportKind::WebSocket, TransportKind::Polling];

/// A policy with one attempt, which comes at once.
fn again() -> Reconnect {
    Reconnect::exponential().initial_delay(Duration::from_millis(1)).max_attempts(1).on_server_close(false)
}

#[actix::test]
async fn a_server_without_polling_is_reached_over_websocket() {
    let server = Server::start(|server| {
        let mut get = server.accept();
        get.handshake();
        get.respond(400, &[], r#"{"code":0,"message":"Transport unknown"}"#);
        let mut ws = server.opens_websocket(OPEN);
        get.expect_closed();
        ws.send_text("1");
        ws.wait_closed();
    });
    let mut client = Client::with(&server, |builder| builder.try_all_transports(true));
    let session = client.connect().await;
    assert_eq!(session.transport, TransportKind::WebSocket);
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}

#[actix::test]
async fn a_session_over_polling_after_a_failed_websocket_is_not_upgraded() {
    let server = Server::start(|server| {
        let mut ws = server.accept();
        ws.read_request();
        ws.respond(200, &[], "<h1>It works!</h1>");
        let mut get = server.answers_handshake(UPGRADABLE);
        ws.expect_closed();
        get.poll();
        get.stays_silent(Duration::from_millis(50));
        get.ends_session();
    });
    let mut client =
        Client::with(&server, |builder| builder.try_all_transports(true).transports(WEBSOCKET_FIRST));
    let session = client.connect().await;
    assert_eq!(session.transport, TransportKind::Polling);
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn when_all_transports_fail_the_error_is_that_of_the_last_one() {
    let server = Server::start(|server| {
        let mut get = server.accept();
        get.handshake();
        get.respond(403, &[], "");
        let mut ws = server.accept();
        get.expect_closed();
        ws.read_request();
        ws.respond(503, &[], "later");
        ws.expect_closed();
    });
    let mut client = Client::with(&server, |builder| builder.try_all_transports(true));
    let err = client.fails().await;
    assert!(matches!(&err, ConnectError::Status { status, .. } if status.status == 503), "{err:?}");
    assert!(err.is_retryable());
    server.finish().await;
}

#[actix::test]
async fn by_default_only_the_first_transport_is_tried() {
    let server = Server::start(|server| {
        let mut get = server.accept();
        get.handshake();
        get.respond(403, &[], "");
        get.expect_closed();
    });
    let err = Client::start(&server).fails().await;
    assert!(matches!(&err, ConnectError::Status { status, .. } if status.status == 403), "{err:?}");
    server.finish().await;
}

#[actix::test]
async fn a_client_that_remembers_its_upgrade_begins_with_websocket_until_that_fails() {
    let server = Server::start(|server| {
        let ws = server.upgrades(server.opens(UPGRADABLE));
        ws.reset();
        let mut ws = server.opens_websocket(OPEN);
        ws.send_text("1");
        ws.wait_closed();

        // The next WebSocket fails: the same connect goes on with polling, and the one after that begins with it.
        let mut ws = server.accept();
        ws.read_request();
        ws.respond(403, &[], "");
        ws.expect_closed();
        for _ in 0..2 {
            let get = server.opens(OPEN);
            get.ends_session();
        }
    });
    let mut client = Client::with(&server, |builder| builder.remember_upgrade(true).reconnect(again()));
    assert_eq!(client.connect().await.transport, TransportKind::Polling);
    client.upgraded().await;
    assert!(matches!(client.next().await, Event::Disconnected(_)));
    assert!(matches!(client.next().await, Event::Reconnecting(_)));
    let Event::Connected(session) = client.next().await else { panic!("no session") };
    assert_eq!(session.transport, TransportKind::WebSocket);
    assert!(matches!(client.next().await, Event::Disconnected(_)));
    for _ in 0..2 {
        assert_eq!(client.connect().await.transport, TransportKind::Polling);
        assert!(matches!(client.next().await, Event::Disconnected(_)));
    }
    server.finish().await;
}

#[actix::test]
async fn a_session_stays_on_polling_if_upgrades_are_not_wanted() {
    let server = Server::start(|server| {
        let mut get = server.opens(UPGRADABLE);
        get.stays_silent(Duration::from_millis(50));
        get.ends_session();
    });
    let mut client = Client::with(&server, |builder| builder.upgrade(false));
    client.connect().await;
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}

#[actix::test]
async fn the_subprotocol_that_the_server_chooses_shows_in_the_session() {
    let server = Server::start(|server| {
        let mut ws = server.accept();
        let request = ws.read_head();
        assert_eq!(request.header("sec-websocket-protocol").as_deref(), Some("v2.example, v1.example"));
        ws.switch_protocols(&request, &[("sec-websocket-protocol", "v1.example")]);
        ws.send_text(&OPEN.to_string());
        ws.send_text("1");
        ws.wait_closed();

        // The server may also choose none.
        let mut ws = server.opens_websocket(OPEN);
        ws.send_text("1");
        ws.wait_closed();

        let mut ws = server.accept();
        let request = ws.read_head();
        ws.switch_protocols(&request, &[("sec-websocket-protocol", "v3.example")]);
        ws.expect_closed();

        let mut ws = server.accept();
        let request = ws.read_head();
        let both = ["v1.example", "v2.example"].map(|protocol| ("sec-websocket-protocol", protocol));
        ws.switch_protocols(&request, &both);
        ws.expect_closed();
    });
    let mut client =
        Client::with(&server, |builder| builder.websocket_protocols(["v2.example", "v1.example"]));
    let session = client.connect_over(TransportKind::WebSocket).await;
    assert_eq!(session.websocket_protocol.as_deref(), Some("v1.example"));
    client.ended_cleanly().await;
    let session = client.connect_over(TransportKind::WebSocket).await;
    assert_eq!(session.websocket_protocol, None);
    client.ended_cleanly().await;
    for _ in ["one that was not asked for", "two"] {
        let err = client.fails_over(TransportKind::WebSocket).await;
        assert!(matches!(err, ConnectError::NotEngineIo { .. }), "{err:?}");
    }
    server.finish().await;
}

#[actix::test]
async fn an_upgraded_session_shows_its_subprotocol_in_the_status() {
    let server = Server::start(|server| {
        let mut get = server.answers_handshake(UPGRADABLE);
        assert_eq!(get.poll().header("sec-websocket-protocol"), None);
        let mut ws = server.accept();
        let request = ws.read_head();
        ws.switch_protocols(&request, &[("sec-websocket-protocol", "chat")]);
        ws.answers_probe();
        get.packets("6");
        ws.reads("5");
        get.expect_closed();
        ws.reads("4done");
        ws.send_text("1");
        ws.wait_closed();
    });
    let mut client = Client::with(&server, |builder| builder.websocket_protocols(["chat"]));
    assert_eq!(client.connect().await.websocket_protocol, None);
    client.upgraded().await;
    let status = client.addr.send(GetStatus).await.unwrap();
    let session = status.session.unwrap();
    assert_eq!(session.websocket_protocol.as_deref(), Some("chat"));
    assert_eq!(session.transport, TransportKind::Polling, "it was opened over polling");
    // A new subscriber gets the session as it is now.
    let (recorder, mut events) = Recorder::start();
    client.addr.send(actix_engineio::Subscribe::new(recorder)).await.unwrap();
    let Event::Connected(connected) = events.next().await else { panic!("no session") };
    assert_eq!(connected, session);
    client.send("done").await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn subprotocols_are_different_tokens() {
    for protocols in [&["a b"][..], &[""], &["chat", "chat"], &["a,b"], &["é"], &["a\r\nb"]] {
        let client = EngineIoClient::builder().websocket_protocols(protocols).start();
        let err = client.send(Connect::new("http://127.0.0.1:1")).await.unwrap().unwrap_err();
        assert!(matches!(err, ConnectError::Invalid { .. }), "{protocols:?}: {err:?}");
    }
    // The last call counts, and it sets none.
    let server = Server::start(|server| {
        let mut ws = server.accept();
        assert_eq!(ws.read_request().header("sec-websocket-protocol"), None);
        ws.respond(403, &[], "");
        ws.expect_closed();
    });
    let mut client = Client::with(&server, |builder| {
        builder.websocket_protocols(["chat"]).websocket_protocols(Vec::<String>::new())
    });
    client.fails_over(TransportKind::WebSocket).await;
    server.finish().await;
}
