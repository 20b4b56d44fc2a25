//! A build in which awc needs a cryptography provider, and none is installed.
//!
//! A provider is installed once per process, so this process has one test.

#![cfg(feature = "webpki")]
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "../../examples/embedded/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod embedded;
#[path = "../support/mod.rs"]
mod support;
#[path = "../network/works.rs"]
mod works;

use std::sync::Mutex;

use actix_engineio::{
    Connect, ConnectError, Disconnect, EngineIoClient, TransportError,
    rustls::crypto::{CryptoProvider, ring},
};
use actix_rt::Arbiter;
use embedded::EmbeddedServer;
use log::{Level, LevelFilter, Log, Metadata, Record};
use works::works;

/// The warnings of this crate.
struct Warnings(Mutex<Vec<String>>);

static WARNINGS: Warnings = Warnings(Mutex::new(Vec::new()));

impl Log for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() == Level::Warn && metadata.target().starts_with("actix_engineio")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            self.0.lock().unwrap().push(record.args().to_string());
        }
    }

    fn flush(&self) {}
}

#[actix::test]
async fn a_client_installs_ring_and_works_if_awc_needs_a_provider_and_there_is_none() {
    log::set_logger(&WARNINGS).unwrap();
    log::set_max_level(LevelFilter::Warn);
    assert!(awc_panics(), "this build does not have the problem");
    assert!(CryptoProvider::get_default().is_none());

    let server = EmbeddedServer::echo().unwrap();
    works(&server.url(), |builder| builder).await;
    let installed = CryptoProvider::get_default().expect("a provider");
    assert_eq!(installed.cipher_suites.len(), ring::default_provider().cipher_suites.len());

    // The other arbiters find the provider, and do not warn again.
    let arbiter = Arbiter::new();
    let client = EngineIoClient::builder().start_in_arbiter(&arbiter.handle());
    client.send(Connect::new(server.url())).await.unwrap().unwrap();
    client.send(Disconnect::new()).await.unwrap();
    arbiter.stop();
    arbiter.join().unwrap();
    let warnings = WARNINGS.0.lock().unwrap().clone();
    assert!(matches!(&*warnings, [warning] if warning.contains("ring")), "{warnings:?}");

    // TLS is there, too.
    let mut client = support::Client::to("https://127.0.0.1:1".to_owned(), |builder| builder);
    let err = client.fails().await;
    assert!(matches!(err, ConnectError::Transport { source: TransportError::Connect { .. }, .. }), "{err:?}");
}

fn awc_panics() -> bool {
    std::panic::catch_unwind(|| drop(awc::Connector::new())).is_err()
}
