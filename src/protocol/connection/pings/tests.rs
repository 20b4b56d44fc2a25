use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn mark(settled: u64) -> Mark {
    Mark { settled, written: settled }
}

#[test]
fn only_the_number_of_the_open_ping_answers_it_and_only_once() {
    let start = Instant::now();
    let mut pings = Pings::default();
    assert_eq!(pings.answered(start, 0), None, "no ping was sent");
    let first = pings.send(start, mark(3), None);
    assert_eq!(pings.answered(start, first + 1), None, "a pong that nobody asked for");
    assert!(!pings.may_ask(start, SECOND));
    let answer = Answer { mark: mark(3), round_trip: SECOND };
    assert_eq!(pings.answered(start + SECOND, first), Some(answer));
    assert!(pings.may_ask(start, SECOND));
    let second = pings.send(start, mark(3), None);
    assert_eq!(pings.answered(start, first), None, "it was answered before");
    assert!(pings.answered(start, second).is_some());
}

#[test]
fn backpressure_does_not_count_for_the_round_trip() {
    let start = Instant::now();
    let mut pings = Pings::default();
    let number = pings.send(start, mark(0), None);
    pings.resume(start + 3 * SECOND, start + SECOND);
    // It began before the ping was sent.
    assert_eq!(pings.answered(start + 4 * SECOND, number).map(|answer| answer.round_trip), Some(2 * SECOND));
    let number = pings.send(start + 5 * SECOND, mark(0), None);
    pings.resume(start + 7 * SECOND, start);
    assert_eq!(pings.answered(start + 8 * SECOND, number).map(|answer| answer.round_trip), Some(SECOND));
}

#[test]
fn a_silent_server_is_asked_and_is_dead_only_if_it_has_answered_before() {
    let limits = WebSocketPing::every(10 * SECOND).timeout(3 * SECOND);
    let start = Instant::now();
    let at = |seconds: u32| start + seconds * SECOND;
    let mut pings = Pings::default();
    assert_eq!(pings.silence(at(0), &limits), Some((at(10), Silence::Ask)));
    pings.send(at(10), mark(0), None);
    assert_eq!(pings.silence(at(0), &limits), Some((at(13), Silence::Warn)));
    assert!(pings.warn() && !pings.warn(), "once in a session");
    assert_eq!(pings.silence(at(0), &limits), None);
    let number = pings.sent;
    assert!(pings.answered(at(20), number).is_some());
    assert_eq!(pings.silence(at(20), &limits), Some((at(30), Silence::Ask)));
    pings.send(at(30), mark(0), None);
    assert_eq!(pings.silence(at(20), &limits), Some((at(33), Silence::Dead)));
    assert_eq!(pings.silence(at(31), &limits), Some((at(44), Silence::Dead)), "any byte is life");
}

#[test]
fn a_ping_that_was_sent_early_for_another_reason_does_not_shorten_the_limit() {
    let limits = WebSocketPing::every(10 * SECOND).timeout(3 * SECOND);
    let start = Instant::now();
    let mut pings = Pings::default();
    let number = pings.send(start, mark(0), None);
    assert!(pings.answered(start, number).is_some());
    pings.send(start + SECOND, mark(0), None);
    assert_eq!(pings.silence(start, &limits), Some((start + 13 * SECOND, Silence::Dead)));
}

#[test]
fn the_limits_of_pings_have_limits() {
    let zero = WebSocketPing::every(Duration::ZERO);
    assert_eq!((zero.interval, zero.timeout), (SHORTEST, SHORTEST));
    let long = WebSocketPing::every(Duration::MAX).timeout(Duration::MAX);
    assert_eq!((long.interval, long.timeout), (LONGEST, LONGEST));
}
