//! The write that the end of a session has interrupted, and how its messages are sent again.

/// The write that the end of a session has interrupted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Interrupted {
    /// The number of messages that were being written: some bytes of their frame, or of their POST, were written, but not all.
    /// They are the first of the unsent messages. 0: no write was interrupted, or it began with a group that is in doubt.
    pub(crate) messages: usize,
    /// No message of the session was sent before, and none may have been.
    pub(crate) is_first: bool,
}

/// The limit for the first POSTs of a session that follows an interrupted one.
///
/// If a POST with several messages was interrupted, one of them may be the reason, or their number. So the same messages are
/// tried in POSTs with half as many messages, until they are sent, or until a POST with one message is interrupted.
#[derive(Debug, Default)]
pub(super) struct SmallerPosts {
    /// The number of messages settled when the session began.
    start: u64,
    /// The number of messages settled when the last one of the interrupted POST is settled.
    end: u64,
}

impl SmallerPosts {
    /// The largest number of packets in the next POST, if so many messages are settled.
    pub(super) fn max_packets(&self, settled: u64) -> usize {
        if settled >= self.end {
            return usize::MAX;
        }
        usize::try_from((self.end - self.start).div_ceil(2)).unwrap_or(usize::MAX)
    }

    /// Whether no message was settled in this session, if so many are by now.
    pub(super) fn is_first(&self, settled: u64) -> bool {
        settled == self.start
    }

    /// The session has ended. `settled`: the number of messages settled when the next one begins.
    pub(super) fn end_session(&mut self, interrupted: Interrupted, settled: u64) {
        let count = match interrupted {
            // The messages of the last limit are still the first ones.
            Interrupted { messages: 0, is_first: true } => self.end.saturating_sub(self.start),
            Interrupted { messages, .. } => u64::try_from(messages).unwrap_or(u64::MAX),
        };
        *self = Self { start: settled, end: settled.saturating_add(count) };
    }
}

#[cfg(test)]
mod tests;
