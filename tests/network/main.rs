//! Connections to servers: awc's connector, TLS, proxies, unix sockets, and the user's own ways.
//!
//! The server is a real one, with HTTP. In front of it is the proxy, or the TLS, that a test is about.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "../../examples/embedded/mod.rs"]
mod embedded;
#[path = "../support/mod.rs"]
mod support;

mod connector;
mod forwarding;
mod front;
#[cfg(feature = "rustls")]
mod other_origin;
#[cfg(feature = "rustls")]
mod own_tls;
mod proxy;
mod socket;
#[cfg(feature = "socks")]
mod socks;
#[cfg(feature = "rustls")]
mod tls;
mod works;

use works::works;
