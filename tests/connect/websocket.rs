//! WebSockets that open no session.

use std::io;

use actix_engineio::{Compression, ConnectError, Stage, TransportError, TransportKind};
use actix_http::ws;

use crate::support::{
    Client, Clock, SHORT, milestone,
    script::OPEN,
    server::{Peer, Server},
};

/// The error of a connect over WebSocket whose connection is treated so.
async fn treated(treat: impl FnOnce(&mut Peer) + Send + 'static) -> ConnectError {
    let server = Server::start(move |server| {
        let mut ws = server.accept();
        treat(&mut ws);
        ws.wait_closed();
    });
    let mut client = Client::with(&server, |builder| builder.max_message_size(4096));
    let err = client.fails_over(TransportKind::WebSocket).await;
    server.finish().await;
    err
}

/// The error of a connect over WebSocket on which this is sent first.
async fn opened(act: impl FnOnce(&mut Peer) + Send + 'static) -> ConnectError {
    treated(|ws| {
        ws.accept_websocket();
        act(ws);
    })
    .await
}

/// The error of a connect over WebSocket on which this is sent first, and no open packet before `request_timeout` has
/// passed.
async fn never_opened(act: impl FnOnce(&mut Peer) + Send + 'static) -> ConnectError {
    let clock = Clock::stop();
    let (silent, is_silent) = milestone();
    let server = Server::start(move |server| {
        let mut ws = server.accept();
        ws.accept_websocket();
        act(&mut ws);
        silent.reached();
        ws.wait_closed();
    });
    let mut client = Client::with(&server, |builder| builder.request_timeout(SHORT));
    let err = clock.takes(SHORT, is_silent, client.fails_over(TransportKind::WebSocket)).await;
    server.finish().await;
    err
}

/// The reason why a 101 with these headers is refused, in which `KEY` is replaced by the right key.
async fn switched(headers: &'static str) -> String {
    let err = treated(move |ws| {
        let request = ws.read_head();
        let key = ws::hash_key(request.header("sec-websocket-key").unwrap().as_bytes());
        let headers = headers.replace("KEY", std::str::from_utf8(&key).unwrap());
        ws.write(format!("HTTP/1.1 101 Switching Protocols\r\n{headers}\r\n"));
    })
    .await;
    not_engine_io(&err)
}

fn not_engine_io(err: &ConnectError) -> String {
    let ConnectError::NotEngineIo { reason, .. } = err else { panic!("{err:?}") };
    assert!(!err.is_retryable());
    reason.to_string()
}

#[actix::test]
async fn an_error_status_is_reported_with_the_servers_message() {
    for (body, code, message) in [
        (r#"{"code":3,"message":"Bad request"}"#, Some(3), Some("Bad request")),
        (r#"{"code":"3","message":"Bad request"}"#, Some(3), Some("Bad request")),
        ("no room for you", None, Some("no room for you")),
        ("", None, None),
    ] {
        let err = treated(move |ws| {
            ws.read_request();
            ws.respond(400, &[("connection", "close"), ("content-type", "application/json")], body);
        })
        .await;
        let ConnectError::Status { status, .. } = err else { panic!("{err:?}") };
        assert_eq!((status.status, status.code, status.message.as_deref()), (400, code, message));
    }
}

#[actix::test]
async fn an_answer_that_does_not_switch_is_not_engine_io() {
    let err = treated(|ws| {
        ws.read_request();
        ws.respond(200, &[("content-type", "text/html")], "<h1>It works!</h1>");
    })
    .await;
    assert!(not_engine_io(&err).contains("did not switch"));
}

#[actix::test]
async fn a_switch_to_anything_but_this_websocket_is_refused() {
    let accept = "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
    let cases = [
        ("upgrade: websocket\r\nconnection: upgrade\r\n", "sec-websocket-accept"),
        ("connection: upgrade\r\nsec-websocket-accept: KEY\r\n", "another protocol"),
        ("upgrade: websocket\r\nsec-websocket-accept: KEY\r\n", "another protocol"),
        ("upgrade: h2c\r\nconnection: upgrade\r\nsec-websocket-accept: KEY\r\n", "another protocol"),
        (
            "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: KEY\r\n\
             sec-websocket-extensions: permessage-deflate\r\n",
            "extension",
        ),
        (
            "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: KEY\r\n\
             sec-websocket-protocol: chat\r\n",
            "subprotocol",
        ),
    ];
    for (headers, why) in cases {
        let reason = switched(headers).await;
        assert!(reason.contains(why), "{headers}: {reason}");
    }
    let headers = format!("upgrade: websocket\r\nconnection: upgrade\r\n{accept}");
    assert!(switched(headers.leak()).await.contains("sec-websocket-accept"));
}

#[actix::test]
async fn an_answer_to_the_offer_of_compression_that_breaks_the_rules_is_refused() {
    for (answer, why) in [
        ("permessage-bzip2", "not asked for"),
        ("permessage-deflate, permessage-deflate", "more than one"),
        ("permessage-deflate; x", "not asked for"),
        ("permessage-deflate; server_max_window_bits=16", "invalid value"),
        ("permessage-deflate; client_max_window_bits=7", "invalid value"),
        ("permessage-deflate; client_max_window_bits", "invalid value"),
        ("permessage-deflate; server_max_window_bits=10; server_max_window_bits=10", "twice"),
        ("permessage-deflate;;", "malformed"),
    ] {
        let server = Server::start(move |server| {
            let (ws, _) = server.accepts_compressed(answer);
            ws.wait_closed();
        });
        let option = Compression::both_contexts();
        let mut client = Client::with(&server, |builder| builder.compression(option));
        let reason = not_engine_io(&client.fails_over(TransportKind::WebSocket).await);
        assert!(reason.contains(why), "{answer}: {reason}");
        server.finish().await;
    }
}

#[actix::test]
async fn a_websocket_that_ends_before_the_open_packet_is_lost() {
    let server = Server::start(|server| {
        let mut ws = server.accept();
        ws.accept_websocket();
        ws.close();
    });
    let err = Client::start(&server).fails_over(TransportKind::WebSocket).await;
    let ConnectError::Transport { source: TransportError::Io { kind, .. }, .. } = &err else {
        panic!("{err:?}")
    };
    assert_eq!(*kind, io::ErrorKind::UnexpectedEof);
    assert!(err.is_retryable());
    server.finish().await;
}

#[actix::test]
async fn a_websocket_on_which_nothing_is_sent_times_out() {
    let err = never_opened(|_| {}).await;
    assert!(matches!(err, ConnectError::Timeout { stage: Stage::Open, .. }), "{err:?}");
}

#[actix::test]
async fn a_websocket_on_which_only_pings_are_sent_times_out() {
    let err = never_opened(|ws| ws.send_frame(true, 0, 9, "are you there?")).await;
    assert!(matches!(err, ConnectError::Timeout { stage: Stage::Open, .. }), "{err:?}");
}

#[actix::test]
async fn a_websocket_that_goes_on_in_http_is_not_engine_io() {
    // engine.io does this to a wrong `EIO`: it accepts the WebSocket and sends an HTTP error on it at once.
    let body = r#"{"code":5,"message":"Unsupported protocol version"}"#;
    let err = opened(move |ws| {
        ws.write(format!("HTTP/1.1 400 Bad Request\r\ncontent-length: {}\r\n\r\n{body}", body.len()));
    })
    .await;
    let reason = not_engine_io(&err);
    assert!(reason.contains("HTTP/1.1 400 Bad Request"), "{reason}");
}

#[actix::test]
async fn a_first_packet_that_is_not_the_open_packet_is_refused() {
    for packet in ["6", "4hello", "2probe", "3probe", "1"] {
        let err = opened(move |ws| ws.send_text(packet)).await;
        assert!(not_engine_io(&err).contains("first packet is not an open packet"), "{packet}: {err:?}");
    }
    let err = opened(|ws| ws.send_binary([1, 2, 3])).await;
    assert!(not_engine_io(&err).contains("first packet is not an open packet"), "{err:?}");
    for text in ["", "hello", "0{}", "0"] {
        not_engine_io(&opened(move |ws| ws.send_text(text)).await);
    }
}

#[actix::test]
async fn a_frame_that_breaks_the_rules_is_refused() {
    not_engine_io(&opened(|ws| ws.send_frame(true, 4, 1, OPEN.to_string())).await);
    not_engine_io(&opened(|ws| ws.send_frame(true, 0, 3, OPEN.to_string())).await);
    not_engine_io(&opened(|ws| ws.send_frame(true, 0, 1, [0xff, 0xfe])).await);
    let err = opened(|ws| ws.send_text(&"0".repeat(5000))).await;
    assert!(matches!(err, ConnectError::Transport { .. }) && !err.is_retryable(), "{err:?}");
    assert!(err.to_string().contains("max_message_size"), "{err}");
}

#[actix::test]
async fn a_close_frame_first_is_a_lost_connection_that_names_the_code() {
    for (payload, code) in [(b"\x03\xf0sorry".as_slice(), "1008"), (b"", "1005"), (b"\x03\xe8", "1000")] {
        let err = opened(move |ws| ws.send_frame(true, 0, 8, payload)).await;
        let ConnectError::Transport { source: TransportError::Io { kind, cause, .. }, .. } = &err else {
            panic!("{err:?}")
        };
        assert_eq!(*kind, io::ErrorKind::UnexpectedEof);
        assert!(cause.to_string().contains(code), "{cause}");
        assert!(err.is_retryable());
    }
}

#[actix::test]
async fn packets_behind_the_open_packet_are_delivered() {
    let server = Server::start(|server| {
        let mut ws = server.accept();
        ws.accept_websocket();
        // In one write, so that they arrive together.
        let open = OPEN.to_string();
        let length = u8::try_from(open.len()).unwrap();
        let mut frames = vec![0x81];
        match length {
            ..126 => frames.push(length),
            _ => frames.extend([126, 0, length]),
        }
        frames.extend_from_slice(open.as_bytes());
        frames.extend_from_slice(b"\x81\x024a\x82\x01b\x81\x024c");
        ws.write(frames);
        ws.reads("1");
        ws.reads_close(1000);
        ws.close();
    });
    let mut client = Client::connected_over(&server, TransportKind::WebSocket).await;
    assert_eq!(client.text().await, "a");
    assert_eq!(client.message().await.as_bytes(), b"b".as_slice());
    assert_eq!(client.text().await, "c");
    client.disconnect().await;
    client.ended_cleanly().await;
    server.finish().await;
}
