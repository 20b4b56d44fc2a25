//! How far a request has come. Those who move bytes write it, those who set time limits read it.

use std::{cell::Cell, rc::Rc};

use crate::error::Stage;

/// The progress of the requests of one HTTP client, for those who move the bytes: the connection and the network.
#[derive(Clone)]
pub(crate) struct Progress(Rc<Cells>);

/// The same progress, for those who only look at it.
#[derive(Clone)]
pub(super) struct ProgressReader(Rc<Cells>);

struct Cells {
    stage: Cell<Stage>,
    read: Cell<u64>,
    written: Cell<u64>,
    /// The bytes that were written before the current request.
    written_before: Cell<u64>,
    is_written: Cell<bool>,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self(Rc::new(Cells {
            stage: Cell::new(Stage::Connect),
            read: Cell::new(0),
            written: Cell::new(0),
            written_before: Cell::new(0),
            is_written: Cell::new(false),
        }))
    }

    pub(super) fn reader(&self) -> ProgressReader {
        ProgressReader(self.0.clone())
    }

    /// Enters a stage in which no byte of the current request has been sent.
    pub(super) fn begin(&self, stage: Stage) {
        self.0.is_written.set(false);
        self.0.written_before.set(self.0.written.get());
        self.enter(stage);
    }

    /// Enters a later stage of the current request.
    pub(super) fn enter(&self, stage: Stage) {
        self.0.stage.set(stage);
    }

    /// Every byte of the current request was written. Some may still be in a buffer of the connection.
    pub(super) fn end_writing(&self) {
        self.0.is_written.set(true);
    }

    /// The current request was sent: every byte was written and flushed.
    pub(super) fn end_request(&self) {
        // The answer may have arrived before the request was sent.
        if self.0.stage.get() == Stage::Request {
            self.enter(Stage::Response);
        }
    }

    pub(super) fn add_read(&self, bytes: usize) {
        add(&self.0.read, bytes);
    }

    pub(super) fn add_written(&self, bytes: usize) {
        add(&self.0.written, bytes);
    }
}

impl ProgressReader {
    /// The stage of the current request, from [`Stage::Resolve`] to [`Stage::Body`].
    pub(super) fn stage(&self) -> Stage {
        self.0.stage.get()
    }

    /// The number of bytes read, over all requests.
    pub(super) fn read(&self) -> u64 {
        self.0.read.get()
    }

    /// The number of bytes written, over all requests.
    pub(super) fn written(&self) -> u64 {
        self.0.written.get()
    }

    /// Whether some bytes of the current request were written.
    pub(super) fn is_begun(&self) -> bool {
        self.written() > self.0.written_before.get()
    }

    /// Whether every byte of the current request was written. Before that, the server cannot have acted on it.
    pub(super) fn is_written(&self) -> bool {
        self.0.is_written.get()
    }
}

fn add(count: &Cell<u64>, bytes: usize) {
    count.set(count.get().saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX)));
}

#[cfg(test)]
mod tests;
