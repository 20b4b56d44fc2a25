//! How far a subscriber has come in the log.

use super::log::{Log, Position, Weight};
use crate::client::event::{Event, EventKind};

/// A subscriber's place in the log, and the kinds of events that it wants.
#[derive(Debug)]
pub(super) struct Cursor {
    /// The wanted kinds; `None` is all of them.
    only: Option<Vec<EventKind>>,
    /// The position of the first event behind the subscription.
    first: Position,
    /// The position of the subscriber's next event.
    next: Position,
    /// The weight of all events before `next`.
    delivered: Weight,
    /// The weight of all events up to the last one that was taken. Those between it and `next` were skipped.
    taken: Weight,
}

impl Cursor {
    /// A cursor behind the last event.
    pub(super) fn new(only: Option<Vec<EventKind>>, log: &Log) -> Self {
        Self {
            only,
            first: log.end(),
            next: log.end(),
            delivered: log.total_weight(),
            taken: log.total_weight(),
        }
    }

    pub(super) fn wants(&self, event: &Event) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&event.kind()))
    }

    /// Whether the subscriber is or was sent the event at `position`.
    pub(super) fn takes(&self, position: Position, event: &Event) -> bool {
        self.first <= position && self.wants(event)
    }

    pub(super) fn position(&self) -> Position {
        self.next
    }

    /// The weight of the events that were taken or skipped.
    pub(super) fn delivered(&self) -> Weight {
        self.delivered
    }

    /// The weight of the events that a subscriber has to handle. It has handled those up to `acknowledged`, and `total` were
    /// ever pushed. Events that were skipped behind the last one that was taken need not be handled.
    pub(super) fn backlog(&self, acknowledged: Weight, total: Weight) -> Weight {
        self.taken - acknowledged + (total - self.delivered)
    }

    /// The number of events that were neither taken nor skipped.
    pub(super) fn waiting(&self, log: &Log) -> usize {
        log.len_from(self.next)
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
        self.take(log, is_only_reader)
    }

    /// Takes the next event, whatever its kind is. After [`seek`](Self::seek) it is a wanted one.
    #[inline(always)] // As `next`.
    pub(super) fn take(&mut self, log: &mut Log, is_only_reader: bool) -> Option<Event> {
        let event = log.take(self.next, is_only_reader)?;
        self.delivered += Weight::of(&event);
        self.taken = self.delivered;
        self.next.advance();
        Some(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{data::OVERHEAD, protocol::handshake::TransportKind};

    #[test]
    fn events_that_are_skipped_behind_the_last_one_need_not_be_handled() {
        let mut log = Log::default();
        let mut cursor = Cursor::new(Some(vec![EventKind::Upgraded]), &log);
        let handled = cursor.delivered();
        assert_eq!(cursor.waiting(&log), 0);
        log.push(Event::Message("before".into()));
        log.push(Event::Upgraded(TransportKind::WebSocket));
        log.push(Event::Message("behind".into()));
        assert_eq!(cursor.waiting(&log), 3);
        assert!(matches!(cursor.next(&mut log, false), Some(Event::Upgraded(_))));
        assert!(!cursor.seek(&log));
        let before = "before".len() + OVERHEAD;
        assert_eq!(cursor.backlog(handled, log.total_weight()), Weight::from_bytes(before + OVERHEAD));
        assert_eq!(cursor.backlog(cursor.delivered(), log.total_weight()), Weight::default());
        log.push(Event::Upgraded(TransportKind::WebSocket));
        assert_eq!(cursor.backlog(cursor.delivered(), log.total_weight()), Weight::from_bytes(OVERHEAD));
    }
}
