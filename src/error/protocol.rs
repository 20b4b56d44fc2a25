//! What a peer did wrong.

use std::fmt;

use thiserror::Error;

use super::OneLine;
use crate::protocol::version::ProtocolVersion;

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
    /// A WebSocket frame that RFC 6455 forbids, or a message with too many empty fragments.
    #[error("bad WebSocket frame: {0}")]
    Frame(&'static str),
    /// A compressed WebSocket message that cannot be inflated (RFC 7692).
    #[error("bad compressed message: {0}")]
    Compression(&'static str),
    /// Text that is not UTF-8.
    #[error("text that is not UTF-8")]
    Utf8,
    /// The server speaks Engine.IO protocol 3, and the client was set to speak 4.
    #[error("{}", Mismatch(ProtocolVersion::V3))]
    Version3,
    /// The server speaks Engine.IO protocol 4, and the client was set to speak 3.
    #[error("{}", Mismatch(ProtocolVersion::V4))]
    Version4,
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

/// Says that a server speaks this version of the protocol, and the client was set to speak the other one.
pub(super) struct Mismatch(pub(super) ProtocolVersion);

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (server, client) = (self.0, self.0.other());
        write!(f, "the server speaks Engine.IO protocol {server}, this client speaks protocol {client}")?;
        f.write_str(": see the option `protocol`")
    }
}
