//! The content coding of a body (RFC 9110, section 8.4).

use std::io::{self, Read};

use actix_http::header::{self, HeaderMap};
use bytes::Bytes;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use crate::error::TransportError;

/// The step in which a body is inflated.
const STEP: usize = 64 << 10;

/// The content codings that IANA registers, without `identity`. Some servers write other names, such as that of a character set.
const REGISTERED: [&str; 12] = [
    "aes128gcm",
    "br",
    "compress",
    "dcb",
    "dcz",
    "deflate",
    "exi",
    "gzip",
    "pack200-gzip",
    "x-compress",
    "x-gzip",
    "zstd",
];

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
    /// The coding that these headers name. A name that is not registered counts as none, as in browsers. Several codings on top
    /// of each other are refused: this client does not ask for them.
    pub(super) fn new(headers: &HeaderMap) -> Result<Self, TransportError> {
        let lines = headers.get_all(header::CONTENT_ENCODING).map(|line| line.as_bytes());
        let names = lines.flat_map(|line| line.split(|&byte| byte == b',')).filter_map(registered);
        let names: Vec<_> = names.take(SHOWN).collect();
        match names[..] {
            [] => Ok(Self::Identity),
            ["gzip" | "x-gzip"] => Ok(Self::Gzip),
            ["deflate"] => Ok(Self::Deflate),
            _ => Err(malformed(format!("unknown content-encoding {}", names.join(", ")))),
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

/// The registered coding of this name.
fn registered(name: &[u8]) -> Option<&'static str> {
    let name = name.trim_ascii();
    REGISTERED.into_iter().find(|known| name.eq_ignore_ascii_case(known.as_bytes()))
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
pub(super) mod tests;
