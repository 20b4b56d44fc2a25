//! Longer pages of documentation, as modules that contain nothing else.
//!
//! In the order in which they are best read, after the [first page](crate):
//!
//! 1. [`in_a_production_service`]: where a client runs, how the program stops without losing a message, configuration,
//!    health, metrics, logging, back-pressure, supervised actors, and what keeps what alive.
//! 2. [`testing_your_own_code`]: a server for tests, which misbehaves on command (feature `testing`), and tests of actors
//!    that send and receive without any server.
//! 3. [`building_on_top`]: a protocol of your own, or Socket.IO, inside the messages.
//!
//! To look something up:
//!
//! - [`coming_from_python_engineio`]: each option, method and event of `engineio.AsyncClient`, with the equivalent
//!   here, and its examples as complete programs.
//! - [`coming_from_engine_io_client`]: the same for the JavaScript reference client.
//! - [`what_happens_when`]: each failure, with the error or event that reports it.

#[doc = include_str!("guide/building_on_top.md")]
pub mod building_on_top {}

#[doc = include_str!("guide/coming_from_engine_io_client.md")]
pub mod coming_from_engine_io_client {}

#[doc = include_str!("guide/coming_from_python_engineio.md")]
pub mod coming_from_python_engineio {}

#[doc = include_str!("guide/in_a_production_service.md")]
pub mod in_a_production_service {}

// Its links lead to the module, which exists only with the feature.
#[cfg_attr(feature = "testing", doc = include_str!("guide/testing_your_own_code.md"))]
#[cfg_attr(
    not(feature = "testing"),
    doc = "This page is part of the documentation with the feature `testing`."
)]
pub mod testing_your_own_code {}

#[doc = include_str!("guide/what_happens_when.md")]
pub mod what_happens_when {}
