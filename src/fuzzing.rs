//! The functions that the fuzz targets call, one for each target. Nothing here is part of the public interface.
//!
//! Their input is what a server may send: anything. Their assertions are true for every input.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test"
)]

#[cfg(test)]
mod tests;

use std::{slice, time::Duration};

use actix_codec::{Decoder, Encoder};
use actix_http::{uri::PathAndQuery, ws};
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;

pub use crate::transport::fuzzing::{body, cookies, redirects, response, tunnel};
use crate::{
    data::Data,
    error::{ProtocolError, TransportError},
    protocol::{
        connection::model::{Model, Size, Step},
        endpoint::Endpoint,
        handshake::{Session, TransportKind},
        packet::Packet,
        version::Protocol,
        version::ProtocolVersion,
        websocket::{
            AgreedCompression, Compression, Frame, Message, Opcode, Text, WebSocketCodec, Work,
            oracle::Oracle,
        },
    },
};

/// A text message: its packet does not change when it is encoded and decoded again.
pub fn packet(text: &str) {
    let text = ByteString::from(text);
    let Ok(packet) = decode_text(text.clone()) else { return };
    let encoded = encode_text(&packet);
    assert!(encoded.len() <= text.len() + 2, "only base64 without its padding becomes longer");
    assert_eq!(decode_text(encoded), Ok(packet.clone()));
    if let Packet::Message(Data::Text(data)) = &packet {
        assert_eq!(data, &text[1..]);
    }
}

fn decode_text(text: ByteString) -> Result<Packet, ProtocolError> {
    ProtocolVersion::V4.decode_message(Message::Text(text.into()), usize::MAX)
}

fn encode_text(packet: &Packet) -> ByteString {
    let mut encoded = BytesMut::new();
    ProtocolVersion::V4.encode_payload(slice::from_ref(packet), &mut encoded);
    assert_eq!(encoded.len(), ProtocolVersion::V4.size_in_payload(packet, true));
    encoded.freeze().try_into().expect("the text form is text")
}

/// The body of a poll: its packets do not change when they are encoded and decoded again.
pub fn payload(body: &[u8]) {
    payload_of(ProtocolVersion::V4, body);
}

/// The same for the text form of version 3.
pub fn payload_v3_text(body: &[u8]) {
    if !matches!(body, [0 | 1, ..]) {
        payload_of(ProtocolVersion::V3, body);
    }
}

/// The same for the binary form of version 3.
pub fn payload_v3_binary(body: &[u8]) {
    if matches!(body, [0 | 1, ..]) {
        payload_of(ProtocolVersion::V3, body);
    }
}

fn payload_of(wire: ProtocolVersion, body: &[u8]) {
    let _ = ProtocolVersion::of_handshake(body);
    let mut payload = wire.decode_payload(Bytes::copy_from_slice(body), usize::MAX);
    let packets: Vec<_> = payload.by_ref().map_while(Result::ok).collect();
    assert!(payload.is_empty() && payload.next().is_none(), "nothing comes after the first error");
    assert!(packets.iter().all(|packet| wire.is_representable(packet)));
    assert!(packets.iter().map(|packet| packet.body().len()).sum::<usize>() <= body.len());

    let mut encoded = BytesMut::new();
    wire.encode_payload(&packets, &mut encoded);
    let sizes = packets.iter().enumerate().map(|(at, packet)| wire.size_in_payload(packet, at == 0));
    let size = sizes.sum::<usize>();
    assert!(encoded.len() == size || (wire == ProtocolVersion::V3 && encoded.len() < size));
    let again = wire.decode_payload(encoded.freeze(), usize::MAX);
    let again: Vec<_> = again.map(Result::unwrap).collect();
    assert_eq!(again, packets);
}

/// The open packet's JSON: nothing that it says makes a clock overflow.
pub fn handshake(json: &str) {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    match Session::decode(json, TransportKind::Polling, ProtocolVersion::V4) {
        Ok(session) => {
            assert!(!session.sid.is_empty());
            for interval in [session.ping_interval, session.ping_timeout] {
                assert!(Duration::ZERO < interval && interval <= DAY);
            }
            assert_ne!(session.max_payload, Some(0));
        }
        Err(err) => assert!(err.to_string().len() < 2_000, "an error quotes a little only"),
    }
}

/// The `location` of a redirect: it takes neither the credentials elsewhere nor the parameters along.
pub fn endpoint(location: &str) {
    let home = Endpoint::new("https://user:secret@localhost/?room=7", "engine.io", true, "t".into()).unwrap();
    let Ok(moved) = home.redirected(location) else { return };
    assert!(moved.is_secure());
    if moved.authorization() == home.authorization() && !moved.same_origin(&home) {
        assert!(location.contains("user"), "the credentials have followed");
    }
    let target = moved.request_target(ProtocolVersion::V4, TransportKind::Polling, Some("a b"), None);
    let target: PathAndQuery = target.parse().expect("a target");
    let query = target.query().unwrap();
    assert!(query.ends_with("EIO=4&transport=polling&sid=a%20b"));
    assert_eq!(query.split('&').filter(|pair| pair.starts_with("EIO=")).count(), 1);
    moved.host_header().parse::<actix_http::header::HeaderValue>().expect("a host");
}

/// Frames of a server: they decode to the same messages, wherever reads cut them.
///
/// `data`: the size of the largest message in two bytes, the number of pieces, the length of each piece (the lengths
/// repeat), then the frames.
pub fn websocket_decode(data: &[u8]) {
    let &[a, b, count, ref rest @ ..] = data else { return };
    let Some((pieces, wire)) = rest.split_at_checked(usize::from(count)) else { return };
    let limit = usize::from(u16::from_be_bytes([a, b]));

    let (messages, err) = decode(limit, [wire]);
    for message in &messages {
        // Only a frame within the limit gives a message.
        let wire = server_frame(message);
        assert_eq!(decode(limit, [&wire[..]]), (vec![message.clone()], None));
    }

    let mut rest = wire;
    let mut lengths = pieces.iter().map(|&len| usize::from(len).max(1)).cycle();
    let cut = std::iter::from_fn(|| {
        let (piece, after) = rest.split_at(lengths.next().unwrap_or(1).min(rest.len()));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    });
    assert_eq!(decode(limit, cut), (messages, err));
}

/// A frame to a server: another implementation reads the same opcode and payload.
///
/// `data`: the opcode, the masking key, the length of the head, the number of repetitions of the payload, the payload.
pub fn websocket_encode(data: &[u8]) {
    let &[opcode, k0, k1, k2, k3, head, times, ref payload @ ..] = data else { return };
    let (opcode, expected) = [
        (Opcode::Text, ws::OpCode::Text),
        (Opcode::Binary, ws::OpCode::Binary),
        (Opcode::Close, ws::OpCode::Close),
        (Opcode::Ping, ws::OpCode::Ping),
        (Opcode::Pong, ws::OpCode::Pong),
    ][usize::from(opcode % 5)];
    let payload = payload.repeat(usize::from(times % 32) + 1);
    let (head, body) = payload.split_at(usize::from(head).min(payload.len()));
    let mut wire = BytesMut::from("before");
    let mut codec = WebSocketCodec::new(0, || [k0, k1, k2, k3]);
    let outcome = codec.encode(Frame { opcode, head, body }, &mut wire);
    assert_eq!(&wire.split_to(6)[..], b"before");
    let is_control = !matches!(opcode, Opcode::Text | Opcode::Binary);
    if is_control && payload.len() > 125 {
        assert!(outcome.is_err() && wire.is_empty());
        return;
    }
    outcome.unwrap();

    assert_eq!(wire[1] & 0x80, 0x80, "it is masked");
    let sent = wire.clone();
    let (fin, opcode, read) = ws::Parser::parse(&mut wire, true, usize::MAX).unwrap().expect("all of it");
    assert!(fin && opcode == expected && wire.is_empty());
    assert_eq!(read.unwrap_or_default(), payload);
    let header = 6 + [0, 2, 8][usize::from(payload.len() > 125) + usize::from(payload.len() > 0xffff)];
    assert_eq!(sent.len(), header + payload.len(), "the length takes as few bytes as possible");
}

/// All messages in the pieces, and the error after them.
fn decode<'a>(
    limit: usize,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Message>, Option<TransportError>) {
    let mut codec = WebSocketCodec::new(limit, || [0; 4]);
    let mut src = BytesMut::new();
    let mut messages = Vec::new();
    let mut arrived = 0;
    for piece in pieces {
        arrived += piece.len();
        src.extend_from_slice(piece);
        loop {
            match codec.decode(&mut src) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(err) => {
                    assert_eq!(codec.decode(&mut src), Err(err.clone()), "an error is final");
                    return (messages, Some(err.into()));
                }
            }
        }
        assert!(
            src.capacity() <= 4 * (arrived + limit + 256),
            "memory is reserved only for what the limit allows"
        );
    }
    (messages, None)
}

/// A compressed message of a server: another inflater reads the same, wherever reads cut it.
///
/// `data`: whether contexts are used, the length of a piece, then the compressed payload of a message.
pub fn websocket_inflate(data: &[u8]) {
    const LIMIT: usize = 100_000;
    let &[flags, piece, ref payload @ ..] = data else { return };
    let agreed = AgreedCompression { server_context: flags & 1 != 0, ..AgreedCompression::default() };
    let wire = server_bytes(0xc2, payload);
    let decode = |piece: usize| {
        let codec = WebSocketCodec::new(LIMIT, || [0; 4]);
        let mut codec = codec.with_compression(Compression::both_contexts(), agreed);
        let mut src = BytesMut::new();
        for piece in wire.chunks(piece) {
            src.extend_from_slice(piece);
            loop {
                match codec.decode(&mut src) {
                    Ok(Some(message)) => return Ok(Some(message)),
                    Ok(None) if codec.waits_for_turn() => {}
                    Ok(None) => break,
                    Err(err) => return Err(TransportError::from(err)),
                }
            }
        }
        Ok(None)
    };
    let whole = decode(usize::MAX);
    assert_eq!(decode(usize::from(piece).max(1)), whole);
    // A last block ends the stream of the other inflater.
    if let Ok(Some(Message::Binary(inflated))) = &whole
        && let Some(expected) = Oracle::new(1).inflate(payload, LIMIT)
    {
        assert_eq!(*inflated, expected);
    }
}

/// Messages to a server, which another inflater reads.
///
/// `data`: the level, the bits of the window and whether the context is used, the number of repetitions, then messages with
/// their lengths before them.
pub fn websocket_deflate(data: &[u8]) {
    let &[level, flags, times, ref rest @ ..] = data else { return };
    let agreed = AgreedCompression {
        client_context: flags & 1 != 0,
        client_window_bits: 9 + flags / 2 % 7,
        ..AgreedCompression::default()
    };
    let option = Compression::both_contexts().level(level % 10).threshold(1);
    let mut codec = WebSocketCodec::new(0, || [0; 4]).with_compression(option, agreed);
    let (mut oracle, mut rest) = (Oracle::new(1), rest);
    while let [length, after @ ..] = rest {
        let (message, after) = after.split_at(usize::from(*length).min(after.len()));
        rest = after;
        let message = message.repeat(usize::from(times) + 1);
        let (head, body) = message.split_at(message.len().min(1));
        let (mut begun, mut wire) = (None, BytesMut::new());
        let frame = Frame { opcode: Opcode::Binary, head, body };
        while !codec.encode_in_turns(frame, &mut begun, &mut Work::of(5_000), &mut wire) {}
        let first = wire[0];
        wire[0] &= 0xbf;
        let (_, _, payload) = ws::Parser::parse(&mut wire, true, usize::MAX).unwrap().expect("all of it");
        let payload = payload.unwrap_or_default();
        if first & 0x40 == 0 {
            assert_eq!(payload, message);
            continue;
        }
        assert_eq!(oracle.inflate(&payload, message.len()).as_deref(), Some(&message[..]));
        if !agreed.client_context {
            assert!(payload.len() < message.len(), "only what becomes smaller is compressed");
            oracle.reset();
        }
    }
}

/// A message in one frame, as a server sends it.
fn server_frame(message: &Message) -> Vec<u8> {
    let (opcode, payload) = match message {
        Message::Text(Text { head, rest }) => {
            let head: String = head.iter().collect();
            (0x1, [head.as_bytes(), rest.as_bytes()].concat().into())
        }
        Message::Binary(bytes) => (0x2, bytes.clone()),
        Message::Close(None) => (0x8, Bytes::new()),
        Message::Close(Some(frame)) => {
            (0x8, [&frame.code.to_be_bytes(), frame.reason.as_bytes()].concat().into())
        }
        Message::Ping(bytes) => (0x9, bytes.clone()),
        Message::Pong(bytes) => (0xa, bytes.clone()),
    };
    server_bytes(0x80 | opcode, &payload)
}

/// A frame with this first byte, as a server sends it.
fn server_bytes(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut wire = vec![first];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(len @ ..=125), _) => wire.push(len),
        (_, Ok(len)) => {
            wire.push(126);
            wire.extend(len.to_be_bytes());
        }
        _ => {
            wire.push(127);
            wire.extend(u64::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    wire.extend(payload);
    wire
}

/// The life of a connection: the invariants are true for every order of events.
///
/// `data`: steps of three bytes, the kind of the step and two numbers. One byte more chooses a client that sends pings,
/// two bytes one that retains what is not confirmed. The first bits of the first step choose the version of the protocol.
pub fn connection(data: &[u8]) {
    let protocol = match data.first() {
        Some(..128) | None => Protocol::V4,
        Some(128..192) => Protocol::V3,
        Some(192..) => Protocol::Any,
    };
    let mut walk = Model::new(data.len() % 3 == 1, data.len() % 3 == 2, protocol);
    for &[kind, a, b] in data.as_chunks().0 {
        walk.take(match kind % 8 {
            0 => Step::Connect { websocket: a & 1 != 0, upgrade: a & 2 != 0, others: a & 4 != 0 },
            1 => Step::Send(match b % 8 {
                1 => Size::Full,
                2 => Size::WebSocketOnly,
                3 => Size::TooLarge,
                _ => Size::Small,
            }),
            5 if a < 16 => Step::Confirm,
            5 if a >= 192 => Step::SendAll([Size::Small, Size::Full, Size::WebSocketOnly], b),
            2 if a % 8 == 0 => Step::Abort,
            2 if a % 8 == 4 => Step::Stop,
            2 => Step::Close,
            3 if a % 4 == 1 => Step::Progress,
            3 => Step::Resume,
            4 if a >= 128 => Step::Timeout,
            4 => Step::Elapse { seconds: u64::from(a) % 70 },
            7 => Step::Obey { which: a },
            _ => Step::Report { which: a, what: b },
        });
    }
    walk.finish();
}
