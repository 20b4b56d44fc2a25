//! More cases behind proxies, beside those of every server.

use std::time::{Duration, Instant};

use actix_engineio::{ConnectError, DisconnectReason, Event, Reconnect, TransportError, TransportKind};
use actix_rt::time::sleep;
use futures::future::join_all;
use serde_json::json;

use crate::{
    cases::{Case, packets_received},
    peer::Way,
    proxy::{Front, Proxy, Rules},
    server::Server,
    support::Client,
    talk::{Cell, Talk},
};

/// A limit that is shorter than engine.io's default heartbeat.
const IDLE: Rules = Rules { idle: 5, ..Rules::USUAL };
const UNAWARE: Rules = Rules { websocket: false, ..Rules::USUAL };

pub(crate) fn cases(cell: Cell, front: Front) -> Vec<Case> {
    let mut cases = Vec::new();
    // Apache adds no cookie to the answer to a WebSocket handshake.
    if front != Front::Apache || cell.way != Way::WebSocket {
        cases.push(Case::new("cookies lead a client that reconnects to its server", move |cell| {
            reconnecting(cell, front)
        }));
    }
    if cell.way != Way::WebSocket {
        cases.push(Case::new("cookies lead every request of a session to its server", move |cell| {
            sticky(cell, front)
        }));
    }
    if cell.way != Way::Upgrade {
        cases
            .push(Case::new("a session with a heartbeat shorter than its idle limit goes on", move |cell| {
                heartbeat(cell, front)
            }));
        cases.push(Case::new("a heartbeat longer than its idle limit ends the session", move |cell| {
            silence(cell, front)
        }));
    }
    if cell.way == Way::Polling {
        let outlives = move |seconds| move |cell| idle_connections(cell, front, Duration::from_secs(seconds));
        cases.push(Case::new("sessions outlive the ends of idle connections", outlives(6)));
        cases.push(Case::slow("sessions outlive the ends of idle connections for a minute", outlives(60)));
    }
    if front == Front::Nginx {
        match cell.way {
            Way::Polling => {}
            Way::WebSocket => {
                cases.push(Case::new("without its headers for websocket the connect fails", unaware_connect));
            }
            Way::Upgrade => {
                cases.push(Case::new(
                    "without its headers for websocket the session stays on polling",
                    unaware,
                ));
            }
        }
    }
    cases
}

/// Two servers behind one proxy.
fn two(cell: Cell, front: Front) -> (Vec<Server>, Proxy) {
    let servers = ["one", "the other"].map(|name| cell.peer.start(json!({ "name": name })));
    let proxy = front.start(&[servers[0].port(), servers[1].port()], Rules::USUAL);
    (Vec::from(servers), proxy)
}

async fn name(talk: &mut Talk) -> String {
    talk.send("/name").await;
    talk.message().await.as_text().expect("text").to_owned()
}

async fn sticky(cell: Cell, front: Front) {
    let (_servers, proxy) = two(cell, front);
    for _ in 0..4 {
        let mut talk = cell.open_at(proxy.url()).await;
        let first = name(&mut talk).await;
        talk.settle().await;
        for _ in 0..4 {
            assert_eq!(name(&mut talk).await, first);
        }
        talk.disconnect().await;
    }
}

async fn reconnecting(cell: Cell, front: Front) {
    let (_servers, proxy) = two(cell, front);
    let policy = Reconnect::exponential().initial_delay(Duration::from_millis(10));
    let mut talk = cell.open_with(proxy.url(), |builder| builder.reconnect(policy), |connect| connect).await;
    let first = name(&mut talk).await;
    for _ in 0..4 {
        talk.settle().await;
        talk.send("/close").await;
        while !matches!(talk.client.next().await, Event::Connected(_)) {}
        talk.is_upgraded = false;
        assert_eq!(name(&mut talk).await, first);
    }
}

async fn heartbeat(cell: Cell, front: Front) {
    let server = cell.peer.start(json!({ "options": { "pingInterval": 2000 } }));
    let proxy = front.start(&[server.port()], IDLE);
    let mut talk = cell.open_at(proxy.url()).await;
    let before = packets_received(&talk).await;
    // Until it has been idle, except for pings, for longer than the limit.
    sleep(Duration::from_secs(IDLE.idle + 1)).await;
    assert!(packets_received(&talk).await >= before + 2);
    talk.echoes("still there").await;
    talk.disconnect().await;
}

/// A proxy that ends idle connections just when a pong or a message is due.
async fn idle_connections(cell: Cell, front: Front, time: Duration) {
    let keep_alive = if front == Front::HaProxy { 500 } else { 1000 };
    let server = cell.peer.start(json!({ "options": { "pingInterval": keep_alive, "pingTimeout": 5000 } }));
    let proxy = front.start(&[server.port()], Rules { keep_alive, ..Rules::USUAL });
    let session = async |at: u64| {
        let mut talk = cell.open_at(proxy.url()).await;
        let start = Instant::now();
        while start.elapsed() < time {
            // Half of the sessions only answer pings.
            match at % 2 {
                0 => sleep(time).await,
                _ => sleep(Duration::from_millis(keep_alive - 10 + 3 * at)).await,
            }
            talk.echoes("still there").await;
        }
        talk
    };
    for talk in join_all((0..8).map(session)).await {
        talk.client.disconnect().await;
    }
}

async fn silence(cell: Cell, front: Front) {
    let server = cell.peer.start(json!({}));
    let proxy = front.start(&[server.port()], IDLE);
    let mut talk = cell.open_at(proxy.url()).await;
    match (&talk.ended().await.reason, cell.way) {
        (DisconnectReason::TransportError(TransportError::Status(status)), Way::Polling) => {
            assert_eq!(status.status, if front == Front::Apache { 502 } else { 504 });
        }
        // Neither sends anything to a WebSocket.
        (DisconnectReason::TransportError(TransportError::Io { .. }), Way::WebSocket) => {}
        (reason, _) => panic!("{reason}"),
    }
}

async fn unaware_connect(cell: Cell) {
    let server = cell.peer.start(json!({}));
    let proxy = Front::Nginx.start(&[server.port()], UNAWARE);
    let err = Client::to(proxy.url(), |builder| builder).fails_with(cell.connect(proxy.url())).await;
    let ConnectError::Status { status, .. } = &err else { panic!("{err}") };
    assert_eq!((status.status, status.code), (400, Some(3)));
}

async fn unaware(cell: Cell) {
    let server = cell.peer.start(json!({}));
    let proxy = Front::Nginx.start(&[server.port()], UNAWARE);
    let mut talk = cell.open_at(proxy.url()).await;
    let err = talk.client.upgrade_failed().await;
    let TransportError::Status(status) = &err else { panic!("{err}") };
    assert_eq!(status.status, 400);
    talk.echoes("still there").await;
    talk.echoes((0..=255).collect::<Vec<u8>>()).await;
    assert_eq!(talk.transport().await, Some(TransportKind::Polling));
    talk.disconnect().await;
}
