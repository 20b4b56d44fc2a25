//! The WebSocket pings that the client sends by itself (RFC 6455, section 5.5.2).
//!
//! A pong proves that the endpoint at the other end of the WebSocket has read everything that was written before the
//! ping. It says nothing about a server behind a proxy that terminates the WebSocket.

use std::{
    mem,
    time::{Duration, Instant},
};

use super::{io::over_slow_line, queue::Mark};

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
/// // A half-open connection is noticed after 15 seconds.
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

/// The pings of one session. Another ping follows an open one only if the pong of the open one seems to be lost: "ws" ends
/// a connection with many unanswered pings, and an endpoint may answer only the latest of several.
#[derive(Debug, Default)]
pub(super) struct Pings {
    /// The number of pings sent. It is also the content of the last one.
    sent: u64,
    /// The pings without a pong: the first one, and the latest one if it is another. On a slow line the pong of the first
    /// one may arrive after the latest one was sent, and it still proves something.
    open: Vec<OpenPing>,
    /// The bytes of messages that were written since the server was last heard. They may still be on their way.
    unheard: usize,
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
    number: u64,
    /// The messages that were written before it. While it waits for a batch, without those of the batch.
    mark: Mark,
    /// The time at which it was sent, plus the time since then in which back-pressure prevented its answer from being read.
    sent: Instant,
    /// The start of its limit: `sent`, or the last progress of the batch before it.
    start: Instant,
    /// The batch before it is being written.
    is_waiting: bool,
    /// The time that a [slow line](over_slow_line) takes for the bytes before it.
    transfer: Duration,
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
    /// Notes that a ping is sent behind the messages up to `mark`, and behind those of a batch that is being written, with so
    /// many bytes. Returns its number.
    pub(super) fn send(&mut self, now: Instant, mark: Mark, in_flight: Option<usize>) -> u64 {
        let bytes = u64::try_from(self.unheard.saturating_add(in_flight.unwrap_or(0))).unwrap_or(u64::MAX);
        let transfer = over_slow_line(bytes);
        let (start, is_waiting) = (now, in_flight.is_some());
        self.sent += 1;
        self.open.truncate(1);
        self.open.push(OpenPing { number: self.sent, mark, sent: now, start, is_waiting, transfer });
        self.unasked = None;
        self.sent
    }

    /// A batch with this many bytes was written, and with it all messages up to `mark`. A ping behind the batch asks for them,
    /// too.
    pub(super) fn wrote(&mut self, now: Instant, bytes: usize, mark: Mark) {
        self.progress(now);
        self.unheard = self.unheard.saturating_add(bytes);
        let mut is_asked = false;
        for ping in self.open.iter_mut().filter(|ping| ping.is_waiting) {
            (ping.is_waiting, ping.mark) = (false, mark);
            is_asked = true;
        }
        if !is_asked {
            self.unasked.get_or_insert(now);
        }
    }

    /// Some bytes of the batch in flight were written.
    pub(super) fn progress(&mut self, now: Instant) {
        self.open.iter_mut().filter(|ping| ping.is_waiting).for_each(|ping| ping.start = now);
    }

    /// The time that a [slow line](over_slow_line) takes for what may still be on its way over a WebSocket.
    pub(super) fn transfer(&self) -> Duration {
        over_slow_line(u64::try_from(self.unheard).unwrap_or(u64::MAX))
    }

    /// Bytes arrived from the server.
    pub(super) fn heard(&mut self) {
        self.unheard = 0;
    }

    /// Whether the next ping may be sent to a server that was last heard at `heard`.
    pub(super) fn may_ask(&self, heard: Instant, limit: Duration) -> bool {
        self.open.last().is_none_or(|ping| self.is_answering && ping.is_lost(heard, limit))
    }

    /// The time since when something is written that no ping asks for, or whose ping seems to be lost. `None`: nothing is,
    /// or no ping may be sent.
    pub(super) fn unasked_since(&self, heard: Instant, limit: Duration) -> Option<Instant> {
        let since = if self.open.is_empty() { self.unasked } else { Some(heard) };
        since.filter(|_| self.may_ask(heard, limit))
    }

    /// A pong with this number arrived. It answers the earlier pings too. Servers may also send pongs that nobody asked for.
    pub(super) fn answered(&mut self, now: Instant, number: u64) -> Option<Answer> {
        let is_answered = |ping: &&OpenPing| ping.number <= number && number <= self.sent;
        let count = self.open.iter().take_while(is_answered).count();
        let ping = self.open.drain(..count).next_back()?;
        self.is_answering = true;
        Some(Answer { mark: ping.mark, round_trip: now.saturating_duration_since(ping.sent) })
    }

    /// What is to be done about a server that was last heard at `heard`, and when.
    pub(super) fn silence(&self, heard: Instant, limits: &WebSocketPing) -> Option<(Instant, Silence)> {
        let due = heard + limits.interval;
        match self.open.last() {
            None => Some((due, Silence::Ask)),
            Some(_) if self.may_ask(heard, limits.timeout) => Some((due, Silence::Ask)),
            // Each byte counts as an answer, so the limit begins when the next ping would be due.
            Some(ping) if self.is_answering => Some((ping.due().max(due) + limits.timeout, Silence::Dead)),
            Some(ping) if !self.has_warned => Some((ping.due().max(due) + limits.timeout, Silence::Warn)),
            // The session's own heartbeat decides.
            Some(_) => None,
        }
    }

    /// When to warn that the server does not answer the pings that ask for confirmations: if the first ping of the session has no
    /// answer, or two pings in a row have none.
    pub(super) fn unanswered(&self, heard: Instant, limit: Duration) -> Option<Instant> {
        let ping = self.open.last().filter(|_| !self.has_warned)?;
        let has_stopped = self.open.len() > 1 && ping.is_lost(heard, limit);
        match self.is_answering {
            false => Some(ping.due() + limit),
            true => has_stopped.then_some(heard),
        }
    }

    /// The server does not answer. Returns whether that is worth a warning: in a session there is only one.
    pub(super) fn warn(&mut self) -> bool {
        !mem::replace(&mut self.has_warned, true)
    }

    /// Back-pressure that began at `since` has ended. Nothing was read meanwhile.
    pub(super) fn resume(&mut self, now: Instant, since: Instant) {
        for ping in &mut self.open {
            ping.sent = resumed(ping.sent, now, since);
            ping.start = resumed(ping.start, now, since);
        }
    }
}

impl OpenPing {
    /// The server was heard after the limit of the ping. So it is alive, and has not answered.
    fn is_lost(&self, heard: Instant, limit: Duration) -> bool {
        self.due() + limit <= heard
    }

    /// The time by which the server should have it, even on a slow line.
    fn due(&self) -> Instant {
        self.start + self.transfer
    }
}

/// The start of a time limit that does not run under back-pressure, after back-pressure from `since` to `now`.
pub(super) fn resumed(start: Instant, now: Instant, since: Instant) -> Instant {
    start + now.saturating_duration_since(since.max(start))
}

#[cfg(test)]
mod tests;
