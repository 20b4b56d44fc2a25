//! What was written to a WebSocket is retained until a pong confirms it.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A client that asks after `bytes`, with room for a thousand.
fn rig(bytes: usize) -> Rig {
    let mut rig = Rig::with(Limits { confirm_sends: Some(bytes), send_queue: 1000, ..Limits::default() });
    rig.connection.connect(rig.now, params(rig.now, &[TransportKind::WebSocket])).unwrap();
    rig.opens(WEBSOCKET, open_packet(""));
    rig
}

impl Rig {
    /// Sends a message, and writes it.
    fn writes(&mut self, text: &str) -> Vec<String> {
        self.send(text);
        assert_eq!(self.out(), [format!("0 write 4{text}")]);
        self.written(WEBSOCKET);
        self.out()
    }

    fn pong_confirms(&mut self, number: u64) -> Vec<String> {
        self.report(WEBSOCKET, ReportKind::Pong(number));
        self.out()
    }

    fn is_heard_after(&mut self, seconds: u32) -> Vec<String> {
        self.now += seconds * SECOND;
        self.report(WEBSOCKET, ReportKind::Alive { is_partial: false, read: 0 });
        self.out()
    }

    fn is_lost(&mut self) -> Vec<String> {
        self.closed(WEBSOCKET, Self::eof(), BatchOutcome::sent(0));
        self.out()
    }
}

#[test]
fn a_ping_asks_after_enough_bytes_and_what_it_does_not_confirm_is_in_doubt() {
    let mut rig = rig(130);
    assert_eq!(rig.writes("a"), [""; 0]);
    assert_eq!(rig.writes("b"), ["0 ping 1"]);
    assert_eq!(rig.writes("c"), [""; 0]);
    assert_eq!(rig.pong_confirms(1), [""; 0]);
    assert_eq!(rig.writes("d"), ["0 ping 2"]);
    rig.send("e");
    assert_eq!(rig.is_lost(), ["closed: transport error: connection lost: gone; unsent e; in doubt c|d"]);
}

#[test]
fn a_ping_behind_a_batch_that_is_being_written_confirms_the_batch() {
    let mut rig = rig(60);
    assert_eq!(rig.writes("a"), ["0 ping 1"]);
    assert_eq!(rig.writes("b"), [""; 0]);
    rig.send("c");
    assert_eq!(rig.out(), ["0 write 4c"]);
    assert_eq!(rig.pong_confirms(1), ["0 ping 2"]);
    rig.written(WEBSOCKET);
    assert_eq!(rig.out(), [""; 0]);
    assert_eq!(rig.pong_confirms(2), [""; 0]);
    assert_eq!(rig.is_lost(), ["closed: transport error: connection lost: gone; unsent ; in doubt "]);
}

#[test]
fn a_pong_that_comes_before_the_batch_is_written_does_not_confirm_it() {
    let mut rig = rig(60);
    rig.writes("a");
    rig.writes("b");
    rig.send("c");
    assert_eq!(rig.out(), ["0 write 4c"]);
    assert_eq!(rig.pong_confirms(1), ["0 ping 2"]);
    assert_eq!(rig.pong_confirms(2), [""; 0]);
    rig.written(WEBSOCKET);
    assert_eq!(rig.out(), ["0 ping 3"]);
    assert_eq!(rig.is_lost(), ["closed: transport error: connection lost: gone; unsent ; in doubt c"]);
}

#[test]
fn a_ping_asks_after_a_second_at_the_latest() {
    let mut rig = rig(1000);
    assert_eq!(rig.writes("a"), [""; 0]);
    rig.now += SECOND / 2;
    assert_eq!(rig.writes("b"), [""; 0]);
    assert_eq!((rig.elapse(), rig.out()), (500, vec!["0 ping 1".to_owned()]));
    assert_eq!(rig.pong_confirms(1), [""; 0]);
    // A heartbeat needs no confirmation.
    rig.packets(WEBSOCKET, vec![Packet::Ping("".into())]);
    assert_eq!(rig.out(), ["0 read", "0 write 3"]);
    rig.written(WEBSOCKET);
    rig.now += 10 * SECOND;
    rig.connection.handle_timeout(rig.now);
    assert_eq!(rig.out(), [""; 0]);
    assert_eq!(rig.is_lost(), ["closed: transport error: connection lost: gone; unsent ; in doubt "]);
}

#[test]
fn what_is_retained_uses_the_room_of_the_send_queue() {
    let mut rig = rig(10_000);
    let mut pings = Vec::new();
    for _ in 0..15 {
        assert!(rig.connection.has_room());
        pings.extend(rig.writes("12345"));
    }
    // Half of the queue is enough to ask.
    assert_eq!(pings, ["0 ping 1"]);
    assert!(!rig.connection.has_room());
    assert_eq!(rig.pong_confirms(1), [""; 0]);
    assert!(rig.connection.has_room());
}

#[test]
fn a_close_waits_for_the_confirmation() {
    let mut rig = rig(1000);
    rig.writes("a");
    rig.send("b");
    rig.connection.close(rig.now, None);
    assert_eq!(rig.out(), ["0 write 4b", "0 ping 1"], "the first message is asked for at once");
    rig.written(WEBSOCKET);
    assert_eq!(rig.out(), [""; 0], "the ping is behind the second message, too");
    assert_eq!(rig.pong_confirms(1), ["0 write 1"]);
    rig.written(WEBSOCKET);
    assert_eq!(rig.out(), ["0 close"]);
    rig.closed(WEBSOCKET, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["closed: client disconnect; unsent ; in doubt "]);
}

#[test]
fn a_close_does_not_wait_for_longer_than_half_of_its_time() {
    let mut rig = rig(1000);
    rig.writes("a");
    rig.connection.close(rig.now, None);
    assert_eq!(rig.out(), ["0 ping 1"]);
    assert_eq!((rig.elapse(), rig.out()), (2_500, vec!["0 write 1".to_owned()]));
    rig.written(WEBSOCKET);
    rig.closed(WEBSOCKET, CloseReason::Ordered, BatchOutcome::sent(0));
    let out = rig.out();
    assert_eq!(
        out.last().map(String::as_str),
        Some("closed: client disconnect; unsent ; in doubt a"),
        "{out:?}"
    );
}

#[test]
fn a_close_with_nothing_to_confirm_does_not_wait() {
    let mut rig = rig(1000);
    rig.connection.close(rig.now, None);
    assert_eq!(rig.out(), ["0 write 1"]);
}

#[test]
fn over_polling_the_close_packet_goes_with_the_last_messages() {
    let mut rig = Rig::with(Limits { confirm_sends: Some(1), ..Limits::default() });
    rig.connection.connect(rig.now, params(rig.now, &[TransportKind::Polling])).unwrap();
    rig.opens(POLLING, open_packet(""));
    rig.send("a");
    rig.connection.close(rig.now, None);
    assert_eq!(rig.out(), ["0 write 4a|1"]);
}

#[test]
fn a_server_that_does_not_answer_is_worth_one_warning() {
    let mut rig = rig(1);
    assert_eq!(rig.writes("a"), ["0 ping 1"]);
    assert_eq!((rig.elapse(), rig.out()), (5_000, vec!["pings are not answered".to_owned()]));
    assert_eq!(rig.writes("b"), [""; 0], "one ping is open at a time");
    assert_eq!((rig.elapse(), rig.out()), (40_000, vec!["0 abort".to_owned()]), "the heartbeat decides");
}

#[test]
fn a_ping_whose_pong_was_lost_is_followed_by_another() {
    let mut rig = rig(1);
    assert_eq!(rig.writes("a"), ["0 ping 1"]);
    assert_eq!(rig.pong_confirms(1), [""; 0]);
    assert_eq!(rig.writes("b"), ["0 ping 2"]);
    assert_eq!(rig.is_heard_after(4), [""; 0]);
    assert_eq!(rig.is_heard_after(1), ["0 ping 3"], "also without another message");
    assert_eq!(rig.pong_confirms(3), [""; 0]);
    assert_eq!(rig.is_lost(), ["closed: transport error: connection lost: gone; unsent ; in doubt "]);
}

#[test]
fn a_pong_that_comes_after_a_later_ping_confirms_what_its_own_ping_asked_for() {
    let mut rig = rig(1);
    rig.writes("a");
    rig.pong_confirms(1);
    assert_eq!(rig.writes("b"), ["0 ping 2"]);
    rig.writes("c");
    for ping in ["0 ping 3", "0 ping 4"] {
        assert_eq!(rig.is_heard_after(5).last().map(String::as_str), Some(ping));
    }
    rig.pong_confirms(2);
    assert_eq!(rig.is_lost(), ["closed: transport error: connection lost: gone; unsent ; in doubt c"]);
}

#[test]
fn a_server_that_stops_answering_is_worth_one_warning() {
    let mut rig = rig(1);
    rig.writes("a");
    rig.pong_confirms(1);
    assert_eq!(rig.writes("b"), ["0 ping 2"]);
    assert_eq!(rig.is_heard_after(5), ["0 ping 3"]);
    assert_eq!(rig.is_heard_after(5), ["pings are not answered", "0 ping 4"]);
    assert_eq!(rig.is_heard_after(5), ["0 ping 5"]);
}
