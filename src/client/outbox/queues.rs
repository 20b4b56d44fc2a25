//! The queues of an outbox: messages that wait, that are carried over, and that were refused.

use std::{collections::VecDeque, mem};

use super::{
    Gate,
    answer::{Answer, SendAllResult, SendResult},
    interruptions::Interruptions,
};
use crate::{
    client::reply::{PendingReply, Reply, ReplyState},
    data::Data,
    error::{DisconnectReason, SendAllError, SendError, SendErrorKind},
    protocol::connection::{Interrupted, Outgoing, Rejected},
};

/// The memory of an empty queue with a larger capacity than this is freed.
const MAX_IDLE_CAPACITY: usize = 1024;

/// The queues of an [`Outbox`](super::Outbox), created when the first message needs them. Each `pub(super)` method is documented
/// at the method of `Outbox` with the same name.
#[derive(Debug)]
pub(super) struct Queues {
    /// The builder option `send_queue`. While the carried-over messages weigh more than this, a sender that awaits its reply
    /// has to wait.
    limit: usize,
    pending: VecDeque<PendingSend>,
    /// The length of `pending` from which on the next `push` first removes the withdrawn messages. It is set to about twice what
    /// remained after that, so the work for each message is constant on average.
    sweep_at: usize,
    carried_over: CarriedOver,
    refused: Vec<Refused>,
    taken_back: TakenBack,
    interruptions: Interruptions,
}

/// The messages that the last session has not sent, until `end_session` says where they go.
#[derive(Debug, Default)]
struct TakenBack {
    unsent: Vec<Outgoing>,
    /// The first of them is not carried over.
    first_comes_back: bool,
}

/// The messages that are carried over to the next session.
#[derive(Debug, Default)]
struct CarriedOver {
    messages: VecDeque<Outgoing>,
    /// The bytes that they count for in `limit`.
    weight: usize,
}

/// A message that is not accepted yet.
#[derive(Debug)]
struct PendingSend {
    outgoing: Outgoing,
    answer: Answer,
}

/// A message that was refused, until `take_rejected` answers its sender or returns it. Whether the reply is awaited is known
/// only once the handler has returned, so a handler cannot do that itself.
#[derive(Debug)]
struct Refused {
    rejected: Rejected,
    /// `None`: the message was carried over, so its sender was answered when it was accepted.
    answer: Option<Answer>,
}

impl Queues {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            pending: VecDeque::new(),
            sweep_at: 0,
            carried_over: CarriedOver::default(),
            refused: Vec::new(),
            taken_back: TakenBack::default(),
            interruptions: Interruptions::default(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.carried_over.messages.is_empty()
    }

    pub(super) fn enqueue(&mut self, data: Data) -> Reply<SendResult> {
        let (answer, reply) = PendingReply::new();
        self.push(PendingSend { outgoing: Outgoing::One(data), answer: Answer::One(answer) });
        reply
    }

    pub(super) fn enqueue_all(&mut self, group: Vec<Data>) -> Reply<SendAllResult> {
        let (answer, reply) = PendingReply::new();
        self.push(PendingSend { outgoing: Outgoing::Group(group), answer: Answer::Group(answer) });
        reply
    }

    fn push(&mut self, entry: PendingSend) {
        // A sender whose time limit is over drops its reply and tries again: its earlier message is the last one.
        while self.pending.back().is_some_and(PendingSend::is_withdrawn) {
            self.pending.pop_back();
        }
        if self.pending.len() >= self.sweep_at {
            self.remove_withdrawn();
            self.sweep_at = 2 * self.pending.len() + 16;
        }
        self.pending.push_back(entry);
    }

    pub(super) fn refuse(&mut self, err: SendError) -> Reply<SendResult> {
        let (answer, reply) = PendingReply::new();
        self.refused.push(Refused { rejected: Rejected::One(err), answer: Some(Answer::One(answer)) });
        reply
    }

    pub(super) fn refuse_group(&mut self, err: SendAllError) -> Reply<SendAllResult> {
        let (answer, reply) = PendingReply::new();
        self.refused.push(Refused { rejected: Rejected::Group(err), answer: Some(Answer::Group(answer)) });
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
                let has_room = self.carried_over.weight <= self.limit;
                let Some(PendingSend { outgoing, answer }) = self.next_pending(has_room) else {
                    return false;
                };
                self.carried_over.push(outgoing);
                answer.accept();
                true
            }
            Gate::Open { has_room } => {
                // What is carried over was accepted, so it needs no room.
                let Some(outgoing) = self.carried_over.pop() else {
                    return self.advance_pending(has_room, send);
                };
                if let Err(rejected) = send(outgoing) {
                    self.interruptions.reset();
                    self.refused.push(Refused { rejected, answer: None });
                }
                true
            }
        }
    }

    pub(super) fn take_back(
        &mut self,
        unsent: Vec<Outgoing>,
        interrupted: Interrupted,
        reason: &DisconnectReason,
    ) {
        let first_comes_back = self.interruptions.end_session(interrupted, reason);
        self.taken_back = TakenBack { unsent, first_comes_back };
    }

    pub(super) fn end_session(&mut self, carry_over: bool) -> Vec<Data> {
        let TakenBack { mut unsent, first_comes_back } = mem::take(&mut self.taken_back);
        unsent.extend(self.carried_over.take());
        if carry_over {
            let mut unsent = unsent.into_iter();
            let returned = unsent.by_ref().take(usize::from(first_comes_back));
            let returned = returned.flat_map(Outgoing::into_messages).collect();
            unsent.for_each(|outgoing| self.carried_over.push(outgoing));
            return returned;
        }
        self.interruptions.reset();
        for PendingSend { outgoing, answer } in mem::take(&mut self.pending) {
            match answer.state() {
                ReplyState::Awaited => _ = answer.refuse(outgoing.rejected(SendErrorKind::Disconnected)),
                // A `do_send` has no reply that could return the message. `Unknown` does not occur: no handler is running.
                ReplyState::Unwanted | ReplyState::Unknown => unsent.push(outgoing),
                ReplyState::Dropped => {}
            }
        }
        unsent.into_iter().flat_map(Outgoing::into_messages).collect()
    }

    pub(super) fn refuse_all(&mut self) {
        self.interruptions.reset();
        for outgoing in self.carried_over.take() {
            let rejected = outgoing.rejected(SendErrorKind::NotConnected);
            self.refused.push(Refused { rejected, answer: None });
        }
        while self.advance_pending(true, not_connected) {}
    }

    pub(super) fn has_refused(&self) -> bool {
        !self.refused.is_empty()
    }

    pub(super) fn take_rejected(&mut self) -> Vec<Rejected> {
        let mut unawaited = Vec::new();
        for Refused { rejected, answer } in mem::take(&mut self.refused) {
            match answer {
                None => unawaited.push(rejected),
                Some(answer) if answer.state() == ReplyState::Unknown => {
                    self.refused.push(Refused { rejected, answer: Some(answer) });
                }
                Some(answer) => unawaited.extend(answer.refuse(rejected)),
            }
        }
        unawaited
    }

    pub(super) fn unawaited(&self) -> usize {
        let is_unwanted = |entry: &PendingSend| entry.answer.state() == ReplyState::Unwanted;
        let count = self.pending.iter().rposition(is_unwanted).map_or(0, |last| last + 1);
        self.pending.iter().take(count).filter(|entry| !entry.is_withdrawn()).count()
    }

    pub(super) fn is_awaited(&self) -> bool {
        self.pending.iter().any(|entry| entry.answer.state() == ReplyState::Awaited)
    }

    pub(super) fn waiting(&mut self) -> (usize, usize) {
        self.remove_withdrawn();
        let pending = self.pending.iter().map(|entry| &entry.outgoing);
        let messages = pending.chain(&self.carried_over.messages).flat_map(Outgoing::messages);
        messages.fold((0, 0), |(count, bytes), data| (count + 1, bytes + data.len()))
    }

    /// Gives the first message that was not withdrawn to `send`. `takes_awaited`: also if its reply is awaited.
    fn advance_pending(
        &mut self,
        takes_awaited: bool,
        send: impl FnOnce(Outgoing) -> Result<(), Rejected>,
    ) -> bool {
        let Some(PendingSend { outgoing, answer }) = self.next_pending(takes_awaited) else { return false };
        match send(outgoing) {
            Ok(()) => answer.accept(),
            Err(rejected) => self.refused.push(Refused { rejected, answer: Some(answer) }),
        }
        true
    }

    /// Takes out the first message that was not withdrawn, unless it must wait.
    fn next_pending(&mut self, takes_awaited: bool) -> Option<PendingSend> {
        while let Some(first) = self.pending.front() {
            match first.answer.state() {
                ReplyState::Unknown => return None,
                ReplyState::Awaited if !takes_awaited => return None,
                ReplyState::Awaited | ReplyState::Unwanted => return pop(&mut self.pending),
                ReplyState::Dropped => _ = pop(&mut self.pending),
            }
        }
        None
    }

    fn remove_withdrawn(&mut self) {
        self.pending.retain(|entry| !entry.is_withdrawn());
        free_if_idle(&mut self.pending);
    }
}

impl CarriedOver {
    fn push(&mut self, outgoing: Outgoing) {
        self.weight += outgoing.weight();
        self.messages.push_back(outgoing);
    }

    fn pop(&mut self) -> Option<Outgoing> {
        let outgoing = pop(&mut self.messages)?;
        self.weight -= outgoing.weight();
        Some(outgoing)
    }

    fn take(&mut self) -> VecDeque<Outgoing> {
        mem::take(self).messages
    }
}

impl PendingSend {
    /// The sender has dropped its reply, so the message must not be sent.
    fn is_withdrawn(&self) -> bool {
        self.answer.state() == ReplyState::Dropped
    }
}

/// Takes out the first entry.
fn pop<T>(queue: &mut VecDeque<T>) -> Option<T> {
    let first = queue.pop_front();
    free_if_idle(queue);
    first
}

/// Frees the memory of a queue that is empty and was long.
fn free_if_idle<T>(queue: &mut VecDeque<T>) {
    if queue.is_empty() && queue.capacity() > MAX_IDLE_CAPACITY {
        *queue = VecDeque::new();
    }
}

fn not_connected(outgoing: Outgoing) -> Result<(), Rejected> {
    Err(outgoing.rejected(SendErrorKind::NotConnected))
}

#[cfg(test)]
mod tests;
