//! Upgrades from polling to WebSocket, with servers that fail in every way.

// Functions that tests call may fail too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod closes;
mod failures;
mod traffic;
