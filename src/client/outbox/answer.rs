//! The pending reply of a `Send` or of a `SendAll`.

use crate::{
    client::reply::{PendingReply, ReplyState},
    error::{SendAllError, SendError},
    protocol::connection::Rejected,
};

/// The reply to a `Send`.
pub(in crate::client) type SendResult = Result<(), SendError>;

/// The reply to a `SendAll`.
pub(in crate::client) type SendAllResult = Result<(), SendAllError>;

/// A reply that says whether something was accepted.
#[derive(Debug)]
pub(super) enum Answer {
    One(PendingReply<SendResult>),
    Group(PendingReply<SendAllResult>),
}

impl Answer {
    pub(super) fn state(&self) -> ReplyState {
        match self {
            Self::One(reply) => reply.state(),
            Self::Group(reply) => reply.state(),
        }
    }

    /// It was accepted.
    pub(super) fn accept(self) {
        // Whoever sent it may have stopped waiting.
        match self {
            Self::One(reply) => _ = reply.answer(Ok(())),
            Self::Group(reply) => _ = reply.answer(Ok(())),
        }
    }

    /// It was refused. Returns it if nobody awaits the reply.
    pub(super) fn refuse(self, rejected: Rejected) -> Option<Rejected> {
        match (self, rejected) {
            (Self::One(reply), Rejected::One(err)) => {
                reply.answer(Err(err)).err().and_then(Result::err).map(Rejected::One)
            }
            (Self::Group(reply), Rejected::Group(err)) => {
                reply.answer(Err(err)).err().and_then(Result::err).map(Rejected::Group)
            }
            // A reply belongs to one kind of message, so this does not happen.
            (_, rejected) => Some(rejected),
        }
    }
}
