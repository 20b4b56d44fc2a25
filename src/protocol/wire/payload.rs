//! Many packets in one HTTP body. Version 3 has two forms for it, and version 4 one.

mod v3_binary;
mod v3_text;
mod v4;

use bytes::{Bytes, BytesMut};

use crate::{
    error::ProtocolError,
    protocol::{packet::Packet, version::ProtocolVersion},
};

/// The packets of one HTTP body. Each is decoded when it is asked for, so the packets need no memory besides the body,
/// however many there are. Their data shares the body's buffer.
///
/// The iterator ends after the first packet that cannot be decoded.
#[derive(Debug)]
pub(crate) struct Payload(Form);

#[derive(Debug)]
enum Form {
    V4(v4::Payload),
    V3Text(v3_text::Payload),
    V3Binary(v3_binary::Payload),
}

impl Payload {
    /// The packets of `body`. The data of each may have `max_message_size` bytes.
    pub(super) fn new(version: ProtocolVersion, body: Bytes, max_message_size: usize) -> Self {
        Self(match (version, body.first()) {
            (ProtocolVersion::V4, _) => Form::V4(v4::Payload::new(body, max_message_size)),
            // The first byte tells the two forms apart, as it does in python-engineio. Not every server sets the type of
            // the content.
            (ProtocolVersion::V3, Some(0 | 1)) => {
                Form::V3Binary(v3_binary::Payload::new(body, max_message_size))
            }
            (ProtocolVersion::V3, _) => Form::V3Text(v3_text::Payload::new(body, max_message_size)),
        })
    }

    /// Whether every packet has been taken.
    pub(crate) fn is_empty(&self) -> bool {
        match &self.0 {
            Form::V4(payload) => payload.is_empty(),
            Form::V3Text(payload) => payload.is_empty(),
            Form::V3Binary(payload) => payload.is_empty(),
        }
    }
}

impl Iterator for Payload {
    type Item = Result<Packet, ProtocolError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Form::V4(payload) => payload.next(),
            Form::V3Text(payload) => payload.next(),
            Form::V3Binary(payload) => payload.next(),
        }
    }
}

/// Appends the packets. Each must be [representable](is_representable).
pub(super) fn encode(version: ProtocolVersion, packets: &[Packet], dst: &mut BytesMut) {
    dst.reserve(packets.iter().map(|packet| size(version, packet, false)).sum());
    match version {
        ProtocolVersion::V4 => v4::encode(packets, dst),
        ProtocolVersion::V3 if v3_text::is_unambiguous(packets) => v3_text::encode(packets, dst),
        ProtocolVersion::V3 => v3_binary::encode(packets, dst),
    }
}

/// The type of the content of a payload that [`encode`] has written, if servers tell the forms apart by it.
pub(super) fn content_type(version: ProtocolVersion, body: &[u8]) -> Option<&'static str> {
    match (version, body) {
        (ProtocolVersion::V4, _) => None,
        (ProtocolVersion::V3, [0 | 1, ..]) => Some("application/octet-stream"),
        (ProtocolVersion::V3, _) => Some("text/plain;charset=UTF-8"),
    }
}

/// The number of bytes that a packet adds to a payload. In version 3 the text form needs at least one byte less.
pub(super) fn size(version: ProtocolVersion, packet: &Packet, is_first: bool) -> usize {
    match version {
        ProtocolVersion::V4 => v4::size(packet, is_first),
        ProtocolVersion::V3 => v3_binary::size(packet),
    }
}

/// Whether a payload can carry a packet.
pub(super) fn is_representable(version: ProtocolVersion, packet: &Packet) -> bool {
    match version {
        ProtocolVersion::V4 => v4::is_representable(packet),
        // The length of each packet is in front of it, so a packet may contain any character.
        ProtocolVersion::V3 => true,
    }
}

/// The version in which a server has answered the handshake, if the start of the body shows it: the open packet in version 4
/// (`0{"sid":...`), or in one of the forms of version 3, with its length in front (`97:0{"sid":...`).
pub(super) fn version_of_handshake(body: &[u8]) -> Option<ProtocolVersion> {
    const OPEN: &[u8] = b"0{";
    if body.starts_with(OPEN) {
        return Some(ProtocolVersion::V4);
    }
    let packet = v3_text::behind_length(body).or_else(|| v3_binary::behind_length(body))?;
    packet.starts_with(OPEN).then_some(ProtocolVersion::V3)
}

/// The number that the digits of a length say. A server that lies about it causes an error, and never an allocation.
fn parse_length(digits: impl Iterator<Item = u8>) -> Result<usize, ProtocolError> {
    let mut length = None;
    for digit in digits {
        let before = match length {
            Some(0) => return Err(ProtocolError::Packet("its length begins with a zero")),
            before => before.unwrap_or(0_usize),
        };
        length = before.checked_mul(10).and_then(|tens| tens.checked_add(usize::from(digit)));
        if length.is_none() {
            return Err(TOO_LONG);
        }
    }
    length.ok_or(ProtocolError::Packet("it has no length"))
}

/// The error for a length that lies.
const TOO_LONG: ProtocolError = ProtocolError::Packet("it is longer than the rest of the payload");
