//! Events for code that is not an actor.

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

use super::{
    EngineIoClient,
    event::{Event, EventKind},
};

/// Number of events with which a stream is full, and bytes of data with which it is full earlier.
const CAPACITY: usize = 64;
const CAPACITY_BYTES: usize = 64 << 10;

/// Number of events that the reader takes under one lock. The client can refill the rest meanwhile.
const HAND: usize = CAPACITY / 2;

/// The events of a client as a stream, for code that is not an actor.
///
/// The stream buffers up to 64 events or 64 KiB of data. When it is full, further events wait in the client, and when more
/// than [`receive_buffer`](crate::EngineIoClientBuilder::receive_buffer) bytes are waiting there, the client stops reading
/// from the server. A stream that is not polled therefore stops the whole connection: drop it when it is no longer needed. If
/// the reader runs on the client's own thread, the client lets it run before it reads more from the server whenever the stream
/// contains 64 KiB.
///
/// Do not await a [`Send`](crate::Send) in the loop that reads the stream. While the send queue is full, the loop would wait,
/// so the client would stop reading. If the server waits in the same way, neither goes on until a time limit ends the session.
/// Use `do_send`, or send from another task.
///
/// The stream goes on from one session to the next. It ends when the client stops, after the last events. It keeps the client
/// alive only while there is a session, or the client is about to open one. Keep an address of the client if it should live
/// longer. It can be used on any thread and in any async runtime.
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
    /// Events that were taken from the channel and not read yet.
    hand: VecDeque<Event>,
}

impl EventStream {
    /// Subscribes to every event of `client`. If a session is open, its `Connected` comes first.
    ///
    /// # Errors
    /// The client has stopped.
    pub async fn subscribe(client: &Addr<EngineIoClient>) -> Result<Self, MailboxError> {
        Self::add(client, None).await
    }

    /// Subscribes to the events of these kinds, as [`Subscribe::only`](crate::Subscribe::only) does. A stream without
    /// [`EventKind::Message`] does not have to be polled as fast as the messages of the server come.
    ///
    /// ```no_run
    /// # async fn run(client: actix::Addr<actix_engineio::EngineIoClient>) -> Result<(), Box<dyn std::error::Error>> {
    /// use actix_engineio::{EventKind, EventStream};
    ///
    /// let ends = [EventKind::Disconnected, EventKind::Rejected, EventKind::RejectedAll];
    /// let events = EventStream::subscribe_only(&client, ends).await?;
    /// # drop(events);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The client has stopped.
    pub async fn subscribe_only(
        client: &Addr<EngineIoClient>,
        kinds: impl IntoIterator<Item = EventKind>,
    ) -> Result<Self, MailboxError> {
        Self::add(client, Some(kinds.into_iter().collect())).await
    }

    async fn add(client: &Addr<EngineIoClient>, only: Option<Vec<EventKind>>) -> Result<Self, MailboxError> {
        let channel = Arc::<Channel>::default();
        let stream = Self { channel: channel.clone(), hand: VecDeque::new() };
        client.send(SubscribeStream { sender: EventSender { channel, read: 0 }, only }).await?;
        Ok(stream)
    }

    /// Takes the next events from the channel.
    fn poll_take(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.channel.lock();
        let was_full = state.is_full();
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
        let has_room_again = was_full && !state.is_full();
        let writer = if has_room_again { state.writer.clone() } else { None };
        drop(state);
        if let Some(writer) = writer {
            writer.wake();
        }
        if self.hand.is_empty() && !ended { Poll::Pending } else { Poll::Ready(()) }
    }
}

impl Stream for EventStream {
    type Item = Event;

    // Most calls only take an event that is there, which costs less than the call itself.
    #[inline]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.hand.is_empty() && self.poll_take(cx).is_pending() {
            return Poll::Pending;
        }
        // No other code writes this counter.
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

/// The part that a stream and its client share.
#[derive(Debug, Default)]
struct Channel {
    state: Mutex<ChannelState>,
    /// Number of events that the reader has read. They are taken off the counts in `state` when the reader takes more.
    read: AtomicU64,
}

#[derive(Debug, Default)]
struct ChannelState {
    waiting: VecDeque<Event>,
    /// Bytes of data in `waiting` and in the reader's hand.
    bytes: usize,
    /// Events that the reader took last, and bytes of data in them. They count until the reader takes more.
    in_hand: usize,
    bytes_in_hand: usize,
    /// The task to wake when there is something to read.
    reader: Option<Waker>,
    /// The task to wake when there is room, or when the stream was dropped.
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
        self.waiting.len() + self.in_hand >= CAPACITY || self.is_full_of_bytes()
    }

    fn is_full_of_bytes(&self) -> bool {
        self.bytes >= CAPACITY_BYTES
    }
}

impl Channel {
    fn lock(&self) -> MutexGuard<'_, ChannelState> {
        // No code panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The client's end of an [`EventStream`]. Dropping it ends the stream.
#[derive(Debug)]
pub(super) struct EventSender {
    channel: Arc<Channel>,
    /// Value of `Channel::read` at the last call of [`has_read`](Self::has_read).
    read: u64,
}

impl EventSender {
    /// Whether the stream was dropped.
    pub(super) fn is_closed(&self) -> bool {
        self.channel.lock().closed
    }

    /// Whether the reader has read any event since the last call.
    pub(super) fn has_read(&mut self) -> bool {
        let read = self.channel.read.load(Ordering::Relaxed);
        mem::replace(&mut self.read, read) != read
    }

    /// Whether the reader has not taken events of as many bytes as fit into the stream.
    pub(super) fn is_full_of_bytes(&self) -> bool {
        self.channel.lock().is_full_of_bytes()
    }

    /// Fills the stream with the events that `next` returns. Returns whether there were any. If the stream is full
    /// afterwards, its reader wakes the task of `cx` when there is room. A stream that is dropped wakes it, too.
    pub(super) fn fill(&self, mut next: impl FnMut() -> Option<Event>, cx: &Context<'_>) -> bool {
        let mut state = self.channel.lock();
        let before = state.waiting.len();
        while !state.is_full() {
            let Some(event) = next() else { break };
            state.push(event);
        }
        if state.writer.as_ref().is_none_or(|writer| !writer.will_wake(cx.waker())) {
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

    /// Adds an event even if the stream is full. For a client that stops: dropping this sender wakes the reader.
    pub(super) fn push(&self, event: Event) {
        self.channel.lock().push(event);
    }
}

impl Drop for EventSender {
    fn drop(&mut self) {
        let mut state = self.channel.lock();
        state.ended = true;
        let reader = state.reader.take();
        // Dropping the waker may drop the client's task, so it happens without the lock.
        let writer = state.writer.take();
        drop(state);
        drop(writer);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

/// Subscribes a stream, as [`Subscribe`](super::Subscribe) does an actor.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct SubscribeStream {
    pub(super) sender: EventSender,
    /// The kinds of events that the stream gets. `None`: all of them.
    pub(super) only: Option<Vec<EventKind>>,
}
