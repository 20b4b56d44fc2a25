//! The state of a client, and the message that asks for it.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use actix::Message;

use super::SubscriptionId;
use crate::{
    client::reconnect::ReconnectCause,
    protocol::{
        connection::Counters,
        handshake::{Session, TransportKind},
    },
};

/// Replies with the [`Status`] of the client.
///
/// ```no_run
/// use actix_engineio::{GetStatus, State};
///
/// # async fn run(client: actix::Addr<actix_engineio::EngineIoClient>) -> Result<(), Box<dyn std::error::Error>> {
/// let status = client.send(GetStatus).await?;
/// if status.state == State::Connected {
///     println!("{} messages wait, {} bytes were sent", status.queued_messages, status.counters.bytes_sent);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, Message)]
#[rtype(result = "Status")]
pub struct GetStatus;

/// The state of a client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// There is no session, and no attempt to open one.
    #[default]
    Disconnected,
    /// A `Connect` is in progress. With [`on_initial_connect`](crate::Reconnect::on_initial_connect) this includes the delays
    /// between its attempts.
    Connecting,
    /// A session was lost, and the client is waiting for the next attempt of its policy, or is connecting.
    Reconnecting,
    /// A session is open.
    Connected,
    /// A session is being closed, or the connections of an attempt that failed.
    Disconnecting,
}

impl State {
    /// The name in lower case: `disconnected`, `connecting`, `reconnecting`, `connected` or `disconnecting`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::Connecting => "connecting",
            Self::Reconnecting => "reconnecting",
            Self::Connected => "connected",
            Self::Disconnecting => "disconnecting",
        }
    }
}

/// The same as [`as_str`](Self::as_str).
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The state of a client and its figures, at one moment.
///
/// The default describes a new client. Tests start from it and set what they need:
///
/// ```
/// use actix_engineio::{State, Status};
///
/// let mut status = Status::default();
/// status.state = State::Connected;
/// status.queued_messages = 3;
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Status {
    /// The state of the client.
    pub state: State,
    /// The session, if one is open.
    pub session: Option<Arc<Session>>,
    /// The transport that messages are written to, if a session is open.
    pub transport: Option<TransportKind>,
    /// Messages that are accepted or wait for room in the queue, and are not written yet.
    pub queued_messages: usize,
    /// Bytes of data in these messages.
    pub queued_bytes: usize,
    /// Packets and bytes in both directions since the client started.
    pub counters: Counters,
    /// Sessions that the reconnect policy opened after an earlier one was lost.
    pub reconnects: u64,
    /// The time that the last answer took: the opening of the session (with lookup, TCP and TLS), a POST, a WebSocket ping (of
    /// [`Confirm`](crate::Confirm), [`websocket_ping`](crate::EngineIoClientBuilder::websocket_ping) or
    /// [`confirm_sends`](crate::EngineIoClientBuilder::confirm_sends)), or in protocol 3 a ping of the client. The time in which
    /// the client did not read because of a slow subscriber does not count.
    pub round_trip: Option<Duration>,
    /// The last failure: why a session was lost, or why an attempt to connect failed. It stays when the client connects
    /// again, so that it can be seen later. A `Disconnect` is no failure.
    pub last_error: Option<ReconnectCause>,
    /// The subscriber because of which the client does not read from the server now, if there is one.
    pub back_pressure: Option<BackPressure>,
}

/// A subscriber has more than [`receive_buffer`](crate::EngineIoClientBuilder::receive_buffer) bytes of events to
/// handle, so the client does not read from the server. If several subscribers are behind, this is the one with the
/// most bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackPressure {
    /// The time at which the client stopped reading.
    pub since: Instant,
    /// Bytes of the events that the subscriber has not handled: their data, and an overhead for each event.
    pub bytes: u64,
    /// The subscriber. Subscribers that were added by the builder have the ids 0, 1, .. in the order in which they were added,
    /// and streams have ids too.
    pub subscriber: SubscriptionId,
    /// Its name, if it was given one with [`Subscribe::name`](crate::Subscribe::name).
    pub name: Option<Arc<str>>,
}

impl BackPressure {
    /// Back-pressure since `since`, because of `subscriber`. For tests of code that handles a [`Status`].
    pub fn new(since: Instant, bytes: u64, subscriber: SubscriptionId) -> Self {
        Self { since, bytes, subscriber, name: None }
    }
}
