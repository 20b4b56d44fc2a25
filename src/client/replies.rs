//! Replies that users await, each until its event.

use std::{collections::VecDeque, sync::Arc};

use super::reply::{PendingReply, Reply, ReplyState};
use crate::{
    error::{ConfirmError, ConnectError, DisconnectReason, FlushError},
    protocol::handshake::Session,
};

/// The replies to `Connect`, `Flush`, `Confirm`, `Disconnect` and `Wait` that are still to be given.
#[derive(Debug, Default)]
pub(super) struct Replies {
    connect: Option<PendingReply<Result<Arc<Session>, ConnectError>>>,
    /// Each with the number of messages that have to be written first, in ascending order.
    flushes: VecDeque<(u64, PendingReply<Result<(), FlushError>>)>,
    /// The oldest first, which is answered first.
    confirms: VecDeque<PendingReply<Result<(), ConfirmError>>>,
    disconnects: Vec<PendingReply<()>>,
    waits: Vec<PendingReply<Option<DisconnectReason>>>,
}

impl Replies {
    /// The reply to a `Connect`.
    pub(super) fn connect(&mut self) -> Reply<Result<Arc<Session>, ConnectError>> {
        let (pending, reply) = PendingReply::new();
        self.connect = Some(pending);
        reply
    }

    /// The reply to a `Flush`, given when as many messages as `written` are written.
    pub(super) fn flush(&mut self, written: u64) -> Reply<Result<(), FlushError>> {
        let (pending, reply) = PendingReply::new();
        self.flushes.push_back((written, pending));
        reply
    }

    /// The reply to a `Confirm`, given when the connection answers it.
    pub(super) fn confirm(&mut self) -> Reply<Result<(), ConfirmError>> {
        let (pending, reply) = PendingReply::new();
        self.confirms.push_back(pending);
        reply
    }

    /// The reply to a `Disconnect`, given when the client is idle.
    pub(super) fn disconnect(&mut self) -> Reply<()> {
        let (pending, reply) = PendingReply::new();
        self.disconnects.push(pending);
        reply
    }

    /// The reply to a `Wait`, given when the client is idle.
    pub(super) fn wait(&mut self) -> Reply<Option<DisconnectReason>> {
        self.waits.retain(|wait| matches!(wait.state(), ReplyState::Awaited | ReplyState::Unknown));
        let (pending, reply) = PendingReply::new();
        self.waits.push(pending);
        reply
    }

    /// Answers the `Connect`, if one is pending. Returns the outcome if nobody gets it.
    pub(super) fn answer_connect(
        &mut self,
        outcome: Result<Arc<Session>, ConnectError>,
    ) -> Result<(), Result<Arc<Session>, ConnectError>> {
        match self.connect.take() {
            Some(connect) => connect.answer(outcome),
            None => Err(outcome),
        }
    }

    /// Whether somebody waits until messages are written.
    pub(super) fn has_flush(&self) -> bool {
        !self.flushes.is_empty()
    }

    /// Answers the `Flush`es for which enough messages are `written`.
    pub(super) fn answer_flushes(&mut self, written: u64) {
        while self.flushes.front().is_some_and(|(until, _)| *until <= written) {
            if let Some((_, flush)) = self.flushes.pop_front() {
                let _ = flush.answer(Ok(()));
            }
        }
    }

    /// Answers the oldest `Confirm`.
    pub(super) fn answer_confirm(&mut self, outcome: Result<(), ConfirmError>) {
        if let Some(confirm) = self.confirms.pop_front() {
            let _ = confirm.answer(outcome);
        }
    }

    /// The session has ended: no `Flush` and no `Confirm` can succeed any more.
    pub(super) fn end_session(&mut self) {
        for confirm in self.confirms.drain(..) {
            let _ = confirm.answer(Err(ConfirmError::Disconnected));
        }
        for (_, flush) in self.flushes.drain(..) {
            let _ = flush.answer(Err(FlushError::Disconnected));
        }
    }

    /// Answers every `Disconnect` and every `Wait`: the client is idle, and this is the end of its last session.
    pub(super) fn answer_end(&mut self, last_reason: Option<&DisconnectReason>) {
        for disconnect in self.disconnects.drain(..) {
            let _ = disconnect.answer(());
        }
        for wait in self.waits.drain(..) {
            let _ = wait.answer(last_reason.cloned());
        }
    }

    /// Somebody awaits a session or its end.
    pub(super) fn is_awaited(&self) -> bool {
        let awaited = |state| state == ReplyState::Awaited;
        self.connect.iter().any(|connect| awaited(connect.state()))
            || self.waits.iter().any(|wait| awaited(wait.state()))
    }
}
