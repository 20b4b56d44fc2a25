//! An open session.

use std::{
    mem,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    batch::BatchLimit,
    confirmations::Confirmations,
    io::{Limits, TransportId},
    liveness::Liveness,
    pings::Pings,
    post_size::PostSize,
    reading::Flow,
    target::Target,
    transports::{Agreed, Transport},
    upgrade::Upgrade,
};
use crate::{
    data::Data,
    error::{DisconnectReason, SendErrorKind},
    protocol::{
        handshake::{Session, TransportKind},
        version::ProtocolVersion,
    },
};

/// The session.
#[derive(Debug)]
pub(super) struct Open {
    session: Arc<Session>,
    target: Target,
    /// The transport that messages are written to.
    active: TransportId,
    /// The length below which the active transport carries every message.
    unchecked_len: usize,
    post_size: PostSize,
    /// Boxed, because most sessions have none for most of their time.
    close_requested: Option<Box<CloseRequest>>,
    pub(super) upgrade: Upgrade,
    pub(super) liveness: Liveness,
    pub(super) flow: Flow,
    pub(super) pings: Pings,
    pub(super) confirmations: Confirmations,
}

/// A graceful close: the queue is written, then the close packet.
#[derive(Debug)]
pub(super) struct CloseRequest {
    pub(super) reason: DisconnectReason,
    pub(super) deadline: Instant,
    /// The end of the wait for a confirmation of what was sent. `None`: the close packet is queued.
    pub(super) confirmation: Option<Instant>,
}

impl Open {
    pub(super) fn new(now: Instant, session: Arc<Session>, active: TransportId, target: Target) -> Self {
        Self {
            target,
            active,
            unchecked_len: session.protocol.unchecked_len(active.kind, session.max_payload),
            post_size: PostSize::new(&session),
            close_requested: None,
            upgrade: Upgrade::default(),
            liveness: Liveness::new(now, &session),
            flow: Flow::Open,
            pings: Pings::default(),
            confirmations: Confirmations::default(),
            session,
        }
    }

    pub(super) fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// The encoding of packets.
    pub(super) fn version(&self) -> ProtocolVersion {
        self.session.protocol
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    pub(super) fn active(&self) -> TransportId {
        self.active
    }

    pub(super) fn kind(&self) -> TransportKind {
        self.active.kind
    }

    /// The session has moved to a WebSocket. Returns the transport that it was on before.
    pub(super) fn switch(&mut self, websocket: &mut Transport) -> TransportId {
        self.upgrade.end();
        let (id, Agreed { protocol, compression }) = (websocket.id(), websocket.take_agreed());
        if protocol.is_some() || compression.is_some() {
            let session = Arc::make_mut(&mut self.session);
            (session.websocket_protocol, session.websocket_compression) = (protocol, compression);
        }
        self.unchecked_len = self.version().unchecked_len(id.kind, self.session.max_payload);
        mem::replace(&mut self.active, id)
    }

    /// The length below which a message needs no [`check`](Self::check).
    pub(super) fn unchecked_len(&self) -> usize {
        self.unchecked_len
    }

    /// The limit for the next POST.
    pub(super) fn post_limit(&self, limits: &Limits) -> BatchLimit {
        self.post_size.limit(&self.session, limits)
    }

    /// A POST of `bytes` was answered after `time`. `any_number`: the answer shows that the server accepts any number of
    /// packets.
    pub(super) fn posted(&mut self, bytes: usize, time: Duration, any_number: bool) {
        self.post_size.answered(&self.session, bytes, time, any_number);
    }

    /// Checks that the transport that will carry a message can do so. While an upgrade stops writing, that is the
    /// WebSocket: if the upgrade fails, the messages that wait are checked again.
    pub(super) fn check(&self, data: &Data, limits: &Limits) -> Result<(), SendErrorKind> {
        let carrier = if self.upgrade.blocks_writes() { TransportKind::WebSocket } else { self.kind() };
        let of_carrier = match carrier {
            TransportKind::Polling => limits.max_post_bytes,
            TransportKind::WebSocket => None,
        };
        let limit = self.session.max_payload.into_iter().chain(of_carrier).min();
        self.version().check_message(data, carrier, limit)
    }

    /// Whether the server behaves as one of version 3 does to a client of version 4: it waits for pings.
    pub(super) fn is_never_pinged(&self, now: Instant) -> bool {
        !self.session.shows_version() && self.flow == Flow::Open && self.liveness.lacks_ping(now)
    }

    /// Whether a server of version 3 that waits for pings ends the session at about this time.
    pub(super) fn may_be_given_up(&self, now: Instant) -> bool {
        !self.session.shows_version()
            && self.flow == Flow::Open
            && self.liveness.may_be_given_up(now, self.session.ping_timeout)
    }

    pub(super) fn is_closing(&self) -> bool {
        self.close_requested.is_some()
    }

    pub(super) fn close_deadline(&self) -> Option<Instant> {
        self.close_requested.as_ref().map(|close| close.deadline)
    }

    /// The time until which the close packet waits for a confirmation of what was sent, if it waits.
    pub(super) fn close_confirmation(&self) -> Option<Instant> {
        self.close_requested.as_ref().and_then(|close| close.confirmation)
    }

    /// The close packet is queued now.
    pub(super) fn close_queued(&mut self) {
        if let Some(close) = &mut self.close_requested {
            close.confirmation = None;
        }
    }

    pub(super) fn request_close(&mut self, close: CloseRequest) {
        self.close_requested = Some(Box::new(close));
    }

    pub(super) fn take_close_request(&mut self) -> Option<CloseRequest> {
        self.close_requested.take().map(|close| *close)
    }
}
