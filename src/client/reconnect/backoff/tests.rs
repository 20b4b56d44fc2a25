use super::*;
use crate::{
    error::{DisconnectReason, HttpStatus, ProtocolError, Stage, TransportError},
    protocol::version::ProtocolVersion,
};

fn lost() -> ReconnectCause {
    ReconnectCause::Lost(DisconnectReason::TransportError(TransportError::eof("gone")))
}

fn failed(err: TransportError) -> ReconnectCause {
    ReconnectCause::Failed(ConnectError::from_transport("", err, ProtocolVersion::V4))
}

fn status(status: u16) -> TransportError {
    TransportError::Status(Box::new(HttpStatus::new(status)))
}

/// Refusals with `Retry-After`: of a handshake, of a request of a session, of a tunnel through a proxy.
fn busy(seconds: u64) -> [ReconnectCause; 3] {
    let mut status = HttpStatus::new(503);
    status.retry_after = Some(Duration::from_secs(seconds));
    let by_proxy = failed(TransportError::proxy(Some(503), status.clone()));
    let err = TransportError::Status(Box::new(status));
    [failed(err.clone()), ReconnectCause::Lost(DisconnectReason::TransportError(err)), by_proxy]
}

fn policy() -> Reconnect {
    Reconnect::exponential().initial_delay(Duration::from_millis(100)).max_delay(Duration::from_secs(1))
}

#[test]
fn delays_are_drawn_from_a_range_that_doubles_up_to_the_maximum() {
    let mut highest = [Duration::ZERO; 8];
    let mut lowest = [Duration::MAX; 8];
    for seed in 0..500 {
        let mut backoff = Backoff::new(policy().seed(seed), false);
        for (at, (highest, lowest)) in highest.iter_mut().zip(&mut lowest).enumerate() {
            let NextAttempt { number, delay } = backoff.next(&lost()).unwrap();
            assert_eq!(usize::try_from(number).unwrap(), at + 1);
            *highest = delay.max(*highest);
            *lowest = delay.min(*lowest);
        }
    }
    for (at, ceiling) in [100, 200, 400, 800, 1000, 1000, 1000, 1000].into_iter().enumerate() {
        let ceiling = Duration::from_millis(ceiling);
        assert!(highest[at] <= ceiling && highest[at] > ceiling.mul_f64(0.95), "{at}: {:?}", highest[at]);
        assert!(lowest[at] < ceiling.mul_f64(0.05), "{at}: {:?}", lowest[at]);
    }
}

#[test]
fn the_same_seed_gives_the_same_delays() {
    let delays = |seed| {
        let mut backoff = Backoff::new(policy().seed(seed), false);
        [(); 10].map(|()| backoff.next(&lost()).unwrap().delay)
    };
    assert_eq!(delays(7), delays(7));
    assert_ne!(delays(7), delays(8));
}

#[test]
fn after_the_last_attempt_there_is_no_other() {
    let mut backoff = Backoff::new(policy().max_attempts(2), false);
    assert!(backoff.next(&lost()).is_some());
    assert!(backoff.next(&lost()).is_some());
    assert!(backoff.next(&lost()).is_none());
    // A stable session starts the count again.
    backoff.session_ended(Duration::from_millis(999));
    assert!(backoff.next(&lost()).is_none());
    backoff.session_ended(Duration::from_secs(1));
    assert_eq!(backoff.next(&lost()).unwrap().number, 1);
}

#[test]
fn any_number_of_attempts_overflows_nothing() {
    let mut backoff = Backoff::new(policy(), false);
    for _ in 0..200 {
        assert!(backoff.next(&lost()).unwrap().delay <= Duration::from_secs(1));
    }
}

#[test]
fn a_session_is_stable_after_the_time_that_was_chosen_or_after_the_longest_delay() {
    let second = Duration::from_secs(1);
    for (policy, stable_after) in [
        (policy().max_delay(5 * second), 5 * second),
        (policy().max_delay(second / 10), second),
        (policy().stable_after(second / 10), second / 10),
        (policy().stable_after(60 * second), 60 * second),
    ] {
        let mut backoff = Backoff::new(policy, false);
        for (lifetime, number) in [(stable_after - Duration::from_nanos(1), 2), (stable_after, 1)] {
            backoff.reset();
            backoff.next(&lost());
            backoff.session_ended(lifetime);
            assert_eq!(backoff.next(&lost()).unwrap().number, number, "{lifetime:?} of {stable_after:?}");
        }
    }
}

#[test]
fn a_close_by_the_server_or_the_application_is_followed_by_what_the_policy_says() {
    let backoff = Backoff::new(policy().on_server_close(false), false);
    let wants = |backoff: &Backoff, reason| backoff.wants(&ReconnectCause::Lost(reason), false);
    assert!(!wants(&backoff, DisconnectReason::Client(None)));
    assert!(!wants(&backoff, DisconnectReason::Server));
    for code in [1000, 1001, 1005] {
        assert!(!wants(&backoff, DisconnectReason::transport_close(code, "")));
    }
    assert!(wants(&backoff, DisconnectReason::transport_close(1009, "")));
    assert!(wants(&backoff, DisconnectReason::PingTimeout));
    let backoff = Backoff::new(policy(), false);
    assert!(wants(&backoff, DisconnectReason::Server));
    assert!(!wants(&backoff, DisconnectReason::Client(None)));
}

/// Failures that may be temporary although they look as if the URL were wrong, and whether a first connect is retried.
fn temporary() -> Vec<(ReconnectCause, bool)> {
    vec![
        (failed(status(400)), false),
        (failed(status(401)), false),
        (failed(status(403)), false),
        (failed(status(404)), false),
        (failed(status(503)), true),
        (failed(TransportError::Malformed("a page of HTML".into())), false),
        (failed(TransportError::Redirect("to a portal".into())), false),
        (failed(TransportError::body_too_large(1)), false),
        (failed(TransportError::tls("an unknown authority", true)), false),
        (failed(TransportError::proxy(Some(407), "")), false),
        (failed(ProtocolError::Version3.into()), false),
        (failed(ProtocolError::too_large(2, 1).into()), false),
        (failed(TransportError::eof("gone")), true),
        (ReconnectCause::Failed(ConnectError::hook("no token")), true),
        (ReconnectCause::Failed(ConnectError::timeout("", Stage::Response)), true),
    ]
}

/// Failures after which no attempt can succeed, or none is to be made.
fn final_failures() -> Vec<ReconnectCause> {
    let errors = [
        ConnectError::invalid("header", "a line break"),
        ConnectError::NoTransports,
        ConnectError::AlreadyConnected,
        ConnectError::Cancelled,
        ConnectError::Stopped,
        ConnectError::transport("", TransportError::Unsupported("https".into())),
    ];
    errors
        .map(ReconnectCause::Failed)
        .into_iter()
        .chain([ReconnectCause::Lost(DisconnectReason::Client(None))])
        .collect()
}

#[test]
fn after_a_session_everything_is_retried_that_may_be_temporary() {
    let backoff = Backoff::new(policy(), false);
    for (cause, _) in temporary() {
        assert!(backoff.wants(&cause, false), "{cause}");
    }
    for cause in final_failures() {
        assert!(!backoff.wants(&cause, false), "{cause}");
    }
}

#[test]
fn a_first_connect_is_retried_only_if_that_is_wanted_and_the_error_is_retryable() {
    let wanted = Backoff::new(policy().on_initial_connect(true), false);
    let not_wanted = Backoff::new(policy(), false);
    for (cause, is_retryable) in temporary() {
        assert_eq!(wanted.wants(&cause, true), is_retryable, "{cause}");
        assert!(!not_wanted.wants(&cause, true), "{cause}");
    }
    for cause in final_failures() {
        assert!(!wanted.wants(&cause, true), "{cause}");
    }
    let with_hook = Backoff::new(policy().on_initial_connect(true), true);
    for (code, is_retried) in [(401, true), (403, true), (404, false)] {
        assert_eq!(with_hook.wants(&failed(status(code)), true), is_retried);
    }
}

#[test]
fn the_applications_own_rule_replaces_that_of_the_policy_but_is_not_asked_about_what_is_final() {
    for is_initial in [false, true] {
        for answer in [false, true] {
            let policy = policy().on_initial_connect(true).retry_if(move |cause| {
                assert!(!cause.is_final(), "asked about {cause}");
                answer
            });
            let backoff = Backoff::new(policy, false);
            for (cause, _) in temporary() {
                assert_eq!(backoff.wants(&cause, is_initial), answer, "{cause}");
            }
            assert_eq!(backoff.wants(&lost(), false), answer);
            for cause in final_failures() {
                // A panic of the rule would count as yes.
                assert!(!backoff.wants(&cause, is_initial), "{cause}");
            }
        }
    }
    let always = || policy().retry_if(|_| true);
    assert!(!Backoff::new(always(), false).wants(&lost(), true), "not without on_initial_connect");
    let closed = ReconnectCause::Lost(DisconnectReason::Server);
    assert!(!Backoff::new(always().on_server_close(false), false).wants(&closed, false));
    let panics = policy().retry_if(|_| panic!("as the test wants it"));
    assert!(Backoff::new(panics, false).wants(&lost(), false));
}

#[test]
fn no_attempt_comes_before_the_time_that_the_server_named_up_to_a_limit() {
    let second = Duration::from_secs(1);
    for (policy, asked, delay) in [
        (policy(), 7, 7 * second),
        (policy(), 600, 600 * second),
        (policy(), 601, 600 * second),
        (policy(), u64::MAX, 600 * second),
        (policy().max_retry_after(5 * second), 7, 5 * second),
        (policy().max_retry_after(Duration::MAX), u64::MAX, MAX_INTERVAL),
        (policy().delay(|_, _| Duration::ZERO), 7, 7 * second),
        (policy().delay(|_, _| Duration::from_secs(8)), 7, 8 * second),
        (policy().delay(|_, _| Duration::ZERO), u64::MAX, 600 * second),
    ] {
        for cause in busy(asked) {
            assert_eq!(Backoff::new(policy.clone(), false).next(&cause).unwrap().delay, delay, "{cause:?}");
        }
    }
    let ignored = policy().max_retry_after(Duration::ZERO);
    for cause in busy(7) {
        assert!(
            Backoff::new(ignored.clone(), false).next(&cause).unwrap().delay <= Duration::from_millis(100)
        );
    }
}

#[test]
fn credentials_that_were_not_accepted_are_tried_again_seldom_unless_a_hook_may_bring_others() {
    let session_lost = |err| ReconnectCause::Lost(DisconnectReason::TransportError(err));
    for (cause, is_about_credentials) in [
        (failed(status(401)), true),
        (failed(status(407)), true),
        (failed(TransportError::proxy(Some(407), "")), true),
        (session_lost(status(401)), true),
        (session_lost(TransportError::proxy(Some(407), "")), true),
        (failed(status(403)), false),
        (failed(TransportError::proxy(Some(403), "")), false),
        (failed(TransportError::tls("an unknown authority", true)), false),
        (lost(), false),
    ] {
        for (has_hook, delay) in [(false, if is_about_credentials { 1000 } else { 100 }), (true, 100)] {
            let mut backoff = Backoff::new(policy().jitter(false), has_hook);
            assert_eq!(backoff.next(&cause).unwrap().delay, Duration::from_millis(delay), "{cause}");
        }
    }
}

#[test]
fn delays_without_jitter_are_exact() {
    let delays = |policy| {
        let mut backoff = Backoff::new(policy, false);
        [(); 6].map(|()| backoff.next(&lost()).unwrap().delay.as_millis())
    };
    assert_eq!(delays(policy().jitter(false)), [100, 200, 400, 800, 1000, 1000]);
    assert_eq!(delays(Reconnect::constant(Duration::from_millis(70))), [70; 6]);
    assert_eq!(delays(Reconnect::constant(Duration::ZERO)), [10; 6]);
    assert!(
        delays(Reconnect::constant(Duration::from_secs(5)).jitter(true)).iter().any(|delay| *delay < 5000)
    );
}

#[test]
fn the_applications_own_delay_gets_the_number_and_the_cause() {
    let own = policy().max_attempts(3).delay(|attempt, cause| match cause {
        ReconnectCause::Lost(_) => Duration::from_secs(u64::from(attempt)),
        ReconnectCause::Failed(_) => panic!("as the test wants it"),
    });
    let mut backoff = Backoff::new(own, false);
    let next = |number, delay| Some(NextAttempt { number, delay: Duration::from_secs(delay) });
    assert_eq!(backoff.next(&lost()), next(1, 1));
    assert_eq!(backoff.next(&failed(status(404))), next(2, 0), "a panic counts as zero");
    assert_eq!(backoff.next(&lost()), next(3, 3));
    assert_eq!(backoff.next(&lost()), None);
    let mut backoff = Backoff::new(policy().delay(|_, _| Duration::MAX), false);
    assert_eq!(backoff.next(&lost()).unwrap().delay, MAX_INTERVAL);
}

#[test]
fn the_longest_and_the_shortest_delays_are_bounded() {
    let longest = Reconnect::exponential().initial_delay(Duration::MAX).max_delay(Duration::MAX);
    let mut backoff = Backoff::new(longest, false);
    for _ in 0..50 {
        assert!(backoff.next(&lost()).unwrap().delay <= MAX_INTERVAL);
    }
    let none = Reconnect::exponential().initial_delay(Duration::ZERO).max_delay(Duration::ZERO);
    let mut backoff = Backoff::new(none.seed(1).max_attempts(100), false);
    let delays = (0..100).map(|_| backoff.next(&lost()).unwrap().delay);
    assert!(delays.sum::<Duration>() > Duration::from_millis(300), "no spin");
    assert!(backoff.next(&lost()).is_none());
}
