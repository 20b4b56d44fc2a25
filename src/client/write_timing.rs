//! When the messages of a wake-up are written: at its end, or with those of the next one.

use std::{task::Context as Task, time::Instant};

use super::{
    coalescing::{Coalescing, Turn},
    reply::{AwaitedMessages, Reply},
};
use crate::transport::DeferredWake;

/// Carries out what [`Coalescing`] decides.
#[derive(Debug, Default)]
pub(super) struct WriteTiming {
    coalescing: Coalescing,
    wake: DeferredWake,
    awaited: AwaitedMessages,
    /// The messages that the connection had accepted at the last wake-up.
    accepted: u64,
}

impl WriteTiming {
    /// The reply to the newest `messages` of all `accepted` ones.
    #[inline]
    pub(super) fn reply<T>(&self, value: T, messages: u64, accepted: u64) -> Reply<T> {
        // A wake-up with a message that nobody awaits does not defer its write, so the others need not be counted. That saves
        // work in bursts of `do_send`.
        if self.accepted + self.awaited.get() + messages == accepted {
            Reply::accepted(value, messages, &self.awaited)
        } else {
            Reply::now(value)
        }
    }

    /// Whether this wake-up writes nothing, because the task is woken again soon. `accepted`: all messages that the connection
    /// has ever accepted. A message that nobody awaits does not wait.
    pub(super) fn defers(
        &mut self,
        accepted: u64,
        may_defer: impl FnOnce() -> bool,
        now: impl FnOnce() -> Instant,
        task: &Task<'_>,
    ) -> bool {
        let awaited = self.awaited.take();
        let more = accepted - std::mem::replace(&mut self.accepted, accepted);
        if awaited == 0 && self.coalescing.is_isolated() {
            return false;
        }
        let turn = Turn {
            is_awaited: awaited > 0,
            others_ran: self.wake.take(),
            may_defer: more == awaited && may_defer(),
        };
        let defers = self.coalescing.defers(turn, now);
        if !self.coalescing.is_isolated() {
            self.wake.request(task);
        }
        defers
    }
}
