//! Who is told, and how far each has come.
//!
//! Events wait in one log; each subscriber has a position in it. A subscriber is given a run of events at a time: all
//! but the last by `do_send`, the last by `send`, whose reply says that the run was handled. What a subscriber has
//! not handled counts against `receive_buffer`: that is how a slow subscriber slows the server down.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix::{Recipient, dev::RecipientRequest};
use futures_channel::mpsc;

use super::{
    event::{Event, EventKind},
    message::SubscriptionId,
};

/// A run is at most so many events, and ends with the event that brings its data to so many bytes: what is read next
/// then finds the buffers of the last run free and warm.
const RUN_EVENTS: usize = 64;
const RUN_BYTES: usize = 64 << 10;

/// What an event costs beside its data, in bytes.
const OVERHEAD: u64 = 64;

/// Where a subscriber's events go.
pub(super) enum Outlet {
    /// To an actor.
    Recipient(Recipient<Event>),
    /// To an [`EventStream`](crate::EventStream).
    Stream(mpsc::Sender<Event>),
}

impl Outlet {
    fn is_connected(&self) -> bool {
        match self {
            Self::Recipient(recipient) => recipient.connected(),
            Self::Stream(sender) => !sender.is_closed(),
        }
    }
}

struct Subscriber {
    id: SubscriptionId,
    outlet: Outlet,
    only: Option<Vec<EventKind>>,
    /// The session that stood when it came.
    first: Option<Event>,
    /// Its next event: a position in the log, counted from the first event ever.
    next: u64,
    /// The last event of the run that is being handled; boxed once, since its future cannot move.
    pending: Pin<Box<Option<RecipientRequest<Event>>>>,
    /// What everything it was given weighs.
    given: u64,
    /// What it has handled weighs this.
    handled: u64,
}

/// See the [module](self).
#[derive(Default)]
pub(super) struct Subscribers {
    list: Vec<Subscriber>,
    next_id: u64,
    /// Events that not every subscriber was given.
    log: VecDeque<Event>,
    /// The position of the first event in the log.
    start: u64,
    /// What every event ever logged weighs.
    weight: u64,
}

impl fmt::Debug for Subscribers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribers")
            .field("subscribers", &self.list.len())
            .field("log", &self.log.len())
            .finish_non_exhaustive()
    }
}

fn weight(event: &Event) -> u64 {
    OVERHEAD + u64::try_from(event.data_len()).unwrap_or(u64::MAX)
}

impl Subscribers {
    /// Adds a subscriber of the events from here on, `first` before them.
    pub(super) fn add(
        &mut self,
        outlet: Outlet,
        only: Option<Vec<EventKind>>,
        first: Option<Event>,
    ) -> SubscriptionId {
        let id = SubscriptionId(self.next_id);
        self.next_id += 1;
        self.list.push(Subscriber {
            id,
            outlet,
            only,
            first,
            next: self.end(),
            pending: Box::pin(None),
            given: self.weight,
            handled: self.weight,
        });
        id
    }

    pub(super) fn remove(&mut self, id: SubscriptionId) -> bool {
        let before = self.list.len();
        self.list.retain(|subscriber| subscriber.id != id);
        self.trim();
        self.list.len() < before
    }

    pub(super) fn push(&mut self, event: Event) {
        self.weight += weight(&event);
        self.log.push_back(event);
    }

    /// Somebody listens.
    pub(super) fn any_connected(&self) -> bool {
        self.list.iter().any(|subscriber| subscriber.outlet.is_connected())
    }

    /// How much has been told so far: a position for [`owes`](Self::owes).
    pub(super) fn told(&self) -> u64 {
        self.weight
    }

    /// A subscriber has handled nothing of what was told after `position`.
    pub(super) fn owes(&self, position: u64) -> bool {
        self.list.iter().any(|subscriber| subscriber.handled <= position)
    }

    /// What the slowest subscriber has not handled, in bytes.
    pub(super) fn backlog(&self) -> u64 {
        self.list.iter().map(|subscriber| self.weight - subscriber.handled).max().unwrap_or(0)
    }

    /// Gives everyone what they have room for. Ready when any event was handled since the last call.
    pub(super) fn poll_feed(&mut self, cx: &mut Context<'_>) -> bool {
        self.list.retain(|subscriber| subscriber.outlet.is_connected());
        let mut handled = false;
        let alone = self.list.len() == 1;
        for subscriber in &mut self.list {
            let mut feed = Feed { log: &mut self.log, start: &mut self.start, alone };
            while let Poll::Ready(progress) = subscriber.poll_run(&mut feed, cx) {
                handled |= progress;
                if !progress {
                    break;
                }
            }
        }
        self.trim();
        handled
    }

    /// Hands over everything at once, unbounded: the client is going.
    pub(super) fn drain(&mut self) {
        for subscriber in &mut self.list {
            let from = usize::try_from(subscriber.next - self.start).unwrap_or(usize::MAX);
            for event in subscriber.first.iter().chain(self.log.iter().skip(from)) {
                if !subscriber.wants(event.kind()) {
                    continue;
                }
                match &mut subscriber.outlet {
                    Outlet::Recipient(recipient) => recipient.do_send(event.clone()),
                    // Each clone of a sender has room for one event, however full the channel is.
                    Outlet::Stream(sender) => _ = sender.clone().try_send(event.clone()),
                }
            }
        }
        self.list.clear();
        self.trim();
    }

    fn end(&self) -> u64 {
        self.start + u64::try_from(self.log.len()).unwrap_or(0)
    }

    /// Forgets what everyone was given.
    fn trim(&mut self) {
        let needed = self.list.iter().map(|subscriber| subscriber.next).min().unwrap_or_else(|| self.end());
        while self.start < needed {
            self.log.pop_front();
            self.start += 1;
        }
        // A log that a slow subscriber made long gives its memory back.
        if self.log.is_empty() && self.log.capacity() > 4 * RUN_EVENTS {
            self.log = VecDeque::new();
        }
    }
}

/// The log, as one subscriber sees it.
struct Feed<'a> {
    log: &'a mut VecDeque<Event>,
    start: &'a mut u64,
    /// Nobody else needs an event that this subscriber was given.
    alone: bool,
}

impl Feed<'_> {
    /// The event at `position`, if there is one.
    fn get(&mut self, position: u64) -> Option<Event> {
        if self.alone && position == *self.start {
            let event = self.log.pop_front()?;
            *self.start += 1;
            return Some(event);
        }
        let at = usize::try_from(position.checked_sub(*self.start)?).ok()?;
        self.log.get(at).cloned()
    }
}

impl Subscriber {
    fn wants(&self, kind: EventKind) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&kind))
    }

    /// Waits for the run that is being handled, then gives the next. Ready with whether anything was handled.
    fn poll_run(&mut self, feed: &mut Feed<'_>, cx: &mut Context<'_>) -> Poll<bool> {
        if let Outlet::Stream(_) = self.outlet {
            return self.poll_stream(feed, cx);
        }
        let mut progress = false;
        if let Some(pending) = self.pending.as_mut().as_pin_mut() {
            // An error means that the handler gave no reply; whether the subscriber lives is checked elsewhere.
            let _ = ready!(pending.poll(cx));
            self.pending.set(None);
            self.handled = self.given;
            progress = true;
        }
        let mut last = None;
        let (mut events, mut bytes) = (0, 0);
        while events < RUN_EVENTS && bytes < RUN_BYTES {
            let Some(event) = self.next_event(feed) else { break };
            events += 1;
            bytes += event.data_len();
            if let (Some(before), Outlet::Recipient(recipient)) = (last.replace(event), &self.outlet) {
                recipient.do_send(before);
            }
        }
        match (last, &self.outlet) {
            (Some(last), Outlet::Recipient(recipient)) => {
                self.pending.set(Some(recipient.send(last)));
                // Polled again at once, so that the reply can wake the client.
                Poll::Ready(true)
            }
            _ => {
                // Events it does not want count as handled.
                self.handled = self.given;
                Poll::Ready(progress)
            }
        }
    }

    fn poll_stream(&mut self, feed: &mut Feed<'_>, cx: &mut Context<'_>) -> Poll<bool> {
        let mut progress = false;
        loop {
            let Outlet::Stream(sender) = &mut self.outlet else { return Poll::Ready(progress) };
            match sender.poll_ready(cx) {
                Poll::Ready(Ok(())) => {}
                // Closed: it is removed with the next feed.
                Poll::Ready(Err(_)) => return Poll::Ready(false),
                Poll::Pending => return Poll::Ready(progress),
            }
            let Some(event) = self.next_event(feed) else { break };
            if let Outlet::Stream(sender) = &mut self.outlet {
                let _ = sender.start_send(event);
            }
            self.handled = self.given;
            progress = true;
        }
        self.handled = self.given;
        Poll::Ready(progress)
    }

    fn next_event(&mut self, feed: &mut Feed<'_>) -> Option<Event> {
        if let Some(first) = self.first.take()
            && self.wants(first.kind())
        {
            return Some(first);
        }
        while let Some(event) = feed.get(self.next) {
            self.next += 1;
            self.given += weight(&event);
            if self.wants(event.kind()) {
                return Some(event);
            }
        }
        None
    }
}
