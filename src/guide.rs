//! Longer pages than the items have room for. They hold no code of the crate's.
//!
//! - [`coming_from_python_engineio`]: each option, method and event of `engineio.AsyncClient`, and what to write here.
//! - [`coming_from_engine_io_client`]: the same for JavaScript's reference client.
//! - [`what_happens_when`]: each failure, and the error or event that tells of it.
//! - [`testing_your_own_code`]: actors that send and receive, tested without a network.

#[doc = include_str!("guide/coming_from_engine_io_client.md")]
pub mod coming_from_engine_io_client {}

#[doc = include_str!("guide/coming_from_python_engineio.md")]
pub mod coming_from_python_engineio {}

#[doc = include_str!("guide/testing_your_own_code.md")]
pub mod testing_your_own_code {}

#[doc = include_str!("guide/what_happens_when.md")]
pub mod what_happens_when {}
