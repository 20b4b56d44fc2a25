//! Decides when a transport may read. It reads one batch at a time, only while the subscribers have room, and it pauses
//! between polls that bring nothing.
//!
//! A transport that has reported a batch needs a new permission for the next one, its read credit. It gets the
//! permission together with an emptied buffer, so that no new buffer for packets is allocated for each batch.

use std::{
    mem,
    time::{Duration, Instant},
};

use super::io::over_slow_line;
use crate::protocol::{handshake::TransportKind, packet::Packet};

/// The pause after a poll that was answered at once with nothing useful. It doubles each time, up to the maximum, and
/// starts again after any other poll. Some servers (engineioxide, python-engineio) answer every poll at once with a noop
/// while a probe is open; without a pause the client would send polls in a busy loop.
const IDLE_POLL: Duration = Duration::from_millis(50);
const MAX_IDLE_POLL: Duration = Duration::from_secs(1);

/// A poll that was answered within this time was answered at once.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Packets of one report, as far as they are not handled yet.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) packets: Vec<Packet>,
    /// Set if no more packets of the same poll follow. It is always set over a WebSocket.
    complete: bool,
    /// Set if one of the packets shows that polling is not in vain: an open or close packet, a ping that is
    /// answered, a pong that answers a ping, or a message. A noop and an unknown packet do not.
    useful: bool,
}

impl Received {
    pub(super) fn new(packets: Vec<Packet>, complete: bool) -> Self {
        Self { packets, complete, useful: false }
    }

    /// A useful packet was among the packets.
    pub(super) fn set_useful(&mut self) {
        self.useful = true;
    }
}

/// The read credit of a transport, its pauses, and a message that has arrived in part.
#[derive(Debug)]
pub(super) struct Reading {
    /// The next permission to read, with its buffer; `None` while the transport has the permission.
    read_credit: Option<Vec<Packet>>,
    /// The pauses between polls, and the last sign of life of a poll; `None` for a WebSocket. Boxed, so that a WebSocket has no
    /// memory for it.
    pacing: Option<Box<PollPacing>>,
    /// The message or the response of which only a part has arrived, if there is one. Boxed, because most arrive as a whole.
    partial: Option<Box<Partial>>,
}

/// A message or a response of which only a part has arrived.
#[derive(Debug, Clone, Copy)]
struct Partial {
    /// The time at which the client began to wait for the rest, or at which the rest last arrived as quickly as over a slow
    /// line.
    since: Instant,
    /// The number of bytes that the transport had read at that time.
    read_before: u64,
    /// The number of bytes that the transport has read until now.
    read: u64,
}

impl Partial {
    fn new(now: Instant, read: u64) -> Self {
        Self { since: now, read_before: read, read }
    }

    /// More of it has arrived. A fast start must not extend the limit for the rest.
    fn grow(self, now: Instant, read: u64) -> Self {
        let grown = Self { read, ..self };
        if grown.since() < now { grown } else { Self::new(now, read) }
    }

    /// The time since when the client has waited, without the time that a slow line takes for what has arrived.
    fn since(self) -> Instant {
        self.since + over_slow_line(self.read.saturating_sub(self.read_before))
    }
}

impl Reading {
    /// A transport starts with the permission to read one batch.
    pub(super) fn new(kind: TransportKind) -> Self {
        let pacing = match kind {
            TransportKind::Polling => Some(Box::default()),
            TransportKind::WebSocket => None,
        };
        Self { read_credit: None, pacing, partial: None }
    }

    /// The transport has reported a batch, and used up its permission.
    pub(super) fn received(&mut self, now: Instant, received: &Received) {
        self.read_credit = Some(Vec::new());
        self.partial = None;
        if let Some(pacing) = &mut self.pacing {
            pacing.heard = Some(now);
            pacing.received(now, received);
        }
    }

    /// Bytes arrived: the transport has read this many until now. `is_partial`: the rest of a message or of a response is still
    /// to arrive.
    pub(super) fn bytes_arrived(&mut self, now: Instant, is_partial: bool, read: u64) {
        let begun = Partial::new(now, read);
        let partial = || self.partial.as_ref().map_or(begun, |partial| partial.grow(now, read));
        self.partial = is_partial.then(|| Box::new(partial()));
        if let Some(pacing) = &mut self.pacing {
            pacing.heard = Some(now);
        }
    }

    /// Back-pressure has ended. The rest of a message could not arrive meanwhile.
    pub(super) fn resume(&mut self, now: Instant) {
        if let Some(partial) = &mut self.partial {
            **partial = Partial::new(now, partial.read);
        }
        if let Some(pacing) = &mut self.pacing {
            pacing.heard = Some(now);
        }
    }

    /// The time at which a byte last arrived in answer to a poll, or at which back-pressure ended. `None`: this is a WebSocket,
    /// or no poll was answered.
    pub(super) fn last_polled(&self) -> Option<Instant> {
        self.pacing.as_ref()?.heard
    }

    /// The time since when the client has waited for the rest of a message or of a response, without the time that a slow line
    /// takes for what has arrived.
    pub(super) fn partial_since(&self) -> Option<Instant> {
        self.partial.as_ref().map(|partial| partial.since())
    }

    /// Takes an emptied buffer back, for the next batch.
    pub(super) fn return_buffer(&mut self, emptied: Vec<Packet>) {
        if let Some(buffer) = &mut self.read_credit {
            *buffer = emptied;
        }
    }

    /// Whether a pause between polls has not ended. A WebSocket has no such pauses.
    pub(super) fn is_paused(&self, now: Instant) -> bool {
        self.next_read().is_some_and(|end| now < end)
    }

    /// The end of the current pause between polls.
    pub(super) fn next_read(&self) -> Option<Instant> {
        self.pacing.as_ref().and_then(|pacing| pacing.next_poll)
    }

    /// Takes the permission to read, with its buffer, to give it to the transport. `None`: the transport has the permission,
    /// or a pause between polls has not ended.
    pub(super) fn take_credit(&mut self, now: Instant) -> Option<Vec<Packet>> {
        if self.is_paused(now) {
            return None;
        }
        let buffer = self.read_credit.take()?;
        if let Some(pacing) = &mut self.pacing {
            pacing.granted(now);
        }
        Some(buffer)
    }
}

/// The pauses between polls that bring nothing, and the last sign of life in answer to a poll.
#[derive(Debug)]
struct PollPacing {
    /// The time at which a byte last arrived, or at which back-pressure ended.
    heard: Option<Instant>,
    /// The time at which the permission to read was last given.
    granted: Option<Instant>,
    /// Set if an earlier part of the poll that is being reported contained a useful packet.
    useful: bool,
    /// The length of the next pause.
    pause: Duration,
    /// The end of the current pause.
    next_poll: Option<Instant>,
}

impl Default for PollPacing {
    fn default() -> Self {
        Self { heard: None, granted: None, useful: false, pause: IDLE_POLL, next_poll: None }
    }
}

impl PollPacing {
    fn received(&mut self, now: Instant, received: &Received) {
        self.useful |= received.useful;
        // The rest of an incomplete poll has already arrived: do not delay it.
        if !received.complete {
            return;
        }
        if mem::take(&mut self.useful) || !self.was_answered_at_once(now) {
            self.pause = IDLE_POLL;
            return;
        }
        self.next_poll = Some(now + self.pause);
        self.pause = (2 * self.pause).min(MAX_IDLE_POLL);
    }

    fn was_answered_at_once(&self, now: Instant) -> bool {
        self.granted.is_none_or(|granted| now.saturating_duration_since(granted) < AT_ONCE)
    }

    fn granted(&mut self, now: Instant) {
        self.granted = Some(now);
        self.next_poll = None;
    }
}

/// Whether the subscribers have room for more messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Open,
    /// The subscribers were given messages, and have not shown that they have room for more. Nothing is read
    /// meanwhile.
    BackPressure {
        /// The beginning.
        began: Instant,
        /// The time at which it began, or at which a subscriber last made progress.
        since: Instant,
    },
}

impl Flow {
    /// Messages were passed on: nothing more is read until the subscribers have room again.
    pub(super) fn stop(&mut self, now: Instant) {
        if *self == Self::Open {
            *self = Self::BackPressure { began: now, since: now };
        }
    }

    /// A subscriber made progress: it was sent events, or it has handled some.
    pub(super) fn progress(&mut self, now: Instant) {
        if let Self::BackPressure { since, .. } = self {
            *since = now;
        }
    }

    /// The subscribers have room again. Returns when the back-pressure began that ends now.
    pub(super) fn resume(&mut self) -> Option<Instant> {
        match mem::replace(self, Self::Open) {
            Self::Open => None,
            Self::BackPressure { began, .. } => Some(began),
        }
    }

    /// The time at which the session ends with `Stalled`, if no subscriber makes progress until then.
    pub(super) fn deadline(self, stall_timeout: Duration) -> Option<Instant> {
        match self {
            Self::Open => None,
            Self::BackPressure { since, .. } => Some(since + stall_timeout),
        }
    }
}

#[cfg(test)]
mod tests;
