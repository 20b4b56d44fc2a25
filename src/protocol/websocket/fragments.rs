//! Messages in several frames (RFC 6455, section 5.4).

use std::str;

use bytes::BytesMut;

use super::{Message, Opcode, Text, header::Partial};
use crate::error::ProtocolError;

/// The largest number of fragments without payload in one message. RFC 6455, section 5.4, allows them. But a size limit never
/// ends a message that consists of them, and each of them is a sign of life.
const MAX_EMPTY: u32 = 16 << 10;

/// The number of fragments of a message that had no payload.
#[derive(Debug, Default)]
pub(super) struct EmptyFragments(u32);

impl EmptyFragments {
    /// Counts a fragment whose payload has this length.
    pub(super) fn count(&mut self, payload_len: usize) -> Result<(), ProtocolError> {
        if payload_len == 0 {
            self.0 = self.0.saturating_add(1);
        }
        if self.0 <= MAX_EMPTY { Ok(()) } else { Err(ProtocolError::Frame("too many empty fragments")) }
    }
}

/// The fragments of a message that have arrived, joined.
pub(super) struct Fragments {
    is_text: bool,
    payload: BytesMut,
    /// The number of leading bytes that are known to be UTF-8.
    checked: usize,
    empty: EmptyFragments,
}

impl Fragments {
    /// An empty message of the kind that its first frame names.
    pub(super) fn new(opcode: Option<Opcode>) -> Self {
        let is_text = opcode == Some(Opcode::Text);
        Self { is_text, payload: BytesMut::new(), checked: 0, empty: EmptyFragments::default() }
    }

    /// What has arrived.
    pub(super) fn partial(&self) -> Partial {
        Partial { is_text: self.is_text, is_compressed: false, arrived: self.payload.len() }
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.payload.capacity()
    }

    pub(super) fn push(&mut self, fragment: &[u8]) -> Result<(), ProtocolError> {
        self.empty.count(fragment.len())?;
        self.payload.extend_from_slice(fragment);
        if self.is_text {
            // RFC 6455, 5.6: "a particular text frame might include a partial UTF-8 sequence; however, the whole
            // message MUST contain valid UTF-8".
            self.checked = match str::from_utf8(self.payload.get(self.checked..).unwrap_or_default()) {
                Ok(_) => self.payload.len(),
                Err(err) if err.error_len().is_none() => self.checked.saturating_add(err.valid_up_to()),
                Err(_) => return Err(ProtocolError::Utf8),
            };
        }
        Ok(())
    }

    /// The whole message.
    pub(super) fn finish(self) -> Result<Message, ProtocolError> {
        let payload = self.payload.freeze();
        Ok(if self.is_text { Message::Text(Text::new(payload)?) } else { Message::Binary(payload) })
    }
}
