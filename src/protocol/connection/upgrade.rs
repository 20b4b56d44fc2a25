//! From polling to WebSocket (protocol, "Upgrade"): a probe beside polling, a pause of polling, the switch.
//!
//! Whatever fails before the upgrade packet has left costs nothing: the probe is given up and polling goes on.

use std::{sync::Arc, time::Instant};

use super::{
    Connection,
    io::{BatchOutcome, CloseReason, Command, Output, TransportId},
    state::{State, Upgrade},
};
use crate::{
    error::{CloseWords, DisconnectReason, ProtocolError, Stage, TransportError},
    protocol::{handshake::TransportKind, packet::Packet},
};

impl Connection {
    pub(super) fn start_upgrade(&mut self, now: Instant) {
        let State::Open(open) = &self.state else { return };
        let sid = open.session.sid.clone();
        let probe = self.start(TransportKind::WebSocket, Some(sid));
        self.set_upgrade(Upgrade::Probing { probe, by: now + self.limits.upgrade_timeout });
    }

    pub(super) fn on_probe_answer(&mut self, now: Instant, id: TransportId, mut packets: Vec<Packet>) {
        let State::Open(open) = &self.state else { return };
        let Upgrade::Probing { probe, by } = open.upgrade else { return };
        let polling = open.active;
        let (leaving, probed) =
            (open.leaving.is_some(), self.slot(id).is_some_and(|slot| slot.writing.is_none()));
        let answered = probed && matches!(packets.first(), Some(Packet::Pong(data)) if data == "probe");
        if !answered {
            let err = ProtocolError::OutOfPlace("the answer to the probe is not its pong");
            return self.fail_upgrade(now, err.into());
        }
        if leaving {
            // Polling is writing its last; the probe goes when it has.
            return;
        }
        self.set_upgrade(Upgrade::Pausing { probe, by });
        self.order(polling, Command::Pause);
        packets.remove(0);
        self.on_session_packets(now, id, packets, true, false);
    }

    /// The polls are home: everything that polling had to say has been said.
    pub(super) fn on_paused(&mut self, now: Instant, id: TransportId) {
        let State::Open(open) = &self.state else { return };
        let Upgrade::Pausing { probe, by } = open.upgrade else { return };
        if open.active == id {
            self.set_upgrade(Upgrade::Switching { probe, by });
            self.write_now(now, probe, Packet::Upgrade);
        }
    }

    /// The upgrade packet has left: the session is on the WebSocket.
    pub(super) fn on_switched(&mut self, now: Instant, id: TransportId) {
        let State::Open(open) = &mut self.state else { return };
        let polling = open.active;
        open.active = id;
        open.kind = TransportKind::WebSocket;
        open.upgrade = Upgrade::Off;
        let slot = self.slots.iter_mut().find(|slot| slot.id == id);
        if let Some(protocol) = slot.and_then(|slot| slot.protocol.take()) {
            Arc::make_mut(&mut open.session).websocket_protocol = Some(protocol);
        }
        self.remember_upgrade();
        self.order(polling, Command::Abort);
        self.outputs.push_back(Output::Upgraded(TransportKind::WebSocket));
        self.heard(now);
        self.give_reads(now);
    }

    /// The probe's transport ended by itself.
    pub(super) fn on_probe_ended(&mut self, now: Instant, cause: CloseReason, outcome: BatchOutcome) {
        let State::Open(open) = &self.state else { return };
        let switching = matches!(open.upgrade, Upgrade::Switching { .. });
        if switching && outcome != BatchOutcome::sent(0) {
            // The server may have moved: polling is no more.
            return self.end_session(now, reason(cause));
        }
        self.fail_upgrade(now, error(cause));
    }

    /// Gives the probe up; polling goes on as if there had been none.
    pub(super) fn fail_upgrade(&mut self, now: Instant, err: TransportError) {
        let State::Open(open) = &self.state else { return };
        let (polling, paused) = (open.active, open.upgrade.holds_writes());
        let Some(probe) = open.upgrade.probe() else { return };
        if self.slot(probe).is_some() {
            self.order(probe, Command::Abort);
        }
        if paused {
            self.order(polling, Command::Resume);
        }
        // engineioxide destroys the session with its upgrade; then the next poll is refused, and that ends it here too.
        self.set_upgrade(Upgrade::Off);
        self.outputs.push_back(Output::UpgradeFailed(err));
        self.give_reads(now);
    }

    pub(super) fn handle_upgrade_timeout(&mut self, now: Instant) {
        let State::Open(open) = &self.state else { return };
        let Some(by) = open.upgrade.by().filter(|by| now >= *by) else { return };
        match open.upgrade {
            // Whether the upgrade packet left is known only when the transport has ended.
            Upgrade::Switching { probe, .. } => {
                self.order(probe, Command::Abort);
                self.set_upgrade(Upgrade::Switching { probe, by: by + self.limits.upgrade_timeout });
            }
            _ => self.fail_upgrade(now, TransportError::Timeout { stage: Stage::Probe }),
        }
    }

    fn set_upgrade(&mut self, upgrade: Upgrade) {
        if let State::Open(open) = &mut self.state {
            open.upgrade = upgrade;
        }
    }
}

/// Why a session ends whose transport ended so.
pub(super) fn reason(cause: CloseReason) -> DisconnectReason {
    match cause {
        CloseReason::CloseFrame { code, reason } => DisconnectReason::TransportClose { code, reason },
        cause => error(cause).into(),
    }
}

/// What failed when a transport ended so before it was of use.
pub(super) fn error(cause: CloseReason) -> TransportError {
    match cause {
        CloseReason::Failed(err) => err,
        CloseReason::CloseFrame { code, reason } => {
            let words = CloseWords(code, &reason);
            TransportError::eof(&format!("the server closed the WebSocket with {words}"))
        }
        CloseReason::Interrupted(stage) => TransportError::Timeout { stage },
        CloseReason::Ordered => TransportError::Timeout { stage: Stage::Write },
    }
}
