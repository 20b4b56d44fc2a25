//! One Engine.IO packet (protocol 4, "Packet encoding"; protocol 3, "Packet"), whatever form it is sent in.
//! [`ProtocolVersion`](super::version::ProtocolVersion) encodes and decodes it.

use bytes::Bytes;
use bytestring::ByteString;

use crate::data::Data;

/// One unit of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Packet {
    /// Type 0: the server opens the session. `handshake` decodes its JSON.
    Open(ByteString),
    /// Type 1: the sender closes the session.
    Close,
    /// Type 2: a heartbeat, or the probe of an upgrade.
    Ping(ByteString),
    /// Type 3: the answer to a ping. It repeats the ping's data.
    Pong(ByteString),
    /// Type 4: a message.
    Message(Data),
    /// Type 5: the client moves the session to the transport that carries this packet.
    Upgrade,
    /// Type 6: a packet without a meaning. A server ends a poll with it.
    Noop,
    /// Type 7, 8 or 9: the protocol does not define them yet. The client receives them and never sends them.
    Unknown(char),
}

impl Packet {
    /// Whether the last of these packets closes the session. Nothing is sent behind it.
    pub(crate) fn ends_session(packets: &[Self]) -> bool {
        packets.last() == Some(&Self::Close)
    }

    /// Copies the data of the packet into a buffer of its own, so that the packet no longer keeps a larger buffer alive.
    pub(crate) fn detach(&mut self) {
        match self {
            Self::Message(Data::Binary(bytes)) => *bytes = Bytes::copy_from_slice(bytes),
            Self::Message(Data::Text(text)) | Self::Open(text) | Self::Ping(text) | Self::Pong(text) => {
                *text = ByteString::from(&**text);
            }
            Self::Close | Self::Upgrade | Self::Noop | Self::Unknown(_) => {}
        }
    }

    /// The data of a message. `None`: this is another packet.
    pub(crate) fn as_message(&self) -> Option<&Data> {
        match self {
            Self::Message(data) => Some(data),
            _ => None,
        }
    }

    /// The data of a message. `None`: this is another packet.
    pub(crate) fn into_message(self) -> Option<Data> {
        match self {
            Self::Message(data) => Some(data),
            _ => None,
        }
    }

    /// The data of the packet, without its type and without any encoding.
    pub(crate) fn body(&self) -> &[u8] {
        // Nearly every packet is a message: one comparison finds it, before the table of all types.
        if let Self::Message(data) = self {
            return data.as_bytes();
        }
        match self {
            Self::Open(text) | Self::Ping(text) | Self::Pong(text) => text.as_bytes(),
            Self::Message(_) | Self::Close | Self::Upgrade | Self::Noop | Self::Unknown(_) => b"",
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
