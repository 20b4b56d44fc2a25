//! The end: transports are closed first, then the user is told.

use std::{
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Connection,
    io::{BatchOutcome, CloseReason, Command, Outcome, Output, TransportClosed, TransportId},
    queue::messages,
    session::LATE,
    state::{Ending, Slot, State, Writing},
    upgrade::{error, reason},
};
use crate::error::{ConnectError, DisconnectReason};

/// How long an aborted transport is waited for. It answers within one turn of the event loop, unless it is broken.
const ABORT: Duration = Duration::from_secs(1);

impl Connection {
    /// The close packet has left: the transport closes in its own way.
    pub(super) fn on_left(&mut self, id: TransportId) {
        let State::Open(open) = &mut self.state else { return };
        let Some(leaving) = open.leaving.take() else { return };
        let outcome = Outcome::closed(leaving.reason);
        self.state = State::Ending(Ending { outcome, by: leaving.by, aborted: false });
        for slot in &self.slots {
            let command = if slot.id == id { Command::Close } else { Command::Abort };
            self.outputs.push_back(Output::Order(slot.id, command));
        }
    }

    /// A transport has closed its connections.
    pub(super) fn on_ended(&mut self, now: Instant, id: TransportId, ended: TransportClosed) {
        let Some(at) = self.slots.iter().position(|slot| slot.id == id) else { return };
        let slot = self.slots.swap_remove(at);
        self.give_back(slot, ended.outcome);
        match &mut self.state {
            State::Connecting(connecting) if connecting.transport == id => {
                let err = ConnectError::from_transport(&self.url(), error(ended.reason));
                self.fail_attempt(now, err);
            }
            State::Open(open) if open.active == id => {
                self.end_session(now, reason(ended.reason));
            }
            State::Open(open) if open.upgrade.probe() == Some(id) => {
                self.on_probe_ended(now, ended.reason, ended.outcome);
            }
            State::Ending(ending) => {
                // Only the transport knows what `connect_timeout` has met.
                if let Outcome::ConnectFailed(ConnectError::Timeout { stage, .. }) = &mut ending.outcome
                    && let CloseReason::Interrupted(waiting) = ended.reason
                {
                    *stage = waiting;
                }
                self.finish();
            }
            _ => {}
        }
    }

    /// Keeps what a transport had not written, to be told at the end.
    fn give_back(&mut self, slot: Slot, outcome: BatchOutcome) {
        let Some(Writing { batch, .. }) = slot.writing else { return };
        let mut batch = Arc::unwrap_or_clone(batch).into_iter().skip(outcome.sent);
        self.in_doubt.extend(messages(batch.by_ref().take(outcome.uncertain)));
        self.unsent.extend(messages(batch));
    }

    /// Ends the session; a graceful close that was under way keeps its reason.
    pub(super) fn end_session(&mut self, now: Instant, reason: DisconnectReason) {
        let leaving = match &mut self.state {
            State::Open(open) => open.leaving.take(),
            _ => None,
        };
        self.end(now, Outcome::closed(leaving.map_or(reason, |leaving| leaving.reason)));
    }

    /// Closes every transport; the outcome is told when all have ended.
    pub(super) fn end(&mut self, now: Instant, outcome: Outcome) {
        self.state = State::Ending(Ending { outcome, by: now + ABORT, aborted: true });
        for slot in &self.slots {
            self.outputs.push_back(Output::Order(slot.id, Command::Abort));
        }
        self.finish();
    }

    /// A close takes too long: abort; an abort takes too long: do without.
    pub(super) fn hasten(&mut self, now: Instant) {
        let State::Ending(ending) = &mut self.state else { return };
        if !ending.aborted {
            ending.aborted = true;
            ending.by = now + ABORT;
            for slot in &self.slots {
                self.outputs.push_back(Output::Order(slot.id, Command::Abort));
            }
        } else if now.saturating_duration_since(ending.by) >= LATE {
            // What the transports said meanwhile is yet to be heard.
            ending.by = now + ABORT;
        } else if now >= ending.by {
            self.abandon();
        }
    }

    /// Does without what the transports would say.
    pub(super) fn abandon(&mut self) {
        for slot in mem::take(&mut self.slots) {
            self.give_back(slot, BatchOutcome::UNCERTAIN);
        }
        self.finish();
    }

    /// Tells the outcome, once no transport is left.
    fn finish(&mut self) {
        if !self.slots.is_empty() {
            return;
        }
        let State::Ending(ending) = mem::replace(&mut self.state, State::Idle) else { return };
        self.backpressure = None;
        let mut returned = mem::take(&mut self.unsent);
        returned.extend(self.queue.drain());
        let mut outcome = ending.outcome;
        if let Outcome::Closed { unsent, in_doubt, .. } = &mut outcome {
            (*unsent, *in_doubt) = (returned, mem::take(&mut self.in_doubt));
        }
        self.outputs.push_back(Output::Ended(outcome));
    }
}
