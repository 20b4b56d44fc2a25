//! Who is told, and how far each has come.
//!
//! Events wait in one log; each subscriber has a position in it. A subscriber is given a run of events at a time: all
//! but the last by `do_send`, the last by `send`, whose reply says that the run was handled. What a subscriber has
//! not handled counts against `receive_buffer`: that is how a slow subscriber slows the server down.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use actix::{Recipient, dev::RecipientRequest};

use super::{
    event::{Event, EventKind},
    message::SubscriptionId,
    stream::EventSender,
    timer::now,
};
use crate::data::OVERHEAD;

/// A run is at most so many events, and ends with the event that brings its data to so many bytes: what is read next
/// then finds the buffers of the last run free and warm.
const RUN_EVENTS: usize = 64;
const RUN_BYTES: usize = 64 << 10;

/// That an event was handled shows with the last of a run alone, and it has to within `stall_timeout`. So a run has no more
/// events than would take this long at the pace of the one before.
const RUN_TIME: Duration = Duration::from_secs(1);

/// Where a subscriber's events go.
pub(super) enum Sink {
    /// To an actor.
    Recipient(Recipient<Event>),
    /// To an [`EventStream`](crate::EventStream).
    Stream(EventSender),
}

impl Sink {
    fn is_connected(&self) -> bool {
        match self {
            Self::Recipient(recipient) => recipient.connected(),
            Self::Stream(sender) => !sender.is_closed(),
        }
    }
}

struct Subscriber {
    id: SubscriptionId,
    outlet: Sink,
    cursor: Cursor,
    /// The last event of the run that is being handled; boxed once, since its future cannot move.
    pending: Pin<Box<Option<RecipientRequest<Event>>>>,
    run: Run,
    /// What it has handled weighs this.
    handled: u64,
}

/// The runs of a subscriber.
struct Run {
    /// How many events the next one has, at most.
    limit: usize,
    /// How many the last one had, and when it was given.
    events: u32,
    given_at: Instant,
}

impl Run {
    /// One was handled: how many events the next may have.
    #[inline(never)] // It would burden the way of every event.
    fn adapt(&mut self) {
        let pace = now().saturating_duration_since(self.given_at) / self.events.max(1);
        let in_time = RUN_TIME.as_nanos().checked_div(pace.as_nanos()).unwrap_or(u128::MAX);
        self.limit = usize::try_from(in_time).unwrap_or(usize::MAX).clamp(1, RUN_EVENTS);
    }

    fn given(&mut self, events: usize) {
        self.events = u32::try_from(events).unwrap_or(u32::MAX);
        self.given_at = now();
    }
}

/// How far a subscriber has come.
struct Cursor {
    only: Option<Vec<EventKind>>,
    /// The session that stood when it came, if it wants to know.
    first: Option<Event>,
    /// Its next event: a position in the log.
    next: u64,
    /// What everything it was given weighs.
    given: u64,
}

/// Events that not every subscriber was given. Positions are counted from the first event ever.
struct Log {
    events: VecDeque<Event>,
    /// The position of the first event that is still there.
    start: u64,
    /// What every event ever logged weighs.
    weight: u64,
}

/// See the [module](self).
#[derive(Default)]
pub(super) struct Subscribers {
    list: Vec<Subscriber>,
    next_id: u64,
    log: Log,
}

impl fmt::Debug for Subscribers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribers")
            .field("subscribers", &self.list.len())
            .field("log", &self.log.events.len())
            .finish_non_exhaustive()
    }
}

fn weight(event: &Event) -> u64 {
    u64::try_from(event.data_len().saturating_add(OVERHEAD)).unwrap_or(u64::MAX)
}

impl Default for Log {
    fn default() -> Self {
        // A quiet session has one at a time.
        Self { events: VecDeque::with_capacity(1), start: 0, weight: 0 }
    }
}

impl Log {
    fn end(&self) -> u64 {
        self.start + u64::try_from(self.events.len()).unwrap_or(0)
    }

    fn push(&mut self, event: Event) {
        self.weight += weight(&event);
        self.events.push_back(event);
    }

    fn get(&self, position: u64) -> Option<&Event> {
        let at = position.checked_sub(self.start)?;
        self.events.get(usize::try_from(at).ok()?)
    }

    /// The event at `position`, if there is one. `alone`: nobody else needs what was taken.
    fn take(&mut self, position: u64, alone: bool) -> Option<Event> {
        if alone && position == self.start {
            let event = self.events.pop_front()?;
            self.start += 1;
            return Some(event);
        }
        self.get(position).cloned()
    }

    /// Forgets what comes before `position`.
    fn trim(&mut self, position: u64) {
        while self.start < position {
            self.events.pop_front();
            self.start += 1;
        }
        // A log that a slow subscriber made long gives its memory back.
        if self.events.is_empty() && self.events.capacity() > 4 * RUN_EVENTS {
            self.events = VecDeque::new();
        }
    }
}

impl Cursor {
    fn wants(&self, event: &Event) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(&event.kind()))
    }

    /// Whether there is an event that it wants. Those before it count as given.
    fn seek(&mut self, log: &Log) -> bool {
        if self.only.is_some() {
            while let Some(event) = log.get(self.next).filter(|event| !self.wants(event)) {
                self.given += weight(event);
                self.next += 1;
            }
        }
        self.first.is_some() || self.next < log.end()
    }

    /// The next event it wants.
    #[inline(always)] // Else each event would be moved once more.
    fn next(&mut self, log: &mut Log, alone: bool) -> Option<Event> {
        if self.first.is_some() {
            return self.first.take();
        }
        self.seek(log);
        let event = log.take(self.next, alone)?;
        self.given += weight(&event);
        self.next += 1;
        Some(event)
    }
}

impl Subscribers {
    /// Adds a subscriber of the events from here on, `first` before them.
    pub(super) fn add(
        &mut self,
        outlet: Sink,
        only: Option<Vec<EventKind>>,
        first: Option<Event>,
    ) -> SubscriptionId {
        let id = SubscriptionId(self.next_id);
        self.next_id += 1;
        let mut cursor = Cursor { only, first: None, next: self.log.end(), given: self.log.weight };
        cursor.first = first.filter(|first| cursor.wants(first));
        if self.list.is_empty() {
            // Most clients have one.
            self.list.reserve_exact(1);
        }
        self.list.push(Subscriber {
            id,
            outlet,
            cursor,
            pending: Box::pin(None),
            run: Run { limit: 1, events: 1, given_at: now() },
            handled: self.log.weight,
        });
        id
    }

    pub(super) fn remove(&mut self, id: SubscriptionId) -> bool {
        let Some(at) = self.list.iter().position(|subscriber| subscriber.id == id) else { return false };
        self.list.remove(at).leave();
        self.trim();
        true
    }

    pub(super) fn push(&mut self, event: Event) {
        self.log.push(event);
    }

    /// Somebody listens.
    pub(super) fn any_connected(&self) -> bool {
        self.list.iter().any(|subscriber| subscriber.outlet.is_connected())
    }

    /// Whether the reader of a stream has read any event since this was asked for last. It goes through a handful without
    /// waking anybody.
    pub(super) fn have_read(&mut self) -> bool {
        let mut have_read = false;
        for subscriber in &mut self.list {
            if let Sink::Stream(sender) = &mut subscriber.outlet {
                have_read |= sender.has_read();
            }
        }
        have_read
    }

    /// How much has been told so far: a position for [`owes`](Self::owes).
    pub(super) fn told(&self) -> u64 {
        self.log.weight
    }

    /// A subscriber has handled nothing of what was told after `position`.
    pub(super) fn owes(&self, position: u64) -> bool {
        self.list.iter().any(|subscriber| subscriber.handled <= position)
    }

    /// What the slowest subscriber has not handled, in bytes.
    pub(super) fn backlog(&self) -> u64 {
        self.list.iter().map(|subscriber| self.log.weight - subscriber.handled).max().unwrap_or(0)
    }

    /// Gives everyone what they have room for. Ready when any event was handled since the last call.
    pub(super) fn poll_feed(&mut self, cx: &mut Context<'_>) -> bool {
        self.list.retain(|subscriber| subscriber.outlet.is_connected());
        let mut handled = false;
        let alone = self.list.len() == 1;
        for subscriber in &mut self.list {
            while let Poll::Ready(progress) = subscriber.poll_run(&mut self.log, alone, cx) {
                handled |= progress;
                if !progress {
                    break;
                }
            }
        }
        self.trim();
        handled
    }

    /// Lets the runs under way be handled although the client stops of its own accord.
    pub(super) fn leave_runs(&mut self) {
        for subscriber in &mut self.list {
            subscriber.leave_run();
        }
    }

    /// Hands over everything at once, unbounded: the client is going.
    pub(super) fn drain(&mut self) {
        for mut subscriber in mem::take(&mut self.list) {
            drop(LeftRun(subscriber.take_pending()));
            while let Some(event) = subscriber.cursor.next(&mut self.log, false) {
                match &subscriber.outlet {
                    Sink::Recipient(recipient) => recipient.do_send(event),
                    Sink::Stream(sender) => sender.push(event),
                }
            }
        }
        self.trim();
    }

    /// Forgets what everyone was given.
    fn trim(&mut self) {
        let positions = self.list.iter().map(|subscriber| subscriber.cursor.next);
        self.log.trim(positions.min().unwrap_or_else(|| self.log.end()));
    }
}

/// The last event of a run that its client does not wait for any more. actix skips a message whose reply nobody awaits, so
/// the reply is awaited; where nobody can, because the arbiter stops, it is leaked, which to actix is the same.
struct LeftRun(Pin<Box<Option<RecipientRequest<Event>>>>);

impl Drop for LeftRun {
    fn drop(&mut self) {
        if self.0.is_some() {
            mem::forget(mem::replace(&mut self.0, Box::pin(None)));
        }
    }
}

impl Subscriber {
    fn take_pending(&mut self) -> Pin<Box<Option<RecipientRequest<Event>>>> {
        mem::replace(&mut self.pending, Box::pin(None))
    }

    /// Lets the run under way be handled although the client does not wait for it any more.
    fn leave_run(&mut self) {
        if self.pending.is_some() {
            let mut run = LeftRun(self.take_pending());
            actix_rt::spawn(async move {
                if let Some(pending) = run.0.as_mut().as_pin_mut() {
                    let _ = pending.await;
                }
                run.0.set(None);
            });
        }
    }

    /// It is not a subscriber any more, but handles what it was given.
    fn leave(mut self) {
        self.leave_run();
    }

    /// Waits for the run that is being handled, then gives the next. Ready with whether anything was handled.
    /// `alone`: it is the only one.
    fn poll_run(&mut self, log: &mut Log, alone: bool, cx: &mut Context<'_>) -> Poll<bool> {
        let recipient = match &self.outlet {
            Sink::Recipient(recipient) => recipient,
            // What a stream holds counts as handled.
            Sink::Stream(sender) => {
                let progress = sender.fill(|| self.cursor.next(log, alone), cx);
                self.handled = self.cursor.given;
                return Poll::Ready(progress);
            }
        };
        let mut progress = false;
        if let Some(pending) = self.pending.as_mut().as_pin_mut() {
            // An error means that the handler gave no reply; whether the subscriber lives is checked elsewhere.
            let _ = ready!(pending.poll(cx));
            self.pending.set(None);
            self.handled = self.cursor.given;
            self.run.adapt();
            progress = true;
        }
        let (mut events, mut bytes) = (0, 0);
        while let Some(event) = self.cursor.next(log, alone) {
            events += 1;
            bytes += event.data_len();
            if events == self.run.limit || bytes >= RUN_BYTES || !self.cursor.seek(log) {
                self.pending.set(Some(recipient.send(event)));
                self.run.given(events);
                // Polled again at once, so that the reply can wake the client.
                return Poll::Ready(true);
            }
            recipient.do_send(event);
        }
        // Events it does not want count as handled.
        self.handled = self.cursor.given;
        Poll::Ready(progress)
    }
}
