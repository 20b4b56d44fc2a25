//! A policy at work: whether another attempt follows, and after which delay.

use std::{
    panic::{self, AssertUnwindSafe},
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::{Attempt, Reconnect, ReconnectCause};
use crate::{error::ConnectError, protocol::handshake::MAX_INTERVAL};

/// Lower limit of the longest possible delay. Without any delay, attempts would follow each other as fast as they fail.
const MIN_CEILING: Duration = Duration::from_millis(10);

/// Lower limit of the time after which a session counts as stable, if the application has not chosen one.
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
    /// The last planned attempt. Its number counts the attempts since the last stable session.
    attempt: Attempt,
}

impl Backoff {
    pub(in crate::client) fn new(policy: Reconnect, has_hook: bool) -> Self {
        let random = match policy.seed {
            Some(seed) => StdRng::seed_from_u64(seed),
            None => StdRng::from_rng(&mut rand::rng()),
        };
        Self { policy, has_hook, random, attempt: Attempt::default() }
    }

    /// The attempt that the policy has planned last: the default if there was none since the user's `Connect`, or since the
    /// last stable session.
    pub(in crate::client) fn attempt(&self) -> &Attempt {
        &self.attempt
    }

    /// Starts the count of attempts again, for a `Connect` of the user.
    pub(in crate::client) fn reset(&mut self) {
        self.attempt = Attempt::default();
    }

    /// A session has ended. `lifetime` is the time from its opening to its end.
    pub(in crate::client) fn session_ended(&mut self, lifetime: Duration) {
        let stable_after = self.policy.stable_after;
        if lifetime >= stable_after.unwrap_or_else(|| self.policy.max_delay.max(MIN_STABLE)) {
            self.attempt = Attempt::default();
        }
    }

    /// Whether the rules of the policy forbid another attempt after this failure, whatever the application's own function would
    /// say. `is_initial`: the user's last `Connect` has not led to a session.
    pub(in crate::client) fn forbids(&self, cause: &ReconnectCause, is_initial: bool) -> bool {
        cause.is_final()
            || (is_initial && !self.policy.on_initial_connect)
            || (cause.is_server_close() && !self.policy.on_server_close)
    }

    /// Whether the policy wants another attempt after this failure, as long as `max_attempts` allows one.
    pub(in crate::client) fn wants(&self, cause: &ReconnectCause, is_initial: bool) -> bool {
        if self.forbids(cause, is_initial) {
            return false;
        }
        match &self.policy.retry_if {
            Some(retry_if) => panic::catch_unwind(AssertUnwindSafe(|| retry_if(cause))).unwrap_or(true),
            None => !is_initial || self.may_be_temporary(cause),
        }
    }

    /// Whether a first connect that failed like this may succeed later. If not, the URL or an option is wrong.
    fn may_be_temporary(&self, cause: &ReconnectCause) -> bool {
        let ReconnectCause::Failed(err) = cause else { return true };
        let is_unauthorized =
            matches!(err, ConnectError::Status { status, .. } if matches!(status.status, 401 | 403));
        err.is_retryable() || (is_unauthorized && self.has_hook)
    }

    /// The next attempt, which follows this failure. `None` if `max_attempts` were made.
    pub(in crate::client) fn next(&mut self, cause: &ReconnectCause) -> Option<NextAttempt> {
        if self.policy.max_attempts.is_some_and(|max| self.attempt.number >= max) {
            return None;
        }
        let earlier = self.attempt.number;
        let number = earlier.saturating_add(1);
        self.attempt = Attempt::new(number, Some(cause.clone()));
        let delay = match &self.policy.delay {
            Some(delay) => {
                let delay = || delay(number, cause);
                panic::catch_unwind(AssertUnwindSafe(delay)).unwrap_or(Duration::ZERO)
            }
            None => self.delay(earlier, cause),
        };
        let retry_after = cause.retry_after().unwrap_or_default().min(self.policy.max_retry_after);
        // A server or the application may ask for more time than the clock can count.
        Some(NextAttempt { number, delay: delay.max(retry_after).min(MAX_INTERVAL) })
    }

    /// The delay after this failure, and after as many attempts as `earlier`.
    fn delay(&mut self, earlier: u32, cause: &ReconnectCause) -> Duration {
        let policy = &self.policy;
        let ceiling = if cause.is_about_credentials() && !self.has_hook {
            // The same credentials will hardly be accepted soon, and some servers lock out who tries them often.
            policy.max_delay
        } else {
            let factor = 1_u32.checked_shl(earlier).unwrap_or(u32::MAX);
            policy.initial_delay.saturating_mul(factor).min(policy.max_delay)
        };
        let ceiling = ceiling.clamp(MIN_CEILING, MAX_INTERVAL);
        if policy.jitter { ceiling.mul_f64(self.random.random_range(0.0..=1.0)) } else { ceiling }
    }
}

#[cfg(test)]
mod tests;
