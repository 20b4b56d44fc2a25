//! The messages that send something to the server.

use std::sync::Arc;

use actix::Message;
use bytes::Bytes;
use bytestring::ByteString;
use serde::Serialize;

use crate::{
    data::Data,
    error::{SendAllError, SendError},
    protocol::handshake::Session,
};

/// Sends one message to the server. Replies when the message was accepted, which means that it is in the send queue.
///
/// While more than [`send_queue`](crate::EngineIoClientBuilder::send_queue) bytes are waiting to be written, the
/// reply waits, and the message waits with it: dropping the reply withdraws the message. During a
/// [`Connect`](crate::Connect) the reply waits for the outcome.
///
/// An accepted message is sent, or it comes back in [`Event::Disconnected`](crate::Event::Disconnected) or as
/// [`Event::Rejected`](crate::Event::Rejected). This needs a client that runs: when `main` returns or the client's arbiter
/// stops, accepted messages are not sent, and neither is a `do_send` that the client has not handled yet. Usually the last
/// messages of a loop are among them. End a program with a graceful [`Disconnect`](crate::Disconnect), or with
/// [`Flush`](crate::Flush). Over WebSocket a message that was sent has not necessarily arrived; [`Confirm`](crate::Confirm)
/// asks whether it has.
///
/// A message by itself is written at once. If a loop sends messages and awaits each reply, the client delays the write until
/// the loop waits for something else, for at most 500 microseconds, so that one write carries many messages. A `Flush`, a
/// `Confirm`, a `Disconnect` and a `do_send` end this wait.
///
/// Messages are sent in the order in which they reach the client's mailbox. `Addr::send` and `Addr::do_send` put a message
/// there when they are called; if the mailbox is full, `Addr::send` does so when its future is polled. A `Send` whose reply is
/// dropped before the client has handled it is not sent; use `do_send` for a message whose outcome nobody awaits. A `do_send`
/// never waits: messages beyond `send_queue` are queued, too ([`Status`](crate::Status) shows how many), and a message that
/// could not be accepted comes back as [`Event::Rejected`](crate::Event::Rejected).
///
/// To send a message in one session and in no other one, give it to a [`SendAll`] with [`in_session`](SendAll::in_session).
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
pub struct Send(pub(in crate::client) Data);

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
///   nobody awaits the reply, it is [`Event::RejectedAll`](crate::Event::RejectedAll).
/// - At the end of a session all of them are in the same list of [`Event::Disconnected`](crate::Event::Disconnected):
///   in `unsent` if the server has none of them, in `in_doubt` if it has some or may have some. With
///   [`keep_unsent`](crate::EngineIoClientBuilder::keep_unsent) they are carried over together.
/// - They are neighbours, but not one unit to the server: it receives one message after the other, and only the first
///   ones if the connection is lost in between. Over polling they may be in several POSTs.
/// - The reply waits while more than [`send_queue`](crate::EngineIoClientBuilder::send_queue) bytes are waiting to be
///   written. Then all of them are accepted at once, so the queue may exceed its limit by their size.
/// - If the reply is dropped before the client has handled the `SendAll`, none of its messages is sent. Use `do_send` if nobody
///   awaits the outcome.
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
pub struct SendAll {
    pub(in crate::client) messages: Vec<Data>,
    /// The only session in which the messages may be sent.
    pub(in crate::client) session: Option<Arc<Session>>,
}

impl SendAll {
    /// Text messages or binary messages, in this order.
    pub fn new(messages: impl IntoIterator<Item = impl Into<Data>>) -> Self {
        Self { messages: messages.into_iter().map(Into::into).collect(), session: None }
    }

    /// Sends the messages only if `session` is the open session, and refuses them otherwise with
    /// [`SendErrorKind::NotConnected`](crate::SendErrorKind::NotConnected). Sessions are compared by their
    /// [`sid`](Session::sid).
    ///
    /// A protocol that begins each session with messages of its own needs this. Between the moment at which the client
    /// has opened a new session and the moment at which a subscriber learns of it, messages that were made for the old
    /// session would otherwise be the first ones of the new session. Such a protocol does not use
    /// [`keep_unsent`](crate::EngineIoClientBuilder::keep_unsent): messages that were accepted, or that wait for room in
    /// the send queue, are carried over even with this method.
    ///
    /// ```no_run
    /// # async fn run(client: actix::Addr<actix_engineio::EngineIoClient>) -> Result<(), Box<dyn std::error::Error>> {
    /// use actix_engineio::{Connect, SendAll};
    ///
    /// let session = client.send(Connect::new("http://localhost:5000")).await??;
    /// client.send(SendAll::new(["my name is Ada"]).in_session(&session)).await??;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn in_session(mut self, session: &Arc<Session>) -> Self {
        self.session = Some(session.clone());
        self
    }

    /// The content of the messages. Tests of actors that send messages need it.
    pub fn data(&self) -> &[Data] {
        &self.messages
    }

    /// The session that was set with [`in_session`](Self::in_session). Tests of actors that send messages need it.
    pub fn get_session(&self) -> Option<&Arc<Session>> {
        self.session.as_ref()
    }
}
