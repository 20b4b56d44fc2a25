//! Replies that wait, without a future for each.

use std::{cell::Cell, fmt, rc::Rc};

use actix::{
    Actor, Message,
    dev::{MessageResponse, OneshotSender},
};

/// The reply of one of this crate's messages: given at once, or kept until there is one.
pub struct Reply<T>(Inner<T>);

enum Inner<T> {
    Now(T),
    PendingReply(PendingReply<T>),
}

impl<T> Reply<T> {
    pub(super) fn now(value: T) -> Self {
        Self(Inner::Now(value))
    }

    pub(super) fn later(later: &PendingReply<T>) -> Self {
        Self(Inner::PendingReply(PendingReply(later.0.clone())))
    }
}

impl<T> fmt::Debug for Reply<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").finish_non_exhaustive()
    }
}

impl<A: Actor, M: Message<Result = T>, T: 'static> MessageResponse<A, M> for Reply<T> {
    fn handle(self, _: &mut A::Context, sender: Option<OneshotSender<T>>) {
        match self.0 {
            Inner::Now(value) => {
                if let Some(sender) = sender {
                    // Nobody waits any more, and that is theirs to decide.
                    let _ = sender.send(value);
                }
            }
            Inner::PendingReply(later) => later.0.set(sender),
        }
    }
}

/// A reply that is owed. actix hands over its sender when the handler has returned; `do_send` brings none.
pub(super) struct PendingReply<T>(Rc<Cell<Option<OneshotSender<T>>>>);

impl<T> PendingReply<T> {
    pub(super) fn new() -> Self {
        Self(Rc::new(Cell::new(None)))
    }

    /// Gives the reply; hands it back if nobody awaits it.
    pub(super) fn answer(self, value: T) -> Result<(), T> {
        match self.0.take() {
            Some(sender) => sender.send(value),
            None => Err(value),
        }
    }

    pub(super) fn state(&self) -> ReplyState {
        let sender = self.0.take();
        let state = match &sender {
            None => ReplyState::Unwanted,
            Some(sender) if sender.is_closed() => ReplyState::Dropped,
            Some(_) => ReplyState::Awaited,
        };
        self.0.set(sender);
        state
    }
}

/// Whether somebody awaits a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReplyState {
    /// The message came by `do_send`.
    Unwanted,
    Awaited,
    /// The one who awaited it has given up.
    Dropped,
}
