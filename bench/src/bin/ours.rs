//! This crate's client against the bench server: `ours TASK ADDRESS TRANSPORT SIZE COUNT`.
//!
//! `receive-actor` and `receive-stream` take a flood in, through a subscriber or an `EventStream`; `send` sends by
//! `do_send`. A SIZE such as `64b` means binary messages. `idle` opens COUNT connections and says what each adds to the
//! resident memory.

use std::{env, error::Error, fs, time::Duration};

use actix::prelude::*;
use actix_engineio::{self as engineio, Connect, Data, EngineIoClient, Event, EventStream, Flush};
use bytes::Bytes;
use bytestring::ByteString;
use futures_util::StreamExt;
use tokio::sync::oneshot;

/// Messages that are sent before they are flushed.
const BURST: usize = 256;

/// Counts messages, and says when all have come.
struct Counter {
    left: usize,
    done: Option<oneshot::Sender<()>>,
}

impl Actor for Counter {
    type Context = Context<Self>;
}

impl Handler<Event> for Counter {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        if let Event::Message(_) = event {
            self.left -= 1;
            if self.left == 0
                && let Some(done) = self.done.take()
            {
                let _ = done.send(());
            }
        }
    }
}

#[actix::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<_> = env::args().skip(1).collect();
    let [task, address, transport, size, count] = args.as_slice() else {
        return Err("usage: ours TASK ADDRESS TRANSPORT SIZE COUNT".into());
    };
    let (kind, size) = match size.strip_suffix('b') {
        Some(size) => ("binary", size),
        None => ("text", &**size),
    };
    let mode = match task.as_str() {
        "send" => "sink",
        "idle" => "idle",
        _ => "flood",
    };
    let url = format!("http://{address}/?mode={mode}&kind={kind}&size={size}&count={count}");
    let connect = Connect::new(url).transports([transport.parse()?]);
    let (size, count) = (size.parse()?, count.parse()?);
    match task.as_str() {
        "receive-actor" => receive_by_actor(connect, count).await,
        "receive-stream" => receive_by_stream(connect, count).await,
        "send" if kind == "binary" => send(connect, Bytes::from(vec![b'x'; size]).into(), count).await,
        "send" => send(connect, ByteString::from("x".repeat(size)).into(), count).await,
        "idle" => idle(connect, count).await,
        _ => Err("TASK: receive-actor, receive-stream, send or idle".into()),
    }
}

async fn receive_by_actor(connect: Connect, count: usize) -> Result<(), Box<dyn Error>> {
    let (done, all) = oneshot::channel();
    let counter = Counter { left: count, done: Some(done) }.start();
    let client = EngineIoClient::builder().subscribe(counter.recipient()).start();
    client.send(connect).await??;
    Ok(all.await?)
}

async fn receive_by_stream(connect: Connect, count: usize) -> Result<(), Box<dyn Error>> {
    let client = EngineIoClient::builder().start();
    let mut events = EventStream::subscribe(&client).await?;
    client.send(connect).await??;
    let mut left = count;
    while left > 0 {
        match events.next().await {
            Some(Event::Message(_)) => left -= 1,
            Some(_) => {}
            None => return Err("the client stopped".into()),
        }
    }
    Ok(())
}

async fn send(connect: Connect, message: Data, count: usize) -> Result<(), Box<dyn Error>> {
    let client = EngineIoClient::builder().start();
    client.send(connect).await??;
    for _ in 0..count / BURST {
        for _ in 0..BURST {
            client.do_send(engineio::Send::new(message.clone()));
        }
        client.send(Flush).await??;
    }
    Ok(())
}

async fn idle(connect: Connect, count: usize) -> Result<(), Box<dyn Error>> {
    let before = resident()?;
    let mut clients = Vec::new();
    for _ in 0..count {
        let client = EngineIoClient::builder().start();
        client.send(connect.clone()).await??;
        clients.push(client);
    }
    // The last poll is on its way.
    actix_rt::time::sleep(Duration::from_millis(200)).await;
    println!("{} bytes", (resident()? - before) / count);
    Ok(())
}

/// The resident memory of this process, in bytes.
fn resident() -> Result<usize, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kib: usize = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib << 10)
}
