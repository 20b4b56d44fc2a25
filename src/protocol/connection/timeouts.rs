//! The deadlines of a connection, and what happens when one has passed.

use std::time::Instant;

use super::{Connection, liveness::stall_timeout, open::Open, pings::Silence, reading::Flow, state::State};
use crate::{
    error::{DisconnectReason, Stage, TransportError},
    protocol::handshake::TransportKind,
};

/// What is due when a deadline of an open session has passed.
#[derive(Debug, Clone, Copy)]
enum Due {
    /// The session ends.
    End(Exceeded),
    /// The current step of an upgrade has taken too long.
    UpgradeTimeout,
    /// The server is silent on a WebSocket.
    Silence(Silence),
    /// A `Confirm` has waited for too long.
    ConfirmTimeout,
    /// The server does not answer the pings that ask for confirmations.
    UnansweredWarning,
    /// A ping asks for the confirmation of what is retained.
    ConfirmationPing,
    /// The close packet does not wait for a confirmation any more.
    ClosePacket,
}

/// The limit that a session has exceeded.
#[derive(Debug, Clone, Copy)]
enum Exceeded {
    CloseTimeout,
    Stage(Stage),
    StallTimeout,
    Silence,
}

impl Exceeded {
    /// The reason for the end of the session.
    fn reason(self) -> DisconnectReason {
        match self {
            // `end_session` replaces it by the reason that was given to `close`.
            Self::CloseTimeout => DisconnectReason::Client(None),
            Self::Stage(stage) => TransportError::Timeout { stage }.into(),
            Self::StallTimeout => DisconnectReason::Stalled,
            Self::Silence => DisconnectReason::PingTimeout,
        }
    }
}

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

    /// Acts on the deadlines that have passed. Only this and [`poll_timeout`](Self::poll_timeout) know of late wake-ups: see
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
        // The end of a pause between polls is nobody's fault and needs no grace period. Reads are granted in a grace period,
        // too: what they bring may prove that the server is alive.
        self.grant_reads(now);
    }

    /// The earliest deadline of the current state.
    fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Idle => None,
            State::Connecting(connecting) => Some(connecting.deadline()),
            State::Open(open) => {
                let mut first: Option<Instant> = None;
                self.for_each_deadline(open, |deadline, _| {
                    first = Some(first.map_or(deadline, |first| first.min(deadline)));
                });
                first
            }
            State::Ending(ending) => Some(ending.deadline()),
        }
    }

    /// Calls `visit` with each deadline of an open session, and with what is due at it. Those that can end the session come first:
    /// if one of them has passed, nothing else matters.
    #[inline(always)] // For each message that is awaited, the first deadline is looked for.
    fn for_each_deadline(&self, open: &Open, mut visit: impl FnMut(Instant, Due)) {
        let mut at = |deadline: Option<Instant>, due| {
            if let Some(deadline) = deadline {
                visit(deadline, due);
            }
        };
        at(open.close_deadline(), Due::End(Exceeded::CloseTimeout));
        at(self.write_deadline(open), Due::End(Exceeded::Stage(Stage::Write)));
        let partial = match open.kind() {
            TransportKind::Polling => Stage::Body,
            TransportKind::WebSocket => Stage::Frame,
        };
        at(self.partial_deadline(open), Due::End(Exceeded::Stage(partial)));
        // Under back-pressure nothing is read, so the server cannot be heard, and its silence does not count.
        match self.stall_deadline(open) {
            None => at(self.silence_deadline(open), Due::End(Exceeded::Silence)),
            stalled => at(stalled, Due::End(Exceeded::StallTimeout)),
        }
        at(self.poll_deadline(open), Due::End(Exceeded::Silence));
        if let Some((deadline, silence)) = self.silence(open) {
            at(Some(deadline), Due::Silence(silence));
        }
        at(open.upgrade.step_deadline(), Due::UpgradeTimeout);
        // Most sessions have nothing to confirm.
        if self.wants_confirmations() {
            at(self.confirm_deadline(open), Due::ConfirmTimeout);
            at(self.unanswered_deadline(open), Due::UnansweredWarning);
            at(self.unconfirmed_deadline(open), Due::ConfirmationPing);
            at(open.close_confirmation(), Due::ClosePacket);
        }
    }

    fn handle_session_timeout(&mut self, now: Instant) {
        let State::Open(open) = &self.state else { return };
        let mut due = Vec::new();
        self.for_each_deadline(open, |deadline, what| {
            if now >= deadline {
                due.push(what);
            }
        });
        // One of them may end the session, and those behind it do nothing then.
        for due in due {
            match due {
                Due::End(exceeded) => return self.end_session(now, exceeded.reason()),
                Due::Silence(Silence::Dead) => return self.end_session(now, DisconnectReason::PingTimeout),
                Due::Silence(Silence::Ask) => self.ping(now),
                Due::Silence(Silence::Warn) | Due::UnansweredWarning => self.warn(),
                Due::UpgradeTimeout => self.handle_upgrade_timeout(now),
                Due::ConfirmTimeout => self.expire_confirms(now),
                Due::ConfirmationPing => self.ask(now),
                Due::ClosePacket => self.queue_close(now),
            }
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
        if self.limits.confirm_sends.is_none()
            || open.kind() == TransportKind::Polling
            || open.flow != Flow::Open
        {
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
        if let Some(deadline) = open.liveness.deadline() {
            return Some(deadline);
        }
        // A ping of version 3 waits until it is written. Over a WebSocket only the limits of the batch in flight apply.
        if open.kind() == TransportKind::WebSocket || !open.liveness.awaits_write() {
            return None;
        }
        self.transports.get(open.active())?.writing.silence_deadline(&open.liveness)
    }

    /// When a poll counts as lost, although POSTs are answered. Under back-pressure there is no poll.
    fn poll_deadline(&self, open: &Open) -> Option<Instant> {
        let active = self.transports.get(open.active()).filter(|_| open.flow == Flow::Open)?;
        open.liveness.poll_deadline(active.reading.poll_last_heard()?)
    }

    /// When the batch in flight counts as stuck. The polling transport limits its requests itself.
    fn write_deadline(&self, open: &Open) -> Option<Instant> {
        if open.kind() == TransportKind::Polling {
            return None;
        }
        self.transports.get(open.active())?.writing.deadline(&open.liveness)
    }
}
