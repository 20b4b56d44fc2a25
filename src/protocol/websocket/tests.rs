use actix_codec::Encoder as _;
use bytestring::ByteString;

use super::*;
use crate::error::TransportError;

mod properties;

const LIMIT: usize = 1 << 20;
/// The longest length that a header may announce.
const LONGEST: u64 = u64::MAX >> 1;

fn codec(max_message_size: usize) -> WebSocketCodec<impl FnMut() -> [u8; 4]> {
    let mut seed = 0x9e37_79b9_u32;
    WebSocketCodec::new(max_message_size, move || {
        seed = seed.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        seed.to_be_bytes()
    })
}

/// All messages of `wire`, and the error after them.
fn decode_all(wire: &[u8], max_message_size: usize) -> (Vec<Message>, Option<TransportError>) {
    let mut codec = codec(max_message_size);
    let mut src = BytesMut::from(wire);
    let mut messages = Vec::new();
    loop {
        match codec.decode(&mut src) {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => return (messages, None),
            Err(err) => return (messages, Some(err.into())),
        }
    }
}

/// The error of bytes that give no message.
fn error(wire: &[u8]) -> ProtocolError {
    match decode_all(wire, LIMIT) {
        (messages, Some(TransportError::Protocol(err))) if messages.is_empty() => err,
        other => panic!("{wire:x?} gives {other:?}"),
    }
}

/// A frame as a server sends it.
fn server_frame(fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut wire = vec![if fin { FIN | opcode } else { opcode }];
    match payload.len() {
        len @ ..=125 => wire.push(u8::try_from(len).unwrap()),
        len @ ..=0xffff => {
            wire.push(126);
            wire.extend(u16::try_from(len).unwrap().to_be_bytes());
        }
        len => {
            wire.push(127);
            wire.extend(u64::try_from(len).unwrap().to_be_bytes());
        }
    }
    wire.extend(payload);
    wire
}

/// The header of a text frame that announces `len` bytes in 64 bits.
fn announcement(len: u64) -> Vec<u8> {
    [&[0x81, 127], &len.to_be_bytes()[..]].concat()
}

fn text_message(text: &str) -> Message {
    Message::Text(ByteString::from(text).into())
}

fn joined(text: &Text) -> Bytes {
    (text.head.into_iter().collect::<String>() + &text.rest).into()
}

fn close_message(code: u16, reason: &str) -> Message {
    Message::Close(Some(CloseFrame { code, reason: reason.into() }))
}

#[test]
fn frames_are_decoded_to_messages() {
    let table: &[(&[u8], Message)] = &[
        // RFC 6455, section 5.7.
        (b"\x81\x05Hello", text_message("Hello")),
        (b"\x01\x03Hel\x80\x02lo", text_message("Hello")),
        (b"\x89\x05Hello", Message::Ping(Bytes::from_static(b"Hello"))),
        (b"\x82\x00", Message::Binary(Bytes::new())),
        (b"\x81\x00", text_message("")),
        (b"\x82\x02\xff\x00", Message::Binary(Bytes::from_static(b"\xff\x00"))),
        (b"\x02\x01a\x00\x00\x00\x02bc\x80\x00", Message::Binary(Bytes::from_static(b"abc"))),
        (b"\x01\x00\x80\x00", text_message("")),
        (b"\x8a\x00", Message::Pong(Bytes::new())),
        (b"\x88\x00", Message::Close(None)),
        (b"\x88\x02\x03\xe8", close_message(1000, "")),
        (b"\x88\x05\x0f\xa1bye", close_message(4001, "bye")),
    ];
    for (wire, message) in table {
        assert_eq!(decode_all(wire, LIMIT), (vec![message.clone()], None), "{wire:x?}");
    }
}

#[test]
fn a_sent_frame_is_final_and_masked() {
    let frame = |opcode, head, body| Frame { opcode, head, body };
    let table: &[(Frame<'_>, &[u8])] = &[
        // RFC 6455, section 5.7.
        (frame(Opcode::Text, b"", b"Hello"), b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
        (frame(Opcode::Text, b"H", b"ello"), b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
        (frame(Opcode::Text, b"Hello", b""), b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
        (frame(Opcode::Binary, b"", b""), b"\x82\x80\x37\xfa\x21\x3d"),
        (frame(Opcode::Close, b"", b"\x03\xe8"), b"\x88\x82\x37\xfa\x21\x3d\x34\x12"),
        (frame(Opcode::Ping, b"", b""), b"\x89\x80\x37\xfa\x21\x3d"),
        (frame(Opcode::Pong, b"", b"\x00"), b"\x8a\x81\x37\xfa\x21\x3d\x37"),
    ];
    for (frame, wire) in table {
        let mut dst = BytesMut::new();
        WebSocketCodec::new(LIMIT, || [0x37, 0xfa, 0x21, 0x3d]).encode(*frame, &mut dst).unwrap();
        assert_eq!(dst, wire, "{frame:?}");
    }
}

#[test]
fn each_frame_takes_the_next_mask_key() {
    let mut keys = [[1, 2, 3, 4], [5, 6, 7, 8]].into_iter();
    let mut codec = WebSocketCodec::new(LIMIT, || keys.next().unwrap());
    let mut dst = BytesMut::new();
    for _ in 0..2 {
        codec.encode(Frame { opcode: Opcode::Text, head: b"", body: b"\0" }, &mut dst).unwrap();
    }
    assert_eq!(dst, &b"\x81\x81\x01\x02\x03\x04\x01\x81\x81\x05\x06\x07\x08\x05"[..]);
}

#[test]
fn a_length_is_sent_in_the_fewest_bytes() {
    let table: &[(usize, &[u8])] = &[
        (125, b"\x82\xfd"),
        (126, b"\x82\xfe\x00\x7e"),
        (255, b"\x82\xfe\x00\xff"),
        (256, b"\x82\xfe\x01\x00"),
        (0xffff, b"\x82\xfe\xff\xff"),
        (0x1_0000, b"\x82\xff\x00\x00\x00\x00\x00\x01\x00\x00"),
    ];
    for (len, header) in table {
        let mut dst = BytesMut::new();
        let body = vec![0; len - 1];
        codec(0).encode(Frame { opcode: Opcode::Binary, head: b"\0", body: &body }, &mut dst).unwrap();
        assert!(dst.starts_with(header), "{len}");
        assert_eq!(dst.len(), header.len() + 4 + len);
    }
}

#[test]
fn a_control_frame_too_long_to_send_is_refused() {
    for (head, body) in [(&[0; 1][..], &[0; 125][..]), (&[0; 126], &[]), (&[], &[0; 70_000])] {
        for opcode in [Opcode::Close, Opcode::Ping, Opcode::Pong] {
            let mut dst = BytesMut::from("before");
            codec(LIMIT).encode(Frame { opcode, head, body }, &mut dst).unwrap_err();
            assert_eq!(dst, "before");
        }
    }
}

#[test]
fn every_length_is_read_from_its_shortest_form() {
    for len in [0, 1, 125, 126, 127, 255, 256, 0xffff, 0x1_0000, 0x1_0001] {
        let payload = vec![b'x'; len];
        let message = Message::Binary(payload.clone().into());
        assert_eq!(decode_all(&server_frame(true, 2, &payload), LIMIT), (vec![message], None));
    }
}

#[test]
fn a_masked_frame_from_the_server_is_refused() {
    for wire in [&b"\x81\x80"[..], b"\x82\x81\0\0\0\0a", b"\x82\xfe", b"\x82\xff", b"\x89\x80"] {
        assert_eq!(error(wire), ProtocolError::Frame("a masked frame from the server"));
    }
}

#[test]
fn a_frame_with_reserved_bits_is_refused() {
    for rsv in [0x10, 0x20, 0x40, 0x70] {
        for opcode in [0x0, 0x1, 0x2, 0x8, 0x9, 0xa] {
            let err = ProtocolError::Frame("reserved bits without an extension");
            assert_eq!(error(&[FIN | rsv | opcode, 0]), err);
        }
    }
}

#[test]
fn an_unknown_opcode_is_refused() {
    for opcode in (0x3..=0x7).chain(0xb..=0xf) {
        for fin in [0, FIN] {
            assert_eq!(error(&[fin | opcode, 0]), ProtocolError::Frame("an unknown opcode"));
        }
    }
}

#[test]
fn a_control_frame_is_neither_fragmented_nor_long() {
    for opcode in [0x8, 0x9, 0xa] {
        assert_eq!(error(&[opcode, 0]), ProtocolError::Frame("a fragmented control frame"));
        for len in [126, 127] {
            let err = ProtocolError::Frame("a control frame of more than 125 bytes");
            assert_eq!(error(&[FIN | opcode, len]), err);
        }
    }
    let longest = server_frame(true, 9, &[7; 125]);
    assert_eq!(decode_all(&longest, 0), (vec![Message::Ping(Bytes::from_static(&[7; 125]))], None));
}

#[test]
fn a_length_in_more_bytes_than_it_needs_is_refused() {
    let err = ProtocolError::Frame("a length in more bytes than it needs");
    for len in [0, 125] {
        assert_eq!(error(&[0x82, 126, 0, len]), err);
    }
    for len in [0, 126, 0xffff] {
        assert_eq!(error(&announcement(len)), err);
    }
}

#[test]
fn fragments_of_two_messages_do_not_mix() {
    let err = ProtocolError::Frame("a message inside a fragmented message");
    for second in [&b"\x81\x00"[..], b"\x82\x00", b"\x01\x00", b"\x02\x00"] {
        assert_eq!(error(&[b"\x01\x01a", second].concat()), err);
    }
}

#[test]
fn a_continuation_needs_a_start() {
    let err = ProtocolError::Frame("a continuation of no message");
    assert_eq!(error(b"\x80\x00"), err);
    assert_eq!(error(b"\x00\x00"), err);
    let (messages, last) = decode_all(b"\x01\x01a\x80\x01b\x80\x01c", LIMIT);
    assert_eq!((messages, last), (vec![text_message("ab")], Some(err.into())));
}

#[test]
fn control_frames_come_between_fragments() {
    let (messages, err) = decode_all(b"\x01\x01a\x89\x01p\x00\x01b\x8a\x00\x80\x01c\x81\x01d", LIMIT);
    let ping = Message::Ping(Bytes::from_static(b"p"));
    let pong = Message::Pong(Bytes::new());
    assert_eq!(messages, [ping, pong, text_message("abc"), text_message("d")]);
    assert_eq!(err, None);
}

#[test]
fn only_registered_close_codes_are_accepted() {
    for code in 0..=u16::MAX {
        let wire = server_frame(true, 8, &code.to_be_bytes());
        let accepted = decode_all(&wire, LIMIT).1.is_none();
        let registered = match code {
            1000..=2999 => (1000..=1014).contains(&code) && ![1004, 1005, 1006].contains(&code),
            _ => (3000..=4999).contains(&code),
        };
        assert_eq!(accepted, registered, "{code}");
    }
}

#[test]
fn a_close_frame_contains_a_whole_code_and_text() {
    assert_eq!(error(b"\x88\x01\x03"), ProtocolError::Frame("a close frame with half a code"));
    assert_eq!(error(b"\x88\x03\x03\xe8\xff"), ProtocolError::Utf8);
    assert_eq!(error(b"\x88\x03\x03\xe8\xc3"), ProtocolError::Utf8);
}

#[test]
fn a_close_reason_is_cut_between_characters() {
    let table = [
        ("", ""),
        ("bye", "bye"),
        (&"x".repeat(123), &"x".repeat(123)[..]),
        (&"x".repeat(124), &"x".repeat(123)),
        // After the code, 123 bytes have room for 61 of these characters, and a half.
        (&"é".repeat(62), &"é".repeat(61)),
        (&"x🦀".repeat(30), &("x🦀".repeat(24) + "x")),
    ];
    for (reason, kept) in table {
        let payload = close_payload(1000, reason);
        assert_eq!(payload, [&[0x03, 0xe8], kept.as_bytes()].concat());
        assert_eq!(parse_close(&payload).unwrap().unwrap().reason.as_ref(), kept);
    }
}

#[test]
fn text_is_utf8() {
    for text in [&b"\xff"[..], b"a\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80"] {
        assert_eq!(error(&server_frame(true, 1, text)), ProtocolError::Utf8);
        let long = [&[b'x'; 200], text].concat();
        assert_eq!(error(&server_frame(true, 1, &long)), ProtocolError::Utf8);
        assert_eq!(decode_all(&server_frame(true, 2, text), LIMIT).1, None);
    }
}

#[test]
fn a_character_may_be_cut_by_a_fragment_boundary() {
    let text = "aé€🦀z".as_bytes();
    for first in 0..=text.len() {
        for second in first..=text.len() {
            let wire = [
                server_frame(false, 1, &text[..first]),
                server_frame(false, 0, &text[first..second]),
                server_frame(true, 0, &text[second..]),
            ];
            assert_eq!(decode_all(&wire.concat(), LIMIT), (vec![text_message("aé€🦀z")], None));
        }
    }
    let unfinished = [server_frame(false, 1, b"a\xf0\x9f"), server_frame(true, 0, b"\xa6")].concat();
    assert_eq!(error(&unfinished), ProtocolError::Utf8);
}

#[test]
fn an_invalid_byte_fails_the_fragment_it_comes_in() {
    for (first, second) in
        [(&b"a\xe2\x82"[..], &b"b"[..]), (b"", b"\xff"), (b"\xf4", b"\x90"), (b"\xed", b"\xa0")]
    {
        let mut codec = codec(LIMIT);
        let mut src = BytesMut::from(&server_frame(false, 1, first)[..]);
        assert_eq!(codec.decode(&mut src), Ok(None));
        src.extend_from_slice(&server_frame(false, 0, second));
        assert_eq!(codec.decode(&mut src), Err(ProtocolError::Utf8.into()));
    }
}

#[test]
fn a_decoder_that_failed_stays_failed() {
    let wires =
        [&b"\x91\x00"[..], b"\x81\x01\xff", b"\x81\x7e\x00\x80\xff", b"\x01\x01\xff", b"\x88\x01\x00"];
    for wire in wires {
        let mut codec = codec(LIMIT);
        let mut src = BytesMut::from(wire);
        src.resize(300, 0xff);
        let err = codec.decode(&mut src).unwrap_err();
        for next in [&b""[..], b"\x82\x00", b"\x80\x00", b"\x81\x7e\x00\x80"] {
            assert_eq!(codec.decode(&mut BytesMut::from(next)), Err(err.clone()));
        }
    }
}

#[test]
fn the_limit_is_that_of_the_whole_message() {
    let refused = |size| Some(ProtocolError::TooLarge { size, limit: 10 }.into());
    let whole = |len| decode_all(&server_frame(true, 2, &vec![0; len]), 10).1;
    assert_eq!(whole(10), None);
    assert_eq!(whole(11), refused(11));
    assert_eq!(whole(200), refused(200));
    let fragmented = |len| {
        let start = [server_frame(false, 2, &[0; 4]), server_frame(false, 0, &[0; 4])].concat();
        decode_all(&[start, server_frame(true, 0, &vec![0; len])].concat(), 10).1
    };
    assert_eq!(fragmented(2), None);
    assert_eq!(fragmented(3), refused(11));
    let two = [server_frame(true, 2, &[0; 10]), server_frame(true, 1, &[0; 10])].concat();
    assert_eq!(decode_all(&two, 10).1, None);
}

#[test]
fn a_text_may_exceed_the_limit_by_its_overhead_and_a_binary_message_may_not() {
    let outcome = |wire: &[u8], overhead| {
        codec(200)
            .with_text_overhead(overhead)
            .decode(&mut BytesMut::from(wire))
            .map(|message| message.is_some())
    };
    for overhead in [0, 1, 5] {
        for (opcode, max) in [(1, 200 + overhead), (2, 200)] {
            let payload = vec![b'x'; max + 1];
            let too_large = ProtocolError::TooLarge { size: u64::try_from(max).unwrap() + 1, limit: 200 };
            assert_eq!(outcome(&server_frame(true, opcode, &payload[1..]), overhead), Ok(true));
            assert_eq!(
                outcome(&server_frame(true, opcode, &payload), overhead),
                Err(too_large.clone().into())
            );
            let start = server_frame(false, opcode, &payload[..100]);
            let fragmented = |rest: &[u8]| [start.clone(), server_frame(true, 0, rest)].concat();
            assert_eq!(outcome(&fragmented(&payload[101..]), overhead), Ok(true));
            assert_eq!(outcome(&fragmented(&payload[100..]), overhead), Err(too_large.into()));
        }
    }
}

#[test]
fn a_message_too_large_is_refused_at_its_header() {
    let fragment = |len: u64| [&b"\x01\x01a\x00\x7f"[..], &len.to_be_bytes()].concat();
    for len in [(1 << 20) + 1, 1 << 32, 1 << 40, 1 << 62, LONGEST] {
        for (wire, size) in [(announcement(len), len), (fragment(len), len + 1)] {
            let mut src = BytesMut::from(&wire[..]);
            let capacity = src.capacity();
            let err = ProtocolError::TooLarge { size, limit: LIMIT };
            assert_eq!(codec(LIMIT).decode(&mut src), Err(err.into()));
            assert!(src.capacity() <= capacity);
        }
    }
}

#[test]
fn a_length_of_more_than_63_bits_is_refused() {
    for len in [1 << 63, u64::MAX] {
        let mut src = BytesMut::from(&announcement(len)[..]);
        let capacity = src.capacity();
        let err = ProtocolError::Frame("a length of more than 63 bits");
        assert_eq!(codec(usize::MAX).decode(&mut src), Err(err.into()));
        assert_eq!(src.capacity(), capacity);
    }
}

#[test]
fn memory_follows_the_bytes_that_have_arrived_not_those_announced() {
    for len in [1 << 40, 1 << 62, LONGEST] {
        let mut codec = codec(usize::MAX);
        let mut src = BytesMut::from(&announcement(len)[..]);
        for _ in 0..1000 {
            assert_eq!(codec.decode(&mut src), Ok(None));
            assert!(src.capacity() <= 2 * (src.len() + READ_AHEAD), "{} of {}", src.capacity(), src.len());
            src.extend_from_slice(&[b'x'; 4096]);
        }
    }
}

#[test]
fn memory_is_reserved_for_the_missing_part_of_a_frame() {
    let payload = vec![b'x'; 300_000];
    let wire = server_frame(true, 2, &payload);
    let mut src = BytesMut::from(&wire[..20]);
    let mut codec = codec(LIMIT);
    assert_eq!(codec.decode(&mut src), Ok(None));
    assert!(src.capacity() >= wire.len());
    src.extend_from_slice(&wire[20..]);
    assert_eq!(codec.decode(&mut src), Ok(Some(Message::Binary(payload.into()))));
}

#[test]
fn empty_fragments_take_no_memory() {
    let mut codec = codec(LIMIT);
    let mut src = BytesMut::from(&b"\x01\x00"[..]);
    for _ in 0..10_000 {
        src.extend_from_slice(b"\x00\x00");
    }
    assert_eq!(codec.decode(&mut src), Ok(None));
    assert!(src.is_empty());
    assert!(matches!(&codec.state, State::Fragmented(message) if message.capacity() == 0));
    assert_eq!(codec.decode(&mut BytesMut::from(&b"\x80\x00"[..])), Ok(Some(text_message(""))));
}

#[test]
fn a_message_has_at_most_16384_empty_fragments() {
    let message = [b"\x01\x00".as_slice(), &b"\x00\x00".repeat(16_382), b"\x80\x00"].concat();
    let (messages, err) = decode_all(&message.repeat(2), LIMIT);
    assert_eq!((messages, err), (vec![text_message(""), text_message("")], None));
    let too_many = ProtocolError::Frame("too many empty fragments");
    assert_eq!(error(&[b"\x01\x00".as_slice(), &b"\x00\x00".repeat(16_384)].concat()), too_many);
}

#[test]
fn an_unfragmented_payload_is_not_copied() {
    for len in [16, 1000, 70_000] {
        let wire = server_frame(true, 2, &vec![b'x'; len]);
        let mut src = BytesMut::from(&wire[..]);
        let within = src.as_ptr_range();
        let Ok(Some(Message::Binary(payload))) = codec(LIMIT).decode(&mut src) else { panic!() };
        assert_eq!(payload.as_ptr_range().end, within.end);
    }
}
