//! The functions that the benchmark of the codecs calls. Nothing here is part of the public interface.

use std::hint::black_box;

use actix_codec::Decoder as _;
use bytes::{Bytes, BytesMut};

use crate::{
    data::Data,
    error::{ProtocolError, TransportError},
    protocol::{
        packet::Packet,
        version::ProtocolVersion,
        websocket::{FrameEnds, Message, WebSocketCodec},
    },
};

/// Messages to encode.
#[derive(Debug)]
pub struct Messages(Vec<Packet>);

impl FromIterator<Data> for Messages {
    fn from_iter<T: IntoIterator<Item = Data>>(datas: T) -> Self {
        Self(datas.into_iter().map(Packet::Message).collect())
    }
}

impl Messages {
    /// Appends the body of a POST that contains all of them.
    pub fn encode_payload(&self, dst: &mut BytesMut) {
        ProtocolVersion::V4.encode_payload(&self.0, dst);
    }

    /// Appends a frame for each of them.
    ///
    /// # Errors
    /// None: every message can be sent.
    pub fn encode_frames(&self, dst: &mut BytesMut) -> Result<(), TransportError> {
        // The generator of keys is not measured.
        let mut codec = WebSocketCodec::new(0, || [0x12, 0x34, 0x56, 0x78]);
        ProtocolVersion::V4.encode_frames(&self.0, &mut codec, dst, &mut FrameEnds::default());
        Ok(())
    }
}

/// Decodes the body of a poll and returns the number of its packets.
///
/// # Errors
/// The body is not a payload.
pub fn decode_payload(body: Bytes) -> Result<usize, ProtocolError> {
    ProtocolVersion::V4
        .decode_payload(body, usize::MAX)
        .try_fold(0, |count, packet| packet.map(|_| count + 1))
}

/// Decodes the frames of a server and returns the number of their packets.
///
/// # Errors
/// The frames break the protocol.
pub fn decode_frames(src: &mut BytesMut) -> Result<usize, TransportError> {
    let mut codec = WebSocketCodec::new(usize::MAX, || [0; 4]);
    let mut count = 0;
    while let Some(message) = codec.decode(src)? {
        if let Message::Text(_) | Message::Binary(_) = message {
            black_box(ProtocolVersion::V4.decode_message(message, usize::MAX)?);
            count += 1;
        }
    }
    Ok(count)
}
