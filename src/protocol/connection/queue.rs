//! Messages from the moment they are accepted until they are written or given back.

use std::{collections::VecDeque, mem, sync::Arc};

use bytestring::ByteString;

use super::{
    batch::{Batch, BatchLimit, MAX_COPIED},
    interrupted::{Interrupted, SmallerPosts},
    io::BatchOutcome,
    outgoing::{Outgoing, Rejected},
    retained::{Retained, Undelivered},
};
use crate::{
    data::{Data, OVERHEAD},
    error::SendErrorKind,
    protocol::packet::Packet,
};

/// The limits of the answers to pings that wait: their number, and the bytes of their data (one answer may exceed
/// them by itself). A server that pings faster than it reads gets only the newest answers.
const MAX_PONGS: usize = 64;
const MAX_PONG_BYTES: usize = 64 << 10;
const _: () = assert!(MAX_PONGS <= MAX_COPIED, "answers to pings are copied into a batch");

/// The capacity that the queue retains when only a heartbeat is written.
const MAX_IDLE_CAPACITY: usize = 16;

/// The messages that were written at some moment, over the life of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The messages that were written or given back.
    pub(super) settled: u64,
    /// The messages that were written.
    pub(super) written: u64,
}

/// The accepted messages of a session that wait to be written. It knows what became of every message that it was given.
#[derive(Debug, Default)]
pub(super) struct SendQueue {
    /// Answers to pings, or in version 3 a ping, which are written before everything else.
    heartbeats: VecDeque<Packet>,
    packets: VecDeque<Packet>,
    /// Messages in `packets` or in flight, and what they count for.
    messages: usize,
    weight: usize,
    accepted: u64,
    settled: u64,
    /// The messages that were refused while earlier ones still waited, each as the number of messages accepted before it.
    /// Messages are settled in the order in which they were accepted. Boxed, because there are hardly ever any.
    #[expect(clippy::box_collection, reason = "an idle client takes less memory")]
    refused: Option<Box<VecDeque<u64>>>,
    /// Messages of batches that were not, or perhaps not, sent. Boxed, because hardly any session has some before its end.
    returned: Option<Box<Returned>>,
    retained: Retained,
    smaller_posts: SmallerPosts,
}

/// Messages of a batch that was not written as a whole.
#[derive(Debug, Default)]
struct Returned {
    unsent: Vec<Data>,
    in_doubt: Vec<Data>,
    /// The number of the first unsent messages that were written in part.
    begun: usize,
    /// Some messages of the batch were sent.
    has_sent: bool,
}

impl SendQueue {
    /// `retains`: what was written to a WebSocket is in doubt until `confirm` says that it was read.
    pub(super) fn new(retains: bool) -> Self {
        Self { retained: Retained::new(retains), ..Self::default() }
    }

    pub(super) fn retains(&self) -> bool {
        self.retained.until_confirmed()
    }

    /// The bytes that the retained messages count for.
    pub(super) fn retained_weight(&self) -> usize {
        self.retained.weight()
    }

    /// Every message was written, and none is retained.
    pub(super) fn is_confirmed(&self) -> bool {
        self.messages == 0 && self.retained.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty() && self.heartbeats.is_empty()
    }

    /// Whether heartbeats wait.
    pub(super) fn has_heartbeats(&self) -> bool {
        !self.heartbeats.is_empty()
    }

    /// Messages accepted so far, over the life of the queue.
    pub(super) fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Messages written or given back so far, over the life of the queue. All of them were accepted before all others.
    pub(super) fn settled(&self) -> u64 {
        self.settled
    }

    /// The messages that are written by now.
    pub(super) fn mark(&self) -> Mark {
        Mark { settled: self.settled, written: self.retained.written() }
    }

    /// Messages that are not written yet, and the bytes of their data.
    pub(super) fn waiting(&self) -> (usize, usize) {
        (self.messages, self.weight.saturating_sub(self.messages * OVERHEAD))
    }

    /// The bytes that everything in the queue counts for, with the overhead of each message.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// The largest number of packets in the next POST, because of an interrupted one in the last session.
    pub(super) fn max_packets_per_post(&self) -> usize {
        self.smaller_posts.max_packets(self.settled)
    }

    /// Packets that could go into the next batch.
    pub(super) fn ready(&self) -> usize {
        self.packets.len()
    }

    pub(super) fn push(&mut self, data: Data) {
        self.accepted += 1;
        self.messages += 1;
        self.weight += data.weight();
        self.packets.push_back(Packet::Message(data));
    }

    /// Appends messages that are sent, or given back, as one.
    pub(super) fn push_group(&mut self, group: Vec<Data>) {
        self.accepted += u64::try_from(group.len()).unwrap_or(u64::MAX);
        self.append(Outgoing::Group(group));
    }

    /// Appends what was accepted.
    fn append(&mut self, outgoing: Outgoing) {
        let first = self.next_position();
        let is_group = matches!(outgoing, Outgoing::Group(_));
        self.messages += outgoing.messages().len();
        self.weight += outgoing.weight();
        self.packets.extend(outgoing.into_messages().into_iter().map(Packet::Message));
        if is_group {
            let end = self.next_position();
            self.retained.push_group(first..end);
        }
    }

    /// The position of the message that is appended next.
    fn next_position(&self) -> u64 {
        self.retained.written() + u64::try_from(self.messages).unwrap_or(u64::MAX)
    }

    /// Appends a packet that is no message, behind every message.
    pub(super) fn push_control(&mut self, packet: Packet) {
        self.packets.push_back(packet);
    }

    /// Appends the answer to a ping, with the ping's `data`.
    pub(super) fn push_pong(&mut self, data: ByteString) {
        let mut pong = Packet::Pong(data);
        // Its data may be a small part of a large buffer, which would stay alive.
        pong.detach();
        self.heartbeats.push_back(pong);
        let bytes = |pongs: &VecDeque<Packet>| pongs.iter().map(|pong| pong.body().len()).sum::<usize>();
        while self.heartbeats.len() > 1
            && (self.heartbeats.len() > MAX_PONGS || bytes(&self.heartbeats) > MAX_PONG_BYTES)
        {
            self.heartbeats.pop_front();
        }
    }

    /// Appends a ping.
    pub(super) fn push_ping(&mut self) {
        self.heartbeats.push_back(Packet::Ping(ByteString::new()));
    }

    /// Moves the next packets into `buffer`: at least one, if there is any.
    pub(super) fn next_batch(&mut self, buffer: Arc<Vec<Packet>>, limit: BatchLimit) -> Batch {
        if self.packets.is_empty() && self.packets.capacity() > MAX_IDLE_CAPACITY {
            // Only a heartbeat is written: no messages are in sight.
            self.packets = VecDeque::new();
        }
        Batch::fill(buffer, [&mut self.heartbeats, &mut self.packets], limit)
    }

    /// A batch was written. `is_acknowledged`: the server has said that it has the batch.
    pub(super) fn written(&mut self, batch: &Batch, is_acknowledged: bool) {
        self.subtract(batch.messages(), batch.bytes());
        self.settled += u64::try_from(batch.messages()).unwrap_or(u64::MAX);
        self.settle_refused();
        self.retained.wrote(batch.data(), batch.messages(), is_acknowledged);
    }

    /// Counts messages that are not in the queue any more, with so many bytes of data.
    fn subtract(&mut self, messages: usize, bytes: usize) {
        self.messages = self.messages.saturating_sub(messages);
        self.weight = self.weight.saturating_sub(bytes + messages * OVERHEAD);
    }

    /// The other end has read the first `read` of all messages that were ever written.
    pub(super) fn confirm(&mut self, read: u64) {
        self.retained.confirm(read);
    }

    /// Takes out the messages and the groups that do not pass `check`, which is done at most once per session.
    pub(super) fn refuse(&mut self, check: impl Fn(&Data) -> Result<(), SendErrorKind>) -> Vec<Rejected> {
        let is_message = |packet: &Packet| matches!(packet, Packet::Message(_));
        let (waiting, others): (VecDeque<_>, VecDeque<_>) =
            mem::take(&mut self.packets).into_iter().partition(is_message);
        self.subtract(waiting.len(), waiting.iter().map(|packet| packet.body().len()).sum());
        let mut accepted_before = self.accepted - u64::try_from(waiting.len()).unwrap_or(u64::MAX);
        let first = self.next_position();
        let mut errors = Vec::new();
        for outgoing in self.retained.assemble(first, waiting.into_iter().filter_map(Packet::into_message)) {
            let numbers = accepted_before..;
            let messages = outgoing.messages();
            accepted_before += u64::try_from(messages.len()).unwrap_or(u64::MAX);
            match messages.iter().try_for_each(&check) {
                Ok(()) => self.append(outgoing),
                Err(kind) => {
                    self.refused.get_or_insert_default().extend(numbers.take(messages.len()));
                    errors.push(outgoing.rejected(kind));
                }
            }
        }
        self.packets.extend(others);
        self.settle_refused();
        errors
    }

    /// Settles the refused messages that no earlier one precedes any more.
    fn settle_refused(&mut self) {
        let Some(refused) = &mut self.refused else { return };
        while refused.front().is_some_and(|&accepted_before| accepted_before <= self.settled) {
            refused.pop_front();
            self.settled += 1;
        }
        if refused.is_empty() {
            self.refused = None;
        }
    }

    /// The transport of a batch ended before the batch was written as a whole.
    pub(super) fn returned(&mut self, batch: Batch, outcome: BatchOutcome) {
        let packets = Arc::unwrap_or_clone(batch.into_packets());
        let (sent, others) = packets.split_at(outcome.sent.min(packets.len()));
        let sent = sent.iter().filter_map(Packet::as_message);
        let sent_count = sent.clone().count();
        self.retained.wrote(sent, sent_count, false);
        let mut others = others.iter();
        let in_doubt = others.by_ref().take(outcome.uncertain).filter_map(Packet::as_message).cloned();
        let returned = self.returned.get_or_insert_default();
        returned.has_sent |= sent_count > 0;
        returned.in_doubt.extend(in_doubt);
        let begun = others.clone().take(outcome.begun);
        returned.begun += begun.filter_map(Packet::as_message).count();
        returned.unsent.extend(others.filter_map(Packet::as_message).cloned());
    }

    /// Empties the queue at the end of a session. Gives back all messages that the server has not certainly received:
    /// with confirmations also those that were written and not confirmed. Of a group all messages are in the same list.
    pub(super) fn end(&mut self) -> Undelivered {
        self.heartbeats = VecDeque::new();
        self.messages = 0;
        self.weight = 0;
        let returned = *self.returned.take().unwrap_or_default();
        let is_first =
            self.smaller_posts.is_first(self.settled) && !returned.has_sent && returned.in_doubt.is_empty();
        self.settled = self.accepted;
        self.refused = None;
        let interrupted = Interrupted { messages: returned.begun, is_first };
        let unsent = returned
            .unsent
            .into_iter()
            .chain(mem::take(&mut self.packets).into_iter().filter_map(Packet::into_message));
        let undelivered = self.retained.end(returned.in_doubt, unsent, interrupted);
        self.smaller_posts.end_session(undelivered.interrupted, self.settled);
        undelivered
    }
}

#[cfg(test)]
mod tests;
