//! What the benchmark of the codecs calls. Nothing here is part of the interface.

use actix_codec::{Decoder, Encoder};
use bytes::{Bytes, BytesMut};

use crate::{
    data::Data,
    error::{ProtocolError, TransportError},
    protocol::{
        packet::Packet,
        payload::{self, Payload},
        websocket::{Frame, Message, Opcode, Text, WebSocketCodec},
    },
};

/// Messages to be encoded.
#[derive(Debug)]
pub struct Messages(Vec<Packet>);

impl FromIterator<Data> for Messages {
    fn from_iter<T: IntoIterator<Item = Data>>(datas: T) -> Self {
        Self(datas.into_iter().map(Packet::Message).collect())
    }
}

impl Messages {
    /// Appends the body of a POST that holds all of them.
    pub fn encode_payload(&self, dst: &mut BytesMut) {
        payload::encode(&self.0, dst);
    }

    /// Appends a frame of each.
    ///
    /// # Errors
    /// None: every message can be sent.
    pub fn encode_frames(&self, dst: &mut BytesMut) -> Result<(), TransportError> {
        // The generator of keys is not measured.
        let mut codec = WebSocketCodec::new(0, || [0x12, 0x34, 0x56, 0x78]);
        self.0.iter().try_for_each(|packet| {
            let opcode = if packet.is_binary() { Opcode::Binary } else { Opcode::Text };
            codec
                .encode(Frame { opcode, head: packet.head(), body: packet.body() }, dst)
                .map_err(TransportError::from)
        })
    }
}

/// Decodes the body of a poll; gives how many packets it holds.
///
/// # Errors
/// It is no payload.
pub fn decode_payload(body: Bytes) -> Result<usize, ProtocolError> {
    Payload::new(body)?.try_fold(0, |count, packet| packet.map(|_| count + 1))
}

/// Decodes the frames of a server; gives how many packets they hold.
///
/// # Errors
/// They break the protocol.
pub fn decode_frames(src: &mut BytesMut) -> Result<usize, TransportError> {
    let mut codec = WebSocketCodec::new(usize::MAX, || [0; 4]);
    let mut count = 0;
    while let Some(message) = codec.decode(src)? {
        let packet = match message {
            Message::Text(Text { head, rest }) => Packet::decode(head, rest)?,
            Message::Binary(bytes) => Packet::Message(bytes.into()),
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => continue,
        };
        std::hint::black_box(packet);
        count += 1;
    }
    Ok(count)
}
