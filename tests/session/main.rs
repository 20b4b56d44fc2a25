//! Sessions with servers that may do anything: messages arrive, and the end is reported as what it was.

// Functions that tests call may fail too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod backlog;
mod carried_over;
mod clients;
mod compression;
mod confirm;
mod disconnect;
mod groups;
mod heartbeat;
mod idle_connections;
mod keepalive;
mod loops;
mod messages;
mod one_request;
mod polls;
mod posts;
mod reconnects;
mod retained;
mod websocket;

use actix_engineio::EngineIoClientBuilder;

use support::{
    Client, milestone,
    script::OPEN,
    server::{Peer, Server},
};

/// Opens a session over polling and sends "a". Returns when its POST was received; then the server goes on with `script`,
/// which gets the connection of the polls and that of the POST.
async fn posting(
    configure: impl FnOnce(EngineIoClientBuilder) -> EngineIoClientBuilder,
    script: impl FnOnce(Peer, Peer) + Send + 'static,
) -> (Client, Server) {
    let (posted, is_posted) = milestone();
    let server = Server::start(move |server| {
        let (get, mut post) = server.opens_both(OPEN);
        post.posts("4a");
        posted.reached();
        script(get, post);
    });
    let mut client = Client::with(&server, configure);
    client.connect().await;
    client.send("a").await;
    is_posted.await;
    (client, server)
}

/// Closes neither connection before the client does.
fn is_silent(get: Peer, post: Peer) {
    post.expect_closed();
    get.expect_closed();
}
