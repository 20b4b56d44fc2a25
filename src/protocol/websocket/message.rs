//! What frames carry once they are decoded: messages and control frames.

use std::str;

use bytes::{Buf as _, Bytes};
use bytestring::ByteString;

use super::MAX_CONTROL;
use crate::error::ProtocolError;

/// One message, or one control frame, from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    /// A text message.
    Text(Text),
    /// A binary message.
    Binary(Bytes),
    /// A ping. The client answers it with a pong that has the same payload.
    Ping(Bytes),
    /// A pong.
    Pong(Bytes),
    /// The server's last frame. Bytes that follow it have no meaning. `None`: the frame is empty.
    Close(Option<CloseFrame>),
}

/// A text with its first character separated from the rest. That character is Engine.IO's packet type, and it is cheaper
/// to remove it here than from a text that was already checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    /// The first character, `None` if the text is empty.
    pub(crate) head: Option<char>,
    /// The text behind the first character.
    pub(crate) rest: ByteString,
}

impl Text {
    #[inline(always)] // A call would move each message once more.
    pub(super) fn new(mut payload: Bytes) -> Result<Self, ProtocolError> {
        match payload.first() {
            Some(&first) if first.is_ascii() => {
                payload.advance(1);
                Ok(Self { head: Some(char::from(first)), rest: utf8(payload)? })
            }
            _ => Ok(utf8(payload)?.into()),
        }
    }
}

impl From<ByteString> for Text {
    fn from(text: ByteString) -> Self {
        let mut chars = text.chars();
        Self { head: chars.next(), rest: text.slice_ref(chars.as_str()) }
    }
}

#[inline]
fn utf8(payload: Bytes) -> Result<ByteString, ProtocolError> {
    // RFC 6455, 8.1: an endpoint that finds a byte stream not to be UTF-8 "MUST _Fail the WebSocket Connection_".
    ByteString::try_from(payload).map_err(|_| ProtocolError::Utf8)
}

/// The payload of a close frame that is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CloseFrame {
    /// The status code (RFC 6455, section 7.4).
    pub(crate) code: u16,
    /// The reason, often empty.
    pub(crate) reason: Box<str>,
}

/// Reads the payload of a close frame (RFC 6455, section 5.5.1).
pub(super) fn parse_close(payload: &[u8]) -> Result<Option<CloseFrame>, ProtocolError> {
    let (code, reason) = match payload {
        [] => return Ok(None),
        [_] => return Err(ProtocolError::Frame("a close frame with half a code")),
        &[a, b, ref reason @ ..] => (u16::from_be_bytes([a, b]), reason),
    };
    // RFC 6455, 7.4: 1004 is reserved, 1005, 1006 and 1015 "MUST NOT be set as a status code in a Close control
    // frame"; 1012 to 1014 were registered later; 3000 to 4999 belong to libraries and applications.
    if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
        return Err(ProtocolError::Frame("a close frame with a code that is not to be sent"));
    }
    let reason = str::from_utf8(reason).map_err(|_| ProtocolError::Utf8)?;
    Ok(Some(CloseFrame { code, reason: reason.into() }))
}

/// Builds the payload of a close frame. A reason that is too long is cut.
pub(crate) fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    let code = code.to_be_bytes();
    let longest = reason.len().min(MAX_CONTROL.saturating_sub(code.len()));
    let reason = (0..=longest).rev().find_map(|end| reason.get(..end)).unwrap_or_default();
    [&code, reason.as_bytes()].concat()
}
