//! The URLs of requests.

use std::net::{Ipv6Addr, TcpListener};

use actix_engineio::{Connect, ConnectError, EngineIoClient, TransportKind};

use crate::support::{
    Client,
    script::{OPEN, SID, UPGRADABLE},
    server::Server,
};

#[actix::test]
async fn the_users_query_comes_first_on_every_request_and_then_the_stamp() {
    let server = Server::start(|server| {
        let rest = |target: &str, transport: &str| {
            let base = format!("/a/b/?t=now&list=1&list=2&EIO=4&transport={transport}&nonce=");
            let rest = target.strip_prefix(&base).unwrap_or_else(|| panic!("{target}"));
            rest.trim_start_matches(|char: char| char.is_ascii_alphanumeric()).to_owned()
        };
        let sid = format!("&sid={SID}");
        let mut get = server.accept();
        assert_eq!(rest(&get.handshake().target, "polling"), "");
        get.packets(UPGRADABLE);
        assert_eq!(rest(&get.poll().target, "polling"), sid);
        let mut ws = server.accept();
        assert_eq!(rest(&ws.read_request().target, "websocket"), sid);
        ws.respond(400, &[], "");
        ws.expect_closed();
        let mut post = server.accept();
        assert_eq!(rest(&post.read_request().target, "polling"), sid);
        post.ok();
        get.ends_session();
        post.expect_closed();

        let mut ws = server.accept();
        assert_eq!(rest(&ws.read_request().target, "websocket"), "");
        ws.respond(403, &[], "");
        ws.expect_closed();
    });
    let mut client = Client::with(&server, |builder| builder.timestamp_param("nonce").path("//a/b"));
    let url = format!("{}?t=now&list=1&list=2", server.origin());
    client.open(Connect::new(&url)).await;
    client.upgrade_failed().await;
    client.send("up").await;
    client.ended_cleanly().await;
    let connect = Connect::new(&url).transports([TransportKind::WebSocket]);
    assert!(client.connecting(connect).await.unwrap().is_err());
    server.finish().await;
}

#[actix::test]
async fn an_invalid_option_of_the_builder_is_reported_by_connect() {
    let builders = [
        EngineIoClient::builder().timestamp_param("sid"),
        EngineIoClient::builder().timestamp_param("a b"),
        EngineIoClient::builder().header("x y", "1"),
        EngineIoClient::builder().websocket_header("x", "a\nb"),
    ];
    for builder in builders {
        // The first error is reported, even if later calls are right.
        let client = builder.timestamp_param("ok").header("x", "1").start();
        let err = client.send(Connect::new("http://127.0.0.1:1")).await.unwrap().unwrap_err();
        assert!(matches!(err, ConnectError::Invalid { .. }), "{err:?}");
    }
    let client = EngineIoClient::builder().timestamp_param("ts").start();
    let err = client.send(Connect::new("http://127.0.0.1:1/?ts=1")).await.unwrap().unwrap_err();
    assert!(err.to_string().contains("the query may not set"), "{err}");
}

#[actix::test]
async fn an_ipv6_address_is_a_host_for_both_transports() {
    let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        return eprintln!("this machine has no ::1");
    };
    let server = Server::on(listener, |server| {
        let mut get = server.accept();
        let host = get.handshake().header("host").unwrap();
        assert!(host.starts_with("[::1]:"), "{host}");
        get.respond(200, &[("set-cookie", "a=1")], UPGRADABLE.to_string());
        assert_eq!(get.poll().header("cookie").as_deref(), Some("a=1"));
        let mut ws = server.accept();
        let request = ws.read_request();
        assert_eq!(request.header("host"), Some(host));
        assert_eq!(request.header("cookie").as_deref(), Some("a=1"));
        ws.respond(400, &[], "");
        ws.expect_closed();
        get.ends_session();
    });
    assert!(server.origin().starts_with("http://[::1]:"));
    let mut client = Client::connected(&server).await;
    client.upgrade_failed().await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn the_schemes_of_websockets_open_sessions_over_polling_too() {
    let server = Server::start(|server| {
        let mut get = server.accept();
        assert_eq!(get.handshake().target.split('&').next(), Some("/?EIO=4"));
        get.packets(OPEN);
        get.poll();
        get.ends_session();
    });
    let mut client = Client::with(&server, |builder| builder.path("/"));
    client.open(Connect::new(server.origin().replace("http", "ws"))).await;
    client.ended_cleanly().await;
    server.finish().await;
}
