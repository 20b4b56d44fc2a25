//! Why there is no session.

use thiserror::Error;

use super::{HttpStatus, ProtocolError, Stage, TransportError};

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
    #[error("already connected, connecting or disconnecting; await a Disconnect first")]
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
