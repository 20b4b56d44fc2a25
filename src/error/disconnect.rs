//! Why there is no session any more.

use std::fmt;

use super::{CloseWords, OneLine, ProtocolError, TransportError};

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
                f.write_str(": code 1009, a message was too large for the server")?;
                if reason.is_empty() { Ok(()) } else { write!(f, ", {}", OneLine(reason)) }
            }
            Self::TransportClose { code, reason } => write!(f, ": {}", CloseWords(*code, reason)),
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
