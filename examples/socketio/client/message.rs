//! The messages that the actor accepts, and the one that it sends to the application.

use std::{fmt, sync::Arc, time::Duration};

use actix::{WeakAddr, prelude::*};
use actix_engineio::{SendErrorKind, Session};
use futures::future::LocalBoxFuture;
use serde_json::{Map, Value};

use super::{
    SocketIo,
    namespaces::{JoinError, LeaveReason},
    packet::Args,
};

/// Asks the application what the client says about itself, in an object of JSON.
pub(super) type Auth =
    Arc<dyn Fn() -> LocalBoxFuture<'static, Result<Map<String, Value>, String>> + Send + Sync>;

/// Joins a namespace, in this session and in every later one. Replies when the server has answered for the first time. Until the
/// first success it is not repeated: after [`JoinError::Lost`] or [`JoinError::TimedOut`], send it again.
#[derive(Message)]
#[rtype(result = "Result<Joined, JoinError>")]
pub(crate) struct Join {
    pub(super) namespace: String,
    pub(super) recipient: Recipient<FromServer>,
    pub(super) auth: Auth,
    pub(super) limit: Duration,
}

impl Join {
    /// Sends everything that happens in the namespace to `recipient`.
    pub(crate) fn new(namespace: &str, recipient: Recipient<FromServer>) -> Self {
        let auth: Auth = Arc::new(|| Box::pin(async { Ok(Map::new()) }));
        Self { namespace: with_slash(namespace), recipient, auth, limit: Duration::from_secs(20) }
    }

    /// Runs `hook` each time the client joins, also after a reconnect, so that it can bring a fresh token.
    pub(crate) fn auth<F>(mut self, hook: F) -> Self
    where
        F: AsyncFn() -> Result<Map<String, Value>, String> + Send + Sync + 'static,
    {
        let hook = Arc::new(hook);
        self.auth = Arc::new(move || {
            let hook = hook.clone();
            Box::pin(async move { hook().await })
        });
        self
    }

    /// How long the first answer may take, with the time until there is a session. Default: 20 seconds.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }
}

/// The server has let the client in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Joined {
    pub(crate) sid: String,
    /// `true` if the server has continued the previous session: the client is still in its rooms, and the events that it
    /// missed have come before this.
    pub(crate) recovered: bool,
}

/// Leaves a namespace.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Leave(pub(crate) String);

/// Leaves every namespace and ends the connection. Events that were emitted earlier are sent first, but a server of socket.io
/// ignores one that arrives together with this: send a goodbye with [`Emit::ask`], and this after its acknowledgement. Replies when
/// everything is closed.
///
/// While the send queue is full, this waits as every `Emit` does, and the client's `close_timeout` begins only after that.
/// Questions without an answer end with [`AskError::Lost`]. Between two sessions it stops the reconnecting. Afterwards another
/// `Connect` and [`Join`] are possible.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Close;

/// Sends an event. Replies when it was accepted, as `engineio::Send` does. That does not mean that the server has it: if the
/// connection is lost a moment later, nothing says so. To know, [`ask`](Self::ask).
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), EmitError>")]
pub(crate) struct Emit {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) args: Args,
}

impl Emit {
    pub(crate) fn new(namespace: &str, name: &str, args: Args) -> Self {
        Self { namespace: with_slash(namespace), name: name.to_owned(), args }
    }

    /// Asks for an acknowledgement, which must come within `limit`. The time in the send queue counts.
    pub(crate) fn ask(self, limit: Duration) -> Ask {
        Ask { emit: self, limit }
    }
}

/// Sends an event, and replies with what the server acknowledges it with. If this fails, the server may have handled the
/// event or not, except after `NotSent`.
///
/// A handler of [`FromServer`] must not await the reply before it returns: the answer can be behind events that wait for
/// this handler.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<Args, AskError>")]
pub(crate) struct Ask {
    pub(super) emit: Emit,
    pub(super) limit: Duration,
}

/// Why an event was not sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum EmitError {
    /// The client is not in the namespace.
    NotJoined,
    Refused(SendErrorKind),
}

/// Why there is no acknowledgement.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AskError {
    NotSent(EmitError),
    TimedOut,
    /// The client is not in the namespace any more.
    Lost,
}

/// What happens in a namespace. The next one comes when the handler of this one has finished, and a handler that is slow
/// slows the server down.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct FromServer {
    pub(crate) namespace: String,
    pub(crate) occurred: Occurred,
}

#[derive(Debug)]
pub(crate) enum Occurred {
    /// Once per session.
    Joined(Joined),
    /// The client is not in the namespace, and does not join it again by itself. The reply to a [`Join`] has the same error.
    Refused(JoinError),
    Event {
        name: String,
        args: Args,
        ack: Option<Acknowledge>,
    },
    /// After `LeaveReason::Lost` the client joins again by itself in the next session. After `LeaveReason::Server` it does
    /// not; the application can send another [`Join`].
    Left(LeaveReason),
}

/// The server wants to know what became of an event. Without an answer it waits as long as it likes.
pub(crate) struct Acknowledge {
    pub(super) socket: WeakAddr<SocketIo>,
    pub(super) answer: SendAck,
}

impl Acknowledge {
    pub(crate) fn send(self, args: Args) {
        if let Some(socket) = self.socket.upgrade() {
            socket.do_send(SendAck { args, ..self.answer });
        }
    }
}

impl fmt::Debug for Acknowledge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Acknowledge").field(&self.answer.id).finish()
    }
}

#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct SendAck {
    pub(super) namespace: String,
    /// The session that the event came in. In another one the number means nothing.
    pub(super) session: Arc<Session>,
    pub(super) id: u64,
    pub(super) args: Args,
}

/// The server knows every namespace by a name with a slash in front.
fn with_slash(namespace: &str) -> String {
    if namespace.starts_with('/') { namespace.to_owned() } else { format!("/{namespace}") }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { message, .. } => write!(f, "the server refused: {message}"),
            Self::Auth(err) => write!(f, "no credentials: {err}"),
            Self::Lost(reason) => write!(f, "the session ended: {reason}"),
            Self::TimedOut => f.write_str("the server did not answer in time"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::AlreadyJoined => f.write_str("already joined"),
        }
    }
}

impl fmt::Display for LeaveReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => f.write_str("the server has removed the client"),
            Self::Lost(reason) => write!(f, "the session ended: {reason}"),
        }
    }
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJoined => f.write_str("the client is not in the namespace"),
            Self::Refused(kind) => kind.fmt(f),
        }
    }
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(err) => err.fmt(f),
            Self::TimedOut => f.write_str("the server did not acknowledge the event in time"),
            Self::Lost => f.write_str("the client is not in the namespace any more"),
        }
    }
}

impl std::error::Error for JoinError {}
impl std::error::Error for EmitError {}
impl std::error::Error for AskError {}
