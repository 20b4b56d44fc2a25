//! Handshakes that are redirected.

use actix_engineio::{Connect, ConnectError, DisconnectReason, TransportError, TransportKind};

use crate::support::{
    Client,
    script::{OPEN, UPGRADABLE},
    server::{Received, Server},
};

#[actix::test]
async fn a_session_goes_on_where_its_handshake_was_redirected_to() {
    let server = Server::start(|server| {
        let mut get = server.accept();
        get.handshake();
        get.respond(307, &[("location", "/deep/er/?shard=3&EIO=4&transport=polling&t=zzz")], "moved");
        get.expect_closed();

        let there = |request: &Received| {
            assert!(request.target.starts_with("/deep/er/?shard=3&EIO=4&transport="), "{}", request.target);
            assert_eq!(request.target.matches("transport=").count(), 1);
            assert_eq!(request.header("authorization").as_deref(), Some("Basic dXNlcjpwYXNz"));
        };
        let mut get = server.accept();
        there(&get.handshake());
        get.packets(UPGRADABLE);
        there(&get.poll());
        let mut ws = server.accept();
        there(&ws.read_request());
        ws.respond(400, &[], "");
        ws.expect_closed();

        let mut post = server.accept();
        let request = post.read_request();
        there(&request);
        assert_eq!(request.body, b"4up");
        post.ok();
        get.packets("4down");
        there(&get.poll());
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::start(&server);
    client.open(Connect::new(server.origin().replace("http://", "http://user:pass@"))).await;
    client.upgrade_failed().await;
    client.send("up").await;
    assert_eq!(client.text().await, "down");
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}

#[actix::test]
async fn credentials_are_not_carried_to_another_origin() {
    let free_of_credentials = |request: &Received| {
        assert_eq!(request.header("authorization"), None);
        assert_eq!(request.header("cookie"), None);
        assert_eq!(request.header("x-tenant").as_deref(), Some("blue"));
    };
    let elsewhere = Server::start(move |server| {
        let mut get = server.accept();
        free_of_credentials(&get.handshake());
        get.packets(UPGRADABLE);
        free_of_credentials(&get.poll());
        let mut ws = server.accept();
        free_of_credentials(&ws.read_request());
        ws.respond(400, &[], "");
        ws.expect_closed();
        let mut post = server.accept();
        free_of_credentials(&post.read_request());
        post.ok();
        get.ends_session();
        post.expect_closed();
    });
    let location = format!("{}/engine.io/", elsewhere.origin());
    let home = Server::start(move |server| {
        let mut get = server.accept();
        let request = get.handshake();
        assert_eq!(request.header("authorization").as_deref(), Some("Bearer secret"));
        assert_eq!(request.header("cookie").as_deref(), Some("id=secret"));
        get.respond(302, &[("location", &location)], "");
        get.expect_closed();
    });
    // This applies to credentials of the URL and to those of headers; the headers win if there are both.
    let mut client = Client::with(&elsewhere, |builder| builder.header("cookie", "id=secret"));
    let url = home.origin().replace("http://", "http://user:pass@");
    let connect = Connect::new(url).header("authorization", "Bearer secret").header("x-tenant", "blue");
    client.open(connect).await;
    client.upgrade_failed().await;
    client.send("up").await;
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    home.finish().await;
    elsewhere.finish().await;
}

#[actix::test]
async fn a_loop_of_redirects_ends() {
    let server = Server::start(|server| {
        for _ in 0..=5 {
            let mut get = server.accept();
            get.handshake();
            get.respond(302, &[("location", "/engine.io/")], "");
            get.expect_closed();
        }
    });
    let err = Client::start(&server).fails().await;
    assert!(
        matches!(&err, ConnectError::Transport { source: TransportError::Redirect(why), .. } if why.contains("5 times")),
        "{err:?}"
    );
    assert!(!err.is_retryable());
    server.finish().await;
}

#[actix::test]
async fn a_redirect_to_nowhere_is_an_error() {
    let headers: [&[(&str, &str)]; 3] =
        [&[], &[("location", "ftp://example.org/")], &[("location", "http://[:::")]];
    for headers in headers {
        let server = Server::start(move |server| {
            let mut get = server.accept();
            get.handshake();
            get.respond(301, headers, "");
            get.expect_closed();
        });
        let err = Client::start(&server).fails().await;
        assert!(
            matches!(&err, ConnectError::Transport { source: TransportError::Redirect(_), .. }),
            "{err:?}"
        );
        server.finish().await;
    }
}

#[actix::test]
async fn a_websocket_handshake_is_not_redirected() {
    let server = Server::start(|server| {
        let mut ws = server.accept();
        ws.read_request();
        ws.respond(302, &[("location", "/engine.io/")], OPEN.to_string());
        ws.expect_closed();
    });
    let err = Client::start(&server).fails_over(TransportKind::WebSocket).await;
    assert!(matches!(&err, ConnectError::Transport { source: TransportError::Redirect(_), .. }), "{err:?}");
    server.finish().await;
}
