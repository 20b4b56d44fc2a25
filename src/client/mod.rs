//! The actor that users meet.
//!
//! It owns a [`Connection`], which decides, and executes what that says: starts transports and passes orders to them,
//! feeds subscribers, gives replies. Handlers only take in; everything is carried out in one turn at the end of a
//! wake-up, so that what came together goes out together.

mod builder;
mod event;
mod handlers;
mod headers;
mod message;
mod reply;
mod stream;
mod subscribers;
mod timer;

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context as Task, Poll},
};

use self::{
    builder::Config,
    reply::{Demand, Later},
    subscribers::{Outlet, Subscribers},
    timer::{Timer, now},
};
pub use self::{
    builder::EngineIoClientBuilder,
    event::{Disconnected, Event, EventKind},
    message::{
        Connect, Disconnect, Flush, GetStatus, Send, State, Status, Subscribe, SubscriptionId, Unsubscribe,
        Wait,
    },
    reply::Reply,
    stream::EventStream,
};
use crate::{
    error::{ConnectError, DisconnectReason, FlushError, SendError, SendErrorKind},
    protocol::{
        connection::{Connection, Output, Target, TransportId},
        data::Data,
        endpoint::Endpoint,
        handshake::Session,
        packet::Packet,
    },
    transport::{self, Dial, TransportHandle},
};
use actix::{Actor, ActorContext, AsyncContext, Context, fut::ActorFuture};

/// An Engine.IO client: an actor that owns one connection at a time.
///
/// Its address is the handle, usable from any thread: see the messages [`Connect`], [`Send`], [`Flush`],
/// [`Disconnect`], [`Wait`], [`Subscribe`], [`Unsubscribe`] and [`GetStatus`].
///
/// A client lives while it has addresses, or a connection with somebody listening (a subscriber, a pending reply). A
/// connected one that nobody can reach and nobody listens to disconnects and stops; so does a disconnected one without
/// addresses, whatever its subscribers.
pub struct EngineIoClient {
    config: Config,
    connection: Connection,
    transports: Vec<(TransportId, TransportHandle)>,
    /// What the transports of the current session are started with, and where the user meant it to go.
    options: Arc<transport::Options>,
    trusted: Option<Endpoint>,
    subscribers: Subscribers,
    /// Batches of messages whose subscribers have no room yet.
    held: Vec<(TransportId, Vec<Packet>)>,
    /// Messages not accepted yet, in order: while connecting, and while the queue is full.
    line: VecDeque<(Data, Later<Result<(), SendError>>)>,
    /// Messages that were refused. Whether somebody awaits the reply shows after the handler.
    refused: Vec<(SendError, Later<Result<(), SendError>>)>,
    connect: Option<Later<Result<Arc<Session>, ConnectError>>>,
    flushes: VecDeque<(u64, Later<Result<(), FlushError>>)>,
    disconnects: Vec<Later<()>>,
    waits: Vec<Later<Option<DisconnectReason>>>,
    last_reason: Option<DisconnectReason>,
    timer: Timer,
}

impl fmt::Debug for EngineIoClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineIoClient").field("subscribers", &self.subscribers).finish_non_exhaustive()
    }
}

impl EngineIoClient {
    /// The options, with their defaults.
    pub fn builder() -> EngineIoClientBuilder {
        EngineIoClientBuilder::new()
    }

    fn new(config: Config) -> Self {
        let mut subscribers = Subscribers::default();
        for recipient in &config.subscribers {
            subscribers.add(Outlet::Recipient(recipient.clone()), None, None);
        }
        Self {
            connection: Connection::new(config.limits.clone()),
            transports: Vec::new(),
            options: Arc::new(config.transport.clone()),
            trusted: None,
            subscribers,
            held: Vec::new(),
            line: VecDeque::new(),
            refused: Vec::new(),
            connect: None,
            flushes: VecDeque::new(),
            disconnects: Vec::new(),
            waits: Vec::new(),
            last_reason: None,
            timer: Timer::default(),
            config,
        }
    }

    fn connect(&mut self, connect: Connect) -> Result<(), ConnectError> {
        if !self.connection.is_idle() {
            return Err(ConnectError::AlreadyConnected);
        }
        if let Some(err) = self.config.invalid.clone().or(connect.invalid) {
            return Err(err);
        }
        let path = connect.path.as_ref().unwrap_or(&self.config.path);
        let endpoint = Endpoint::new(&connect.url, path, self.config.add_trailing_slash)?;
        let transports = connect.transports.unwrap_or_else(|| self.config.transports.clone());
        let mut options = self.config.transport.clone();
        options.headers.extend(connect.headers);
        self.options = Arc::new(options);
        self.trusted = Some(endpoint.clone());
        self.connection.connect(now(), Target { endpoint, transports, upgrade: self.config.upgrade })
    }

    /// Carries out what the connection says, until it says no more.
    fn drive(&mut self, ctx: &mut Context<Self>) {
        self.advance_line();
        while let Some(output) = self.connection.poll_output(now()) {
            match output {
                Output::Start { id, kind, endpoint, sid } => {
                    log::debug!(target: "actix_engineio::client", "starting {kind} to {}", endpoint.display_url());
                    let dial = Dial {
                        id,
                        kind,
                        trusted: self.trusted.clone().unwrap_or_else(|| endpoint.clone()),
                        endpoint,
                        sid,
                        options: self.options.clone(),
                        reports: ctx.address().recipient().downgrade(),
                    };
                    self.transports.push((id, (self.config.dial)(dial)));
                }
                Output::Order(id, command) => {
                    if let Some((_, transport)) = self.transports.iter().find(|(known, _)| *known == id) {
                        transport.order(command);
                    }
                }
                Output::Messages { from, mut packets } => {
                    for packet in packets.drain(..) {
                        if let Packet::Message(data) = packet {
                            self.subscribers.push(Event::Message(data));
                        }
                    }
                    self.held.push((from, packets));
                }
                Output::Opened(session) => {
                    log::debug!(target: "actix_engineio::client", "connected over {}", session.transport);
                    self.subscribers.push(Event::Connected(session.clone()));
                    if let Some(connect) = self.connect.take() {
                        // The session stands whether or not the one who asked for it still waits.
                        let _ = connect.answer(Ok(session));
                    }
                    self.advance_line();
                }
                Output::Upgraded(kind) => {
                    log::debug!(target: "actix_engineio::client", "upgraded to {kind}");
                    self.subscribers.push(Event::Upgraded(kind));
                }
                Output::UpgradeFailed(err) => {
                    log::debug!(target: "actix_engineio::client", "staying on polling: {err}");
                    self.subscribers.push(Event::UpgradeFailed(err));
                }
                Output::ConnectFailed(err) => self.on_connect_failed(err),
                Output::Closed { reason, unsent, in_doubt } => self.on_closed(reason, unsent, in_doubt),
            }
        }
        let settled = self.connection.settled();
        while self.flushes.front().is_some_and(|(upto, _)| *upto <= settled) {
            if let Some((_, flush)) = self.flushes.pop_front() {
                let _ = flush.answer(Ok(()));
            }
        }
    }

    fn on_connect_failed(&mut self, err: ConnectError) {
        self.transports.clear();
        self.last_reason = None;
        while let Some((data, reply)) = self.line.pop_front() {
            if reply.demand() != Demand::Withdrawn {
                self.refused.push((SendError { kind: SendErrorKind::NotConnected, data }, reply));
            }
        }
        match self.connect.take() {
            Some(connect) => {
                if let Err(Err(err)) = connect.answer(Err(err)) {
                    log::warn!(target: "actix_engineio::client", "a connect that nobody awaits failed: {err}");
                }
            }
            None => log::warn!(target: "actix_engineio::client", "a connect failed: {err}"),
        }
        self.answer_end(None);
    }

    fn on_closed(&mut self, reason: DisconnectReason, mut unsent: Vec<Data>, in_doubt: Vec<Data>) {
        log::debug!(target: "actix_engineio::client", "disconnected: {reason}");
        self.transports.clear();
        while let Some((data, reply)) = self.line.pop_front() {
            match reply.demand() {
                Demand::Awaited => {
                    let err = SendError { kind: SendErrorKind::Disconnected, data };
                    let _ = reply.answer(Err(err));
                }
                Demand::None => unsent.push(data),
                Demand::Withdrawn => {}
            }
        }
        for (_, flush) in self.flushes.drain(..) {
            let _ = flush.answer(Err(FlushError::Disconnected));
        }
        self.last_reason = Some(reason.clone());
        let mut end = Disconnected::new(reason.clone());
        end.unsent = unsent;
        end.in_doubt = in_doubt;
        self.subscribers.push(Event::Disconnected(Arc::new(end)));
        self.answer_end(Some(reason));
    }

    fn answer_end(&mut self, reason: Option<DisconnectReason>) {
        for disconnect in self.disconnects.drain(..) {
            let _ = disconnect.answer(());
        }
        for wait in self.waits.drain(..) {
            let _ = wait.answer(reason.clone());
        }
    }

    /// Accepts messages that wait, as far as there is room. What came by `do_send` is not held back, but goes in
    /// its turn.
    fn advance_line(&mut self) {
        if self.connection.is_connecting() {
            return;
        }
        while let Some((_, reply)) = self.line.front() {
            let demand = reply.demand();
            if demand == Demand::Awaited && self.connection.is_open() && !self.connection.has_room() {
                break;
            }
            let Some((data, reply)) = self.line.pop_front() else { break };
            if demand == Demand::Withdrawn {
                continue;
            }
            match self.connection.send(data) {
                Ok(()) => _ = reply.answer(Ok(())),
                Err(err) => self.refused.push((err, reply)),
            }
        }
    }

    /// Tells about refused messages: the one who awaits the reply, or the subscribers.
    fn reject(&mut self) {
        for (err, reply) in mem::take(&mut self.refused) {
            if let Err(Err(err)) = reply.answer(Err(err)) {
                self.subscribers.push(Event::Rejected(Arc::new(err)));
            }
        }
    }

    /// One turn of the client, at the end of every wake-up.
    fn turn(&mut self, ctx: &mut Context<Self>, task: &mut Task<'_>) {
        if self.timer.poll(task).is_ready() {
            self.connection.handle_timeout(now());
        }
        loop {
            self.drive(ctx);
            self.reject();
            let handled = self.subscribers.poll_feed(task);
            if handled {
                self.connection.progress(now());
            }
            let room = u64::try_from(self.config.receive_buffer).unwrap_or(u64::MAX);
            if self.held.is_empty() || self.subscribers.backlog() > room {
                break;
            }
            for (from, emptied) in mem::take(&mut self.held) {
                self.connection.taken(now(), from, emptied);
            }
        }
        self.look_after_life(ctx);
        match self.connection.poll_timeout() {
            Some(at) if self.timer.arm(at, task) => task.waker().wake_by_ref(),
            _ => {}
        }
    }

    /// Ends what nobody can reach and nobody listens to.
    fn look_after_life(&mut self, ctx: &mut Context<Self>) {
        if ctx.connected() {
            return;
        }
        if self.connection.is_idle() {
            if self.subscribers.is_done() || !self.subscribers.any_connected() {
                ctx.stop();
            }
        } else if self.connect.is_none() && self.waits.is_empty() && !self.subscribers.any_connected() {
            self.connection.close(now(), None);
            self.drive(ctx);
        }
    }

    fn status(&self) -> Status {
        let (messages, bytes) = self.connection.waiting();
        let line = self.line.iter().map(|(data, _)| data.len()).sum::<usize>();
        Status {
            state: if self.connection.is_open() {
                State::Connected
            } else if self.connection.is_connecting() {
                State::Connecting
            } else if self.connection.is_idle() {
                State::Disconnected
            } else {
                State::Disconnecting
            },
            session: self.connection.session().cloned(),
            transport: self.connection.transport(),
            queued_messages: messages + self.line.len(),
            queued_bytes: bytes + line,
            counters: self.connection.counters(),
            round_trip: self.connection.round_trip(),
        }
    }
}

impl Actor for EngineIoClient {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.spawn(Turns);
    }

    /// The arbiter or the system stops, or a handler has panicked: subscribers elsewhere learn of the end.
    fn stopped(&mut self, _: &mut Self::Context) {
        if self.connection.session().is_some() {
            let reason = DisconnectReason::Client(Some("the client stopped".into()));
            self.on_closed(reason, Vec::new(), Vec::new());
        }
        self.subscribers.drain();
    }
}

/// Runs [`EngineIoClient::turn`] whenever the actor is woken, after its mailbox.
struct Turns;

impl ActorFuture<EngineIoClient> for Turns {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        client: &mut EngineIoClient,
        ctx: &mut Context<EngineIoClient>,
        task: &mut Task<'_>,
    ) -> Poll<()> {
        client.turn(ctx, task);
        Poll::Pending
    }
}
