//! One Engine.IO packet, in its text and its binary form (protocol 4, "Packet encoding").

use base64_simd::{AsOut as _, STANDARD, STANDARD_NO_PAD};
use bytes::{BufMut, Bytes, BytesMut};
use bytestring::ByteString;

use crate::{data::Data, error::ProtocolError};

/// What separates the packets of a payload: "The packets are separated by the record separator character." Nothing
/// escapes it.
pub(super) const SEPARATOR: u8 = 0x1e;

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
    /// `7`, `8` or `9`: a type that the protocol does not define yet. Received, never sent.
    Unknown(u8),
}

impl Packet {
    /// Gives it a buffer of its own, of the size of its data.
    pub(crate) fn detach(&mut self) {
        match self {
            Self::Message(Data::Binary(bytes)) => *bytes = Bytes::copy_from_slice(bytes),
            Self::Message(Data::Text(text)) | Self::Open(text) | Self::Ping(text) | Self::Pong(text) => {
                *text = ByteString::from(&**text);
            }
            Self::Close | Self::Upgrade | Self::Noop | Self::Unknown(_) => {}
        }
    }

    /// Decodes a packet in text form: the character of its type, and its data.
    #[inline(always)] // Else each packet would be moved once more.
    pub(crate) fn decode(kind: Option<char>, data: ByteString) -> Result<Self, ProtocolError> {
        let Some(kind) = kind else {
            return Err(ProtocolError::Packet("it is empty"));
        };
        Ok(match kind {
            '0' => Self::Open(data),
            '1' => Self::Close,
            '2' => Self::Ping(data),
            '3' => Self::Pong(data),
            '4' => Self::Message(Data::Text(data)),
            '5' => Self::Upgrade,
            '6' => Self::Noop,
            '7' => Self::Unknown(7),
            '8' => Self::Unknown(8),
            '9' => Self::Unknown(9),
            // "In case of HTTP long-polling, the binary packets are base64-encoded and prefixed with a `b`
            // character." Servers accept and send that over WebSocket too.
            'b' => Self::Message(Data::Binary(decode_base64(data.as_bytes())?)),
            _ => return Err(ProtocolError::Packet("its type is not a digit")),
        })
    }

    /// Appends the text form, as polling writes it.
    pub(crate) fn encode_text(&self, dst: &mut BytesMut) {
        if let Self::Message(Data::Binary(bytes)) = self {
            dst.put_u8(b'b');
            let start = dst.len();
            dst.resize(start + STANDARD.encoded_length(bytes.len()), 0);
            if let Some(text) = dst.get_mut(start..) {
                // It fills its output, which has the right length.
                let _ = STANDARD.encode(bytes, text.as_out());
            }
        } else {
            dst.put_slice(self.head());
            dst.put_slice(self.body());
        }
    }

    /// How many bytes `encode_text` appends.
    pub(crate) fn encoded_len(&self) -> usize {
        match self {
            Self::Message(Data::Binary(bytes)) => 1 + STANDARD.encoded_length(bytes.len()),
            _ => self.head().len() + self.body().len(),
        }
    }

    /// What precedes the body in a WebSocket frame: the digit of the type, or nothing in a binary frame.
    pub(crate) fn head(&self) -> &'static [u8] {
        // Nearly every packet is a message: one comparison for it, a table for the rest. So in `body`.
        if let Self::Message(data) = self {
            // "When a binary packet is sent over WebSocket, it is sent as is", without its type.
            return if let Data::Text(_) = data { b"4" } else { b"" };
        }
        match self {
            Self::Open(_) => b"0",
            Self::Close => b"1",
            Self::Ping(_) => b"2",
            Self::Pong(_) => b"3",
            Self::Message(_) => b"4",
            Self::Upgrade => b"5",
            Self::Noop => b"6",
            Self::Unknown(7) => b"7",
            Self::Unknown(8) => b"8",
            Self::Unknown(_) => b"9",
        }
    }

    /// The data of the packet as it is, without its type.
    pub(crate) fn body(&self) -> &[u8] {
        if let Self::Message(data) = self {
            return data.as_bytes();
        }
        match self {
            Self::Open(text) | Self::Ping(text) | Self::Pong(text) => text.as_bytes(),
            Self::Message(_) | Self::Close | Self::Upgrade | Self::Noop | Self::Unknown(_) => b"",
        }
    }

    /// Whether the packet is a binary frame over WebSocket.
    pub(crate) fn is_binary(&self) -> bool {
        matches!(self, Self::Message(Data::Binary(_)))
    }

    /// Whether polling can carry the packet: its text cannot hold the character that separates packets, and there
    /// is no way to escape it.
    pub(crate) fn is_pollable(&self) -> bool {
        self.is_binary() || memchr::memchr(SEPARATOR, self.body()).is_none()
    }
}

/// Every peer writes padding; what comes without it is taken too.
fn decode_base64(text: &[u8]) -> Result<Bytes, ProtocolError> {
    let base64 = if text.len().is_multiple_of(4) { STANDARD } else { STANDARD_NO_PAD };
    match base64.decode_to_vec(text) {
        Ok(bytes) => Ok(bytes.into()),
        Err(_) => Err(ProtocolError::Packet("its binary data is not base64")),
    }
}

#[cfg(test)]
pub(crate) mod tests;
