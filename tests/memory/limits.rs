//! Servers that send more than the limits allow the client to hold.

use std::{cell::Cell, io::Write as _};

use actix::prelude::*;
use actix_engineio::{
    Connect, Data, DisconnectReason, EngineIoClient, Event, EventStream, ProtocolError, TransportError,
    TransportKind,
};
use flate2::{Compression, write::GzEncoder};
use futures::StreamExt as _;
use tokio::sync::mpsc;

use crate::{
    OPEN, SLACK, growth, memory, reset_peak,
    support::{
        deflate::Deflate,
        server::{Acceptor, Server},
    },
};

/// The client's `max_message_size`.
const LIMIT: usize = 4 << 20;

/// Packets in one body.
const PACKETS: usize = 1_000_000;

/// Polls, or frames, with a large packet that is ignored and small messages beside it: one, or a few full batches.
const PINNING: usize = 100;
const FEW: [usize; 2] = [1, 127];

pub(crate) async fn child(case: &str, url: String) {
    if case.ends_with("deflated") {
        return inflate(url).await;
    }
    if case.ends_with("pinning") {
        return collect(case, url).await;
    }
    let client = EngineIoClient::builder().max_message_size(LIMIT).start();
    let mut events = EventStream::subscribe(&client).await.unwrap();
    let way = case.split_once(' ').unwrap().0.parse().unwrap();
    let connected = client.send(Connect::new(url).transports([way])).await.unwrap();
    if let Err(err) = connected {
        println!("ended: {err}");
        return;
    }
    let mut messages = 0;
    loop {
        match events.next().await.unwrap() {
            Event::Message(_) => messages += 1,
            Event::Disconnected(end) => {
                println!("ended: {}, {messages} messages", end.reason);
                let limited = matches!(
                    end.reason,
                    DisconnectReason::Protocol(ProtocolError::TooLarge { limit: LIMIT, .. })
                        | DisconnectReason::TransportError(TransportError::BodyTooLarge { limit: LIMIT, .. })
                );
                assert!(limited || (messages == PACKETS && end.reason == DisconnectReason::Server));
                return;
            }
            _ => {}
        }
    }
}

/// Receives a message that compresses well, and then, with all its code in memory, a bomb.
async fn inflate(url: String) {
    let builder = EngineIoClient::builder().max_message_size(1 << 20);
    let client = builder.compression(actix_engineio::Compression::stateless()).start();
    let mut events = EventStream::subscribe(&client).await.unwrap();
    client.send(Connect::new(url).transports([TransportKind::WebSocket])).await.unwrap().unwrap();
    loop {
        match events.next().await.unwrap() {
            Event::Message(data) => {
                drop(data);
                WARM.with(|warm| warm.set(memory("VmRSS")));
                reset_peak();
                client.do_send(actix_engineio::Send::text("go on"));
            }
            Event::Disconnected(end) => {
                let reason = DisconnectReason::Protocol(ProtocolError::too_large(0, 1 << 20));
                assert_eq!(end.reason.as_str(), reason.as_str());
                assert!(end.reason.to_string().contains("max_message_size"), "{}", end.reason);
                println!("grew by {} bytes", memory("VmHWM").saturating_sub(WARM.get()));
                return;
            }
            _ => {}
        }
    }
}

thread_local! {
    /// The memory before the bomb.
    static WARM: Cell<u64> = const { Cell::new(0) };
}

/// Drops no message before all have come, as a slow subscriber would.
async fn collect(case: &str, url: String) {
    let (all, mut taken) = mpsc::unbounded_channel();
    let client = EngineIoClient::builder().subscribe(Collector(all).start().recipient()).start();
    let way = case.split_once(' ').unwrap().0.parse().unwrap();
    client.send(Connect::new(url).transports([way])).await.unwrap().unwrap();
    let mut messages = Vec::new();
    while messages.len() < PINNING * FEW.iter().sum::<usize>() {
        messages.push(taken.recv().await.unwrap());
    }
    assert!(messages.iter().all(|data| data.as_text() == Some("a")));
}

struct Collector(mpsc::UnboundedSender<Data>);

impl Actor for Collector {
    type Context = Context<Self>;
}

impl Handler<Event> for Collector {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        if let Event::Message(data) = event {
            self.0.send(data).unwrap();
        }
    }
}

#[actix::test]
async fn a_message_retains_nothing_of_the_body_it_came_in() {
    let server = Server::start(|server| {
        let mut get = server.answers_handshake(OPEN);
        for few in FEW {
            let body = format!("{}7{}", "4a\u{1e}".repeat(few), "x".repeat(1 << 20));
            for _ in 0..PINNING {
                get.poll();
                get.packets(&body);
            }
        }
        get.wait_closed();
    });
    let grown = growth("limits polling pinning", &server).await;
    // About as much as one or two bodies.
    assert!(grown <= SLACK, "grew by {grown}");
    server.finish().await;
}

#[actix::test]
async fn a_message_retains_little_of_the_frames_it_came_with() {
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        let ignored = format!("7{}", "x".repeat(1 << 20));
        for few in FEW {
            for _ in 0..PINNING {
                ws.send_text(&ignored);
                ws.write(b"\x81\x024a".repeat(few));
            }
        }
        ws.wait_closed();
    });
    let grown = growth("limits websocket pinning", &server).await;
    // A batch may retain the 64 KiB that were read with it.
    assert!(grown <= 3 * SLACK, "grew by {grown}");
    server.finish().await;
}

/// The client ends the session and stays small, however much the server sends.
async fn stays_small(case: &str, script: impl FnOnce(&Acceptor) + Send + 'static) {
    let server = Server::start(script);
    let grown = growth(&format!("limits {case}"), &server).await;
    // A message may be in memory as a whole, and its buffer grows by doubling.
    assert!(grown <= 3 * u64::try_from(LIMIT).unwrap() + SLACK, "{case}: grew by {grown}");
    server.finish().await;
}

#[actix::test]
async fn a_frame_that_claims_exabytes_is_refused_by_its_header() {
    let server = Server::start(|server| {
        let mut ws = server.opens_websocket(OPEN);
        ws.write([&[0x82, 127], (1_u64 << 62).to_be_bytes().as_slice()].concat());
        let chunk = vec![0; 1 << 20];
        while ws.try_write(&chunk).is_ok() {}
    });
    let grown = growth("limits websocket claim", &server).await;
    assert!(grown <= SLACK, "grew by {grown}");
    server.finish().await;
}

#[actix::test]
async fn fragments_without_end_are_refused_at_the_limit() {
    stays_small("websocket fragments", |server| {
        let mut ws = server.opens_websocket(OPEN);
        let mut frame = vec![0x02, 127];
        frame.extend(100_000_u64.to_be_bytes());
        frame.extend(vec![b'x'; 100_000]);
        while ws.try_write(&frame).is_ok() {
            frame[0] = 0;
        }
    })
    .await;
}

#[actix::test]
async fn a_body_without_end_is_refused_at_the_limit() {
    stays_small("polling endless", |server| {
        let mut get = server.opens(OPEN);
        get.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        let chunk = format!("{:x}\r\n{}\r\n", 100_000, "x".repeat(100_000));
        while get.try_write(&chunk).is_ok() {}
    })
    .await;
}

#[actix::test]
async fn a_handshake_without_end_is_refused_at_the_limit() {
    stays_small("polling handshake", |server| {
        let mut get = server.accept();
        get.handshake();
        get.write("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n0{");
        while get.try_write(vec![b' '; 100_000]).is_ok() {}
    })
    .await;
}

#[actix::test]
async fn a_head_without_end_is_refused() {
    stays_small("polling head", |server| {
        let mut get = server.accept();
        get.handshake();
        get.write("HTTP/1.1 200 OK\r\n");
        while get.try_write(format!("x-more: {}\r\n", "x".repeat(10_000))).is_ok() {}
    })
    .await;
}

#[actix::test]
async fn a_gzip_bomb_is_refused_at_the_limit() {
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..64 {
        bomb.write_all(&[b'x'; 1 << 20]).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    stays_small("polling bomb", move |server| {
        let mut get = server.opens(OPEN);
        get.respond(200, &[("content-encoding", "gzip")], bomb);
        get.wait_closed();
    })
    .await;
}

#[actix::test]
async fn a_bomb_of_a_gibibyte_in_a_compressed_message_makes_no_room_for_itself() {
    const ANSWER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    // A MiB of zeroes compresses to one KiB, and the context makes every other MiB the same KiB.
    let mut deflate = Deflate::new("");
    let mebibyte = vec![0; 1 << 20];
    deflate.deflate(&mebibyte);
    let mut piece = deflate.deflate(&mebibyte);
    piece.extend(b"\0\0\xff\xff");
    assert!(piece.len() < 1_100);
    let server = Server::start(move |server| {
        let (mut ws, mut deflate) = server.opens_compressed(OPEN, ANSWER);
        // Half of the limit, in a message that takes more than one turn.
        ws.send_deflated(2, deflate.deflate(&[7; 1 << 19]));
        ws.reads("4go on");
        // The first bytes that it refers to are zeroes too.
        let bomb = [deflate.deflate(&[0; 1 << 15]), b"\0\0\xff\xff".to_vec(), piece.repeat(1024)].concat();
        assert!((1 << 19..1_200_000).contains(&bomb.len()));
        let mut frame = vec![0xc2, 127];
        frame.extend(bomb.len().to_be_bytes());
        frame.extend(bomb);
        let _ = ws.try_write(frame);
        ws.wait_closed();
    });
    let grown = growth("limits websocket deflated", &server).await;
    assert!(grown <= 2 << 20, "grew by {grown}");
    server.finish().await;
}

#[actix::test]
async fn a_million_packets_in_one_body_cost_no_more_than_the_body() {
    stays_small("polling packets", |server| {
        let mut get = server.opens(OPEN);
        get.be_patient();
        get.respond(200, &[], format!("{}1", "4\u{1e}".repeat(PACKETS)));
        get.wait_closed();
    })
    .await;
}
