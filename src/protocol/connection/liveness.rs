//! When a peer, or this process, has been silent for too long.

use std::time::{Duration, Instant};

use crate::protocol::handshake::Session;

/// A deadline that is noticed this late was missed by this process (suspended or starved), not by the peer.
const LATE: Duration = Duration::from_secs(1);

/// How long a process that woke up late has to read and report what happened in the meantime.
const REPRIEVE: Duration = Duration::from_secs(1);

/// The time in which one message has to arrive, as a multiple of the longest silence.
const PATIENCE: u32 = 5;

/// The limits of the stall timeout, if the application has not set it.
const MIN_STALL_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// The time that back-pressure may last without progress of a subscriber: `set`, if the application has set it, else the time
/// after which the server ends the session, since the client does not answer pings meanwhile. Before the first session that is
/// not known.
pub(crate) fn stall_timeout(set: Option<Duration>, session: Option<&Session>) -> Duration {
    let by_server = |session: &Session| {
        let silence = session.ping_interval.saturating_add(session.ping_timeout);
        silence.clamp(MIN_STALL_TIMEOUT, MAX_STALL_TIMEOUT)
    };
    set.unwrap_or_else(|| session.map_or(MAX_STALL_TIMEOUT, by_server))
}

/// When the server was last heard, and how long it may be silent.
///
/// "If the client does not receive a ping packet within `pingInterval + pingTimeout`, it should consider the
/// connection as closed" (protocol, "Heartbeat").
#[derive(Debug)]
pub(super) struct Liveness {
    heard: Instant,
    limit: Duration,
}

impl Liveness {
    pub(super) fn new(now: Instant, session: &Session) -> Self {
        Self { heard: now, limit: session.ping_interval + session.ping_timeout }
    }

    /// Something arrived from the server.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// The moment at which something last arrived from the server, or back-pressure ended.
    pub(super) fn last_heard(&self) -> Instant {
        self.heard
    }

    /// The moment at which the server counts as dead.
    pub(super) fn deadline(&self) -> Instant {
        self.heard + self.limit
    }

    /// The moment at which a message that has been arriving since `since` counts as one that never ends. Each of its
    /// bytes is a sign of life, so without this limit a server could keep the session open with a byte now and then.
    pub(super) fn partial_deadline(&self, since: Instant) -> Instant {
        since + PATIENCE * self.limit
    }

    /// The moment at which a batch that last made progress at `progress` counts as stuck.
    pub(super) fn write_deadline(&self, progress: Instant) -> Instant {
        progress + self.limit
    }
}

/// The one rule for a process that wakes up late: deadlines that have passed in the meantime get one second more,
/// once.
///
/// The answer to whatever is waited for may have arrived long ago, but nobody has read it. A reprieve gives the
/// transports the time to do so. It never repeats for the same deadline, so every wait still ends.
#[derive(Debug, Default)]
pub(super) struct Reprieve {
    /// The end of the last reprieve. It applies to every deadline that is not after it.
    until: Option<Instant>,
}

impl Reprieve {
    /// When to act on `deadline`.
    pub(super) fn extend(&self, deadline: Instant) -> Instant {
        self.until.map_or(deadline, |until| until.max(deadline))
    }

    /// Whether to act on `deadline` now. If it has just been noticed far too late, this starts its reprieve.
    pub(super) fn is_due(&mut self, deadline: Instant, now: Instant) -> bool {
        let had_reprieve = self.until.is_some_and(|until| deadline <= until);
        if !had_reprieve && now.saturating_duration_since(deadline) >= LATE {
            self.until = Some(now + REPRIEVE);
        }
        now >= self.extend(deadline)
    }
}

#[cfg(test)]
mod tests;
