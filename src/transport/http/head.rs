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
    if src.len() < MAX_HEAD {
        return codec.decode(src).map_err(malformed);
    }
    let behind = src.split_off(MAX_HEAD);
    let head = codec.decode(src).map_err(malformed)?;
    src.unsplit(behind);
    head.map_or(Err(malformed(ParseError::TooLarge)), |head| Ok(Some(head)))
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
