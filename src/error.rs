//! The errors of this crate: one type for each thing that can be asked of a client.

mod connect;
mod disconnect;
mod send;

use std::{
    fmt::{self, Write as _},
    io,
    time::Duration,
};

use thiserror::Error;

pub use self::{
    connect::ConnectError,
    disconnect::DisconnectReason,
    send::{FlushError, SendError, SendErrorKind},
};

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

/// Words of the peer's that have to stay on the line they are shown on.
struct OneLine<'a>(&'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|char| f.write_char(if char.is_control() { ' ' } else { char }))
    }
}

/// The code of a close frame, and its reason, if there is one.
pub(crate) struct CloseWords<'a>(pub(crate) u16, pub(crate) &'a str);

impl fmt::Display for CloseWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "code {}", self.0)?;
        if self.1.is_empty() { Ok(()) } else { write!(f, ", {}", OneLine(self.1)) }
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
