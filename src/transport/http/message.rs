//! Requests and responses.

use std::time::{Duration, SystemTime};

use actix_http::{
    Method, StatusCode,
    header::{self, HeaderMap, HeaderValue, HttpDate},
    uri::PathAndQuery,
};
use bytes::{BufMut as _, Bytes, BytesMut};
use serde_json::Value;

use super::{Forwarding, Repeat, body::max_memory};
use crate::{
    error::{HttpStatus, changes_layout},
    transport::{Headers, Secrets},
};

/// The largest number of characters of a server's text that an error shows.
const EXCERPT: usize = 200;

/// The default `user-agent`. Some firewalls refuse requests without one.
pub(crate) const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// A request. Its types exclude every character that could end a line of the head.
#[derive(Clone)]
pub(crate) struct Request {
    /// GET, or POST. Only a POST has a body.
    pub(crate) method: Method,
    pub(crate) target: PathAndQuery,
    pub(crate) host: HeaderValue,
    /// The headers, without those that frame the body. They replace defaults of the same name: `host`, `accept`,
    /// `accept-encoding`, `user-agent`, `content-type`.
    pub(crate) headers: Headers,
    pub(crate) body: Bytes,
    pub(crate) repeat: Repeat,
}

impl Request {
    /// The head for the server, with the path as its target, or for a proxy that forwards the request, with the whole URL
    /// (RFC 9112, section 3.2). actix-http's encoder would
    /// add a `date` and change the order of the headers.
    pub(crate) fn head(&self, forwarding: Option<&Forwarding>) -> Bytes {
        let mut head = BytesMut::with_capacity(512);
        head.put_slice(self.method.as_str().as_bytes());
        head.put_u8(b' ');
        let mut headers = self.all_headers();
        if let Some(forwarding) = forwarding {
            // RFC 9112, section 3.2.2: "a client MUST send the target URI in "absolute-form" as the request-target".
            head.put_slice(b"http://");
            head.put_slice(self.host.as_bytes());
            if let Some(authorization) = forwarding.authorization() {
                headers.replace(header::PROXY_AUTHORIZATION, authorization.clone());
            }
        }
        for part in [self.target.as_str(), " HTTP/1.1\r\n"] {
            head.put_slice(part.as_bytes());
        }
        for (name, value) in headers.iter() {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                head.put_slice(part);
            }
        }
        head.put_slice(b"\r\n");
        head.freeze()
    }

    /// The headers with their defaults, and with the length of the body.
    fn all_headers(&self) -> Headers {
        let fixed = HeaderValue::from_static;
        let mut defaults = vec![
            (header::HOST, self.host.clone()),
            (header::ACCEPT, fixed("*/*")),
            (header::ACCEPT_ENCODING, fixed("gzip, deflate")),
            (header::USER_AGENT, fixed(USER_AGENT)),
        ];
        if self.method == Method::POST {
            defaults.push((header::CONTENT_TYPE, fixed("text/plain;charset=UTF-8")));
            defaults.push((header::CONTENT_LENGTH, self.body.len().into()));
        }
        let mut headers = self.headers.clone();
        headers.remove(&header::CONTENT_LENGTH);
        headers.remove(&header::TRANSFER_ENCODING);
        headers.with_defaults(defaults)
    }
}

/// A response with its inflated body. Only the body of an error response may be incomplete.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The values that the request of an error response contained: the body may repeat them.
    pub(crate) secrets: Secrets,
}

impl Response {
    /// The largest memory, in bytes, that the body occupies.
    pub(crate) fn body_memory(&self) -> usize {
        max_memory(self.body.len())
    }

    /// The status of an error response, with the start of the text in its body. The values of the request are masked.
    pub(crate) fn http_status(&self) -> HttpStatus {
        let excerpt = |text: &str| excerpt(&self.secrets.mask(text));
        let (code, message) = match serde_json::from_slice(&self.body) {
            // Engine.IO's object, or that of a server which writes something else into its fields.
            Ok(Value::Object(error)) => {
                let message = error.get("message").filter(|message| !message.is_null()).map(text);
                (error.get("code").and_then(code), message.as_deref().and_then(&excerpt))
            }
            Ok(Value::String(text)) => (None, excerpt(&text)),
            _ if self.is_html() => (None, None),
            _ => (None, str::from_utf8(&self.body).ok().and_then(excerpt)),
        };
        HttpStatus {
            status: self.status.as_u16(),
            code,
            message,
            retry_after: self.retry_after(SystemTime::now()),
        }
    }

    /// Whether the response redirects the request (RFC 9110, section 15.4). The statuses 300, 304 and 305 do not.
    pub(crate) fn is_redirect(&self) -> bool {
        matches!(self.status.as_u16(), 301 | 302 | 303 | 307 | 308)
    }

    pub(crate) fn is_html(&self) -> bool {
        let content_type =
            self.headers.get(header::CONTENT_TYPE).map_or(b"".as_slice(), HeaderValue::as_bytes);
        content_type.to_ascii_lowercase().starts_with(b"text/html")
            || self.body.trim_ascii_start().starts_with(b"<")
    }

    /// The time for which the server asks to wait (RFC 9110, section 10.2.3). `now` is the client's clock.
    fn retry_after(&self, now: SystemTime) -> Option<Duration> {
        let value = self.headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
        if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
            // A number that is too large counts as the largest one.
            return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
        }
        // The server means its own clock, which the header `date` shows.
        let date = self.headers.get(header::DATE).and_then(|date| http_date(date.to_str().ok()?));
        let wait = http_date(value)?.duration_since(date.unwrap_or(now));
        Some(wait.unwrap_or_default())
    }
}

/// The code of an Engine.IO error. engine.io sends a number, engineioxide a string.
fn code(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// The text of a JSON string, or any other value as JSON.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A date in one of the three formats that RFC 9110, section 5.6.7, allows.
fn http_date(value: &str) -> Option<SystemTime> {
    value.parse().map(|date: HttpDate| date.into()).ok()
}

/// The start of a text, on one line; `None` if the text is empty.
fn excerpt(text: &str) -> Option<String> {
    let line = text.trim().chars().take(EXCERPT).map(|char| if changes_layout(char) { ' ' } else { char });
    Some(line.collect()).filter(|line: &String| !line.is_empty())
}

#[cfg(test)]
mod tests;
