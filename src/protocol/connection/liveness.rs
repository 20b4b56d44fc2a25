//! Deadlines for a server that is silent, and the extension of all deadlines when this process woke up late.

use std::time::{Duration, Instant};

use super::{
    heartbeat::{Heartbeat, Pong},
    io::over_slow_line,
};
use crate::protocol::{handshake::Session, version::ProtocolVersion};

/// If this process notices a deadline this late, it was suspended or had no processor time. Then the server is not to blame.
const LATE: Duration = Duration::from_secs(1);

/// The time that a process that woke up late has to read and report what happened in the meantime.
const GRACE_PERIOD: Duration = Duration::from_secs(1);

/// The time in which one message has to arrive, or one batch has to be written, as a multiple of the longest time that may
/// pass without a byte.
const PARTIAL_FACTOR: u32 = 5;

/// The time for which a poll may bring nothing while POSTs are answered, as a multiple of the longest time that may pass without
/// a byte. A pong may have to wait for the POST in flight, and be followed in its own POST by much else, and then the server
/// waits with the next ping. None of the three takes longer than that time.
const POLL_FACTOR: u32 = 3;

/// The time that the end of a session needs to arrive, at most, after the server has decided on it. python-engineio 3 looks for
/// sessions to end every few seconds.
const MAX_DELAY: Duration = Duration::from_secs(5);

/// The limits of the stall timeout, if the application has not set it.
const MIN_STALL_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_STALL_TIMEOUT: Duration = Duration::from_secs(60);

/// The time that back-pressure may last without progress of a subscriber: `set`, if the application has set it, else the time
/// after which a server of version 4 ends the session, since the client does not answer pings meanwhile. In version 3, in which
/// the client goes on to ping, it is the same. Before the first session that time is not known.
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
/// connection as closed" (protocol, "Heartbeat"). This client accepts any byte instead of a ping, over a WebSocket or in answer
/// to a poll, because a ping may wait behind a large message. In version 4 it also accepts the answer to a POST. In version 3
/// the client pings, and the answer has a limit of its own.
#[derive(Debug)]
pub(super) struct Liveness {
    /// The time of the last sign of life, or at which the client began to listen again.
    last_heard: Instant,
    /// The sum of `pingInterval` and `pingTimeout`.
    max_silence: Duration,
    pings: PingsOf,
}

/// The side that pings.
#[derive(Debug)]
enum PingsOf {
    /// Version 4. `missing`: the time after which it is odd that there was no ping; `None` if there was one.
    Server { missing: Option<Instant> },
    /// Version 3. Boxed, since few sessions have it.
    Client(Box<Heartbeat>),
}

/// What a ping from the server is to the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PingFromServer {
    /// The first one in version 4.
    First,
    /// Another one in version 4.
    Another,
    /// A ping in version 3, in which the server does not ping. It gets no answer: python-engineio ends a session in which it
    /// receives a pong.
    OutOfPlace,
}

impl Liveness {
    pub(super) fn new(now: Instant, session: &Session) -> Self {
        let pings = match session.protocol {
            ProtocolVersion::V4 => {
                let late = LATE.min(session.ping_timeout / 2);
                PingsOf::Server { missing: Some(now + session.ping_interval + late) }
            }
            ProtocolVersion::V3 => PingsOf::Client(Box::new(Heartbeat::new(now, session))),
        };
        Self { last_heard: now, max_silence: session.ping_interval + session.ping_timeout, pings }
    }

    /// The heartbeat of a session in version 3.
    pub(super) fn heartbeat(&mut self) -> Option<&mut Heartbeat> {
        match &mut self.pings {
            PingsOf::Server { .. } => None,
            PingsOf::Client(heartbeat) => Some(heartbeat),
        }
    }

    /// The time at which the client has to ping.
    pub(super) fn next_ping(&self) -> Option<Instant> {
        match &self.pings {
            PingsOf::Server { .. } => None,
            PingsOf::Client(heartbeat) => heartbeat.next(),
        }
    }

    /// The server has pinged.
    pub(super) fn pinged(&mut self) -> PingFromServer {
        match &mut self.pings {
            PingsOf::Server { missing } => match missing.take() {
                Some(_) => PingFromServer::First,
                None => PingFromServer::Another,
            },
            PingsOf::Client(_) => PingFromServer::OutOfPlace,
        }
    }

    /// A batch was written, perhaps with a ping of the client. The line takes the time `transfer` for what was written.
    pub(super) fn written(&mut self, now: Instant, transfer: impl FnOnce() -> Duration) {
        if let PingsOf::Client(heartbeat) = &mut self.pings {
            heartbeat.written(now, self.last_heard, transfer);
        }
    }

    /// A pong arrived. Only a client of version 3 asks for one.
    pub(super) fn ponged(&mut self, now: Instant) -> Pong {
        self.heartbeat().map_or(Pong::Unasked, |heartbeat| heartbeat.answered(now))
    }

    /// Whether the server should have sent a ping in version 4, and has sent none.
    pub(super) fn lacks_ping(&self, now: Instant) -> bool {
        matches!(self.pings, PingsOf::Server { missing: Some(since) } if now >= since)
    }

    /// Whether a server of version 3 that waits for pings, and for `timeout` behind each of them, ends the session at about
    /// this time. The client has sent nothing to it.
    pub(super) fn may_be_given_up(&self, now: Instant, timeout: Duration) -> bool {
        let PingsOf::Server { missing: Some(since) } = self.pings else { return false };
        (since..=since + timeout + MAX_DELAY).contains(&now)
    }

    /// Whether a ping of the client was written in version 3, and none was answered.
    pub(super) fn lacks_answer(&self) -> bool {
        matches!(&self.pings, PingsOf::Client(heartbeat) if heartbeat.lacks_answer())
    }

    /// Whether a ping of the client waits until it is written.
    pub(super) fn awaits_write(&self) -> bool {
        matches!(&self.pings, PingsOf::Client(heartbeat) if heartbeat.is_being_written())
    }

    /// Back-pressure that began at `since` has ended. The server could not be heard meanwhile.
    pub(super) fn resume(&mut self, now: Instant, since: Instant) {
        self.restart(now);
        if let Some(heartbeat) = self.heartbeat() {
            heartbeat.resume(now, since);
        }
    }

    /// The permitted silence begins now: something arrived from the server, or the client could not hear the server until
    /// now.
    pub(super) fn restart(&mut self, now: Instant) {
        self.last_heard = now;
    }

    /// A POST was answered, which in version 4 is a sign of life. In version 3 it says nothing about the pong that the client
    /// waits for.
    pub(super) fn post_answered(&mut self, now: Instant) {
        if let PingsOf::Server { .. } = self.pings {
            self.restart(now);
        }
    }

    /// The moment at which something last arrived from the server, or back-pressure ended.
    pub(super) fn last_heard(&self) -> Instant {
        self.last_heard
    }

    /// The time at which the session ends with `PingTimeout`, if nothing arrives until then. `None`: a ping of the client is not
    /// written yet, so a server of version 3 has no reason to say anything. The limits of the batch in flight apply, and over
    /// polling [`post_deadline`](Self::post_deadline).
    pub(super) fn deadline(&self) -> Option<Instant> {
        let silence = self.last_heard + self.max_silence;
        match &self.pings {
            PingsOf::Server { .. } => Some(silence),
            PingsOf::Client(heartbeat) => match heartbeat.deadline(self.last_heard) {
                None if heartbeat.is_being_written() => None,
                answer => Some(answer.unwrap_or(silence)),
            },
        }
    }

    /// The time at which the session ends with `PingTimeout`, if a ping of the client waits for a POST of this many bytes that
    /// was begun at `started`, and nothing arrives until then.
    pub(super) fn post_deadline(&self, started: Instant, bytes: u64) -> Instant {
        started.max(self.last_heard) + over_slow_line(bytes) + self.max_silence
    }

    /// The time at which the session ends with `PingTimeout`, if nothing arrives in answer to a poll until then. `heard`: the time
    /// at which something last did. The connection of the poll may be lost while POSTs are answered on another one, and without
    /// this limit such a session would stay open without receiving anything.
    pub(super) fn poll_deadline(&self, heard: Instant) -> Option<Instant> {
        matches!(self.pings, PingsOf::Server { .. }).then(|| heard + POLL_FACTOR * self.max_silence)
    }

    /// The time at which the session ends with a timeout, if the rest of a message has not arrived until then. `since`: the
    /// time at which the client began to wait for the rest, without the time that a slow line takes for what has arrived. Each
    /// byte of the message is a sign of life, so without this limit a server could keep the session open with a byte now and
    /// then.
    pub(super) fn partial_deadline(&self, since: Instant) -> Instant {
        since + PARTIAL_FACTOR * self.max_silence
    }

    /// The time at which the session ends with a timeout, if a batch that last made progress at `last_progress` makes none
    /// until then.
    pub(super) fn write_deadline(&self, last_progress: Instant) -> Instant {
        last_progress + self.max_silence
    }

    /// The time at which the session ends with a timeout, if a batch of this many bytes that was begun at `started` is not
    /// written until then. Each byte of the batch is progress, so without this limit a server that reads a byte now and then
    /// could delay a batch without end.
    pub(super) fn whole_write_deadline(&self, started: Instant, bytes: u64) -> Instant {
        started + PARTIAL_FACTOR * (self.max_silence + over_slow_line(bytes))
    }
}

/// The rule for a process that wakes up late. A deadline that passed more than a second ago when the process woke up is
/// extended once, to one second after the wake-up.
///
/// The answer to whatever the client waits for may have arrived long ago, but nobody has read it. The grace period gives
/// the transports the time to do so. It is never repeated for the same deadline, so every wait still ends.
#[derive(Debug, Default)]
pub(super) struct GracePeriod {
    /// The end of the last grace period. It applies to every deadline that is not after it.
    end: Option<Instant>,
}

impl GracePeriod {
    /// The time at which to act on `deadline`.
    pub(super) fn extend(&self, deadline: Instant) -> Instant {
        self.end.map_or(deadline, |end| end.max(deadline))
    }

    /// Checks whether to act on `deadline` now. If the process noticed it late, a grace period begins, unless the deadline
    /// has had one.
    pub(super) fn check_due(&mut self, deadline: Instant, now: Instant) -> bool {
        let was_extended = self.end.is_some_and(|end| deadline <= end);
        if !was_extended && now.saturating_duration_since(deadline) >= LATE {
            self.end = Some(now + GRACE_PERIOD);
        }
        now >= self.extend(deadline)
    }
}

#[cfg(test)]
mod tests;
