//! Headers that users add to requests.

use actix_http::header::{self, HeaderName, HeaderValue};

use crate::error::ConnectError;

/// Headers that frame a request or open a WebSocket: a user's own value would break the exchange.
const RESERVED: [HeaderName; 8] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::SEC_WEBSOCKET_ACCEPT,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
];

pub(super) fn parse(name: &str, value: &[u8]) -> Result<(HeaderName, HeaderValue), ConnectError> {
    let invalid = |reason: String| ConnectError::Invalid { what: "header", reason };
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| invalid(format!("{name:?} is not a header name")))?;
    if RESERVED.contains(&parsed) {
        return Err(invalid(format!("{parsed} is set by the client itself")));
    }
    // The value may be a secret: it is not repeated.
    let value = HeaderValue::from_bytes(value)
        .map_err(|_| invalid(format!("the value of {parsed} has bytes that HTTP does not allow")))?;
    Ok((parsed, value))
}
