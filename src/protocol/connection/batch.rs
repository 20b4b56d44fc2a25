//! Packets that are written together.

use std::{collections::VecDeque, mem, sync::Arc};

use crate::{
    data::Data,
    protocol::{packet::Packet, version::ProtocolVersion},
};

/// The capacity, in packets, that an empty queue or batch retains.
pub(super) const MAX_CAPACITY: usize = 2048;
/// The number of packets up to which a whole queue is copied into a batch. A larger queue swaps its buffer with the batch's. The
/// few answers to pings are always copied, because they would otherwise get a buffer for thousands of packets.
pub(super) const MAX_COPIED: usize = 64;

/// The size of one batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchLimit {
    pub(super) packets: usize,
    pub(super) bytes: usize,
    /// The encoding as which `bytes` counts the packets: that of a polling payload, with what separates the packets. `None`:
    /// only their data counts.
    pub(super) encoding: Option<ProtocolVersion>,
}

/// Packets that are written together, and what they count for in the queue.
#[derive(Debug)]
pub(super) struct Batch {
    packets: Arc<Vec<Packet>>,
    messages: usize,
    bytes: usize,
    /// The part of the limit that the batch uses.
    size: usize,
}

impl Batch {
    /// One packet that does not come from the queue, and is no message.
    pub(super) fn control(packet: Packet) -> Self {
        Self { packets: Arc::new(vec![packet]), messages: 0, bytes: 0, size: 0 }
    }

    #[cfg(test)]
    pub(super) fn of(packets: Vec<Packet>) -> Self {
        Self { packets: packets.into(), messages: 0, bytes: 0, size: 0 }
    }

    /// Moves the first packets of these queues into `buffer`, as far as the limit allows: at least one, if there is any. A queue
    /// is begun when the one before it is empty.
    pub(super) fn fill<const N: usize>(
        mut buffer: Arc<Vec<Packet>>,
        queues: [&mut VecDeque<Packet>; N],
        limit: BatchLimit,
    ) -> Self {
        // The transport has dropped its share, so this reuses the buffer; otherwise `make_mut` would allocate one.
        let packets = Arc::make_mut(&mut buffer);
        let mut filling = Filling { limit, packets: 0, messages: 0, bytes: 0, used: 0 };
        for queue in queues {
            let count = filling.add(queue);
            move_packets(queue, count, packets);
            if !queue.is_empty() {
                break;
            }
        }
        Self { packets: buffer, messages: filling.messages, bytes: filling.bytes, size: filling.used }
    }

    /// The packets, shared with the transport that writes them.
    pub(super) fn packets(&self) -> Arc<Vec<Packet>> {
        self.packets.clone()
    }

    pub(super) fn into_packets(self) -> Arc<Vec<Packet>> {
        self.packets
    }

    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    /// The number of messages in the batch.
    pub(super) fn messages(&self) -> usize {
        self.messages
    }

    /// Bytes of data in the messages of the batch.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The data of the messages in the batch.
    pub(super) fn data(&self) -> impl Iterator<Item = &Data> + Clone {
        self.packets.iter().filter_map(Packet::as_message)
    }

    /// The data of the messages among its first `count` packets.
    pub(super) fn first_data(&self, count: usize) -> impl Iterator<Item = &Data> + Clone {
        self.packets.iter().take(count).filter_map(Packet::as_message)
    }

    /// The size of the batch as the limit counts it: over polling, that of the POST.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn ends_with_close(&self) -> bool {
        Packet::ends_session(&self.packets)
    }
}

/// A batch while it is filled.
struct Filling {
    limit: BatchLimit,
    packets: usize,
    messages: usize,
    bytes: usize,
    /// The part of `limit.bytes` that is used.
    used: usize,
}

impl Filling {
    /// Adds the first packets of `queue`, as far as the limit allows. Returns how many.
    fn add(&mut self, queue: &VecDeque<Packet>) -> usize {
        let before = self.packets;
        for packet in queue.iter().take(self.limit.packets.saturating_sub(before)) {
            let len = packet.body().len();
            let size = match self.limit.encoding {
                Some(version) => version.size_in_payload(packet, self.packets == 0),
                None => len,
            };
            let used = self.used.saturating_add(size);
            if self.packets > 0 && used > self.limit.bytes {
                break;
            }
            self.used = used;
            self.packets += 1;
            if let Packet::Message(_) = packet {
                self.messages += 1;
                self.bytes += len;
            }
        }
        self.packets - before
    }
}

/// Moves the first `count` packets of `queue` to the end of `batch`.
fn move_packets(queue: &mut VecDeque<Packet>, count: usize, batch: &mut Vec<Packet>) {
    if count > MAX_COPIED && count == queue.len() && batch.is_empty() {
        // The whole queue fits: swap the buffers instead of copying.
        let emptied = mem::take(batch);
        *batch = mem::replace(queue, emptied.into()).into();
        return;
    }
    batch.extend(queue.drain(..count));
    if queue.is_empty() && queue.capacity() > MAX_CAPACITY {
        *queue = VecDeque::new();
    }
}
