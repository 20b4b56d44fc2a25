//! Whether the messages of a wake-up wait for those of the next one, so that one write carries them together.
//!
//! A loop that awaits each `Send` brings one message per wake-up. With a write for each, every message would cost a system
//! call. So the write is deferred until the sender had its chance to send again. Nobody but a sender in a loop is treated like
//! this: a message that comes by itself is written at once.
//!
//! A loop is recognised by the order of events, and not by a clock, so slow machines and slow lines change nothing. The client
//! asks the runtime for a wake-up after everything else that is ready. A sender that has sent again by then has not waited for
//! anything outside of the program, such as an answer of the server, so it is in a loop. When the wake-up comes and brings no
//! message, the loop has ended.

use std::time::{Duration, Instant};

/// The longest time for which a write is deferred.
const MAX_TIME: Duration = Duration::from_micros(500);

/// The largest number of wake-ups in a row that defer a write.
const MAX_TURNS: u32 = 256;

/// The largest number of messages that pass without a question whether their sender is in a loop. The question costs a
/// wake-up, and most senders that were in no loop are in none later.
const MAX_PASSED: u32 = 15;

/// What a wake-up has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    /// Messages were accepted whose reply is awaited.
    pub(super) is_awaited: bool,
    /// Everything else that was ready has run since the client asked for it.
    pub(super) others_ran: bool,
    /// Messages wait that could be written now, and none of them is urgent.
    pub(super) may_defer: bool,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Coalescing {
    sender: Sender,
    deferral: Option<Deferral>,
}

/// What is known about the one who sends and awaits the replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sender {
    /// It has not sent since everything else had run. `pass` messages follow before the next question whether it is in a loop,
    /// and `missed` questions in a row were answered with no.
    Isolated { pass: u32, missed: u32 },
    /// It has sent, and may do so again at once.
    Asked { missed: u32 },
    /// It has sent again at once.
    InLoop,
}

impl Default for Sender {
    fn default() -> Self {
        Self::Isolated { pass: 0, missed: 0 }
    }
}

/// A write that is deferred.
#[derive(Debug, Clone, Copy)]
struct Deferral {
    since: Instant,
    turns: u32,
}

impl Coalescing {
    /// Whether nobody is asked. If somebody is, the client has to be woken after everything else that is ready.
    pub(super) fn is_isolated(&self) -> bool {
        matches!(self.sender, Sender::Isolated { .. })
    }

    /// Notes a wake-up. Returns whether its write is deferred. Then `is_isolated` is false.
    pub(super) fn defers(&mut self, turn: Turn, now: impl FnOnce() -> Instant) -> bool {
        self.sender = self.sender.next(turn);
        if self.sender != Sender::InLoop || !turn.may_defer {
            self.deferral = None;
            return false;
        }
        let now = now();
        let deferral = self.deferral.get_or_insert(Deferral { since: now, turns: 0 });
        deferral.turns += 1;
        let is_over = deferral.turns > MAX_TURNS || now.saturating_duration_since(deferral.since) >= MAX_TIME;
        if is_over {
            self.deferral = None;
        }
        !is_over
    }
}

impl Sender {
    fn next(self, turn: Turn) -> Self {
        match self {
            Self::Isolated { pass: 0, missed } if turn.is_awaited => Self::Asked { missed },
            Self::Isolated { pass, missed } if turn.is_awaited => Self::Isolated { pass: pass - 1, missed },
            Self::Asked { .. } | Self::InLoop if turn.is_awaited => Self::InLoop,
            Self::Asked { missed } if turn.others_ran => {
                let missed = missed.saturating_add(1);
                Self::Isolated { pass: (missed - 1).min(MAX_PASSED), missed }
            }
            Self::InLoop if turn.others_ran => Self::default(),
            sender => sender,
        }
    }
}

#[cfg(test)]
mod tests;
