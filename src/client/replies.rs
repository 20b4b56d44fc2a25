//! Replies that users await, each until its event.

use std::{collections::VecDeque, sync::Arc};

use super::reply::{PendingReply, Reply, ReplyState};
use crate::{
    error::{ConfirmError, ConnectError, DisconnectReason, FlushError},
    protocol::handshake::Session,
};

/// The replies to `Connect`, `Flush`, `Confirm`, `Disconnect` and `Wait` that are still to be given.
/// A client that nobody waits for has none of the lists.
#[derive(Debug, Default)]
pub(super) struct Replies(Option<Box<Lists>>);

#[derive(Debug, Default)]
struct Lists {
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
        self.lists().connect = Some(pending);
        reply
    }

    /// The reply to a `Flush`, given when as many messages as `written` are written.
    pub(super) fn flush(&mut self, written: u64) -> Reply<Result<(), FlushError>> {
        let (pending, reply) = PendingReply::new();
        self.lists().flushes.push_back((written, pending));
        reply
    }

    /// The reply to a `Confirm`, given when the connection answers it.
    pub(super) fn confirm(&mut self) -> Reply<Result<(), ConfirmError>> {
        let (pending, reply) = PendingReply::new();
        self.lists().confirms.push_back(pending);
        reply
    }

    /// The reply to a `Disconnect`, given when the client is idle.
    pub(super) fn disconnect(&mut self) -> Reply<()> {
        let (pending, reply) = PendingReply::new();
        self.lists().disconnects.push(pending);
        reply
    }

    /// The reply to a `Wait`, given when the client is idle.
    pub(super) fn wait(&mut self) -> Reply<Option<DisconnectReason>> {
        let waits = &mut self.lists().waits;
        waits.retain(|wait| matches!(wait.state(), ReplyState::Awaited | ReplyState::Unknown));
        let (pending, reply) = PendingReply::new();
        waits.push(pending);
        reply
    }

    /// Answers the `Connect`, if one is pending. Returns the outcome if nobody gets it.
    pub(super) fn answer_connect(
        &mut self,
        outcome: Result<Arc<Session>, ConnectError>,
    ) -> Result<(), Result<Arc<Session>, ConnectError>> {
        let connect = self.0.as_mut().and_then(|lists| lists.connect.take());
        self.free_if_empty();
        match connect {
            Some(connect) => connect.answer(outcome),
            None => Err(outcome),
        }
    }

    /// Whether somebody waits until messages are written.
    pub(super) fn has_flush(&self) -> bool {
        self.0.as_ref().is_some_and(|lists| !lists.flushes.is_empty())
    }

    /// Answers the `Flush`es for which enough messages are `written`.
    pub(super) fn answer_flushes(&mut self, written: u64) {
        let Some(lists) = &mut self.0 else { return };
        while lists.flushes.front().is_some_and(|(until, _)| *until <= written) {
            if let Some((_, flush)) = lists.flushes.pop_front() {
                let _ = flush.answer(Ok(()));
            }
        }
        self.free_if_empty();
    }

    /// Answers the oldest `Confirm`.
    pub(super) fn answer_confirm(&mut self, outcome: Result<(), ConfirmError>) {
        if let Some(confirm) = self.0.as_mut().and_then(|lists| lists.confirms.pop_front()) {
            let _ = confirm.answer(outcome);
        }
        self.free_if_empty();
    }

    /// The session has ended: no `Flush` and no `Confirm` can succeed any more.
    pub(super) fn end_session(&mut self) {
        let Some(lists) = &mut self.0 else { return };
        for confirm in lists.confirms.drain(..) {
            let _ = confirm.answer(Err(ConfirmError::Disconnected));
        }
        for (_, flush) in lists.flushes.drain(..) {
            let _ = flush.answer(Err(FlushError::Disconnected));
        }
        self.free_if_empty();
    }

    /// Answers every `Disconnect` and every `Wait`: the client is idle, and this is the end of its last session.
    pub(super) fn answer_end(&mut self, last_reason: Option<&DisconnectReason>) {
        let Some(lists) = &mut self.0 else { return };
        for disconnect in lists.disconnects.drain(..) {
            let _ = disconnect.answer(());
        }
        for wait in lists.waits.drain(..) {
            let _ = wait.answer(last_reason.cloned());
        }
        self.free_if_empty();
    }

    /// Somebody awaits a session or its end.
    pub(super) fn is_awaited(&self) -> bool {
        let awaited = |state| state == ReplyState::Awaited;
        self.0.as_ref().is_some_and(|lists| {
            lists.connect.iter().any(|connect| awaited(connect.state()))
                || lists.waits.iter().any(|wait| awaited(wait.state()))
        })
    }

    fn lists(&mut self) -> &mut Lists {
        self.0.get_or_insert_default()
    }

    /// Frees the lists with the last reply. A `Wait` that was withdrawn counts until the next one.
    fn free_if_empty(&mut self) {
        if self.0.as_ref().is_some_and(|lists| lists.is_empty()) {
            self.0 = None;
        }
    }
}

impl Lists {
    fn is_empty(&self) -> bool {
        let Self { connect, flushes, confirms, disconnects, waits } = self;
        connect.is_none()
            && flushes.is_empty()
            && confirms.is_empty()
            && disconnects.is_empty()
            && waits.is_empty()
    }
}
