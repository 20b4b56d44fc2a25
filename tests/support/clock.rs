//! Time in tests: the clock of the client, which a test may stop, and the patience of the test, which is real.

use std::{
    future::{self, Future},
    pin::pin,
    sync::{LazyLock, mpsc},
    thread,
    time::Duration,
};

use actix_rt::{task, time::Instant};
use futures::{
    FutureExt as _,
    future::{Either, select},
};
use tokio::{runtime, time};

use super::server::PATIENCE;

/// A limit that a client may reach in a test.
pub(crate) const SHORT: Duration = Duration::from_millis(300);

/// How much later than its limit a timeout may be noticed, on a machine that is busy.
const SLACK: Duration = Duration::from_secs(4);

/// Turns of the tasks on a thread in which a message passes from actor to actor to its end.
const TURNS: usize = 20;

/// Tokio rounds timers up to milliseconds.
pub(crate) const TICK: Duration = Duration::from_millis(1);

/// The client's clock, which moves only when the test says so: then a limit is reached neither early nor
/// late, however busy the machine is, and nobody waits for it.
pub(crate) struct Clock {
    /// Tokio moves a paused clock by itself when there is nothing else to do, but not during a blocking task. This one
    /// ends with the clock.
    _blocks: mpsc::Sender<()>,
}

impl Clock {
    /// Stops the clock of this thread.
    pub(crate) fn stop() -> Self {
        let (sender, receiver) = mpsc::channel::<()>();
        task::spawn_blocking(move || receiver.recv());
        time::pause();
        Self { _blocks: sender }
    }

    /// Moves the clock when all that happened before has arrived, and lets the client do what is due then.
    pub(crate) async fn advance(&self, by: Duration) {
        moment().await;
        time::advance(by).await;
        moment().await;
    }

    /// Awaits `future`, which has to be ready when the clock has moved by `limit` after `start`, and no earlier.
    pub(crate) async fn takes<T>(
        &self,
        limit: Duration,
        start: impl Future<Output = ()>,
        future: impl Future<Output = T>,
    ) -> T {
        let mut future = pin!(future);
        let too_early = async {
            start.await;
            self.advance(limit - TICK).await;
        };
        if let Either::Left(_) = select(future.as_mut(), pin!(too_early)).await {
            panic!("it takes less than {limit:?}");
        }
        self.advance(2 * TICK).await;
        soon("what has a limit", future).await
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        if !thread::panicking() {
            time::resume();
        }
    }
}

/// Long enough, in real time, for bytes on their way within this machine to arrive and to be handled on this thread.
pub(crate) async fn moment() {
    task::spawn_blocking(|| thread::sleep(Duration::from_millis(5))).await.expect("a sleep does not panic");
    for _ in 0..TURNS {
        task::yield_now().await;
    }
}

/// Awaits `future`, but not for ever.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    if let Some(outcome) = future.as_mut().now_or_never() {
        return outcome;
    }
    // A sleep belongs to the runtime that it is created on.
    let patience = REAL_TIME.spawn(async { time::sleep(PATIENCE).await });
    let abort = patience.abort_handle();
    match select(future, patience).await {
        Either::Left((outcome, _)) => {
            abort.abort();
            outcome
        }
        Either::Right(_) => panic!("{what} takes too long"),
    }
}

/// A runtime whose clock no test stops.
static REAL_TIME: LazyLock<runtime::Handle> = LazyLock::new(|| {
    let runtime = runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let handle = runtime.handle().clone();
    thread::spawn(move || runtime.block_on(future::pending::<()>()));
    handle
});

/// Awaits `future`, which has to take as long as `limit` and not much longer. The limit must not begin before the future
/// does.
pub(crate) async fn takes<T>(limit: Duration, future: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let outcome = future.await;
    let took = start.elapsed();
    assert!(limit <= took && took < limit + SLACK, "took {took:?} instead of {limit:?}");
    outcome
}
