#![allow(clippy::unwrap_used)]

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_ping_is_due_after_each_interval_as_long_as_pongs_come_in_time() {
    let start = Instant::now();
    let mut heartbeat = Heartbeat::new(10 * SECOND, 4 * SECOND, start);
    assert_eq!(heartbeat.deadline(), Some(start + 10 * SECOND));
    assert_eq!(heartbeat.poll(start + 9 * SECOND), Due::Nothing);
    for interval in 1..4 {
        let now = start + 10 * interval * SECOND;
        assert_eq!(heartbeat.poll(now), Due::Ping);
        assert_eq!((heartbeat.poll(now), heartbeat.deadline()), (Due::Nothing, Some(now + 4 * SECOND)));
        heartbeat.pong();
        assert_eq!(heartbeat.deadline(), Some(now + 10 * SECOND));
    }
    assert_eq!(heartbeat.pongs(), 3);
}

#[test]
fn a_ping_without_an_answer_is_a_timeout() {
    let start = Instant::now();
    let mut heartbeat = Heartbeat::new(10 * SECOND, 4 * SECOND, start);
    assert_eq!(heartbeat.poll(start + 10 * SECOND), Due::Ping);
    assert_eq!(heartbeat.poll(start + 13 * SECOND), Due::Nothing);
    assert_eq!(heartbeat.poll(start + 14 * SECOND), Due::Timeout);
    heartbeat.restart(start + 14 * SECOND);
    assert_eq!(heartbeat.deadline(), Some(start + 24 * SECOND));
}

#[test]
fn in_protocol_3_a_client_that_sends_no_ping_times_out() {
    let start = Instant::now();
    let mut heartbeat = Heartbeat::listening(10 * SECOND, 4 * SECOND);
    assert_eq!((heartbeat.poll(start), heartbeat.deadline()), (Due::Nothing, Some(start + 14 * SECOND)));
    heartbeat.pong();
    let later = start + 13 * SECOND;
    assert_eq!((heartbeat.poll(later), heartbeat.pongs()), (Due::Nothing, 1));
    assert_eq!(heartbeat.poll(start + 26 * SECOND), Due::Nothing);
    assert_eq!(heartbeat.poll(start + 27 * SECOND), Due::Timeout);
}
