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
    /// Some more messages came back. If a warning is due, returns the number of messages since the last one.
    pub(super) fn add(&mut self, now: Instant, messages: usize) -> Option<usize> {
        self.messages += messages;
        if self.warned.is_some_and(|warned| now < warned + WARN_INTERVAL) {
            return None;
        }
        let messages = self.take()?;
        self.warned = Some(now);
        Some(messages)
    }

    /// The number of messages since the last warning, if there are any.
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
        assert_eq!(unseen.add(start, 0), None);
        assert_eq!(unseen.add(start, 2), Some(2));
        assert_eq!(unseen.add(start + WARN_INTERVAL / 2, 3), None);
        assert_eq!(unseen.add(start + WARN_INTERVAL, 4), Some(7));
        assert_eq!(unseen.add(start + WARN_INTERVAL, 1), None);
        assert_eq!((unseen.take(), unseen.take()), (Some(1), None), "at the end");
    }
}
