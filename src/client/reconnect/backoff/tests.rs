use super::*;
use crate::error::{HttpStatus, TransportError};

fn lost() -> DisconnectReason {
    DisconnectReason::TransportError(TransportError::eof("gone"))
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
            let NextAttempt { number, delay } = backoff.after_session(&lost(), Duration::ZERO).unwrap();
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
        [(); 10].map(|()| backoff.after_session(&lost(), Duration::ZERO).unwrap().delay)
    };
    assert_eq!(delays(7), delays(7));
    assert_ne!(delays(7), delays(8));
}

#[test]
fn after_the_last_attempt_there_is_no_other() {
    let mut backoff = Backoff::new(policy().max_attempts(2), false);
    assert!(backoff.after_session(&lost(), Duration::ZERO).is_some());
    assert!(backoff.after_session(&lost(), Duration::ZERO).is_some());
    assert!(backoff.after_session(&lost(), Duration::ZERO).is_none());
    // A stable session starts the count again.
    assert_eq!(backoff.after_session(&lost(), Duration::from_secs(1)).unwrap().number, 1);
}

#[test]
fn any_number_of_attempts_overflows_nothing() {
    let mut backoff = Backoff::new(policy(), false);
    for _ in 0..200 {
        assert!(backoff.after_session(&lost(), Duration::ZERO).unwrap().delay <= Duration::from_secs(1));
    }
}

#[test]
fn no_attempt_follows_where_none_can_help() {
    let mut backoff = Backoff::new(policy().on_server_close(false), false);
    let closed = |code| DisconnectReason::TransportClose { code, reason: "".into() };
    assert!(backoff.after_session(&DisconnectReason::Client(None), Duration::ZERO).is_none());
    assert!(backoff.after_session(&DisconnectReason::Server, Duration::ZERO).is_none());
    for code in [1000, 1001, 1005] {
        assert!(backoff.after_session(&closed(code), Duration::ZERO).is_none());
    }
    assert!(backoff.after_session(&closed(1009), Duration::ZERO).is_some());
    assert!(backoff.after_session(&DisconnectReason::PingTimeout, Duration::ZERO).is_some());
    let mut backoff = Backoff::new(policy(), false);
    assert!(backoff.after_session(&DisconnectReason::Server, Duration::ZERO).is_some());
    assert!(backoff.after_failure(&ConnectError::NoTransports, false).is_none());
}

#[test]
fn a_first_connect_is_tried_again_only_if_that_is_wanted() {
    let err = ConnectError::Timeout { url: "".into(), stage: crate::Stage::Response };
    assert!(Backoff::new(policy(), false).after_failure(&err, true).is_none());
    assert!(Backoff::new(policy(), false).after_failure(&err, false).is_some());
    assert!(Backoff::new(policy().on_initial_connect(true), false).after_failure(&err, true).is_some());
}

#[test]
fn no_attempt_comes_before_the_time_that_the_server_named() {
    let status =
        HttpStatus { status: 503, code: None, message: None, retry_after: Some(Duration::from_secs(7)) };
    let err = ConnectError::Status { url: "".into(), status: Box::new(status) };
    assert_eq!(
        Backoff::new(policy(), false).after_failure(&err, false).unwrap().delay,
        Duration::from_secs(7)
    );
}

#[test]
fn the_longest_and_the_shortest_delays_are_bounded() {
    let longest = Reconnect::exponential().initial_delay(Duration::MAX).max_delay(Duration::MAX);
    let mut backoff = Backoff::new(longest, false);
    for _ in 0..50 {
        assert!(backoff.after_session(&lost(), Duration::ZERO).unwrap().delay <= MAX_INTERVAL);
    }
    let none = Reconnect::exponential().initial_delay(Duration::ZERO).max_delay(Duration::ZERO);
    let mut backoff = Backoff::new(none.seed(1).max_attempts(100), false);
    let delays = (0..100).map(|_| backoff.after_session(&lost(), Duration::from_millis(1)).unwrap().delay);
    assert!(delays.sum::<Duration>() > Duration::from_millis(300), "no spin");
    assert!(backoff.after_session(&lost(), Duration::from_millis(1)).is_none());
}
