//! Connects over polling, upgrades to WebSocket, sends text and bytes, prints what comes back, disconnects.
//!
//! ```sh
//! cargo run --example quickstart                             # with a server of its own
//! cargo run --example quickstart -- http://localhost:5000    # with yours
//! ```

use std::{error::Error, process::ExitCode, time::Duration};

use actix::prelude::*;
use actix_engineio::{self as engineio, Connect, Data, Disconnect, EngineIoClient, Event, EventKind};
use actix_rt::time::timeout;
use tokio::sync::mpsc;

#[allow(dead_code, reason = "the tests use the rest")]
mod embedded;
mod program;

/// Prints every event, and tells `main` what has happened.
struct Printer {
    seen: mpsc::UnboundedSender<EventKind>,
}

impl Actor for Printer {
    type Context = Context<Self>;
}

impl Handler<Event> for Printer {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        match &event {
            Event::Connected(session) => {
                println!("connected     sid {} over {}", session.sid, session.transport);
            }
            Event::Upgraded(transport) => println!("upgraded      to {transport}"),
            Event::UpgradeFailed(err) => println!("not upgraded  {err}"),
            Event::Message(Data::Text(text)) => println!("received      text {:?}", &**text),
            Event::Message(Data::Binary(bytes)) => println!("received      {} bytes {bytes:?}", bytes.len()),
            Event::Disconnected(end) => println!("disconnected  {}", end.reason),
            event => println!("{event:?}"),
        }
        // `main` may have stopped listening.
        let _ = self.seen.send(event.kind());
    }
}

/// Waits until `wanted` has been seen, but not for ever: not every server upgrades, or answers.
async fn until(seen: &mut mpsc::UnboundedReceiver<EventKind>, wanted: &[EventKind]) {
    let seen_it = async {
        while let Some(kind) = seen.recv().await {
            if wanted.contains(&kind) {
                break;
            }
        }
    };
    if timeout(Duration::from_secs(5), seen_it).await.is_err() {
        println!("(no {wanted:?} within 5 seconds)");
    }
}

const USAGE: &str = "\
quickstart [URL]

Connects over polling, upgrades to WebSocket, sends text and bytes, prints what comes back, and disconnects.

Without a URL it starts a server of its own.";

#[actix::main]
async fn main() -> ExitCode {
    program::run(USAGE, run).await
}

async fn run() -> Result<(), Box<dyn Error>> {
    let (url, _server) = embedded::url_or_echo()?;

    let (sender, mut seen) = mpsc::unbounded_channel();
    let client = EngineIoClient::builder().subscribe(Printer { seen: sender }.start().recipient()).start();

    let session = client.send(Connect::new(url)).await??;
    if session.upgrades.is_empty() {
        println!("(the server offers no upgrade)");
    } else {
        until(&mut seen, &[EventKind::Upgraded, EventKind::UpgradeFailed]).await;
    }

    println!("sending       text and bytes");
    client.send(engineio::Send::text("hello, Engine.IO")).await??;
    until(&mut seen, &[EventKind::Message]).await;
    client.send(engineio::Send::binary(vec![0, 1, 2, 3])).await??;
    until(&mut seen, &[EventKind::Message]).await;

    client.send(Disconnect::new()).await?;
    until(&mut seen, &[EventKind::Disconnected]).await;
    Ok(())
}
