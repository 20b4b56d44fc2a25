//! Requests that an HTTP proxy forwards.

use actix_http::header::HeaderValue;

/// The proxy at the other end of a connection, which forwards requests to the servers that they name (RFC 9112, section
/// 3.2.2).
pub(crate) struct Forwarding {
    /// The value of `proxy-authorization`, which is for the proxy only (RFC 9110, section 11.7.2).
    authorization: Option<HeaderValue>,
}

impl Forwarding {
    pub(crate) fn new(authorization: Option<HeaderValue>) -> Self {
        Self { authorization }
    }

    pub(super) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }
}
