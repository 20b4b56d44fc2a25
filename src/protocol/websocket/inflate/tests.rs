use actix_codec::{Decoder as _, Encoder as _};
use bytes::Bytes;
use bytestring::ByteString;
use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    error::TransportError,
    protocol::websocket::{
        AgreedCompression as Agreed, Compression, Frame, FrameEnds,
        oracle::Oracle,
        permessage_deflate::PerMessageDeflate,
        work::{SLICE, Work},
    },
};

const LIMIT: usize = 1 << 20;

fn codec(agreed: Agreed, limit: usize) -> WebSocketCodec<impl FnMut() -> [u8; 4]> {
    WebSocketCodec::new(limit, || [1, 2, 3, 4])
        .with_text_overhead(1)
        .with_compression(Compression::both_contexts(), agreed)
}

fn without_contexts() -> Agreed {
    Agreed { server_context: false, client_context: false, ..Agreed::default() }
}

/// A frame of a server. `first`: its first byte.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = match payload.len() {
        length @ ..=125 => vec![u8::try_from(length).unwrap()],
        length @ ..=0xffff => [&[126][..], &u16::try_from(length).unwrap().to_be_bytes()].concat(),
        length => [&[127][..], &u64::try_from(length).unwrap().to_be_bytes()].concat(),
    };
    [&[first][..], &length, payload].concat()
}

/// All messages of `wire`, which arrives in pieces of this size, and the error after them.
fn decode_pieces(
    agreed: Agreed,
    limit: usize,
    wire: &[u8],
    piece: usize,
) -> (Vec<Message>, Option<ProtocolError>) {
    let mut codec = codec(agreed, limit);
    let (mut src, mut messages) = (BytesMut::new(), Vec::new());
    for piece in wire.chunks(piece) {
        src.extend_from_slice(piece);
        loop {
            match codec.decode(&mut src).map_err(TransportError::from) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) if codec.waits_for_turn() => {}
                Ok(None) => break,
                Err(TransportError::Protocol(err)) => return (messages, Some(err)),
                Err(err) => panic!("{err:?}"),
            }
        }
    }
    (messages, None)
}

fn decode(wire: &[u8]) -> (Vec<Message>, Option<ProtocolError>) {
    decode_pieces(Agreed::default(), LIMIT, wire, usize::MAX)
}

fn text(text: &str) -> Message {
    Message::Text(ByteString::from(text).into())
}

#[test]
fn compressed_frames_are_decoded_to_messages() {
    // RFC 7692, section 7.2.3.
    for (wire, messages) in [
        (&b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"[..], vec![text("Hello")]),
        (b"\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00", vec![text("Hello")]),
        (b"\xc2\x07\xf2\x48\xcd\xc9\xc9\x07\x00", vec![Message::Binary(Bytes::from_static(b"Hello"))]),
        (
            b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00",
            vec![text("Hello"), text("Hello")],
        ),
        (b"\xc1\x01\x00", vec![text("")]),
        (b"\xc2\x00\xc2\x01\x00", vec![Message::Binary(Bytes::new()); 2]),
        // A message that is not compressed comes in between, and is not part of the context.
        (
            b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\x81\x02hi\xc1\x05\xf2\x00\x11\x00\x00",
            vec![text("Hello"), text("hi"), text("Hello")],
        ),
        // A control frame comes between fragments, and an empty fragment.
        (
            b"\x41\x03\xf2\x48\xcd\x89\x01p\x00\x00\x80\x04\xc9\xc9\x07\x00",
            vec![Message::Ping(Bytes::from_static(b"p")), text("Hello")],
        ),
    ] {
        for piece in [1, 2, 5, usize::MAX] {
            assert_eq!(
                decode_pieces(Agreed::default(), LIMIT, wire, piece),
                (messages.clone(), None),
                "{wire:x?}"
            );
        }
    }
}

#[test]
fn the_bit_for_compression_is_only_on_the_first_frame_of_a_message() {
    for wire in [
        &b"\xc9\x00"[..],
        b"\xc8\x00",
        b"\xca\x00",
        b"\x41\x03\xf2\x48\xcd\xc0\x04\xc9\xc9\x07\x00",
        b"\x01\x01a\xc0\x01b",
        b"\xc0\x00",
        // The other reserved bits have no meaning.
        b"\xa1\x00",
        b"\x91\x00",
        b"\xe1\x00",
        b"\xd1\x00",
    ] {
        let (messages, err) = decode(wire);
        assert!(messages.is_empty() && matches!(err, Some(ProtocolError::Frame(_))), "{wire:x?}: {err:?}");
    }
    // Fragments of another message.
    for wire in [&b"\x41\x03\xf2\x48\xcd\x81\x00"[..], b"\x41\x03\xf2\x48\xcd\xc1\x01\x00"] {
        assert_eq!(decode(wire).1, Some(ProtocolError::Frame("a message inside a fragmented message")));
    }
}

#[test]
fn without_an_agreement_the_bit_is_refused() {
    let mut codec = WebSocketCodec::new(LIMIT, || [0; 4]);
    codec.decode(&mut BytesMut::from(&b"\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"[..])).unwrap_err();
}

#[test]
fn inflated_text_is_utf8() {
    let payload = Oracle::new(1).deflate(b"4\xff");
    assert_eq!(decode(&frame(0xc1, &payload)), (vec![], Some(ProtocolError::Utf8)));
    assert_eq!(decode(&frame(0xc2, &payload)).1, None);
}

#[test]
fn the_limit_is_that_of_the_inflated_message() {
    let fits = Oracle::new(1).deflate(&vec![b'x'; 1000]);
    assert_eq!(decode_pieces(without_contexts(), 1000, &frame(0xc2, &fits), usize::MAX).1, None);
    let exceeds = Oracle::new(1).deflate(&vec![b'x'; 1001]);
    let err = decode_pieces(without_contexts(), 1000, &frame(0xc2, &exceeds), usize::MAX).1;
    assert_eq!(err, Some(ProtocolError::too_large(1001, 1000)));
    // In fragments, of which none is too large.
    let half = Oracle::new(1).deflate(&vec![b'x'; 600]);
    let wire = [frame(0x42, &half), frame(0x00, b"\x00\x00\xff\xff"), frame(0x80, &half)].concat();
    let err = decode_pieces(without_contexts(), 1000, &wire, usize::MAX).1;
    assert_eq!(err, Some(ProtocolError::too_large(1200, 1000)));
}

#[test]
fn a_frame_or_fragments_of_nothing_have_an_end() {
    let header = [&[0xc2, 127][..], &(1_u64 << 40).to_be_bytes()].concat();
    let (messages, err) = decode_pieces(without_contexts(), 1000, &header, usize::MAX);
    assert!(
        messages.is_empty() && matches!(err, Some(ProtocolError::TooLarge { limit: 1000, .. })),
        "{err:?}"
    );
    // Empty blocks inflate to nothing.
    let empty = b"\x00\x00\x00\xff\xff".repeat(2_000);
    let wire = [frame(0x42, &empty), frame(0x00, &empty).repeat(20)].concat();
    let err = decode_pieces(without_contexts(), 1000, &wire, usize::MAX).1;
    assert!(matches!(err, Some(ProtocolError::TooLarge { limit: 1000, .. })), "{err:?}");
}

#[test]
fn a_large_message_is_inflated_in_turns_also_in_many_fragments() {
    let message = vec![b'x'; 1 << 20];
    let payload = Oracle::new(9).deflate(&message);
    let many: Vec<_> = payload.chunks(50).map(|chunk| frame(0x00, chunk)).collect();
    let mut many = many.concat();
    many[0] = 0x42;
    let at = many.len() - payload.chunks(50).last().unwrap().len() - 2;
    many[at] |= 0x80;
    for wire in [frame(0xc2, &payload), many] {
        let mut codec = codec(Agreed::default(), LIMIT);
        let mut src = BytesMut::from(&wire[..]);
        let mut turns = 0;
        let message = loop {
            match codec.decode(&mut src).unwrap() {
                Some(message) => break message,
                None => assert!(codec.waits_for_turn() && codec.is_in_message(), "all of it has arrived"),
            }
            turns += 1;
        };
        assert!([3, 4].contains(&turns) && message_len(&message) == 4 * SLICE, "{turns} turns for 4 slices");
        assert_eq!(codec.take_compression_counts().unwrap().received.uncompressed, 1 << 20);
        assert_eq!(codec.take_compression_counts(), None);
    }
}

/// The number of turns that a codec without contexts takes to decode messages that have arrived, and their number.
fn turns(wire: &[u8]) -> (usize, usize) {
    let mut codec = codec(without_contexts(), LIMIT);
    let mut src = BytesMut::from(wire);
    let (mut turns, mut messages) = (1, 0);
    loop {
        match codec.decode(&mut src).unwrap() {
            Some(_) => messages += 1,
            None if codec.waits_for_turn() => turns += 1,
            None => return (turns, messages),
        }
    }
}

#[test]
fn input_without_output_and_small_messages_take_turns_too() {
    for (what, wire, messages, expected) in [
        // Each two bytes begin a stream again.
        ("streams that end", frame(0xc2, &b"\x03\x00".repeat(20_000)), 1, 200..300),
        (
            "empty blocks",
            frame(0xc2, &[&b"\x00\x00\x00\xff\xff".repeat(200_000)[..], b"\x00"].concat()),
            1,
            4..6,
        ),
        ("small messages", frame(0xc2, b"\x00").repeat(20_000), 20_000, 300..400),
        ("messages without compression", b"\x82\x01x".repeat(20_000), 20_000, 1..2),
    ] {
        let (turns, decoded) = turns(&wire);
        assert!(
            decoded == messages && expected.contains(&turns),
            "{decoded} messages, {turns} turns for {what}"
        );
    }
}

fn message_len(message: &Message) -> usize {
    match message {
        Message::Binary(bytes) => bytes.len(),
        message => panic!("{message:?}"),
    }
}

#[test]
fn a_large_frame_is_inflated_while_it_arrives() {
    let message = noise(LIMIT);
    let wire = frame(0xc2, &Oracle::new(1).deflate(&message));
    let mut codec = codec(without_contexts(), LIMIT);
    let mut src = BytesMut::new();
    let mut decoded = Vec::new();
    for piece in wire.chunks(10_000) {
        src.extend_from_slice(piece);
        while let Some(message) = codec.decode(&mut src).unwrap() {
            decoded.push(message);
        }
        assert!(codec.waits_for_turn() || src.len() < CHUNK, "{} bytes wait", src.len());
    }
    while decoded.is_empty() {
        decoded.extend(codec.decode(&mut src).unwrap());
    }
    assert!(decoded == [Message::Binary(message.into())]);
}

#[test]
fn an_idle_connection_without_contexts_owns_no_stream() {
    let mut codec = codec(without_contexts(), LIMIT);
    let wire = frame(0xc2, &Oracle::new(1).deflate(&[b'x'; 5_000]));
    codec.decode(&mut BytesMut::from(&wire[..])).unwrap().unwrap();
    assert_eq!(encode(&mut codec, Opcode::Binary, b"", &[b'x'; 5_000]).0, 0xc2);
    assert!(!codec.deflate.as_ref().unwrap().owns_a_stream());
    // What every connection pays for the option, also without it.
    assert!(size_of::<Option<PerMessageDeflate>>() <= 128, "{}", size_of::<Option<PerMessageDeflate>>());
}

#[test]
fn a_context_is_allocated_at_the_first_compressed_message() {
    let mut codec = codec(Agreed { client_context: false, ..Agreed::default() }, LIMIT);
    codec.decode(&mut BytesMut::from(&b"\x82\x01x"[..])).unwrap().unwrap();
    assert_eq!(encode(&mut codec, Opcode::Binary, b"", &[b'x'; 5_000]).0, 0xc2);
    assert!(!codec.deflate.as_ref().unwrap().owns_a_stream());
    codec.decode(&mut BytesMut::from(&b"\xc2\x01\x00"[..])).unwrap().unwrap();
    assert!(codec.deflate.as_ref().unwrap().owns_a_stream());
}

#[test]
fn two_connections_of_a_thread_do_not_mix_their_messages() {
    let wires = [1, 2].map(|seed| {
        let message: Vec<u8> =
            (0..300_000_u32).flat_map(|n| (n.wrapping_mul(seed) % 977).to_be_bytes()).collect();
        (frame(0xc2, &Oracle::new(1).deflate(&message)), message)
    });
    let mut ends =
        wires.each_ref().map(|(wire, _)| (codec(without_contexts(), 2 * LIMIT), BytesMut::from(&wire[..])));
    let mut decoded = [None, None];
    while decoded.iter().any(Option::is_none) {
        for ((codec, src), decoded) in ends.iter_mut().zip(&mut decoded) {
            if decoded.is_none() {
                *decoded = codec.decode(src).unwrap();
            }
        }
    }
    assert!(decoded == wires.map(|(_, message)| Some(Message::Binary(message.into()))));
}

/// Bytes that no DEFLATE makes smaller.
fn noise(size: usize) -> Vec<u8> {
    let next = |seed: &u32| Some(seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    std::iter::successors(Some(1), next).map(|seed| seed.to_be_bytes()[0]).take(size).collect()
}

/// The first byte and the unmasked payload of each frame that a client sends.
fn sent(mut wire: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = wire {
        let (length, rest) = match second & 0x7f {
            126 => (usize::from(u16::from_be_bytes([rest[0], rest[1]])), &rest[2..]),
            127 => (usize::try_from(u64::from_be_bytes(rest[..8].try_into().unwrap())).unwrap(), &rest[8..]),
            length => (length.into(), rest),
        };
        let (mask, rest) = rest.split_at(4);
        let (payload, rest) = rest.split_at(length);
        frames.push((
            *first,
            payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect(),
        ));
        wire = rest;
    }
    frames
}

fn encode(
    codec: &mut WebSocketCodec<impl FnMut() -> [u8; 4]>,
    opcode: Opcode,
    head: &[u8],
    body: &[u8],
) -> (u8, Vec<u8>) {
    let (mut dst, mut begun) = (BytesMut::new(), None);
    while !codec.encode_in_turns(Frame { opcode, head, body }, &mut begun, &mut Work::of(1000), &mut dst) {
        assert!(begun.is_some() && dst.is_empty());
    }
    sent(&dst).swap_remove(0)
}

#[test]
fn a_message_is_sent_compressed_from_the_threshold_on_if_that_makes_it_smaller() {
    let option = Compression::stateless().threshold(100);
    let mut codec = WebSocketCodec::new(0, || [1, 2, 3, 4]).with_compression(option, without_contexts());
    let mut oracle = Oracle::new(1);
    assert_eq!(
        encode(&mut codec, Opcode::Text, b"4", &[b'x'; 98]),
        (0x81, [b"4".as_slice(), &[b'x'; 98]].concat())
    );
    for size in [99, 5_000, 300_000] {
        let (first, payload) = encode(&mut codec, Opcode::Text, b"4", &vec![b'x'; size]);
        assert_eq!(first, 0xc1);
        oracle.reset();
        assert_eq!(oracle.inflate(&payload, 1 << 20), Some([b"4", &vec![b'x'; size][..]].concat()));
    }
    // Random bytes become larger.
    let random = noise(1_000);
    assert!(encode(&mut codec, Opcode::Binary, b"", &random) == (0x82, random), "it is sent as it is");
    assert_eq!(encode(&mut codec, Opcode::Ping, b"", &[b'x'; 120]).0, 0x89);
    let sent = codec.take_compression_counts().unwrap().sent;
    assert_eq!((sent.messages, sent.uncompressed), (3, 100 + 5_001 + 300_001));
}

#[test]
fn with_a_context_small_messages_are_compressed_and_every_compressed_message_is_sent_so() {
    let mut codec = WebSocketCodec::new(0, || [1, 2, 3, 4])
        .with_compression(Compression::both_contexts(), Agreed::default());
    let mut oracle = Oracle::new(1);
    let random = noise(1_000);
    let mut sizes = Vec::new();
    for body in [&b"{\"price\":17}"[..], b"{\"price\":17}", &random, b"{\"price\":17}"] {
        let (first, payload) = encode(&mut codec, Opcode::Binary, b"", body);
        assert_eq!(first, 0xc2);
        assert_eq!(oracle.inflate(&payload, 1 << 20).unwrap(), body);
        sizes.push(payload.len());
    }
    assert!(sizes[1] < sizes[0] && sizes[2] >= random.len(), "{sizes:?}");
    assert_eq!(
        encode(&mut codec, Opcode::Binary, b"", b""),
        (0x82, vec![]),
        "an empty message is not compressed"
    );
}

#[test]
fn a_window_of_8_bits_means_that_nothing_is_sent_compressed() {
    let agreed = Agreed { client_window_bits: 8, ..Agreed::default() };
    let mut codec = WebSocketCodec::new(0, || [0; 4]).with_compression(Compression::both_contexts(), agreed);
    assert_eq!(encode(&mut codec, Opcode::Binary, b"", &[0; 5_000]).0, 0x82);
}

#[test]
fn a_small_window_is_not_exceeded() {
    // The second half repeats the first one, farther away than a window of 9 bits reaches.
    let half = noise(2_000);
    let message = half.repeat(2);
    let size = |client_window_bits| {
        let agreed = Agreed { client_window_bits, ..without_contexts() };
        let option = Compression::both_contexts().level(9);
        let mut codec = WebSocketCodec::new(0, || [0; 4]).with_compression(option, agreed);
        encode(&mut codec, Opcode::Binary, b"", &message).1.len()
    };
    assert!(size(15) < 2_500 && size(9) >= 4_000, "{} and {}", size(15), size(9));
}

#[test]
fn the_ends_of_compressed_frames_are_those_on_the_wire() {
    let mut codec = codec(Agreed::default(), LIMIT);
    let (mut dst, mut ends) = (BytesMut::new(), FrameEnds::default());
    ends.begin(50, 0, 3);
    let mut positions = Vec::new();
    for body in [&[b'a'; 100][..], &[b'b'; 70_000], b"c"] {
        while !codec.encode_in_turns(
            Frame { opcode: Opcode::Binary, head: b"", body },
            &mut None,
            &mut Work::of(usize::MAX),
            &mut dst,
        ) {}
        positions.push(50 + u64::try_from(dst.len()).unwrap());
        ends.push(*positions.last().unwrap());
    }
    assert_eq!(ends.count_until(positions[0] - 1), 0);
    for (count, position) in (1..).zip(&positions) {
        assert_eq!(ends.count_until(*position), count);
    }
    let mut plain = BytesMut::new();
    codec.encode(Frame { opcode: Opcode::Binary, head: b"", body: &[b'b'; 70_000] }, &mut plain).unwrap();
    assert!(dst.len() < plain.len() / 10);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(50))]

    #[test]
    fn messages_survive_compression_fragmentation_and_any_reads(
        messages in vec((vec(any::<u8>(), 0..200), 1..200_usize, any::<bool>(), any::<bool>()), 1..5),
        keeps_context: bool, fragment in 1..3_000_usize, piece in 1..5_000_usize,
    ) {
        let mut oracle = Oracle::new(1);
        let (mut wire, mut expected) = (Vec::new(), Vec::new());
        for (part, times, is_compressed, pings) in messages {
            let message = part.repeat(times);
            let payload = if is_compressed { oracle.deflate(&message) } else { message.clone() };
            if !keeps_context { oracle.reset() }
            let count = payload.chunks(fragment).count().max(1);
            for index in 0..count {
                let chunk = payload.chunks(fragment).nth(index).unwrap_or_default();
                let rsv1 = if is_compressed && index == 0 { 0x40 } else { 0 };
                let fin = if index + 1 == count { 0x80 } else { 0 };
                wire.extend(frame(fin | rsv1 | if index == 0 { 2 } else { 0 }, chunk));
                if pings && index == 0 {
                    wire.extend(b"\x89\x00");
                    if count > 1 { expected.push(Message::Ping(Bytes::new())) }
                }
            }
            expected.push(Message::Binary(message.into()));
            if pings && count == 1 { expected.push(Message::Ping(Bytes::new())) }
        }
        let agreed = Agreed { server_context: keeps_context, ..Agreed::default() };
        let (decoded, err) = decode_pieces(agreed, LIMIT, &wire, piece);
        prop_assert_eq!(err, None);
        prop_assert_eq!(decoded, expected);
    }

    #[test]
    fn arbitrary_compressed_frames_do_no_harm(frames in vec((any::<u8>(), vec(any::<u8>(), 0..200)), 0..6), piece in 1..100_usize) {
        let wire: Vec<_> = frames.iter().flat_map(|(first, payload)| frame(*first, payload)).collect();
        let whole = decode_pieces(Agreed::default(), 1000, &wire, usize::MAX);
        prop_assert_eq!(decode_pieces(Agreed::default(), 1000, &wire, piece), whole);
    }
}
