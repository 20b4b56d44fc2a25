//! The handshake: the session as the server's open packet describes it (protocol 4, "Handshake").

use std::{error, fmt, str::FromStr, time::Duration};

use bytestring::ByteString;
use serde::Deserialize;

use crate::error::ProtocolError;

/// The longest interval that is used. No server intends a longer one, and the sum of two of these overflows no clock.
pub(crate) const MAX_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// How packets reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransportKind {
    /// HTTP long-polling: a GET that the server answers when it has packets, and a POST for each batch sent.
    Polling,
    /// One WebSocket.
    WebSocket,
}

impl TransportKind {
    /// The name in URLs and in the handshake: `polling` or `websocket`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::WebSocket => "websocket",
        }
    }
}

impl fmt::Display for TransportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for TransportKind {
    type Err = ParseTransportKindError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "polling" => Ok(Self::Polling),
            "websocket" => Ok(Self::WebSocket),
            _ => Err(ParseTransportKindError(())),
        }
    }
}

/// A name that is neither `polling` nor `websocket`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseTransportKindError(());

impl fmt::Display for ParseTransportKindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a transport is either `polling` or `websocket`")
    }
}

impl error::Error for ParseTransportKindError {}

/// A session, as the server described it when it opened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// The session's identifier, chosen by the server. It is a secret: anybody who knows it can act as this client.
    pub sid: ByteString,
    /// The transports that the session can be upgraded to.
    pub upgrades: Vec<TransportKind>,
    /// The time between two pings of the server, at most 24 hours.
    pub ping_interval: Duration,
    /// The time that the server waits for the answer to a ping, at most 24 hours. After `ping_interval +
    /// ping_timeout` of silence the client considers the server dead.
    pub ping_timeout: Duration,
    /// The largest POST, or the largest message over WebSocket, that the server accepts, in bytes; `None` if the
    /// server did not name a limit.
    pub max_payload: Option<usize>,
    /// The transport that the session was opened over.
    pub transport: TransportKind,
    /// The subprotocol that the server chose from
    /// [`websocket_protocols`](crate::EngineIoClientBuilder::websocket_protocols); `None` if it chose none. A session
    /// that was opened over polling has a subprotocol only after its upgrade: look it up in
    /// [`Status::session`](crate::Status::session) after [`Event::Upgraded`](crate::Event::Upgraded). The session in
    /// the earlier [`Connected`](crate::Event::Connected) does not change.
    pub websocket_protocol: Option<ByteString>,
}

impl Session {
    /// Creates a session with the defaults of the `engine.io` server, for tests of code that handles sessions: a ping
    /// every 25 s, 20 s for its answer, a limit of 1,000,000 bytes, and an upgrade to WebSocket if it was opened over
    /// polling.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use actix_engineio::{Session, TransportKind};
    ///
    /// let mut session = Session::new("lv_VI97HAXpY6yYWAAAC", TransportKind::Polling);
    /// assert_eq!(session.upgrades, [TransportKind::WebSocket]);
    /// session.ping_interval = Duration::from_millis(300);
    /// ```
    pub fn new(sid: impl Into<ByteString>, transport: TransportKind) -> Self {
        Self {
            sid: sid.into(),
            upgrades: match transport {
                TransportKind::Polling => vec![TransportKind::WebSocket],
                TransportKind::WebSocket => Vec::new(),
            },
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            max_payload: Some(1_000_000),
            transport,
            websocket_protocol: None,
        }
    }

    /// Decodes the JSON of the open packet that came over `transport`.
    pub(crate) fn decode(json: &str, transport: TransportKind) -> Result<Self, ProtocolError> {
        // serde would accept an array instead of an object.
        if json.trim_start().starts_with('[') {
            return Err(invalid_open("an array"));
        }
        let open: OpenPacket = serde_json::from_str(json).map_err(|err| invalid_open(&err.to_string()))?;
        if open.sid.is_empty() {
            return Err(invalid_open("sid is empty"));
        }
        Ok(Self {
            sid: open.sid.into(),
            upgrades: open.upgrades.into_iter().flatten().filter_map(|OfferedTransport(kind)| kind).collect(),
            ping_interval: interval("pingInterval", open.ping_interval)?,
            ping_timeout: interval("pingTimeout", open.ping_timeout)?,
            max_payload: open.max_payload.and_then(byte_limit),
            transport,
            websocket_protocol: None,
        })
    }
}

/// The fields of the open packet. Numbers are `f64` because Python servers send `1e8` as `100000000.0`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OpenPacket {
    sid: String,
    upgrades: Option<Vec<OfferedTransport>>,
    ping_interval: f64,
    ping_timeout: f64,
    /// Missing in engine.io before version 6.
    max_payload: Option<f64>,
}

/// A transport by its name; `None` if this client does not have it.
#[derive(Deserialize)]
#[serde(from = "String")]
struct OfferedTransport(Option<TransportKind>);

impl From<String> for OfferedTransport {
    fn from(name: String) -> Self {
        Self(name.parse().ok())
    }
}

fn interval(name: &str, ms: f64) -> Result<Duration, ProtocolError> {
    if ms > 0.0 && ms.fract() == 0.0 {
        Ok(Duration::try_from_secs_f64(ms / 1000.0)
            .map_or(MAX_INTERVAL, |interval| interval.min(MAX_INTERVAL)))
    } else {
        Err(invalid_open(&format!("{name} is {ms}, not a positive whole number of milliseconds")))
    }
}

/// A limit in bytes; `None` for zero and for a number that does not fit. Going through the digits avoids a lossy
/// cast.
fn byte_limit(bytes: f64) -> Option<usize> {
    format!("{bytes:.0}").parse().ok().filter(|&limit| limit > 0)
}

/// Shortens the reason, which may quote a long text of the server.
fn invalid_open(reason: &str) -> ProtocolError {
    ProtocolError::Handshake(reason.chars().take(200).collect())
}

#[cfg(test)]
mod tests;
