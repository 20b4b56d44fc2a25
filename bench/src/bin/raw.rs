//! A client without an Engine.IO library, on tokio-tungstenite. WebSocket only.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use bench::{Meter, Order};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{Bytes, Message, Utf8Bytes},
};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let order = Order::read()?;
    if order.transport != "websocket" {
        return Err("websocket only".into());
    }
    match order.task.as_str() {
        "receive" => receive(&order).await,
        "send" => send(&order).await,
        "echo" => echo(&order).await,
        "cycle" => cycle(&order).await,
        "idle" => idle(&order).await,
        "spread" => spread(&order).await,
        _ => Err("TASK: receive, send, echo, cycle, idle or spread".into()),
    }
}

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

enum Data {
    Text(Utf8Bytes),
    Binary(Bytes),
}

impl Client {
    async fn connect(order: &Order, mode: &str) -> Outcome<Self> {
        Self::open(order.url("ws", mode)).await
    }

    async fn open(url: String) -> Outcome<Self> {
        let url = format!("{url}&EIO=4&transport=websocket");
        let (mut socket, _) = connect_async_with_config(url, None, true).await?;
        match socket.next().await {
            Some(Ok(Message::Text(open))) if open.starts_with('0') => Ok(Self(socket)),
            _ => Err("no open packet".into()),
        }
    }

    /// The next message; pings are answered.
    async fn message(&mut self) -> Outcome<Data> {
        loop {
            match self.0.next().await.ok_or("the server closed")?? {
                Message::Binary(bytes) => return Ok(Data::Binary(bytes)),
                Message::Text(text) => match text.as_bytes().first() {
                    Some(b'4') => return Ok(Data::Text(text)),
                    Some(b'2') => self.0.send(Message::text(format!("3{}", &text[1..]))).await?,
                    Some(b'1') => return Err("the server closed".into()),
                    _ => {}
                },
                _ => {}
            }
        }
    }

    async fn close(&mut self) -> Outcome {
        self.0.feed(Message::text("1")).await?;
        self.0.close(None).await?;
        while let Some(Ok(_)) = self.0.next().await {}
        Ok(())
    }
}

/// Makes a message of the data of a user.
fn message(order: &Order, text: &str, bytes: &Bytes) -> Message {
    match order.binary {
        true => Message::Binary(bytes.clone()),
        false => {
            let mut packet = String::with_capacity(text.len() + 1);
            packet.push('4');
            packet.push_str(text);
            Message::text(packet)
        }
    }
}

fn data(order: &Order) -> (String, Bytes) {
    ("x".repeat(order.size), Bytes::from(vec![b'x'; order.size]))
}

async fn receive(order: &Order) -> Outcome {
    let mut client = Client::connect(order, "flood").await?;
    let mut meter = Meter::start();
    let mut bytes = 0;
    for seen in 1..=order.count {
        bytes += match client.message().await? {
            Data::Text(text) => text.len() - 1,
            Data::Binary(bytes) => bytes.len(),
        };
        if seen == order.warm_up() {
            meter = Meter::start();
        }
    }
    meter.report(order.count - order.warm_up());
    assert_eq!(bytes, order.count * order.size);
    Ok(())
}

async fn send(order: &Order) -> Outcome {
    let mut client = Client::connect(order, "sink").await?;
    let (text, bytes) = data(order);
    let mut meter = Meter::start();
    let mut sent = 0;
    let mut warm_up = 0;
    while sent < order.count {
        let burst = order.burst().min(order.count - sent);
        for _ in 0..burst {
            client.0.feed(message(order, &text, &bytes)).await?;
        }
        client.0.flush().await?;
        sent += burst;
        if warm_up == 0 && sent >= order.warm_up() {
            warm_up = sent;
            meter = Meter::start();
        }
    }
    // The server sends one message when it has received all.
    client.message().await?;
    meter.report(order.count - warm_up);
    Ok(())
}

async fn echo(order: &Order) -> Outcome {
    let mut client = Client::connect(order, "echo").await?;
    let (text, bytes) = data(order);
    let mut took = Vec::with_capacity(order.count);
    let mut meter = Meter::start();
    for trip in 0..order.count {
        if trip == order.warm_up() {
            took.clear();
            meter = Meter::start();
        }
        let started = Instant::now();
        client.0.send(message(order, &text, &bytes)).await?;
        client.message().await?;
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
        Client::connect(order, "idle").await?.close().await?;
        took.push(started.elapsed());
    }
    meter.report_each(took);
    Ok(())
}

async fn idle(order: &Order) -> Outcome {
    let before = bench::resident();
    let mut tasks = Vec::with_capacity(order.count);
    for _ in 0..order.count {
        let mut client = Client::connect(order, "idle").await?;
        // As in a program, a task waits for the next message.
        tasks.push(tokio::spawn(async move { client.message().await.is_ok() }));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    bench::report_memory(order.count, before);
    Ok(())
}

/// A flood over many connections, each read by a task.
async fn spread(order: &Order) -> Outcome {
    let share = order.share();
    let url = format!("{}&gate=1", share.url("ws", "flood"));
    let count = share.count;
    let mut tasks = Vec::with_capacity(order.connections);
    for _ in 0..order.connections {
        let mut client = Client::open(url.clone()).await?;
        tasks.push(tokio::spawn(async move {
            let mut bytes = 0;
            for _ in 0..count {
                bytes += match client.message().await {
                    Ok(Data::Text(text)) => text.len() - 1,
                    Ok(Data::Binary(bytes)) => bytes.len(),
                    Err(_) => return None,
                };
            }
            // It lives as long as a client would.
            Some((bytes, client))
        }));
    }
    let meter = Meter::start();
    bench::open_gate(&order.address)?;
    let mut clients = Vec::with_capacity(order.connections);
    for task in tasks {
        let (bytes, client) = task.await?.ok_or("a connection failed")?;
        assert_eq!(bytes, share.count * share.size);
        clients.push(client);
    }
    meter.report(share.count * order.connections);
    Ok(())
}
