//! The client between a fake transport and its subscribers, in virtual time.

mod carry_over;
mod coalescing;
mod ending;
mod hook;
mod monitor;
mod reconnect;
mod sending;
mod sessions;
mod stream;
mod subscribers;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix::{Addr, Handler, Recipient};
use actix_rt::time::{Instant, sleep, timeout};
use futures::{
    FutureExt as _, StreamExt as _,
    channel::{mpsc, oneshot},
};

use super::*;
use crate::{
    data::Data,
    error::{ConnectError, DisconnectReason, FlushError, SendError, SendErrorKind, TransportError},
    protocol::{
        connection::{BatchOutcome, CloseReason, Command, Report, ReportKind, TransportClosed, TransportId},
        handshake::{Session, TransportKind},
        packet::Packet,
    },
    transport::TransportHandle,
};

/// The transports that a client has started and that no test has taken yet, the oldest first.
#[derive(Clone, Default)]
struct Started(Arc<Mutex<VecDeque<TransportEnd>>>);

/// A test's end of a fake transport.
struct TransportEnd {
    id: TransportId,
    reports: Recipient<Report>,
    commands: mpsc::UnboundedReceiver<Command>,
}

struct FakeTransport(mpsc::UnboundedSender<Command>);

impl Actor for FakeTransport {
    type Context = Context<Self>;
}

impl Handler<Command> for FakeTransport {
    type Result = ();

    fn handle(&mut self, command: Command, _: &mut Self::Context) {
        let _ = self.0.unbounded_send(command);
    }
}

impl Started {
    fn client(&self, builder: EngineIoClientBuilder) -> Addr<EngineIoClient> {
        let started = self.clone();
        builder
            .start_transport(move |params| {
                let (sender, commands) = mpsc::unbounded();
                let (alive, _) = oneshot::channel();
                let transport = FakeTransport(sender).start();
                let reports = params.reports.upgrade().unwrap();
                let wire = TransportEnd { id: params.id, reports, commands };
                started.0.lock().unwrap().push_back(wire);
                TransportHandle::new(transport.recipient(), alive)
            })
            .start()
    }

    /// The next transport, as soon as it is started.
    async fn next(&self) -> TransportEnd {
        loop {
            if let Some(wire) = self.pop() {
                return wire;
            }
            sleep(Duration::from_millis(1)).await;
        }
    }

    fn pop(&self) -> Option<TransportEnd> {
        self.0.lock().unwrap().pop_front()
    }

    fn is_empty(&self) -> bool {
        self.0.lock().unwrap().is_empty()
    }
}

const OPEN: &str =
    r#"{"sid":"abc","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

impl TransportEnd {
    fn report(&self, kind: ReportKind) {
        self.reports.do_send(Report { from: self.id, kind });
    }

    fn packets(&self, packets: Vec<Packet>) {
        self.report(ReportKind::Packets { packets, complete: true });
    }

    fn texts(&self, texts: &[&str]) {
        self.packets(texts.iter().map(|text| Packet::Message(Data::from(*text))).collect());
    }

    fn written(&self) {
        self.report(ReportKind::Written { any_number: false });
    }

    fn end(&self) {
        self.report(ReportKind::Closed(TransportClosed {
            reason: CloseReason::Ordered,
            outcome: BatchOutcome::sent(0),
        }));
    }

    async fn next(&mut self) -> Command {
        timeout(Duration::from_secs(3600), self.commands.next()).await.expect("a command").unwrap()
    }

    /// The packets of the next write. No other command may come before it, except to read on.
    async fn next_write(&mut self) -> Vec<Packet> {
        loop {
            match self.next().await {
                Command::Write(packets) => return packets.to_vec(),
                Command::Read(_) => {}
                command => panic!("{command:?} instead of a write"),
            }
        }
    }

    /// Lets everything run. Returns whether the transport was ordered to read on.
    async fn was_read(&mut self) -> bool {
        settle().await;
        let mut read = false;
        while let Some(Some(command)) = self.commands.next().now_or_never() {
            read |= matches!(command, Command::Read(_));
        }
        read
    }
}

/// Lets everything that is ready run.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// A subscriber that passes its events on to the test.
struct Recorder(mpsc::UnboundedSender<Event>);

impl Actor for Recorder {
    type Context = Context<Self>;
}

impl Handler<Event> for Recorder {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        let _ = self.0.unbounded_send(event);
    }
}

fn recorder() -> (Recipient<Event>, mpsc::UnboundedReceiver<Event>) {
    let (sender, events) = mpsc::unbounded();
    (Recorder(sender).start().recipient(), events)
}

/// An event in a word.
fn word(event: &Event) -> String {
    match event {
        Event::Connected(session) => format!("connected {}", session.sid),
        Event::Message(data) => String::from_utf8_lossy(data.as_bytes()).into_owned(),
        Event::Rejected(err) => format!("rejected {err}"),
        Event::RejectedAll(err) => format!("rejected all {err}"),
        Event::Disconnected(end) => format!("disconnected {}", end.reason),
        event => format!("{event:?}"),
    }
}

async fn words(events: &mut mpsc::UnboundedReceiver<Event>) -> Vec<String> {
    settle().await;
    let mut words = Vec::new();
    while let Some(Some(event)) = events.next().now_or_never() {
        words.push(word(&event));
    }
    words
}

/// A client with an open WebSocket session.
async fn connected(builder: EngineIoClientBuilder) -> (Addr<EngineIoClient>, TransportEnd, Arc<Session>) {
    let started = Started::default();
    let client = started.client(builder.transports([TransportKind::WebSocket]));
    let connect = actix_rt::spawn(client.send(Connect::new("http://localhost")));
    let wire = started.next().await;
    wire.report(ReportKind::Opened { protocol: None });
    wire.packets(vec![Packet::Open(OPEN.into())]);
    let session = connect.await.unwrap().unwrap().unwrap();
    (client, wire, session)
}

/// A subscriber that needs a permit of the test for each event.
struct Slow {
    permits: mpsc::UnboundedReceiver<()>,
    handled: mpsc::UnboundedSender<Event>,
}

impl Actor for Slow {
    type Context = Context<Self>;
}

impl Handler<Event> for Slow {
    type Result = actix::AtomicResponse<Self, ()>;

    fn handle(&mut self, event: Event, _: &mut Self::Context) -> Self::Result {
        use actix::fut::ActorFutureExt as _;
        let (_, none) = mpsc::unbounded();
        let mut permits = mem::replace(&mut self.permits, none);
        actix::AtomicResponse::new(Box::pin(
            actix::fut::wrap_future::<_, Self>(async move {
                permits.next().await;
                permits
            })
            .map(|permits, slow, _| {
                slow.permits = permits;
                let _ = slow.handled.unbounded_send(event);
            }),
        ))
    }
}

/// A slow subscriber, the sender of its permits, and the events that it has handled.
fn slow() -> (Recipient<Event>, mpsc::UnboundedSender<()>, mpsc::UnboundedReceiver<Event>) {
    let (permit, permits) = mpsc::unbounded();
    let (handled, events) = mpsc::unbounded();
    (Slow { permits, handled }.start().recipient(), permit, events)
}

/// Somebody else than the client, to send reports to.
fn recorder_of_reports() -> (Recipient<Report>, mpsc::UnboundedReceiver<Report>) {
    struct Sink(mpsc::UnboundedSender<Report>);
    impl Actor for Sink {
        type Context = Context<Self>;
    }
    impl Handler<Report> for Sink {
        type Result = ();
        fn handle(&mut self, report: Report, _: &mut Self::Context) {
            let _ = self.0.unbounded_send(report);
        }
    }
    let (sender, reports) = mpsc::unbounded();
    (Sink(sender).start().recipient(), reports)
}

/// A test's end of a fake transport that does not keep the client alive.
struct Weak(TransportId, actix::WeakRecipient<Report>, mpsc::UnboundedReceiver<Command>);

impl Weak {
    fn of(wire: TransportEnd) -> Self {
        Self(wire.id, wire.reports.downgrade(), wire.commands)
    }
    fn report(&self, kind: ReportKind) {
        self.1.upgrade().expect("the client is alive").do_send(Report { from: self.0, kind });
    }
    /// The packets of all writes so far.
    async fn writes(&mut self) -> Vec<Packet> {
        settle().await;
        let mut all = Vec::new();
        while let Some(Some(command)) = self.2.next().now_or_never() {
            if let Command::Write(packets) = command {
                all.extend(packets.to_vec());
            }
        }
        all
    }
}

fn policy() -> Reconnect {
    Reconnect::exponential()
        .initial_delay(Duration::from_millis(100))
        .max_delay(Duration::from_secs(10))
        .seed(1)
}

/// A client with an open session over WebSocket, and its events.
async fn reconnecting(
    builder: EngineIoClientBuilder,
) -> (Started, Addr<EngineIoClient>, TransportEnd, mpsc::UnboundedReceiver<Event>) {
    tokio::time::pause();
    let started = Started::default();
    let (recipient, mut events) = recorder();
    let builder = builder.transports([TransportKind::WebSocket]).subscribe(recipient);
    let client = started.client(builder);
    let connect = actix_rt::spawn(client.send(Connect::new("http://localhost")));
    let wire = started.next().await;
    open(&wire).await;
    connect.await.unwrap().unwrap().unwrap();
    assert_eq!(words(&mut events).await, ["connected abc"]);
    (started, client, wire, events)
}

async fn open(wire: &TransportEnd) {
    wire.report(ReportKind::Opened { protocol: None });
    wire.packets(vec![Packet::Open(OPEN.into())]);
    settle().await;
}

fn fail(wire: &TransportEnd) {
    fail_with(wire, TransportError::eof("gone"));
}

fn fail_with(wire: &TransportEnd, err: TransportError) {
    let cause = CloseReason::Failed(err);
    wire.report(ReportKind::Closed(TransportClosed { reason: cause, outcome: BatchOutcome::sent(0) }));
}

/// The next event. The virtual time passes until then.
async fn event(events: &mut mpsc::UnboundedReceiver<Event>) -> Event {
    timeout(Duration::from_secs(3600), events.next()).await.expect("an event").unwrap()
}

/// The delay of the next event, which has to announce an attempt.
async fn reconnecting_in(events: &mut mpsc::UnboundedReceiver<Event>, number: u32) -> Duration {
    match event(events).await {
        Event::Reconnecting(next) => {
            assert_eq!(next.attempt, number);
            next.delay
        }
        event => panic!("{event:?} instead of Reconnecting"),
    }
}

/// The next transport, and the time until it was started.
async fn started_after(started: &Started) -> (TransportEnd, Duration) {
    let start = Instant::now();
    let wire = started.next().await;
    (wire, start.elapsed())
}

/// Loses a session by silence. Its transport was ordered to abort, and has not closed yet.
async fn silence(wire: &mut TransportEnd) {
    while !matches!(wire.next().await, Command::Abort) {}
}
