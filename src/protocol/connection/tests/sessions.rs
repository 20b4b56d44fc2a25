//! A session from its start to its end.

use super::*;

#[test]
fn a_session_over_polling_opens_reads_and_writes() {
    let mut rig = Rig::connect(&[TransportKind::Polling, TransportKind::WebSocket]);
    assert_eq!(rig.out(), ["start 0 polling"]);
    rig.packets(POLLING, vec![open_packet(""), text("hi")]);
    assert_eq!(rig.out(), ["0 session abc", "opened abc polling", "messages 4hi"]);
    rig.resume();
    assert_eq!(rig.out(), ["0 read"]);
    rig.send("a");
    rig.send("b");
    assert_eq!(rig.out(), ["0 write 4a|4b"]);
    rig.send("c");
    assert_eq!(rig.out(), [""; 0], "one batch in flight");
    rig.written(POLLING);
    assert_eq!(rig.out(), ["0 write 4c"]);
}

#[test]
fn a_websocket_opens_with_its_first_packet() {
    let mut rig = Rig::connect(&[TransportKind::WebSocket, TransportKind::Polling]);
    assert_eq!(rig.out(), ["start 0 websocket"]);
    rig.report(WEBSOCKET, ReportKind::Opened { protocol: None });
    rig.packets(WEBSOCKET, vec![open_packet(r#""websocket""#)]);
    assert_eq!(rig.out(), ["opened abc websocket", "0 read"]);
}

#[test]
fn a_close_in_the_handshake_opens_and_closes_without_an_upgrade() {
    let mut rig = Rig::connect(&[TransportKind::Polling, TransportKind::WebSocket]);
    rig.out();
    rig.packets(POLLING, vec![open_packet(r#""websocket""#), text("a"), Packet::Close]);
    assert_eq!(rig.out(), ["0 session abc", "opened abc polling", "messages 4a", "0 abort"]);
}

#[test]
fn a_servers_close_ends_the_session_and_what_follows_it_is_dropped() {
    let mut rig = Rig::polling("");
    rig.out();
    rig.packets(POLLING, vec![text("a"), Packet::Close, text("b"), Packet::Ping("".into())]);
    assert_eq!(rig.out(), ["messages 4a", "0 abort"]);
    rig.closed(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["closed: server disconnect; unsent ; in doubt "]);
}

#[test]
fn packets_out_of_place_end_the_session() {
    for (packet, words) in [
        (open_packet(""), "closed: parse error: a packet out of place: a second open packet"),
        (Packet::Upgrade, "closed: parse error: a packet out of place: an upgrade packet from the server"),
    ] {
        let mut rig = Rig::websocket();
        rig.packets(WEBSOCKET, vec![packet]);
        rig.closed(WEBSOCKET, CloseReason::Ordered, BatchOutcome::sent(0));
        assert_eq!(rig.out()[1], format!("{words}; unsent ; in doubt "));
    }
    let mut rig = Rig::websocket();
    rig.packets(WEBSOCKET, vec![Packet::Pong("".into()), Packet::Unknown('9'), Packet::Noop]);
    assert_eq!(rig.out(), ["0 read"], "tolerated");
}

#[test]
fn a_close_frame_is_a_transport_close() {
    let mut rig = Rig::websocket();
    rig.send("a");
    rig.closed(WEBSOCKET, CloseReason::CloseFrame { code: 1009, reason: "".into() }, BatchOutcome::sent(0));
    let words =
        "closed: transport close: code 1009, a message was too large for the server; unsent a; in doubt ";
    assert_eq!(rig.out(), [words]);
}

#[test]
fn a_late_report_from_an_abandoned_transport_is_ignored() {
    let mut rig = Rig::websocket();
    rig.connection.abort(rig.now, None);
    rig.closed(WEBSOCKET, CloseReason::Ordered, BatchOutcome::sent(0));
    rig.out();
    let params = params(rig.now, &[TransportKind::Polling]);
    rig.connection.connect(rig.now, params).unwrap();
    rig.out();
    rig.packets(WEBSOCKET, vec![open_packet("")]);
    rig.written(WEBSOCKET);
    rig.closed(WEBSOCKET, Rig::eof(), BatchOutcome::sent(0));
    rig.resume();
    assert_eq!(rig.out(), [""; 0]);
    assert!(rig.connection.is_connecting());
}

#[test]
fn a_second_connect_is_an_error() {
    let mut rig = Rig::websocket();
    let polling = params(rig.now, &[TransportKind::Polling]);
    assert_eq!(rig.connection.connect(rig.now, polling).unwrap_err(), ConnectError::AlreadyConnected);
    let nothing = params(rig.now, &[]);
    let mut rig = Rig::with(Limits::default());
    assert_eq!(rig.connection.connect(rig.now, nothing).unwrap_err(), ConnectError::NoTransports);
}
