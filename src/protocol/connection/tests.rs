//! Given inputs, exact outputs: a session is played as a trace in virtual time, without a runtime.

mod attempts;
mod confirming;
mod connecting;
mod ending;
mod pinging;
mod receiving;
mod retaining;
mod sending;
mod sessions;
mod timeouts;
mod upgrades;
mod versions;
mod walk;

use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::{
    model::{endpoint, open_packet, text},
    sending::BATCH,
    *,
};
use crate::{
    data::Data,
    error::{ConnectError, SendErrorKind, Stage, TransportError},
    protocol::{packet::Packet, version::Protocol, version::ProtocolVersion},
};

/// A connection, its clock, and short words for its inputs and outputs.
struct Rig {
    connection: Connection,
    now: Instant,
}

/// The first transport of a session over polling.
const POLLING: TransportId = TransportId { number: 0, kind: TransportKind::Polling };
/// The probe of its upgrade.
const PROBE: TransportId = TransportId { number: 1, kind: TransportKind::WebSocket };
/// The transport of a session that opens over WebSocket.
const WEBSOCKET: TransportId = TransportId { number: 0, kind: TransportKind::WebSocket };

/// A packet as polling would write it.
fn wire(packet: &Packet) -> String {
    let mut buffer = BytesMut::new();
    ProtocolVersion::V4.encode_payload(std::slice::from_ref(packet), &mut buffer);
    String::from_utf8(buffer.to_vec()).unwrap()
}

fn wires(packets: &[Packet]) -> String {
    packets.iter().map(wire).collect::<Vec<_>>().join("|")
}

fn datas(datas: &[Data]) -> String {
    datas
        .iter()
        .map(|data| String::from_utf8_lossy(data.as_bytes()).into_owned())
        .collect::<Vec<_>>()
        .join("|")
}

fn word(output: Output) -> String {
    match output {
        Output::Start { id, kind, session, version, .. } => {
            let sid = session.map(|session| format!(" {}", session.sid)).unwrap_or_default();
            let version = if version == ProtocolVersion::V3 { " in protocol 3" } else { "" };
            format!("start {} {kind}{sid}{version}", id.number)
        }
        Output::Order(id, Command::Write(packets)) => format!("{} write {}", id.number, wires(&packets)),
        Output::Order(id, Command::Ping(number)) => format!("{} ping {number}", id.number),
        Output::Order(id, Command::Read(_)) => format!("{} read", id.number),
        Output::Order(id, Command::Session(session)) => format!("{} session {}", id.number, session.sid),
        Output::Order(id, Command::Pause) => format!("{} pause", id.number),
        Output::Order(id, Command::Resume) => format!("{} resume", id.number),
        Output::Order(id, Command::Close) => format!("{} close", id.number),
        Output::Order(id, Command::Abort) => format!("{} abort", id.number),
        Output::AttemptFailed { kind, err } => format!("{kind} failed: {err}"),
        Output::Opened(session) => format!("opened {} {}", session.sid, session.transport),
        Output::Messages { packets, .. } => format!("messages {}", wires(&packets)),
        Output::Upgraded(kind) => format!("upgraded {kind}"),
        Output::Rejected(rejected) => {
            let bytes: usize = rejected.messages().iter().map(Data::len).sum();
            format!("rejected {bytes} bytes: {}", rejected.kind())
        }
        Output::PingsUnanswered => "pings are not answered".to_owned(),
        Output::Confirmed(Ok(())) => "confirmed".to_owned(),
        Output::Confirmed(Err(err)) => format!("not confirmed: {err}"),
        Output::UpgradeFailed(err) => format!("upgrade failed: {err}"),
        Output::Ended(outcome) => match *outcome {
            Outcome::ConnectFailed(err) => format!("connect failed: {err}"),
            Outcome::Closed { reason, unsent, in_doubt, .. } => {
                let unsent =
                    unsent.iter().map(|outgoing| datas(outgoing.messages())).collect::<Vec<_>>().join("|");
                format!("closed: {reason}; unsent {unsent}; in doubt {}", datas(&in_doubt))
            }
        },
    }
}

/// The parameters of most connects.
fn params(now: Instant, transports: &[TransportKind]) -> ConnectParams {
    ConnectParams {
        endpoint: endpoint(),
        deadline: now + Duration::from_secs(20),
        transports: transports.to_vec(),
        protocol: Protocol::V4,
        upgrade: true,
        try_all: false,
        remember: false,
    }
}

impl Rig {
    fn with(limits: Limits) -> Self {
        Self { connection: Connection::new(limits), now: Instant::now() }
    }

    fn connect(transports: &[TransportKind]) -> Self {
        let mut rig = Self::with(Limits::default());
        let params = params(rig.now, transports);
        rig.connection.connect(rig.now, params).unwrap();
        rig
    }

    /// Over polling, with an upgrade on offer or not.
    fn polling(upgrades: &str) -> Self {
        let mut rig = Self::connect(&[TransportKind::Polling, TransportKind::WebSocket]);
        rig.out();
        rig.report(POLLING, ReportKind::Requested);
        rig.packets(POLLING, vec![open_packet(upgrades)]);
        rig
    }

    /// Over a WebSocket from the start.
    fn websocket() -> Self {
        let mut rig = Self::connect(&[TransportKind::WebSocket]);
        rig.opens(WEBSOCKET, open_packet(""));
        rig
    }

    /// Over `transport`, with a server that names no `maxPayload`.
    fn without_max_payload(transport: TransportId) -> Self {
        let mut rig = Self::connect(&[transport.kind]);
        let json = r#"{"sid":"abc","pingInterval":25000,"pingTimeout":20000}"#;
        rig.opens(transport, Packet::Open(json.into()));
        rig
    }

    fn opens(&mut self, transport: TransportId, open: Packet) {
        self.out();
        if transport.kind == TransportKind::WebSocket {
            self.report(transport, ReportKind::Opened { protocol: None });
        }
        self.packets(transport, vec![open]);
        self.out();
    }

    fn report(&mut self, from: TransportId, kind: ReportKind) {
        self.connection.handle_report(self.now, Report { from, kind });
    }

    fn packets(&mut self, from: TransportId, packets: Vec<Packet>) {
        self.report(from, ReportKind::Packets { packets, complete: true });
    }

    fn written(&mut self, from: TransportId) {
        self.report(from, ReportKind::Written { any_number: false });
    }

    fn closed(&mut self, from: TransportId, reason: CloseReason, outcome: BatchOutcome) {
        self.report(from, ReportKind::Closed(TransportClosed { reason, outcome }));
    }

    fn send(&mut self, text: &str) {
        self.connection.send(Data::from(text)).unwrap();
    }

    /// The subscribers have room again.
    fn resume(&mut self) {
        self.connection.resume_reading(self.now);
    }

    /// Everything there is to do, in words.
    fn out(&mut self) -> Vec<String> {
        let mut words = Vec::new();
        while let Some(output) = self.connection.poll_output(self.now) {
            words.push(word(output));
        }
        words
    }

    /// To the next deadline. Returns how many milliseconds away it was.
    fn elapse(&mut self) -> u128 {
        let at = self.connection.poll_timeout().expect("a deadline");
        let waited = at.saturating_duration_since(self.now);
        self.now = at.max(self.now);
        self.connection.handle_timeout(self.now);
        waited.as_millis()
    }

    fn eof() -> CloseReason {
        CloseReason::Failed(TransportError::eof("gone"))
    }
}
