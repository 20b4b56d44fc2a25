//! Silence, slow writes and stalled subscribers; and a process that was suspended.

use super::*;

/// Bytes arrive, and nothing is incomplete.
pub(super) const ALIVE: ReportKind = ReportKind::Alive { is_partial: false, read: 0 };

#[test]
fn silence_is_a_ping_timeout_at_its_moment() {
    for (mut rig, transport) in [(Rig::websocket(), WEBSOCKET), (Rig::polling(""), POLLING)] {
        rig.out();
        rig.now += Duration::from_secs(44);
        rig.report(transport, ALIVE);
        assert_eq!(rig.elapse(), 45_000);
        assert_eq!(rig.out(), ["0 abort"]);
        rig.closed(transport, CloseReason::Ordered, BatchOutcome::sent(0));
        assert_eq!(rig.out(), ["closed: ping timeout; unsent ; in doubt "]);
    }
}

#[test]
fn whatever_the_server_sends_is_a_sign_of_life() {
    let mut rig = Rig::polling(r#""websocket""#);
    rig.send("a");
    rig.out();
    rig.now += Duration::from_secs(4);
    rig.written(POLLING);
    assert_eq!(rig.connection.poll_timeout(), Some(rig.now + Duration::from_secs(6)), "the upgrade");
    rig.now += Duration::from_secs(3);
    rig.report(PROBE, ReportKind::Opened { protocol: None });
    rig.closed(PROBE, Rig::eof(), BatchOutcome::sent(0));
    assert_eq!(rig.elapse(), 45_000, "the response to the handshake of the WebSocket counts");

    let mut rig = Rig::polling("");
    rig.send("a");
    rig.out();
    rig.now += Duration::from_secs(20);
    rig.written(POLLING);
    assert_eq!(rig.elapse(), 45_000, "the answer to a POST counts");

    let mut rig = Rig::websocket();
    rig.send("a");
    rig.out();
    rig.now += Duration::from_secs(20);
    rig.written(WEBSOCKET);
    assert_eq!(rig.elapse(), 25_000, "a write is nothing that the server sent");
}

#[test]
fn a_poll_that_brings_nothing_ends_the_session_although_posts_are_answered() {
    let mut rig = Rig::polling("");
    let start = rig.now;
    rig.now += Duration::from_secs(10);
    rig.report(POLLING, ALIVE);
    while rig.connection.is_open() {
        assert!(rig.now - start < Duration::from_secs(1000), "it never ends");
        rig.send("a");
        rig.out();
        rig.now += Duration::from_secs(1);
        rig.written(POLLING);
        rig.connection.handle_timeout(rig.now);
    }
    assert_eq!(rig.now - start, Duration::from_secs(10 + 3 * 45));
    rig.out();
    rig.closed(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["closed: ping timeout; unsent ; in doubt "]);
}

/// A part of a message arrives.
const PART: ReportKind = ReportKind::Alive { is_partial: true, read: 0 };

impl Rig {
    /// Bytes arrive every 40 s, `count` times.
    fn arrives(&mut self, transport: TransportId, kind: &ReportKind, count: u32) {
        for _ in 0..count {
            let ReportKind::Alive { is_partial, read } = *kind else { panic!("{kind:?}") };
            self.report(transport, ReportKind::Alive { is_partial, read });
            self.now += Duration::from_secs(40);
            self.connection.handle_timeout(self.now);
            assert_eq!(self.out(), [""; 0]);
        }
    }
}

#[test]
fn a_message_that_never_ends_ends_the_session() {
    for (mut rig, transport, reading) in [
        (Rig::websocket(), WEBSOCKET, "reading a message"),
        (Rig::polling(""), POLLING, "reading the body of a response"),
    ] {
        rig.out();
        // Before, and between two of them, everything is complete.
        rig.arrives(transport, &ALIVE, 10);
        rig.arrives(transport, &PART, 5);
        rig.arrives(transport, &ALIVE, 1);
        rig.arrives(transport, &PART, 5);
        rig.report(transport, PART);
        assert_eq!(rig.elapse(), 25_000, "five times 45 s since its first part");
        assert_eq!(rig.out(), ["0 abort"]);
        rig.closed(transport, CloseReason::Ordered, BatchOutcome::sent(0));
        assert_eq!(rig.out(), [format!("closed: transport error: timed out {reading}; unsent ; in doubt ")]);
    }
}

impl Rig {
    /// A part of a message arrives every second for so many seconds, this many bytes each time. Returns the number of bytes
    /// that have arrived until now.
    fn downloads(&mut self, transport: TransportId, seconds: u64, bytes: u64, mut read: u64) -> u64 {
        for _ in 0..seconds {
            read += bytes;
            self.now += Duration::from_secs(1);
            self.report(transport, ReportKind::Alive { is_partial: true, read });
            self.connection.handle_timeout(self.now);
            assert_eq!(self.out(), [""; 0], "{read} bytes have arrived");
        }
        read
    }
}

#[test]
fn a_message_may_take_as_long_as_the_slowest_line_takes_for_it() {
    for (mut rig, transport) in [(Rig::websocket(), WEBSOCKET), (Rig::polling(""), POLLING)] {
        rig.out();
        let read = rig.downloads(transport, 1000, 8 << 10, 0);
        // The next message is larger, and its line is faster.
        rig.packets(transport, vec![Packet::Noop]);
        rig.out();
        rig.downloads(transport, 1000, 1_000_000, read);
    }
}

#[test]
fn a_message_that_began_quickly_does_not_have_longer_to_trickle() {
    let mut rig = Rig::websocket();
    let read = rig.downloads(WEBSOCKET, 10, 50_000_000, 0);
    rig.downloads(WEBSOCKET, 224, 20, read);
    assert_eq!(rig.elapse(), 1000, "five times 45 s since it became slow");
    assert_eq!(rig.out(), ["0 abort"]);
}

#[test]
fn messages_that_arrive_completely_may_be_followed_by_parts_for_ever() {
    let mut rig = Rig::websocket();
    for _ in 0..20 {
        rig.report(WEBSOCKET, PART);
        rig.now += Duration::from_secs(44);
        rig.packets(WEBSOCKET, vec![Packet::Noop]);
        assert_eq!(rig.out(), ["0 read"]);
    }
}

#[test]
fn the_rest_of_a_message_cannot_arrive_under_backpressure() {
    let mut rig = Rig::websocket();
    rig.packets(WEBSOCKET, vec![text("a")]);
    rig.report(WEBSOCKET, PART);
    for _ in 0..10 {
        rig.now += Duration::from_secs(50);
        rig.connection.progress(rig.now);
    }
    rig.resume();
    assert_eq!(rig.out(), ["messages 4a", "0 read"]);
    rig.arrives(WEBSOCKET, &PART, 5);
    rig.report(WEBSOCKET, PART);
    assert_eq!(rig.elapse(), 25_000);
    assert_eq!(rig.out(), ["0 abort"]);
}

#[test]
fn a_write_without_progress_is_a_transport_error() {
    let mut rig = Rig::websocket();
    rig.send("stuck");
    rig.out();
    for _ in 0..4 {
        rig.now += Duration::from_secs(40);
        rig.report(WEBSOCKET, ReportKind::Writing);
        rig.report(WEBSOCKET, ALIVE);
        rig.connection.handle_timeout(rig.now);
        assert_eq!(rig.out(), [""; 0]);
    }
    rig.now += Duration::from_secs(45);
    rig.report(WEBSOCKET, ALIVE);
    rig.connection.handle_timeout(rig.now);
    assert_eq!(rig.out(), ["0 abort"]);
    rig.closed(WEBSOCKET, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["closed: transport error: timed out writing; unsent stuck; in doubt "]);
}

#[test]
fn a_batch_that_the_server_reads_byte_by_byte_ends_the_session() {
    let mut rig = Rig::websocket();
    rig.send("slow");
    rig.out();
    for _ in 0..22 {
        rig.now += Duration::from_secs(10);
        rig.report(WEBSOCKET, ReportKind::Writing);
        rig.report(WEBSOCKET, ALIVE);
        rig.connection.handle_timeout(rig.now);
        assert_eq!(rig.out(), [""; 0]);
    }
    assert_eq!(rig.elapse(), 5_000, "five times 45 s since it was begun");
    assert_eq!(rig.out(), ["0 abort"]);
    rig.closed(WEBSOCKET, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["closed: transport error: timed out writing; unsent slow; in doubt "]);
}

#[test]
fn a_server_may_be_silent_as_long_as_nothing_is_read() {
    let mut rig = Rig::websocket();
    rig.packets(WEBSOCKET, vec![text("a")]);
    assert_eq!(rig.out(), ["messages 4a"]);
    rig.now += Duration::from_secs(59);
    rig.connection.handle_timeout(rig.now);
    assert_eq!(rig.out(), [""; 0]);
}

const HOUR: Duration = Duration::from_secs(3600);

impl Rig {
    /// The process is suspended, and then looks at its deadlines before its transports have reported anything.
    fn sleep(&mut self) {
        self.now += HOUR;
        self.connection.handle_timeout(self.now);
    }
}

#[test]
fn a_process_that_slept_through_the_deadline_gives_the_server_one_more_chance() {
    let mut rig = Rig::websocket();
    rig.sleep();
    assert_eq!(rig.out(), [""; 0]);
    // Not for a whole heartbeat: what arrived in the meantime can be read at once.
    assert_eq!(rig.elapse(), 1000);
    assert_eq!(rig.out(), ["0 abort"]);
}

#[test]
fn a_server_that_is_heard_after_a_long_sleep_has_its_whole_time_again() {
    let mut rig = Rig::websocket();
    // However often it sleeps.
    for _ in 0..3 {
        rig.sleep();
        assert_eq!(rig.out(), [""; 0]);
        rig.report(WEBSOCKET, ALIVE);
        assert_eq!(rig.connection.poll_timeout(), Some(rig.now + Duration::from_secs(45)));
    }
    assert_eq!(rig.elapse(), 45_000);
    assert_eq!(rig.out(), ["0 abort"]);
}

#[test]
fn a_process_that_sleeps_again_has_no_second_chance_for_the_same_deadline() {
    let mut rig = Rig::websocket();
    rig.sleep();
    assert_eq!(rig.out(), [""; 0]);
    rig.sleep();
    assert_eq!(rig.out(), ["0 abort"]);
}

#[test]
fn a_process_that_slept_still_has_time_to_report_what_was_written() {
    let mut rig = Rig::websocket();
    rig.send("a");
    rig.out();
    rig.sleep();
    assert_eq!(rig.out(), [""; 0]);
    // A server that is heard does not prolong the second for the write.
    rig.report(WEBSOCKET, ALIVE);
    assert_eq!(rig.elapse(), 1000);
    assert_eq!(rig.out(), ["0 abort"]);
    rig.closed(WEBSOCKET, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["closed: transport error: timed out writing; unsent a; in doubt "]);

    let mut rig = Rig::websocket();
    rig.send("a");
    rig.out();
    // After five times 45 s the server has certainly ended the session.
    rig.now += Duration::from_secs(100);
    rig.connection.handle_timeout(rig.now);
    rig.report(WEBSOCKET, ALIVE);
    rig.report(WEBSOCKET, ReportKind::Writing);
    assert_eq!(rig.elapse(), 45_000, "a write that goes on has its whole time again");
}

#[test]
fn a_process_that_slept_still_learns_what_became_of_a_batch() {
    let mut rig = Rig::websocket();
    rig.send("sent");
    rig.out();
    rig.connection.abort(rig.now, None);
    assert_eq!(rig.out(), ["0 abort"]);
    rig.sleep();
    assert_eq!(rig.out(), [""; 0]);
    rig.closed(WEBSOCKET, CloseReason::Ordered, BatchOutcome::sent(1));
    assert_eq!(rig.out(), ["closed: client disconnect; unsent ; in doubt "]);
}

#[test]
fn a_process_that_slept_gives_its_subscribers_one_more_chance() {
    let stalling = || {
        let mut rig = Rig::websocket();
        rig.packets(WEBSOCKET, vec![text("a")]);
        rig.out();
        rig.sleep();
        assert_eq!(rig.out(), [""; 0]);
        rig
    };
    let mut rig = stalling();
    assert_eq!(rig.elapse(), 1000);
    rig.closed(WEBSOCKET, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["0 abort", "closed: stalled; unsent ; in doubt "]);

    let mut rig = stalling();
    rig.connection.progress(rig.now);
    assert_eq!(rig.elapse(), 45_000);

    let mut rig = stalling();
    rig.resume();
    assert_eq!(rig.out(), ["0 read"]);
    assert_eq!(rig.elapse(), 45_000, "the server has its whole time, too");
}

#[test]
fn a_process_that_slept_polls_at_once() {
    let mut rig = Rig::polling("");
    rig.out();
    rig.packets(POLLING, vec![Packet::Noop]);
    assert_eq!(rig.out(), [""; 0], "the next poll waits");
    rig.sleep();
    assert_eq!(rig.out(), ["0 read"], "its answer may prove that the server is alive");
    assert_eq!(rig.elapse(), 1000);
    assert_eq!(rig.out(), ["0 abort"]);
}

#[test]
fn a_close_or_a_connect_that_was_slept_through_still_ends() {
    let mut rig = Rig::websocket();
    rig.connection.close(rig.now, None);
    assert_eq!(rig.out(), ["0 write 1"]);
    rig.sleep();
    assert_eq!(rig.out(), [""; 0]);
    assert_eq!(rig.elapse(), 1000);
    assert_eq!(rig.out(), ["0 abort"]);
    rig.sleep();
    assert_eq!(rig.out(), [""; 0]);
    assert_eq!(rig.elapse(), 1000);
    assert_eq!(rig.out(), ["closed: client disconnect; unsent ; in doubt "]);

    let mut rig = Rig::connect(&[TransportKind::Polling]);
    rig.out();
    rig.sleep();
    assert_eq!(rig.out(), [""; 0]);
    assert_eq!(rig.elapse(), 1000);
    assert_eq!(rig.out(), ["0 abort"]);
}

#[test]
fn an_upgrade_that_was_slept_through_still_may_succeed() {
    let mut rig = Rig::polling(r#""websocket""#);
    rig.report(PROBE, ReportKind::Opened { protocol: None });
    rig.out();
    rig.sleep();
    assert_eq!(rig.out(), [""; 0]);
    rig.written(PROBE);
    rig.packets(PROBE, vec![Packet::Pong("probe".into())]);
    rig.report(POLLING, ReportKind::Paused);
    rig.written(PROBE);
    let out = rig.out();
    assert!(out.contains(&"upgraded websocket".to_owned()), "{out:?}");
}

#[test]
fn a_batch_that_is_stuck_ends_the_session_with_the_error_that_stopped_it() {
    for (closed, expected) in [
        (CloseReason::Ordered, "transport error: timed out writing"),
        (Rig::eof(), "transport error: connection lost: gone"),
    ] {
        let mut rig = Rig::websocket();
        rig.packets(WEBSOCKET, vec![text("x")]);
        rig.send("hi");
        rig.out();
        rig.elapse();
        assert_eq!(rig.out(), ["0 abort"]);
        rig.closed(WEBSOCKET, closed, BatchOutcome::sent(0));
        assert_eq!(rig.out(), [format!("closed: {expected}; unsent hi; in doubt ")]);
    }
}
