//! The responses of a server.

use std::time::Duration;

use actix_http::{StatusCode, ws};
use bytes::Bytes;
use serde_json::json;

use super::Request;

/// A response to a request.
#[derive(Debug, Clone)]
pub(super) struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Response {
    pub(super) fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self { status, headers, body: body.into() }
    }

    /// The packets of a poll.
    pub(super) fn packets(body: Bytes) -> Self {
        // The binary form of protocol 3 begins with one of these bytes.
        let is_binary = matches!(body.first(), Some(0 | 1));
        let content_type = if is_binary { "application/octet-stream" } else { "text/plain; charset=UTF-8" };
        Self::new(200, content_type, body)
    }

    /// The acknowledgement of a POST.
    pub(super) fn ok() -> Self {
        Self::new(200, "text/html", "ok")
    }

    /// An error of Engine.IO, with its code.
    pub(super) fn error(code: i64, message: &str) -> Self {
        Self::new(400, "application/json", json!({ "code": code, "message": message }).to_string())
    }

    /// The acceptance of a WebSocket.
    pub(super) fn switching_protocols(request: &Request) -> Option<Self> {
        let accept = ws::hash_key(request.header("sec-websocket-key")?.as_bytes());
        let headers = [
            ("upgrade", "websocket"),
            ("connection", "upgrade"),
            ("sec-websocket-accept", str::from_utf8(&accept).ok()?),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Some(Self { status: 101, headers: headers.into(), body: Bytes::new() })
    }

    pub(super) fn with_headers(mut self, headers: &[(String, String)]) -> Self {
        self.headers.extend_from_slice(headers);
        self
    }

    /// The bytes of the response.
    pub(super) fn encode(&self) -> Vec<u8> {
        let reason = StatusCode::from_u16(self.status).ok().and_then(|status| status.canonical_reason());
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason.unwrap_or("Status"));
        for (name, value) in &self.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        // A response with the status 101 has no body (RFC 9110, section 8.6).
        if self.status != 101 {
            head.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }
}

/// How a server refuses handshakes: a status, and the text of its body.
///
/// ```
/// use std::time::Duration;
///
/// use actix_engineio::{Connect, EngineIoClient, testing::{Refusal, TestServer}};
///
/// #[actix::main]
/// async fn main() {
///     let server = TestServer::start();
///     let busy = Refusal::new(503, "come back later").retry_after(Duration::from_secs(10)).times(2);
///     server.refuse(busy);
///     let client = EngineIoClient::builder().start();
///     let err = client.send(Connect::new(server.url())).await.unwrap().unwrap_err();
///     let status = err.http_status().unwrap();
///     assert_eq!(status.message.as_deref(), Some("come back later"));
///     assert_eq!(status.retry_after, Some(Duration::from_secs(10)));
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Refusal {
    pub(super) response: Response,
    pub(super) times: usize,
}

impl Refusal {
    /// Refuses one handshake with this status, such as 503, and this text as the body.
    pub fn new(status: u16, words: impl Into<String>) -> Self {
        Self { response: Response::new(status, "text/plain; charset=UTF-8", words.into()), times: 1 }
    }

    /// Refuses this many handshakes. Default: 1.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Asks the client to wait that long, in whole seconds, with the header `Retry-After`. Default: no such header.
    #[must_use]
    pub fn retry_after(self, delay: Duration) -> Self {
        self.header("retry-after", delay.as_secs().to_string())
    }

    /// Adds a header to the response, such as `location` for a redirect. Default: none.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.response.headers.push((name.into(), value.into()));
        self
    }
}
