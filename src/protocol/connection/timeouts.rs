//! The deadlines of a connection, and what happens when one has passed.

use std::time::Instant;

use super::{
    Connection, Limits, liveness::stall_timeout, open::Open, pings::Silence, reading::Flow, state::State,
};
use crate::{
    error::{DisconnectReason, Stage, TransportError},
    protocol::handshake::TransportKind,
};

impl Connection {
    /// When `handle_timeout` is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let deadline = self.deadline().map(|deadline| self.grace_period.extend(deadline));
        [deadline, self.next_read(), self.next_ping()].into_iter().flatten().min()
    }

    /// When a ping of a session in version 3 is due.
    fn next_ping(&self) -> Option<Instant> {
        match &self.state {
            State::Open(open) => open.liveness.next_ping(),
            _ => None,
        }
    }

    /// Queues the ping of a session in version 3, if it is due. It goes out as soon as the transport is free.
    fn queue_ping(&mut self, now: Instant) {
        if let State::Open(open) = &mut self.state
            && open.liveness.heartbeat().is_some_and(|heartbeat| heartbeat.is_due(now))
        {
            self.queue.push_ping();
        }
    }

    /// Acts on the deadlines that have passed. The only place that knows of late wake-ups: see
    /// [`GracePeriod`](super::liveness::GracePeriod).
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.deadline().is_some_and(|deadline| self.grace_period.check_due(deadline, now)) {
            match &self.state {
                State::Idle => {}
                State::Connecting(_) => self.handle_connect_timeout(now),
                State::Open(_) => self.handle_session_timeout(now),
                State::Ending(_) => self.handle_ending_timeout(now),
            }
        }
        // A ping that is late is urgent, so it has no grace period.
        self.queue_ping(now);
        // The end of a pause between polls is nobody's fault and needs no grace period. In a grace period, the answer to
        // this poll may be what proves that the server is alive.
        self.grant_reads(now);
    }

    /// The earliest deadline of the current state.
    fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Idle => None,
            State::Connecting(connecting) => Some(connecting.deadline()),
            State::Open(open) => {
                let silence = self.stall_deadline(open).or_else(|| self.silence_deadline(open));
                let deadlines = [
                    silence,
                    self.write_deadline(open),
                    self.partial_deadline(open),
                    self.ping_deadline(open),
                    open.upgrade.step_deadline(),
                    open.close_deadline(),
                ];
                deadlines.into_iter().flatten().min()
            }
            State::Ending(ending) => Some(ending.deadline()),
        }
    }

    /// The earliest deadline that has to do with pings of the client's own. Most sessions have none.
    fn ping_deadline(&self, open: &Open) -> Option<Instant> {
        let Limits { websocket_ping, confirm_sends, .. } = &self.limits;
        if websocket_ping.is_none() && confirm_sends.is_none() && open.confirmations.is_empty() {
            return None;
        }
        let deadlines = [
            self.confirm_deadline(open),
            self.silence(open).map(|(deadline, _)| deadline),
            self.unanswered_deadline(open),
            self.unconfirmed_deadline(open),
            open.close_confirmation(),
        ];
        deadlines.into_iter().flatten().min()
    }

    fn handle_session_timeout(&mut self, now: Instant) {
        let State::Open(open) = &self.state else { return };
        match self.exceeded(open, now) {
            Some(reason) => self.end_session(now, reason),
            None => {
                self.handle_upgrade_timeout(now);
                self.expire_confirms(now);
                self.handle_silence(now);
                self.handle_unanswered(now);
                self.queue_close(now);
                self.ask(now);
            }
        }
    }

    /// The reason for the end of a session that has exceeded a limit.
    fn exceeded(&self, open: &Open, now: Instant) -> Option<DisconnectReason> {
        let has_passed = |deadline: Option<Instant>| deadline.is_some_and(|deadline| now >= deadline);
        if has_passed(open.close_deadline()) {
            // The reason that was given to `close` replaces this one.
            return Some(DisconnectReason::Client(None));
        }
        if has_passed(self.write_deadline(open)) {
            return Some(TransportError::Timeout { stage: Stage::Write }.into());
        }
        if has_passed(self.partial_deadline(open)) {
            let stage = match open.kind() {
                TransportKind::Polling => Stage::Body,
                TransportKind::WebSocket => Stage::Frame,
            };
            return Some(TransportError::Timeout { stage }.into());
        }
        if let Some((deadline, Silence::Dead)) = self.silence(open)
            && now >= deadline
        {
            return Some(DisconnectReason::PingTimeout);
        }
        match self.stall_deadline(open) {
            Some(deadline) => (now >= deadline).then_some(DisconnectReason::Stalled),
            None => has_passed(self.silence_deadline(open)).then_some(DisconnectReason::PingTimeout),
        }
    }

    /// When the subscribers count as stalled. Under back-pressure nothing is read, so the server cannot be heard, and
    /// its silence does not count.
    fn stall_deadline(&self, open: &Open) -> Option<Instant> {
        open.flow.deadline(stall_timeout(self.limits.stall_timeout, Some(open.session())))
    }

    /// When a message that has arrived in part counts as one that never ends. Under back-pressure its rest cannot arrive.
    fn partial_deadline(&self, open: &Open) -> Option<Instant> {
        let active = self.transports.get(open.active()).filter(|_| open.flow == Flow::Open)?;
        active.reading.partial_since().map(|since| open.liveness.partial_deadline(since))
    }

    /// What is to be done about a server that is silent on a WebSocket, and when. Under back-pressure it cannot be heard.
    pub(super) fn silence(&self, open: &Open) -> Option<(Instant, Silence)> {
        if open.kind() == TransportKind::Polling || open.flow != Flow::Open {
            return None;
        }
        open.pings.silence(open.liveness.last_heard(), self.limits.websocket_ping.as_ref()?)
    }

    /// When to warn that the server does not answer the pings which ask for confirmations.
    pub(super) fn unanswered_deadline(&self, open: &Open) -> Option<Instant> {
        self.limits.confirm_sends?;
        if open.kind() == TransportKind::Polling || open.flow != Flow::Open {
            return None;
        }
        open.pings.unanswered(open.liveness.last_heard(), self.limits.request_timeout)
    }

    /// When the oldest `Confirm` has waited for too long. Under back-pressure no answer can arrive.
    fn confirm_deadline(&self, open: &Open) -> Option<Instant> {
        open.confirmations.deadline(self.limits.request_timeout).filter(|_| open.flow == Flow::Open)
    }

    /// When a silent server counts as lost. While a ping of version 3 waits for a POST, the server has time to read that POST
    /// over a slow line, too: nobody sees the progress of a POST that is buffered on its way.
    fn silence_deadline(&self, open: &Open) -> Option<Instant> {
        let by_post = || {
            let is_waiting = open.kind() == TransportKind::Polling && open.liveness.awaits_write();
            is_waiting
                .then(|| self.transports.get(open.active())?.writing.silence_deadline(&open.liveness))?
        };
        open.liveness.deadline().or_else(by_post)
    }

    /// When the batch in flight counts as stuck. The polling transport limits its requests itself.
    fn write_deadline(&self, open: &Open) -> Option<Instant> {
        if open.kind() == TransportKind::Polling {
            return None;
        }
        self.transports.get(open.active())?.writing.deadline(&open.liveness)
    }
}
