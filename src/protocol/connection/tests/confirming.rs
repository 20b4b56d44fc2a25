//! Whether the other end has read what was written.

use super::*;

impl Rig {
    fn confirm(&mut self) {
        assert!(self.connection.confirm(self.now), "a session is open");
    }

    fn pong(&mut self, from: TransportId, number: u64) {
        self.report(from, ReportKind::Pong(number));
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn without_a_session_there_is_nothing_to_confirm() {
    let mut rig = Rig::with(Limits::default());
    assert!(!rig.connection.confirm(rig.now));
    let mut rig = Rig::websocket();
    rig.connection.close(rig.now, None);
    assert!(!rig.connection.confirm(rig.now));
}

#[test]
fn over_a_websocket_a_ping_follows_the_messages_and_its_pong_is_the_answer() {
    let mut rig = Rig::websocket();
    rig.send("a");
    rig.confirm();
    assert_eq!(rig.out(), ["0 write 4a"]);
    rig.written(WEBSOCKET);
    assert_eq!(rig.out(), ["0 ping 1"]);
    rig.wait(SECOND);
    // A pong that nobody asked for.
    rig.pong(WEBSOCKET, 0);
    assert_eq!(rig.out(), [""; 0]);
    rig.pong(WEBSOCKET, 1);
    assert_eq!(rig.out(), ["confirmed"]);
    assert_eq!(rig.connection.round_trip(), Some(SECOND));
    rig.pong(WEBSOCKET, 1);
    assert_eq!(rig.out(), [""; 0]);
    // Also if nothing was sent since then.
    rig.confirm();
    assert_eq!(rig.out(), ["0 ping 2"]);
}

#[test]
fn one_ping_is_open_at_a_time_and_its_pong_answers_all_that_were_asked_before() {
    let mut rig = Rig::websocket();
    rig.confirm();
    rig.confirm();
    assert_eq!(rig.out(), ["0 ping 1"]);
    // No message was accepted since the ping, so it answers this one as well.
    rig.confirm();
    rig.send("a");
    rig.confirm();
    assert_eq!(rig.out(), ["0 write 4a"]);
    rig.written(WEBSOCKET);
    assert_eq!(rig.out(), [""; 0]);
    rig.pong(WEBSOCKET, 1);
    assert_eq!(rig.out(), ["confirmed", "confirmed", "confirmed", "0 ping 2"]);
    rig.pong(WEBSOCKET, 2);
    assert_eq!(rig.out(), ["confirmed"]);
}

#[test]
fn over_polling_the_answer_to_the_post_is_the_answer() {
    let mut rig = Rig::polling("");
    rig.out();
    rig.confirm();
    assert_eq!(rig.out(), ["confirmed"], "nothing was sent");
    rig.send("a");
    rig.confirm();
    rig.send("b");
    assert_eq!(rig.out(), ["0 write 4a|4b"]);
    rig.confirm();
    rig.written(POLLING);
    assert_eq!(rig.out(), ["confirmed", "confirmed"]);
}

#[test]
fn the_close_packet_waits_for_a_confirm_that_came_before_it() {
    // The answer to the POST that carries both confirms the message.
    let mut rig = Rig::polling("");
    rig.out();
    rig.send("a");
    rig.confirm();
    rig.connection.close(rig.now, None);
    assert_eq!(rig.out(), ["0 write 4a|1"]);
    rig.written(POLLING);
    let out = rig.out();
    assert_eq!(out[0], "confirmed", "{out:?}");

    // Over a WebSocket the server may stop answering pings once it has read the close packet.
    for answers in [true, false] {
        let mut rig = Rig::websocket();
        rig.send("a");
        rig.confirm();
        rig.connection.close(rig.now, None);
        assert_eq!(rig.out(), ["0 write 4a"]);
        rig.written(WEBSOCKET);
        assert_eq!(rig.out(), ["0 ping 1"]);
        if answers {
            rig.pong(WEBSOCKET, 1);
            assert_eq!(rig.out(), ["confirmed", "0 write 1"]);
        } else {
            rig.wait(Limits::default().close_timeout / 2);
            rig.connection.handle_timeout(rig.now);
            assert_eq!(rig.out(), ["0 write 1"]);
        }
    }
}

#[test]
fn no_ping_follows_the_close_packet() {
    let mut rig = Rig::websocket();
    rig.send("a");
    assert_eq!(rig.out(), ["0 write 4a"]);
    rig.send("b");
    rig.confirm();
    rig.connection.close(rig.now, None);
    rig.wait(Limits::default().close_timeout / 2);
    rig.connection.handle_timeout(rig.now);
    assert_eq!(rig.out(), [""; 0]);
    rig.written(WEBSOCKET);
    assert_eq!(rig.out(), ["0 write 4b|1"]);
    rig.written(WEBSOCKET);
    assert_eq!(rig.out(), ["0 close"]);
}

#[test]
fn during_an_upgrade_the_answer_waits_for_the_transport_that_carries_the_message() {
    for fails in [false, true] {
        let mut rig = Rig::polling(r#""websocket""#);
        rig.out();
        rig.report(PROBE, ReportKind::Opened { protocol: None });
        rig.out();
        rig.written(PROBE);
        rig.packets(PROBE, vec![Packet::Pong("probe".into())]);
        assert_eq!(rig.out(), ["0 pause", "1 read"]);
        // Nothing waits for an answer, however long polling takes to pause.
        rig.confirm();
        assert_eq!(rig.out(), ["confirmed"]);
        rig.send("a");
        rig.confirm();
        assert_eq!(rig.out(), [""; 0]);
        if fails {
            rig.closed(PROBE, Rig::eof(), BatchOutcome::sent(0));
            let out = rig.out();
            assert!(out.contains(&"0 write 4a".to_owned()), "{out:?}");
            rig.written(POLLING);
            assert_eq!(rig.out(), ["confirmed"]);
        } else {
            rig.report(POLLING, ReportKind::Paused);
            assert_eq!(rig.out(), ["1 write 5"]);
            rig.written(PROBE);
            let out = rig.out();
            assert!(out.contains(&"1 write 4a".to_owned()), "{out:?}");
            rig.written(PROBE);
            assert_eq!(rig.out(), ["1 ping 1"]);
            rig.pong(PROBE, 1);
            assert_eq!(rig.out(), ["confirmed"]);
        }
    }
}

#[test]
fn without_an_answer_in_time_the_session_goes_on_and_the_late_pong_counts_for_later_questions() {
    let mut rig = Rig::websocket();
    rig.confirm();
    rig.out();
    rig.wait(SECOND);
    rig.confirm();
    assert_eq!(rig.elapse(), 4_000);
    assert_eq!(rig.out(), ["not confirmed: the messages were not confirmed in time"]);
    assert!(rig.connection.is_open());
    rig.pong(WEBSOCKET, 1);
    assert_eq!(rig.out(), ["confirmed"]);
}

#[test]
fn the_limit_does_not_run_under_backpressure() {
    let mut rig = Rig::websocket();
    rig.confirm();
    rig.out();
    rig.wait(4 * SECOND);
    rig.packets(WEBSOCKET, vec![text("a")]);
    assert_eq!(rig.out(), ["messages 4a"]);
    rig.wait(20 * SECOND);
    rig.connection.handle_timeout(rig.now);
    assert_eq!(rig.out(), [""; 0]);
    rig.resume();
    rig.out();
    rig.wait(SECOND - Duration::from_millis(1));
    rig.connection.handle_timeout(rig.now);
    assert_eq!(rig.out(), [""; 0]);
    rig.wait(Duration::from_millis(1));
    rig.connection.handle_timeout(rig.now);
    assert_eq!(rig.out().len(), 1);
}

#[test]
fn the_end_of_the_session_forgets_the_questions() {
    let mut rig = Rig::websocket();
    rig.confirm();
    rig.out();
    rig.closed(WEBSOCKET, Rig::eof(), BatchOutcome::sent(0));
    let out = rig.out();
    assert!(out.len() == 1 && out[0].starts_with("closed: "), "{out:?}");
}

#[test]
fn after_a_lost_pong_the_next_question_is_answered() {
    let mut rig = Rig::websocket();
    rig.confirm();
    rig.out();
    rig.pong(WEBSOCKET, 1);
    rig.confirm();
    assert_eq!(rig.out(), ["confirmed", "0 ping 2"]);
    rig.wait(3 * SECOND);
    rig.confirm();
    assert_eq!(rig.out(), [""; 0]);
    assert_eq!(rig.elapse(), 2_000);
    assert_eq!(rig.out(), ["not confirmed: the messages were not confirmed in time"]);
    rig.wait(SECOND);
    rig.report(WEBSOCKET, ReportKind::Alive { is_partial: false, read: 0 });
    assert_eq!(rig.out(), ["0 ping 3"]);
    rig.pong(WEBSOCKET, 3);
    assert_eq!(rig.out(), ["confirmed"]);
}
