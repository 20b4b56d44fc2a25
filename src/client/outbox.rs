//! Messages that cannot be sent now.
//!
//! An [`Outbox`] has three places for them. A message that waits is not accepted yet: whoever sent it may still withdraw it by
//! dropping the reply. A message that is carried over was accepted, and goes out on the next session before all others. A
//! message that was refused goes back to its sender. Which of these happens is decided by a [`Gate`], and only here.

use std::{collections::VecDeque, mem};

use super::reply::{PendingReply, Reply, ReplyState};
use crate::{
    data::Data,
    error::{SendError, SendErrorKind},
};

/// The number of waiting messages for which an empty queue retains its memory.
const MAX_RETAINED: usize = 1024;

type SendResult = Result<(), SendError>;

/// What happens to a message that is to be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// It goes to the open session. Without room, a message whose reply is awaited waits; `do_send` does not wait.
    Open { has_room: bool },
    /// There is no session, and it is carried over to the next one.
    CarryOver,
    /// It waits: for the outcome of the user's `Connect`, or until the session that is closing has ended.
    Waiting,
    /// It is refused.
    Closed,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Outbox {
    /// The weight of carried-over messages above which senders that await the reply have to wait: `send_queue`.
    limit: usize,
    pending: VecDeque<PendingSend>,
    /// The length of `pending` at which withdrawn messages are removed from it.
    sweep_at: usize,
    carried_over: VecDeque<Data>,
    carried_over_weight: usize,
    refused: Vec<Refused>,
}

/// A message that is not accepted yet.
#[derive(Debug)]
struct PendingSend {
    data: Data,
    reply: PendingReply<SendResult>,
}

/// A message that was refused. Only when its handler has returned is it known whether somebody awaits the reply.
#[derive(Debug)]
struct Refused {
    err: SendError,
    /// `None`: the message was carried over, so the reply was given when it was accepted.
    reply: Option<PendingReply<SendResult>>,
}

impl Outbox {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            pending: VecDeque::new(),
            sweep_at: 0,
            carried_over: VecDeque::new(),
            carried_over_weight: 0,
            refused: Vec::new(),
        }
    }

    /// No message is in front of the next one.
    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.carried_over.is_empty()
    }

    /// Adds a message behind all others.
    #[inline(never)] // Most messages do not get here, and would pay for the code.
    pub(super) fn enqueue(&mut self, data: Data) -> Reply<SendResult> {
        while self.pending.back().is_some_and(PendingSend::is_withdrawn) {
            self.pending.pop_back();
        }
        if self.pending.len() >= self.sweep_at {
            self.remove_withdrawn();
            self.sweep_at = 2 * self.pending.len() + 16;
        }
        let (pending, reply) = PendingReply::new();
        self.pending.push_back(PendingSend { data, reply: pending });
        reply
    }

    /// Returns a message that the session cannot carry.
    #[inline(never)] // Most messages do not get here, and would pay for the code.
    pub(super) fn refuse(&mut self, err: SendError) -> Reply<SendResult> {
        let (pending, reply) = PendingReply::new();
        self.refused.push(Refused { err, reply: Some(pending) });
        reply
    }

    /// Lets the first message through the gate; `send` gives it to the session. Returns `false` if it has to stay, or if
    /// there is none.
    pub(super) fn advance(&mut self, gate: Gate, send: impl FnOnce(Data) -> SendResult) -> bool {
        match gate {
            Gate::Waiting => false,
            Gate::Closed => self.advance_pending(true, not_connected),
            Gate::CarryOver => {
                let has_room = self.carried_over_weight <= self.limit;
                let Some(PendingSend { data, reply }) = self.next_pending(has_room) else { return false };
                self.carry_over(data);
                let _ = reply.answer(Ok(()));
                true
            }
            Gate::Open { has_room } => {
                let Some(data) = self.carried_over.pop_front() else {
                    return self.advance_pending(has_room, send);
                };
                self.carried_over_weight -= data.weight();
                if let Err(err) = send(data) {
                    self.refused.push(Refused { err, reply: None });
                }
                true
            }
        }
    }

    /// A session has ended without these messages, which were accepted earlier than any that are here. Returns the messages
    /// that the session has not sent and that are not carried over.
    pub(super) fn end_session(&mut self, unsent: Vec<Data>, carry_over: bool) -> Vec<Data> {
        let accepted_later = mem::take(&mut self.carried_over);
        self.carried_over_weight = 0;
        let mut unsent = unsent;
        unsent.extend(accepted_later);
        if carry_over {
            unsent.into_iter().for_each(|data| self.carry_over(data));
            return Vec::new();
        }
        for PendingSend { data, reply } in mem::take(&mut self.pending) {
            match reply.state() {
                ReplyState::Awaited => {
                    let err = SendError { kind: SendErrorKind::Disconnected, data };
                    let _ = reply.answer(Err(err));
                }
                // Nobody awaits the outcome of a `do_send`, so it counts as accepted.
                ReplyState::Unwanted | ReplyState::Unknown => unsent.push(data),
                ReplyState::Dropped => {}
            }
        }
        unsent
    }

    /// Refuses all messages: no session will come for them.
    pub(super) fn refuse_all(&mut self) {
        self.carried_over_weight = 0;
        for data in mem::take(&mut self.carried_over) {
            let err = SendError { kind: SendErrorKind::NotConnected, data };
            self.refused.push(Refused { err, reply: None });
        }
        while self.advance(Gate::Closed, not_connected) {}
    }

    /// Answers the senders of refused messages. Returns the messages whose reply nobody awaits.
    pub(super) fn take_rejected(&mut self) -> Vec<SendError> {
        let mut rejected = Vec::new();
        for refused in mem::take(&mut self.refused) {
            match refused.reply {
                None => rejected.push(refused.err),
                Some(reply) if reply.state() == ReplyState::Unknown => {
                    self.refused.push(Refused { err: refused.err, reply: Some(reply) });
                }
                Some(reply) => rejected.extend(reply.answer(Err(refused.err)).err().and_then(Result::err)),
            }
        }
        rejected
    }

    /// Somebody awaits that a message is accepted.
    pub(super) fn is_awaited(&self) -> bool {
        self.pending.iter().any(|pending| pending.reply.state() == ReplyState::Awaited)
    }

    /// The number of messages that wait or are carried over, and the bytes of their data.
    pub(super) fn waiting(&mut self) -> (usize, usize) {
        self.remove_withdrawn();
        let pending = self.pending.iter().map(|pending| &pending.data);
        pending.chain(&self.carried_over).fold((0, 0), |(count, bytes), data| (count + 1, bytes + data.len()))
    }

    fn carry_over(&mut self, data: Data) {
        self.carried_over_weight += data.weight();
        self.carried_over.push_back(data);
    }

    fn advance_pending(&mut self, has_room: bool, send: impl FnOnce(Data) -> SendResult) -> bool {
        let Some(PendingSend { data, reply }) = self.next_pending(has_room) else { return false };
        match send(data) {
            Ok(()) => _ = reply.answer(Ok(())),
            Err(err) => self.refused.push(Refused { err, reply: Some(reply) }),
        }
        true
    }

    /// Takes out the first message that was not withdrawn, unless it has to stay.
    fn next_pending(&mut self, has_room: bool) -> Option<PendingSend> {
        while let Some(first) = self.pending.front() {
            match first.reply.state() {
                ReplyState::Unknown => return None,
                ReplyState::Awaited if !has_room => return None,
                ReplyState::Awaited | ReplyState::Unwanted => return self.pending.pop_front(),
                ReplyState::Dropped => _ = self.pending.pop_front(),
            }
        }
        if self.pending.capacity() > MAX_RETAINED {
            self.pending = VecDeque::new();
        }
        None
    }

    fn remove_withdrawn(&mut self) {
        self.pending.retain(|pending| !pending.is_withdrawn());
    }
}

impl PendingSend {
    fn is_withdrawn(&self) -> bool {
        self.reply.state() == ReplyState::Dropped
    }
}

fn not_connected(data: Data) -> SendResult {
    Err(SendError { kind: SendErrorKind::NotConnected, data })
}

#[cfg(test)]
mod tests;
