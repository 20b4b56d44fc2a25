//! Messages that cannot be sent now.
//!
//! A message that waits is not accepted yet: its sender may still withdraw it by dropping the reply. A message that is
//! carried over was accepted, and is sent in the next session before all others. A message that was refused is returned in
//! the reply, or as `Event::Rejected` if nobody awaits the reply. For each message a [`Gate`] says which of these happens;
//! what happens at the end of a session is the parameter of `end_session`. The messages of one `SendAll` are one entry, so
//! the same happens to all of them. A message that was being written when several sessions ended is not carried over again:
//! see [`Interruptions`](interruptions::Interruptions).

mod answer;
mod interruptions;
mod queues;

pub(super) use self::answer::{SendAllResult, SendResult};
use self::queues::Queues;
use super::reply::Reply;
use crate::{
    data::Data,
    error::{DisconnectReason, SendAllError, SendError},
    protocol::connection::{Interrupted, Outgoing, Rejected},
};

/// The treatment of the next message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// It goes to the open session. Without room, a message whose reply is awaited waits; `do_send` does not wait.
    Open { has_room: bool },
    /// There is no session, and it is carried over to the next one.
    CarryOver,
    /// It waits until the user's `Connect` has an outcome, or until the closing session has ended.
    Waiting,
    /// It is refused.
    Closed,
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Outbox {
    limit: usize,
    /// `None`: no message ever had to wait. There are many clients, and most of them need no lists.
    queues: Option<Box<Queues>>,
}

impl Outbox {
    /// `limit`: the weight of carried-over messages above which a sender that awaits the reply has to wait. It is `send_queue`.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, queues: None }
    }

    fn queues(&mut self) -> &mut Queues {
        self.queues.get_or_insert_with(|| Box::new(Queues::new(self.limit)))
    }

    /// Whether no message waits or is carried over, so that the next one can be sent directly. Refused messages do not count.
    pub(super) fn is_empty(&self) -> bool {
        self.queues.as_ref().is_none_or(|queues| queues.is_empty())
    }

    /// Adds a message behind all others.
    #[inline(never)] // Most messages do not get here, and would pay for the code.
    pub(super) fn enqueue(&mut self, data: Data) -> Reply<SendResult> {
        self.queues().enqueue(data)
    }

    /// Adds a group of messages behind all others.
    pub(super) fn enqueue_all(&mut self, group: Vec<Data>) -> Reply<SendAllResult> {
        self.queues().enqueue_all(group)
    }

    /// Adds a message that the session cannot carry. It is returned in the reply, or by `take_rejected`.
    #[inline(never)] // Most messages do not get here, and would pay for the code.
    pub(super) fn refuse(&mut self, err: SendError) -> Reply<SendResult> {
        self.queues().refuse(err)
    }

    /// Adds a group of messages that the session cannot carry.
    pub(super) fn refuse_group(&mut self, err: SendAllError) -> Reply<SendAllResult> {
        self.queues().refuse_group(err)
    }

    /// Treats the first message as `gate` says: gives it to the session by `send`, carries it over, or refuses it. Returns
    /// `false` if it must wait, or if there is none.
    pub(super) fn advance(
        &mut self,
        gate: Gate,
        send: impl FnOnce(Outgoing) -> Result<(), Rejected>,
    ) -> bool {
        self.queues.as_mut().is_some_and(|queues| queues.advance(gate, send))
    }

    /// The session has ended for this reason and has not sent `unsent`. These messages were accepted before all messages in the
    /// outbox. `end_session` must follow.
    pub(super) fn take_back(
        &mut self,
        unsent: Vec<Outgoing>,
        interrupted: Interrupted,
        reason: &DisconnectReason,
    ) {
        if !unsent.is_empty() || self.queues.is_some() {
            self.queues().take_back(unsent, interrupted, reason);
        }
    }

    /// The session has ended. Returns the messages that it has not sent and that are not carried over, and those of `do_send`
    /// that waited. Messages whose reply is awaited are returned in the reply. With `carry_over`, only the first message or group
    /// can come back, if it was interrupted too often.
    pub(super) fn end_session(&mut self, carry_over: bool) -> Vec<Data> {
        self.queues.as_mut().map(|queues| queues.end_session(carry_over)).unwrap_or_default()
    }

    /// Refuses all messages, because no session follows.
    pub(super) fn refuse_all(&mut self) {
        if let Some(queues) = &mut self.queues {
            queues.refuse_all();
        }
    }

    /// Whether there are refused messages that `take_rejected` has not shown.
    pub(super) fn has_refused(&self) -> bool {
        self.queues.as_ref().is_some_and(|queues| queues.has_refused())
    }

    /// Answers the senders of refused messages. Returns the messages whose reply nobody awaits.
    pub(super) fn take_rejected(&mut self) -> Vec<Rejected> {
        self.queues.as_mut().map(|queues| queues.take_rejected()).unwrap_or_default()
    }

    /// Somebody awaits that a message is accepted.
    pub(super) fn is_awaited(&self) -> bool {
        self.queues.as_ref().is_some_and(|queues| queues.is_awaited())
    }

    /// The number of entries up to the last message that nobody awaits, without withdrawn ones.
    pub(super) fn unawaited(&self) -> usize {
        self.queues.as_ref().map_or(0, |queues| queues.unawaited())
    }

    /// The number of messages that wait or are carried over, and the bytes of their data.
    pub(super) fn waiting(&mut self) -> (usize, usize) {
        self.queues.as_mut().map(|queues| queues.waiting()).unwrap_or_default()
    }
}
