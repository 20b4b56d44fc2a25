//! Messages that are not accepted yet, in order: while connecting, and while the queue is full.

use std::{collections::VecDeque, mem, sync::Arc};

use super::{
    EngineIoClient, Event,
    reply::{PendingReply, ReplyState},
};
use crate::{data::Data, error::SendError};

/// Room for so many messages stays when the line is empty.
const MAX_KEPT: usize = 1024;

impl EngineIoClient {
    /// Puts a message at the end of the line. Messages whose senders have given up do not stay for long.
    pub(super) fn enqueue(&mut self, data: Data, reply: PendingReply<Result<(), SendError>>) {
        while self.line.back().is_some_and(|(_, reply)| reply.state() == ReplyState::Dropped) {
            self.line.pop_back();
        }
        if self.line.len() >= self.line_limit {
            self.forget_withdrawn();
            self.line_limit = 2 * self.line.len() + 16;
        }
        self.line.push_back((data, reply));
    }

    pub(super) fn forget_withdrawn(&mut self) {
        self.line.retain(|(_, reply)| reply.state() != ReplyState::Dropped);
    }

    /// Accepts messages that wait, as far as there is room. What came by `do_send` is not held back, but goes in
    /// its turn. What waits when the session, or the connect, ends is told with that end.
    pub(super) fn advance_line(&mut self) {
        if self.connect.is_some() || (self.connection.is_ending() && !self.keeps()) {
            return;
        }
        while let Some((_, reply)) = self.line.front() {
            let demand = reply.state();
            if demand == ReplyState::Awaited && !self.has_room() {
                break;
            }
            let Some((data, reply)) = self.line.pop_front() else { break };
            if demand == ReplyState::Dropped {
                continue;
            }
            match self.accept(data) {
                Ok(()) => _ = reply.answer(Ok(())),
                Err(err) => self.refused.push((err, reply)),
            }
        }
        if self.line.is_empty() && self.line.capacity() > MAX_KEPT {
            self.line = VecDeque::new();
        }
    }

    /// A message can be accepted, or refused, at once.
    fn has_room(&self) -> bool {
        if self.keeps() {
            self.kept.weight() <= self.config.limits.send_queue
        } else {
            !self.connection.is_open() || self.connection.has_room()
        }
    }

    fn accept(&mut self, data: Data) -> Result<(), SendError> {
        if self.keeps() || !self.kept.is_empty() {
            self.kept.push(data);
            return Ok(());
        }
        self.connection.send(data)
    }

    /// Tells about refused messages: the one who awaits the reply, or the subscribers.
    pub(super) fn reject(&mut self) {
        for (err, reply) in mem::take(&mut self.refused) {
            if let Err(Err(err)) = reply.answer(Err(err)) {
                self.subscribers.push(Event::Rejected(Arc::new(err)));
            }
        }
    }
}
