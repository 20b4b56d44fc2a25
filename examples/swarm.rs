//! Keeps thousands of clients in one process, and shows how they fare.
//!
//! ```sh
//! cargo run --release --example swarm                                     # against a server of its own
//! cargo run --release --example swarm -- --clients 10000 --arbiters 2 http://localhost:5000
//! ```

use std::{
    env,
    error::Error,
    fs,
    io::{self, IsTerminal, Write},
    pin::pin,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use actix::prelude::*;
use actix_engineio::{Connect, Disconnect, EngineIoClient, Event, GetStatus, TransportKind};
use actix_rt::time::sleep;
use futures_util::{
    StreamExt,
    future::{Either, join_all, select},
    stream,
};
use tokio::signal::ctrl_c;

use crate::embedded::EmbeddedServer;

#[allow(dead_code, reason = "the tests use the rest")]
mod embedded;
mod program;

const USAGE: &str = "\
swarm [OPTIONS] [URL]

    --clients N         number of clients (10,000, or 1,000 against a server of its own)
    --arbiters N        number of threads for them (one for each core)
    --seconds N         how long they stay connected (until Ctrl-C)
    --transport NAME    websocket, polling or upgrade (websocket)

Without a URL it starts a server of its own.";

/// Connects under way at a time.
const AT_ONCE: usize = 64;

struct Options {
    clients: Option<u32>,
    arbiters: usize,
    stay: Option<Duration>,
    transports: Vec<TransportKind>,
    url: Option<String>,
}

impl Options {
    fn parse() -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            clients: None,
            arbiters: thread::available_parallelism().map_or(1, usize::from),
            stay: None,
            transports: vec![TransportKind::WebSocket],
            url: None,
        };
        let mut args = env::args().skip(1);
        while let Some(arg) = args.next() {
            let mut value =
                || args.next().ok_or_else(|| format!("{arg} needs a value; --help lists the options"));
            match arg.as_str() {
                "--clients" => options.clients = Some(value()?.parse()?),
                "--arbiters" => options.arbiters = value()?.parse::<usize>()?.max(1),
                "--seconds" => options.stay = Some(Duration::from_secs(value()?.parse()?)),
                "--transport" => {
                    options.transports = match value()?.as_str() {
                        "upgrade" => vec![TransportKind::Polling, TransportKind::WebSocket],
                        transport => vec![transport.parse()?],
                    };
                }
                url if !url.starts_with('-') => options.url = Some(arg),
                _ => return Err(format!("there is no option {arg}; --help lists the options").into()),
            }
        }
        Ok(options)
    }
}

/// What the whole swarm has seen.
#[derive(Default)]
struct Counters {
    connected: AtomicU32,
    upgraded: AtomicU32,
    messages: AtomicU32,
    disconnected: AtomicU32,
    refused: AtomicU32,
}

/// Hears the events of all clients of its arbiter.
struct Listener(Arc<Counters>);

impl Actor for Listener {
    type Context = Context<Self>;
}

impl Handler<Event> for Listener {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        let counter = match event {
            Event::Connected(_) => &self.0.connected,
            Event::Upgraded(_) => &self.0.upgraded,
            Event::Message(_) => &self.0.messages,
            Event::Disconnected(_) => &self.0.disconnected,
            _ => return,
        };
        counter.fetch_add(1, Relaxed);
    }
}

/// A line that is written over on a terminal; elsewhere a line every now and then.
struct Progress {
    terminal: bool,
    pause: Duration,
    written: Option<Instant>,
}

impl Progress {
    fn new() -> Self {
        let terminal = io::stdout().is_terminal();
        let pause = if terminal { Duration::from_millis(100) } else { Duration::from_secs(10) };
        Self { terminal, pause, written: None }
    }

    fn show(&mut self, line: impl FnOnce() -> String) {
        if self.written.is_some_and(|written| written.elapsed() < self.pause) {
            return;
        }
        self.written = Some(Instant::now());
        if self.terminal {
            print!("\r\x1b[K{}", line());
            // If the terminal is gone, there is nobody to show it to.
            let _ = io::stdout().flush();
        } else {
            println!("{}", line());
        }
    }

    /// The last word on something.
    fn end(&mut self, line: &str) {
        println!("{}{line}", if self.terminal { "\r\x1b[K" } else { "" });
        self.written = None;
    }
}

fn bar(done: u32, all: u32) -> String {
    let cells: String = (0..30).map(|cell| if cell * all < done * 30 { '#' } else { '.' }).collect();
    format!("[{cells}] {done}/{all}")
}

/// Bytes of memory this process has in use, where `/proc` tells.
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

#[actix::main]
async fn main() -> ExitCode {
    program::run(USAGE, run).await
}

async fn run() -> Result<(), Box<dyn Error>> {
    let options = Options::parse()?;
    let server = if options.url.is_none() { Some(EmbeddedServer::echo()?) } else { None };
    let (url, default) = match (&options.url, &server) {
        (None, Some(server)) => (server.url(), 1_000),
        (url, _) => (url.clone().unwrap_or_default(), 10_000),
    };
    let clients = options.clients.unwrap_or(default);
    let files = u64::from(clients) * if server.is_some() { 2 } else { 1 } + 100;
    let limit = rlimit::increase_nofile_limit(files)?;
    if limit < files {
        println!(
            "only {limit} files may be open, {files} are needed: `ulimit -n {files}` as root, or fewer clients"
        );
    }

    let counters = Arc::<Counters>::default();
    let places: Vec<_> = (0..options.arbiters)
        .map(|_| {
            let arbiter = Arbiter::new().handle();
            let counters = counters.clone();
            let listener = Listener::start_in_arbiter(&arbiter, |_| Listener(counters));
            (arbiter, listener)
        })
        .collect();
    let before = resident();
    let mut progress = Progress::new();
    let mut interrupted = pin!(ctrl_c());

    println!("connecting {clients} clients on {} arbiters to {url}", places.len());
    let started = Instant::now();
    let mut refusal = None;
    let mut swarm = Vec::new();
    let mut size = 0;
    {
        let places = places.iter().cycle();
        let mut connects = stream::iter((0..clients).zip(places))
            .map(|(_, (arbiter, listener))| {
                let client = EngineIoClient::builder()
                    .subscribe(listener.clone().recipient())
                    .start_in_arbiter(arbiter);
                let connect = Connect::new(url.as_str()).transports(options.transports.iter().copied());
                async move { client.send(connect).await.map(|outcome| outcome.map(|_| client)) }
            })
            .buffer_unordered(AT_ONCE);
        while let Either::Left((Some(outcome), _)) = select(connects.next(), interrupted.as_mut()).await {
            match outcome? {
                Ok(client) => {
                    swarm.push(client);
                    size += 1;
                }
                Err(err) => {
                    counters.refused.fetch_add(1, Relaxed);
                    refusal.get_or_insert(err);
                }
            }
            progress.show(|| {
                let rate = f64::from(size) / started.elapsed().as_secs_f64();
                format!("{} connected, {rate:.0} per second", bar(size, clients))
            });
        }
    }
    let took = started.elapsed();
    progress.end(&format!("{} connected in {:.1} s", bar(size, clients), took.as_secs_f64()));
    if let Some(err) = refusal {
        println!("{} were refused, the first: {err}", counters.refused.load(Relaxed));
    }

    let started = Instant::now();
    let over = |stayed: Duration| options.stay.is_some_and(|stay| stayed >= stay);
    while size == clients && !over(started.elapsed()) {
        let tick = pin!(sleep(Duration::from_millis(100)));
        if let Either::Right(_) = select(tick, interrupted.as_mut()).await {
            break;
        }
        progress.show(|| {
            let [connected, messages, disconnected] =
                [&counters.connected, &counters.messages, &counters.disconnected]
                    .map(|count| count.load(Relaxed));
            let seconds = started.elapsed().as_secs();
            format!(
                "{seconds} s: {} connected, {messages} messages, {disconnected} disconnects",
                connected - disconnected
            )
        });
    }
    let stayed = started.elapsed();
    let lost = counters.disconnected.load(Relaxed);
    progress.end(&format!("stayed {:.1} s", stayed.as_secs_f64()));

    let after = resident();
    // Nothing but pongs, and what an upgrade takes, is sent.
    let (mut received, mut sent) = (0, 0);
    for status in join_all(swarm.iter().map(|client| client.send(GetStatus))).await {
        let counters = status?.counters;
        received += counters.packets_received;
        sent += counters.packets_sent;
    }
    let started = Instant::now();
    let mut closes =
        stream::iter(&swarm).map(|client| client.send(Disconnect::new())).buffer_unordered(AT_ONCE);
    let mut closed = 0;
    while closes.next().await.is_some() {
        closed += 1;
        progress.show(|| format!("{} disconnected", bar(closed, size)));
    }
    progress.end(&format!("{} disconnected in {:.1} s", bar(closed, size), started.elapsed().as_secs_f64()));

    let memory = match (before, after) {
        (Some(before), Some(after)) if size > 0 => {
            let each = after.saturating_sub(before) / u64::from(size);
            format!("{each} bytes{}", if server.is_some() { ", with the server's half" } else { "" })
        }
        _ => "unknown".to_owned(),
    };
    println!();
    for (what, figure) in [
        ("clients", size.to_string()),
        ("refused", counters.refused.load(Relaxed).to_string()),
        ("upgraded", counters.upgraded.load(Relaxed).to_string()),
        ("lost before the end", lost.to_string()),
        ("connects per second", format!("{:.0}", f64::from(size) / took.as_secs_f64())),
        ("messages received", counters.messages.load(Relaxed).to_string()),
        ("packets received", received.to_string()),
        ("packets sent", sent.to_string()),
        ("memory per client", memory),
    ] {
        println!("{what:22}{figure:>12}");
    }
    Ok(())
}
