//! The effect of the options on requests and on the choice of a transport.

// Functions that tests call may fail too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod cookies;
mod headers;
mod json;
mod limits;
mod transports;
mod urls;
