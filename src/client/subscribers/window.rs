//! How many events a subscriber gets before it has to acknowledge them.

use std::time::{Duration, Instant};

use crate::client::timer::now;

/// Upper limits of a window: events, and bytes of data. The event that reaches the limit of bytes is the last one. A small
/// window means that the data of the next read finds the buffers of this one free, and still in the processor's cache.
const MAX_EVENTS: u32 = 64;
const MAX_BYTES: usize = 64 << 10;

/// The time that a subscriber may need for a window. Only the last event of a window is acknowledged, and that must happen
/// within `stall_timeout`; so a slow subscriber gets fewer events at a time.
const MAX_TIME: Duration = Duration::from_secs(1);

/// The number of windows, at most, in which [all events that wait](Window::widen) are sent at once. Each needs a sender, a
/// request and a reply, which together take more memory than a small event.
const MAX_WINDOWS: u32 = 256;

/// The window of a subscriber, which adapts to its pace.
#[derive(Debug)]
pub(super) struct Window {
    /// The number of events in the next window, at most.
    limit: u32,
    /// The number of events in the last window.
    events: u32,
    sent_at: Instant,
}

impl Window {
    /// The first window has one event, since the subscriber's pace is not known yet.
    pub(super) fn new() -> Self {
        Self { limit: 1, events: 1, sent_at: now() }
    }

    pub(super) fn is_full(&self, events: usize, bytes: usize) -> bool {
        events >= usize::try_from(self.limit).unwrap_or(usize::MAX) || bytes >= MAX_BYTES
    }

    /// All events that wait, this many, are to be sent at once. If they are very many, the windows are larger than the
    /// subscriber's pace allows.
    pub(super) fn widen(&mut self, waiting: usize) {
        let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        self.limit = self.limit.max(waiting.div_ceil(MAX_WINDOWS));
    }

    /// A window of this many events was sent.
    pub(super) fn sent(&mut self, events: usize) {
        self.events = u32::try_from(events).unwrap_or(u32::MAX);
        self.sent_at = now();
    }

    /// The last window was acknowledged: adapts the next one to the time that it took.
    #[inline(never)] // It is not needed for every event, and would slow those down.
    pub(super) fn acknowledged(&mut self) {
        let pace = now().saturating_duration_since(self.sent_at) / self.events.max(1);
        let in_time = MAX_TIME.as_nanos().checked_div(pace.as_nanos()).unwrap_or(u128::MAX);
        self.limit = u32::try_from(in_time).unwrap_or(u32::MAX).clamp(1, MAX_EVENTS);
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
    fn very_many_events_at_once_go_in_larger_windows() {
        for (waiting, limit) in [(0, 1), (256, 1), (257, 2), (16_000, 63)] {
            let mut window = Window::new();
            window.widen(waiting);
            assert!(window.is_full(limit, 0), "{waiting}: {window:?}");
        }
    }

    #[test]
    fn an_event_of_much_data_is_the_last_of_its_window() {
        let window = Window { limit: 64, events: 1, sent_at: Instant::now() };
        assert!(!window.is_full(2, MAX_BYTES - 1));
        assert!(window.is_full(2, MAX_BYTES));
    }
}
