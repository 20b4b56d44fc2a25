use super::*;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The server has answered one request on a connection, which then ended.
fn answers_one(limit: LearnedLimit) -> LearnedLimit {
    limit.closed_after(ms(0), 1)
}

#[test]
fn a_connection_that_ends_right_after_its_first_answer_shows_a_limit_of_zero() {
    for limit in [
        LearnedLimit::UNKNOWN.closed_after(ms(0), 1),
        LearnedLimit::UNKNOWN.closed_after(ms(49), 1),
        LearnedLimit::UNKNOWN.closed_within(ms(49), 1),
        LearnedLimit::UNKNOWN.closed_after(ms(100), 1).closed_after(ms(0), 1),
    ] {
        assert!(limit.is_zero(), "{limit:?}");
        assert_eq!(limit.get(), Duration::ZERO);
    }
}

#[test]
fn a_connection_that_ends_right_after_a_later_answer_shows_nothing() {
    let limit = LearnedLimit::UNKNOWN;
    for answers in [0, 2, 100] {
        assert_eq!(limit.closed_after(ms(0), answers), limit);
        assert_eq!(limit.closed_within(ms(49), answers), limit);
    }
}

#[test]
fn a_server_that_has_answered_again_must_end_two_connections_after_their_first_answers() {
    let limit = answers_one(LearnedLimit::UNKNOWN.answered_again());
    assert!(!limit.is_zero());
    assert!(!answers_one(limit.answered_again()).is_zero());
    assert!(answers_one(limit).is_zero());
}

#[test]
fn a_limit_of_zero_ends_with_a_second_answer() {
    let limit = answers_one(LearnedLimit::UNKNOWN).answered_again();
    assert_eq!(limit, LearnedLimit::UNKNOWN.answered_again());
    // No other limit does: within it, a second answer is no surprise.
    let short = LearnedLimit::UNKNOWN.closed_after(ms(300), 1);
    assert_eq!(short.answered_again().get(), ms(300));
}

#[test]
fn a_limit_of_zero_ends_with_a_connection_that_was_idle_for_two_seconds() {
    let zero = answers_one(LearnedLimit::UNKNOWN);
    for idle in [50, 1000, 1999].map(ms) {
        assert_eq!(
            [zero.closed_after(idle, 1), zero.closed_within(idle, 1), zero.open_after(idle)],
            [zero; 3]
        );
    }
    for idle in [2000, 60_000].map(ms) {
        assert_eq!(zero.closed_after(idle, 1).get(), ms(1000));
        assert_eq!(zero.open_after(idle).get(), ms(1000));
        // It may have ended long before.
        assert_eq!(zero.closed_within(idle, 1), zero);
    }
}

#[test]
fn a_limit_falls_at_once_and_rises_slowly() {
    let limit = LearnedLimit::UNKNOWN.closed_after(ms(5000), 1).closed_within(ms(100), 1);
    assert_eq!(limit.get(), ms(100));
    assert_eq!(limit.open_after(ms(99)), limit);
    assert_eq!(limit.open_after(ms(400)).get(), ms(400));
    assert_eq!(limit.open_after(ms(5000)).get(), ms(1000));
    assert_eq!(limit.open_after(ms(5000)).closed_after(ms(5000), 1).get(), ms(2000));
    assert_eq!(limit.closed_within(ms(5000), 1), limit);
    assert_eq!(LearnedLimit::UNKNOWN.open_after(ms(5000)), LearnedLimit::UNKNOWN);
    assert_eq!(limit.closed_after(Duration::MAX, 1).get(), ms(1000));
}
