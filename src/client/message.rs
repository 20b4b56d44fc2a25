//! The messages a client takes.

use std::{fmt, sync::Arc, time::Duration};

use actix::{Message, Recipient};
use actix_http::header::{HeaderName, HeaderValue};
use bytes::Bytes;
use bytestring::ByteString;
use serde::Serialize;
use url::Url;

use super::{
    event::{Event, EventKind},
    headers,
};
use crate::{
    data::Data,
    error::{ConnectError, DisconnectReason, FlushError, SendError},
    protocol::{
        connection::Counters,
        handshake::{Session, TransportKind},
    },
    transport,
};

/// Opens a session. Replies when it stands, or with the error; an error leaves the client disconnected with every
/// socket closed.
///
/// ```no_run
/// # use actix_engineio::{Connect, EngineIoClient, TransportKind};
/// # async fn run(client: actix::Addr<EngineIoClient>) -> Result<(), Box<dyn std::error::Error>> {
/// let session = client
///     .send(
///         Connect::new("https://example.org/?room=7")
///             .transports([TransportKind::WebSocket])
///             .header("x-tenant", "blue"),
///     )
///     .await??;
/// println!("connected, sid {}", session.sid);
/// # Ok(())
/// # }
/// ```
///
/// Its `Debug` shows neither the URL's secrets nor the headers' values.
#[derive(Clone, Message)]
#[rtype(result = "Result<Arc<Session>, ConnectError>")]
pub struct Connect {
    pub(super) url: String,
    pub(super) path: Option<String>,
    pub(super) transports: Option<Vec<TransportKind>>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// The first thing that was wrong with what was given above.
    pub(super) invalid: Option<ConnectError>,
}

impl Connect {
    /// `url`: `http`, `https`, `ws` or `wss`, a host, a port if it is not the scheme's default, and a query that goes
    /// with every request. The URL's own path is not used: see [`path`](Self::path).
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), path: None, transports: None, headers: Vec::new(), invalid: None }
    }

    /// Another URL than the one it was made with: for [`before_connect`](crate::EngineIoClientBuilder::before_connect), where
    /// a token is part of the query.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = url.into();
        self
    }

    /// The path the server listens on, for this connect. Default: the builder's, `engine.io`.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// The transports for this connect: the first opens the session, the others are what it may be upgraded to.
    /// Default: the builder's, polling and then WebSocket.
    #[must_use]
    pub fn transports(mut self, transports: impl IntoIterator<Item = TransportKind>) -> Self {
        self.transports = Some(transports.into_iter().collect());
        self
    }

    /// Adds a header to every request of this session. It takes the place of all the builder's headers of that name, those of
    /// `websocket_header` too. A name may be added several times, save those that HTTP allows once, of which the last one
    /// counts: `authorization`, `content-type`, `from`, `host`, `origin`, `proxy-authorization`, `referer`, `user-agent`.
    ///
    /// A name or a value that HTTP does not allow, and the headers that are this crate's own business (`connection`,
    /// `content-length`, `transfer-encoding`, `upgrade`, `sec-websocket-*` but the protocol), make `Connect` fail
    /// with [`ConnectError::Invalid`]. So does an `accept-encoding` of more than gzip, deflate and identity.
    #[must_use]
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        match headers::parse(name.as_ref(), value.as_ref()) {
            Ok(header) => transport::headers::add(&mut self.headers, header),
            Err(err) => _ = self.invalid.get_or_insert(err),
        }
        self
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = Url::parse(&self.url).map(|url| url.origin().ascii_serialization());
        f.debug_struct("Connect")
            .field("origin", &origin)
            .field("path", &self.path)
            .field("transports", &self.transports)
            .field("headers", &self.headers.iter().map(|(name, _)| name).collect::<Vec<_>>())
            .field("invalid", &self.invalid)
            .finish()
    }
}

/// Queues one message for the server. Replies once it is accepted.
///
/// While more than `send_queue` bytes wait to be written the reply waits, and the message with it: dropping the reply
/// withdraws the message. Once accepted, a message is sent, or comes back in [`Event::Disconnected`]. While a
/// [`Connect`] is under way the reply waits for its outcome.
///
/// Messages go out in the order in which they reach the client's mailbox; `send` puts a message there when it is
/// first polled, `do_send` at once. `do_send` is not held back: what it queues beyond `send_queue` shows in
/// [`Status`], and its failures arrive as [`Event::Rejected`].
///
/// To import `Send` by name would shadow [`std::marker::Send`]; write `engineio::Send`.
///
/// ```no_run
/// # async fn run(client: actix::Addr<actix_engineio::EngineIoClient>) -> Result<(), Box<dyn std::error::Error>> {
/// use actix_engineio as engineio;
///
/// client.send(engineio::Send::text("hello")).await??;
/// client.send(engineio::Send::binary(vec![1, 2, 3])).await??;
/// client.send(engineio::Send::json(&["a", "b"])?).await??;
/// # Ok(())
/// # }
/// ```
///
/// Other formats than JSON go through text or binary: whatever a serialiser writes is sent as it is, and
/// [`Data::as_text`] and [`Data::as_bytes`] give it to the one that reads.
///
/// ```
/// use actix_engineio::{self as engineio, Data};
///
/// struct Reading {
///     sensor: u16,
///     value: f64,
/// }
///
/// fn encode(reading: &Reading) -> engineio::Send {
///     let mut bytes = reading.sensor.to_be_bytes().to_vec();
///     bytes.extend(reading.value.to_be_bytes());
///     engineio::Send::binary(bytes)
/// }
///
/// /// What an `Event::Message` brought.
/// fn decode(data: &Data) -> Option<Reading> {
///     let (sensor, value) = data.as_binary()?.split_at_checked(2)?;
///     Some(Reading {
///         sensor: u16::from_be_bytes(sensor.try_into().ok()?),
///         value: f64::from_be_bytes(value.try_into().ok()?),
///     })
/// }
/// # let _ = encode(&Reading { sensor: 1, value: 0.5 });
/// # let data = Data::from([&[0, 7][..], &0.5_f64.to_be_bytes()].concat());
/// # assert!(decode(&data).is_some_and(|reading| reading.sensor == 7 && reading.value == 0.5));
/// ```
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), SendError>")]
pub struct Send(pub(super) Data);

impl Send {
    /// A message of text or of bytes.
    pub fn new(data: impl Into<Data>) -> Self {
        Self(data.into())
    }

    /// A text message.
    pub fn text(text: impl Into<ByteString>) -> Self {
        Self(Data::Text(text.into()))
    }

    /// A binary message.
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self(Data::Binary(bytes.into()))
    }

    /// A text message that holds `value` as JSON, without spaces; [`Data::json`] reads it.
    ///
    /// # Errors
    /// `value` cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(Self::text)
    }

    /// What is to be sent, for the tests of actors that send it.
    pub fn data(&self) -> &Data {
        &self.0
    }
}

/// Replies once everything accepted before it has left: written to the WebSocket's socket, or its POST answered 2xx.
///
/// A message that has left a WebSocket need not have arrived: the protocol has no acknowledgement.
///
/// ```no_run
/// use actix_engineio::{self as engineio, Flush};
///
/// # async fn run(client: actix::Addr<actix_engineio::EngineIoClient>) -> Result<(), Box<dyn std::error::Error>> {
/// for number in 0..1000 {
///     client.do_send(engineio::Send::text(number.to_string()));
/// }
/// client.send(Flush).await??;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, Message)]
#[rtype(result = "Result<(), FlushError>")]
pub struct Flush;

/// Ends the connection, and a connect in progress. Replies when everything is closed; at once when nothing is open.
///
/// Graceful: everything accepted is written, the server is told, the transport is closed, all within
/// `close_timeout`. [`Disconnect::abort`] closes at once.
///
/// Messages that could not be written in time are listed in [`Event::Disconnected`]. The client lives on, and takes another
/// [`Connect`].
///
/// ```no_run
/// use actix_engineio::Disconnect;
///
/// # async fn run(client: actix::Addr<actix_engineio::EngineIoClient>) -> Result<(), Box<dyn std::error::Error>> {
/// client.send(Disconnect::new().reason("maintenance")).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, Message)]
#[rtype(result = "()")]
pub struct Disconnect {
    pub(super) abort: bool,
    pub(super) reason: Option<Box<str>>,
}

impl Disconnect {
    /// A graceful end.
    pub fn new() -> Self {
        Self::default()
    }

    /// An end at once: what is queued stays unsent, and a WebSocket's close frame goes only if it fits.
    pub fn abort() -> Self {
        Self { abort: true, reason: None }
    }

    /// A reason of the application's own, for [`DisconnectReason::Client`]. It is not sent to the server.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into().into());
        self
    }
}

/// Replies when the connection has ended for good, with the reason of the last session: a client that reconnects by
/// itself has ended when its policy gave up. Not connected: the last session's reason at once, `None` if there never
/// was one or the last [`Connect`] failed.
///
/// ```no_run
/// use actix_engineio::{Connect, DisconnectReason, Wait};
///
/// # async fn run(client: actix::Addr<actix_engineio::EngineIoClient>) -> Result<(), Box<dyn std::error::Error>> {
/// client.send(Connect::new("http://localhost:5000")).await??;
/// match client.send(Wait).await? {
///     Some(DisconnectReason::PingTimeout) => println!("the server, or the network, went silent"),
///     Some(reason) => println!("{reason}"),
///     None => println!("there was no session"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, Message)]
#[rtype(result = "Option<DisconnectReason>")]
pub struct Wait;

/// Adds a subscriber. One that comes while a session stands gets its [`Event::Connected`] first.
///
/// The client keeps the recipient, and so the subscriber, until it unsubscribes or the client stops. A subscriber
/// should keep no more than a [`WeakAddr`](actix::WeakAddr) of the client, or both live until it unsubscribes or the
/// client disconnects.
///
/// ```no_run
/// use actix::prelude::*;
/// use actix_engineio::{Event, EventKind, Subscribe, Unsubscribe};
///
/// struct Watcher;
///
/// impl Actor for Watcher {
///     type Context = Context<Self>;
/// }
///
/// impl Handler<Event> for Watcher {
///     type Result = ();
///
///     fn handle(&mut self, event: Event, _: &mut Self::Context) {
///         println!("{event:?}");
///     }
/// }
///
/// # async fn run(client: Addr<actix_engineio::EngineIoClient>) -> Result<(), Box<dyn std::error::Error>> {
/// let ends = [EventKind::Disconnected, EventKind::ReconnectFailed];
/// let id = client.send(Subscribe::new(Watcher.start().recipient()).only(ends)).await?;
/// assert!(client.send(Unsubscribe(id)).await?);
/// # Ok(())
/// # }
/// ```
#[derive(Message)]
#[rtype(result = "SubscriptionId")]
pub struct Subscribe {
    pub(super) recipient: Recipient<Event>,
    pub(super) only: Option<Vec<EventKind>>,
}

impl Subscribe {
    /// Every event to `recipient`.
    pub fn new(recipient: Recipient<Event>) -> Self {
        Self { recipient, only: None }
    }

    /// Only events of these kinds.
    #[must_use]
    pub fn only(mut self, kinds: impl IntoIterator<Item = EventKind>) -> Self {
        self.only = Some(kinds.into_iter().collect());
        self
    }
}

impl fmt::Debug for Subscribe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribe").field("only", &self.only).finish_non_exhaustive()
    }
}

/// Names one subscription of one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SubscriptionId(pub(super) u64);

/// Removes a subscriber; what it has not been given yet it does not get. Replies whether there was one.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "bool")]
pub struct Unsubscribe(pub SubscriptionId);

/// Asks for the [`Status`].
///
/// ```no_run
/// use actix_engineio::{GetStatus, State};
///
/// # async fn run(client: actix::Addr<actix_engineio::EngineIoClient>) -> Result<(), Box<dyn std::error::Error>> {
/// let status = client.send(GetStatus).await?;
/// if status.state == State::Connected {
///     println!("{} messages wait, {} bytes were sent", status.queued_messages, status.counters.bytes_sent);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, Message)]
#[rtype(result = "Status")]
pub struct GetStatus;

/// Where a client stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// No connection.
    #[default]
    Disconnected,
    /// A `Connect` is under way.
    Connecting,
    /// A session was lost, and the client will connect again or is connecting by itself.
    Reconnecting,
    /// A session stands.
    Connected,
    /// A session is being closed.
    Disconnecting,
}

impl State {
    /// The name in small letters: `disconnected`, `connecting`, `reconnecting`, `connected` or `disconnecting`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Connecting => "connecting",
            Self::Reconnecting => "reconnecting",
            Self::Connected => "connected",
            Self::Disconnecting => "disconnecting",
        }
    }
}

/// As [`as_str`](Self::as_str).
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A client's state and figures at one moment. The default is a client that never did anything, for tests that change
/// what they care about.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Status {
    /// Where the client stands.
    pub state: State,
    /// The session, while one stands.
    pub session: Option<Arc<Session>>,
    /// The transport that messages are written to, while a session stands.
    pub transport: Option<TransportKind>,
    /// Messages accepted, or waiting for room, and not yet written.
    pub queued_messages: usize,
    /// Bytes of data in those messages.
    pub queued_bytes: usize,
    /// What went each way, over the life of the client.
    pub counters: Counters,
    /// Sessions that the client opened by itself, after one was lost.
    pub reconnects: u64,
    /// The time the last answer took: to the handshake or, over polling, to a POST.
    pub round_trip: Option<Duration>,
}
