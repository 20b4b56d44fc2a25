//! The lists of an outbox.

use std::{collections::VecDeque, mem};

use super::{
    Gate,
    answer::{Answer, SendAllResult, SendResult},
};
use crate::{
    client::reply::{PendingReply, Reply, ReplyState},
    data::Data,
    error::{SendAllError, SendError, SendErrorKind},
    protocol::connection::{Outgoing, Rejected},
};

/// An empty queue with a larger capacity than this is freed.
const MAX_RETAINED: usize = 1024;

/// The lists of an [`Outbox`](super::Outbox), which makes them at first use. Its methods say what those here do.
#[derive(Debug)]
pub(super) struct Queues {
    /// The limit for the weight of the carried-over messages: `send_queue`. Above it, a sender that awaits the reply has to
    /// wait.
    limit: usize,
    pending: VecDeque<PendingSend>,
    /// The length of `pending` at which withdrawn messages are removed from it. It is about twice the number of those
    /// that remained, so the work for each message is constant on average.
    sweep_at: usize,
    carried_over: VecDeque<Outgoing>,
    carried_over_weight: usize,
    refused: Vec<Refused>,
    /// The messages that the last session has not sent, until `end_session` says where they go.
    returned: Vec<Outgoing>,
}

/// A message that is not accepted yet.
#[derive(Debug)]
struct PendingSend {
    outgoing: Outgoing,
    reply: Answer,
}

/// A message that was refused. actix shows whether the reply is awaited only after the handler has returned, so the refusal is
/// stored until then.
#[derive(Debug)]
struct Refused {
    rejected: Rejected,
    /// `None`: the message was carried over, so the reply was given when it was accepted.
    reply: Option<Answer>,
}

impl Queues {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            pending: VecDeque::new(),
            sweep_at: 0,
            carried_over: VecDeque::new(),
            carried_over_weight: 0,
            refused: Vec::new(),
            returned: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.carried_over.is_empty()
    }

    pub(super) fn enqueue(&mut self, data: Data) -> Reply<SendResult> {
        let (pending, reply) = PendingReply::new();
        self.push(PendingSend { outgoing: Outgoing::One(data), reply: Answer::One(pending) });
        reply
    }

    pub(super) fn enqueue_all(&mut self, group: Vec<Data>) -> Reply<SendAllResult> {
        let (pending, reply) = PendingReply::new();
        self.push(PendingSend { outgoing: Outgoing::Group(group), reply: Answer::Group(pending) });
        reply
    }

    fn push(&mut self, pending: PendingSend) {
        while self.pending.back().is_some_and(PendingSend::is_withdrawn) {
            self.pending.pop_back();
        }
        if self.pending.len() >= self.sweep_at {
            self.remove_withdrawn();
            self.sweep_at = 2 * self.pending.len() + 16;
        }
        self.pending.push_back(pending);
    }

    pub(super) fn refuse(&mut self, err: SendError) -> Reply<SendResult> {
        let (pending, reply) = PendingReply::new();
        self.refused.push(Refused { rejected: Rejected::One(err), reply: Some(Answer::One(pending)) });
        reply
    }

    pub(super) fn refuse_group(&mut self, err: SendAllError) -> Reply<SendAllResult> {
        let (pending, reply) = PendingReply::new();
        self.refused.push(Refused { rejected: Rejected::Group(err), reply: Some(Answer::Group(pending)) });
        reply
    }

    pub(super) fn advance(
        &mut self,
        gate: Gate,
        send: impl FnOnce(Outgoing) -> Result<(), Rejected>,
    ) -> bool {
        match gate {
            Gate::Waiting => false,
            Gate::Closed => self.advance_pending(true, not_connected),
            Gate::CarryOver => {
                let has_room = self.carried_over_weight <= self.limit;
                let Some(PendingSend { outgoing, reply }) = self.next_pending(has_room) else { return false };
                self.carry_over(outgoing);
                reply.accept();
                true
            }
            Gate::Open { has_room } => {
                let Some(outgoing) = pop(&mut self.carried_over) else {
                    return self.advance_pending(has_room, send);
                };
                self.carried_over_weight -= outgoing.weight();
                if let Err(rejected) = send(outgoing) {
                    self.refused.push(Refused { rejected, reply: None });
                }
                true
            }
        }
    }

    pub(super) fn take_back(&mut self, unsent: Vec<Outgoing>) {
        self.returned = unsent;
    }

    pub(super) fn end_session(&mut self, carry_over: bool) -> Vec<Data> {
        let mut unsent = mem::take(&mut self.returned);
        self.carried_over_weight = 0;
        unsent.extend(mem::take(&mut self.carried_over));
        if carry_over {
            unsent.into_iter().for_each(|outgoing| self.carry_over(outgoing));
            return Vec::new();
        }
        for PendingSend { outgoing, reply } in mem::take(&mut self.pending) {
            match reply.state() {
                ReplyState::Awaited => _ = reply.refuse(outgoing.rejected(SendErrorKind::Disconnected)),
                // Nobody awaits the outcome of a `do_send`, so it counts as accepted.
                ReplyState::Unwanted | ReplyState::Unknown => unsent.push(outgoing),
                ReplyState::Dropped => {}
            }
        }
        unsent.into_iter().flat_map(Outgoing::into_messages).collect()
    }

    pub(super) fn refuse_all(&mut self) {
        self.carried_over_weight = 0;
        for outgoing in mem::take(&mut self.carried_over) {
            let rejected = outgoing.rejected(SendErrorKind::NotConnected);
            self.refused.push(Refused { rejected, reply: None });
        }
        while self.advance(Gate::Closed, not_connected) {}
    }

    pub(super) fn has_refused(&self) -> bool {
        !self.refused.is_empty()
    }

    pub(super) fn take_rejected(&mut self) -> Vec<Rejected> {
        let mut shown = Vec::new();
        for Refused { rejected, reply } in mem::take(&mut self.refused) {
            match reply {
                None => shown.push(rejected),
                Some(reply) if reply.state() == ReplyState::Unknown => {
                    self.refused.push(Refused { rejected, reply: Some(reply) });
                }
                Some(reply) => shown.extend(reply.refuse(rejected)),
            }
        }
        shown
    }

    pub(super) fn unawaited(&self) -> usize {
        let is_unwanted = |pending: &PendingSend| pending.reply.state() == ReplyState::Unwanted;
        let count = self.pending.iter().rposition(is_unwanted).map_or(0, |last| last + 1);
        self.pending.iter().take(count).filter(|pending| !pending.is_withdrawn()).count()
    }

    pub(super) fn is_awaited(&self) -> bool {
        self.pending.iter().any(|pending| pending.reply.state() == ReplyState::Awaited)
    }

    pub(super) fn waiting(&mut self) -> (usize, usize) {
        self.remove_withdrawn();
        let pending = self.pending.iter().map(|pending| &pending.outgoing);
        let messages = pending.chain(&self.carried_over).flat_map(Outgoing::messages);
        messages.fold((0, 0), |(count, bytes), data| (count + 1, bytes + data.len()))
    }

    fn carry_over(&mut self, outgoing: Outgoing) {
        self.carried_over_weight += outgoing.weight();
        self.carried_over.push_back(outgoing);
    }

    fn advance_pending(
        &mut self,
        has_room: bool,
        send: impl FnOnce(Outgoing) -> Result<(), Rejected>,
    ) -> bool {
        let Some(PendingSend { outgoing, reply }) = self.next_pending(has_room) else { return false };
        match send(outgoing) {
            Ok(()) => reply.accept(),
            Err(rejected) => self.refused.push(Refused { rejected, reply: Some(reply) }),
        }
        true
    }

    /// Takes out the first message that was not withdrawn, unless it must wait.
    fn next_pending(&mut self, has_room: bool) -> Option<PendingSend> {
        while let Some(first) = self.pending.front() {
            match first.reply.state() {
                ReplyState::Unknown => return None,
                ReplyState::Awaited if !has_room => return None,
                ReplyState::Awaited | ReplyState::Unwanted => return pop(&mut self.pending),
                ReplyState::Dropped => _ = pop(&mut self.pending),
            }
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

/// Takes out the first entry. The memory of a long queue is freed with its last entry.
fn pop<T>(queue: &mut VecDeque<T>) -> Option<T> {
    let first = queue.pop_front();
    if queue.is_empty() && queue.capacity() > MAX_RETAINED {
        *queue = VecDeque::new();
    }
    first
}

fn not_connected(outgoing: Outgoing) -> Result<(), Rejected> {
    Err(outgoing.rejected(SendErrorKind::NotConnected))
}

#[cfg(test)]
mod tests;
