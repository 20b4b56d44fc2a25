//! Replies that are given after the handler has returned, without a future for each.

use std::{cell::Cell, fmt, rc::Rc};

use actix::{
    Actor, Message,
    dev::{MessageResponse, OneshotSender},
};

/// The reply of one of this crate's messages: the result type of the client's handlers. Programs do not make or read one;
/// `Addr::send` gives them the value.
pub struct Reply<T>(Inner<T>);

enum Inner<T> {
    Now(T),
    /// A reply that goes to the function if nobody awaits it.
    NowOrElse(T, fn(T)),
    /// Accepted messages, which are counted if the reply is awaited.
    Accepted(T, Accepted),
    Pending(PendingReply<T>),
}

struct Accepted {
    awaited: AwaitedMessages,
    messages: u64,
}

impl<T> Reply<T> {
    pub(super) fn now(value: T) -> Self {
        Self(Inner::Now(value))
    }

    /// A reply that must not be lost: if nobody awaits it, `unseen` gets it.
    pub(super) fn now_or_else(value: T, unseen: fn(T)) -> Self {
        Self(Inner::NowOrElse(value, unseen))
    }

    /// The reply to messages that were accepted. They are added to `awaited` if the reply is awaited.
    pub(super) fn accepted(value: T, messages: u64, awaited: &AwaitedMessages) -> Self {
        Self(Inner::Accepted(value, Accepted { awaited: awaited.clone(), messages }))
    }

    /// Takes the sender that actix has for this reply; `None` is a `do_send`.
    fn deliver(self, sender: Option<OneshotSender<T>>) {
        match self.0 {
            Inner::Now(value) => {
                if let Some(sender) = sender {
                    // Whoever asked may have stopped waiting.
                    let _ = sender.send(value);
                }
            }
            Inner::NowOrElse(value, unseen) => {
                let seen = match sender {
                    Some(sender) => sender.send(value),
                    None => Err(value),
                };
                seen.unwrap_or_else(unseen);
            }
            Inner::Accepted(value, Accepted { awaited, messages }) => {
                if let Some(sender) = sender
                    && sender.send(value).is_ok()
                {
                    awaited.0.set(awaited.0.get() + messages);
                }
            }
            Inner::Pending(pending) => pending.set_sender(sender),
        }
    }
}

/// The number of messages that were accepted at once and whose reply was awaited.
#[derive(Debug, Clone, Default)]
pub(super) struct AwaitedMessages(Rc<Cell<u64>>);

impl AwaitedMessages {
    /// The number since the last [`take`](Self::take).
    pub(super) fn get(&self) -> u64 {
        self.0.get()
    }

    /// The number since the last call.
    pub(super) fn take(&self) -> u64 {
        self.0.take()
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").finish_non_exhaustive()
    }
}

impl<A: Actor, M: Message<Result = T>, T: 'static> MessageResponse<A, M> for Reply<T> {
    fn handle(self, _: &mut A::Context, sender: Option<OneshotSender<T>>) {
        self.deliver(sender);
    }
}

/// The client's end of a [`Reply`] that is given later.
///
/// actix hands over the sender of a reply only after the handler has returned, and `do_send` brings none. An answer that
/// is given before that is stored.
pub(super) struct PendingReply<T>(Rc<Cell<Slot<T>>>);

impl<T> fmt::Debug for PendingReply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PendingReply").field(&self.state()).finish()
    }
}

enum Slot<T> {
    /// The handler has not returned.
    Handling,
    /// The handler has not returned, and this is the answer already. Boxed, because it is rare.
    Answered(Box<T>),
    /// The message came by `do_send`, or the reply was given.
    Unwanted,
    Wanted(OneshotSender<T>),
}

/// Whether somebody awaits a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReplyState {
    /// This is not known yet: the handler of the message has not returned.
    Unknown,
    /// The message came by `do_send`.
    Unwanted,
    Awaited,
    /// The sender of the message has stopped waiting.
    Dropped,
}

impl<T> PendingReply<T> {
    /// Both ends of a reply.
    pub(super) fn new() -> (Self, Reply<T>) {
        let slot = Rc::new(Cell::new(Slot::Handling));
        (Self(slot.clone()), Reply(Inner::Pending(Self(slot))))
    }

    fn set_sender(self, sender: Option<OneshotSender<T>>) {
        match (self.0.replace(Slot::Unwanted), sender) {
            (Slot::Answered(value), Some(sender)) => _ = sender.send(*value),
            (_, Some(sender)) => self.0.set(Slot::Wanted(sender)),
            (_, None) => {}
        }
    }

    /// Gives the reply, or returns it if nobody awaits it.
    pub(super) fn answer(self, value: T) -> Result<(), T> {
        match self.0.replace(Slot::Unwanted) {
            Slot::Wanted(sender) => sender.send(value),
            Slot::Handling => {
                self.0.set(Slot::Answered(Box::new(value)));
                Ok(())
            }
            Slot::Unwanted | Slot::Answered(_) => Err(value),
        }
    }

    pub(super) fn state(&self) -> ReplyState {
        let slot = self.0.replace(Slot::Unwanted);
        let state = match &slot {
            Slot::Handling | Slot::Answered(_) => ReplyState::Unknown,
            Slot::Unwanted => ReplyState::Unwanted,
            Slot::Wanted(sender) if sender.is_closed() => ReplyState::Dropped,
            Slot::Wanted(_) => ReplyState::Awaited,
        };
        self.0.set(slot);
        state
    }
}

#[cfg(test)]
pub(super) mod awaiting;
