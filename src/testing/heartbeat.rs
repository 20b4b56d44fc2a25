//! The heartbeat of a server: in protocol 4 it sends pings, in protocol 3 the client does.

use std::time::Duration;

use actix_rt::time::Instant;

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Ping,
    /// The client did not answer a ping in time.
    Timeout,
}

#[derive(Debug)]
pub(super) struct Heartbeat {
    interval: Duration,
    timeout: Duration,
    phase: Phase,
    pongs: u64,
    /// The pings of a client of protocol 3 are answered.
    answers: bool,
}

#[derive(Debug)]
enum Phase {
    /// The next ping goes out at this time.
    Idle(Instant),
    /// The answer to a ping has to arrive before this time.
    Awaiting { deadline: Instant, next: Instant },
    /// The next ping of the client has to arrive before this time. `None`: one has just arrived.
    Listening(Option<Instant>),
}

impl Heartbeat {
    pub(super) fn new(interval: Duration, timeout: Duration, now: Instant) -> Self {
        Self { interval, timeout, phase: Phase::Idle(now + interval), pongs: 0, answers: true }
    }

    /// The heartbeat of protocol 3, in which the client sends the pings.
    pub(super) fn listening(interval: Duration, timeout: Duration) -> Self {
        Self { interval, timeout, phase: Phase::Listening(None), pongs: 0, answers: true }
    }

    /// Whether the pings of a client of protocol 3 are answered.
    pub(super) fn answers(&self) -> bool {
        self.answers
    }

    pub(super) fn answer(&mut self, answer: bool) {
        self.answers = answer;
    }

    pub(super) fn restart(&mut self, now: Instant) {
        self.phase = match self.phase {
            Phase::Listening(_) => Phase::Listening(None),
            _ => Phase::Idle(now + self.interval),
        };
    }

    /// The client has answered a ping, or has sent one in protocol 3.
    pub(super) fn pong(&mut self) {
        self.pongs += 1;
        match self.phase {
            Phase::Idle(_) => {}
            Phase::Awaiting { next, .. } => self.phase = Phase::Idle(next),
            Phase::Listening(_) => self.phase = Phase::Listening(None),
        }
    }

    pub(super) fn pongs(&self) -> u64 {
        self.pongs
    }

    /// The time of the next call of [`poll`](Self::poll). `None`: at once.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Idle(next) => Some(next),
            Phase::Awaiting { deadline, .. } => Some(deadline),
            Phase::Listening(deadline) => deadline,
        }
    }

    pub(super) fn poll(&mut self, now: Instant) -> Due {
        match self.phase {
            Phase::Idle(next) if next <= now => {
                self.phase = Phase::Awaiting { deadline: now + self.timeout, next: now + self.interval };
                Due::Ping
            }
            Phase::Awaiting { deadline, .. } | Phase::Listening(Some(deadline)) if deadline <= now => {
                Due::Timeout
            }
            Phase::Listening(None) => {
                self.phase = Phase::Listening(Some(now + self.interval + self.timeout));
                Due::Nothing
            }
            _ => Due::Nothing,
        }
    }
}

#[cfg(test)]
mod tests;
