//! HTTP/1.1 on connections of our own.
//!
//! A pool of connections would hide what matters here: whether a body ended or was cut, whether a request had
//! left, what a refused handshake said. So a [`Lane`] is one connection that carries one exchange after
//! another, and an [`Agent`] keeps one lane to one origin. Nothing here has a time limit, save the words of a refusal:
//! [`Activity`] tells whoever sets the limits how far things are.

mod agent;
mod body;
mod codec_config;
mod lane;
mod message;
#[cfg(test)]
mod tests;

use std::{cell::Cell, rc::Rc};

use actix_codec::{AsyncRead, AsyncWrite};

pub(crate) use self::{
    agent::Agent,
    codec_config::CodecConfig,
    lane::{Lane, Upgraded},
    message::{Request, Response},
};
use crate::error::Stage;

/// A byte stream to a server.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Io for T {}

/// How far the lanes that share it have come.
#[derive(Clone)]
pub(crate) struct Activity(Rc<Progress>);

struct Progress {
    stage: Cell<Stage>,
    read: Cell<u64>,
    written: Cell<u64>,
    sent: Cell<bool>,
}

impl Activity {
    pub(crate) fn new() -> Self {
        Self(Rc::new(Progress {
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

    fn enter(&self, stage: Stage) {
        self.0.stage.set(stage);
    }

    /// Enters a stage in which nothing has been sent.
    pub(crate) fn begin(&self, stage: Stage) {
        self.0.sent.set(false);
        self.enter(stage);
    }

    fn end_request(&self) {
        self.0.sent.set(true);
        // The answer may have come before the request was out.
        if self.stage() == Stage::Request {
            self.enter(Stage::Response);
        }
    }

    fn add_read(&self, bytes: usize) {
        add(&self.0.read, bytes);
    }

    fn add_written(&self, bytes: usize) {
        add(&self.0.written, bytes);
    }
}

fn add(count: &Cell<u64>, bytes: usize) {
    count.set(count.get().saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX)));
}
