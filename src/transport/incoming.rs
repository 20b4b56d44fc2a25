//! A batch of packets on its way up.

use crate::protocol::packet::Packet;

/// What it holds, at most: the event loop is shared, and buffers stay warm.
const MAX_PACKETS: usize = 64;
const MAX_BYTES: usize = 64 << 10;

/// The packets share the buffer they came in. If they are less than this part of it, what they keep of it, as long as
/// anybody keeps them, would not be what `receive_buffer` counts: then they are copied out. Small buffers do not matter.
const LEAST_PART: u64 = 16;
const SMALL_BUFFER: u64 = 4 << 10;

pub(super) struct Incoming {
    packets: Vec<Packet>,
    bytes: usize,
}

impl Incoming {
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

    /// The packets, which were found in `read` bytes.
    pub(super) fn into_packets(mut self, read: u64) -> Vec<Packet> {
        let kept = u64::try_from(self.bytes).unwrap_or(u64::MAX).saturating_mul(LEAST_PART);
        if read > kept.max(SMALL_BUFFER) {
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
