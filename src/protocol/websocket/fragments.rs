//! Messages in several frames (RFC 6455, section 5.4).

use std::str;

use bytes::BytesMut;

use super::{Message, Opcode, Text};
use crate::error::ProtocolError;

/// The fragments of a message that is not whole yet, put together.
pub(super) struct Fragments {
    is_text: bool,
    pub(super) payload: BytesMut,
    /// How many bytes of a text are known to be UTF-8.
    checked: usize,
}

impl Fragments {
    pub(super) fn new(opcode: Option<Opcode>) -> Self {
        Self { is_text: opcode == Some(Opcode::Text), payload: BytesMut::new(), checked: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.payload.len()
    }

    pub(super) fn push(&mut self, fragment: &[u8]) -> Result<(), ProtocolError> {
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

    pub(super) fn finish(self) -> Result<Message, ProtocolError> {
        let payload = self.payload.freeze();
        Ok(if self.is_text { Message::Text(Text::new(payload)?) } else { Message::Binary(payload) })
    }
}
