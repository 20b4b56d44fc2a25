//! Headers as users give them to the builder and to `Connect`.

use actix_http::header::{self, HeaderName, HeaderValue};

use super::Headers;
use crate::error::ConnectError;

/// Headers that frame a request or open a WebSocket. A value of the user's would break the exchange.
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

impl Headers {
    /// Adds a header of the user's: see [`append`](Self::append).
    pub(crate) fn parse_and_append(&mut self, name: &str, value: &[u8]) -> Result<(), ConnectError> {
        let invalid = |reason: String| ConnectError::Invalid { what: "header", reason };
        let parsed = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| invalid(format!("{:?} is not a header name", shown(name))))?;
        if RESERVED.contains(&parsed) {
            return Err(invalid(format!("{parsed} is set by the client itself")));
        }
        // The value may be a secret: the error does not repeat it.
        let value = HeaderValue::from_bytes(value)
            .map_err(|_| invalid(format!("the value of {parsed} has bytes that HTTP does not allow")))?;
        if parsed == header::ACCEPT_ENCODING && !is_decodable(&value) {
            return Err(invalid("only gzip, deflate and identity can be read".to_owned()));
        }
        self.append(parsed, value);
        Ok(())
    }

    /// Offers these WebSocket subprotocols, and no others.
    pub(crate) fn offer_protocols(&mut self, protocols: &[&str]) -> Result<(), ConnectError> {
        let invalid = |reason: String| ConnectError::Invalid { what: "WebSocket subprotocol", reason };
        self.remove(&header::SEC_WEBSOCKET_PROTOCOL);
        for (index, protocol) in protocols.iter().enumerate() {
            // A subprotocol may be a secret, so the error names its place. The name of a header is a token, too.
            let place = index.saturating_add(1);
            HeaderName::from_bytes(protocol.as_bytes())
                .map_err(|_| invalid(format!("number {place} is not a token")))?;
            // RFC 6455, section 4.1: "The elements that comprise this value MUST [...] all be unique strings."
            if protocols.iter().take(index).any(|before| before == protocol) {
                return Err(invalid(format!("number {place} is given twice")));
            }
        }
        if !protocols.is_empty() {
            let value =
                HeaderValue::try_from(protocols.join(", ")).map_err(|err| invalid(err.to_string()))?;
            self.append(header::SEC_WEBSOCKET_PROTOCOL, value);
        }
        Ok(())
    }
}

/// The start of a wrong header name, up to the character that no name may have. Behind it may be a value, which may be a
/// secret.
fn shown(name: &str) -> String {
    let is_allowed = |char: char| char.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(char);
    match name.split_once(|char| !is_allowed(char)) {
        Some((start, _)) => format!("{start}.."),
        None => name.to_owned(),
    }
}

/// Whether this crate can decode every coding that an `accept-encoding` names. A server may use any of them.
fn is_decodable(codings: &HeaderValue) -> bool {
    let coding = |item: &str| item.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_known = |item: &str| {
        let coding = coding(item);
        ["", "gzip", "x-gzip", "deflate", "identity"].contains(&coding.as_str())
    };
    codings.to_str().is_ok_and(|codings| codings.split(',').all(is_known))
}
