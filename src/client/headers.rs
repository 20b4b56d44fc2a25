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

/// The header that offers these subprotocols, if there are any.
pub(super) fn websocket_protocols(
    protocols: &[&str],
) -> Result<Option<(HeaderName, HeaderValue)>, ConnectError> {
    let invalid = |reason: String| ConnectError::Invalid { what: "WebSocket subprotocol", reason };
    for (index, protocol) in protocols.iter().enumerate() {
        // The name of a header is a token, too.
        HeaderName::from_bytes(protocol.as_bytes())
            .map_err(|_| invalid(format!("{protocol:?} is not a token")))?;
        // RFC 6455, section 4.1: "The elements that comprise this value MUST [...] all be unique strings."
        if protocols.iter().take(index).any(|before| before == protocol) {
            return Err(invalid(format!("{protocol} is given twice")));
        }
    }
    let value = HeaderValue::try_from(protocols.join(", ")).map_err(|err| invalid(err.to_string()))?;
    Ok((!protocols.is_empty()).then_some((header::SEC_WEBSOCKET_PROTOCOL, value)))
}

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
    if parsed == header::ACCEPT_ENCODING && !can_be_read(&value) {
        return Err(invalid("only gzip, deflate and identity can be read".to_owned()));
    }
    Ok((parsed, value))
}

/// Whether all the codings that an `accept-encoding` names are known here: a server would use another.
fn can_be_read(codings: &HeaderValue) -> bool {
    let coding = |item: &str| item.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_known = |item: &str| {
        let coding = coding(item);
        ["", "gzip", "x-gzip", "deflate", "identity"].contains(&coding.as_str())
    };
    codings.to_str().is_ok_and(|codings| codings.split(',').all(is_known))
}
