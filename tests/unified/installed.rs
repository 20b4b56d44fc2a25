//! A build in which awc needs a cryptography provider, and the application has installed one.

#![cfg(feature = "webpki")]
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "../../examples/embedded/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod embedded;
#[path = "../support/mod.rs"]
mod support;
#[path = "../network/works.rs"]
mod works;

use actix_engineio::rustls::crypto::{CryptoProvider, ring};
use embedded::EmbeddedServer;
use works::works;

#[actix::test]
async fn the_provider_that_the_application_has_installed_stays() {
    let mut provider = ring::default_provider();
    provider.cipher_suites.truncate(1);
    provider.install_default().unwrap();
    let server = EmbeddedServer::echo().unwrap();
    works(&server.url(), |builder| builder).await;
    assert_eq!(CryptoProvider::get_default().unwrap().cipher_suites.len(), 1);
}
