//! The end of a client's last session, and of the client.

use std::time::{Duration, Instant};

use actix::{ActorContext as _, Context};

use super::{Disconnect, EngineIoClient, outbox::Gate, signals::Finish, timer::now};
use crate::error::ConnectError;

/// The interval at which a client that nobody can reach checks whether it still has listeners.
const LISTENER_CHECK_INTERVAL: Duration = Duration::from_secs(2);

impl EngineIoClient {
    /// Sends all events to the subscribers, before somebody hears that the last session has ended.
    pub(super) fn send_last_events(&mut self) {
        self.advance_outbox();
        self.show_rejected();
        self.subscribers.send_rest();
    }

    /// Ends the connection, or the attempts to open one.
    pub(super) fn disconnect(&mut self, Disconnect { abort, reason }: Disconnect) {
        let now = now();
        if !self.lifecycle.disconnect(now, ConnectError::Cancelled) {
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

    /// Does the next step of a shutdown by a signal. Disconnects or stops when nobody can reach the client and nobody listens
    /// to it.
    pub(super) fn end_if_unused(&mut self, ctx: &mut Context<Self>) {
        if self.lifecycle.is_idle() && self.signals.is_finishing() {
            let know_all = self.subscribers.have_handled_all();
            if self.signals.finish(now(), know_all, self.connection.close_timeout()) == Finish::Reply {
                self.send_last_events();
                self.replies.answer_end(self.lifecycle.last_reason());
            }
            if self.signals.is_finishing() {
                return;
            }
        }
        if ctx.connected() {
            return;
        }
        let is_awaited = || self.replies.is_awaited() || self.outbox.is_awaited();
        if !self.lifecycle.is_idle() && !self.subscribers.any_connected() && !is_awaited() {
            self.disconnect(Disconnect::new());
            self.drain_and_write(ctx);
        }
        // If there was no connection to close, nothing wakes the client once more.
        if self.lifecycle.is_idle() {
            // `stopped` delivers the remaining events.
            self.subscribers.detach();
            ctx.stop();
        }
    }

    /// The time of the next check for listeners, for a client that nobody can reach and that does not end yet. An actor that stops
    /// does not wake the client, and neither does a reply that is dropped. A stream does when it is dropped, so a client with an
    /// open stream needs no check.
    pub(super) fn next_listener_check(&self, ctx: &Context<Self>) -> Option<Instant> {
        let needs_check =
            !ctx.connected() && !self.lifecycle.is_idle() && !self.subscribers.any_stream_is_open();
        needs_check.then(|| now() + LISTENER_CHECK_INTERVAL)
    }
}
