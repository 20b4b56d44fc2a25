//! A wake-up after everything else that is ready.

use std::{
    future::Future as _,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context as Task, Wake, Waker},
};

use tokio::task::yield_now;

/// Wakes a task after everything else that is ready on its thread has run: the other actors and tasks, and the future of
/// `main` too. On a current-thread runtime, as every arbiter has, the runtime has looked for input by then.
#[derive(Debug, Default)]
pub(crate) struct DeferredWake {
    /// The signal that the runtime wakes. It is made at the first request, so a task that never waits like this has none.
    signal: Option<(Arc<Signal>, Waker)>,
    is_requested: bool,
}

#[derive(Debug)]
struct Signal {
    task: Waker,
    was_woken: AtomicBool,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.was_woken.store(true, Ordering::Relaxed);
        self.task.wake_by_ref();
    }
}

impl DeferredWake {
    /// Requests a wake-up, unless one is requested for this task. Outside of a scheduler's thread it comes at once.
    pub(crate) fn request(&mut self, task: &Task<'_>) {
        let (signal, waker) = match &mut self.signal {
            Some(signal) if signal.0.task.will_wake(task.waker()) => {
                if self.is_requested {
                    return;
                }
                signal
            }
            other => other.insert(Signal::new(task.waker())),
        };
        self.is_requested = true;
        signal.was_woken.store(false, Ordering::Relaxed);
        // The first poll of this future gives the waker to the runtime. There is nothing else in the future.
        let _ = pin!(yield_now()).poll(&mut Task::from_waker(waker));
    }

    /// Whether the requested wake-up has come. Then another one may be requested.
    pub(crate) fn take(&mut self) -> bool {
        let was_woken = |(signal, _): &(Arc<Signal>, Waker)| signal.was_woken.load(Ordering::Relaxed);
        let has_come = self.is_requested && self.signal.as_ref().is_some_and(was_woken);
        if has_come {
            self.is_requested = false;
        }
        has_come
    }
}

impl Signal {
    fn new(task: &Waker) -> (Arc<Self>, Waker) {
        let signal = Arc::new(Self { task: task.clone(), was_woken: AtomicBool::new(false) });
        (signal.clone(), signal.into())
    }
}

#[cfg(test)]
mod tests;
