//! The client's clock, and the time at which it has to be woken.

use std::{
    future::Future,
    pin::Pin,
    task::{Context as Task, Poll},
    time::Instant,
};

use actix_rt::time::{Sleep, sleep_until};

/// The time by the clock of the runtime's timers. Tests can stop and move that clock.
pub(super) fn now() -> Instant {
    actix_rt::time::Instant::now().into_std()
}

/// The only timer of a client. A deadline that moves away does not touch it: the timer fires too early then, and is set
/// again.
#[derive(Default)]
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Ready once, when the timer fires.
    pub(super) fn poll(&mut self, task: &mut Task<'_>) -> Poll<()> {
        let Some(sleep) = &mut self.0 else { return Poll::Pending };
        let poll = sleep.as_mut().poll(task);
        if poll.is_ready() {
            self.0 = None;
        }
        poll
    }

    /// Makes sure that the timer fires no later than at `deadline`, and wakes the task then. A deadline in the past wakes the
    /// task at once.
    pub(super) fn arm(&mut self, deadline: Instant, task: &mut Task<'_>) {
        let deadline = actix_rt::time::Instant::from_std(deadline);
        match &mut self.0 {
            Some(sleep) if sleep.deadline() <= deadline => return,
            Some(sleep) => sleep.as_mut().reset(deadline),
            None => self.0 = Some(Box::pin(sleep_until(deadline))),
        }
        if self.0.as_mut().is_some_and(|sleep| sleep.as_mut().poll(task).is_ready()) {
            task.waker().wake_by_ref();
        }
    }
}
