//! WebSocket frames, from the client's side (RFC 6455, sections 5 to 8), with compressed messages (RFC 7692).
//!
//! [`WebSocketCodec`] turns the bytes of a connection into whole messages and control frames, and back. It checks
//! everything that a server sends. Limits are checked before memory is reserved, everything else before a message is
//! returned.

mod compression;
mod deflate;
mod encode;
mod error;
mod extensions;
mod fragments;
mod frame_ends;
mod header;
mod inflate;
mod message;
#[cfg(any(test, fuzzing))]
pub(crate) mod oracle;
mod permessage_deflate;
mod work;

use std::{fmt, mem};

use actix_codec::Decoder;
use bytes::{Buf, Bytes, BytesMut};

pub use self::compression::{AgreedCompression, Compression};
#[cfg(test)]
pub(crate) use self::work::SLICE;
pub(crate) use self::{
    deflate::Deflating,
    encode::Frame,
    extensions::accept as accept_extensions,
    frame_ends::FrameEnds,
    header::Opcode,
    message::{CloseFrame, Message, Text, close_payload},
    permessage_deflate::CompressionCounts,
    work::Work,
};
use self::{
    error::CodecError,
    fragments::Fragments,
    header::{Header, SizeLimits},
    inflate::{CompressedMessage, Progress},
    message::parse_close,
    permessage_deflate::PerMessageDeflate,
};
use crate::error::ProtocolError;

/// The bit of a frame's first byte that marks the last fragment of a message.
const FIN: u8 = 0x80;
/// The bits of a frame's first byte that only extensions may use.
const RSV: u8 = 0x70;
/// The bit of a frame's first byte that marks the first frame of a compressed message.
const RSV1: u8 = 0x40;
/// The bits of a frame's first byte that contain the opcode.
const OPCODE: u8 = 0x0f;
/// The bit of a frame's second byte that announces a masking key.
const MASK: u8 = 0x80;
/// The longest payload of a control frame (RFC 6455, section 5.5).
const MAX_CONTROL: usize = 125;
/// The largest number of bytes that are reserved because a header announces them. A length is only a claim.
const READ_AHEAD: usize = 1 << 20;
/// The first byte of an unfragmented text message.
const FINAL_TEXT: u8 = 0x81;
/// The first byte of an unfragmented binary message.
const FINAL_BINARY: u8 = 0x82;

/// The client's end of a WebSocket: decodes the frames of a server, encodes those of a client.
///
/// An error of the decoder is final: the position of the next frame is unknown, or not needed any more.
pub(crate) struct WebSocketCodec<K> {
    limits: SizeLimits,
    mask_key: K,
    state: State,
    /// The compression, if client and server have agreed on it.
    deflate: Option<PerMessageDeflate>,
}

/// The state of the decoder.
enum State {
    /// The next frame begins a message, or is a control frame.
    Idle,
    /// A part of a fragmented message has arrived.
    Fragmented(Fragments),
    /// A compressed message has begun. Boxed, because it is large and most sessions have none.
    Inflating(Box<CompressedMessage>),
    /// The server broke the protocol.
    Failed(ProtocolError),
}

impl<K: FnMut() -> [u8; 4]> WebSocketCodec<K> {
    /// A codec that refuses messages of more than `max_message_size` bytes, fragmented or not. It masks each frame with a
    /// new key from `mask_key`, which must be unpredictable (RFC 6455, section 5.3).
    pub(crate) fn new(max_message_size: usize, mask_key: K) -> Self {
        let limits = SizeLimits { max_message_size, text_overhead: 0 };
        Self { limits, mask_key, state: State::Idle, deflate: None }
    }

    /// Refuses messages of more than `max_message_size` bytes.
    pub(crate) fn with_max_message_size(self, max_message_size: usize) -> Self {
        Self { limits: SizeLimits { max_message_size, ..self.limits }, ..self }
    }

    /// Accepts texts that are larger by this number of bytes, for what an encoding adds to a message.
    pub(crate) fn with_text_overhead(self, text_overhead: usize) -> Self {
        Self { limits: SizeLimits { text_overhead, ..self.limits }, ..self }
    }

    /// Compresses messages as the user wants it, and as client and server have agreed.
    pub(crate) fn with_compression(self, option: Compression, agreed: AgreedCompression) -> Self {
        Self { deflate: Some(PerMessageDeflate::new(option, agreed)), ..self }
    }

    /// Whether the next fragment of a message, or the rest of a compressed one, is awaited.
    pub(crate) fn is_in_message(&self) -> bool {
        matches!(self.state, State::Fragmented(_) | State::Inflating(_))
    }

    /// Whether the decoder has stopped in or before a compressed message, so that others have their turn, and not because bytes
    /// are missing.
    pub(crate) fn waits_for_turn(&self) -> bool {
        self.deflate.as_ref().is_some_and(PerMessageDeflate::waits_for_turn)
    }

    /// Takes the figures about compressed messages since the last call. `None`: there were none.
    pub(crate) fn take_compression_counts(&mut self) -> Option<CompressionCounts> {
        self.deflate.as_mut()?.take_counts()
    }
}

impl<K> fmt::Debug for WebSocketCodec<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketCodec")
            .field("max_message_size", &self.limits.max_message_size)
            .finish_non_exhaustive()
    }
}

impl<K> Decoder for WebSocketCodec<K> {
    type Item = Message;
    type Error = CodecError;

    #[inline(always)] // A call would move each message twice more.
    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Message>, CodecError> {
        // Nearly every frame is a whole, short message that has arrived completely. `decode_frames` gives the same
        // result for it, with twice the instructions.
        if let (State::Idle, &[first @ (FINAL_TEXT | FINAL_BINARY), len @ ..=125, ref rest @ ..]) =
            (&self.state, &**src)
            && usize::from(len) <= rest.len().min(self.limits.max_message_size)
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
    /// Takes a whole message with a length of two bytes that has arrived completely. `decode_frames` gives the same result for
    /// it, with more instructions. `None`: whatever comes next is something else.
    #[inline(always)] // A call would move each message once more.
    fn decode_medium(&self, src: &mut BytesMut) -> Option<Result<Message, ProtocolError>> {
        let (State::Idle, &[first @ (FINAL_TEXT | FINAL_BINARY), 126, a, b, ref rest @ ..]) =
            (&self.state, &**src)
        else {
            return None;
        };
        let len = usize::from(u16::from_be_bytes([a, b]));
        // RFC 6455, 5.2: a shorter one has to have a length of one byte.
        if len <= 125 || len > rest.len().min(self.limits.max_message_size) {
            return None;
        }
        let payload = take_payload(src, 4, len);
        Some(if first == FINAL_BINARY {
            Ok(Message::Binary(payload))
        } else {
            Text::new(payload).map(Message::Text)
        })
    }

    /// Takes frames from `src`, up to the first one that completes a message.
    fn decode_frames(&mut self, src: &mut BytesMut) -> Result<Option<Message>, ProtocolError> {
        if let Some(message) = self.decode_medium(src) {
            return message.map(Some);
        }
        loop {
            let partial = match &self.state {
                State::Idle => None,
                State::Fragmented(fragments) => Some(fragments.partial()),
                State::Inflating(message) if message.is_in_frame() => match self.inflate(src)? {
                    Progress::Message(message) => return Ok(Some(message)),
                    Progress::Frame => continue,
                    Progress::Waits => return Ok(None),
                },
                State::Inflating(message) => Some(message.partial()),
                State::Failed(err) => return Err(err.clone()),
            };
            let Some(header) = Header::parse(src, self.deflate.is_some())? else {
                return Ok(None);
            };
            let payload_len = header.admit(partial, self.limits)?;
            let is_inflated =
                header.is_data() && partial.map_or(header.is_compressed, |message| message.is_compressed);
            // A large compressed frame is inflated while it arrives.
            let awaited = if is_inflated { payload_len.min(inflate::CHUNK) } else { payload_len };
            let missing = header.len.saturating_add(awaited).saturating_sub(src.len());
            if missing > 0 {
                src.reserve(missing.min(READ_AHEAD));
                return Ok(None);
            }
            if is_inflated {
                if self.start_frame(src, &header, payload_len)? {
                    continue;
                }
                return Ok(None);
            }

            let payload = take_payload(src, header.len, payload_len);
            if let Some(message) = self.accept(&header, payload)? {
                return Ok(Some(message));
            }
        }
    }

    /// Handles a frame without compression. Returns its message, unless it is a fragment and others follow.
    #[inline(always)] // A call would move each message once more.
    fn accept(&mut self, header: &Header, payload: Bytes) -> Result<Option<Message>, ProtocolError> {
        Ok(Some(match header.opcode {
            Some(Opcode::Text) if header.fin => Message::Text(Text::new(payload)?),
            Some(Opcode::Binary) if header.fin => Message::Binary(payload),
            Some(Opcode::Close) => Message::Close(parse_close(&payload)?),
            Some(Opcode::Ping) => Message::Ping(payload),
            Some(Opcode::Pong) => Message::Pong(payload),
            Some(Opcode::Text | Opcode::Binary) | None => return self.reassemble(header, &payload),
        }))
    }

    /// Adds a fragment to its message. Returns the message once it is complete.
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

/// Removes the frame at the start of `src` and returns its payload, which shares the buffer.
#[inline(always)] // A call would cost one instruction in six of decoding a short message.
fn take_payload(src: &mut BytesMut, header_len: usize, payload_len: usize) -> Bytes {
    let mut frame = src.split_to(header_len.saturating_add(payload_len)).freeze();
    frame.advance(header_len);
    frame
}

#[cfg(test)]
mod tests;
