use proptest::prelude::*;

use super::*;
use crate::{
    data::Data,
    protocol::packet::{Packet::Message, tests::any_packet},
};

fn payload(body: impl Into<Bytes>) -> Payload {
    Payload::new(body.into(), usize::MAX)
}

fn text(text: &str) -> Packet {
    Message(text.into())
}

/// The payload as a server in JavaScript would write it.
fn encoded(packets: &[Packet]) -> String {
    let encode = |packet: &Packet| {
        let mut encoded = bytes::BytesMut::new();
        crate::protocol::wire::text::encode(packet, &mut encoded);
        let mut encoded = String::from_utf8(encoded.to_vec()).unwrap();
        if matches!(packet, Message(Data::Binary(_))) {
            encoded.insert(1, '4');
        }
        format!("{}:{encoded}", encoded.encode_utf16().count())
    };
    packets.iter().map(encode).collect()
}

/// The packets before the first error, and the error.
fn decoded(body: impl Into<Bytes>) -> (Vec<Packet>, Option<ProtocolError>) {
    let mut payload = payload(body);
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
    (packets, None)
}

#[test]
fn each_packet_has_its_length_in_front() {
    let open = Packet::Open(r#"{"sid":"a"}"#.into());
    for (body, packets) in [
        ("", vec![]),
        ("4:4abc", vec![text("abc")]),
        ("1:41:4", vec![text(""), text("")]),
        ("12:0{\"sid\":\"a\"}2:40", vec![open, text("0")]),
        ("1:61:1", vec![Packet::Noop, Packet::Close]),
        ("6:4a:4bc", vec![text("a:4bc")]),
        ("6:b4AQID", vec![Message(Data::from(vec![1, 2, 3]))]),
        ("6:4a\u{1e}b€d2:4z", vec![text("a\u{1e}b€d"), text("z")]),
    ] {
        assert_eq!(decoded(body), (packets.clone(), None), "{body}");
        assert_eq!(encoded(&packets), body);
    }
}

#[test]
fn a_length_counts_code_units_of_utf_16() {
    assert_eq!(decoded("2:4€2:4z"), (vec![text("€"), text("z")], None));
    assert_eq!(decoded("3:4😀2:4z"), (vec![text("😀"), text("z")], None));
    assert_eq!(decoded("5:4😀😀1:6"), (vec![text("😀😀"), Packet::Noop], None));
}

#[test]
fn a_payload_without_packets_is_no_error() {
    for body in ["", "0:"] {
        assert_eq!(decoded(body), (vec![], None), "{body}");
        assert!(payload(body).is_empty());
    }
}

#[test]
fn a_packet_without_anything_is_an_error_so_that_each_packet_counts() {
    let empty = || Some(ProtocolError::Packet("it is empty"));
    assert_eq!(decoded("0:0:"), (vec![], empty()));
    assert_eq!(decoded("0:2:4a"), (vec![], empty()));
    assert_eq!(decoded("2:4a0:1:6"), (vec![text("a")], empty()));
    assert_eq!(decoded("2:4a0:"), (vec![text("a")], empty()));
}

#[test]
fn text_is_written_as_a_server_reads_it() {
    for (packets, body) in [
        (vec![text("")], "1:4"),
        (vec![text("abc"), Packet::Ping("".into()), Packet::Close], "4:4abc1:21:1"),
        (vec![text("a\u{1e}b€d"), text(&"x".repeat(100))], &format!("6:4a\u{1e}b€d101:4{}", "x".repeat(100))),
    ] {
        let mut dst = bytes::BytesMut::new();
        crate::protocol::version::ProtocolVersion::V3.encode_payload(&packets, &mut dst);
        assert_eq!(dst, body);
        assert_eq!(encoded(&packets), body);
    }
}

#[test]
fn a_payload_is_empty_when_its_last_packet_was_taken() {
    let mut payload = payload("2:4a1:6");
    assert!(!payload.is_empty());
    payload.next();
    assert!(!payload.is_empty());
    payload.next();
    assert!(payload.is_empty() && payload.next().is_none());
    assert!(super::Payload::new(Bytes::new(), 0).is_empty());
}

#[test]
fn a_length_that_is_wrong_is_an_error_behind_the_packets_before_it() {
    let before = vec![text("a")];
    for wrong in [
        "5:4abc",
        "18446744073709551615:4",
        "18446744073709551616:4",
        "99999999999999999999999999999999:4",
        "02:4a",
        "00:",
        "2",
        "2;4a",
        "-1:4",
        "+2:4a",
        " 2:4a",
        ":4a",
        "4a",
        // The length ends between the two code units of the character.
        "2:4😀",
        "3:4a😀",
        "😀",
        "4:4😀",
        // A packet without a type.
        "1:x",
        "2:b5",
    ] {
        let (packets, err) = decoded(format!("2:4a{wrong}"));
        assert_eq!(packets, before, "{wrong}");
        assert!(matches!(err, Some(ProtocolError::Packet(_))), "{wrong}: {err:?}");
    }
}

#[test]
fn bytes_that_are_not_utf_8_end_the_payload_behind_whole_packets() {
    for (body, count) in [
        (&b"2:4a\xff"[..], 1),
        (b"2:4a3:4\xff\xff", 1),
        (b"2:4a\xf0\x9f\x98", 1),
        (b"\xff2:4a", 0),
        (b"2:4a2\xff:4a", 1),
    ] {
        let (packets, err) = decoded(body);
        assert_eq!((packets.len(), err), (count, Some(ProtocolError::Utf8)), "{}", body.escape_ascii());
    }
}

#[test]
fn a_packet_that_is_too_large_is_an_error() {
    let mut payload = Payload::new("4:4abc5:4abcd".into(), 3);
    assert_eq!(payload.next(), Some(Ok(text("abc"))));
    assert_eq!(payload.next(), Some(Err(ProtocolError::too_large(4, 3))));
    assert_eq!(payload.next(), None);
}

#[test]
fn a_body_of_digits_or_of_tiny_packets_is_read_in_one_pass() {
    // Quadratic time would take minutes.
    const MANY: usize = 1 << 20;
    assert_eq!(decoded("9".repeat(MANY)).0.len(), 0);
    assert_eq!(decoded("0:".repeat(MANY)).0.len(), 0);
    assert_eq!(payload("1:6".repeat(MANY)).count(), MANY);
    assert_eq!(payload("3:4😀".repeat(MANY)).filter(Result::is_ok).count(), MANY);
    let long = format!("{}:4{}", MANY + 1, "€".repeat(MANY));
    assert_eq!(payload(long).filter(Result::is_ok).count(), 1);
}

proptest! {
    #[test]
    fn packets_are_those_that_a_server_has_written(packets in prop::collection::vec(any_packet(), 0..20)) {
        prop_assert_eq!(decoded(encoded(&packets)), (packets, None));
    }

    #[test]
    fn no_body_is_a_panic(body in prop_oneof![
        any::<Vec<u8>>(),
        "([0-9]{0,3}:?[0-9b]?[a€😀]{0,4}){0,8}".prop_map(String::into_bytes),
    ]) {
        let len = body.len();
        let (packets, _) = decoded(body);
        prop_assert!(packets.iter().map(|packet| packet.body().len()).sum::<usize>() <= len);
    }
}
