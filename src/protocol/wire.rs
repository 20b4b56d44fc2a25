//! The seam between packets and bytes.
//!
//! Everything that encodes or decodes packets goes through [`Wire`]: WebSocket, polling, the limits of the send queue, the
//! benchmarks and the fuzz targets. A further version of the protocol is a further variant. Compression of WebSocket
//! messages (RFC 7692) belongs below, into [`WebSocketCodec`]: nothing here knows how long a frame is before it is encoded.

mod payload;
mod text;

use bytes::{Bytes, BytesMut};

pub(crate) use self::payload::Payload;
use crate::{
    data::Data,
    error::{ProtocolError, SendErrorKind},
    protocol::{
        handshake::TransportKind,
        packet::Packet,
        websocket::{Frame, FrameEnds, Message, Opcode, Text, WebSocketCodec},
    },
};

/// The encoding of packets, which depends on the version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Protocol 4.
    V4,
}

impl Wire {
    /// The number of bytes by which a text frame or a body with one message of `size` bytes can exceed it.
    pub(crate) fn max_overhead(self, size: usize) -> usize {
        let Self::V4 = self;
        text::max_overhead(size)
    }
}

/// # WebSocket
///
/// "One packet per message" (protocol 4, "WebSocket").
impl Wire {
    /// The frame of one packet.
    #[inline]
    pub(crate) fn frame(self, packet: &Packet) -> Frame<'_> {
        let Self::V4 = self;
        // Nearly every packet is a message: one comparison finds it, before the table of all types.
        match packet {
            Packet::Message(Data::Text(text)) => {
                Frame { opcode: Opcode::Text, head: b"4", body: text.as_bytes() }
            }
            // "When a binary packet is sent over WebSocket, it is sent as is", without its type.
            Packet::Message(Data::Binary(bytes)) => Frame { opcode: Opcode::Binary, head: b"", body: bytes },
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
        let Self::V4 = self;
        match message {
            Message::Text(Text { head, rest }) => text::decode(head, rest, max_message_size),
            Message::Binary(bytes) => Ok(Packet::Message(bytes.into())),
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => {
                Err(ProtocolError::Frame("a control frame is no packet"))
            }
        }
    }
}

/// # Polling
///
/// A body carries any number of packets (protocol 4, "Payload encoding").
impl Wire {
    /// Appends the body of a POST with these packets. Each must be [representable](Self::is_representable).
    pub(crate) fn encode_payload(self, packets: &[Packet], dst: &mut BytesMut) {
        let Self::V4 = self;
        payload::encode(packets, dst);
    }

    /// The packets in the body of a poll. The data of each may have `max_message_size` bytes.
    pub(crate) fn decode_payload(self, body: Bytes, max_message_size: usize) -> Payload {
        let Self::V4 = self;
        Payload::new(body, max_message_size)
    }

    /// The number of bytes that a packet adds to the body of a POST. `is_first`: no packet precedes it.
    pub(crate) fn size_in_payload(self, packet: &Packet, is_first: bool) -> usize {
        let Self::V4 = self;
        payload::size(packet, is_first)
    }

    /// Whether the body of a POST can carry the packet.
    pub(crate) fn is_representable(self, packet: &Packet) -> bool {
        let Self::V4 = self;
        payload::is_representable(packet)
    }
}

/// # Limits
///
/// A server compares its `maxPayload` with the packet as it arrives: with the body of a POST, or with the payload of a
/// WebSocket message.
impl Wire {
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
        let Self::V4 = self;
        match kind {
            TransportKind::Polling => 0,
            // A text has its type in front.
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

/// Whether a body is the handshake of protocol 3, where a length precedes each packet: `97:0{"sid":...`.
pub(crate) fn looks_like_protocol_3(body: &[u8]) -> bool {
    let digits = body.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && body.get(digits..).is_some_and(|rest| rest.starts_with(b":0{"))
}

#[cfg(test)]
mod tests;
