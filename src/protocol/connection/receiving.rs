//! What arrives: packets of the handshake, of the probe and of the session, and the permission to read on.

use std::{mem, time::Instant};

use bytestring::ByteString;

use super::{
    Connection,
    heartbeat::Pong,
    io::{Command, Output, TransportId},
    liveness::PingFromServer,
    reading::{Flow, Received},
    state::State,
    upgrade::UpgradeStep,
};
use crate::{
    error::{DisconnectReason, ProtocolError},
    protocol::{packet::Packet, version::ProtocolVersion},
};

impl Connection {
    /// The WebSocket is open. The open packet is next, or the answer to the probe.
    pub(super) fn on_opened(&mut self, now: Instant, id: TransportId, protocol: Option<ByteString>) {
        if let (Some(transport), Some(protocol)) = (self.transports.get_mut(id), protocol) {
            transport.set_protocol(protocol);
        }
        self.on_alive(now);
        match &mut self.state {
            State::Connecting(connecting) if connecting.transport() == id => {
                connecting.on_opened(now + self.limits.request_timeout);
            }
            State::Open(open) if open.upgrade.probe_at(UpgradeStep::Probing) == Some(id) => {
                self.write_control(now, id, Packet::Ping("probe".into()));
            }
            _ => {}
        }
    }

    pub(super) fn on_packets(&mut self, now: Instant, id: TransportId, received: Received) {
        self.counters.packets_received += u64::try_from(received.packets.len()).unwrap_or(u64::MAX);
        self.on_alive(now);
        match &self.state {
            State::Connecting(connecting) if connecting.is_awaiting_packets_from(id) => {
                self.on_handshake(now, received);
            }
            State::Open(open) if open.upgrade.probe_at(UpgradeStep::Probing) == Some(id) => {
                self.on_probe_answer(now, id, received);
            }
            State::Open(open) if open.active() == id || open.upgrade.probe() == Some(id) => {
                self.on_session_packets(now, id, received);
            }
            _ => {}
        }
    }

    /// The server is alive.
    pub(super) fn on_alive(&mut self, now: Instant) {
        if let State::Open(open) = &mut self.state {
            open.liveness.restart(now);
            open.pings.heard();
        }
    }

    /// Handles the packets of the protocol and passes the messages on.
    pub(super) fn on_session_packets(&mut self, now: Instant, id: TransportId, mut received: Received) {
        let mut end = None;
        let mut bytes = bytes_of_messages(&received.packets);
        if bytes.is_none() {
            end = self.handle_control_packets(now, &mut received);
            bytes = bytes_of_messages(&received.packets);
        }
        if !received.packets.is_empty() {
            received.set_useful();
        }
        let bytes = bytes.unwrap_or(0);
        self.counters.messages_received += u64::try_from(received.packets.len()).unwrap_or(u64::MAX);
        self.counters.bytes_received += u64::try_from(bytes).unwrap_or(u64::MAX);

        let Some(transport) = self.transports.get_mut(id) else { return };
        transport.reading.received(now, &received);
        if received.packets.is_empty() {
            transport.reading.return_buffer(received.packets);
        } else {
            if let State::Open(open) = &mut self.state {
                open.flow.stop(now);
            }
            self.outputs.push_back(Output::Messages { from: id, packets: received.packets });
        }
        match end {
            // The server has confirmed our close before it answered the POST, or sends what it must not. The answer to the
            // POST says whether the messages arrived, so wait for it.
            Some(_) if self.transports.is_closing_by_post() => {}
            Some(reason) => self.end_session(now, reason),
            None => self.grant_reads(now),
        }
    }

    /// Handles all packets that are not messages, and takes them out. Returns the reason if one of them ends the
    /// session.
    fn handle_control_packets(&mut self, now: Instant, received: &mut Received) -> Option<DisconnectReason> {
        let mut end = None;
        let mut is_useful = false;
        received.packets.retain_mut(|packet| {
            // "Server": what follows a close packet is not part of the session.
            if end.is_some() {
                return false;
            }
            match packet {
                Packet::Message(_) => return true,
                Packet::Ping(data) => {
                    if !self.on_ping(mem::take(data)) {
                        return false;
                    }
                }
                Packet::Pong(_) if self.on_heartbeat_answered(now) => {}
                Packet::Close => end = Some(DisconnectReason::Server),
                Packet::Open(_) => end = Some(out_of_place("a second open packet")),
                Packet::Upgrade => end = Some(out_of_place("an upgrade packet from the server")),
                Packet::Noop | Packet::Pong(_) | Packet::Unknown(_) => return false,
            }
            is_useful = true;
            false
        });
        if is_useful {
            received.set_useful();
        }
        end
    }

    /// A ping arrived. Returns whether it is answered.
    fn on_ping(&mut self, data: ByteString) -> bool {
        let State::Open(open) = &mut self.state else { return false };
        match open.liveness.pinged() {
            PingFromServer::First => self.found_versions.prove(open.target(), ProtocolVersion::V4),
            PingFromServer::Another => {}
            PingFromServer::OutOfPlace => {
                self.found_versions.forget(open.target());
                return false;
            }
        }
        self.queue.push_pong(data);
        true
    }

    /// A pong arrived. Returns whether it answers a ping of the heartbeat, which only a client of version 3 sends.
    fn on_heartbeat_answered(&mut self, now: Instant) -> bool {
        let State::Open(open) = &mut self.state else { return false };
        match open.liveness.ponged(now) {
            Pong::Unasked => return false,
            Pong::Untimed => {}
            Pong::After(time) => self.round_trip = Some(time),
        }
        self.found_versions.prove(open.target(), ProtocolVersion::V3);
        true
    }

    /// Takes an emptied buffer of messages back, so that the transport can fill it again.
    pub(crate) fn return_buffer(&mut self, from: TransportId, emptied: Vec<Packet>) {
        if let Some(transport) = self.transports.get_mut(from) {
            transport.reading.return_buffer(emptied);
        }
    }

    /// Messages were passed on, and nothing more is read until `resume_reading`.
    pub(crate) fn has_backpressure(&self) -> bool {
        matches!(&self.state, State::Open(open) if open.flow != Flow::Open)
    }

    /// The subscribers have room again for everything that was passed on: reading goes on.
    pub(crate) fn resume_reading(&mut self, now: Instant) {
        if let State::Open(open) = &mut self.state
            && let Some(began) = open.flow.resume()
        {
            open.liveness.resume(now, began);
            open.pings.resume(now, began);
            open.confirmations.resume(now, began);
            if let Some(active) = self.transports.get_mut(open.active()) {
                active.reading.resume(now);
            }
            self.grant_reads(now);
        }
    }

    /// A subscriber took an event: there is back-pressure, but the subscribers are not stalled.
    pub(crate) fn progress(&mut self, now: Instant) {
        if let State::Open(open) = &mut self.state {
            open.flow.progress(now);
        }
    }

    /// Gives every transport that may be read now the permission to read.
    pub(super) fn grant_reads(&mut self, now: Instant) {
        for id in self.readers().into_iter().flatten() {
            let Some(transport) = self.transports.get_mut(id) else { continue };
            if let Some(emptied) = transport.reading.take_credit(now) {
                self.order(id, Command::Read(emptied));
            }
        }
    }

    /// When a poll is due that is delayed by a pause between polls.
    pub(super) fn next_read(&self) -> Option<Instant> {
        let readers = self.readers().into_iter().flatten();
        readers.filter_map(|id| self.transports.get(id)?.reading.pause_end()).min()
    }

    /// The transports that may be read now.
    fn readers(&self) -> [Option<TransportId>; 2] {
        let State::Open(open) = &self.state else { return [None, None] };
        if open.flow != Flow::Open {
            return [None, None];
        }
        // While the requests of polling end, the probe is read too, so that its end is noticed before the upgrade
        // packet is written to it.
        let probe = open.upgrade.probe_at(UpgradeStep::Pausing);
        // Once the close packet is in a POST, only the answer to that POST is waited for, and no poll follows.
        let is_read = !open.upgrade.blocks_reads() && !self.transports.is_closing_by_post();
        [probe, is_read.then_some(open.active())]
    }
}

/// The bytes of data in `packets`, if all of them are messages. Most batches contain nothing else, and looking at the packets
/// is cheaper than moving each of them.
fn bytes_of_messages(packets: &[Packet]) -> Option<usize> {
    packets.iter().try_fold(0, |bytes, packet| match packet {
        Packet::Message(data) => Some(bytes + data.len()),
        _ => None,
    })
}

fn out_of_place(what: &'static str) -> DisconnectReason {
    DisconnectReason::Protocol(ProtocolError::OutOfPlace(what))
}
