use super::*;
use crate::protocol::handshake::TransportKind;

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn a_server_may_be_silent_for_the_sum_of_its_intervals() {
    let start = Instant::now();
    let mut session = Session::new("abc", TransportKind::WebSocket);
    session.ping_interval = 3 * SECOND;
    session.ping_timeout = 2 * SECOND;
    let mut liveness = Liveness::new(start, &session);
    assert_eq!(liveness.deadline(), Some(start + 5 * SECOND));
    liveness.restart(start + 4 * SECOND);
    assert_eq!(liveness.deadline(), Some(start + 9 * SECOND));
    assert_eq!(liveness.write_deadline(start + SECOND), start + 6 * SECOND, "a batch has as long");
    let whole = |bytes| liveness.whole_write_deadline(start, bytes);
    assert_eq!(whole(0), start + 25 * SECOND);
    assert_eq!(whole(16 << 10), start + 35 * SECOND, "a slow line needs two seconds for it");
    assert!(whole(u64::MAX) > start);
}

#[test]
fn subscribers_have_as_long_as_the_server_waits_for_a_pong_between_5_and_60_seconds() {
    let session = |interval: u32, timeout: u32| {
        let mut session = Session::new("abc", TransportKind::WebSocket);
        session.ping_interval = interval * SECOND;
        session.ping_timeout = timeout * SECOND;
        session
    };
    for (interval, timeout, expected) in [(25, 20, 45), (1, 1, 5), (60, 60, 60), (86_400, 86_400, 60)] {
        let session = session(interval, timeout);
        assert_eq!(stall_timeout(None, Some(&session)), expected * SECOND);
        assert_eq!(stall_timeout(Some(HOUR), Some(&session)), HOUR, "as the application has set it");
    }
    assert_eq!(stall_timeout(None, None), 60 * SECOND);
}

#[test]
fn a_deadline_noticed_in_time_is_acted_on_at_its_moment() {
    let deadline = Instant::now() + HOUR;
    for early in [HOUR, SECOND, MILLISECOND, Duration::from_nanos(1)] {
        let mut grace_period = GracePeriod::default();
        assert!(!grace_period.check_due(deadline, deadline - early), "{early:?}");
        assert_eq!(grace_period.extend(deadline), deadline, "to ask early begins no grace period");
    }
    for late in [Duration::ZERO, MILLISECOND, SECOND - MILLISECOND] {
        let mut grace_period = GracePeriod::default();
        assert!(grace_period.check_due(deadline, deadline + late), "{late:?}");
        assert_eq!(grace_period.extend(deadline), deadline, "there was no grace period");
    }
}

#[test]
fn a_deadline_noticed_late_has_one_second_more_and_no_second_grace_period() {
    let deadline = Instant::now();
    for late in [SECOND, HOUR] {
        let mut grace_period = GracePeriod::default();
        let woken = deadline + late;
        assert!(!grace_period.check_due(deadline, woken));
        assert_eq!(grace_period.extend(deadline), woken + SECOND);
        assert!(
            !grace_period.check_due(deadline, woken + SECOND - MILLISECOND),
            "asking again does not end it"
        );
        assert_eq!(grace_period.extend(deadline), woken + SECOND, "nor does it prolong it");
        assert!(grace_period.check_due(deadline, woken + SECOND));
        assert!(
            grace_period.check_due(deadline, woken + HOUR),
            "however late the end of the grace period is noticed"
        );
    }
}

#[test]
fn a_grace_period_counts_for_every_deadline_before_its_end_and_for_no_later_one() {
    let start = Instant::now();
    let mut grace_period = GracePeriod::default();
    let woken = start + HOUR;
    assert!(!grace_period.check_due(start, woken));
    let end = woken + SECOND;
    for before in [start + SECOND, woken, end] {
        assert_eq!(grace_period.extend(before), end);
    }
    let after = end + MILLISECOND;
    assert_eq!(grace_period.extend(after), after);
    // A deadline that has moved, since the server was heard, gets a grace period of its own after another sleep.
    assert!(!grace_period.check_due(after, after + HOUR));
    assert_eq!(grace_period.extend(after), after + HOUR + SECOND);
}
