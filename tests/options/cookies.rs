//! Cookies: those that a server sets are sent with every request that they are meant for.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use actix_engineio::{
    Connect, ConnectError, DisconnectReason, Event, Reconnect, TransportKind, cookie_store::CookieStore,
};

use crate::support::{
    Client,
    script::{OPEN, UPGRADABLE},
    server::{Peer, Received, Server},
};

fn cookie(request: &Received) -> String {
    let lines = request.headers.iter().filter(|(name, _)| name == "cookie");
    let lines: Vec<_> = lines.map(|(_, value)| value.as_str()).collect();
    assert!(lines.len() <= 1, "more than one line: {lines:?}");
    lines.concat()
}

/// Answers a poll and sets a cookie.
fn sets(peer: &mut Peer, cookie: &str, body: impl ToString) {
    peer.respond(200, &[("set-cookie", cookie)], body.to_string());
}

#[actix::test]
async fn every_answer_may_set_cookies_for_the_requests_that_follow() {
    let server = Server::start(|server| {
        let mut get = server.accept();
        assert_eq!(cookie(&get.handshake()), "");
        get.respond(200, &[("set-cookie", "a=1; HttpOnly"), ("set-cookie", "b=1")], UPGRADABLE.to_string());
        assert_eq!(cookie(&get.poll()), "a=1; b=1");

        // An error status may set one too.
        let mut ws = server.accept();
        assert_eq!(cookie(&ws.read_request()), "a=1; b=1");
        ws.respond(400, &[("set-cookie", "c=refused")], "");
        ws.expect_closed();

        let mut post = server.accept();
        assert_eq!(cookie(&post.read_request()), "a=1; b=1; c=refused");
        sets(&mut post, "d=posted", "ok");
        get.packets("4more");
        assert_eq!(cookie(&get.poll()), "a=1; b=1; c=refused; d=posted");
        sets(&mut get, "a=; Max-Age=0", "4and more");
        assert_eq!(cookie(&get.poll()), "b=1; c=refused; d=posted");
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    client.upgrade_failed().await;
    client.send("up").await;
    assert_eq!(client.text().await, "more");
    assert_eq!(client.text().await, "and more");
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}

#[actix::test]
async fn cookies_outlive_the_session_and_its_transport() {
    let server = Server::start(|server| {
        let mut get = server.accept();
        get.handshake();
        sets(&mut get, "route=7", UPGRADABLE);
        get.poll();
        let mut ws = server.accept();
        let request = ws.read_head();
        assert_eq!(cookie(&request), "route=7");
        ws.switch_protocols(&request, &[("set-cookie", "seen=101")]);
        ws.answers_probe();
        get.packets("6");
        ws.reads("5");
        get.expect_closed();
        ws.reset();

        let mut get = server.accept();
        assert_eq!(cookie(&get.handshake()), "route=7; seen=101");
        sets(&mut get, "route=8", OPEN);
        assert_eq!(cookie(&get.poll()), "route=8; seen=101");
        get.ends_session();

        // A later connect of the user sends them too.
        let mut ws = server.accept();
        assert_eq!(cookie(&ws.read_request()), "route=8; seen=101");
        ws.respond(403, &[], "");
        ws.expect_closed();
    });
    let policy = Reconnect::exponential().initial_delay(Duration::from_millis(1)).on_server_close(false);
    let mut client = Client::with(&server, |builder| builder.reconnect(policy));
    client.connect().await;
    client.upgraded().await;
    assert!(matches!(client.next().await, Event::Disconnected(_)));
    assert!(matches!(client.next().await, Event::Reconnecting(_)));
    assert!(matches!(client.next().await, Event::Connected(_)));
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    let connect = Connect::new(server.origin()).transports([TransportKind::WebSocket]);
    let err = client.connecting(connect).await.unwrap().unwrap_err();
    assert!(matches!(err, ConnectError::Status { .. }), "{err:?}");
    server.finish().await;
}

#[actix::test]
async fn each_hop_of_a_redirect_sets_and_gets_its_own_cookies() {
    let server = Server::start(|server| {
        let mut get = server.accept();
        assert_eq!(cookie(&get.handshake()), "");
        let headers = [("location", "/deep/er/"), ("set-cookie", "all=1; Path=/"), ("set-cookie", "here=1")];
        get.respond(307, &headers, "");
        get.expect_closed();
        let mut get = server.accept();
        assert_eq!(cookie(&get.handshake()), "all=1");
        sets(&mut get, "there=1", OPEN);
        assert_eq!(cookie(&get.poll()), "there=1; all=1");
        get.ends_session();
    });
    let mut client = Client::connected(&server).await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn another_host_gets_neither_the_users_cookies_nor_the_servers() {
    let elsewhere = Server::start(|server| {
        let mut get = server.accept();
        assert_eq!(cookie(&get.handshake()), "");
        sets(&mut get, "mine=1", OPEN);
        assert_eq!(cookie(&get.poll()), "mine=1");
        get.ends_session();
    });
    // The same machine by another name is another host.
    let location = format!("{}/engine.io/", elsewhere.origin().replace("127.0.0.1", "localhost"));
    let home = Server::start(move |server| {
        let mut get = server.accept();
        assert_eq!(cookie(&get.handshake()), "user=secret");
        get.respond(302, &[("location", &location), ("set-cookie", "jar=secret; Path=/")], "");
        get.expect_closed();
    });
    let mut client = Client::with(&elsewhere, |builder| builder.header("cookie", "user=secret"));
    client.open(Connect::new(home.origin())).await;
    client.ended_cleanly().await;
    home.finish().await;
    elsewhere.finish().await;
}

#[actix::test]
async fn a_cookie_of_the_users_own_is_sent_beside_the_servers() {
    let server = Server::start(|server| {
        let mut get = server.accept();
        assert_eq!(cookie(&get.handshake()), "user=1; id=own");
        get.respond(200, &[("set-cookie", "jar=2"), ("set-cookie", "id=jar")], UPGRADABLE.to_string());
        assert_eq!(cookie(&get.poll()), "user=1; id=own; jar=2");
        let mut ws = server.accept();
        assert_eq!(cookie(&ws.read_request()), "user=1; id=own; ws=3; jar=2");
        ws.respond(400, &[], "");
        ws.expect_closed();
        get.ends_session();
    });
    let mut client = Client::with(&server, |builder| {
        builder.header("cookie", "user=1; id=own").websocket_header("cookie", "ws=3")
    });
    client.connect().await;
    client.upgrade_failed().await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn cookies_can_be_turned_off() {
    let store = Arc::new(Mutex::new(CookieStore::new()));
    let server = Server::start(|server| {
        let mut get = server.accept();
        assert_eq!(cookie(&get.handshake()), "user=1");
        sets(&mut get, "jar=2", OPEN);
        assert_eq!(cookie(&get.poll()), "user=1");
        get.ends_session();
    });
    let mut client = Client::with(&server, |builder| {
        builder.cookies(false).cookie_store(store.clone()).header("cookie", "user=1")
    });
    client.connect().await;
    client.ended_cleanly().await;
    assert_eq!(store.lock().unwrap().iter_any().count(), 0);
    server.finish().await;
}

#[actix::test]
async fn a_cookie_store_of_the_user_is_shared_and_can_be_cleared() {
    let server = Server::start(|server| {
        for expected in ["seed=1", "seed=1; set=2", ""] {
            let mut get = server.accept();
            assert_eq!(cookie(&get.handshake()), expected);
            sets(&mut get, "set=2", OPEN);
            get.poll();
            get.ends_session();
        }
    });
    let mut store = CookieStore::new();
    store.parse("seed=1", &format!("{}/engine.io/", server.origin()).parse().unwrap()).unwrap();
    let store = Arc::new(Mutex::new(store));
    for _ in 0..2 {
        let mut client = Client::with(&server, |builder| builder.cookie_store(store.clone()));
        client.connect().await;
        client.ended_cleanly().await;
    }
    store.lock().unwrap().clear();
    let mut client = Client::with(&server, |builder| builder.cookie_store(store.clone()));
    client.connect().await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn each_client_of_a_builder_has_a_store_of_its_own() {
    let server = Server::start(|server| {
        for _ in 0..2 {
            let mut get = server.accept();
            assert_eq!(cookie(&get.handshake()), "");
            sets(&mut get, "a=1", OPEN);
            assert_eq!(cookie(&get.poll()), "a=1");
            get.ends_session();
        }
    });
    let builder = actix_engineio::EngineIoClient::builder();
    for _ in 0..2 {
        let mut client = Client::with(&server, |_| builder.clone());
        client.connect().await;
        client.ended_cleanly().await;
    }
    server.finish().await;
}
