//! The handshake: the session as the server's open packet describes it (protocol 4, "Handshake").

use std::{borrow::Cow, error, fmt, str::FromStr, time::Duration};

use bytestring::ByteString;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::{
    error::ProtocolError,
    protocol::{version::ProtocolVersion, websocket::AgreedCompression},
};

/// The longest interval that is used. No server intends a longer one, and the sum of two of these overflows no clock.
pub(crate) const MAX_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// The shortest interval that is used.
const MIN_INTERVAL: Duration = Duration::from_millis(1);

/// The intervals of a session whose open packet has none that can be used: the defaults of the `engine.io` server.
const PING_INTERVAL: Duration = Duration::from_secs(25);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

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
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// The session's identifier, chosen by the server. It is a secret: anybody who knows it can act as this client.
    pub sid: ByteString,
    /// The version of the protocol that the session speaks: the one that was asked for, or with
    /// [`Protocol::Any`](crate::Protocol::Any) the one that was found.
    pub protocol: ProtocolVersion,
    /// The transports that the session can be upgraded to.
    pub upgrades: Vec<TransportKind>,
    /// The time between two pings of the server, and in protocol 3 between two pings of the client: 1 ms to 24 hours, and
    /// 25 s if the server did not say it.
    pub ping_interval: Duration,
    /// The time within which a ping must be answered: by the client in protocol 4, by the server in protocol 3. 1 ms to 24
    /// hours, and 20 s if the server did not say it. After `ping_interval + ping_timeout` of silence the client considers the
    /// server dead.
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
    /// The compression of messages over WebSocket that client and server have agreed on; `None` if there is none. Like
    /// `websocket_protocol`, it is known only after the upgrade if the session was opened over polling.
    pub websocket_compression: Option<AgreedCompression>,
}

impl Session {
    /// Creates a session with the defaults of the `engine.io` server, for tests of code that handles sessions: a ping every
    /// 25 s, 20 s for its answer, protocol 4, a limit of 1,000,000 bytes, and an upgrade to WebSocket if it was opened over
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
            protocol: ProtocolVersion::V4,
            upgrades: match transport {
                TransportKind::Polling => vec![TransportKind::WebSocket],
                TransportKind::WebSocket => Vec::new(),
            },
            ping_interval: PING_INTERVAL,
            ping_timeout: PING_TIMEOUT,
            max_payload: Some(1_000_000),
            transport,
            websocket_protocol: None,
            websocket_compression: None,
        }
    }

    /// Whether the open packet shows by itself that the server speaks this version. Over polling its form does. Over WebSocket
    /// the open packets of both versions look alike, but only servers of version 4 have a `maxPayload`, some of them in
    /// version 3 too.
    pub(crate) fn shows_version(&self) -> bool {
        let is_later = self.protocol == ProtocolVersion::V4 && self.max_payload.is_some();
        self.transport == TransportKind::Polling || is_later
    }

    /// Decodes the JSON of the open packet that came over `transport`, in this version of the protocol.
    ///
    /// Only the sid is necessary. Everything else is a hint: a value that cannot be read counts as a missing one.
    pub(crate) fn decode(
        json: &str,
        transport: TransportKind,
        protocol: ProtocolVersion,
    ) -> Result<Self, ProtocolError> {
        let open: OpenPacket<'_> = serde_json::from_str(json).map_err(|err| invalid_json(&err, json))?;
        let sid = open.sid.ok_or_else(|| invalid_open("missing field `sid`"))?;
        let sid: String = serde_json::from_str(sid.get()).map_err(|err| invalid_open(&err.to_string()))?;
        if sid.is_empty() {
            return Err(invalid_open("sid is empty"));
        }
        Ok(Self {
            sid: sid.into(),
            protocol,
            upgrades: open.upgrades.map(upgrades).unwrap_or_default(),
            ping_interval: open.ping_interval.and_then(interval).unwrap_or(PING_INTERVAL),
            ping_timeout: open.ping_timeout.and_then(interval).unwrap_or(PING_TIMEOUT),
            max_payload: open.max_payload.and_then(byte_limit),
            transport,
            websocket_protocol: None,
            websocket_compression: None,
        })
    }
}

/// Shows neither the sid, with which anybody can take part in the session, nor the subprotocol, which may be a token.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            sid: _,
            protocol,
            upgrades,
            ping_interval,
            ping_timeout,
            max_payload,
            transport,
            websocket_protocol,
            websocket_compression,
        } = self;
        f.debug_struct("Session")
            .field("sid", &format_args!(".."))
            .field("protocol", protocol)
            .field("upgrades", upgrades)
            .field("ping_interval", ping_interval)
            .field("ping_timeout", ping_timeout)
            .field("max_payload", max_payload)
            .field("transport", transport)
            .field("websocket_protocol", &websocket_protocol.as_ref().map(|_| format_args!("..")))
            .field("websocket_compression", websocket_compression)
            .finish()
    }
}

/// The fields of the open packet, as they are in the JSON. Of a field that occurs twice, the last value counts, as in
/// JavaScript and Python.
#[derive(Default)]
struct OpenPacket<'a> {
    sid: Option<&'a RawValue>,
    upgrades: Option<&'a RawValue>,
    ping_interval: Option<&'a RawValue>,
    ping_timeout: Option<&'a RawValue>,
    /// The limit, which is missing in engine.io before version 6.
    max_payload: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Field {
    Sid,
    Upgrades,
    PingInterval,
    PingTimeout,
    MaxPayload,
    #[serde(other)]
    Other,
}

impl<'de> Deserialize<'de> for OpenPacket<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OpenPacketVisitor)
    }
}

struct OpenPacketVisitor;

impl<'de> Visitor<'de> for OpenPacketVisitor {
    type Value = OpenPacket<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut open = OpenPacket::default();
        while let Some(field) = map.next_key()? {
            let value = match field {
                Field::Sid => &mut open.sid,
                Field::Upgrades => &mut open.upgrades,
                Field::PingInterval => &mut open.ping_interval,
                Field::PingTimeout => &mut open.ping_timeout,
                Field::MaxPayload => &mut open.max_payload,
                Field::Other => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *value = Some(map.next_value()?);
        }
        Ok(open)
    }
}

/// An element of `upgrades`; `None` if it is not a transport that this client has.
struct OfferedTransport(Option<TransportKind>);

impl<'de> Deserialize<'de> for OfferedTransport {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = <&RawValue>::deserialize(deserializer)?;
        Ok(Self(text(value).parse().ok()))
    }
}

/// The transports in a list of names, or the one transport that a name outside of a list names.
fn upgrades(value: &RawValue) -> Vec<TransportKind> {
    let offered = serde_json::from_str::<Vec<OfferedTransport>>(value.get())
        .or_else(|_| serde_json::from_str::<OfferedTransport>(value.get()).map(|only| vec![only]));
    offered.into_iter().flatten().filter_map(|OfferedTransport(kind)| kind).collect()
}

/// A positive number of milliseconds, as an interval from 1 ms to 24 hours.
fn interval(value: &RawValue) -> Option<Duration> {
    let ms = number(value).filter(|&ms| ms > 0.0)?;
    let interval = Duration::try_from_secs_f64(ms / 1000.0).unwrap_or(MAX_INTERVAL);
    Some(interval.clamp(MIN_INTERVAL, MAX_INTERVAL))
}

/// A limit in bytes; `None` for zero and for a number that does not fit.
fn byte_limit(value: &RawValue) -> Option<usize> {
    // Nearly every limit is a whole number. For the others, going through the digits avoids a lossy cast.
    let whole = text(value).trim().parse().ok();
    let limit = whole.or_else(|| format!("{:.0}", number(value)?.floor()).parse().ok());
    limit.filter(|&limit| limit > 0)
}

/// The number that a JSON value is, or that its text says. JSON sets no limit to a number: one that no `f64` can hold is
/// infinite.
fn number(value: &RawValue) -> Option<f64> {
    text(value).trim().parse().ok()
}

/// The text of a JSON string, or any other value as it is in the JSON.
fn text(value: &RawValue) -> Cow<'_, str> {
    let json = value.get();
    if !json.starts_with('"') {
        // Most values are numbers. The error for one would cost more than the rest of the packet.
        return json.into();
    }
    serde_json::from_str::<String>(json).map_or_else(|_| json.into(), Cow::Owned)
}

/// The error for JSON that cannot be read. serde quotes a text that is no object, and the text may repeat a secret.
fn invalid_json(err: &serde_json::Error, json: &str) -> ProtocolError {
    match json.trim_ascii_start().starts_with('"') && err.is_data() {
        true => invalid_open("invalid type: string, expected an object"),
        false => invalid_open(&err.to_string()),
    }
}

fn invalid_open(reason: &str) -> ProtocolError {
    ProtocolError::Handshake(reason.into())
}

#[cfg(test)]
mod tests;
