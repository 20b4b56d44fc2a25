//! A batch of packets on its way up.

use crate::{data::OVERHEAD, protocol::packet::Packet};

/// What it holds, at most: the event loop is shared, and buffers stay warm.
const MAX_PACKETS: usize = 64;
const MAX_BYTES: usize = 64 << 10;

/// Packets share the buffer they came in, and keep all of it. `receive_buffer` counts their data and an overhead: where the
/// buffer is larger than this many times that, they are copied out of it.
const MAX_SHARE: usize = 64;

pub(super) struct BatchBuilder {
    packets: Vec<Packet>,
    bytes: usize,
}

impl BatchBuilder {
    /// `emptied`: a batch that came back.
    pub(super) fn new(emptied: Vec<Packet>) -> Self {
        Self { packets: emptied, bytes: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.packets.len() >= MAX_PACKETS || self.bytes >= MAX_BYTES
    }

    #[inline(always)] // Else each packet would be moved once more.
    pub(super) fn push(&mut self, packet: Packet) {
        self.bytes += packet.body().len();
        if let Packet::Unknown(kind) = packet {
            note_unknown(kind);
        }
        self.packets.push(packet);
    }

    /// The packets, which came in a buffer of this size.
    pub(super) fn into_packets(mut self, buffer: usize) -> Vec<Packet> {
        let counted = self.bytes + OVERHEAD * self.packets.len();
        if buffer > counted.saturating_mul(MAX_SHARE) {
            self.packets.iter_mut().for_each(Packet::detach);
        }
        self.packets
    }
}

/// It is ignored, but not in silence.
#[cold]
fn note_unknown(kind: u8) {
    log::debug!(target: "actix_engineio::transport", "a packet of unknown type {kind}");
}
