//! The WebSocket pings that the client sends by itself (RFC 6455, section 5.5.2).
//!
//! A pong proves that the endpoint at the other end of the WebSocket has read everything that was written before the
//! ping. It says nothing about a server behind a proxy that terminates the WebSocket.

use std::time::{Duration, Instant};

use super::queue::Mark;

/// The pings of one session. At most one of them is open: "ws" ends a connection with many unanswered pings, and an
/// endpoint may answer only the latest of several.
#[derive(Debug, Default)]
pub(super) struct Pings {
    /// The number of pings sent. It is also the content of the last one.
    sent: u64,
    open: Option<OpenPing>,
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
        self.sent
    }

    /// A pong with this number arrived. Servers may also send pongs that nobody asked for.
    pub(super) fn answered(&mut self, now: Instant, number: u64) -> Option<Answer> {
        let ping = self.open.take_if(|_| number == self.sent)?;
        Some(Answer { mark: ping.mark, round_trip: now.saturating_duration_since(ping.sent) })
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
