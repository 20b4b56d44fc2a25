//! Floods to slow subscribers, and to a server that does not read.

use std::{env, thread, time::Duration};

use actix::{Actor, ActorContext as _, AtomicResponse, Context, Handler, Recipient, fut};
use actix_engineio::{
    self as engineio, Connect, Data, Disconnect, EngineIoClient, Event, EventStream, Flush, TransportKind,
};
use actix_rt::{Arbiter, time::sleep};
use futures::StreamExt as _;
use tokio::sync::mpsc;

use crate::{
    OPEN, SLACK, growth,
    support::server::{Acceptor, Peer, Server},
};

const RECEIVE_BUFFER: u64 = 1 << 20;
const SEND_QUEUE: u64 = 1 << 20;

/// Clients that send a burst, the large messages of each and the short ones.
const BURSTS: usize = 200;
const LARGE: usize = 4;
const SHORT: usize = 5_000;

/// Heartbeats until the buffer of the largest burst is freed.
const HEARTBEATS: usize = 4;

fn messages() -> usize {
    env::var("FLOOD_MESSAGES").map_or(3_000, |count| count.parse().unwrap())
}

/// Message `at` of a flood: its number, filled up to 1 KiB.
fn message(at: usize) -> String {
    format!("{at:.<1024}")
}

fn number(data: &Data) -> usize {
    data.as_text().unwrap().split('.').next().unwrap().parse().unwrap()
}

pub(crate) async fn child(case: &str, url: String) {
    let (way, subscriber) = case.split_once(' ').unwrap();
    let way = way.parse::<TransportKind>().unwrap();
    let connect = Connect::new(url).transports([way]);
    let arbiter = Arbiter::new();
    match subscriber {
        "sends" => send_much(connect).await,
        "bursts" => send_bursts(connect).await,
        "stream" => {
            let client = EngineIoClient::builder().start();
            let mut events = EventStream::subscribe(&client).await.unwrap();
            client.send(connect).await.unwrap().unwrap();
            let mut next = 0;
            while next < messages() {
                if let Event::Message(data) = events.next().await.unwrap() {
                    assert_eq!(number(&data), next);
                    next += 1;
                    sleep(Duration::from_millis(1)).await;
                }
            }
        }
        kind => {
            let (done, mut finished) = mpsc::unbounded_channel();
            let blocking = kind == "blocking";
            let slow: Recipient<Event> = if blocking {
                Blocking::start_in_arbiter(&arbiter.handle(), |_| Blocking { next: 0, done }).recipient()
            } else {
                Slow { next: 0, done }.start().recipient()
            };
            let client = EngineIoClient::builder().subscribe(slow).start();
            client.send(connect).await.unwrap().unwrap();
            finished.recv().await.unwrap();
        }
    }
}

/// Handles one event at a time, a millisecond each.
struct Slow {
    next: usize,
    done: mpsc::UnboundedSender<()>,
}

impl Actor for Slow {
    type Context = Context<Self>;
}

impl Handler<Event> for Slow {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, event: Event, _: &mut Self::Context) -> Self::Result {
        use actix::fut::ActorFutureExt as _;
        AtomicResponse::new(Box::pin(fut::wrap_future(sleep(Duration::from_millis(1))).map(
            move |(), slow: &mut Self, _| {
                if let Event::Message(data) = event {
                    assert_eq!(number(&data), slow.next);
                    slow.next += 1;
                    if slow.next == messages() {
                        slow.done.send(()).unwrap();
                    }
                }
            },
        )))
    }
}

/// Blocks its arbiter for a millisecond each event.
struct Blocking {
    next: usize,
    done: mpsc::UnboundedSender<()>,
}

impl Actor for Blocking {
    type Context = Context<Self>;
}

impl Handler<Event> for Blocking {
    type Result = ();

    fn handle(&mut self, event: Event, ctx: &mut Self::Context) {
        if let Event::Message(data) = event {
            thread::sleep(Duration::from_millis(1));
            assert_eq!(number(&data), self.next);
            self.next += 1;
            if self.next == messages() {
                self.done.send(()).unwrap();
                ctx.stop();
            }
        }
    }
}

/// 64 MiB, each message awaited.
async fn send_much(connect: Connect) {
    let client = EngineIoClient::builder().start();
    client.send(connect).await.unwrap().unwrap();
    for at in 0..sends() {
        client.send(engineio::Send::text(format!("{at:.<65000}"))).await.unwrap().unwrap();
    }
    client.send(Flush).await.unwrap().unwrap();
    client.send(Disconnect::new()).await.unwrap();
}

/// A burst from one client after the other; all of them stay connected.
async fn send_bursts(connect: Connect) {
    let mut clients = Vec::new();
    for _ in 0..BURSTS {
        let client = EngineIoClient::builder().start();
        let mut events = EventStream::subscribe(&client).await.unwrap();
        client.send(connect.clone()).await.unwrap().unwrap();
        for _ in 0..LARGE {
            client.do_send(engineio::Send::text("x".repeat(50_000)));
        }
        for _ in 0..SHORT {
            client.do_send(engineio::Send::text("x"));
        }
        while !matches!(events.next().await.unwrap(), Event::Message(_)) {}
        clients.push((client, events));
    }
}

/// Messages of 65,000 bytes in 64 MiB.
fn sends() -> usize {
    (64 << 20) / 65_000
}

/// The server's side of a flood over WebSocket: as fast as the client takes it.
fn flood_websocket(server: &Acceptor) {
    let mut peer = server.accept();
    peer.accept_websocket();
    peer.be_patient();
    peer.send_text(&OPEN.to_string());
    for at in 0..messages() {
        peer.send_text(&format!("4{}", message(at)));
    }
    peer.wait_closed();
}

/// The same over polling, 900 messages in a poll.
fn flood_polling(server: &Acceptor) {
    let mut peer = server.accept();
    peer.be_patient();
    let mut next = 0;
    peer.read_request();
    peer.packets(OPEN);
    while next < messages() {
        let upto = messages().min(next + 900);
        let body = (next..upto).map(|at| format!("4{}", message(at))).collect::<Vec<_>>().join("\u{1e}");
        next = upto;
        peer = read_poll(server, peer);
        peer.respond(200, &[], body);
    }
    let _ = peer.wait_closed();
}

/// The next poll, on the same connection or on another.
fn read_poll(server: &Acceptor, mut peer: Peer) -> Peer {
    match peer.try_read_request() {
        Some(_) => peer,
        None => {
            let mut peer = server.accept();
            peer.be_patient();
            peer.read_request();
            peer
        }
    }
}

fn flood(way: TransportKind) -> Server {
    Server::start(match way {
        TransportKind::WebSocket => flood_websocket,
        TransportKind::Polling => flood_polling,
    })
}

async fn a_slow_subscriber_stays_small(subscriber: &str) {
    for way in [TransportKind::WebSocket, TransportKind::Polling] {
        let server = flood(way);
        let grown = growth(&format!("flood {way} {subscriber}"), &server).await;
        assert!(grown <= RECEIVE_BUFFER + SLACK, "{way}: grew by {grown}");
        server.finish().await;
    }
}

#[actix::test]
async fn a_flood_on_an_atomic_subscriber_of_the_same_arbiter_stays_small() {
    a_slow_subscriber_stays_small("atomic").await;
}

#[actix::test]
async fn a_flood_on_a_subscriber_that_blocks_another_arbiter_stays_small() {
    a_slow_subscriber_stays_small("blocking").await;
}

#[actix::test]
async fn a_flood_on_a_stream_stays_small() {
    a_slow_subscriber_stays_small("stream").await;
}

#[actix::test]
async fn a_flood_to_a_server_that_stops_reading_for_a_while_stays_small_and_arrives_in_order() {
    let server = Server::start(|server| {
        let mut peer = server.accept();
        peer.accept_websocket();
        peer.be_patient();
        peer.send_text(&OPEN.to_string());
        for at in 0..sends() {
            let (_, payload) = peer.read_frame();
            assert_eq!(payload, format!("4{at:.<65000}").as_bytes());
            if at == 100 {
                thread::sleep(Duration::from_secs(1));
            }
        }
        assert_eq!(peer.read_frame().1, b"1");
        assert_eq!(peer.read_frame().0, 8);
    });
    let grown = growth("flood websocket sends", &server).await;
    assert!(grown <= SEND_QUEUE + SLACK, "grew by {grown}");
    server.finish().await;
}

#[actix::test]
async fn the_memory_of_a_burst_is_freed_after_some_heartbeats() {
    let server = Server::start(|server| {
        let mut all = Vec::new();
        for _ in 0..BURSTS {
            let mut ws = server.opens_websocket(OPEN);
            for _ in 0..LARGE {
                assert_eq!(ws.read_frame().1.len(), 50_001);
            }
            for _ in 0..SHORT {
                ws.reads("4x");
            }
            for _ in 0..HEARTBEATS {
                ws.send_text("2");
                ws.reads("3");
            }
            ws.send_text("4done");
            all.push(ws);
        }
        for ws in all {
            ws.wait_closed();
        }
    });
    let grown = growth("flood websocket bursts", &server).await;
    // At the peak one of the bursts is under way.
    assert!(grown <= SLACK + (2 << 20), "grew by {grown}");
    server.finish().await;
}
