//! What goes into a [`Connection`](super::Connection) and what comes out of it, as plain types.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytestring::ByteString;

use crate::{
    data::Data,
    error::{ConnectError, DisconnectReason, Stage, TransportError},
    protocol::{
        endpoint::Endpoint,
        handshake::{Session, TransportKind},
        packet::Packet,
    },
};

/// Names one transport of one client, for good: what a transport says after it was given up is known by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TransportId(pub(super) u64);

/// What the client orders a transport to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Write these packets; answered by `Written`. At most one such order is open at a time. The batch stays the
    /// connection's: a transport gives its share of it up before it answers.
    Write(Arc<Vec<Packet>>),
    /// Read on, up to one more batch of packets; answered by `Packets`. Carries the emptied batch back.
    /// A transport starts with leave for one batch.
    Read(Vec<Packet>),
    /// The session stands: requests carry this `sid` from now on.
    Session(ByteString),
    /// Start no more requests and answer `Paused` when those in flight have come home.
    Pause,
    /// Go on after `Pause`.
    Resume,
    /// Everything is written: close in the way of the transport and answer `TransportClosed`.
    Close,
    /// Close now, with a close frame if it fits, and answer `TransportClosed`.
    Abort,
}

/// What a transport tells the client.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) from: TransportId,
    pub(crate) kind: ReportKind,
}

/// The kinds of [`Report`].
#[derive(Debug)]
pub(crate) enum ReportKind {
    /// The handshake request has left: from here on the server may hold a session.
    Requested,
    /// The WebSocket stands.
    Opened {
        /// The subprotocol that the server chose.
        protocol: Option<ByteString>,
    },
    /// The handshake was redirected: the session is at this endpoint.
    Moved(Arc<Endpoint>),
    /// Packets that arrived, in order. `complete`: no more of them have arrived that are still to be reported.
    Packets { packets: Vec<Packet>, complete: bool },
    /// The batch left, and over polling its POST was answered 2xx.
    Written {
        /// The answer showed a server that takes any number of packets in a POST.
        any_number: bool,
    },
    /// Bytes arrived, but no whole packet yet. Ten times a second at most.
    Alive,
    /// Bytes of the batch left, but not yet all. Ten times a second at most.
    Writing,
    /// Every request has come home after `Pause`.
    Paused,
    /// The last report of a transport; its connections are closed.
    Closed(TransportClosed),
}

/// How a transport ended, and what became of the batch in flight.
#[derive(Debug)]
pub(crate) struct TransportClosed {
    pub(crate) reason: CloseReason,
    pub(crate) outcome: BatchOutcome,
}

/// What became of the batch that a transport was writing when it ended: so many of its packets left, so many after them
/// may have, and the others did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchOutcome {
    pub(crate) sent: usize,
    pub(crate) uncertain: usize,
}

impl BatchOutcome {
    /// All of it is in doubt, as in a POST that was not answered 2xx.
    pub(crate) const UNCERTAIN: Self = Self { sent: 0, uncertain: usize::MAX };

    /// So many left, the others did not.
    pub(crate) const fn sent(sent: usize) -> Self {
        Self { sent, uncertain: 0 }
    }
}

/// Why a transport ended.
#[derive(Debug)]
pub(crate) enum CloseReason {
    /// By `Close` or `Abort`.
    Ordered,
    /// By `Abort`, while it was still waiting for this.
    Interrupted(Stage),
    /// The server closed the WebSocket with a close frame.
    CloseFrame {
        code: u16,
        reason: Box<str>,
    },
    Failed(TransportError),
}

/// What a `Connection` wants done, in this order.
#[derive(Debug)]
pub(crate) enum Output {
    /// Start a transport. With a `sid` it is the probe of an upgrade.
    Start {
        id: TransportId,
        kind: TransportKind,
        endpoint: Arc<Endpoint>,
        sid: Option<ByteString>,
    },
    Order(TransportId, Command),
    /// The transport did not open the session, and the next one is tried.
    AttemptFailed {
        kind: TransportKind,
        err: ConnectError,
    },
    /// The session is open.
    Opened(Arc<Session>),
    /// Messages for the subscribers (only `Packet::Message`). Nothing more is read before
    /// [`resume_reading`](super::Connection::resume_reading). The emptied buffer is given back by
    /// [`return_buffer`](super::Connection::return_buffer), as soon as it is empty.
    Messages {
        from: TransportId,
        packets: Vec<Packet>,
    },
    Upgraded(TransportKind),
    UpgradeFailed(TransportError),
    /// The connect has failed, or the session has ended, and everything is closed.
    Ended(Outcome),
}

/// How a connect or a session ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    ConnectFailed(ConnectError),
    Closed {
        reason: DisconnectReason,
        /// Messages of which no byte was sent.
        unsent: Vec<Data>,
        /// Messages that may have been sent.
        in_doubt: Vec<Data>,
    },
}

impl Outcome {
    /// The end of a session. The messages are added when every transport has closed.
    pub(super) fn closed(reason: DisconnectReason) -> Self {
        Self::Closed { reason, unsent: Vec::new(), in_doubt: Vec::new() }
    }
}

/// How long a connection waits, and how much it holds.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// From a standing WebSocket to the open packet.
    pub(crate) request_timeout: Duration,
    /// From the start of the probe to the end of the upgrade.
    pub(crate) upgrade_timeout: Duration,
    /// From `close` to the end of everything.
    pub(crate) close_timeout: Duration,
    /// How long reading may be held back without one event taken.
    pub(crate) stall_timeout: Duration,
    /// Bytes that may wait to be written before `has_room` is false.
    pub(crate) send_queue: usize,
    /// Packets in a POST, whatever the server shows; `None`: 16 until it shows that it takes any number.
    pub(crate) max_packets_per_post: Option<usize>,
}

/// What to connect to, and how.
#[derive(Debug, Clone)]
pub(crate) struct ConnectParams {
    pub(crate) endpoint: Arc<Endpoint>,
    /// The end of `connect_timeout`, which may have begun before `Connection::connect` is called.
    pub(crate) deadline: Instant,
    /// The first one opens the session; the others are what it may be upgraded to.
    pub(crate) transports: Vec<TransportKind>,
    /// Whether to upgrade at all.
    pub(crate) upgrade: bool,
    /// Whether the next transport is tried when one cannot open the session.
    pub(crate) try_all: bool,
    /// Whether to begin with WebSocket where a session was on one.
    pub(crate) remember: bool,
}

/// What went each way, over the life of a client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Packets received, of every kind.
    pub packets_received: u64,
    /// Bytes of data in the messages received.
    pub bytes_received: u64,
    /// Packets written, of every kind.
    pub packets_sent: u64,
    /// Bytes of data in the messages written.
    pub bytes_sent: u64,
    /// Sessions opened.
    pub sessions: u64,
}
