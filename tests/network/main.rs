//! How the bytes get to the server: TLS, proxies, unix sockets, the user's own ways.
//!
//! The server is a real one that speaks plain HTTP; in front of it stands whatever the test is about.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "../../examples/embedded/mod.rs"]
mod embedded;
#[path = "../support/mod.rs"]
mod support;

mod front;
mod proxy;
mod socket;
#[cfg(feature = "socks")]
mod socks;
#[cfg(feature = "rustls")]
mod tls;

use actix_engineio::{Connect, EngineIoClientBuilder, TransportKind};
use support::Client;

/// Connects over each transport and lets a text and a binary message come back.
async fn works(url: &str, configure: impl Fn(EngineIoClientBuilder) -> EngineIoClientBuilder) {
    let mut polling = Client::to(url.to_owned(), |builder| configure(builder).upgrade(false));
    polling.connect_over(TransportKind::Polling).await;
    echoes(&mut polling).await;

    let mut websocket = Client::to(url.to_owned(), &configure);
    websocket.connect_over(TransportKind::WebSocket).await;
    echoes(&mut websocket).await;

    let mut both = Client::to(url.to_owned(), &configure);
    both.open(Connect::new(url)).await;
    both.upgraded().await;
    echoes(&mut both).await;
}

async fn echoes(client: &mut Client) {
    client.send("håll").await;
    assert_eq!(client.text().await, "håll");
    client.send(vec![0, 255]).await;
    assert_eq!(client.message().await.as_bytes()[..], [0, 255]);
    client.disconnect().await;
    client.ended_cleanly().await;
}
