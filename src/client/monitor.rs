//! What operators see of a client: its state, its figures, and what makes it stop reading.

mod backpressure;
mod meter;
mod metrics;
mod state_watch;
mod unseen;

use std::time::{Duration, Instant};

use tokio::sync::watch;

pub(super) use self::meter::Meter;
use self::{backpressure::BackpressureWatch, unseen::UnseenMessages};
pub use self::{
    metrics::{Metrics, MetricsSnapshot},
    state_watch::{StateWatch, WatchState},
};
use super::{
    message::{BackPressure, State},
    subscribers::{Behind, Subscribers},
    timer::now,
};
use crate::protocol::connection::Connection;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Monitor {
    backpressure: BackpressureWatch,
    /// The client's part in the metrics. Boxed, since most clients have none.
    meter: Option<Box<Meter>>,
    /// The messages that no subscriber took. Boxed, since most clients have none.
    unseen: Option<Box<UnseenMessages>>,
    /// The state for those who watch it.
    state: Option<watch::Sender<State>>,
}

impl Monitor {
    pub(super) fn new(metrics: Option<Metrics>) -> Self {
        Self { meter: metrics.map(|metrics| Box::new(Meter::new(metrics))), ..Self::default() }
    }

    /// Whether there is nothing to show after a wake-up of the client, which is so for most clients nearly always.
    pub(super) fn is_idle(&self, connection: &Connection) -> bool {
        self.meter.is_none()
            && self.state.is_none()
            && self.backpressure.since().is_none()
            && !connection.has_backpressure()
            && self.unseen.as_ref().is_none_or(|unseen| unseen.is_empty())
    }

    /// Looks at the client at the end of a wake-up. If a warning is due, returns the subscriber because of which the client
    /// does not read, and for how long it has not.
    #[inline(never)]
    pub(super) fn update(
        &mut self,
        connection: &Connection,
        subscribers: &Subscribers,
        state: impl FnOnce() -> State,
    ) -> Option<(Behind, Duration)> {
        let has_stopped = connection.has_backpressure();
        self.backpressure.update(has_stopped, now);
        if let Some(meter) = &mut self.meter {
            meter.update(connection, self.backpressure.since());
        }
        self.update_state(state);
        let (due, since) = (self.backpressure.poll_timeout()?, self.backpressure.since()?);
        let now = now();
        let behind = if now >= due { subscribers.furthest_behind()? } else { return None };
        let warns = self.backpressure.handle_timeout(now, behind.subscriber);
        warns.then(|| (behind, now.saturating_duration_since(since)))
    }

    fn update_state(&self, state: impl FnOnce() -> State) {
        if let Some(sender) = &self.state {
            let state = state();
            sender.send_if_modified(|seen| std::mem::replace(seen, state) != state);
        }
    }

    /// The time at which a warning is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let unseen = self.unseen.as_ref().and_then(|unseen| unseen.poll_timeout());
        self.backpressure.poll_timeout().into_iter().chain(unseen).min()
    }

    /// The subscriber that makes the client stop reading, if it has stopped.
    pub(super) fn backpressure(&self, subscribers: &Subscribers) -> Option<BackPressure> {
        let since = self.backpressure.since()?;
        let behind = subscribers.furthest_behind()?;
        let mut shown = BackPressure::new(since, behind.bytes, behind.subscriber);
        shown.name = behind.name;
        Some(shown)
    }

    pub(super) fn watch(&mut self, state: State) -> StateWatch {
        let sender = self.state.get_or_insert_with(|| watch::Sender::new(state));
        StateWatch::new(sender.subscribe())
    }

    /// Messages came back that no subscriber takes.
    pub(super) fn add_unseen(&mut self, messages: usize) {
        if messages > 0 {
            self.unseen.get_or_insert_default().add(messages);
        }
    }

    /// If a warning is due, returns the number of messages that no subscriber took since the last one.
    pub(super) fn take_due_unseen(&mut self) -> Option<usize> {
        self.unseen.as_mut()?.take_due(now())
    }

    /// Takes the number of messages that no subscriber took and that no warning has named yet, if there are any.
    pub(super) fn take_all_unseen(&mut self) -> Option<usize> {
        self.unseen.as_mut()?.take()
    }

    /// The client has stopped.
    pub(super) fn stopped(&mut self, connection: &Connection, subscribers: &Subscribers) {
        self.update(connection, subscribers, State::default);
    }

    /// Adds something to the metrics, if the client has any.
    pub(super) fn count(&mut self, add: impl FnOnce(&mut Meter)) {
        if let Some(meter) = &mut self.meter {
            add(meter);
        }
    }
}
