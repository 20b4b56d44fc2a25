//! What a connection carries: a request one way, a response the other.

use std::time::Duration;

use actix_http::{
    Method, StatusCode,
    header::{self, HeaderMap, HeaderName, HeaderValue},
    uri::PathAndQuery,
};
use bytes::{BufMut as _, Bytes, BytesMut};
use serde::Deserialize;

use crate::error::HttpStatus;

/// Characters of a server's own words that go into an error.
const EXCERPT: usize = 200;

/// Some firewalls refuse requests that name none.
const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// A request. Its types admit nothing that could break out of its line of the head.
#[derive(Clone)]
pub(crate) struct Request {
    /// GET, or POST, which alone carries a body.
    pub(crate) method: Method,
    pub(crate) target: PathAndQuery,
    pub(crate) host: HeaderValue,
    /// In the order they are sent. They replace the ones that are sent anyway (`host`, `accept`,
    /// `accept-encoding`, `user-agent`, `content-type`), save those that tell where the body ends.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
}

impl Request {
    /// The head as it is sent. actix-http's encoder would add a `date` and shuffle the headers.
    pub(super) fn head(&self) -> Bytes {
        let is_post = self.method == Method::POST;
        let mut head = BytesMut::with_capacity(512);
        for part in [self.method.as_str(), " ", self.target.as_str(), " HTTP/1.1\r\n"] {
            head.put_slice(part.as_bytes());
        }
        let mut line = |name: HeaderName, value: &[u8]| {
            for part in [name.as_str().as_bytes(), b": ", value, b"\r\n"] {
                head.put_slice(part);
            }
        };

        let unless_given = [
            (header::HOST, Some(self.host.as_bytes())),
            (header::ACCEPT, Some(b"*/*".as_slice())),
            (header::ACCEPT_ENCODING, Some(b"gzip, deflate")),
            (header::USER_AGENT, Some(USER_AGENT.as_bytes())),
            (header::CONTENT_TYPE, is_post.then_some(b"text/plain;charset=UTF-8")),
        ];
        for (name, value) in unless_given {
            let is_given = self.headers.iter().any(|(given, _)| *given == name);
            if let Some(value) = value.filter(|_| !is_given) {
                line(name, value);
            }
        }
        if is_post {
            line(header::CONTENT_LENGTH, self.body.len().to_string().as_bytes());
        }
        for (name, value) in &self.headers {
            if *name != header::CONTENT_LENGTH && *name != header::TRANSFER_ENCODING {
                line(name.clone(), value.as_bytes());
            }
        }
        head.put_slice(b"\r\n");
        head.freeze()
    }
}

/// A response, complete, its body inflated.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The body of a refusal: Engine.IO's, or a JSON string.
#[derive(Deserialize)]
#[serde(untagged)]
enum Refusal {
    EngineIo { code: Option<Code>, message: Option<String> },
    Words(String),
}

/// engine.io sends it as a number, engineioxide as a string.
#[derive(Deserialize)]
#[serde(untagged)]
enum Code {
    Number(i64),
    Text(String),
}

impl Response {
    /// This response as the refusal of a request, with as much of the server's own words as can be shown, and without
    /// the `secret`, if there is one.
    pub(crate) fn refusal(&self, secret: Option<&str>) -> HttpStatus {
        let excerpt = |words: &str| match secret.filter(|secret| words.contains(secret)) {
            Some(secret) => excerpt(&words.replace(secret, "..")),
            None => excerpt(words),
        };
        let (code, message) = match serde_json::from_slice(&self.body) {
            Ok(Refusal::EngineIo { code, message }) => {
                (code.and_then(Code::number), message.as_deref().and_then(&excerpt))
            }
            Ok(Refusal::Words(words)) => (None, excerpt(&words)),
            Err(_) if self.is_html() => (None, None),
            Err(_) => (None, str::from_utf8(&self.body).ok().and_then(excerpt)),
        };
        HttpStatus { status: self.status.as_u16(), code, message, retry_after: self.retry_after() }
    }

    /// Whether it says where to go instead (RFC 9110, section 15.4). 300, 304 and 305 do not.
    pub(crate) fn is_redirect(&self) -> bool {
        matches!(self.status.as_u16(), 301 | 302 | 303 | 307 | 308)
    }

    fn is_html(&self) -> bool {
        let content_type =
            self.headers.get(header::CONTENT_TYPE).map_or(b"".as_slice(), HeaderValue::as_bytes);
        content_type.starts_with(b"text/html") || self.body.trim_ascii_start().starts_with(b"<")
    }

    fn retry_after(&self) -> Option<Duration> {
        let seconds = self.headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds))
    }
}

impl Code {
    fn number(self) -> Option<i64> {
        match self {
            Self::Number(code) => Some(code),
            Self::Text(code) => code.trim().parse().ok(),
        }
    }
}

/// The start of `words`, on one line; `None` when there are none.
fn excerpt(words: &str) -> Option<String> {
    let line = words.trim().chars().take(EXCERPT).map(|char| if char.is_control() { ' ' } else { char });
    Some(line.collect()).filter(|line: &String| !line.is_empty())
}
