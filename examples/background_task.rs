//! A heartbeat of the application's own, in JSON. It runs beside everything else and ends with its session.
//!
//! ```sh
//! cargo run --example background_task                             # with a server of its own
//! cargo run --example background_task -- http://localhost:5000    # with yours, which should send back what it gets
//! ```

use std::{error::Error, process::ExitCode, time::Duration};

use actix::{WeakAddr, prelude::*};
use actix_engineio::{
    self as engineio, Connect, Disconnect, EngineIoClient, Event, EventKind, Spawn, Subscribe, Wait,
};
use actix_rt::time::{Instant, interval, timeout};
use serde::{Deserialize, Serialize};

#[allow(dead_code, reason = "the tests use the rest")]
mod embedded;
mod program;

#[derive(Debug, Serialize, Deserialize)]
struct Heartbeat {
    number: u32,
    running_ms: u128,
}

/// What runs beside everything else. It has no end of its own: its future is dropped when the session ends.
async fn heartbeat(client: Addr<EngineIoClient>) {
    let start = Instant::now();
    let mut ticks = interval(Duration::from_millis(200));
    for number in 1.. {
        ticks.tick().await;
        let beat = Heartbeat { number, running_ms: start.elapsed().as_millis() };
        match engineio::Send::json(&beat) {
            // Nobody awaits the reply: if it cannot be sent, the event `Rejected` says so.
            Ok(message) => client.do_send(message),
            Err(err) => eprintln!("not JSON      {err}"),
        }
    }
}

/// Reads the heartbeats that come back, and disconnects after the third.
struct Monitor {
    /// Not an `Addr`: client and subscriber would keep each other alive.
    client: WeakAddr<EngineIoClient>,
}

impl Actor for Monitor {
    type Context = Context<Self>;
}

impl Handler<Event> for Monitor {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        let Event::Message(data) = event else { return };
        match data.json::<Heartbeat>() {
            Ok(beat) => {
                println!("heartbeat     {} of {} ms came back", beat.number, beat.running_ms);
                if beat.number == 3
                    && let Some(client) = self.client.upgrade()
                {
                    client.do_send(Disconnect::new().reason("three heartbeats are enough"));
                }
            }
            Err(err) => println!("no heartbeat  {data:?}: {err}"),
        }
    }
}

const USAGE: &str = "\
background_task [URL]

Sends a heartbeat in JSON that ends with its session. The server should send back what it gets.

Without a URL it starts a server of its own.";

#[actix::main]
async fn main() -> ExitCode {
    program::run(USAGE, run).await
}

async fn run() -> Result<(), Box<dyn Error>> {
    let (url, _server) = embedded::url_or_echo()?;

    let client = EngineIoClient::builder().start();
    let monitor = Monitor { client: client.downgrade() }.start();
    client.send(Subscribe::new(monitor.recipient()).only([EventKind::Message])).await?;

    let session = client.send(Connect::new(url)).await??;
    println!("connected     sid {}", session.sid);
    // The task ends with this session. In a program that reconnects, spawn it on each `Event::Connected`.
    let task = client.send(Spawn::new(heartbeat)).await??;

    match timeout(Duration::from_secs(10), client.send(Wait)).await {
        Ok(reason) => {
            println!("disconnected  {}", reason?.map(|reason| reason.to_string()).unwrap_or_default())
        }
        Err(_) => {
            println!("(no three heartbeats came back within 10 seconds)");
            client.send(Disconnect::new()).await?;
        }
    }
    match task.await {
        Ok(()) => println!("heartbeat     finished by itself"),
        Err(err) if err.is_cancelled() => println!("heartbeat     ended with its session"),
        Err(err) => println!("heartbeat     {err}"),
    }
    Ok(())
}
