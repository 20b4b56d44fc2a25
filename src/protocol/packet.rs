//! One Engine.IO packet, in its text and its binary form (protocol 4, "Packet encoding").

use std::fmt;

use bytes::Bytes;
use bytestring::ByteString;

/// What a message carries: text or bytes.
///
/// Cheap to clone: a clone shares the buffer.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Data {
    /// A text message.
    Text(ByteString),
    /// A binary message.
    Binary(Bytes),
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.debug_tuple("Text").field(text).finish(),
            Self::Binary(bytes) => f.debug_tuple("Binary").field(bytes).finish(),
        }
    }
}

/// One unit of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Packet {
    /// `0`: the server opens the session; the JSON is decoded by `handshake`.
    Open(ByteString),
    /// `1`: the sender closes the session.
    Close,
    /// `2`: a heartbeat, or the probe of an upgrade.
    Ping(ByteString),
    /// `3`: the answer to a ping, with the ping's data.
    Pong(ByteString),
    /// `4`, or a binary frame.
    Message(Data),
    /// `5`: the client moves to the transport that this packet is sent on.
    Upgrade,
    /// `6`: nothing; it ends a poll.
    Noop,
}
