//! From polling to WebSocket (protocol, "Upgrade"): a probe beside polling, a pause of polling, the switch.
//!
//! After a failure before the upgrade packet was sent, the probe is given up and polling goes on. Only engineioxide ends the
//! session then.

use std::time::{Duration, Instant};

use super::{
    Connection,
    io::{Command, Output, TransportClosed, TransportId},
    reading::{Flow, Received},
    state::State,
};
use crate::{
    error::{ProtocolError, Stage, TransportError},
    protocol::{handshake::TransportKind, packet::Packet},
};

/// The upgrade packet could not be written in time. It is also the error of a probe that was aborted for that and gave no other
/// reason for its end.
pub(super) const UPGRADE_NOT_WRITTEN: TransportError = TransportError::Timeout { stage: Stage::Write };

/// The longest time for which only an upgrade keeps messages from being sent, before its probe is aborted. In most upgrades
/// it is a round trip: a server that has answered the probe answers the last poll at once. If that answer is large and the
/// line is slow, it takes longer. The upgrade waits for it as long as nothing is to be sent.
const MAX_PAUSE: Duration = Duration::from_millis(1750);

/// The shortest time limit for writing the upgrade packet, even if the pause has taken nearly all of its time. The packet is
/// short, so it is written at once, and this process needs a moment to notice that.
const MIN_SWITCH: Duration = Duration::from_millis(100);

/// The longest time in which the probe reports its end after it was aborted. It has to ask nobody. Together with
/// [`MAX_PAUSE`] and [`MIN_SWITCH`] this makes two seconds.
const MAX_ABORT: Duration = Duration::from_millis(150);

/// The upgrade of a session, if one is under way. Boxed, because a session has one for a moment, or none.
#[derive(Debug, Default)]
pub(super) struct Upgrade(Option<Box<Attempt>>);

#[derive(Debug)]
struct Attempt {
    probe: TransportId,
    step: UpgradeStep,
    /// The end of the upgrade's own time.
    deadline: Instant,
    /// The end of the current step. Then the upgrade is given up, and in `Switching` its probe is aborted. As long as nothing is to
    /// be sent, the end is postponed until `deadline`. The steps `Switching` and `Aborting` may end a little later than that.
    limit: Instant,
}

/// The steps of an upgrade, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UpgradeStep {
    /// The probe was started and has not been answered. Polling goes on beside it.
    Probing,
    /// The probe was answered. The requests of polling end, and nothing is written.
    Pausing,
    /// The upgrade packet is being written.
    Switching,
    /// Writing the upgrade packet took too long, and the probe was ordered to close. Its last report says whether the
    /// packet was sent.
    Aborting,
}

impl Upgrade {
    fn start(&mut self, probe: TransportId, deadline: Instant) {
        self.0 = Some(Box::new(Attempt { probe, step: UpgradeStep::Probing, deadline, limit: deadline }));
    }

    /// The probe was answered.
    fn pause(&mut self) {
        if let Some(attempt) = &mut self.0 {
            attempt.step = UpgradeStep::Pausing;
        }
    }

    /// The requests of polling have ended.
    fn switch(&mut self, now: Instant) {
        if let Some(attempt) = &mut self.0 {
            (attempt.step, attempt.limit) = (UpgradeStep::Switching, attempt.limit.max(now + MIN_SWITCH));
        }
    }

    /// The probe is aborted, which takes until `limit` at the latest.
    fn abort(&mut self, limit: Instant) {
        if let Some(attempt) = &mut self.0 {
            (attempt.step, attempt.limit) = (UpgradeStep::Aborting, limit);
        }
    }

    /// Nothing is to be sent, so the upgrade keeps nothing from being sent. Returns whether it waits on. A message that is
    /// accepted later does not wait for longer than if the pause began now.
    fn extend_pause(&mut self, now: Instant) -> bool {
        match &mut self.0 {
            Some(attempt)
                if now < attempt.deadline
                    && matches!(attempt.step, UpgradeStep::Pausing | UpgradeStep::Switching) =>
            {
                attempt.limit = attempt.deadline.min(now + MAX_PAUSE);
                true
            }
            _ => false,
        }
    }

    pub(super) fn end(&mut self) {
        self.0 = None;
    }

    /// No POST is in flight. If polling pauses, only the upgrade keeps messages from being sent from now on.
    pub(super) fn limit_pause(&mut self, now: Instant) {
        self.shorten_pause(now + MAX_PAUSE);
    }

    /// A close was requested. If the requests of polling do not end, there must be time to go on over polling.
    pub(super) fn shorten_pause(&mut self, limit: Instant) {
        if let Some(attempt) = &mut self.0
            && attempt.step == UpgradeStep::Pausing
        {
            attempt.limit = attempt.limit.min(limit);
        }
    }

    fn step(&self) -> Option<UpgradeStep> {
        self.0.as_ref().map(|attempt| attempt.step)
    }

    pub(super) fn probe(&self) -> Option<TransportId> {
        self.0.as_ref().map(|attempt| attempt.probe)
    }

    /// The probe, if the upgrade is at this step.
    pub(super) fn probe_at(&self, step: UpgradeStep) -> Option<TransportId> {
        self.0.as_ref().filter(|attempt| attempt.step == step).map(|attempt| attempt.probe)
    }

    /// When the current step takes too long.
    pub(super) fn step_deadline(&self) -> Option<Instant> {
        self.0.as_ref().map(|attempt| attempt.limit)
    }

    /// Neither transport may be written to: polling is pausing, and the session is not on the WebSocket yet.
    pub(super) fn blocks_writes(&self) -> bool {
        self.step().is_some_and(|step| step != UpgradeStep::Probing)
    }

    /// Polling is not read any more. A pause still reads the rest of the last poll.
    pub(super) fn blocks_reads(&self) -> bool {
        matches!(self.step(), Some(UpgradeStep::Switching | UpgradeStep::Aborting))
    }
}

impl Connection {
    pub(super) fn start_upgrade(&mut self, now: Instant) {
        let State::Open(open) = &self.state else { return };
        let (endpoint, session) = (open.target().endpoint().clone(), open.session().clone());
        let probe = self.start(TransportKind::WebSocket, open.version(), endpoint, Some(session));
        if let State::Open(open) = &mut self.state {
            open.upgrade.start(probe, now + self.limits.upgrade_timeout);
        }
    }

    /// The first packets on the probe: its pong, and perhaps more.
    pub(super) fn on_probe_answer(&mut self, now: Instant, id: TransportId, mut received: Received) {
        let is_probed = self.transports.get(id).is_some_and(|probe| probe.writing.is_free());
        let State::Open(open) = &mut self.state else { return };
        let answer = received.packets.first();
        if !is_probed || !matches!(answer, Some(Packet::Pong(data)) if data == "probe") {
            let err = ProtocolError::OutOfPlace("the answer to the probe is not its pong");
            return self.fail_upgrade(now, err.into());
        }
        if open.is_closing() {
            // Polling writes the last batch. The probe is closed after that.
            return;
        }
        open.upgrade.pause();
        let polling = open.active();
        if self.transports.get(polling).is_some_and(|polling| polling.writing.is_free()) {
            open.upgrade.limit_pause(now);
        }
        self.order(polling, Command::Pause);
        received.packets.remove(0);
        self.on_session_packets(now, id, received);
    }

    /// Every request of polling has ended, and everything that the server sent on polling has been received.
    pub(super) fn on_paused(&mut self, now: Instant, id: TransportId) {
        let State::Open(open) = &mut self.state else { return };
        let Some(probe) = open.upgrade.probe_at(UpgradeStep::Pausing) else { return };
        if open.active() == id {
            open.upgrade.switch(now);
            self.write_control(now, probe, Packet::Upgrade);
        }
    }

    /// The upgrade packet was sent: the session is on the WebSocket.
    pub(super) fn on_switched(&mut self, now: Instant, id: TransportId) {
        let State::Open(open) = &mut self.state else { return };
        let Some(websocket) = self.transports.get_mut(id) else { return };
        let polling = open.switch(websocket);
        open.liveness.restart(now);
        self.remembered.add(open.target());
        self.order(polling, Command::Abort);
        self.outputs.push_back(Output::Upgraded(TransportKind::WebSocket));
        self.grant_reads(now);
    }

    /// The probe has closed.
    pub(super) fn on_probe_closed(&mut self, now: Instant, closed: TransportClosed) {
        let State::Open(open) = &self.state else { return };
        if open.upgrade.blocks_reads() && closed.outcome.may_have_sent() {
            // The upgrade packet may have been sent. Then the session is not on polling any more.
            let reason = closed.reason.into_disconnect_reason();
            return self.end_session(now, reason.unwrap_or_else(|| UPGRADE_NOT_WRITTEN.into()));
        }
        self.fail_upgrade(now, closed.reason.into_error().unwrap_or(UPGRADE_NOT_WRITTEN));
    }

    /// Gives the probe up. Polling goes on as if there had been none.
    fn fail_upgrade(&mut self, now: Instant, err: TransportError) {
        let State::Open(open) = &mut self.state else { return };
        let Some(probe) = open.upgrade.probe() else { return };
        let (polling, is_paused) = (open.active(), open.upgrade.blocks_writes());
        // engineioxide ends the session together with its upgrade. Then it answers the next poll with an error, which
        // ends the session here, too.
        open.upgrade.end();
        if self.transports.get(probe).is_some() {
            self.order(probe, Command::Abort);
        }
        if is_paused {
            self.order(polling, Command::Resume);
        }
        self.outputs.push_back(Output::UpgradeFailed(err));
        if is_paused {
            self.check_waiting();
        }
        self.grant_reads(now);
    }

    /// Messages that were accepted for the WebSocket go out over polling after all, as far as it can carry them.
    fn check_waiting(&mut self) {
        let State::Open(open) = &self.state else { return };
        let refused = self.queue.refuse(|data| open.check(data, &self.limits));
        self.outputs.extend(refused.into_iter().map(|refused| Output::Rejected(Box::new(refused))));
    }

    pub(super) fn handle_upgrade_timeout(&mut self, now: Instant) {
        let State::Open(open) = &mut self.state else { return };
        if open.upgrade.step_deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        if self.queue.is_empty() && !open.is_closing() && open.upgrade.extend_pause(now) {
            return;
        }
        match (open.upgrade.step(), open.upgrade.probe()) {
            (Some(UpgradeStep::Switching), Some(probe)) => {
                open.upgrade.abort(now + MAX_ABORT);
                self.order(probe, Command::Abort);
            }
            // A probe that does not even close: nobody can say where the session is.
            (Some(UpgradeStep::Aborting), _) => self.end_session(now, UPGRADE_NOT_WRITTEN.into()),
            // The answer to the probe, or the end of the last poll, could not be read.
            _ if open.flow != Flow::Open => self.fail_upgrade(now, TransportError::BackPressure),
            _ => self.fail_upgrade(now, TransportError::Timeout { stage: Stage::Probe }),
        }
    }
}
