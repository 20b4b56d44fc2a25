//! The content coding of a body (RFC 9110, section 8.4).

use std::io::{self, Read};

use actix_http::header::{self, HeaderMap};
use bytes::Bytes;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use crate::error::TransportError;

/// The step in which a body is inflated.
const STEP: usize = 64 << 10;

/// The names that servers use, of those that IANA registers for content codings.
const REGISTERED: [&str; 8] = ["br", "compress", "dcb", "dcz", "deflate", "gzip", "x-gzip", "zstd"];

/// The largest number of names that an error shows.
const SHOWN: usize = 8;

/// The coding of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Identity,
    Gzip,
    Deflate,
}

impl Coding {
    /// The coding that these headers name. Several codings on top of each other are refused: this client does not ask
    /// for them.
    pub(super) fn new(headers: &HeaderMap) -> Result<Self, TransportError> {
        let lines: Vec<_> = headers.get_all(header::CONTENT_ENCODING).map(|line| line.as_bytes()).collect();
        let names = lines.join(&b',').to_ascii_lowercase();
        let names = names.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
        let names: Vec<_> = names.filter(|name| !matches!(*name, b"" | b"identity")).collect();
        match names[..] {
            [] => Ok(Self::Identity),
            [b"gzip" | b"x-gzip"] => Ok(Self::Gzip),
            [b"deflate"] => Ok(Self::Deflate),
            _ => {
                let names: Vec<_> = names.iter().take(SHOWN).map(|name| public_name(name)).collect();
                Err(malformed(format!("unknown content-encoding {}", names.join(", "))))
            }
        }
    }

    /// The largest size that a body of `limit` bytes can have in this coding. Deflate adds a few bytes to every block that
    /// it cannot compress.
    pub(super) fn max_length(self, limit: usize) -> usize {
        match self {
            Self::Identity => limit,
            Self::Gzip | Self::Deflate => limit.saturating_add(limit / 1024).saturating_add(STEP),
        }
    }

    /// The decoded body. Fails if bytes follow the compressed data, because they would be lost.
    pub(super) fn decode(self, body: Bytes, limit: usize) -> Result<Bytes, TransportError> {
        if self == Self::Identity || body.is_empty() {
            return Ok(body);
        }
        let mut rest = &*body;
        let decoded = match self {
            // RFC 1952, section 2.2: "A gzip file consists of a series of "members"".
            Self::Gzip => inflate(MultiGzDecoder::new(&mut rest), limit),
            _ if has_zlib_header(rest) => inflate(ZlibDecoder::new(&mut rest), limit),
            _ => inflate(DeflateDecoder::new(&mut rest), limit),
        }?;
        if rest.is_empty() {
            return Ok(decoded);
        }
        Err(malformed("bytes behind the end of a compressed body".to_owned()))
    }
}

/// The name of a coding as an error shows it. A peer may repeat a secret of the request where a name is expected, so only
/// registered names are shown.
fn public_name(name: &[u8]) -> &'static str {
    let known = REGISTERED.iter().find(|known| known.as_bytes() == name);
    known.copied().unwrap_or("that is not registered")
}

/// Whether a body is in zlib's format. RFC 9110, section 8.4.1.2: `deflate` means this format, but "some non-conformant
/// implementations" send the bare one, which never begins like this.
fn has_zlib_header(body: &[u8]) -> bool {
    matches!(*body, [first, second, ..] if first & 0x8f == 8 && u16::from_be_bytes([first, second]) % 31 == 0)
}

fn inflate(mut source: impl Read, limit: usize) -> Result<Bytes, TransportError> {
    let mut body = Vec::new();
    let mut step = vec![0; STEP];
    loop {
        let inflated = match source.read(&mut step) {
            Ok(length) => step.get(..length).unwrap_or_default(),
            Err(err) if err.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(TransportError::eof("a compressed body is cut short"));
            }
            Err(err) => return Err(malformed(err.to_string())),
        };
        if inflated.is_empty() {
            // The messages in the body share its memory.
            body.shrink_to_fit();
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

fn malformed(what: String) -> TransportError {
    TransportError::Malformed(what.into())
}

#[cfg(test)]
mod tests;
