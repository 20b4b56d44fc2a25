//! What fails before the upgrade packet ends the probe, and the session goes on over polling.

use std::{io, time::Duration};

use actix_engineio::{
    DisconnectReason, EngineIoClientBuilder, ProtocolError, Stage, TransportError, TransportKind,
};

use crate::support::{
    Client, Clock, SHORT, milestone,
    script::{OPEN, Open, UPGRADABLE},
    server::{Acceptor, Peer, Server},
    signal,
};

/// The script of a session that goes on over polling; a poll is in flight.
fn goes_on(server: &Acceptor, mut get: Peer) {
    let mut post = server.accept();
    post.accepts("4up");
    get.packets("4down");
    get.poll();
    get.ends_session();
    post.expect_closed();
}

/// The client's part in [`goes_on`].
async fn and_goes_on(client: &mut Client) {
    client.has_sockets(1).await;
    client.send("up").await;
    assert_eq!(client.text().await, "down");
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
}

/// The error of an upgrade whose WebSocket is treated so, after which the session goes on.
async fn treated(treat: impl FnOnce(Peer) + Send + 'static) -> TransportError {
    let server = Server::start(move |server| {
        let get = server.opens(UPGRADABLE);
        let ws = server.accept();
        treat(ws);
        goes_on(server, get);
    });
    let mut client = Client::connected(&server).await;
    let err = client.upgrade_failed().await;
    and_goes_on(&mut client).await;
    server.finish().await;
    err
}

/// The same for a WebSocket on which the probe was sent.
async fn probed(treat: impl FnOnce(Peer) + Send + 'static) -> TransportError {
    treated(|mut ws| {
        ws.accept_websocket();
        ws.reads("2probe");
        treat(ws);
    })
    .await
}

#[actix::test]
async fn a_refused_websocket_does_not_end_the_session() {
    for (status, body) in [(400, r#"{"code":"3","message":"Bad request"}"#), (502, "<h1>Bad Gateway</h1>")] {
        let err = treated(move |mut ws| {
            ws.read_request();
            ws.respond(status, &[], body);
            ws.expect_closed();
        })
        .await;
        let TransportError::Status(refusal) = &err else { panic!("{err:?}") };
        assert_eq!((refusal.status, refusal.code), (status, (status == 400).then_some(3)));
    }
    let err = treated(|mut ws| {
        ws.read_request();
        ws.respond(200, &[("content-type", "text/html")], "<h1>It works!</h1>");
        ws.expect_closed();
    })
    .await;
    assert!(matches!(err, TransportError::Malformed(_)), "{err:?}");
}

#[actix::test]
async fn a_websocket_handshake_without_an_answer_is_bounded_by_request_timeout() {
    let clock = Clock::stop();
    let (asked, is_asked) = milestone();
    let server = Server::start(move |server| {
        let get = server.opens(UPGRADABLE);
        let mut ws = server.accept();
        ws.read_request();
        asked.reached();
        ws.expect_closed();
        goes_on(server, get);
    });
    let mut client = Client::with(&server, |builder| builder.request_timeout(SHORT));
    client.connect().await;
    let err = clock.takes(SHORT, is_asked, client.upgrade_failed()).await;
    assert_eq!(err, TransportError::timeout(Stage::Response));
    and_goes_on(&mut client).await;
    server.finish().await;
}

#[actix::test]
async fn a_websocket_that_ends_in_its_handshake_does_not_end_the_session() {
    let err = treated(|mut ws| {
        ws.read_request();
        ws.reset();
    })
    .await;
    assert!(matches!(err, TransportError::Io { kind: io::ErrorKind::ConnectionReset, .. }), "{err:?}");
}

#[actix::test]
async fn a_probe_without_an_answer_is_bounded_by_upgrade_timeout() {
    let clock = Clock::stop();
    let (probed, is_probed) = milestone();
    let server = Server::start(move |server| {
        let get = server.opens(UPGRADABLE);
        let mut ws = server.accepts_probe();
        ws.reads("2probe");
        probed.reached();
        ws.reads_close(1000);
        ws.expect_closed();
        goes_on(server, get);
    });
    let mut client = Client::with(&server, |builder| builder.upgrade_timeout(SHORT));
    client.connect().await;
    let err = clock.takes(SHORT, is_probed, client.upgrade_failed()).await;
    assert_eq!(err, TransportError::timeout(Stage::Probe));
    and_goes_on(&mut client).await;
    server.finish().await;
}

#[actix::test]
async fn an_answer_to_the_probe_that_is_not_its_pong_is_out_of_place() {
    for answer in ["3", "3prob", "3probes", "2probe", "6", "4probe", "1", "5"] {
        let err = probed(move |mut ws| {
            ws.send_text(answer);
            ws.reads_close(1000);
            ws.expect_closed();
        })
        .await;
        assert!(matches!(err, TransportError::Protocol(ProtocolError::OutOfPlace(_))), "{answer}: {err:?}");
    }
    let err = probed(|mut ws| {
        ws.send_binary("3probe");
        ws.reads_close(1000);
        ws.expect_closed();
    })
    .await;
    assert!(matches!(err, TransportError::Protocol(ProtocolError::OutOfPlace(_))), "{err:?}");
}

#[actix::test]
async fn an_answer_to_the_probe_before_it_was_asked_is_out_of_place() {
    let err = treated(|mut ws| {
        let request = ws.read_head();
        let key = request.header("sec-websocket-key").unwrap();
        let accept = actix_http::ws::hash_key(key.as_bytes());
        let head = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n";
        let accept = [b"sec-websocket-accept: ", accept.as_slice(), b"\r\n\r\n"].concat();
        ws.write([head, &*accept, b"\x81\x014"].concat());
        ws.wait_closed();
    })
    .await;
    assert!(matches!(err, TransportError::Protocol(ProtocolError::OutOfPlace(_))), "{err:?}");
}

#[actix::test]
async fn an_answer_to_the_probe_that_is_no_packet_does_not_end_the_session() {
    let err = probed(|mut ws| {
        ws.send_text("probe");
        ws.reads_close(1002);
        ws.expect_closed();
    })
    .await;
    assert!(matches!(err, TransportError::Protocol(ProtocolError::Packet(_))), "{err:?}");
    let err = probed(|mut ws| {
        ws.send_frame(true, 0, 1, [0xff]);
        ws.reads_close(1007);
        ws.expect_closed();
    })
    .await;
    assert_eq!(err, TransportError::Protocol(ProtocolError::Utf8));
    let err = probed(|mut ws| {
        ws.send_frame(true, 7, 1, "3probe");
        ws.reads_close(1002);
        ws.expect_closed();
    })
    .await;
    assert!(matches!(err, TransportError::Protocol(ProtocolError::Frame(_))), "{err:?}");
}

#[actix::test]
async fn a_websocket_that_ends_instead_of_an_answer_does_not_end_the_session() {
    let err = probed(|mut ws| {
        ws.send_frame(true, 0, 8, b"\x03\xe9going away");
        ws.reads_close(1001);
        ws.expect_closed();
    })
    .await;
    assert!(err.to_string().contains("code 1001, going away"), "{err:?}");
    let err = probed(Peer::close).await;
    assert!(matches!(err, TransportError::Io { kind: io::ErrorKind::UnexpectedEof, .. }), "{err:?}");
    let err = probed(Peer::reset).await;
    assert!(matches!(err, TransportError::Io { kind: io::ErrorKind::ConnectionReset, .. }), "{err:?}");
}

#[actix::test]
async fn a_websocket_that_ends_while_polling_pauses_does_not_end_the_session() {
    let deaths: [fn(Peer); 3] = [Peer::close, Peer::reset, |mut ws| {
        ws.send_frame(true, 0, 8, b"\x03\xe8");
        ws.reads_close(1000);
        ws.expect_closed();
    }];
    for death in deaths {
        let (failed, has_failed) = signal();
        let server = Server::start(move |server| {
            let (get, ws) = server.pauses(UPGRADABLE);
            death(ws);
            // The poll is not answered before.
            has_failed.wait();
            goes_on(server, get);
        });
        let mut client = Client::connected(&server).await;
        let err = client.upgrade_failed().await;
        assert!(matches!(err, TransportError::Io { .. }), "{err:?}");
        failed.send();
        and_goes_on(&mut client).await;
        server.finish().await;
    }
}

#[actix::test]
async fn a_poll_that_is_not_answered_in_the_pause_is_bounded_by_upgrade_timeout() {
    an_upgrade_gives_up_in_the_pause_after(SHORT, SHORT).await;
}

#[actix::test]
async fn an_upgrade_stops_sending_for_at_most_two_seconds() {
    an_upgrade_gives_up_in_the_pause_after(Duration::from_millis(1750), Duration::from_secs(10)).await;
}

async fn an_upgrade_gives_up_in_the_pause_after(pause: Duration, upgrade_timeout: Duration) {
    let clock = Clock::stop();
    let (paused, is_paused) = milestone();
    let server = Server::start(move |server| {
        let (get, mut ws) = server.pauses(UPGRADABLE);
        paused.reached();
        ws.reads_close(1000);
        ws.expect_closed();
        // What was sent during the pause is posted now, and the poll in flight is still to be answered.
        goes_on(server, get);
    });
    let mut client = Client::with(&server, |builder| builder.upgrade_timeout(upgrade_timeout));
    client.connect().await;
    is_paused.await;
    client.send("up").await;
    let err = clock.takes(pause, async {}, client.upgrade_failed()).await;
    assert_eq!(err, TransportError::timeout(Stage::Probe));
    assert_eq!(client.text().await, "down");
    assert_eq!(client.ended_cleanly().await, DisconnectReason::Server);
    server.finish().await;
}

#[actix::test]
async fn a_server_that_destroys_the_session_with_the_upgrade_ends_it() {
    let server = Server::start(move |server| {
        let mut get = server.opens(UPGRADABLE);
        let mut ws = server.accepts_probe();
        ws.reads("2probe");
        ws.close();
        get.packets("6");
        get.poll();
        get.respond(400, &[], r#"{"code":"1","message":"Session ID unknown"}"#);
        get.expect_closed();
    });
    let mut client = Client::connected(&server).await;
    client.upgrade_failed().await;
    let reason = client.ended_cleanly().await;
    let DisconnectReason::TransportError(TransportError::Status(refusal)) = &reason else {
        panic!("{reason:?}")
    };
    assert_eq!((refusal.status, refusal.code), (400, Some(1)));
    server.finish().await;
}

#[actix::test]
async fn a_websocket_that_ends_after_the_upgrade_packet_ends_the_session() {
    let server = Server::start(move |server| {
        let get = server.opens(UPGRADABLE);
        server.upgrades(get).close();
    });
    let mut client = Client::connected(&server).await;
    client.upgraded().await;
    let reason = client.ended_cleanly().await;
    let DisconnectReason::TransportError(TransportError::Io { kind, .. }) = &reason else {
        panic!("{reason:?}")
    };
    assert_eq!(*kind, io::ErrorKind::UnexpectedEof);
    server.finish().await;
}

#[actix::test]
async fn no_upgrade_is_tried_that_was_not_offered_or_not_wanted() {
    type Configure = fn(EngineIoClientBuilder) -> EngineIoClientBuilder;
    let cases: [(Open, Configure); 3] = [
        (OPEN, |builder| builder),
        (UPGRADABLE, |builder| builder.upgrade(false)),
        (UPGRADABLE, |builder| builder.transports([TransportKind::Polling])),
    ];
    for (open, configure) in cases {
        let server = Server::start(move |server| {
            let get = server.opens(open);
            goes_on(server, get);
        });
        let mut client = Client::with(&server, configure);
        client.connect().await;
        and_goes_on(&mut client).await;
        server.finish().await;
    }
}
