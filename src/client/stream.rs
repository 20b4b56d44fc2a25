//! Events for code without an actor.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use actix::{Addr, MailboxError, Message};
use futures_channel::mpsc;
use futures_core::Stream;

use super::{EngineIoClient, event::Event};

/// Events that may wait in a stream.
const CAPACITY: usize = 64;

/// The events of a client as a [`Stream`], for code without an actor of its own.
///
/// It holds 64 events; while it is full the client reads no further than `receive_buffer`. It goes on across sessions
/// and ends when the client stops. It holds no address of the client: keep one, or the client ends with its
/// connection. Usable from any runtime and any thread.
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
pub struct EventStream(mpsc::Receiver<Event>);

impl EventStream {
    /// Subscribes to every event of `client`. While a session stands its `Connected` comes first.
    ///
    /// # Errors
    /// The client has stopped.
    pub async fn subscribe(client: &Addr<EngineIoClient>) -> Result<Self, MailboxError> {
        // A channel holds its buffer and one event for each sender.
        let (sender, receiver) = mpsc::channel(CAPACITY - 1);
        client.send(SubscribeStream(sender)).await?;
        Ok(Self(receiver))
    }
}

impl Stream for EventStream {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        Pin::new(&mut self.0).poll_next(cx)
    }
}

/// [`Subscribe`](super::Subscribe), with a channel.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct SubscribeStream(pub(super) mpsc::Sender<Event>);
