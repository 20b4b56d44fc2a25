//! Headers that the user sets.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_engineio::{Connect, ConnectError, DisconnectReason, Event, Reconnect, TransportKind};

use crate::support::{
    Client,
    script::{OPEN, UPGRADABLE},
    server::{Received, Server},
};

fn values<'a>(request: &'a Received, name: &str) -> Vec<&'a str> {
    request.headers.iter().filter(|(header, _)| header == name).map(|(_, value)| value.as_str()).collect()
}

#[actix::test]
async fn the_headers_of_a_connect_replace_those_of_the_builder_for_both_transports() {
    let server = Server::start(|server| {
        let mut get = server.accept();
        let request = get.handshake();
        assert_eq!(values(&request, "x-many"), ["1", "2"]);
        assert_eq!(values(&request, "authorization"), ["Bearer connect"]);
        assert_eq!(values(&request, "origin"), ["https://example.org"]);
        get.packets(UPGRADABLE);
        assert_eq!(values(&get.poll(), "origin"), ["https://example.org"]);
        let mut ws = server.accept();
        let request = ws.read_request();
        assert_eq!(values(&request, "x-many"), ["1", "2", "3"]);
        assert_eq!(values(&request, "authorization"), ["Bearer connect"]);
        // A request has only one: that for WebSocket wins.
        assert_eq!(values(&request, "origin"), ["https://ws.example.org"]);
        ws.respond(400, &[], "");
        ws.expect_closed();
        get.ends_session();
    });
    let mut client = Client::with(&server, |builder| {
        builder
            .header("x-many", "1")
            .header("X-Many", "2")
            .websocket_header("x-many", "3")
            .header("authorization", "Bearer builder")
            .websocket_header("authorization", "Bearer websocket")
            .header("origin", "https://first.example.org")
            .header("origin", "https://example.org")
            .websocket_header("origin", "https://ws.example.org")
    });
    // Headers win over the user information of the URL.
    let url = server.origin().replace("//", "//user:pass@");
    client.open(Connect::new(url).header("authorization", "Bearer connect")).await;
    client.upgrade_failed().await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn a_token_of_the_hook_replaces_an_earlier_one() {
    let server = Server::start(|server| {
        for attempt in 0..2 {
            let mut get = server.accept();
            let request = get.handshake();
            assert_eq!(values(&request, "authorization"), [format!("Bearer {attempt}")]);
            assert!(
                request.target.starts_with(&format!("/engine.io/?token={attempt}&EIO=4")),
                "{}",
                request.target
            );
            get.packets(OPEN);
            get.poll();
            get.ends_session();
        }
    });
    let attempts = Arc::new(AtomicUsize::new(0));
    let origin = server.origin();
    let hook = async move |connect: Connect, _| {
        let attempt = attempts.fetch_add(1, Ordering::SeqCst);
        Ok::<_, Infallible>(
            connect
                .header("authorization", format!("Bearer {attempt}"))
                .url(format!("{origin}/?token={attempt}")),
        )
    };
    let mut client = Client::with(&server, |builder| builder.before_connect(hook));
    for _ in 0..2 {
        client.open(Connect::new(server.origin()).header("authorization", "Bearer stale")).await;
        assert!(matches!(client.next().await, Event::Disconnected(_)));
    }
    server.finish().await;
}

#[actix::test]
async fn a_content_coding_that_cannot_be_decoded_is_rejected() {
    let server = Server::start(|server| {
        let mut get = server.accept();
        assert_eq!(values(&get.handshake(), "accept-encoding"), ["identity;q=1, GZIP"]);
        get.packets(OPEN);
        get.poll();
        get.ends_session();
    });
    let mut client = Client::start(&server);
    let connect = Connect::new(server.origin()).header("accept-encoding", "gzip, deflate, br");
    let err = client.connecting(connect).await.unwrap().unwrap_err();
    assert!(matches!(&err, ConnectError::Invalid { what: "header", .. }), "{err:?}");
    client.open(Connect::new(server.origin()).header("accept-encoding", "identity;q=1, GZIP")).await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn the_hook_may_change_everything_about_an_attempt() {
    let other = Server::start(|server| {
        let mut ws = server.accept();
        let request = ws.accept_websocket();
        assert!(request.target.starts_with("/other/?room=2&EIO=4&transport=websocket"), "{}", request.target);
        assert_eq!(values(&request, "authorization"), ["Bearer 1"]);
        assert_eq!(values(&request, "cookie"), ["user=1"]);
        ws.send_text(&OPEN.to_string());
        ws.send_text("1");
        ws.wait_closed();
    });
    let server = Server::start(|server| {
        let mut get = server.accept();
        let request = get.handshake();
        assert!(request.target.starts_with("/engine.io/?room=1&EIO=4"), "{}", request.target);
        assert_eq!(values(&request, "authorization"), ["Bearer 0"]);
        get.packets(OPEN);
        get.poll();
        get.ends_session();
    });
    let attempts = Arc::new(AtomicUsize::new(0));
    let elsewhere = format!("{}/?room=2", other.origin());
    let hook = async move |connect: Connect, _| {
        let attempt = attempts.fetch_add(1, Ordering::SeqCst);
        let token = format!("Bearer {attempt}");
        Ok::<_, Infallible>(match attempt {
            0 => connect.header("authorization", token),
            _ => Connect::new(&elsewhere)
                .path("other")
                .transports([TransportKind::WebSocket])
                .header("authorization", token)
                .header("cookie", "user=1"),
        })
    };
    let policy = Reconnect::exponential().initial_delay(Duration::from_millis(1)).max_attempts(1);
    let mut client = Client::with(&server, |builder| builder.reconnect(policy).before_connect(hook));
    client.open(Connect::new(format!("{}/?room=1", server.origin()))).await;
    assert!(matches!(client.next().await, Event::Disconnected(_)));
    assert!(matches!(client.next().await, Event::Reconnecting(_)));
    let Event::Connected(session) = client.next().await else { panic!("no session") };
    assert_eq!(session.transport, TransportKind::WebSocket);
    let Event::Disconnected(end) = client.next().await else { panic!("no end") };
    assert_eq!(end.reason, DisconnectReason::Server);
    server.finish().await;
    other.finish().await;
}
