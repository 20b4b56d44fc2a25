//! The requests, byte by byte.

use actix_engineio::{Connect, ConnectError, TransportKind};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::support::{
    Client,
    script::{OPEN, SID, UPGRADABLE},
    server::{Received, Server},
};

const AGENT: &str = concat!("actix-engineio/", env!("CARGO_PKG_VERSION"));

/// The target of a request, with `STAMP` for its stamp, which is different each time; and the stamp.
fn target(request: &Received) -> (String, String) {
    let (before, rest) = request.target.split_once("&t=").expect("a stamp");
    let (stamp, after) =
        rest.split_once('&').map_or((rest, String::new()), |(stamp, after)| (stamp, format!("&{after}")));
    assert!(stamp.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !stamp.is_empty(), "{stamp}");
    (format!("{before}&t=STAMP{after}"), stamp.to_owned())
}

fn headers(request: &Received) -> Vec<(&str, &str)> {
    request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[actix::test]
async fn every_request_has_the_headers_that_it_needs_and_no_others() {
    let (sender, received) = std::sync::mpsc::channel();
    let server = Server::start(move |server| {
        let mut get = server.accept();
        sender.send(get.handshake()).unwrap();
        get.packets(UPGRADABLE);
        sender.send(get.poll()).unwrap();
        let mut ws = server.accept();
        sender.send(ws.read_request()).unwrap();
        ws.respond(400, &[], "");
        ws.expect_closed();
        let mut post = server.accept();
        let request = post.read_request();
        assert_eq!(request.body, "4a £".as_bytes());
        sender.send(request).unwrap();
        post.ok();
        get.ends_session();
        post.expect_closed();
    });
    let mut client = Client::with(&server, |builder| {
        builder.path("/deep/engine.io").header("x-tenant", "grey").websocket_header("x-ws", "1")
    });
    let url = format!("{}/ignored?room=7&name=a%20b", server.origin().replace("//", "//us%40er:pa:ss@"));
    // The headers of one connect replace those of the builder.
    client.open(Connect::new(url).header("x-tenant", "blue").header("x-tenant", "green")).await;
    client.upgrade_failed().await;
    client.send("a £").await;
    client.ended_cleanly().await;
    let host = server.origin().replace("http://", "");
    server.finish().await;

    let [handshake, poll, ws, post]: [Received; 4] =
        received.iter().collect::<Vec<_>>().try_into().ok().unwrap();
    let base = "/deep/engine.io/?room=7&name=a%20b&EIO=4";
    let (handshake_target, first_stamp) = target(&handshake);
    let (poll_target, second_stamp) = target(&poll);
    assert_ne!(first_stamp, second_stamp);
    assert_eq!(handshake_target, format!("{base}&transport=polling&t=STAMP"));
    assert_eq!(poll_target, format!("{base}&transport=polling&t=STAMP&sid={SID}"));
    assert_eq!(target(&post).0, format!("{base}&transport=polling&t=STAMP&sid={SID}"));
    assert_eq!(target(&ws).0, format!("{base}&transport=websocket&t=STAMP&sid={SID}"));
    assert_eq!(
        [&*handshake.method, &*poll.method, &*ws.method, &*post.method],
        ["GET", "GET", "GET", "POST"]
    );

    let basic = format!("Basic {}", STANDARD.encode("us@er:pa:ss"));
    let common = [("x-tenant", "blue"), ("x-tenant", "green"), ("authorization", &basic)];
    let start =
        [("host", &*host), ("accept", "*/*"), ("accept-encoding", "gzip, deflate"), ("user-agent", AGENT)];
    for get in [&handshake, &poll] {
        assert_eq!(headers(get), [&start[..], &common[..]].concat());
    }
    let body = [("content-type", "text/plain;charset=UTF-8"), ("content-length", "5")];
    assert_eq!(headers(&post), [&start[..], &body[..], &common[..]].concat());

    let key = ws.header("sec-websocket-key").expect("a key");
    assert_eq!(STANDARD.decode(&key).unwrap().len(), 16);
    for (name, value) in [
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-version", "13"),
        ("host", &host),
        ("x-tenant", "blue, green"),
        ("x-ws", "1"),
        ("authorization", &basic),
    ] {
        assert_eq!(ws.header(name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(ws.header("sec-websocket-extensions"), None);
    assert_eq!(ws.header("sec-websocket-protocol"), None);
    for other in [&handshake, &poll, &post] {
        assert_eq!(other.header("x-ws"), None);
    }
}

#[actix::test]
async fn the_stamp_and_the_trailing_slash_can_be_turned_off() {
    let server = Server::start(|server| {
        let mut get = server.accept();
        assert_eq!(get.handshake().target, "/socket?EIO=4&transport=polling");
        get.packets(OPEN);
        assert_eq!(get.poll().target, format!("/socket?EIO=4&transport=polling&sid={SID}"));
        get.ends_session();
    });
    let mut client =
        Client::with(&server, |builder| builder.timestamp_requests(false).add_trailing_slash(false));
    client.open(Connect::new(server.origin()).path("socket")).await;
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn an_invalid_connect_is_refused_before_anything_is_sent() {
    let server = Server::start(|_| {});
    let origin = server.origin();
    let mut client = Client::start(&server);
    for connect in [
        Connect::new("not a url"),
        Connect::new("ftp://example.org"),
        Connect::new("http://"),
        Connect::new(format!("{origin}/?sid=1")),
        Connect::new(&origin).header("bad name", "1"),
        Connect::new(&origin).header("x", "a\r\nb: c"),
        Connect::new(&origin).header("sec-websocket-key", "mine"),
        Connect::new(&origin).header("content-length", "0"),
    ] {
        let err = client.fails_with(connect.clone()).await;
        assert!(matches!(err, ConnectError::Invalid { .. }), "{connect:?}: {err:?}");
        assert!(!err.is_retryable());
    }
    let err = client.fails_with(Connect::new(&origin).transports([])).await;
    assert_eq!(err, ConnectError::NoTransports);
    server.finish().await;
}

#[actix::test]
async fn errors_do_not_contain_the_secrets_of_a_url() {
    let server = Server::start(|server| {
        for _ in 0..2 {
            let mut peer = server.accept();
            peer.read_request();
            peer.respond(403, &[], "");
            peer.expect_closed();
        }
    });
    let url = format!("{}/?token=hush", server.origin().replace("//", "//user:hush@"));
    for way in [TransportKind::Polling, TransportKind::WebSocket] {
        let err = Client::start(&server).fails_with(Connect::new(&url).transports([way])).await;
        assert!(!format!("{err} {err:?}").contains("hush"), "{err:?}");
        assert!(err.to_string().contains(&server.origin()), "{err}");
    }
    server.finish().await;
}
