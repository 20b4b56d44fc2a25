//! The events that subscribers receive.

use std::sync::Arc;

use actix::Message;

use super::reconnect::Reconnecting;
use crate::{
    data::Data,
    error::{ConnectError, DisconnectReason, SendAllError, SendError, TransportError},
    protocol::{
        connection::Rejected,
        handshake::{Session, TransportKind},
    },
};

/// Something that happened to a connection.
///
/// Events are delivered in order. Subscribers exert back-pressure: when one of them falls more than
/// [`receive_buffer`](crate::EngineIoClientBuilder::receive_buffer) bytes behind, the client stops reading from the
/// server until it catches up.
///
/// Back-pressure is exact for handlers that handle one event at a time: those without a future, and those that return an
/// [`AtomicResponse`]. A handler that returns a [`ResponseFuture`] gets up to 64 events at once. The next ones come when the
/// future of the last of these events is ready, even if earlier futures still run. An event is handled when its handler has
/// returned, or when the future that it returned is ready.
///
/// [`AtomicResponse`]: https://docs.rs/actix/0.13/actix/handler/struct.AtomicResponse.html
/// [`ResponseFuture`]: https://docs.rs/actix/0.13/actix/type.ResponseFuture.html
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
///     // The next event waits until this one is stored. If that takes long, the server waits, too.
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
/// A handler should not await a [`Send`](crate::Send). While the send queue is full, the handler would wait, so the client
/// would stop reading. If the server waits in the same way, neither goes on until a time limit ends the session. Use
/// `do_send`.
///
/// Events are cheap to clone, because clones share their data.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
#[non_exhaustive]
pub enum Event {
    /// A session was opened. Sent once per session, before its messages. A subscriber that is added during the session
    /// receives it first.
    Connected(Arc<Session>),
    /// The server sent a message.
    Message(Data),
    /// The session moved to another transport, WebSocket.
    Upgraded(TransportKind),
    /// The session could not move to WebSocket, for this reason. It goes on over polling.
    UpgradeFailed(TransportError),
    /// A message will not be sent, and no reply of a [`Send`](crate::Send) says so. The event carries the message. It is one of
    /// these:
    ///
    /// - a message that the client has refused, if nobody receives the reply: the message came by `do_send`, or its sender had
    ///   dropped the reply by then (a message that still waits for room is just withdrawn, without an event);
    /// - with [`keep_unsent`](crate::EngineIoClientBuilder::keep_unsent), a message that was accepted and is not sent on any
    ///   later session: the client has given up after a failed attempt, a [`Disconnect`](crate::Disconnect) came between two
    ///   sessions, or the next session cannot carry the message: it is too large, or, over polling in protocol 4, a text with
    ///   U+001E;
    /// - a message that was accepted during an upgrade that then failed, and that polling cannot carry.
    Rejected(Arc<SendError>),
    /// The messages of a [`SendAll`](crate::SendAll) will not be sent, and no reply says so, as in
    /// [`Rejected`](Self::Rejected). The event carries all of them.
    RejectedAll(Arc<SendAllError>),
    /// The session has ended, and its sockets are closed. Sent once per session, as its last event. The next session may
    /// already be open when an actor handles this event late: see [`Reconnect`](crate::Reconnect#subscribers-that-are-late).
    Disconnected(Arc<Disconnected>),
    /// The client will connect again, by its [`Reconnect`](crate::Reconnect) policy. The event carries the number of the
    /// attempt, the delay before it, and its cause: the reason of the lost session, or the error of the attempt before.
    Reconnecting(Arc<Reconnecting>),
    /// The client has given up reconnecting, for this reason, or a [`Disconnect`](crate::Disconnect) stopped it
    /// ([`ConnectError::Cancelled`]). No further attempt follows.
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
            Self::RejectedAll(_) => EventKind::RejectedAll,
            Self::Disconnected(_) => EventKind::Disconnected,
            Self::Reconnecting(_) => EventKind::Reconnecting,
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

    /// The number of messages that come back with the event.
    pub(super) fn returned(&self) -> usize {
        match self {
            Self::Rejected(_) => 1,
            Self::RejectedAll(rejected) => rejected.data.len(),
            Self::Disconnected(end) => end.unsent.len() + end.in_doubt.len(),
            _ => 0,
        }
    }
}

/// Several events in one message, oldest first, for [`Subscribe::batched`](crate::Subscribe::batched). There is at least one.
///
/// ```
/// use actix::prelude::*;
/// use actix_engineio::{Event, Events};
///
/// struct Counter(usize);
///
/// impl Actor for Counter {
///     type Context = Context<Self>;
/// }
///
/// impl Handler<Events> for Counter {
///     type Result = ();
///
///     fn handle(&mut self, events: Events, _: &mut Self::Context) {
///         self.0 += events.into_iter().filter(|event| matches!(event, Event::Message(_))).count();
///     }
/// }
/// ```
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Events(Vec<Event>);

impl Events {
    /// The events.
    pub fn as_slice(&self) -> &[Event] {
        &self.0
    }

    /// The events, without the message around them.
    pub fn into_vec(self) -> Vec<Event> {
        self.0
    }
}

/// Tests of actors that receive events need this.
impl From<Vec<Event>> for Events {
    fn from(events: Vec<Event>) -> Self {
        Self(events)
    }
}

impl IntoIterator for Events {
    type Item = Event;
    type IntoIter = std::vec::IntoIter<Event>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = &'a Event;
    type IntoIter = std::slice::Iter<'a, Event>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl From<Rejected> for Event {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::One(err) => Self::Rejected(Arc::new(err)),
            Rejected::Group(err) => Self::RejectedAll(Arc::new(err)),
        }
    }
}

/// The kinds of [`Event`], for [`Subscribe::only`](crate::Subscribe::only).
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
    /// [`Event::RejectedAll`].
    RejectedAll,
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
    /// The reason why the session ended.
    pub reason: DisconnectReason,
    /// The accepted messages that were not sent, in order. No complete frame or POST with them was written, so the
    /// server has none of them. The messages of a [`SendAll`](crate::SendAll) are here only if all of them are.
    ///
    /// If [`keep_unsent`](crate::EngineIoClientBuilder::keep_unsent) carries the messages over to the next session, this list is
    /// empty, or it has only the first message or group: one that the server has called too large, or that was being written
    /// when three sessions ended. `in_doubt` is not carried over.
    pub unsent: Vec<Data>,
    /// The messages that the server may have or not, in order: those of a POST that was not answered with 2xx, and those
    /// of a WebSocket that were written and not flushed, which happens mostly with TLS. With them are all messages of a
    /// [`SendAll`](crate::SendAll) of which only a part was sent, or may have been.
    ///
    /// Messages that were flushed to a WebSocket are not listed without
    /// [`confirm_sends`](crate::EngineIoClientBuilder::confirm_sends), although nothing confirms that they arrived. With it,
    /// those that are not confirmed are listed.
    ///
    /// These messages were sent to the client before those of `unsent`. Both lists keep the order of sending.
    pub in_doubt: Vec<Data>,
}

impl Disconnected {
    /// The end of a session in which every message was sent, for tests. The other fields can be set afterwards.
    ///
    /// ```
    /// use actix_engineio::{DisconnectReason, Disconnected};
    ///
    /// let mut end = Disconnected::new(DisconnectReason::Server);
    /// assert!(end.unsent.is_empty());
    /// end.unsent.push("not sent".into());
    /// ```
    pub fn new(reason: DisconnectReason) -> Self {
        Self { reason, unsent: Vec::new(), in_doubt: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_no_larger_than_the_data_of_a_message() {
        assert_eq!(size_of::<Event>(), size_of::<Data>());
        assert_eq!(size_of::<Event>(), 40);
    }
}
