//! Makes visible that the client does not read, because a subscriber does not handle its events.

use std::time::{Duration, Instant};

/// The duration of back-pressure after which the log says so. A subscriber that is only slow rarely needs that long for what it
/// was sent.
const WARN_AFTER: Duration = Duration::from_secs(2);

/// The shortest time between two warnings. A subscriber that is slow all day would otherwise fill the log.
const WARN_INTERVAL: Duration = Duration::from_secs(60);

/// Watches for how long reading has stopped.
#[derive(Debug, Default)]
pub(super) struct BackpressureWatch {
    /// The time at which reading stopped, if it has stopped now.
    since: Option<Instant>,
    /// The time of the last warning.
    warned: Option<Instant>,
}

impl BackpressureWatch {
    /// Whether reading has stopped, at the end of a wake-up. `now` is called only if that has changed.
    pub(super) fn update(&mut self, has_stopped: bool, now: impl FnOnce() -> Instant) {
        if has_stopped != self.since.is_some() {
            self.since = has_stopped.then(now);
        }
    }

    pub(super) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// The time at which a warning is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let (since, warned) = (self.since?, self.warned);
        match warned {
            Some(warned) if warned >= since => None,
            Some(warned) => Some((since + WARN_AFTER).max(warned + WARN_INTERVAL)),
            None => Some(since + WARN_AFTER),
        }
    }

    /// Whether a warning is due. Each wait is worth one warning.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> bool {
        let is_due = self.poll_timeout().is_some_and(|deadline| now >= deadline);
        if is_due {
            self.warned = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_of_two_seconds_is_worth_one_warning_and_a_minute_has_at_most_one() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut watch = BackpressureWatch::default();
        assert_eq!(watch.poll_timeout(), None);
        watch.update(true, || at(0));
        watch.update(true, || at(1));
        assert_eq!((watch.since(), watch.poll_timeout()), (Some(at(0)), Some(at(2))));
        assert!(!watch.handle_timeout(at(1)));
        assert!(watch.handle_timeout(at(2)));
        assert!(!watch.handle_timeout(at(1000)), "the same wait");
        assert_eq!(watch.poll_timeout(), None);

        let mut watch = BackpressureWatch::default();
        watch.update(true, || at(0));
        assert!(watch.handle_timeout(at(2)));
        watch.update(false, || at(3));
        assert_eq!((watch.since(), watch.poll_timeout()), (None, None));
        watch.update(true, || at(4));
        assert_eq!(watch.poll_timeout(), Some(at(62)), "a minute after the last warning");
        watch.update(false, || at(5));
        watch.update(true, || at(100));
        assert_eq!(watch.poll_timeout(), Some(at(102)));
    }
}
