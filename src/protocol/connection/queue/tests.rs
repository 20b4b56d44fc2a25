use super::*;

const NO_LIMIT: BatchLimit = BatchLimit { packets: usize::MAX, bytes: usize::MAX, encoded: false };

fn queue(texts: &[&str]) -> SendQueue {
    let mut queue = SendQueue::default();
    for text in texts {
        queue.push(Data::from(*text));
    }
    queue
}

fn texts(data: &[Data]) -> Vec<&str> {
    data.iter().map(|data| data.as_text().unwrap()).collect()
}

fn take(queue: &mut SendQueue, limit: BatchLimit) -> Batch {
    queue.next_batch(Arc::default(), limit)
}

#[test]
fn a_batch_has_as_many_packets_as_the_limit_allows_but_at_least_one() {
    for (limit, expected) in [
        (NO_LIMIT, 4),
        (BatchLimit { packets: 3, ..NO_LIMIT }, 3),
        (BatchLimit { bytes: 6, ..NO_LIMIT }, 3),
        (BatchLimit { bytes: 5, ..NO_LIMIT }, 2),
        (BatchLimit { bytes: 0, ..NO_LIMIT }, 1),
        // As polling encodes them: 4aa|4bb|4cc|4dd
        (BatchLimit { bytes: 11, encoded: true, ..NO_LIMIT }, 3),
        (BatchLimit { bytes: 10, encoded: true, ..NO_LIMIT }, 2),
    ] {
        let mut queue = queue(&["aa", "bb", "cc", "dd"]);
        let batch = take(&mut queue, limit);
        assert_eq!((batch.len(), batch.bytes()), (expected, 2 * expected), "{limit:?}");
        let size = if limit.encoded { 4 * expected - 1 } else { 2 * expected };
        assert_eq!(batch.size(), size, "{limit:?}");
        assert_eq!(queue.ready(), 4 - expected);
    }
}

#[test]
fn answers_to_pings_go_first_and_are_no_messages() {
    let mut queue = queue(&["a"]);
    queue.push_pong("probe".into());
    let batch = take(&mut queue, NO_LIMIT);
    assert_eq!(*batch.packets(), [Packet::Pong("probe".into()), Packet::Message("a".into())]);
    assert_eq!(batch.bytes(), 1, "of messages");
    assert_eq!(queue.waiting(), (1, 1), "it is not written yet");
    queue.written(&batch);
    assert_eq!((queue.waiting(), queue.accepted(), queue.settled()), ((0, 0), 1, 1));
}

#[test]
fn what_became_of_a_batch_decides_where_its_messages_go() {
    let a_few = |sent, uncertain| BatchOutcome { sent, uncertain };
    for (outcome, unsent, in_doubt) in [
        (BatchOutcome::sent(0), &["a", "b", "c", "d"][..], &[][..]),
        (BatchOutcome::sent(2), &["c", "d"], &[]),
        (BatchOutcome::sent(9), &["d"], &[]),
        (BatchOutcome::UNCERTAIN, &["d"], &["a", "b", "c"]),
        (a_few(1, 1), &["c", "d"], &["b"]),
        (a_few(1, 9), &["d"], &["b", "c"]),
    ] {
        let mut queue = queue(&["a", "b", "c", "d"]);
        let batch = take(&mut queue, BatchLimit { packets: 3, ..NO_LIMIT });
        queue.returned(batch, outcome);
        let end = queue.end();
        assert_eq!((texts(&end.unsent), texts(&end.in_doubt)), (unsent.to_vec(), in_doubt.to_vec()));
        assert_eq!((queue.waiting(), queue.accepted(), queue.settled()), ((0, 0), 4, 4));
        assert_eq!(queue.end(), Undelivered::default(), "given back once");
    }
}

#[test]
fn packets_of_the_protocol_are_not_given_back() {
    let mut queue = queue(&["a"]);
    queue.push_pong("".into());
    queue.push_control(Packet::Close);
    let batch = take(&mut queue, NO_LIMIT);
    assert!(batch.ends_with_close());
    queue.returned(batch, BatchOutcome::sent(1));
    queue.push_pong("".into());
    queue.push_control(Packet::Close);
    assert_eq!(texts(&queue.end().unsent), ["a"]);
    assert!(queue.is_empty());
}

#[test]
fn the_buffers_of_a_long_queue_are_swapped_and_those_of_a_short_one_are_not() {
    for (packets, is_swapped) in [(MAX_PONGS, false), (MAX_PONGS + 1, true)] {
        let mut queue = queue(&vec![""; packets]);
        let room = queue.packets.capacity();
        let batch = queue.next_batch(Arc::new(Vec::with_capacity(1000)), NO_LIMIT);
        let expected = if is_swapped { (room, 1000) } else { (1000, room) };
        assert_eq!((batch.packets().capacity(), queue.packets.capacity()), expected);
        assert_eq!(batch.len(), packets);
    }
}

#[test]
fn a_queue_that_was_long_gives_its_memory_back() {
    // All of it at once, or when the last part is taken.
    let mut queue = queue(&vec![""; MAX_RETAINED + 1]);
    take(&mut queue, BatchLimit { packets: MAX_RETAINED, ..NO_LIMIT });
    assert!(queue.packets.capacity() > MAX_RETAINED);
    take(&mut queue, NO_LIMIT);
    assert_eq!(queue.packets.capacity(), 0);

    // A heartbeat shows that the messages are over.
    let mut queue = self::queue(&vec![""; MAX_RETAINED_IDLE + 1]);
    take(&mut queue, NO_LIMIT);
    assert!(queue.packets.capacity() > MAX_RETAINED_IDLE);
    queue.push_pong("".into());
    take(&mut queue, NO_LIMIT);
    assert_eq!(queue.packets.capacity(), 0);
}

#[test]
fn refused_messages_are_settled_in_the_order_in_which_all_were_accepted() {
    let mut queue = queue(&["in flight"]);
    let in_flight = take(&mut queue, NO_LIMIT);
    for text in ["a", "large", "b", "large", "large"] {
        queue.push(Data::from(text));
    }
    queue.push_control(Packet::Close);
    let refused = queue.refuse(|data| match data.len() {
        5.. => Err(SendErrorKind::NotRepresentable),
        _ => Ok(()),
    });
    assert_eq!(refused, vec![SendError::new(SendErrorKind::NotRepresentable, "large"); 3]);
    assert_eq!((queue.waiting(), queue.accepted(), queue.settled()), ((3, 11), 6, 0));
    queue.written(&in_flight);
    assert_eq!(queue.settled(), 1);
    let batch = take(&mut queue, BatchLimit { packets: 1, ..NO_LIMIT });
    queue.written(&batch);
    assert_eq!(queue.settled(), 3, "with the refused message behind it");
    let batch = take(&mut queue, NO_LIMIT);
    assert!(batch.ends_with_close());
    queue.written(&batch);
    assert_eq!((queue.waiting(), queue.settled()), ((0, 0), 6));
}

#[test]
fn refused_messages_are_not_given_back_at_the_end() {
    let mut queue = queue(&["a", "large", "b"]);
    assert_eq!(
        queue
            .refuse(|data| match data.len() {
                5.. => Err(SendErrorKind::NotRepresentable),
                _ => Ok(()),
            })
            .len(),
        1
    );
    assert_eq!(texts(&queue.end().unsent), ["a", "b"]);
    assert_eq!((queue.accepted(), queue.settled()), (3, 3));
    queue.push(Data::from("next"));
    let batch = take(&mut queue, NO_LIMIT);
    queue.written(&batch);
    assert_eq!((queue.accepted(), queue.settled()), (4, 4));
}
