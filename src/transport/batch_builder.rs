//! A batch of received packets, before it is reported.

use crate::{data::OVERHEAD, protocol::packet::Packet};

/// The limits of a batch. Between two batches, others on the arbiter have their turn, and the processor's caches still
/// contain the data when the client handles it.
const MAX_PACKETS: usize = 64;
const MAX_BYTES: usize = 64 << 10;

/// Packets share the buffer that they were received in and keep all of it alive, but `receive_buffer` counts only their
/// data and an overhead. If the buffer is more than this many times as large, the packets are copied out of it.
const MAX_SHARE: usize = 64;

/// Collects the packets of one report.
pub(super) struct BatchBuilder {
    packets: Vec<Packet>,
    /// The number of bytes of data in the packets.
    bytes: usize,
}

impl BatchBuilder {
    /// An empty batch. `emptied` is the memory of an earlier one.
    pub(super) fn new(emptied: Vec<Packet>) -> Self {
        Self { packets: emptied, bytes: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.packets.len() >= MAX_PACKETS || self.bytes >= MAX_BYTES
    }

    #[inline(always)] // A call would move each packet once more.
    pub(super) fn push(&mut self, packet: Packet) {
        self.bytes += packet.body().len();
        if let Packet::Unknown(kind) = packet {
            log_unknown(kind);
        }
        self.packets.push(packet);
    }

    /// The packets. `buffer` is the size of the buffer that they were received in.
    pub(super) fn into_packets(mut self, buffer: usize) -> Vec<Packet> {
        let counted = self.bytes + OVERHEAD * self.packets.len();
        if buffer > counted.saturating_mul(MAX_SHARE) {
            self.packets.iter_mut().for_each(Packet::detach);
        }
        self.packets
    }
}

/// The client ignores the packet, so the log is the only trace of it.
#[cold]
fn log_unknown(kind: u8) {
    log::debug!(target: "actix_engineio::transport", "a packet of unknown type {kind}");
}

#[cfg(test)]
mod tests;
