//! The subscribers of a client, and the events on their way to them.
//!
//! Events wait in one log, and each subscriber has a cursor in it. A subscriber gets a window of events at a time: all but the
//! last by `do_send`, the last by `send`, whose reply acknowledges the window. The weight of the events that a subscriber has
//! not acknowledged counts against `receive_buffer`, without those of kinds that it does not want. In this way a slow subscriber
//! slows the server down.

mod cursor;
mod log;
mod subscriber;
mod target;
mod window;

#[cfg(test)]
mod tests;

use std::{
    fmt, mem,
    sync::Arc,
    task::{Context as Task, Poll},
};

use self::{
    cursor::Cursor,
    log::{Log, Weight},
    subscriber::Subscriber,
};
pub(super) use self::{subscriber::Sink, target::Target};
use super::{
    event::{Event, EventKind},
    message::SubscriptionId,
};
use crate::protocol::handshake::{Session, TransportKind};

/// A subscriber that has too many events to handle.
pub(super) struct Behind {
    pub(super) subscriber: SubscriptionId,
    pub(super) name: Option<Arc<str>>,
    pub(super) is_stream: bool,
    /// Bytes of the events that it has not handled, with the overhead of each.
    pub(super) bytes: u64,
}

/// See the [module](self).
pub(super) struct Subscribers {
    list: Vec<Subscriber>,
    next_id: u64,
    log: Log,
    /// The limit for events that a subscriber has not acknowledged: `receive_buffer`.
    limit: Weight,
    /// The session that the subscribers know of.
    session: Option<Arc<Session>>,
    /// The total weight of the log before the `Connected` of the last session.
    session_start: Option<Weight>,
    /// Messages that came back in events which a subscriber that is gone has not been sent, and which no other takes.
    unseen: usize,
}

impl fmt::Debug for Subscribers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribers")
            .field("subscribers", &self.list.len())
            .field("log", &self.log.len())
            .finish_non_exhaustive()
    }
}

impl Subscribers {
    pub(super) fn new(receive_buffer: usize) -> Self {
        Self {
            list: Vec::new(),
            next_id: 0,
            log: Log::default(),
            limit: Weight::from_bytes(receive_buffer),
            session: None,
            session_start: None,
            unseen: 0,
        }
    }

    /// Adds a subscriber of the events that follow. If a session is open, the subscriber gets its `Connected` at once.
    pub(super) fn add(
        &mut self,
        sink: Sink,
        only: Option<Vec<EventKind>>,
        name: Option<Arc<str>>,
    ) -> SubscriptionId {
        let id = SubscriptionId(self.next_id);
        self.next_id += 1;
        let cursor = Cursor::new(only, &self.log);
        let connected = self.session.clone().map(Event::Connected);
        if let Some(connected) = connected.filter(|connected| cursor.wants(connected)) {
            sink.deliver(connected);
        }
        if self.list.is_empty() {
            // Most clients have one subscriber.
            self.list.reserve_exact(1);
        }
        self.list.push(Subscriber::new(id, name, sink, cursor));
        id
    }

    /// Removes a subscriber. It gets no event that it was not sent yet. Returns whether there was one.
    pub(super) fn remove(&mut self, id: SubscriptionId) -> bool {
        let Some(index) = self.list.iter().position(|subscriber| subscriber.id() == id) else { return false };
        let mut subscriber = self.list.remove(index);
        self.count_unseen(&subscriber);
        subscriber.detach();
        self.trim();
        true
    }

    /// Removes the subscribers that are not alive.
    fn remove_dead(&mut self) {
        while let Some(index) = self.list.iter().position(|subscriber| !subscriber.sink().is_connected()) {
            let subscriber = self.list.remove(index);
            self.count_unseen(&subscriber);
        }
    }

    /// Counts the messages that come back in events which this subscriber, who is gone, was not sent, and which no other takes.
    fn count_unseen(&mut self, gone: &Subscriber) {
        let mut position = gone.cursor().position();
        while let Some(event) = self.log.get(position) {
            let messages = event.returned();
            let is_taken = |other: &Subscriber| other.cursor().takes(position, event);
            if messages > 0 && gone.cursor().wants(event) && !self.list.iter().any(is_taken) {
                self.unseen += messages;
            }
            position.advance();
        }
    }

    /// Takes the number of messages that came back and that nobody sees, because their subscriber is gone.
    pub(super) fn take_unseen(&mut self) -> usize {
        mem::take(&mut self.unseen)
    }

    /// Adds an event that is about no particular session. For the others there are the methods below.
    pub(super) fn push(&mut self, event: Event) {
        self.log.push(event);
    }

    pub(super) fn session_opened(&mut self, session: Arc<Session>) {
        self.session_start = Some(self.log.total_weight());
        self.session = Some(session.clone());
        self.push(Event::Connected(session));
    }

    /// The session is on another transport. It may have changed by that: a WebSocket has a subprotocol.
    pub(super) fn session_upgraded(&mut self, kind: TransportKind, session: Option<&Arc<Session>>) {
        self.session = session.or(self.session.as_ref()).cloned();
        self.push(Event::Upgraded(kind));
    }

    /// `end`: the event `Disconnected`.
    pub(super) fn session_closed(&mut self, end: Event) {
        self.session = None;
        self.push(end);
    }

    /// There is a subscriber that is alive and takes events like this one.
    pub(super) fn any_takes(&mut self, event: &Event) -> bool {
        self.remove_dead();
        self.list.iter().any(|subscriber| subscriber.cursor().wants(event))
    }

    /// There is at least one subscriber that is alive.
    pub(super) fn any_connected(&self) -> bool {
        self.list.iter().any(|subscriber| subscriber.sink().is_connected())
    }

    /// Whether a stream is subscribed that was not dropped.
    pub(super) fn any_stream_is_open(&self) -> bool {
        self.list.iter().any(|subscriber| match subscriber.sink() {
            Sink::Stream(sender) => !sender.is_closed(),
            Sink::Actor(_) => false,
        })
    }

    /// Whether the reader of any stream has read an event since the last call.
    pub(super) fn have_read(&mut self) -> bool {
        // All of them are asked, since each answer is about the time since the last.
        self.list.iter_mut().fold(false, |have_read, subscriber| subscriber.has_read() | have_read)
    }

    /// Some subscriber has handled no event of the last session, or has too many events to handle. Without the second, attempts
    /// that fail would add events without end.
    pub(super) fn are_behind(&self) -> bool {
        !self.have_room() || self.session_start.is_some_and(|start| self.any_has_handled_nothing_since(start))
    }

    fn any_has_handled_nothing_since(&self, weight: Weight) -> bool {
        self.list.iter().any(|subscriber| subscriber.acknowledged() <= weight)
    }

    /// No subscriber has more events to handle than `receive_buffer` allows.
    pub(super) fn have_room(&self) -> bool {
        let total = self.log.total_weight();
        self.list.iter().all(|subscriber| subscriber.backlog(total) <= self.limit)
    }

    /// The reader of some stream has not taken events of as many bytes as fit into it.
    pub(super) fn are_streams_full(&self) -> bool {
        self.list.iter().any(|subscriber| match subscriber.sink() {
            Sink::Stream(sender) => sender.is_full_of_bytes(),
            Sink::Actor(_) => false,
        })
    }

    /// The subscriber that makes reading stop: the one with the most bytes of events to handle, if these are more than
    /// `receive_buffer`.
    pub(super) fn furthest_behind(&self) -> Option<Behind> {
        let total = self.log.total_weight();
        let last = self.list.iter().max_by_key(|subscriber| subscriber.backlog(total))?;
        (last.backlog(total) > self.limit).then(|| Behind {
            subscriber: last.id(),
            name: last.name().cloned(),
            is_stream: matches!(last.sink(), Sink::Stream(_)),
            bytes: last.backlog(total).bytes(),
        })
    }

    /// Sends events to all subscribers that have acknowledged their window. Returns whether any subscriber has made progress
    /// since the last call.
    pub(super) fn poll(&mut self, task: &mut Task<'_>) -> bool {
        self.remove_dead();
        let mut has_progress = false;
        let is_only_reader = self.list.len() == 1;
        for subscriber in &mut self.list {
            while let Poll::Ready(true) = subscriber.poll(&mut self.log, is_only_reader, task) {
                has_progress = true;
            }
        }
        self.trim();
        has_progress
    }

    /// Sends all events that have not been sent, although subscribers have not handled the ones before: whoever hears that the
    /// last session has ended can send a subscriber a message, which is then behind all events.
    pub(super) fn send_rest(&mut self) {
        let is_only_reader = self.list.len() == 1;
        for subscriber in &mut self.list {
            subscriber.send_rest(&mut self.log, is_only_reader);
        }
        self.trim();
    }

    /// Whether all subscribers that are actors have handled what they were sent.
    pub(super) fn have_handled_all(&self) -> bool {
        self.list.iter().all(Subscriber::has_handled_all)
    }

    /// Lets all subscribers handle what they were sent, although the client stops.
    pub(super) fn detach(&mut self) {
        self.list.iter_mut().for_each(Subscriber::detach);
    }

    /// Delivers all events at once, since the client has stopped.
    pub(super) fn drain(&mut self) {
        self.remove_dead();
        for subscriber in mem::take(&mut self.list) {
            subscriber.drain(&mut self.log);
        }
        self.trim();
    }

    /// Forgets the events that every subscriber was sent.
    fn trim(&mut self) {
        let positions = self.list.iter().map(|subscriber| subscriber.cursor().position());
        self.log.trim(positions.min().unwrap_or_else(|| self.log.end()));
    }
}
