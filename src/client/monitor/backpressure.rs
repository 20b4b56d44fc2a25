//! Makes visible that the client does not read, because a subscriber does not handle its events.

use std::time::{Duration, Instant};

use crate::client::message::SubscriptionId;

/// The duration of back-pressure after which the log says so. A subscriber that is only slow rarely needs that long for what it
/// was sent.
const WARN_AFTER: Duration = Duration::from_secs(2);

/// The shortest time between two warnings about one subscriber. If it is slow all day, it would otherwise fill the log.
const WARN_INTERVAL: Duration = Duration::from_secs(60);

/// Watches for how long reading has stopped.
#[derive(Debug, Default)]
pub(super) struct BackpressureWatch {
    /// The time at which reading stopped, if it has stopped now.
    since: Option<Instant>,
    /// The time at which a warning is due, unless there was one since reading has stopped.
    due: Option<Instant>,
    /// The last warning: about which subscriber, and when.
    warned: Option<(SubscriptionId, Instant)>,
}

impl BackpressureWatch {
    /// Whether reading has stopped, at the end of a wake-up. `now` is called only if that has changed.
    pub(super) fn update(&mut self, has_stopped: bool, now: impl FnOnce() -> Instant) {
        if has_stopped != self.since.is_some() {
            self.since = has_stopped.then(now);
            self.due = self.since.map(|since| since + WARN_AFTER);
        }
    }

    pub(super) fn since(&self) -> Option<Instant> {
        self.since
    }

    /// The time at which `handle_timeout` is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// Whether to warn now that the client does not read because of `subscriber`.
    pub(super) fn handle_timeout(&mut self, now: Instant, subscriber: SubscriptionId) -> bool {
        if self.due.is_none_or(|due| now < due) {
            return false;
        }
        self.due = match self.warned {
            Some((warned, at)) if warned == subscriber && now < at + WARN_INTERVAL => {
                Some(at + WARN_INTERVAL)
            }
            _ => None,
        };
        if self.due.is_none() {
            self.warned = Some((subscriber, now));
        }
        self.due.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: SubscriptionId = SubscriptionId(0);
    const B: SubscriptionId = SubscriptionId(1);

    #[test]
    fn each_wait_of_two_seconds_is_worth_one_warning_and_a_minute_has_at_most_one_for_each_subscriber() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut watch = BackpressureWatch::default();
        assert_eq!(watch.poll_timeout(), None);
        watch.update(true, || at(0));
        watch.update(true, || at(1));
        assert_eq!((watch.since(), watch.poll_timeout()), (Some(at(0)), Some(at(2))));
        assert!(!watch.handle_timeout(at(1), A));
        assert!(watch.handle_timeout(at(2), A));
        assert!(!watch.handle_timeout(at(1000), A), "the same wait");
        assert_eq!(watch.poll_timeout(), None);

        let mut watch = BackpressureWatch::default();
        watch.update(true, || at(0));
        assert!(watch.handle_timeout(at(2), A));
        watch.update(false, || at(3));
        assert_eq!((watch.since(), watch.poll_timeout()), (None, None));
        watch.update(true, || at(4));
        assert!(!watch.handle_timeout(at(6), A));
        assert_eq!(watch.poll_timeout(), Some(at(62)), "a minute after the last warning about it");
        watch.update(false, || at(7));
        watch.update(true, || at(8));
        assert!(watch.handle_timeout(at(10), B), "another subscriber");
        watch.update(false, || at(11));
        watch.update(true, || at(100));
        assert!(watch.handle_timeout(at(102), A));
    }
}
