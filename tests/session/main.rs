//! Sessions with servers that may do anything: messages arrive, and the end is reported as what it was.

// Functions that tests call may fail too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod backlog;
mod clients;
mod disconnect;
mod heartbeat;
mod messages;
mod polls;
mod posts;
mod websocket;
