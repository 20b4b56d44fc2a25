//! How many events a subscriber gets before it has to acknowledge them.

use std::{
    mem,
    time::{Duration, Instant},
};

use crate::client::timer::now;

/// Upper limits of a window: events, and bytes of data. The event that reaches the limit of bytes is the last one. A small
/// window means that the data of the next read finds the buffers of this one free, and still in the processor's cache.
const MAX_EVENTS: usize = 64;
const MAX_BYTES: usize = 64 << 10;

/// The time that a subscriber may need for a window. Only the last event of a window is acknowledged, and that must happen
/// within `stall_timeout`; so a slow subscriber gets fewer events at a time.
const MAX_TIME: Duration = Duration::from_secs(1);

/// The window of a subscriber, which adapts to its pace.
#[derive(Debug)]
pub(super) struct Window {
    /// The number of events in the next window, at most.
    limit: usize,
    /// The number of events in the last window.
    events: u8,
    /// The number of windows that the rest of the events would have filled, if the rest was sent at once.
    rest: u32,
    /// The last window was sent behind the rest.
    is_behind_rest: bool,
    sent_at: Instant,
}

impl Window {
    /// The first window has one event, since the subscriber's pace is not known yet.
    pub(super) fn new() -> Self {
        Self { limit: 1, events: 1, rest: 0, is_behind_rest: false, sent_at: now() }
    }

    pub(super) fn is_full(&self, events: usize, bytes: usize) -> bool {
        events == self.limit || bytes >= MAX_BYTES
    }

    /// A window of so many events was sent.
    pub(super) fn sent(&mut self, events: usize) {
        self.events = u8::try_from(events).unwrap_or(u8::MAX);
        self.is_behind_rest = self.has_rest();
        self.sent_at = now();
    }

    /// All other events were sent at once, so many, and no acknowledgement says when they are handled.
    pub(super) fn sent_rest(&mut self, events: usize) {
        let windows = u32::try_from(events.div_ceil(self.limit)).unwrap_or(u32::MAX);
        self.rest = self.rest.saturating_add(windows);
        self.is_behind_rest = false;
        self.sent_at = now();
    }

    /// The rest was sent, and no window behind it is acknowledged.
    pub(super) fn has_rest(&self) -> bool {
        self.rest > 0
    }

    /// Whether the subscriber may still be busy with the rest, at twice the time that it needed for other events.
    pub(super) fn may_handle_rest(&self, now: Instant) -> bool {
        self.has_rest()
            && now.saturating_duration_since(self.sent_at) < (2 * MAX_TIME).saturating_mul(self.rest)
    }

    /// The last window was acknowledged: adapts the next one to the time that it took.
    #[inline(never)] // It is not needed for every event, and would slow those down.
    pub(super) fn acknowledged(&mut self) {
        if self.has_rest() {
            if mem::take(&mut self.is_behind_rest) {
                self.rest = 0;
            }
            // The time says nothing about this window alone.
            return;
        }
        let pace = now().saturating_duration_since(self.sent_at) / u32::from(self.events.max(1));
        let in_time = MAX_TIME.as_nanos().checked_div(pace.as_nanos()).unwrap_or(u128::MAX);
        self.limit = usize::try_from(in_time).unwrap_or(usize::MAX).clamp(1, MAX_EVENTS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix::test]
    async fn a_window_has_as_many_events_as_take_a_second() {
        tokio::time::pause();
        let mut window = Window::new();
        for (events, took, limit) in [
            (1, Duration::ZERO, 64),
            (64, Duration::from_millis(640), 64),
            (64, Duration::from_secs(64), 1),
            (1, Duration::from_millis(100), 10),
            (10, Duration::from_secs(3600), 1),
        ] {
            window.sent(events);
            tokio::time::advance(took).await;
            window.acknowledged();
            assert!(
                window.is_full(limit, 0) && !window.is_full(limit - 1, 0),
                "{events} in {took:?}: {window:?}"
            );
        }
    }

    #[test]
    fn an_event_of_much_data_is_the_last_of_its_window() {
        let window = Window { limit: 64, ..Window::new() };
        assert!(!window.is_full(2, MAX_BYTES - 1));
        assert!(window.is_full(2, MAX_BYTES));
    }
}
