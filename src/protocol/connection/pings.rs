//! The WebSocket pings that the client sends by itself (RFC 6455, section 5.5.2).
//!
//! A pong proves that the endpoint at the other end of the WebSocket has read everything that was written before the
//! ping. It says nothing about a server behind a proxy that terminates the WebSocket.

use std::time::{Duration, Instant};

use super::queue::Mark;

/// The shortest interval between pings. Bytes from the server are reported as often.
const SHORTEST: Duration = Duration::from_millis(100);

/// The longest interval and limit. A longer one would overflow the clock.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// When a client asks a silent server whether it is still there: see
/// [`websocket_ping`](crate::EngineIoClientBuilder::websocket_ping).
///
/// ```
/// use std::time::Duration;
///
/// use actix_engineio::{EngineIoClient, WebSocketPing};
///
/// // A connection that was lost without a sign is noticed after 15 seconds.
/// let ping = WebSocketPing::every(Duration::from_secs(10)).timeout(Duration::from_secs(5));
/// let builder = EngineIoClient::builder().websocket_ping(ping);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WebSocketPing {
    interval: Duration,
    timeout: Duration,
}

impl WebSocketPing {
    /// A ping after the server has been silent for `interval`. Less than 100 milliseconds counts as 100 milliseconds.
    pub const fn every(interval: Duration) -> Self {
        let interval = if interval.as_nanos() < SHORTEST.as_nanos() { SHORTEST } else { interval };
        let interval = if interval.as_nanos() > LONGEST.as_nanos() { LONGEST } else { interval };
        Self { interval, timeout: interval }
    }

    /// How long the server may stay silent after a ping. Default: as long as the interval.
    #[must_use]
    pub const fn timeout(self, limit: Duration) -> Self {
        let timeout = if limit.as_nanos() > LONGEST.as_nanos() { LONGEST } else { limit };
        Self { timeout, ..self }
    }
}

/// The pings of one session. At most one of them is open: "ws" ends a connection with many unanswered pings, and an
/// endpoint may answer only the latest of several.
#[derive(Debug, Default)]
pub(super) struct Pings {
    /// The number of pings sent. It is also the content of the last one.
    sent: u64,
    open: Option<OpenPing>,
    /// The time since when something is written and no ping was sent behind it.
    unasked: Option<Instant>,
    /// The server has shown that it answers pings.
    is_answering: bool,
    /// A warning was given that the server does not answer pings.
    has_warned: bool,
}

/// What a silent server leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// It is to be asked.
    Ask,
    /// It answered earlier pings, and is silent now: it counts as dead.
    Dead,
    /// It has not answered any ping of this session. Perhaps it never does, so it is not dead, but that is worth a warning.
    Warn,
}

#[derive(Debug)]
struct OpenPing {
    /// The messages that were written before it.
    mark: Mark,
    /// The time at which it was sent, plus the time since then in which back-pressure kept its answer from being read.
    sent: Instant,
}

/// What an answer to a ping proves.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The messages that the other end has read.
    pub(super) mark: Mark,
    /// The time from the ping to its answer.
    pub(super) round_trip: Duration,
}

impl Pings {
    /// A ping was sent and has not been answered.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Notes that a ping is sent behind the messages up to `mark`. Returns its number.
    pub(super) fn send(&mut self, now: Instant, mark: Mark) -> u64 {
        self.sent += 1;
        self.open = Some(OpenPing { mark, sent: now });
        self.unasked = None;
        self.sent
    }

    /// Something was written.
    pub(super) fn wrote(&mut self, now: Instant) {
        self.unasked.get_or_insert(now);
    }

    /// The time since when something is written that no ping asks for, unless a ping is open.
    pub(super) fn unasked_since(&self) -> Option<Instant> {
        self.unasked.filter(|_| self.open.is_none())
    }

    /// A pong with this number arrived. Servers may also send pongs that nobody asked for.
    pub(super) fn answered(&mut self, now: Instant, number: u64) -> Option<Answer> {
        let ping = self.open.take_if(|_| number == self.sent)?;
        self.is_answering = true;
        Some(Answer { mark: ping.mark, round_trip: now.saturating_duration_since(ping.sent) })
    }

    /// What is to be done about a server that was last heard at `heard`, and when.
    pub(super) fn silence(&self, heard: Instant, limits: &WebSocketPing) -> Option<(Instant, Silence)> {
        let due = heard + limits.interval;
        match &self.open {
            None => Some((due, Silence::Ask)),
            // Each byte counts as an answer, so the limit begins when the next ping would be due.
            Some(ping) if self.is_answering => Some((ping.sent.max(due) + limits.timeout, Silence::Dead)),
            Some(ping) if !self.has_warned => Some((ping.sent.max(due) + limits.timeout, Silence::Warn)),
            // The session's own heartbeat decides.
            Some(_) => None,
        }
    }

    /// When a server that has not answered any ping of this session is worth a warning, if a ping was sent for another
    /// reason than silence.
    pub(super) fn unanswered(&self, limit: Duration) -> Option<(Instant, Silence)> {
        let ping = self.open.as_ref().filter(|_| !self.is_answering && !self.has_warned)?;
        Some((ping.sent + limit, Silence::Warn))
    }

    /// The warning was given that the server does not answer.
    pub(super) fn warned(&mut self) {
        self.has_warned = true;
    }

    /// Back-pressure that began at `since` has ended. Nothing was read meanwhile.
    pub(super) fn resume(&mut self, now: Instant, since: Instant) {
        if let Some(ping) = &mut self.open {
            ping.sent = resumed(ping.sent, now, since);
        }
    }
}

/// The start of a time limit that does not run under back-pressure, after back-pressure from `since` to `now`.
pub(super) fn resumed(start: Instant, now: Instant, since: Instant) -> Instant {
    start + now.saturating_duration_since(since.max(start))
}

#[cfg(test)]
mod tests;
