//! A policy at work: whether another attempt follows, and after which delay.

use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::Reconnect;
use crate::{
    error::{ConnectError, DisconnectReason},
    protocol::handshake::MAX_INTERVAL,
};

/// Lower limit of the longest possible delay. Without any delay, attempts would follow each other as fast as they fail.
const MIN_CEILING: Duration = Duration::from_millis(10);

/// Lower limit of the time after which a session counts as stable.
const MIN_STABLE: Duration = Duration::from_secs(1);

/// An attempt that the policy wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) struct NextAttempt {
    /// The number of the attempt, from 1.
    pub(in crate::client) number: u32,
    pub(in crate::client) delay: Duration,
}

/// A [`Reconnect`] policy, its count of attempts and its random numbers.
#[derive(Debug)]
pub(in crate::client) struct Backoff {
    policy: Reconnect,
    /// A `before_connect` hook exists. It may bring the credentials that the server asked for.
    has_hook: bool,
    random: StdRng,
    /// Attempts since the last stable session.
    attempts: u32,
}

impl Backoff {
    pub(in crate::client) fn new(policy: Reconnect, has_hook: bool) -> Self {
        let random = match policy.seed {
            Some(seed) => StdRng::seed_from_u64(seed),
            None => StdRng::from_rng(&mut rand::rng()),
        };
        Self { policy, has_hook, random, attempts: 0 }
    }

    /// Starts the count of attempts again, for a `Connect` of the user.
    pub(in crate::client) fn reset(&mut self) {
        self.attempts = 0;
    }

    /// The attempt that follows a session which ended for this reason, if one follows. `lifetime` is the time from its
    /// opening to its end.
    pub(in crate::client) fn after_session(
        &mut self,
        reason: &DisconnectReason,
        lifetime: Duration,
    ) -> Option<NextAttempt> {
        if lifetime >= self.policy.max_delay.max(MIN_STABLE) {
            self.attempts = 0;
        }
        if self.wants(reason) { self.next(Duration::ZERO) } else { None }
    }

    /// Whether the policy wants another session after one that ended for this reason. `max_attempts` does not count here.
    pub(in crate::client) fn wants(&self, reason: &DisconnectReason) -> bool {
        match reason {
            DisconnectReason::Client(_) => false,
            reason => self.policy.on_server_close || !reason.is_server_close(),
        }
    }

    /// The attempt that follows one which failed with this error, if one follows. `is_initial`: it was made for a `Connect`
    /// of the user.
    pub(in crate::client) fn after_failure(
        &mut self,
        err: &ConnectError,
        is_initial: bool,
    ) -> Option<NextAttempt> {
        let (is_unauthorized, retry_after) = match err {
            ConnectError::Status { status, .. } => (matches!(status.status, 401 | 403), status.retry_after),
            _ => (false, None),
        };
        let may_succeed = err.is_retryable() || (is_unauthorized && self.has_hook);
        if !may_succeed || (is_initial && !self.policy.on_initial_connect) {
            return None;
        }
        self.next(retry_after.unwrap_or_default())
    }

    fn next(&mut self, min_delay: Duration) -> Option<NextAttempt> {
        if self.policy.max_attempts.is_some_and(|max| self.attempts >= max) {
            return None;
        }
        let factor = 1_u32.checked_shl(self.attempts).unwrap_or(u32::MAX);
        let ceiling = self.policy.initial_delay.saturating_mul(factor).min(self.policy.max_delay);
        let ceiling = ceiling.clamp(MIN_CEILING, MAX_INTERVAL);
        self.attempts = self.attempts.saturating_add(1);
        let delay = ceiling.mul_f64(self.random.random_range(0.0..=1.0));
        // A server may ask for more time than the clock can count.
        let min_delay = min_delay.min(MAX_INTERVAL);
        Some(NextAttempt { number: self.attempts, delay: delay.max(min_delay) })
    }
}

#[cfg(test)]
mod tests;
