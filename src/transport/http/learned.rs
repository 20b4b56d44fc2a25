//! What the ends of connections, and their answers, show of how long a server waits for the next request.

use std::time::Duration;

/// The shortest limit of a server. A connection that ends sooner has not ended because it was idle.
const SHORTEST: Duration = Duration::from_millis(50);

/// The limit may rise to this at once, when a server that seemed to have a shorter one waited for longer.
const GROWTH: Duration = Duration::from_secs(1);

/// The limit of zero rises only if a connection was open for this long. It is longer than a connection with a lost request
/// stays open, so a server that closes each connection some time after its first answer does not seem to wait.
const WAITS: Duration = Duration::from_secs(2);

/// The time after which a server was seen to close idle connections. It is zero for a server that answers only one request
/// on a connection and does not say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LearnedLimit {
    millis: u32,
    /// A second request was answered on some connection, and since then no connection has ended right after its first
    /// answer.
    answers_again: bool,
}

impl LearnedLimit {
    /// The limit of a server of which nothing is known.
    pub(crate) const UNKNOWN: Self = Self { millis: u32::MAX, answers_again: false };

    /// A connection was found closed that had been idle for this long, after this number of answers.
    #[must_use]
    pub(crate) fn closed_after(self, idle: Duration, answers: u32) -> Self {
        if idle < SHORTEST {
            return self.ended_at_once(answers);
        }
        self.at_most(idle).risen_to(idle)
    }

    /// A connection was found closed that had been idle for at most this long, after this number of answers. Nobody knows
    /// when it ended.
    #[must_use]
    pub(crate) fn closed_within(self, idle: Duration, answers: u32) -> Self {
        if idle < SHORTEST { self.ended_at_once(answers) } else { self.at_most(idle) }
    }

    /// A connection was found open that had been idle for this long.
    #[must_use]
    pub(crate) fn open_after(self, idle: Duration) -> Self {
        self.risen_to(idle)
    }

    /// The server has answered a further request on a connection.
    #[must_use]
    pub(crate) fn answered_again(self) -> Self {
        let millis = if self.is_zero() { u32::MAX } else { self.millis };
        Self { millis, answers_again: true }
    }

    /// A connection has ended right after its last answer. If that was its first one, the server probably answers only one
    /// request on each connection. A server that has done otherwise may have been restarted, so it has to do this twice.
    fn ended_at_once(self, answers: u32) -> Self {
        match (answers, self.answers_again) {
            (1, true) => Self { answers_again: false, ..self },
            (1, false) => Self { millis: 0, ..self },
            _ => self,
        }
    }

    fn at_most(self, limit: Duration) -> Self {
        Self { millis: self.millis.min(millis(limit)), ..self }
    }

    /// The limit is at least this long. It rises slowly: the server may have several limits, or another server may have
    /// answered.
    fn risen_to(self, limit: Duration) -> Self {
        if self.is_zero() && limit < WAITS {
            return self;
        }
        let most = self.millis.saturating_mul(2).max(millis(GROWTH));
        Self { millis: self.millis.max(millis(limit).min(most)), ..self }
    }

    /// Whether the server seems to answer only one request on each connection.
    pub(super) fn is_zero(self) -> bool {
        self.millis == 0
    }

    pub(super) fn get(self) -> Duration {
        Duration::from_millis(self.millis.into())
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
