//! A Socket.IO client on top of an Engine.IO client: joins a namespace, emits, asks, sends bytes, and prints what happens.
//!
//! ```sh
//! cargo run --example socketio                             # with a server of its own
//! cargo run --example socketio -- http://localhost:3000    # with yours: socket.io, python-socketio, socketioxide
//! ```

use std::{error::Error, process::ExitCode, time::Duration};

use actix::prelude::*;
use actix_engineio::{Connect, Reconnect};
use actix_rt::time::timeout;
use serde_json::{Map, Value, json};
use tokio::sync::mpsc;

use crate::client::{Args, AskError, Close, Emit, FromServer, Join, Occurred, SocketIo};

#[allow(dead_code, reason = "a program uses a part of a client")]
mod client;
mod demo;
#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../embedded/mod.rs"]
mod embedded;
#[path = "../program/mod.rs"]
mod program;
#[cfg(test)]
mod tests;

/// Prints what happens in a namespace, and acknowledges every event that wants it.
struct Printer {
    events: mpsc::UnboundedSender<String>,
}

impl Actor for Printer {
    type Context = Context<Self>;
}

impl Handler<FromServer> for Printer {
    type Result = ();

    fn handle(&mut self, FromServer { namespace, occurred }: FromServer, _: &mut Self::Context) {
        match occurred {
            Occurred::Joined(joined) => println!("joined        {namespace} as {}", joined.sid),
            Occurred::Refused(err) => println!("refused       {namespace}: {err}"),
            Occurred::Event { name, args, ack } => {
                println!("event         {name} {}", words(&args));
                if let Some(ack) = ack {
                    ack.send(Args::new().value("seen"));
                }
                // `main` may have stopped listening.
                let _ = self.events.send(name);
            }
            Occurred::Left(reason) => println!("left          {namespace}: {reason}"),
        }
    }
}

/// The arguments on one line, of bytes only their number.
fn words(args: &Args) -> String {
    let word = |value: &Value| {
        args.bytes(value).map_or_else(|| value.to_string(), |bytes| format!("{} bytes", bytes.len()))
    };
    args.values().iter().map(word).collect::<Vec<_>>().join(", ")
}

const USAGE: &str = "\
socketio [URL]

Joins the namespace / of a Socket.IO server, emits an event, asks for an acknowledgement, and sends bytes.

Without a URL it starts a server of its own.";

#[actix::main]
async fn main() -> ExitCode {
    program::run(USAGE, run).await
}

async fn run() -> Result<(), Box<dyn Error>> {
    let server = if std::env::args().len() > 1 { None } else { Some(demo::start()?) };
    let url =
        server.as_ref().map_or_else(|| std::env::args().nth(1).unwrap_or_default(), |server| server.url());

    let client = SocketIo::builder().reconnect(Reconnect::exponential()).start();
    let socket = SocketIo::start(client.clone()).await?;
    client.send(Connect::new(url)).await??;

    let (sender, mut events) = mpsc::unbounded_channel();
    let printer = Printer { events: sender }.start().recipient();
    // A service would fetch a token here: the hook runs at each reconnect as well.
    let token = async || Ok(Map::from_iter([("token".to_owned(), json!("secret"))]));
    socket.send(Join::new("/", printer).auth(token)).await??;

    socket
        .send(Emit::new("/", "message", Args::new().value("hello").value(json!({ "from": "Ada" }))))
        .await??;
    until(&mut events, "message").await;

    let question = Emit::new("/", "question", Args::new().value(42));
    match socket.send(question.ask(Duration::from_secs(2))).await? {
        Ok(answer) => println!("acknowledged  {}", words(&answer)),
        Err(AskError::TimedOut) => println!("(no acknowledgement within 2 seconds)"),
        Err(err) => return Err(err.into()),
    }

    socket.send(Emit::new("/", "message", Args::new().binary(vec![0, 1, 2, 3]))).await??;
    until(&mut events, "message").await;

    // Not a `Disconnect` for the client: that could overtake what the socket still has to send.
    socket.send(Close).await?;
    println!("disconnected");
    Ok(())
}

/// Waits for an event of this name, but not for ever: not every server sends back what it gets.
async fn until(events: &mut mpsc::UnboundedReceiver<String>, wanted: &str) {
    let event = async { while events.recv().await.is_some_and(|name| name != wanted) {} };
    if timeout(Duration::from_secs(2), event).await.is_err() {
        println!("(no {wanted:?} within 2 seconds)");
    }
}
