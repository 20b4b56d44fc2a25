//! The two versions of the protocol: who speaks which, and how a client of either finds out.

use std::time::Duration;

use actix_engineio::{
    ConnectError, DisconnectReason, Event, Protocol, ProtocolVersion, Reconnect, TransportKind,
};
use serde_json::json;

use crate::{
    cases::{Case, fails},
    peer::{Peer, Way},
    talk::Cell,
};

pub(crate) fn cases(cell: Cell) -> Vec<Case> {
    let mut cases = Vec::new();
    // python-engineio 3 looks at the version.
    if cell.way != Way::WebSocket || cell.peer == Peer::Aiohttp3 {
        cases.push(Case::new("a client of either protocol finds out which one the server speaks", either));
        let is_alone = matches!(cell.peer, Peer::EngineIo6 | Peer::EngineIo5) || cell.peer.is_python();
        if cell.peer.speaks_only_3() || is_alone {
            cases.push(Case::new("a client of the other protocol is an error that says so", mismatch));
        }
    } else if cell.peer == Peer::EngineIo3 {
        cases.push(Case::new(
            "a client of either protocol finds out by the ping that is missing",
            missing_ping,
        ));
    }
    cases
}

/// The version that a client of either speaks with the server.
fn found(peer: Peer) -> ProtocolVersion {
    if peer.speaks_only_3() { ProtocolVersion::V3 } else { ProtocolVersion::V4 }
}

async fn either(cell: Cell) {
    let server = cell.start(json!({}));
    let amend = |connect: actix_engineio::Connect| connect.protocol(Protocol::Any);
    let mut talk = cell.open_with(server.url(), |builder| builder, amend).await;
    assert_eq!(talk.session.protocol, found(cell.peer));
    talk.settle().await;
    talk.echoes("x£€😀").await;
    talk.echoes(vec![0, 4, 255]).await;
    talk.disconnect().await;
}

async fn mismatch(cell: Cell) {
    let server = cell.start(json!({}));
    let version = found(cell.peer);
    let other = match version {
        ProtocolVersion::V3 => Protocol::V4,
        _ => Protocol::V3,
    };
    let err = fails(&server, cell.connect(server.url()).protocol(other)).await;
    let ConnectError::UnsupportedProtocol { server, .. } = &err else { panic!("{err}") };
    assert_eq!(*server, Some(version), "{err}");
}

async fn missing_ping(cell: Cell) {
    let interval = u64::try_from(cell.peer.shortest_interval().as_millis()).expect("it is short");
    let server = cell.start(json!({ "options": { "pingInterval": interval, "pingTimeout": 400 } }));
    let policy = Reconnect::constant(Duration::from_millis(10));
    let amend = |connect: actix_engineio::Connect| connect.protocol(Protocol::Any);
    let mut talk = cell.open_with(server.url(), |builder| builder.reconnect(policy), amend).await;
    assert_eq!(talk.session.protocol, ProtocolVersion::V4, "the server does not look at the version");
    let Event::Disconnected(end) = talk.client.next().await else { panic!("no end") };
    // Both sides wait equally long for the other's ping.
    let is_close = matches!(end.reason, DisconnectReason::Server | DisconnectReason::TransportClose { .. });
    assert!(end.reason == DisconnectReason::NoPing || is_close, "{}", end.reason);
    let Event::Reconnecting(_) = talk.client.next().await else { panic!("no other attempt") };
    let Event::Connected(session) = talk.client.next().await else { panic!("no other session") };
    assert_eq!((session.protocol, session.transport), (ProtocolVersion::V3, TransportKind::WebSocket));
    talk.echoes(vec![0, 4, 255]).await;
    // It outlives several pings.
    actix_rt::time::sleep(5 * cell.peer.shortest_interval()).await;
    talk.echoes("still there").await;
    talk.disconnect().await;
}
