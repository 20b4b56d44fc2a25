//! How far a subscriber has come in the log.

use super::log::{Log, Position, Weight};
use crate::client::event::{Event, EventKind};

/// A subscriber's place in the log, and the kinds of events that it wants.
#[derive(Debug)]
pub(super) struct Cursor {
    /// The wanted kinds; `None` is all of them.
    only: Option<Vec<EventKind>>,
    /// The position of the subscriber's next event.
    next: Position,
    /// The weight of all events before `next`.
    delivered: Weight,
}

impl Cursor {
    /// A cursor behind the last event.
    pub(super) fn new(only: Option<Vec<EventKind>>, log: &Log) -> Self {
        Self { only, next: log.end(), delivered: log.total_weight() }
    }

    pub(super) fn wants(&self, event: &Event) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&event.kind()))
    }

    pub(super) fn position(&self) -> Position {
        self.next
    }

    pub(super) fn delivered(&self) -> Weight {
        self.delivered
    }

    /// Skips events of other kinds, which count as delivered. Returns whether there is a wanted one.
    pub(super) fn seek(&mut self, log: &Log) -> bool {
        if self.only.is_some() {
            while let Some(event) = log.get(self.next).filter(|event| !self.wants(event)) {
                self.delivered += Weight::of(event);
                self.next.advance();
            }
        }
        self.next < log.end()
    }

    /// Takes the next wanted event. See [`Log::take`] for `is_only_reader`.
    #[inline(always)] // Otherwise each event would be moved once more.
    pub(super) fn next(&mut self, log: &mut Log, is_only_reader: bool) -> Option<Event> {
        self.seek(log);
        let event = log.take(self.next, is_only_reader)?;
        self.delivered += Weight::of(&event);
        self.next.advance();
        Some(event)
    }
}
