//! Decides when a transport may read: one batch at a time, only while the subscribers have room, and with a pause after a poll
//! that brought nothing. The connection combines the two parts: [`Reading`] of each transport, and [`Flow`] of the session.
//!
//! A transport needs a read credit for each batch. It gets the credit together with an emptied buffer, so that no new buffer
//! for packets is allocated for each batch. The times at which something last arrived are stored here, too, for the timeouts.

use std::{
    mem,
    time::{Duration, Instant},
};

use super::io::over_slow_line;
use crate::protocol::{handshake::TransportKind, packet::Packet};

/// The pause after a poll that was answered at once with nothing useful. Its length doubles each time, up to the maximum, and
/// goes back to the first one after any other poll. Some servers (engineioxide, python-engineio) answer every poll at once
/// with a noop while a probe is open; without a pause the client would send polls in a busy loop.
const MIN_IDLE_PAUSE: Duration = Duration::from_millis(50);
const MAX_IDLE_PAUSE: Duration = Duration::from_secs(1);

/// A poll that was answered within this time was answered at once. A server that waits for packets answers much later.
const AT_ONCE: Duration = Duration::from_secs(1);

/// The packets of one batch that are not handled yet.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) packets: Vec<Packet>,
    /// Set if no more packets of the same poll follow. It is always set over a WebSocket.
    complete: bool,
    /// Set if one of the packets is a reason to poll again without a pause: an open or close packet, a ping that is answered,
    /// a pong that answers a ping, or a message. Noops and unknown packets are no reason.
    useful: bool,
}

impl Received {
    pub(super) fn new(packets: Vec<Packet>, complete: bool) -> Self {
        Self { packets, complete, useful: false }
    }

    /// Notes that one of the packets is useful.
    pub(super) fn set_useful(&mut self) {
        self.useful = true;
    }
}

/// The read credit of a transport, its pauses, and how much of a message or response has arrived.
#[derive(Debug)]
pub(super) struct Reading {
    /// The credit that the transport is given next, with its buffer; `None` while the transport has a credit.
    next_credit: Option<Vec<Packet>>,
    /// The pauses between polls, and the last sign of life in answer to a poll; `None` for a WebSocket. Boxed, so that it takes
    /// no memory of a WebSocket.
    pacing: Option<Box<PollPacing>>,
    /// The progress of the message or response of which only a part has arrived, if there is one. Boxed, because most arrive as
    /// a whole.
    partial: Option<Box<PartialProgress>>,
}

/// How much has arrived of a message or a response that is not complete yet.
#[derive(Debug, Clone, Copy)]
struct PartialProgress {
    /// The time from which the wait for the rest is counted: when the first part arrived, when back-pressure ended, or when the
    /// bytes so far had come at least as fast as over a slow line. The latest of these.
    began: Instant,
    /// The number of bytes that the transport had read at that time.
    read_before: u64,
    /// The number of bytes that the transport has read until now.
    read: u64,
}

impl PartialProgress {
    fn new(now: Instant, read: u64) -> Self {
        Self { began: now, read_before: read, read }
    }

    /// More has arrived. If it came at least as fast as over a slow line, the wait is counted from now on: otherwise a fast start
    /// would extend the limit of a slow rest.
    fn grow(self, now: Instant, read: u64) -> Self {
        let grown = Self { read, ..self };
        if grown.waiting_since() < now { grown } else { Self::new(now, read) }
    }

    /// The start of the wait for the rest, moved later by the time that a slow line takes for what has arrived since then.
    fn waiting_since(self) -> Instant {
        self.began + over_slow_line(self.read.saturating_sub(self.read_before))
    }
}

impl Reading {
    /// A transport starts with a credit of its own.
    pub(super) fn new(kind: TransportKind) -> Self {
        let pacing = match kind {
            TransportKind::Polling => Some(Box::default()),
            TransportKind::WebSocket => None,
        };
        Self { next_credit: None, pacing, partial: None }
    }

    /// The transport has reported a batch, and spent its credit.
    pub(super) fn received(&mut self, now: Instant, batch: &Received) {
        self.next_credit = Some(Vec::new());
        self.partial = None;
        if let Some(pacing) = &mut self.pacing {
            pacing.heard = Some(now);
            pacing.received(now, batch);
        }
    }

    /// Bytes arrived. `read`: the number of bytes that the transport has read until now. `is_partial`: the rest of a message or of
    /// a response is still to arrive.
    pub(super) fn bytes_arrived(&mut self, now: Instant, is_partial: bool, read: u64) {
        let begun = PartialProgress::new(now, read);
        let progress = || self.partial.as_ref().map_or(begun, |earlier| earlier.grow(now, read));
        self.partial = is_partial.then(|| Box::new(progress()));
        if let Some(pacing) = &mut self.pacing {
            pacing.heard = Some(now);
        }
    }

    /// Back-pressure has ended. Nothing was read while it lasted, so the waits for the rest of a message and for the answer to a
    /// poll are counted from now on.
    pub(super) fn resume(&mut self, now: Instant) {
        if let Some(partial) = &mut self.partial {
            **partial = PartialProgress::new(now, partial.read);
        }
        if let Some(pacing) = &mut self.pacing {
            pacing.heard = Some(now);
        }
    }

    /// The time at which a byte last arrived in answer to a poll, or at which back-pressure ended. `None`: this is a WebSocket,
    /// or no poll was answered.
    pub(super) fn poll_last_heard(&self) -> Option<Instant> {
        self.pacing.as_ref()?.heard
    }

    /// The start of the wait for the rest of a message or of a response, moved later by the time that a slow line takes for what
    /// has arrived since then. `None`: nothing has arrived only in part.
    pub(super) fn partial_since(&self) -> Option<Instant> {
        self.partial.as_ref().map(|partial| partial.waiting_since())
    }

    /// Takes an emptied buffer back, for the next credit. If the transport already has its next credit, the buffer is dropped.
    pub(super) fn return_buffer(&mut self, emptied: Vec<Packet>) {
        if let Some(buffer) = &mut self.next_credit {
            *buffer = emptied;
        }
    }

    /// Whether a pause between polls is going on. A WebSocket has no such pauses.
    pub(super) fn is_paused(&self, now: Instant) -> bool {
        self.pause_end().is_some_and(|end| now < end)
    }

    /// The end of the pause between polls. It is stored until the next credit is given, so it may have passed.
    pub(super) fn pause_end(&self) -> Option<Instant> {
        self.pacing.as_ref().and_then(|pacing| pacing.pause_end)
    }

    /// Takes the next credit, with its buffer, to give it to the transport. `None`: the transport has a credit, or a pause between
    /// polls is going on.
    pub(super) fn take_credit(&mut self, now: Instant) -> Option<Vec<Packet>> {
        if self.is_paused(now) {
            return None;
        }
        let buffer = self.next_credit.take()?;
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
    /// The time at which the credit for the current poll was given. `None`: the transport had it from the start.
    granted: Option<Instant>,
    /// Set if an earlier batch of the current poll contained a useful packet.
    useful: bool,
    /// The length of the next pause.
    pause: Duration,
    /// The end of the pause, until the next credit is given.
    pause_end: Option<Instant>,
}

impl Default for PollPacing {
    fn default() -> Self {
        Self { heard: None, granted: None, useful: false, pause: MIN_IDLE_PAUSE, pause_end: None }
    }
}

impl PollPacing {
    fn received(&mut self, now: Instant, batch: &Received) {
        self.useful |= batch.useful;
        // The rest of an incomplete poll has already arrived: do not delay it.
        if !batch.complete {
            return;
        }
        let granted = self.granted.take();
        let is_at_once = granted.is_none_or(|granted| now.saturating_duration_since(granted) < AT_ONCE);
        if mem::take(&mut self.useful) || !is_at_once {
            self.pause = MIN_IDLE_PAUSE;
            return;
        }
        self.pause_end = Some(now + self.pause);
        self.pause = (2 * self.pause).min(MAX_IDLE_PAUSE);
    }

    fn granted(&mut self, now: Instant) {
        // A poll of several batches needs several credits.
        self.granted.get_or_insert(now);
        self.pause_end = None;
    }
}

/// Whether the subscribers have room for more messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Open,
    /// Messages were passed to the subscribers, and it is not known yet whether they have room for more. Nothing is read
    /// meanwhile. This state follows each batch of messages, also if the subscribers are fast.
    BackPressure {
        /// The time at which this began.
        began: Instant,
        /// The time at which a subscriber last made progress, or `began`.
        last_progress: Instant,
    },
}

impl Flow {
    /// Messages were passed on: nothing more is read until the subscribers have room again.
    pub(super) fn stop(&mut self, now: Instant) {
        if *self == Self::Open {
            *self = Self::BackPressure { began: now, last_progress: now };
        }
    }

    /// A subscriber made progress: it took events that waited for it, or it has handled some. New messages are no progress.
    pub(super) fn progress(&mut self, now: Instant) {
        if let Self::BackPressure { last_progress, .. } = self {
            *last_progress = now;
        }
    }

    /// The subscribers have room again. Returns the time at which the back-pressure began that this ends, if there was any.
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
            Self::BackPressure { last_progress, .. } => Some(last_progress + stall_timeout),
        }
    }
}

#[cfg(test)]
mod tests;
