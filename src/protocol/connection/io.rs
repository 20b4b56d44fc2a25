//! What goes into a [`Connection`](super::Connection) and what comes out of it, as plain types.

use std::{
    num::NonZeroUsize,
    sync::Arc,
    time::{Duration, Instant},
};

use bytestring::ByteString;

use super::{
    interrupted::Interrupted,
    outgoing::{Outgoing, Rejected},
    pings::WebSocketPing,
};
use crate::{
    data::Data,
    error::{CloseWords, ConfirmError, ConnectError, DisconnectReason, Stage, TransportError},
    protocol::{
        endpoint::Endpoint,
        handshake::{Session, TransportKind},
        packet::Packet,
        version::{Protocol, ProtocolVersion},
        websocket::{AgreedCompression, CompressionCounts},
    },
};

/// Identifies a transport of a client. It is never used again, so a late report of an abandoned transport is
/// recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TransportId {
    pub(super) number: u64,
    pub(crate) kind: TransportKind,
}

#[cfg(test)]
impl TransportId {
    /// An identifier for tests of a transport by itself.
    pub(crate) fn new(number: u64, kind: TransportKind) -> Self {
        Self { number, kind }
    }
}

/// An order to a transport.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// Write these packets and answer `Written`. At most one such order is open at a time. The connection shares the
    /// batch with the transport, which drops its share before it answers.
    Write(Arc<Vec<Packet>>),
    /// Send a WebSocket ping with this number behind everything that was written, and answer `Pong` when its pong has
    /// arrived. Only a WebSocket is given this order. The numbers increase, and a pong answers the earlier pings too.
    Ping(u64),
    /// Read up to one more batch of packets and answer `Packets`. The emptied buffer of an earlier batch comes along.
    /// A transport starts with the permission to read one batch.
    Read(Vec<Packet>),
    /// The session is open: all further requests carry its `sid`.
    Session(Arc<Session>),
    /// Start no more requests, and answer `Paused` when those in flight have ended.
    Pause,
    /// Go on after `Pause`.
    Resume,
    /// Everything is written: close in the way of the transport and answer `Closed`.
    Close,
    /// Close now, with a close frame if it can be written at once, and answer `Closed`.
    Abort,
}

/// A message from a transport to the client.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) from: TransportId,
    pub(crate) kind: ReportKind,
}

/// The kinds of [`Report`].
#[derive(Debug)]
pub(crate) enum ReportKind {
    /// The handshake request of polling was sent: from now on the server may have a session.
    Requested,
    /// The server has agreed to compress messages. Comes before `Opened`.
    Compression(AgreedCompression),
    /// The WebSocket is open.
    Opened {
        /// The subprotocol that the server chose.
        protocol: Option<ByteString>,
    },
    /// The handshake was redirected: the session is at this endpoint.
    Moved(Arc<Endpoint>),
    /// The handshake was answered in this version of the protocol, which is not the one that it was asked for. The packets
    /// follow.
    Answered(ProtocolVersion),
    /// Packets that arrived, in order. `complete`: no further packets have arrived together with these.
    Packets { packets: Vec<Packet>, complete: bool },
    /// Compressed messages were received or sent since the last such report.
    Compressed(CompressionCounts),
    /// The pong to the ping with this number arrived.
    Pong(u64),
    /// The batch was sent, and over polling its POST was answered with 2xx.
    Written {
        /// The answer showed a server that accepts any number of packets in a POST.
        any_number: bool,
    },
    /// Bytes arrived over a WebSocket or in answer to a poll, and perhaps no whole packet. Reported at most ten times a second.
    Alive {
        /// The rest of a message, or of a response, is still to arrive.
        is_partial: bool,
        /// The number of bytes that have arrived in this way until now.
        read: u64,
    },
    /// Some bytes of the batch were sent, but not yet all. Reported at most ten times a second.
    Writing,
    /// Every request has ended after `Pause`.
    Paused,
    /// The last report of a transport: its connections are closed.
    Closed(TransportClosed),
}

/// How a transport ended, and what became of the batch in flight.
#[derive(Debug)]
pub(crate) struct TransportClosed {
    pub(crate) reason: CloseReason,
    pub(crate) outcome: BatchOutcome,
}

/// What became of the batch that a transport was writing when it ended: its first `sent` packets were sent, the next
/// `uncertain` ones may have been, and the others were not. Of these the first `begun` ones were written in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchOutcome {
    pub(crate) sent: usize,
    pub(crate) uncertain: usize,
    pub(crate) begun: usize,
}

impl BatchOutcome {
    /// The whole batch is in doubt, as in a POST that was not answered with 2xx.
    pub(crate) const UNCERTAIN: Self = Self { sent: 0, uncertain: usize::MAX, begun: 0 };

    /// The whole batch was written in part, as in a POST of which the last bytes were not written.
    pub(crate) const BEGUN: Self = Self { sent: 0, uncertain: 0, begun: usize::MAX };

    /// The first `sent` packets were sent, and the others were not.
    pub(crate) const fn sent(sent: usize) -> Self {
        Self { sent, uncertain: 0, begun: 0 }
    }

    /// Whether a packet of the batch was sent, or may have been.
    pub(super) fn may_have_sent(self) -> bool {
        self.sent > 0 || self.uncertain > 0
    }
}

/// Why a transport ended.
#[derive(Debug)]
pub(crate) enum CloseReason {
    /// It was ordered to, by `Close` or `Abort`.
    Ordered,
    /// It was ordered to by `Abort`, while it was still waiting for this.
    Interrupted(Stage),
    /// The server closed the WebSocket with a close frame.
    CloseFrame {
        code: u16,
        reason: Box<str>,
    },
    Failed(TransportError),
}

impl CloseReason {
    /// The error of a connect or of an upgrade whose transport ended like this. `None`: the connection has ordered the
    /// end itself, and knows why.
    pub(super) fn into_error(self) -> Option<TransportError> {
        match self {
            Self::Failed(err) => Some(err),
            Self::CloseFrame { code, reason } => {
                let words = CloseWords(code, &reason);
                Some(TransportError::eof(&format!("the server closed the WebSocket with {words}")))
            }
            Self::Interrupted(stage) => Some(TransportError::Timeout { stage }),
            Self::Ordered => None,
        }
    }

    /// The reason for the end of a session whose transport ended like this. `None`: see [`into_error`](Self::into_error).
    pub(super) fn into_disconnect_reason(self) -> Option<DisconnectReason> {
        match self {
            Self::CloseFrame { code, reason } => Some(DisconnectReason::TransportClose { code, reason }),
            reason => reason.into_error().map(DisconnectReason::from),
        }
    }
}

/// What a `Connection` wants to be done. Outputs are carried out in order.
#[derive(Debug)]
pub(crate) enum Output {
    /// Start a transport. With a session it is the probe of an upgrade.
    Start {
        id: TransportId,
        kind: TransportKind,
        version: ProtocolVersion,
        endpoint: Arc<Endpoint>,
        session: Option<Arc<Session>>,
    },
    Order(TransportId, Command),
    /// The transport could not open the session, and the next one is tried.
    AttemptFailed {
        kind: TransportKind,
        err: Box<ConnectError>,
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
    /// A message or a group was accepted for a WebSocket that the session did not move to, and polling cannot carry it.
    Rejected(Box<Rejected>),
    UpgradeFailed(TransportError),
    /// The server has not answered the first ping over a WebSocket in time, or has stopped answering. Said once per session.
    PingsUnanswered,
    /// The answer to the oldest [`confirm`](super::Connection::confirm) that has none.
    Confirmed(Result<(), ConfirmError>),
    /// The connect has failed, or the session has ended, and everything is closed.
    Ended(Box<Outcome>),
}

/// How a connect or a session ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    ConnectFailed(ConnectError),
    Closed {
        reason: DisconnectReason,
        /// Messages and groups of which no byte was sent.
        unsent: Vec<Outgoing>,
        /// Messages that may have been sent, and groups of which a part was, or may have been.
        in_doubt: Vec<Data>,
        interrupted: Interrupted,
    },
}

impl Outcome {
    /// The end of a session. The messages are added when every transport has closed.
    pub(super) fn closed(reason: DisconnectReason) -> Self {
        let interrupted = Interrupted::default();
        Self::Closed { reason, unsent: Vec::new(), in_doubt: Vec::new(), interrupted }
    }
}

/// The bytes per second of the slowest line that is supported. Whatever was written may still be on its way: the kernel buffers
/// megabytes, and a proxy accepts a request long before it has passed it on.
const SLOW_LINE: u64 = 8 << 10;

/// The time that the slowest line takes for so many bytes.
pub(crate) fn over_slow_line(bytes: u64) -> Duration {
    Duration::from_secs(bytes / SLOW_LINE)
}

/// The time limits of a connection, and the limits of its memory.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// The time from an open WebSocket to the open packet, and from a `confirm` to its answer.
    pub(crate) request_timeout: Duration,
    /// The time from the start of the probe to the end of the upgrade.
    pub(crate) upgrade_timeout: Duration,
    /// The time from `close` to the end of the session.
    pub(crate) close_timeout: Duration,
    /// The time that back-pressure may last without progress of a subscriber, if the application has set it.
    pub(crate) stall_timeout: Option<Duration>,
    /// Bytes that may wait to be written before `has_room` is false.
    pub(crate) send_queue: usize,
    /// Packets in a POST, whatever the server shows. `None`: 16 until the server shows that it accepts any number.
    pub(crate) max_packets_per_post: Option<NonZeroUsize>,
    /// Bytes in a POST, whatever the server accepts.
    pub(crate) max_post_bytes: Option<usize>,
    /// The pings to a server that is silent on a WebSocket.
    pub(crate) websocket_ping: Option<WebSocketPing>,
    /// Bytes that may be written to a WebSocket before a ping asks for their confirmation. `None`: nothing is retained.
    pub(crate) confirm_sends: Option<usize>,
}

/// The defaults of the builder.
impl Default for Limits {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_secs(5),
            upgrade_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(5),
            stall_timeout: None,
            send_queue: 1 << 20,
            max_packets_per_post: None,
            max_post_bytes: None,
            websocket_ping: None,
            confirm_sends: None,
        }
    }
}

/// The parameters of a connect.
#[derive(Debug, Clone)]
pub(crate) struct ConnectParams {
    pub(crate) endpoint: Arc<Endpoint>,
    /// The end of `connect_timeout`, which may have begun before `Connection::connect` is called.
    pub(crate) deadline: Instant,
    /// The transports to use. The first one opens the session, the others are what it may be upgraded to.
    pub(crate) transports: Vec<TransportKind>,
    /// The version of the protocol to speak.
    pub(crate) protocol: Protocol,
    /// Upgrades are allowed.
    pub(crate) upgrade: bool,
    /// The next transport is tried if one cannot open the session.
    pub(crate) try_all: bool,
    /// A WebSocket is tried first at a URL at which an earlier session used one.
    pub(crate) remember: bool,
}

/// Packets and bytes in each direction, over the life of a client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Packets received, of every kind.
    pub packets_received: u64,
    /// Bytes of data in the messages received.
    pub bytes_received: u64,
    /// Messages received.
    pub messages_received: u64,
    /// Packets written, of every kind.
    pub packets_sent: u64,
    /// Bytes of data in the messages written.
    pub bytes_sent: u64,
    /// Messages written.
    pub messages_sent: u64,
    /// Sessions opened.
    pub sessions: u64,
    /// Bytes that the compressed WebSocket messages received had on the wire. Without
    /// [`compression`](crate::EngineIoClientBuilder::compression) this and the next three are 0.
    pub compressed_bytes_received: u64,
    /// Bytes of the same messages after they were inflated.
    pub uncompressed_bytes_received: u64,
    /// Bytes that the compressed WebSocket messages sent have on the wire. They count once they are compressed, also if the
    /// connection ends before they are written.
    pub compressed_bytes_sent: u64,
    /// Bytes of the same messages before they were compressed.
    pub uncompressed_bytes_sent: u64,
}

impl Counters {
    /// Counts messages that were compressed.
    pub(super) fn add_compressed(&mut self, counts: CompressionCounts) {
        let CompressionCounts { received, sent } = counts;
        for (counter, bytes) in [
            (&mut self.compressed_bytes_received, received.compressed),
            (&mut self.uncompressed_bytes_received, received.uncompressed),
            (&mut self.compressed_bytes_sent, sent.compressed),
            (&mut self.uncompressed_bytes_sent, sent.uncompressed),
        ] {
            *counter = counter.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        }
    }

    /// Counts packets that were sent: `messages` of them are messages, with `bytes` of data.
    pub(super) fn add_sent(&mut self, packets: usize, messages: usize, bytes: usize) {
        self.packets_sent += u64::try_from(packets).unwrap_or(u64::MAX);
        self.messages_sent += u64::try_from(messages).unwrap_or(u64::MAX);
        self.bytes_sent += u64::try_from(bytes).unwrap_or(u64::MAX);
    }
}
