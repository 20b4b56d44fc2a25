//! A batch of received packets, before it is reported.

use crate::{data::OVERHEAD, protocol::packet::Packet};

/// The limits of a batch. Between two batches, others on the arbiter have their turn, and the processor's caches still
/// contain the data when the client handles it.
const MAX_PACKETS: usize = 64;
const MAX_BYTES: usize = 64 << 10;

/// Collects the packets of one report.
pub(super) struct BatchBuilder {
    packets: Vec<Packet>,
    /// The number of packets that are not messages. The client handles them at once, so they do not count as memory.
    others: usize,
    /// The number of bytes of data in the messages.
    bytes: usize,
}

impl BatchBuilder {
    /// An empty batch. `emptied` is the memory of an earlier one.
    pub(super) fn new(emptied: Vec<Packet>) -> Self {
        Self { packets: emptied, others: 0, bytes: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.packets.len() >= MAX_PACKETS || self.bytes >= MAX_BYTES
    }

    #[inline(always)] // A call would move each packet once more.
    pub(super) fn push(&mut self, packet: Packet) {
        if let Packet::Message(data) = &packet {
            self.bytes += data.len();
            self.packets.push(packet);
        } else {
            self.push_other(packet);
        }
    }

    /// Adds a packet that is not a message.
    #[cold]
    fn push_other(&mut self, mut packet: Packet) {
        self.others += 1;
        // The answer to a ping has the data of the ping, and may wait longer than the messages that share its buffer.
        packet.detach();
        // The client ignores the packet, so the log is the only trace of it.
        if let Packet::Unknown(kind) = packet {
            log::debug!(target: "actix_engineio::transport", "a packet of unknown type {kind}");
        }
        self.packets.push(packet);
    }

    /// The number of bytes that the messages count in `receive_buffer`.
    pub(super) fn weight(&self) -> usize {
        let messages = self.packets.len().saturating_sub(self.others);
        self.bytes.saturating_add(OVERHEAD.saturating_mul(messages))
    }

    /// The text of the open packet, if it is the first one.
    pub(super) fn open_packet(&self) -> Option<&str> {
        match self.packets.first() {
            Some(Packet::Open(text)) => Some(text),
            _ => None,
        }
    }

    /// The packets. They are copied out of the buffer that they were received in, unless they may share it.
    pub(super) fn into_packets(mut self, may_share: bool) -> Vec<Packet> {
        if !may_share {
            self.packets.iter_mut().for_each(Packet::detach);
        }
        self.packets
    }
}

#[cfg(test)]
mod tests;
