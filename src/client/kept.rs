//! Messages that outlive their session.

use std::mem;

use crate::data::Data;

/// Messages between two sessions, in order.
#[derive(Debug, Default)]
pub(super) struct Kept {
    messages: Vec<Data>,
    weight: usize,
}

impl Kept {
    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// What they cost, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Data> {
        self.messages.iter()
    }

    pub(super) fn push(&mut self, data: Data) {
        self.weight += data.weight();
        self.messages.push(data);
    }

    pub(super) fn take(&mut self) -> Vec<Data> {
        mem::take(self).messages
    }
}
