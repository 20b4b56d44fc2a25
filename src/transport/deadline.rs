//! The end of a wait for a peer.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context as Task, Poll, ready},
    time::Duration,
};

use actix_rt::{
    task::yield_now,
    time::{Instant, Sleep, sleep},
};
use futures::future::LocalBoxFuture;
use tokio::task::coop::unconstrained;

/// A time limit, after which the runtime looks once more at what has arrived.
///
/// When a process continues that was suspended, the runtime's wait for input ends by an interrupt, without any input. So the runtime
/// fires its timers before it knows of what has arrived meanwhile.
pub(super) struct Deadline {
    timer: Pin<Box<Sleep>>,
    /// The last look at what has arrived. `None`: the time has not passed.
    last_turn: Option<LocalBoxFuture<'static, ()>>,
}

impl Deadline {
    pub(super) fn after(limit: Duration) -> Self {
        Self { timer: Box::pin(sleep(limit)), last_turn: None }
    }

    /// Moves the deadline.
    pub(super) fn set(&mut self, deadline: Instant) {
        self.timer.as_mut().reset(deadline);
        self.last_turn = None;
    }

    /// Ready when the time has passed. What has to happen in time is polled before.
    pub(super) fn poll(&mut self, task: &mut Task<'_>) -> Poll<()> {
        if self.last_turn.is_none() {
            // tokio lets a task do so much at a time, and a timer does not fire once that is used up. A server that sends
            // faster than the response is decoded uses it up each time.
            ready!(pin!(unconstrained(&mut self.timer)).poll(task));
        }
        // The task goes on when the runtime has looked for input.
        self.last_turn.get_or_insert_with(|| Box::pin(yield_now())).as_mut().poll(task)
    }
}

/// The output of `future`; `None` if it is not ready within `limit`.
pub(super) async fn within<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut deadline = Deadline::after(limit);
    poll_fn(|task| match future.as_mut().poll(task) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => deadline.poll(task).map(|()| None),
    })
    .await
}
