//! What waits to be written.

use std::{collections::VecDeque, mem};

use bytestring::ByteString;

use crate::{
    data::{Data, OVERHEAD},
    protocol::packet::Packet,
};

/// Heartbeat answers that may wait, and bytes of their data, of which the newest one may have more. A server that pings
/// faster than it reads gets the newest ones.
const MAX_PONGS: usize = 64;
const MAX_PONG_BYTES: usize = 64 << 10;

/// Room for so many packets stays when a queue, or a batch, is empty.
pub(super) const MAX_KEPT: usize = 2048;
/// Room for so many stays in the queue when nothing but a heartbeat is written.
const QUIET: usize = 16;

/// How much goes into one batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchLimit {
    pub(super) packets: usize,
    pub(super) bytes: usize,
    /// Whether `bytes` means the packets as a polling payload encodes them, separators included.
    pub(super) encoded: bool,
}

/// A batch that a transport is writing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct InFlight {
    pub(super) packets: usize,
    messages: usize,
    pub(super) bytes: usize,
}

/// The one place where messages wait to be written.
#[derive(Debug, Default)]
pub(super) struct SendQueue {
    /// Answers to pings; they go first.
    pongs: VecDeque<Packet>,
    packets: VecDeque<Packet>,
    /// Messages in `packets` or in flight, and the bytes of their data.
    messages: usize,
    bytes: usize,
    accepted: u64,
    written: u64,
}

impl InFlight {
    /// One packet that did not come from the queue.
    pub(super) fn control() -> Self {
        Self { packets: 1, messages: 0, bytes: 0 }
    }
}

impl SendQueue {
    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty() && self.pongs.is_empty()
    }

    /// Messages accepted so far, over the life of the queue.
    pub(super) fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Messages that left or came back, over the life of the queue.
    pub(super) fn settled(&self) -> u64 {
        self.written
    }

    /// Messages that are not written yet, and the bytes of their data.
    pub(super) fn waiting(&self) -> (usize, usize) {
        (self.messages, self.bytes)
    }

    /// What everything that waits costs, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.bytes + self.messages * OVERHEAD
    }

    /// Packets that could go into the next batch.
    pub(super) fn ready(&self) -> usize {
        self.packets.len()
    }

    pub(super) fn push(&mut self, data: Data) {
        self.accepted += 1;
        self.messages += 1;
        self.bytes += data.len();
        self.packets.push_back(Packet::Message(data));
    }

    /// Appends a packet of the protocol's own, behind every message.
    pub(super) fn push_control(&mut self, packet: Packet) {
        self.packets.push_back(packet);
    }

    /// Appends the answer to a ping, with the ping's `data`.
    pub(super) fn push_pong(&mut self, data: ByteString) {
        let mut pong = Packet::Pong(data);
        // Its buffer may be shared with much that nobody waits for.
        pong.detach();
        self.pongs.push_back(pong);
        let bytes = |pongs: &VecDeque<Packet>| pongs.iter().map(|pong| pong.body().len()).sum::<usize>();
        while self.pongs.len() > 1 && (self.pongs.len() > MAX_PONGS || bytes(&self.pongs) > MAX_PONG_BYTES) {
            self.pongs.pop_front();
        }
    }

    /// Moves the next batch into `batch`: at least one packet, if there is any.
    pub(super) fn fill(&mut self, batch: &mut Vec<Packet>, limit: BatchLimit) -> InFlight {
        if self.packets.is_empty() && self.packets.capacity() > QUIET {
            // A heartbeat, and nothing else: the flood is over.
            self.packets = VecDeque::new();
        }
        let mut in_flight = InFlight::default();
        let mut used = 0_usize;
        for queue in [&mut self.pongs, &mut self.packets] {
            let before = in_flight.packets;
            for packet in queue.iter().take(limit.packets.saturating_sub(before)) {
                let len = packet.body().len();
                // Polling joins packets by one separator.
                let size = if limit.encoded {
                    packet.encoded_len() + usize::from(in_flight.packets > 0)
                } else {
                    len
                };
                used = used.saturating_add(size);
                if in_flight.packets > 0 && used > limit.bytes {
                    break;
                }
                in_flight.packets += 1;
                if let Packet::Message(_) = packet {
                    in_flight.messages += 1;
                    in_flight.bytes += len;
                }
            }
            let count = in_flight.packets - before;
            if count > MAX_PONGS && count == queue.len() && batch.is_empty() {
                // All of it: the buffers change places. A heartbeat's would take a flood's.
                let emptied = mem::take(batch);
                *batch = mem::replace(queue, emptied.into()).into();
            } else {
                batch.extend(queue.drain(..count));
                if queue.is_empty() && queue.capacity() > MAX_KEPT {
                    *queue = VecDeque::new();
                }
            }
            if !queue.is_empty() {
                break;
            }
        }
        in_flight
    }

    /// A batch is done with: written, or handed back for good.
    pub(super) fn settle(&mut self, in_flight: InFlight) {
        self.messages = self.messages.saturating_sub(in_flight.messages);
        self.bytes = self.bytes.saturating_sub(in_flight.bytes);
        self.written += u64::try_from(in_flight.messages).unwrap_or(u64::MAX);
    }

    /// Empties the queue for the end of a session; gives what had been accepted.
    pub(super) fn drain(&mut self) -> Vec<Data> {
        self.pongs = VecDeque::new();
        self.messages = 0;
        self.bytes = 0;
        self.written = self.accepted;
        let unsent = messages(self.packets.drain(..));
        self.packets = VecDeque::new();
        unsent
    }
}

/// The data of the messages among `packets`.
pub(super) fn messages(packets: impl IntoIterator<Item = Packet>) -> Vec<Data> {
    packets
        .into_iter()
        .filter_map(|packet| match packet {
            Packet::Message(data) => Some(data),
            _ => None,
        })
        .collect()
}
