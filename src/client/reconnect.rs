//! When a lost connection is tried again.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::{
    error::{ConnectError, DisconnectReason},
    protocol::handshake::MAX_INTERVAL,
};

/// When a client that has lost its connection connects again: exponential backoff with full jitter.
///
/// Before attempt `n`, counted from 1, the client waits for a time drawn uniformly from zero to
/// `initial_delay * 2^(n-1)`, at most `max_delay`; a server's `Retry-After` makes it at least that. So clients that lost
/// their server together do not come back together.
///
/// A session that held for [`max_delay`](Self::max_delay) starts the count anew.
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
    /// The defaults: from 500 milliseconds up to 30 seconds, any number of attempts, not on the first `Connect`, also
    /// when the server has closed.
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

    /// The longest the first delay may be. Default: 500 milliseconds.
    pub fn initial_delay(mut self, delay: Duration) -> Self {
        self.initial_delay = delay;
        self
    }

    /// The longest any delay may be, but for a server's `Retry-After`. Default: 30 seconds.
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// After so many attempts in a row that did not lead to a session that held, the client gives up. Default: never.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
        self
    }

    /// Whether a [`Connect`](crate::Connect) that fails is tried again, too; its reply comes with the session, or when
    /// the policy has given up. Default: `false`.
    pub fn on_initial_connect(mut self, retry: bool) -> Self {
        self.on_initial_connect = retry;
        self
    }

    /// Whether a session that the server itself has closed, by a close packet or a close frame of 1000, 1001 or without
    /// a code, is followed by another. Default: `true`.
    pub fn on_server_close(mut self, reconnect: bool) -> Self {
        self.on_server_close = reconnect;
        self
    }

    /// Makes the delays the same in every run, for tests. Default: seeded by the operating system.
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
