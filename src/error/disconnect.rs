//! Why a session ended.

use std::{error::Error, fmt, io};

use super::{CloseWords, OneLine, ProtocolError, TransportError};

/// Why a session ended.
///
/// ```
/// use actix_engineio::DisconnectReason;
///
/// let reason = DisconnectReason::transport_close(1008, "policy");
/// assert_eq!(reason.as_str(), "transport close");
/// assert_eq!(reason.to_string(), "transport close: code 1008, policy");
/// assert!(!reason.is_server_close());
/// ```
///
/// It implements [`Error`], so that a function can return it with `?`. That includes [`Client`](Self::Client), the reason of a
/// session that the application itself has ended, which is no failure.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The application ended the session, with the reason that it gave to [`Disconnect`](crate::Disconnect::reason).
    /// The client itself gives `interrupted` after SIGINT, `terminated` after SIGTERM, and `the client stopped` when its arbiter stops.
    Client(Option<Box<str>>),
    /// The server sent a close packet.
    Server,
    /// The server was silent for `ping_interval + ping_timeout`: no byte arrived on any connection of the session. Or nothing
    /// arrived in time after a WebSocket ping of [`websocket_ping`](crate::EngineIoClientBuilder::websocket_ping), or in
    /// protocol 3 within `ping_timeout` after a ping of the client. Or, over polling in protocol 4, nothing arrived in answer
    /// to a poll for three times `ping_interval + ping_timeout`, even if POSTs were still answered.
    PingTimeout,
    /// The server was silent as in [`PingTimeout`](Self::PingTimeout), and it had sent no ping, not even the first one. So it
    /// seems to speak protocol 3, in which the client pings: see the option
    /// [`protocol`](crate::EngineIoClientBuilder::protocol). This can happen only to a session that was opened over WebSocket,
    /// with a server that names no `maxPayload` and has not shown in an earlier session that it speaks protocol 4.
    NoPing,
    /// The server closed the WebSocket with a close frame. (Without one it is a `TransportError`.)
    #[non_exhaustive]
    TransportClose {
        /// The code of the close frame, 1005 if the frame had none.
        code: u16,
        /// The reason of the close frame. Values of the handshake that may be secrets, and the sid, are replaced by `..`.
        reason: Box<str>,
    },
    /// The transport failed.
    TransportError(TransportError),
    /// The server broke the protocol.
    Protocol(ProtocolError),
    /// More than `receive_buffer` bytes of events were waiting, and no subscriber handled any of them for
    /// `stall_timeout`.
    Stalled,
}

impl DisconnectReason {
    /// A [`TransportClose`](Self::TransportClose), for tests.
    pub fn transport_close(code: u16, reason: impl Into<Box<str>>) -> Self {
        Self::TransportClose { code, reason: reason.into() }
    }

    /// Whether the server ended the session on purpose: with a close packet, or with a close frame that has the code
    /// 1000 or 1001, or none.
    pub fn is_server_close(&self) -> bool {
        matches!(self, Self::Server | Self::TransportClose { code: 1000 | 1001 | 1005, .. })
    }

    /// Whether the server has ended the session without a word about the reason, as it does when the client sent no ping.
    pub(crate) fn says_nothing(&self) -> bool {
        match self {
            Self::Server => true,
            Self::TransportClose { code: 1000 | 1005 | 1006, reason } => reason.is_empty(),
            Self::TransportError(TransportError::Io { kind, .. }) => *kind == io::ErrorKind::UnexpectedEof,
            _ => false,
        }
    }

    /// The reason in words that other Engine.IO clients use, too: `client disconnect`, `server disconnect`, `ping timeout`,
    /// `transport close`, `transport error`, `parse error`; and `stalled`, which only this crate has.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Client(_) => "client disconnect",
            Self::Server => "server disconnect",
            Self::PingTimeout | Self::NoPing => "ping timeout",
            Self::TransportClose { .. } => "transport close",
            Self::TransportError(_) => "transport error",
            Self::Protocol(_) => "parse error",
            Self::Stalled => "stalled",
        }
    }

    /// The error that caused this one: see [`TransportError::get_ref`]. `None` for every other reason.
    pub fn get_ref(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        match self {
            Self::TransportError(err) => err.get_ref(),
            _ => None,
        }
    }
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        match self {
            Self::Client(Some(reason)) => write!(f, ": {}", OneLine(reason)),
            Self::TransportClose { code: 1009, reason } => {
                f.write_str(": code 1009, a message was too large for the server")?;
                if reason.is_empty() { Ok(()) } else { write!(f, ", {}", OneLine(reason)) }
            }
            Self::TransportClose { code, reason } => write!(f, ": {}", CloseWords(*code, reason)),
            Self::NoPing => f.write_str(
                ": the server sent no ping; it may speak Engine.IO protocol 3, see the option `protocol`",
            ),
            Self::TransportError(err) => write!(f, ": {err}"),
            Self::Protocol(err) => write!(f, ": {err}"),
            _ => Ok(()),
        }
    }
}

impl Error for DisconnectReason {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.get_ref()?.source()
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
