//! Why a message is not sent.

use std::{error, fmt};

use thiserror::Error;

use crate::data::Data;

/// Why a message could not be sent, together with the message.
///
/// ```
/// use actix_engineio::{Data, SendError, SendErrorKind};
///
/// /// The message, if another connection may take it.
/// fn send_later(err: SendError) -> Option<Data> {
///     match err.kind {
///         SendErrorKind::NotConnected | SendErrorKind::Disconnected => Some(err.data),
///         _ => None,
///     }
/// }
///
/// let err = SendError::new(SendErrorKind::NotConnected, "hello");
/// assert_eq!(send_later(err), Some(Data::from("hello")));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendError {
    /// Why the message was not sent.
    pub kind: SendErrorKind,
    /// The message that was not sent.
    pub data: Data,
}

impl SendError {
    /// The error of a message with this content, for tests.
    pub fn new(kind: SendErrorKind, data: impl Into<Data>) -> Self {
        Self { kind, data: data.into() }
    }
}

/// Why the messages of a [`SendAll`](crate::SendAll) could not be sent, together with all of them.
///
/// ```
/// use actix_engineio::{Data, SendAllError, SendErrorKind};
///
/// let err = SendAllError::new(SendErrorKind::NotConnected, ["a", "b"]);
/// assert_eq!(err.data, [Data::from("a"), Data::from("b")]);
/// assert_eq!(err.to_string(), "not connected");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendAllError {
    /// Why the messages were not sent. If one of them cannot be sent, this is its error.
    pub kind: SendErrorKind,
    /// The messages, in order. None of them was sent.
    pub data: Vec<Data>,
}

impl SendAllError {
    /// The error of messages with this content, for tests.
    pub fn new(kind: SendErrorKind, data: impl IntoIterator<Item = impl Into<Data>>) -> Self {
        Self { kind, data: data.into_iter().map(Into::into).collect() }
    }
}

impl fmt::Display for SendAllError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl error::Error for SendAllError {}

/// Why a message could not be sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendErrorKind {
    /// There is no session, and no `Connect` whose outcome the message could wait for; or the session is being closed; or it is
    /// not the one of [`SendAll::in_session`](crate::SendAll::in_session).
    #[error("not connected")]
    NotConnected,
    /// The server's `maxPayload` does not allow a message of this size, or, over polling,
    /// [`max_post_bytes`](crate::EngineIoClientBuilder::max_post_bytes) does not. The session goes on.
    ///
    /// The size depends on the transport: over polling, binary data is sent as base64. A message that is accepted while
    /// an upgrade pauses polling is measured for WebSocket. If the upgrade then fails, a message that is too large for
    /// polling comes back as [`Event::Rejected`](crate::Event::Rejected), and a group as
    /// [`Event::RejectedAll`](crate::Event::RejectedAll).
    #[error("{size} bytes exceed maxPayload or max_post_bytes, {limit} bytes")]
    #[non_exhaustive]
    TooLarge {
        /// Size in bytes of the message's packet, as the session's transport would encode it.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The session ended before the message was accepted.
    #[error("the connection ended before the message was accepted")]
    Disconnected,
    /// In protocol 4, text that contains U+001E cannot be sent over polling, because that character separates packets there.
    /// JSON never contains it. The session goes on: send the message as binary, or after the upgrade.
    #[error("text with U+001E cannot be sent over polling")]
    NotRepresentable,
}

impl SendErrorKind {
    /// A [`TooLarge`](Self::TooLarge), for tests.
    pub fn too_large(size: usize, limit: usize) -> Self {
        Self::TooLarge { size, limit }
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
    /// There is no session, or it is being closed and everything was sent.
    #[error("not connected")]
    NotConnected,
    /// The session ended first. The messages that were not sent are in [`Disconnected`](crate::Event::Disconnected), or
    /// [`keep_unsent`](crate::EngineIoClientBuilder::keep_unsent) carries them over.
    #[error("the connection ended before everything was sent")]
    Disconnected,
}
