//! The heartbeat of protocol 3, in which the client pings and the server answers (protocol 3, "Packet", "ping" and "pong").
//! In protocol 4 it is the other way round.

use std::time::{Duration, Instant};

use super::pings::resumed;
use crate::protocol::handshake::Session;

/// When the client pings, and how long it waits for the answer.
///
/// Pings follow each other in the same interval, whether they are answered or not: python-engineio ends a session whose
/// pings are late, whatever else it receives. While back-pressure keeps an answer from being read, the pings go on, so that
/// the server does not end the session for that. So several pings can wait for their answers, if the server has more time
/// for an answer than there is between two pings.
#[derive(Debug)]
pub(super) struct Heartbeat {
    interval: Duration,
    timeout: Duration,
    /// The time at which the next ping is due.
    next: Instant,
    /// The last ping, on its way to the server.
    step: Step,
    /// The number of pings that were sent and not answered.
    unanswered: u32,
    /// The limit of the first ping that was written after the server was last heard. `None`: there is no such ping.
    limit: Option<AnswerLimit>,
    /// The ping whose answer is timed, while it has none.
    timed: Option<Timed>,
    first: FirstPing,
}

/// How far the last ping has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// It was written or answered, or there was none.
    Done,
    /// It is queued, before all messages that are not being written.
    Queued,
    /// It was given to the transport.
    Sent,
    /// It was given to the transport, and another one is queued already.
    SentAndQueued,
}

#[derive(Debug)]
struct AnswerLimit {
    /// The time at which the transport had written the ping.
    written: Instant,
    /// The time at which the answer is late. The line had time for what was written before the ping.
    end: Instant,
}

#[derive(Debug)]
struct Timed {
    /// The time at which the ping was given to the transport, plus the time since then in which no answer could be read.
    sent: Instant,
    /// The number of earlier pings whose answers come before its own.
    earlier: u32,
}

/// What became of the first pings of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FirstPing {
    /// No ping was written.
    NotWritten,
    /// A ping was written, and none was answered.
    Unanswered,
    /// A ping was answered.
    Answered,
}

/// What a pong is to the heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pong {
    /// Nobody has asked for it.
    Unasked,
    /// It answers a ping whose time is not known.
    Untimed,
    /// It answers a ping that was sent so long ago.
    After(Duration),
}

impl Heartbeat {
    pub(super) fn new(now: Instant, session: &Session) -> Self {
        Self {
            interval: session.ping_interval,
            timeout: session.ping_timeout,
            next: now + session.ping_interval,
            step: Step::Done,
            unanswered: 0,
            limit: None,
            timed: None,
            first: FirstPing::NotWritten,
        }
    }

    /// The time at which the next ping is to be queued. `None`: the last one is still queued.
    pub(super) fn next(&self) -> Option<Instant> {
        matches!(self.step, Step::Done | Step::Sent).then_some(self.next)
    }

    /// Whether a ping is to be queued now. The caller does so.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.next().is_some_and(|next| now >= next);
        if is_due {
            self.next = now + self.interval;
            self.step = if self.step == Step::Sent { Step::SentAndQueued } else { Step::Queued };
        }
        is_due
    }

    /// A batch was given to the transport. It begins with the ping that was queued.
    pub(super) fn sent(&mut self, now: Instant) {
        if self.step == Step::Queued {
            self.step = Step::Sent;
            let earlier = self.unanswered;
            self.timed.get_or_insert(Timed { sent: now, earlier });
            self.unanswered = earlier.saturating_add(1);
        }
    }

    /// The batch was written. The server was last heard at `heard`, and the line takes the time `transfer` for what was
    /// written before the end of the batch.
    pub(super) fn written(&mut self, now: Instant, heard: Instant, transfer: impl FnOnce() -> Duration) {
        if !self.arrive() {
            return;
        }
        if self.first == FirstPing::NotWritten {
            self.first = FirstPing::Unanswered;
        }
        if self.deadline(heard).is_none() {
            self.limit = Some(AnswerLimit { written: now, end: now + transfer() + self.timeout });
        }
    }

    /// A pong arrived. The answers come in the order of the pings. Over polling one can arrive before the answer to the POST
    /// with its ping.
    pub(super) fn answered(&mut self, now: Instant) -> Pong {
        let Some(unanswered) = self.unanswered.checked_sub(1) else { return Pong::Unasked };
        self.unanswered = unanswered;
        self.limit = None;
        self.first = FirstPing::Answered;
        if unanswered == 0 {
            self.arrive();
        }
        match &mut self.timed {
            Some(Timed { sent, earlier: 0 }) => {
                let time = now.saturating_duration_since(*sent);
                self.timed = None;
                Pong::After(time)
            }
            Some(timed) => {
                timed.earlier -= 1;
                Pong::Untimed
            }
            None => Pong::Untimed,
        }
    }

    /// The ping that was given to the transport is written, or already answered. Returns whether there was one.
    fn arrive(&mut self) -> bool {
        self.step = match self.step {
            Step::Sent => Step::Done,
            Step::SentAndQueued => Step::Queued,
            Step::Done | Step::Queued => return false,
        };
        true
    }

    /// The last ping waits until it is written, perhaps behind a batch. The limits of the batch apply, and no other.
    pub(super) fn is_being_written(&self) -> bool {
        self.step != Step::Done
    }

    /// A ping was written, and no ping of the session was answered.
    pub(super) fn lacks_answer(&self) -> bool {
        self.first == FirstPing::Unanswered
    }

    /// The time until which the server has to answer, if it was last heard at `heard`. `None`: no ping was written since
    /// then. As in the reference client, whatever else arrives ends this limit, too, and only the longest silence counts until
    /// the next ping. The answer to a POST does not count.
    pub(super) fn deadline(&self, heard: Instant) -> Option<Instant> {
        self.limit.as_ref().filter(|limit| limit.written >= heard).map(|limit| limit.end)
    }

    /// Back-pressure that began at `since` has ended. No answer was read meanwhile.
    pub(super) fn resume(&mut self, now: Instant, since: Instant) {
        if let Some(timed) = &mut self.timed {
            timed.sent = resumed(timed.sent, now, since);
        }
    }
}

#[cfg(test)]
mod tests;
