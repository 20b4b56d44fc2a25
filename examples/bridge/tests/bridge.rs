//! The bridge between an Engine.IO server of this test and a real NATS server.
//!
//! `nats-server` has to be installed: `apt install nats-server`.

#[path = "../../embedded/mod.rs"]
#[allow(dead_code, reason = "the examples use the rest")]
mod embedded;

use std::{
    collections::BTreeMap,
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{self, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use async_nats::jetstream::{
    self,
    consumer::{AckPolicy, pull},
};
use bytes::Bytes;
use engineioxide::{
    DisconnectReason, Socket, Str, TransportType, config::EngineIoConfig, handler::EngineIoHandler,
};
use futures_util::StreamExt as _;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::{sleep, timeout},
};

use embedded::EmbeddedServer;

/// Everything that a test waits for happens in a second or so. The limit is for machines under load.
const PATIENCE: Duration = Duration::from_secs(120);

async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let reached = async {
        while !condition() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(timeout(PATIENCE, reached).await.is_ok(), "{what} takes too long");
}

/// A server that sends each session the numbers of its feed, one after the other, as fast as `pause` and the client allow.
/// The numbers of a feed go on from session to session.
#[derive(Clone, Debug)]
struct Counting(Arc<Server>);

#[derive(Debug)]
struct Server {
    pause: Duration,
    padding: usize,
    /// The number of the next message, by feed.
    next: Mutex<BTreeMap<String, u64>>,
    /// How often a message had no room.
    refused: AtomicU64,
    stopped: AtomicBool,
}

impl Counting {
    fn start(pause: Duration, padding: usize) -> (Self, EmbeddedServer) {
        let counting = Self(Arc::new(Server {
            pause,
            padding,
            next: Mutex::default(),
            refused: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        }));
        let config = EngineIoConfig::builder().max_buffer_size(64).build();
        let server = EmbeddedServer::start(counting.clone(), config).expect("a free port");
        (counting, server)
    }

    fn sent(&self, feed: &str) -> u64 {
        self.0.next.lock().unwrap().get(feed).copied().unwrap_or_default()
    }

    async fn count(self, feed: String, socket: Arc<Socket<AtomicBool>>) {
        // engineioxide 0.17 loses a message if an upgrade begins while it does not fit into the answer of a poll.
        while socket.transport_type() != TransportType::Websocket && !socket.data.load(SeqCst) {
            sleep(Duration::from_millis(1)).await;
        }
        while !socket.data.load(SeqCst) && !self.0.stopped.load(SeqCst) {
            let number = self.sent(&feed);
            let padding = "x".repeat(self.0.padding);
            match socket.emit(format!("{feed} {number} {padding}")) {
                Ok(()) => *self.0.next.lock().unwrap().entry(feed.clone()).or_default() = number + 1,
                Err(_) => _ = self.0.refused.fetch_add(1, SeqCst),
            }
            sleep(self.0.pause).await;
        }
    }
}

impl EngineIoHandler for Counting {
    /// The session has ended.
    type Data = AtomicBool;

    fn on_connect(self: Arc<Self>, socket: Arc<Socket<AtomicBool>>) {
        let query = socket.req_parts.uri.query().unwrap_or_default();
        let feed = query.split('&').find_map(|pair| pair.strip_prefix("feed=")).expect("a feed").to_owned();
        tokio::spawn(Self::clone(&self).count(feed, socket));
    }

    fn on_disconnect(&self, socket: Arc<Socket<AtomicBool>>, _: DisconnectReason) {
        socket.data.store(true, SeqCst);
    }

    fn on_message(self: &Arc<Self>, _: Str, _: Arc<Socket<AtomicBool>>) {}

    fn on_binary(self: &Arc<Self>, _: Bytes, _: Arc<Socket<AtomicBool>>) {}
}

/// A folder that is gone when this is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("the target folder can be written to");
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A NATS server with a stream. It ends when this is dropped.
struct Nats {
    url: String,
    process: Child,
    _folder: Folder,
}

impl Nats {
    async fn start(name: &str) -> Self {
        let path = env::var("PATH").unwrap_or_default() + ":/usr/sbin";
        // Another process may take the port that was free.
        for _ in 0..5 {
            let folder = Folder::new(name);
            let port =
                TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
            let mut command = Command::new("nats-server");
            command.env("PATH", &path).args(["-js", "-a", "127.0.0.1", "-p", &port.to_string(), "-sd"]);
            command.arg(&folder.0).kill_on_drop(true).stderr(Stdio::null());
            let mut process = command.spawn().expect("nats-server: apt install nats-server");
            let url = format!("nats://127.0.0.1:{port}");
            while process.try_wait().expect("its state can be asked for").is_none() {
                if async_nats::connect(&url).await.is_ok() {
                    return Self { url, process, _folder: folder };
                }
                sleep(Duration::from_millis(50)).await;
            }
        }
        panic!("nats-server does not start");
    }

    /// Sends a signal such as `STOP`.
    fn signal(&self, signal: &str) {
        send_signal(&self.process, signal);
    }

    /// Every message of the stream: its number in the stream, the feed of its subject, and its own number.
    async fn messages(&self) -> BTreeMap<u64, (String, u64)> {
        let context = jetstream::new(async_nats::connect(&self.url).await.expect("NATS runs"));
        let mut stream = context.get_stream("feeds").await.expect("the stream exists");
        let count = stream.info().await.expect("NATS answers").state.messages;
        let config = pull::Config { ack_policy: AckPolicy::None, ..pull::Config::default() };
        let consumer = stream.create_consumer(config).await.expect("a consumer");
        let messages = consumer.messages().await.expect("messages");
        let read = messages.take(usize::try_from(count).unwrap()).map(|message| {
            let message = message.expect("a message");
            let text = String::from_utf8(message.payload.to_vec()).expect("text");
            let mut words = text.split(' ');
            let (feed, number) = (words.next().unwrap(), words.next().unwrap().parse().unwrap());
            assert_eq!(message.subject.as_str(), format!("feeds.{feed}"));
            (message.info().expect("of a stream").stream_sequence, (feed.to_owned(), number))
        });
        timeout(PATIENCE, read.collect()).await.expect("the stream can be read")
    }
}

fn send_signal(process: &Child, signal: &str) {
    let id = process.id().expect("it runs").to_string();
    assert!(process::Command::new("kill").args(["-s", signal, &id]).status().expect("kill").success());
}

/// A running bridge, and what it says that is stored: the number in the stream, by feed.
struct Bridge {
    process: Child,
    stored: Arc<Mutex<BTreeMap<String, Vec<u64>>>>,
}

impl Bridge {
    fn start(nats: &Nats, feeds: &Path, shard: &str, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bridge"));
        command.arg("--feeds").arg(feeds).args(["--nats", &nats.url, "--shard", shard, "--print-stored"]);
        command.args(more).kill_on_drop(true).stdout(Stdio::piped()).env("RUST_LOG", "warn");
        let mut process = command.spawn().expect("it was built");
        let mut lines = BufReader::new(process.stdout.take().expect("it is piped")).lines();
        let stored = Arc::new(Mutex::new(BTreeMap::<_, Vec<_>>::new()));
        let record = stored.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let words: Vec<_> = line.split(' ').collect();
                // The last line of a process that is killed can be cut.
                if let ["stored", feed, sequence] = words[..]
                    && let Ok(sequence) = sequence.parse()
                {
                    record.lock().unwrap().entry(feed.to_owned()).or_default().push(sequence);
                }
            }
        });
        Self { process, stored }
    }

    fn feeds(&self) -> Vec<String> {
        self.stored.lock().unwrap().keys().cloned().collect()
    }

    fn count(&self) -> usize {
        self.stored.lock().unwrap().values().map(Vec::len).sum()
    }

    async fn stores(&self, count: usize) {
        let wanted = self.count() + count;
        until("storing", || self.count() >= wanted).await;
    }

    /// Ends it with SIGTERM. It has stored everything that it has received.
    async fn ends(mut self) -> Arc<Mutex<BTreeMap<String, Vec<u64>>>> {
        send_signal(&self.process, "TERM");
        let status = timeout(PATIENCE, self.process.wait()).await.expect("it ends").expect("it was started");
        assert!(status.success(), "{status}");
        self.stored
    }
}

fn write_feeds(folder: &Folder, server: &EmbeddedServer, count: usize) -> PathBuf {
    let lines = (0..count).map(|number| format!("f{number} {}/?feed=f{number}\n", server.url()));
    let file = folder.0.join("feeds");
    fs::write(&file, lines.collect::<String>()).expect("the target folder can be written to");
    file
}

/// The numbers of each feed, in the order of the stream.
fn by_feed(messages: &BTreeMap<u64, (String, u64)>) -> BTreeMap<&str, Vec<u64>> {
    let mut feeds: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (feed, number) in messages.values() {
        feeds.entry(feed.as_str()).or_default().push(*number);
    }
    feeds
}

#[tokio::test]
async fn a_shard_that_is_killed_has_stored_what_was_acknowledged_and_the_others_go_on() {
    const FEEDS: usize = 20;
    let (counting, server) = Counting::start(Duration::from_millis(2), 100);
    let folder = Folder::new("killed");
    let feeds = write_feeds(&folder, &server, FEEDS);
    let nats = Nats::start("killed-nats").await;
    let survivor = Bridge::start(&nats, &feeds, "1/2", &[]);
    let mut killed = Bridge::start(&nats, &feeds, "2/2", &[]);
    until("all feeds", || survivor.feeds().len() + killed.feeds().len() == FEEDS).await;
    killed.stores(500).await;
    killed.process.kill().await.expect("it runs");
    survivor.stores(500).await;
    let restarted = Bridge::start(&nats, &feeds, "2/2", &[]);
    until("the feeds of the killed shard", || restarted.feeds() == killed.feeds()).await;
    restarted.stores(500).await;
    survivor.stores(100).await;
    let outputs = [survivor.ends().await, killed.stored.clone(), restarted.ends().await];

    let messages = nats.messages().await;
    let stored = outputs.map(|output| output.lock().unwrap().clone());
    for (feed, sequence) in
        stored.iter().flatten().flat_map(|(feed, list)| list.iter().map(move |at| (feed, at)))
    {
        let found = messages.get(sequence).map(|(feed, _)| feed);
        assert_eq!(found, Some(feed), "number {sequence} was acknowledged");
    }
    let numbers = by_feed(&messages);
    assert_eq!(numbers.len(), FEEDS);
    for (feed, numbers) in &numbers {
        assert!(numbers.is_sorted_by(|a, b| a < b), "{feed} is not in order, or has a message twice");
        // The messages while the shard was down are lost, and those that it had not stored.
        let gaps = numbers.windows(2).filter(|pair| pair[0] + 1 != pair[1]).count();
        let allowed = usize::from(stored[1].contains_key(*feed));
        assert!(gaps <= allowed, "{feed} has {gaps} gaps");
        assert!(numbers[0] == 0 && counting.sent(feed) >= numbers.len() as u64);
    }
}

#[tokio::test]
async fn a_nats_server_that_is_suspended_slows_the_feeds_down_and_nothing_is_lost() {
    let (counting, server) = Counting::start(Duration::ZERO, 60_000);
    let folder = Folder::new("suspended");
    let feeds = write_feeds(&folder, &server, 2);
    let nats = Nats::start("suspended-nats").await;
    let bridge = Bridge::start(&nats, &feeds, "1/1", &[]);
    bridge.stores(20).await;
    nats.signal("STOP");
    // The bridge does not read any more, and what the server has queued for it has no room.
    let (mut sent, mut polls) = (0, 0);
    until("back-pressure", || {
        let now = counting.sent("f0") + counting.sent("f1");
        polls = if now == sent { polls + 1 } else { 0 };
        sent = now;
        polls > 50
    })
    .await;
    assert!(counting.0.refused.load(SeqCst) > 0);
    let memory = resident_kilobytes(&bridge.process);
    assert!(memory < 100_000, "{memory} kB");
    nats.signal("CONT");
    bridge.stores(200).await;
    counting.0.stopped.store(true, SeqCst);
    let wanted = ["f0", "f1"].map(|feed| counting.sent(feed)).iter().sum::<u64>();
    until("the rest", || bridge.count() as u64 >= wanted).await;
    bridge.ends().await;
    let messages = nats.messages().await;
    for (feed, numbers) in by_feed(&messages) {
        assert!(numbers.iter().copied().eq(0..counting.sent(feed)), "{feed}: {numbers:?}");
    }
}

fn resident_kilobytes(process: &Child) -> u64 {
    let file = format!("/proc/{}/status", process.id().expect("it runs"));
    let text = fs::read_to_string(file).expect("Linux");
    let line = text.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
}

#[tokio::test]
async fn the_metrics_show_what_is_stored() {
    let (_counting, server) = Counting::start(Duration::from_millis(5), 10);
    let folder = Folder::new("metrics");
    let feeds = write_feeds(&folder, &server, 3);
    let nats = Nats::start("metrics-nats").await;
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    let address = format!("127.0.0.1:{port}");
    let bridge = Bridge::start(&nats, &feeds, "1/1", &["--metrics", &address]);
    until("all feeds", || bridge.feeds().len() == 3).await;
    bridge.stores(20).await;
    let text = tokio::task::spawn_blocking(move || metrics(&address)).await.expect("no panic");
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{text}"));
        line.trim().parse::<f64>().expect("a number")
    };
    assert_eq!(value("bridge_feeds_connected "), 3.0);
    assert!(value("bridge_messages_stored_total ") >= 20.0);
    assert!(value("bridge_messages_received_total ") >= value("bridge_messages_stored_total "));
    bridge.ends().await;
}

fn metrics(address: &str) -> String {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).expect("it listens");
    stream
        .write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .expect("it reads");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers");
    text
}
