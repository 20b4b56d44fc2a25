//! Graceful and abrupt ends.

use super::*;

#[test]
fn a_graceful_close_over_polling_puts_the_close_packet_behind_the_rest() {
    let mut rig = Rig::polling("");
    rig.out();
    rig.send("a");
    rig.connection.close(rig.now, Some("done".into()));
    assert_eq!(rig.connection.send(Data::from("late")).unwrap_err().kind, SendErrorKind::NotConnected);
    assert_eq!(rig.out(), ["0 write 4a|1"]);
    rig.packets(POLLING, vec![text("meanwhile")]);
    assert_eq!(rig.out(), ["messages 4meanwhile"]);
    rig.written(POLLING);
    assert_eq!(rig.out(), ["0 close"]);
    rig.closed(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["closed: client disconnect: done; unsent ; in doubt "]);
    assert!(rig.connection.is_idle() && rig.connection.poll_timeout().is_none());
}

#[test]
fn a_graceful_close_is_bounded_and_gives_back_what_was_not_sent() {
    let mut rig = Rig::websocket();
    rig.send("a");
    rig.out();
    rig.send("b");
    rig.connection.close(rig.now, None);
    assert_eq!(rig.elapse(), 5_000);
    assert_eq!(rig.out(), ["0 abort"]);
    rig.closed(WEBSOCKET, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["closed: client disconnect; unsent a|b; in doubt "]);

    // The packets of a batch that were sent completely do not come back.
    let mut rig = Rig::websocket();
    for text in ["a", "b", "c"] {
        rig.send(text);
    }
    rig.out();
    rig.closed(WEBSOCKET, Rig::eof(), BatchOutcome::sent(2));
    assert_eq!(rig.out(), ["closed: transport error: connection lost: gone; unsent c; in doubt "]);

    // The server does not answer the close frame.
    let mut rig = Rig::websocket();
    rig.connection.close(rig.now, None);
    assert_eq!(rig.out(), ["0 write 1"]);
    rig.written(WEBSOCKET);
    assert_eq!(rig.out(), ["0 close"]);
    assert_eq!(rig.elapse(), 5_000);
    assert_eq!(rig.out(), ["0 abort"]);
    // A transport that is broken is not waited for.
    assert_eq!(rig.elapse(), 1_000);
    assert_eq!(rig.out(), ["closed: client disconnect; unsent ; in doubt "]);
}

#[test]
fn an_abort_ends_at_once_and_sorts_the_messages() {
    let mut rig = Rig::polling("");
    rig.out();
    rig.send("in doubt");
    rig.out();
    rig.send("queued");
    rig.connection.abort(rig.now, None);
    assert_eq!(rig.out(), ["0 abort"]);
    rig.closed(POLLING, CloseReason::Ordered, BatchOutcome::UNCERTAIN);
    assert_eq!(rig.out(), ["closed: client disconnect; unsent queued; in doubt in doubt"]);
}

#[test]
fn nothing_is_written_after_the_close_packet() {
    let mut rig = Rig::polling("");
    rig.out();
    rig.send("a");
    rig.connection.close(rig.now, None);
    assert_eq!(rig.out(), ["0 write 4a|1"]);
    rig.packets(POLLING, vec![Packet::Ping("".into())]);
    assert_eq!(rig.out(), [""; 0]);
    rig.written(POLLING);
    assert_eq!(rig.out(), ["0 close"]);
}

#[test]
fn the_answer_to_the_last_post_is_awaited_although_the_server_has_closed() {
    let mut rig = Rig::polling("");
    rig.out();
    rig.send("a");
    rig.connection.close(rig.now, None);
    assert_eq!(rig.out(), ["0 write 4a|1"]);
    rig.packets(POLLING, vec![Packet::Close]);
    assert_eq!(rig.out(), [""; 0]);
    rig.written(POLLING);
    assert_eq!(rig.out(), ["0 close"]);
    rig.closed(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["closed: client disconnect; unsent ; in doubt "]);
}

#[test]
fn a_stop_waits_for_no_transport() {
    let mut rig = Rig::polling(r#""websocket""#);
    rig.out();
    rig.send("in doubt");
    rig.out();
    rig.send("queued");
    rig.connection.stop(rig.now);
    let closed = "closed: client disconnect: the client stopped; unsent queued; in doubt in doubt";
    assert_eq!(rig.out(), ["0 abort", "1 abort", closed]);
    assert!(rig.connection.is_idle());

    let mut rig = Rig::connect(&[TransportKind::Polling]);
    rig.out();
    rig.connection.stop(rig.now);
    assert_eq!(rig.out(), ["0 abort", "connect failed: the client stopped"]);

    // A close that is under way has given its own reason.
    let mut rig = Rig::websocket();
    rig.connection.close(rig.now, Some("done".into()));
    rig.out();
    rig.written(WEBSOCKET);
    rig.out();
    rig.connection.stop(rig.now);
    assert_eq!(rig.out(), ["0 abort", "closed: client disconnect: done; unsent ; in doubt "]);

    rig.connection.stop(rig.now);
    assert_eq!(rig.out(), [""; 0], "it is over");
}

#[test]
fn the_reason_of_a_close_is_reported_however_the_session_ends() {
    let mut rig = Rig::websocket();
    rig.connection.close(rig.now, Some("done".into()));
    rig.out();
    rig.closed(WEBSOCKET, Rig::eof(), BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["closed: client disconnect: done; unsent ; in doubt "]);
}

#[test]
fn a_second_abort_does_not_prolong_the_first() {
    let mut rig = Rig::websocket();
    rig.connection.abort(rig.now, None);
    assert_eq!(rig.out(), ["0 abort"]);
    rig.now += Duration::from_millis(999);
    rig.connection.abort(rig.now, None);
    assert_eq!(rig.out(), [""; 0]);
    assert_eq!(rig.elapse(), 1);
    assert!(rig.connection.is_idle() && !rig.out().is_empty());
}

#[test]
fn a_server_that_does_not_answer_the_close_is_aborted_on_request() {
    let mut rig = Rig::websocket();
    rig.connection.close(rig.now, None);
    rig.out();
    rig.written(WEBSOCKET);
    assert_eq!(rig.out(), ["0 close"]);
    rig.connection.abort(rig.now, None);
    assert_eq!(rig.out(), ["0 abort"]);
    assert_eq!(rig.elapse(), 1000);
    assert_eq!(rig.out(), ["closed: client disconnect; unsent ; in doubt "]);
}

#[test]
fn a_websocket_is_read_until_the_close_packet_is_written() {
    let mut rig = Rig::websocket();
    rig.connection.close(rig.now, None);
    assert_eq!(rig.out(), ["0 write 1"]);
    rig.packets(WEBSOCKET, vec![Packet::Pong("".into())]);
    assert_eq!(rig.out(), ["0 read"], "the server is read until then");
    rig.packets(WEBSOCKET, vec![Packet::Close]);
    assert_eq!(rig.out(), ["0 abort"]);
}

#[test]
fn nothing_is_accepted_after_the_user_has_closed_the_session() {
    let mut rig = Rig::websocket();
    rig.connection.close(rig.now, None);
    let (one, group) = (Data::from("a"), vec![Data::from("b"), Data::from("c")]);
    assert_eq!(rig.connection.send(one).map_err(|err| err.kind), Err(SendErrorKind::NotConnected));
    assert_eq!(rig.connection.send_all(group).map_err(|err| err.kind), Err(SendErrorKind::NotConnected));
    assert_eq!(rig.out(), ["0 write 1"]);
}
