//! The heartbeat of protocol 3, in which the client pings and the server answers (protocol 3, "Packet", "ping" and "pong").
//! In protocol 4 it is the other way round.

use std::time::{Duration, Instant};

use super::pings::resumed;
use crate::protocol::handshake::Session;

/// When the client pings, and how long it waits for the answer.
///
/// Pings follow each other in the same interval, whether they are answered or not: python-engineio ends a session whose pings
/// are late, whatever else it receives. While back-pressure keeps an answer from being read, the pings go on, so that the
/// server does not end the session for that.
#[derive(Debug)]
pub(super) struct Heartbeat {
    interval: Duration,
    timeout: Duration,
    /// The time at which the next ping is due.
    next: Instant,
    ping: Ping,
}

/// The last ping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ping {
    /// It was answered, or there was none.
    Answered,
    /// It is queued, before all messages that are not being written.
    Queued,
    /// It was given to the transport at `sent`.
    Sent { sent: Instant },
    /// The transport had written it at `written`. The line takes the time `transfer` for what was written before it.
    Written { sent: Instant, written: Instant, transfer: Duration },
}

impl Heartbeat {
    pub(super) fn new(now: Instant, session: &Session) -> Self {
        Self {
            interval: session.ping_interval,
            timeout: session.ping_timeout,
            next: now + session.ping_interval,
            ping: Ping::Answered,
        }
    }

    /// The time at which the next ping is to be queued. `None`: the last one is still queued.
    pub(super) fn next(&self) -> Option<Instant> {
        (self.ping != Ping::Queued).then_some(self.next)
    }

    /// Whether a ping is to be queued now. The caller does so.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.next().is_some_and(|next| now >= next);
        if is_due {
            self.next = now + self.interval;
            self.ping = Ping::Queued;
        }
        is_due
    }

    /// A batch was given to the transport. It begins with the ping that was queued.
    pub(super) fn sent(&mut self, now: Instant) {
        if self.ping == Ping::Queued {
            self.ping = Ping::Sent { sent: now };
        }
    }

    /// The batch was written.
    pub(super) fn written(&mut self, now: Instant, transfer: impl FnOnce() -> Duration) {
        if let Ping::Sent { sent } = self.ping {
            self.ping = Ping::Written { sent, written: now, transfer: transfer() };
        }
    }

    /// A pong arrived. Returns the time since its ping, `None` if nobody has asked for it. Over polling it can arrive before
    /// the answer to the POST with the ping.
    pub(super) fn answered(&mut self, now: Instant) -> Option<Duration> {
        let (Ping::Sent { sent } | Ping::Written { sent, .. }) = self.ping else { return None };
        self.ping = Ping::Answered;
        Some(now.saturating_duration_since(sent))
    }

    /// The time until which the server has to answer, if it was last heard at `heard`. `None`: it has no ping to answer, or
    /// it was heard after the ping was written. As in the reference client, every sign of life ends this limit, and only the
    /// longest silence counts until the next ping.
    pub(super) fn deadline(&self, heard: Instant) -> Option<Instant> {
        match self.ping {
            Ping::Written { written, transfer, .. } if written >= heard => {
                Some(written + transfer + self.timeout)
            }
            _ => None,
        }
    }

    /// Back-pressure that began at `since` has ended. No answer was read meanwhile.
    pub(super) fn resume(&mut self, now: Instant, since: Instant) {
        if let Ping::Sent { sent } | Ping::Written { sent, .. } = &mut self.ping {
            *sent = resumed(*sent, now, since);
        }
    }
}

#[cfg(test)]
mod tests;
