//! A hundred connections at the same time, over four threads, each with a conversation of its own.
//!
//! ```sh
//! cargo run --example many_clients                                  # with a server of its own
//! cargo run --example many_clients -- http://localhost:5000 1000    # with yours, which should send back what it gets
//! ```

use std::{env, error::Error, process::ExitCode, time::Duration};

use actix::prelude::*;
use actix_engineio::{self as engineio, Connect, Disconnect, EngineIoClient, Event, EventStream};
use actix_rt::time::{Instant, timeout};
use futures_util::{StreamExt as _, future};

#[allow(dead_code, reason = "the tests use the rest")]
mod embedded;
mod program;

const ARBITERS: usize = 4;
const MESSAGES: usize = 10;

/// Sends some messages and checks that they come back in order. The reply says how many did.
async fn converse(number: usize, client: Addr<EngineIoClient>, url: String) -> Result<usize, Box<dyn Error>> {
    let mut events = EventStream::subscribe(&client).await?;
    client.send(Connect::new(url)).await??;
    for at in 0..MESSAGES {
        client.send(engineio::Send::text(format!("{at} of {number}"))).await??;
    }
    let mut received = 0;
    while received < MESSAGES {
        match timeout(Duration::from_secs(10), events.next()).await? {
            Some(Event::Message(data)) => {
                let expected = format!("{received} of {number}");
                if data.as_text() != Some(&expected) {
                    return Err(format!("{data:?} came instead of {expected:?}").into());
                }
                received += 1;
            }
            Some(Event::Disconnected(end)) => return Err(end.reason.to_string().into()),
            Some(_) => {}
            None => return Err("the client stopped".into()),
        }
    }
    client.send(Disconnect::new()).await?;
    Ok(received)
}

const USAGE: &str = "\
many_clients [URL [NUMBER]]

NUMBER connections (100) over four threads, each with a conversation. The server should send back what it gets.

Without a URL it starts a server of its own.";

#[actix::main]
async fn main() -> ExitCode {
    program::run(USAGE, run).await
}

async fn run() -> Result<(), Box<dyn Error>> {
    let (url, _server) = embedded::url_or_echo()?;
    let connections = env::args().nth(2).map_or(Ok(100), |number| number.parse())?;

    // Clients live on threads of their own; their addresses are used from here.
    let arbiters: Vec<_> = (0..ARBITERS).map(|_| Arbiter::new()).collect();
    let builder = EngineIoClient::builder();
    let start = Instant::now();
    let conversations = arbiters.iter().cycle().take(connections).enumerate().map(|(number, arbiter)| {
        let client = builder.clone().start_in_arbiter(&arbiter.handle());
        converse(number, client, url.clone())
    });
    let outcomes = future::join_all(conversations).await;
    let took = start.elapsed();

    let (done, failed): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
    let received: usize = done.iter().flatten().sum();
    println!(
        "{} connections over {ARBITERS} arbiters: {received} messages there and back in {took:.0?}",
        done.len()
    );
    for arbiter in arbiters {
        arbiter.stop();
        // If the thread panicked, it has printed its own message.
        let _ = arbiter.join();
    }
    match failed.into_iter().find_map(Result::err) {
        Some(err) => Err(format!("{} failed, the first error: {err}", connections - done.len()).into()),
        None => Ok(()),
    }
}
