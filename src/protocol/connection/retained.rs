//! Messages that were written and may still come back.

use std::{collections::VecDeque, mem};

use crate::data::Data;

/// The capacity that an empty list retains.
const MAX_CAPACITY: usize = 1024;

/// The latest of the messages that were written, as long as they may have to be given back. In the usual case there are
/// none.
#[derive(Debug, Default)]
pub(super) struct Retained {
    messages: VecDeque<Data>,
}

impl Retained {
    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Adds messages behind all others.
    pub(super) fn extend(&mut self, messages: impl Iterator<Item = Data>) {
        self.messages.extend(messages);
    }

    /// Drops the first `count` messages.
    pub(super) fn release(&mut self, count: usize) {
        let count = count.min(self.messages.len());
        self.messages.drain(..count);
        if self.messages.is_empty() && self.messages.capacity() > MAX_CAPACITY {
            self.messages = VecDeque::new();
        }
    }

    /// Takes all messages out.
    pub(super) fn take(&mut self) -> Vec<Data> {
        mem::take(&mut self.messages).into()
    }
}
