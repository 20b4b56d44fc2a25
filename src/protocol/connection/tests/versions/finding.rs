//! What a client of either version finds out about a server, and what it does not conclude.

use super::*;

const WS: &[TransportKind] = &[TransportKind::WebSocket];
const HTTP: &[TransportKind] = &[TransportKind::Polling];

fn ws(number: u64) -> TransportId {
    id(number, TransportKind::WebSocket)
}

fn polling(number: u64) -> TransportId {
    id(number, TransportKind::Polling)
}

/// After a session over polling that has shown this version. The next transport has the number 1.
fn after_polling(version: ProtocolVersion) -> Rig {
    let mut rig = Rig::speaking(Protocol::Any, HTTP);
    rig.out();
    if version == V3 {
        rig.report(POLLING, ReportKind::Answered(V3));
    }
    rig.packets(POLLING, vec![open()]);
    assert_eq!(rig.version(), version);
    rig.end(POLLING);
    rig
}

/// The version in which the next connect over a WebSocket begins.
fn next(rig: &mut Rig) -> ProtocolVersion {
    rig.connect_in(Protocol::Any, WS);
    let out = rig.out();
    assert!(matches!(&out[..], [start] if start.starts_with("start ")), "{out:?}");
    if out.iter().any(|start| start.ends_with(" in protocol 3")) { V3 } else { V4 }
}

/// Goes on until the session has ended. Its pings are written, and not answered. Returns the end.
fn dies(rig: &mut Rig, transport: TransportId) -> String {
    while rig.connection.is_open() {
        rig.elapse();
        if rig.out().iter().any(|word| word.ends_with("write 2")) {
            rig.written(transport);
        }
    }
    ends(rig, transport, CloseReason::Ordered)
}

const PING_TIMEOUT: &str = "closed: ping timeout; unsent ; in doubt ";

#[test]
fn an_end_that_the_server_has_chosen_keeps_its_reason_and_raises_suspicion_only_near_a_limit() {
    let frame = |code, reason: &str| CloseReason::CloseFrame { code, reason: reason.into() };
    for (seconds, reason, expected) in [
        (40, frame(4001, "token expired"), V4),
        (3600, frame(4001, "token expired"), V4),
        (40, frame(4001, ""), V4),
        (40, frame(1000, "bye"), V4),
        (40, frame(1011, ""), V4),
        (40, frame(1000, ""), V3),
        (40, frame(1005, ""), V3),
        (46, frame(1005, ""), V3),
        (25, frame(1005, ""), V4),
        (3600, frame(1005, ""), V4),
        (30, Rig::eof(), V3),
        (3600, Rig::eof(), V4),
    ] {
        let mut rig = Rig::speaking(Protocol::Any, WS);
        rig.opens(WEBSOCKET, open());
        rig.now += Duration::from_secs(seconds);
        let words = match &reason {
            CloseReason::CloseFrame { code, reason } => {
                DisconnectReason::transport_close(*code, &**reason).to_string()
            }
            _ => DisconnectReason::from(TransportError::eof("gone")).to_string(),
        };
        assert_eq!(ends(&mut rig, WEBSOCKET, reason), format!("closed: {words}; unsent ; in doubt "));
        assert_eq!(next(&mut rig), expected, "{words} after {seconds} seconds");
    }
}

#[test]
fn a_close_packet_near_a_limit_raises_suspicion() {
    for (seconds, expected) in [(20, V4), (30, V3), (3600, V4)] {
        let mut rig = Rig::speaking(Protocol::Any, WS);
        rig.opens(WEBSOCKET, open());
        rig.now += Duration::from_secs(seconds);
        rig.packets(WEBSOCKET, vec![Packet::Close]);
        let end = ends(&mut rig, WEBSOCKET, CloseReason::Ordered);
        assert_eq!(end, "closed: server disconnect; unsent ; in doubt ");
        assert_eq!(next(&mut rig), expected, "{seconds} seconds");
    }
}

#[test]
fn a_failure_that_says_nothing_about_the_version_is_no_reason_to_ask_in_the_other_one() {
    // A proven version, and one that is likely.
    for (mut rig, is_proven) in [(after_polling(V3), true), (after_silence(), false)] {
        if is_proven {
            assert_eq!(next(&mut rig), V3);
        }
        for (number, code) in (1..).zip([Some(0), Some(1), Some(3), Some(4)]) {
            rig.refuses(ws(number), 400, code);
            let out = rig.out();
            assert!(matches!(&out[..], [failed] if failed.starts_with("connect failed: ")), "{out:?}");
            assert_eq!(next(&mut rig), V3);
        }
    }
}

#[test]
fn a_proven_version_outlives_what_a_proxy_may_say() {
    let mut rig = after_polling(V3);
    assert_eq!(next(&mut rig), V3);
    rig.refuses(ws(1), 400, None);
    assert_eq!(rig.out().len(), 1);
    assert_eq!(next(&mut rig), V3);
    rig.closed(
        ws(2),
        CloseReason::Failed(TransportError::Malformed("a page of HTML".into())),
        BatchOutcome::sent(0),
    );
    assert_eq!(rig.out().len(), 1);
    assert_eq!(next(&mut rig), V3);
}

#[test]
fn a_server_that_accepts_a_websocket_and_then_speaks_http_refuses_the_version() {
    let mut rig = after_polling(V3);
    assert_eq!(next(&mut rig), V3);
    rig.report(ws(1), ReportKind::Opened { protocol: None });
    rig.closed(
        ws(1),
        CloseReason::Failed(TransportError::Malformed("HTTP instead of WebSocket frames".into())),
        BatchOutcome::sent(0),
    );
    assert_eq!(rig.out()[1..], ["start 2 websocket"], "as engine.io 6 does");
    rig.opens(ws(2), open_packet(""));
    rig.end(ws(2));
    assert_eq!(next(&mut rig), V4);
}

#[test]
fn a_refused_version_is_replaced_in_memory_only_by_an_open_packet_in_the_other_one() {
    for (found, other) in [(V3, V4), (V4, V3)] {
        let mut rig = after_polling(found);
        assert_eq!(next(&mut rig), found);
        rig.refuses(ws(1), 400, Some(5));
        assert_eq!(rig.out().len(), 2);
        rig.closed(ws(2), Rig::eof(), BatchOutcome::sent(0));
        rig.out();
        assert_eq!(next(&mut rig), found, "it was not seen to speak the other one");
        rig.refuses(ws(3), 400, Some(5));
        rig.opens(ws(4), open());
        assert_eq!(rig.version(), other);
        rig.end(ws(4));
        assert_eq!(next(&mut rig), other);
    }
}

#[test]
fn a_server_that_refuses_both_versions_has_shown_neither() {
    let mut rig = Rig::speaking(Protocol::Any, HTTP);
    rig.out();
    rig.refuses(POLLING, 400, Some(5));
    rig.out();
    rig.refuses(polling(1), 400, Some(5));
    assert_eq!(
        rig.out(),
        ["connect failed: http://localhost:5000/engine.io/: the server refuses Engine.IO protocols 3 and 4"]
    );
    assert_eq!(next(&mut rig), V4);
}

#[test]
fn a_session_that_ends_before_its_first_ping_says_nothing_about_the_version() {
    let mut rig = after_silence();
    rig.opens(ws(1), open());
    rig.now += Duration::from_secs(10);
    rig.packets(ws(1), vec![Packet::Close]);
    ends(&mut rig, ws(1), CloseReason::Ordered);
    assert_eq!(next(&mut rig), V3);
    rig.opens(ws(2), open());
    rig.elapse();
    rig.out();
    rig.closed(ws(2), Rig::eof(), BatchOutcome::sent(0));
    rig.out();
    assert_eq!(next(&mut rig), V3, "its ping was not written");
}

#[test]
fn a_proven_version_needs_two_sessions_without_an_answer_to_be_forgotten() {
    let mut rig = after_polling(V3);
    assert_eq!(next(&mut rig), V3);
    rig.opens(ws(1), open());
    assert_eq!(dies(&mut rig, ws(1)), PING_TIMEOUT);
    assert_eq!(next(&mut rig), V3, "perhaps it was the network");
    rig.opens(ws(2), open());
    assert_eq!(dies(&mut rig, ws(2)), PING_TIMEOUT);
    assert_eq!(next(&mut rig), V4);
}

#[test]
fn an_answer_in_between_proves_the_version_again() {
    let mut rig = after_polling(V3);
    for number in [1, 3] {
        assert_eq!(next(&mut rig), V3);
        rig.opens(ws(number), open());
        dies(&mut rig, ws(number));
        assert_eq!(next(&mut rig), V3);
        let transport = ws(number + 1);
        rig.opens(transport, open());
        rig.elapse();
        rig.out();
        rig.written(transport);
        rig.packets(transport, vec![PONG]);
        assert_eq!(dies(&mut rig, transport), PING_TIMEOUT, "it has answered one ping");
    }
    assert_eq!(next(&mut rig), V3);
}

#[test]
fn a_server_that_pings_does_not_speak_version_3() {
    for mut rig in [after_silence(), after_polling(V3)] {
        if rig.connection.is_idle() {
            assert_eq!(next(&mut rig), V3);
        }
        rig.opens(ws(1), open());
        rig.packets(ws(1), vec![Packet::Ping("".into())]);
        rig.end(ws(1));
        assert_eq!(next(&mut rig), V4);
    }
}

#[test]
fn a_server_that_has_shown_version_4_is_not_suspected() {
    let shown_by_ping = {
        let mut rig = Rig::speaking(Protocol::Any, WS);
        rig.opens(WEBSOCKET, open());
        rig.packets(WEBSOCKET, vec![Packet::Ping("".into())]);
        rig.end(WEBSOCKET);
        rig
    };
    let shown_by_limit = {
        let mut rig = Rig::speaking(Protocol::Any, WS);
        rig.opens(WEBSOCKET, open_packet(""));
        rig.end(WEBSOCKET);
        rig
    };
    for mut rig in [after_polling(V4), shown_by_ping, shown_by_limit] {
        assert_eq!(next(&mut rig), V4);
        rig.opens(ws(1), open());
        assert_eq!(dies(&mut rig, ws(1)), PING_TIMEOUT);
        assert_eq!(next(&mut rig), V4);
    }
}

#[test]
fn a_version_is_remembered_for_the_url_that_the_user_named() {
    let mut rig = Rig::speaking(Protocol::Any, HTTP);
    rig.out();
    let elsewhere = Endpoint::new("http://localhost:6000", "engine.io", true, "t".into()).unwrap();
    rig.report(POLLING, ReportKind::Moved(elsewhere.into()));
    rig.refuses(POLLING, 400, Some(5));
    assert!(matches!(rig.connection.poll_output(rig.now), Some(Output::AttemptFailed { .. })));
    let Some(Output::Start { endpoint: at, version, .. }) = rig.connection.poll_output(rig.now) else {
        panic!("no other attempt")
    };
    assert_eq!((at.display_url(), version), (endpoint().display_url(), V3));
    rig.packets(polling(1), vec![open()]);
    rig.end(polling(1));
    assert_eq!(next(&mut rig), V3);
}

#[test]
fn each_transport_goes_on_in_the_version_that_was_found() {
    let both = [TransportKind::WebSocket, TransportKind::Polling];
    let connect = || {
        let mut rig = Rig::with(Limits::default());
        let params = ConnectParams { try_all: true, ..params(rig.now, &both, Protocol::Any) };
        rig.connection.connect(rig.now, params).unwrap();
        assert_eq!(rig.out(), ["start 0 websocket"]);
        rig
    };
    let mut rig = connect();
    rig.refuses(WEBSOCKET, 400, Some(5));
    assert_eq!(rig.out()[1..], ["start 1 websocket in protocol 3"]);
    rig.closed(ws(1), Rig::eof(), BatchOutcome::sent(0));
    assert_eq!(rig.out()[1..], ["start 2 polling in protocol 3"]);
    rig.packets(polling(2), vec![open()]);
    assert_eq!(rig.version(), V3);
    let mut rig = connect();
    rig.closed(WEBSOCKET, Rig::eof(), BatchOutcome::sent(0));
    assert_eq!(rig.out()[1..], ["start 1 polling"]);
    rig.report(polling(1), ReportKind::Answered(V3));
    rig.packets(polling(1), vec![open()]);
    assert_eq!(rig.version(), V3);
}

#[test]
fn a_disconnect_ends_the_attempt_in_the_other_version() {
    let retry = || {
        let mut rig = Rig::speaking(Protocol::Any, HTTP);
        rig.out();
        rig.refuses(POLLING, 400, Some(5));
        assert_eq!(rig.out()[1..], ["start 1 polling in protocol 3"]);
        rig
    };
    let mut rig = retry();
    rig.connection.close(rig.now, None);
    assert_eq!(rig.out(), ["1 abort"]);
    rig.closed(polling(1), CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["connect failed: cancelled by Disconnect"]);
    assert_eq!(next(&mut rig), V4);
    // The server may have a session already.
    let mut rig = retry();
    rig.report(polling(1), ReportKind::Requested);
    rig.connection.close(rig.now, None);
    assert_eq!(rig.out(), [""; 0]);
    rig.packets(polling(1), vec![open()]);
    assert_eq!(rig.out(), ["1 session abc", "1 write 1"]);
    rig.written(polling(1));
    assert_eq!(rig.out(), ["1 abort"]);
    rig.closed(polling(1), CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["connect failed: cancelled by Disconnect"]);
    assert_eq!(next(&mut rig), V3, "the open packet has shown it");
}
