//! Whether the answer to a POST comes from the Engine.IO server itself.

use actix_http::header;

use crate::{error::TransportError, transport::http::Response};

/// The longest text that acknowledges a POST. The known servers answer `ok` or `OK`.
const MAX_TEXT: usize = 64;

/// Checks a response with a status of 2xx. A login page or the error of a proxy may have such a status too, but then the
/// server has not seen the POST.
pub(super) fn check(response: &Response) -> Result<(), TransportError> {
    let body = response.body.trim_ascii();
    // The content type does not count here: engine.io calls its `ok` a text/html.
    if body.is_empty() || body.eq_ignore_ascii_case(b"ok") {
        return Ok(());
    }
    let what = match body {
        _ if response.is_html() => "a page of HTML",
        [b'{' | b'[' | b'"', ..] => "JSON",
        _ if has_json_type(response) => "JSON",
        _ if body.len() > MAX_TEXT => "more than 64 bytes",
        _ if !is_plain_text(body) => "bytes that are not text",
        _ => return Ok(()),
    };
    Err(TransportError::Malformed(format!("{what} in the answer to a POST").into()))
}

fn has_json_type(response: &Response) -> bool {
    let value = response.headers.get(header::CONTENT_TYPE);
    value
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.to_ascii_lowercase().contains("json"))
}

fn is_plain_text(body: &[u8]) -> bool {
    str::from_utf8(body)
        .is_ok_and(|text| !text.chars().any(|char| char.is_control() && !char.is_whitespace()))
}

#[cfg(test)]
mod tests;
