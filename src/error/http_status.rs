//! HTTP responses that mean failure.

use std::{error::Error, fmt, time::Duration};

use super::OneLine;

/// An HTTP response with an error status, and what the server said in its body.
///
/// A server that does not know the session says "Session ID unknown" (code 1). The server has restarted, or it has ended the
/// session. If that happens again and again, a load balancer probably sends the requests of one session to several servers.
/// Then the load balancer needs sticky sessions. `Display` says so.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpStatus {
    /// The status code, such as 400.
    pub status: u16,
    /// The Engine.IO error code of the JSON body, whether the server sent it as a number or as a string
    /// (`0` transport unknown, `1` session ID unknown, `2` bad handshake method, `3` bad request, `4` forbidden,
    /// `5` unsupported protocol version).
    pub code: Option<i64>,
    /// The `message` of the JSON body, or the start of a body that is plain text: at most 200 characters, on one line.
    /// Values of the request that may be secrets, such as headers, cookies and parameters, are replaced by `..`.
    pub message: Option<String>,
    /// The time for which the server's `Retry-After` asks to wait, given in seconds or as a date.
    pub retry_after: Option<Duration>,
}

impl HttpStatus {
    /// A response with this status and without a body, for tests. The other fields can be set afterwards.
    ///
    /// ```
    /// use actix_engineio::HttpStatus;
    ///
    /// let mut status = HttpStatus::new(400);
    /// status.code = Some(0);
    /// status.message = Some("Transport unknown".to_owned());
    /// assert_eq!(status.to_string(), "status 400, code 0: Transport unknown");
    /// ```
    pub fn new(status: u16) -> Self {
        Self { status, code: None, message: None, retry_after: None }
    }

    /// Whether the server does not know the session.
    fn is_about_session(&self) -> bool {
        // python-engineio has no codes.
        let is_invalid = |message: &String| message.starts_with("Invalid session");
        self.status == 400
            && (self.code == Some(1)
                || (self.code.is_none() && self.message.as_ref().is_some_and(is_invalid)))
    }

    /// Whether the server does not speak the version of the protocol.
    pub(super) fn is_about_version(&self) -> bool {
        // python-engineio has no codes, and engine.io has none over WebSocket.
        let is_refusal = |message: &String| {
            let message = message.to_lowercase();
            message.contains("unsupported version") || message.contains("unsupported protocol version")
        };
        self.code == Some(5)
            || (self.status == 400 && self.code.is_none() && self.message.as_ref().is_some_and(is_refusal))
    }

    /// Whether the server may have refused the version without saying so. The codes up to 4 have other meanings.
    pub(crate) fn may_be_about_version(&self) -> bool {
        self.status == 400 && self.code.is_none_or(|code| !(0..=4).contains(&code))
    }

    /// Whether the server or a proxy asks for credentials.
    pub(crate) fn is_about_credentials(&self) -> bool {
        matches!(self.status, 401 | 407)
    }
}

/// It has no source.
impl Error for HttpStatus {}

impl fmt::Display for HttpStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.status)?;
        match (self.code, &self.message) {
            (Some(code), Some(message)) => write!(f, ", code {code}: {}", OneLine(message)),
            (Some(code), None) => write!(f, ", code {code}"),
            (None, Some(message)) => write!(f, ": {}", OneLine(message)),
            (None, None) => Ok(()),
        }?;
        if self.is_about_session() {
            f.write_str(
                " (if the server has not restarted: a load balancer before it needs sticky sessions)",
            )?;
        }
        Ok(())
    }
}
