//! What leaves: messages that are accepted, and the batches that go to the transport.

use std::{mem, sync::Arc, time::Instant};

use super::{
    Connection,
    io::{Command, Output, TransportId},
    queue::{BatchLimit, InFlight, MAX_KEPT},
    state::{Open, Slot, State, Upgrade, Writing},
};
use crate::{
    data::Data,
    error::{SendError, SendErrorKind},
    protocol::{handshake::TransportKind, packet::Packet},
};

/// A batch for a WebSocket: at most so many packets and bytes, so that buffers stay warm and heartbeat answers
/// never wait for long. Each costs a call of the operating system, which many short messages share.
pub(super) const BATCH: BatchLimit = BatchLimit { packets: 1024, bytes: 256 << 10, encoded: false };

/// Packets in a POST to a server that has not shown that it takes more: python-engineio answers 200 to a larger
/// payload and drops it.
const CAUTIOUS_POST: usize = 16;

/// Bytes in a POST to a server that names no `maxPayload`.
const DEFAULT_MAX_PAYLOAD: usize = 1_000_000;

impl Connection {
    /// Accepts a message: it is sent, or comes back in `Closed`.
    #[inline(always)] // Else each message would be moved once more.
    pub(crate) fn send(&mut self, data: Data) -> Result<(), SendError> {
        let refused = match &self.state {
            State::Open(open) if open.leaving.is_some() => Some(SendErrorKind::NotConnected),
            State::Open(open) if open.kind == TransportKind::Polling => unpollable(open, &data),
            State::Open(_) => None,
            _ => Some(SendErrorKind::NotConnected),
        };
        if let Some(kind) = refused {
            return Err(SendError { kind, data });
        }
        self.queue.push(data);
        Ok(())
    }

    /// Less than `send_queue` waits to be written.
    pub(crate) fn has_room(&self) -> bool {
        self.queue.weight() <= self.limits.send_queue
    }

    /// The last message has made another batch whole, and it can be written now.
    pub(crate) fn has_batch(&self) -> bool {
        let whole = self.queue.ready().is_multiple_of(BATCH.packets) || self.queue.weight() >= BATCH.bytes;
        whole && self.may_write()
    }

    /// Hands the next batch to the transport, if it is free: everything accepted since its last one goes together.
    pub(super) fn write(&mut self, now: Instant) {
        let State::Open(open) = &self.state else { return };
        if self.queue.is_empty() || !self.may_write() {
            return;
        }
        let limit = match open.kind {
            TransportKind::WebSocket => BATCH,
            TransportKind::Polling => BatchLimit {
                packets: self.limits.max_packets_per_post.unwrap_or(if self.any_number {
                    usize::MAX
                } else {
                    CAUTIOUS_POST
                }),
                bytes: open.session.max_payload.unwrap_or(DEFAULT_MAX_PAYLOAD),
                encoded: true,
            },
        };
        let active = open.active;
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.id == active) else { return };
        let mut batch = mem::take(&mut slot.spare);
        // The transport gave its share up; were it not so, a fresh batch would do.
        let in_flight = self.queue.fill(Arc::make_mut(&mut batch), limit);
        slot.writing = Some(Writing { batch: batch.clone(), in_flight, ordered: now, progress: now });
        self.outputs.push_back(Output::Order(active, Command::Write(batch)));
    }

    /// The transport can be given a batch.
    fn may_write(&self) -> bool {
        let State::Open(open) = &self.state else { return false };
        let is_free = |slot: &Slot| slot.id == open.active && slot.writing.is_none();
        !open.upgrade.holds_writes() && self.slots.iter().any(is_free)
    }

    /// Writes a packet that is not the queue's: the steps of the upgrade, the close of an unwanted session.
    pub(super) fn write_now(&mut self, now: Instant, id: TransportId, packet: Packet) {
        if let Some(slot) = self.slot(id) {
            let batch = Arc::new(vec![packet]);
            let in_flight = InFlight::control();
            slot.writing = Some(Writing { batch: batch.clone(), in_flight, ordered: now, progress: now });
            self.order(id, Command::Write(batch));
        }
    }

    pub(super) fn on_written(&mut self, now: Instant, id: TransportId, any_number: bool) {
        self.any_number |= any_number;
        let Some(slot) = self.slot(id) else { return };
        let kind = slot.kind;
        let Some(Writing { mut batch, in_flight, ordered, .. }) = slot.writing.take() else { return };
        let left = batch.last() == Some(&Packet::Close);
        if let Some(emptied) = Arc::get_mut(&mut batch).filter(|batch| is_worth_keeping(batch)) {
            emptied.clear();
            slot.spare = batch;
        }
        self.queue.settle(in_flight);
        self.counters.packets_sent += u64::try_from(in_flight.packets).unwrap_or(u64::MAX);
        self.counters.bytes_sent += u64::try_from(in_flight.bytes).unwrap_or(u64::MAX);
        if kind == TransportKind::Polling {
            self.round_trip = Some(now.saturating_duration_since(ordered));
        }
        match &self.state {
            State::Open(Open { upgrade: Upgrade::Switching { probe, .. }, .. }) if *probe == id => {
                self.on_switched(now, id);
            }
            // A heartbeat that came while the close packet left is not answered any more.
            State::Open(open) if open.active == id && open.leaving.is_some() && left => {
                self.on_left(id);
            }
            // The close of a session that opened after the user had cancelled.
            State::Ending(_) => self.order(id, Command::Abort),
            _ => {}
        }
    }
}

/// A batch larger than that has the buffer of a long queue, one with little in it that of a burst that is over: neither is
/// kept.
fn is_worth_keeping(batch: &Vec<Packet>) -> bool {
    batch.capacity() <= (16 * batch.len()).clamp(16, MAX_KEPT)
}

/// Why polling cannot carry a message.
#[inline(never)] // It would burden the way of every message over WebSocket.
fn unpollable(open: &Open, data: &Data) -> Option<SendErrorKind> {
    // A clone shares the data.
    let packet = Packet::Message(data.clone());
    let size = packet.encoded_len();
    match open.session.max_payload {
        Some(limit) if size > limit => Some(SendErrorKind::TooLarge { size, limit }),
        _ if !packet.is_pollable() => Some(SendErrorKind::NotRepresentable),
        _ => None,
    }
}
