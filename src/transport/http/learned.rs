//! What the ends of connections, and their answers, show of how long a server waits for the next request.

use std::time::Duration;

use super::Repeat;

/// The shortest limit of a server. A connection that ends sooner has not ended because it was idle.
const SHORTEST: Duration = Duration::from_millis(50);

/// The limit may rise to this at once, when a server that seemed to have a shorter one waited for longer.
const GROWTH: Duration = Duration::from_secs(1);

/// A server that seems to answer only one request on each connection does not do so if one was open for this long. A
/// connection with a lost request ends sooner, so a server that closes each connection some time after its first answer does
/// not seem to wait.
const SHOWS_WAITING: Duration = Duration::from_secs(2);

/// The requests that a connection carries. Polls and POSTs have connections of their own, and a server may close only those of
/// the POSTs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    Polls,
    Posts,
}

impl Lane {
    /// The requests that may be repeated like this.
    pub(crate) fn of(repeat: Repeat) -> Self {
        match repeat {
            Repeat::Unanswered => Self::Polls,
            Repeat::Unread | Repeat::Harmless => Self::Posts,
        }
    }
}

/// What the connections of a lane have shown of whether the server answers several requests on each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Nothing,
    /// A second request was answered on some connection, or one stayed open for long, and since then none has ended right after
    /// its first answer.
    SecondAnswer,
    /// The server answers only one request on each connection, and does not say so.
    OneAnswer,
}

/// The time after which a server was seen to close idle connections. It is zero in a lane in which it answers only one request
/// on each connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LearnedLimit {
    millis: u32,
    polls: Shown,
    posts: Shown,
}

impl LearnedLimit {
    /// The limit of a server of which nothing is known.
    pub(crate) const UNKNOWN: Self = Self { millis: u32::MAX, polls: Shown::Nothing, posts: Shown::Nothing };

    /// A connection was found closed that had been idle for this long, after this number of answers.
    #[must_use]
    pub(crate) fn closed_after(self, idle: Duration, answers: u32, lane: Lane) -> Self {
        if idle < SHORTEST {
            return self.ended_at_once(answers, lane);
        }
        self.at_most(idle, lane).risen_to(idle, lane)
    }

    /// A connection was found closed that had been idle for at most this long, after this number of answers. Nobody knows
    /// when it ended.
    #[must_use]
    pub(crate) fn closed_within(self, idle: Duration, answers: u32, lane: Lane) -> Self {
        if idle < SHORTEST { self.ended_at_once(answers, lane) } else { self.at_most(idle, lane) }
    }

    /// A connection was found open that had been idle for this long.
    #[must_use]
    pub(crate) fn open_after(self, idle: Duration, lane: Lane) -> Self {
        self.risen_to(idle, lane)
    }

    /// The server has answered a further request on a connection.
    #[must_use]
    pub(crate) fn answered_again(self, lane: Lane) -> Self {
        self.with(lane, Shown::SecondAnswer)
    }

    /// A connection has ended right after its last answer. If that was its first one, the server probably answers only one
    /// request on each connection. A server that has done otherwise may have been restarted, so it has to do this twice.
    fn ended_at_once(self, answers: u32, lane: Lane) -> Self {
        match self.shown(lane).0 {
            _ if answers != 1 => self,
            Shown::SecondAnswer => self.with(lane, Shown::Nothing),
            Shown::Nothing | Shown::OneAnswer => self.with(lane, Shown::OneAnswer),
        }
    }

    /// What this lane has shown, and the other one.
    fn shown(self, lane: Lane) -> (Shown, Shown) {
        match lane {
            Lane::Polls => (self.polls, self.posts),
            Lane::Posts => (self.posts, self.polls),
        }
    }

    fn with(self, lane: Lane, shown: Shown) -> Self {
        match lane {
            Lane::Polls => Self { polls: shown, ..self },
            Lane::Posts => Self { posts: shown, ..self },
        }
    }

    /// The limit is at most this long. While it is zero, a connection that is open for a while longer shows nothing.
    fn at_most(self, limit: Duration, lane: Lane) -> Self {
        if self.is_zero(lane) {
            return self;
        }
        Self { millis: self.millis.min(millis(limit)), ..self }
    }

    /// The limit is at least this long. It rises slowly: the server may have several limits, or another server may have
    /// answered.
    fn risen_to(self, limit: Duration, lane: Lane) -> Self {
        if self.is_zero(lane) {
            let risen =
                Self { millis: self.millis.min(millis(GROWTH)), ..self.with(lane, Shown::SecondAnswer) };
            return if limit < SHOWS_WAITING { self } else { risen };
        }
        let most = self.millis.saturating_mul(2).max(millis(GROWTH));
        Self { millis: self.millis.max(millis(limit).min(most)), ..self }
    }

    /// Whether the server seems to answer only one request on each connection of the lane. A lane that has shown nothing is
    /// like the other one.
    pub(super) fn is_zero(self, lane: Lane) -> bool {
        matches!(self.shown(lane), (Shown::OneAnswer, _) | (Shown::Nothing, Shown::OneAnswer))
    }

    /// The limit without regard to whether it is zero.
    pub(super) fn unless_zero(self) -> Duration {
        Duration::from_millis(self.millis.into())
    }

    pub(super) fn get(self, lane: Lane) -> Duration {
        if self.is_zero(lane) { Duration::ZERO } else { self.unless_zero() }
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
