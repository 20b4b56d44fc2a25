//! WebSocket frames, the client's side (RFC 6455, sections 5 to 8), without extensions.
//!
//! [`WebSocketCodec`] turns the bytes of a connection into whole messages and control frames, and back. Everything
//! a server sends is checked: a limit before memory is set aside for it, the rest before it is handed on.

mod encode;
mod error;
mod fragments;
mod header;

use std::{fmt, mem, str};

use actix_codec::Decoder;
use bytes::{Buf, Bytes, BytesMut};
use bytestring::ByteString;

pub(crate) use self::encode::close_payload;
use self::{error::CodecError, fragments::Fragments, header::Header};
use crate::error::ProtocolError;

/// The bit of a frame's first byte that marks the last fragment of a message.
const FIN: u8 = 0x80;
/// The bits of a frame's first byte that only extensions may use.
const RSV: u8 = 0x70;
/// The bits of a frame's first byte that hold the opcode.
const OPCODE: u8 = 0x0f;
/// The bit of a frame's second byte that announces a masking key.
const MASK: u8 = 0x80;
/// The longest frame header: two bytes, eight of length, four of masking key.
pub(crate) const MAX_HEADER: usize = 14;
/// The longest payload of a control frame (RFC 6455, section 5.5).
const MAX_CONTROL: usize = 125;
/// How many bytes beyond those that have arrived are made room for because a header announces them.
const READ_AHEAD: usize = 1 << 20;
/// The first byte of an unfragmented text message.
const FINAL_TEXT: u8 = 0x81;
/// The first byte of an unfragmented binary message.
const FINAL_BINARY: u8 = 0x82;

/// One message, or one control frame, from the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    /// A text message.
    Text(Text),
    /// A binary message.
    Binary(Bytes),
    /// A ping, to be answered with a pong of the same payload.
    Ping(Bytes),
    /// A pong.
    Pong(Bytes),
    /// The server's last frame. What it sends after it means nothing.
    Close(Option<CloseFrame>),
}

/// A text, its first character apart: Engine.IO's type, which is cheaper to take off here than from a checked text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    /// `None` if the text is empty.
    pub(crate) head: Option<char>,
    pub(crate) rest: ByteString,
}

impl Text {
    #[inline(always)] // As `take_payload`.
    fn new(mut payload: Bytes) -> Result<Self, ProtocolError> {
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

/// What a close frame says, unless it is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CloseFrame {
    /// The status code (RFC 6455, section 7.4).
    pub(crate) code: u16,
    /// The reason, often empty.
    pub(crate) reason: Box<str>,
}

/// A frame to be sent. Its payload is `head` followed by `body`, so that a prefix needs no copy of the message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    /// The kind of frame. The codec does not check that the payload of a text frame is UTF-8.
    pub(crate) opcode: Opcode,
    /// The start of the payload, a few bytes at most: they are masked one by one.
    pub(crate) head: &'a [u8],
    /// The rest of the payload.
    pub(crate) body: &'a [u8],
}

/// The kind of a frame that does not continue another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opcode {
    /// A text message, or its first fragment.
    Text,
    /// A binary message, or its first fragment.
    Binary,
    /// The end of the connection.
    Close,
    /// A question whether the peer is there.
    Ping,
    /// The answer to a ping.
    Pong,
}

impl Opcode {
    /// The opcode's number (RFC 6455, section 11.8).
    fn number(self) -> u8 {
        match self {
            Self::Text => 0x1,
            Self::Binary => 0x2,
            Self::Close => 0x8,
            Self::Ping => 0x9,
            Self::Pong => 0xa,
        }
    }

    fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The client's end of a WebSocket: decodes the frames of a server, encodes those of a client.
///
/// An error of the decoder is final: where the next frame starts is not known, or does not matter any more.
pub(crate) struct WebSocketCodec<K> {
    max_message_size: usize,
    mask_key: K,
    state: State,
}

/// Where the decoder stands.
enum State {
    /// Between messages.
    Idle,
    /// Inside a fragmented message.
    Fragmented(Fragments),
    /// The server broke the protocol.
    Failed(ProtocolError),
}

impl<K: FnMut() -> [u8; 4]> WebSocketCodec<K> {
    /// A codec that refuses messages of more than `max_message_size` bytes, however they are fragmented, and masks
    /// each frame with the next of `mask_key`, which must be unpredictable (RFC 6455, section 5.3).
    pub(crate) fn new(max_message_size: usize, mask_key: K) -> Self {
        Self { max_message_size, mask_key, state: State::Idle }
    }
}

impl<K> fmt::Debug for WebSocketCodec<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketCodec")
            .field("max_message_size", &self.max_message_size)
            .finish_non_exhaustive()
    }
}

impl<K> Decoder for WebSocketCodec<K> {
    type Item = Message;
    type Error = CodecError;

    #[inline(always)] // Else each message would be moved twice more.
    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Message>, CodecError> {
        // Nearly every frame is a whole, short message that has arrived in full. `decode_frames` says the same of
        // it with twice the instructions.
        if let (State::Idle, &[first @ (FINAL_TEXT | FINAL_BINARY), len @ ..=125, ref rest @ ..]) =
            (&self.state, &**src)
            && usize::from(len) <= rest.len().min(self.max_message_size)
        {
            let payload = take_payload(src, 2, usize::from(len));
            if first == FINAL_BINARY {
                return Ok(Some(Message::Binary(payload)));
            }
            return match Text::new(payload) {
                Ok(text) => Ok(Some(Message::Text(text))),
                Err(err) => Err(self.fail(err)),
            };
        }
        self.decode_frames(src).map_err(|err| self.fail(err))
    }
}

impl<K> WebSocketCodec<K> {
    /// Takes frames from `src` up to the first that gives a message.
    fn decode_frames(&mut self, src: &mut BytesMut) -> Result<Option<Message>, ProtocolError> {
        loop {
            let arrived = match &self.state {
                State::Idle => None,
                State::Fragmented(message) => Some(message.len()),
                State::Failed(err) => return Err(err.clone()),
            };
            let Some(header) = Header::parse(src)? else {
                return Ok(None);
            };
            let payload_len = header.admit(arrived, self.max_message_size)?;
            let missing = header.len.saturating_add(payload_len).saturating_sub(src.len());
            if missing > 0 {
                src.reserve(missing.min(READ_AHEAD));
                return Ok(None);
            }

            let payload = take_payload(src, header.len, payload_len);
            return Ok(Some(match header.opcode {
                Some(Opcode::Text) if header.fin => Message::Text(Text::new(payload)?),
                Some(Opcode::Binary) if header.fin => Message::Binary(payload),
                Some(Opcode::Close) => Message::Close(parse_close(&payload)?),
                Some(Opcode::Ping) => Message::Ping(payload),
                Some(Opcode::Pong) => Message::Pong(payload),
                Some(Opcode::Text | Opcode::Binary) | None => match self.reassemble(&header, &payload)? {
                    Some(message) => message,
                    None => continue,
                },
            }));
        }
    }

    /// Adds a fragment to the message it belongs to. Returns the message once it is whole.
    fn reassemble(&mut self, header: &Header, payload: &[u8]) -> Result<Option<Message>, ProtocolError> {
        let mut message = match mem::replace(&mut self.state, State::Idle) {
            State::Fragmented(message) => message,
            _ => Fragments::new(header.opcode),
        };
        message.push(payload)?;
        if header.fin {
            return message.finish().map(Some);
        }
        self.state = State::Fragmented(message);
        Ok(None)
    }

    #[cold]
    fn fail(&mut self, err: ProtocolError) -> CodecError {
        self.state = State::Failed(err.clone());
        err.into()
    }
}

#[inline]
fn utf8(payload: Bytes) -> Result<ByteString, ProtocolError> {
    // RFC 6455, 8.1: an endpoint that finds a byte stream not to be UTF-8 "MUST _Fail the WebSocket Connection_".
    ByteString::try_from(payload).map_err(|_| ProtocolError::Utf8)
}

/// Reads the payload of a close frame (RFC 6455, section 5.5.1).
fn parse_close(payload: &[u8]) -> Result<Option<CloseFrame>, ProtocolError> {
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

/// Takes the frame at the start of `src` and returns its payload, which shares the buffer.
#[inline(always)] // A call would cost one instruction in six of decoding a short message.
fn take_payload(src: &mut BytesMut, header_len: usize, payload_len: usize) -> Bytes {
    let mut frame = src.split_to(header_len.saturating_add(payload_len)).freeze();
    frame.advance(header_len);
    frame
}

#[cfg(test)]
mod tests;
