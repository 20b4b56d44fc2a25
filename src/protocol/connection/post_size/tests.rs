use proptest::prelude::*;

use super::*;
use crate::protocol::handshake::TransportKind;

const KIB: usize = 1 << 10;

/// A session, and the size of its POSTs.
struct Posts {
    session: Session,
    size: PostSize,
}

impl Posts {
    fn new() -> Self {
        Self::of(Session::new("abc", TransportKind::Polling))
    }

    fn of(session: Session) -> Self {
        Self { size: PostSize::new(&session), session }
    }

    fn limit(&self, limits: &Limits) -> BatchLimit {
        self.size.limit(&self.session, limits)
    }

    fn bytes(&self) -> usize {
        self.limit(&Limits::default()).bytes
    }

    fn answered(&mut self, bytes: usize, time: Duration, any_number: bool) {
        self.size.answered(&self.session, bytes, time, any_number);
    }
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
        assert_eq!(Posts::of(session.clone()).bytes(), expected, "{max_payload:?}");
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
        let mut posts = Posts::new();
        posts.answered(posted, secs(time), false);
        assert_eq!(posts.bytes(), expected, "{posted} bytes in {time} s: {why}");
    }
}

#[test]
fn posts_grow_to_max_payload_and_shrink_to_a_minimum() {
    let mut posts = Posts::new();
    for expected in [256 * KIB, 512 * KIB, 1_000_000, 1_000_000] {
        posts.answered(posts.bytes(), secs(0.01), false);
        assert_eq!(posts.bytes(), expected);
    }
    for expected in [250_000, 62_500, 16 * KIB, 16 * KIB] {
        posts.answered(posts.bytes(), secs(1000.0), false);
        assert_eq!(posts.bytes(), expected);
    }
}

#[test]
fn a_server_that_gives_pongs_little_time_gets_smaller_posts() {
    let mut session = Session::new("abc", TransportKind::Polling);
    session.ping_timeout = Duration::from_secs(4);
    let mut posts = Posts::of(session);
    posts.answered(128 * KIB, secs(4.0), false);
    assert_eq!(posts.bytes(), 64 * KIB);
}

#[test]
fn a_post_has_at_most_sixteen_packets_until_the_server_shows_that_it_accepts_more() {
    let packets = |posts: &Posts, limits: &Limits| posts.limit(limits).packets;
    let limits = Limits::default();
    let mut posts = Posts::new();
    for (any_number, expected) in [(false, 16), (true, usize::MAX), (false, usize::MAX)] {
        posts.answered(1, secs(0.0), any_number);
        assert_eq!(packets(&posts, &limits), expected);
    }
    let limits = Limits { max_packets_per_post: NonZeroUsize::new(30), ..limits };
    assert_eq!(packets(&posts, &limits), 30);
}

#[test]
fn the_application_may_lower_the_limit() {
    let mut posts = Posts::new();
    for (max_post_bytes, expected) in [(10, 10), (64 * KIB, 64 * KIB), (1_000_000, 128 * KIB)] {
        let limits = Limits { max_post_bytes: Some(max_post_bytes), ..Limits::default() };
        assert_eq!(posts.limit(&limits).bytes, expected);
    }
    posts.answered(64 * KIB, secs(100.0), false);
    let limits = Limits { max_post_bytes: Some(64 * KIB), ..Limits::default() };
    assert_eq!(posts.limit(&limits).bytes, 32 * KIB);
}

proptest! {
    #[test]
    fn on_a_steady_line_no_full_post_takes_more_than_ten_seconds(
        rate in 4_000_u32..10_000_000,
        round_trip in 0.0..2.0_f64,
    ) {
        let mut posts = Posts::new();
        for at in 0..50 {
            let posted = posts.bytes();
            let time = round_trip + f64::from(u32::try_from(posted).unwrap()) / f64::from(rate);
            // The slowest lines need some posts before they have the right size.
            prop_assert!(at < 4 || time <= 10.0, "{posted} bytes in {time} s");
            posts.answered(posted, secs(time), false);
        }
    }

    #[test]
    fn a_post_never_exceeds_what_the_server_accepts(
        max_payload in 1_usize..10_000_000,
        answers in prop::collection::vec((0_usize..10_000_000, 0.0..100.0_f64), 0..50),
    ) {
        let mut session = Session::new("abc", TransportKind::Polling);
        session.max_payload = Some(max_payload);
        let mut posts = Posts::of(session);
        for (posted, time) in answers {
            posts.answered(posted, secs(time), true);
            prop_assert!(posts.bytes() <= max_payload);
            prop_assert!(posts.bytes() >= max_payload.min(SMALLEST));
        }
    }
}
