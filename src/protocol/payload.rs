//! Many packets in one HTTP body (protocol 4, "Payload encoding").

use bytes::{BufMut, Bytes, BytesMut};
use bytestring::ByteString;

use crate::{
    error::ProtocolError,
    protocol::packet::{Packet, SEPARATOR},
};

/// The packets of one HTTP body, decoded as they are asked for: however many a body holds, they cost no memory
/// besides the body. Their text shares its buffer.
///
/// Ends after the first packet that cannot be decoded.
#[derive(Debug)]
pub(crate) struct Payload {
    body: ByteString,
    /// Where the next packet starts, `None` once there is none.
    next: Option<usize>,
}

impl Payload {
    pub(crate) fn new(body: Bytes) -> Result<Self, ProtocolError> {
        let body = ByteString::try_from(body).map_err(|_| ProtocolError::Utf8)?;
        let next = (!body.is_empty()).then_some(0);
        Ok(Self { body, next })
    }

    /// Bytes of the whole body.
    pub(crate) fn len(&self) -> usize {
        self.body.len()
    }

    /// Whether no packet is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.next.is_none()
    }
}

impl Iterator for Payload {
    type Item = Result<Packet, ProtocolError>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.next.take()?;
        let rest = self.body.get(start..)?;
        let len = memchr::memchr(SEPARATOR, rest.as_bytes());
        let mut chars = rest.get(..len.unwrap_or(rest.len()))?.chars();
        let packet = Packet::decode(chars.next(), self.body.slice_ref(chars.as_str()));
        if packet.is_ok() {
            self.next = len.map(|len| start + len + 1);
        }
        Some(packet)
    }
}

/// Appends the packets, each of which must be `is_pollable`.
pub(crate) fn encode(packets: &[Packet], dst: &mut BytesMut) {
    dst.reserve(packets.iter().map(|packet| packet.encoded_len() + 1).sum());
    for (index, packet) in packets.iter().enumerate() {
        if index > 0 {
            dst.put_u8(SEPARATOR);
        }
        packet.encode_text(dst);
    }
}

/// Whether a body that is no payload is the handshake of protocol 3, where a length precedes each packet:
/// `97:0{"sid":...`.
pub(crate) fn looks_like_protocol_3(body: &[u8]) -> bool {
    let digits = body.iter().take_while(|byte| byte.is_ascii_digit()).count();
    digits > 0 && body.get(digits..).is_some_and(|rest| rest.starts_with(b":0{"))
}

#[cfg(test)]
mod tests;
