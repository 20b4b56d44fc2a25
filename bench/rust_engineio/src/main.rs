//! rust_engineio's asynchronous client.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use bench::{Meter, Order};
use bytes::Bytes;
use futures_util::StreamExt;
use rust_engineio::{
    Packet, PacketId,
    asynchronous::{Client, ClientBuilder},
};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let order = Order::read()?;
    match order.task.as_str() {
        "receive" => receive(&order).await,
        "send" | "send-awaited" => send(&order).await,
        "echo" => echo(&order).await,
        "cycle" => cycle(&order).await,
        "idle" => idle(&order).await,
        _ => Err("TASK: receive, send, send-awaited, echo, cycle or idle".into()),
    }
}

async fn connect(order: &Order, mode: &str) -> Outcome<Client> {
    let builder = ClientBuilder::new(order.url("http", mode).parse()?);
    let client = match order.transport.as_str() {
        "polling" => builder.build_polling().await?,
        "websocket" => builder.build_websocket().await?,
        _ => builder.build_websocket_with_upgrade().await?,
    };
    client.connect().await?;
    Ok(client)
}

async fn message(client: &mut Client) -> Outcome<Packet> {
    loop {
        let packet = client.next().await.ok_or("the server closed")??;
        if matches!(packet.packet_id, PacketId::Message | PacketId::MessageBinary) {
            return Ok(packet);
        }
    }
}

fn packet(order: &Order) -> Packet {
    let packet_id = if order.binary { PacketId::MessageBinary } else { PacketId::Message };
    Packet { packet_id, data: Bytes::from(vec![b'x'; order.size]) }
}

async fn receive(order: &Order) -> Outcome {
    let mut client = connect(order, "flood").await?;
    let mut meter = Meter::start();
    let mut bytes = 0;
    for seen in 1..=order.count {
        bytes += message(&mut client).await?.data.len();
        if seen == order.warm_up() {
            meter = Meter::start();
        }
    }
    if bytes != order.count * order.size {
        return Err("messages came broken".into());
    }
    meter.report(order.count - order.warm_up());
    Ok(())
}

async fn send(order: &Order) -> Outcome {
    let mut client = connect(order, "sink").await?;
    let packet = packet(order);
    let mut meter = Meter::start();
    for sent in 1..=order.count {
        // It flushes each message.
        client.emit(packet.clone()).await?;
        if sent == order.warm_up() {
            meter = Meter::start();
        }
    }
    // The server sends one message when it has received all.
    message(&mut client).await?;
    meter.report(order.count - order.warm_up());
    Ok(())
}

async fn echo(order: &Order) -> Outcome {
    let mut client = connect(order, "echo").await?;
    let packet = packet(order);
    let mut took = Vec::with_capacity(order.count);
    let mut meter = Meter::start();
    for trip in 0..order.count {
        if trip == order.warm_up() {
            took.clear();
            meter = Meter::start();
        }
        let started = Instant::now();
        client.emit(packet.clone()).await?;
        if message(&mut client).await?.data.len() != order.size {
            return Err("messages came broken".into());
        }
        took.push(started.elapsed());
    }
    meter.report_each(took);
    Ok(())
}

async fn cycle(order: &Order) -> Outcome {
    let mut took = Vec::with_capacity(order.count);
    let mut meter = Meter::start();
    for cycle in 0..order.count {
        if cycle == order.warm_up() {
            took.clear();
            meter = Meter::start();
        }
        let started = Instant::now();
        connect(order, "idle").await?.disconnect().await?;
        took.push(started.elapsed());
    }
    meter.report_each(took);
    Ok(())
}

async fn idle(order: &Order) -> Outcome {
    let before = bench::resident();
    let mut tasks = Vec::with_capacity(order.count);
    for _ in 0..order.count {
        let mut client = connect(order, "idle").await?;
        // It answers pings only while a task waits for the next packet.
        tasks.push(tokio::spawn(async move { message(&mut client).await.is_ok() }));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    bench::report_memory(order.count, before);
    Ok(())
}
