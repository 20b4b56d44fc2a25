//! The seam between packets and bytes: what [`ProtocolVersion`] knows about encoding.
//!
//! Everything that encodes or decodes packets goes through it: WebSocket, polling, the limits of the send queue, the
//! benchmarks and the fuzz targets. Compression of WebSocket messages (RFC 7692) is below, in [`WebSocketCodec`]: nothing here
//! knows how long a frame is before it is encoded.

mod payload;
mod text;
mod v3;

use bytes::{Bytes, BytesMut};

pub(crate) use self::payload::Payload;
use crate::{
    data::Data,
    error::{ProtocolError, SendErrorKind},
    protocol::{
        handshake::TransportKind,
        packet::Packet,
        version::ProtocolVersion,
        websocket::{Frame, FrameEnds, Message, Opcode, Text, WebSocketCodec},
    },
};

/// The bytes that version 3 adds to a message: its type, and in a payload the digits of its length with a byte before and
/// behind them.
const MAX_V3_HEADER: usize = 24;

/// The encoding of packets depends on the version of the protocol, and on nothing else.
impl ProtocolVersion {
    /// The number of bytes by which a text frame or a body with one message of `size` bytes can exceed it.
    pub(crate) fn max_overhead(self, size: usize) -> usize {
        match self {
            Self::V4 => text::max_overhead(size),
            Self::V3 => text::max_overhead(size).saturating_add(MAX_V3_HEADER),
        }
    }

    /// The number of bytes in front of the data of a binary frame.
    pub(crate) fn binary_overhead(self) -> usize {
        self.binary_head().len()
    }

    fn binary_head(self) -> &'static [u8] {
        match self {
            // "When a binary packet is sent over WebSocket, it is sent as is", without its type.
            Self::V4 => b"",
            Self::V3 => v3::BINARY_MESSAGE,
        }
    }
}

/// # WebSocket
///
/// "One packet per message" (protocol 4, "WebSocket"), in version 3 too.
impl ProtocolVersion {
    /// The frame of one packet.
    #[inline]
    pub(crate) fn frame(self, packet: &Packet) -> Frame<'_> {
        // Nearly every packet is a message: one comparison finds it, before the table of all types.
        match packet {
            Packet::Message(Data::Text(text)) => {
                Frame { opcode: Opcode::Text, head: b"4", body: text.as_bytes() }
            }
            Packet::Message(Data::Binary(bytes)) => {
                Frame { opcode: Opcode::Binary, head: self.binary_head(), body: bytes }
            }
            packet => Frame { opcode: Opcode::Text, head: text::type_digit(packet), body: packet.body() },
        }
    }

    /// Appends one frame for each packet to `dst`, and records in `ends` where each of them ends.
    pub(crate) fn encode_frames<K: FnMut() -> [u8; 4]>(
        self,
        packets: &[Packet],
        codec: &mut WebSocketCodec<K>,
        dst: &mut BytesMut,
        ends: &mut FrameEnds,
    ) {
        codec.encode_batch(packets.iter().map(|packet| self.frame(packet)), dst, ends);
    }

    /// The packet of a text message or a binary message. Its data may have `max_message_size` bytes; the codec has checked
    /// that of a binary message.
    #[inline(always)] // A call would move each packet once more.
    pub(crate) fn decode_message(
        self,
        message: Message,
        max_message_size: usize,
    ) -> Result<Packet, ProtocolError> {
        match message {
            // Nearly every packet is a message, and in text it is the same in all versions.
            Message::Text(Text { head: Some('4'), rest }) if rest.len() <= max_message_size => {
                Ok(Packet::Message(Data::Text(rest)))
            }
            Message::Text(Text { head, rest }) => match self {
                Self::V4 => text::decode(head, rest, max_message_size),
                Self::V3 => v3::decode_text(head, rest, max_message_size),
            },
            Message::Binary(bytes) => match self {
                Self::V4 => Ok(Packet::Message(bytes.into())),
                Self::V3 => v3::decode_binary(bytes, max_message_size),
            },
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => {
                Err(ProtocolError::Frame("a control frame is no packet"))
            }
        }
    }
}

/// # Polling
///
/// A body carries any number of packets (protocol 4, "Payload encoding"; protocol 3, "Payload").
impl ProtocolVersion {
    /// Appends the body of a POST with these packets. Each must be [representable](Self::is_representable).
    pub(crate) fn encode_payload(self, packets: &[Packet], dst: &mut BytesMut) {
        payload::encode(self, packets, dst);
    }

    /// The type of the content of such a body, if servers tell its forms apart by it.
    pub(crate) fn content_type(self, body: &[u8]) -> Option<&'static str> {
        payload::content_type(self, body)
    }

    /// The packets in the body of a poll. The data of each may have `max_message_size` bytes.
    pub(crate) fn decode_payload(self, body: Bytes, max_message_size: usize) -> Payload {
        Payload::new(self, body, max_message_size)
    }

    /// The number of bytes that a packet adds to the body of a POST, at most. `is_first`: no packet precedes it.
    pub(crate) fn size_in_payload(self, packet: &Packet, is_first: bool) -> usize {
        payload::size(self, packet, is_first)
    }

    /// Whether the body of a POST can carry the packet.
    pub(crate) fn is_representable(self, packet: &Packet) -> bool {
        payload::is_representable(self, packet)
    }

    /// The version in which a server has answered the handshake, if the start of the body shows it.
    pub(crate) fn of_handshake(body: &[u8]) -> Option<Self> {
        payload::version_of_handshake(body)
    }
}

/// # Limits
///
/// A server compares its `maxPayload` with the packet as it arrives: with the body of a POST, or with the payload of a
/// WebSocket message.
impl ProtocolVersion {
    /// Checks that a transport can carry a message to a server that accepts `max_payload` bytes.
    pub(crate) fn check_message(
        self,
        data: &Data,
        kind: TransportKind,
        max_payload: Option<usize>,
    ) -> Result<(), SendErrorKind> {
        // A clone shares the data.
        let packet = Packet::Message(data.clone());
        let size = self.message_size(&packet, kind);
        match max_payload {
            Some(limit) if size > limit => Err(SendErrorKind::TooLarge { size, limit }),
            _ if kind == TransportKind::Polling && !self.is_representable(&packet) => {
                Err(SendErrorKind::NotRepresentable)
            }
            _ => Ok(()),
        }
    }

    /// The length below which every message passes [`check_message`](Self::check_message), whatever its content is. Over
    /// polling the content matters.
    pub(crate) fn unchecked_len(self, kind: TransportKind, max_payload: Option<usize>) -> usize {
        match kind {
            TransportKind::Polling => 0,
            // A text has its type in front, and in version 3 binary data too.
            TransportKind::WebSocket => max_payload.unwrap_or(usize::MAX),
        }
    }

    /// The size of one packet that is sent by itself.
    fn message_size(self, packet: &Packet, kind: TransportKind) -> usize {
        match kind {
            TransportKind::Polling => self.size_in_payload(packet, true),
            TransportKind::WebSocket => {
                let frame = self.frame(packet);
                frame.head.len() + frame.body.len()
            }
        }
    }
}

#[cfg(test)]
mod tests;
