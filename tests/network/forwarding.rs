//! HTTP proxies that forward the requests of plain URLs (RFC 9112, section 3.2.2).

use std::time::Duration;

use actix_engineio::{Connect, ConnectError, DisconnectReason, TransportError, TransportKind};

use crate::{
    proxy::{BASIC, URL},
    support::{
        Client,
        script::{OPEN, SID, UPGRADABLE},
        server::{Peer, Received, Server},
    },
};

/// A client that uses `proxy` with credentials.
fn client(proxy: &Server) -> Client {
    let proxy = proxy.origin().replace("http://", "http://user:p%40ss@");
    Client::to(URL.to_owned(), |builder| builder.proxy(proxy))
}

/// Checks that a proxy can forward the request to the server.
fn is_for_a_proxy(request: &Received) {
    assert!(request.target.starts_with("http://events.internal:7/engine.io/?EIO=4&"), "{}", request.target);
    assert_eq!(request.header("host").as_deref(), Some("events.internal:7"));
    assert_eq!(request.header("proxy-authorization").as_deref(), Some(BASIC));
}

/// Expects that a proxy is asked for a tunnel to the server.
fn is_asked_for_a_tunnel(peer: &mut Peer) {
    let request = peer.read_head();
    assert_eq!((request.method.as_str(), request.target.as_str()), ("CONNECT", "events.internal:7"));
    assert_eq!(request.header("host").as_deref(), Some("events.internal:7"));
    assert_eq!(request.header("proxy-authorization").as_deref(), Some(BASIC));
    assert!(request.header("user-agent").is_some_and(|agent| agent.starts_with("actix-engineio/")));
}

#[actix::test]
async fn a_proxy_forwards_all_polls_on_one_connection_and_each_message_on_its_own() {
    let proxy = Server::start(|proxy| {
        let mut get = proxy.accept();
        is_for_a_proxy(&get.handshake());
        get.respond(200, &[("set-cookie", "route=7")], OPEN.to_string());
        is_for_a_proxy(&get.poll());
        let mut posts = Vec::new();
        for _ in 0..2 {
            let mut post = proxy.accept();
            let request = post.read_request();
            is_for_a_proxy(&request);
            assert_eq!(request.method, "POST");
            assert_eq!(request.header("cookie").as_deref(), Some("route=7"));
            post.ok();
            get.packets("4down");
            is_for_a_proxy(&get.poll());
            posts.push(post);
        }
        get.ends_session();
        posts.into_iter().for_each(Peer::expect_closed);
    });
    let mut client = client(&proxy);
    client.connect().await;
    for _ in 0..2 {
        client.send("up").await;
        assert_eq!(client.text().await, "down");
    }
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    assert_eq!(proxy.accepted(), 3);
    proxy.finish().await;
}

#[actix::test]
async fn a_session_stays_on_polling_if_the_proxy_makes_no_tunnel() {
    let proxy = Server::start(|proxy| {
        let mut get = proxy.accept();
        get.handshake();
        get.packets(UPGRADABLE);
        get.poll();
        let mut tunnel = proxy.accept();
        is_asked_for_a_tunnel(&mut tunnel);
        tunnel.respond(403, &[], "not to this port");
        tunnel.expect_closed();

        let mut post = proxy.accept();
        post.accepts("4up");
        get.ends_session();
        post.expect_closed();
    });
    let mut client = client(&proxy);
    client.connect().await;
    let err = client.upgrade_failed().await;
    assert!(matches!(err, TransportError::Proxy { status: Some(403), .. }), "{err:?}");
    client.send("up").await;
    client.ended_cleanly().await;
    proxy.finish().await;
}

#[actix::test]
async fn the_server_behind_a_tunnel_does_not_see_the_credentials_for_the_proxy() {
    let proxy = Server::start(|proxy| {
        let mut tunnel = proxy.accept();
        is_asked_for_a_tunnel(&mut tunnel);
        // RFC 9110, section 9.3.6: a client ignores both headers in a successful response to CONNECT.
        tunnel.write("HTTP/1.1 200 Connection established\r\ntransfer-encoding: chunked\r\n\r\n");
        let request = tunnel.read_head();
        assert!(request.target.starts_with("/engine.io/"), "{}", request.target);
        assert_eq!(request.header("proxy-authorization"), None);
        tunnel.switch_protocols(&request, &[]);
        tunnel.send_text(&OPEN.to_string());
        tunnel.send_text("1");
        tunnel.wait_closed();
    });
    let mut client = client(&proxy);
    client.connect_over(TransportKind::WebSocket).await;
    client.ended_cleanly().await;
    proxy.finish().await;
}

#[actix::test]
async fn a_proxy_that_asks_for_credentials_is_reported_as_one() {
    let proxy = Server::start(|proxy| {
        let mut get = proxy.accept();
        get.handshake();
        get.respond(407, &[("proxy-authenticate", "Basic"), ("set-cookie", "a=1")], "who's u");
        get.expect_closed();

        // Later, too: the credentials may be changed while a session is open.
        let mut get = proxy.accept();
        assert_eq!(get.handshake().header("cookie"), None);
        get.packets(OPEN);
        get.poll();
        get.respond(407, &[], format!("who's u {SID}"));
        get.expect_closed();
    });
    let mut client = client(&proxy);
    let err = client.fails().await;
    let ConnectError::Transport { source: TransportError::Proxy { status: Some(407), cause, .. }, .. } = &err
    else {
        panic!("{err:?}");
    };
    assert!(cause.to_string().contains("who's u"), "{cause}");
    assert!(!err.is_retryable());

    client.connect().await;
    let ended = client.ended().await;
    let DisconnectReason::TransportError(TransportError::Proxy { status: Some(407), cause, .. }) =
        &ended.reason
    else {
        panic!("{ended:?}");
    };
    assert!(!cause.to_string().contains(SID), "{cause}");
    proxy.finish().await;
}

#[actix::test]
async fn any_other_error_of_a_proxy_may_be_the_servers() {
    for status in [403, 502, 503, 504] {
        let proxy = Server::start(move |proxy| {
            let mut get = proxy.accept();
            get.handshake();
            get.respond(status, &[("retry-after", "7")], "the proxy says");
            get.expect_closed();
        });
        let err = client(&proxy).fails().await;
        let ConnectError::Status { status: found, .. } = &err else { panic!("{err:?}") };
        assert_eq!((found.status, found.message.as_deref()), (status, Some("the proxy says")));
        assert_eq!(found.retry_after, Some(Duration::from_secs(7)));
        assert_eq!(err.is_retryable(), status != 403);
        proxy.finish().await;
    }
}

#[actix::test]
async fn a_redirect_to_another_server_goes_through_the_proxy_as_well() {
    let proxy = Server::start(|proxy| {
        let mut get = proxy.accept();
        let request = get.handshake();
        assert_eq!(request.header("authorization").as_deref(), Some("Basic dTpw"));
        get.respond(307, &[("location", "http://other.internal/engine.io/")], "");
        get.expect_closed();

        let mut get = proxy.accept();
        let request = get.handshake();
        assert!(request.target.starts_with("http://other.internal/engine.io/?EIO=4&"), "{}", request.target);
        assert_eq!(request.header("host").as_deref(), Some("other.internal"));
        assert_eq!(request.header("proxy-authorization").as_deref(), Some(BASIC));
        assert_eq!(request.header("authorization"), None);
        get.packets(OPEN);
        get.poll();
        get.ends_session();
    });
    let mut client = client(&proxy);
    client.open(Connect::new(URL.replace("http://", "http://u:p@"))).await;
    client.ended_cleanly().await;
    proxy.finish().await;
}

#[actix::test]
async fn a_proxy_that_forwards_and_does_not_speak_http_is_to_blame() {
    let proxy = Server::start(|proxy| {
        let mut get = proxy.accept();
        get.handshake();
        get.write("SSH-2.0-OpenSSH_9.6\r\n\r\n");
    });
    let err = client(&proxy).fails().await;
    assert!(
        matches!(&err, ConnectError::Transport { source: TransportError::Proxy { status: None, .. }, .. }),
        "{err:?}"
    );
    assert!(err.is_retryable());
    proxy.finish().await;
}
