//! The check that a client works over every transport.

use crate::support::Client;
use actix_engineio::{Connect, EngineIoClientBuilder, TransportKind};

/// Connects over each transport, and has a text and a binary message sent back.
pub(crate) async fn works(url: &str, configure: impl Fn(EngineIoClientBuilder) -> EngineIoClientBuilder) {
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
