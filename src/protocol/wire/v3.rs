//! How version 3 encodes a packet that contains binary data (protocol 3, "Packet"). Everything else is as in version 4.

use bytes::{Buf as _, Bytes};
use bytestring::ByteString;

use super::text;
use crate::{data::Data, error::ProtocolError, protocol::packet::Packet};

/// The first byte of a binary packet: the number of its type. Only a message can contain binary data.
pub(super) const BINARY_MESSAGE: &[u8] = &[4];

const NO_MESSAGE: ProtocolError = ProtocolError::Packet("it is binary and no message");

/// Decodes the text form of a packet: see [`text::decode`].
#[inline(never)] // Inlined, it would slow down every message of version 4.
pub(super) fn decode_text(
    kind: Option<char>,
    data: ByteString,
    max_size: usize,
) -> Result<Packet, ProtocolError> {
    if kind != Some('b') {
        return text::decode(kind, data, max_size);
    }
    // Base64 has the type behind the `b`: `b4AQID`.
    let base64 = data.strip_prefix('4').ok_or(NO_MESSAGE)?;
    text::decode(kind, data.slice_ref(base64), max_size)
}

/// Decodes the binary form of a packet. Its data may have `max_size` bytes.
#[inline(never)] // As `decode_text`.
pub(super) fn decode_binary(mut packet: Bytes, max_size: usize) -> Result<Packet, ProtocolError> {
    if !packet.starts_with(BINARY_MESSAGE) {
        return Err(NO_MESSAGE);
    }
    packet.advance(BINARY_MESSAGE.len());
    text::check_size(packet.len(), max_size)?;
    Ok(Packet::Message(Data::Binary(packet)))
}
