//! When the client is to be woken.

use std::{
    future::Future,
    pin::Pin,
    task::{Context as Task, Poll},
    time::Instant,
};

use actix_rt::time::{Sleep, sleep_until};

/// The clock, as the runtime's timers see it.
pub(super) fn now() -> Instant {
    actix_rt::time::Instant::now().into_std()
}

/// The one timer. Lazy: a deadline that moves away leaves it alone, and it finds out when it fires.
#[derive(Default)]
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    pub(super) fn poll(&mut self, task: &mut Task<'_>) -> Poll<()> {
        let Some(sleep) = &mut self.0 else { return Poll::Pending };
        let poll = sleep.as_mut().poll(task);
        if poll.is_ready() {
            self.0 = None;
        }
        poll
    }

    /// Makes sure it fires by `at`. Returns whether it already has.
    pub(super) fn arm(&mut self, at: Instant, task: &mut Task<'_>) -> bool {
        let at = actix_rt::time::Instant::from_std(at);
        match &mut self.0 {
            Some(sleep) if sleep.deadline() <= at => return false,
            Some(sleep) => sleep.as_mut().reset(at),
            None => self.0 = Some(Box::pin(sleep_until(at))),
        }
        self.0.as_mut().is_some_and(|sleep| sleep.as_mut().poll(task).is_ready())
    }
}
