//! A build in which awc cannot make a connector, with or without a provider.

#![cfg(all(feature = "native", not(feature = "webpki")))]
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

use std::{env, process::Command};

use actix_engineio::{ConnectError, TransportError, TransportKind};
use support::Client;

/// The variables of the environment belong to a process, so the client runs in one of its own.
#[test]
fn a_connect_fails_if_awc_cannot_make_a_connector() {
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "child", "--nocapture"])
        .env("IS_CHILD", "1")
        .env("SSL_CERT_FILE", "/there/is/no/such/file")
        .output()
        .unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
}

/// The client in the other process. In a normal run of the tests this does nothing.
#[actix::test]
async fn child() {
    if env::var_os("IS_CHILD").is_none() {
        return;
    }
    let mut client = Client::to("http://127.0.0.1:1".to_owned(), |builder| builder);
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        let err = client.fails_over(transport).await;
        let ConnectError::Transport { source: TransportError::Unsupported(what), .. } = &err else {
            panic!("{err:?}");
        };
        assert!(what.contains("awc cannot make a connector") && what.contains("root certificates"), "{what}");
        assert!(!err.is_retryable());
    }
}
