//! Connects that fail because of the server or the user: each reports why, within its limit, and leaks nothing.

// Functions that tests call may fail too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod cancel;
mod dead;
mod redirect;
mod requests;
mod secrets;
mod websocket;
