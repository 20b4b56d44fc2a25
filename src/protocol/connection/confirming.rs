//! What is known about the messages that were written: whether the other end has read them.

use std::time::{Duration, Instant};

use super::{
    Connection,
    io::{Command, Output, TransportId},
    open::Open,
    reading::Flow,
    state::State,
};
use crate::{error::ConfirmError, protocol::handshake::TransportKind};

/// The longest time for which messages are retained before a ping asks for their confirmation.
const LONGEST_UNASKED: Duration = Duration::from_secs(1);

impl Connection {
    /// Asks whether everything that was accepted until now has been read. The answer is `Confirmed`; if the session ends
    /// first, there is none. Returns `false` if no session is open.
    pub(crate) fn confirm(&mut self, now: Instant) -> bool {
        let accepted = self.queue.accepted();
        match &mut self.state {
            State::Open(open) if !open.is_closing() => {
                open.confirmations.push(now, accepted);
                true
            }
            _ => false,
        }
    }

    /// Whether somebody may want to know what has arrived: by `Confirm`, or by `confirm_sends`, or because the close packet waits
    /// for it. In most sessions nobody does.
    pub(super) fn wants_confirmations(&self) -> bool {
        self.limits.confirm_sends.is_some()
            || matches!(&self.state, State::Open(open) if !open.confirmations.is_empty() || open.close_confirmation().is_some())
    }

    /// Does what the pending confirmations need. Over a WebSocket it sends a ping behind the messages; over polling the answer
    /// to a POST has confirmed them already. An upgrade counts as polling until the session is on the WebSocket.
    pub(super) fn ask(&mut self, now: Instant) {
        let State::Open(open) = &mut self.state else { return };
        if open.confirmations.first().is_none() && !self.queue.retains() {
            return;
        }
        let settled = self.queue.mark().settled;
        match open.kind() {
            TransportKind::Polling => {
                let count = open.confirmations.confirm(settled);
                self.answer_confirms(count, Ok(()));
            }
            TransportKind::WebSocket => {
                let may_ask = open.pings.may_ask(open.liveness.last_heard(), self.limits.request_timeout);
                let is_asked = open.confirmations.first().is_some_and(|first| first <= settled) && may_ask;
                let State::Open(open) = &self.state else { return };
                let has_passed = |deadline: Option<Instant>| deadline.is_some_and(|deadline| now >= deadline);
                if is_asked || has_passed(self.unconfirmed_deadline(open)) {
                    // The next ping would hide that the last one was not answered.
                    if has_passed(self.unanswered_deadline(open)) {
                        self.warn();
                    }
                    self.ping(now);
                }
            }
        }
    }

    /// When a ping asks for what was written to a WebSocket and is retained.
    pub(super) fn unconfirmed_deadline(&self, open: &Open) -> Option<Instant> {
        let bytes = self.limits.confirm_sends?;
        if open.kind() == TransportKind::Polling || self.queue.retained_weight() == 0 {
            return None;
        }
        let since = open.pings.unasked_since(open.liveness.last_heard(), self.limits.request_timeout)?;
        // Half of what may be retained: the other half can be sent until the pong arrives.
        let is_much = self.queue.retained_weight() >= bytes.min(self.limits.send_queue / 2);
        Some(if is_much || open.is_closing() { since } else { since + LONGEST_UNASKED })
    }

    /// Sends a ping behind everything that is written by now.
    pub(super) fn ping(&mut self, now: Instant) {
        let State::Open(open) = &mut self.state else { return };
        let active = open.active();
        let in_flight =
            self.transports.get(active).and_then(|transport| transport.writing.bytes_of_messages());
        let number = open.pings.send(now, self.queue.mark(), in_flight);
        self.order(active, Command::Ping(number));
    }

    /// Warns of a server that does not answer pings, once in a session.
    pub(super) fn warn(&mut self) {
        if let State::Open(open) = &mut self.state
            && open.pings.warn()
        {
            self.outputs.push_back(Output::PingsUnanswered);
        }
    }

    /// A pong arrived.
    pub(super) fn on_pong(&mut self, now: Instant, id: TransportId, number: u64) {
        self.on_alive(now);
        let State::Open(open) = &mut self.state else { return };
        if open.active() != id {
            return;
        }
        let Some(answer) = open.pings.answered(now, number) else { return };
        self.round_trip = Some(answer.round_trip);
        let count = open.confirmations.confirm(answer.mark.settled);
        self.queue.confirm(answer.mark.written);
        self.answer_confirms(count, Ok(()));
    }

    /// Gives up on the `Confirm`s that have waited for too long. The session goes on.
    pub(super) fn expire_confirms(&mut self, now: Instant) {
        let State::Open(open) = &mut self.state else { return };
        if open.flow == Flow::Open {
            let count = open.confirmations.expire(now, self.limits.request_timeout);
            self.answer_confirms(count, Err(ConfirmError::Timeout));
        }
    }

    fn answer_confirms(&mut self, count: usize, outcome: Result<(), ConfirmError>) {
        self.outputs.extend((0..count).map(|_| Output::Confirmed(outcome.clone())));
    }
}
