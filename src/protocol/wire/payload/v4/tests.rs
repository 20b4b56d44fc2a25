use proptest::prelude::*;

use super::*;
use crate::protocol::packet::tests::any_packet;

fn text(text: &str) -> Packet {
    Packet::Message(text.into())
}

fn binary(bytes: &[u8]) -> Packet {
    Packet::Message(bytes.into())
}

fn payload(body: impl Into<Bytes>) -> Payload {
    Payload::new(body.into(), usize::MAX)
}

fn encoded(packets: &[Packet]) -> Bytes {
    let mut dst = BytesMut::new();
    encode(packets, &mut dst);
    dst.freeze()
}

#[test]
fn packets_are_joined_by_the_record_separator() {
    let open = Packet::Open(r#"{"sid":"a"}"#.into());
    for (wire, packets) in [
        ("", vec![]),
        ("4abc", vec![text("abc")]),
        ("4abc\x1e4def", vec![text("abc"), text("def")]),
        ("4\x1e4", vec![text(""), text("")]),
        ("0{\"sid\":\"a\"}\x1e4hi", vec![open, text("hi")]),
        ("6\x1e1", vec![Packet::Noop, Packet::Close]),
        ("2\x1e4€😀\x1e4z", vec![Packet::Ping("".into()), text("€😀"), text("z")]),
    ] {
        let decoded: Result<Vec<_>, _> = payload(wire).collect();
        assert_eq!(decoded, Ok(packets.clone()), "{wire:?}");
        assert_eq!(encoded(&packets), wire);
    }
}

#[test]
fn a_binary_message_is_always_base64_in_a_payload() {
    for (wire, packets) in [
        ("bAAEC", vec![binary(&[0, 1, 2])]),
        ("bAAEC\x1ebAwQFBg==", vec![binary(&[0, 1, 2]), binary(&[3, 4, 5, 6])]),
        ("4abc\x1ebAwQFBg==\x1e4x\x1eb", vec![text("abc"), binary(&[3, 4, 5, 6]), text("x"), binary(b"")]),
    ] {
        let decoded: Result<Vec<_>, _> = payload(wire).collect();
        assert_eq!(decoded, Ok(packets.clone()), "{wire:?}");
        assert_eq!(encoded(&packets), wire);
    }
}

#[test]
fn packets_before_an_invalid_one_are_decoded_and_those_after_it_are_not() {
    for bad in ["", "bad!", "x", "\u{e9}"] {
        let mut payload = payload(format!("4a\x1e{bad}\x1e4b"));
        assert_eq!(payload.next(), Some(Ok(text("a"))));
        assert!(!payload.is_empty());
        assert!(matches!(payload.next(), Some(Err(ProtocolError::Packet(_)))), "{bad:?}");
        assert!(payload.is_empty());
        assert_eq!(payload.next(), None);
    }
}

#[test]
fn a_separator_at_either_end_makes_an_empty_packet() {
    for wire in ["\x1e", "\x1e4a", "4a\x1e"] {
        assert!(payload(wire).any(|packet| packet.is_err()), "{wire:?}");
    }
}

#[test]
fn an_empty_body_contains_no_packets() {
    assert!(payload("").is_empty());
    assert_eq!(payload("").next(), None);
}

#[test]
fn packets_before_one_that_is_not_utf8_are_decoded_and_those_after_it_are_not() {
    for (wire, texts) in [
        (&b"4a\x1e4b\x1e4\xff\xfe"[..], &["a", "b"][..]),
        (b"4a\x1e4b\x1e4\xff\x1e4c", &["a", "b"]),
        (b"4a\x1e\xff", &["a"]),
        (b"4a\x1e4cut \xe2\x82", &["a"]),
        ("4é€\x1e4\u{10ffff}\x1e4z".as_bytes(), &["é€", "\u{10ffff}", "z"]),
        (b"4\xe9\x1e4a", &[]),
        (b"\xff", &[]),
    ] {
        let mut payload = payload(wire.to_vec());
        for expected in texts {
            assert_eq!(payload.next(), Some(Ok(text(expected))), "{wire:x?}");
        }
        let last = str::from_utf8(wire).is_err().then_some(Err(ProtocolError::Utf8));
        assert_eq!(payload.next(), last, "{wire:x?}");
        assert!(payload.is_empty());
        assert_eq!(payload.next(), None);
    }
}

#[test]
fn any_number_of_packets_fits_in_a_payload() {
    let wire = "4\x1e".repeat(1_000_000) + "6";
    assert_eq!(payload(wire).filter(|packet| packet == &Ok(text(""))).count(), 1_000_000);
}

#[test]
fn decoded_text_shares_the_buffer_of_the_body() {
    let body = Bytes::from_static(b"6\x1e4shared");
    let Some(Ok(Packet::Message(Data::Text(text)))) = payload(body.clone()).nth(1) else {
        panic!("no text message");
    };
    assert_eq!(text.as_ptr(), body[3..].as_ptr());
}

#[test]
fn text_with_the_separator_cannot_be_sent() {
    assert!(!is_representable(&text("a\u{1e}b")));
    assert!(!is_representable(&Packet::Pong("\u{1e}".into())));
    assert!(is_representable(&text("ab\u{1f}")));
    assert!(is_representable(&binary(&[SEPARATOR])));
    assert!(is_representable(&Packet::Noop));
}

#[test]
fn a_payload_is_appended_to_what_is_there() {
    let mut dst = BytesMut::from("head ");
    encode(&[text("a"), text("b")], &mut dst);
    assert_eq!(dst, "head 4a\x1e4b");
}

proptest! {
    #[test]
    fn packets_survive_a_payload(packets in prop::collection::vec(any_packet(), 0..20)) {
        let packets: Vec<_> = packets.into_iter().filter(is_representable).collect();
        let body = encoded(&packets);
        let sizes = packets.iter().enumerate().map(|(index, packet)| size(packet, index == 0));
        prop_assert_eq!(body.len(), sizes.sum::<usize>());
        prop_assert_eq!(payload(body).collect::<Result<Vec<_>, _>>(), Ok(packets));
    }

    #[test]
    fn arbitrary_bytes_give_packets_and_at_most_one_error_at_the_end(body: Vec<u8>) {
        let packets: Vec<_> = payload(body).collect();
        let errors = packets.iter().filter(|packet| packet.is_err()).count();
        prop_assert!(errors == 0 || errors == 1 && packets[packets.len() - 1].is_err());
    }

    #[test]
    fn nearly_valid_payloads_never_panic(body in "([0-9b]?[A-Za-z=é{]{0,5}\x1e?){0,20}") {
        payload(body).for_each(drop);
    }
}
