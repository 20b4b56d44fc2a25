use proptest::prelude::*;

use super::*;
use crate::protocol::packet::{Packet::Message, tests::any_packet};

fn text(text: &str) -> Packet {
    Message(text.into())
}

fn binary(bytes: &[u8]) -> Packet {
    Message(bytes.into())
}

fn encoded(packets: &[Packet]) -> Bytes {
    let mut dst = BytesMut::new();
    encode(packets, &mut dst);
    dst.freeze()
}

/// The packets before the first error, and the error.
fn decoded(body: impl Into<Bytes>) -> (Vec<Packet>, Option<ProtocolError>) {
    let mut payload = Payload::new(body.into(), usize::MAX);
    let mut packets = Vec::new();
    for packet in payload.by_ref() {
        match packet {
            Ok(packet) => packets.push(packet),
            Err(err) => {
                assert!(payload.next().is_none() && payload.is_empty(), "an error is the end");
                return (packets, Some(err));
            }
        }
    }
    assert!(payload.is_empty());
    (packets, None)
}

#[test]
fn each_packet_has_its_kind_and_its_length_in_bytes_in_front() {
    for (body, packets) in [
        (&b""[..], vec![]),
        // What engine.io 3.6 writes.
        (
            b"\x00\x04\xff4\xe2\x82\xac\x01\x05\xff\x04\x01\x02\x03\x04",
            vec![text("€"), binary(&[1, 2, 3, 4])],
        ),
        (b"\x00\x01\xff4\x01\x01\xff\x04", vec![text(""), binary(&[])]),
        (b"\x00\x01\xff1", vec![Packet::Close]),
        (b"\x00\x06\xff2probe", vec![Packet::Ping("probe".into())]),
        (b"\x00\x01\x02\xff4hello world\x00\x01\xff6", vec![text("hello world"), Packet::Noop]),
    ] {
        assert_eq!(decoded(body), (packets.clone(), None), "{}", body.escape_ascii());
        assert_eq!(encoded(&packets), body);
    }
}

#[test]
fn a_text_may_contain_base64() {
    assert_eq!(decoded(&b"\x00\x06\xffb4AQID"[..]), (vec![binary(&[1, 2, 3])], None));
}

#[test]
fn a_header_that_is_wrong_is_an_error_behind_the_packets_before_it() {
    for wrong in [
        // Its kind.
        &b"\x02\x01\xff4"[..],
        b"4a",
        b"\xff",
        // Its length: missing, cut off, a lie, larger than any memory, with a zero in front.
        b"\x00",
        b"\x01",
        b"\x00\xff",
        b"\x00\xff4",
        b"\x00\x01",
        b"\x00\x014",
        b"\x00\x0a\xff4",
        b"\x00\x02\xff4",
        b"\x01\x09\xff\x04",
        b"\x00\x01\x08\x04\x04\x06\x07\x04\x04\x00\x07\x03\x07\x00\x09\x05\x05\x01\x06\x01\x05\xff4",
        b"\x00\x01\x08\x04\x04\x06\x07\x04\x04\x00\x07\x03\x07\x00\x09\x05\x05\x01\x06\x01\x06\xff4",
        b"\x00\x00\x01\xff4",
        b"\x01\x00\x00\xff",
        // A packet without a type, or of another type than it may have.
        b"\x00\x00\xff",
        b"\x01\x00\xff",
        b"\x00\x01\xffx",
        b"\x01\x01\xff4",
        b"\x01\x01\xff\x00",
    ] {
        let (packets, err) = decoded([b"\x00\x02\xff4a", wrong].concat());
        assert_eq!(packets, [text("a")], "{}", wrong.escape_ascii());
        assert!(matches!(err, Some(ProtocolError::Packet(_))), "{}: {err:?}", wrong.escape_ascii());
    }
    let (packets, err) = decoded(&b"\x00\x02\xff4a\x00\x03\xff4\xff\xff"[..]);
    assert_eq!((packets.len(), err), (1, Some(ProtocolError::Utf8)));
}

#[test]
fn a_packet_that_is_too_large_is_an_error() {
    let mut payload = Payload::new(encoded(&[binary(&[0; 3]), text("abc"), binary(&[0; 4])]), 3);
    assert!(payload.next().unwrap().is_ok());
    assert!(payload.next().unwrap().is_ok());
    assert_eq!(payload.next(), Some(Err(ProtocolError::too_large(4, 3))));
    assert_eq!(payload.next(), None);
}

#[test]
fn a_body_of_digits_or_of_tiny_packets_is_read_in_one_pass() {
    // Quadratic time would take minutes.
    const MANY: usize = 1 << 20;
    assert_eq!(decoded([&[0][..], &[9; MANY]].concat()).0.len(), 0);
    assert_eq!(Payload::new(b"\x00\x01\xff6".repeat(MANY).into(), 0).count(), MANY);
}

#[test]
fn messages_share_the_memory_of_the_body() {
    let body = encoded(&[text("abc"), binary(b"def")]);
    let memory = body.as_ptr_range();
    for packet in Payload::new(body.clone(), usize::MAX) {
        assert!(memory.contains(&packet.unwrap().body().as_ptr()));
    }
}

proptest! {
    #[test]
    fn packets_survive_the_way(packets in prop::collection::vec(any_packet(), 0..20)) {
        let body = encoded(&packets);
        prop_assert_eq!(body.len(), packets.iter().map(size).sum::<usize>());
        prop_assert_eq!(decoded(body), (packets, None));
    }

    #[test]
    fn a_size_has_as_many_digits_as_its_number(len in prop_oneof![0..2000_usize, 9_990..10_010_usize]) {
        let packet = binary(&vec![0; len]);
        prop_assert_eq!(encoded(std::slice::from_ref(&packet)).len(), size(&packet));
    }

    #[test]
    fn no_body_is_a_panic(body in prop::collection::vec(prop_oneof![0..12_u8, 40..60_u8, any::<u8>()], 0..60)) {
        let len = body.len();
        let (packets, _) = decoded(body);
        prop_assert!(packets.iter().map(|packet| packet.body().len()).sum::<usize>() <= len);
    }
}

#[test]
fn a_payload_is_empty_only_behind_its_last_packet() {
    let mut payload = Payload::new(encoded(&[text("a"), text("b")]), usize::MAX);
    for is_last in [false, true] {
        assert!(!payload.is_empty());
        assert!(payload.next().is_some_and(|packet| packet.is_ok()));
        assert_eq!(payload.is_empty(), is_last);
    }
}
