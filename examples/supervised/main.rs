//! An actor that owns a client and runs under actix's `Supervisor`, as a service of its system: it is restarted, and still
//! has one connection.
//!
//! ```sh
//! cargo run --example supervised                             # with a server of its own
//! cargo run --example supervised -- http://localhost:5000    # with yours, which should send back what it gets
//! ```

use std::{error::Error, process::ExitCode, time::Duration};

use actix::{SystemRegistry, prelude::*};
use actix_rt::time::{sleep, timeout};

use crate::feed::{Close, Feed, Figures, Publish, Restart};

#[allow(dead_code, reason = "other examples use the rest")]
#[path = "../embedded/mod.rs"]
mod embedded;
mod feed;
#[path = "../program/mod.rs"]
mod program;
#[cfg(test)]
mod tests;

const USAGE: &str = "\
supervised [URL]

An actor that owns a client is restarted twice. The server should send back what it gets.

Without a URL it starts a server of its own.";

#[actix::main]
async fn main() -> ExitCode {
    program::run(USAGE, run).await
}

async fn run() -> Result<(), Box<dyn Error>> {
    let (url, _server) = embedded::url_or_echo()?;
    // From here on `Feed::from_registry()` is the address of this actor, everywhere in the program.
    SystemRegistry::set(Supervisor::start(move |_| Feed::new(url)));
    let feed = Feed::from_registry();

    for generation in 1..=3 {
        feed.send(Publish(format!("generation {generation}"))).await?;
        let echo = async {
            while feed.send(Figures).await?.0 < generation {
                sleep(Duration::from_millis(10)).await;
            }
            Ok::<_, MailboxError>(())
        };
        match timeout(Duration::from_secs(5), echo).await {
            Ok(outcome) => outcome?,
            Err(_) => println!("(no answer within 5 seconds)"),
        }
        println!("generation {generation}        {} messages received", feed.send(Figures).await?.0);
        if generation < 3 {
            feed.send(Restart).await?;
        }
    }
    feed.send(Close).await?;
    println!("disconnected  {} messages not sent", feed.send(Figures).await?.1);
    Ok(())
}
