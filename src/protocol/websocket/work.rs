//! The work that compression does before others on the thread have their turn.

/// The work of one turn, in bytes. A MiB takes several milliseconds.
pub(crate) const SLICE: usize = 256 << 10;

/// What a message costs beyond its bytes. To end a message takes up to 4 microseconds.
const MESSAGE: usize = 1 << 10;

/// What it costs to begin a stream again. That takes up to 15 microseconds.
const RESET: usize = 3 << 10;

/// The work that may still be done in a turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work(usize);

impl Work {
    /// The work of a turn.
    pub(crate) fn of_a_turn() -> Self {
        Self(SLICE)
    }

    /// The work for this number of bytes.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn of(bytes: usize) -> Self {
        Self(bytes)
    }

    /// The number of bytes that may still be processed.
    pub(super) fn left(self) -> usize {
        self.0
    }

    /// Others have their turn now.
    pub(super) fn is_done(self) -> bool {
        self.0 == 0
    }

    /// Bytes were consumed, and bytes were produced from them. Each of both takes time, also without the other.
    pub(super) fn charge(&mut self, consumed: usize, produced: usize) {
        self.0 = self.0.saturating_sub(consumed.max(produced));
    }

    /// A message begins. Without context, its stream begins again.
    pub(super) fn charge_message(&mut self, keeps_context: bool) {
        self.0 = self.0.saturating_sub(MESSAGE);
        if !keeps_context {
            self.charge_reset();
        }
    }

    /// A stream begins again.
    pub(super) fn charge_reset(&mut self) {
        self.0 = self.0.saturating_sub(RESET);
    }
}

/// The turns in which messages are inflated. A turn goes on over any number of messages, until its work is done.
pub(super) struct Turns {
    work: Work,
    /// The work of the last turn is done, and the next one has not begun.
    is_awaited: bool,
}

impl Turns {
    pub(super) fn new() -> Self {
        Self { work: Work::of_a_turn(), is_awaited: false }
    }

    /// The work that may be done now. `None`: others have their turn, and the next call begins the next turn.
    pub(super) fn work(&mut self) -> Option<&mut Work> {
        if self.is_awaited {
            self.work = Work::of_a_turn();
        }
        self.is_awaited = self.work.is_done();
        (!self.is_awaited).then_some(&mut self.work)
    }

    /// Whether the next turn is awaited.
    pub(super) fn is_awaited(&self) -> bool {
        self.is_awaited
    }
}

#[cfg(test)]
mod tests;
