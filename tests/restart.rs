//! A server that is killed and comes back, again and again, while messages flow both ways.
//!
//! `RESTARTS` sets how often (20). The number of sockets must not grow.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "../examples/embedded/mod.rs"]
mod embedded;

use std::{
    collections::HashSet,
    env, fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_engineio::{
    self as engineio, Connect, Data, Disconnect, EngineIoClient, Event, EventStream, Reconnect,
};
use actix_rt::time::{Instant, sleep, timeout};
use bytes::Bytes;
use embedded::{EmbeddedServer, config};
use engineioxide::{Socket, Str, handler::EngineIoHandler};
use futures::StreamExt as _;

/// The longest delay of the policy, and what a connect may take on a busy machine.
const MAX_DELAY: Duration = Duration::from_millis(200);
const BOUND: Duration = Duration::from_secs(60);

/// What all incarnations of the server share.
#[derive(Debug, Default)]
struct Ledger {
    /// The numbers that were received, in order.
    received: Mutex<Vec<usize>>,
    /// The next number to send.
    next: AtomicUsize,
}

#[derive(Debug)]
struct Incarnation(Arc<Ledger>);

impl EngineIoHandler for Incarnation {
    type Data = ();

    fn on_connect(self: Arc<Self>, socket: Arc<Socket<()>>) {
        tokio::spawn(async move {
            loop {
                if socket.emit(self.0.next.fetch_add(1, Ordering::SeqCst).to_string()).is_err() {
                    break;
                }
                tokio::time::sleep(Duration::from_micros(500)).await;
            }
        });
    }

    fn on_disconnect(&self, _: Arc<Socket<()>>, _: engineioxide::DisconnectReason) {}

    fn on_message(self: &Arc<Self>, text: Str, _: Arc<Socket<()>>) {
        self.0.received.lock().unwrap().push(text.parse().unwrap());
    }

    fn on_binary(self: &Arc<Self>, _: Bytes, _: Arc<Socket<()>>) {}
}

fn numbers(datas: &[Data]) -> Vec<usize> {
    datas.iter().map(|data| data.as_text().unwrap().parse().unwrap()).collect()
}

/// `VmRSS` in KiB, and open sockets (the runtimes of killed servers keep other files open). Zeros, except on
/// Linux.
fn usage() -> (usize, usize) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    let is_socket = |fd: &fs::DirEntry| {
        fs::read_link(fd.path()).is_ok_and(|link| link.to_string_lossy().starts_with("socket:"))
    };
    let files = fs::read_dir("/proc/self/fd").map_or(0, |fds| fds.flatten().filter(is_socket).count());
    (line.split_whitespace().next().unwrap().parse().unwrap(), files)
}

#[actix::test]
async fn every_message_is_accounted_for_when_a_server_is_killed_and_restarted() {
    let restarts = env::var("RESTARTS").map_or(20, |count| count.parse::<usize>().unwrap());
    let ledger = Arc::new(Ledger::default());
    let mut server = EmbeddedServer::start(Incarnation(ledger.clone()), config()).unwrap();
    let addr = server.addr();
    let policy = Reconnect::exponential().initial_delay(Duration::from_millis(20)).max_delay(MAX_DELAY);
    let client = EngineIoClient::builder().reconnect(policy).keep_unsent(true).start();
    let mut events = EventStream::subscribe(&client).await.unwrap();
    client.send(Connect::new(server.url())).await.unwrap().unwrap();

    let sending = actix_rt::spawn({
        let client = client.clone();
        async move {
            let mut accepted = 0;
            while client.send(engineio::Send::text(accepted.to_string())).await.unwrap().is_ok() {
                accepted += 1;
                sleep(Duration::from_micros(300)).await;
            }
            accepted
        }
    });

    let (mut in_doubt, mut unsent) = (Vec::new(), Vec::new());
    let (mut received, mut last) = (0_usize, None);
    let (mut connected, mut lost_at) = (0, None::<Instant>);
    let mut longest = Duration::ZERO;
    let mut kills = 0;
    let mut early = None;
    let mut next_kill = Instant::now() + Duration::from_millis(100);
    let mut ended = false;
    while !ended {
        if kills < restarts && lost_at.is_none() && Instant::now() >= next_kill {
            kills += 1;
            drop(server);
            server = EmbeddedServer::start_at(addr, Incarnation(ledger.clone()), config()).unwrap();
            next_kill = Instant::now() + Duration::from_millis(100);
            if kills == restarts / 4 {
                early = Some(usage());
            }
        } else if kills == restarts && lost_at.is_none() && Instant::now() >= next_kill {
            client.do_send(Disconnect::new());
            next_kill += Duration::from_secs(3600);
        }
        let Ok(event) = timeout(Duration::from_millis(20), events.next()).await else { continue };
        match event.unwrap() {
            Event::Connected(_) => {
                connected += 1;
                if let Some(lost_at) = lost_at.take() {
                    longest = longest.max(lost_at.elapsed());
                }
            }
            Event::Message(data) => {
                let number = data.as_text().unwrap().parse::<usize>().unwrap();
                assert!(last.is_none_or(|last| number > last), "{number} after {last:?}");
                last = Some(number);
                received += 1;
            }
            Event::Disconnected(end) => {
                in_doubt.extend(numbers(&end.in_doubt));
                unsent.extend(numbers(&end.unsent));
                ended = matches!(end.reason, engineio::DisconnectReason::Client(_));
                lost_at = Some(Instant::now());
            }
            Event::ReconnectFailed(err) => panic!("gave up: {err}"),
            Event::Rejected(err) => panic!("{err:?}"),
            _ => {}
        }
    }
    let accepted = sending.await.unwrap();
    let end = usage();
    drop(server);

    let arrived = ledger.received.lock().unwrap().clone();
    assert!(arrived.is_sorted_by(|a, b| a < b), "in order, and none twice");
    let known = arrived.iter().chain(&in_doubt).chain(&unsent).copied().collect::<HashSet<_>>();
    assert!(known.iter().all(|number| *number < accepted));
    let doubtful = in_doubt.iter().filter(|number| arrived.binary_search(number).is_err()).count();
    let written = (0..accepted).filter(|number| !known.contains(number)).count();
    println!(
        "{restarts} restarts, {connected} sessions, back after at most {longest:?}; accepted {accepted}: arrived \
         {}, unsent {}, in doubt {doubtful}, written to a WebSocket that was killed {written}; received \
         {received}; memory and sockets {early:?}, then {end:?}",
        arrived.len(),
        unsent.len(),
    );
    assert_eq!(arrived.len() + unsent.len() + doubtful + written, accepted);
    assert!(connected > restarts, "a session after each restart");
    assert!(longest < MAX_DELAY + BOUND);
    if let Some((_, sockets)) = early {
        assert!(end.1 <= sockets + 4, "sockets grew from {sockets} to {}", end.1);
    }
}
