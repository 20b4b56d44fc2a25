//! No actor of one's own: events from a stream, in a plain `async fn`, beside a timer and Ctrl-C.
//!
//! ```sh
//! cargo run --example stream                             # with a server of its own
//! cargo run --example stream -- http://localhost:5000    # with yours; Ctrl-C ends
//! ```

use std::{error::Error, pin::pin, process::ExitCode, time::Duration};

use actix::prelude::*;
use actix_engineio::{self as engineio, Connect, Data, Disconnect, EngineIoClient, Event, EventStream};
use actix_rt::{signal, time::interval};
use futures_util::StreamExt as _;

#[allow(dead_code, reason = "the tests use the rest")]
mod embedded;
mod program;

/// Sends three ticks, and disconnects when the third one has come back.
async fn converse(client: &Addr<EngineIoClient>, events: &mut EventStream) -> Result<(), Box<dyn Error>> {
    let mut ticks = interval(Duration::from_millis(200));
    // Made once: a Ctrl-C that comes while something else is awaited is not lost.
    let mut interrupted = pin!(signal::ctrl_c());
    let (mut said, mut disconnecting) = (0, false);
    loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Event::Connected(session)) => println!("connected     sid {}", session.sid),
                Some(Event::Message(Data::Text(text))) => {
                    println!("received      {text}");
                    if &*text == "tick 3" && !disconnecting {
                        disconnecting = true;
                        client.do_send(Disconnect::new());
                    }
                }
                Some(Event::Disconnected(end)) => {
                    println!("disconnected  {}", end.reason);
                    return Ok(());
                }
                Some(Event::Rejected(err)) => println!("not sent      {err}"),
                Some(_) => {}
                None => return Ok(()),
            },
            _ = ticks.tick(), if said < 3 && !disconnecting => {
                said += 1;
                println!("sending       tick {said}");
                // To await a `Send` here would stop the reading while the send queue is full.
                client.do_send(engineio::Send::text(format!("tick {said}")));
            }
            _ = &mut interrupted, if !disconnecting => {
                disconnecting = true;
                client.do_send(Disconnect::new().reason("interrupted"));
            }
        }
    }
}

const USAGE: &str = "\
stream [URL]

Reads events from a stream, next to a timer and Ctrl-C. The server should send back what it gets.

Without a URL it starts a server of its own.";

#[actix::main]
async fn main() -> ExitCode {
    program::run(USAGE, run).await
}

async fn run() -> Result<(), Box<dyn Error>> {
    let (url, _server) = embedded::url_or_echo()?;
    let client = EngineIoClient::builder().start();
    let mut events = EventStream::subscribe(&client).await?;
    client.send(Connect::new(url)).await??;
    converse(&client, &mut events).await
}
