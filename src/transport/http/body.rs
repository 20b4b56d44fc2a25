//! The body of a response, and where it ends.

use actix_codec::Decoder as _;
use actix_http::{
    ResponseHead, StatusCode, Version,
    error::PayloadError,
    h1,
    header::{self, HeaderMap, HeaderValue},
};
use bytes::{Buf as _, Bytes, BytesMut};

use super::coding::Coding;
use crate::error::TransportError;

/// The largest number of bytes that are reserved for the next read because a header announces them. A length is only a
/// claim, so memory follows the bytes that have arrived.
const MAX_READ_AHEAD: usize = 1 << 20;
/// The number of bytes that are reserved for the next read of any other body.
const READ_AHEAD: usize = 64 << 10;

/// The largest overhead of a body in chunks: [`MAX_OVERHEAD`] bytes, and [`OVERHEAD_PER_BYTE`] for each byte of the body. A chunk
/// of one byte has an overhead of five to a dozen bytes. Without this limit an extension or a trailer that never ends would keep
/// the exchange going for ever. RFC 9112, section 7.1.1, limits extensions in requests for the same reason.
const MAX_OVERHEAD: usize = 64 << 10;
const OVERHEAD_PER_BYTE: usize = 64;

/// A body that is being received.
pub(super) struct Body {
    framing: Framing,
    coding: Coding,
    /// The largest size of the inflated body.
    limit: usize,
}

/// RFC 9112, section 6.3: the length of a body.
enum Framing {
    /// The body has this many bytes. They are collected in the read buffer and split off it without a copy.
    Length(usize),
    /// The body comes in chunks, which are collected in a buffer of their own.
    Chunked(Chunks),
    /// The body ends with the connection. It is collected in the read buffer.
    UntilEof,
}

/// A body in chunks (RFC 9112, section 7.1).
struct Chunks {
    codec: h1::ClientPayloadCodec,
    body: BytesMut,
    /// The number of bytes that are not the body: sizes and extensions of chunks, the ends of their lines, and trailers.
    overhead: usize,
}

impl Chunks {
    fn new(codec: h1::ClientPayloadCodec) -> Self {
        Self { codec, body: BytesMut::new(), overhead: 0 }
    }

    /// Takes chunks out of `src`. Returns the body when its last chunk has arrived, and `None` before. `too_large`: the error for a
    /// body of more than `max_length` bytes.
    fn decode(
        &mut self,
        src: &mut BytesMut,
        max_length: usize,
        too_large: TransportError,
    ) -> Result<Option<Bytes>, TransportError> {
        loop {
            let before = src.len();
            let item = self.codec.decode(src).map_err(malformed)?;
            let taken = before.saturating_sub(src.len());
            match item {
                Some(Some(chunk)) => {
                    if chunk.len() > max_length.saturating_sub(self.body.len()) {
                        return Err(too_large);
                    }
                    self.body.extend_from_slice(&chunk);
                    self.add_overhead(taken.saturating_sub(chunk.len()))?;
                }
                Some(None) => {
                    self.add_overhead(taken)?;
                    let length = self.body.len();
                    return Ok(Some(take(&mut self.body, length)));
                }
                None => return self.add_overhead(taken).map(|()| None),
            }
        }
    }

    fn add_overhead(&mut self, bytes: usize) -> Result<(), TransportError> {
        self.overhead = self.overhead.saturating_add(bytes);
        if self.overhead > MAX_OVERHEAD.saturating_add(self.body.len().saturating_mul(OVERHEAD_PER_BYTE)) {
            let what = "too many bytes of chunk extensions or trailers";
            return Err(TransportError::Malformed(what.into()));
        }
        Ok(())
    }
}

impl Body {
    /// The body that follows `head`. `codec` has just decoded the head.
    pub(super) fn new(
        head: &ResponseHead,
        codec: h1::ClientCodec,
        limit: usize,
    ) -> Result<Self, TransportError> {
        let coding = Coding::new(&head.headers)?;
        let has_transfer_encoding = head.headers.contains_key(header::TRANSFER_ENCODING);
        let framing = if matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            Framing::Length(0)
        } else if has_transfer_encoding && head.version < Version::HTTP_11 {
            // RFC 9112, section 6.1: "MUST treat the message as if the framing is faulty".
            return Err(TransportError::Malformed("transfer-encoding in HTTP/1.0".into()));
        } else if is_chunked(&head.headers) {
            Framing::Chunked(Chunks::new(codec.into_payload_codec()))
        } else if let Some(length) = head.headers.get(header::CONTENT_LENGTH) {
            let length = length.to_str().ok().and_then(|length| length.trim().parse::<u64>().ok());
            let length = length.ok_or_else(|| TransportError::Malformed("bad content-length".into()))?;
            match usize::try_from(length) {
                Ok(length) if length <= coding.max_length(limit) => Framing::Length(length),
                _ => return Err(TransportError::BodyTooLarge { limit }),
            }
        } else {
            Framing::UntilEof
        };
        Ok(Self { framing, coding, limit })
    }

    /// Takes the body out of `src`, `None` if it has not arrived completely.
    pub(super) fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Bytes>, TransportError> {
        let max_length = self.coding.max_length(self.limit);
        let too_large = TransportError::BodyTooLarge { limit: self.limit };
        let body = match &mut self.framing {
            Framing::Length(length) if src.len() < *length => return Ok(None),
            Framing::Length(length) => take(src, *length),
            Framing::Chunked(chunks) => match chunks.decode(src, max_length, too_large)? {
                Some(body) => body,
                None => return Ok(None),
            },
            Framing::UntilEof if src.len() > max_length => return Err(too_large),
            Framing::UntilEof => return Ok(None),
        };
        self.coding.decode(body, self.limit).map(Some)
    }

    /// Takes the body out of `src` at the end of the connection. Fails if it is not the end of the connection that ends the body.
    pub(super) fn decode_eof(&self, src: &mut BytesMut) -> Result<Bytes, TransportError> {
        match self.framing {
            Framing::Length(_) => Err(TransportError::eof("closed before the content-length was reached")),
            Framing::Chunked(..) => Err(TransportError::eof("closed before the last chunk")),
            Framing::UntilEof => {
                let length = src.len();
                self.coding.decode(take(src, length), self.limit)
            }
        }
    }

    /// The number of bytes to reserve for the next read. `buffered`: the number of bytes that have arrived.
    pub(super) fn read_ahead(&self, buffered: usize) -> usize {
        match self.framing {
            Framing::Length(length) => length.saturating_sub(buffered).min(MAX_READ_AHEAD),
            _ => READ_AHEAD,
        }
    }

    /// Whether the body ends with the connection.
    pub(super) fn is_until_eof(&self) -> bool {
        matches!(self.framing, Framing::UntilEof)
    }
}

/// The largest memory that a body of this length occupies: unused capacity of its buffer is at most a quarter of it.
pub(super) fn max_memory(length: usize) -> usize {
    length.saturating_add(length / 4)
}

/// Takes a body out of the start of a buffer. The body is copied if the buffer is much larger, since each message in the body
/// keeps the whole memory of the body alive.
fn take(src: &mut BytesMut, length: usize) -> Bytes {
    if src.capacity() <= max_memory(length) {
        return src.split_to(length).freeze();
    }
    let body = Bytes::copy_from_slice(src.get(..length).unwrap_or_default());
    src.advance(length);
    body
}

fn is_chunked(headers: &HeaderMap) -> bool {
    // The only other value here is `identity`: the codec refuses the rest.
    let coding = headers.get(header::TRANSFER_ENCODING).map_or(b"".as_slice(), HeaderValue::as_bytes);
    coding.trim_ascii().eq_ignore_ascii_case(b"chunked")
}

/// The error of chunks that break RFC 9112, section 7.1. The decoder calls each of them an unexpected end of the body, and says
/// in its own words what is wrong.
fn malformed(err: PayloadError) -> TransportError {
    let words = match err {
        PayloadError::Incomplete(Some(err)) => err.to_string(),
        err => err.to_string(),
    };
    let parts = [
        ("chunk size", "bad chunk size"),
        ("chunk extension", "bad chunk extension"),
        ("chunk body", "bad end of a chunk"),
        ("chunk trailer", "bad trailer"),
        ("chunk end", "bad end of the last chunk"),
    ];
    let what = parts.iter().find(|(part, _)| words.contains(part)).map_or("bad chunks", |(_, what)| what);
    TransportError::Malformed(what.into())
}
