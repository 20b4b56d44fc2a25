use std::time::Duration;

use super::*;
use crate::transport::http::Lane;

fn server(port: u16) -> Destination {
    Destination::new("example.org", port, false)
}

fn limit(millis: u64) -> LearnedLimit {
    LearnedLimit::UNKNOWN.closed_after(Duration::from_millis(millis), 1, Lane::Posts)
}

#[test]
fn each_server_has_a_limit_of_its_own() {
    let known = KnownServers::default();
    assert_eq!(known.limit(&server(80)), LearnedLimit::UNKNOWN);
    known.learn(&server(80), |_| limit(100));
    known.learn(&server(81), |_| limit(200));
    known.learn(&server(80), |before| {
        assert_eq!(before, limit(100));
        limit(300)
    });
    assert_eq!(
        [80, 81, 82].map(|port| known.limit(&server(port))),
        [limit(300), limit(200), LearnedLimit::UNKNOWN]
    );
    assert_eq!(known.limit(&Destination::new("example.org", 80, true)), LearnedLimit::UNKNOWN);
}

#[test]
fn the_server_that_has_shown_nothing_new_for_the_longest_time_is_forgotten() {
    let known = KnownServers::default();
    for (port, millis) in [(80, 100), (81, 200), (80, 300), (82, 400)] {
        known.learn(&server(port), |_| limit(millis));
    }
    assert_eq!(known.limit(&server(80)), limit(300));
    assert_eq!(known.limit(&server(81)), LearnedLimit::UNKNOWN);
    assert_eq!(known.limit(&server(82)), limit(400));
}

#[test]
fn nothing_is_stored_before_something_was_learned() {
    let shared = Arc::<Shared>::default();
    let known = KnownServers::new(shared.clone());
    known.learn(&server(80), |before| before.open_after(Duration::from_secs(1), Lane::Posts));
    known.learn(&server(80), |before| before.closed_after(Duration::ZERO, 2, Lane::Posts));
    assert!(shared.servers.get().is_none());
}

#[test]
fn what_is_remembered_is_small() {
    assert!(size_of::<Mutex<Recent>>() <= 40, "{}", size_of::<Mutex<Recent>>());
    assert!(size_of::<Shared>() <= 48, "{}", size_of::<Shared>());
}
