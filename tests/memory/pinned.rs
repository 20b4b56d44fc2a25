//! Servers that send few messages in buffers as large as possible, to a subscriber that takes nothing.
//!
//! `PINNED_BYTES` sets the `receive_buffer`. With 1 MiB the servers send several GiB.

use std::{env, io::Write as _, time::Duration};

use actix::{Actor, AtomicResponse, Context, Handler, fut};
use actix_engineio::{Compression, Connect, DisconnectReason, EngineIoClient, Event, Wait};
use flate2::write::GzEncoder;
use futures::future;

use crate::{
    OPEN, growth,
    support::{deflate::Deflate, server::Server},
};

/// The growth that is allowed with a `receive_buffer` of 1 MiB or less.
const LIMIT: u64 = 12 << 20;

fn receive_buffer() -> usize {
    env::var("PINNED_BYTES").map_or(64 << 10, |bytes| bytes.parse().unwrap())
}

/// An actor that never finishes its first event.
struct Stuck;

impl Actor for Stuck {
    type Context = Context<Self>;
}

impl Handler<Event> for Stuck {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, _: Event, _: &mut Self::Context) -> Self::Result {
        AtomicResponse::new(Box::pin(fut::wrap_future(future::pending())))
    }
}

pub(crate) async fn child(case: &str, url: String) {
    let builder = EngineIoClient::builder().max_message_size(1 << 20).receive_buffer(receive_buffer());
    // The session ends once nothing more is read.
    let builder = builder.stall_timeout(Duration::from_millis(1000)).close_timeout(Duration::ZERO);
    let builder = builder.compression(Compression::both_contexts());
    let client = builder.subscribe(Stuck.start().recipient()).start();
    let connect = Connect::new(url).transports([case.parse().unwrap()]);
    client.send(connect).await.unwrap().unwrap();
    assert_eq!(client.send(Wait).await.unwrap(), Some(DisconnectReason::Stalled));
}

/// A frame of text.
fn frame(text: &str) -> Vec<u8> {
    match u16::try_from(text.len()) {
        Ok(length) if length < 126 => [&[0x81, text.len().try_into().unwrap()], text.as_bytes()].concat(),
        Ok(length) => [&[0x81, 126], length.to_be_bytes().as_slice(), text.as_bytes()].concat(),
        Err(_) => [&[0x81, 127], text.len().to_be_bytes().as_slice(), text.as_bytes()].concat(),
    }
}

fn noop(size: usize) -> String {
    format!("6{}", "n".repeat(size))
}

/// Sends these frames again and again.
async fn flooded_over_websocket(name: &str, frames: &[Vec<u8>]) {
    let frames = frames.concat();
    let server = Server::start(move |server| {
        let mut ws = server.opens_websocket(OPEN);
        // As few writes as possible: a client that falls behind reads large pieces.
        let many = frames.repeat((1 << 18) / frames.len() + 1);
        while ws.try_write(&many).is_ok() {}
    });
    let grown = growth("pinned websocket", &server).await;
    assert!(grown <= LIMIT, "{name}: grew by {grown}");
}

#[actix::test]
async fn messages_over_websocket_hold_little_more_than_they_count() {
    let message = || frame("4x");
    let noops = |count, size| frame(&noop(size)).repeat(count);
    let fragmented = [b"\x01\x014".as_slice(), &b"\x00\x01x".repeat(100), b"\x80\x00"].concat();
    let cases = [
        ("messages of one byte", vec![message()]),
        ("empty messages", vec![b"\x82\x00".to_vec()]),
        ("a message and 63 noops of 1,000 bytes", vec![message(), noops(63, 1000)]),
        (
            "a message and 31 pongs of 125 bytes",
            vec![message(), [b"\x8a\x7d".as_slice(), &[b'p'; 125]].concat().repeat(31)],
        ),
        ("3 messages among many noops", vec![message().repeat(3), noops(61, 0), noops(64, 1000)]),
        ("a full batch and then noops", vec![message().repeat(64), noops(64, 1000)]),
        ("a full batch and then a large noop", vec![message().repeat(64), noops(1, 60_000)]),
        ("many full batches, and much without a meaning", vec![message().repeat(2_000), noops(1, 900_000)]),
        ("messages in base64", vec![frame("beA=="), noops(10, 100)]),
        ("messages in fragments", vec![fragmented, noops(10, 100)]),
        ("messages of 5,000 bytes", vec![frame(&format!("4{}", "x".repeat(5_000))), noops(1, 60_000)]),
    ];
    future::join_all(cases.iter().map(|(name, frames)| flooded_over_websocket(name, frames))).await;
}

/// Sends a compressed message again and again, `plain` frames behind each.
async fn flooded_compressed(name: &str, message: Vec<u8>, plain: Vec<u8>) {
    let server = Server::start(move |server| {
        let (mut ws, _) = server.opens_compressed(OPEN, "permessage-deflate");
        // It refers to no other message.
        let payload = Deflate::new("").deflate(&message);
        let mut frame = vec![0xc2];
        match u16::try_from(payload.len()).unwrap() {
            length @ ..126 => frame.push(length.try_into().unwrap()),
            length => frame.extend([&[126][..], &length.to_be_bytes()].concat()),
        }
        let frames = [frame, payload, plain].concat();
        let many = frames.repeat((1 << 18) / frames.len() + 1);
        while ws.try_write(&many).is_ok() {}
    });
    let grown = growth("pinned websocket", &server).await;
    assert!(grown <= LIMIT, "{name}: grew by {grown}");
}

#[actix::test]
async fn compressed_messages_hold_little_more_than_they_count() {
    let noops = |count, size| frame(&noop(size)).repeat(count);
    let cases = [
        ("64 KiB in 80 bytes", vec![0; 64 << 10], Vec::new()),
        ("a MiB in a KiB", vec![0; 1 << 20], Vec::new()),
        ("empty messages", Vec::new(), Vec::new()),
        ("a byte, and noops of 1,000 bytes", vec![1], noops(63, 1000)),
        (
            "a KiB among messages that are not compressed",
            vec![2; 1 << 10],
            [frame("4x"), noops(3, 1000)].concat(),
        ),
        ("a KiB, and a large noop", vec![2; 1 << 10], noops(1, 60_000)),
    ];
    future::join_all(cases.map(|(name, message, plain)| flooded_compressed(name, message, plain))).await;
}

/// Answers every poll with this body.
async fn flooded_over_polling(name: &str, headers: &'static [(&str, &str)], body: Vec<u8>) {
    let server = Server::start(move |server| {
        let mut get = server.answers_handshake(OPEN);
        while get.try_read_request().is_some() {
            let is_chunked = headers.iter().any(|(name, _)| *name == "transfer-encoding");
            let answer = match is_chunked {
                true => {
                    let size = format!("{:x}\r\n", body.len());
                    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
                    [head.as_slice(), size.as_bytes(), &body, b"\r\n0\r\n\r\n"].concat()
                }
                false => {
                    let headers: String =
                        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
                    let length = format!("content-length: {}\r\n\r\n", body.len());
                    [b"HTTP/1.1 200 OK\r\n", headers.as_bytes(), length.as_bytes(), &body].concat()
                }
            };
            if get.try_write(answer).is_err() {
                break;
            }
        }
    });
    let grown = growth("pinned polling", &server).await;
    assert!(grown <= LIMIT, "{name}: grew by {grown}");
}

#[actix::test]
async fn messages_over_polling_hold_little_more_than_they_count() {
    let with_noops = |messages: usize, count: usize, size: usize| {
        let packets = [vec!["4x".to_owned(); messages], vec![noop(size); count]].concat();
        packets.join("\x1e").into_bytes()
    };
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&with_noops(100, 1, 900_000)).unwrap();
    let gzip = gzip.finish().unwrap();
    let cases: [(_, &[_], _); 7] = [
        ("one message of a byte in each poll", &[], b"4x".to_vec()),
        ("a message in a chunk", &[("transfer-encoding", "chunked")], b"4x".to_vec()),
        ("a message and 63 noops of 4,000 bytes", &[], with_noops(1, 63, 4_000)),
        ("a full batch, and a large noop behind it", &[], with_noops(64, 1, 900_000)),
        ("full batches, and a large noop behind them", &[], with_noops(500, 1, 900_000)),
        ("nothing but empty messages in base64", &[], ["b"].repeat(100_000).join("\x1e").into_bytes()),
        ("a compressed body", &[("content-encoding", "gzip")], gzip),
    ];
    let floods = cases.map(|(name, headers, body)| flooded_over_polling(name, headers, body));
    future::join_all(floods).await;
}
