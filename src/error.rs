//! The errors of this crate: one type for each thing that can be asked of a client.

use std::{error, fmt, io, time::Duration};

use thiserror::Error;

use crate::protocol::data::Data;

/// What was being waited for when a time limit ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The look-up of the host's addresses.
    Resolve,
    /// The TCP connection, or whatever stands for it (a proxy, a unix socket).
    Connect,
    /// The TLS handshake.
    Tls,
    /// Sending a request.
    Request,
    /// The head of a response.
    Response,
    /// The body of a response.
    Body,
    /// The open packet, once the transport stood.
    Open,
    /// The server's answer to the probe of an upgrade.
    Probe,
    /// The writing of a batch of packets.
    Write,
    /// The `before_connect` hook.
    Hook,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "looking up the host",
            Self::Connect => "connecting",
            Self::Tls => "the TLS handshake",
            Self::Request => "sending a request",
            Self::Response => "waiting for a response",
            Self::Body => "reading the body of a response",
            Self::Open => "waiting for the open packet",
            Self::Probe => "waiting for the answer to the probe",
            Self::Write => "writing",
            Self::Hook => "waiting for the before_connect hook",
        })
    }
}

/// An HTTP response that refused a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpStatus {
    /// The status code, such as 400.
    pub status: u16,
    /// The Engine.IO error code of the JSON body, whether the server sent it as a number or as a string
    /// (`0` transport unknown, `1` session ID unknown, `2` bad handshake method, `3` bad request, `4` forbidden,
    /// `5` unsupported protocol version).
    pub code: Option<i64>,
    /// The `message` of the JSON body, or the start of a body that is plain text.
    pub message: Option<String>,
    /// The server's `Retry-After`, when it is given in seconds.
    pub retry_after: Option<Duration>,
}

impl HttpStatus {
    /// A status without any words, for tests that do without a server.
    pub fn new(status: u16) -> Self {
        Self { status, code: None, message: None, retry_after: None }
    }
}

impl fmt::Display for HttpStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.status)?;
        match (self.code, &self.message) {
            (Some(code), Some(message)) => write!(f, ", code {code}: {message}"),
            (Some(code), None) => write!(f, ", code {code}"),
            (None, Some(message)) => write!(f, ": {message}"),
            (None, None) => Ok(()),
        }
    }
}

/// The peer broke the rules of Engine.IO or of WebSocket.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A packet or a payload that cannot be decoded.
    #[error("undecodable packet: {0}")]
    Packet(&'static str),
    /// The open packet lacks a field, or a field makes no sense.
    #[error("bad open packet: {0}")]
    Handshake(Box<str>),
    /// A packet that may not come at this point of the session.
    #[error("a packet out of place: {0}")]
    OutOfPlace(&'static str),
    /// A WebSocket frame that RFC 6455 forbids.
    #[error("bad WebSocket frame: {0}")]
    Frame(&'static str),
    /// Text that is not UTF-8.
    #[error("text that is not UTF-8")]
    Utf8,
    /// The server speaks Engine.IO protocol 3.
    #[error("the server speaks Engine.IO protocol 3, this client speaks protocol 4")]
    Version3,
    /// A message larger than `max_message_size`.
    #[error("a message of {size} bytes exceeds max_message_size, {limit} bytes")]
    TooLarge {
        /// Bytes the peer announced, or had sent when the limit was passed.
        size: u64,
        /// The limit in bytes.
        limit: usize,
    },
}

/// The transport failed: the network, HTTP, TLS, or the server's refusal of a request.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TransportError {
    /// The host's addresses could not be found.
    #[error("cannot resolve the host: {0}")]
    Resolve(Box<str>),
    /// The connection was refused or could not be made.
    #[error("cannot connect: {message}")]
    Connect {
        /// The kind of the operating system's error.
        kind: io::ErrorKind,
        /// The operating system's words.
        message: Box<str>,
    },
    /// The TLS handshake failed.
    #[error("TLS failed: {message}")]
    Tls {
        /// The TLS library's words.
        message: Box<str>,
        /// Whether the certificate was what failed. Trying again does not help.
        untrusted: bool,
    },
    /// The proxy could not be reached, or refused.
    #[error("the proxy failed: {message}")]
    Proxy {
        /// The status that an HTTP proxy refused with, such as 407. For a SOCKS proxy, 407 if it wants other credentials
        /// and 403 if it does not allow the connection.
        status: Option<u16>,
        /// What happened.
        message: Box<str>,
    },
    /// A limit of time ran out.
    #[error("timed out {stage}")]
    Timeout {
        /// What was being waited for.
        stage: Stage,
    },
    /// The connection was lost.
    #[error("connection lost: {message}")]
    Io {
        /// The kind of the operating system's error; `UnexpectedEof` when the peer closed without a word.
        kind: io::ErrorKind,
        /// The operating system's words.
        message: Box<str>,
    },
    /// The server answered a request with a status outside 2xx (outside 101 for a WebSocket handshake).
    #[error("the server refused: {0}")]
    Status(Box<HttpStatus>),
    /// The server redirected a request that cannot be redirected, or too often.
    #[error("redirected: {0}")]
    Redirect(Box<str>),
    /// The answer is not HTTP, or not the WebSocket handshake that was asked for.
    #[error("malformed answer: {0}")]
    Malformed(Box<str>),
    /// A response whose body is larger than `max_message_size`.
    #[error("a response body exceeds max_message_size, {limit} bytes")]
    BodyTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The peer broke the protocol.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The URL needs something this build or this configuration lacks.
    #[error("unsupported: {0}")]
    Unsupported(Box<str>),
    /// The transport ended without saying why. This is a defect of this crate.
    #[error("the transport ended without saying why")]
    Vanished,
}

impl TransportError {
    /// The peer closed the connection where more was to come.
    pub(crate) fn eof(what: &str) -> Self {
        Self::Io { kind: io::ErrorKind::UnexpectedEof, message: what.into() }
    }
}

/// Why a [`Connect`](crate::Connect) failed. The client is disconnected and every socket closed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL, or something else given to `Connect` or the builder, cannot be used.
    #[error("invalid {what}: {reason}")]
    Invalid {
        /// What is invalid: `URL`, `header`, `path`, or another option's name in words.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// The list of transports is empty.
    #[error("no transports to connect with")]
    NoTransports,
    /// The client is connected or connecting.
    #[error("already connected or connecting; send Disconnect first")]
    AlreadyConnected,
    /// `Disconnect` came before the connect had finished.
    #[error("cancelled by Disconnect")]
    Cancelled,
    /// The client stopped while connecting.
    #[error("the client stopped")]
    Stopped,
    /// The `before_connect` hook failed, with its words.
    #[error("the before_connect hook failed: {0}")]
    Hook(Box<str>),
    /// The [`Reconnect`](crate::Reconnect) policy allows no further attempt: session after session was lost before it
    /// had held, the last one so.
    #[error("no attempt is left; the last session ended with: {0}")]
    Exhausted(Box<str>),
    /// No attempt was made: for `stall_timeout` the subscribers took none of the last session's events.
    #[error("the subscribers take no events")]
    Stalled,
    /// A time limit ran out.
    #[error("{url}: timed out {stage}")]
    Timeout {
        /// The URL, without its secrets.
        url: Box<str>,
        /// What was being waited for.
        stage: Stage,
    },
    /// The server refused with an HTTP status.
    #[error("{url}: the server refused: {status}")]
    Status {
        /// The URL, without its secrets.
        url: Box<str>,
        /// The status with the server's own words.
        status: Box<HttpStatus>,
    },
    /// Something answers at this URL, but it is not an Engine.IO server.
    #[error("{url}: not an Engine.IO server, or the path is wrong: {reason}")]
    NotEngineIo {
        /// The URL, without its secrets.
        url: Box<str>,
        /// What it answered.
        reason: Box<str>,
    },
    /// The server speaks Engine.IO protocol 3; this client speaks 4.
    #[error("{url}: the server speaks Engine.IO protocol 3, this client speaks protocol 4")]
    UnsupportedProtocol {
        /// The URL, without its secrets.
        url: Box<str>,
    },
    /// The transport failed.
    #[error("{url}: {source}")]
    Transport {
        /// The URL, without its secrets.
        url: Box<str>,
        /// What happened.
        source: TransportError,
    },
}

impl ConnectError {
    /// Whether the same connect may succeed later: `true` for failures of the network and of the `before_connect` hook,
    /// time limits, 408, 429, 5xx and an unknown session; `false` for a bad URL, an untrusted certificate, other 4xx
    /// (a proxy's too) and a server of another kind.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::Hook(_) => true,
            Self::Status { status, .. } => {
                status.code == Some(1) || matches!(status.status, 408 | 429 | 500..=599)
            }
            Self::Transport { source, .. } => !matches!(
                source,
                TransportError::Tls { untrusted: true, .. }
                    | TransportError::Proxy { status: Some(400..=407 | 409..=428 | 430..=499), .. }
                    | TransportError::Unsupported(_)
                    | TransportError::Redirect(_)
                    | TransportError::BodyTooLarge { .. }
                    | TransportError::Protocol(_)
            ),
            _ => false,
        }
    }

    /// Gives the failure of a transport the words of a failed connect.
    pub(crate) fn from_transport(url: &str, source: TransportError) -> Self {
        let url = url.into();
        match source {
            TransportError::Timeout { stage } => Self::Timeout { url, stage },
            TransportError::Status(status) if status.code == Some(5) => Self::UnsupportedProtocol { url },
            TransportError::Status(status) => Self::Status { url, status },
            TransportError::Protocol(ProtocolError::Version3) => Self::UnsupportedProtocol { url },
            TransportError::Malformed(reason) => Self::NotEngineIo { url, reason },
            TransportError::Protocol(err @ ProtocolError::TooLarge { .. }) => {
                Self::Transport { url, source: err.into() }
            }
            TransportError::Protocol(err) => Self::NotEngineIo { url, reason: err.to_string().into() },
            source => Self::Transport { url, source },
        }
    }
}

/// Why a message could not be sent, together with the message.
///
/// ```
/// use actix_engineio::{Data, SendError, SendErrorKind};
///
/// /// What to try again later, if that may help.
/// fn to_keep(err: SendError) -> Option<Data> {
///     match err.kind {
///         SendErrorKind::NotConnected | SendErrorKind::Disconnected => Some(err.data),
///         _ => None,
///     }
/// }
/// # let data = Data::from("a");
/// # assert_eq!(to_keep(SendError { kind: SendErrorKind::NotConnected, data: data.clone() }), Some(data));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SendError {
    /// Why.
    pub kind: SendErrorKind,
    /// The message that was not sent.
    pub data: Data,
}

/// Why a message could not be sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// There is no connection.
    #[error("not connected")]
    NotConnected,
    /// Over polling, the server's `maxPayload` does not allow a message of this size. The connection goes on.
    #[error("{size} bytes exceed the server's maxPayload over polling, {limit} bytes")]
    TooLarge {
        /// Bytes of the message's packet as polling would encode it.
        size: usize,
        /// The server's limit in bytes.
        limit: usize,
    },
    /// The connection ended before the message was accepted.
    #[error("the connection ended before the message was accepted")]
    Disconnected,
    /// Text that contains U+001E cannot be sent over polling, whose packets that character separates. The
    /// connection goes on; send it as binary, or after the upgrade.
    #[error("text with U+001E cannot be sent over polling")]
    NotRepresentable,
}

impl fmt::Debug for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").field("kind", &self.kind).field("data", &self.data).finish()
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl error::Error for SendError {}

/// Why a [`Flush`](crate::Flush) failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FlushError {
    /// There is no connection.
    #[error("not connected")]
    NotConnected,
    /// The connection ended first; what was not sent is in the `Disconnected` event.
    #[error("the connection ended before everything was sent")]
    Disconnected,
}

/// Why a session ended.
///
/// ```
/// use actix_engineio::DisconnectReason;
///
/// let reason = DisconnectReason::TransportClose { code: 1008, reason: "policy".into() };
/// assert_eq!(reason.as_str(), "transport close");
/// assert_eq!(reason.to_string(), "transport close: code 1008, policy");
/// assert!(!reason.is_server_close());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The client was told to, with the reason that was given to `Disconnect`.
    Client(Option<Box<str>>),
    /// The server sent a close packet.
    Server,
    /// Nothing came from the server for `pingInterval + pingTimeout`.
    PingTimeout,
    /// The server closed the WebSocket.
    TransportClose {
        /// The code of the close frame, 1005 when the frame had none.
        code: u16,
        /// The reason of the close frame.
        reason: Box<str>,
    },
    /// The transport failed.
    TransportError(TransportError),
    /// The server broke the protocol.
    Protocol(ProtocolError),
    /// No subscriber took an event for `stall_timeout` while more than `receive_buffer` waited.
    Stalled,
}

impl DisconnectReason {
    /// The server ended the session on purpose: a close packet, or a close frame of 1000, 1001 or without a code.
    pub fn is_server_close(&self) -> bool {
        matches!(self, Self::Server | Self::TransportClose { code: 1000 | 1001 | 1005, .. })
    }

    /// The words that the other Engine.IO clients use: `client disconnect`, `server disconnect`, `ping timeout`,
    /// `transport close`, `transport error`, `parse error`, and `stalled`, which is this crate's own.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Client(_) => "client disconnect",
            Self::Server => "server disconnect",
            Self::PingTimeout => "ping timeout",
            Self::TransportClose { .. } => "transport close",
            Self::TransportError(_) => "transport error",
            Self::Protocol(_) => "parse error",
            Self::Stalled => "stalled",
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        match self {
            Self::Client(Some(reason)) => write!(f, ": {reason}"),
            Self::TransportClose { code: 1009, reason } => {
                write!(f, ": code 1009, a message was too large for the server {reason}")
            }
            Self::TransportClose { code, reason } if reason.is_empty() => write!(f, ": code {code}"),
            Self::TransportClose { code, reason } => write!(f, ": code {code}, {reason}"),
            Self::TransportError(err) => write!(f, ": {err}"),
            Self::Protocol(err) => write!(f, ": {err}"),
            _ => Ok(()),
        }
    }
}

impl From<TransportError> for DisconnectReason {
    fn from(err: TransportError) -> Self {
        match err {
            TransportError::Protocol(err) => Self::Protocol(err),
            err => Self::TransportError(err),
        }
    }
}
