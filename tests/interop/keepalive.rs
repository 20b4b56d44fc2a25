//! Pings of the client's own must not end a session whose server is only busy, or whose subscriber is only slow.

use std::{
    env,
    time::{Duration, Instant},
};

use actix_engineio::{EventStream, GetStatus, TransportKind, WebSocketPing};
use actix_rt::time::sleep;
use futures::{StreamExt as _, future::join};
use serde_json::json;

use crate::{
    cases::Case,
    peer::Way,
    support::soon,
    talk::{Cell, Talk},
};

const LIMIT: Duration = Duration::from_secs(5);

pub(crate) fn cases(cell: Cell) -> Vec<Case> {
    match cell.way {
        Way::WebSocket => vec![Case::slow("pings of the client raise no false alarm", no_false_alarm)],
        Way::Polling | Way::Upgrade => Vec::new(),
    }
}

/// Bursts of messages, silence that is longer than the interval, and a subscriber that sleeps, by turns. The environment
/// variable `KEEPALIVE_SECONDS` sets how long this lasts.
async fn no_false_alarm(cell: Cell) {
    let seconds = env::var("KEEPALIVE_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(30);
    let server = cell.start(json!({}));
    let ping = WebSocketPing::every(LIMIT).timeout(LIMIT);
    let configure = |builder: actix_engineio::EngineIoClientBuilder| {
        builder.websocket_ping(ping).receive_buffer(16 << 10)
    };
    let mut talk = cell.open_with(server.url(), configure, |connect| connect).await;
    let mut slow = EventStream::subscribe(&talk.client.addr).await.expect("the client lives");
    // `Connected`, which a subscriber that comes during the session gets first.
    slow.next().await.expect("the client lives");
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(seconds) {
        // More than fits into the buffers, so that reading stops while the subscriber sleeps.
        let burst = 200;
        for number in 0..burst {
            talk.do_send(format!("{number} {}", "x".repeat(1000)));
        }
        sleep(2 * LIMIT).await;
        read_all(&mut slow, &mut talk, burst).await;
        // Only pings cross the connection now.
        sleep(3 * LIMIT).await;
        talk.echoes("still there").await;
        slow.next().await.expect("the client lives");
    }
    let status = soon("GetStatus", talk.client.addr.send(GetStatus)).await.expect("the client lives");
    assert_eq!(status.session.map(|session| session.sid.clone()), Some(talk.session.sid.clone()));
    assert_eq!((status.transport, status.reconnects), (Some(TransportKind::WebSocket), 0));
    drop(slow);
    talk.disconnect().await;
}

async fn read_all(slow: &mut EventStream, talk: &mut Talk, messages: usize) {
    for _ in 0..messages {
        let (_, event) = join(talk.message(), slow.next()).await;
        event.expect("the client lives");
    }
}
