//! The way from polling to WebSocket, with servers that stumble on it.

// A test may fail in its helpers too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod closes;
mod failures;
mod traffic;
