//! A batch whose messages may be compressed, while its frames are encoded.

use std::sync::Arc;

use crate::protocol::{
    packet::Packet,
    websocket::{Deflating, Work},
};

/// A batch that is encoded in turns, because compression takes time. Whatever waits behind it waits here.
pub(super) struct Encoding {
    packets: Arc<Vec<Packet>>,
    /// The number of packets whose frames were appended.
    done: usize,
    /// The message that is being compressed.
    message: Option<Deflating>,
    /// The number of the ping that follows the batch.
    ping: Option<u64>,
    /// The batch has had its turn, and others have theirs now.
    had_turn: bool,
}

impl Encoding {
    pub(super) fn new(packets: Arc<Vec<Packet>>) -> Self {
        Self { packets, done: 0, message: None, ping: None, had_turn: false }
    }

    /// Appends the next frames, as many as one turn allows. `append` is given a packet, the message that was begun and the
    /// work that may still be done, and returns whether it has appended the frame. Returns whether the batch
    /// is complete.
    pub(super) fn advance(
        &mut self,
        mut append: impl FnMut(&Packet, &mut Option<Deflating>, &mut Work) -> bool,
    ) -> bool {
        self.had_turn = true;
        let mut work = Work::of_a_turn();
        while let Some(packet) = self.packets.get(self.done) {
            if !append(packet, &mut self.message, &mut work) {
                return false;
            }
            self.done = self.done.saturating_add(1);
        }
        true
    }

    /// The batch may go on in the next turn.
    pub(super) fn end_turn(&mut self) {
        self.had_turn = false;
    }

    pub(super) fn had_turn(&self) -> bool {
        self.had_turn
    }

    /// A ping with this number is sent behind the batch. It replaces an earlier one, since its pong answers both.
    pub(super) fn ping_behind(&mut self, number: u64) {
        self.ping = Some(number);
    }

    pub(super) fn ping(&self) -> Option<u64> {
        self.ping
    }
}
