//! Replies that users await, each until its event.

use std::{collections::VecDeque, sync::Arc};

use super::reply::{PendingReply, Reply, ReplyState};
use crate::{
    error::{ConnectError, DisconnectReason, FlushError},
    protocol::handshake::Session,
};

/// The replies to `Connect`, `Flush`, `Disconnect` and `Wait` that are still to be given.
#[derive(Debug, Default)]
pub(super) struct Replies {
    connect: Option<PendingReply<Result<Arc<Session>, ConnectError>>>,
    /// Each with the number of messages that have to be written first, in ascending order.
    flushes: VecDeque<(u64, PendingReply<Result<(), FlushError>>)>,
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

    /// Answers the `Flush`es for which enough messages are `written`.
    pub(super) fn answer_flushes(&mut self, written: u64) {
        while self.flushes.front().is_some_and(|(until, _)| *until <= written) {
            if let Some((_, flush)) = self.flushes.pop_front() {
                let _ = flush.answer(Ok(()));
            }
        }
    }

    /// The session has ended, and with it the hope of every `Flush`.
    pub(super) fn fail_flushes(&mut self) {
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
