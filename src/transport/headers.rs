//! The headers of requests.

use actix_http::header::{self, HeaderName, HeaderValue};

/// Headers that a request has one of: RFC 9110, section 5.3, "a sender MUST NOT generate multiple field lines with the
/// same name [..] unless that field's definition allows multiple field line values to be recombined as a comma-separated
/// list". Servers take the first of two, or refuse them.
const SINGLE: [HeaderName; 8] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::FROM,
    header::HOST,
    header::ORIGIN,
    header::PROXY_AUTHORIZATION,
    header::REFERER,
    header::USER_AGENT,
];

/// Adds a header; one of those that a request has one of takes the place of what was there.
pub(crate) fn add(headers: &mut Vec<(HeaderName, HeaderValue)>, header: (HeaderName, HeaderValue)) {
    if SINGLE.contains(&header.0) {
        headers.retain(|(name, _)| *name != header.0);
    }
    headers.push(header);
}
