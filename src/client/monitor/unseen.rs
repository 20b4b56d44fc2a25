//! Makes visible that messages came back although no subscriber takes them, which would lose them in silence.

use std::time::{Duration, Instant};

/// The shortest time between two warnings. A program that sends in a loop would otherwise fill the log.
const WARN_INTERVAL: Duration = Duration::from_secs(60);

/// Counts messages that came back and that no subscriber took.
#[derive(Debug, Default)]
pub(super) struct UnseenMessages {
    /// The time of the last warning.
    warned: Option<Instant>,
    /// The messages since the last warning.
    messages: usize,
}

impl UnseenMessages {
    pub(super) fn add(&mut self, messages: usize) {
        self.messages += messages;
    }

    /// Whether there is nothing to warn of.
    pub(super) fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// The time at which the next warning is due. `None`: at once, or there is nothing to warn of.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.warned.filter(|_| !self.is_empty()).map(|warned| warned + WARN_INTERVAL)
    }

    /// Takes the number of messages since the last warning, if a warning is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<usize> {
        if self.poll_timeout().is_some_and(|due| now < due) {
            return None;
        }
        let messages = self.take()?;
        self.warned = Some(now);
        Some(messages)
    }

    /// Takes the number of messages since the last warning, if there are any.
    pub(super) fn take(&mut self) -> Option<usize> {
        Some(std::mem::take(&mut self.messages)).filter(|messages| *messages > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_nobody_takes_are_warned_of_once_a_minute_and_all_of_them_count() {
        let start = Instant::now();
        let mut unseen = UnseenMessages::default();
        assert_eq!((unseen.take_due(start), unseen.poll_timeout()), (None, None));
        unseen.add(1);
        unseen.add(2);
        assert_eq!(unseen.poll_timeout(), None, "it is due at once");
        assert_eq!(unseen.take_due(start), Some(3));
        assert_eq!(unseen.poll_timeout(), None, "there is nothing more to say");
        unseen.add(4);
        assert_eq!(unseen.take_due(start + WARN_INTERVAL / 2), None);
        assert_eq!(unseen.poll_timeout(), Some(start + WARN_INTERVAL));
        unseen.add(5);
        assert_eq!(unseen.take_due(start + WARN_INTERVAL), Some(9));
        unseen.add(1);
        assert_eq!((unseen.take(), unseen.take()), (Some(1), None), "at the end");
    }
}
