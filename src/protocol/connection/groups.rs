//! Which messages in the queue were accepted together.

use std::{collections::VecDeque, ops::Range};

use super::outgoing::Outgoing;
use crate::data::Data;

/// The groups that are not settled, in order, each as the positions of its messages. A message's position is the number
/// of messages that were written before it.
///
/// Single messages are not listed, so a client that sends no groups has no work with them.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// Never empty. Boxed, because most clients send no groups.
    #[expect(clippy::box_collection, reason = "an idle client takes less memory")]
    list: Option<Box<VecDeque<Range<u64>>>>,
}

impl Groups {
    pub(super) fn is_empty(&self) -> bool {
        self.list.is_none()
    }

    /// Adds a group behind all others.
    pub(super) fn push(&mut self, positions: Range<u64>) {
        self.list.get_or_insert_default().push_back(positions);
    }

    /// Removes the groups that end at or before this position.
    pub(super) fn settle(&mut self, position: u64) {
        let Some(list) = &mut self.list else { return };
        while list.front().is_some_and(|group| group.end <= position) {
            list.pop_front();
        }
        if list.is_empty() {
            self.list = None;
        }
    }

    /// The group that has messages before this position and others after it.
    pub(super) fn around(&self, position: u64) -> Option<Range<u64>> {
        let list = self.list.as_ref()?;
        let at = list.partition_point(|group| group.end <= position);
        list.get(at).filter(|group| group.start < position).cloned()
    }

    /// Joins the messages from the position `first` on to what they were when they were accepted. Removes the groups
    /// that begin there or later.
    pub(super) fn assemble(&mut self, first: u64, messages: impl IntoIterator<Item = Data>) -> Vec<Outgoing> {
        let mut messages = messages.into_iter();
        let mut assembled = Vec::new();
        let mut position = first;
        for group in self.split_off(first) {
            let singles = length(position..group.start);
            assembled.extend(messages.by_ref().take(singles).map(Outgoing::One));
            position = group.end;
            assembled.push(Outgoing::Group(messages.by_ref().take(length(group)).collect()));
        }
        assembled.extend(messages.map(Outgoing::One));
        assembled
    }

    /// Removes the groups that begin at the position `first` or later.
    fn split_off(&mut self, first: u64) -> VecDeque<Range<u64>> {
        let Some(list) = &mut self.list else { return VecDeque::new() };
        let later = list.split_off(list.partition_point(|group| group.start < first));
        if list.is_empty() {
            self.list = None;
        }
        later
    }
}

/// The number of positions in a range.
pub(super) fn length(positions: Range<u64>) -> usize {
    usize::try_from(positions.end.saturating_sub(positions.start)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
