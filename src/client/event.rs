//! What a client tells its subscribers.

use std::{sync::Arc, time::Duration};

use actix::Message;

use crate::{
    data::Data,
    error::{ConnectError, DisconnectReason, SendError, TransportError},
    protocol::handshake::{Session, TransportKind},
};

/// What happened to a connection.
///
/// Events are delivered in order, and the client reads on only as its subscribers handle them. A plain handler, or
/// one whose result is [`AtomicResponse`](actix::AtomicResponse), handles one event at a time and is covered fully.
/// With a [`ResponseFuture`](actix::ResponseFuture) a run of up to 64 events is handled concurrently, and the next
/// run waits for the last event of the one before.
///
/// ```
/// use actix::prelude::*;
/// use actix_engineio::{Data, Event};
///
/// struct Archive;
///
/// impl Actor for Archive {
///     type Context = Context<Self>;
/// }
///
/// impl Handler<Event> for Archive {
///     // The next event waits until this one is stored, and so, in the end, does the server.
///     type Result = AtomicResponse<Self, ()>;
///
///     fn handle(&mut self, event: Event, _: &mut Self::Context) -> Self::Result {
///         let work = async move {
///             if let Event::Message(data) = event {
///                 store(data).await;
///             }
///         };
///         AtomicResponse::new(Box::pin(work.into_actor(self)))
///     }
/// }
///
/// async fn store(data: Data) {
///     println!("{data:?}");
/// }
/// ```
///
/// In a handler prefer [`do_send`](actix::Addr::do_send) to awaiting a [`Send`](crate::Send): to await it ties
/// reading to writing.
///
/// Cheap to clone: clones share their data.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
#[non_exhaustive]
pub enum Event {
    /// A session stands. Once a session, before any of its messages; also the first event of a subscriber that comes
    /// later.
    Connected(Arc<Session>),
    /// The server sent a message.
    Message(Data),
    /// The session moved to a better transport.
    Upgraded(TransportKind),
    /// The session could not move to a better transport and goes on over polling.
    UpgradeFailed(TransportError),
    /// A [`Send`](crate::Send) whose reply nobody awaits failed: here is its data.
    Rejected(Arc<SendError>),
    /// The session is over and its sockets are closed. Exactly once a session, its last event.
    Disconnected(Arc<Disconnected>),
    /// The client will connect again after `delay`, by its [`Reconnect`](crate::Reconnect) policy.
    Reconnecting {
        /// The number of the attempt, from 1, since the last session that held.
        attempt: u32,
        /// How long the client waits before it.
        delay: Duration,
    },
    /// The client does not connect again by itself: the policy gave up, or a [`Disconnect`](crate::Disconnect) came in
    /// between ([`ConnectError::Cancelled`]). Once and for good.
    ReconnectFailed(Arc<ConnectError>),
}

impl Event {
    /// The kind of the event, as [`Subscribe::only`](crate::Subscribe::only) takes it.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::Connected(_) => EventKind::Connected,
            Self::Message(_) => EventKind::Message,
            Self::Upgraded(_) => EventKind::Upgraded,
            Self::UpgradeFailed(_) => EventKind::UpgradeFailed,
            Self::Rejected(_) => EventKind::Rejected,
            Self::Disconnected(_) => EventKind::Disconnected,
            Self::Reconnecting { .. } => EventKind::Reconnecting,
            Self::ReconnectFailed(_) => EventKind::ReconnectFailed,
        }
    }

    /// Bytes of data that the event carries.
    pub(super) fn data_len(&self) -> usize {
        match self {
            Self::Message(data) => data.len(),
            _ => 0,
        }
    }
}

/// The kinds of [`Event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// [`Event::Connected`].
    Connected,
    /// [`Event::Message`].
    Message,
    /// [`Event::Upgraded`].
    Upgraded,
    /// [`Event::UpgradeFailed`].
    UpgradeFailed,
    /// [`Event::Rejected`].
    Rejected,
    /// [`Event::Disconnected`].
    Disconnected,
    /// [`Event::Reconnecting`].
    Reconnecting,
    /// [`Event::ReconnectFailed`].
    ReconnectFailed,
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Disconnected {
    /// Why.
    pub reason: DisconnectReason,
    /// Messages that had been accepted and of which no complete frame or POST left, in order. The server has none of
    /// them.
    pub unsent: Vec<Data>,
    /// Messages of a POST that got no 2xx, in order: the server may have them or not. What was written to a WebSocket
    /// is not known to have arrived either, but is not listed: the protocol has no acknowledgement.
    pub in_doubt: Vec<Data>,
}

impl Disconnected {
    /// The end of a session that left nothing behind.
    ///
    /// ```
    /// use actix_engineio::{DisconnectReason, Disconnected};
    ///
    /// let end = Disconnected::new(DisconnectReason::Server);
    /// assert!(end.unsent.is_empty());
    /// ```
    pub fn new(reason: DisconnectReason) -> Self {
        Self { reason, unsent: Vec::new(), in_doubt: Vec::new() }
    }
}
