//! Peers that repeat what they were sent.

use std::{
    error::Error,
    sync::{Arc, Mutex},
};

use actix_engineio::{
    Connect, DisconnectReason, EngineIoClientBuilder, Event, TransportKind, cookie_store::CookieStore,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::support::{
    Client,
    script::{OPEN, SID, UPGRADABLE},
    server::{Peer, Received, Server},
};

/// A part of every secret in these tests.
const SECRET: &str = "hush";

/// A client with a secret in every place that may contain one, and its connect.
fn secretive(
    server: &Server,
    configure: impl FnOnce(EngineIoClientBuilder) -> EngineIoClientBuilder,
) -> (Client, Connect) {
    let mut store = CookieStore::new();
    store.parse(&format!("jar={SECRET}-jar; Path=/"), &server.origin().parse().unwrap()).unwrap();
    let client = Client::with(server, |builder| {
        configure(builder)
            .cookie_store(Arc::new(Mutex::new(store)))
            .header("x-key", format!("{SECRET}\"key"))
            .header("cookie", format!("own={SECRET}-own"))
            .websocket_header("x-websocket", format!("Bearer {SECRET}-websocket"))
            .websocket_protocols([format!("{SECRET}-protocol")])
    });
    let url = server.origin().replace("//", &format!("//user:{SECRET}-password@"));
    (client, Connect::new(format!("{url}/?token={SECRET}-token&{SECRET}-name")))
}

/// A request as a server repeats it.
fn repeated(request: &Received) -> String {
    let headers = request.headers.iter().rev().map(|(name, value)| format!("{name}: {value}\r\n"));
    format!("{} {}\r\n{}", request.method, request.target, headers.collect::<String>())
}

/// Answers with the request: as text, in the JSON of Engine.IO, with the credentials decoded, and cut within a secret.
fn repeats(peer: &mut Peer, form: usize, status: u16) {
    let request = peer.read_request();
    let text = repeated(&request);
    match form {
        0 => peer.respond(status, &[], text),
        1 => {
            let message = serde_json::json!({ "code": 3, "message": text });
            peer.respond(status, &[("content-type", "application/json")], message.to_string());
        }
        2 => {
            let basic = ["proxy-authorization", "authorization"].iter().find_map(|name| request.header(name));
            let decoded = STANDARD.decode(basic.unwrap().strip_prefix("Basic ").unwrap()).unwrap();
            peer.respond(status, &[], format!("no user {}", String::from_utf8(decoded).unwrap()));
        }
        _ => {
            let (start, _) =
                text.rsplit_once("-key").or_else(|| text.rsplit_once('=')).unwrap_or((&text, ""));
            peer.respond(status, &[], start);
        }
    }
}

const FORMS: std::ops::Range<usize> = 0..4;

/// An error does not show a secret, in none of its texts.
fn has_no_secret(err: &dyn Error) {
    let basic = STANDARD.encode(format!("user:{SECRET}-password"));
    let mut next = Some(err);
    while let Some(err) = next {
        for text in [err.to_string(), format!("{err:?}")] {
            for secret in [SECRET, SID, basic.trim_end_matches('=')] {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
        }
        next = err.source();
    }
}

#[actix::test]
async fn an_error_of_a_handshake_that_repeats_the_request_shows_no_secret() {
    for kind in [TransportKind::Polling, TransportKind::WebSocket] {
        for form in FORMS {
            let server = Server::start(move |server| {
                let mut peer = server.accept();
                repeats(&mut peer, form, 403);
                peer.wait_closed();
            });
            let (mut client, connect) = secretive(&server, |builder| builder);
            let err = client.fails_with(connect.transports([kind])).await;
            assert!(err.to_string().contains("status 403"), "{err}");
            has_no_secret(&err);
            server.finish().await;
        }
    }
}

#[actix::test]
async fn an_error_of_a_session_that_repeats_the_request_shows_no_secret() {
    for form in FORMS {
        let server = Server::start(move |server| {
            let mut get = server.answers_handshake(UPGRADABLE);
            get.poll();
            let mut ws = server.accept();
            repeats(&mut ws, form, 400);
            ws.expect_closed();
            get.packets("4next");
            repeats(&mut get, form, 400);
            get.wait_closed();
        });
        let (mut client, connect) = secretive(&server, |builder| builder);
        client.open(connect).await;
        has_no_secret(&client.upgrade_failed().await);
        assert_eq!(client.text().await, "next");
        has_no_secret(&client.ended_cleanly().await);
        server.finish().await;
    }
}

#[actix::test]
async fn an_error_of_a_post_that_repeats_the_request_shows_no_secret() {
    for form in FORMS {
        let server = Server::start(move |server| {
            let (get, mut post) = server.opens_both(OPEN);
            repeats(&mut post, form, 500);
            get.wait_closed();
            post.wait_closed();
        });
        let (mut client, connect) = secretive(&server, |builder| builder);
        client.open(connect).await;
        client.send("up").await;
        let Event::Disconnected(end) = client.next().await else { panic!("no end") };
        assert!(end.reason.to_string().contains("status 500"), "{}", end.reason);
        has_no_secret(&end.reason);
        server.finish().await;
    }
}

#[actix::test]
async fn a_websocket_that_ends_with_words_of_the_handshake_shows_no_secret() {
    for is_http in [false, true] {
        let server = Server::start(move |server| {
            let mut ws = server.accept();
            let request = ws.accept_websocket();
            ws.send_text(&OPEN.to_string());
            let words = format!("x-websocket: {}, {SID}", request.header("x-websocket").unwrap());
            if is_http {
                ws.write(format!("HTTP/1.1 400 Bad {}{words}\r\n\r\n", "x".repeat(60)));
            } else {
                ws.send_frame(true, 0, 8, [&1008_u16.to_be_bytes(), words.as_bytes()].concat());
            }
            ws.wait_closed();
        });
        let (mut client, connect) = secretive(&server, |builder| builder);
        client.open(connect.transports([TransportKind::WebSocket])).await;
        let reason = client.ended_cleanly().await;
        assert!(reason.to_string().contains("x-websocket: .."), "{reason}");
        has_no_secret(&reason);
        server.finish().await;
    }
}

#[actix::test]
async fn a_proxy_that_repeats_the_request_shows_no_secret() {
    use TransportKind::{Polling, WebSocket};
    // It makes a tunnel for the WebSocket, and forwards the polls.
    let cases = [(WebSocket, 407), (WebSocket, 502), (Polling, 407), (Polling, 502)];
    for (form, (kind, status)) in FORMS.flat_map(|form| cases.map(|case| (form, case))) {
        let proxy = Server::start(move |server| {
            let mut peer = server.accept();
            repeats(&mut peer, form, status);
            peer.wait_closed();
        });
        let (mut client, _) = secretive(&proxy, |builder| {
            builder.proxy(proxy.origin().replace("//", &format!("//user:{SECRET}-password@")))
        });
        let url = format!("http://user:{SECRET}-password@engineio.test/?token={SECRET}-token");
        let err = client.fails_with(Connect::new(url).transports([kind])).await;
        assert!(err.to_string().contains(&format!("status {status}")), "{err}");
        has_no_secret(&err);
        proxy.finish().await;
    }
}

#[actix::test]
async fn the_words_of_a_peer_are_one_line_for_every_reader() {
    let words = "a\u{2028}b\u{202e}c\u{85}d\u{2066}e\nf";
    let server = Server::start(move |server| {
        let mut get = server.accept();
        get.handshake();
        get.respond(400, &[], words);
        get.expect_closed();
        let mut ws = server.opens_websocket(OPEN);
        ws.send_frame(true, 0, 8, [&1008_u16.to_be_bytes(), words.as_bytes()].concat());
        ws.wait_closed();
    });
    let mut client = Client::start(&server);
    let err = client.fails_over(TransportKind::Polling).await;
    assert!(err.to_string().contains("a b c d e f"), "{err:?}");
    client.connect_over(TransportKind::WebSocket).await;
    let reason = client.ended_cleanly().await;
    assert!(matches!(reason, DisconnectReason::TransportClose { code: 1008, .. }));
    assert!(reason.to_string().contains("a b c d e f"), "{reason:?}");
    server.finish().await;
}

#[actix::test]
async fn debug_shows_no_secret() {
    let server = Server::start(|server| server.opens(OPEN).ends_session());
    let (mut client, connect) = secretive(&server, |builder| builder);
    let debug = format!("{connect:?} {:?}", connect.clone().header("x-key", SECRET));
    assert!(!debug.contains(SECRET), "{debug}");
    let session = client.open(connect).await;
    let debug = format!("{session:?} {:?}", Event::Connected(session.clone()));
    assert!(!debug.contains(SID), "{debug}");
    client.ended_cleanly().await;
    server.finish().await;
}

#[actix::test]
async fn the_error_of_a_wrong_option_does_not_repeat_its_value() {
    let server = Server::start(|_| {});
    let options: [fn(EngineIoClientBuilder) -> EngineIoClientBuilder; 5] = [
        |builder| builder.header("authorization: Bearer hush", ""),
        |builder| builder.header("x-key", "hush\n"),
        |builder| builder.websocket_protocols(["v1", "hush hush"]),
        |builder| builder.websocket_protocols(["hush", "hush"]),
        |builder| builder.proxy("http://user:hush@"),
    ];
    for option in options {
        let err = Client::with(&server, option).fails().await;
        has_no_secret(&err);
    }
    server.finish().await;
}
