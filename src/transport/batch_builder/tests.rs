use bytes::Bytes;

use super::*;

/// Messages that share one buffer, one for each length.
fn messages(buffer: &Bytes, lengths: &[usize]) -> Vec<Packet> {
    let mut rest = buffer.clone();
    lengths.iter().map(|&length| Packet::Message(rest.split_to(length).into())).collect()
}

fn built(packets: Vec<Packet>, buffer: usize) -> Vec<Packet> {
    let mut batch = BatchBuilder::new(Vec::new());
    packets.into_iter().for_each(|packet| batch.push(packet));
    batch.into_packets(buffer)
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
fn packets_are_copied_out_of_a_buffer_that_is_much_larger_than_they_are() {
    let buffer = Bytes::from(vec![0; 1_000]);
    let counted = 2 * OVERHEAD + 30;
    for (size, shares) in [(counted * MAX_SHARE, true), (counted * MAX_SHARE + 1, false)] {
        let packets = messages(&buffer, &[10, 20]);
        let expected = packets.clone();
        let packets = built(packets, size);
        assert_eq!(packets, expected);
        assert_eq!(packets[0].body().as_ptr() == buffer.as_ptr(), shares, "{size}");
    }
}
