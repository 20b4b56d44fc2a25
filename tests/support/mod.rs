//! What the tests of the whole client have in common: a client with a subscriber that records its events, a server that
//! follows a script, a clock that can be stopped, and a check that no socket stays open.

// Each test crate uses its share.
#![allow(dead_code, unused_imports)]

mod clock;
pub(crate) mod deflate;
#[cfg(unix)]
mod process;
pub(crate) mod script;
pub(crate) mod server;
mod small_buffers;

use std::{collections::HashSet, fs, future::Future, sync::Arc};

use actix::prelude::*;
use actix_engineio::{
    self as engineio, Connect, ConnectError, Data, Disconnect, DisconnectReason, Disconnected,
    EngineIoClient, EngineIoClientBuilder, Event, GetStatus, Session, State, TransportError, TransportKind,
    Wait,
};
use actix_rt::task::JoinHandle;
use futures::channel::mpsc;
use futures::{FutureExt as _, StreamExt as _};

#[cfg(unix)]
pub(crate) use self::process::Process;
use self::server::{PATIENCE, Server};
pub(crate) use self::{
    clock::{Clock, SHORT, TICK, moment, soon, takes},
    small_buffers::{LARGE, connect_with_small_buffers, listen_with_small_buffers},
};

/// A subscriber that records every event.
pub(crate) struct Recorder(mpsc::UnboundedSender<Event>);

impl Actor for Recorder {
    type Context = Context<Self>;
}

impl Handler<Event> for Recorder {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        let _ = self.0.unbounded_send(event);
    }
}

impl Recorder {
    pub(crate) fn start() -> (Recipient<Event>, Events) {
        let (sender, events) = mpsc::unbounded();
        (Self(sender).start().recipient(), Events(events))
    }
}

/// The events that a [`Recorder`] got.
pub(crate) struct Events(mpsc::UnboundedReceiver<Event>);

impl Events {
    pub(crate) async fn next(&mut self) -> Event {
        soon("an event", self.0.next()).await.expect("the recorder lives")
    }

    /// The events that have come and were not taken yet.
    pub(crate) fn waiting(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.0.next().now_or_never().flatten()).collect()
    }
}

/// A client under test.
pub(crate) struct Client {
    pub(crate) addr: Addr<EngineIoClient>,
    pub(crate) events: Events,
    origin: String,
    /// The reply to a `Wait` that was sent when the session had been opened.
    wait: Option<JoinHandle<Option<DisconnectReason>>>,
}

impl Client {
    /// A client with the default options.
    pub(crate) fn start(server: &Server) -> Self {
        Self::with(server, |builder| builder)
    }

    /// A client with the default options that has connected.
    pub(crate) async fn connected(server: &Server) -> Self {
        let mut client = Self::start(server);
        client.connect().await;
        client
    }

    /// A client with the default options that has connected with these transports.
    pub(crate) async fn connected_over(server: &Server, transport: TransportKind) -> Self {
        let mut client = Self::start(server);
        client.connect_over(transport).await;
        client
    }

    pub(crate) fn with(
        server: &Server,
        configure: impl FnOnce(EngineIoClientBuilder) -> EngineIoClientBuilder,
    ) -> Self {
        Self::to(server.origin(), configure)
    }

    /// A client of whatever listens at `origin`.
    pub(crate) fn to(
        origin: String,
        configure: impl FnOnce(EngineIoClientBuilder) -> EngineIoClientBuilder,
    ) -> Self {
        let (recorder, events) = Recorder::start();
        let addr = configure(EngineIoClient::builder()).subscribe(recorder).start();
        Self { addr, events, origin, wait: None }
    }

    /// Connects, and takes the event `Connected`.
    pub(crate) async fn connect(&mut self) -> Arc<Session> {
        self.open(Connect::new(self.origin.clone())).await
    }

    /// Connects with these transports.
    pub(crate) async fn connect_over(&mut self, transport: TransportKind) -> Arc<Session> {
        self.open(Connect::new(self.origin.clone()).transports([transport])).await
    }

    pub(crate) async fn open(&mut self, connect: Connect) -> Arc<Session> {
        let session = soon("a connect", self.addr.send(connect)).await.unwrap().expect("a session");
        match self.next().await {
            Event::Connected(connected) => assert_eq!(connected, session),
            event => panic!("{event:?} instead of Connected"),
        }
        let wait = self.addr.send(Wait);
        self.wait = Some(actix_rt::spawn(async { wait.await.unwrap() }));
        session
    }

    /// A connect that fails, after which no socket is open.
    pub(crate) async fn fails(&mut self) -> ConnectError {
        self.fails_with(Connect::new(self.origin.clone())).await
    }

    pub(crate) async fn fails_over(&mut self, transport: TransportKind) -> ConnectError {
        self.fails_with(Connect::new(self.origin.clone()).transports([transport])).await
    }

    pub(crate) async fn fails_with(&mut self, connect: Connect) -> ConnectError {
        let outcome = soon("a connect", self.addr.send(connect)).await.unwrap();
        let err = outcome.expect_err("a failed connect");
        self.is_gone().await;
        assert_eq!(soon("Wait", self.addr.send(Wait)).await.unwrap(), None);
        assert!(self.events.waiting().is_empty(), "a failed connect is no event");
        assert!(!err.to_string().is_empty());
        err
    }

    /// Starts a connect and does not wait for it.
    pub(crate) fn connecting(&self, connect: Connect) -> JoinHandle<Result<Arc<Session>, ConnectError>> {
        let connect = self.addr.send(connect);
        actix_rt::spawn(async { soon("a connect", connect).await.unwrap() })
    }

    pub(crate) async fn next(&mut self) -> Event {
        self.events.next().await
    }

    /// The next event, which has to be a message.
    pub(crate) async fn message(&mut self) -> Data {
        match self.next().await {
            Event::Message(data) => data,
            event => panic!("{event:?} instead of a message"),
        }
    }

    /// The next event, which has to be a text message.
    pub(crate) async fn text(&mut self) -> String {
        self.message().await.as_text().expect("text").to_owned()
    }

    /// The next event, which has to be the end of the upgrade.
    pub(crate) async fn upgraded(&mut self) {
        match self.next().await {
            Event::Upgraded(TransportKind::WebSocket) => {}
            event => panic!("{event:?} instead of Upgraded"),
        }
    }

    /// The next event, which has to be the failure of the upgrade.
    pub(crate) async fn upgrade_failed(&mut self) -> TransportError {
        match self.next().await {
            Event::UpgradeFailed(err) => err,
            event => panic!("{event:?} instead of UpgradeFailed"),
        }
    }

    pub(crate) async fn send(&self, data: impl Into<Data>) {
        soon("a send", self.addr.send(engineio::Send::new(data))).await.unwrap().expect("accepted");
    }

    pub(crate) async fn disconnect(&self) {
        soon("a disconnect", self.addr.send(Disconnect::new())).await.unwrap();
    }

    /// The next event, which has to be the end of the session, after which no socket is open.
    pub(crate) async fn ended(&mut self) -> Arc<Disconnected> {
        let event = self.next().await;
        self.ended_with(event).await
    }

    /// The same for an event that was taken already.
    pub(crate) async fn ended_with(&mut self, event: Event) -> Arc<Disconnected> {
        let end = match event {
            Event::Disconnected(end) => end,
            event => panic!("{event:?} instead of Disconnected"),
        };
        self.is_gone().await;
        let waited = soon("a Wait", self.wait.take().expect("there was a session")).await.unwrap();
        assert_eq!(waited.as_ref(), Some(&end.reason));
        let late = soon("a Wait", self.addr.send(Wait)).await.unwrap();
        assert_eq!(late.as_ref(), Some(&end.reason));
        let rest = self.events.waiting();
        assert!(rest.is_empty(), "after the last event: {rest:?}");
        end
    }

    /// The reason of the end that [`ended`](Self::ended) awaits, after which no message is unsent or in doubt.
    pub(crate) async fn ended_cleanly(&mut self) -> DisconnectReason {
        let end = self.ended().await;
        assert_eq!((&*end.unsent, &*end.in_doubt), ([].as_slice(), [].as_slice()));
        end.reason.clone()
    }

    /// No socket is open, and the client has no session.
    pub(crate) async fn is_gone(&self) {
        assert_eq!(sockets_to(port(&self.origin)), [""; 0], "sockets are still open");
        let status = soon("GetStatus", self.addr.send(GetStatus)).await.unwrap();
        assert_eq!(status.state, State::Disconnected);
        assert!(status.session.is_none() && status.transport.is_none());
        assert_eq!((status.queued_messages, status.queued_bytes), (0, 0));
    }

    /// Waits until so many sockets lead to the server.
    pub(crate) async fn has_sockets(&self, count: usize) {
        soon("closing", async {
            while sockets_to(port(&self.origin)).len() != count {
                moment().await;
            }
        })
        .await;
    }
}

/// The port of a URL without a path.
fn port(origin: &str) -> u16 {
    origin.rsplit(':').next().unwrap().parse().unwrap()
}

/// The local addresses of this process's open TCP sockets that lead to `port`. Elsewhere than on Linux, none.
pub(crate) fn sockets_to(port: u16) -> Vec<String> {
    let Ok(table) = fs::read_to_string("/proc/self/net/tcp") else { return Vec::new() };
    let is_socket = |fd: fs::DirEntry| {
        let link = fs::read_link(fd.path()).ok()?;
        Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned())
    };
    let open: HashSet<_> = fs::read_dir("/proc/self/fd").unwrap().flatten().filter_map(is_socket).collect();
    // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let (_, remote) = fields[2].split_once(':')?;
            let leads_there = u16::from_str_radix(remote, 16) == Ok(port) && open.contains(fields[9]);
            leads_there.then(|| fields[1].to_owned())
        })
        .collect()
}

/// Something that happens in the script and is awaited in the test.
pub(crate) fn milestone() -> (Milestone, impl Future<Output = ()>) {
    let (sender, receiver) = futures::channel::oneshot::channel();
    let reached = async {
        soon("the script", receiver).await.expect("the script came so far");
    };
    (Milestone(sender), reached)
}

/// See [`milestone`].
pub(crate) struct Milestone(futures::channel::oneshot::Sender<()>);

impl Milestone {
    pub(crate) fn reached(self) {
        let _ = self.0.send(());
    }
}

/// Something that the test does and the script waits for.
pub(crate) fn signal() -> (Signal, Signalled) {
    let (sender, receiver) = std::sync::mpsc::channel();
    (Signal(sender), Signalled(receiver))
}

/// See [`signal`].
pub(crate) struct Signal(std::sync::mpsc::Sender<()>);

/// See [`signal`].
pub(crate) struct Signalled(std::sync::mpsc::Receiver<()>);

impl Signal {
    pub(crate) fn send(self) {
        let _ = self.0.send(());
    }
}

impl Signalled {
    pub(crate) fn wait(self) {
        self.0.recv_timeout(PATIENCE).expect("the test came so far");
    }
}

/// Steps of the script that the test starts, one by one.
pub(crate) fn steps() -> (Steps, Cues) {
    let (begin, begun) = std::sync::mpsc::channel();
    let (end, ended) = mpsc::unbounded();
    (Steps { begin, ended }, Cues { begun, end })
}

/// See [`steps`].
pub(crate) struct Steps {
    begin: std::sync::mpsc::Sender<()>,
    ended: mpsc::UnboundedReceiver<()>,
}

/// See [`steps`].
pub(crate) struct Cues {
    begun: std::sync::mpsc::Receiver<()>,
    end: mpsc::UnboundedSender<()>,
}

impl Steps {
    /// Lets the script do its next step.
    pub(crate) async fn next(&mut self) {
        self.begin.send(()).expect("the script goes on");
        soon("a step", self.ended.next()).await.expect("the script came so far");
    }
}

impl Cues {
    /// Does `step` when the test wants it.
    pub(crate) fn step(&self, step: impl FnOnce()) {
        self.begun.recv_timeout(PATIENCE).expect("the test came so far");
        step();
        let _ = self.end.unbounded_send(());
    }
}
