//! The header of a frame (RFC 6455, section 5.2), and the check whether the frame is allowed at this point.

use super::{FIN, MASK, MAX_CONTROL, OPCODE, RSV, RSV1, deflate::max_compressed_size};
use crate::error::ProtocolError;

/// The kind of a frame that does not continue another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opcode {
    /// A text message, or its first fragment.
    Text,
    /// A binary message, or its first fragment.
    Binary,
    /// The end of the connection.
    Close,
    /// A request for a pong.
    Ping,
    /// The answer to a ping.
    Pong,
}

impl Opcode {
    /// The opcode's number (RFC 6455, section 11.8).
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    /// Reads the opcode in the first byte of a frame. `None`: the frame continues a fragmented message.
    #[inline]
    fn parse(first: u8) -> Result<Option<Self>, ProtocolError> {
        match first & OPCODE {
            0x0 => Ok(None),
            0x1 => Ok(Some(Self::Text)),
            0x2 => Ok(Some(Self::Binary)),
            0x8 => Ok(Some(Self::Close)),
            0x9 => Ok(Some(Self::Ping)),
            0xa => Ok(Some(Self::Pong)),
            // RFC 6455, 5.2: "If an unknown opcode is received, the receiving endpoint MUST _Fail the WebSocket
            // Connection_."
            _ => Err(ProtocolError::Frame("an unknown opcode")),
        }
    }

    pub(super) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The header of a frame. It is well-formed; [`admit`](Self::admit) checks whether it is allowed.
pub(super) struct Header {
    /// Set on the last frame of a message.
    pub(super) fin: bool,
    /// The kind of the frame, `None` if it continues a fragmented message.
    pub(super) opcode: Option<Opcode>,
    /// Set on the first frame of a compressed message (RFC 7692, section 6).
    pub(super) is_compressed: bool,
    /// The length of the header itself.
    pub(super) len: usize,
    payload_len: u64,
}

/// A message of which a part has arrived.
#[derive(Debug, Clone, Copy)]
pub(super) struct Partial {
    pub(super) is_text: bool,
    pub(super) is_compressed: bool,
    /// The number of bytes that have arrived, as they were on the wire.
    pub(super) arrived: usize,
}

/// The largest messages that are accepted.
#[derive(Debug, Clone, Copy)]
pub(super) struct SizeLimits {
    pub(super) max_message_size: usize,
    /// The number of bytes by which the payload of a text message may exceed `max_message_size`.
    pub(super) text_overhead: usize,
}

impl SizeLimits {
    /// The largest payload of a message without compression.
    pub(super) fn payload(self, is_text: bool) -> usize {
        let overhead = if is_text { self.text_overhead } else { 0 };
        self.max_message_size.saturating_add(overhead)
    }
}

impl Header {
    /// Reads the header at the start of `src`. `None`: the header has not arrived completely. `may_compress`: compression was
    /// agreed on.
    #[inline]
    pub(super) fn parse(src: &[u8], may_compress: bool) -> Result<Option<Self>, ProtocolError> {
        let &[first, second, ref rest @ ..] = src else {
            return Ok(None);
        };
        // RFC 6455, 5.2: RSV1 to RSV3 "MUST be 0 unless an extension is negotiated that defines meanings for
        // non-zero values".
        let is_compressed = may_compress && first & RSV == RSV1;
        if first & RSV != 0 && !is_compressed {
            return Err(ProtocolError::Frame("reserved bits without an extension"));
        }
        // RFC 6455, 5.1: "A client MUST close a connection if it detects a masked frame."
        if second & MASK != 0 {
            return Err(ProtocolError::Frame("a masked frame from the server"));
        }
        let fin = first & FIN != 0;
        let opcode = Opcode::parse(first)?;
        if opcode.is_some_and(Opcode::is_control) {
            check_control(fin, second)?;
        }
        if is_compressed && !matches!(opcode, Some(Opcode::Text | Opcode::Binary)) {
            // RFC 7692, 6.1: "An endpoint MUST NOT set the "Per-Message Compressed" bit of control frames and non-first
            // fragments of a data message."
            return Err(ProtocolError::Frame("a compressed frame that begins no message"));
        }
        let lengths = parse_lengths(second, rest)?;
        Ok(lengths.map(|(len, payload_len)| Self { fin, opcode, is_compressed, len, payload_len }))
    }

    /// Whether the frame is a message, or a part of one.
    pub(super) fn is_data(&self) -> bool {
        !self.opcode.is_some_and(Opcode::is_control)
    }

    /// Checks that the frame is allowed at this point and small enough, before its payload is waited for. `partial`: the
    /// message that the frame interrupts or continues, if there is one. Returns the length of the payload.
    #[inline]
    pub(super) fn admit(&self, partial: Option<Partial>, limits: SizeLimits) -> Result<usize, ProtocolError> {
        let is_compressed = self.is_compressed;
        let new = |is_text| Partial { is_text, is_compressed, arrived: 0 };
        let message = match (partial, self.opcode) {
            // RFC 6455, 5.4: "Control frames MAY be injected in the middle of a fragmented message." Their length was
            // checked.
            (_, Some(Opcode::Close | Opcode::Ping | Opcode::Pong)) => {
                return Ok(usize::try_from(self.payload_len).unwrap_or(MAX_CONTROL));
            }
            (None, Some(opcode)) => new(opcode == Opcode::Text),
            (Some(message), None) => message,
            // RFC 6455, 5.4: "The fragments of one message MUST NOT be interleaved between the fragments of
            // another message unless an extension has been negotiated that can interpret the interleaving."
            (Some(_), Some(_)) => return Err(ProtocolError::Frame("a message inside a fragmented message")),
            (None, None) => return Err(ProtocolError::Frame("a continuation of no message")),
        };
        let payload = limits.payload(message.is_text);
        let largest = if message.is_compressed { max_compressed_size(payload) } else { payload };
        match usize::try_from(self.payload_len) {
            Ok(len) if len <= largest.saturating_sub(message.arrived) => Ok(len),
            _ => {
                let arrived = u64::try_from(message.arrived).unwrap_or(u64::MAX);
                let size = self.payload_len.saturating_add(arrived);
                Err(ProtocolError::TooLarge { size, limit: limits.max_message_size })
            }
        }
    }
}

/// RFC 6455, 5.5: "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be fragmented."
#[inline]
fn check_control(fin: bool, short_len: u8) -> Result<(), ProtocolError> {
    if !fin {
        return Err(ProtocolError::Frame("a fragmented control frame"));
    }
    if usize::from(short_len) > MAX_CONTROL {
        return Err(ProtocolError::Frame("a control frame of more than 125 bytes"));
    }
    Ok(())
}

/// The lengths of the header and of the payload. `short_len` is the header's second byte, `rest` what follows it. `None`:
/// the header has not arrived completely.
#[inline]
fn parse_lengths(short_len: u8, rest: &[u8]) -> Result<Option<(usize, u64)>, ProtocolError> {
    let (len, payload_len) = match (short_len, rest) {
        (len @ ..=125, _) => (2, u64::from(len)),
        (126, &[a, b, ..]) => (4, u64::from(u16::from_be_bytes([a, b]))),
        (127, &[a, b, c, d, e, f, g, h, ..]) => (10, u64::from_be_bytes([a, b, c, d, e, f, g, h])),
        _ => return Ok(None),
    };
    // RFC 6455, 5.2: "the minimal number of bytes MUST be used to encode the length", and of 64 bits "the most
    // significant bit MUST be 0".
    match (len, payload_len) {
        (4, ..=125) | (10, ..=0xffff) => Err(ProtocolError::Frame("a length in more bytes than it needs")),
        (10, 0x8000_0000_0000_0000..) => Err(ProtocolError::Frame("a length of more than 63 bits")),
        _ => Ok(Some((len, payload_len))),
    }
}
