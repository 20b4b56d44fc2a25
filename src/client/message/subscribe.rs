//! The messages that add and remove subscribers.

use std::{fmt, marker, sync::Arc};

use actix::{Message, Recipient, WeakRecipient};

use crate::client::{
    event::{Event, EventKind, Events},
    subscribers::Target,
};

/// Adds a subscriber. Replies with a [`SubscriptionId`], which [`Unsubscribe`] takes. If a session is open, its
/// [`Event::Connected`] is the first event of the new subscriber.
///
/// The client keeps the subscriber alive until it is unsubscribed or the client stops. A subscriber that has an
/// `Addr` of the client keeps the client alive in turn: both live until the subscriber is unsubscribed, also after a
/// [`Disconnect`](crate::Disconnect). Give a subscriber a [`WeakAddr`] of the client instead, add it with
/// [`Subscribe::weak`], or unsubscribe it.
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
    pub(in crate::client) target: Target,
    pub(in crate::client) only: Option<Vec<EventKind>>,
    pub(in crate::client) name: Option<Arc<str>>,
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

    /// Sends what `map` makes of each event to `recipient`. An actor that has several clients can see in this way
    /// which of them an event is from.
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

    /// Sends several events in one message, [`Events`]: usually at most 64, about 64 KiB of data, and no more than the
    /// subscriber is expected to handle in one second. This costs less for each event. The events of a batch count as handled
    /// when the handler has returned, or when the future that it returned is ready.
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

    /// The name of the subscriber in the log and in [`Status::back_pressure`](crate::Status::back_pressure).
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
pub struct SubscriptionId(pub(in crate::client) u64);

impl SubscriptionId {
    /// An identifier that a mock of a client can reply with. Only a client's own reply identifies one of its
    /// subscribers.
    pub fn new(number: u64) -> Self {
        Self(number)
    }
}

/// Removes a subscriber. It receives no further events, except those that are already in its mailbox. Replies whether
/// there was such a subscriber.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "bool")]
pub struct Unsubscribe(pub SubscriptionId);
