use bytes::Bytes;
use bytestring::ByteString;

use super::*;

/// Messages that share one buffer, one for each length.
fn messages(buffer: &Bytes, lengths: &[usize]) -> Vec<Packet> {
    let mut rest = buffer.clone();
    lengths.iter().map(|&length| Packet::Message(rest.split_to(length).into())).collect()
}

fn built(packets: Vec<Packet>, may_share: bool) -> Vec<Packet> {
    let mut batch = BatchBuilder::new(Vec::new());
    packets.into_iter().for_each(|packet| batch.push(packet));
    batch.into_packets(may_share)
}

#[test]
fn a_batch_is_full_by_packets_or_by_bytes() {
    for (packet, count) in [
        (Packet::Noop, MAX_PACKETS),
        (Packet::Message(Bytes::from(vec![0; MAX_BYTES / 4]).into()), 4),
        (Packet::Message(Bytes::from(vec![0; 2 * MAX_BYTES]).into()), 1),
    ] {
        let mut batch = BatchBuilder::new(Vec::new());
        for _ in 0..count {
            assert!(!batch.is_full());
            batch.push(packet.clone());
        }
        assert!(batch.is_full());
    }
}

#[test]
fn only_messages_have_a_weight() {
    let mut batch = BatchBuilder::new(Vec::new());
    assert_eq!(batch.weight(), 0);
    for packet in [Packet::Noop, Packet::Ping("12345".into()), Packet::Unknown('7'), Packet::Close] {
        batch.push(packet);
    }
    assert_eq!(batch.weight(), 0);
    batch.push(Packet::Message("".into()));
    batch.push(Packet::Message(Bytes::from_static(b"12345").into()));
    assert_eq!(batch.weight(), 5 + 2 * OVERHEAD);
}

#[test]
fn a_ping_never_shares_the_buffer_that_it_was_received_in() {
    for range in [0..0, 0..1, 0..900] {
        let buffer = Bytes::from(vec![b'p'; 1_000]);
        let data = ByteString::try_from(buffer.slice(range)).unwrap();
        let packets = built(vec![Packet::Ping(data.clone()), Packet::Message("x".into())], true);
        assert_eq!(packets[0], Packet::Ping(data));
        assert!(buffer.is_unique(), "the ping shares it");
    }
}

#[test]
fn packets_that_may_not_share_their_buffer_are_copied_out_of_it() {
    let buffer = Bytes::from(vec![0; 1_000]);
    for may_share in [true, false] {
        let packets = messages(&buffer, &[10, 20]);
        let expected = packets.clone();
        let packets = built(packets, may_share);
        assert_eq!(packets, expected);
        assert_eq!(packets[0].body().as_ptr() == buffer.as_ptr(), may_share);
    }
}
