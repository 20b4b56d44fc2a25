//! The `Confirm`s that are not answered yet.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::pings::resumed;

/// The `Confirm`s of a session, in order. They are answered in order too, because those that came earlier wait for fewer
/// messages.
#[derive(Debug, Default)]
pub(super) struct Confirmations {
    /// Never empty. Boxed, because most sessions have none.
    #[expect(clippy::box_collection, reason = "an idle client takes less memory")]
    list: Option<Box<VecDeque<Confirmation>>>,
}

#[derive(Debug)]
struct Confirmation {
    /// The number of messages that were accepted before it.
    accepted: u64,
    /// The time at which it came, plus the time of back-pressure since then.
    began: Instant,
}

impl Confirmations {
    pub(super) fn push(&mut self, now: Instant, accepted: u64) {
        self.list.get_or_insert_default().push_back(Confirmation { accepted, began: now });
    }

    /// The number of messages that the first of them waits for.
    pub(super) fn first(&self) -> Option<u64> {
        Some(self.list.as_ref()?.front()?.accepted)
    }

    /// The first `read` messages were read at the other end. Removes the `Confirm`s that waited for them, and returns their
    /// number.
    pub(super) fn confirm(&mut self, read: u64) -> usize {
        self.remove(|confirmation| confirmation.accepted <= read)
    }

    /// Removes those that have waited for as long as `limit`, and returns their number.
    pub(super) fn expire(&mut self, now: Instant, limit: Duration) -> usize {
        self.remove(|confirmation| now >= confirmation.began + limit)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_none()
    }

    /// When the first of them has waited for as long as `limit`.
    pub(super) fn deadline(&self, limit: Duration) -> Option<Instant> {
        Some(self.list.as_ref()?.front()?.began + limit)
    }

    /// Back-pressure that began at `since` has ended. No answer could be read meanwhile.
    pub(super) fn resume(&mut self, now: Instant, since: Instant) {
        for confirmation in self.list.iter_mut().flat_map(|list| list.iter_mut()) {
            confirmation.began = resumed(confirmation.began, now, since);
        }
    }

    fn remove(&mut self, is_done: impl Fn(&Confirmation) -> bool) -> usize {
        let Some(list) = &mut self.list else { return 0 };
        let count = list.iter().take_while(|confirmation| is_done(confirmation)).count();
        list.drain(..count);
        if list.is_empty() {
            self.list = None;
        }
        count
    }
}

#[cfg(test)]
mod tests;
