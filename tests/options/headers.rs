//! Headers that the user sets.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_engineio::{
    Connect, ConnectError, DisconnectReason, Event, Reconnect, TransportKind,
    testing::{Request, TestServer},
};

use crate::support::Client;

fn values<'a>(request: &'a Request, name: &str) -> Vec<&'a str> {
    request.headers.iter().filter(|(header, _)| header == name).map(|(_, value)| value.as_str()).collect()
}

/// The first parameters of the query.
fn query(request: &Request) -> [(&str, &str); 2] {
    let mut query = request.query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    [query.next().unwrap(), query.next().unwrap()]
}

/// The next session ends at once.
async fn closes(server: &TestServer) {
    server.accept().await.close();
}

#[actix::test]
async fn the_headers_of_a_connect_replace_those_of_the_builder_for_both_transports() {
    let server = TestServer::start();
    server.refuse_upgrades(true);
    let mut client = Client::to(server.url(), |builder| {
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
    let url = server.url().replace("//", "//user:pass@");
    client.open(Connect::new(url).header("authorization", "Bearer connect")).await;
    client.upgrade_failed().await;
    closes(&server).await;
    client.ended_cleanly().await;

    let (websockets, polls): (Vec<_>, Vec<_>) =
        server.requests().into_iter().partition(|request| request.is_websocket());
    assert!(polls.len() > 1 && websockets.len() == 1);
    for request in &polls {
        assert_eq!(values(request, "x-many"), ["1", "2"]);
        assert_eq!(values(request, "authorization"), ["Bearer connect"]);
        assert_eq!(values(request, "origin"), ["https://example.org"]);
    }
    assert_eq!(values(&websockets[0], "x-many"), ["1", "2", "3"]);
    assert_eq!(values(&websockets[0], "authorization"), ["Bearer connect"]);
    // A request has only one: that for WebSocket wins.
    assert_eq!(values(&websockets[0], "origin"), ["https://ws.example.org"]);
}

#[actix::test]
async fn a_token_of_the_hook_replaces_an_earlier_one() {
    let server = TestServer::builder().upgrades([]).start();
    let attempts = Arc::new(AtomicUsize::new(0));
    let url = server.url();
    let hook = async move |connect: Connect, _| {
        let attempt = attempts.fetch_add(1, Ordering::SeqCst);
        Ok::<_, Infallible>(
            connect
                .header("authorization", format!("Bearer {attempt}"))
                .url(format!("{url}/?token={attempt}")),
        )
    };
    let mut client = Client::to(server.url(), |builder| builder.before_connect(hook));
    for _ in 0..2 {
        client.open(Connect::new(server.url()).header("authorization", "Bearer stale")).await;
        closes(&server).await;
        assert!(matches!(client.next().await, Event::Disconnected(_)));
    }
    let requests = server.requests();
    let handshakes: Vec<_> = requests.iter().filter(|request| request.is_handshake()).collect();
    assert_eq!(handshakes.len(), 2);
    for (request, attempt) in handshakes.into_iter().zip(["0", "1"]) {
        assert_eq!(values(request, "authorization"), [format!("Bearer {attempt}")]);
        assert_eq!(query(request), [("token", attempt), ("EIO", "4")]);
    }
}

#[actix::test]
async fn a_content_coding_that_cannot_be_decoded_is_rejected() {
    let server = TestServer::builder().upgrades([]).start();
    let mut client = Client::to(server.url(), |builder| builder);
    let connect = Connect::new(server.url()).header("accept-encoding", "gzip, deflate, br");
    let err = client.connecting(connect).await.unwrap().unwrap_err();
    assert!(matches!(&err, ConnectError::Invalid { what: "header", .. }), "{err:?}");
    client.open(Connect::new(server.url()).header("accept-encoding", "identity;q=1, GZIP")).await;
    closes(&server).await;
    client.ended_cleanly().await;
    assert_eq!(values(&server.requests()[0], "accept-encoding"), ["identity;q=1, GZIP"]);
}

#[actix::test]
async fn the_hook_may_change_everything_about_an_attempt() {
    let (server, other) =
        (TestServer::builder().upgrades([]).start(), TestServer::builder().path("other").start());
    let attempts = Arc::new(AtomicUsize::new(0));
    let elsewhere = format!("{}/?room=2", other.url());
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
    let mut client = Client::to(server.url(), |builder| builder.reconnect(policy).before_connect(hook));
    client.open(Connect::new(format!("{}/?room=1", server.url()))).await;
    closes(&server).await;
    assert!(matches!(client.next().await, Event::Disconnected(_)));
    assert!(matches!(client.next().await, Event::Reconnecting(_)));
    let Event::Connected(session) = client.next().await else { panic!("no session") };
    assert_eq!(session.transport, TransportKind::WebSocket);
    closes(&other).await;
    let Event::Disconnected(end) = client.next().await else { panic!("no end") };
    assert_eq!(end.reason, DisconnectReason::Server);

    let (first, second) = (&server.requests()[0], &other.requests()[0]);
    assert_eq!(query(first), [("room", "1"), ("EIO", "4")]);
    assert_eq!(values(first, "authorization"), ["Bearer 0"]);
    assert_eq!((second.is_websocket(), query(second)), (true, [("room", "2"), ("EIO", "4")]));
    assert_eq!(values(second, "authorization"), ["Bearer 1"]);
    assert_eq!(second.cookie("user"), Some("1"));
}
