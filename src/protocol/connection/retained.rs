//! What was written, and which of it may still come back.

use std::{collections::VecDeque, ops::Range};

use super::{
    groups::{Groups, length},
    interrupted::Interrupted,
    outgoing::Outgoing,
};
use crate::data::Data;

/// The capacity that an empty list retains.
const MAX_CAPACITY: usize = 1024;

/// The messages that were written and may have to be given back: those that are not confirmed, and those of a group that
/// is not confirmed as a whole. In the usual case every message is confirmed when it is written, and none is retained.
///
/// A message's position is the number of messages that were written before it.
#[derive(Debug, Default)]
pub(super) struct Retained {
    /// The last messages that were written. Boxed, because most clients retain none.
    #[expect(clippy::box_collection, reason = "an idle client takes less memory")]
    messages: Option<Box<VecDeque<Data>>>,
    weight: usize,
    groups: Groups,
    /// The number of messages written, which is the position of the next one.
    written: u64,
    /// The number of messages confirmed.
    confirmed: u64,
    /// Messages are confirmed by `confirm`, and not by being written.
    until_confirmed: bool,
}

/// Messages that were accepted, and are given back at the end of the session.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Undelivered {
    /// Messages and groups of which no byte was sent.
    pub(super) unsent: Vec<Outgoing>,
    /// Messages that may have been sent, and groups of which a part was, or may have been.
    pub(super) in_doubt: Vec<Data>,
    pub(super) interrupted: Interrupted,
}

impl Retained {
    /// `until_confirmed`: what was written is in doubt until `confirm` says that it was read.
    pub(super) fn new(until_confirmed: bool) -> Self {
        Self { until_confirmed, ..Self::default() }
    }

    pub(super) fn until_confirmed(&self) -> bool {
        self.until_confirmed
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.as_ref().is_none_or(|messages| messages.is_empty())
    }

    /// The bytes that the messages count for, with the overhead of each.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// The number of messages written.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// The messages at these positions, which are not written yet, are a group.
    pub(super) fn push_group(&mut self, positions: Range<u64>) {
        self.groups.push(positions);
    }

    /// Removes the groups from the position `first` on, whose messages are not written yet, and returns these messages as the
    /// groups that they were.
    pub(super) fn assemble(&mut self, first: u64, messages: impl Iterator<Item = Data>) -> Vec<Outgoing> {
        self.groups.assemble(first, messages)
    }

    /// The next messages were written: `count` of them. `is_acknowledged`: the server has said that it has them.
    pub(super) fn wrote<'a>(
        &mut self,
        messages: impl Iterator<Item = &'a Data>,
        count: usize,
        is_acknowledged: bool,
    ) {
        let first = self.written;
        self.written += u64::try_from(count).unwrap_or(u64::MAX);
        if is_acknowledged || !self.until_confirmed {
            self.confirmed = self.written;
        }
        if self.until_confirmed || !self.groups.is_empty() {
            let from = self.release(first);
            for data in messages.skip(length(first..from)) {
                self.weight += data.weight();
                self.messages.get_or_insert_default().push_back(data.clone());
            }
        }
    }

    /// The other end has read the first `read` of all messages that were ever written.
    pub(super) fn confirm(&mut self, read: u64) {
        self.confirmed = read.max(self.confirmed);
        self.release(self.written);
    }

    /// Drops the messages that cannot come back any more. `end` is the position behind the last one here. Returns the
    /// position of the first one that can.
    fn release(&mut self, end: u64) -> u64 {
        self.groups.settle(self.confirmed);
        let from = self.groups.around(self.confirmed).map_or(self.confirmed, |group| group.start);
        let Some(messages) = &mut self.messages else { return from };
        let first = end - u64::try_from(messages.len()).unwrap_or(0);
        let count = length(first..from).min(messages.len());
        let released: usize = messages.drain(..count).map(|data| data.weight()).sum();
        self.weight = self.weight.saturating_sub(released);
        if messages.is_empty() && (!self.until_confirmed || messages.capacity() > MAX_CAPACITY) {
            self.messages = None;
        }
        from
    }

    /// The session has ended. `in_doubt` and `unsent` are the messages behind the written ones. Of a group all messages
    /// are in the same list. `interrupted` is about the first messages of `unsent`.
    pub(super) fn end(
        &mut self,
        in_doubt: Vec<Data>,
        unsent: impl Iterator<Item = Data>,
        mut interrupted: Interrupted,
    ) -> Undelivered {
        let mut unsent = unsent;
        let mut first_unsent = self.written + u64::try_from(in_doubt.len()).unwrap_or(u64::MAX);
        let mut all_in_doubt = Vec::from(*self.messages.take().unwrap_or_default());
        all_in_doubt.extend(in_doubt);
        if let Some(group) = self.groups.around(first_unsent) {
            all_in_doubt.extend(unsent.by_ref().take(length(first_unsent..group.end)));
            first_unsent = group.end;
            // The write had begun with the group, and may have been interrupted because of it.
            interrupted.messages = 0;
        }
        let unsent = self.groups.assemble(first_unsent, unsent);
        let (written, until_confirmed) = (self.written, self.until_confirmed);
        *self = Self { written, confirmed: written, until_confirmed, ..Self::default() };
        Undelivered { unsent, in_doubt: all_in_doubt, interrupted }
    }
}

#[cfg(test)]
mod tests;
