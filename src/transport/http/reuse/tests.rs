use actix_http::{StatusCode, header::HeaderValue};

use super::*;
use crate::transport::http::Lane;

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers
}

fn promise(value: &'static str) -> Option<Promise> {
    Promise::read(&headers(&[("connection", "keep-alive"), ("keep-alive", value)]))
}

/// The time from which on a connection is not used any more, in milliseconds.
fn usable(repeat: Repeat, promised: Option<Promise>, learned: LearnedLimit) -> u64 {
    (0..5000).find(|idle| !repeat.may_use(ms(*idle), promised, learned)).unwrap()
}

#[test]
fn a_connection_is_used_for_half_the_limit_that_is_known() {
    // The promise, what was learned in this order, and how long messages and how long others may use the connection.
    let cases: [(Option<&str>, &[u64], u64, u64); 16] = [
        (None, &[], 250, 4000),
        (Some("timeout=5"), &[], 2500, 2500),
        (Some("timeout=1"), &[], 500, 500),
        (Some("timeout=0"), &[], 0, 0),
        (Some("timeout=3600"), &[], 4000, 4000),
        (Some("timeout=5, max=100"), &[], 2500, 2500),
        (Some("timeout=5, max=1"), &[], 0, 0),
        (Some("timeout=5, max=0"), &[], 0, 0),
        (None, &[2000], 250, 1000),
        (None, &[300], 150, 150),
        (Some("timeout=5"), &[800], 400, 400),
        (Some("timeout=5"), &[75_000], 2500, 2500),
        // The limit falls at once, and grows slowly when later connections are closed later.
        (Some("timeout=5"), &[5000, 100], 50, 50),
        (Some("timeout=5"), &[5000, 100, 5000], 500, 500),
        (Some("timeout=5"), &[5000, 100, 5000, 5000], 1000, 1000),
        // A server was restarted.
        (None, &[49, 0], 250, 4000),
    ];
    for (said, seen, messages, others) in cases {
        let learned = seen
            .iter()
            .fold(LearnedLimit::UNKNOWN, |learned, idle| learned.closed_after(ms(*idle), 2, Lane::Posts));
        let promised = said.and_then(promise);
        assert_eq!(promised.is_some(), said.is_some());
        let usable = |repeat| usable(repeat, promised, learned);
        assert_eq!(usable(Repeat::Unread), messages, "{said:?} {seen:?}");
        assert_eq!(usable(Repeat::Unanswered), others, "{said:?} {seen:?}");
        assert_eq!(usable(Repeat::Harmless), others, "{said:?} {seen:?}");
    }
}

#[test]
fn a_promise_is_read_leniently() {
    let is_read = |value, seconds| {
        let timeout = promise(value).map(|promise| promise.timeout.as_secs());
        assert_eq!(timeout, seconds, "{value:?}");
    };
    is_read("timeout=5", Some(5));
    is_read(" Timeout = 5 ,MAX=7", Some(5));
    is_read("max=7,timeout=\"5\"", Some(5));
    is_read("timeout=7, timeout=5", Some(5));
    is_read("timeout=5.9", Some(5));
    is_read("timeout=99999999999999999999999", Some(u64::MAX));
    is_read("max=1", Some(0));
    for value in ["", "5", "timeout", "timeout=", "timeout=-1", "timeout=soon", "max=100", "x=5", ",,=,"] {
        is_read(value, None);
    }
    let twice = [("keep-alive", "timeout=9"), ("keep-alive", "timeout=2")];
    assert_eq!(Promise::read(&headers(&twice)).unwrap().timeout.as_secs(), 2);
    assert_eq!(Promise::read(&headers(&[])), None);
}

#[test]
fn a_promise_that_a_proxy_passed_on_makes_no_limit_longer() {
    let learned = LearnedLimit::UNKNOWN;
    for (connection, value, messages, others) in [
        ("Keep-Alive", "timeout=5", 2500, 2500),
        ("x, keep-alive", "timeout=5", 2500, 2500),
        ("x", "timeout=5", 250, 2500),
        ("x", "timeout=60", 250, 4000),
        ("x", "timeout=0", 0, 0),
    ] {
        let promised = Promise::read(&headers(&[("connection", connection), ("keep-alive", value)]));
        assert_eq!(usable(Repeat::Unread, promised, learned), messages, "{connection} {value}");
        assert_eq!(usable(Repeat::Harmless, promised, learned), others, "{connection} {value}");
    }
}

#[test]
fn only_what_may_be_repeated_is_sent_again_on_a_connection_of_a_server_that_answers_one_request() {
    let learned = LearnedLimit::UNKNOWN.closed_after(ms(0), 1, Lane::Posts);
    for said in [None, Some("timeout=5")] {
        let promised = said.and_then(promise);
        assert_eq!(usable(Repeat::Unread, promised, learned), 0);
        assert_eq!(usable(Repeat::Unanswered, promised, learned), 0);
        assert_ne!(usable(Repeat::Harmless, promised, learned), 0);
    }
}

#[test]
fn a_connection_goes_on_as_its_version_and_its_options_say() {
    for (options, http_11, http_10) in [
        (&[][..], true, false),
        (&["keep-alive"], true, true),
        (&["Keep-Alive"], true, true),
        (&["close"], false, false),
        (&["keep-alive, Close"], false, false),
        (&["upgrade"], true, false),
        (&["Upgrade, Keep-Alive"], true, true),
        (&["upgrade", "x ,keep-alive"], true, true),
        (&["upgrade", "close"], false, false),
        (&["closed, not-keep-alive, \"close\""], true, false),
    ] {
        for (version, persists) in [(Version::HTTP_11, http_11), (Version::HTTP_10, http_10)] {
            let mut head = ResponseHead::new(StatusCode::OK);
            head.version = version;
            head.headers = headers(&options.iter().map(|option| ("connection", *option)).collect::<Vec<_>>());
            assert_eq!(super::persists(&head), persists, "{version:?} {options:?}");
        }
    }
}

#[test]
fn a_request_is_repeated_only_if_that_does_no_harm() {
    let (soon, late) = (ms(999), ms(1000));
    for (loss, harmless, unanswered, unread) in [
        (Loss::Unwritten, true, true, true),
        (Loss::Unanswered(soon), true, true, false),
        (Loss::Unanswered(late), true, false, false),
        (Loss::TimedOut(soon), true, true, true),
        (Loss::TimedOut(late), false, false, false),
    ] {
        let allows = |repeat: Repeat| repeat.allows(loss, Duration::MAX);
        assert_eq!(allows(Repeat::Harmless), harmless, "{loss:?}");
        assert_eq!(allows(Repeat::Unanswered), unanswered, "{loss:?}");
        assert_eq!(allows(Repeat::Unread), unread, "{loss:?}");
    }
}

#[test]
fn a_poll_is_repeated_while_the_server_cannot_have_answered_it() {
    for (response_time, repeated, given_up) in [
        // Milliseconds: the shortest time in which the server has answered, and two times after which the connection ends.
        (0, 99, 100),
        (25, 99, 100),
        (50, 199, 200),
        (200, 799, 800),
        (30_000, 999, 1000),
    ] {
        let allows = |after| Repeat::Unanswered.allows(Loss::Unanswered(ms(after)), ms(response_time));
        assert!(allows(repeated) && !allows(given_up), "{response_time}");
        // It does no harm that the server has done it before.
        assert!(Repeat::Harmless.allows(Loss::Unanswered(ms(given_up)), ms(response_time)));
    }
}
