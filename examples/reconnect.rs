//! The server dies and comes back; the client waits, connects again, and sends what was queued meanwhile.
//!
//! ```sh
//! cargo run --example reconnect                             # with a server of its own
//! cargo run --example reconnect -- http://localhost:5000    # with yours: stop it, start it, Ctrl-C ends
//! ```

use std::{env, error::Error, process::ExitCode, time::Duration};

use actix::prelude::*;
use actix_engineio::{
    self as engineio, Connect, Data, Disconnect, EngineIoClient, Event, EventKind, EventStream, Reconnect,
};
use futures_util::StreamExt as _;

use crate::embedded::EmbeddedServer;

#[allow(dead_code, reason = "the tests use the rest")]
mod embedded;
mod program;

fn client() -> Addr<EngineIoClient> {
    EngineIoClient::builder()
        .reconnect(
            Reconnect::exponential()
                .initial_delay(Duration::from_millis(200))
                .max_delay(Duration::from_secs(1)),
        )
        // Messages that were not sent are the first ones of the next session, in order.
        .keep_unsent(true)
        .handle_signals(true)
        .start()
}

fn print(event: &Event) {
    match event {
        Event::Connected(session) => println!("connected     sid {}", session.sid),
        Event::Upgraded(transport) => println!("upgraded      to {transport}"),
        Event::Message(Data::Text(text)) => println!("received      {:?}", &**text),
        Event::Disconnected(end) => println!("disconnected  {}", end.reason),
        Event::Reconnecting(next) => {
            println!("reconnecting  attempt {} in {:.0?}, after: {}", next.attempt, next.delay, next.cause);
        }
        Event::ReconnectFailed(err) => println!("gave up       {err}"),
        event => println!("{event:?}"),
    }
}

/// Prints what happens, up to and including the first event of this kind.
async fn until(events: &mut EventStream, kind: EventKind) {
    while let Some(event) = events.next().await {
        print(&event);
        if event.kind() == kind {
            break;
        }
    }
}

const USAGE: &str = "\
reconnect [URL]

Connects again when the server is gone, and sends what was accepted meanwhile.

Without a URL it starts a server of its own.
With a URL it runs until Ctrl-C.";

#[actix::main]
async fn main() -> ExitCode {
    program::run(USAGE, run).await
}

async fn run() -> Result<(), Box<dyn Error>> {
    let client = client();
    let mut events = EventStream::subscribe(&client).await?;
    match env::args().nth(1) {
        Some(url) => watch(client, &mut events, url).await,
        None => show(client, &mut events).await,
    }
}

/// Kills a server and brings it back.
async fn show(client: Addr<EngineIoClient>, events: &mut EventStream) -> Result<(), Box<dyn Error>> {
    let server = EmbeddedServer::echo()?;
    let addr = server.addr();
    println!("serving       an echo at {}", server.url());
    client.send(Connect::new(server.url())).await??;
    until(events, EventKind::Upgraded).await;
    client.send(engineio::Send::text("before")).await??;
    until(events, EventKind::Message).await;

    println!("-- the server is killed");
    drop(server);
    until(events, EventKind::Disconnected).await;
    println!("sending       \"while there was no server\"");
    client.send(engineio::Send::text("while there was no server")).await??;
    until(events, EventKind::Reconnecting).await;
    until(events, EventKind::Reconnecting).await;

    println!("-- the server is back");
    let _server = EmbeddedServer::echo_at(addr)?;
    until(events, EventKind::Message).await;

    client.send(Disconnect::new()).await?;
    until(events, EventKind::Disconnected).await;
    Ok(())
}

/// Prints what happens until Ctrl-C.
async fn watch(
    client: Addr<EngineIoClient>,
    events: &mut EventStream,
    url: String,
) -> Result<(), Box<dyn Error>> {
    client.send(Connect::new(url)).await??;
    // Without addresses the client stops when it has ended and does not reconnect. The stream ends with it.
    drop(client);
    while let Some(event) = events.next().await {
        print(&event);
    }
    Ok(())
}
