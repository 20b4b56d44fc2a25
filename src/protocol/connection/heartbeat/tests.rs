use super::*;
use crate::protocol::{handshake::TransportKind::WebSocket, version::ProtocolVersion};

const SECOND: Duration = Duration::from_secs(1);

/// A ping every 25 seconds, and 20 seconds for its answer.
fn heartbeat(now: Instant) -> Heartbeat {
    let mut session = Session::new("abc", WebSocket);
    session.protocol = ProtocolVersion::V3;
    Heartbeat::new(now, &session)
}

#[test]
fn a_ping_follows_another_in_the_interval_whether_it_was_answered_or_not() {
    let start = Instant::now();
    let mut heartbeat = heartbeat(start);
    assert_eq!(heartbeat.next(), Some(start + 25 * SECOND));
    assert!(!heartbeat.is_due(start + 24 * SECOND));
    let first = start + 25 * SECOND;
    assert!(heartbeat.is_due(first));
    heartbeat.sent(first);
    assert_eq!(heartbeat.next(), Some(first + 25 * SECOND));
    heartbeat.written(first, start, || Duration::ZERO);
    let second = first + 25 * SECOND;
    assert!(heartbeat.is_due(second));
    heartbeat.sent(second);
    heartbeat.answered(second);
    assert_eq!(heartbeat.next(), Some(second + 25 * SECOND));
}

#[test]
fn a_ping_that_is_queued_is_not_queued_again() {
    let start = Instant::now();
    let mut heartbeat = heartbeat(start);
    assert!(heartbeat.is_due(start + 25 * SECOND));
    assert_eq!(heartbeat.next(), None);
    assert!(!heartbeat.is_due(start + 100 * SECOND));
    heartbeat.sent(start + 100 * SECOND);
    assert!(heartbeat.is_due(start + 100 * SECOND), "it is late already");
    assert_eq!(heartbeat.next(), None, "no third one is queued");
    heartbeat.written(start + 101 * SECOND, start, || Duration::ZERO);
    assert_eq!(heartbeat.deadline(start), Some(start + 121 * SECOND), "that of the first one");
    assert!(heartbeat.is_being_written(), "the second one");
}

#[test]
fn the_limit_of_the_answer_begins_when_the_ping_is_written_and_its_bytes_have_arrived() {
    let start = Instant::now();
    let mut heartbeat = heartbeat(start);
    let due = start + 25 * SECOND;
    assert!(heartbeat.is_due(due));
    assert_eq!(heartbeat.deadline(start), None, "it is queued");
    heartbeat.sent(due);
    assert_eq!(heartbeat.deadline(start), None, "it is being written");
    heartbeat.written(due + 2 * SECOND, start, || 3 * SECOND);
    assert_eq!(heartbeat.deadline(start), Some(due + 25 * SECOND));
    assert_eq!(
        heartbeat.deadline(due + 2 * SECOND),
        Some(due + 25 * SECOND),
        "the answer to the POST is no answer"
    );
    assert_eq!(heartbeat.deadline(due + 3 * SECOND), None, "the server was heard");
    heartbeat.answered(due + 4 * SECOND);
    assert_eq!(heartbeat.deadline(start), None);
}

#[test]
fn the_time_of_an_answer_is_that_since_its_ping_was_sent() {
    let start = Instant::now();
    let mut heartbeat = heartbeat(start);
    assert_eq!(heartbeat.answered(start), Pong::Unasked, "nobody has asked");
    let due = start + 25 * SECOND;
    heartbeat.is_due(due);
    assert_eq!(heartbeat.answered(due), Pong::Unasked, "it is an old one, since the ping was not sent");
    heartbeat.sent(due + SECOND);
    // Over polling, before the answer to the POST.
    assert_eq!(heartbeat.answered(due + 4 * SECOND), Pong::After(3 * SECOND));
    heartbeat.written(due + 5 * SECOND, start, || Duration::ZERO);
    assert_eq!(heartbeat.deadline(start), None, "it was answered");
    assert_eq!(heartbeat.answered(due + 6 * SECOND), Pong::Unasked, "one ping has one answer");
}

#[test]
fn back_pressure_does_not_count_in_the_time_of_an_answer() {
    let start = Instant::now();
    let mut heartbeat = heartbeat(start);
    let due = start + 25 * SECOND;
    heartbeat.is_due(due);
    heartbeat.sent(due);
    heartbeat.written(due, start, || Duration::ZERO);
    heartbeat.resume(due + 10 * SECOND, due + SECOND);
    assert_eq!(heartbeat.answered(due + 12 * SECOND), Pong::After(3 * SECOND));
}
