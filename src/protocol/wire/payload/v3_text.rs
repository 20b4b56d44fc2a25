//! The text form of the payload of version 3 (protocol 3, "Payload"): `<length>:<packet>` for each packet. Servers send it if
//! the payload contains no binary data, or if the client has asked for base64. The client sends it if all servers understand it
//! in the same way.

use bytes::{BufMut as _, Bytes, BytesMut};
use bytestring::ByteString;

use super::{TOO_LONG, parse_length};
use crate::{
    data::Data,
    error::ProtocolError,
    protocol::{
        packet::Packet,
        wire::{text, v3},
    },
};

/// The payload without packets of the reference implementation.
const NO_PACKETS: &[u8] = b"0:";

/// The first byte of the UTF-8 of the characters beyond U+FFFF.
const FIRST_OF_FOUR: u8 = 0xf0;

/// See [`Payload`](super::Payload).
#[derive(Debug)]
pub(super) struct Payload {
    /// The body, up to the first byte that is not UTF-8.
    text: ByteString,
    /// The size of the whole body, in bytes.
    len: usize,
    /// The position of the next packet, `None` after the last one.
    next: Option<usize>,
    max_message_size: usize,
}

impl Payload {
    pub(super) fn new(body: Bytes, max_message_size: usize) -> Self {
        let len = if body == NO_PACKETS { 0 } else { body.len() };
        let text = ByteString::try_from(body.clone())
            .unwrap_or_else(|err| ByteString::try_from(body.slice(..err.valid_up_to())).unwrap_or_default());
        Self { text, len, next: (len > 0).then_some(0), max_message_size }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.next.is_none()
    }
}

impl Iterator for Payload {
    type Item = Result<Packet, ProtocolError>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.next.take()?;
        let rest = self.text.get(start..)?;
        let packet = match split(rest) {
            Ok(packet) => packet,
            // What the rest lacks may be among the bytes that are not UTF-8.
            Err(_) if self.text.len() < self.len => return Some(Err(ProtocolError::Utf8)),
            Err(err) => return Some(Err(err)),
        };
        let next = start + packet.end;
        let mut chars = packet.text.chars();
        let packet =
            v3::decode_text(chars.next(), self.text.slice_ref(chars.as_str()), self.max_message_size);
        if packet.is_ok() && next < self.len {
            self.next = Some(next);
        }
        Some(packet)
    }
}

/// Whether all servers understand the text form of these packets in the same way: they are text, and its length is the same in
/// code units of UTF-16, which JavaScript counts, and in code points, which python-engineio counts.
pub(super) fn is_unambiguous(packets: &[Packet]) -> bool {
    packets.iter().all(|packet| match packet {
        Packet::Message(Data::Binary(_)) => false,
        packet => packet.body().iter().all(|byte| *byte < FIRST_OF_FOUR),
    })
}

/// Appends the packets, whose text form is [unambiguous](is_unambiguous).
pub(super) fn encode(packets: &[Packet], dst: &mut BytesMut) {
    for packet in packets {
        // All bytes of a character but the first one begin with the bits 10.
        let chars = packet.body().iter().filter(|byte| **byte & 0xc0 != 0x80).count();
        let kind = text::type_digit(packet);
        dst.put_slice((kind.len() + chars).to_string().as_bytes());
        dst.put_u8(b':');
        dst.put_slice(kind);
        dst.put_slice(packet.body());
    }
}

/// The first packet of a text, as text.
struct First<'a> {
    text: &'a str,
    /// The position behind it.
    end: usize,
}

/// Takes the first packet off the front of a text that has at least one.
fn split(text: &str) -> Result<First<'_>, ProtocolError> {
    let digits = digits(text.as_bytes());
    let (length, rest) = text.split_at_checked(digits).unwrap_or_default();
    let Some(rest) = rest.strip_prefix(':') else {
        return Err(ProtocolError::Packet("it has no length"));
    };
    let units = parse_length(length.bytes().map(|digit| digit.wrapping_sub(b'0')))?;
    let len = utf8_len(rest, units)?;
    let text = rest.get(..len).unwrap_or_default();
    Ok(First { text, end: digits + 1 + len })
}

/// The number of bytes of the first `units` code units of UTF-16 of a text. JavaScript counts the length of a text in these
/// units: a character beyond U+FFFF has two.
fn utf8_len(text: &str, units: usize) -> Result<usize, ProtocolError> {
    let shortest = text.as_bytes().get(..units).ok_or(TOO_LONG)?;
    if shortest.is_ascii() {
        return Ok(units);
    }
    let mut missing = units;
    for (at, char) in text.char_indices() {
        if missing == 0 {
            return Ok(at);
        }
        missing = missing
            .checked_sub(char.len_utf16())
            .ok_or(ProtocolError::Packet("its length ends inside of a character"))?;
    }
    if missing == 0 { Ok(text.len()) } else { Err(TOO_LONG) }
}

fn digits(body: &[u8]) -> usize {
    body.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// What follows the length of the first packet, if the body begins with a length.
pub(super) fn behind_length(body: &[u8]) -> Option<&[u8]> {
    match body.split_at_checked(digits(body))? {
        ([_, ..], [b':', rest @ ..]) => Some(rest),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
