//! When a lost connection is tried again.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::{
    error::{ConnectError, DisconnectReason},
    protocol::handshake::MAX_INTERVAL,
};

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

/// The longest delay is at least this, whatever the policy says.
const MIN_CEILING: Duration = Duration::from_millis(10);

/// A session that was lost sooner has not held, whatever the policy says.
const MIN_HELD: Duration = Duration::from_secs(1);

/// A policy at work.
pub(super) struct Backoff {
    policy: Reconnect,
    /// A `before_connect` hook may bring what a refusal asked for.
    renews: bool,
    random: StdRng,
    /// Attempts since the last session that held.
    attempts: u32,
}

impl Backoff {
    pub(super) fn new(policy: Reconnect, renews: bool) -> Self {
        let random = match policy.seed {
            Some(seed) => StdRng::seed_from_u64(seed),
            None => StdRng::from_rng(&mut rand::rng()),
        };
        Self { policy, renews, random, attempts: 0 }
    }

    /// A user's own `Connect` starts the count anew.
    pub(super) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// The number and the delay of the attempt that follows a session which ended so after `lived`.
    pub(super) fn after_session(
        &mut self,
        reason: &DisconnectReason,
        lived: Duration,
    ) -> Option<(u32, Duration)> {
        if lived >= self.policy.max_delay.max(MIN_HELD) {
            self.attempts = 0;
        }
        if self.wants(reason) { self.next(Duration::ZERO) } else { None }
    }

    /// Whether a session that ended so is to be followed by another, if attempts are left.
    pub(super) fn wants(&self, reason: &DisconnectReason) -> bool {
        match reason {
            DisconnectReason::Client(_) => false,
            reason => self.policy.on_server_close || !reason.is_server_close(),
        }
    }

    /// The number and the delay of the attempt that follows one which failed so. `initial`: it was a user's own.
    pub(super) fn after_failure(&mut self, err: &ConnectError, initial: bool) -> Option<(u32, Duration)> {
        let (renewable, retry_after) = match err {
            ConnectError::Status { status, .. } => (matches!(status.status, 401 | 403), status.retry_after),
            _ => (false, None),
        };
        let of_use = err.is_retryable() || (renewable && self.renews);
        if !of_use || (initial && !self.policy.on_initial_connect) {
            return None;
        }
        self.next(retry_after.unwrap_or_default())
    }

    fn next(&mut self, at_least: Duration) -> Option<(u32, Duration)> {
        if self.policy.max_attempts.is_some_and(|max| self.attempts >= max) {
            return None;
        }
        let factor = 1_u32.checked_shl(self.attempts).unwrap_or(u32::MAX);
        let ceiling = self.policy.initial_delay.saturating_mul(factor).min(self.policy.max_delay);
        // Without any delay attempts would follow each other as fast as they fail.
        let ceiling = ceiling.clamp(MIN_CEILING, MAX_INTERVAL);
        self.attempts = self.attempts.saturating_add(1);
        let delay = ceiling.mul_f64(self.random.random_range(0.0..=1.0));
        // Whatever a server says, the clock can count so far.
        Some((self.attempts, delay.max(at_least.min(MAX_INTERVAL))))
    }
}

#[cfg(test)]
mod tests;
