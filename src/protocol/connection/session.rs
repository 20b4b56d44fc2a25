//! What arrives: the handshake, the packets of the session, the heartbeat, and the leave to read on.

use std::{
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use bytestring::ByteString;

use super::{
    Connection,
    io::{Command, Outcome, Output, TransportId},
    state::{Ending, Open, State, Upgrade, Writing},
};
use crate::{
    error::{ConnectError, DisconnectReason, ProtocolError, Stage, TransportError},
    protocol::{
        handshake::{Session, TransportKind},
        packet::Packet,
    },
};

/// A deadline noticed this much too late was missed by this process (suspended, starved), not by the server: what came
/// meanwhile has as long to be read.
pub(super) const LATE: Duration = Duration::from_secs(1);

/// How long the next poll waits when polls bring nothing, and at once: doubled each time, up to the maximum. Some servers
/// (engineioxide, python-engineio) answer every poll at once with a noop while a probe is open; without a pause that
/// would be a spin.
const IDLE_POLL: Duration = Duration::from_millis(50);
const MAX_IDLE_POLL: Duration = Duration::from_secs(1);

impl Connection {
    /// The WebSocket stands: the open packet or the probe's answer is next.
    pub(super) fn on_opened(&mut self, now: Instant, id: TransportId, protocol: Option<ByteString>) {
        if let Some(slot) = self.slot(id) {
            slot.protocol = protocol;
        }
        let open_by = now + self.limits.request_timeout;
        match &mut self.state {
            State::Connecting(connecting) if connecting.transport == id => connecting.open_by = Some(open_by),
            State::Open(Open { upgrade: Upgrade::Probing { probe, .. }, .. }) if *probe == id => {
                self.write_now(now, id, Packet::Ping("probe".into()));
            }
            _ => {}
        }
    }

    /// `last`: nothing has arrived with them that is yet to be told.
    pub(super) fn on_packets(&mut self, now: Instant, id: TransportId, packets: Vec<Packet>, last: bool) {
        self.counters.packets_received += u64::try_from(packets.len()).unwrap_or(u64::MAX);
        self.heard(now);
        match &self.state {
            State::Connecting(connecting) if connecting.transport == id => {
                self.on_handshake(now, id, packets);
            }
            State::Open(Open { upgrade: Upgrade::Probing { probe, .. }, .. }) if *probe == id => {
                self.on_probe_answer(now, id, packets);
            }
            State::Open(open) if open.active == id || open.upgrade.probe() == Some(id) => {
                self.on_session_packets(now, id, packets, last, true);
            }
            _ => {}
        }
    }

    /// The first packets: the open packet, and whatever the server put behind it (protocol, "Handshake").
    fn on_handshake(&mut self, now: Instant, id: TransportId, mut packets: Vec<Packet>) {
        let State::Connecting(connecting) = &self.state else { return };
        let (kind, started) = (connecting.kind, connecting.started);
        let (by, cancelled) = (connecting.by, connecting.cancelled);
        let upgrade = kind == TransportKind::Polling
            && connecting.plan.upgrade
            && connecting.plan.untried.contains(&TransportKind::WebSocket);
        let first = if packets.is_empty() { Packet::Noop } else { packets.remove(0) };
        let session = match first {
            Packet::Open(json) => Session::decode(&json, kind),
            _ => Err(ProtocolError::OutOfPlace("the first packet is not an open packet")),
        };
        let mut session = match session {
            Ok(session) => session,
            Err(err) => {
                let err = ConnectError::from_transport(&self.url(), err.into());
                return self.fail_attempt(now, err);
            }
        };
        match kind {
            TransportKind::Polling => self.order(id, Command::Session(session.sid.clone())),
            TransportKind::WebSocket => {
                session.websocket_protocol = self.slot(id).and_then(|slot| slot.protocol.take());
                self.remember_upgrade();
            }
        }
        let session = Arc::new(session);
        if cancelled {
            let outcome = Outcome::ConnectFailed(ConnectError::Cancelled);
            self.state = State::Ending(Ending { outcome, by, aborted: false });
            return self.write_now(now, id, Packet::Close);
        }
        self.counters.sessions += 1;
        self.round_trip = Some(now.saturating_duration_since(started));
        let offered = session.upgrades.contains(&TransportKind::WebSocket);
        self.outputs.push_back(Output::Opened(session.clone()));
        self.state = State::Open(Open {
            session,
            active: id,
            kind,
            upgrade: Upgrade::Off,
            heard: now,
            grace: None,
            leaving: None,
        });
        self.on_session_packets(now, id, packets, true, false);
        if upgrade && offered {
            self.start_upgrade(now);
        }
    }

    /// Handles the packets of the protocol and passes the messages on. `last`: no more has come with them. `idle`: nothing of
    /// use has come before them.
    pub(super) fn on_session_packets(
        &mut self,
        now: Instant,
        id: TransportId,
        mut packets: Vec<Packet>,
        last: bool,
        mut idle: bool,
    ) {
        let mut end = None;
        // Most batches hold nothing but messages: to look is cheaper than to move each.
        if !packets.iter().all(|packet| matches!(packet, Packet::Message(_))) {
            packets.retain_mut(|packet| {
                // "Server": what follows a close packet is not part of the session.
                if end.is_some() {
                    return false;
                }
                match packet {
                    Packet::Message(_) => return true,
                    Packet::Ping(data) => self.queue.push_pong(mem::take(data)),
                    Packet::Close => end = Some(DisconnectReason::Server),
                    Packet::Open(_) => end = Some(out_of_place("a second open packet")),
                    Packet::Upgrade => end = Some(out_of_place("an upgrade packet from the server")),
                    Packet::Noop | Packet::Pong(_) | Packet::Unknown(_) => return false,
                }
                idle = false;
                false
            });
        }
        idle &= packets.is_empty();
        let bytes: usize = packets.iter().map(|packet| packet.body().len()).sum();
        self.counters.bytes_received += u64::try_from(bytes).unwrap_or(u64::MAX);

        let Some(slot) = self.slot(id) else { return };
        let at_once = slot.asked.is_none_or(|asked| now.saturating_duration_since(asked) < MAX_IDLE_POLL);
        slot.brought |= !idle;
        if !last {
            // What came does not put off what came with it.
            slot.read_at = None;
        } else if slot.kind == TransportKind::Polling && !mem::take(&mut slot.brought) && at_once {
            let pause = IDLE_POLL.saturating_mul(1 << slot.idle_polls.min(8)).min(MAX_IDLE_POLL);
            slot.idle_polls += 1;
            slot.read_at = Some(now + pause);
        } else {
            slot.idle_polls = 0;
            slot.read_at = None;
        }
        if packets.is_empty() {
            slot.credit = Some(packets);
        } else {
            slot.credit = Some(Vec::new());
            self.backpressure.get_or_insert(now);
            self.outputs.push_back(Output::Messages { from: id, packets });
        }
        match end {
            // The answer to our own close, which came before that of the POST: whether that arrived is yet to be told.
            Some(DisconnectReason::Server) if self.is_closing_by_post() => {}
            Some(reason) => self.end_session(now, reason),
            None => self.give_reads(now),
        }
    }

    /// Takes an emptied buffer of messages back, so that the transport can fill it again.
    pub(crate) fn return_buffer(&mut self, from: TransportId, emptied: Vec<Packet>) {
        if let Some(credit) = self.slot(from).and_then(|slot| slot.credit.as_mut()) {
            *credit = emptied;
        }
    }

    /// Messages were passed on, and nothing more is read until `resume_reading`.
    pub(crate) fn has_backpressure(&self) -> bool {
        self.backpressure.is_some()
    }

    /// The subscribers have room again for everything that was passed on: reading goes on.
    pub(crate) fn resume_reading(&mut self, now: Instant) {
        if self.backpressure.take().is_some() {
            // The server could not be heard while nothing was read.
            self.heard(now);
            self.give_reads(now);
        }
    }

    /// A subscriber took an event: there is back-pressure, but the subscribers are not stalled.
    pub(crate) fn progress(&mut self, now: Instant) {
        if let Some(since) = &mut self.backpressure {
            *since = now;
        }
    }

    /// The transport that may read on, unless nothing may be read now. A pause does not stop polling from telling
    /// the rest of its last poll.
    fn reader(&self) -> Option<TransportId> {
        match &self.state {
            State::Open(open)
                if self.backpressure.is_none()
                    && !matches!(open.upgrade, Upgrade::Switching { .. })
                    && !self.is_closing_by_post() =>
            {
                Some(open.active)
            }
            _ => None,
        }
    }

    /// The close packet is in a POST: that is awaited, and no poll follows.
    fn is_closing_by_post(&self) -> bool {
        self.slots.iter().any(|slot| {
            let last = slot.writing.as_ref().and_then(|writing| writing.batch.last());
            slot.kind == TransportKind::Polling && last == Some(&Packet::Close)
        })
    }

    /// Lets the transport read on, and the probe that was answered: it is read while the polls come home, so that its end
    /// is noticed before the upgrade packet goes nowhere.
    pub(super) fn give_reads(&mut self, now: Instant) {
        if let State::Open(Open { upgrade: Upgrade::Pausing { probe, .. }, .. }) = self.state
            && self.backpressure.is_none()
            && let Some(emptied) = self.slot(probe).and_then(|slot| slot.credit.take())
        {
            self.order(probe, Command::Read(emptied));
        }
        let Some(reader) = self.reader() else { return };
        let Some(slot) = self.slot(reader) else { return };
        if slot.read_at.is_some_and(|at| now < at) {
            return;
        }
        slot.read_at = None;
        if let Some(emptied) = slot.credit.take() {
            slot.asked = Some(now);
            self.order(reader, Command::Read(emptied));
        }
    }

    /// The server is alive.
    pub(super) fn heard(&mut self, now: Instant) {
        if let State::Open(open) = &mut self.state {
            open.heard = now;
            open.grace = None;
        }
    }

    /// When the server counts as gone; while reading is held back, when the subscribers do.
    pub(super) fn liveness_deadline(&self, open: &Open) -> Instant {
        match self.backpressure {
            Some(since) => since + self.limits.stall_timeout,
            None => open.grace.unwrap_or_else(|| open.heard + silence(open)),
        }
    }

    /// When the batch on its way out counts as stuck.
    pub(super) fn write_deadline(&self, open: &Open) -> Option<Instant> {
        let slot = self.slots.iter().find(|slot| slot.id == open.active)?;
        slot.writing.as_ref().map(|Writing { progress, .. }| *progress + silence(open))
    }

    /// When a poll that was put off is due.
    pub(super) fn next_read(&self) -> Option<Instant> {
        let reader = self.reader()?;
        self.slots.iter().find(|slot| slot.id == reader)?.read_at
    }

    pub(super) fn handle_session_timeout(&mut self, now: Instant) {
        let State::Open(open) = &self.state else { return };
        let liveness = self.liveness_deadline(open);
        if open.leaving.as_ref().is_some_and(|leaving| now >= leaving.by) {
            // `end_session` finds the reason that was given.
            return self.end_session(now, DisconnectReason::Client(None));
        }
        let active = open.active;
        if let Some(by) = self.write_deadline(open).filter(|by| now >= *by) {
            if now.saturating_duration_since(by) < LATE {
                let err = TransportError::Timeout { stage: Stage::Write };
                return self.end_session(now, err.into());
            }
            // It may have left meanwhile, which is yet to be reported.
            if let Some(writing) = self.slot(active).and_then(|slot| slot.writing.as_mut()) {
                writing.progress += now + LATE - by;
            }
        }
        let State::Open(open) = &self.state else { return };
        if now >= liveness {
            if self.backpressure.is_some() {
                if now.saturating_duration_since(liveness) < LATE {
                    return self.end_session(now, DisconnectReason::Stalled);
                }
                // The subscribers had no chance either.
                self.backpressure = Some(now);
                return self.give_reads(now);
            }
            // What the server sent meanwhile may still wait in the socket: it gets one more chance to be read.
            if now.saturating_duration_since(liveness) < LATE || open.grace.is_some() {
                return self.end_session(now, DisconnectReason::PingTimeout);
            }
            if let State::Open(open) = &mut self.state {
                open.grace = Some(now + LATE);
            }
        }
        self.handle_upgrade_timeout(now);
        self.give_reads(now);
    }
}

/// How long a session lives without a word: "if the client does not receive a ping packet within
/// `pingInterval + pingTimeout`, it should consider the connection as closed" (protocol, "Heartbeat").
fn silence(open: &Open) -> Duration {
    open.session.ping_interval + open.session.ping_timeout
}

fn out_of_place(what: &'static str) -> DisconnectReason {
    DisconnectReason::Protocol(ProtocolError::OutOfPlace(what))
}
