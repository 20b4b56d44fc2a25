//! The messages that a client accepts.

use std::{
    fmt, marker,
    sync::Arc,
    time::{Duration, Instant},
};

use actix::{Message, Recipient, WeakRecipient};
use bytes::Bytes;
use bytestring::ByteString;
use serde::Serialize;
use url::Url;

use super::{
    event::{Event, EventKind, Events},
    reconnect::ReconnectCause,
    subscribers::Target,
};
use crate::{
    data::Data,
    error::{ConfirmError, ConnectError, DisconnectReason, FlushError, SendAllError, SendError},
    protocol::{
        connection::Counters,
        handshake::{Session, TransportKind},
    },
    transport::Headers,
};

/// Opens a session. Replies with the [`Session`] after it was opened, or with a [`ConnectError`]. After an error the
/// client is disconnected and every socket is closed.
///
/// An upgrade to WebSocket begins after the reply. While the client is connected, connecting or disconnecting, it
/// replies [`ConnectError::AlreadyConnected`]. During the delay of a [`Reconnect`](crate::Reconnect) policy a `Connect`
/// replaces what the policy would have done.
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
/// `Debug` shows neither the secrets of the URL nor the values of the headers.
#[derive(Clone, Message)]
#[rtype(result = "Result<Arc<Session>, ConnectError>")]
pub struct Connect {
    pub(super) url: String,
    pub(super) path: Option<String>,
    pub(super) transports: Option<Vec<TransportKind>>,
    pub(super) headers: Headers,
    /// The first error of a method of this type. The client replies with it.
    pub(super) invalid: Option<Box<ConnectError>>,
}

impl Connect {
    /// A connect to this URL. It has the scheme `http`, `https`, `ws` or `wss`, a host, a port if it is not the default
    /// of the scheme, and a query that is sent with every request. The path of the URL is not used: see
    /// [`path`](Self::path). If it has one, a warning is logged. A user name and a password become a basic
    /// `authorization` header.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), path: None, transports: None, headers: Headers::default(), invalid: None }
    }

    /// Replaces the URL. A [`before_connect`](crate::EngineIoClientBuilder::before_connect) hook needs it if a fresh
    /// token is part of the query.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = url.into();
        self
    }

    /// The path that the server listens on, for this connect. It is read as the builder's
    /// [`path`](crate::EngineIoClientBuilder::path), which is also its default.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// The transports for this connect. The first one opens the session, and the session may be upgraded to the others.
    /// Default: the builder's [`transports`](crate::EngineIoClientBuilder::transports), polling and then WebSocket.
    #[must_use]
    pub fn transports(mut self, transports: impl IntoIterator<Item = TransportKind>) -> Self {
        self.transports = Some(transports.into_iter().collect());
        self
    }

    /// Adds a header to every request of this session. It replaces all headers of this name that the builder was given,
    /// also those of [`websocket_header`](crate::EngineIoClientBuilder::websocket_header).
    ///
    /// A header can be added several times, with different values. HTTP allows some headers only once; of these the
    /// last one counts: `authorization`, `content-type`, `from`, `host`, `origin`, `proxy-authorization`, `referer`,
    /// `user-agent`.
    ///
    /// An invalid header is not reported here: the first error is stored, and the client replies to this `Connect` with
    /// [`ConnectError::Invalid`]. Invalid are a name or a value that HTTP does not allow, the headers that this crate
    /// sets itself (`connection`, `content-length`, `transfer-encoding`, `upgrade` and `sec-websocket-*`, but not
    /// `sec-websocket-protocol`), and an `accept-encoding` with anything but gzip, deflate and identity.
    #[must_use]
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Self {
        if let Err(err) = self.headers.parse_and_append(name.as_ref(), value.as_ref()) {
            self.invalid.get_or_insert_with(|| Box::new(err));
        }
        self
    }
}

/// # The options that were set
///
/// For mocks of a client, and for [`before_connect`](crate::EngineIoClientBuilder::before_connect) hooks.
impl Connect {
    /// The URL, with its secrets.
    pub fn get_url(&self) -> &str {
        &self.url
    }

    /// The path, unless it is that of the builder.
    pub fn get_path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The transports, unless they are those of the builder.
    pub fn get_transports(&self) -> Option<&[TransportKind]> {
        self.transports.as_deref()
    }

    /// The headers, in the order in which they were added. Their names are in lower case. Those that were invalid are
    /// not among them.
    pub fn get_headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = Url::parse(&self.url).map(|url| url.origin().ascii_serialization());
        f.debug_struct("Connect")
            .field("origin", &origin)
            .field("path", &self.path)
            .field("transports", &self.transports)
            .field("headers", &self.headers)
            .field("invalid", &self.invalid)
            .finish()
    }
}

/// Sends one message to the server. Replies when the message was accepted, which means that it is in the send queue.
///
/// While more than [`send_queue`](crate::EngineIoClientBuilder::send_queue) bytes are waiting to be written, the reply
/// waits, and the message waits with it: dropping the reply withdraws the message. During a [`Connect`] the reply waits
/// for the outcome.
///
/// An accepted message is sent, or it comes back in [`Event::Disconnected`] or as [`Event::Rejected`]. This needs a
/// client that runs: when `main` returns or the client's arbiter stops, accepted messages can be lost. End a program
/// with a graceful [`Disconnect`], or with [`Flush`]. Over WebSocket a message that was sent has not necessarily arrived;
/// [`Confirm`] asks whether it has.
///
/// Messages are sent in the order in which they reach the client's mailbox. `Addr::send` puts a message there when its
/// future is first polled, `Addr::do_send` immediately. A `do_send` never waits: messages beyond `send_queue` are
/// queued all the same ([`Status`] shows how many), and a message that could not be accepted comes back as
/// [`Event::Rejected`].
///
/// Do not import `Send` by name, because it would shadow [`std::marker::Send`]. Write `engineio::Send`.
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
/// Formats other than JSON are sent as text or as bytes, and read with [`Data::as_text`] or [`Data::as_bytes`]:
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
/// /// The data of an `Event::Message`.
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
    /// A text message or a binary message, depending on `data`.
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

    /// A text message with `value` as JSON, without spaces. [`Data::json`] reads it.
    ///
    /// # Errors
    /// `value` cannot be written as JSON.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_string(value).map(Self::text)
    }

    /// The content of the message. Tests of actors that send messages need it.
    pub fn data(&self) -> &Data {
        &self.0
    }
}

/// Sends several messages as one: they are accepted, ordered and withdrawn together, and no other message goes between
/// them. Replies when they were accepted, as [`Send`] does.
///
/// - If one of them cannot be sent, none is. The [`SendAllError`] returns all of them, with the error of that one. If
///   nobody awaits the reply, it is [`Event::RejectedAll`].
/// - At the end of a session all of them are in the same list of [`Event::Disconnected`]: in `unsent` if the server has
///   none of them, in `in_doubt` if it has some or may have some. With
///   [`keep_unsent`](crate::EngineIoClientBuilder::keep_unsent) they are carried over together.
/// - They are neighbours, but not one unit to the server: it receives one message after the other, and only the
///   first ones if the connection is lost in between. Over polling they may be in several POSTs.
/// - The reply waits while more than [`send_queue`](crate::EngineIoClientBuilder::send_queue) bytes are waiting to be
///   written. Then all of them are accepted at once, so the queue may exceed its limit by their size.
/// - Without any message it does nothing, and replies `Ok`.
///
/// ```no_run
/// # async fn run(client: actix::Addr<actix_engineio::EngineIoClient>) -> Result<(), Box<dyn std::error::Error>> {
/// use actix_engineio::{Data, SendAll};
///
/// // A text that announces the bytes behind it.
/// client.send(SendAll::new([Data::from("picture"), Data::from(vec![1, 2, 3])])).await??;
/// client.send(SendAll::new(["a", "b", "c"])).await??;
/// # Ok(())
/// # }
/// ```
///
/// It also is the fastest way to send many short messages, because there is one mailbox message for all of them.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), SendAllError>")]
pub struct SendAll(pub(super) Vec<Data>);

impl SendAll {
    /// Text messages or binary messages, in this order.
    pub fn new(messages: impl IntoIterator<Item = impl Into<Data>>) -> Self {
        Self(messages.into_iter().map(Into::into).collect())
    }

    /// The content of the messages. Tests of actors that send messages need it.
    pub fn data(&self) -> &[Data] {
        &self.0
    }
}

/// Replies when every message that was accepted before it was sent: over WebSocket it was written to the socket, over
/// polling its POST was answered with 2xx.
///
/// A message that was written to a WebSocket has not necessarily arrived: see [`Confirm`]. If the session ends first, the reply is [`FlushError::Disconnected`]; without a session it is [`FlushError::NotConnected`].
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

/// Replies when everything that was accepted before it has been read at the other end of the connection.
///
/// - Over WebSocket the client sends a WebSocket ping behind the messages, and replies when its pong arrives. The pong
///   proves that the endpoint at the other end of the WebSocket has read every byte before the ping: the operating
///   system, the network and TLS have delivered the messages.
/// - Over polling it replies when every POST with these messages was answered with 2xx.
///
/// It does not prove that the application has handled the messages, because servers answer pings before that. Nor does it
/// prove anything about a server behind a proxy that terminates the WebSocket, or the HTTP requests, and passes messages
/// on: then the proxy answers, and what it has not passed on can be lost with it. Many proxies, such as nginx and HAProxy,
/// pass the bytes of a WebSocket on without reading its frames; then the pong is the server's. If a message must not be
/// lost, let the application acknowledge it.
///
/// The reply is [`ConfirmError::Timeout`] if there is no answer within
/// [`request_timeout`](crate::EngineIoClientBuilder::request_timeout); the session goes on. The limit begins when the
/// `Confirm` reaches the client, so it includes the time in which the messages are written. It does not run while
/// the client stops reading because of a slow subscriber, which would also have to read the answer. A few servers never
/// answer WebSocket pings; with those every `Confirm` over WebSocket fails in this way. While an upgrade pauses polling, a
/// `Confirm` waits until the session is on one transport.
///
/// Without a session, or after a [`Disconnect`], the reply is [`ConfirmError::NotConnected`]. If the session ends first, it
/// is [`ConfirmError::Disconnected`].
///
/// At most one ping is open at a time, and one pong answers all `Confirm`s that came before its ping, so any number of
/// tasks can use it. The pong also updates [`Status::round_trip`].
///
/// ```no_run
/// use actix_engineio::{self as engineio, Confirm, ConfirmError};
///
/// # async fn run(client: actix::Addr<actix_engineio::EngineIoClient>) -> Result<(), Box<dyn std::error::Error>> {
/// client.send(engineio::Send::text("paid")).await??;
/// match client.send(Confirm).await? {
///     Ok(()) => println!("the server has received it"),
///     Err(ConfirmError::Timeout) => println!("no answer yet"),
///     Err(err) => println!("perhaps it was lost: {err}"),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, Message)]
#[rtype(result = "Result<(), ConfirmError>")]
pub struct Confirm;

/// Ends the session, or a connect or a reconnect in progress. Replies when everything is closed, or at once if nothing
/// is open.
///
/// [`Disconnect::new`] is graceful: the client writes every accepted message and a close packet, and closes the
/// transport, all within [`close_timeout`](crate::EngineIoClientBuilder::close_timeout). [`Disconnect::abort`] closes
/// at once.
///
/// [`Event::Disconnected`] lists the messages that could not be written in time. The client lives on and accepts
/// another [`Connect`].
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
    /// A graceful disconnect.
    pub fn new() -> Self {
        Self::default()
    }

    /// An immediate disconnect. Queued messages are not sent, and a WebSocket gets a close frame only if it can be
    /// written without waiting.
    pub fn abort() -> Self {
        Self { abort: true, reason: None }
    }

    /// Whether the disconnect is immediate.
    pub fn is_abort(&self) -> bool {
        self.abort
    }

    /// The reason that was set.
    pub fn get_reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The reason to show in [`DisconnectReason::Client`]. It is not sent to the server.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into().into());
        self
    }
}

/// Waits for the end of the connection. Replies with the reason why the last session ended. A client with a
/// [`Reconnect`](crate::Reconnect) policy replies when no further attempt follows.
///
/// If no session is open and none will be, it replies at once: with the reason of the last session, or with `None` if
/// there was no session or the last [`Connect`] failed.
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

/// Adds a subscriber. Replies with a [`SubscriptionId`], which [`Unsubscribe`] takes. If a session is open, its
/// [`Event::Connected`] is the first event of the new subscriber.
///
/// The client keeps the subscriber alive until it is unsubscribed or the client stops. A subscriber that has an
/// `Addr` of the client keeps the client alive in turn: both live until the subscriber is unsubscribed, also after a
/// [`Disconnect`]. Give a subscriber a [`WeakAddr`] of the client instead, add it with [`Subscribe::weak`], or unsubscribe
/// it.
///
/// A subscriber that is slow slows the server down, and one that never handles its events ends the session: see
/// [`Event`].
///
/// [`WeakAddr`]: https://docs.rs/actix/0.13/actix/struct.WeakAddr.html
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
#[derive(Clone, Message)]
#[rtype(result = "SubscriptionId")]
pub struct Subscribe {
    pub(super) target: Target,
    pub(super) only: Option<Vec<EventKind>>,
    pub(super) name: Option<Arc<str>>,
}

impl Subscribe {
    /// Sends every event to `recipient`.
    pub fn new(recipient: Recipient<Event>) -> Self {
        Self::to(Target::Recipient(recipient))
    }

    /// Sends every event to `recipient`, and does not keep its actor alive: when the last address of the actor was
    /// dropped, the actor stops and is unsubscribed.
    ///
    /// ```no_run
    /// use actix::prelude::*;
    /// use actix_engineio::{EngineIoClient, Event, Subscribe};
    ///
    /// # struct View;
    /// # impl Actor for View { type Context = Context<Self>; }
    /// # impl Handler<Event> for View { type Result = (); fn handle(&mut self, _: Event, _: &mut Self::Context) {} }
    /// # async fn run(client: Addr<EngineIoClient>, view: Addr<View>) -> Result<(), MailboxError> {
    /// client.send(Subscribe::weak(view.downgrade().recipient())).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn weak(recipient: WeakRecipient<Event>) -> Self {
        Self::to(Target::Weak(recipient))
    }

    /// Sends what `map` makes of each event to `recipient`. An actor that has several clients can see in this way which of
    /// them an event is from.
    ///
    /// `map` runs on the arbiter of the client and must not block. If it panics, its event is dropped and a warning is
    /// logged.
    ///
    /// ```
    /// use actix::prelude::*;
    /// use actix_engineio::{EngineIoClient, Event, Subscribe};
    ///
    /// #[derive(Message)]
    /// #[rtype(result = "()")]
    /// struct FromFeed {
    ///     feed: usize,
    ///     event: Event,
    /// }
    ///
    /// struct Merger;
    ///
    /// impl Actor for Merger {
    ///     type Context = Context<Self>;
    /// }
    ///
    /// impl Handler<FromFeed> for Merger {
    ///     type Result = ();
    ///
    ///     fn handle(&mut self, FromFeed { feed, event }: FromFeed, _: &mut Self::Context) {
    ///         println!("feed {feed}: {event:?}");
    ///     }
    /// }
    ///
    /// fn feeds(merger: Addr<Merger>) -> Vec<Addr<EngineIoClient>> {
    ///     let start = |feed| {
    ///         let mapped = Subscribe::mapped(merger.clone().recipient(), move |event| FromFeed { feed, event });
    ///         EngineIoClient::builder().subscribe(mapped).start()
    ///     };
    ///     (0..3).map(start).collect()
    /// }
    /// ```
    pub fn mapped<M>(
        recipient: Recipient<M>,
        map: impl Fn(Event) -> M + marker::Send + Sync + 'static,
    ) -> Self
    where
        M: Message + marker::Send + 'static,
        M::Result: marker::Send,
    {
        Self::to(Target::mapped(recipient, map))
    }

    /// Sends several events in one message, [`Events`]: all that have arrived since the subscriber has handled the
    /// message before, up to 64 events or 64 KiB of data. This costs less for each event.
    pub fn batched(recipient: Recipient<Events>) -> Self {
        Self::to(Target::Batched(recipient))
    }

    fn to(target: Target) -> Self {
        Self { target, only: None, name: None }
    }

    /// Sends only events of these kinds. With an empty list the subscriber gets no events.
    #[must_use]
    pub fn only(mut self, kinds: impl IntoIterator<Item = EventKind>) -> Self {
        self.only = Some(kinds.into_iter().collect());
        self
    }

    /// The name of the subscriber in the log and in [`Status::back_pressure`].
    #[must_use]
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }
}

/// # The options that were set
///
/// For mocks of a client.
impl Subscribe {
    /// The kinds of events that the subscriber gets. `None`: all of them.
    pub fn get_only(&self) -> Option<&[EventKind]> {
        self.only.as_deref()
    }

    /// The name of the subscriber.
    pub fn get_name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl From<Recipient<Event>> for Subscribe {
    fn from(recipient: Recipient<Event>) -> Self {
        Self::new(recipient)
    }
}

impl fmt::Debug for Subscribe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribe")
            .field("target", &self.target)
            .field("only", &self.only)
            .field("name", &self.name)
            .finish()
    }
}

/// Identifies one subscriber of one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SubscriptionId(pub(super) u64);

impl SubscriptionId {
    /// An identifier that a mock of a client can reply with. Only a client's own reply identifies one of its subscribers.
    pub fn new(number: u64) -> Self {
        Self(number)
    }
}

/// Removes a subscriber. It receives no further events, except those that are already in its mailbox. Replies whether
/// there was such a subscriber.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "bool")]
pub struct Unsubscribe(pub SubscriptionId);

/// Replies with the [`Status`] of the client.
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

/// The state of a client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// There is no session, and no attempt to open one.
    #[default]
    Disconnected,
    /// A `Connect` is in progress.
    Connecting,
    /// A session was lost, and the client is waiting for the next attempt of its policy, or is connecting.
    Reconnecting,
    /// A session is open.
    Connected,
    /// A session is being closed.
    Disconnecting,
}

impl State {
    /// The name in lower case: `disconnected`, `connecting`, `reconnecting`, `connected` or `disconnecting`.
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

/// The same as [`as_str`](Self::as_str).
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The state of a client and its figures, at one moment.
///
/// The default describes a new client. Tests start from it and set what they need:
///
/// ```
/// use actix_engineio::{State, Status};
///
/// let mut status = Status::default();
/// status.state = State::Connected;
/// status.queued_messages = 3;
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Status {
    /// The state of the client.
    pub state: State,
    /// The session, if one is open.
    pub session: Option<Arc<Session>>,
    /// The transport that messages are written to, if a session is open.
    pub transport: Option<TransportKind>,
    /// Messages that are accepted or wait for room in the queue, and are not written yet.
    pub queued_messages: usize,
    /// Bytes of data in these messages.
    pub queued_bytes: usize,
    /// Packets and bytes in both directions since the client started.
    pub counters: Counters,
    /// Sessions that the reconnect policy opened.
    pub reconnects: u64,
    /// The time from the last request to its answer: over polling that of the handshake or of a POST, over WebSocket that
    /// of the handshake or of a WebSocket ping, which [`Confirm`] and the option
    /// [`websocket_ping`](crate::EngineIoClientBuilder::websocket_ping) send. The time in which the client did not read
    /// because of a slow subscriber does not count.
    pub round_trip: Option<Duration>,
    /// The last failure: why a session was lost, or why an attempt to connect failed. It stays when the client connects
    /// again, so that it can be seen later. A `Disconnect` is no failure.
    pub last_error: Option<ReconnectCause>,
    /// The subscriber because of which the client does not read from the server now, if there is one.
    pub back_pressure: Option<BackPressure>,
}

/// A subscriber has more than [`receive_buffer`](crate::EngineIoClientBuilder::receive_buffer) bytes of events to handle, so
/// the client does not read from the server. If several subscribers are behind, this is the one with the most bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackPressure {
    /// The time at which the client stopped reading.
    pub since: Instant,
    /// Bytes of the events that the subscriber has not handled: their data, and an overhead for each event.
    pub bytes: u64,
    /// The subscriber. Subscribers that were added by the builder have ids in the order in which they were added, and
    /// streams have ids too.
    pub subscriber: SubscriptionId,
    /// Its name, if it was given one with [`Subscribe::name`].
    pub name: Option<Arc<str>>,
}

impl BackPressure {
    /// Back-pressure since `since`, because of `subscriber`. For tests of code that handles a [`Status`].
    pub fn new(since: Instant, bytes: u64, subscriber: SubscriptionId) -> Self {
        Self { since, bytes, subscriber, name: None }
    }
}
