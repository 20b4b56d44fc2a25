//! From `connect` to the open packet (protocol, "Handshake"), over one transport after the other if need be.

use std::{mem, sync::Arc, time::Instant};

use super::{
    Connection,
    ending::ABORT,
    io::{CloseReason, Command, ConnectParams, Outcome, Output, TransportId},
    negotiation::Negotiation,
    open::Open,
    plan::Plan,
    reading::Received,
    state::State,
    target::Target,
};
use crate::{
    error::{ConnectError, ProtocolError, Stage, TransportError},
    protocol::{
        endpoint::Endpoint,
        handshake::{Session, TransportKind},
        packet::Packet,
        version::ProtocolVersion,
    },
};

/// A transport was started and has not brought the open packet.
#[derive(Debug)]
pub(super) struct Connecting {
    transport: TransportId,
    target: Target,
    /// The start of the transport.
    started: Instant,
    /// The end of `connect_timeout`.
    deadline: Instant,
    phase: Phase,
    plan: Plan,
    negotiation: Negotiation,
}

/// The progress of the current transport.
#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// No request was sent: the server cannot have a session.
    Started,
    /// The handshake request of polling was sent: the server may have a session.
    Requested,
    /// The WebSocket is open, and must bring the open packet before the deadline.
    WebSocketOpen { deadline: Instant },
    /// The user does not want the session any more. It is closed as soon as it opens, if it opens before `deadline`.
    /// The close must be done before `close_deadline`.
    Cancelled { deadline: Instant, close_deadline: Instant },
    /// The connect took too long, and the transport was ordered to close. Its last report says what it was waiting
    /// for.
    Interrupted { deadline: Instant },
}

impl Connecting {
    /// `trying`: the first transport, and what may follow.
    fn new(
        now: Instant,
        params: ConnectParams,
        trying: (TransportId, Plan),
        negotiation: Negotiation,
    ) -> Self {
        let (transport, plan) = trying;
        // Remembering only saves an upgrade, so it has no effect if upgrades are off.
        let target = Target::new(params.endpoint, params.remember && params.upgrade);
        let (deadline, phase) = (params.deadline, Phase::Started);
        Self { transport, target, started: now, deadline, phase, plan, negotiation }
    }

    /// The next transport is tried. It was started at the endpoint that the user named.
    fn begin(&mut self, now: Instant, transport: TransportId) {
        self.transport = transport;
        self.started = now;
        self.phase = Phase::Started;
    }

    pub(super) fn transport(&self) -> TransportId {
        self.transport
    }

    pub(super) fn deadline(&self) -> Instant {
        match self.phase {
            Phase::WebSocketOpen { deadline } => deadline.min(self.deadline),
            Phase::Cancelled { deadline, .. } => deadline.min(self.deadline),
            Phase::Interrupted { deadline } => deadline,
            Phase::Started | Phase::Requested => self.deadline,
        }
    }

    /// Whether a packet from this transport can be the open packet.
    pub(super) fn is_awaiting_packets_from(&self, id: TransportId) -> bool {
        self.transport == id && !matches!(self.phase, Phase::Interrupted { .. })
    }

    pub(super) fn on_requested(&mut self, id: TransportId) {
        if self.transport == id && self.phase == Phase::Started {
            self.phase = Phase::Requested;
        }
    }

    pub(super) fn on_opened(&mut self, deadline: Instant) {
        if self.phase == Phase::Started {
            self.phase = Phase::WebSocketOpen { deadline };
        }
    }

    /// The handshake was redirected.
    pub(super) fn on_moved(&mut self, id: TransportId, endpoint: Arc<Endpoint>) {
        if self.transport == id {
            self.target.move_to(endpoint);
        }
    }

    /// Cancels the connect. Returns whether the connection must wait for the session that the server may have opened
    /// already: it must be closed, or it would live on there until its ping timeout. A WebSocket needs no such care,
    /// since the session ends with it. The wait for the session ends at `deadline`, and its close at `close_deadline`.
    pub(super) fn cancel(&mut self, deadline: Instant, close_deadline: Instant) -> bool {
        match self.phase {
            Phase::Requested => {
                self.phase = Phase::Cancelled { deadline, close_deadline };
                true
            }
            Phase::Cancelled { .. } => true,
            Phase::Started | Phase::WebSocketOpen { .. } | Phase::Interrupted { .. } => false,
        }
    }

    /// The error of a transport that ended like this. If a server has chosen the endpoint, it is not the fault of the
    /// program that this client cannot connect to it: the next redirect may lead elsewhere.
    fn close_error(&self, reason: CloseReason) -> TransportError {
        match reason.into_error() {
            Some(TransportError::Unsupported(what)) if self.target.is_moved() => {
                TransportError::Redirect(format!("to what is unsupported: {what}").into())
            }
            Some(err) => err,
            // The connect took too long. The transport was waiting for nothing: it had reported that it is open, or the
            // answer to the handshake.
            None => TransportError::Timeout { stage: Stage::Open },
        }
    }
}

impl Connection {
    /// Opens a session. The outcome is `Opened` or `Ended` with `ConnectFailed`.
    pub(crate) fn connect(&mut self, now: Instant, params: ConnectParams) -> Result<(), ConnectError> {
        if !self.is_idle() {
            return Err(ConnectError::AlreadyConnected);
        }
        let is_remembered = params.remember && params.upgrade && self.remembered.contains(&params.endpoint);
        let (plan, kind) = Plan::new(&params, is_remembered)?;
        let negotiation =
            Negotiation::new(params.protocol, self.found_versions.at(params.endpoint.display_url()));
        let transport = self.start(kind, negotiation.version(), params.endpoint.clone(), None);
        let trying = (transport, plan);
        self.state = State::Connecting(Connecting::new(now, params, trying, negotiation));
        Ok(())
    }

    /// The current transport has ended.
    pub(super) fn on_attempt_closed(&mut self, now: Instant, reason: CloseReason) {
        let State::Connecting(connecting) = &self.state else { return };
        let err = connecting.close_error(reason);
        self.fail_attempt(now, err);
    }

    /// The current transport cannot open the session: the next one is tried, or the connect has failed.
    fn fail_attempt(&mut self, now: Instant, err: TransportError) {
        let State::Connecting(connecting) = &mut self.state else { return };
        let id = connecting.transport;
        // That a server is down shows nothing about its WebSockets. But a redirect may have led only the WebSocket to it.
        let is_down = err.is_unreachable() && !connecting.target.is_moved();
        if id.kind == TransportKind::WebSocket && !is_down {
            self.remembered.remove(&connecting.target);
        }
        if let Phase::Cancelled { .. } = connecting.phase {
            return self.fail_connect(now, ConnectError::Cancelled);
        }
        let (url, version) = (connecting.target.endpoint().display_url(), connecting.negotiation.version());
        let err = connecting.negotiation.describe(ConnectError::from_transport(url, err, version));
        let is_open = matches!(connecting.phase, Phase::WebSocketOpen { .. });
        let next = match now < connecting.deadline {
            true if connecting.negotiation.on_failed(&err, is_open) => Some(id.kind),
            true => connecting.plan.next(&err),
            false => None,
        };
        let Some(next) = next else {
            let err = connecting.plan.failure(err);
            return self.fail_connect(now, err);
        };
        let version = connecting.negotiation.version();
        let endpoint = connecting.target.reset();
        if self.transports.get(id).is_some() {
            self.order(id, Command::Abort);
        }
        self.outputs.push_back(Output::AttemptFailed { kind: id.kind, err: Box::new(err) });
        let transport = self.start(next, version, endpoint, None);
        if let State::Connecting(connecting) = &mut self.state {
            connecting.begin(now, transport);
        }
    }

    /// The handshake was answered in another version than it was asked for.
    pub(super) fn on_answered(&mut self, now: Instant, id: TransportId, version: ProtocolVersion) {
        let State::Connecting(connecting) = &mut self.state else { return };
        if !connecting.is_awaiting_packets_from(id) {
            return;
        }
        if let Err(err) = connecting.negotiation.on_answered(version) {
            self.fail_attempt(now, err.into());
        }
    }

    pub(super) fn fail_connect(&mut self, now: Instant, err: ConnectError) {
        self.end(now, Outcome::ConnectFailed(err));
    }

    pub(super) fn handle_connect_timeout(&mut self, now: Instant) {
        let State::Connecting(connecting) = &mut self.state else { return };
        match connecting.phase {
            Phase::Started | Phase::Requested => {
                // Only the transport knows what it is waiting for.
                connecting.phase = Phase::Interrupted { deadline: now + ABORT };
                let transport = connecting.transport;
                self.order(transport, Command::Abort);
            }
            Phase::WebSocketOpen { .. } => {
                self.fail_attempt(now, TransportError::Timeout { stage: Stage::Open });
            }
            Phase::Cancelled { .. } => self.fail_connect(now, ConnectError::Cancelled),
            // A transport that does not even close has nothing to say.
            Phase::Interrupted { .. } => {
                let url = connecting.target.endpoint().display_url().into();
                self.fail_connect(now, ConnectError::Timeout { url, stage: Stage::Connect });
                self.abandon();
            }
        }
    }

    /// The first packets: the open packet, and whatever the server put behind it.
    pub(super) fn on_handshake(&mut self, now: Instant, mut received: Received) {
        let State::Connecting(connecting) = &self.state else { return };
        let (id, target) = (connecting.transport, connecting.target.clone());
        let close_deadline = match connecting.phase {
            Phase::Cancelled { close_deadline, .. } => Some(close_deadline.min(connecting.deadline)),
            _ => None,
        };
        let (version, is_proven) =
            (connecting.negotiation.version(), connecting.negotiation.has_refused_other());
        let mut session = match decode_open(&mut received, id.kind, version) {
            Ok(session) => session,
            Err(err) => return self.fail_attempt(now, err.into()),
        };
        if is_proven || session.shows_version() {
            self.found_versions.prove(&target, version);
        }
        if id.kind == TransportKind::WebSocket {
            if let Some(transport) = self.transports.get_mut(id) {
                let agreed = transport.take_agreed();
                session.websocket_protocol = agreed.protocol;
                session.websocket_compression = agreed.compression;
            }
            self.remembered.add(&target);
        }
        let session = Arc::new(session);
        if id.kind == TransportKind::Polling {
            self.order(id, Command::Session(session.clone()));
        }
        if let Some(deadline) = close_deadline {
            return self.close_unwanted(now, id, deadline);
        }
        self.open(now, session, received);
    }

    fn open(&mut self, now: Instant, session: Arc<Session>, received: Received) {
        let connecting = match mem::replace(&mut self.state, State::Idle) {
            State::Connecting(connecting) => connecting,
            state => {
                self.state = state;
                return;
            }
        };
        let id = connecting.transport;
        let is_offered = session.upgrades.contains(&TransportKind::WebSocket);
        self.counters.sessions += 1;
        self.round_trip = Some(now.saturating_duration_since(connecting.started));
        self.outputs.push_back(Output::Opened(session.clone()));
        self.state = State::Open(Open::new(now, session, id, connecting.target));
        self.on_session_packets(now, id, received);
        if is_offered && connecting.plan.upgrades_from(id.kind) {
            self.start_upgrade(now);
        }
    }
}

/// Takes the open packet out of the first packets.
fn decode_open(
    received: &mut Received,
    kind: TransportKind,
    version: ProtocolVersion,
) -> Result<Session, ProtocolError> {
    let first = if received.packets.is_empty() { Packet::Noop } else { received.packets.remove(0) };
    let Packet::Open(json) = first else {
        return Err(ProtocolError::OutOfPlace("the first packet is not an open packet"));
    };
    received.set_useful();
    Session::decode(&json, kind, version)
}
