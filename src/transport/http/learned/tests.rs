use super::*;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The server has answered one request on a connection, which then ended.
fn answers_one(limit: LearnedLimit) -> LearnedLimit {
    limit.closed_after(ms(0), 1, Lane::Posts)
}

#[test]
fn a_connection_that_ends_right_after_its_first_answer_shows_a_limit_of_zero() {
    for limit in [
        LearnedLimit::UNKNOWN.closed_after(ms(0), 1, Lane::Posts),
        LearnedLimit::UNKNOWN.closed_after(ms(49), 1, Lane::Posts),
        LearnedLimit::UNKNOWN.closed_within(ms(49), 1, Lane::Posts),
        LearnedLimit::UNKNOWN.closed_after(ms(100), 1, Lane::Posts).closed_after(ms(0), 1, Lane::Posts),
    ] {
        assert!(limit.is_zero(Lane::Posts), "{limit:?}");
        assert_eq!(limit.get(Lane::Posts), Duration::ZERO);
    }
}

#[test]
fn a_connection_that_ends_right_after_a_later_answer_shows_nothing() {
    let limit = LearnedLimit::UNKNOWN;
    for answers in [0, 2, 100] {
        assert_eq!(limit.closed_after(ms(0), answers, Lane::Posts), limit);
        assert_eq!(limit.closed_within(ms(49), answers, Lane::Posts), limit);
    }
}

#[test]
fn a_server_that_has_answered_again_must_end_two_connections_after_their_first_answers() {
    let limit = answers_one(LearnedLimit::UNKNOWN.answered_again(Lane::Posts));
    assert!(!limit.is_zero(Lane::Posts));
    assert!(!answers_one(limit.answered_again(Lane::Posts)).is_zero(Lane::Posts));
    assert!(answers_one(limit).is_zero(Lane::Posts));
}

#[test]
fn a_limit_of_zero_ends_with_a_second_answer() {
    let limit = answers_one(LearnedLimit::UNKNOWN).answered_again(Lane::Posts);
    assert_eq!(limit, LearnedLimit::UNKNOWN.answered_again(Lane::Posts));
    // No other limit does: within it, a second answer is no surprise.
    let short = LearnedLimit::UNKNOWN.closed_after(ms(300), 1, Lane::Posts);
    assert_eq!(short.answered_again(Lane::Posts).get(Lane::Posts), ms(300));
}

#[test]
fn a_limit_of_zero_ends_with_a_connection_that_was_idle_for_two_seconds() {
    let zero = answers_one(LearnedLimit::UNKNOWN);
    for idle in [50, 1000, 1999].map(ms) {
        assert_eq!(
            [
                zero.closed_after(idle, 1, Lane::Posts),
                zero.closed_within(idle, 1, Lane::Posts),
                zero.open_after(idle, Lane::Posts)
            ],
            [zero; 3]
        );
    }
    for idle in [2000, 60_000].map(ms) {
        assert_eq!(zero.closed_after(idle, 1, Lane::Posts).get(Lane::Posts), ms(1000));
        assert_eq!(zero.open_after(idle, Lane::Posts).get(Lane::Posts), ms(1000));
        // It may have ended long before.
        assert_eq!(zero.closed_within(idle, 1, Lane::Posts), zero);
    }
}

#[test]
fn a_limit_falls_at_once_and_rises_slowly() {
    let limit =
        LearnedLimit::UNKNOWN.closed_after(ms(5000), 1, Lane::Posts).closed_within(ms(100), 1, Lane::Posts);
    assert_eq!(limit.get(Lane::Posts), ms(100));
    assert_eq!(limit.open_after(ms(99), Lane::Posts), limit);
    assert_eq!(limit.open_after(ms(400), Lane::Posts).get(Lane::Posts), ms(400));
    assert_eq!(limit.open_after(ms(5000), Lane::Posts).get(Lane::Posts), ms(1000));
    assert_eq!(
        limit.open_after(ms(5000), Lane::Posts).closed_after(ms(5000), 1, Lane::Posts).get(Lane::Posts),
        ms(2000)
    );
    assert_eq!(limit.closed_within(ms(5000), 1, Lane::Posts), limit);
    assert_eq!(LearnedLimit::UNKNOWN.open_after(ms(5000), Lane::Posts), LearnedLimit::UNKNOWN);
    assert_eq!(limit.closed_after(Duration::MAX, 1, Lane::Posts).get(Lane::Posts), ms(1000));
}

#[test]
fn a_server_may_answer_one_request_on_each_connection_of_posts_and_several_polls_on_another() {
    let limit = LearnedLimit::UNKNOWN.answered_again(Lane::Polls).closed_after(ms(0), 1, Lane::Posts);
    assert!(limit.is_zero(Lane::Posts) && !limit.is_zero(Lane::Polls));
    // As long as polls have shown nothing, they are like POSTs.
    let limit = LearnedLimit::UNKNOWN.closed_after(ms(0), 1, Lane::Posts);
    assert!(limit.is_zero(Lane::Polls));
    assert!(!limit.answered_again(Lane::Polls).is_zero(Lane::Polls));
}

#[test]
fn a_limit_that_was_learned_before_is_not_forgotten() {
    let limit =
        LearnedLimit::UNKNOWN.closed_after(ms(300), 2, Lane::Posts).closed_after(ms(0), 1, Lane::Posts);
    assert_eq!(limit.get(Lane::Posts), ms(0));
    assert_eq!(limit.answered_again(Lane::Posts).get(Lane::Posts), ms(300));
}
