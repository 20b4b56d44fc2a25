//! The actor that users meet.
//!
//! It owns a [`Connection`], which decides, and executes what that says: starts transports and passes orders to them,
//! feeds subscribers, gives replies. Handlers only take in; everything is carried out in one turn at the end of a
//! wake-up, so that what came together goes out together.

mod builder;
mod event;
mod handlers;
mod headers;
mod interrupt;
mod kept;
mod line;
mod message;
mod reconnect;
mod reply;
mod session;
mod stream;
mod subscribers;
mod task;
mod timer;

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context as Task, Poll},
    time::Instant,
};

use self::{
    builder::Config,
    interrupt::Registration,
    kept::Kept,
    reconnect::Backoff,
    reply::{PendingReply, ReplyState},
    session::Between,
    subscribers::{Sink, Subscribers},
    timer::{Timer, now},
};
pub use self::{
    builder::EngineIoClientBuilder,
    event::{Disconnected, Event, EventKind},
    message::{
        Connect, Disconnect, Flush, GetStatus, Send, State, Status, Subscribe, SubscriptionId, Unsubscribe,
        Wait,
    },
    reconnect::Reconnect,
    reply::Reply,
    stream::EventStream,
    task::{NotConnected, Spawn, TaskError, TaskHandle},
};
use crate::{
    data::Data,
    error::{ConnectError, DisconnectReason, FlushError, SendError},
    protocol::{
        connection::{Connection, Outcome, Output, TransportId},
        endpoint::Endpoint,
        handshake::Session,
        packet::Packet,
    },
    transport::{self, TransportHandle, TransportParams},
};
use actix::{Actor, ActorContext, AsyncContext, Context, fut::ActorFuture};
use tokio::task::AbortHandle;

/// An Engine.IO client: an actor that owns one connection at a time.
///
/// Its address is the handle, usable from any thread: see the messages [`Connect`], [`Send`], [`Flush`],
/// [`Disconnect`], [`Wait`], [`Subscribe`], [`Unsubscribe`], [`Spawn`] and [`GetStatus`].
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
    trusted: Option<Arc<Endpoint>>,
    subscribers: Subscribers,
    /// Messages not accepted yet, in order: while connecting, and while the queue is full.
    line: VecDeque<(Data, PendingReply<Result<(), SendError>>)>,
    /// How long the line may grow before those who have given up are taken out of it.
    line_limit: usize,
    /// Messages that were refused. Whether somebody awaits the reply shows after the handler.
    refused: Vec<(SendError, PendingReply<Result<(), SendError>>)>,
    /// What the user asked for last, and the reply that is owed for it.
    target: Option<Connect>,
    connect: Option<PendingReply<Result<Arc<Session>, ConnectError>>>,
    /// What goes on while there is no connection.
    between: Between,
    /// The attempt that goes on, or went on last, is the user's own and not the policy's.
    initial: bool,
    backoff: Option<Box<Backoff>>,
    /// The end was asked for: nothing follows it.
    left: bool,
    /// Subscribers were told of an attempt to come, and not of its outcome.
    announced: bool,
    /// When the session opened, and what its subscribers had been told before.
    opened: Option<(Instant, u64)>,
    /// The session that the subscribers know of.
    session: Option<Arc<Session>>,
    reconnects: u64,
    /// Background work that ends with the session.
    tasks: Vec<AbortHandle>,
    /// Its place among the clients that leave on Ctrl-C.
    registration: Option<Registration>,
    /// Ctrl-C came: when the client is idle it has left.
    interrupted: bool,
    /// Messages that outlived their session and go out first on the next.
    kept: Kept,
    flushes: VecDeque<(u64, PendingReply<Result<(), FlushError>>)>,
    disconnects: Vec<PendingReply<()>>,
    waits: Vec<PendingReply<Option<DisconnectReason>>>,
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

    fn new(mut config: Config) -> Self {
        let cookies = config.transport.cookies.take().unwrap_or_default();
        config.transport.cookies = config.cookies.then_some(cookies);
        let mut subscribers = Subscribers::default();
        for recipient in &config.subscribers {
            subscribers.add(Sink::Recipient(recipient.clone()), None, None);
        }
        Self {
            connection: Connection::new(config.limits.clone()),
            transports: Vec::with_capacity(1),
            options: Arc::new(config.transport.clone()),
            trusted: None,
            subscribers,
            line: VecDeque::new(),
            line_limit: 0,
            refused: Vec::new(),
            target: None,
            connect: None,
            between: Between::Nothing,
            initial: true,
            backoff: config
                .reconnect
                .clone()
                .map(|policy| Box::new(Backoff::new(policy, config.before_connect.is_some()))),
            left: false,
            announced: false,
            opened: None,
            session: None,
            reconnects: 0,
            tasks: Vec::new(),
            registration: None,
            interrupted: false,
            kept: Kept::default(),
            flushes: VecDeque::new(),
            disconnects: Vec::new(),
            waits: Vec::new(),
            last_reason: None,
            timer: Timer::default(),
            config,
        }
    }

    /// Carries out what the connection says, until it says no more.
    fn drive(&mut self, ctx: &mut Context<Self>) {
        // What is said comes first: messages go into a session when everyone knows of it.
        self.execute(ctx);
        self.advance_line();
        self.execute(ctx);
        self.answer_flushes();
    }

    /// Tells those whose messages have left.
    fn answer_flushes(&mut self) {
        let settled = self.connection.settled();
        while self.flushes.front().is_some_and(|(upto, _)| *upto <= settled) {
            if let Some((_, flush)) = self.flushes.pop_front() {
                let _ = flush.answer(Ok(()));
            }
        }
    }

    /// Takes in what the connection has said before a message is acted upon, and begins nothing: what the message
    /// brings can still go with what waits.
    fn catch_up(&mut self, ctx: &mut Context<Self>) {
        while let Some(output) = self.connection.pending_output() {
            self.carry_out(output, ctx);
        }
        self.advance_line();
        self.answer_flushes();
    }

    fn execute(&mut self, ctx: &mut Context<Self>) {
        let now = now();
        while let Some(output) = self.connection.poll_output(now) {
            self.carry_out(output, ctx);
        }
    }

    fn carry_out(&mut self, output: Output, ctx: &mut Context<Self>) {
        match output {
            Output::Start { id, kind, endpoint, sid } => {
                log::debug!(target: "actix_engineio::client", "starting {kind} to {}", endpoint.display_url());
                let params = TransportParams {
                    id,
                    kind,
                    trusted: self.trusted.clone().unwrap_or_else(|| endpoint.clone()),
                    endpoint,
                    sid,
                    options: self.options.clone(),
                    reports: ctx.address().recipient().downgrade(),
                };
                self.transports.push((id, (self.config.start_transport)(params)));
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
                self.connection.return_buffer(from, packets);
                // What readers of streams took before is progress, but no sign that they will take these messages.
                if self.subscribers.have_read() {
                    self.connection.progress(now());
                }
            }
            Output::AttemptFailed { kind, err } => {
                log::debug!(target: "actix_engineio::client", "{kind} does not open the session: {err}");
            }
            Output::Opened(session) => self.on_opened(session),
            Output::Upgraded(kind) => {
                log::debug!(target: "actix_engineio::client", "upgraded to {kind}");
                // It has learnt the WebSocket's subprotocol.
                self.session = self.connection.session().or(self.session.as_ref()).cloned();
                self.subscribers.push(Event::Upgraded(kind));
            }
            Output::UpgradeFailed(err) => {
                log::debug!(target: "actix_engineio::client", "staying on polling: {err}");
                self.subscribers.push(Event::UpgradeFailed(err));
            }
            Output::Ended(Outcome::ConnectFailed(err)) => self.on_connect_failed(err),
            Output::Ended(Outcome::Closed { reason, unsent, in_doubt }) => {
                self.on_closed(reason, unsent, in_doubt);
            }
        }
    }

    /// One turn of the client, at the end of every wake-up.
    fn turn(&mut self, ctx: &mut Context<Self>, task: &mut Task<'_>) {
        // What is read of a stream counts, although it shows to who looks alone.
        let mut read = false;
        if self.timer.poll(task).is_ready() {
            read = self.subscribers.have_read();
            if read {
                self.connection.progress(now());
            }
            self.connection.handle_timeout(now());
        }
        loop {
            self.drive(ctx);
            self.reject();
            let handled = self.subscribers.poll_feed(task) | mem::take(&mut read);
            if handled {
                self.connection.progress(now());
            }
            if self.poll_between(handled, task) {
                continue;
            }
            let room = u64::try_from(self.config.receive_buffer).unwrap_or(u64::MAX);
            if !self.connection.has_backpressure() || self.subscribers.backlog() > room {
                break;
            }
            self.connection.resume_reading(now());
        }
        self.look_after_life(ctx);
        let deadlines = [self.connection.poll_timeout(), self.between.deadline()];
        match deadlines.into_iter().flatten().min() {
            Some(at) if self.timer.arm(at, task) => task.waker().wake_by_ref(),
            _ => {}
        }
    }

    /// Ends what nobody can reach and nobody listens to.
    fn look_after_life(&mut self, ctx: &mut Context<Self>) {
        if self.interrupted && self.is_idle() {
            self.registration = None;
        }
        if ctx.connected() {
            return;
        }
        let unheard = !self.subscribers.any_connected();
        if self.is_idle() {
            // What subscribers have not been given yet they are given as the client stops.
            self.subscribers.leave_runs();
            ctx.stop();
        } else if unheard && !self.is_awaited() {
            self.leave(None);
            self.drive(ctx);
        }
    }

    /// Somebody awaits a session, its end, or room for a message.
    fn is_awaited(&self) -> bool {
        let mut sends = self.line.iter().map(|(_, send)| send.state());
        let mut waits = self.waits.iter().map(PendingReply::state);
        let mut connect = self.connect.iter().map(PendingReply::state);
        connect.any(|demand| demand == ReplyState::Awaited)
            || sends.any(|demand| demand == ReplyState::Awaited)
            || waits.any(|demand| demand == ReplyState::Awaited)
    }

    fn status(&self) -> Status {
        let (messages, bytes) = self.connection.waiting();
        let line = self.line.iter().map(|(data, _)| data).chain(self.kept.iter());
        let (waiting, waiting_bytes) =
            line.fold((0, 0), |(count, bytes), data| (count + 1, bytes + data.len()));
        Status {
            state: self.state(),
            session: self.connection.session().cloned(),
            transport: self.connection.transport(),
            queued_messages: messages + waiting,
            queued_bytes: bytes + waiting_bytes,
            counters: self.connection.counters(),
            reconnects: self.reconnects,
            round_trip: self.connection.round_trip(),
        }
    }
}

impl Actor for EngineIoClient {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.spawn(Turns);
        if self.config.handle_sigint {
            self.registration = Some(Registration::new(ctx.address().downgrade().recipient()));
        }
    }

    // Also when the arbiter or the system stops, or a handler has panicked: subscribers elsewhere learn of the end.
    fn stopped(&mut self, ctx: &mut Self::Context) {
        self.left = true;
        if self.connection.is_idle() {
            self.cancel();
        }
        self.connection.stop(now());
        self.drive(ctx);
        self.reject();
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
