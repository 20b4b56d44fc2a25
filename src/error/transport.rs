//! Failures of a transport.

use std::{error::Error, fmt, io};

use super::{Cause, HttpStatus, OneLine, ProtocolError, Stage};

/// The transport failed: the network, TLS, HTTP, or a request that the server did not accept.
///
/// `Display` says everything that is known, on one line. [`get_ref`](Self::get_ref) gives the error of the operating
/// system, of rustls, or of the application's own code that caused this one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportError {
    /// The host's addresses could not be found. The cause is the error of the operating system or of the application's
    /// own [`resolver`](crate::EngineIoClientBuilder::resolver).
    Resolve(Cause),
    /// The connection was refused or could not be made.
    #[non_exhaustive]
    Connect {
        /// The kind of the [`io::Error`].
        kind: io::ErrorKind,
        /// The error of the operating system, or of the application's own
        /// [`connector`](crate::EngineIoClientBuilder::connector).
        cause: Cause,
    },
    /// TLS failed.
    #[non_exhaustive]
    Tls {
        /// The error of rustls, or of the library that [`awc_connector`](crate::EngineIoClientBuilder::awc_connector) brings,
        /// followed by advice where there is any.
        cause: Cause,
        /// `true` if another attempt would fail, too. Mostly a certificate was not accepted, the server's or the client's own.
        /// It is also `true` if the two sides have no version, cipher suite, protocol or name in common.
        untrusted: bool,
    },
    /// The proxy could not be reached, or it did not make the connection.
    #[non_exhaustive]
    Proxy {
        /// The status with which an HTTP proxy answered, such as 407. For a SOCKS proxy, 407 if it asks for other
        /// credentials and 403 if it does not allow the connection.
        status: Option<u16>,
        /// The failure: the [`HttpStatus`] of the proxy, an [`io::Error`], an error of the SOCKS protocol, or another
        /// `TransportError`.
        cause: Cause,
    },
    /// A time limit ran out.
    #[non_exhaustive]
    Timeout {
        /// The step that the client was waiting for.
        stage: Stage,
    },
    /// The connection was lost.
    #[non_exhaustive]
    Io {
        /// The kind of the [`io::Error`]; `UnexpectedEof` if the peer closed the connection in the middle of something.
        kind: io::ErrorKind,
        /// The error of the operating system, or what was not complete when the peer closed the connection.
        cause: Cause,
    },
    /// The server answered a request with an error status.
    Status(Box<HttpStatus>),
    /// The server redirected a request for which redirects are not followed, or redirected too often.
    Redirect(Box<str>),
    /// The response is not HTTP, or it is not what an Engine.IO server answers: no WebSocket handshake, or no
    /// acknowledgement of a POST.
    Malformed(Box<str>),
    /// The body of a response, or over polling one message, is larger than `max_message_size` allows.
    #[non_exhaustive]
    BodyTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The peer broke the protocol.
    Protocol(ProtocolError),
    /// An upgrade could not proceed, because a subscriber has not handled its events and the client therefore does not read.
    BackPressure,
    /// The URL needs something that this build or this configuration does not have.
    Unsupported(Box<str>),
    /// The transport ended and did not say why. This is a defect of this crate.
    #[doc(hidden)]
    Vanished,
}

impl TransportError {
    /// The error that caused this one, for [`downcast_ref`](Error#method.downcast_ref): usually an [`io::Error`], a
    /// [`rustls::Error`](https://docs.rs/rustls/0.23/rustls/enum.Error.html), or what a resolver or connector of the
    /// application returned. `None` if this crate itself found what is wrong.
    ///
    /// As with [`io::Error`], [`source`](Error::source) does not return this cause but the cause's own source, because the
    /// text of the cause is already part of this error's text.
    ///
    /// ```
    /// use std::{error::Error as _, io};
    ///
    /// use actix_engineio::TransportError;
    ///
    /// let err = TransportError::connect(io::Error::from(io::ErrorKind::ConnectionRefused));
    /// assert_eq!(err.to_string(), "cannot connect: connection refused");
    /// let cause = err.get_ref().and_then(|cause| cause.downcast_ref::<io::Error>());
    /// assert_eq!(cause.unwrap().kind(), io::ErrorKind::ConnectionRefused);
    /// assert!(err.source().is_none());
    /// ```
    pub fn get_ref(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        match self {
            Self::Resolve(cause)
            | Self::Connect { cause, .. }
            | Self::Tls { cause, .. }
            | Self::Proxy { cause, .. }
            | Self::Io { cause, .. } => cause.get_ref(),
            _ => None,
        }
    }

    /// The error status with which the server or a proxy answered, if that is what happened.
    pub fn http_status(&self) -> Option<&HttpStatus> {
        match self {
            Self::Status(status) => Some(status),
            Self::Proxy { cause, .. } => cause.get_ref()?.downcast_ref(),
            _ => None,
        }
    }

    /// Whether the host was not found, or no connection to it could be made. All transports take this way, so the failure says
    /// nothing about the transport.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(self, Self::Resolve(_) | Self::Connect { .. })
    }

    /// Whether the server or a proxy asked for credentials, or did not accept those of the client.
    pub(crate) fn is_about_credentials(&self) -> bool {
        match self {
            Self::Status(status) => status.is_about_credentials(),
            Self::Proxy { status, .. } => *status == Some(407),
            _ => false,
        }
    }

    /// The lookup of a host succeeded, but it found no address.
    pub(crate) fn no_addresses() -> Self {
        Self::Resolve(Cause::text("the host has no addresses"))
    }

    /// The peer closed the connection before `what` was complete.
    pub(crate) fn eof(what: &str) -> Self {
        Self::Io { kind: io::ErrorKind::UnexpectedEof, cause: Cause::text(what) }
    }
}

/// # Constructors
///
/// For tests of code that handles these errors.
impl TransportError {
    /// A [`Resolve`](Self::Resolve).
    pub fn resolve(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Resolve(Cause::new(cause))
    }

    /// A [`Connect`](Self::Connect).
    pub fn connect(cause: io::Error) -> Self {
        Self::Connect { kind: cause.kind(), cause: Cause::new(cause) }
    }

    /// A [`Tls`](Self::Tls).
    pub fn tls(cause: impl Into<Box<dyn Error + Send + Sync>>, untrusted: bool) -> Self {
        Self::Tls { cause: Cause::new(cause), untrusted }
    }

    /// A [`Proxy`](Self::Proxy).
    pub fn proxy(status: Option<u16>, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Proxy { status, cause: Cause::new(cause) }
    }

    /// A [`Timeout`](Self::Timeout).
    pub fn timeout(stage: Stage) -> Self {
        Self::Timeout { stage }
    }

    /// An [`Io`](Self::Io).
    pub fn io(cause: io::Error) -> Self {
        Self::Io { kind: cause.kind(), cause: Cause::new(cause) }
    }

    /// A [`BodyTooLarge`](Self::BodyTooLarge).
    pub fn body_too_large(limit: usize) -> Self {
        Self::BodyTooLarge { limit }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(cause) => write!(f, "cannot resolve the host: {cause}"),
            Self::Connect { cause, .. } => write!(f, "cannot connect: {cause}"),
            Self::Tls { cause, .. } => write!(f, "TLS failed: {cause}"),
            Self::Proxy { cause, .. } => write!(f, "the proxy failed: {cause}"),
            Self::Timeout { stage } => write!(f, "timed out {stage}"),
            Self::Io { cause, .. } => write!(f, "connection lost: {cause}"),
            Self::Status(status) => write!(f, "the server refused: {status}"),
            Self::Redirect(what) => write!(f, "redirected: {}", OneLine(what)),
            Self::Malformed(what) => write!(f, "malformed response: {}", OneLine(what)),
            Self::BodyTooLarge { limit } => {
                write!(f, "a response body exceeds max_message_size, {limit} bytes")
            }
            Self::Protocol(err) => err.fmt(f),
            Self::BackPressure => {
                f.write_str("nothing was read, because a subscriber does not handle its events")
            }
            Self::Unsupported(what) => write!(f, "unsupported: {}", OneLine(what)),
            Self::Vanished => f.write_str("the transport ended without saying why"),
        }
    }
}

impl Error for TransportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.get_ref()?.source()
    }
}

impl From<ProtocolError> for TransportError {
    fn from(err: ProtocolError) -> Self {
        Self::Protocol(err)
    }
}
