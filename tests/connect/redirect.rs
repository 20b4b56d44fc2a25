//! Handshakes that are redirected.

use actix_engineio::{Connect, ConnectError, DisconnectReason, TransportError, TransportKind};

use crate::support::{
    Client,
    script::{OPEN, SID, UPGRADABLE},
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

/// Asserts that a request to another origin has nothing that the application has set, but these harmless headers.
fn has_only_harmless_headers(request: &Received) {
    for name in ["authorization", "cookie", "x-tenant", "x-api-key", "sec-websocket-protocol", "referer"] {
        assert_eq!(request.header(name), None, "{name}");
    }
    for (name, value) in HARMLESS {
        assert_eq!(request.header(name).as_deref(), Some(value), "{name}");
    }
    assert!(!request.target.contains("token"), "{}", request.target);
}

const HARMLESS: [(&str, &str); 5] = [
    ("user-agent", "tests"),
    ("accept", "text/plain"),
    ("accept-encoding", "identity"),
    ("accept-language", "eo"),
    ("origin", "https://example.org"),
];

/// A client with headers of all kinds, and its connect to `home`.
fn with_headers(home: &Server, elsewhere: &Server) -> (Client, Connect) {
    let client = Client::with(elsewhere, |builder| {
        let builder = builder.header("cookie", "id=secret").websocket_header("x-api-key", "secret");
        let builder = builder.websocket_protocols(["token-secret"]).header("referer", "http://secret");
        HARMLESS.iter().fold(builder, |builder, (name, value)| builder.header(name, value))
    });
    // The credentials of the URL and those of headers are secrets. The headers win if there are both.
    let url = home.origin().replace("http://", "http://user:pass@") + "?token=secret";
    (client, Connect::new(url).header("authorization", "Bearer secret").header("x-tenant", "blue"))
}

/// Redirects a handshake that has the headers of [`with_headers`].
fn redirects(status: u16, location: String) -> Server {
    Server::start(move |server| {
        let mut peer = server.accept();
        let request = peer.read_request();
        assert_eq!(request.header("authorization").as_deref(), Some("Bearer secret"));
        assert_eq!(request.header("cookie").as_deref(), Some("id=secret"));
        assert_eq!(request.header("x-tenant").as_deref(), Some("blue"));
        assert!(request.target.contains("token=secret"), "{}", request.target);
        peer.respond(status, &[("location", &location)], "");
        peer.expect_closed();
    })
}

#[actix::test]
async fn nothing_of_the_application_is_carried_to_another_origin() {
    let elsewhere = Server::start(move |server| {
        let mut get = server.accept();
        has_only_harmless_headers(&get.handshake());
        get.packets(UPGRADABLE);
        has_only_harmless_headers(&get.poll());
        let mut ws = server.accept();
        has_only_harmless_headers(&ws.read_request());
        ws.respond(400, &[], "");
        ws.expect_closed();
        let mut post = server.accept();
        has_only_harmless_headers(&post.read_request());
        post.ok();
        get.ends_session();
        post.expect_closed();
    });
    let home = redirects(302, format!("{}/engine.io/", elsewhere.origin()));
    let (mut client, connect) = with_headers(&home, &elsewhere);
    client.open(connect).await;
    client.upgrade_failed().await;
    client.send("up").await;
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    home.finish().await;
    elsewhere.finish().await;
}

#[actix::test]
async fn a_websocket_handshake_is_redirected_by_the_same_rules() {
    for (status, scheme) in [(301, "http"), (302, "ws"), (303, "http"), (307, "ws"), (308, "http")] {
        let elsewhere = Server::start(|server| {
            let mut ws = server.accept();
            let request = ws.accept_websocket();
            has_only_harmless_headers(&request);
            assert!(request.target.starts_with("/there/?EIO=4&transport=websocket"), "{}", request.target);
            ws.send_text(&OPEN.to_string());
            ws.send_text("1");
            ws.wait_closed();
        });
        let home = redirects(status, format!("{}/there/", elsewhere.origin().replace("http", scheme)));
        let (mut client, connect) = with_headers(&home, &elsewhere);
        client.open(connect.transports([TransportKind::WebSocket])).await;
        assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
        home.finish().await;
        elsewhere.finish().await;
    }
}

#[actix::test]
async fn a_websocket_handshake_that_is_redirected_within_its_origin_has_all_headers() {
    let server = Server::start(|server| {
        for path in ["/engine.io/", "/deep/er/", "/deeper/"] {
            let mut ws = server.accept();
            let request = ws.read_head();
            assert!(request.target.starts_with(path), "{}", request.target);
            assert_eq!(request.header("authorization").as_deref(), Some("Bearer secret"));
            assert_eq!(request.header("sec-websocket-protocol").as_deref(), Some("token"));
            match path {
                "/engine.io/" => ws.respond(307, &[("location", "/deep/er/")], "moved"),
                "/deep/er/" => ws.respond(308, &[("location", "../../deeper/")], ""),
                _ => ws.respond(404, &[], ""),
            }
            ws.expect_closed();
        }
    });
    let mut client = Client::with(&server, |builder| {
        builder.header("authorization", "Bearer secret").websocket_protocols(["token"])
    });
    let err = client.fails_over(TransportKind::WebSocket).await;
    // The error names the server that answered. The path that it chose may contain secrets of the request.
    assert!(err.to_string().starts_with(&format!("{}: ", server.origin())), "{err}");
    server.finish().await;
}

#[actix::test]
async fn an_upgrade_is_redirected_within_the_origin_of_its_session() {
    let server = Server::start(|server| {
        let get = server.opens(UPGRADABLE);
        let mut ws = server.accept();
        assert_eq!(ws.read_head().sid(), Some(SID));
        ws.respond(307, &[("location", "/ws/?sid=another")], "");
        ws.expect_closed();
        let mut ws = server.upgrades(get);
        ws.send_text("1");
        ws.wait_closed();
    });
    let mut client = Client::connected(&server).await;
    client.upgraded().await;
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}

#[actix::test]
async fn the_sid_of_an_upgrade_does_not_reach_another_origin() {
    let elsewhere = Server::start(|_| {});
    let location = format!("{}/engine.io/", elsewhere.origin());
    let server = Server::start(move |server| {
        let get = server.opens(UPGRADABLE);
        let mut ws = server.accept();
        ws.read_head();
        ws.respond(307, &[("location", &location)], "");
        ws.expect_closed();
        get.ends_session();
    });
    let mut client = Client::connected(&server).await;
    let err = client.upgrade_failed().await;
    assert!(matches!(err, TransportError::Redirect(_)), "{err}");
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
    elsewhere.finish().await;
}

#[actix::test]
async fn a_location_of_bytes_that_are_not_ascii_is_followed() {
    for (location, path) in [
        ("/caf\u{e9}/?\u{1f600}=\u{e9}".as_bytes(), "/caf%C3%A9/?%F0%9F%98%80=%C3%A9&"),
        (b"/caf\xe9/", "/caf%E9/?"),
        ("http://ADDR/caf\u{e9}/".as_bytes(), "/caf%C3%A9/?"),
    ] {
        let server = Server::start(move |server| {
            let mut get = server.accept();
            let host = get.handshake().header("host").unwrap();
            let location = match location.strip_prefix(b"http://ADDR") {
                Some(path) => [b"http://", host.as_bytes(), path].concat(),
                None => location.to_vec(),
            };
            let head = b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\nlocation: ".as_slice();
            get.write([head, &location, b"\r\n\r\n"].concat());
            get.expect_closed();
            let mut get = server.accept();
            let target = get.handshake().target;
            assert!(target.starts_with(path), "{target}");
            get.packets(OPEN);
            get.poll();
            get.ends_session();
        });
        let mut client = Client::connected(&server).await;
        assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
        server.finish().await;
    }
}

#[actix::test]
async fn max_redirects_limits_the_redirects_of_both_transports() {
    for (max, kind) in [
        (0, TransportKind::Polling),
        (0, TransportKind::WebSocket),
        (2, TransportKind::Polling),
        (2, TransportKind::WebSocket),
    ] {
        let server = Server::start(move |server| {
            for _ in 0..=max {
                let mut peer = server.accept();
                peer.read_request();
                peer.respond(302, &[("location", "/engine.io/")], "");
                peer.expect_closed();
            }
        });
        let err = Client::with(&server, |builder| builder.max_redirects(max)).fails_over(kind).await;
        assert!(
            matches!(&err, ConnectError::Transport { source: TransportError::Redirect(why), .. } if why.contains("max_redirects")),
            "{err:?}"
        );
        server.finish().await;
    }
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
