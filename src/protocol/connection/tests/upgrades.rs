//! The upgrade from polling to WebSocket, and all ways in which it can fail.

use super::*;

#[test]
fn an_upgrade_pauses_polling_and_moves_the_queue() {
    let mut rig = Rig::polling(r#""websocket""#);
    assert_eq!(rig.out(), ["0 session abc", "opened abc polling", "0 read", "start 1 websocket abc"]);
    rig.report(PROBE, ReportKind::Opened { protocol: None });
    rig.send("before");
    assert_eq!(rig.out(), ["1 write 2probe", "0 write 4before"]);
    rig.written(PROBE);
    rig.packets(PROBE, vec![Packet::Pong("probe".into())]);
    rig.send("held");
    assert_eq!(rig.out(), ["0 pause", "1 read"], "so that its end is noticed");
    rig.packets(POLLING, vec![text("last poll")]);
    assert_eq!(rig.out(), ["messages 4last poll"]);
    rig.resume();
    rig.written(POLLING);
    assert_eq!(rig.out(), ["0 read"], "for what is left of the last poll; nothing is written in a pause");
    rig.report(POLLING, ReportKind::Paused);
    assert_eq!(rig.out(), ["1 write 5"]);
    rig.written(PROBE);
    assert_eq!(rig.out(), ["0 abort", "upgraded websocket", "1 write 4held"]);
    rig.closed(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    rig.packets(PROBE, vec![text("on websocket")]);
    assert_eq!(rig.out(), ["messages 4on websocket"]);
}

#[test]
fn a_probe_is_read_during_the_pause_of_polling_once_there_is_room() {
    let mut rig = Rig::polling(r#""websocket""#);
    rig.report(PROBE, ReportKind::Opened { protocol: None });
    rig.out();
    rig.written(PROBE);
    rig.packets(POLLING, vec![text("held")]);
    rig.packets(PROBE, vec![Packet::Pong("probe".into())]);
    assert_eq!(rig.out(), ["messages 4held", "0 pause"]);
    rig.resume();
    assert_eq!(rig.out(), ["1 read", "0 read"]);
}

/// A session in the middle of an upgrade, after so many of its steps, with a message that waits.
fn probing(steps: usize) -> Rig {
    let mut rig = Rig::polling(r#""websocket""#);
    if steps > 0 {
        rig.report(PROBE, ReportKind::Opened { protocol: None });
        rig.out();
        rig.written(PROBE);
    }
    if steps > 1 {
        rig.packets(PROBE, vec![Packet::Pong("probe".into())]);
    }
    if steps > 2 {
        rig.packets(POLLING, vec![Packet::Noop]);
        rig.report(POLLING, ReportKind::Paused);
    }
    rig.out();
    rig.send("kept");
    rig
}

#[test]
fn an_upgrade_that_fails_goes_on_over_polling() {
    let wrong = "upgrade failed: a packet out of place: the answer to the probe is not its pong";
    let lost = "upgrade failed: connection lost: gone";

    let mut rig = probing(0);
    assert_eq!(rig.out(), ["0 write 4kept"], "polling goes on beside the probe");
    rig.closed(PROBE, Rig::eof(), BatchOutcome::sent(0));
    assert_eq!(rig.out(), [lost]);

    let mut rig = probing(1);
    rig.packets(PROBE, vec![Packet::Pong("wrong".into())]);
    assert_eq!(rig.out(), ["1 abort", wrong, "0 write 4kept"]);
    rig.closed(PROBE, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), [""; 0]);

    let mut rig = probing(1);
    rig.packets(PROBE, vec![]);
    assert_eq!(rig.out(), ["1 abort", wrong, "0 write 4kept"]);

    let mut rig = probing(2);
    assert_eq!(rig.out(), [""; 0]);
    rig.packets(POLLING, vec![Packet::Noop]);
    rig.closed(PROBE, Rig::eof(), BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["0 resume", lost, "0 write 4kept"]);
    assert_eq!(rig.elapse(), 50, "the poll that brought nothing");
    assert_eq!(rig.out(), ["0 read"]);

    let mut rig = probing(3);
    rig.closed(PROBE, Rig::eof(), BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["0 resume", lost, "0 write 4kept"]);

    for steps in 0..3 {
        let mut rig = probing(steps);
        rig.elapse();
        let out = rig.out();
        let failed = UPGRADE_TIMED_OUT.to_owned();
        assert!(out.contains(&"1 abort".to_owned()) && out.contains(&failed), "{out:?}");
        assert!(out.contains(&"0 write 4kept".to_owned()), "{out:?}");
    }
}

#[test]
fn an_upgrade_that_cannot_proceed_because_nothing_is_read_says_so() {
    let mut rig = probing(1);
    rig.packets(POLLING, vec![text("a")]);
    rig.packets(PROBE, vec![Packet::Pong("probe".into())]);
    rig.out();
    rig.elapse();
    let failed =
        "upgrade failed: nothing was read, because a subscriber does not handle its events".to_owned();
    let out = rig.out();
    assert!(out.contains(&failed), "{out:?}");
}

#[test]
fn a_websocket_lost_after_the_upgrade_packet_ends_the_session() {
    let mut rig = probing(3);
    rig.closed(PROBE, Rig::eof(), BatchOutcome::sent(1));
    assert_eq!(rig.out(), ["0 abort"]);
    rig.closed(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["closed: transport error: connection lost: gone; unsent kept; in doubt "]);
}

#[test]
fn an_upgrade_packet_that_is_not_sent_in_time_fails_the_upgrade() {
    let mut rig = probing(3);
    rig.elapse();
    assert_eq!(rig.out(), ["1 abort"]);
    rig.closed(PROBE, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["0 resume", "upgrade failed: timed out writing", "0 read", "0 write 4kept"]);
}

#[test]
fn a_close_during_the_probe_goes_out_over_polling() {
    let mut rig = probing(1);
    rig.connection.close(rig.now, None);
    assert_eq!(rig.out(), ["0 write 4kept|1"]);
    rig.packets(PROBE, vec![Packet::Pong("probe".into())]);
    assert_eq!(rig.out(), [""; 0]);
    rig.written(POLLING);
    assert_eq!(rig.out(), ["0 close", "1 abort"]);
    rig.closed(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), [""; 0], "every socket is closed first");
    rig.closed(PROBE, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["closed: client disconnect; unsent ; in doubt "]);
}

#[test]
fn a_close_during_the_switch_goes_out_over_the_websocket() {
    let mut rig = probing(3);
    rig.connection.close(rig.now, None);
    assert_eq!(rig.out(), [""; 0]);
    rig.written(PROBE);
    assert_eq!(rig.out(), ["0 abort", "upgraded websocket", "1 write 4kept|1"]);
}

#[test]
fn an_upgrade_packet_that_may_have_been_sent_ends_the_session() {
    let aborting = || {
        let mut rig = probing(3);
        assert_eq!(rig.elapse(), 1750);
        assert_eq!(rig.out(), ["1 abort"]);
        rig
    };
    let closed = "closed: transport error: timed out writing; unsent kept; in doubt ";

    let mut rig = aborting();
    rig.closed(PROBE, CloseReason::Ordered, BatchOutcome::UNCERTAIN);
    assert_eq!(rig.out(), ["0 abort"]);
    rig.closed(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), [closed]);

    // It was reported before the order to close arrived.
    let mut rig = aborting();
    rig.written(PROBE);
    assert_eq!(rig.out(), ["0 abort", "1 abort"]);
    rig.closed(PROBE, CloseReason::Ordered, BatchOutcome::sent(0));
    rig.closed(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), [closed]);

    // The probe does not even close. In all, nothing was sent for less than two seconds.
    let mut rig = aborting();
    assert_eq!(rig.elapse(), 150);
    assert_eq!(rig.out(), ["0 abort", "1 abort"]);
    assert_eq!(rig.elapse(), 1000);
    assert_eq!(rig.out(), [closed]);
}

#[test]
fn packets_on_the_probe_count_while_polling_pauses() {
    let mut rig = probing(1);
    assert_eq!(rig.out(), ["0 write 4kept"]);
    rig.packets(PROBE, vec![Packet::Pong("probe".into()), text("behind the pong")]);
    assert_eq!(rig.out(), ["0 pause", "messages 4behind the pong"]);
    rig.resume();
    assert_eq!(rig.out(), ["1 read"]);
    rig.packets(PROBE, vec![text("more")]);
    assert_eq!(rig.out(), ["messages 4more"]);
}

#[test]
fn a_probe_that_is_lost_while_it_is_written_to_does_not_end_the_session() {
    let mut rig = Rig::polling(r#""websocket""#);
    rig.report(PROBE, ReportKind::Opened { protocol: None });
    rig.out();
    rig.closed(PROBE, Rig::eof(), BatchOutcome::UNCERTAIN);
    assert_eq!(rig.out(), ["upgrade failed: connection lost: gone"]);
    assert!(rig.connection.is_open());
}

#[test]
fn an_upgrade_that_pauses_during_a_close_fails_in_time_to_close_over_polling() {
    let mut rig = pausing_with_a_post();
    rig.connection.close(rig.now, None);
    assert_eq!(rig.elapse(), 2500, "half of the time for the close");
    assert_eq!(rig.out(), ["1 abort", "0 resume", UPGRADE_TIMED_OUT]);
    rig.written(POLLING);
    assert_eq!(rig.out(), ["0 write 1"]);

    // Before the pause nothing waits for the probe.
    let mut rig = probing(1);
    rig.connection.close(rig.now, None);
    assert_eq!(rig.out(), ["0 write 4kept|1"]);
    assert_eq!(rig.elapse(), 5000);
}

#[test]
fn the_server_has_its_whole_time_on_the_websocket() {
    let mut rig = probing(3);
    rig.now += Duration::from_secs(9);
    rig.written(PROBE);
    assert_eq!(rig.out(), ["0 abort", "upgraded websocket", "1 write 4kept"]);
    rig.written(PROBE);
    assert_eq!(rig.elapse(), 45_000);
}

#[test]
fn a_delayed_poll_waits_for_the_subscribers_too() {
    let mut rig = probing(1);
    rig.packets(POLLING, vec![Packet::Noop]);
    rig.out();
    rig.packets(PROBE, vec![Packet::Pong("probe".into()), text("behind the pong")]);
    assert_eq!(rig.out(), ["0 pause", "messages 4behind the pong"]);
    rig.now += Duration::from_millis(50);
    rig.connection.handle_timeout(rig.now);
    assert_eq!(rig.out(), [""; 0]);
    assert_eq!(rig.elapse(), 9_950, "until the upgrade has failed");
}

#[test]
fn a_message_that_waits_for_the_upgrade_is_measured_for_the_websocket() {
    for steps in [2, 3] {
        let mut rig = probing(steps);
        // In base64 it would be larger than the limit, 100 bytes.
        rig.connection.send(Data::from(vec![0; 100])).unwrap();
        rig.connection.send(Data::from("a\u{1e}b")).unwrap();
        let err = rig.connection.send(Data::from(vec![0; 101])).unwrap_err();
        assert_eq!(err.kind, SendErrorKind::TooLarge { size: 101, limit: 100 });
        if steps == 2 {
            rig.packets(POLLING, vec![Packet::Noop]);
            rig.report(POLLING, ReportKind::Paused);
            rig.out();
        }
        rig.written(PROBE);
        assert_eq!(rig.out().len(), 3, "moved, and all of it in one batch");
        rig.written(PROBE);
        assert_eq!((rig.connection.accepted(), rig.connection.settled()), (3, 3));
    }
}

#[test]
fn what_waited_for_an_upgrade_that_failed_is_checked_again() {
    for steps in [2, 3] {
        let mut rig = probing(steps);
        rig.connection.send(Data::from(vec![0; 100])).unwrap();
        rig.send("small");
        rig.connection.send(Data::from("a\u{1e}b")).unwrap();
        rig.closed(PROBE, Rig::eof(), BatchOutcome::sent(0));
        assert_eq!(
            rig.out(),
            [
                "0 resume",
                "upgrade failed: connection lost: gone",
                "rejected 100 bytes: 137 bytes exceed maxPayload or max_post_bytes, 100 bytes",
                "rejected 3 bytes: text with U+001E cannot be sent over polling",
                "0 write 4kept|4small",
            ]
        );
        assert_eq!(rig.connection.waiting(), (2, 9));
        assert_eq!(rig.connection.settled(), 0, "the first message is not written yet");
        rig.written(POLLING);
        assert_eq!((rig.connection.accepted(), rig.connection.settled()), (4, 4));
        assert_eq!(rig.connection.waiting(), (0, 0));
    }
}

const UPGRADE_TIMED_OUT: &str =
    "upgrade failed: timed out waiting for the answer to the probe, or for the end of the last poll";

/// Polling pauses, and its last POST is in flight.
fn pausing_with_a_post() -> Rig {
    let mut rig = probing(1);
    assert_eq!(rig.out(), ["0 write 4kept"]);
    rig.packets(PROBE, vec![Packet::Pong("probe".into())]);
    assert_eq!(rig.out(), ["0 pause", "1 read"]);
    rig
}

#[test]
fn an_upgrade_is_given_up_when_it_has_stopped_sending_for_two_seconds() {
    let mut rig = probing(2);
    assert_eq!(rig.elapse(), 1750, "the last poll is not answered");
    assert_eq!(rig.out(), ["1 abort", "0 resume", UPGRADE_TIMED_OUT, "0 write 4kept"]);

    let mut rig = probing(2);
    rig.now += Duration::from_millis(1500);
    rig.packets(POLLING, vec![Packet::Noop]);
    rig.report(POLLING, ReportKind::Paused);
    assert_eq!(rig.out(), ["0 read", "1 write 5"]);
    assert_eq!(rig.elapse(), 250, "the upgrade packet is not written");
    assert_eq!(rig.out(), ["1 abort"]);
    rig.closed(PROBE, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["0 resume", "upgrade failed: timed out writing", "0 write 4kept"]);
}

#[test]
fn the_upgrade_packet_has_time_even_if_the_pause_took_nearly_all_of_it() {
    for (late, wait) in [(1600, 150), (1700, 100), (1749, 100)] {
        let mut rig = probing(2);
        rig.now += Duration::from_millis(late);
        rig.packets(POLLING, vec![Packet::Noop]);
        rig.report(POLLING, ReportKind::Paused);
        assert_eq!(rig.out(), ["0 read", "1 write 5"]);
        assert_eq!(rig.elapse(), wait, "the pause took {late} ms");
        assert_eq!(rig.out(), ["1 abort"]);
    }
}

#[test]
fn the_two_seconds_of_an_upgrade_begin_when_no_post_is_in_flight_any_more() {
    let mut rig = pausing_with_a_post();
    rig.send("waits");
    rig.now += Duration::from_secs(5);
    rig.connection.handle_timeout(rig.now);
    rig.written(POLLING);
    assert_eq!(rig.out(), [""; 0]);
    assert_eq!(rig.elapse(), 1750);
    assert_eq!(rig.out(), ["1 abort", "0 resume", UPGRADE_TIMED_OUT, "0 write 4waits"]);

    let mut rig = pausing_with_a_post();
    assert_eq!(rig.elapse(), 10_000, "the upgrade as a whole has its limit");
    assert_eq!(rig.out(), ["1 abort", "0 resume", UPGRADE_TIMED_OUT]);
}

#[test]
fn an_upgrade_waits_for_the_last_poll_as_long_as_nothing_is_to_be_sent() {
    let pausing = || {
        let mut rig = pausing_with_a_post();
        rig.written(POLLING);
        for _ in 0..2 {
            assert_eq!(rig.elapse(), 1750);
            assert_eq!(rig.out(), [""; 0], "a large message arrives on the last poll");
        }
        rig
    };
    let mut rig = pausing();
    rig.now += Duration::from_secs(1);
    rig.packets(POLLING, vec![Packet::Noop]);
    rig.report(POLLING, ReportKind::Paused);
    rig.written(PROBE);
    assert_eq!(rig.out(), ["0 read", "1 write 5", "0 abort", "upgraded websocket"]);

    // The upgrade packet has as long to be written.
    let mut rig = pausing();
    rig.packets(POLLING, vec![Packet::Noop]);
    rig.report(POLLING, ReportKind::Paused);
    assert_eq!(rig.out(), ["0 read", "1 write 5"]);
    assert_eq!(rig.elapse(), 1750);
    assert_eq!(rig.out(), [""; 0]);
    rig.written(PROBE);
    assert_eq!(rig.out(), ["0 abort", "upgraded websocket"]);

    // The upgrade as a whole has its limit.
    let mut rig = pausing();
    assert_eq!((0..4).map(|_| rig.elapse()).collect::<Vec<_>>(), [1750, 1750, 1750, 1250]);
    assert_eq!(rig.out(), ["1 abort", "0 resume", UPGRADE_TIMED_OUT]);
}

#[test]
fn a_message_that_is_sent_while_an_upgrade_waits_is_sent_within_two_seconds() {
    for (delay, wait) in [(0, 1750), (1000, 750)] {
        let mut rig = pausing_with_a_post();
        rig.written(POLLING);
        assert_eq!(rig.elapse(), 1750);
        rig.now += Duration::from_millis(delay);
        rig.send("waits");
        assert_eq!(rig.out(), [""; 0]);
        assert_eq!(rig.elapse(), wait);
        assert_eq!(rig.out(), ["1 abort", "0 resume", UPGRADE_TIMED_OUT, "0 write 4waits"]);
    }
}

#[test]
fn a_close_is_not_kept_waiting_by_an_upgrade_that_waits() {
    let mut rig = pausing_with_a_post();
    rig.written(POLLING);
    assert_eq!(rig.elapse(), 1750);
    rig.connection.close(rig.now, None);
    assert_eq!(rig.elapse(), 1750);
    assert_eq!(rig.out(), ["1 abort", "0 resume", UPGRADE_TIMED_OUT, "0 write 1"]);
}

#[test]
fn what_a_probe_reports_after_its_upgrade_has_failed_changes_nothing() {
    let mut rig = probing(1);
    rig.written(POLLING);
    rig.out();
    rig.elapse();
    let out = rig.out();
    assert!(out.contains(&"1 abort".to_owned()), "{out:?}");
    rig.report(PROBE, ReportKind::Opened { protocol: None });
    rig.packets(PROBE, vec![text("late")]);
    assert_eq!(rig.out(), [""; 0]);
}
