//! Five hundred sessions through a network that fails: everything arrives once and in order, or is accounted for.
//!
//! `CHAOS_SESSIONS` sets how many, and `CHAOS_SEED` which ones; a failure names its seed.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "support/chaos.rs"]
mod chaos;
#[path = "../examples/embedded/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod embedded;

use std::{
    collections::HashSet,
    env,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix_engineio::{
    self as engineio, Connect, Data, Disconnect, Disconnected, EngineIoClient, Event, EventStream, Protocol,
    SendAll, TransportKind,
};
use actix_rt::time::{sleep, timeout};
use bytes::Bytes;
use embedded::EmbeddedServer;
use engineioxide::{Socket, Str, config::EngineIoConfig, handler::EngineIoHandler};
use futures::{StreamExt as _, stream};

/// Messages each way in a session.
const MESSAGES: usize = 120;

/// The numbers that the server received in the sessions of one client.
type Received = Arc<Mutex<Vec<usize>>>;

/// Sends numbers to each client, and records what it receives.
#[derive(Debug)]
struct Counter(Received);

impl EngineIoHandler for Counter {
    type Data = ();

    fn on_connect(self: Arc<Self>, socket: Arc<Socket<()>>) {
        tokio::spawn(async move {
            for at in 0..MESSAGES {
                // The session may have ended.
                if socket.emit(filled(at)).is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_micros(300)).await;
            }
        });
    }

    fn on_disconnect(&self, _: Arc<Socket<()>>, _: engineioxide::DisconnectReason) {}

    fn on_message(self: &Arc<Self>, text: Str, _: Arc<Socket<()>>) {
        self.0.lock().unwrap().push(number(&text));
    }

    fn on_binary(self: &Arc<Self>, _: Bytes, _: Arc<Socket<()>>) {}
}

/// Message `at`: its number, and bytes that make it longer.
fn filled(at: usize) -> String {
    format!("{at}:{}", "x".repeat(at * 7 % 400))
}

fn number(text: &str) -> usize {
    text.split(':').next().unwrap().parse().unwrap()
}

fn numbers(datas: &[Data]) -> Vec<usize> {
    datas.iter().map(|data| number(data.as_text().unwrap())).collect()
}

/// How the messages of all sessions ended.
#[derive(Debug, Default, Clone, Copy)]
struct Count {
    refused: usize,
    whole: usize,
    ended: usize,
    accepted: usize,
    arrived: usize,
    unsent: usize,
    in_doubt: usize,
    written: usize,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.refused += other.refused;
        self.whole += other.whole;
        self.ended += other.ended;
        self.accepted += other.accepted;
        self.arrived += other.arrived;
        self.unsent += other.unsent;
        self.in_doubt += other.in_doubt;
        self.written += other.written;
    }
}

async fn session(seed: u64) -> Count {
    let at_server = Received::default();
    let config = EngineIoConfig::builder()
        .max_buffer_size(100_000)
        .ping_interval(Duration::from_millis(300))
        .ping_timeout(Duration::from_millis(300))
        .build();
    let server = EmbeddedServer::start(Counter(at_server.clone()), config).unwrap();
    let addr = server.url().strip_prefix("http://").unwrap().parse().unwrap();
    let proxy = chaos::proxy(addr, seed).await.unwrap();
    let transports = match seed % 3 {
        0 => vec![TransportKind::Polling],
        1 => vec![TransportKind::WebSocket],
        _ => vec![TransportKind::Polling, TransportKind::WebSocket],
    };
    // Some clients speak version 3. Some retain what is not confirmed, and some send three messages as one.
    let retains = seed / 3 % 2 == 1;
    let group = if seed / 6 % 2 == 1 { 3 } else { 1 };
    let protocol = if seed / 12 % 2 == 1 { Protocol::V3 } else { Protocol::V4 };
    let builder = EngineIoClient::builder()
        .protocol(protocol)
        .transports(transports)
        .request_timeout(Duration::from_millis(800))
        .upgrade_timeout(Duration::from_millis(800))
        .close_timeout(Duration::from_millis(800));
    let client = if retains { builder.confirm_sends(2_000) } else { builder }.start();
    let mut events = EventStream::subscribe(&client).await.unwrap();
    let mut count = Count::default();
    if client.send(Connect::new(format!("http://{proxy}"))).await.unwrap().is_err() {
        count.refused = 1;
        assert!(timeout(Duration::from_millis(1), events.next()).await.is_err(), "no event of no session");
        return count;
    }

    let sending = actix_rt::spawn({
        let client = client.clone();
        async move {
            let mut accepted = 0;
            while accepted < MESSAGES {
                let next = (accepted + group).min(MESSAGES);
                let sent = match group {
                    1 => client.send(engineio::Send::text(filled(accepted))).await.unwrap().is_ok(),
                    _ => client.send(SendAll::new((accepted..next).map(filled))).await.unwrap().is_ok(),
                };
                if !sent {
                    break;
                }
                accepted = next;
                sleep(Duration::from_micros(300)).await;
            }
            accepted
        }
    });
    assert!(matches!(events.next().await, Some(Event::Connected(_))));
    let mut received = 0;
    let mut websocket = seed % 3 == 1;
    let mut end: Option<Arc<Disconnected>> = None;
    let mut is_closing = false;
    while end.is_none() {
        let whole =
            received == MESSAGES && sending.is_finished() && at_server.lock().unwrap().len() == MESSAGES;
        if whole && !is_closing {
            is_closing = true;
            count.whole = 1;
            client.do_send(Disconnect::new());
        }
        match timeout(Duration::from_millis(20), events.next()).await {
            // No event: check again whether everything has arrived.
            Err(_) => {}
            Ok(event) => match event.expect("the client lives") {
                Event::Message(data) => {
                    assert_eq!(number(data.as_text().unwrap()), received, "in order, none lost or doubled");
                    received += 1;
                }
                Event::Upgraded(_) => websocket = true,
                Event::UpgradeFailed(_) => {}
                Event::Disconnected(ended) => end = Some(ended),
                event => panic!("{event:?}"),
            },
        }
    }
    let end = end.unwrap();
    count.ended = 1 - count.whole;
    count.accepted = sending.await.unwrap();
    // Long enough for what is under way in the proxy or in the server to arrive.
    sleep(Duration::from_millis(50)).await;
    assert!(timeout(Duration::from_millis(1), events.next()).await.is_err(), "nothing after Disconnected");

    let arrived = at_server.lock().unwrap().clone();
    assert!(arrived.is_sorted_by(|a, b| a < b), "in order and once: {arrived:?}");
    let (unsent, in_doubt) = (numbers(&end.unsent), numbers(&end.in_doubt));
    let known = arrived.iter().chain(&unsent).chain(&in_doubt).copied().collect::<HashSet<_>>();
    assert!(unsent.iter().all(|at| !arrived.contains(at)), "what is unsent has not arrived");
    count.arrived = arrived.len();
    count.unsent = unsent.len();
    count.in_doubt = in_doubt.iter().filter(|at| !arrived.contains(at)).count();
    count.written = (0..count.accepted).filter(|at| !known.contains(at)).count();
    assert!(known.iter().all(|at| *at < count.accepted), "nothing that was not accepted");
    let is_acknowledged = retains || !websocket;
    assert!(!is_acknowledged || count.written == 0, "every message is accounted for");
    for first in (0..count.accepted).step_by(group) {
        let members = (first..count.accepted.min(first + group)).collect::<Vec<_>>();
        for list in [&unsent, &in_doubt] {
            let has = members.iter().filter(|at| list.contains(at)).count();
            assert!(has == 0 || has == members.len(), "{members:?} are in one list");
        }
    }
    count
}

#[actix::test]
async fn every_message_of_every_session_arrives_once_or_is_accounted_for() {
    let setting = |name: &str, default: u64| env::var(name).map_or(default, |value| value.parse().unwrap());
    let (first, sessions) = (setting("CHAOS_SEED", 1), setting("CHAOS_SESSIONS", 500));
    let mut total = Count::default();
    let mut counts = stream::iter(first..first + sessions)
        .map(|seed| async move {
            let session = actix_rt::spawn(session(seed));
            let outcome = timeout(Duration::from_secs(300), session).await;
            outcome
                .unwrap_or_else(|_| panic!("CHAOS_SEED={seed} CHAOS_SESSIONS=1 hangs"))
                .unwrap_or_else(|err| panic!("CHAOS_SEED={seed} CHAOS_SESSIONS=1 fails: {err}"))
        })
        .buffer_unordered(8);
    while let Some(count) = counts.next().await {
        total.add(count);
    }
    println!("{total:?}");
    assert_eq!(total.arrived + total.unsent + total.in_doubt + total.written, total.accepted);
    assert!(total.whole > 0 && total.ended > 0, "some live and some do not: {total:?}");
}
