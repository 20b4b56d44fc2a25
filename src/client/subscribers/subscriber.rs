//! One subscriber: where its events go, and which of them it has handled.

use std::{
    future::Future,
    mem,
    pin::Pin,
    task::{Context as Task, Poll, ready},
};

use actix::{Recipient, dev::RecipientRequest};

use super::{
    cursor::Cursor,
    log::{Log, Weight},
    window::Window,
};
use crate::client::{event::Event, message::SubscriptionId, stream::EventSender};

/// Where a subscriber's events go.
pub(in crate::client) enum Sink {
    /// To an actor.
    Recipient(Recipient<Event>),
    /// To an [`EventStream`](crate::EventStream).
    Stream(EventSender),
}

impl Sink {
    pub(super) fn is_connected(&self) -> bool {
        match self {
            Self::Recipient(recipient) => recipient.connected(),
            Self::Stream(sender) => !sender.is_closed(),
        }
    }

    /// Delivers an event, however many others wait there, and without an acknowledgement.
    pub(super) fn deliver(&self, event: Event) {
        match self {
            Self::Recipient(recipient) => recipient.do_send(event),
            Self::Stream(sender) => sender.push(event),
        }
    }
}

/// The acknowledgement of a window: the reply to its last event. Boxed, since a future cannot move while it is polled.
type Acknowledgement = Pin<Box<Option<RecipientRequest<Event>>>>;

/// A subscriber and its place in the log.
pub(super) struct Subscriber {
    id: SubscriptionId,
    sink: Sink,
    cursor: Cursor,
    window: Window,
    /// The acknowledgement that the client waits for. The box is allocated once.
    pending: Acknowledgement,
    /// The weight of the events up to the last one that was handled.
    acknowledged: Weight,
}

impl Subscriber {
    /// A subscriber of the events that follow.
    pub(super) fn new(id: SubscriptionId, sink: Sink, cursor: Cursor) -> Self {
        let acknowledged = cursor.delivered();
        Self { id, sink, cursor, window: Window::new(), pending: Box::pin(None), acknowledged }
    }

    pub(super) fn id(&self) -> SubscriptionId {
        self.id
    }

    pub(super) fn sink(&self) -> &Sink {
        &self.sink
    }

    pub(super) fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    pub(super) fn acknowledged(&self) -> Weight {
        self.acknowledged
    }

    /// Whether the reader of a stream has read any event since the last call. A stream does not wake the client for each.
    pub(super) fn has_read(&mut self) -> bool {
        match &mut self.sink {
            Sink::Recipient(_) => false,
            Sink::Stream(sender) => sender.has_read(),
        }
    }

    /// Waits until the current window is acknowledged, then sends the next one. Ready with whether the subscriber has made
    /// progress: it has acknowledged a window, or was sent one. See [`Log::take`] for `is_only_reader`.
    pub(super) fn poll(&mut self, log: &mut Log, is_only_reader: bool, task: &mut Task<'_>) -> Poll<bool> {
        let recipient = match &self.sink {
            Sink::Recipient(recipient) => recipient,
            // What fits into a stream counts as handled.
            Sink::Stream(sender) => {
                let has_progress = sender.fill(|| self.cursor.next(log, is_only_reader), task);
                self.acknowledged = self.cursor.delivered();
                return Poll::Ready(has_progress);
            }
        };
        let mut has_progress = false;
        if let Some(pending) = self.pending.as_mut().as_pin_mut() {
            // An error means that the handler gave no reply. Whether the subscriber is still alive is checked elsewhere.
            let _ = ready!(pending.poll(task));
            self.pending.set(None);
            self.acknowledged = self.cursor.delivered();
            self.window.acknowledged();
            has_progress = true;
        }
        let (mut events, mut bytes) = (0, 0);
        while let Some(event) = self.cursor.next(log, is_only_reader) {
            events += 1;
            bytes += event.data_len();
            if self.window.is_full(events, bytes) || !self.cursor.seek(log) {
                self.pending.set(Some(recipient.send(event)));
                self.window.sent(events);
                // The caller polls again at once, so that the reply wakes the client.
                return Poll::Ready(true);
            }
            recipient.do_send(event);
        }
        // Events of other kinds count as handled.
        self.acknowledged = self.cursor.delivered();
        Poll::Ready(has_progress)
    }

    /// Lets the subscriber handle what it was sent, although the client does not wait for it any more.
    pub(super) fn detach(&mut self) {
        if self.pending.is_some() {
            let mut window = Detached(self.take_pending());
            actix_rt::spawn(async move {
                if let Some(pending) = window.0.as_mut().as_pin_mut() {
                    let _ = pending.await;
                }
                window.0.set(None);
            });
        }
    }

    /// Delivers all remaining events, without waiting for the subscriber.
    pub(super) fn drain(mut self, log: &mut Log) {
        drop(Detached(self.take_pending()));
        while let Some(event) = self.cursor.next(log, false) {
            self.sink.deliver(event);
        }
    }

    fn take_pending(&mut self) -> Acknowledgement {
        mem::replace(&mut self.pending, Box::pin(None))
    }
}

/// An acknowledgement that the client does not wait for any more.
///
/// actix skips a message whose reply nobody awaits, so the reply has to be awaited. That is impossible when the arbiter
/// stops; then the future is leaked, so that to actix it is still awaited.
struct Detached(Acknowledgement);

impl Drop for Detached {
    fn drop(&mut self) {
        if self.0.is_some() {
            mem::forget(mem::replace(&mut self.0, Box::pin(None)));
        }
    }
}
