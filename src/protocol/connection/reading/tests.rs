use super::*;

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

fn received(useful: bool, complete: bool) -> Received {
    let mut received = Received::new(Vec::new(), complete);
    if useful {
        received.set_useful();
    }
    received
}

/// Answers the open poll at `now`, and returns the pause until the next one.
fn pause(reading: &mut Reading, now: Instant, useful: bool) -> Duration {
    reading.received(now, &received(useful, true));
    let next = reading.pause_end().unwrap_or(now);
    assert_eq!(reading.is_paused(now), next != now);
    assert!(!reading.is_paused(next));
    next - now
}

#[test]
fn each_batch_takes_one_permission_to_read() {
    let now = Instant::now();
    for kind in [TransportKind::Polling, TransportKind::WebSocket] {
        let mut reading = Reading::new(kind);
        assert_eq!(reading.take_credit(now), None, "a transport starts with one");
        reading.received(now, &received(true, true));
        assert_eq!(reading.take_credit(now), Some(Vec::new()));
        assert_eq!(reading.take_credit(now), None, "it has one");
    }
}

#[test]
fn an_emptied_buffer_goes_back_with_the_next_permission() {
    let now = Instant::now();
    let mut reading = Reading::new(TransportKind::WebSocket);
    reading.received(now, &received(true, true));
    reading.return_buffer(Vec::with_capacity(7));
    assert_eq!(reading.take_credit(now).unwrap().capacity(), 7);
    // A buffer that comes after the permission was given cannot go with it any more, and is no second permission.
    reading.return_buffer(Vec::with_capacity(7));
    assert_eq!(reading.take_credit(now), None);
}

#[test]
fn polls_that_are_answered_at_once_with_nothing_are_sent_more_and_more_slowly() {
    let mut now = Instant::now();
    let mut reading = Reading::new(TransportKind::Polling);
    for expected in [50, 100, 200, 400, 800, 1000, 1000] {
        let pause = pause(&mut reading, now, false);
        assert_eq!(pause.as_millis(), expected);
        assert_eq!(reading.take_credit(now + pause - MILLISECOND), None);
        now += pause;
        assert!(reading.take_credit(now).is_some());
        assert_eq!(reading.pause_end(), None, "the pause is over");
    }
    assert_eq!(pause(&mut reading, now, true), Duration::ZERO);
    reading.take_credit(now);
    assert_eq!(pause(&mut reading, now, false).as_millis(), 50, "a useful poll ends the slow-down");
}

#[test]
fn an_empty_poll_after_a_long_wait_is_followed_by_the_next_at_once() {
    let mut now = Instant::now();
    let mut reading = Reading::new(TransportKind::Polling);
    now += pause(&mut reading, now, false);
    reading.take_credit(now);
    assert_eq!(pause(&mut reading, now + SECOND - MILLISECOND, false).as_millis(), 100);
    now += 2 * SECOND;
    reading.take_credit(now);
    // Servers end a poll now and then, before a proxy would.
    now += SECOND;
    assert_eq!(pause(&mut reading, now, false), Duration::ZERO);
    reading.take_credit(now);
    assert_eq!(pause(&mut reading, now, false).as_millis(), 50, "and the slow-down is over");
}

#[test]
fn the_parts_of_a_poll_are_one_poll() {
    let now = Instant::now();
    // (parts that are useful, the pause behind the last one)
    for (parts, expected) in [(&[false, false][..], 50), (&[true, false], 0), (&[false, true], 0)] {
        let mut reading = Reading::new(TransportKind::Polling);
        for (at, useful) in parts.iter().enumerate() {
            let complete = at == parts.len() - 1;
            reading.received(now, &received(*useful, complete));
            if !complete {
                assert!(reading.take_credit(now).is_some(), "the rest is there already");
            }
        }
        let pause = reading.pause_end().map_or(0, |next| (next - now).as_millis());
        assert_eq!(pause, expected, "{parts:?}");
    }
}

#[test]
fn a_poll_of_several_batches_takes_as_long_as_all_of_them() {
    let mut now = Instant::now();
    let mut reading = Reading::new(TransportKind::Polling);
    now += pause(&mut reading, now, false);
    reading.take_credit(now);
    now += 2 * SECOND;
    reading.received(now, &received(false, false));
    reading.take_credit(now);
    assert_eq!(pause(&mut reading, now, false), Duration::ZERO, "the poll was not answered at once");
}

#[test]
fn a_websocket_is_never_paused() {
    let now = Instant::now();
    let mut reading = Reading::new(TransportKind::WebSocket);
    for _ in 0..3 {
        assert_eq!(pause(&mut reading, now, false), Duration::ZERO);
        assert!(reading.take_credit(now).is_some());
    }
}

#[test]
fn back_pressure_lasts_from_the_first_messages_until_there_is_room() {
    let start = Instant::now();
    let mut flow = Flow::Open;
    assert_eq!(flow.deadline(SECOND), None);
    assert_eq!(flow.resume(), None, "there was none");
    flow.progress(start);
    assert_eq!(flow, Flow::Open);

    flow.stop(start);
    assert_eq!(flow.deadline(SECOND), Some(start + SECOND));
    flow.stop(start + MILLISECOND);
    assert_eq!(flow.deadline(SECOND), Some(start + SECOND), "more messages are no progress");
    flow.progress(start + 2 * MILLISECOND);
    assert_eq!(flow.deadline(SECOND), Some(start + SECOND + 2 * MILLISECOND));
    assert_eq!(flow.resume(), Some(start));
    assert_eq!(flow.deadline(SECOND), None);
}
