use std::task::Poll;

use actix_rt::task::yield_now as yield_to_others;

use super::*;

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn without_a_runtime_the_wake_up_comes_at_once() {
    let woken = Arc::<Woken>::default();
    let waker = woken.clone().into();
    let mut wake = DeferredWake::default();
    assert!(!wake.take(), "nothing was requested");
    wake.request(&Task::from_waker(&waker));
    assert!(woken.0.load(Ordering::Relaxed) && wake.take());
    assert!(!wake.take(), "it comes once per request");
}

#[actix::test]
async fn the_task_that_asked_last_is_woken() {
    let mut wake = DeferredWake::default();
    let tasks = [(); 2].map(|()| Arc::<Woken>::default());
    for task in &tasks {
        wake.request(&Task::from_waker(&task.clone().into()));
    }
    yield_to_others().await;
    assert!(tasks[1].0.load(Ordering::Relaxed) && wake.take());
}

#[actix::test]
async fn the_wake_up_comes_after_everything_that_is_ready() {
    let mut wake = DeferredWake::default();
    let (others, mut polls) = (Arc::<AtomicBool>::default(), 0);
    let other = actix_rt::spawn({
        let others = others.clone();
        async move { others.store(true, Ordering::Relaxed) }
    });
    std::future::poll_fn(|task| {
        polls += 1;
        if polls == 1 {
            wake.request(task);
            // A second request changes nothing.
            wake.request(task);
            assert!(!wake.take());
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
    assert!(wake.take() && others.load(Ordering::Relaxed));
    other.await.unwrap();
    yield_to_others().await;
    assert!(!wake.take());
}
