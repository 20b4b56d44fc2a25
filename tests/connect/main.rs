//! Connects that a server, or the user, lets fail: each says why, within its limit, and leaves nothing behind.

// A test may fail in its helpers too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod cancel;
mod dead;
mod redirect;
mod requests;
mod websocket;
