//! The connect over a single transport.

use super::*;

#[test]
fn a_connect_fails_within_its_bounds() {
    let mut rig = Rig::connect(&[TransportKind::Polling]);
    rig.out();
    assert_eq!(rig.elapse(), 20_000);
    rig.closed(POLLING, CloseReason::Interrupted(Stage::Connect), BatchOutcome::sent(0));
    let words = "connect failed: http://localhost:5000/engine.io/: timed out connecting";
    assert_eq!(rig.out(), ["0 abort", words]);

    let mut rig = Rig::connect(&[TransportKind::WebSocket]);
    rig.out();
    rig.report(WEBSOCKET, ReportKind::Opened { protocol: None });
    assert_eq!(rig.elapse(), 5_000);
    rig.closed(WEBSOCKET, CloseReason::Ordered, BatchOutcome::sent(0));
    let words = "connect failed: http://localhost:5000/engine.io/: timed out waiting for the open packet";
    assert_eq!(rig.out(), ["0 abort", words]);
}

#[test]
fn a_first_packet_that_is_not_an_open_packet_fails_the_connect() {
    for packets in [vec![], vec![Packet::Noop], vec![text("hi"), open_packet("")]] {
        let mut rig = Rig::connect(&[TransportKind::Polling]);
        rig.out();
        rig.packets(POLLING, packets);
        assert_eq!(rig.out(), ["0 abort"]);
        rig.closed(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
        assert!(rig.out()[0].contains("not an Engine.IO server"));
    }
}

#[test]
fn no_session_stays_open_after_a_close_while_connecting() {
    // The handshake request was sent: the session is closed as soon as it opens.
    let mut rig = Rig::connect(&[TransportKind::Polling]);
    rig.out();
    rig.report(POLLING, ReportKind::Requested);
    rig.connection.close(rig.now, None);
    assert_eq!(rig.out(), [""; 0]);
    rig.packets(POLLING, vec![open_packet(""), text("unwanted")]);
    assert_eq!(rig.out(), ["0 session abc", "0 write 1"]);
    rig.written(POLLING);
    assert_eq!(rig.out(), ["0 abort"]);
    rig.closed(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["connect failed: cancelled by Disconnect"]);

    // It is not waited for longer than `close_timeout` and than two seconds.
    for (close_timeout, waited) in [(5_000, 2_000), (1_500, 1_500)] {
        let close_timeout = Duration::from_millis(close_timeout);
        let mut rig = Rig::with(Limits { close_timeout, ..Limits::default() });
        let params = params(rig.now, &[TransportKind::Polling]);
        rig.connection.connect(rig.now, params).unwrap();
        rig.out();
        rig.report(POLLING, ReportKind::Requested);
        rig.connection.close(rig.now, None);
        assert_eq!(rig.elapse(), waited);
        assert_eq!(rig.out(), ["0 abort"]);
    }

    // If it opens, `close_timeout` counts for its close.
    let mut rig = Rig::connect(&[TransportKind::Polling]);
    rig.out();
    rig.report(POLLING, ReportKind::Requested);
    rig.connection.close(rig.now, None);
    rig.now += Duration::from_millis(1_900);
    rig.packets(POLLING, vec![open_packet("")]);
    assert_eq!(rig.out(), ["0 session abc", "0 write 1"]);
    assert_eq!(rig.elapse(), 3_100);
    assert_eq!(rig.out(), ["0 abort"]);

    // No request was sent: at once.
    for transport in [POLLING, WEBSOCKET] {
        let mut rig = Rig::connect(&[transport.kind]);
        rig.out();
        rig.connection.close(rig.now, None);
        rig.closed(transport, CloseReason::Ordered, BatchOutcome::sent(0));
        assert_eq!(rig.out(), ["0 abort", "connect failed: cancelled by Disconnect"]);
    }
}

#[test]
fn the_transport_says_what_a_connect_that_took_too_long_was_waiting_for() {
    let url = "connect failed: http://localhost:5000/engine.io/:";
    for (reason, words) in [
        (CloseReason::Interrupted(Stage::Tls), "timed out during the TLS handshake"),
        (CloseReason::Interrupted(Stage::Response), "timed out waiting for a response"),
        // It has just finished.
        (CloseReason::Ordered, "timed out waiting for the open packet"),
        (Rig::eof(), "connection lost: gone"),
    ] {
        let mut rig = Rig::connect(&[TransportKind::Polling]);
        rig.report(POLLING, ReportKind::Requested);
        rig.out();
        assert_eq!(rig.elapse(), 20_000);
        assert_eq!(rig.out(), ["0 abort"]);
        rig.packets(POLLING, vec![open_packet("")]);
        assert_eq!(rig.out(), [""; 0], "it is too late for a session");
        rig.closed(POLLING, reason, BatchOutcome::sent(0));
        assert_eq!(rig.out(), [format!("{url} {words}")]);
    }

    // A transport that does not answer is not waited for.
    let mut rig = Rig::connect(&[TransportKind::Polling]);
    rig.out();
    rig.elapse();
    assert_eq!(rig.out(), ["0 abort"]);
    assert_eq!(rig.elapse(), 1000);
    assert_eq!(rig.out(), ["0 abort".to_owned(), format!("{url} timed out connecting")]);
    assert!(rig.connection.is_idle());
}

#[test]
fn a_connect_can_be_cancelled_at_any_point() {
    let cancelled = "connect failed: cancelled by Disconnect";
    // It took too long, and the transport has not said why.
    let mut rig = Rig::connect(&[TransportKind::Polling]);
    rig.elapse();
    rig.out();
    rig.connection.close(rig.now, None);
    rig.closed(POLLING, CloseReason::Interrupted(Stage::Connect), BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["0 abort", cancelled]);

    // The close waits for the session, and an abort does not.
    let mut rig = Rig::connect(&[TransportKind::Polling]);
    rig.report(POLLING, ReportKind::Requested);
    rig.out();
    rig.connection.close(rig.now, None);
    rig.connection.close(rig.now, None);
    assert_eq!(rig.out(), [""; 0]);
    rig.connection.abort(rig.now, None);
    rig.closed(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["0 abort", cancelled]);
}

#[test]
fn the_limit_of_the_connect_is_a_limit_for_each_of_its_steps() {
    let mut rig = Rig::connect(&[TransportKind::WebSocket]);
    rig.now += Duration::from_secs(18);
    rig.report(WEBSOCKET, ReportKind::Opened { protocol: None });
    assert_eq!(rig.elapse(), 2000, "the open packet would have five seconds");

    let mut rig = Rig::connect(&[TransportKind::Polling]);
    rig.report(POLLING, ReportKind::Requested);
    rig.now += Duration::from_secs(18);
    rig.connection.close(rig.now, None);
    assert_eq!(rig.elapse(), 2000, "a close would have five seconds");
}

#[test]
fn a_redirected_session_is_at_its_new_endpoint() {
    let moved = || ReportKind::Moved(Endpoint::new("http://moved", "", true, "t".into()).unwrap().into());
    let mut rig = Rig::connect(&[TransportKind::Polling, TransportKind::WebSocket]);
    rig.out();
    rig.report(POLLING, moved());
    rig.packets(POLLING, vec![open_packet(r#""websocket""#)]);
    let mut endpoints = Vec::new();
    while let Some(output) = rig.connection.poll_output(rig.now) {
        if let Output::Start { endpoint, .. } = output {
            endpoints.push(endpoint.display_url().to_owned());
        }
    }
    assert_eq!(endpoints, ["http://moved/"], "of the probe");

    let mut rig = Rig::connect(&[TransportKind::Polling]);
    rig.out();
    rig.report(POLLING, moved());
    rig.closed(POLLING, Rig::eof(), BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["connect failed: http://moved/: connection lost: gone"]);
}
