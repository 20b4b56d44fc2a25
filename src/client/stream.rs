//! Events for code without an actor.

use std::{
    collections::VecDeque,
    mem,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use actix::{Addr, MailboxError, Message};
use futures::Stream;

use super::{EngineIoClient, event::Event};

/// Events that a stream holds, and the bytes of data at which it is full with fewer.
const CAPACITY: usize = 64;
const CAPACITY_BYTES: usize = 64 << 10;

/// Of these, how many the reader takes at a time: one lock for many events, and the client fills up meanwhile.
const HAND: usize = CAPACITY / 2;

/// The events of a client as a [`Stream`], for code without an actor of its own.
///
/// It is full with 64 events or 64 KiB of data; while it is, the client reads no further than `receive_buffer`. It goes
/// on across sessions and ends when the client stops. It holds no address of the client: keep one, or the client ends
/// with its connection. Usable from any runtime and any thread.
///
/// ```no_run
/// # async fn run(client: actix::Addr<actix_engineio::EngineIoClient>) -> Result<(), Box<dyn std::error::Error>> {
/// use actix_engineio::{Event, EventStream};
/// use futures_util::StreamExt;
///
/// let mut events = EventStream::subscribe(&client).await?;
/// while let Some(event) = events.next().await {
///     if let Event::Message(data) = event {
///         println!("{data:?}");
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a stream that is dropped unsubscribes"]
pub struct EventStream {
    channel: Arc<Channel>,
    /// Taken out of the channel, and not read yet.
    hand: VecDeque<Event>,
}

impl EventStream {
    /// Subscribes to every event of `client`. While a session stands its `Connected` comes first.
    ///
    /// # Errors
    /// The client has stopped.
    pub async fn subscribe(client: &Addr<EngineIoClient>) -> Result<Self, MailboxError> {
        let channel = Arc::<Channel>::default();
        let stream = Self { channel: channel.clone(), hand: VecDeque::new() };
        client.send(SubscribeStream(EventSender { channel, read: 0 })).await?;
        Ok(stream)
    }

    /// Takes the next handful.
    fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.channel.lock();
        let taken = state.waiting.len().min(HAND);
        self.hand.extend(state.waiting.drain(..taken));
        let read = state.bytes_in_hand;
        state.in_hand = taken;
        state.bytes_in_hand = self.hand.iter().map(Event::data_len).sum();
        state.bytes -= read;
        if self.hand.is_empty() && !state.ended {
            state.reader = Some(cx.waker().clone());
        }
        let ended = state.ended;
        let writer = if state.is_full() { None } else { state.writer.take() };
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
        if self.hand.is_empty() && !ended { Poll::Pending } else { Poll::Ready(()) }
    }
}

impl Stream for EventStream {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.hand.is_empty() && self.poll_take(cx).is_pending() {
            return Poll::Pending;
        }
        // This is its only writer.
        let read = self.channel.read.load(Ordering::Relaxed);
        self.channel.read.store(read.wrapping_add(1), Ordering::Relaxed);
        Poll::Ready(self.hand.pop_front())
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        let mut state = self.channel.lock();
        state.closed = true;
        let (unread, writer) = (mem::take(&mut state.waiting), state.writer.take());
        drop(state);
        drop(unread);
        if let Some(writer) = writer {
            writer.wake();
        }
    }
}

/// What a stream and its client share.
#[derive(Debug, Default)]
struct Channel {
    state: Mutex<ChannelState>,
    /// Events that the reader has read. It tells of them only when it comes for more.
    read: AtomicU64,
}

#[derive(Debug, Default)]
struct ChannelState {
    waiting: VecDeque<Event>,
    /// Bytes of data in them, and in the hand.
    bytes: usize,
    /// Events that the reader took out last, and their data. They count until it comes for more.
    in_hand: usize,
    bytes_in_hand: usize,
    /// Woken when there is something to read.
    reader: Option<Waker>,
    /// Woken when there is room.
    writer: Option<Waker>,
    /// The stream was dropped.
    closed: bool,
    /// The client has stopped, or has removed the subscription.
    ended: bool,
}

impl ChannelState {
    fn push(&mut self, event: Event) {
        self.bytes += event.data_len();
        self.waiting.push_back(event);
    }

    fn is_full(&self) -> bool {
        self.waiting.len() + self.in_hand >= CAPACITY || self.bytes >= CAPACITY_BYTES
    }
}

impl Channel {
    fn lock(&self) -> MutexGuard<'_, ChannelState> {
        // Nothing panics while it is locked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The client's end of an [`EventStream`]. The stream ends when this is dropped.
#[derive(Debug)]
pub(super) struct EventSender {
    channel: Arc<Channel>,
    /// How many the reader had read when that was asked for last.
    read: u64,
}

impl EventSender {
    /// The stream was dropped.
    pub(super) fn is_closed(&self) -> bool {
        self.channel.lock().closed
    }

    /// Whether the reader has read any event since this was asked for last.
    pub(super) fn has_read(&mut self) -> bool {
        let read = self.channel.read.load(Ordering::Relaxed);
        mem::replace(&mut self.read, read) != read
    }

    /// Fills the stream up with what `next` gives. Returns whether it gave any. If the stream is full afterwards, its
    /// reader wakes the task once there is room.
    pub(super) fn fill(&self, mut next: impl FnMut() -> Option<Event>, cx: &Context<'_>) -> bool {
        let mut state = self.channel.lock();
        let before = state.waiting.len();
        while !state.is_full() {
            let Some(event) = next() else { break };
            state.push(event);
        }
        if state.is_full() {
            state.writer = Some(cx.waker().clone());
        }
        let filled = state.waiting.len() > before;
        let reader = if filled { state.reader.take() } else { None };
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
        filled
    }

    /// Adds an event, however full the stream is: the client is going, and its end wakes the reader.
    pub(super) fn push(&self, event: Event) {
        self.channel.lock().push(event);
    }
}

impl Drop for EventSender {
    fn drop(&mut self) {
        let mut state = self.channel.lock();
        state.ended = true;
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

/// [`Subscribe`](super::Subscribe), with a channel.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct SubscribeStream(pub(super) EventSender);
