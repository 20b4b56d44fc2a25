//! The actor that users meet.
//!
//! Two state machines decide: [`Connection`] about a session, [`Lifecycle`] about everything around sessions. The actor
//! executes what they say. A handler changes their state and then carries out what follows from the change ("mutate, then
//! drain"), so the next handler finds nothing half done. Only writing waits for the end of the wake-up, so that all messages of
//! one wake-up go out in one write.

mod attempts;
mod builder;
mod event;
mod handlers;
mod interrupt;
mod journal;
mod lifecycle;
mod message;
mod outbox;
mod outputs;
mod reconnect;
mod replies;
mod reply;
mod stream;
mod subscribers;
mod task;
mod tasks;
mod timer;
mod transports;

#[cfg(test)]
mod tests;

use std::{
    fmt, mem,
    pin::Pin,
    task::{Context as Task, Poll},
};

use actix::{Actor, ActorContext, AsyncContext, Context, fut::ActorFuture};

use self::{
    attempts::Attempts,
    builder::Config,
    interrupt::{Interruption, Registration},
    lifecycle::Lifecycle,
    outbox::{Gate, Outbox},
    reconnect::Backoff,
    replies::Replies,
    subscribers::{Sink, Subscribers},
    tasks::Tasks,
    timer::{Timer, now},
    transports::Transports,
};
pub use self::{
    builder::EngineIoClientBuilder,
    event::{Disconnected, Event, EventKind},
    message::{
        Confirm, Connect, Disconnect, Flush, GetStatus, Send, SendAll, State, Status, Subscribe,
        SubscriptionId, Unsubscribe, Wait,
    },
    reconnect::{Reconnect, ReconnectCause, Reconnecting},
    reply::Reply,
    stream::EventStream,
    task::{NotConnected, Spawn, TaskError, TaskHandle},
};
use crate::protocol::connection::Connection;

/// An Engine.IO client: an actor that owns one connection at a time.
///
/// Its address is the handle, usable from any thread: see the messages [`Connect`], [`Send`], [`SendAll`], [`Flush`], [`Confirm`],
/// [`Disconnect`], [`Wait`], [`Subscribe`], [`Unsubscribe`], [`Spawn`] and [`GetStatus`].
///
/// A client stays alive while it has addresses, and also while it has a connection to which somebody listens: a subscriber,
/// or somebody who awaits a reply. Without addresses, a connected client to which nobody listens disconnects and stops, and a
/// disconnected client stops even if it has subscribers.
pub struct EngineIoClient {
    config: Config,
    connection: Connection,
    lifecycle: Lifecycle,
    attempts: Attempts,
    transports: Transports,
    subscribers: Subscribers,
    outbox: Outbox,
    replies: Replies,
    tasks: Tasks,
    interruption: Interruption,
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
        let mut subscribers = Subscribers::new(config.receive_buffer);
        for recipient in &config.subscribers {
            subscribers.add(Sink::Recipient(recipient.clone()), None);
        }
        let has_hook = config.before_connect.is_some();
        let options = lifecycle::Options {
            connect_timeout: config.connect_timeout,
            stall_timeout: config.limits.stall_timeout,
            has_hook,
            keep_unsent: config.keep_unsent,
        };
        let backoff = config.reconnect.clone().map(|policy| Box::new(Backoff::new(policy, has_hook)));
        Self {
            connection: Connection::new(config.limits.clone()),
            lifecycle: Lifecycle::new(options, backoff),
            attempts: Attempts::default(),
            transports: Transports::new(config.transport.clone()),
            subscribers,
            outbox: Outbox::new(config.limits.send_queue),
            replies: Replies::default(),
            tasks: Tasks::default(),
            interruption: Interruption::Off,
            timer: Timer::default(),
            config,
        }
    }

    /// What the client does at the end of every wake-up, after the handlers.
    fn poll(&mut self, ctx: &mut Context<Self>, task: &mut Task<'_>) {
        let mut is_due = self.timer.poll(task).is_ready();
        if is_due {
            self.handle_connection_timeout();
        }
        loop {
            self.drain_and_write(ctx);
            self.show_rejected();
            if self.subscribers.poll(task) {
                self.handle_progress();
            }
            // Only once per wake-up. Otherwise attempts that fail at once, after short delays, would block other actors.
            if mem::take(&mut is_due) {
                self.lifecycle.handle_timeout(now());
            }
            if self.lifecycle.awaits_subscribers() && !self.subscribers.are_behind() {
                self.lifecycle.handle_caught_up(now());
            }
            self.poll_hook(task);
            if !self.lifecycle.has_outputs() && !self.resume_reading() {
                break;
            }
        }
        self.end_if_unused(ctx);
        let deadlines = [self.connection.poll_timeout(), self.lifecycle.poll_timeout()];
        if let Some(deadline) = deadlines.into_iter().flatten().min() {
            self.timer.arm(deadline, task);
        }
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
            match outcome {
                Ok(()) => self.lifecycle.handle_prepared(),
                Err(err) => self.lifecycle.handle_connect_failed(now(), err),
            }
        }
    }

    /// Lets the transports read on, if the subscribers have room. Returns whether there was anything to do.
    fn resume_reading(&mut self) -> bool {
        if !self.connection.has_backpressure() || !self.subscribers.have_room() {
            return false;
        }
        self.connection.resume_reading(now());
        true
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

    /// Shows the subscribers the messages that were refused and whose reply nobody awaits.
    fn show_rejected(&mut self) {
        for rejected in self.outbox.take_rejected() {
            self.subscribers.push(rejected.into());
        }
    }

    /// Ends the connection, or the attempts to open one.
    fn disconnect(&mut self, Disconnect { abort, reason }: Disconnect) {
        let now = now();
        if !self.lifecycle.disconnect(now) {
            return;
        }
        if abort {
            return self.connection.abort(now, reason);
        }
        if self.connection.is_open() {
            // Messages that came before the request go out before the close, with or without room.
            let gate = Gate::Open { has_room: true };
            while self.outbox.advance(gate, |outgoing| self.connection.send_outgoing(outgoing)) {}
        }
        self.connection.close(now, reason);
    }

    /// Disconnects or stops when nobody can reach the client and nobody listens to it.
    fn end_if_unused(&mut self, ctx: &mut Context<Self>) {
        let is_idle = self.lifecycle.is_idle();
        if is_idle {
            self.interruption.finish();
        }
        if ctx.connected() {
            return;
        }
        if is_idle {
            // `stopped` delivers the remaining events.
            self.subscribers.detach();
            ctx.stop();
        } else if !self.subscribers.any_connected() && !self.replies.is_awaited() && !self.outbox.is_awaited()
        {
            self.disconnect(Disconnect::new());
            self.drain_and_write(ctx);
        }
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
        }
    }
}

impl Actor for EngineIoClient {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.spawn(Driver);
        if self.config.handle_sigint {
            let registration = Registration::new(ctx.address().downgrade().recipient());
            self.interruption = Interruption::Registered(registration);
        }
    }

    // Runs also when the arbiter or the system stops, or when a handler has panicked. Subscribers elsewhere then still get the
    // end of the session.
    fn stopped(&mut self, ctx: &mut Self::Context) {
        if self.lifecycle.disconnect(now()) {
            self.connection.stop(now());
        }
        self.drain_and_write(ctx);
        self.show_rejected();
        self.subscribers.drain();
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
