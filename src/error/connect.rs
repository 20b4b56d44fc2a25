//! Why there is no session.

use std::{error::Error, fmt};

use super::{
    Cause, DisconnectReason, HttpStatus, OneLine, ProtocolError, Stage, TransportError, protocol::Mismatch,
};
use crate::protocol::version::ProtocolVersion;

/// Why a [`Connect`](crate::Connect), or an attempt of the [`Reconnect`](crate::Reconnect) policy, failed.
///
/// ```
/// use std::io;
///
/// use actix_engineio::{ConnectError, TransportError};
///
/// let refused = TransportError::connect(io::Error::from(io::ErrorKind::ConnectionRefused));
/// let err = ConnectError::transport("http://localhost:5000/engine.io/", refused);
/// assert_eq!(err.to_string(), "http://localhost:5000/engine.io/: cannot connect: connection refused");
/// assert!(err.is_retryable());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL, or another value that was given to `Connect` or to the builder, cannot be used.
    #[non_exhaustive]
    Invalid {
        /// Name of the invalid value in words: `URL`, `header`, `proxy`, `root certificate`, ..
        what: &'static str,
        /// The fault in words.
        reason: String,
    },
    /// The list of transports is empty.
    NoTransports,
    /// The client is connected, connecting or disconnecting, or it retries an earlier `Connect`.
    AlreadyConnected,
    /// `Disconnect` came before the connect had finished.
    Cancelled,
    /// The client stopped while it was connecting.
    Stopped,
    /// The `before_connect` hook failed with this error, or it panicked.
    Hook(Cause),
    /// The session was lost for this reason, and [`max_attempts`](crate::Reconnect::max_attempts) of the policy allows no
    /// further attempt.
    Exhausted(Box<DisconnectReason>),
    /// A time limit ran out.
    #[non_exhaustive]
    Timeout {
        /// The URL, without its secrets.
        url: Box<str>,
        /// The step that the client was waiting for.
        stage: Stage,
    },
    /// The server answered with an HTTP error status.
    #[non_exhaustive]
    Status {
        /// The URL, without its secrets.
        url: Box<str>,
        /// The status, and what the server said in the body.
        status: Box<HttpStatus>,
    },
    /// A server answers at this URL, but not as an Engine.IO server does.
    #[non_exhaustive]
    NotEngineIo {
        /// The URL, without its secrets.
        url: Box<str>,
        /// What is wrong with the answer of the server.
        reason: Box<str>,
    },
    /// The server does not speak the version of the Engine.IO protocol that the client was set to speak. The option
    /// [`protocol`](crate::EngineIoClientBuilder::protocol) changes that.
    #[non_exhaustive]
    UnsupportedProtocol {
        /// The URL, without its secrets.
        url: Box<str>,
        /// The version that the server speaks; the client was set to speak the other one. `None`: the client was set to
        /// [`Protocol::Any`](crate::Protocol::Any), and the server has refused both.
        server: Option<ProtocolVersion>,
    },
    /// The transport failed.
    #[non_exhaustive]
    Transport {
        /// The URL, without its secrets.
        url: Box<str>,
        /// The failure of the transport.
        source: TransportError,
    },
}

impl ConnectError {
    /// Whether a first connect that failed like this may succeed later, with the same URL and the same options. Once the
    /// latest `Connect` of the application has led to a session, a [`Reconnect`](crate::Reconnect) policy also retries after
    /// the other errors, except `Invalid`, `NoTransports` and `TransportError::Unsupported`.
    ///
    /// `true` for failures of the network and of the `before_connect` hook, for time limits, for the statuses 408, 429 and 5xx
    /// (statuses from 600 count as 5xx, RFC 9110, section 15), and for an unknown session ID. `false` for an invalid URL, an
    /// untrusted certificate, the other 4xx (those of a proxy, too), a redirect that is not followed, a response that is too
    /// large, a server of another kind or of another version, `NoTransports`, what this build does not support, and
    /// `AlreadyConnected`, `Exhausted`, `Cancelled` and `Stopped`.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::Hook(_) => true,
            Self::Status { status, .. } => {
                status.code == Some(1) || matches!(status.status, 408 | 429 | 500..)
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

    /// Whether the application asked for the end, by `Disconnect` or by stopping the client.
    pub(crate) fn is_by_application(&self) -> bool {
        matches!(self, Self::Cancelled | Self::Stopped)
    }

    /// Whether no later attempt can succeed: the error lies in the program, or the application asked for the end.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Invalid { .. }
            | Self::NoTransports
            | Self::AlreadyConnected
            | Self::Cancelled
            | Self::Stopped => true,
            Self::Transport { source, .. } => matches!(source, TransportError::Unsupported(_)),
            _ => false,
        }
    }

    /// The error status with which the server or a proxy answered, if that is what happened: that of
    /// [`ConnectError::Status`], or that of the [`TransportError`].
    pub fn http_status(&self) -> Option<&HttpStatus> {
        match self {
            Self::Status { status, .. } => Some(status),
            Self::Transport { source, .. } => source.http_status(),
            _ => None,
        }
    }

    /// The error that caused this one, for [`downcast_ref`](Error#method.downcast_ref): what
    /// [`TransportError::get_ref`] gives, or what the `before_connect` hook returned. `None` if this crate itself found
    /// what is wrong.
    ///
    /// ```
    /// use std::io;
    ///
    /// use actix_engineio::ConnectError;
    ///
    /// /// Whether the program has too many open files.
    /// fn lacks_file_descriptors(err: &ConnectError) -> bool {
    ///     let cause = err.get_ref().and_then(|cause| cause.downcast_ref::<io::Error>());
    ///     cause.is_some_and(|err| err.raw_os_error() == Some(24))
    /// }
    /// # let err = io::Error::from_raw_os_error(24);
    /// # let err = ConnectError::transport("", actix_engineio::TransportError::connect(err));
    /// # assert!(lacks_file_descriptors(&err));
    /// ```
    pub fn get_ref(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        match self {
            Self::Hook(cause) => cause.get_ref(),
            Self::Exhausted(reason) => reason.get_ref(),
            Self::Transport { source, .. } => source.get_ref(),
            _ => None,
        }
    }

    /// The connect error that follows from the failure of a transport that has spoken this version of the protocol.
    pub(crate) fn from_transport(url: &str, source: TransportError, spoken: ProtocolVersion) -> Self {
        let url = url.into();
        match source {
            TransportError::Timeout { stage } => Self::Timeout { url, stage },
            TransportError::Status(status) if status.is_about_version() => {
                Self::UnsupportedProtocol { url, server: Some(spoken.other()) }
            }
            TransportError::Status(status) => Self::Status { url, status },
            TransportError::Protocol(ProtocolError::Version3 | ProtocolError::Version4) => {
                Self::UnsupportedProtocol { url, server: Some(spoken.other()) }
            }
            TransportError::Malformed(reason) => Self::NotEngineIo { url, reason },
            TransportError::Protocol(err @ ProtocolError::TooLarge { .. }) => {
                Self::Transport { url, source: err.into() }
            }
            TransportError::Protocol(err) => Self::NotEngineIo { url, reason: err.to_string().into() },
            source => Self::Transport { url, source },
        }
    }
}

/// # Constructors
///
/// For tests of code that handles these errors.
impl ConnectError {
    /// An [`Invalid`](Self::Invalid).
    pub fn invalid(what: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid { what, reason: reason.into() }
    }

    /// A [`Hook`](Self::Hook).
    pub fn hook(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Hook(Cause::new(cause))
    }

    /// A [`Timeout`](Self::Timeout).
    pub fn timeout(url: impl Into<Box<str>>, stage: Stage) -> Self {
        Self::Timeout { url: url.into(), stage }
    }

    /// A [`Status`](Self::Status).
    pub fn status(url: impl Into<Box<str>>, status: HttpStatus) -> Self {
        Self::Status { url: url.into(), status: Box::new(status) }
    }

    /// A [`NotEngineIo`](Self::NotEngineIo).
    pub fn not_engine_io(url: impl Into<Box<str>>, reason: impl Into<Box<str>>) -> Self {
        Self::NotEngineIo { url: url.into(), reason: reason.into() }
    }

    /// An [`UnsupportedProtocol`](Self::UnsupportedProtocol).
    pub fn unsupported_protocol(
        url: impl Into<Box<str>>,
        server: impl Into<Option<ProtocolVersion>>,
    ) -> Self {
        Self::UnsupportedProtocol { url: url.into(), server: server.into() }
    }

    /// A [`Transport`](Self::Transport).
    pub fn transport(url: impl Into<Box<str>>, source: TransportError) -> Self {
        Self::Transport { url: url.into(), source }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid { what, reason } => write!(f, "invalid {what}: {}", OneLine(reason)),
            Self::NoTransports => f.write_str("no transports to connect with"),
            Self::AlreadyConnected => {
                f.write_str("already connected, connecting or disconnecting; await a Disconnect first")
            }
            Self::Cancelled => f.write_str("cancelled by Disconnect"),
            Self::Stopped => f.write_str("the client stopped"),
            Self::Hook(cause) => write!(f, "the before_connect hook failed: {cause}"),
            Self::Exhausted(reason) => {
                write!(f, "no further reconnect attempt is allowed; the last session ended with: {reason}")
            }
            Self::Timeout { url, stage } => write!(f, "{url}: timed out {stage}"),
            Self::Status { url, status } => write!(f, "{url}: the server refused: {status}"),
            Self::NotEngineIo { url, reason } => {
                write!(f, "{url}: not an Engine.IO server, or the path is wrong: {}", OneLine(reason))
            }
            Self::UnsupportedProtocol { url, server: Some(server) } => {
                write!(f, "{url}: {}", Mismatch(*server))
            }
            Self::UnsupportedProtocol { url, server: None } => {
                write!(f, "{url}: the server refuses Engine.IO protocols 3 and 4")
            }
            Self::Transport { url, source } => write!(f, "{url}: {source}"),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.get_ref()?.source()
    }
}
