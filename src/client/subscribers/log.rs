//! The events that some subscriber has not been given yet.

use std::{
    collections::VecDeque,
    ops::{Add, AddAssign, Sub},
};

use crate::{client::event::Event, data::OVERHEAD};

/// The capacity, in events, up to which an empty log retains its memory.
const MAX_IDLE_CAPACITY: usize = 256;

/// A place in the log: the number of all events that were ever pushed before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position(u64);

impl Position {
    pub(super) fn advance(&mut self) {
        self.0 += 1;
    }
}

/// Bytes of events: their data, and [`OVERHEAD`] for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Weight(u64);

impl Weight {
    pub(super) fn of(event: &Event) -> Self {
        Self::from_bytes(event.data_len() + OVERHEAD)
    }

    pub(super) fn bytes(self) -> u64 {
        self.0
    }

    pub(super) fn from_bytes(bytes: usize) -> Self {
        Self(u64::try_from(bytes).unwrap_or(u64::MAX))
    }
}

impl Add for Weight {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Weight {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sub for Weight {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

/// A queue of events that each subscriber reads at its own pace.
#[derive(Debug)]
pub(super) struct Log {
    events: VecDeque<Event>,
    /// The position of the first event in `events`.
    start: Position,
    /// The weight of all events that were ever pushed.
    total_weight: Weight,
}

impl Default for Log {
    fn default() -> Self {
        // In a quiet session there is one event at a time.
        Self { events: VecDeque::with_capacity(1), start: Position(0), total_weight: Weight(0) }
    }
}

impl Log {
    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// The number of events from `position` on.
    pub(super) fn len_from(&self, position: Position) -> usize {
        usize::try_from(self.end().0.saturating_sub(position.0)).unwrap_or(usize::MAX)
    }

    /// The position behind the last event.
    pub(super) fn end(&self) -> Position {
        Position(self.start.0 + u64::try_from(self.events.len()).unwrap_or(0))
    }

    pub(super) fn total_weight(&self) -> Weight {
        self.total_weight
    }

    pub(super) fn push(&mut self, event: Event) {
        self.total_weight += Weight::of(&event);
        self.events.push_back(event);
    }

    pub(super) fn get(&self, position: Position) -> Option<&Event> {
        let index = position.0.checked_sub(self.start.0)?;
        self.events.get(usize::try_from(index).ok()?)
    }

    /// The event at `position`, if there is one. It is moved instead of cloned if `is_only_reader`: nobody else needs it.
    #[inline(always)] // Otherwise each event would be moved once more.
    pub(super) fn take(&mut self, position: Position, is_only_reader: bool) -> Option<Event> {
        if is_only_reader && position == self.start {
            let event = self.events.pop_front()?;
            self.start.advance();
            return Some(event);
        }
        self.get(position).cloned()
    }

    /// Forgets the events before `position`.
    pub(super) fn trim(&mut self, position: Position) {
        while self.start < position {
            self.events.pop_front();
            self.start.advance();
        }
        if self.events.is_empty() && self.events.capacity() > MAX_IDLE_CAPACITY {
            self.events = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests;
