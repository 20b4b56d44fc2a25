//! Thousands of clients in one process: how they fare, and what load they put on a server.
//!
//! ```sh
//! cargo run --release --example swarm                                     # against a server of its own
//! cargo run --release --example swarm -- --clients 10000 http://localhost:5000
//! cargo run --release --example swarm -- --clients 1000 --ramp 200 --messages 5000 --seconds 60 http://localhost:5000
//! ```

#![allow(clippy::as_conversions, clippy::indexing_slicing, reason = "the figures of a report are small")]

use std::{
    error::Error,
    pin::{Pin, pin},
    process::ExitCode,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use actix::prelude::*;
use actix_engineio::{self as engineio, Connect, ConnectError, Disconnect, EngineIoClient, GetStatus};
use actix_rt::time::sleep;
use futures_util::{
    StreamExt,
    future::{Either, join_all, select},
    stream,
};
use tokio::signal::ctrl_c;

use crate::{
    embedded::EmbeddedServer,
    listener::{Listener, Seen},
    load::{Pace, Wording},
    options::{Options, USAGE},
    progress::{Progress, bar},
    report::{Process, Report},
};

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../embedded/mod.rs"]
mod embedded;
mod latency;
mod listener;
mod load;
mod options;
#[path = "../program/mod.rs"]
mod program;
mod progress;
mod report;

/// Connects under way at a time.
const AT_ONCE: usize = 64;
/// How often messages are sent and the progress is shown.
const TICK: Duration = Duration::from_millis(10);
/// How long the program waits at the end for messages to come back.
const LAST_ECHOES: Duration = Duration::from_secs(5);

#[actix::main]
async fn main() -> ExitCode {
    program::run(USAGE, run).await
}

async fn run() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(lexopt::Parser::from_env())?;
    let server = if options.url.is_none() { Some(EmbeddedServer::echo()?) } else { None };
    let mut swarm = Swarm::new(&options, server.as_ref())?;
    let mut interrupted: Interrupted = Box::pin(async { drop(ctrl_c().await) });

    let mut report = Report::default();
    swarm.connect(&mut interrupted, &mut report).await?;
    swarm.stay(&mut interrupted, &mut report).await?;
    swarm.disconnect().await;
    report.print();
    if let Some(path) = &options.json {
        report.write(path)?;
    }
    Ok(())
}

/// Ready when Ctrl-C was pressed.
type Interrupted = Pin<Box<dyn Future<Output = ()>>>;

/// The clients of this process.
struct Swarm<'a> {
    options: &'a Options,
    url: String,
    /// The number of clients that this process is to have.
    size: usize,
    /// The memory of this process is that of a server, too.
    has_server: bool,
    seen: Arc<Seen>,
    places: Vec<(ArbiterHandle, Addr<Listener>)>,
    clients: Vec<Addr<EngineIoClient>>,
    wording: Wording,
    /// The process before there were any clients.
    before: Option<Process>,
    progress: Progress,
}

impl<'a> Swarm<'a> {
    fn new(options: &'a Options, server: Option<&EmbeddedServer>) -> Result<Self, Box<dyn Error>> {
        let default = if server.is_some() { 1_000 } else { 10_000 };
        let size = usize::try_from(options.shard.part(options.clients.unwrap_or(default)))?;
        let files = size as u64 * if server.is_some() { 2 } else { 1 } + 100;
        let limit = rlimit::increase_nofile_limit(files)?;
        if limit < files {
            eprintln!(
                "only {limit} files may be open, {files} are needed: `ulimit -n {files}` as root, or fewer clients"
            );
        }
        let seen = Arc::new(Seen::new());
        let places = (0..options.arbiters).map(|_| {
            let arbiter = Arbiter::new().handle();
            let seen = seen.clone();
            let listener = Listener::start_in_arbiter(&arbiter, |_| Listener(seen));
            (arbiter, listener)
        });
        let url = options.url.clone().or_else(|| server.map(EmbeddedServer::url)).unwrap_or_default();
        let wording = match options.socketio {
            true => Wording::event(&options.namespace, &options.event, options.bytes),
            false => Wording::plain(options.bytes),
        };
        Ok(Self {
            options,
            url,
            size,
            has_server: server.is_some(),
            places: places.collect(),
            seen,
            clients: Vec::new(),
            wording,
            before: Process::read(),
            progress: Progress::new(),
        })
    }

    /// Connects the clients, at the rate that the options name.
    async fn connect(
        &mut self,
        interrupted: &mut Interrupted,
        report: &mut Report,
    ) -> Result<(), Box<dyn Error>> {
        eprintln!("connecting {} clients on {} arbiters to {}", self.size, self.places.len(), self.url);
        let (options, size, url, places, progress) =
            (self.options, self.size, &self.url, &self.places, &mut self.progress);
        let started = Instant::now();
        let mut connects = stream::iter((0..).take(size).zip(places.iter().cycle()))
            .map(|(number, place)| async move {
                let due =
                    options.ramp.map_or(Duration::ZERO, |ramp| Duration::from_secs(1) * number / ramp.get());
                sleep(due.saturating_sub(started.elapsed())).await;
                start(options, url, number, place).await
            })
            .buffer_unordered(AT_ONCE);
        let (mut clients, mut refused, mut refusal) = (Vec::new(), 0, None);
        while let Either::Left((Some(outcome), _)) = select(connects.next(), &mut *interrupted).await {
            match outcome? {
                Ok(client) => clients.push(client),
                Err(err) => {
                    refused += 1;
                    refusal.get_or_insert(err);
                }
            }
            progress.show(|| {
                let rate = clients.len() as f64 / started.elapsed().as_secs_f64();
                format!("{} connected, {rate:.0} per second", bar(clients.len(), size))
            });
        }
        drop(connects);
        let took = started.elapsed();
        progress.end(&format!("{} connected in {:.1} s", bar(clients.len(), size), took.as_secs_f64()));
        if let Some(err) = refusal {
            eprintln!("{refused} were refused, the first: {err}");
        }
        if clients.is_empty() {
            return Err("no client is connected".into());
        }
        report.add("clients", clients.len());
        report.add("refused", refused);
        report.add("connects per second", (clients.len() as f64 / took.as_secs_f64()).round());
        report.add("seconds to connect", (took.as_secs_f64() * 10.0).round() / 10.0);
        self.clients = clients;
        if self.options.socketio {
            self.join(report).await;
        }
        Ok(())
    }

    /// Waits until the server has connected every client to the namespace, or refused it.
    async fn join(&self, report: &mut Report) {
        let seen = &self.seen;
        let started = Instant::now();
        let answers = || seen.joined.load(Relaxed) + seen.turned_away.load(Relaxed);
        while answers() < self.clients.len() as u64 && started.elapsed() < LAST_ECHOES {
            sleep(TICK).await;
        }
        report.add("in the namespace", seen.joined.load(Relaxed));
        report.add("refused by the namespace", seen.turned_away.load(Relaxed));
    }

    /// Keeps the clients connected and sends messages, for the time that the options name.
    async fn stay(
        &mut self,
        interrupted: &mut Interrupted,
        report: &mut Report,
    ) -> Result<(), Box<dyn Error>> {
        let (seen, options) = (self.seen.clone(), self.options);
        let before = Process::read();
        let started = Instant::now();
        let mut pace = Pace::new(options.shard.part(options.messages));
        let mut senders = self.clients.iter().cycle();
        let mut sent: u64 = 0;
        while options.stay.is_none_or(|stay| started.elapsed() < stay) {
            if let Either::Right(_) = select(pin!(sleep(TICK)), &mut *interrupted).await {
                break;
            }
            for client in senders.by_ref().take(usize::try_from(pace.due(started.elapsed()))?) {
                client.do_send(engineio::Send::text(self.wording.message(seen.start.elapsed())));
                sent += 1;
            }
            self.progress.show(|| {
                let [connected, disconnected, messages] =
                    [&seen.connected, &seen.disconnected, &seen.messages].map(|count| count.load(Relaxed));
                let millis = |share| seen.echoes.quantile(share).unwrap_or_default().as_secs_f64() * 1e3;
                let echoes = match sent {
                    0 => String::new(),
                    _ => format!(", {sent} sent, echo p50 {:.2} ms, p99 {:.2} ms", millis(0.5), millis(0.99)),
                };
                let seconds = started.elapsed().as_secs();
                let now = connected.saturating_sub(disconnected);
                format!("{seconds} s: {now} connected, {messages} messages received{echoes}")
            });
        }
        let stayed = started.elapsed();
        let after = Process::read();
        while seen.echoes.count() + seen.rejected.load(Relaxed) < sent
            && started.elapsed() < stayed + LAST_ECHOES
        {
            sleep(TICK).await;
        }
        self.progress.end(&format!("stayed {:.1} s", stayed.as_secs_f64()));
        if let Some(reason) = &*seen.first_loss.lock().unwrap_or_else(|err| err.into_inner()) {
            eprintln!("the first session that was lost: {reason}");
        }
        report.add("seconds", (stayed.as_secs_f64() * 10.0).round() / 10.0);
        report.add("upgraded", seen.upgraded.load(Relaxed));
        report.add("lost before the end", seen.disconnected.load(Relaxed));
        report.add("messages sent", sent);
        report.add("messages rejected", seen.rejected.load(Relaxed));
        report.add("messages received", seen.messages.load(Relaxed));
        if sent > 0 {
            report.add("echoes", seen.echoes.count());
            report.add_time("echo p50, ms", seen.echoes.quantile(0.5));
            report.add_time("echo p99, ms", seen.echoes.quantile(0.99));
            report.add_time("echo max, ms", seen.echoes.longest());
        }
        self.report_packets(report).await?;
        if let (Some(before), Some(after)) = (before, after) {
            let processor = (after.processor - before.processor).as_secs_f64() / stayed.as_secs_f64();
            report.add("processors in use", (processor * 1e4).round() / 1e4);
            self.report_memory(after, report);
        }
        Ok(())
    }

    async fn report_packets(&self, report: &mut Report) -> Result<(), MailboxError> {
        let (mut received, mut sent) = (0, 0);
        for status in join_all(self.clients.iter().map(|client| client.send(GetStatus))).await {
            let counters = status?.counters;
            received += counters.packets_received;
            sent += counters.packets_sent;
        }
        report.add("packets received", received);
        report.add("packets sent", sent);
        Ok(())
    }

    fn report_memory(&self, after: Process, report: &mut Report) {
        let (Some(before), clients @ 1..) = (self.before, self.clients.len() as u64) else { return };
        // A server in this process has half of the connections.
        let name = if self.has_server { "bytes per client and server" } else { "bytes per client" };
        report.add(name, after.resident.saturating_sub(before.resident) / clients);
    }

    async fn disconnect(&mut self) {
        let started = Instant::now();
        let size = self.clients.len();
        let mut closes = stream::iter(&self.clients)
            .map(|client| client.send(Disconnect::new()))
            .buffer_unordered(AT_ONCE);
        let mut closed = 0;
        while closes.next().await.is_some() {
            closed += 1;
            self.progress.show(|| format!("{} disconnected", bar(closed, size)));
        }
        let took = started.elapsed().as_secs_f64();
        self.progress.end(&format!("{} disconnected in {took:.1} s", bar(closed, size)));
    }
}

/// Starts the client with this number and connects it.
async fn start(
    options: &Options,
    url: &str,
    number: u32,
    (arbiter, listener): &(ArbiterHandle, Addr<Listener>),
) -> Result<Result<Addr<EngineIoClient>, ConnectError>, MailboxError> {
    let mut builder = EngineIoClient::builder().subscribe(listener.clone().recipient());
    if let Some(network) = options.from {
        builder = builder.local_address(network.address(number));
    }
    let client = builder.start_in_arbiter(arbiter);
    let connect = Connect::new(url).path(options.path()).transports(options.transports.iter().copied());
    let outcome = client.send(connect).await?;
    if outcome.is_ok() && options.socketio {
        client.do_send(engineio::Send::text(load::connect(&options.namespace)));
    }
    Ok(outcome.map(|_| client))
}
