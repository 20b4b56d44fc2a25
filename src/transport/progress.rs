//! How far a request has come: written by those who move its bytes, read by those who set its time limit.

use std::{cell::Cell, rc::Rc};

use crate::error::Stage;

/// How far the lanes that share it have come.
#[derive(Clone)]
pub(crate) struct Progress(Rc<Counters>);

struct Counters {
    stage: Cell<Stage>,
    read: Cell<u64>,
    written: Cell<u64>,
    sent: Cell<bool>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self(Rc::new(Counters {
            stage: Cell::new(Stage::Connect),
            read: Cell::new(0),
            written: Cell::new(0),
            sent: Cell::new(false),
        }))
    }

    /// What is being waited for, from [`Stage::Resolve`] to [`Stage::Body`].
    pub(crate) fn stage(&self) -> Stage {
        self.0.stage.get()
    }

    /// Bytes read since the beginning.
    pub(crate) fn read(&self) -> u64 {
        self.0.read.get()
    }

    /// Bytes written since the beginning.
    pub(crate) fn written(&self) -> u64 {
        self.0.written.get()
    }

    /// Whether the current request has left completely. Until it has, the server cannot have acted on it.
    pub(crate) fn sent(&self) -> bool {
        self.0.sent.get()
    }

    pub(super) fn enter(&self, stage: Stage) {
        self.0.stage.set(stage);
    }

    /// Enters a stage in which nothing has been sent.
    pub(crate) fn begin(&self, stage: Stage) {
        self.0.sent.set(false);
        self.enter(stage);
    }

    pub(super) fn end_request(&self) {
        self.0.sent.set(true);
        // The answer may have come before the request was out.
        if self.stage() == Stage::Request {
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

fn add(count: &Cell<u64>, bytes: usize) {
    count.set(count.get().saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX)));
}
