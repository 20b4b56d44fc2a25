//! The text form of a packet (protocol 4, "Packet encoding"): a digit for the type, then the data.

use base64_simd::{AsOut as _, STANDARD, STANDARD_NO_PAD};
use bytes::{BufMut as _, Bytes, BytesMut};
use bytestring::ByteString;

use crate::{data::Data, error::ProtocolError, protocol::packet::Packet};

/// The number of bytes by which the text form of a message of `size` bytes can exceed it: the type, and base64.
pub(super) fn max_overhead(size: usize) -> usize {
    let base64 = size.div_ceil(3).saturating_mul(4);
    base64.saturating_sub(size).saturating_add(1)
}

/// Decodes a packet. `kind` is its first character, `data` the text behind it. The decoded data may have `max_size` bytes.
#[inline(always)] // A call would move each packet once more.
pub(super) fn decode(kind: Option<char>, data: ByteString, max_size: usize) -> Result<Packet, ProtocolError> {
    let Some(kind) = kind else {
        return Err(ProtocolError::Packet("it is empty"));
    };
    // "In case of HTTP long-polling, the binary packets are base64-encoded and prefixed with a `b` character." Servers
    // accept and send this form over WebSocket too.
    if kind == 'b' {
        let bytes = decode_base64(data.as_bytes())?;
        check_size(bytes.len(), max_size)?;
        return Ok(Packet::Message(Data::Binary(bytes)));
    }
    check_size(data.len(), max_size)?;
    Ok(match kind {
        '0' => Packet::Open(data),
        '1' => Packet::Close,
        '2' => Packet::Ping(data),
        '3' => Packet::Pong(data),
        '4' => Packet::Message(Data::Text(data)),
        '5' => Packet::Upgrade,
        '6' => Packet::Noop,
        '7'..='9' => Packet::Unknown(kind),
        _ => return Err(ProtocolError::Packet("its type is not a digit")),
    })
}

#[inline]
pub(super) fn check_size(size: usize, limit: usize) -> Result<(), ProtocolError> {
    if size > limit {
        return Err(ProtocolError::TooLarge { size: u64::try_from(size).unwrap_or(u64::MAX), limit });
    }
    Ok(())
}

/// Appends the text form of a packet.
pub(super) fn encode(packet: &Packet, dst: &mut BytesMut) {
    if let Packet::Message(Data::Binary(bytes)) = packet {
        dst.put_u8(b'b');
        let start = dst.len();
        dst.resize(start + STANDARD.encoded_length(bytes.len()), 0);
        if let Some(text) = dst.get_mut(start..) {
            // The encoder fills its output, which has exactly the right length.
            let _ = STANDARD.encode(bytes, text.as_out());
        }
    } else {
        dst.put_slice(type_digit(packet));
        dst.put_slice(packet.body());
    }
}

/// The number of bytes that [`encode`] appends.
pub(super) fn encoded_len(packet: &Packet) -> usize {
    match packet {
        Packet::Message(Data::Binary(bytes)) => 1 + STANDARD.encoded_length(bytes.len()),
        _ => type_digit(packet).len() + packet.body().len(),
    }
}

/// The digit for the type of a packet, as a string of one character.
pub(super) fn type_digit(packet: &Packet) -> &'static [u8] {
    match packet {
        Packet::Open(_) => b"0",
        Packet::Close => b"1",
        Packet::Ping(_) => b"2",
        Packet::Pong(_) => b"3",
        Packet::Message(_) => b"4",
        Packet::Upgrade => b"5",
        Packet::Noop => b"6",
        Packet::Unknown('7') => b"7",
        Packet::Unknown('8') => b"8",
        Packet::Unknown(_) => b"9",
    }
}

/// Decodes base64. All known servers write the padding; text without it is accepted too.
fn decode_base64(text: &[u8]) -> Result<Bytes, ProtocolError> {
    let base64 = if text.len().is_multiple_of(4) { STANDARD } else { STANDARD_NO_PAD };
    match base64.decode_to_vec(text) {
        Ok(bytes) => Ok(bytes.into()),
        Err(_) => Err(ProtocolError::Packet("its binary data is not base64")),
    }
}

#[cfg(test)]
mod tests;
