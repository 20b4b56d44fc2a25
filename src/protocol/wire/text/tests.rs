use bytes::Bytes;
use bytestring::ByteString;
use proptest::prelude::*;

use super::*;
use crate::protocol::packet::tests::any_packet;

fn text(text: &str) -> Packet {
    Packet::Message(text.into())
}

fn binary(bytes: &[u8]) -> Packet {
    Packet::Message(bytes.into())
}

fn decode(wire: &str) -> Result<Packet, ProtocolError> {
    decode_shared(&wire.into())
}

fn decode_shared(wire: &ByteString) -> Result<Packet, ProtocolError> {
    let mut chars = wire.chars();
    super::decode(chars.next(), wire.slice_ref(chars.as_str()), usize::MAX)
}

fn encode(packet: &Packet) -> Bytes {
    let mut dst = BytesMut::new();
    super::encode(packet, &mut dst);
    dst.freeze()
}

#[test]
fn the_text_form_of_each_packet_goes_both_ways() {
    for (wire, packet) in [
        (r#"0{"sid":"a"}"#, Packet::Open(r#"{"sid":"a"}"#.into())),
        ("1", Packet::Close),
        ("2", Packet::Ping("".into())),
        ("2probe", Packet::Ping("probe".into())),
        ("3", Packet::Pong("".into())),
        ("3probe", Packet::Pong("probe".into())),
        ("4", text("")),
        ("4text", text("text")),
        // Text that looks like something else stays text.
        ("4123", text("123")),
        ("4-1.5", text("-1.5")),
        (r#"4{"a":1}"#, text(r#"{"a":1}"#)),
        ("4b", text("b")),
        ("4€ 😀", text("€ 😀")),
        ("5", Packet::Upgrade),
        ("6", Packet::Noop),
        ("b", binary(b"")),
        ("bAQ==", binary(&[1])),
        ("bAQI=", binary(&[1, 2])),
        ("bAQID", binary(&[1, 2, 3])),
        ("bAQIDBA==", binary(&[1, 2, 3, 4])),
        ("b+/+/", binary(&[0xfb, 0xff, 0xbf])),
    ] {
        assert_eq!(decode(wire).as_ref(), Ok(&packet), "{wire}");
        assert_eq!(encode(&packet), wire, "{packet:?}");
        assert_eq!(encoded_len(&packet), wire.len(), "{packet:?}");
    }
}

#[test]
fn data_after_a_packet_that_has_none_is_ignored() {
    for (wire, packet) in [("1:1", Packet::Close), ("5probe", Packet::Upgrade), ("6x", Packet::Noop)] {
        assert_eq!(decode(wire), Ok(packet), "{wire}");
    }
}

#[test]
fn a_type_that_the_protocol_does_not_define_is_unknown() {
    for (wire, digit) in [("7", '7'), ("8x", '8'), ("9", '9')] {
        let packet = decode(wire).unwrap();
        assert_eq!(packet, Packet::Unknown(digit));
        assert_eq!(type_digit(&packet), &wire.as_bytes()[..1]);
    }
}

#[test]
fn a_packet_without_a_type_is_an_error() {
    for wire in ["", "a123", "{", r#"["a123","a456"]"#, " 4", "-4", "é", "٤", "\u{1e}", "B"] {
        assert!(matches!(decode(wire), Err(ProtocolError::Packet(_))), "{wire}");
    }
}

#[test]
fn base64_may_lack_its_padding_and_nothing_else() {
    assert_eq!(decode("bAQ"), Ok(binary(&[1])));
    assert_eq!(decode("bAQI"), Ok(binary(&[1, 2])));
    for wire in ["bA", "bAQ===", "bAQI*", "bAQ ID", "bAQID\n", "b-_-_", "b=", "bAQ==AQ==", "bé"] {
        assert!(matches!(decode(wire), Err(ProtocolError::Packet(_))), "{wire}");
    }
}

#[test]
fn decoded_text_shares_the_buffer_of_the_packet() {
    let wire = ByteString::from("4shared");
    let Ok(Packet::Message(Data::Text(text))) = decode_shared(&wire) else {
        panic!("no text message");
    };
    assert_eq!(text.as_ptr(), wire[1..].as_ptr());
}

#[test]
fn the_limit_is_that_of_the_decoded_data() {
    let decode = |wire: &str, limit| super::decode(wire.chars().next(), wire[1..].into(), limit);
    for size in 0..10 {
        let base64 = encode(&binary(&vec![0; size]));
        for wire in ["4".to_owned() + &"x".repeat(size), String::from_utf8(base64.to_vec()).unwrap()] {
            assert!(decode(&wire, size).is_ok(), "{wire}");
            if let Some(limit) = size.checked_sub(1) {
                let err = ProtocolError::TooLarge { size: u64::try_from(size).unwrap(), limit };
                assert_eq!(decode(&wire, limit), Err(err), "{wire}");
            }
            assert!(wire.len() <= size + max_overhead(size), "{wire}");
        }
    }
    assert_eq!(max_overhead(usize::MAX), 1);
}

proptest! {
    #[test]
    fn every_packet_survives_the_text_form(packet in any_packet()) {
        let wire = encode(&packet);
        prop_assert_eq!(encoded_len(&packet), wire.len());
        prop_assert_eq!(decode_shared(&ByteString::try_from(wire).unwrap()), Ok(packet));
    }

    #[test]
    fn decoding_never_panics(wire in "[0-9b]?.*") {
        let _ = decode(&wire);
    }

    #[test]
    fn base64_never_panics(wire in "b[A-Za-z0-9+/=]*") {
        let _ = decode(&wire);
    }
}
