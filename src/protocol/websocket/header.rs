//! The header of a frame (RFC 6455, section 5.2), and whether the frame may come.

use super::{FIN, MASK, MAX_CONTROL, OPCODE, Opcode, RSV};
use crate::error::ProtocolError;

/// The header of a frame, found well-formed by itself.
pub(super) struct Header {
    pub(super) fin: bool,
    /// `None`: the frame continues a fragmented message.
    pub(super) opcode: Option<Opcode>,
    /// The length of the header itself.
    pub(super) len: usize,
    pub(super) payload_len: u64,
}

impl Header {
    /// Reads the header at the start of `src`. `None`: it has not arrived in full.
    #[inline]
    pub(super) fn parse(src: &[u8]) -> Result<Option<Self>, ProtocolError> {
        let [first, second, rest @ ..] = src else {
            return Ok(None);
        };
        // RFC 6455, 5.2: RSV1 to RSV3 "MUST be 0 unless an extension is negotiated that defines meanings for
        // non-zero values".
        if first & RSV != 0 {
            return Err(ProtocolError::Frame("reserved bits without an extension"));
        }
        // RFC 6455, 5.1: "A client MUST close a connection if it detects a masked frame."
        if second & MASK != 0 {
            return Err(ProtocolError::Frame("a masked frame from the server"));
        }
        let fin = first & FIN != 0;
        let opcode = match first & OPCODE {
            0x0 => None,
            0x1 => Some(Opcode::Text),
            0x2 => Some(Opcode::Binary),
            0x8 => Some(Opcode::Close),
            0x9 => Some(Opcode::Ping),
            0xa => Some(Opcode::Pong),
            // RFC 6455, 5.2: "If an unknown opcode is received, the receiving endpoint MUST _Fail the WebSocket
            // Connection_."
            _ => return Err(ProtocolError::Frame("an unknown opcode")),
        };
        // RFC 6455, 5.5: "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be
        // fragmented."
        if opcode.is_some_and(Opcode::is_control) {
            if !fin {
                return Err(ProtocolError::Frame("a fragmented control frame"));
            }
            if usize::from(*second) > MAX_CONTROL {
                return Err(ProtocolError::Frame("a control frame of more than 125 bytes"));
            }
        }

        let (len, payload_len) = match (*second, rest) {
            (len @ ..=125, _) => (2, u64::from(len)),
            (126, &[a, b, ..]) => (4, u64::from(u16::from_be_bytes([a, b]))),
            (127, &[a, b, c, d, e, f, g, h, ..]) => (10, u64::from_be_bytes([a, b, c, d, e, f, g, h])),
            _ => return Ok(None),
        };
        // RFC 6455, 5.2: "the minimal number of bytes MUST be used to encode the length", and of 64 bits "the most
        // significant bit MUST be 0".
        match (len, payload_len) {
            (4, ..=125) | (10, ..=0xffff) => {
                Err(ProtocolError::Frame("a length in more bytes than it needs"))
            }
            (10, 0x8000_0000_0000_0000..) => Err(ProtocolError::Frame("a length of more than 63 bits")),
            _ => Ok(Some(Self { fin, opcode, len, payload_len })),
        }
    }

    /// Whether the frame may come now and is small enough, before any of its payload is waited for. `arrived` is the
    /// length of the message under way, if there is one. Returns the payload's length.
    #[inline]
    pub(super) fn admit(
        &self,
        arrived: Option<usize>,
        max_message_size: usize,
    ) -> Result<usize, ProtocolError> {
        let (arrived, limit) = match (arrived, self.opcode) {
            // RFC 6455, 5.4: "Control frames MAY be injected in the middle of a fragmented message."
            (_, Some(Opcode::Close | Opcode::Ping | Opcode::Pong)) => (0, MAX_CONTROL),
            (None, Some(Opcode::Text | Opcode::Binary)) => (0, max_message_size),
            (Some(arrived), None) => (arrived, max_message_size),
            // RFC 6455, 5.4: "The fragments of one message MUST NOT be interleaved between the fragments of
            // another message unless an extension has been negotiated that can interpret the interleaving."
            (Some(_), Some(_)) => return Err(ProtocolError::Frame("a message inside a fragmented message")),
            (None, None) => return Err(ProtocolError::Frame("a continuation of no message")),
        };
        match usize::try_from(self.payload_len) {
            Ok(len) if len <= limit.saturating_sub(arrived) => Ok(len),
            _ => {
                let arrived = u64::try_from(arrived).unwrap_or(u64::MAX);
                Err(ProtocolError::TooLarge { size: self.payload_len.saturating_add(arrived), limit })
            }
        }
    }
}
