//! The choice of the transport that opens the session.

use std::io;

use crate::error::HttpStatus;

use super::{
    TransportKind::{Polling, WebSocket},
    *,
};

/// The transports that the tests start, in order.
const SECOND: TransportId = TransportId { number: 1, kind: WebSocket };
const SECOND_POLLING: TransportId = TransportId { number: 1, kind: Polling };
const THIRD: TransportId = TransportId { number: 2, kind: Polling };
const FOURTH: TransportId = TransportId { number: 3, kind: WebSocket };

const URL: &str = "http://localhost:5000/engine.io/";

impl Rig {
    /// Connects with these options, over polling and then WebSocket.
    fn options(try_all: bool, remember: bool) -> Self {
        let mut rig = Self::with(Limits::default());
        rig.again(&[Polling, WebSocket], try_all, remember);
        rig
    }

    fn again(&mut self, transports: &[TransportKind], try_all: bool, remember: bool) {
        let params = ConnectParams { try_all, remember, ..params(self.now, transports) };
        self.connection.connect(self.now, params).unwrap();
    }

    /// Has had a session on a WebSocket, and connects again: this time it starts with a WebSocket.
    fn remembering(try_all: bool) -> Self {
        let mut rig = Self::with(Limits::default());
        rig.again(&[WebSocket], try_all, true);
        rig.report(WEBSOCKET, ReportKind::Opened { protocol: None });
        rig.packets(WEBSOCKET, vec![open_packet("")]);
        // The loss of a session is no reason to expect that the next WebSocket would fail.
        rig.lose(WEBSOCKET);
        rig.again(&[Polling, WebSocket], try_all, true);
        assert_eq!(rig.out(), ["start 1 websocket"]);
        rig
    }

    /// A response with an error status.
    fn status(status: u16) -> CloseReason {
        CloseReason::Failed(TransportError::Status(Box::new(HttpStatus::new(status))))
    }

    /// Ends the session of a WebSocket.
    fn lose(&mut self, id: TransportId) {
        self.closed(id, Self::eof(), BatchOutcome::sent(0));
        assert!(self.connection.is_idle());
        self.out();
    }
}

#[test]
fn the_next_transport_is_tried_when_one_cannot_open_the_session() {
    let mut rig = Rig::options(true, false);
    assert_eq!(rig.out(), ["start 0 polling"]);
    rig.closed(POLLING, Rig::eof(), BatchOutcome::sent(0));
    let failed = "polling failed: http://localhost:5000/engine.io/: connection lost: gone";
    assert_eq!(rig.out(), [failed, "start 1 websocket"]);
    rig.report(SECOND, ReportKind::Opened { protocol: None });
    rig.packets(SECOND, vec![open_packet("")]);
    assert_eq!(rig.out(), ["opened abc websocket", "1 read"]);
}

#[test]
fn the_error_is_that_of_the_last_transport() {
    let mut rig = Rig::options(true, false);
    rig.out();
    rig.packets(POLLING, vec![Packet::Noop]);
    let failed = "polling failed: http://localhost:5000/engine.io/: not an Engine.IO server, or the path is wrong: a \
                  packet out of place: the first packet is not an open packet";
    assert_eq!(rig.out(), ["0 abort", failed, "start 1 websocket"]);
    rig.closed(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    rig.report(SECOND, ReportKind::Opened { protocol: None });
    assert_eq!(rig.elapse(), 5000);
    assert_eq!(rig.out(), ["1 abort"]);
    rig.closed(SECOND, CloseReason::Ordered, BatchOutcome::sent(0));
    let failed = "connect failed: http://localhost:5000/engine.io/: timed out waiting for the open packet";
    assert_eq!(rig.out(), [failed]);
}

#[test]
fn without_the_option_only_the_first_transport_is_tried() {
    let mut rig = Rig::options(false, false);
    rig.out();
    rig.closed(POLLING, Rig::eof(), BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["connect failed: http://localhost:5000/engine.io/: connection lost: gone"]);
}

#[test]
fn a_transport_that_failed_is_not_upgraded_to() {
    let mut rig = Rig::with(Limits::default());
    rig.again(&[WebSocket, Polling], true, false);
    rig.out();
    rig.closed(WEBSOCKET, Rig::eof(), BatchOutcome::sent(0));
    rig.out();
    rig.packets(SECOND_POLLING, vec![open_packet(r#""websocket""#)]);
    assert_eq!(rig.out(), ["1 session abc", "opened abc polling", "1 read"]);
}

#[test]
fn all_transports_share_the_limit_of_the_connect() {
    let mut rig = Rig::options(true, false);
    rig.out();
    rig.now += Duration::from_secs(15);
    rig.closed(POLLING, Rig::eof(), BatchOutcome::sent(0));
    rig.out();
    assert_eq!(rig.elapse(), 5000);
    assert_eq!(rig.out(), ["1 abort"]);
    // Nor is there another one after the limit.
    let mut rig = Rig::options(true, false);
    rig.out();
    assert_eq!(rig.elapse(), 20_000);
    assert_eq!(rig.out(), ["0 abort"]);
}

#[test]
fn a_connect_that_is_cancelled_tries_no_further_transport() {
    let mut rig = Rig::options(true, false);
    rig.out();
    rig.report(POLLING, ReportKind::Requested);
    rig.connection.close(rig.now, None);
    rig.closed(POLLING, Rig::eof(), BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["connect failed: cancelled by Disconnect"]);
}

#[test]
fn late_reports_of_a_failed_transport_do_not_count_for_the_next() {
    let mut rig = Rig::with(Limits::default());
    rig.again(&[WebSocket, Polling], true, false);
    rig.report(WEBSOCKET, ReportKind::Opened { protocol: None });
    rig.packets(WEBSOCKET, vec![Packet::Noop]);
    rig.out();
    rig.report(WEBSOCKET, ReportKind::Requested);
    rig.packets(WEBSOCKET, vec![open_packet("")]);
    rig.report(WEBSOCKET, ReportKind::Opened { protocol: None });
    assert_eq!(rig.out(), [""; 0]);
    // The second one has sent no request: the server has no session that would have to be closed.
    rig.connection.close(rig.now, None);
    assert_eq!(rig.out(), ["0 abort", "1 abort"]);
}

#[test]
fn a_session_that_was_upgraded_is_followed_by_one_that_begins_with_websocket() {
    let mut rig = Rig::options(false, true);
    rig.packets(POLLING, vec![open_packet(r#""websocket""#)]);
    rig.report(SECOND, ReportKind::Opened { protocol: None });
    rig.out();
    rig.written(SECOND);
    rig.packets(SECOND, vec![Packet::Pong("probe".into())]);
    rig.report(POLLING, ReportKind::Paused);
    rig.out();
    rig.written(SECOND);
    rig.closed(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.connection.transport(), Some(WebSocket));
    rig.lose(SECOND);

    // Not elsewhere, not without the option, not where WebSocket is not wanted.
    for (transports, remember, upgrade, path, expected) in [
        (&[Polling, WebSocket][..], true, true, "engine.io", "websocket"),
        (&[Polling, WebSocket], true, true, "other", "polling"),
        (&[Polling, WebSocket], true, false, "engine.io", "polling"),
        (&[Polling, WebSocket], false, true, "engine.io", "polling"),
        (&[Polling], true, true, "engine.io", "polling"),
    ] {
        let endpoint = Endpoint::new("http://localhost:5000/?room=7", path, true, "t".into()).unwrap().into();
        let params = ConnectParams { endpoint, remember, upgrade, ..params(rig.now, transports) };
        rig.connection.connect(rig.now, params).unwrap();
        assert!(rig.out()[0].ends_with(expected), "{transports:?} {remember} {upgrade} {path}");
        rig.connection.stop(rig.now);
        rig.out();
    }
}

#[test]
fn a_websocket_that_fails_to_connect_is_forgotten() {
    for try_all in [false, true] {
        let mut rig = Rig::remembering(try_all);
        rig.closed(SECOND, Rig::status(503), BatchOutcome::sent(0));
        assert_eq!(rig.out().pop().unwrap(), "start 2 polling");
        rig.closed(THIRD, Rig::status(403), BatchOutcome::sent(0));
        if try_all {
            // It was listed, too.
            assert_eq!(rig.out().pop().unwrap(), "start 3 websocket");
            rig.closed(FOURTH, Rig::status(403), BatchOutcome::sent(0));
        }
        // What was only remembered has no say in whether to go on.
        assert_eq!(rig.out(), [format!("connect failed: {URL}: the server refused: status 403")]);
        rig.again(&[Polling, WebSocket], try_all, true);
        assert!(rig.out()[0].ends_with("polling"));
    }
}

#[test]
fn a_websocket_is_remembered_while_its_server_cannot_be_reached() {
    let refused = || TransportError::connect(io::ErrorKind::ConnectionRefused.into());
    for (err, is_moved, is_remembered) in [
        (TransportError::resolve("no address"), false, true),
        (refused(), false, true),
        // A redirect may have led only the WebSocket there.
        (refused(), true, false),
        // Polling may take another way: a proxy forwards it without a tunnel.
        (TransportError::proxy(None, "gone"), false, false),
        (TransportError::proxy(Some(403), "no tunnel"), false, false),
        (TransportError::timeout(Stage::Connect), false, false),
        (TransportError::timeout(Stage::Response), false, false),
    ] {
        let mut rig = Rig::remembering(false);
        if is_moved {
            rig.report(SECOND, moved("elsewhere"));
        }
        rig.closed(SECOND, CloseReason::Failed(err.clone()), BatchOutcome::sent(0));
        assert_eq!(rig.out().pop().unwrap(), "start 2 polling");
        rig.closed(THIRD, CloseReason::Failed(refused()), BatchOutcome::sent(0));
        rig.out();
        rig.again(&[Polling, WebSocket], false, true);
        let next = if is_remembered { "start 3 websocket" } else { "start 3 polling" };
        assert_eq!(rig.out(), [next], "{err:?} {is_moved}");
    }
}

#[test]
fn if_a_remembered_websocket_fails_the_listed_transports_are_tried_as_usual() {
    let mut rig = Rig::remembering(false);
    rig.closed(SECOND, Rig::status(403), BatchOutcome::sent(0));
    let failed = format!("websocket failed: {URL}: the server refused: status 403");
    assert_eq!(rig.out(), [failed.as_str(), "start 2 polling"]);
    rig.packets(THIRD, vec![open_packet(r#""websocket""#)]);
    let out = rig.out();
    assert!(out.contains(&"opened abc polling".to_owned()), "{out:?}");
    assert!(out.contains(&"start 3 websocket abc".to_owned()), "the upgrade is tried: {out:?}");
}

#[test]
fn a_remembered_websocket_is_not_upgraded_whatever_the_server_offers() {
    let mut rig = Rig::remembering(false);
    rig.report(SECOND, ReportKind::Opened { protocol: None });
    rig.packets(SECOND, vec![open_packet(r#""websocket""#)]);
    assert_eq!(rig.out(), ["opened abc websocket", "1 read"]);
}

#[test]
fn a_retryable_failure_is_reported_rather_than_one_that_is_not() {
    for (first, second, expected) in [(503, 403, 503), (403, 503, 503), (503, 502, 502), (404, 403, 403)] {
        let mut rig = Rig::options(true, false);
        rig.closed(POLLING, Rig::status(first), BatchOutcome::sent(0));
        rig.out();
        rig.closed(SECOND, Rig::status(second), BatchOutcome::sent(0));
        assert_eq!(rig.out(), [format!("connect failed: {URL}: the server refused: status {expected}")]);
    }
}

#[test]
fn the_subprotocol_shows_in_the_session_once_it_is_on_the_websocket() {
    let protocol = |rig: &Rig| rig.connection.session().unwrap().websocket_protocol.clone();
    let mut rig = Rig::options(false, false);
    rig.packets(POLLING, vec![open_packet(r#""websocket""#)]);
    rig.report(SECOND, ReportKind::Opened { protocol: Some("chat".into()) });
    rig.out();
    rig.written(SECOND);
    rig.packets(SECOND, vec![Packet::Pong("probe".into())]);
    rig.report(POLLING, ReportKind::Paused);
    rig.out();
    assert_eq!(protocol(&rig), None);
    rig.written(SECOND);
    assert_eq!(protocol(&rig).as_deref(), Some("chat"));

    let mut rig = Rig::with(Limits::default());
    rig.again(&[WebSocket], false, false);
    rig.report(WEBSOCKET, ReportKind::Opened { protocol: Some("chat".into()) });
    rig.packets(WEBSOCKET, vec![open_packet("")]);
    assert_eq!(protocol(&rig).as_deref(), Some("chat"));
}

#[test]
fn a_late_redirect_of_a_failed_transport_does_not_count_for_the_next() {
    let mut rig = Rig::options(true, false);
    rig.packets(POLLING, vec![Packet::Noop]);
    rig.out();
    let elsewhere = Endpoint::new("http://elsewhere", "", true, "t".into()).unwrap();
    rig.report(POLLING, ReportKind::Moved(elsewhere.into()));
    rig.closed(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    rig.closed(SECOND, Rig::eof(), BatchOutcome::sent(0));
    assert_eq!(rig.out(), [format!("connect failed: {URL}: connection lost: gone")]);
}

/// A redirect to this path of another server.
fn moved(path: &str) -> ReportKind {
    ReportKind::Moved(Endpoint::new("http://elsewhere", path, true, "t".into()).unwrap().into())
}

#[test]
fn the_next_transport_begins_at_the_url_that_the_user_named() {
    let mut rig = Rig::options(true, false);
    rig.out();
    rig.report(POLLING, moved("login"));
    rig.closed(POLLING, Rig::status(403), BatchOutcome::sent(0));
    let mut started = Vec::new();
    while let Some(output) = rig.connection.poll_output(rig.now) {
        if let Output::Start { endpoint, .. } = output {
            started.push(endpoint.display_url().to_owned());
        }
    }
    assert_eq!(started, [URL]);
    rig.closed(SECOND, Rig::eof(), BatchOutcome::sent(0));
    assert_eq!(rig.out(), [format!("connect failed: {URL}: connection lost: gone")]);
}

#[test]
fn a_websocket_behind_a_redirect_is_remembered_for_the_url_that_the_user_named() {
    let mut rig = Rig::with(Limits::default());
    rig.again(&[Polling, WebSocket], false, true);
    rig.report(POLLING, moved("shard"));
    rig.packets(POLLING, vec![open_packet(r#""websocket""#)]);
    rig.report(SECOND, ReportKind::Opened { protocol: None });
    rig.out();
    rig.written(SECOND);
    rig.packets(SECOND, vec![Packet::Pong("probe".into())]);
    rig.report(POLLING, ReportKind::Paused);
    rig.out();
    rig.written(SECOND);
    rig.out();
    rig.closed(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    rig.lose(SECOND);
    rig.out();
    rig.again(&[Polling, WebSocket], false, true);
    assert_eq!(rig.out(), ["start 2 websocket"]);
}

#[test]
fn a_redirect_to_what_this_client_cannot_do_is_not_the_fault_of_the_program() {
    let unsupported = || CloseReason::Failed(TransportError::Unsupported("TLS".into()));
    let failure = |is_moved: bool| {
        let mut rig = Rig::options(false, false);
        rig.out();
        if is_moved {
            rig.report(POLLING, moved(""));
        }
        rig.closed(POLLING, unsupported(), BatchOutcome::sent(0));
        match rig.connection.poll_output(rig.now) {
            Some(Output::Ended(outcome)) => match *outcome {
                Outcome::ConnectFailed(err) => err,
                outcome => panic!("{outcome:?}"),
            },
            output => panic!("{output:?}"),
        }
    };
    let err = failure(true);
    assert!(!err.is_final() && !err.is_retryable(), "{err:?}");
    assert_eq!(err.to_string(), "http://elsewhere/: redirected: to what is unsupported: TLS");
    assert!(failure(false).is_final());
}
