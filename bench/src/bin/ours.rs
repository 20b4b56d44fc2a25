//! This crate's client against the bench server; `lib.rs` describes its arguments.
//!
//! `receive`, or `receive-actor`, receives a flood with a subscriber, `receive-batches` with one that gets several events in
//! a message, `receive-stream` with an `EventStream`; `send` sends by `do_send`, `send-all` by `SendAll`, `send-awaited` in a
//! loop in `main` that awaits each `Send`, and `send-awaited-task` in such a loop in a task; `echo` sends a message when the
//! last one has come back, `echo-main` by an awaited `Send` in `main`, `echo-task` in a task, and `echo-busy` in a task
//! beside a hundred others that are always ready; `cycle` connects and disconnects;
//! `receive-documents` and `send-documents` are the same for documents of different lengths, which may be compressed;
//! `idle` opens COUNT connections; `spread` receives a flood that is spread over CONNECTIONS, with SUBSCRIBERS each.

use std::{
    cell::Cell,
    error::Error,
    time::{Duration, Instant},
};

use actix::{WeakAddr, prelude::*};
use actix_engineio::{
    self as engineio, Compression, Connect, Data, Disconnect, EngineIoClient, EngineIoClientBuilder, Event,
    EventKind, EventStream, Events, Flush, SendAll, Subscribe, TransportKind,
};
use bench::{Meter, Order};
use bytes::Bytes;
use bytestring::ByteString;
use futures_util::StreamExt;
use tokio::sync::{mpsc, oneshot};

type Outcome = Result<(), Box<dyn Error>>;

#[actix::main]
async fn main() -> Outcome {
    let order = Order::read()?;
    match order.task.as_str() {
        "receive" | "receive-actor" => receive_by_actor(&order).await,
        "receive-batches" => receive_by_batches(&order).await,
        "receive-stream" => receive_by_stream(&order).await,
        "receive-documents" => receive_documents(&order).await,
        "send" => send(&order).await,
        "send-documents" => send_documents(&order).await,
        "send-all" => send_all(&order).await,
        "send-awaited" => send_awaited(&order).await,
        "send-awaited-task" => in_task(order, async |order| send_awaited(&order).await).await,
        "echo" => echo(&order).await,
        "echo-main" => echo_awaited(&order).await,
        "echo-task" => in_task(order, async |order| echo_awaited(&order).await).await,
        "echo-busy" => {
            be_busy();
            in_task(order, async |order| echo_awaited(&order).await).await
        }
        "cycle" => cycle(&order).await,
        "idle" => idle(&order).await,
        "spread" => spread(&order).await,
        task => Err(format!("there is no task {task}").into()),
    }
}

fn connect(order: &Order, mode: &str) -> Result<Connect, Box<dyn Error>> {
    let transports = match order.transport.as_str() {
        "upgrade" => vec![TransportKind::Polling, TransportKind::WebSocket],
        transport => vec![transport.parse()?],
    };
    Ok(Connect::new(order.url("http", mode)).transports(transports))
}

/// A client that compresses as the order says.
fn builder(order: &Order) -> Result<EngineIoClientBuilder, Box<dyn Error>> {
    let compression = match order.compression.as_deref() {
        None => return Ok(EngineIoClient::builder()),
        Some("stateless") => Compression::stateless(),
        Some("server_context") => Compression::server_context(),
        Some("both_contexts") => Compression::both_contexts(),
        Some(choice) => return Err(format!("there is no compression {choice}").into()),
    };
    Ok(EngineIoClient::builder().compression(compression))
}

fn message(order: &Order) -> Data {
    match order.binary {
        true => Bytes::from(vec![b'x'; order.size]).into(),
        false => ByteString::from("x".repeat(order.size)).into(),
    }
}

/// Counts messages, measures from one of them on, and reports when all have come.
struct Counter {
    seen: usize,
    /// Bytes of the messages so far, and the expected bytes of each, if they are checked.
    bytes: usize,
    size: Option<usize>,
    warm_up: usize,
    count: usize,
    meter: Meter,
    done: Option<oneshot::Sender<Meter>>,
}

impl Counter {
    fn new(warm_up: usize, count: usize, size: Option<usize>) -> (Self, oneshot::Receiver<Meter>) {
        let (done, all) = oneshot::channel();
        let meter = Meter::start();
        (Self { seen: 0, bytes: 0, size, warm_up, count, meter, done: Some(done) }, all)
    }
}

impl Actor for Counter {
    type Context = Context<Self>;
}

impl Handler<Events> for Counter {
    type Result = ();

    fn handle(&mut self, events: Events, ctx: &mut Self::Context) {
        for event in events {
            <Self as Handler<Event>>::handle(self, event, ctx);
        }
    }
}

impl Handler<Event> for Counter {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        if let Event::Message(data) = event {
            self.seen += 1;
            self.bytes += data.len();
            if self.seen == self.warm_up {
                self.meter = Meter::start();
            } else if self.seen == self.count
                && let Some(done) = self.done.take()
            {
                assert!(self.size.is_none_or(|size| self.bytes == self.count * size), "parts of messages");
                let _ = done.send(std::mem::replace(&mut self.meter, Meter::start()));
            }
        }
    }
}

async fn receive_by_actor(order: &Order) -> Outcome {
    let (counter, all) = Counter::new(order.warm_up(), order.count, Some(order.size));
    receive(order, counter.start().recipient::<Event>().into(), all).await
}

async fn receive_documents(order: &Order) -> Outcome {
    let (counter, all) = Counter::new(order.warm_up(), order.count, None);
    receive(order, counter.start().recipient::<Event>().into(), all).await
}

async fn receive_by_batches(order: &Order) -> Outcome {
    let (counter, all) = Counter::new(order.warm_up(), order.count, Some(order.size));
    receive(order, Subscribe::batched(counter.start().recipient()), all).await
}

async fn receive(order: &Order, subscribe: Subscribe, all: oneshot::Receiver<Meter>) -> Outcome {
    let client = builder(order)?.subscribe(subscribe).start();
    client.send(connect(order, "flood")?).await??;
    all.await?.report(order.count - order.warm_up());
    Ok(())
}

async fn receive_by_stream(order: &Order) -> Outcome {
    let client = EngineIoClient::builder().start();
    let mut events = EventStream::subscribe(&client).await?;
    client.send(connect(order, "flood")?).await??;
    let mut meter = Meter::start();
    let (mut seen, mut bytes) = (0, 0);
    while seen < order.count {
        if let Event::Message(data) = events.next().await.ok_or("the client stopped")? {
            seen += 1;
            bytes += data.len();
            if seen == order.warm_up() {
                meter = Meter::start();
            }
        }
    }
    assert_eq!(bytes, order.count * order.size, "whole messages");
    meter.report(order.count - order.warm_up());
    Ok(())
}

async fn send(order: &Order) -> Outcome {
    let message = message(order);
    send_bursts(order, 1, |client, burst| {
        for _ in 0..burst {
            client.do_send(engineio::Send::new(message.clone()));
        }
    })
    .await
}

async fn send_documents(order: &Order) -> Outcome {
    let documents: Vec<Data> = bench::documents()?.into_iter().map(Data::from).collect();
    let next = Cell::new(0);
    send_bursts(order, 1, |client, burst| {
        for _ in 0..burst {
            let index = next.replace(next.get() + 1);
            client.do_send(engineio::Send::new(documents[index % documents.len()].clone()));
        }
    })
    .await
}

/// Messages in one `SendAll`.
const GROUP: usize = 64;

async fn send_all(order: &Order) -> Outcome {
    let message = message(order);
    send_bursts(order, GROUP, |client, burst| {
        for first in (0..burst).step_by(GROUP) {
            let group = GROUP.min(burst - first);
            client.do_send(SendAll::new(std::iter::repeat_n(message.clone(), group)));
        }
    })
    .await
}

/// Sends bursts by `send`, each of a multiple of `group` messages, and waits after each one until it is written.
async fn send_bursts(order: &Order, group: usize, send: impl Fn(&Addr<EngineIoClient>, usize)) -> Outcome {
    // The server sends one message when it has received all.
    let (counter, all) = Counter::new(0, 1, None);
    let client = builder(order)?.subscribe(counter.start().recipient()).start();
    client.send(connect(order, "sink")?).await??;
    let mut meter = Meter::start();
    let mut sent = 0;
    let mut warm_up = 0;
    while sent < order.count {
        let burst = order.burst().next_multiple_of(group).min(order.count - sent);
        send(&client, burst);
        client.send(Flush).await??;
        sent += burst;
        if warm_up == 0 && sent >= order.warm_up() {
            warm_up = sent;
            meter = Meter::start();
        }
    }
    all.await?;
    meter.report(order.count - warm_up);
    Ok(())
}

/// Runs the work in a task of its own. The main future waits.
async fn in_task(order: Order, work: impl AsyncFnOnce(Order) -> Outcome + 'static) -> Outcome {
    let task = actix_rt::spawn(async move { work(order).await.map_err(|err| err.to_string()) });
    Ok(task.await??)
}

async fn send_awaited(order: &Order) -> Outcome {
    // The server sends one message when it has received all.
    let (counter, all) = Counter::new(0, 1, None);
    let client = EngineIoClient::builder().subscribe(counter.start().recipient()).start();
    client.send(connect(order, "sink")?).await??;
    let message = message(order);
    let mut meter = Meter::start();
    for sent in 1..=order.count {
        client.send(engineio::Send::new(message.clone())).await??;
        if sent == order.warm_up() {
            meter = Meter::start();
        }
    }
    all.await?;
    meter.report(order.count - order.warm_up());
    Ok(())
}

/// Keeps the arbiter busy: a hundred tasks that are always ready, and take three microseconds each time.
fn be_busy() {
    for _ in 0..100 {
        actix_rt::spawn(async {
            loop {
                let started = Instant::now();
                while started.elapsed() < Duration::from_micros(3) {}
                // This is polled again in its turn, without the runtime's deferred wake.
                let mut is_first = true;
                std::future::poll_fn(|task| {
                    task.waker().wake_by_ref();
                    if std::mem::take(&mut is_first) {
                        std::task::Poll::Pending
                    } else {
                        std::task::Poll::Ready(())
                    }
                })
                .await;
            }
        });
    }
}

/// Sends a message by an awaited `Send` when the last one has come back.
async fn echo_awaited(order: &Order) -> Outcome {
    let client = EngineIoClient::builder().start();
    let mut events = EventStream::subscribe(&client).await?;
    client.send(connect(order, "echo")?).await??;
    let message = message(order);
    let mut took = Vec::with_capacity(order.count);
    let mut meter = Meter::start();
    for trip in 0..order.count {
        if trip == order.warm_up() {
            took.clear();
            meter = Meter::start();
        }
        let started = Instant::now();
        client.send(engineio::Send::new(message.clone())).await??;
        while !matches!(events.next().await.ok_or("the client stopped")?, Event::Message(_)) {}
        took.push(started.elapsed());
    }
    meter.report_each(took);
    Ok(())
}

/// Sends a message as soon as the last one has come back.
struct Echo {
    client: WeakAddr<EngineIoClient>,
    message: Data,
    sent: Instant,
    took: Vec<Duration>,
    warm_up: usize,
    count: usize,
    meter: Meter,
    done: Option<oneshot::Sender<(Meter, Vec<Duration>)>>,
}

impl Actor for Echo {
    type Context = Context<Self>;
}

impl Echo {
    fn send(&mut self) {
        self.sent = Instant::now();
        if let Some(client) = self.client.upgrade() {
            client.do_send(engineio::Send::new(self.message.clone()));
        }
    }
}

impl Handler<Event> for Echo {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        match event {
            Event::Connected(_) => self.send(),
            Event::Message(_) => {
                self.took.push(self.sent.elapsed());
                if self.warm_up > 0 && self.took.len() == self.warm_up {
                    self.warm_up = 0;
                    self.took.clear();
                    self.meter = Meter::start();
                }
                if self.warm_up == 0 && self.took.len() == self.count {
                    if let Some(done) = self.done.take() {
                        let meter = std::mem::replace(&mut self.meter, Meter::start());
                        let _ = done.send((meter, std::mem::take(&mut self.took)));
                    }
                } else {
                    self.send();
                }
            }
            _ => {}
        }
    }
}

async fn echo(order: &Order) -> Outcome {
    let client = EngineIoClient::builder().start();
    let (done, all) = oneshot::channel();
    let echo = Echo {
        client: client.downgrade(),
        message: message(order),
        sent: Instant::now(),
        took: Vec::with_capacity(order.count),
        warm_up: order.warm_up(),
        count: order.count - order.warm_up(),
        meter: Meter::start(),
        done: Some(done),
    };
    client.send(Subscribe::new(echo.start().recipient())).await?;
    client.send(connect(order, "echo")?).await??;
    let (meter, took) = all.await?;
    meter.report_each(took);
    Ok(())
}

/// Passes on the events of a connection.
struct Watch(mpsc::UnboundedSender<EventKind>);

impl Actor for Watch {
    type Context = Context<Self>;
}

impl Handler<Event> for Watch {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        let _ = self.0.send(event.kind());
    }
}

async fn cycle(order: &Order) -> Outcome {
    let (events, mut happened) = mpsc::unbounded_channel();
    let watch = Watch(events).start();
    let mut took = Vec::with_capacity(order.count);
    let mut meter = Meter::start();
    for cycle in 0..order.count {
        if cycle == order.warm_up() {
            took.clear();
            meter = Meter::start();
        }
        let started = Instant::now();
        let client = EngineIoClient::builder().subscribe(watch.clone().recipient()).start();
        client.send(connect(order, "idle")?).await??;
        if order.transport == "upgrade" {
            while happened.recv().await != Some(EventKind::Upgraded) {}
        }
        client.send(Disconnect::new()).await?;
        while happened.recv().await != Some(EventKind::Disconnected) {}
        took.push(started.elapsed());
    }
    meter.report_each(took);
    Ok(())
}

async fn idle(order: &Order) -> Outcome {
    let (events, mut happened) = mpsc::unbounded_channel();
    let watch = Watch(events).start();
    let before = bench::resident();
    let mut clients = Vec::with_capacity(order.count);
    for _ in 0..order.count {
        let client = EngineIoClient::builder().subscribe(watch.clone().recipient()).start();
        client.send(connect(order, "idle")?).await??;
        clients.push(client);
    }
    while let Ok(event) = happened.try_recv() {
        if event != EventKind::Connected {
            return Err("a connection ended".into());
        }
    }
    actix_rt::time::sleep(Duration::from_millis(500)).await;
    bench::report_memory(order.count, before);
    Ok(())
}

async fn spread(order: &Order) -> Outcome {
    let share = order.share();
    let count = share.count * order.connections;
    let counter = |_| Counter::new(0, count, Some(order.size));
    let (counters, dones): (Vec<_>, Vec<_>) = (0..order.subscribers).map(counter).unzip();
    let counters: Vec<_> = counters.into_iter().map(Actor::start).collect();
    let url = format!("{}&gate=1", share.url("http", "flood"));
    let mut clients = Vec::with_capacity(order.connections);
    for _ in 0..order.connections {
        let builder = EngineIoClient::builder();
        let builder =
            counters.iter().fold(builder, |builder, counter| builder.subscribe(counter.clone().recipient()));
        let client = builder.start();
        client
            .send(Connect::new(url.as_str()).transports([order.transport.parse::<TransportKind>()?]))
            .await??;
        clients.push(client);
    }
    let meter = Meter::start();
    bench::open_gate(&order.address)?;
    for done in dones {
        done.await?;
    }
    meter.report(count * order.subscribers);
    Ok(())
}
