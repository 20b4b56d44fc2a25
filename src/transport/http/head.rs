//! The head of a response, from bytes that nobody has checked yet.

use actix_codec::Decoder as _;
use actix_http::{ResponseHead, error::ParseError, h1};
use bytes::BytesMut;

use crate::error::TransportError;

/// The largest head, in bytes. actix-http panics on a header whose name is longer than this: the types of the `http` crate
/// cannot contain such a name. So the decoder never sees more bytes than this.
const MAX_HEAD: usize = 0xffff;

/// Takes a head out of `src`, `None` if it has not arrived completely.
pub(super) fn decode(
    codec: &mut h1::ClientCodec,
    src: &mut BytesMut,
) -> Result<Option<ResponseHead>, TransportError> {
    if src.is_empty() {
        // Each call of the decoder clears room for 96 headers.
        return Ok(None);
    }
    unfold(src);
    if src.len() < MAX_HEAD {
        return codec.decode(src).map_err(malformed);
    }
    let behind = src.split_off(MAX_HEAD);
    let head = codec.decode(src).map_err(malformed)?;
    src.unsplit(behind);
    head.map_or(Err(malformed(ParseError::TooLarge)), |head| Ok(Some(head)))
}

/// Replaces the line breaks inside of values by blanks. RFC 9112, section 5.2: "A user agent that receives an obs-fold in a
/// response message [..] MUST replace each received obs-fold with one or more SP octets". The decoder refuses them.
fn unfold(src: &mut BytesMut) {
    let is_blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    // Blank lines may precede the head, and a blank behind the status line is not one inside of a value.
    let start = src.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(src.len());
    let lines = memchr::memchr_iter(b'\n', src).skip_while(|end| *end < start);
    let is_folded = |end: &usize| is_blank(src.get(end + 1));
    let is_last = |end: &usize| matches!(src.get(end + 1..), Some([b'\n', ..] | [b'\r', b'\n', ..]));
    let folds: Vec<_> = lines.take_while(|end| !is_last(end)).skip(1).filter(is_folded).collect();
    for end in folds {
        for at in [end.checked_sub(1), Some(end)].into_iter().flatten() {
            if let Some(byte @ (b'\r' | b'\n')) = src.get_mut(at) {
                *byte = b' ';
            }
        }
    }
}

fn malformed(err: ParseError) -> TransportError {
    let what = match err {
        ParseError::TooLarge => "the head has more than 64 KiB or 96 headers",
        ParseError::Header => "bad header",
        _ => "not HTTP",
    };
    TransportError::Malformed(what.into())
}

#[cfg(test)]
mod tests;
