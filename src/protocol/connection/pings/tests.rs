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
    let first = pings.send(start, mark(3));
    assert_eq!(pings.answered(start, first + 1), None, "a pong that nobody asked for");
    assert!(pings.is_open());
    let answer = Answer { mark: mark(3), round_trip: SECOND };
    assert_eq!(pings.answered(start + SECOND, first), Some(answer));
    assert!(!pings.is_open());
    let second = pings.send(start, mark(3));
    assert_eq!(pings.answered(start, first), None, "it was answered before");
    assert!(pings.answered(start, second).is_some());
}

#[test]
fn backpressure_does_not_count_for_the_round_trip() {
    let start = Instant::now();
    let mut pings = Pings::default();
    let number = pings.send(start, mark(0));
    pings.resume(start + 3 * SECOND, start + SECOND);
    // It began before the ping was sent.
    assert_eq!(pings.answered(start + 4 * SECOND, number).map(|answer| answer.round_trip), Some(2 * SECOND));
    let number = pings.send(start + 5 * SECOND, mark(0));
    pings.resume(start + 7 * SECOND, start);
    assert_eq!(pings.answered(start + 8 * SECOND, number).map(|answer| answer.round_trip), Some(SECOND));
}
