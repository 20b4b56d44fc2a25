//! Sessions with servers that do as they like: what is said arrives, and every end is told as what it was.

// A test may fail in its helpers too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod backlog;
mod clients;
mod heartbeat;
mod leaving;
mod messages;
mod polls;
mod posts;
mod websocket;
