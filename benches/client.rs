//! The whole client over a loopback WebSocket, by the way in which it is used.
//!
//! `cargo bench --manifest-path benches/Cargo.toml --bench client`
//!
//! An iteration is one message or one round trip, so criterion prints the time per message. It is the time of the clock; the
//! package `bench` measures the time of the processor, too. Each row has a client and a server of its own, in a thread each.
//! A row fails if a message is lost: because the counts differ, or because the client receives nothing for ten seconds and
//! ends the session.

use std::{
    iter,
    time::{Duration, Instant},
};

use actix::{prelude::*, spawn};
use actix_engineio::{
    self as engineio, Confirm, Connect, Data, Disconnect, EngineIoClient, Event, EventStream, Events, Flush,
    SendAll, Subscribe, TransportKind,
};
use bytes::Bytes;
use criterion::{
    BenchmarkGroup, Criterion, SamplingMode, Throughput, criterion_group, criterion_main,
    measurement::WallTime,
};
use futures_util::StreamExt;
use tokio::sync::oneshot;

use crate::server::{Mode, Server};

mod frame;
mod server;

/// Messages that are sent before a `Flush`, if they are not larger than 1 MiB together.
const BURST: usize = 5 * GROUP;

/// Messages in one `SendAll`.
const GROUP: usize = 64;

const RUNS: &str = "the client has not stopped";

fn messages() -> [(&'static str, Data); 3] {
    let text = |size| Data::from("x".repeat(size));
    [
        ("text 16 B", text(16)),
        ("text 1 KiB", text(1 << 10)),
        ("binary 64 KiB", Bytes::from(vec![b'x'; 64 << 10]).into()),
    ]
}

/// Rows for which the server does the same.
struct Rows<'a> {
    group: BenchmarkGroup<'a, WallTime>,
    mode: Mode,
}

impl<'a> Rows<'a> {
    fn new(criterion: &'a mut Criterion, name: &str, mode: Mode) -> Self {
        let mut group = criterion.benchmark_group(name);
        group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
        // Samples of the same size: a short one would consist mostly of its first and its last round trip.
        group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(1));
        Self { group, mode }
    }

    /// Adds a row for each message. `work` sends or receives it as often as its second argument says.
    fn measure<F>(&mut self, name: &str, messages: &[(&str, Data)], work: impl Fn(Link, usize) -> F)
    where
        F: Future<Output = ()>,
    {
        for (size, message) in messages {
            let system = System::new();
            let link = system.block_on(Link::open(self.mode, message.clone()));
            self.group.bench_function(format!("{name} {size}"), |bencher| {
                bencher.iter_custom(|count| {
                    let started = Instant::now();
                    system.block_on(work(link.clone(), count as usize));
                    started.elapsed()
                });
            });
            system.block_on(link.client.send(Disconnect::new())).expect(RUNS);
        }
    }
}

/// A client that is connected to a server, and the message that one of them sends.
#[derive(Clone)]
struct Link {
    client: Addr<EngineIoClient>,
    server: Server,
    message: Data,
}

impl Link {
    async fn open(mode: Mode, message: Data) -> Self {
        let server = Server::start(mode, &message).expect("a free port");
        let client = EngineIoClient::builder().start();
        let connect = Connect::new(&server.url).transports([TransportKind::WebSocket]);
        client.send(connect).await.expect(RUNS).expect("the server opens a session");
        Self { client, server, message }
    }

    async fn flush(&self) {
        self.client.send(Flush).await.expect(RUNS).expect("everything is sent");
    }

    /// Waits until the server has read everything, and checks that it has received so many messages.
    async fn confirm(&self, count: usize) {
        self.client.send(Confirm).await.expect(RUNS).expect("the server has read everything");
        assert_eq!(self.server.take_received(), count, "messages at the server");
    }

    fn burst(&self) -> usize {
        BURST.min((1 << 20) / self.message.len())
    }
}

/// The message of an event, if it has one.
fn message(event: Event) -> Option<Data> {
    match event {
        Event::Message(data) => Some(data),
        Event::Disconnected(end) => panic!("the session has ended: {}", end.reason),
        _ => None,
    }
}

/// Parts of `count`, each as large as possible, and not larger than `limit`.
fn parts(count: usize, limit: usize) -> impl Iterator<Item = usize> {
    (0..count).step_by(limit).map(move |start| limit.min(count - start))
}

fn send(criterion: &mut Criterion) {
    let mut rows = Rows::new(criterion, "send", Mode::Sink);
    rows.measure("by do_send", &messages(), send_in_bursts);
    // A group of 64 KiB messages would be larger than a burst.
    rows.measure("by SendAll", &messages()[..2], send_in_groups);
    rows.measure("awaited in main", &messages(), send_awaited);
    rows.measure("awaited in a task", &messages(), send_awaited_in_a_task);
}

async fn send_in_bursts(link: Link, count: usize) {
    for burst in parts(count, link.burst()) {
        for _ in 0..burst {
            link.client.do_send(engineio::Send::new(link.message.clone()));
        }
        link.flush().await;
    }
    link.confirm(count).await;
}

async fn send_in_groups(link: Link, count: usize) {
    for burst in parts(count, link.burst()) {
        for group in parts(burst, GROUP) {
            link.client.do_send(SendAll::new(iter::repeat_n(link.message.clone(), group)));
        }
        link.flush().await;
    }
    link.confirm(count).await;
}

async fn send_awaited(link: Link, count: usize) {
    for _ in 0..count {
        let sent = link.client.send(engineio::Send::new(link.message.clone())).await;
        sent.expect(RUNS).expect("the message is accepted");
    }
    link.confirm(count).await;
}

async fn send_awaited_in_a_task(link: Link, count: usize) {
    spawn(send_awaited(link, count)).await.expect("the task sends everything");
}

fn receive(criterion: &mut Criterion) {
    let mut rows = Rows::new(criterion, "receive", Mode::Flood);
    rows.measure("by an actor", &messages(), receive_by_actor);
    rows.measure("by an actor, in batches", &messages(), receive_by_batches);
    rows.measure("by a stream", &messages(), receive_by_stream);
}

async fn receive_by_actor(link: Link, count: usize) {
    receive_by_counter(link, count, |counter| Subscribe::new(counter.recipient())).await;
}

async fn receive_by_batches(link: Link, count: usize) {
    receive_by_counter(link, count, |counter| Subscribe::batched(counter.recipient())).await;
}

async fn receive_by_counter(link: Link, count: usize, subscribe: impl FnOnce(Addr<Counter>) -> Subscribe) {
    let (done, ended) = oneshot::channel();
    let counter = Counter { flood: Flood::new(&link), done: Some(done) };
    link.client.send(subscribe(counter.start())).await.expect(RUNS);
    link.client.do_send(engineio::Send::text(count.to_string()));
    assert_eq!(ended.await.expect("the flood ends"), count, "messages at the actor");
}

async fn receive_by_stream(link: Link, count: usize) {
    let mut events = EventStream::subscribe(&link.client).await.expect(RUNS);
    link.client.do_send(engineio::Send::text(count.to_string()));
    let mut flood = Flood::new(&link);
    while !flood.ends_with(events.next().await.expect(RUNS)) {}
    assert_eq!(flood.received, count, "messages in the stream");
}

/// The messages of the server, until its last one.
struct Flood {
    received: usize,
    /// Bytes of each message.
    size: usize,
}

impl Flood {
    fn new(link: &Link) -> Self {
        Self { received: 0, size: link.message.len() }
    }

    /// Counts the message, and returns whether it is the last one, which does not count.
    fn ends_with(&mut self, event: Event) -> bool {
        match message(event) {
            Some(Data::Text(text)) if text == server::END => return true,
            Some(data) => {
                assert_eq!(data.len(), self.size, "bytes of a message");
                self.received += 1;
            }
            None => {}
        }
        false
    }
}

/// Reports the number of messages when the flood has ended.
struct Counter {
    flood: Flood,
    done: Option<oneshot::Sender<usize>>,
}

impl Actor for Counter {
    type Context = Context<Self>;
}

impl Handler<Event> for Counter {
    type Result = ();

    fn handle(&mut self, event: Event, ctx: &mut Self::Context) {
        if self.flood.ends_with(event)
            && let Some(done) = self.done.take()
        {
            done.send(self.flood.received).expect("the row waits");
            ctx.stop();
        }
    }
}

impl Handler<Events> for Counter {
    type Result = ();

    fn handle(&mut self, events: Events, ctx: &mut Self::Context) {
        for event in events {
            <Self as Handler<Event>>::handle(self, event, ctx);
        }
    }
}

fn round_trip(criterion: &mut Criterion) {
    let mut rows = Rows::new(criterion, "round trip", Mode::Echo);
    rows.measure("of an actor", &messages(), round_trips_of_an_actor);
    rows.measure("of a task", &messages(), round_trips_of_a_task);
}

async fn round_trips_of_an_actor(link: Link, count: usize) {
    let (done, ended) = oneshot::channel();
    let trips = Trips { link: link.clone(), left: count, done: Some(done) };
    link.client.send(Subscribe::new(trips.start().recipient())).await.expect(RUNS);
    ended.await.expect("each message comes back");
    link.confirm(count).await;
}

async fn round_trips_of_a_task(link: Link, count: usize) {
    let task = spawn(async move {
        let mut events = EventStream::subscribe(&link.client).await.expect(RUNS);
        for _ in 0..count {
            let sent = link.client.send(engineio::Send::new(link.message.clone())).await;
            sent.expect(RUNS).expect("the message is accepted");
            let returned = loop {
                if let Some(returned) = message(events.next().await.expect(RUNS)) {
                    break returned;
                }
            };
            assert_eq!(returned, link.message, "what comes back");
        }
        link.confirm(count).await;
    });
    task.await.expect("each message comes back");
}

/// Sends a message when the last one has come back.
struct Trips {
    link: Link,
    left: usize,
    done: Option<oneshot::Sender<()>>,
}

impl Trips {
    fn send(&self) {
        self.link.client.do_send(engineio::Send::new(self.link.message.clone()));
    }
}

impl Actor for Trips {
    type Context = Context<Self>;
}

impl Handler<Event> for Trips {
    type Result = ();

    fn handle(&mut self, event: Event, ctx: &mut Self::Context) {
        // A new subscriber gets the `Connected` of the open session at once.
        if let Event::Connected(_) = event {
            self.send();
        } else if let Some(returned) = message(event) {
            assert_eq!(returned, self.link.message, "what comes back");
            self.left -= 1;
            if self.left > 0 {
                self.send();
            } else if let Some(done) = self.done.take() {
                done.send(()).expect("the row waits");
                ctx.stop();
            }
        }
    }
}

criterion_group!(client, send, receive, round_trip);
criterion_main!(client);
