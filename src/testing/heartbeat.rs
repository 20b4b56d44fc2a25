//! The pings of a server (protocol 4, "Heartbeat").

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
}

#[derive(Debug)]
enum Phase {
    /// The next ping goes out at this time.
    Idle(Instant),
    /// The answer to a ping has to arrive before this time.
    Awaiting { deadline: Instant, next: Instant },
}

impl Heartbeat {
    pub(super) fn new(interval: Duration, timeout: Duration, now: Instant) -> Self {
        Self { interval, timeout, phase: Phase::Idle(now + interval), pongs: 0 }
    }

    pub(super) fn restart(&mut self, now: Instant) {
        self.phase = Phase::Idle(now + self.interval);
    }

    pub(super) fn pong(&mut self) {
        self.pongs += 1;
        if let Phase::Awaiting { next, .. } = self.phase {
            self.phase = Phase::Idle(next);
        }
    }

    pub(super) fn pongs(&self) -> u64 {
        self.pongs
    }

    pub(super) fn deadline(&self) -> Instant {
        match self.phase {
            Phase::Idle(next) => next,
            Phase::Awaiting { deadline, .. } => deadline,
        }
    }

    pub(super) fn poll(&mut self, now: Instant) -> Due {
        match self.phase {
            Phase::Idle(next) if next <= now => {
                self.phase = Phase::Awaiting { deadline: now + self.timeout, next: now + self.interval };
                Due::Ping
            }
            Phase::Awaiting { deadline, .. } if deadline <= now => Due::Timeout,
            _ => Due::Nothing,
        }
    }
}

#[cfg(test)]
mod tests;
