//! The handshake: what the server's open packet says of the session (protocol 4, "Handshake").

use std::{error, fmt, str::FromStr, time::Duration};

use bytestring::ByteString;
use serde::Deserialize;

use crate::error::ProtocolError;

/// No server means a longer interval, and no sum of two of these overflows a clock.
pub(crate) const MAX_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// How packets reach the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransportKind {
    /// HTTP long-polling: a GET that the server answers once it has packets, and a POST for each batch sent.
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
    /// The session's identifier, chosen by the server. Whoever knows it can act as this client.
    pub sid: ByteString,
    /// The transports that the session can be upgraded to.
    pub upgrades: Vec<TransportKind>,
    /// How often the server sends a ping; at most 24 hours.
    pub ping_interval: Duration,
    /// How long the server waits for the answer to a ping; at most 24 hours. The client takes the server for dead
    /// after `ping_interval + ping_timeout` of silence.
    pub ping_timeout: Duration,
    /// The most bytes that the server accepts in one POST, or in one message over WebSocket; `None` when it did not
    /// say.
    pub max_payload: Option<usize>,
    /// The transport that the session was opened over.
    pub transport: TransportKind,
    /// The subprotocol that the server chose of
    /// [`websocket_protocols`](crate::EngineIoClientBuilder::websocket_protocols), `None` if it chose none. A session that
    /// was opened over polling has it once it is upgraded: in [`Status::session`](crate::Status::session), from
    /// [`Event::Upgraded`](crate::Event::Upgraded) on; the [`Connected`](crate::Event::Connected) of before does not
    /// change.
    pub websocket_protocol: Option<ByteString>,
}

impl Session {
    /// A session with the defaults of the `engine.io` server, for tests of code that handles sessions: a ping every
    /// 25 s, 20 s for its answer, 1,000,000 bytes, and from polling an upgrade to WebSocket.
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
        // serde takes an array for an object, too.
        if json.trim_start().starts_with('[') {
            return Err(refused("an array"));
        }
        let open: Open = serde_json::from_str(json).map_err(|err| refused(&err.to_string()))?;
        if open.sid.is_empty() {
            return Err(refused("sid is empty"));
        }
        Ok(Self {
            sid: open.sid.into(),
            upgrades: open.upgrades.into_iter().flatten().filter_map(|Upgrade(kind)| kind).collect(),
            ping_interval: interval("pingInterval", open.ping_interval)?,
            ping_timeout: interval("pingTimeout", open.ping_timeout)?,
            max_payload: open.max_payload.and_then(limit),
            transport,
            websocket_protocol: None,
        })
    }
}

/// The fields as they are sent. Numbers are `f64` because Python servers send `1e8` as `100000000.0`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Open {
    sid: String,
    upgrades: Option<Vec<Upgrade>>,
    ping_interval: f64,
    ping_timeout: f64,
    /// engine.io does not say before version 6.
    max_payload: Option<f64>,
}

/// The name of a transport, `None` if it is one that this client does not have.
#[derive(Deserialize)]
#[serde(from = "String")]
struct Upgrade(Option<TransportKind>);

impl From<String> for Upgrade {
    fn from(name: String) -> Self {
        Self(name.parse().ok())
    }
}

fn interval(name: &str, ms: f64) -> Result<Duration, ProtocolError> {
    if ms > 0.0 && ms.fract() == 0.0 {
        Ok(Duration::try_from_secs_f64(ms / 1000.0)
            .map_or(MAX_INTERVAL, |interval| interval.min(MAX_INTERVAL)))
    } else {
        Err(refused(&format!("{name} is {ms}, not a positive whole number of milliseconds")))
    }
}

/// `None` for zero, and for what no `usize` holds. The detour by the digits spares a cast.
fn limit(bytes: f64) -> Option<usize> {
    format!("{bytes:.0}").parse().ok().filter(|&limit| limit > 0)
}

/// The reason may quote the server, which may have said much.
fn refused(reason: &str) -> ProtocolError {
    ProtocolError::Handshake(reason.chars().take(200).collect())
}

#[cfg(test)]
mod tests;
