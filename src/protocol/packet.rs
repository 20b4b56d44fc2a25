//! One Engine.IO packet, in its text and its binary form (protocol 4, "Packet encoding").

use std::fmt::{self, Write};

use base64::{
    Engine,
    alphabet::STANDARD as ALPHABET,
    display::Base64Display,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::{BufMut, Bytes, BytesMut};
use bytestring::ByteString;
use serde::de::DeserializeOwned;

use crate::{error::ProtocolError, protocol::payload::SEPARATOR};

/// Writes padding, as every peer does, and can do without it when reading.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a message carries: text or bytes.
///
/// Cheap to clone: a clone shares the buffer.
///
/// ```
/// use actix_engineio::Data;
///
/// let text = Data::from("[1,2]");
/// assert_eq!(text.as_text(), Some("[1,2]"));
/// assert_eq!(text.json::<Vec<u8>>()?, [1, 2]);
///
/// let binary = Data::from(vec![1, 2]);
/// assert_eq!(binary.as_text(), None);
/// assert_eq!(binary.len(), 2);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Data {
    /// A text message.
    Text(ByteString),
    /// A binary message.
    Binary(Bytes),
}

impl Data {
    /// The length in bytes; of text, that of its UTF-8.
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether the message carries nothing. Engine.IO delivers empty messages like any other.
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// The text of a text message, `None` of a binary one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Binary(_) => None,
        }
    }

    /// The bytes of a binary message, `None` of a text one.
    pub fn as_binary(&self) -> Option<&Bytes> {
        match self {
            Self::Text(_) => None,
            Self::Binary(bytes) => Some(bytes),
        }
    }

    /// The bytes of the message, whichever kind it is; of text, its UTF-8.
    pub fn as_bytes(&self) -> &Bytes {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// Reads the message as JSON, a binary message too if it is UTF-8.
    ///
    /// # Errors
    /// The message is no JSON, or not the JSON of a `T`.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        match self {
            Self::Text(text) => serde_json::from_str(text),
            Self::Binary(bytes) => serde_json::from_slice(bytes),
        }
    }
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.debug_tuple("Text").field(text).finish(),
            Self::Binary(bytes) => f.debug_tuple("Binary").field(bytes).finish(),
        }
    }
}

impl From<ByteString> for Data {
    fn from(text: ByteString) -> Self {
        Self::Text(text)
    }
}

impl From<String> for Data {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<&str> for Data {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<Bytes> for Data {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Vec<u8>> for Data {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }
}

impl From<&[u8]> for Data {
    fn from(bytes: &[u8]) -> Self {
        Self::Binary(Bytes::copy_from_slice(bytes))
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
    /// `7`, `8` or `9`: a type that the protocol does not define yet. Received, never sent.
    Unknown(u8),
}

impl Packet {
    /// Decodes a packet in text form: the text frame of a WebSocket.
    pub(crate) fn decode_text(text: ByteString) -> Result<Self, ProtocolError> {
        Self::decode_slice(&text, &text)
    }

    /// Decodes a packet in text form that is a slice of `buffer`, whose memory its data shares.
    pub(super) fn decode_slice(buffer: &ByteString, packet: &str) -> Result<Self, ProtocolError> {
        let mut chars = packet.chars();
        let Some(kind) = chars.next() else {
            return Err(ProtocolError::Packet("it is empty"));
        };
        let data = chars.as_str();

        Ok(match kind {
            '0' => Self::Open(buffer.slice_ref(data)),
            '1' => Self::Close,
            '2' => Self::Ping(buffer.slice_ref(data)),
            '3' => Self::Pong(buffer.slice_ref(data)),
            '4' => Self::Message(Data::Text(buffer.slice_ref(data))),
            '5' => Self::Upgrade,
            '6' => Self::Noop,
            '7' => Self::Unknown(7),
            '8' => Self::Unknown(8),
            '9' => Self::Unknown(9),
            // "In case of HTTP long-polling, the binary packets are base64-encoded and prefixed with a `b`
            // character." Servers accept and send that over WebSocket too.
            'b' => match BASE64.decode(data) {
                Ok(bytes) => Self::Message(Data::Binary(bytes.into())),
                Err(_) => return Err(ProtocolError::Packet("its binary data is not base64")),
            },
            _ => return Err(ProtocolError::Packet("its type is not a digit")),
        })
    }

    /// Appends the text form, as polling writes it.
    pub(crate) fn encode_text(&self, dst: &mut BytesMut) {
        if let Self::Message(Data::Binary(bytes)) = self {
            dst.put_u8(b'b');
            // Writing to a `BytesMut` cannot fail: it grows.
            let _ = write!(dst, "{}", Base64Display::new(bytes, &BASE64));
        } else {
            dst.put_slice(self.head());
            dst.put_slice(self.body());
        }
    }

    /// How many bytes `encode_text` appends.
    pub(crate) fn encoded_len(&self) -> usize {
        match self {
            Self::Message(Data::Binary(bytes)) => 1 + bytes.len().div_ceil(3) * 4,
            _ => self.head().len() + self.body().len(),
        }
    }

    /// What precedes the body in a WebSocket frame: the digit of the type, or nothing in a binary frame.
    pub(crate) fn head(&self) -> &'static [u8] {
        match self {
            Self::Open(_) => b"0",
            Self::Close => b"1",
            Self::Ping(_) => b"2",
            Self::Pong(_) => b"3",
            Self::Message(Data::Text(_)) => b"4",
            // "When a binary packet is sent over WebSocket, it is sent as is", without its type.
            Self::Message(Data::Binary(_)) => b"",
            Self::Upgrade => b"5",
            Self::Noop => b"6",
            Self::Unknown(7) => b"7",
            Self::Unknown(8) => b"8",
            Self::Unknown(_) => b"9",
        }
    }

    /// The data of the packet as it is, without its type.
    pub(crate) fn body(&self) -> &[u8] {
        match self {
            Self::Open(text) | Self::Ping(text) | Self::Pong(text) => text.as_bytes(),
            Self::Message(data) => data.as_bytes(),
            Self::Close | Self::Upgrade | Self::Noop | Self::Unknown(_) => b"",
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

#[cfg(test)]
pub(crate) mod tests;
