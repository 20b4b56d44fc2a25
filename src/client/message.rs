//! The messages that a client accepts.

mod connect;
mod send;
mod status;
mod subscribe;

use actix::Message;

pub use self::{
    connect::Connect,
    send::{Send, SendAll},
    status::{BackPressure, GetStatus, State, Status},
    subscribe::{Subscribe, SubscriptionId, Unsubscribe},
};
use crate::error::{ConfirmError, DisconnectReason, FlushError};

/// Replies when every message that was accepted before this `Flush` has been sent: over WebSocket it was written to the
/// socket, over polling its POST was answered with 2xx. A message of `do_send` counts as accepted, also while it waits
/// behind a [`Send`] that waits for room.
///
/// A message that was written to a WebSocket has not necessarily arrived: see [`Confirm`]. If the session ends first, the
/// reply is [`FlushError::Disconnected`]; without a session, also during a [`Connect`], it is [`FlushError::NotConnected`]. A
/// message that came back as [`Event::Rejected`](crate::Event::Rejected) after a failed upgrade does not change the reply. To
/// wait until messages that [`keep_unsent`](crate::EngineIoClientBuilder::keep_unsent) carries over were sent, send a `Flush`
/// after the next [`Connected`](crate::Event::Connected).
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

/// Replies when every message that was accepted before this `Confirm` has been read at the other end of the connection.
///
/// - Over WebSocket the client sends a WebSocket ping behind the messages, and replies when its pong arrives. The pong
///   proves that the endpoint at the other end of the WebSocket has read every byte before the ping: the operating
///   system, the network and TLS have delivered the messages.
/// - Over polling it replies when every POST with these messages was answered with 2xx.
///
/// It does not prove that the application has handled the messages, because servers answer pings before that. Nor
/// does it prove anything about a server behind a proxy that terminates the WebSocket, or the HTTP requests, and
/// passes messages on: then the proxy answers, and what it has not passed on can be lost with it. Many proxies, such
/// as nginx and HAProxy, pass the bytes of a WebSocket on without reading its frames; then the pong is the server's.
/// If a message must not be lost, let the application acknowledge it.
///
/// The reply is [`ConfirmError::Timeout`] if there is no answer within
/// [`request_timeout`](crate::EngineIoClientBuilder::request_timeout); the session goes on. The limit begins when the
/// `Confirm` reaches the client, so it includes the time in which the messages are written. It does not run while the client
/// does not read because of a slow subscriber, since no pong can be read then. A few servers never answer WebSocket pings; with
/// those every `Confirm` over WebSocket fails in this way. If the messages wait during an upgrade, the transport that carries
/// them afterwards answers the `Confirm`.
///
/// Without a session, also during a [`Connect`], or after a [`Disconnect`], the reply is [`ConfirmError::NotConnected`]. A
/// graceful `Disconnect` lets a `Confirm` that came before it end first, for half of
/// [`close_timeout`](crate::EngineIoClientBuilder::close_timeout) at most. If the session ends first, the reply is
/// [`ConfirmError::Disconnected`].
///
/// One pong answers all `Confirm`s that came before its ping, so any number of tasks can send a `Confirm`. The pong also
/// updates [`Status::round_trip`].
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
/// [`Disconnect::new`] is graceful: the client writes every accepted message, and those whose [`Send`] waits for room, and a
/// close packet, and closes the transport, all within [`close_timeout`](crate::EngineIoClientBuilder::close_timeout).
/// [`Disconnect::abort`] closes at once.
///
/// [`Event::Disconnected`](crate::Event::Disconnected) lists the messages that could not be written in time. The
/// client lives on and accepts another [`Connect`].
///
/// Some subscribers send returned messages again. Such a subscriber may handle the `Disconnected` of an earlier session late,
/// after you have sent this `Disconnect`. The client then refuses what it sends. Before you send `Disconnect`, tell such a
/// subscriber to store returned messages instead.
///
/// When the reply comes, all events are in the mailboxes of the subscribers that are actors. So a message that you send to
/// such a subscriber now is handled after the last event. If the subscriber must store what was not sent before the program
/// ends, send it a message of your own and await the reply: then it has handled the last event. The task that reads an
/// [`EventStream`](crate::EventStream) gets the last event later; the stream ends if every address of the client is dropped.
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
/// there was no session or the last [`Connect`] failed. As with [`Disconnect`], all events are in the mailboxes of the
/// subscribers by then.
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
