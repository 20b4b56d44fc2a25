//! Connects, works, disconnects, also when the work fails: one function for what other languages have `with` for.
//!
//! ```sh
//! cargo run --example scoped                             # with a server of its own
//! cargo run --example scoped -- http://localhost:5000    # with yours
//! ```

use std::{error::Error, process::ExitCode};

use actix::prelude::*;
use actix_engineio::{
    self as engineio, Connect, ConnectError, Disconnect, EngineIoClient, EngineIoClientBuilder, Event, Flush,
};

#[allow(dead_code, reason = "the tests use the rest")]
mod embedded;
mod program;

/// Runs `work` with a client of its own that is connected, and disconnects whatever comes of it.
///
/// If the future of this is dropped halfway, the guard disconnects. Dropping the last address would not be enough: a client with
/// a subscriber lives on.
async fn with_connection<T, E>(
    builder: EngineIoClientBuilder,
    connect: Connect,
    work: impl AsyncFnOnce(&Addr<EngineIoClient>) -> Result<T, E>,
) -> Result<T, E>
where
    E: From<ConnectError> + From<MailboxError>,
{
    let client = builder.start();
    let _guard = Guard(client.clone());
    client.send(connect).await??;
    let outcome = work(&client).await;
    client.send(Disconnect::new()).await?;
    outcome
}

/// Disconnects when it is dropped. A client that has disconnected already does not mind.
struct Guard(Addr<EngineIoClient>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.do_send(Disconnect::new());
    }
}

/// Says when connections begin and end.
struct Printer;

impl Actor for Printer {
    type Context = Context<Self>;
}

impl Handler<Event> for Printer {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        match event {
            Event::Connected(session) => println!("connected     sid {}", session.sid),
            Event::Disconnected(end) => println!("disconnected  {}", end.reason),
            _ => {}
        }
    }
}

const USAGE: &str = "\
scoped [URL]

Connects, works, and disconnects also if the work fails.

Without a URL it starts a server of its own.";

#[actix::main]
async fn main() -> ExitCode {
    program::run(USAGE, run).await
}

async fn run() -> Result<(), Box<dyn Error>> {
    let (url, _server) = embedded::url_or_echo()?;
    let builder = EngineIoClient::builder().subscribe(Printer.start().recipient());

    let bytes = with_connection(builder.clone(), Connect::new(&url), async |client| {
        client.send(engineio::Send::text("all is well")).await??;
        client.send(Flush).await??;
        let status = client.send(engineio::GetStatus).await?;
        Ok::<_, Box<dyn Error>>(status.counters.bytes_sent)
    })
    .await?;
    println!("work done     {bytes} bytes sent");

    let outcome = with_connection(builder, Connect::new(&url), async |client| {
        client.send(engineio::Send::text("forty-two?")).await??;
        let answer: u32 = "not a number".parse()?;
        Ok::<_, Box<dyn Error>>(answer)
    })
    .await;
    if let Err(err) = outcome {
        println!("work failed   {err}");
    }
    Ok(())
}
