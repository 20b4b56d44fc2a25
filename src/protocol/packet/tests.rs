use proptest::prelude::*;

use super::*;

#[test]
fn a_detached_packet_shares_no_buffer() {
    let large = ByteString::from("2 of a large buffer");
    let data = large.slice_ref(&large[1..]);
    for packet in [
        Packet::Open(data.clone()),
        Packet::Ping(data.clone()),
        Packet::Pong(data.clone()),
        Packet::Message(Data::Text(data.clone())),
        Packet::Message(Data::Binary(data.clone().into_bytes())),
    ] {
        let mut detached = packet.clone();
        detached.detach();
        assert_eq!(detached, packet);
        assert_eq!(packet.body().as_ptr(), data.as_ptr());
        assert_ne!(detached.body().as_ptr(), data.as_ptr());
    }
}

/// Any packet that this crate sends.
pub(crate) fn any_packet() -> impl Strategy<Value = Packet> {
    let text = || any::<String>().prop_map(ByteString::from);
    prop_oneof![
        text().prop_map(Packet::Open),
        Just(Packet::Close),
        text().prop_map(Packet::Ping),
        text().prop_map(Packet::Pong),
        text().prop_map(|text| Packet::Message(text.into())),
        any::<Vec<u8>>().prop_map(|bytes| Packet::Message(bytes.into())),
        Just(Packet::Upgrade),
        Just(Packet::Noop),
    ]
}
