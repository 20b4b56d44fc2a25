use actix_codec::Decoder as _;
use actix_http::ws;
use bytestring::ByteString;
use proptest::prelude::*;

use super::*;
use crate::protocol::packet::tests::any_packet;

const MASK_KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

fn codec() -> WebSocketCodec<impl FnMut() -> [u8; 4]> {
    WebSocketCodec::new(usize::MAX, || MASK_KEY)
}

fn text(text: &str) -> Data {
    Data::from(text)
}

/// The text form of a packet, in a WebSocket message.
fn text_message(text: &str) -> Message {
    Message::Text(ByteString::from(text).into())
}

/// The payload of a frame as a server reads it, and whether it is binary.
fn read_frame(frame: ws::Frame) -> (bool, Bytes) {
    match frame {
        ws::Frame::Text(payload) => (false, payload),
        ws::Frame::Binary(payload) => (true, payload),
        frame => panic!("{frame:?}"),
    }
}

#[test]
fn a_binary_message_is_a_binary_frame_without_a_type() {
    let packet = Packet::Message(Data::from(vec![0, 1, 2]));
    let frame = ProtocolVersion::V4.frame(&packet);
    assert_eq!((frame.opcode, frame.head, frame.body), (Opcode::Binary, &b""[..], &[0, 1, 2][..]));
}

#[test]
fn every_other_packet_is_a_text_frame_with_its_type() {
    for (packet, head, body) in [
        (Packet::Message(text("abc")), "4", "abc"),
        (Packet::Message(text("")), "4", ""),
        (Packet::Ping("probe".into()), "2", "probe"),
        (Packet::Pong("".into()), "3", ""),
        (Packet::Upgrade, "5", ""),
        (Packet::Close, "1", ""),
    ] {
        let frame = ProtocolVersion::V4.frame(&packet);
        let expected = (Opcode::Text, head.as_bytes(), body.as_bytes());
        assert_eq!((frame.opcode, frame.head, frame.body), expected, "{packet:?}");
    }
}

#[test]
fn a_message_of_the_server_is_one_packet() {
    for (message, packet) in [
        (text_message("2probe"), Packet::Ping("probe".into())),
        (text_message("4hi"), Packet::Message(text("hi"))),
        (text_message("bAQID"), Packet::Message(Data::from(vec![1, 2, 3]))),
        (Message::Binary(Bytes::from_static(b"4hi")), Packet::Message(Data::from(b"4hi".to_vec()))),
    ] {
        assert_eq!(ProtocolVersion::V4.decode_message(message, usize::MAX), Ok(packet));
    }
}

#[test]
fn a_control_frame_or_a_text_without_a_type_is_no_packet() {
    for message in [
        text_message(""),
        text_message("x"),
        Message::Ping(Bytes::new()),
        Message::Pong(Bytes::new()),
        Message::Close(None),
    ] {
        assert!(ProtocolVersion::V4.decode_message(message.clone(), usize::MAX).is_err(), "{message:?}");
    }
}

#[test]
fn the_ends_of_frames_are_those_of_the_stream() {
    let packets = [Packet::Message(text("ab")), Packet::Noop, Packet::Message(Data::from(vec![0; 200]))];
    let mut dst = BytesMut::from("queued before");
    let mut ends = FrameEnds::default();
    ends.begin(1_000, 0, packets.len());
    ProtocolVersion::V4.encode_frames(&packets, &mut codec(), &mut dst, &mut ends);
    // A header of 6 bytes, or 8 for the long frame.
    let first = 1_000 + 13 + 6 + 3;
    let second = first + 6 + 1;
    let third = second + 8 + 200;
    assert_eq!(dst.len(), usize::try_from(third - 1_000).unwrap());
    for (end, count) in [(first, 1), (second, 2), (third, 3)] {
        assert_eq!(ends.count_until(end - 1), count - 1);
        assert_eq!(ends.count_until(end), count);
    }
}

#[test]
fn one_reservation_is_enough_for_a_batch() {
    for len in [0, 1, 125, 126, 70_000] {
        let packets = vec![Packet::Message(Data::from(vec![0; len])); 50];
        let (mut dst, mut ends) = (BytesMut::new(), FrameEnds::default());
        ProtocolVersion::V4.encode_frames(&packets, &mut codec(), &mut dst, &mut ends);
        let needed = dst.len();
        assert!(dst.capacity() <= needed + 50 * 14, "{len}: {} for {needed}", dst.capacity());
    }
}

#[test]
fn a_transport_refuses_a_message_that_is_too_large_for_the_server() {
    let too_large = |size, limit| Err(SendErrorKind::TooLarge { size, limit });
    let binary = |len| Data::from(vec![0; len]);
    let (polling, websocket) = (TransportKind::Polling, TransportKind::WebSocket);
    for (data, kind, limit, expected) in [
        (text("abc"), polling, None, Ok(())),
        (text("abc"), polling, Some(4), Ok(())),
        (text("abc"), polling, Some(3), too_large(4, 3)),
        (text("€"), polling, Some(3), too_large(4, 3)),
        (binary(3), polling, Some(5), Ok(())),
        (binary(4), polling, Some(5), too_large(9, 5)),
        (binary(0), polling, Some(1), Ok(())),
        (text("a\u{1e}b"), polling, Some(3), too_large(4, 3)),
        (text("abc"), websocket, None, Ok(())),
        (text("abc"), websocket, Some(4), Ok(())),
        (text("abc"), websocket, Some(3), too_large(4, 3)),
        (text("€"), websocket, Some(3), too_large(4, 3)),
        (binary(4), websocket, Some(4), Ok(())),
        (binary(4), websocket, Some(3), too_large(4, 3)),
        (text(""), websocket, Some(1), Ok(())),
    ] {
        let outcome = ProtocolVersion::V4.check_message(&data, kind, limit);
        assert_eq!(outcome, expected, "{data:?} within {limit:?} over {kind}");
    }
}

#[test]
fn polling_refuses_a_text_that_contains_the_separator() {
    let data = text("a\u{1e}b");
    let over = |kind| ProtocolVersion::V4.check_message(&data, kind, Some(4));
    assert_eq!(over(TransportKind::Polling), Err(SendErrorKind::NotRepresentable));
    assert_eq!(over(TransportKind::WebSocket), Ok(()));
    let data = Data::from(vec![0x1e]);
    assert_eq!(ProtocolVersion::V4.check_message(&data, TransportKind::Polling, None), Ok(()));
}

#[test]
fn the_version_of_a_handshake_is_that_of_its_open_packet() {
    let (v3, v4) = (Some(ProtocolVersion::V3), Some(ProtocolVersion::V4));
    for (body, expected) in [
        (&br#"0{"sid":"a"}"#[..], v4),
        (br#"97:0{"sid":"a"}"#, v3),
        (b"1:0{", v3),
        // python-engineio 3 uses the binary form although nothing in it is binary.
        (b"\x00\x09\x07\xff0{", v3),
        (b":0{", None),
        (b"97:0", None),
        (b"97:4{", None),
        (b"97", None),
        (b"", None),
        (b"0", None),
        (b"<html>1:0{", None),
        (b"\x00\xff0{", None),
        (b"\x01\x02\xff0{", None),
        (b"\x00\x02\xff4{", None),
        (b"\x00\x02", None),
    ] {
        assert_eq!(ProtocolVersion::of_handshake(body), expected, "{}", body.escape_ascii());
    }
}

#[test]
fn a_binary_message_of_version_3_has_its_type_in_front() {
    let packet = Packet::Message(Data::from(vec![0, 1, 2]));
    let frame = ProtocolVersion::V3.frame(&packet);
    assert_eq!((frame.opcode, frame.head, frame.body), (Opcode::Binary, &[4][..], &[0, 1, 2][..]));
    let message = Message::Binary(Bytes::from_static(&[4, 0, 1, 2]));
    assert_eq!(ProtocolVersion::V3.decode_message(message, 3), Ok(packet));
    let empty = Message::Binary(Bytes::from_static(&[4]));
    assert_eq!(ProtocolVersion::V3.decode_message(empty, 0), Ok(Packet::Message(Data::from(Vec::new()))));
}

#[test]
fn what_is_binary_and_no_message_is_an_error_in_version_3() {
    for payload in [&b""[..], b"\x02", b"4hi", b"\x00{}", b"\xff"] {
        let message = Message::Binary(Bytes::from_static(payload));
        let outcome = ProtocolVersion::V3.decode_message(message, 100);
        assert!(matches!(outcome, Err(ProtocolError::Packet(_))), "{outcome:?}");
    }
    for text in ["b", "bAQID", "b2AQID", "b4*", "b€"] {
        let outcome = ProtocolVersion::V3.decode_message(text_message(text), 100);
        assert!(matches!(outcome, Err(ProtocolError::Packet(_))), "{outcome:?}");
    }
}

#[test]
fn base64_of_version_3_has_the_type_of_the_packet() {
    let packet = Packet::Message(Data::from(vec![1, 2, 3]));
    assert_eq!(ProtocolVersion::V3.decode_message(text_message("b4AQID"), 3), Ok(packet));
    assert_eq!(
        ProtocolVersion::V3.decode_message(text_message("b4"), 0),
        Ok(Packet::Message(Data::from(Vec::new())))
    );
}

#[test]
fn the_type_of_a_binary_message_does_not_count_as_its_data() {
    let message = || Message::Binary(Bytes::from_static(&[4, 0, 1, 2]));
    assert!(ProtocolVersion::V3.decode_message(message(), 3).is_ok());
    assert_eq!(ProtocolVersion::V3.decode_message(message(), 2), Err(ProtocolError::too_large(3, 2)));
}

#[test]
fn a_message_of_version_3_has_the_size_that_its_server_compares() {
    let too_large = |size, limit| Err(SendErrorKind::TooLarge { size, limit });
    let binary = |len| Data::from(vec![0; len]);
    let (polling, websocket) = (TransportKind::Polling, TransportKind::WebSocket);
    for (data, kind, limit, expected) in [
        // Three bytes of header: the kind, one digit of the length, the end of the length.
        (text("abc"), polling, 7, Ok(())),
        (text("abc"), polling, 6, too_large(7, 6)),
        (text("€"), polling, 6, too_large(7, 6)),
        (text("a\u{1e}b"), polling, 7, Ok(())),
        (binary(3), polling, 7, Ok(())),
        (binary(3), polling, 6, too_large(7, 6)),
        (binary(9), polling, 13, too_large(14, 13)),
        (text("abc"), websocket, 4, Ok(())),
        (text("abc"), websocket, 3, too_large(4, 3)),
        (binary(3), websocket, 4, Ok(())),
        (binary(4), websocket, 4, too_large(5, 4)),
    ] {
        let outcome = ProtocolVersion::V3.check_message(&data, kind, Some(limit));
        assert_eq!(outcome, expected, "{data:?} within {limit} over {kind}");
    }
}

/// Both versions.
fn any_wire() -> impl Strategy<Value = ProtocolVersion> {
    prop_oneof![Just(ProtocolVersion::V4), Just(ProtocolVersion::V3)]
}

proptest! {
    /// The oracle is the frame parser of another crate.
    #[test]
    fn a_recorded_end_is_where_a_server_has_read_the_packet(
        wire in any_wire(),
        packets in prop::collection::vec(any_packet(), 0..20),
        large in 0..70_000_usize,
        before in 0..50_usize,
    ) {
        let mut packets = packets;
        packets.push(Packet::Message(Data::from(vec![b'x'; large])));
        let mut dst = BytesMut::from(&vec![0; before][..]);
        let mut ends = FrameEnds::default();
        ends.begin(5, 0, packets.len());
        wire.encode_frames(&packets, &mut codec(), &mut dst, &mut ends);

        let mut server = ws::Codec::new().max_size(usize::MAX);
        let total = 5 + dst.len();
        let mut stream = dst.split_off(before);
        for (index, packet) in packets.into_iter().enumerate() {
            let (is_binary, payload) = read_frame(server.decode(&mut stream).unwrap().unwrap());
            let end = u64::try_from(total - stream.len()).unwrap();
            prop_assert_eq!(ends.count_until(end - 1), index);
            prop_assert_eq!(ends.count_until(end), index + 1);

            let message = match is_binary {
                true => Message::Binary(payload),
                false => Message::Text(ByteString::try_from(payload).unwrap().into()),
            };
            prop_assert_eq!(wire.decode_message(message, usize::MAX), Ok(packet));
        }
        prop_assert!(stream.is_empty());
    }

    #[test]
    fn a_payload_has_the_sizes_of_its_packets(
        wire in any_wire(),
        packets in prop::collection::vec(any_packet(), 0..20),
    ) {
        let packets: Vec<_> = packets.into_iter().filter(|packet| wire.is_representable(packet)).collect();
        let mut body = BytesMut::new();
        wire.encode_payload(&packets, &mut body);
        let sizes = packets.iter().enumerate().map(|(at, packet)| wire.size_in_payload(packet, at == 0));
        let size = sizes.sum::<usize>();
        prop_assert!(body.len() == size || (wire == ProtocolVersion::V3 && body.len() < size), "{} and {size}", body.len());
        prop_assert_eq!(wire.decode_payload(body.freeze(), usize::MAX).collect::<Result<Vec<_>, _>>(), Ok(packets));
    }

    #[test]
    fn a_message_that_needs_no_check_passes_it(wire in any_wire(), packet in any_packet(), limit in 0..40_usize) {
        let Packet::Message(data) = packet else { return Ok(()) };
        for kind in [TransportKind::Polling, TransportKind::WebSocket] {
            for limit in [None, Some(limit)] {
                if data.len() < wire.unchecked_len(kind, limit) {
                    prop_assert_eq!(wire.check_message(&data, kind, limit), Ok(()));
                }
            }
        }
    }
}

#[test]
fn over_a_websocket_every_message_below_the_limit_may_be_sent_and_over_polling_each_is_checked() {
    for version in [ProtocolVersion::V3, ProtocolVersion::V4] {
        assert_eq!(version.unchecked_len(TransportKind::WebSocket, Some(10)), 10);
        assert_eq!(version.unchecked_len(TransportKind::WebSocket, None), usize::MAX);
        assert_eq!(version.unchecked_len(TransportKind::Polling, Some(10)), 0);
    }
}
