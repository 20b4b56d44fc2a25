//! Sessions in protocol 3, and how a connect finds out which version a server speaks.

mod finding;
mod heartbeat;

use super::*;
use crate::{
    data::Data,
    error::{DisconnectReason, HttpStatus, ProtocolError},
    protocol::version::ProtocolVersion::{self, V3, V4},
};

const PONG: Packet = Packet::Pong(bytestring::ByteString::from_static(""));

/// An open packet of a server that names no `maxPayload`.
fn open() -> Packet {
    Packet::Open(r#"{"sid":"abc","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}"#.into())
}

fn params(now: Instant, transports: &[TransportKind], protocol: Protocol) -> ConnectParams {
    ConnectParams { protocol, ..super::params(now, transports) }
}

impl Rig {
    fn speaking(protocol: Protocol, transports: &[TransportKind]) -> Self {
        let mut rig = Self::with(Limits::default());
        rig.connect_in(protocol, transports);
        rig
    }

    fn connect_in(&mut self, protocol: Protocol, transports: &[TransportKind]) {
        let params = params(self.now, transports, protocol);
        self.connection.connect(self.now, params).unwrap();
    }

    /// A session in protocol 3 over this transport, without an upgrade.
    fn in_version_3(transport: TransportId) -> Self {
        let mut rig = Self::speaking(Protocol::V3, &[transport.kind]);
        rig.opens(transport, open());
        assert_eq!(rig.version(), V3);
        rig
    }

    fn version(&self) -> ProtocolVersion {
        self.connection.session().expect("a session").protocol
    }

    /// Ends the session, whose transport this is.
    fn end(&mut self, transport: TransportId) {
        self.out();
        self.connection.abort(self.now, None);
        self.out();
        self.closed(transport, CloseReason::Ordered, BatchOutcome::sent(0));
        self.out();
        assert!(self.connection.is_idle());
    }

    fn refuses(&mut self, transport: TransportId, status: u16, code: Option<i64>) {
        let mut status = HttpStatus::new(status);
        status.code = code;
        let err = TransportError::Status(Box::new(status));
        self.closed(transport, CloseReason::Failed(err), BatchOutcome::sent(0));
    }
}

fn id(number: u64, kind: TransportKind) -> TransportId {
    TransportId { number, kind }
}

#[test]
fn the_client_pings_in_the_interval_of_the_server() {
    for transport in [POLLING, WEBSOCKET] {
        let mut rig = Rig::in_version_3(transport);
        for _ in 0..3 {
            assert_eq!(rig.elapse(), 25_000);
            assert_eq!(rig.out(), ["0 write 2"]);
            rig.written(transport);
            rig.now += Duration::from_millis(30);
            rig.packets(transport, vec![PONG]);
            assert_eq!(rig.out(), ["0 read"], "a pong is no reason to pause");
            assert_eq!(rig.connection.round_trip(), Some(Duration::from_millis(30)));
            rig.now -= Duration::from_millis(30);
        }
    }
}

#[test]
fn a_server_that_does_not_answer_is_dead_after_its_timeout() {
    for transport in [POLLING, WEBSOCKET] {
        let mut rig = Rig::in_version_3(transport);
        assert_eq!(rig.elapse(), 25_000);
        rig.out();
        rig.written(transport);
        assert_eq!(rig.elapse(), 20_000);
        assert_eq!(rig.out(), ["0 abort"]);
        rig.closed(transport, CloseReason::Ordered, BatchOutcome::sent(0));
        assert_eq!(rig.out(), ["closed: ping timeout; unsent ; in doubt "]);
    }
}

#[test]
fn any_byte_proves_the_server_alive_until_the_next_ping() {
    let mut rig = Rig::in_version_3(WEBSOCKET);
    rig.elapse();
    rig.out();
    rig.written(WEBSOCKET);
    rig.now += Duration::from_secs(19);
    rig.report(WEBSOCKET, ReportKind::Alive { is_partial: true, read: 0 });
    assert_eq!(rig.elapse(), 6_000, "the next ping");
    assert_eq!(rig.out(), ["0 write 2"]);
    rig.written(WEBSOCKET);
    assert_eq!(rig.elapse(), 20_000);
    assert_eq!(rig.out(), ["0 abort"]);
}

#[test]
fn a_ping_goes_before_the_messages_and_waits_for_the_batch_in_flight() {
    let mut rig = Rig::in_version_3(POLLING);
    rig.send("a");
    assert_eq!(rig.out(), ["0 write 4a"]);
    rig.send("b");
    assert_eq!(rig.elapse(), 25_000);
    assert_eq!(rig.out(), [""; 0]);
    rig.written(POLLING);
    assert_eq!(rig.out(), ["0 write 2|4b"]);
}

#[test]
fn pings_go_on_under_back_pressure_and_their_answers_have_no_limit() {
    let mut rig = Rig::in_version_3(WEBSOCKET);
    rig.packets(WEBSOCKET, vec![text("x")]);
    assert_eq!(rig.out(), ["messages 4x"]);
    assert_eq!(rig.elapse(), 25_000);
    assert_eq!(rig.out(), ["0 write 2"]);
    rig.written(WEBSOCKET);
    assert_eq!(rig.elapse(), 20_000);
    assert_eq!(rig.out(), ["0 abort"]);
    rig.closed(WEBSOCKET, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["closed: stalled; unsent ; in doubt "], "the subscribers are to blame");
}

#[test]
fn the_limit_of_an_answer_starts_again_after_back_pressure() {
    let mut rig = Rig::in_version_3(WEBSOCKET);
    rig.packets(WEBSOCKET, vec![text("x")]);
    rig.elapse();
    rig.out();
    rig.written(WEBSOCKET);
    rig.now += Duration::from_secs(10);
    rig.resume();
    rig.now += Duration::from_secs(1);
    rig.packets(WEBSOCKET, vec![PONG]);
    assert_eq!(rig.connection.round_trip(), Some(Duration::from_secs(1)), "back-pressure does not count");
    rig.resume();
    assert_eq!(rig.elapse(), 14_000, "the next ping");
}

#[test]
fn a_ping_that_is_late_goes_out_at_once() {
    let mut rig = Rig::in_version_3(WEBSOCKET);
    // The process was suspended. The other deadlines have a grace period.
    rig.now += Duration::from_secs(3600);
    rig.connection.handle_timeout(rig.now);
    assert_eq!(rig.out(), ["0 write 2"]);
    rig.written(WEBSOCKET);
    rig.packets(WEBSOCKET, vec![PONG]);
    assert_eq!(rig.elapse(), 25_000, "the session goes on");
}

#[test]
fn a_confirm_needs_a_websocket_ping_and_not_a_pong_of_the_heartbeat() {
    let mut rig = Rig::in_version_3(WEBSOCKET);
    rig.elapse();
    assert_eq!(rig.out(), ["0 write 2"]);
    rig.written(WEBSOCKET);
    rig.send("a");
    rig.connection.confirm(rig.now);
    assert_eq!(rig.out(), ["0 write 4a"]);
    rig.packets(WEBSOCKET, vec![PONG]);
    assert_eq!(rig.out(), ["0 read"]);
    rig.written(WEBSOCKET);
    assert_eq!(rig.out(), ["0 ping 1"]);
    rig.report(WEBSOCKET, ReportKind::Pong(1));
    assert_eq!(rig.out(), ["confirmed"]);
}

#[test]
fn a_ping_of_the_server_is_not_answered_in_version_3() {
    let mut rig = Rig::in_version_3(WEBSOCKET);
    rig.packets(WEBSOCKET, vec![Packet::Ping("".into())]);
    assert_eq!(rig.out(), ["0 read"]);
}

#[test]
fn a_ping_that_is_due_during_an_upgrade_goes_over_the_websocket() {
    let mut rig = Rig::speaking(Protocol::V3, &[TransportKind::Polling, TransportKind::WebSocket]);
    assert_eq!(rig.out(), ["start 0 polling in protocol 3"]);
    let open = r#"{"sid":"abc","upgrades":["websocket"],"pingInterval":3000,"pingTimeout":20000}"#;
    rig.packets(POLLING, vec![Packet::Open(open.into())]);
    assert_eq!(rig.out()[2..], ["0 read", "start 1 websocket abc in protocol 3"]);
    rig.now += Duration::from_secs(2);
    rig.report(PROBE, ReportKind::Opened { protocol: None });
    rig.out();
    rig.written(PROBE);
    rig.packets(PROBE, vec![Packet::Pong("probe".into())]);
    assert_eq!(rig.out(), ["0 pause", "1 read"]);
    assert_eq!(rig.elapse(), 1_000);
    assert_eq!(rig.out(), [""; 0]);
    rig.report(POLLING, ReportKind::Paused);
    assert_eq!(rig.out(), ["1 write 5"]);
    rig.written(PROBE);
    assert!(rig.out().contains(&"1 write 2".to_owned()));
}

#[test]
fn a_connect_goes_on_in_the_version_of_the_answer() {
    let mut rig = Rig::speaking(Protocol::Any, &[TransportKind::Polling, TransportKind::WebSocket]);
    assert_eq!(rig.out(), ["start 0 polling"]);
    rig.report(POLLING, ReportKind::Answered(V3));
    rig.packets(POLLING, vec![open()]);
    let out = rig.out();
    assert_eq!(out[..2], ["0 session abc", "opened abc polling"]);
    assert!(out.contains(&"start 1 websocket abc in protocol 3".to_owned()), "{out:?}");
    assert_eq!(rig.version(), V3);
    rig.closed(PROBE, Rig::eof(), BatchOutcome::sent(0));
    rig.end(POLLING);
    rig.connect_in(Protocol::Any, &[TransportKind::WebSocket]);
    assert_eq!(rig.out(), ["start 2 websocket in protocol 3"], "it is remembered");
}

#[test]
fn a_version_that_is_refused_is_replaced_within_the_same_connect() {
    let mut rig = Rig::speaking(Protocol::Any, &[TransportKind::Polling]);
    rig.out();
    rig.refuses(POLLING, 400, Some(5));
    let failed = "polling failed: http://localhost:5000/engine.io/: the server speaks Engine.IO protocol 3, this client \
                  speaks protocol 4: see the option `protocol`";
    assert_eq!(rig.out(), [failed, "start 1 polling in protocol 3"]);
    let polling = id(1, TransportKind::Polling);
    rig.packets(polling, vec![open()]);
    rig.out();
    assert_eq!(rig.version(), V3);
    rig.end(polling);

    // The server was replaced by one of version 4.
    rig.connect_in(Protocol::Any, &[TransportKind::Polling]);
    assert_eq!(rig.out(), ["start 2 polling in protocol 3"]);
    rig.refuses(id(2, TransportKind::Polling), 400, Some(5));
    assert_eq!(rig.out()[1..], ["start 3 polling"]);
    rig.packets(id(3, TransportKind::Polling), vec![open_packet("")]);
    rig.out();
    assert_eq!(rig.version(), V4);
    rig.end(id(3, TransportKind::Polling));
    rig.connect_in(Protocol::Any, &[TransportKind::Polling]);
    assert_eq!(rig.out(), ["start 4 polling"], "what was remembered is forgotten");
}

#[test]
fn a_version_that_is_known_is_not_forgotten_for_a_failure_that_says_nothing_about_it() {
    let mut rig = after_silence();
    // Perhaps a proxy says so.
    rig.refuses(id(1, TransportKind::WebSocket), 400, None);
    assert_eq!(rig.out()[1..], ["start 2 websocket"]);
    rig.opens(id(2, TransportKind::WebSocket), open());
    rig.end(id(2, TransportKind::WebSocket));
    rig.connect_in(Protocol::Any, &[TransportKind::WebSocket]);
    assert_eq!(rig.out(), ["start 3 websocket in protocol 3"]);
    rig.refuses(id(3, TransportKind::WebSocket), 400, None);
    rig.out();
    rig.opens(id(4, TransportKind::WebSocket), open());
    rig.packets(id(4, TransportKind::WebSocket), vec![Packet::Ping("".into())]);
    rig.end(id(4, TransportKind::WebSocket));
    rig.connect_in(Protocol::Any, &[TransportKind::WebSocket]);
    assert_eq!(rig.out(), ["start 5 websocket"], "a ping of the server proves version 4");
}

#[test]
fn a_server_that_refuses_both_versions_is_asked_once_in_each() {
    let mut rig = Rig::speaking(Protocol::Any, &[TransportKind::Polling]);
    rig.out();
    rig.refuses(POLLING, 400, Some(5));
    rig.out();
    rig.refuses(id(1, TransportKind::Polling), 400, Some(5));
    let out = rig.out();
    assert!(matches!(&out[..], [failed] if failed.starts_with("connect failed: ")), "{out:?}");
}

#[test]
fn a_version_that_is_set_fails_with_an_error_that_names_both_sides_and_the_option() {
    for (protocol, answered, err) in
        [(Protocol::V4, V3, ProtocolError::Version3), (Protocol::V3, V4, ProtocolError::Version4)]
    {
        let mut rig = Rig::speaking(protocol, &[TransportKind::Polling]);
        rig.out();
        rig.report(POLLING, ReportKind::Answered(answered));
        rig.packets(POLLING, vec![open()]);
        assert_eq!(rig.out(), ["0 abort"]);
        rig.closed(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
        let expected = format!("connect failed: http://localhost:5000/engine.io/: {err}");
        assert_eq!(rig.out(), [expected]);
    }
}

/// How a session ends over WebSocket, in words.
fn ends(rig: &mut Rig, transport: TransportId, reason: CloseReason) -> String {
    rig.out();
    rig.closed(transport, reason, BatchOutcome::sent(0));
    rig.out().pop().expect("an end")
}

const NO_PING: &str = "closed: ping timeout: the server sent no ping; it may speak Engine.IO protocol 3, see the option \
                       `protocol`; unsent ; in doubt ";

#[test]
fn a_session_that_ends_for_its_silence_without_one_ping_hints_at_version_3() {
    let mut rig = Rig::without_max_payload(WEBSOCKET);
    assert_eq!(rig.elapse(), 45_000);
    assert_eq!(ends(&mut rig, WEBSOCKET, CloseReason::Ordered), NO_PING);
}

#[test]
fn a_session_hints_at_nothing_if_the_server_is_known_or_has_pinged() {
    let closed = "closed: ping timeout; unsent ; in doubt ";
    let silent = |mut rig: Rig, transport: TransportId| {
        rig.elapse();
        ends(&mut rig, transport, CloseReason::Ordered)
    };
    assert_eq!(silent(Rig::without_max_payload(POLLING), POLLING), closed, "polling shows the version");
    assert_eq!(silent(Rig::websocket(), WEBSOCKET), closed, "it has named a maxPayload");
    let mut rig = Rig::without_max_payload(WEBSOCKET);
    rig.packets(WEBSOCKET, vec![Packet::Ping("".into())]);
    rig.out();
    rig.written(WEBSOCKET);
    assert_eq!(silent(rig, WEBSOCKET), closed);
}

/// A client that speaks either version, after a session over WebSocket whose server has not pinged. Its next connect is
/// under way.
fn after_silence() -> Rig {
    let mut rig = Rig::speaking(Protocol::Any, &[TransportKind::WebSocket]);
    rig.opens(WEBSOCKET, open());
    assert_eq!(rig.version(), V4);
    assert_eq!(rig.elapse(), 45_000);
    assert_eq!(ends(&mut rig, WEBSOCKET, CloseReason::Ordered), NO_PING);
    rig.connect_in(Protocol::Any, &[TransportKind::WebSocket]);
    assert_eq!(rig.out(), ["start 1 websocket in protocol 3"]);
    rig
}

#[test]
fn an_answered_ping_proves_version_3() {
    let second = id(1, TransportKind::WebSocket);
    let mut rig = after_silence();
    rig.opens(second, open());
    rig.elapse();
    assert_eq!(rig.out(), ["1 write 2"]);
    rig.written(second);
    rig.packets(second, vec![PONG]);
    rig.now += Duration::from_secs(60);
    rig.packets(second, vec![Packet::Close]);
    ends(&mut rig, second, CloseReason::Ordered);
    rig.connect_in(Protocol::Any, &[TransportKind::WebSocket]);
    assert_eq!(rig.out(), ["start 2 websocket in protocol 3"]);
}

#[test]
fn a_ping_without_an_answer_proves_nothing() {
    let second = id(1, TransportKind::WebSocket);
    let mut rig = after_silence();
    rig.opens(second, open());
    rig.elapse();
    rig.out();
    rig.written(second);
    rig.elapse();
    let end = ends(&mut rig, second, CloseReason::Ordered);
    assert_eq!(end, format!("closed: {}; unsent ; in doubt ", DisconnectReason::PingTimeout));
    rig.connect_in(Protocol::Any, &[TransportKind::WebSocket]);
    assert_eq!(rig.out(), ["start 2 websocket"]);
}

#[test]
fn a_suspicion_outlives_an_attempt_that_fails_for_another_reason() {
    let mut rig = after_silence();
    rig.closed(id(1, TransportKind::WebSocket), Rig::eof(), BatchOutcome::sent(0));
    rig.out();
    rig.connect_in(Protocol::Any, &[TransportKind::WebSocket]);
    assert_eq!(rig.out(), ["start 2 websocket in protocol 3"]);
}

#[test]
fn a_message_has_the_size_of_version_3() {
    let mut rig = Rig::speaking(Protocol::V3, &[TransportKind::WebSocket]);
    rig.opens(WEBSOCKET, open_packet(""));
    let send =
        |rig: &mut Rig, len: usize| rig.connection.send(Data::from(vec![0; len])).map_err(|err| err.kind);
    assert_eq!(send(&mut rig, 99), Ok(()));
    assert_eq!(send(&mut rig, 100), Err(SendErrorKind::too_large(101, 100)));
}
