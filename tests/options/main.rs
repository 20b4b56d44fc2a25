//! What the options do to the requests and to the choice of a transport.

// A test may fail in its helpers too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod cookies;
mod headers;
mod json;
mod limits;
mod transports;
mod urls;
