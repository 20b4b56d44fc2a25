//! The actor that a subscriber is, and the ways to send events to it.

use std::{
    fmt, mem,
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    sync::Arc,
    task::{Context as Task, Poll, ready},
};

use actix::{Message, Recipient, WeakRecipient, dev::RecipientRequest};
use futures::{FutureExt as _, future::LocalBoxFuture};

use crate::client::event::{Event, Events};

/// The actor that gets the events of a subscription.
#[derive(Clone)]
pub(in crate::client) enum Target {
    Recipient(Recipient<Event>),
    /// The client does not keep this actor alive.
    Weak(WeakRecipient<Event>),
    /// This actor gets each event as a message of its own.
    Mapped(Arc<dyn MappedTarget + Send + Sync>),
    /// This actor gets several events in one message.
    Batched(Recipient<Events>),
}

impl Target {
    /// An actor that gets what `map` makes of each event.
    pub(in crate::client) fn mapped<M>(
        recipient: Recipient<M>,
        map: impl Fn(Event) -> M + Send + Sync + 'static,
    ) -> Self
    where
        M: Message + Send + 'static,
        M::Result: Send,
    {
        Self::Mapped(Arc::new(Mapped { recipient, map }))
    }

    #[inline]
    pub(super) fn is_connected(&self) -> bool {
        match self {
            Self::Recipient(recipient) => recipient.connected(),
            Self::Weak(recipient) => recipient.upgrade().is_some_and(|recipient| recipient.connected()),
            Self::Mapped(target) => target.is_connected(),
            Self::Batched(recipient) => recipient.connected(),
        }
    }

    /// Sends an event, however many others wait there.
    pub(super) fn do_send(&self, event: Event) {
        match self {
            Self::Recipient(recipient) => recipient.do_send(event),
            Self::Weak(recipient) => {
                if let Some(recipient) = recipient.upgrade() {
                    recipient.do_send(event);
                }
            }
            Self::Mapped(target) => target.do_send(event),
            Self::Batched(recipient) => recipient.do_send(Events::from(vec![event])),
        }
    }

    /// Sends an event, and lets `acknowledgement` wait for the reply.
    pub(super) fn send(&self, event: Event, acknowledgement: &mut Acknowledgement) {
        match self {
            Self::Recipient(recipient) => acknowledgement.wait_for(recipient.send(event)),
            Self::Weak(recipient) => {
                if let Some(recipient) = recipient.upgrade() {
                    acknowledgement.wait_for(recipient.send(event));
                }
            }
            Self::Mapped(target) => *acknowledgement = Acknowledgement::Other(target.send(event)),
            Self::Batched(recipient) => {
                *acknowledgement = Acknowledgement::of_batch(recipient, vec![event]);
            }
        }
    }
}

/// A target with the type of its messages erased.
pub(in crate::client) trait MappedTarget {
    fn is_connected(&self) -> bool;
    fn do_send(&self, event: Event);
    /// Sends the event. The future is ready when the message was handled.
    fn send(&self, event: Event) -> LocalBoxFuture<'static, ()>;
}

struct Mapped<M, F>
where
    M: Message + Send,
    M::Result: Send,
{
    recipient: Recipient<M>,
    map: F,
}

impl<M, F> Mapped<M, F>
where
    M: Message + Send,
    M::Result: Send,
    F: Fn(Event) -> M,
{
    /// The message for an event. `None` if the application's function panics.
    fn message(&self, event: Event) -> Option<M> {
        let message = panic::catch_unwind(AssertUnwindSafe(|| (self.map)(event)));
        message
            .inspect_err(|_| {
                log::warn!(target: "actix_engineio::client", "an event is dropped: the function of Subscribe::mapped panicked");
            })
            .ok()
    }
}

impl<M, F> MappedTarget for Mapped<M, F>
where
    M: Message + Send + 'static,
    M::Result: Send,
    F: Fn(Event) -> M,
{
    fn is_connected(&self) -> bool {
        self.recipient.connected()
    }

    fn do_send(&self, event: Event) {
        if let Some(message) = self.message(event) {
            self.recipient.do_send(message);
        }
    }

    fn send(&self, event: Event) -> LocalBoxFuture<'static, ()> {
        match self.message(event) {
            // As with the others, a clone of the target does not wait for room.
            Some(message) => self.recipient.clone().send(message).map(drop).boxed_local(),
            None => futures::future::ready(()).boxed_local(),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Recipient(_) => "Recipient",
            Self::Weak(_) => "Weak",
            Self::Mapped(_) => "Mapped",
            Self::Batched(_) => "Batched",
        })
    }
}

/// The reply to the last event of a window, which acknowledges the window.
pub(super) enum Acknowledgement {
    /// The client has not waited for any reply yet.
    None,
    /// The reply of an actor that gets events as they are. Boxed, since a future cannot move while it is polled; the box is
    /// allocated once.
    Request(Pin<Box<Option<RecipientRequest<Event>>>>),
    /// The reply of any other actor. A future that is ready was replaced by `None`.
    Other(LocalBoxFuture<'static, ()>),
}

impl Acknowledgement {
    pub(super) fn of_batch(recipient: &Recipient<Events>, events: Vec<Event>) -> Self {
        Self::Other(recipient.send(Events::from(events)).map(drop).boxed_local())
    }

    pub(super) fn wait_for(&mut self, request: RecipientRequest<Event>) {
        match self {
            Self::Request(slot) => slot.set(Some(request)),
            other => *other = Self::Request(Box::pin(Some(request))),
        }
    }

    pub(super) fn is_pending(&self) -> bool {
        match self {
            Self::None => false,
            Self::Request(slot) => slot.is_some(),
            Self::Other(_) => true,
        }
    }

    /// Ready if no reply is awaited: with `true` once, when it has arrived. A reply that is an error means that the handler
    /// gave none; whether the subscriber is still alive is checked elsewhere.
    #[inline]
    pub(super) fn poll(&mut self, task: &mut Task<'_>) -> Poll<bool> {
        match self {
            Self::None => Poll::Ready(false),
            Self::Request(slot) => {
                let Some(request) = slot.as_mut().as_pin_mut() else { return Poll::Ready(false) };
                let _ = ready!(request.poll(task));
                slot.set(None);
                Poll::Ready(true)
            }
            Self::Other(reply) => {
                ready!(reply.as_mut().poll(task));
                *self = Self::None;
                Poll::Ready(true)
            }
        }
    }

    /// Takes out the reply that is awaited, if there is any.
    pub(super) fn detach(&mut self) -> Option<Detached> {
        self.is_pending().then(|| Detached(mem::replace(self, Self::None)))
    }
}

/// A reply that the client does not wait for any more.
///
/// actix skips a message whose reply nobody awaits, so the reply has to be awaited. That is impossible when the arbiter
/// stops; then the future is leaked, so that to actix it is still awaited.
pub(super) struct Detached(Acknowledgement);

impl Detached {
    /// Awaits the reply, so that actix does not skip the message.
    pub(super) async fn wait(mut self) {
        std::future::poll_fn(|task| self.0.poll(task)).await;
    }
}

impl Drop for Detached {
    fn drop(&mut self) {
        if self.0.is_pending() {
            mem::forget(mem::replace(&mut self.0, Acknowledgement::None));
        }
    }
}
