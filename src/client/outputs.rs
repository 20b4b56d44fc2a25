//! What the client does because its state machines say so.

use std::{sync::Arc, time::Instant};

use actix::{AsyncContext, Context};

use super::{
    Disconnected, EngineIoClient, Event, ReconnectCause, journal, lifecycle::Output as LifecycleOutput,
    monitor::Meter, timer::now, transports::NewTransport,
};
use crate::{
    error::ConnectError,
    protocol::{
        connection::{Connection, Outcome, Output, TransportId},
        handshake::Session,
        packet::Packet,
    },
};

impl EngineIoClient {
    /// Carries out what follows from the last changes. Nothing is written yet, so that what comes later in the same wake-up
    /// can go out with it.
    pub(super) fn drain_outputs(&mut self, ctx: &mut Context<Self>) {
        self.drain(ctx, Connection::pending_output);
    }

    /// Carries out everything, and hands the next batch to the transport.
    pub(super) fn drain_and_write(&mut self, ctx: &mut Context<Self>) {
        // `Connected` is in the log of events before the first message is sent.
        self.drain_outputs(ctx);
        self.advance_outbox();
        let now = now();
        self.drain(ctx, |connection| connection.poll_output(now));
    }

    fn drain(&mut self, ctx: &mut Context<Self>, next: impl Fn(&mut Connection) -> Option<Output>) {
        loop {
            if let Some(output) = self.lifecycle.poll_output() {
                self.carry_out_lifecycle(output);
            } else if let Some(output) = next(&mut self.connection) {
                self.carry_out(output, ctx);
            } else {
                break;
            }
        }
        self.replies.answer_flushes(self.connection.settled());
        if self.connection.is_idle() {
            self.transports.clear();
        }
    }

    fn carry_out(&mut self, output: Output, ctx: &mut Context<Self>) {
        match output {
            Output::Start { id, kind, version, endpoint, session } => {
                log::debug!(target: "actix_engineio::client", "starting {kind} to {}", endpoint.display_url());
                let sid = session.map(|session| session.sid.clone());
                let new = NewTransport { id, kind, version, endpoint, sid };
                let reports = ctx.address().recipient().downgrade();
                self.transports.start(new, reports);
            }
            Output::Order(id, command) => self.transports.order(id, command),
            Output::Messages { from, packets } => self.on_messages(from, packets),
            Output::AttemptFailed { kind, err } => {
                log::debug!(target: "actix_engineio::client", "{kind} does not open the session: {err}");
            }
            Output::Opened(session) => self.lifecycle.handle_opened(now(), session),
            Output::Upgraded(kind) => {
                journal::upgraded(kind, self.connection.session().map(AsRef::as_ref));
                self.monitor.count(|meter| meter.upgraded(true));
                self.subscribers.session_upgraded(kind, self.connection.session());
            }
            Output::Rejected(rejected) => self.reject(*rejected),
            Output::UpgradeFailed(err) => {
                log::debug!(target: "actix_engineio::client", "staying on polling: {err}");
                self.monitor.count(|meter| meter.upgraded(false));
                self.subscribers.push(Event::UpgradeFailed(err));
            }
            Output::PingsUnanswered => journal::pings_unanswered(),
            Output::Confirmed(outcome) => self.replies.answer_confirm(outcome),
            Output::Ended(outcome) => match *outcome {
                Outcome::ConnectFailed(err) => self.lifecycle.handle_connect_failed(now(), err),
                Outcome::Closed { reason, unsent, in_doubt, interrupted } => {
                    // Whether they are carried over is decided now.
                    self.outbox.take_back(unsent, interrupted, &reason);
                    let mut end = Disconnected::new(reason);
                    end.in_doubt = in_doubt;
                    self.lifecycle.handle_closed(now(), end);
                }
            },
        }
    }

    fn carry_out_lifecycle(&mut self, output: LifecycleOutput) {
        match output {
            LifecycleOutput::RunHook(attempt) => {
                self.attempts.run_hook(attempt);
            }
            LifecycleOutput::Connect { deadline } => self.open_session(deadline),
            LifecycleOutput::Opened(session) => self.on_opened(session),
            LifecycleOutput::Closed { end, carry_over } => self.on_closed(end, carry_over),
            LifecycleOutput::Reconnecting(next) => {
                if let ReconnectCause::Failed(_) = next.cause {
                    self.monitor.count(Meter::attempt_failed);
                }
                self.attempts.cancel_hook();
                journal::reconnecting(&next);
                self.subscribers.push(Event::Reconnecting(Arc::new(next)));
            }
            LifecycleOutput::SubscribersBehind => journal::subscribers_behind(),
            LifecycleOutput::ReconnectFailed(err) => {
                journal::reconnect_failed(&err);
                self.subscribers.push(Event::ReconnectFailed(Arc::new(err)));
            }
            LifecycleOutput::ConnectFailed { err, is_announced } => {
                self.on_connect_failed(err, is_announced);
            }
            LifecycleOutput::Ended(last_reason) => {
                self.outbox.refuse_all();
                // After a signal, subscribers handle the last events first.
                if !self.signals.is_finishing() {
                    self.send_last_events();
                    self.replies.answer_end(last_reason.as_ref());
                }
            }
        }
    }

    fn open_session(&mut self, deadline: Instant) {
        let connected = self.attempts.next().and_then(|resolved| {
            self.transports.prepare(resolved.options().clone(), resolved.endpoint().clone());
            self.connection.connect(now(), self.attempts.params(resolved, deadline))
        });
        if let Err(err) = connected {
            self.lifecycle.handle_connect_failed(now(), err);
        }
    }

    fn on_messages(&mut self, from: TransportId, mut packets: Vec<Packet>) {
        for packet in packets.drain(..) {
            if let Packet::Message(data) = packet {
                self.subscribers.push(Event::Message(data));
            }
        }
        self.connection.return_buffer(from, packets);
        // Events that readers of streams took before are progress, but no sign that they will take these messages.
        if self.subscribers.have_read() {
            self.handle_progress();
        }
    }

    fn on_opened(&mut self, session: Arc<Session>) {
        journal::opened(&session, self.transports.url());
        self.monitor.count(Meter::opened);
        self.subscribers.session_opened(session.clone());
        // The session is open even if whoever asked for it has stopped waiting.
        let _ = self.replies.answer_connect(Ok(session));
        self.advance_outbox();
    }

    fn on_closed(&mut self, mut end: Disconnected, carry_over: bool) {
        self.tasks.abort_all();
        self.replies.end_session();
        end.unsent = self.outbox.end_session(carry_over);
        journal::closed(&end, self.subscribers.furthest_behind().as_ref());
        self.monitor.count(|meter| meter.closed(&end));
        let event = Event::Disconnected(Arc::new(end));
        self.count_unseen(&event);
        self.subscribers.session_closed(event);
    }

    fn on_connect_failed(&mut self, err: ConnectError, is_announced: bool) {
        let is_by_application = err.is_by_application();
        if !is_by_application {
            self.monitor.count(Meter::attempt_failed);
        }
        self.attempts.cancel_hook();
        journal::connect_failed(&err);
        if let Err(Err(err)) = self.replies.answer_connect(Err(err))
            && !is_announced
            && !is_by_application
        {
            journal::connect_failed_unseen(&err);
        }
    }
}
