use super::*;
use crate::protocol::{connection::batch::MAX_CAPACITY, version::ProtocolVersion};

const NO_LIMIT: BatchLimit = BatchLimit { packets: usize::MAX, bytes: usize::MAX, encoding: None };

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

/// The texts of what was not sent; those of a group with a plus between them.
fn unsent(end: &Undelivered) -> Vec<String> {
    end.unsent.iter().map(|outgoing| texts(outgoing.messages()).join("+")).collect()
}

fn push_group(queue: &mut SendQueue, texts: &[&str]) {
    queue.push_group(texts.iter().map(|text| Data::from(*text)).collect());
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
        (BatchLimit { bytes: 11, encoding: Some(ProtocolVersion::V4), ..NO_LIMIT }, 3),
        (BatchLimit { bytes: 10, encoding: Some(ProtocolVersion::V4), ..NO_LIMIT }, 2),
    ] {
        let mut queue = queue(&["aa", "bb", "cc", "dd"]);
        let batch = take(&mut queue, limit);
        assert_eq!((batch.len(), batch.bytes()), (expected, 2 * expected), "{limit:?}");
        let size = if limit.encoding.is_some() { 4 * expected - 1 } else { 2 * expected };
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
    queue.written(&batch, false);
    assert_eq!((queue.waiting(), queue.accepted(), queue.settled()), ((0, 0), 1, 1));
}

#[test]
fn what_became_of_a_batch_decides_where_its_messages_go() {
    let a_few = |sent, uncertain| BatchOutcome { sent, uncertain, begun: 0 };
    for (outcome, expected, in_doubt) in [
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
        assert_eq!(
            (unsent(&end), texts(&end.in_doubt)),
            (expected.iter().map(|text| (*text).to_owned()).collect(), in_doubt.to_vec())
        );
        assert_eq!((queue.waiting(), queue.accepted(), queue.settled()), ((0, 0), 4, 4));
        let Undelivered { unsent, in_doubt, .. } = queue.end();
        assert_eq!((unsent, in_doubt), (vec![], vec![]), "given back once");
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
    assert_eq!(unsent(&queue.end()), ["a"]);
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
    let mut queue = queue(&vec![""; MAX_CAPACITY + 1]);
    take(&mut queue, BatchLimit { packets: MAX_CAPACITY, ..NO_LIMIT });
    assert!(queue.packets.capacity() > MAX_CAPACITY);
    take(&mut queue, NO_LIMIT);
    assert_eq!(queue.packets.capacity(), 0);

    // A heartbeat shows that the messages are over.
    let mut queue = self::queue(&vec![""; MAX_IDLE_CAPACITY + 1]);
    take(&mut queue, NO_LIMIT);
    assert!(queue.packets.capacity() > MAX_IDLE_CAPACITY);
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
    let large = || Outgoing::One("large".into()).rejected(SendErrorKind::NotRepresentable);
    assert_eq!(refused, [large(), large(), large()]);
    assert_eq!((queue.waiting(), queue.accepted(), queue.settled()), ((3, 11), 6, 0));
    queue.written(&in_flight, true);
    assert_eq!(queue.settled(), 1);
    let batch = take(&mut queue, BatchLimit { packets: 1, ..NO_LIMIT });
    queue.written(&batch, false);
    assert_eq!(queue.settled(), 3, "with the refused message behind it");
    let batch = take(&mut queue, NO_LIMIT);
    assert!(batch.ends_with_close());
    queue.written(&batch, false);
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
    assert_eq!(unsent(&queue.end()), ["a", "b"]);
    assert_eq!((queue.accepted(), queue.settled()), (3, 3));
    queue.push(Data::from("next"));
    let batch = take(&mut queue, NO_LIMIT);
    queue.written(&batch, false);
    assert_eq!((queue.accepted(), queue.settled()), (4, 4));
}

/// The messages a, b+c+d and e, of which `written` packets were written, and then `outcome` happened to `returned` packets.
fn end_of_group(written: usize, returned: usize, outcome: BatchOutcome) -> (String, String) {
    let mut queue = queue(&["a"]);
    push_group(&mut queue, &["b", "c", "d"]);
    queue.push("e".into());
    for _ in 0..written {
        let batch = take(&mut queue, BatchLimit { packets: 1, ..NO_LIMIT });
        queue.written(&batch, false);
    }
    if returned > 0 {
        let batch = take(&mut queue, BatchLimit { packets: returned, ..NO_LIMIT });
        queue.returned(batch, outcome);
    }
    let end = queue.end();
    assert_eq!((queue.waiting(), queue.accepted(), queue.settled()), ((0, 0), 5, 5));
    (unsent(&end).join(" "), texts(&end.in_doubt).join(" "))
}

#[test]
fn a_group_is_unsent_as_a_whole_or_in_doubt_as_a_whole() {
    let a_few = |sent, uncertain| BatchOutcome { sent, uncertain, begun: 0 };
    for (written, returned, outcome, unsent, in_doubt) in [
        (0, 0, a_few(0, 0), "a b+c+d e", ""),
        (1, 0, a_few(0, 0), "b+c+d e", ""),
        (2, 0, a_few(0, 0), "e", "b c d"),
        (3, 0, a_few(0, 0), "e", "b c d"),
        (4, 0, a_few(0, 0), "e", ""),
        (5, 0, a_few(0, 0), "", ""),
        // All of them are in one batch.
        (0, 5, a_few(0, 0), "a b+c+d e", ""),
        (0, 5, a_few(0, 1), "b+c+d e", "a"),
        (0, 5, a_few(0, 2), "e", "a b c d"),
        (0, 5, a_few(1, 0), "b+c+d e", ""),
        (0, 5, a_few(1, 1), "e", "b c d"),
        (0, 5, a_few(2, 0), "e", "b c d"),
        (0, 5, a_few(3, 1), "e", "b c d"),
        (0, 5, a_few(3, 2), "", "b c d e"),
        (0, 5, a_few(4, 0), "e", ""),
        (0, 5, BatchOutcome::UNCERTAIN, "", "a b c d e"),
        // A part of the group was written before, or waits.
        (2, 1, a_few(0, 0), "e", "b c d"),
        (2, 1, a_few(1, 0), "e", "b c d"),
        (2, 1, BatchOutcome::UNCERTAIN, "e", "b c d"),
        (3, 2, a_few(1, 0), "e", ""),
        (3, 2, a_few(0, 1), "e", "b c d"),
        (1, 2, a_few(0, 0), "b+c+d e", ""),
    ] {
        let expected = (unsent.to_owned(), in_doubt.to_owned());
        assert_eq!(end_of_group(written, returned, outcome), expected, "{written} {returned} {outcome:?}");
    }
}

#[test]
fn the_messages_of_an_interrupted_write_are_counted_unless_they_come_back_as_in_doubt() {
    let outcome = |sent, uncertain, begun| BatchOutcome { sent, uncertain, begun };
    for (outcome, messages, is_first) in [
        (outcome(0, 0, 0), 0, true),
        // The pong is no message.
        (outcome(0, 0, 1), 0, true),
        (outcome(0, 0, 2), 1, true),
        (outcome(1, 0, 1), 1, true),
        (BatchOutcome::BEGUN, 5, true),
        (BatchOutcome::UNCERTAIN, 0, false),
        (outcome(2, 0, 1), 1, false),
        (outcome(1, 1, 1), 1, false),
        // The rest of the group is in doubt.
        (outcome(3, 0, 1), 0, false),
        (outcome(3, 0, 3), 0, false),
    ] {
        let mut queue = queue(&["a"]);
        push_group(&mut queue, &["b", "c", "d"]);
        queue.push("e".into());
        queue.push_pong("".into());
        let batch = take(&mut queue, NO_LIMIT);
        queue.returned(batch, outcome);
        assert_eq!(queue.end().interrupted, Interrupted { messages, is_first }, "{outcome:?}");
    }
}

#[test]
fn a_write_is_not_the_first_of_a_session_once_a_message_was_written_or_refused() {
    for is_refused in [false, true] {
        let mut queue = queue(&["a", "b"]);
        if is_refused {
            let refuse = |data: &Data| match data.as_text() {
                Some("a") => Err(SendErrorKind::NotRepresentable),
                _ => Ok(()),
            };
            assert_eq!(queue.refuse(refuse).len(), 1);
        } else {
            let batch = take(&mut queue, BatchLimit { packets: 1, ..NO_LIMIT });
            queue.written(&batch, true);
        }
        for is_first in [false, true] {
            let batch = take(&mut queue, NO_LIMIT);
            queue.returned(batch, BatchOutcome::BEGUN);
            assert_eq!(queue.end().interrupted, Interrupted { messages: 1, is_first });
            queue.push("b".into());
        }
    }
}

#[test]
fn messages_are_retained_only_while_their_group_is_being_written() {
    let mut queue = queue(&["a"]);
    push_group(&mut queue, &["b", "c"]);
    push_group(&mut queue, &["d"]);
    for is_retained in [false, true, false, false] {
        let batch = take(&mut queue, BatchLimit { packets: 1, ..NO_LIMIT });
        queue.written(&batch, false);
        assert_eq!(queue.retained.is_empty(), !is_retained);
    }
}

#[test]
fn a_group_is_refused_as_a_whole_and_the_others_stay_together() {
    let mut queue = queue(&["in flight"]);
    let in_flight = take(&mut queue, NO_LIMIT);
    push_group(&mut queue, &["a", "b"]);
    push_group(&mut queue, &["c", "large", "d"]);
    queue.push("e".into());
    push_group(&mut queue, &["f", "g"]);
    let refused = queue.refuse(|data| match data.len() {
        5.. => Err(SendErrorKind::NotRepresentable),
        _ => Ok(()),
    });
    assert_eq!(refused.len(), 1);
    assert_eq!(texts(refused[0].messages()), ["c", "large", "d"]);
    queue.written(&in_flight, true);
    for settled in [2, 6] {
        let batch = take(&mut queue, BatchLimit { packets: 1, ..NO_LIMIT });
        queue.written(&batch, false);
        assert_eq!(queue.settled(), settled);
    }
    let end = queue.end();
    assert_eq!((unsent(&end), end.in_doubt), (vec!["e".to_owned(), "f+g".to_owned()], vec![]));
}

/// The messages a, b+c and d in a queue that retains what is not confirmed.
fn retaining() -> SendQueue {
    let mut queue = SendQueue::new(true);
    queue.push("a".into());
    push_group(&mut queue, &["b", "c"]);
    queue.push("d".into());
    queue
}

#[test]
fn what_is_not_confirmed_is_in_doubt_and_a_group_is_confirmed_as_a_whole() {
    for (written, read, unsent_at_end, in_doubt) in [
        (0, 0, "a b+c d", ""),
        (1, 0, "b+c d", "a"),
        (1, 1, "b+c d", ""),
        (2, 1, "d", "b c"),
        (2, 2, "d", "b c"),
        (3, 2, "d", "b c"),
        (3, 3, "d", ""),
        (4, 0, "", "a b c d"),
        (4, 1, "", "b c d"),
        (4, 2, "", "b c d"),
        (4, 3, "", "d"),
        (4, 4, "", ""),
    ] {
        let mut queue = retaining();
        for _ in 0..written {
            let batch = take(&mut queue, BatchLimit { packets: 1, ..NO_LIMIT });
            queue.written(&batch, false);
        }
        queue.confirm(read);
        assert_eq!(queue.is_confirmed(), (written, read) == (4, 4));
        let end = queue.end();
        let end = (unsent(&end).join(" "), texts(&end.in_doubt).join(" "));
        assert_eq!(end, (unsent_at_end.to_owned(), in_doubt.to_owned()), "{written} {read}");
        assert_eq!(queue.retained_weight(), 0);
    }
}

#[test]
fn what_a_post_carried_is_confirmed_by_its_answer() {
    let mut queue = retaining();
    let batch = take(&mut queue, NO_LIMIT);
    queue.written(&batch, true);
    assert!(queue.is_confirmed());
    let Undelivered { unsent, in_doubt, .. } = queue.end();
    assert_eq!((unsent, in_doubt), (vec![], vec![]));
}

#[test]
fn what_was_written_of_a_batch_that_came_back_is_in_doubt_until_it_is_confirmed() {
    let mut queue = retaining();
    let batch = take(&mut queue, BatchLimit { packets: 3, ..NO_LIMIT });
    queue.returned(batch, BatchOutcome::sent(1));
    let end = queue.end();
    assert_eq!((unsent(&end), texts(&end.in_doubt)), (vec!["b+c".to_owned(), "d".to_owned()], vec!["a"]));
}

#[test]
fn retained_messages_count_with_their_overhead() {
    let mut queue = retaining();
    let batch = take(&mut queue, NO_LIMIT);
    queue.written(&batch, false);
    assert_eq!((queue.weight(), queue.retained_weight()), (0, 4 * (1 + OVERHEAD)));
    queue.confirm(1);
    assert_eq!(queue.retained_weight(), 3 * (1 + OVERHEAD));
}

#[test]
fn the_newest_answers_to_pings_wait_up_to_64_kib() {
    for (last, waiting) in [(32 << 10, 2), ((32 << 10) + 1, 1)] {
        let mut queue = SendQueue::default();
        queue.push_pong("x".repeat(32 << 10).into());
        queue.push_pong("x".repeat(last).into());
        assert_eq!(queue.heartbeats.len(), waiting, "{last}");
    }
    let mut queue = SendQueue::default();
    queue.push_pong("x".repeat(1 << 20).into());
    assert_eq!(queue.heartbeats.len(), 1, "one answer may exceed the limit by itself");
}

#[test]
fn an_interrupted_batch_counts_although_that_of_another_transport_comes_back_behind_it() {
    let mut queue = queue(&["a"]);
    let batch = take(&mut queue, NO_LIMIT);
    queue.returned(batch, BatchOutcome::BEGUN);
    queue.returned(Batch::control(Packet::Ping("probe".into())), BatchOutcome::sent(0));
    assert_eq!(queue.end().interrupted, Interrupted { messages: 1, is_first: true });
}
