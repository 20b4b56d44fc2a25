//! The end of a wait for a peer.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context as Task, Poll, ready},
    time::Duration,
};

use actix_rt::time::{Instant, Sleep, sleep};
use tokio::task::coop::unconstrained;

use super::DeferredWake;

/// A time limit that counts only when the runtime has looked for input since the time has passed.
///
/// When a suspended process continues, an interrupt ends the runtime's wait for input. So the runtime fires its timers before it
/// knows of what has arrived meanwhile.
pub(super) struct Deadline {
    timer: Pin<Box<Sleep>>,
    /// The turn of the runtime after the time has passed. `poll` requests it then.
    last_turn: DeferredWake,
}

impl Deadline {
    pub(super) fn after(limit: Duration) -> Self {
        Self { timer: Box::pin(sleep(limit)), last_turn: DeferredWake::default() }
    }

    /// Moves the deadline.
    pub(super) fn set(&mut self, deadline: Instant) {
        if deadline == self.timer.deadline() {
            return;
        }
        self.timer.as_mut().reset(deadline);
        self.last_turn = DeferredWake::default();
    }

    /// Ready when the time has passed and the runtime has looked for input since. The caller first polls what the limit is for.
    pub(super) fn poll(&mut self, task: &mut Task<'_>) -> Poll<()> {
        // tokio limits the work of a task per poll, and a timer does not fire once that is used up. A server that sends faster
        // than the response is decoded uses it up each time.
        ready!(pin!(unconstrained(&mut self.timer)).poll(task));
        if self.last_turn.take() {
            return Poll::Ready(());
        }
        self.last_turn.request(task);
        Poll::Pending
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

#[cfg(test)]
mod tests {
    use actix_rt::task::yield_now;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(1);
    /// Timers fire up to a millisecond late.
    const LATE: Duration = Duration::from_millis(1);

    async fn counts(deadline: &mut Deadline) -> bool {
        poll_fn(|task| Poll::Ready(deadline.poll(task).is_ready())).await
    }

    #[actix::test]
    async fn a_limit_counts_after_a_turn_of_the_runtime_however_often_it_is_polled_before() {
        tokio::time::pause();
        let mut deadline = Deadline::after(LIMIT);
        for _ in 0..2 {
            tokio::time::advance(LIMIT - LATE).await;
            assert!(!counts(&mut deadline).await);
            yield_now().await;
            assert!(!counts(&mut deadline).await, "the time has not passed");
            tokio::time::advance(2 * LATE).await;
            assert!(!counts(&mut deadline).await && !counts(&mut deadline).await);
            yield_now().await;
            assert!(counts(&mut deadline).await);
            deadline.set(Instant::now() + LIMIT);
        }
    }

    #[actix::test]
    async fn a_deadline_that_moves_after_its_time_has_a_turn_of_its_own() {
        tokio::time::pause();
        let mut deadline = Deadline::after(LIMIT);
        tokio::time::advance(LIMIT + LATE).await;
        assert!(!counts(&mut deadline).await);
        yield_now().await;
        let next = Instant::now() + LIMIT;
        deadline.set(next);
        tokio::time::advance(LIMIT + LATE).await;
        assert!(!counts(&mut deadline).await, "the turn before was for the other time");
        yield_now().await;
        deadline.set(next);
        assert!(counts(&mut deadline).await, "the deadline has not moved");
    }

    #[actix::test]
    async fn what_is_ready_when_the_time_has_passed_counts() {
        tokio::time::pause();
        assert_eq!(within(LIMIT, sleep(LIMIT)).await, Some(()));
        assert_eq!(within(LIMIT, std::future::pending::<()>()).await, None);
    }
}
