//! One subscriber: where its events go, and which of them it has handled.

use std::{
    collections::VecDeque,
    mem,
    sync::Arc,
    task::{Context as Task, Poll, ready},
};

use super::{
    cursor::Cursor,
    log::{Log, Weight},
    target::{Acknowledgement, Detached, Target},
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
    /// The acknowledgement of the last window.
    pending: Acknowledgement,
    /// The acknowledgements of earlier windows, the oldest first, each with the weight of the events up to the end of its
    /// window. Only [`send_rest`](Self::send_rest) makes any.
    #[expect(clippy::box_collection, reason = "an idle client takes less memory")]
    earlier: Option<Box<VecDeque<(Acknowledgement, Weight)>>>,
    /// The weight of the events up to the last one that was handled.
    acknowledged: Weight,
}

impl Subscriber {
    /// A subscriber of the events that follow.
    pub(super) fn new(id: SubscriptionId, name: Option<Arc<str>>, sink: Sink, cursor: Cursor) -> Self {
        let acknowledged = cursor.delivered();
        Self {
            id,
            name,
            sink,
            cursor,
            window: Window::new(),
            pending: Acknowledgement::None,
            earlier: None,
            acknowledged,
        }
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

    /// The weight of the events that it has to handle. `total` is that of all events that were ever pushed.
    pub(super) fn backlog(&self, total: Weight) -> Weight {
        self.cursor.backlog(self.acknowledged, total)
    }

    /// Whether it is a stream, or has handled everything that it was sent.
    pub(super) fn has_handled_all(&self) -> bool {
        matches!(self.sink, Sink::Stream(_)) || (self.earlier.is_none() && !self.pending.is_pending())
    }

    /// Whether the reader of a stream has read any event since the last call. A stream does not wake the client for each event
    /// that is read.
    pub(super) fn has_read(&mut self) -> bool {
        match &mut self.sink {
            Sink::Actor(_) => false,
            Sink::Stream(sender) => sender.has_read(),
        }
    }

    /// Waits until the current window is acknowledged, then sends the next one. If there are earlier windows, it waits for the
    /// oldest of them instead. Ready with whether the subscriber has made progress: it has acknowledged a window, or was sent
    /// one. See [`Log::take`] for `is_only_reader`.
    pub(super) fn poll(&mut self, log: &mut Log, is_only_reader: bool, task: &mut Task<'_>) -> Poll<bool> {
        if let Sink::Stream(sender) = &self.sink {
            // What fits into a stream counts as handled.
            let has_progress = sender.fill(|| self.cursor.next(log, is_only_reader), task);
            self.acknowledged = self.cursor.delivered();
            return Poll::Ready(has_progress);
        }
        // Skips events of other kinds, which need no room then while the subscriber is busy.
        self.cursor.seek(log);
        if let Some(earlier) = &mut self.earlier {
            if let Some((acknowledgement, weight)) = earlier.front_mut() {
                ready!(acknowledgement.poll(task));
                self.acknowledged = *weight;
                earlier.pop_front();
                return Poll::Ready(true);
            }
            self.earlier = None;
        }
        let has_progress = ready!(self.pending.poll(task));
        if has_progress {
            self.acknowledged = self.cursor.delivered();
            self.window.acknowledged();
        }
        Poll::Ready(self.send_window(log, is_only_reader) || has_progress)
    }

    /// Sends the next window. The cursor must be at a wanted event, or at the end: see [`Cursor::seek`]. Returns whether the
    /// acknowledgement of the window is awaited. If it is, the caller polls again at once, so that the reply wakes the client.
    fn send_window(&mut self, log: &mut Log, is_only_reader: bool) -> bool {
        match &self.sink {
            // Nearly all subscribers are of this kind, so their loop has no other code in it.
            Sink::Actor(Target::Recipient(recipient)) => {
                let (mut events, mut bytes) = (0, 0);
                while let Some(event) = self.cursor.take(log, is_only_reader) {
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

    /// Sends an actor all remaining events at once, however many it has not handled. It acknowledges them window by window, as
    /// before. The reader of a stream takes the events as before.
    pub(super) fn send_rest(&mut self, log: &mut Log, is_only_reader: bool) {
        self.window.widen(self.cursor.waiting(log));
        while self.cursor.seek(log) {
            let Sink::Actor(target) = &mut self.sink else { return };
            // A request with an acknowledgement waits for room if the same sender has filled the mailbox, and the next window
            // would overtake it. Each clone is a sender of its own, whose first request is put into the mailbox at once.
            *target = target.clone();
            if self.pending.is_pending() {
                let pending = mem::replace(&mut self.pending, Acknowledgement::None);
                self.earlier.get_or_insert_default().push_back((pending, self.cursor.delivered()));
            }
            self.send_window(log, is_only_reader);
        }
    }

    /// Lets the subscriber handle what it was sent, although the client does not wait for it any more: a request that waits for
    /// room in the mailbox is withdrawn if nobody polls it.
    pub(super) fn detach(&mut self) {
        for awaited in self.take_awaited() {
            actix_rt::spawn(awaited.wait());
        }
    }

    /// Takes out the acknowledgements that are awaited.
    fn take_awaited(&mut self) -> impl Iterator<Item = Detached> {
        let earlier = self.earlier.take().into_iter().flat_map(|earlier| *earlier);
        let pending = self.pending.detach();
        earlier.filter_map(|(mut acknowledgement, _)| acknowledgement.detach()).chain(pending)
    }

    /// Delivers all remaining events, without waiting for the subscriber.
    pub(super) fn drain(mut self, log: &mut Log) {
        self.take_awaited().for_each(drop);
        while let Some(event) = self.cursor.next(log, false) {
            self.sink.deliver(event);
        }
    }
}
