//! The binary form of the payload of version 3 (protocol 3, "Payload"): for each packet 0 (text) or 1 (binary), the digits
//! of its length as bytes from 0 to 9, a byte 255, and the packet.
//!
//! Servers send this form if the payload contains binary data, and python-engineio sends it always. So does the client, and also
//! if the text form would be [ambiguous](super::v3_text::is_unambiguous): here lengths are in bytes.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
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

/// The kinds of packets.
const TEXT: u8 = 0;
const BINARY: u8 = 1;

/// The byte behind the digits of a length.
const END_OF_LENGTH: u8 = 0xff;

/// See [`Payload`](super::Payload).
#[derive(Debug)]
pub(super) struct Payload {
    /// The rest of the body.
    body: Bytes,
    max_message_size: usize,
}

impl Payload {
    pub(super) fn new(body: Bytes, max_message_size: usize) -> Self {
        Self { body, max_message_size }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    fn take_packet(&mut self) -> Result<Packet, ProtocolError> {
        let (kind, digits) = match &*self.body {
            [kind @ (TEXT | BINARY), rest @ ..] => (*kind, digits(rest)),
            _ => return Err(ProtocolError::Packet("it is neither text nor binary")),
        };
        let mut header = self.body.split_to(1 + digits);
        if !self.body.starts_with(&[END_OF_LENGTH]) {
            return Err(ProtocolError::Packet("its length has no end"));
        }
        self.body.advance(1);
        header.advance(1);
        let len = parse_length(header.iter().copied())?;
        if len > self.body.len() {
            return Err(TOO_LONG);
        }
        let packet = self.body.split_to(len);
        if kind == BINARY {
            return v3::decode_binary(packet, self.max_message_size);
        }
        let text = ByteString::try_from(packet).map_err(|_| ProtocolError::Utf8)?;
        let mut chars = text.chars();
        v3::decode_text(chars.next(), text.slice_ref(chars.as_str()), self.max_message_size)
    }
}

impl Iterator for Payload {
    type Item = Result<Packet, ProtocolError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.body.is_empty() {
            return None;
        }
        let packet = self.take_packet();
        if packet.is_err() {
            self.body.clear();
        }
        Some(packet)
    }
}

/// The number of digits that a body begins with.
fn digits(body: &[u8]) -> usize {
    body.iter().take_while(|byte| **byte <= 9).count()
}

/// What follows the length of the first packet, if the body begins with a text and its length.
pub(super) fn behind_length(body: &[u8]) -> Option<&[u8]> {
    let [TEXT, body @ ..] = body else { return None };
    match body.split_at_checked(digits(body))? {
        ([_, ..], [END_OF_LENGTH, rest @ ..]) => Some(rest),
        _ => None,
    }
}

/// Appends the packets.
pub(super) fn encode(packets: &[Packet], dst: &mut BytesMut) {
    for packet in packets {
        let (kind, head) = head(packet);
        dst.put_u8(kind);
        put_digits(head.len() + packet.body().len(), dst);
        dst.put_u8(END_OF_LENGTH);
        dst.put_slice(head);
        dst.put_slice(packet.body());
    }
}

/// The number of bytes that a packet adds to a payload.
pub(super) fn size(packet: &Packet) -> usize {
    let (_, head) = head(packet);
    let len = head.len() + packet.body().len();
    let digits = usize::try_from(len.checked_ilog10().unwrap_or(0)).unwrap_or(0) + 1;
    2 + digits + len
}

/// The kind of a packet, and its type.
fn head(packet: &Packet) -> (u8, &'static [u8]) {
    match packet {
        Packet::Message(Data::Binary(_)) => (BINARY, v3::BINARY_MESSAGE),
        packet => (TEXT, text::type_digit(packet)),
    }
}

fn put_digits(number: usize, dst: &mut BytesMut) {
    let mut unit = 10_usize.saturating_pow(number.checked_ilog10().unwrap_or(0));
    while unit > 0 {
        // It is less than 10.
        dst.put_u8(u8::try_from(number / unit % 10).unwrap_or(0));
        unit /= 10;
    }
}

#[cfg(test)]
mod tests;
