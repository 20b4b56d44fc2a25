//! The options of the client.

use std::time::Duration;

use actix::prelude::*;
use actix_engineio::{Attempt, Connect, EngineIoClient, EventKind, Reconnect, Subscribe};

use crate::{
    config::Config,
    telemetry::Telemetry,
    token::{Token, fetch},
    unsent::Unsent,
};

/// Starts the client on `arbiter`, with the subscribers that live as long as the client.
pub(crate) fn start(
    config: &Config,
    telemetry: &Telemetry,
    unsent: &Addr<Unsent>,
    arbiter: &ArbiterHandle,
) -> Addr<EngineIoClient> {
    let ends = [EventKind::Disconnected, EventKind::Rejected, EventKind::RejectedAll];
    let mut builder = EngineIoClient::builder()
        // The service can start before the server does.
        .reconnect(
            Reconnect::exponential()
                .initial_delay(Duration::from_millis(200))
                .max_delay(Duration::from_secs(5))
                .on_initial_connect(true),
        )
        // Messages that were accepted between two sessions are sent on the next one.
        .keep_unsent(true)
        .send_queue(config.send_queue)
        .close_timeout(config.close_timeout)
        .metrics(telemetry.metrics())
        .subscribe(telemetry.subscribe())
        .subscribe(Subscribe::new(unsent.clone().recipient()).only(ends).name("unsent"));
    if let Some(url) = config.token_url.clone() {
        let token = Token::default();
        builder = builder.before_connect(async move |connect: Connect, attempt: Attempt| {
            let current = token.get(&attempt, async || fetch(&url).await).await?;
            Ok::<_, String>(connect.header("authorization", format!("Bearer {current}")))
        });
    }
    builder.start_in_arbiter(arbiter)
}
