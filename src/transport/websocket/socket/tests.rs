use std::future::poll_fn;

use futures::FutureExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::*;
use crate::{data::Data, protocol::websocket::oracle::Oracle, transport::BatchBuilder};

/// A socket, and the server's end of its connection.
fn connected() -> (Socket, DuplexStream) {
    let (io, server) = duplex(1 << 10);
    (Socket::new(Box::new(io), Box::new(|| [0; 4]), 100, BytesMut::new()), server)
}

/// Polls as a transport without credit does.
async fn poll_without_credit(socket: &mut Socket) -> Poll<TransportError> {
    poll_fn(|task| {
        let _ = socket.poll_flush(task);
        Poll::Ready(socket.poll_end_after_write_error(task))
    })
    .await
}

#[actix::test]
async fn an_error_while_writing_is_reported_without_credit_if_nothing_has_arrived() {
    let (mut socket, server) = connected();
    assert_eq!(poll_without_credit(&mut socket).await, Poll::Pending);
    drop(server);
    assert_eq!(poll_without_credit(&mut socket).await, Poll::Pending, "an end is read only with credit");
    socket.queue_batch(Arc::new(vec![Packet::Message("hi".into())]));
    let Poll::Ready(TransportError::Io { kind, .. }) = poll_without_credit(&mut socket).await else {
        panic!("no error of the connection");
    };
    assert_eq!(kind, io::ErrorKind::BrokenPipe);
}

#[actix::test]
async fn an_error_while_writing_waits_until_everything_that_has_arrived_is_received() {
    let (mut socket, mut server) = connected();
    server.write_all(b"\x81\x024x").await.unwrap();
    drop(server);
    socket.queue_batch(Arc::new(vec![Packet::Message("hi".into())]));
    for _ in 0..3 {
        assert_eq!(poll_without_credit(&mut socket).await, Poll::Pending);
    }
    let packet = |message| ProtocolVersion::V4.decode_message(message, 100);
    let received = poll_fn(|task| socket.poll_message(true, packet, task)).await.unwrap();
    assert_eq!(received, Packet::Message("x".into()));
    let Poll::Ready(TransportError::Io { kind, .. }) = poll_without_credit(&mut socket).await else {
        panic!("no error of the connection");
    };
    assert_eq!(kind, io::ErrorKind::BrokenPipe);
}

#[actix::test]
async fn pongs_that_nobody_asked_for_do_not_hide_the_answer_to_the_ping() {
    let (mut socket, mut server) = connected();
    socket.queue_ping(1);
    socket.queue_ping(2);
    let pong = |number: u64| [&b"\x8a\x08"[..], &number.to_be_bytes()].concat();
    for (numbers, answered) in [(vec![2, 3, 1, u64::MAX], Some(2)), (vec![1], Some(1)), (vec![7], None)] {
        let pongs = numbers.into_iter().flat_map(pong).collect::<Vec<_>>();
        server.write_all(&pongs).await.unwrap();
        let packet = |message| ProtocolVersion::V4.decode_message(message, 100);
        let received = poll_fn(|task| Poll::Ready(socket.poll_message(true, packet, task))).await;
        assert!(received.is_pending());
        assert_eq!(socket.answered_ping.take(), answered);
    }
}

#[actix::test]
async fn nothing_follows_a_close_frame() {
    let (mut socket, mut server) = connected();
    server.write_all(b"\x89\x01p\x81\x024x").await.unwrap();
    socket.queue_close(1000);
    socket.queue_ping(1);
    socket.queue_close(1002);
    let packet = |message| ProtocolVersion::V4.decode_message(message, 100);
    // The message is behind a ping.
    let received = poll_fn(|task| socket.poll_message(true, packet, task)).await.unwrap();
    assert_eq!(received, Packet::Message("x".into()));
    poll_fn(|task| socket.poll_flush(task)).await;
    drop(socket);
    let mut written = Vec::new();
    server.read_to_end(&mut written).await.unwrap();
    assert_eq!(written, b"\x88\x82\0\0\0\0\x03\xe8");
}

/// A socket that accepts messages of a MiB, compressed without contexts, and the server's end of its connection.
fn compressed() -> (Socket, DuplexStream) {
    let (io, server) = duplex(1 << 20);
    let agreed =
        AgreedCompression { server_context: false, client_context: false, ..AgreedCompression::default() };
    let socket = Socket::new(Box::new(io), Box::new(|| [0; 4]), 1 << 20, BytesMut::new());
    (socket.with_compression(Compression::stateless(), agreed), server)
}

/// A compressed binary message of a server.
fn deflated(message: &[u8]) -> Vec<u8> {
    let payload = Oracle::new(6).deflate(message);
    let header = [&[0xc2, 126][..], &u16::try_from(payload.len()).unwrap().to_be_bytes()].concat();
    assert!(payload.len() > 125);
    [header, payload].concat()
}

/// The next packet, and the number of turns that others had before it.
async fn receive(socket: &mut Socket) -> (Packet, usize) {
    let mut turns = 0;
    let packet = poll_fn(|task| {
        let packet = |message| ProtocolVersion::V4.decode_message(message, 1 << 20);
        let polled = socket.poll_message(true, packet, task);
        turns += usize::from(polled.is_pending());
        polled
    });
    (packet.await.unwrap(), turns)
}

#[actix::test]
async fn others_have_their_turn_while_a_large_message_is_inflated_or_deflated() {
    let (mut socket, mut server) = compressed();
    let large = Packet::Message(vec![b'x'; 1 << 20].into());
    // All of it has arrived when it is inflated.
    server.write_all(&deflated(large.body())).await.unwrap();
    let (packet, turns) = receive(&mut socket).await;
    assert!(packet == large && (3..6).contains(&turns), "{turns} turns");

    socket.queue_batch(Arc::new(vec![
        Packet::Message("first".into()),
        large,
        Packet::Message("last".into()),
    ]));
    let mut turns = 0;
    poll_fn(|task| {
        let flushed = socket.poll_flush(task);
        turns += usize::from(flushed.is_pending());
        assert!(socket.poll_flush(task).is_pending() || flushed.is_ready(), "once in each turn");
        socket.end_encoding_turn();
        flushed
    })
    .await;
    assert!((3..6).contains(&turns), "{turns} turns");
    assert_eq!(socket.outcome(), BatchOutcome::sent(3));
}

#[actix::test]
async fn others_have_their_turn_while_messages_arrive_behind_the_close_frame() {
    const MESSAGES: usize = 60;
    let (mut socket, mut server) = compressed();
    socket.queue_close(1000);
    server.write_all(&deflated(&vec![b'x'; 200_000]).repeat(MESSAGES)).await.unwrap();
    drop(server);
    let mut turns = 0;
    poll_fn(|task| {
        turns += 1;
        socket.poll_closed(task)
    })
    .await;
    assert!((40..70).contains(&turns), "{turns} turns");
}

#[actix::test]
async fn a_message_that_waits_for_its_turn_survives_the_end_of_a_broken_connection() {
    let mut were_consumed = 0;
    // Sizes at which the last repetition goes on behind the first turn.
    for size in (256 << 10)..(256 << 10) + 258 {
        let (mut socket, mut server) = compressed();
        server.write_all(&deflated(&vec![b'x'; size])).await.unwrap();
        drop(server);
        let first = poll_fn(|task| Poll::Ready(socket.poll_message(true, Ok, task))).await;
        assert!(first.is_pending());
        were_consumed += usize::from(socket.input.undecoded().is_empty());
        socket.write_error = Some(io::ErrorKind::BrokenPipe.into());
        assert_eq!(poll_without_credit(&mut socket).await, Poll::Pending, "{size} bytes");
        assert_eq!(receive(&mut socket).await.0.body().len(), size);
    }
    assert!(were_consumed > 0, "all bytes of a message were consumed before its turn");
}

#[actix::test]
async fn a_ping_is_answered_before_the_rest_of_a_batch() {
    let (io, mut server) = duplex(1 << 20);
    let socket = Socket::new(Box::new(io), Box::new(|| [0; 4]), 1 << 20, BytesMut::new());
    let mut socket = socket.with_compression(Compression::both_contexts(), AgreedCompression::default());
    socket.queue_batch(Arc::new(vec![Packet::Message(vec![b'x'; 1 << 20].into())]));
    socket.waiting_pong = Some(Bytes::from_static(b"p"));
    poll_fn(|task| {
        assert!(socket.poll_flush(task).is_pending());
        Poll::Ready(())
    })
    .await;
    let mut pong = [0; 7];
    server.read_exact(&mut pong).now_or_never().expect("an answer").unwrap();
    assert_eq!(&pong, b"\x8a\x81\0\0\0\0p");
}

#[actix::test]
async fn an_inflated_message_lets_no_other_keep_the_buffer_that_both_arrived_in() {
    let (mut socket, mut server) = compressed();
    let noop = [&b"\x81\x7e\x0b\xb8"[..], &[b'6'; 3000]].concat();
    server.write_all(&[deflated(&[0; 200_000]), b"\x82\x01x".to_vec(), noop].concat()).await.unwrap();
    let mut batch = BatchBuilder::new(Vec::new());
    for _ in 0..2 {
        batch.push(receive(&mut socket).await.0);
    }
    let (packets, counts) = socket.end_batch(batch);
    assert_eq!(counts.unwrap().received.uncompressed, 200_000);
    let Some(Packet::Message(Data::Binary(small))) = packets.into_iter().nth(1) else { panic!("no message") };
    // It was copied, so nothing else has its memory.
    assert!(small.try_into_mut().is_ok_and(|small| small.capacity() < 100));
}

#[actix::test]
async fn inflated_messages_are_not_copied() {
    let (mut socket, mut server) = compressed();
    server.write_all(&deflated(&[0; 200_000])).await.unwrap();
    let packet = receive(&mut socket).await.0;
    let address = packet.body().as_ptr();
    let mut batch = BatchBuilder::new(Vec::new());
    batch.push(packet);
    let (packets, _) = socket.end_batch(batch);
    assert_eq!(packets[0].body().as_ptr(), address);
}
