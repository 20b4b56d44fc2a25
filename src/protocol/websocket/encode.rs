//! Encoding of frames (RFC 6455, sections 5.2 and 5.3).

use actix_codec::Encoder;
use bytes::BytesMut;

use super::{CodecError, Deflating, FIN, FrameEnds, MASK, MAX_CONTROL, Opcode, RSV1, WebSocketCodec, Work};
use crate::error::ProtocolError;

/// The longest frame header: two bytes, eight for the length, four for the masking key.
const MAX_HEADER: usize = 14;
/// The longest [`head`](Frame::head) that room is reserved for. Engine.IO needs one byte.
const MAX_HEAD: usize = 1;

/// A frame to send. Its payload is `head` followed by `body`, so that a prefix needs no copy of the message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    /// The kind of frame. The codec does not check that the payload of a text frame is UTF-8.
    pub(crate) opcode: Opcode,
    /// The start of the payload. It is masked byte by byte, so it should be short.
    pub(crate) head: &'a [u8],
    /// The rest of the payload.
    pub(crate) body: &'a [u8],
}

impl Frame<'_> {
    pub(super) fn payload_len(&self) -> usize {
        self.head.len() + self.body.len()
    }

    /// The number of bytes that are reserved for the frame. It may need less.
    fn room(&self) -> usize {
        self.body.len() + MAX_HEAD + MAX_HEADER
    }
}

impl<K: FnMut() -> [u8; 4]> WebSocketCodec<K> {
    /// Appends the frames of a batch of messages, and records in `ends` where each of them ends.
    #[inline]
    pub(crate) fn encode_batch<'a>(
        &mut self,
        frames: impl Iterator<Item = Frame<'a>> + Clone,
        dst: &mut BytesMut,
        ends: &mut FrameEnds,
    ) {
        // One reservation for all, which is never too small: a second one would double the buffer.
        dst.reserve(frames.clone().map(|frame| frame.room()).sum());
        ends.extend(frames.map(|frame| {
            // Only a control frame can be refused.
            let _ = self.encode(frame, dst);
            dst.len()
        }));
    }

    /// Whether messages may be sent compressed. Then [`encode_in_turns`](Self::encode_in_turns) encodes them.
    #[inline]
    pub(crate) fn may_deflate(&self) -> bool {
        self.deflate.is_some()
    }

    /// Appends a frame, compressed if that is agreed on and worthwhile. As much is deflated as `work` allows. Returns whether the
    /// frame was appended: if not, `begun` is to be passed in again for the same frame in the next turn.
    pub(crate) fn encode_in_turns(
        &mut self,
        frame: Frame<'_>,
        begun: &mut Option<Deflating>,
        work: &mut Work,
        dst: &mut BytesMut,
    ) -> bool {
        if let Some(deflate) = &mut self.deflate
            && let Some(params) = deflate.params_for(&frame)
        {
            if work.is_done() {
                return false;
            }
            let mut message = begun.take().unwrap_or_else(|| deflate.start_deflating(params, work));
            if !message.advance(frame.head, frame.body, work) {
                *begun = Some(message);
                return false;
            }
            if let Some(deflated) = deflate.finish_deflating(message, frame.payload_len()) {
                let (payload, key) = (deflated.payload(), (self.mask_key)());
                dst.reserve(payload.len() + MAX_HEADER);
                put_header(dst, FIN | RSV1 | frame.opcode.number(), payload.len(), key);
                put_masked(dst, payload, mask_of(key));
                return true;
            }
        }
        // Only a control frame can be refused.
        let _ = self.encode(frame, dst);
        true
    }
}

impl<K: FnMut() -> [u8; 4]> Encoder<Frame<'_>> for WebSocketCodec<K> {
    type Error = CodecError;

    #[inline(always)] // A call would cost one instruction in ten of encoding a short message.
    fn encode(&mut self, frame: Frame<'_>, dst: &mut BytesMut) -> Result<(), CodecError> {
        let Frame { opcode, head, body } = frame;
        let len = frame.payload_len();
        if len > MAX_CONTROL && opcode.is_control() {
            return Err(ProtocolError::Frame("a control frame of more than 125 bytes").into());
        }

        // RFC 6455, 10.3: "Clients MUST choose a new masking key for each frame".
        let key = (self.mask_key)();
        let [k0, k1, k2, k3] = key;
        let first = FIN | opcode.number();
        let mask = mask_of(key);
        let mask = if let (Ok(len @ ..=125), [kind]) = (u8::try_from(len), head) {
            // A short text: the header and the type of the packet are written together.
            dst.extend_from_slice(&[first, MASK | len, k0, k1, k2, k3, kind ^ k0]);
            mask.rotate_right(8)
        } else {
            dst.reserve(frame.room());
            put_header(dst, first, len, key);
            put_masked_bytes(dst, head, mask)
        };
        put_masked(dst, body, mask);
        Ok(())
    }
}

/// The key twice, its first byte the lowest.
#[inline(always)] // As `put_masked`.
fn mask_of(key: [u8; 4]) -> u64 {
    u64::from(u32::from_le_bytes(key)).wrapping_mul(0x1_0000_0001)
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
/// The bytes are masked in registers while they are copied, which passes over the memory once. Copying first and masking
/// in place takes up to twice as long.
#[inline(always)] // A call would cost one instruction in six of encoding a short message.
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

/// Appends a few bytes, masked. Returns the mask for the bytes that follow in the same frame.
#[inline(always)] // As `put_masked`.
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
