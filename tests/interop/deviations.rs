//! Servers that do not do what the protocol says, or that differ from each other, and what the client makes of it.

use std::{io::ErrorKind, time::Duration};

use actix_engineio::{
    ConnectError, DisconnectReason, EngineIoClientBuilder, Flush, GetStatus, TransportError, TransportKind,
};
use actix_rt::time::sleep;
use serde_json::json;

use crate::{
    cases::{Case, fails},
    peer::{Peer, Way},
    relay::{Relay, Spoil},
    server::Server,
    support::soon,
    talk::{Cell, Talk},
};

pub(crate) fn cases(cell: Cell) -> Vec<Case> {
    let mut cases = Vec::new();
    match (cell.peer, cell.way) {
        (peer, Way::Polling) if peer.is_python() => {
            cases.push(Case::new(
                "it acknowledges and drops a post of more than sixteen packets",
                sixteen_packets,
            ));
            if peer.cuts_posts() {
                cases
                    .push(Case::new("it reads only the bytes of a post that have already arrived", cut_post));
            }
        }
        (peer, Way::Polling) if peer.is_oxide() => {
            cases.push(Case::new("its errors have strings for codes", string_code));
        }
        (peer, Way::Upgrade) if peer.is_oxide() => {
            cases.push(Case::new("it switches to websocket for an unknown session and closes it", unknown));
            cases.push(Case::new("it destroys the session with an upgrade that fails", destroyed));
        }
        // Below its own protocol, socket.io uses engine.io.
        (peer, Way::Upgrade) if !peer.is_socket_io() => {
            cases.push(Case::new("a session goes on over polling after a failed upgrade", survived));
        }
        _ => {}
    }
    // python-engineio 3 has no option for its transports.
    if !cell.peer.is_node() && cell.peer != Peer::Aiohttp3 && cell.way == Way::Upgrade {
        cases.push(Case::new("it offers an upgrade that it refuses", false_offer));
    }
    // An upgrade sends packets of its own.
    if cell.peer.is_oxide() && cell.way != Way::Upgrade {
        cases.push(Case::new("its first ping comes at once", first_ping));
    }
    cases
}

async fn sixteen_packets(cell: Cell) {
    let server = cell.start(json!({}));
    for arrives in [true, false] {
        let configure = |builder: EngineIoClientBuilder| {
            if arrives { builder } else { builder.max_packets_per_post(100) }
        };
        let mut talk = cell.open_with(server.url(), configure, |connect| connect).await;
        for at in 0..40 {
            talk.do_send(format!("number {at}"));
        }
        soon("a flush", talk.client.addr.send(Flush)).await.expect("the client lives").expect("a 2xx");
        talk.send("last").await;
        let mut received = 0;
        loop {
            let message = talk.message().await;
            if message.as_text() == Some("last") {
                break;
            }
            assert_eq!(message.as_text(), Some(&*format!("number {received}")));
            received += 1;
        }
        assert_eq!(received == 40, arrives, "{received} arrived");
        talk.disconnect().await;
    }
}

async fn cut_post(cell: Cell) {
    let server = cell.start(json!({ "options": { "maxHttpBufferSize": 8 << 20 } }));
    let mut talk = cell.open(&server).await;
    let text = "x".repeat(4 << 20);
    talk.send(text.as_str()).await;
    let echo = talk.message().await;
    assert!(echo.len() < text.len(), "python-engineio has been mended: treat it as the others");
    talk.disconnect().await;
}

async fn string_code(cell: Cell) {
    let server = cell.start(json!({ "options": { "transports": ["websocket"] } }));
    let err = fails(&server, cell.connect(server.url())).await;
    let ConnectError::Status { status, .. } = &err else { panic!("{err}") };
    assert_eq!((status.status, status.code, status.message.as_deref()), (400, Some(3), Some("Bad request")));
}

async fn false_offer(cell: Cell) {
    let server = cell.start(json!({ "options": { "transports": ["polling"] } }));
    let mut talk = cell.open(&server).await;
    assert_eq!(talk.session.upgrades, [TransportKind::WebSocket]);
    let err = talk.client.upgrade_failed().await;
    let TransportError::Status(status) = &err else { panic!("{err}") };
    assert_eq!(status.status, if cell.peer == Peer::Uvicorn { 403 } else { 400 });
    talk.echoes("still there").await;
    talk.disconnect().await;
}

/// A session whose upgrade fails.
async fn spoilt(cell: Cell, server: &Server, spoil: Spoil) -> (Relay, Talk) {
    let relay = Relay::start(server.port(), spoil).await;
    let talk = cell.open_at(relay.url()).await;
    (relay, talk)
}

async fn destroyed(cell: Cell) {
    let server = cell.start(json!({}));
    let (_relay, mut talk) = spoilt(cell, &server, Spoil::Cut).await;
    let end = talk.ended().await;
    let DisconnectReason::TransportError(TransportError::Status(status)) = &end.reason else {
        panic!("{}", end.reason)
    };
    assert_eq!((status.status, status.code), (400, Some(1)), "{status}");
}

async fn unknown(cell: Cell) {
    let (server, other) = (cell.start(json!({})), cell.start(json!({})));
    let (_relay, mut talk) = spoilt(cell, &server, Spoil::LeadTo(other.port())).await;
    let err = talk.client.upgrade_failed().await;
    let TransportError::Io { kind, .. } = err else { panic!("{err}") };
    assert_eq!(kind, ErrorKind::UnexpectedEof);
    talk.echoes("still there").await;
    talk.disconnect().await;
}

async fn survived(cell: Cell) {
    let server = cell.start(json!({}));
    let (_relay, mut talk) = spoilt(cell, &server, Spoil::Cut).await;
    let err = talk.client.upgrade_failed().await;
    assert!(matches!(err, TransportError::Io { .. }), "{err}");
    talk.echoes("still there").await;
    assert_eq!(talk.transport().await, Some(TransportKind::Polling));
    talk.disconnect().await;
}

async fn first_ping(cell: Cell) {
    let server = cell.start(json!({ "options": { "pingInterval": 25_000 } }));
    let mut talk = cell.settle(&server).await;
    soon("the first pong", async {
        while packets_sent(&talk).await == 0 {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    talk.echoes("all is well").await;
    talk.disconnect().await;
}

async fn packets_sent(talk: &Talk) -> u64 {
    talk.client.addr.send(GetStatus).await.expect("the client lives").counters.packets_sent
}
