//! How long an idle connection may still be used, and which requests are sent again after such a connection has ended.
//!
//! RFC 9112, section 9.5: "a client might have started to send a new request at the same time that the server has
//! decided to close the "idle" connection. From the server's point of view, the connection is being closed while it was
//! idle, but from the client's point of view, a request is in progress." So a request that must not be lost is sent only
//! while the server is sure to wait, and a request that may be repeated is repeated.

use std::time::Duration;

use actix_http::{
    ResponseHead, Version,
    header::{self, HeaderMap, HeaderName},
};

use super::{Lane, LearnedLimit};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// The longest time for which an idle connection is used, whatever the server promises.
const MAX_IDLE: Duration = Duration::from_secs(4);

/// The limit that a server is expected to have if nothing is known of it. For a request that may be repeated a wrong value
/// costs a round trip, so it is long enough for [`MAX_IDLE`] to apply: most servers wait for five seconds or more. For any
/// other request a wrong value costs the session: no server or proxy is known that waits for less than half a second.
const EXPECTED: Duration = Duration::from_secs(8);
const LEAST_EXPECTED: Duration = Duration::from_millis(500);

/// Only the server's limit divided by this is used. The rest is for requests that are on their way for longer
/// than others.
const MARGIN: u32 = 2;

/// The time for which an answer of status 408 is about the connection, and not about the request on it.
const ROUND_TRIP: Duration = Duration::from_secs(1);

/// The number of response times after which a client has learned that the server closed the connection before it saw the
/// request. One is enough on a line whose delay never changes.
const RESPONSE_TIMES: u32 = 4;

/// The shortest time for which this is assumed: a busy machine may read the end of a connection this late.
const SHORTEST_NOTICE: Duration = Duration::from_millis(100);

/// Whether a request may be sent once more if a connection that was idle before has lost it.
///
/// RFC 9110, section 9.2.2: "A client SHOULD NOT automatically retry a request with a non-idempotent method unless it has
/// some means to know that the request semantics are actually idempotent, regardless of the method, or some means to
/// detect that the original request was never applied."
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It may be repeated: the server does nothing that it has not done before. A POST without messages is of this kind.
    Harmless,
    /// It may be repeated while the server cannot have answered it, because the server does not repeat a lost answer. A
    /// poll is of this kind.
    Unanswered,
    /// It may be repeated only if the server has not read it. A POST with messages is of this kind.
    Unread,
}

/// The way in which a connection that was idle before has lost a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It ended before any byte of the request was written.
    Unwritten,
    /// It ended before any byte of an answer arrived, this long after the request was begun.
    Unanswered(Duration),
    /// The server answered with status 408, this long after the request was begun.
    TimedOut(Duration),
}

impl Loss {
    /// Whether the connection may have ended because it was idle. If it ends later, the server has probably seen the request:
    /// a poll waits for long, and the server may be restarted meanwhile.
    pub(crate) fn ended_idle(self) -> bool {
        match self {
            Self::Unwritten => true,
            Self::Unanswered(after) | Self::TimedOut(after) => after < ROUND_TRIP,
        }
    }
}

impl Repeat {
    /// Whether the request is sent once more after this loss. `response_time`: the shortest time in which the
    /// server has answered a request, [`Duration::MAX`] if it has not answered one.
    pub(crate) fn allows(self, loss: Loss, response_time: Duration) -> bool {
        match (self, loss) {
            (_, Loss::Unwritten) | (Self::Harmless, Loss::Unanswered(_)) => true,
            // RFC 9110, section 15.5.9: the server "did not receive a complete request message within the time that it
            // was prepared to wait. If the client has an outstanding request in transit, it MAY repeat that request".
            // A 408 that comes later may mean that the request itself was too slow. It would be so again.
            (_, Loss::TimedOut(after)) => after < ROUND_TRIP,
            // If the connection ends later, the server may have seen the request and answered it. When no time was measured,
            // TCP's first assumption is used (RFC 6298, section 2).
            (Self::Unanswered, Loss::Unanswered(after)) => {
                after < response_time.saturating_mul(RESPONSE_TIMES).clamp(SHORTEST_NOTICE, ROUND_TRIP)
            }
            (Self::Unread, Loss::Unanswered(_)) => false,
        }
    }

    /// Whether an idle connection is used for the request, when it arrives at the server this long after the last answer.
    pub(crate) fn may_use(self, idle: Duration, promised: Option<Promise>, learned: LearnedLimit) -> bool {
        // A request that may be repeated finds out whether the server still answers only one request on a connection.
        let learned =
            if self == Self::Harmless { learned.unless_zero() } else { learned.get(Lane::of(self)) };
        let expected = if self == Self::Unread { LEAST_EXPECTED } else { EXPECTED };
        let limit = promised.map_or(expected, |promise| promise.limit(expected)).min(learned);
        idle < (limit / MARGIN).min(MAX_IDLE)
    }
}

/// How long a server waits for the next request on a connection, as the header `keep-alive` of its last answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Promise {
    timeout: Duration,
    /// The header is about this connection, and was not just passed on by a proxy that has limits of its own.
    is_its_own: bool,
}

impl Promise {
    /// Reads `Keep-Alive: timeout=5, max=100` (RFC 2068, section 19.7.1.1). Parameters that cannot be read are ignored.
    pub(crate) fn read(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(KEEP_ALIVE).filter_map(|value| value.to_str().ok());
        let timeout = values.flat_map(|value| value.split(',')).filter_map(parameter).min()?;
        Some(Self { timeout, is_its_own: lists_keep_alive(headers) })
    }

    fn limit(self, expected: Duration) -> Duration {
        if self.is_its_own { self.timeout } else { self.timeout.min(expected) }
    }
}

/// The time for which a parameter allows another request.
fn parameter(text: &str) -> Option<Duration> {
    let (name, value) = text.split_once('=')?;
    let value = value.trim().trim_matches('"');
    let digits = value.find(|char: char| !char.is_ascii_digit()).map_or(value, |end| value.split_at(end).0);
    if digits.is_empty() {
        return None;
    }
    // A number that is too large counts as the largest one.
    let number = digits.parse::<u64>().unwrap_or(u64::MAX);
    let name = name.trim();
    if name.eq_ignore_ascii_case("timeout") {
        return Some(Duration::from_secs(number));
    }
    // The number of requests that the connection still carries. Servers do not agree on whether the last one counts.
    (name.eq_ignore_ascii_case("max") && number <= 1).then_some(Duration::ZERO)
}

/// Whether the connection goes on after a response (RFC 9112, section 9.3). An upgrade that the response offers, as Apache
/// offers HTTP/2, does not matter.
pub(super) fn persists(head: &ResponseHead) -> bool {
    let has = |option| has_connection_option(&head.headers, option);
    !has("close") && (head.version >= Version::HTTP_11 || has("keep-alive"))
}

/// RFC 9110, section 7.6.1: "When a field aside from Connection is used to supply control information for or about the
/// current connection, the sender MUST list the corresponding field name within the Connection header field."
fn lists_keep_alive(headers: &HeaderMap) -> bool {
    has_connection_option(headers, "keep-alive")
}

/// Whether one of the lines `connection` has this option.
fn has_connection_option(headers: &HeaderMap, option: &str) -> bool {
    headers
        .get_all(header::CONNECTION)
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .any(|listed| listed.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
}

#[cfg(test)]
mod tests;
