//! The end: the transports are closed first, then the outcome is reported.

use std::{
    mem,
    time::{Duration, Instant},
};

use super::{
    Connection,
    io::{BatchOutcome, CloseReason, Command, Outcome, Output, TransportClosed, TransportId},
    open::CloseRequest,
    state::State,
    transports::Transport,
    writing::InFlight,
};
use crate::{
    data::Data,
    error::{ConnectError, DisconnectReason, Stage, TransportError},
    protocol::{handshake::TransportKind, packet::Packet, version::ProtocolVersion},
};

/// The time that an aborted transport has to close. It needs one turn of the event loop, unless it is broken.
pub(super) const ABORT: Duration = Duration::from_secs(1);

/// The time that the handshake of a cancelled connect has to be answered, so that the session can be closed. A server that
/// answers at all usually does so within it.
const ANSWER: Duration = Duration::from_secs(2);

/// The connection only waits for its transports to close.
#[derive(Debug)]
pub(super) struct Ending {
    outcome: Outcome,
    /// The end of the wait, at the current step.
    deadline: Instant,
    step: Step,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// The close packet of a session is being written that opened after the user had cancelled the connect.
    WritingClose,
    /// The transport closes in its own way.
    Closing,
    /// Every transport was aborted.
    Aborted,
}

impl Ending {
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// A transport has closed. If the session ended because a batch was stuck, the transport may know why it was.
    fn explain(&mut self, closed: CloseReason) {
        let Outcome::Closed { reason, .. } = &mut self.outcome else { return };
        if let DisconnectReason::TransportError(TransportError::Timeout { stage: Stage::Write }) = reason
            && let CloseReason::Failed(err) = closed
        {
            *reason = err.into();
        }
    }
}

impl Connection {
    /// Ends the session, or the connect, gracefully: what was accepted is written, then the close packet.
    pub(crate) fn close(&mut self, now: Instant, reason: Option<Box<str>>) {
        let deadline = now + self.limits.close_timeout;
        match &mut self.state {
            State::Connecting(connecting) => {
                if !connecting.cancel(deadline.min(now + ANSWER), deadline) {
                    self.fail_connect(now, ConnectError::Cancelled);
                }
            }
            State::Open(open) if !open.is_closing() => {
                let reason = DisconnectReason::Client(reason);
                let half = now + self.limits.close_timeout / 2;
                let is_asked = self.queue.retains() || !open.confirmations.is_empty();
                let confirmation = is_asked.then_some(half);
                open.request_close(CloseRequest { reason, deadline, confirmation });
                open.upgrade.shorten_pause(half);
                if confirmation.is_none() {
                    self.queue.push_control(Packet::Close);
                }
            }
            State::Idle | State::Open(_) | State::Ending(_) => {}
        }
    }

    /// Ends the session, or the connect, at once.
    pub(crate) fn abort(&mut self, now: Instant, reason: Option<Box<str>>) {
        match &self.state {
            State::Idle => {}
            State::Connecting(_) => self.fail_connect(now, ConnectError::Cancelled),
            State::Open(_) => self.end_session(now, DisconnectReason::Client(reason)),
            State::Ending(ending) if ending.step == Step::Aborted => {}
            State::Ending(_) => self.abort_transports(now),
        }
    }

    /// Ends everything without waiting for the transports, whose reports nobody will receive.
    pub(crate) fn stop(&mut self, now: Instant) {
        match &self.state {
            State::Connecting(_) => self.fail_connect(now, ConnectError::Stopped),
            _ => self.abort(now, Some("the client stopped".into())),
        }
        self.abandon();
    }

    /// Queues the close packet that waits for a confirmation, once there is one, or none can be waited for. A server may
    /// stop answering pings when it has read the close packet.
    pub(super) fn queue_close(&mut self, now: Instant) {
        let State::Open(open) = &mut self.state else { return };
        let Some(until) = open.close_confirmation() else { return };
        let is_confirmed = match open.kind() {
            TransportKind::Polling => !open.upgrade.blocks_writes(),
            TransportKind::WebSocket => self.queue.is_confirmed() && open.confirmations.is_empty(),
        };
        if is_confirmed || now >= until {
            open.close_queued();
            self.queue.push_control(Packet::Close);
        }
    }

    /// The close packet was sent: the transport closes in its own way.
    pub(super) fn on_close_sent(&mut self, id: TransportId) {
        let State::Open(open) = &mut self.state else { return };
        let Some(close) = open.take_close_request() else { return };
        let outcome = Outcome::closed(close.reason);
        self.state = State::Ending(Ending { outcome, deadline: close.deadline, step: Step::Closing });
        for other in self.transports.ids() {
            let command = if other == id { Command::Close } else { Command::Abort };
            self.outputs.push_back(Output::Order(other, command));
        }
    }

    /// A session opened after the user had cancelled the connect: it is closed.
    pub(super) fn close_unwanted(&mut self, now: Instant, id: TransportId, deadline: Instant) {
        let outcome = Outcome::ConnectFailed(ConnectError::Cancelled);
        self.state = State::Ending(Ending { outcome, deadline, step: Step::WritingClose });
        self.write_control(now, id, Packet::Close);
    }

    /// A batch was written although the connection is ending.
    pub(super) fn on_written_while_ending(&mut self, now: Instant) {
        if let State::Ending(Ending { step: Step::WritingClose, .. }) = self.state {
            self.abort_transports(now);
        }
    }

    /// A transport has closed its connections.
    pub(super) fn on_transport_closed(&mut self, now: Instant, id: TransportId, closed: TransportClosed) {
        let Some(transport) = self.transports.remove(id) else { return };
        self.take_back(transport, closed.outcome);
        match &mut self.state {
            State::Connecting(connecting) if connecting.transport() == id => {
                self.on_attempt_closed(now, closed.reason);
            }
            State::Open(open) if open.active() == id => {
                // Nobody has ordered the end of this transport.
                let reason = closed.reason.into_disconnect_reason();
                self.end_session(now, reason.unwrap_or_else(|| TransportError::Vanished.into()));
            }
            State::Open(open) if open.upgrade.probe() == Some(id) => self.on_probe_closed(now, closed),
            State::Ending(ending) => {
                ending.explain(closed.reason);
                self.finish();
            }
            _ => {}
        }
    }

    /// Takes the batch back that a transport has not written.
    fn take_back(&mut self, mut transport: Transport, outcome: BatchOutcome) {
        let Some(InFlight { batch, .. }) = transport.writing.finish() else { return };
        let bytes = batch.first_data(outcome.sent).map(Data::len);
        self.counters.add_sent(outcome.sent.min(batch.len()), bytes.clone().count(), bytes.sum());
        self.queue.returned(batch, outcome);
    }

    /// Ends the session. If a graceful close was requested, its reason is reported.
    pub(super) fn end_session(&mut self, now: Instant, reason: DisconnectReason) {
        let reason = self.note_version(now, reason);
        let State::Open(open) = &mut self.state else { return };
        let reason = open.take_close_request().map_or(reason, |close| close.reason);
        self.end(now, Outcome::closed(reason));
    }

    /// Notes what the end of a session shows about the version of the server. Returns the reason for the end.
    ///
    /// A server of version 3 waits for pings, as a client of version 4 does. One of the two sides ends the session, at about
    /// the same time: the client for the silence, or the server with a close packet, with a close frame that says nothing, or
    /// without either. Only in the first case the missing ping is the reason. In the second one the server may have another.
    fn note_version(&mut self, now: Instant, reason: DisconnectReason) -> DisconnectReason {
        let State::Open(open) = &self.state else { return reason };
        let (target, is_timeout) = (open.target(), reason == DisconnectReason::PingTimeout);
        if open.is_closing() || !(is_timeout || reason.says_nothing()) {
            return reason;
        }
        match open.session().protocol {
            ProtocolVersion::V4 if self.found_versions.is_proven(target, ProtocolVersion::V4) => reason,
            ProtocolVersion::V4 if is_timeout && open.is_never_pinged(now) => {
                self.found_versions.suspect(target);
                DisconnectReason::NoPing
            }
            ProtocolVersion::V4 => {
                if !is_timeout && open.may_be_given_up(now) {
                    self.found_versions.suspect(target);
                }
                reason
            }
            ProtocolVersion::V3 => {
                if open.liveness.lacks_answer() {
                    self.found_versions.doubt(target);
                }
                reason
            }
        }
    }

    /// Closes every transport. The outcome is reported when all of them have closed.
    pub(super) fn end(&mut self, now: Instant, outcome: Outcome) {
        self.state = State::Ending(Ending { outcome, deadline: now, step: Step::Closing });
        self.abort_transports(now);
        self.finish();
    }

    fn abort_transports(&mut self, now: Instant) {
        let State::Ending(ending) = &mut self.state else { return };
        (ending.step, ending.deadline) = (Step::Aborted, now + ABORT);
        for id in self.transports.ids() {
            self.outputs.push_back(Output::Order(id, Command::Abort));
        }
    }

    /// Escalates: a slow close becomes an abort, and transports that ignore an abort are abandoned.
    pub(super) fn handle_ending_timeout(&mut self, now: Instant) {
        match &self.state {
            State::Ending(Ending { step: Step::Aborted, .. }) => self.abandon(),
            _ => self.abort_transports(now),
        }
    }

    /// Goes on without the reports of the transports.
    pub(super) fn abandon(&mut self) {
        for transport in self.transports.remove_all() {
            self.take_back(transport, BatchOutcome::UNCERTAIN);
        }
        self.finish();
    }

    /// Reports the outcome, once every transport has closed.
    fn finish(&mut self) {
        if !self.transports.is_empty() || !self.is_ending() {
            return;
        }
        let State::Ending(ending) = mem::replace(&mut self.state, State::Idle) else { return };
        let mut outcome = ending.outcome;
        let undelivered = self.queue.end();
        if let Outcome::Closed { unsent, in_doubt, interrupted, .. } = &mut outcome {
            (*unsent, *in_doubt) = (undelivered.unsent, undelivered.in_doubt);
            *interrupted = undelivered.interrupted;
        }
        self.outputs.push_back(Output::Ended(Box::new(outcome)));
    }
}
