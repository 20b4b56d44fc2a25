//! Why a message is not sent.

use std::{error, fmt};

use thiserror::Error;

use crate::data::Data;

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
