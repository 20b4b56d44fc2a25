//! Clients that connect again and again, behind a front that fails in every way that goes over.
//!
//! `SOAK_SECONDS` sets for how long (6), and `SOAK_SEED` the order of the failures. At the end every client is connected,
//! and every message has arrived once or is in doubt.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "../../examples/embedded/mod.rs"]
mod embedded;
mod front;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    env,
    ops::AddAssign,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix::Addr;
use actix_engineio::{
    self as engineio, Confirm, Connect, Data, Disconnect, DisconnectReason, EngineIoClient, Event,
    EventStream, GetStatus, Reconnect, TransportKind,
};
use actix_rt::time::{Instant, sleep, timeout};
use bytes::Bytes;
use embedded::EmbeddedServer;
use engineioxide::{Socket, Str, config::EngineIoConfig, handler::EngineIoHandler};
use front::{Fault, Front, Tls};
use futures::{StreamExt as _, future::join_all};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

/// How long a client may be without a session once the front passes everything on. It only bounds hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the server of one client knows.
#[derive(Debug, Default)]
struct Ledger {
    /// The numbers that each session received, in order.
    received: Mutex<HashMap<String, Vec<usize>>>,
    /// The number of messages that have arrived.
    messages: AtomicUsize,
}

impl Ledger {
    /// The numbers that arrived, each as often as it did.
    fn arrived(&self) -> Vec<usize> {
        self.received.lock().unwrap().values().flatten().copied().collect()
    }
}

/// Counts from zero in each session, and records what it receives.
#[derive(Debug)]
struct Counter(Arc<Ledger>);

impl EngineIoHandler for Counter {
    type Data = ();

    fn on_connect(self: Arc<Self>, socket: Arc<Socket<()>>) {
        tokio::spawn(async move {
            let mut number = 0;
            while socket.emit(number.to_string()).is_ok() {
                number += 1;
                tokio::time::sleep(Duration::from_millis(number % 20)).await;
            }
        });
    }

    fn on_disconnect(&self, _: Arc<Socket<()>>, _: engineioxide::DisconnectReason) {}

    fn on_message(self: &Arc<Self>, text: Str, socket: Arc<Socket<()>>) {
        let number = text.parse().unwrap();
        self.0.received.lock().unwrap().entry(socket.id.to_string()).or_default().push(number);
        self.0.messages.fetch_add(1, Ordering::SeqCst);
    }

    fn on_binary(self: &Arc<Self>, _: Bytes, _: Arc<Socket<()>>) {}
}

/// How the messages of a client ended, and how often it connected.
#[derive(Debug, Default)]
struct Count {
    sessions: usize,
    attempts: usize,
    accepted: usize,
    arrived: usize,
    confirmed: usize,
    in_doubt: usize,
    received: usize,
    /// The longest time without a session.
    longest: Duration,
    shown: BTreeMap<Fault, usize>,
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.sessions += other.sessions;
        self.attempts += other.attempts;
        self.accepted += other.accepted;
        self.arrived += other.arrived;
        self.confirmed += other.confirmed;
        self.in_doubt += other.in_doubt;
        self.received += other.received;
        self.longest = self.longest.max(other.longest);
        for (fault, count) in other.shown {
            *self.shown.entry(fault).or_default() += count;
        }
    }
}

/// What a client has sent.
#[derive(Default)]
struct Sent {
    accepted: usize,
    /// The numbers that a `Confirm` in the same session proved to have arrived.
    confirmed: Vec<usize>,
}

/// The id of the session that is open.
async fn sid(client: &Addr<EngineIoClient>) -> Option<String> {
    client.send(GetStatus).await.unwrap().session.map(|session| session.sid.to_string())
}

/// Sends numbers until `ends`.
async fn sends(client: Addr<EngineIoClient>, ends: Arc<AtomicBool>, mut random: StdRng) -> Sent {
    let mut sent = Sent::default();
    while !ends.load(Ordering::SeqCst) {
        let before = sid(&client).await;
        let first = sent.accepted;
        for _ in 0..random.random_range(1..8) {
            client.send(engineio::Send::text(sent.accepted.to_string())).await.unwrap().unwrap();
            sent.accepted += 1;
            sleep(Duration::from_millis(random.random_range(0..20))).await;
        }
        if client.send(Confirm).await.unwrap().is_ok() && before.is_some() && before == sid(&client).await {
            sent.confirmed.extend(first..sent.accepted);
        }
    }
    sent
}

/// The events of a client, and what follows from them.
#[derive(Default)]
struct Seen {
    count: Count,
    in_doubt: Vec<usize>,
    /// The number that the server sends next.
    next: usize,
    lost_at: Option<Instant>,
}

impl Seen {
    /// Takes events up to the end that the application asks for.
    async fn watches(mut self, mut events: EventStream) -> Self {
        loop {
            match events.next().await.expect("the client lives") {
                Event::Connected(_) => {
                    self.count.sessions += 1;
                    self.next = 0;
                    let lost_for = self.lost_at.take().map(|at| at.elapsed()).unwrap_or_default();
                    self.count.longest = self.count.longest.max(lost_for);
                }
                Event::Upgraded(_) | Event::UpgradeFailed(_) => {}
                Event::Reconnecting(_) => self.count.attempts += 1,
                Event::Message(data) => {
                    assert_eq!(number(&data), self.next, "in order, none lost or twice within a session");
                    self.next += 1;
                    self.count.received += 1;
                }
                Event::Disconnected(end) => {
                    self.lost_at = Some(Instant::now());
                    self.in_doubt.extend(end.in_doubt.iter().map(number));
                    assert!(end.unsent.is_empty(), "what was not sent is carried over");
                    if let DisconnectReason::Client(_) = end.reason {
                        return self;
                    }
                }
                // Such as `ReconnectFailed` and `Rejected`.
                event => panic!("{event:?}"),
            }
        }
    }
}

fn number(data: &Data) -> usize {
    data.as_text().unwrap().parse().unwrap()
}

/// One client with a front and a server of its own.
async fn client(seed: u64, transports: Vec<TransportKind>, tls: Option<Tls>, end: Instant) -> Count {
    let ledger = Arc::new(Ledger::default());
    let config = EngineIoConfig::builder()
        .max_buffer_size(100_000)
        .ping_interval(Duration::from_millis(500))
        .ping_timeout(Duration::from_millis(500))
        .build();
    let server = EmbeddedServer::start(Counter(ledger.clone()), config).unwrap();
    let authority = tls.as_ref().map(|tls| tls.authority.clone());
    let mut front = Front::start(server.addr(), tls, seed).await.unwrap();
    let policy = Reconnect::exponential()
        .initial_delay(Duration::from_millis(20))
        .max_delay(Duration::from_millis(300))
        .seed(seed);
    let mut builder = EngineIoClient::builder()
        .transports(transports)
        .request_timeout(Duration::from_secs(1))
        .upgrade_timeout(Duration::from_secs(1))
        .reconnect(policy)
        .keep_unsent(true)
        // Without it, what was written to a WebSocket and lost with it would be nowhere to be found.
        .confirm_sends(64 << 10);
    if let Some(authority) = authority {
        builder = builder.root_certificates(authority.as_bytes());
    }
    let client = builder.start();
    let seen = Seen::default().watches(EventStream::subscribe(&client).await.unwrap());
    let seen = actix_rt::spawn(seen);
    let connected = client.send(Connect::new(front.url()));
    let connected = async { drop(connected.await.unwrap().expect("a session")) };
    front.serves(connected).await.unwrap();
    let stops = Arc::new(AtomicBool::new(false));
    let random = StdRng::seed_from_u64(seed);
    let sending = actix_rt::spawn(sends(client.clone(), stops.clone(), random));

    let mut random = StdRng::seed_from_u64(!seed);
    while Instant::now() < end {
        let time = Duration::from_millis(random.random_range(0..500));
        let messages = ledger.messages.load(Ordering::SeqCst);
        let served = async {
            // A session may survive a failure that is short.
            while ledger.messages.load(Ordering::SeqCst) == messages {
                sleep(Duration::from_millis(5)).await;
            }
            sleep(time).await;
        };
        timeout(PATIENCE, front.serves(served)).await.expect("a message arrives").unwrap();
        front.fails().await.unwrap();
    }
    let finish = async {
        stops.store(true, Ordering::SeqCst);
        let sent = sending.await.unwrap();
        while client.send(Confirm).await.unwrap().is_err() {
            sleep(Duration::from_millis(10)).await;
        }
        client.send(Disconnect::new()).await.unwrap();
        (sent, seen.await.unwrap())
    };
    let outcome = tokio::select! {
        outcome = timeout(PATIENCE, finish) => outcome.expect("connected at the end"),
        outcome = front.serves(std::future::pending()) => panic!("{outcome:?}"),
    };
    drop(server);
    account(&ledger, outcome, front.shown)
}

/// Checks that every message arrived once or is in doubt.
fn account(ledger: &Ledger, (sent, seen): (Sent, Seen), shown: BTreeMap<Fault, usize>) -> Count {
    for session in ledger.received.lock().unwrap().values() {
        assert!(session.is_sorted(), "in order: {session:?}");
    }
    let all = ledger.arrived();
    let arrived: HashSet<_> = all.iter().copied().collect();
    assert_eq!(all.len(), arrived.len(), "none arrives twice");
    assert!(arrived.iter().all(|number| *number < sent.accepted));
    assert!(sent.confirmed.iter().all(|number| arrived.contains(number)), "what is confirmed has arrived");
    let doubtful: HashSet<_> = seen.in_doubt.iter().copied().collect();
    assert!(sent.confirmed.iter().all(|number| !doubtful.contains(number)), "a confirmed message in doubt");
    let missing: Vec<_> = (0..sent.accepted).filter(|number| !arrived.contains(number)).collect();
    let lost: Vec<_> = missing.iter().filter(|number| !doubtful.contains(number)).collect();
    assert!(lost.is_empty(), "neither arrived nor in doubt: {lost:?}");
    Count {
        accepted: sent.accepted,
        arrived: arrived.len(),
        confirmed: sent.confirmed.len(),
        in_doubt: missing.len(),
        shown,
        ..seen.count
    }
}

#[actix::test]
async fn a_client_survives_every_failure_that_goes_over() {
    let setting = |name: &str, default: u64| env::var(name).map_or(default, |value| value.parse().unwrap());
    let (seconds, seed) = (setting("SOAK_SECONDS", 6), setting("SOAK_SEED", 1));
    let end = Instant::now() + Duration::from_secs(seconds);
    let (polling, websocket) = (TransportKind::Polling, TransportKind::WebSocket);
    let transports = [vec![polling], vec![websocket], vec![polling, websocket]];
    let plain = transports.iter().map(|transports| (transports.clone(), None));
    let secure = transports.iter().map(|transports| (transports.clone(), Some(Tls::new())));
    let clients = plain.chain(secure).zip(seed..);
    let counts = clients.map(|((transports, tls), seed)| {
        let name = format!("{transports:?}, TLS {}", tls.is_some());
        let client = actix_rt::spawn(client(seed, transports, tls, end));
        async move {
            let count = client.await.unwrap_or_else(|err| panic!("{name}, SOAK_SEED={seed}: {err}"));
            println!("{name}: {count:?}");
            count
        }
    });
    let mut total = Count::default();
    for count in join_all(counts).await {
        total += count;
    }
    println!("{seconds} s: {total:?}");
    assert!(total.sessions > 6 && total.attempts >= total.sessions - 6, "sessions were lost: {total:?}");
}
