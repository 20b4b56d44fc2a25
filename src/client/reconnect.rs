//! The policy by which a client connects again, and what it says about each attempt.

mod backoff;

use std::{fmt, time::Duration};

pub(super) use self::backoff::{Backoff, NextAttempt};
use crate::error::{ConnectError, DisconnectReason};

/// The policy by which a client connects again after it lost its session: exponential backoff with full jitter.
///
/// Before attempt `n`, counted from 1, the client waits for a random time between zero and `initial_delay * 2^(n-1)`,
/// but not more than `max_delay`. Because of the randomness, the clients of a server that was restarted do not all come
/// back at the same moment. If the server sent `Retry-After`, the client waits at least that long.
///
/// An attempt that fails is followed by the next one if its error [is retryable](crate::ConnectError::is_retryable).
/// With a [`before_connect`](crate::EngineIoClientBuilder::before_connect) hook, which can fetch a new token, the
/// statuses 401 and 403 are retried as well. Any other error ends the policy with
/// [`Event::ReconnectFailed`](crate::Event::ReconnectFailed).
///
/// The count starts again after a session that lasted at least `max_delay`, and at least one second.
///
/// The upper bound of every delay is at least 10 milliseconds, and no delay is longer than 24 hours.
///
/// ```
/// use std::time::Duration;
///
/// use actix_engineio::{EngineIoClient, Reconnect};
///
/// let builder = EngineIoClient::builder().reconnect(
///     Reconnect::exponential()
///         .initial_delay(Duration::from_millis(500))
///         .max_delay(Duration::from_secs(30))
///         .max_attempts(10),
/// );
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Reconnect {
    initial_delay: Duration,
    max_delay: Duration,
    max_attempts: Option<u32>,
    on_initial_connect: bool,
    on_server_close: bool,
    seed: Option<u64>,
}

impl Reconnect {
    /// The defaults: delays from 500 milliseconds to 30 seconds, any number of attempts, no retries of the user's own
    /// `Connect`, and reconnects also after the server closed the session.
    pub fn exponential() -> Self {
        Self {
            initial_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(30),
            max_attempts: None,
            on_initial_connect: false,
            on_server_close: true,
            seed: None,
        }
    }

    /// Upper bound of the first delay. With zero the delays do not grow, and none is longer than 10 milliseconds.
    /// Default: 500 milliseconds.
    pub fn initial_delay(mut self, delay: Duration) -> Self {
        self.initial_delay = delay;
        self
    }

    /// Upper bound of every delay, except that a server's `Retry-After` can be longer. Also the time after which a
    /// session counts as stable. Default: 30 seconds.
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// Number of attempts in a row, none of which leads to a stable session, after which the client gives up. With zero
    /// it gives up as soon as it loses a session. Default: no limit.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
        self
    }

    /// Whether a [`Connect`](crate::Connect) of the user that fails is retried as well. Its reply then comes when a
    /// session was opened, or when the policy gives up. Default: `false`.
    pub fn on_initial_connect(mut self, retry: bool) -> Self {
        self.on_initial_connect = retry;
        self
    }

    /// Whether the client reconnects after the server closed the session on purpose: with a close packet, or with a
    /// close frame that has the code 1000 or 1001, or none. Default: `true`.
    pub fn on_server_close(mut self, reconnect: bool) -> Self {
        self.on_server_close = reconnect;
        self
    }

    /// Makes the random delays the same in every run, for tests. Default: seeded by the operating system.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

/// The next attempt to connect, as [`Event::Reconnecting`](crate::Event::Reconnecting) announces it.
///
/// ```
/// use std::time::Duration;
///
/// use actix_engineio::{DisconnectReason, ReconnectCause, Reconnecting};
///
/// let cause = ReconnectCause::Lost(DisconnectReason::PingTimeout);
/// let reconnecting = Reconnecting::new(1, Duration::from_millis(200), cause);
/// assert_eq!(reconnecting.cause.to_string(), "ping timeout");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reconnecting {
    /// The number of the attempt, from 1. The count starts again after a session that lasted for the policy's
    /// [`max_delay`](Reconnect::max_delay).
    pub attempt: u32,
    /// The time that the client waits before the attempt.
    pub delay: Duration,
    /// The failure that makes the attempt necessary.
    pub cause: ReconnectCause,
}

impl Reconnecting {
    /// An attempt with this number, after this delay, because of this failure. For tests of code that handles the event.
    pub fn new(attempt: u32, delay: Duration, cause: ReconnectCause) -> Self {
        Self { attempt, delay, cause }
    }
}

/// The failure after which a client connects again.
///
/// Its `Display` is that of the error inside.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReconnectCause {
    /// A session was lost. The [`Disconnected`](crate::Disconnected) before has the same reason.
    Lost(DisconnectReason),
    /// An attempt to connect failed.
    Failed(ConnectError),
}

impl fmt::Display for ReconnectCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(reason) => reason.fmt(f),
            Self::Failed(err) => err.fmt(f),
        }
    }
}
