//! Pings over a WebSocket to a server that is silent.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A ping after ten seconds, whose limit is three seconds.
fn rig(transport: TransportId) -> Rig {
    let websocket_ping = Some(WebSocketPing::every(10 * SECOND).timeout(3 * SECOND));
    let mut rig = Rig::with(Limits { websocket_ping, ..Limits::default() });
    rig.connection.connect(rig.now, params(rig.now, &[transport.kind])).unwrap();
    rig.opens(transport, Packet::Open(r#"{"sid":"abc","pingInterval":25000,"pingTimeout":20000}"#.into()));
    rig
}

impl Rig {
    fn pongs(&mut self, number: u64) {
        self.report(WEBSOCKET, ReportKind::Pong(number));
    }

    /// Lets so many seconds pass, and does what is due.
    fn passes(&mut self, seconds: u32) -> Vec<String> {
        self.now += seconds * SECOND;
        self.connection.handle_timeout(self.now);
        self.out()
    }
}

#[test]
fn a_server_that_stops_answering_is_lost_after_interval_and_timeout() {
    let mut rig = rig(WEBSOCKET);
    assert_eq!(rig.elapse(), 10_000);
    assert_eq!(rig.out(), ["0 ping 1"]);
    rig.pongs(1);
    assert_eq!((rig.elapse(), rig.out()), (10_000, vec!["0 ping 2".to_owned()]));
    assert_eq!((rig.elapse(), rig.out()), (3_000, vec!["0 abort".to_owned()]));
    rig.closed(WEBSOCKET, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["closed: ping timeout; unsent ; in doubt "]);
}

#[test]
fn any_byte_is_life_and_delays_the_next_ping() {
    let mut rig = rig(WEBSOCKET);
    for _ in 0..5 {
        assert_eq!(rig.passes(9), [""; 0]);
        rig.report(WEBSOCKET, ReportKind::Alive { is_partial: false, read: 0 });
    }
    assert_eq!(rig.passes(10), ["0 ping 1"]);
    rig.pongs(1);
    assert_eq!(rig.passes(10), ["0 ping 2"]);
    // Without a pong, but the server sends.
    for _ in 0..5 {
        assert_eq!(rig.passes(2), [""; 0]);
        rig.report(WEBSOCKET, ReportKind::Alive { is_partial: false, read: 0 });
    }
    // The pong is lost, so the server is asked again.
    assert_eq!((rig.elapse(), rig.out()), (10_000, vec!["0 ping 3".to_owned()]));
    assert_eq!((rig.elapse(), rig.out()), (3_000, vec!["0 abort".to_owned()]));
}

#[test]
fn a_server_that_never_answered_is_not_lost_for_it() {
    let mut rig = rig(WEBSOCKET);
    assert_eq!(rig.passes(10), ["0 ping 1"]);
    assert_eq!(rig.passes(3), ["pings are not answered"]);
    assert_eq!((rig.elapse(), rig.out()), (32_000, vec!["0 abort".to_owned()]), "the heartbeat decides");

    let mut rig = self::rig(WEBSOCKET);
    rig.passes(10);
    rig.passes(3);
    // It answers after all.
    rig.pongs(1);
    assert_eq!(rig.passes(10), ["0 ping 2"]);
    assert_eq!((rig.elapse(), rig.out()), (3_000, vec!["0 abort".to_owned()]));
}

#[test]
fn neither_time_runs_under_backpressure() {
    let mut rig = rig(WEBSOCKET);
    rig.passes(10);
    rig.pongs(1);
    rig.packets(WEBSOCKET, vec![text("a")]);
    assert_eq!(rig.out(), ["messages 4a"]);
    for _ in 0..40 {
        assert_eq!(rig.passes(1), [""; 0], "no ping is sent, because its pong could not be read");
    }
    rig.resume();
    assert_eq!(rig.out(), ["0 read"]);
    assert_eq!((rig.elapse(), rig.out()), (10_000, vec!["0 ping 2".to_owned()]));
    rig.passes(2);
    rig.packets(WEBSOCKET, vec![text("b")]);
    rig.out();
    for _ in 0..40 {
        assert_eq!(rig.passes(1), [""; 0]);
    }
    rig.resume();
    assert_eq!((rig.elapse(), rig.connection.is_open()), (13_000, false));
}

#[test]
fn over_polling_there_are_no_pings() {
    let mut rig = rig(POLLING);
    assert_eq!((rig.elapse(), rig.out()), (45_000, vec!["0 abort".to_owned()]));
}

#[test]
fn the_ping_of_a_confirm_shows_that_the_server_answers() {
    let mut rig = rig(WEBSOCKET);
    assert!(rig.connection.confirm(rig.now));
    assert_eq!(rig.out(), ["0 ping 1"]);
    rig.pongs(1);
    assert_eq!(rig.out(), ["confirmed"]);
    rig.passes(10);
    assert_eq!((rig.elapse(), rig.out()), (3_000, vec!["0 abort".to_owned()]));
}

#[test]
fn a_process_that_wakes_up_late_reads_before_it_judges() {
    let mut rig = rig(WEBSOCKET);
    rig.passes(10);
    rig.pongs(1);
    assert_eq!(rig.passes(10), ["0 ping 2"]);
    // It was suspended, and the pong has arrived meanwhile.
    assert_eq!(rig.passes(20), [""; 0]);
    rig.pongs(2);
    assert_eq!((rig.elapse(), rig.out()), (10_000, vec!["0 ping 3".to_owned()]));
}

#[test]
fn an_upload_that_makes_progress_delays_the_limit_and_so_does_what_the_line_has_to_carry_after_it() {
    let mut rig = rig(WEBSOCKET);
    rig.passes(10);
    rig.pongs(1);
    rig.send(&"a".repeat(80 << 10));
    rig.out();
    for _ in 0..9 {
        assert_eq!(rig.passes(1), [""; 0]);
        rig.report(WEBSOCKET, ReportKind::Writing);
    }
    assert_eq!(rig.passes(1), ["0 ping 2"]);
    for _ in 0..7 {
        assert_eq!(rig.passes(2), [""; 0]);
        rig.report(WEBSOCKET, ReportKind::Writing);
    }
    rig.written(WEBSOCKET);
    // A byte does not show that the server has read what is before the ping.
    rig.report(WEBSOCKET, ReportKind::Alive { is_partial: false, read: 0 });
    assert_eq!((rig.elapse(), rig.out()), (13_000, vec!["0 abort".to_owned()]));
}

#[test]
fn what_was_written_since_the_server_was_heard_delays_the_limit() {
    let mut rig = rig(WEBSOCKET);
    rig.passes(10);
    rig.pongs(1);
    for _ in 0..2 {
        rig.send(&"a".repeat(40 << 10));
        rig.out();
        rig.written(WEBSOCKET);
    }
    assert_eq!(rig.passes(10), ["0 ping 2"]);
    // The pong may come ten seconds later than after a silence in both directions.
    for _ in 0..12 {
        assert_eq!(rig.passes(1), [""; 0]);
    }
    rig.pongs(2);
    assert_eq!(rig.passes(10), ["0 ping 3"]);
    assert_eq!((rig.elapse(), rig.out()), (3_000, vec!["0 abort".to_owned()]));
}

#[test]
fn a_ping_whose_pong_was_lost_is_followed_by_another() {
    let mut rig = rig(WEBSOCKET);
    rig.passes(10);
    rig.pongs(1);
    assert_eq!(rig.passes(10), ["0 ping 2"]);
    rig.now += 4 * SECOND;
    rig.report(WEBSOCKET, ReportKind::Alive { is_partial: false, read: 0 });
    assert_eq!((rig.elapse(), rig.out()), (10_000, vec!["0 ping 3".to_owned()]));
    rig.pongs(3);
    assert_eq!((rig.elapse(), rig.out()), (10_000, vec!["0 ping 4".to_owned()]));
}
