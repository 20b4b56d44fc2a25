//! The limits of the heartbeat in protocol 3.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A session in protocol 3 with these intervals, in seconds.
fn session(transport: TransportId, interval: u32, timeout: u32) -> Rig {
    let mut rig = Rig::speaking(Protocol::V3, &[transport.kind]);
    let [interval, timeout] = [interval, timeout].map(|seconds| 1000 * seconds);
    let open = format!(r#"{{"sid":"abc","pingInterval":{interval},"pingTimeout":{timeout}}}"#);
    rig.opens(transport, Packet::Open(open.into()));
    rig
}

/// Sends a message for which a slow line needs 32 seconds, and lets its batch make progress every second for so long.
fn upload(rig: &mut Rig, transport: TransportId) {
    rig.send(&"x".repeat(256 << 10));
    rig.out();
    for second in 1..=32 {
        rig.now += SECOND;
        rig.report(transport, ReportKind::Writing);
        rig.connection.handle_timeout(rig.now);
        assert!(rig.connection.is_open(), "it ended after {second} seconds");
    }
    assert_eq!(rig.out(), [""; 0], "the ping waits for the batch");
    rig.written(transport);
    assert_eq!(rig.out(), ["0 write 2"]);
    rig.written(transport);
}

#[test]
fn a_batch_that_makes_progress_may_delay_a_ping_and_its_answer() {
    let mut rig = session(WEBSOCKET, 25, 5);
    upload(&mut rig, WEBSOCKET);
    assert_eq!(rig.elapse(), 18_000, "the next ping");
    assert_eq!(rig.out(), ["0 write 2"]);
    rig.written(WEBSOCKET);
    assert_eq!(rig.elapse(), 19_000, "32 seconds for the bytes on their way, and 5 for the answer");
    assert_eq!(rig.out(), ["0 abort"]);
    let mut rig = session(POLLING, 25, 5);
    upload(&mut rig, POLLING);
    assert_eq!(rig.elapse(), 5_000, "the POST was answered, so nothing is on its way");
    assert_eq!(rig.out(), ["0 abort"]);
}

#[test]
fn a_server_that_does_not_answer_the_post_with_a_ping_is_silent() {
    let mut rig = session(POLLING, 25, 5);
    assert_eq!(rig.elapse(), 25_000);
    assert_eq!(rig.out(), ["0 write 2"]);
    rig.now += 10 * SECOND;
    rig.report(POLLING, ReportKind::Alive { is_partial: false, read: 0 });
    assert_eq!(rig.elapse(), 15_000, "the next ping is due, and waits");
    assert_eq!(rig.elapse(), 15_000, "30 s since the server was last heard");
    assert_eq!(rig.out(), ["0 abort"]);
    rig.closed(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["closed: ping timeout; unsent ; in doubt "]);
}

#[test]
fn the_answer_to_a_post_is_no_answer_to_its_ping() {
    let mut rig = session(POLLING, 25, 60);
    let start = rig.now;
    while rig.connection.is_open() {
        assert!(rig.now - start < 1000 * SECOND, "it never ends");
        rig.elapse();
        if rig.out() == ["0 write 2"] {
            rig.written(POLLING);
        }
    }
    assert_eq!(rig.now - start, 85 * SECOND, "the limit of the first ping");
}

#[test]
fn a_batch_without_progress_ends_the_session_although_a_ping_waits_for_it() {
    let mut rig = session(WEBSOCKET, 25, 5);
    rig.now += 20 * SECOND;
    rig.send("a");
    rig.out();
    assert_eq!(rig.elapse(), 5_000, "the ping is due");
    assert_eq!(rig.elapse(), 25_000);
    assert_eq!(rig.out(), ["0 abort"]);
    rig.closed(WEBSOCKET, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["closed: transport error: timed out writing; unsent a; in doubt "]);
}

#[test]
fn the_oldest_ping_without_an_answer_ends_the_session() {
    for (interval, timeout) in [(25, 20), (20, 20), (25, 60), (1, 60)] {
        let mut rig = session(WEBSOCKET, interval, timeout);
        let start = rig.now;
        rig.now += interval * SECOND - Duration::from_millis(100);
        rig.report(WEBSOCKET, ReportKind::Alive { is_partial: false, read: 0 });
        while rig.connection.is_open() {
            rig.elapse();
            if rig.out() == ["0 write 2"] {
                rig.written(WEBSOCKET);
            }
        }
        assert_eq!(rig.now - start, (interval + timeout) * SECOND, "{interval} and {timeout}");
    }
}

#[test]
fn an_answer_belongs_to_the_oldest_ping_without_one() {
    let mut rig = session(WEBSOCKET, 25, 60);
    for _ in 0..2 {
        assert_eq!(rig.elapse(), 25_000);
        assert_eq!(rig.out(), ["0 write 2"]);
        rig.written(WEBSOCKET);
    }
    rig.now += SECOND;
    rig.packets(WEBSOCKET, vec![PONG]);
    assert_eq!(rig.connection.round_trip(), Some(26 * SECOND));
    assert_eq!(rig.elapse(), 24_000, "the server is alive");
    rig.out();
    rig.written(WEBSOCKET);
    rig.packets(WEBSOCKET, vec![PONG]);
    rig.now += 2 * SECOND;
    rig.packets(WEBSOCKET, vec![PONG]);
    assert_eq!(rig.connection.round_trip(), Some(2 * SECOND), "the third ping");
}

#[test]
fn a_process_that_wakes_up_late_has_time_to_read_the_answer_to_its_ping() {
    let mut rig = session(WEBSOCKET, 25, 20);
    rig.elapse();
    rig.out();
    rig.written(WEBSOCKET);
    rig.now += 3600 * SECOND;
    rig.connection.handle_timeout(rig.now);
    assert_eq!(rig.out(), ["0 write 2"], "the next ping is late");
    rig.written(WEBSOCKET);
    rig.packets(WEBSOCKET, vec![PONG, PONG]);
    assert_eq!(rig.elapse(), 25_000);
    assert!(rig.connection.is_open());
}

#[test]
fn a_ping_of_the_server_that_is_ignored_makes_no_poll_useful() {
    let mut rig = Rig::in_version_3(POLLING);
    rig.packets(POLLING, vec![Packet::Ping("".into())]);
    assert_eq!(rig.out(), [""; 0], "a pause between polls");
    assert_eq!(rig.elapse(), 50);
    assert_eq!(rig.out(), ["0 read"]);
}
