//! The actor that users meet.
//!
//! Two state machines decide: [`Connection`] about a session, [`Lifecycle`] about everything around sessions. The actor
//! executes what they say. A handler changes their state and then carries out what follows from the change ("mutate, then
//! drain"), so the next handler finds nothing half done. Only writing waits for the end of the wake-up, so that all messages of
//! one wake-up go out in one write.

mod attempts;
mod builder;
mod closure;
mod coalescing;
mod ending;
mod event;
mod handlers;
mod journal;
mod lifecycle;
mod message;
mod monitor;
mod outbox;
mod outputs;
mod readers_turn;
mod reconnect;
mod replies;
mod reply;
mod signals;
mod stream;
mod subscribers;
mod task;
mod tasks;
mod timer;
mod transports;
mod write_timing;

#[cfg(test)]
mod tests;

use std::{
    fmt, mem,
    pin::Pin,
    sync::Arc,
    task::{Context as Task, Poll},
    time::Instant,
};

use actix::{Actor, AsyncContext, Context, fut::ActorFuture};

use self::{
    attempts::Attempts,
    builder::Config,
    lifecycle::Lifecycle,
    monitor::Monitor,
    outbox::{Gate, Outbox},
    readers_turn::ReadersTurn,
    reconnect::Backoff,
    replies::Replies,
    signals::SignalHandling,
    subscribers::{Sink, Subscribers},
    tasks::Tasks,
    timer::{Timer, now},
    transports::Transports,
    write_timing::WriteTiming,
};
pub use self::{
    builder::EngineIoClientBuilder,
    closure::subscriber,
    event::{Disconnected, Event, EventKind, Events},
    message::{
        BackPressure, Confirm, Connect, Disconnect, Flush, GetStatus, Send, SendAll, State, Status,
        Subscribe, SubscriptionId, Unsubscribe, Wait,
    },
    monitor::{Metrics, MetricsSnapshot, StateWatch, WatchState},
    reconnect::{Attempt, Reconnect, ReconnectCause, Reconnecting},
    reply::Reply,
    stream::EventStream,
    task::{NotConnected, Spawn, TaskError, TaskHandle},
};
use crate::{
    error::ConnectError,
    protocol::{
        connection::{Connection, Rejected},
        handshake::Session,
    },
    transport,
};

/// An Engine.IO client: an actor that owns one connection at a time.
///
/// Its address is the handle, usable from any thread: see the messages [`Connect`], [`Send`], [`SendAll`], [`Flush`], [`Confirm`],
/// [`Disconnect`], [`Wait`], [`Subscribe`], [`Unsubscribe`], [`Spawn`], [`GetStatus`] and [`WatchState`].
///
/// A client stays alive while it has addresses, and also while it has a connection to which somebody listens: a subscriber, or
/// somebody who awaits the reply to a [`Connect`], a [`Wait`], or a [`Send`] that waits. Without addresses, a connected client
/// to which nobody listens disconnects and stops, and a disconnected client stops even if it has subscribers. A subscriber
/// that has an address of the client therefore keeps the client alive, also after a [`Disconnect`]: see [`Subscribe`].
///
/// A client notices at once when its last address or its last [`EventStream`] is dropped. It may take up to two seconds to notice
/// that its last subscriber has stopped, or that nobody awaits a reply any more.
pub struct EngineIoClient {
    connection: Connection,
    lifecycle: Lifecycle,
    attempts: Attempts,
    transports: Transports,
    subscribers: Subscribers,
    monitor: Monitor,
    outbox: Outbox,
    replies: Replies,
    write_timing: WriteTiming,
    readers_turn: ReadersTurn,
    tasks: Tasks,
    signals: SignalHandling,
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
        let mut attempts = config.attempts;
        let options = Arc::make_mut(&mut attempts.transport);
        // The clients of one builder have cookies of their own, do not wait for each other's lookups, and learn about their
        // servers by themselves.
        let shared = Arc::<transport::Shared>::default();
        let cookies = options.cookies.take().unwrap_or_else(|| transport::Cookies::Own(shared.clone()));
        options.cookies = config.cookies.then_some(cookies);
        options.lookups = transport::Lookups::new(shared.clone());
        options.servers = transport::KnownServers::new(shared);
        let mut subscribers = Subscribers::new(config.receive_buffer);
        for Subscribe { target, only, name } in config.subscribers {
            subscribers.add(Sink::Actor(target), only, name);
        }
        let has_hook = attempts.before_connect.is_some();
        let options = lifecycle::Options {
            connect_timeout: config.connect_timeout,
            stall_timeout: config.limits.stall_timeout,
            has_hook,
            keep_unsent: config.keep_unsent,
        };
        let backoff = config.reconnect.map(|policy| Box::new(Backoff::new(policy, has_hook)));
        Self {
            lifecycle: Lifecycle::new(options, backoff),
            transports: Transports::new(config.start_transport, attempts.transport.clone()),
            attempts: Attempts::new(attempts),
            subscribers,
            monitor: Monitor::new(config.metrics),
            outbox: Outbox::new(config.limits.send_queue),
            connection: Connection::new(config.limits),
            replies: Replies::default(),
            write_timing: WriteTiming::default(),
            readers_turn: ReadersTurn::default(),
            tasks: Tasks::default(),
            signals: SignalHandling::new(config.signals),
            timer: Timer::default(),
        }
    }

    /// What the client does at the end of every wake-up, after the handlers.
    fn poll(&mut self, ctx: &mut Context<Self>, task: &mut Task<'_>) {
        let mut is_due = self.timer.poll(task).is_ready();
        if is_due {
            self.handle_connection_timeout();
        }
        let defers_write = self.defers_write(task);
        loop {
            if defers_write {
                self.drain_outputs(ctx);
            } else {
                self.drain_and_write(ctx);
            }
            if self.outbox.has_refused() {
                self.show_rejected();
            }
            if self.subscribers.poll(task) {
                self.handle_progress();
            }
            // Before the timeout, so that a hook that has returned in time counts, although the process woke up late.
            self.poll_hook(task);
            // Only once per wake-up. Otherwise attempts that fail at once, after short delays, would block other actors.
            if mem::take(&mut is_due) {
                self.lifecycle.handle_timeout(now());
            }
            if self.lifecycle.awaits_subscribers() && !self.subscribers.are_behind() {
                self.lifecycle.handle_caught_up(now());
            }
            if !self.lifecycle.has_outputs() && !self.resume_reading(task) {
                break;
            }
        }
        self.observe();
        self.end_if_unused(ctx);
        if let Some(deadline) = self.next_deadline(ctx) {
            self.timer.arm(deadline, task);
        }
    }

    fn next_deadline(&self, ctx: &Context<Self>) -> Option<Instant> {
        let deadlines = [
            self.connection.poll_timeout(),
            self.lifecycle.poll_timeout(),
            self.monitor.poll_timeout(),
            self.signals.poll_timeout().filter(|_| self.lifecycle.is_idle()),
            self.next_listener_check(ctx),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Whether the messages of this wake-up wait for those of the next one.
    fn defers_write(&mut self, task: &mut Task<'_>) -> bool {
        let Self { connection, outbox, replies, .. } = self;
        let may_defer = || connection.may_defer_write() && outbox.is_empty() && !replies.has_flush();
        self.write_timing.defers(connection.accepted(), may_defer, now, task)
    }

    fn handle_connection_timeout(&mut self) {
        // The reader of a stream does not wake the client for each event. So this is the time to look for progress.
        if self.subscribers.have_read() {
            self.handle_progress();
        }
        self.connection.handle_timeout(now());
    }

    /// Some subscriber has handled an event.
    fn handle_progress(&mut self) {
        let now = now();
        self.connection.progress(now);
        self.lifecycle.handle_progress(now);
    }

    fn poll_hook(&mut self, task: &mut Task<'_>) {
        if let Poll::Ready(outcome) = self.attempts.poll_hook(task) {
            self.lifecycle.handle_hook_result(now(), outcome);
        }
    }

    /// Lets the transports read on, if the subscribers have room. Returns whether there was anything to do.
    fn resume_reading(&mut self, task: &Task<'_>) -> bool {
        if !self.connection.has_backpressure() || !self.subscribers.have_room() {
            return false;
        }
        if self.subscribers.are_streams_full() && !self.readers_turn.has_come(task) {
            return false;
        }
        self.connection.resume_reading(now());
        true
    }

    /// Shows operators what has changed. Warns if a subscriber has stopped the client from reading for a while, and of messages
    /// that came back and that no subscriber takes.
    fn observe(&mut self) {
        self.monitor.add_unseen(self.subscribers.take_unseen());
        if self.monitor.is_idle(&self.connection) {
            return;
        }
        let state = || self.lifecycle.state(&self.connection);
        if let Some((behind, stopped_for)) = self.monitor.update(&self.connection, &self.subscribers, state) {
            journal::not_reading(&behind, stopped_for);
        }
        if let Some(messages) = self.monitor.take_due_unseen() {
            journal::messages_unseen(messages);
        }
    }

    /// Moves the messages that wait: to the session, to those that are carried over, or back to their senders.
    fn advance_outbox(&mut self) {
        while !self.outbox.is_empty() {
            let gate = self.lifecycle.gate(&self.connection);
            if !self.outbox.advance(gate, |outgoing| self.connection.send_outgoing(outgoing)) {
                break;
            }
        }
    }

    /// Accepts the messages that came by `do_send`, also those behind a message that waits for room.
    pub(super) fn accept_unawaited(&mut self) {
        self.advance_outbox();
        if self.connection.is_open() {
            for _ in 0..self.outbox.unawaited() {
                let gate = Gate::Open { has_room: true };
                if !self.outbox.advance(gate, |outgoing| self.connection.send_outgoing(outgoing)) {
                    break;
                }
            }
        }
    }

    /// Shows the subscribers the messages that were refused and whose reply nobody awaits.
    fn show_rejected(&mut self) {
        for rejected in self.outbox.take_rejected() {
            self.reject(rejected);
        }
    }

    /// Shows the subscribers messages that cannot be sent.
    pub(super) fn reject(&mut self, rejected: Rejected) {
        let event = Event::from(rejected);
        self.monitor.count(|meter| meter.rejected(event.returned()));
        self.count_unseen(&event);
        self.subscribers.push(event);
    }

    /// Counts the messages that come back with the event for a warning, if no subscriber takes it.
    pub(super) fn count_unseen(&mut self, event: &Event) {
        let messages = event.returned();
        if messages > 0 && !self.subscribers.any_takes(event) {
            self.monitor.add_unseen(messages);
        }
    }

    /// Warns of the messages that came back to nobody, without `named` ones that the log has named already.
    fn warn_of_unseen(&mut self, named: usize) {
        self.monitor.add_unseen(self.subscribers.take_unseen());
        if let Some(messages) = self.monitor.take_all_unseen().filter(|messages| *messages > named) {
            journal::messages_unseen(messages - named);
        }
    }

    /// Whether `wanted` is the session that is open.
    fn is_in_session(&self, wanted: &Session) -> bool {
        self.connection.is_open()
            && self.connection.session().is_some_and(|session| session.sid == wanted.sid)
    }

    fn status(&mut self) -> Status {
        let (messages, bytes) = self.connection.waiting();
        let (waiting, waiting_bytes) = self.outbox.waiting();
        Status {
            state: self.lifecycle.state(&self.connection),
            session: self.connection.session().cloned(),
            transport: self.connection.transport(),
            queued_messages: messages + waiting,
            queued_bytes: bytes + waiting_bytes,
            counters: self.connection.counters(),
            reconnects: self.lifecycle.reconnects(),
            round_trip: self.connection.round_trip(),
            last_error: self.lifecycle.last_error().cloned(),
            back_pressure: self.monitor.backpressure(&self.subscribers),
        }
    }
}

impl Actor for EngineIoClient {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.spawn(Driver);
        self.signals.start(|| ctx.address().downgrade().recipient());
    }

    // Runs also when the arbiter or the system stops, or when a handler has panicked. Subscribers elsewhere then still get the
    // end of the session.
    fn stopped(&mut self, ctx: &mut Self::Context) {
        self.warn_of_unseen(0);
        let waited = self.connection.waiting().0 + self.outbox.waiting().0;
        if waited > 0 {
            journal::stopped_before_sending(waited);
        }
        if self.lifecycle.disconnect(now(), ConnectError::Stopped) {
            self.connection.stop(now());
        }
        self.drain_and_write(ctx);
        self.show_rejected();
        self.subscribers.drain();
        self.replies.answer_end(self.lifecycle.last_reason());
        self.monitor.stopped(&self.connection, &self.subscribers);
        self.warn_of_unseen(waited);
    }
}

/// Polls the client whenever its actor is woken, after the handlers.
struct Driver;

impl ActorFuture<EngineIoClient> for Driver {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        client: &mut EngineIoClient,
        ctx: &mut Context<EngineIoClient>,
        task: &mut Task<'_>,
    ) -> Poll<()> {
        client.poll(ctx, task);
        Poll::Pending
    }
}
