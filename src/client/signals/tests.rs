use super::*;

const LIMIT: Duration = Duration::from_secs(5);

/// A client that disconnects after a signal. Its registration is that of nobody.
fn disconnecting() -> SignalHandling {
    SignalHandling::Disconnecting(Registration(u64::MAX))
}

#[test]
fn those_who_wait_hear_of_the_end_after_the_subscribers_and_before_the_system_stops() {
    let start = Instant::now();
    let mut signals = disconnecting();
    assert_eq!(signals.finish(start, false, LIMIT), Finish::Wait);
    let handled = start + Duration::from_secs(1);
    assert_eq!(signals.finish(handled, true, LIMIT), Finish::Reply);
    assert_eq!(signals.finish(handled, true, LIMIT), Finish::Wait);
    assert_eq!(signals.poll_timeout(), Some(handled + AFTER_REPLIES));
    assert!(signals.is_finishing());
    assert_eq!(signals.finish(handled + AFTER_REPLIES, true, LIMIT), Finish::Wait);
    assert!(!signals.is_finishing() && signals.poll_timeout().is_none());
}

#[test]
fn a_subscriber_that_never_handles_its_events_delays_the_end_by_the_limit() {
    let start = Instant::now();
    let mut signals = disconnecting();
    assert_eq!(signals.finish(start, false, LIMIT), Finish::Wait);
    assert_eq!(signals.poll_timeout(), Some(start + LIMIT));
    assert_eq!(signals.finish(start + LIMIT, false, LIMIT), Finish::Reply);
    assert_eq!(signals.finish(start + LIMIT + AFTER_REPLIES, false, LIMIT), Finish::Wait);
    assert!(!signals.is_finishing());
}

#[test]
fn a_client_without_a_signal_does_not_finish() {
    for mut signals in [SignalHandling::Off, SignalHandling::Requested(HandledSignals::All)] {
        assert_eq!(signals.finish(Instant::now(), true, LIMIT), Finish::Wait);
        assert!(!signals.is_finishing() && signals.poll_timeout().is_none());
    }
}
