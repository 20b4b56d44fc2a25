//! WebSocket frames, the client's side (RFC 6455, sections 5 to 8), without extensions.
//!
//! [`WebSocketCodec`] turns the bytes of a connection into whole messages and control frames, and back. Everything
//! a server sends is checked: a limit before memory is set aside for it, the rest before it is handed on.

use std::{fmt, mem, str};

use actix_codec::{Decoder, Encoder};
use bytes::{Buf, Bytes, BytesMut};
use bytestring::ByteString;

use crate::error::{ProtocolError, TransportError};

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
    type Error = TransportError;

    #[inline(always)] // Else each message would be moved twice more.
    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Message>, TransportError> {
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
                State::Fragmented(message) => Some(message.payload.len()),
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
    fn fail(&mut self, err: ProtocolError) -> TransportError {
        self.state = State::Failed(err.clone());
        err.into()
    }
}

impl<K: FnMut() -> [u8; 4]> Encoder<Frame<'_>> for WebSocketCodec<K> {
    type Error = TransportError;

    #[inline(always)] // As `take_payload`.
    fn encode(&mut self, frame: Frame<'_>, dst: &mut BytesMut) -> Result<(), TransportError> {
        let Frame { opcode, head, body } = frame;
        let len = head.len().saturating_add(body.len());
        if len > MAX_CONTROL && opcode.is_control() {
            return Err(ProtocolError::Frame("a control frame of more than 125 bytes").into());
        }

        // RFC 6455, 10.3: "Clients MUST choose a new masking key for each frame".
        let key = (self.mask_key)();
        let [k0, k1, k2, k3] = key;
        let first = FIN | opcode.number();
        let mask = u64::from(u32::from_le_bytes(key)).wrapping_mul(0x1_0000_0001);
        let mask = if let (Ok(len @ ..=125), [kind]) = (u8::try_from(len), head) {
            // A short text: the header and the type of the packet in one go.
            dst.extend_from_slice(&[first, MASK | len, k0, k1, k2, k3, kind ^ k0]);
            mask.rotate_right(8)
        } else {
            dst.reserve(MAX_HEADER.saturating_add(len));
            put_header(dst, first, len, key);
            put_masked_bytes(dst, head, mask)
        };
        put_masked(dst, body, mask);
        Ok(())
    }
}

/// The header of a frame, found well-formed by itself.
struct Header {
    fin: bool,
    /// `None`: the frame continues a fragmented message.
    opcode: Option<Opcode>,
    /// The length of the header itself.
    len: usize,
    payload_len: u64,
}

impl Header {
    /// Reads the header at the start of `src`. `None`: it has not arrived in full.
    #[inline]
    fn parse(src: &[u8]) -> Result<Option<Self>, ProtocolError> {
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
    fn admit(&self, arrived: Option<usize>, max_message_size: usize) -> Result<usize, ProtocolError> {
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

/// The fragments of a message that is not whole yet, put together.
struct Fragments {
    is_text: bool,
    payload: BytesMut,
    /// How many bytes of a text are known to be UTF-8.
    checked: usize,
}

impl Fragments {
    fn new(opcode: Option<Opcode>) -> Self {
        Self { is_text: opcode == Some(Opcode::Text), payload: BytesMut::new(), checked: 0 }
    }

    fn push(&mut self, fragment: &[u8]) -> Result<(), ProtocolError> {
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

    fn finish(self) -> Result<Message, ProtocolError> {
        let payload = self.payload.freeze();
        Ok(if self.is_text { Message::Text(Text::new(payload)?) } else { Message::Binary(payload) })
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

/// The payload of a close frame, its reason cut to what fits.
pub(crate) fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    let code = code.to_be_bytes();
    let longest = reason.len().min(MAX_CONTROL.saturating_sub(code.len()));
    let reason = (0..=longest).rev().find_map(|end| reason.get(..end)).unwrap_or_default();
    [&code, reason.as_bytes()].concat()
}

/// Takes the frame at the start of `src` and returns its payload, which shares the buffer.
#[inline(always)] // A call would cost one instruction in six of decoding a short message.
fn take_payload(src: &mut BytesMut, header_len: usize, payload_len: usize) -> Bytes {
    let mut frame = src.split_to(header_len.saturating_add(payload_len)).freeze();
    frame.advance(header_len);
    frame
}

#[inline(never)]
fn put_header(dst: &mut BytesMut, first: u8, len: usize, [k0, k1, k2, k3]: [u8; 4]) {
    // RFC 6455, 5.2: "the minimal number of bytes MUST be used to encode the length".
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len @ ..=125), _) => dst.extend_from_slice(&[first, MASK | len, k0, k1, k2, k3]),
        (_, Ok(len)) => {
            let [high, low] = len.to_be_bytes();
            dst.extend_from_slice(&[first, MASK | 126, high, low, k0, k1, k2, k3]);
        }
        _ => {
            dst.extend_from_slice(&[first, MASK | 127]);
            dst.extend_from_slice(&u64::try_from(len).unwrap_or(u64::MAX).to_be_bytes());
            dst.extend_from_slice(&[k0, k1, k2, k3]);
        }
    }
}

/// Appends `payload` to `dst`, masked (RFC 6455, section 5.3). `mask` is the key twice, its first byte the lowest.
///
/// Masking on the way, in registers, needs one pass over the memory; copying first and masking in place takes up to
/// twice as long.
#[inline(always)] // As `take_payload`.
fn put_masked(dst: &mut BytesMut, payload: &[u8], mask: u64) {
    let (blocks, rest) = payload.as_chunks();
    if !blocks.is_empty() {
        put_masked_blocks(dst, blocks, mask);
    }
    let (pairs, rest) = rest.as_chunks::<16>();
    let twice = u128::from(mask) << 64 | u128::from(mask);
    for pair in pairs {
        dst.extend_from_slice(&(u128::from_le_bytes(*pair) ^ twice).to_le_bytes());
    }
    let (words, rest) = rest.as_chunks();
    for word in words {
        dst.extend_from_slice(&masked(*word, mask));
    }
    put_masked_bytes(dst, rest, mask);
}

#[inline(never)]
fn put_masked_blocks(dst: &mut BytesMut, blocks: &[[u8; 128]], mask: u64) {
    for block in blocks {
        let mut block = *block;
        for word in block.as_chunks_mut().0 {
            *word = masked(*word, mask);
        }
        dst.extend_from_slice(&block);
    }
}

/// Does the same for a few bytes. Returns the mask for what follows them in the same frame.
#[inline(always)] // As `take_payload`.
fn put_masked_bytes(dst: &mut BytesMut, payload: &[u8], mut mask: u64) -> u64 {
    for byte in payload {
        let [key, ..] = mask.to_le_bytes();
        dst.extend_from_slice(&[byte ^ key]);
        mask = mask.rotate_right(8);
    }
    mask
}

fn masked(word: [u8; 8], mask: u64) -> [u8; 8] {
    (u64::from_le_bytes(word) ^ mask).to_le_bytes()
}

#[cfg(test)]
mod tests;
