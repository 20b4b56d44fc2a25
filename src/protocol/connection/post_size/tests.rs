use proptest::prelude::*;

use super::*;
use crate::protocol::handshake::TransportKind;

const KIB: usize = 1 << 10;

fn post_size() -> PostSize {
    PostSize::new(&Session::new("abc", TransportKind::Polling))
}

fn bytes(post_size: &PostSize) -> usize {
    post_size.limit(&Limits::default()).bytes
}

fn secs(secs: f64) -> Duration {
    Duration::from_secs_f64(secs)
}

#[test]
fn the_first_post_is_small_unless_the_server_accepts_less() {
    let mut session = Session::new("abc", TransportKind::Polling);
    for (max_payload, expected) in [
        (Some(1_000_000), 128 * KIB),
        (Some(100_000_000), 128 * KIB),
        (None, 128 * KIB),
        (Some(100_000), 100_000),
        (Some(1), 1),
    ] {
        session.max_payload = max_payload;
        assert_eq!(bytes(&PostSize::new(&session)), expected, "{max_payload:?}");
    }
}

#[test]
fn an_answer_decides_about_the_next_post() {
    for (posted, time, expected, why) in [
        (128 * KIB, 0.1, 256 * KIB, "it was quick"),
        (65 * KIB, 0.1, 256 * KIB, "it was quick, and more than half of what it might have been"),
        (64 * KIB, 0.1, 128 * KIB, "it was quick because it was small"),
        (128 * KIB, 4.0, 160 * KIB, "that takes five seconds"),
        (100 * KIB, 4.0, 125 * KIB, "that takes five seconds"),
        (128 * KIB, 10.0, 64 * KIB, "it was slow"),
        (64 * KIB, 10.0, 32 * KIB, "it was slow"),
        (10, 10.0, 32 * KIB, "it was slow, perhaps for another reason"),
        (900 * KIB, 15.0, 128 * KIB, "it was slow, and a single large message"),
        (900 * KIB, 60.0, 75 * KIB, "it was slow, and a single large message"),
        (0, 0.0, 128 * KIB, "there was nothing to see"),
        (usize::MAX, 0.0, 256 * KIB, "there is no overflow"),
        (1, 1e9, 32 * KIB, "there is no overflow"),
    ] {
        let mut post_size = post_size();
        post_size.answered(posted, secs(time), false);
        assert_eq!(bytes(&post_size), expected, "{posted} bytes in {time} s: {why}");
    }
}

#[test]
fn posts_grow_to_max_payload_and_shrink_to_a_minimum() {
    let mut post_size = post_size();
    for expected in [256 * KIB, 512 * KIB, 1_000_000, 1_000_000] {
        post_size.answered(bytes(&post_size), secs(0.01), false);
        assert_eq!(bytes(&post_size), expected);
    }
    for expected in [250_000, 62_500, 16 * KIB, 16 * KIB] {
        post_size.answered(bytes(&post_size), secs(1000.0), false);
        assert_eq!(bytes(&post_size), expected);
    }
}

#[test]
fn a_server_that_gives_pongs_little_time_gets_smaller_posts() {
    let mut session = Session::new("abc", TransportKind::Polling);
    session.ping_timeout = Duration::from_secs(4);
    let mut post_size = PostSize::new(&session);
    post_size.answered(128 * KIB, secs(4.0), false);
    assert_eq!(bytes(&post_size), 64 * KIB);
}

#[test]
fn a_post_has_at_most_sixteen_packets_until_the_server_shows_that_it_accepts_more() {
    let packets = |post_size: &PostSize, limits: &Limits| post_size.limit(limits).packets;
    let limits = Limits::default();
    let mut post_size = post_size();
    for (any_number, expected) in [(false, 16), (true, usize::MAX), (false, usize::MAX)] {
        post_size.answered(1, secs(0.0), any_number);
        assert_eq!(packets(&post_size, &limits), expected);
    }
    let limits = Limits { max_packets_per_post: Some(30), ..limits };
    assert_eq!(packets(&post_size, &limits), 30);
}

#[test]
fn the_application_may_lower_the_limit() {
    let mut post_size = post_size();
    for (max_post_bytes, expected) in [(10, 10), (64 * KIB, 64 * KIB), (1_000_000, 128 * KIB)] {
        let limits = Limits { max_post_bytes: Some(max_post_bytes), ..Limits::default() };
        assert_eq!(post_size.limit(&limits).bytes, expected);
    }
    post_size.answered(64 * KIB, secs(100.0), false);
    let limits = Limits { max_post_bytes: Some(64 * KIB), ..Limits::default() };
    assert_eq!(post_size.limit(&limits).bytes, 32 * KIB);
}

proptest! {
    #[test]
    fn on_a_steady_line_no_full_post_takes_more_than_ten_seconds(
        rate in 4_000_u32..10_000_000,
        round_trip in 0.0..2.0_f64,
    ) {
        let mut post_size = post_size();
        for at in 0..50 {
            let posted = bytes(&post_size);
            let time = round_trip + f64::from(u32::try_from(posted).unwrap()) / f64::from(rate);
            // The slowest lines need some posts before they have the right size.
            prop_assert!(at < 4 || time <= 10.0, "{posted} bytes in {time} s");
            post_size.answered(posted, secs(time), false);
        }
    }

    #[test]
    fn a_post_never_exceeds_what_the_server_accepts(
        max_payload in 1_usize..10_000_000,
        posts in prop::collection::vec((0_usize..10_000_000, 0.0..100.0_f64), 0..50),
    ) {
        let mut session = Session::new("abc", TransportKind::Polling);
        session.max_payload = Some(max_payload);
        let mut post_size = PostSize::new(&session);
        for (posted, time) in posts {
            post_size.answered(posted, secs(time), true);
            prop_assert!(bytes(&post_size) <= max_payload);
            prop_assert!(bytes(&post_size) >= max_payload.min(SMALLEST));
        }
    }
}
