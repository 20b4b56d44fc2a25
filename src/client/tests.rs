//! The client between a fake transport and its subscribers, in virtual time.

mod reconnect;
mod stream;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use actix::{Addr, Handler, Recipient};
use actix_rt::time::{Instant, sleep, timeout};
use futures::channel::{mpsc, oneshot};
use futures::{FutureExt as _, StreamExt as _};

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

/// The transports a client has started, in order.
#[derive(Clone, Default)]
struct Started(Arc<Mutex<Vec<Wire>>>);

/// The far end of a fake transport.
struct Wire {
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
                let kind = params.kind;
                let wire = Wire { id: params.id, reports, commands };
                started.0.lock().unwrap().push(wire);
                TransportHandle::new(kind, transport.recipient(), alive)
            })
            .start()
    }

    async fn next(&self) -> Wire {
        loop {
            let wire = self.0.lock().unwrap().pop();
            match wire {
                Some(wire) => return wire,
                None => sleep(Duration::from_millis(1)).await,
            }
        }
    }
}

const OPEN: &str =
    r#"{"sid":"abc","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;

impl Wire {
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

    /// The packets of the next write, which is the next command but for leave to read.
    async fn next_write(&mut self) -> Vec<Packet> {
        loop {
            match self.next().await {
                Command::Write(packets) => return packets.to_vec(),
                Command::Read(_) => {}
                command => panic!("{command:?} instead of a write"),
            }
        }
    }

    /// Waits for the end of everything else; returns whether leave to read was among it.
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

/// A subscriber that keeps what it is told.
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
async fn connected(builder: EngineIoClientBuilder) -> (Addr<EngineIoClient>, Wire, Arc<Session>) {
    let started = Started::default();
    let client = started.client(builder.transports([TransportKind::WebSocket]));
    let connect = actix_rt::spawn(client.send(Connect::new("http://localhost")));
    let wire = started.next().await;
    wire.report(ReportKind::Opened { protocol: None });
    wire.packets(vec![Packet::Open(OPEN.into())]);
    let session = connect.await.unwrap().unwrap().unwrap();
    (client, wire, session)
}

#[actix::test]
async fn events_come_in_order_with_connected_first_and_disconnected_last() {
    let (recipient, mut events) = recorder();
    let (client, wire, session) = connected(EngineIoClient::builder().subscribe(recipient)).await;
    assert_eq!(session.sid, "abc");
    wire.texts(&["a", "b"]);
    let disconnected = actix_rt::spawn(client.send(Disconnect::new().reason("done")));
    settle().await;
    wire.written();
    wire.end();
    disconnected.await.unwrap().unwrap();
    let expected = ["connected abc", "a", "b", "disconnected client disconnect: done"];
    assert_eq!(words(&mut events).await, expected);
}

#[actix::test]
async fn a_silent_server_is_a_ping_timeout_after_exactly_interval_and_timeout() {
    tokio::time::pause();
    let (recipient, mut events) = recorder();
    let (client, mut wire, _) = connected(EngineIoClient::builder().subscribe(recipient)).await;
    let start = Instant::now();
    let ended = actix_rt::spawn(client.send(Wait));
    loop {
        if let Command::Abort = wire.next().await {
            break;
        }
    }
    wire.end();
    assert_eq!(ended.await.unwrap().unwrap(), Some(DisconnectReason::PingTimeout));
    // The runtime counts in milliseconds.
    assert!((45_000..=45_001).contains(&start.elapsed().as_millis()));
    assert_eq!(words(&mut events).await, ["connected abc", "disconnected ping timeout"]);
}

#[actix::test]
async fn a_hundred_pings_keep_a_session_alive() {
    tokio::time::pause();
    let (client, mut wire, _) = connected(EngineIoClient::builder()).await;
    for _ in 0..100 {
        sleep(Duration::from_secs(40)).await;
        wire.packets(vec![Packet::Ping("".into())]);
        assert_eq!(wire.next_write().await, [Packet::Pong("".into())]);
        wire.written();
    }
    assert_eq!(client.send(GetStatus).await.unwrap().state, State::Connected);
}

#[actix::test]
async fn what_is_sent_in_one_wake_up_goes_out_in_one_batch() {
    let (client, mut wire, _) = connected(EngineIoClient::builder()).await;
    settle().await;
    for at in 0..10 {
        client.do_send(Send::text(at.to_string()));
    }
    assert_eq!(wire.next_write().await.len(), 10);
}

#[actix::test]
async fn a_send_waits_for_room_and_a_do_send_keeps_its_turn() {
    let (client, mut wire, _) = connected(EngineIoClient::builder().send_queue(100)).await;
    client.send(Send::text("a".repeat(200))).await.unwrap().unwrap();
    let mut waiting = Box::pin(client.send(Send::text("waiting")));
    assert!(timeout(Duration::from_millis(20), &mut waiting).await.is_err(), "no room");
    client.do_send(Send::text("behind"));
    assert_eq!(client.send(GetStatus).await.unwrap().queued_messages, 3);
    assert_eq!(wire.next_write().await.len(), 1);
    wire.written();
    waiting.await.unwrap().unwrap();
    let texts = [Packet::Message("waiting".into()), Packet::Message("behind".into())];
    assert_eq!(wire.next_write().await, texts);
}

#[actix::test]
async fn a_send_whose_reply_is_dropped_while_it_waits_is_withdrawn() {
    let (client, mut wire, _) = connected(EngineIoClient::builder().send_queue(100)).await;
    client.send(Send::text("a".repeat(200))).await.unwrap().unwrap();
    let mut waiting = Box::pin(client.send(Send::text("withdrawn")));
    assert!(timeout(Duration::from_millis(20), &mut waiting).await.is_err());
    drop(waiting);
    client.do_send(Send::text("kept"));
    wire.next_write().await;
    wire.written();
    assert_eq!(wire.next_write().await, [Packet::Message("kept".into())]);
}

#[actix::test]
async fn a_send_during_a_connect_waits_for_its_outcome() {
    let started = Started::default();
    let (recipient, mut events) = recorder();
    let client = started.client(EngineIoClient::builder().subscribe(recipient));

    let connect = actix_rt::spawn(client.send(Connect::new("http://localhost")));
    let mut wire = started.next().await;
    let send = actix_rt::spawn(client.send(Send::text("early")));
    client.do_send(Send::text("early too"));
    settle().await;
    assert!(!send.is_finished());
    wire.packets(vec![Packet::Open(OPEN.into())]);
    connect.await.unwrap().unwrap().unwrap();
    send.await.unwrap().unwrap().unwrap();
    assert!(matches!(wire.next().await, Command::Session(_)));
    assert_eq!(wire.next_write().await.len(), 2);
    client.do_send(Disconnect::abort());
    wire.end();

    client.send(Wait).await.unwrap();
    let connect = actix_rt::spawn(client.send(Connect::new("http://localhost")));
    let wire = started.next().await;
    let send = actix_rt::spawn(client.send(Send::text("lost")));
    client.do_send(Send::text("lost too"));
    settle().await;
    let err = TransportError::resolve("no such host");
    wire.report(ReportKind::Closed(TransportClosed {
        reason: CloseReason::Failed(err),
        outcome: BatchOutcome::sent(0),
    }));
    assert!(connect.await.unwrap().unwrap().is_err());
    let err = send.await.unwrap().unwrap().unwrap_err();
    assert_eq!((err.kind, err.data), (SendErrorKind::NotConnected, Data::from("lost")));
    assert_eq!(words(&mut events).await.last().unwrap(), "rejected not connected");
}

#[actix::test]
async fn an_unconnected_client_refuses_what_needs_a_connection() {
    let (recipient, mut events) = recorder();
    let client = EngineIoClient::builder().subscribe(recipient).start();
    let err = client.send(Send::text("x")).await.unwrap().unwrap_err();
    assert_eq!((err.kind, err.data), (SendErrorKind::NotConnected, Data::from("x")));
    assert_eq!(client.send(Flush).await.unwrap(), Err(FlushError::NotConnected));
    assert_eq!(client.send(Wait).await.unwrap(), None);
    client.send(Disconnect::new()).await.unwrap();
    client.do_send(Send::text("y"));
    assert_eq!(words(&mut events).await, ["rejected not connected"]);
}

#[actix::test]
async fn what_was_given_wrong_is_what_connect_returns() {
    let connect = |builder: EngineIoClientBuilder, connect: Connect| async move {
        builder.start().send(connect).await.unwrap().unwrap_err().to_string()
    };
    let url = || Connect::new("http://localhost");
    let builder = EngineIoClient::builder;
    assert!(connect(builder(), Connect::new("ftp://localhost")).await.starts_with("invalid URL"));
    assert!(connect(builder(), url().header("bad name", "x")).await.starts_with("invalid header"));
    assert!(connect(builder(), url().header("x", "a\nb")).await.starts_with("invalid header"));
    assert!(connect(builder().header("upgrade", "x"), url()).await.starts_with("invalid header"));
    assert!(connect(builder(), url().transports([])).await.starts_with("no transports"));
}

#[actix::test]
async fn a_flush_waits_for_what_came_before_it() {
    let (client, mut wire, _) = connected(EngineIoClient::builder()).await;
    client.send(Flush).await.unwrap().unwrap();
    client.do_send(Send::text("a"));
    let flush = actix_rt::spawn(client.send(Flush));
    wire.next_write().await;
    client.do_send(Send::text("b"));
    settle().await;
    assert!(!flush.is_finished());
    wire.written();
    flush.await.unwrap().unwrap().unwrap();

    let flush = actix_rt::spawn(client.send(Flush));
    wire.next_write().await;
    let cause = CloseReason::Failed(TransportError::eof("gone"));
    wire.report(ReportKind::Closed(TransportClosed { reason: cause, outcome: BatchOutcome::sent(0) }));
    assert_eq!(flush.await.unwrap().unwrap(), Err(FlushError::Disconnected));
}

/// A subscriber that handles an event when it is told to.
struct Slow(mpsc::UnboundedReceiver<()>, mpsc::UnboundedSender<Event>);

impl Actor for Slow {
    type Context = Context<Self>;
}

impl Handler<Event> for Slow {
    type Result = actix::AtomicResponse<Self, ()>;

    fn handle(&mut self, event: Event, _: &mut Self::Context) -> Self::Result {
        use actix::fut::ActorFutureExt as _;
        let (_, none) = mpsc::unbounded();
        let mut leave = std::mem::replace(&mut self.0, none);
        actix::AtomicResponse::new(Box::pin(
            actix::fut::wrap_future::<_, Self>(async move {
                leave.next().await;
                leave
            })
            .map(|leave, slow, _| {
                slow.0 = leave;
                let _ = slow.1.unbounded_send(event);
            }),
        ))
    }
}

fn slow() -> (Recipient<Event>, mpsc::UnboundedSender<()>, mpsc::UnboundedReceiver<Event>) {
    let (leave, leaves) = mpsc::unbounded();
    let (sender, events) = mpsc::unbounded();
    (Slow(leaves, sender).start().recipient(), leave, events)
}

#[actix::test]
async fn a_slow_subscriber_holds_back_reading_and_misses_nothing() {
    let (recipient, leave, mut events) = slow();
    let (fast, mut fast_events) = recorder();
    let builder = EngineIoClient::builder().receive_buffer(1000).subscribe(recipient).subscribe(fast);
    let (client, mut wire, _) = connected(builder).await;
    let mut sent = 0;
    while wire.was_read().await || sent == 0 {
        wire.texts(&[&format!("{sent}")]);
        sent += 1;
    }
    assert!((10..=17).contains(&sent), "1000 bytes at 64 and a digit each, not {sent}");
    assert_eq!(words(&mut fast_events).await.len(), sent + 1, "the fast one does not wait");
    // Its own mailbox goes on.
    assert_eq!(client.send(GetStatus).await.unwrap().state, State::Connected);
    for _ in 0..=sent {
        leave.unbounded_send(()).unwrap();
    }
    assert!(wire.was_read().await);
    let got = words(&mut events).await;
    assert_eq!(got[1..], (0..sent).map(|at| at.to_string()).collect::<Vec<_>>());
}

#[actix::test]
async fn a_subscriber_that_never_takes_an_event_ends_the_session_as_stalled() {
    tokio::time::pause();
    let (recipient, leave, mut events) = slow();
    let (_client, mut wire, _) =
        connected(EngineIoClient::builder().receive_buffer(0).subscribe(recipient)).await;
    let start = Instant::now();
    wire.texts(&["a"]);
    loop {
        if let Command::Abort = wire.next().await {
            break;
        }
    }
    assert_eq!(start.elapsed().as_secs(), 60);
    wire.end();
    for _ in 0..3 {
        leave.unbounded_send(()).unwrap();
    }
    assert_eq!(words(&mut events).await, ["connected abc", "a", "disconnected stalled"]);
}

#[actix::test]
async fn who_takes_its_time_for_each_event_is_not_stalled() {
    tokio::time::pause();
    let timeouts = || EngineIoClient::builder().stall_timeout(Duration::from_secs(10)).receive_buffer(0);
    let (recipient, leave, mut events) = slow();
    let (_client, wire, _) = connected(timeouts().subscribe(recipient)).await;
    let texts = vec!["a"; 300];
    wire.texts(&texts);
    let (client, other, _) = connected(timeouts()).await;
    let mut stream = EventStream::subscribe(&client).await.unwrap();
    other.texts(&texts);
    settle().await;
    let (mut handled, mut read) = (0, 0);
    for _ in 0..302 {
        sleep(Duration::from_millis(1001)).await;
        leave.unbounded_send(()).unwrap();
        settle().await;
        handled += words(&mut events).await.len();
        read += usize::from(stream.next().now_or_never().is_some());
    }
    assert_eq!((handled, read), (301, 301), "Connected, and all messages");
    drop(client);
}

#[actix::test]
async fn a_subscriber_that_dies_is_dropped_without_disturbing_the_others() {
    struct Dying;
    impl Actor for Dying {
        type Context = Context<Self>;
    }
    impl Handler<Event> for Dying {
        type Result = ();
        fn handle(&mut self, _: Event, ctx: &mut Self::Context) {
            ctx.stop();
        }
    }
    let (other, mut events) = recorder();
    let builder =
        EngineIoClient::builder().receive_buffer(0).subscribe(Dying.start().recipient()).subscribe(other);
    let (_client, mut wire, _) = connected(builder).await;
    for text in ["a", "b", "c"] {
        wire.texts(&[text]);
        assert!(wire.was_read().await, "{text}");
    }
    assert_eq!(words(&mut events).await, ["connected abc", "a", "b", "c"]);
}

#[actix::test]
async fn a_subscriber_that_comes_later_gets_the_session_first_and_only_what_it_asks_for() {
    let (client, wire, _) = connected(EngineIoClient::builder()).await;
    wire.texts(&["before"]);
    settle().await;
    let (late, mut events) = recorder();
    let (only, mut only_events) = recorder();
    let id = client.send(Subscribe::new(late)).await.unwrap();
    client.send(Subscribe::new(only).only([EventKind::Message])).await.unwrap();
    wire.texts(&["after"]);
    assert_eq!(words(&mut events).await, ["connected abc", "after"]);
    assert_eq!(words(&mut only_events).await, ["after"]);
    assert!(client.send(Unsubscribe(id)).await.unwrap());
    assert!(!client.send(Unsubscribe(id)).await.unwrap());
    wire.texts(&["more"]);
    assert_eq!(words(&mut events).await, [""; 0]);
    assert_eq!(words(&mut only_events).await, ["more"]);
}

#[actix::test]
async fn a_stream_is_bounded_and_ends_with_the_client() {
    let (client, mut wire, _) = connected(EngineIoClient::builder().receive_buffer(0)).await;
    let mut events = EventStream::subscribe(&client).await.unwrap();
    let mut sent = 0;
    while wire.was_read().await || sent == 0 {
        wire.texts(&[&format!("{sent}")]);
        sent += 1;
    }
    assert_eq!(sent, 64, "the 64 that the stream holds, with `Connected` among them, and one that waits");
    assert_eq!(word(&events.next().await.unwrap()), "connected abc");
    for at in 0..sent {
        assert_eq!(word(&events.next().await.unwrap()), at.to_string());
    }
    client.do_send(Disconnect::abort());
    settle().await;
    wire.end();
    drop((client, wire));
    assert_eq!(word(&events.next().await.unwrap()), "disconnected client disconnect");
    assert!(events.next().await.is_none());
}

#[actix::test]
async fn a_client_that_nobody_reaches_or_hears_disconnects_and_stops() {
    let (client, mut wire, _) = connected(EngineIoClient::builder()).await;
    let weak = client.downgrade();
    let id = wire.id;
    let reports = wire.reports.downgrade();
    drop(client);
    // The fake transport's strong recipient is an address too.
    let (none, _) = recorder_of_reports();
    wire.reports = none;
    assert_eq!(wire.next_write().await, [Packet::Close]);
    let up = reports.upgrade().unwrap();
    up.do_send(Report { from: id, kind: ReportKind::Written { any_number: false } });
    up.do_send(Report {
        from: id,
        kind: ReportKind::Closed(TransportClosed {
            reason: CloseReason::Ordered,
            outcome: BatchOutcome::sent(0),
        }),
    });
    drop(up);
    settle().await;
    assert!(weak.upgrade().is_none_or(|client| !client.connected()));
}

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

#[actix::test]
async fn connect_from_the_handler_of_disconnected_works() {
    struct Again(Addr<EngineIoClient>, mpsc::UnboundedSender<bool>);
    impl Actor for Again {
        type Context = Context<Self>;
    }
    impl Handler<Event> for Again {
        type Result = ();
        fn handle(&mut self, event: Event, ctx: &mut Self::Context) {
            if let Event::Disconnected(_) = event {
                let (client, sender) = (self.0.clone(), self.1.clone());
                ctx.spawn(actix::fut::wrap_future(async move {
                    let connected = client.send(Connect::new("http://localhost")).await.unwrap();
                    let _ = sender.unbounded_send(connected.is_ok());
                }));
            }
        }
    }
    let started = Started::default();
    let client = started.client(EngineIoClient::builder().transports([TransportKind::WebSocket]));
    let (sender, mut outcome) = mpsc::unbounded();
    let again = Again(client.clone(), sender).start();
    client.send(Subscribe::new(again.recipient())).await.unwrap();
    client.do_send(Connect::new("http://localhost"));
    for _ in 0..2 {
        let wire = started.next().await;
        wire.report(ReportKind::Opened { protocol: None });
        wire.packets(vec![Packet::Open(OPEN.into())]);
        settle().await;
        wire.report(ReportKind::Closed(TransportClosed {
            reason: CloseReason::CloseFrame { code: 1000, reason: "".into() },
            outcome: BatchOutcome::sent(0),
        }));
    }
    assert_eq!(outcome.next().await, Some(true));
}

#[test]
fn an_event_is_small() {
    assert_eq!(size_of::<Event>(), 40);
    assert!(size_of::<Packet>() <= 48, "{}", size_of::<Packet>());
}

#[test]
fn addresses_events_and_errors_travel_between_threads() {
    fn travels<T: std::marker::Send + Sync>() {}
    travels::<Event>();
    travels::<ConnectError>();
    travels::<SendError>();
    travels::<Status>();
    fn sent<T: std::marker::Send>() {}
    sent::<Addr<EngineIoClient>>();
    sent::<EngineIoClientBuilder>();
    sent::<EventStream>();
    sent::<Subscribe>();
}

#[actix::test]
async fn a_connect_in_the_wake_up_in_which_another_fails_is_not_confused_with_it() {
    let started = Started::default();
    let client = started.client(EngineIoClient::builder().transports([TransportKind::WebSocket]));
    let first = actix_rt::spawn(client.send(Connect::new("http://localhost")));
    let wire = started.next().await;
    settle().await;
    wire.report(ReportKind::Closed(TransportClosed {
        reason: CloseReason::Failed(TransportError::eof("first")),
        outcome: BatchOutcome::sent(0),
    }));
    settle().await;
    // abort was ordered? the connecting transport ended: nothing is left, both in one wake-up below
    let _ = first.await;
    let first = actix_rt::spawn(client.send(Connect::new("http://localhost")));
    let wire = started.next().await;
    settle().await;
    wire.report(ReportKind::Closed(TransportClosed {
        reason: CloseReason::Failed(TransportError::eof("first")),
        outcome: BatchOutcome::sent(0),
    }));
    let mut second = Box::pin(client.send(Connect::new("http://localhost")));
    let now = second.as_mut().now_or_never();
    assert!(now.is_none());
    settle().await;
    let first = first.await.unwrap().unwrap().unwrap_err();
    assert!(first.to_string().contains("first"), "{first}");
    assert!(second.as_mut().now_or_never().is_none(), "the second has only begun");
    let wire = started.next().await;
    wire.report(ReportKind::Opened { protocol: None });
    wire.packets(vec![Packet::Open(OPEN.into())]);
    assert_eq!(second.await.unwrap().unwrap().sid, "abc");
}

#[actix::test]
async fn a_flush_counts_what_came_by_do_send_beyond_the_queue() {
    let (client, mut wire, _) = connected(EngineIoClient::builder().send_queue(100)).await;
    settle().await;
    client.do_send(Send::text("x".repeat(200)));
    settle().await;
    assert_eq!(wire.next_write().await.len(), 1);
    // no room: what comes by do_send goes through the line
    client.do_send(Send::text("b"));
    let mut flush = Box::pin(client.send(Flush));
    assert!(flush.as_mut().now_or_never().is_none());
    settle().await;
    wire.written();
    assert_eq!(wire.next_write().await.len(), 1);
    settle().await;
    assert!(flush.as_mut().now_or_never().is_none(), "b has not left");
}

#[actix::test]
async fn a_flush_whose_messages_left_succeeds_although_the_session_ends_at_once() {
    let (client, mut wire, _) = connected(EngineIoClient::builder()).await;
    settle().await;
    client.do_send(Send::text("x"));
    let mut flush = Box::pin(client.send(Flush));
    assert!(flush.as_mut().now_or_never().is_none());
    assert_eq!(wire.next_write().await.len(), 1);
    settle().await;
    wire.written();
    wire.end();
    settle().await;
    assert_eq!(flush.as_mut().now_or_never().unwrap().unwrap(), Ok(()));
}

/// Reports without keeping the client.
struct Weak(TransportId, actix::WeakRecipient<Report>, mpsc::UnboundedReceiver<Command>);

impl Weak {
    fn of(wire: Wire) -> Self {
        Self(wire.id, wire.reports.downgrade(), wire.commands)
    }
    fn report(&self, kind: ReportKind) {
        self.1.upgrade().expect("the client lives").do_send(Report { from: self.0, kind });
    }
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

#[actix::test]
async fn a_wait_that_was_given_up_keeps_nobody_alive() {
    tokio::time::pause();
    for given_up in [false, true] {
        let (client, wire, _) = connected(EngineIoClient::builder()).await;
        let mut wire = Weak::of(wire);
        settle().await;
        if given_up {
            assert!(timeout(Duration::from_millis(20), client.send(Wait)).await.is_err());
        }
        drop(client);
        let mut closed = false;
        for _ in 0..5 {
            sleep(Duration::from_secs(20)).await;
            closed = wire.1.upgrade().is_none();
            if closed {
                break;
            }
            wire.report(ReportKind::Packets { packets: vec![Packet::Ping("".into())], complete: true });
            closed = wire.writes().await.contains(&Packet::Close);
            if closed {
                break;
            }
            wire.report(ReportKind::Written { any_number: false });
            settle().await;
        }
        assert!(closed, "lives on; given up: {given_up}");
    }
}

#[actix::test]
async fn a_send_that_is_awaited_is_sent_although_the_last_address_goes() {
    let (client, wire, _) = connected(EngineIoClient::builder().send_queue(100)).await;
    let mut wire = Weak::of(wire);
    client.send(Send::text("a".repeat(200))).await.unwrap().unwrap();
    settle().await;
    assert_eq!(wire.writes().await.len(), 1);
    let mut second = Box::pin(client.send(Send::text("b")));
    assert!(second.as_mut().now_or_never().is_none());
    drop(client);
    settle().await;
    wire.report(ReportKind::Written { any_number: false });
    settle().await;
    assert_eq!(second.as_mut().now_or_never().unwrap().unwrap(), Ok(()));
}

#[actix::test]
async fn a_connect_that_a_hook_made_useless_is_answered() {
    let builder = EngineIoClient::builder()
        .before_connect(async |connect: Connect| Ok::<_, String>(connect.transports([])));
    let client = builder.start();
    let err = client.send(Connect::new("http://localhost")).await.unwrap().unwrap_err();
    assert_eq!(err, ConnectError::NoTransports);
    assert_eq!(client.send(GetStatus).await.unwrap().state, State::Disconnected);
}

#[actix::test]
async fn a_message_that_comes_before_the_connect_does_not_wait_for_its_session() {
    let started = Started::default();
    let client = started.client(EngineIoClient::builder().transports([TransportKind::WebSocket]));
    let mut early = Box::pin(client.send(Send::text("early")));
    assert!(early.as_mut().now_or_never().is_none());
    let connect = actix_rt::spawn(client.send(Connect::new("http://localhost")));
    assert_eq!(early.await.unwrap().unwrap_err().kind, SendErrorKind::NotConnected);
    assert!(!connect.is_finished());
}

#[actix::test]
async fn the_longest_stall_timeout_overflows_nothing() {
    let (client, wire, _) =
        connected(EngineIoClient::builder().receive_buffer(0).stall_timeout(Duration::MAX)).await;
    let stream = EventStream::subscribe(&client).await.unwrap();
    for _ in 0..10 {
        wire.packets(vec![Packet::Message("a".into()); 64]);
        settle().await;
    }
    drop(stream);
    assert!(client.connected());
}

#[actix::test]
async fn the_longest_close_timeout_overflows_nothing() {
    let (client, wire, _) = connected(EngineIoClient::builder().close_timeout(Duration::MAX)).await;
    wire.texts(&["a"]);
    settle().await;
    let _disconnecting = actix_rt::spawn(client.send(Disconnect::new()));
    settle().await;
    assert!(client.connected());
}

#[actix::test]
async fn withdrawn_messages_do_not_pile_up_behind_one_that_waits() {
    let (client, mut wire, _) = connected(EngineIoClient::builder().send_queue(100)).await;
    client.send(Send::text("a".repeat(200))).await.unwrap().unwrap();
    settle().await;
    assert_eq!(wire.next_write().await.len(), 1);
    let mut patient = Box::pin(client.send(Send::text("p")));
    assert!(patient.as_mut().now_or_never().is_none());
    for _ in 0..50 {
        let _ = timeout(Duration::from_millis(1), client.send(Send::text("w".repeat(1 << 20)))).await;
    }
    assert_eq!(client.send(GetStatus).await.unwrap().queued_bytes, 201);
}

#[test]
fn an_arbiter_that_stops_tells_what_was_not_sent() {
    let system = actix::System::new();
    system.block_on(async {
        for ending in [false, true] {
            let (recipient, mut events) = recorder();
            let arbiter = actix::Arbiter::new();
            let (tx, rx) = oneshot::channel();
            arbiter.spawn(async move {
                let (client, mut wire, _) = connected(EngineIoClient::builder().subscribe(recipient)).await;
                client.do_send(Send::text("a"));
                client.do_send(Send::text("b"));
                settle().await;
                assert_eq!(wire.next_write().await.len(), 2);
                client.do_send(Send::text("c"));
                if ending {
                    client.do_send(Disconnect::new());
                    settle().await;
                    wire.written();
                    settle().await;
                    wire.next_write().await;
                    wire.written();
                    settle().await;
                }
                let _ = tx.send(());
                std::mem::forget(wire);
                std::mem::forget(client);
            });
            rx.await.unwrap();
            arbiter.stop();
            sleep(Duration::from_millis(200)).await;
            let mut all = Vec::new();
            while let Some(Some(event)) = events.next().now_or_never() {
                all.push(format!("{event:?}"));
            }
            let last = all.last().unwrap();
            let expected = if ending {
                "unsent: [], in_doubt: []"
            } else {
                "unsent: [Text(\"c\")], in_doubt: [Text(\"a\"), Text(\"b\")]"
            };
            assert!(last.starts_with("Disconnected") && last.contains(expected), "{last}");
        }
    });
}

#[test]
fn an_arbiter_that_stops_during_a_connect_gives_messages_back() {
    let system = actix::System::new();
    system.block_on(async {
        let (recipient, mut events) = recorder();
        let arbiter = actix::Arbiter::new();
        let (tx, rx) = oneshot::channel();
        arbiter.spawn(async move {
            let transports = Started::default();
            let client = transports.client(EngineIoClient::builder().subscribe(recipient));
            client.do_send(Connect::new("http://localhost"));
            client.do_send(Send::text("a"));
            settle().await;
            let _ = tx.send(());
            std::mem::forget((transports, client));
        });
        rx.await.unwrap();
        arbiter.stop();
        let event = timeout(Duration::from_secs(5), events.next()).await.unwrap().unwrap();
        assert!(matches!(&event, Event::Rejected(err) if err.data == "a".into()), "{event:?}");
    });
}

#[test]
fn a_full_stream_learns_of_the_end_when_the_arbiter_stops() {
    let system = actix::System::new();
    system.block_on(async {
        let arbiter = actix::Arbiter::new();
        let (tx, rx) = oneshot::channel();
        arbiter.spawn(async move {
            let (client, wire, _) = connected(EngineIoClient::builder()).await;
            let stream = EventStream::subscribe(&client).await.unwrap();
            settle().await;
            for _ in 0..4 {
                wire.packets(vec![Packet::Message("a".into()); 64]);
                settle().await;
            }
            let _ = tx.send(stream);
            std::mem::forget(wire);
            std::mem::forget(client);
        });
        let stream = rx.await.unwrap();
        arbiter.stop();
        sleep(Duration::from_millis(200)).await;
        let all: Vec<Event> = stream.collect().await;
        println!("{} events, last {:?}", all.len(), all.last());
        assert!(matches!(all.last(), Some(Event::Disconnected(_))));
    });
}
