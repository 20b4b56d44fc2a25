//! One subscriber: where its events go, and which of them it has handled.

use std::{
    sync::Arc,
    task::{Context as Task, Poll, ready},
    time::Instant,
};

use super::{
    cursor::Cursor,
    log::{Log, Weight},
    target::{Acknowledgement, Target},
    window::Window,
};
use crate::client::{event::Event, message::SubscriptionId, stream::EventSender};

/// Where a subscriber's events go.
pub(in crate::client) enum Sink {
    /// To an actor.
    Actor(Target),
    /// To an [`EventStream`](crate::EventStream).
    Stream(EventSender),
}

impl Sink {
    #[inline]
    pub(super) fn is_connected(&self) -> bool {
        match self {
            Self::Actor(target) => target.is_connected(),
            Self::Stream(sender) => !sender.is_closed(),
        }
    }

    /// Delivers an event, however many others wait there, and without an acknowledgement.
    pub(super) fn deliver(&self, event: Event) {
        match self {
            Self::Actor(target) => target.do_send(event),
            Self::Stream(sender) => sender.push(event),
        }
    }
}

/// A subscriber and its place in the log.
pub(super) struct Subscriber {
    id: SubscriptionId,
    /// The name that the application has given to it.
    name: Option<Arc<str>>,
    sink: Sink,
    cursor: Cursor,
    window: Window,
    /// The acknowledgement that the client waits for.
    pending: Acknowledgement,
    /// The weight of the events up to the last one that was handled.
    acknowledged: Weight,
}

impl Subscriber {
    /// A subscriber of the events that follow.
    pub(super) fn new(id: SubscriptionId, name: Option<Arc<str>>, sink: Sink, cursor: Cursor) -> Self {
        let acknowledged = cursor.delivered();
        Self { id, name, sink, cursor, window: Window::new(), pending: Acknowledgement::None, acknowledged }
    }

    pub(super) fn id(&self) -> SubscriptionId {
        self.id
    }

    pub(super) fn name(&self) -> Option<&Arc<str>> {
        self.name.as_ref()
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

    /// Whether it is a stream, or has handled everything that it was sent.
    pub(super) fn has_handled_all(&self) -> bool {
        matches!(self.sink, Sink::Stream(_)) || !(self.pending.is_pending() || self.window.has_rest())
    }

    /// Whether it may still be busy with what [`send_rest`](Self::send_rest) has sent.
    pub(super) fn may_handle_rest(&self, now: Instant) -> bool {
        self.window.may_handle_rest(now)
    }

    /// Whether the reader of a stream has read any event since the last call. A stream does not wake the client for each.
    pub(super) fn has_read(&mut self) -> bool {
        match &mut self.sink {
            Sink::Actor(_) => false,
            Sink::Stream(sender) => sender.has_read(),
        }
    }

    /// Waits until the current window is acknowledged, then sends the next one. Ready with whether the subscriber has made
    /// progress: it has acknowledged a window, or was sent one. See [`Log::take`] for `is_only_reader`.
    pub(super) fn poll(&mut self, log: &mut Log, is_only_reader: bool, task: &mut Task<'_>) -> Poll<bool> {
        if let Sink::Stream(sender) = &self.sink {
            // What fits into a stream counts as handled.
            let has_progress = sender.fill(|| self.cursor.next(log, is_only_reader), task);
            self.acknowledged = self.cursor.delivered();
            return Poll::Ready(has_progress);
        }
        let has_progress = ready!(self.pending.poll(task));
        if has_progress {
            self.acknowledged = self.cursor.delivered();
            self.window.acknowledged();
        }
        Poll::Ready(self.send_window(log, is_only_reader) || has_progress)
    }

    /// Sends the next window. Returns whether its acknowledgement is awaited. The caller polls again at once then, so that the
    /// reply wakes the client.
    fn send_window(&mut self, log: &mut Log, is_only_reader: bool) -> bool {
        match &self.sink {
            // Nearly all subscribers are of this kind, so their loop has no other code in it.
            Sink::Actor(Target::Recipient(recipient)) => {
                let (mut events, mut bytes) = (0, 0);
                while let Some(event) = self.cursor.next(log, is_only_reader) {
                    events += 1;
                    bytes += event.data_len();
                    if self.window.is_full(events, bytes) || !self.cursor.seek(log) {
                        self.pending.wait_for(recipient.send(event));
                        self.window.sent(events);
                        return true;
                    }
                    recipient.do_send(event);
                }
            }
            Sink::Actor(Target::Batched(_)) => return self.send_batch(log, is_only_reader),
            Sink::Actor(_) => return self.send_converted(log, is_only_reader),
            Sink::Stream(_) => {}
        }
        // Events of other kinds count as handled.
        self.acknowledged = self.cursor.delivered();
        false
    }

    /// Sends the next window to an actor that does not get the events as they are.
    #[inline(never)]
    fn send_converted(&mut self, log: &mut Log, is_only_reader: bool) -> bool {
        let Sink::Actor(target) = &self.sink else { return false };
        let (mut events, mut bytes) = (0, 0);
        while let Some(event) = self.cursor.next(log, is_only_reader) {
            events += 1;
            bytes += event.data_len();
            if self.window.is_full(events, bytes) || !self.cursor.seek(log) {
                target.send(event, &mut self.pending);
                self.window.sent(events);
                return true;
            }
            target.do_send(event);
        }
        self.acknowledged = self.cursor.delivered();
        false
    }

    /// Sends the next window in one message. Returns whether there are events for it.
    #[inline(never)]
    fn send_batch(&mut self, log: &mut Log, is_only_reader: bool) -> bool {
        let Sink::Actor(Target::Batched(recipient)) = &self.sink else { return false };
        let (mut events, mut bytes) = (Vec::new(), 0);
        while !self.window.is_full(events.len(), bytes)
            && let Some(event) = self.cursor.next(log, is_only_reader)
        {
            bytes += event.data_len();
            events.push(event);
        }
        if events.is_empty() {
            // Events of other kinds count as handled.
            self.acknowledged = self.cursor.delivered();
            return false;
        }
        self.window.sent(events.len());
        self.pending = Acknowledgement::of_batch(recipient, events);
        true
    }

    /// Sends an actor all remaining events, however many it has not handled. Only a single one is acknowledged: a `send` would wait
    /// for room in the mailbox, and other messages could come between. The reader of a stream takes the events as before.
    pub(super) fn send_rest(&mut self, log: &mut Log, is_only_reader: bool) {
        let Sink::Actor(target) = &self.sink else { return };
        if !self.cursor.seek(log) {
            return;
        }
        if !self.pending.is_pending() && log.is_last(self.cursor.position()) {
            self.send_window(log, is_only_reader);
            return;
        }
        let mut events = 0;
        while let Some(event) = self.cursor.next(log, is_only_reader) {
            target.do_send(event);
            events += 1;
        }
        self.window.sent_rest(events);
        if !self.pending.is_pending() {
            self.acknowledged = self.cursor.delivered();
        }
    }

    /// Lets the subscriber handle what it was sent, although the client does not wait for it any more.
    pub(super) fn detach(&mut self) {
        if let Some(pending) = self.pending.detach() {
            actix_rt::spawn(pending.wait());
        }
    }

    /// Delivers all remaining events, without waiting for the subscriber.
    pub(super) fn drain(mut self, log: &mut Log) {
        drop(self.pending.detach());
        while let Some(event) = self.cursor.next(log, false) {
            self.sink.deliver(event);
        }
    }
}
