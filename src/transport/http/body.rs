//! The body of a response: its end, and its content encoding.

use std::io::{self, Read};

use actix_codec::Decoder as _;
use actix_http::{
    ResponseHead, StatusCode, Version,
    error::PayloadError,
    h1,
    header::{self, HeaderMap, HeaderValue},
};
use bytes::{Bytes, BytesMut};
use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};

use crate::error::TransportError;

/// The largest number of bytes that are reserved for the next read because a header announces them. A length is only a
/// claim, so memory follows the bytes that have arrived.
const MAX_READ_AHEAD: usize = 1 << 20;
/// The number of bytes that are reserved for the next read of any other body, and the step in which a body is inflated.
const READ_AHEAD: usize = 64 << 10;

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
    Chunked(h1::ClientPayloadCodec, BytesMut),
    /// The body ends with the connection. It is collected in the read buffer.
    UntilEof,
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
            Framing::Chunked(codec.into_payload_codec(), BytesMut::new())
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
            Framing::Length(length) => src.split_to(*length),
            Framing::Chunked(codec, body) => loop {
                match codec.decode(src).map_err(malformed)? {
                    Some(Some(chunk)) if chunk.len() > max_length.saturating_sub(body.len()) => {
                        return Err(too_large);
                    }
                    Some(Some(chunk)) => body.extend_from_slice(&chunk),
                    Some(None) => break body.split(),
                    None => return Ok(None),
                }
            },
            Framing::UntilEof if src.len() > max_length => return Err(too_large),
            Framing::UntilEof => return Ok(None),
        };
        self.coding.decode(body.freeze(), self.limit).map(Some)
    }

    /// Takes the body out of `src` at the end of the connection. An error if the body should have ended otherwise.
    pub(super) fn decode_eof(&self, src: &mut BytesMut) -> Result<Bytes, TransportError> {
        match self.framing {
            Framing::Length(_) => Err(TransportError::eof("closed before the content-length was reached")),
            Framing::Chunked(..) => Err(TransportError::eof("closed before the last chunk")),
            Framing::UntilEof => self.coding.decode(src.split().freeze(), self.limit),
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

fn is_chunked(headers: &HeaderMap) -> bool {
    // The only other value here is `identity`: the codec refuses the rest.
    let coding = headers.get(header::TRANSFER_ENCODING).map_or(b"".as_slice(), HeaderValue::as_bytes);
    coding.trim_ascii().eq_ignore_ascii_case(b"chunked")
}

fn malformed(err: PayloadError) -> TransportError {
    TransportError::Malformed(err.to_string().into())
}

/// The `content-encoding` of a body.
#[derive(Clone, Copy)]
enum Coding {
    Identity,
    Gzip,
    Deflate,
}

impl Coding {
    fn new(headers: &HeaderMap) -> Result<Self, TransportError> {
        let name = headers.get(header::CONTENT_ENCODING).map_or(b"".as_slice(), HeaderValue::as_bytes);
        match name.trim_ascii().to_ascii_lowercase().as_slice() {
            b"" | b"identity" => Ok(Self::Identity),
            b"gzip" | b"x-gzip" => Ok(Self::Gzip),
            b"deflate" => Ok(Self::Deflate),
            name => {
                let name: String = String::from_utf8_lossy(name).chars().take(100).collect();
                Err(TransportError::Malformed(format!("unknown content-encoding {name}").into()))
            }
        }
    }

    /// The largest size that a body of `limit` bytes can have in this coding. Deflate adds a few bytes to every block that
    /// it cannot compress.
    fn max_length(self, limit: usize) -> usize {
        match self {
            Self::Identity => limit,
            Self::Gzip | Self::Deflate => limit.saturating_add(limit / 1024).saturating_add(READ_AHEAD),
        }
    }

    /// The decoded body.
    fn decode(self, body: Bytes, limit: usize) -> Result<Bytes, TransportError> {
        match self {
            Self::Gzip if !body.is_empty() => inflate(GzDecoder::new(&*body), limit),
            Self::Deflate if has_zlib_header(&body) => inflate(ZlibDecoder::new(&*body), limit),
            Self::Deflate if !body.is_empty() => inflate(DeflateDecoder::new(&*body), limit),
            _ => Ok(body),
        }
    }
}

/// Whether a body is in zlib's format. RFC 9110, section 8.4.1.2: `deflate` means this format, but "some non-conformant
/// implementations" send the bare one, which never begins like this.
fn has_zlib_header(body: &[u8]) -> bool {
    matches!(*body, [first, second, ..] if first & 0x8f == 8 && u16::from_be_bytes([first, second]) % 31 == 0)
}

fn inflate(mut source: impl Read, limit: usize) -> Result<Bytes, TransportError> {
    let mut body = Vec::new();
    let mut step = vec![0; READ_AHEAD];
    loop {
        let inflated = match source.read(&mut step) {
            Ok(length) => step.get(..length).unwrap_or_default(),
            Err(err) if err.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(TransportError::eof("a compressed body is cut short"));
            }
            Err(err) => return Err(TransportError::Malformed(err.to_string().into())),
        };
        if inflated.is_empty() {
            return Ok(body.into());
        }
        let length = body.len().saturating_add(inflated.len());
        if length > limit {
            return Err(TransportError::BodyTooLarge { limit });
        }
        if length > body.capacity() {
            // The capacity doubles, as that of a `Vec` does, but not beyond the limit.
            let capacity = length.saturating_mul(2).min(limit);
            body.reserve_exact(capacity.saturating_sub(body.len()));
        }
        body.extend_from_slice(inflated);
    }
}
