//! What a peer did wrong.

use thiserror::Error;

use super::OneLine;

/// The peer broke the rules of Engine.IO or of WebSocket, or sent more than `max_message_size` allows.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A packet or a payload that cannot be decoded.
    #[error("undecodable packet: {0}")]
    Packet(&'static str),
    /// The open packet lacks a field, or a field has an impossible value.
    #[error("bad open packet: {}", OneLine(.0))]
    Handshake(Box<str>),
    /// A packet that is not allowed at this point of the session.
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
    #[non_exhaustive]
    TooLarge {
        /// Size in bytes that the peer announced, or that it had sent when it exceeded the limit.
        size: u64,
        /// The limit in bytes.
        limit: usize,
    },
}

impl ProtocolError {
    /// A [`TooLarge`](Self::TooLarge), for tests.
    pub fn too_large(size: u64, limit: usize) -> Self {
        Self::TooLarge { size, limit }
    }
}
