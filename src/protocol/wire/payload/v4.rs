//! The payload of version 4 (protocol 4, "Payload encoding"): the text form of the packets, with a character between them.

use bytes::{BufMut as _, Bytes, BytesMut};
use bytestring::ByteString;

use crate::{
    data::Data,
    error::ProtocolError,
    protocol::{packet::Packet, wire::text},
};

/// The character between two packets of a payload: "The packets are separated by the record separator character." There
/// is no way to escape it.
const SEPARATOR: u8 = 0x1e;

/// See [`Payload`](super::Payload).
#[derive(Debug)]
pub(super) struct Payload {
    /// The body, up to the first packet that is not UTF-8.
    text: ByteString,
    /// The size of the whole body, in bytes.
    len: usize,
    /// The position of the next packet, `None` after the last one.
    next: Option<usize>,
    max_message_size: usize,
}

impl Payload {
    pub(super) fn new(body: Bytes, max_message_size: usize) -> Self {
        let len = body.len();
        let text = match ByteString::try_from(body.clone()) {
            Ok(text) => text,
            Err(err) => before_invalid(&body, err.valid_up_to()),
        };
        Self { text, len, next: (len > 0).then_some(0), max_message_size }
    }

    /// Whether every packet has been taken.
    pub(super) fn is_empty(&self) -> bool {
        self.next.is_none()
    }
}

/// The packets before the one that is not UTF-8 from `valid` on, each with the separator behind it.
#[cold]
fn before_invalid(body: &Bytes, valid: usize) -> ByteString {
    let separator = body.get(..valid).and_then(|valid| memchr::memrchr(SEPARATOR, valid));
    let packets = body.slice(..separator.map_or(0, |separator| separator + 1));
    ByteString::try_from(packets).unwrap_or_default()
}

impl Iterator for Payload {
    type Item = Result<Packet, ProtocolError>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.next.take()?;
        let rest = self.text.get(start..)?;
        let len = memchr::memchr(SEPARATOR, rest.as_bytes());
        if rest.is_empty() && start < self.len {
            return Some(Err(ProtocolError::Utf8));
        }
        let mut chars = rest.get(..len.unwrap_or(rest.len()))?.chars();
        let packet = text::decode(chars.next(), self.text.slice_ref(chars.as_str()), self.max_message_size);
        if packet.is_ok() {
            self.next = len.map(|len| start + len + 1);
        }
        Some(packet)
    }
}

/// Appends the packets. Each must be [representable](is_representable).
pub(super) fn encode(packets: &[Packet], dst: &mut BytesMut) {
    for (index, packet) in packets.iter().enumerate() {
        if index > 0 {
            dst.put_u8(SEPARATOR);
        }
        text::encode(packet, dst);
    }
}

/// The number of bytes that a packet adds to a payload.
pub(super) fn size(packet: &Packet, is_first: bool) -> usize {
    text::encoded_len(packet) + usize::from(!is_first)
}

/// Whether a payload can carry a packet: its text must not contain the separator. Base64 never does.
pub(super) fn is_representable(packet: &Packet) -> bool {
    matches!(packet, Packet::Message(Data::Binary(_))) || memchr::memchr(SEPARATOR, packet.body()).is_none()
}

#[cfg(test)]
mod tests;
