//! Background work that lives as long as a session.

use std::{
    any::Any,
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use actix::{Addr, Message};
use actix_rt::task::{JoinError, JoinHandle};
use futures::future::LocalBoxFuture;
use thiserror::Error;

use super::EngineIoClient;
use crate::error::OneLine;

type Work = Box<dyn FnOnce(Addr<EngineIoClient>) -> LocalBoxFuture<'static, ()> + std::marker::Send>;

/// Starts background work on the client's arbiter. The work ends with the session: when the session ends, the future of
/// the work is dropped.
///
/// The closure is sent to the client, so it must be `Send`. The future that it returns stays on the client's arbiter, so it
/// does not have to be `Send`. The closure gets the client's address, which keeps the client alive like any other address.
///
/// Replies with a [`TaskHandle`], or with [`NotConnected`] if there is no session, or if it is being closed.
///
/// ```no_run
/// # async fn run(client: actix::Addr<actix_engineio::EngineIoClient>) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use actix_engineio::{self as engineio, Spawn};
///
/// let heartbeat = client
///     .send(Spawn::new(|client| async move {
///         loop {
///             actix_rt::time::sleep(Duration::from_secs(10)).await;
///             client.do_send(engineio::Send::text("still here"));
///         }
///     }))
///     .await??;
/// heartbeat.abort();
/// assert!(heartbeat.await.unwrap_err().is_cancelled());
/// # Ok(())
/// # }
/// ```
#[derive(Message)]
#[rtype(result = "Result<TaskHandle, NotConnected>")]
pub struct Spawn(pub(super) Work);

impl Spawn {
    /// The work to do during this session.
    pub fn new<F, Fut>(work: F) -> Self
    where
        F: FnOnce(Addr<EngineIoClient>) -> Fut + std::marker::Send + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        Self(Box::new(|client| Box::pin(work(client))))
    }
}

impl fmt::Debug for Spawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spawn").finish_non_exhaustive()
    }
}

/// There is no session to which the work of a [`Spawn`] could belong. Tests make one with `NotConnected::default()`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Error)]
#[error("not connected")]
#[non_exhaustive]
pub struct NotConnected;

/// A handle on the work that [`Spawn`] started. Awaiting it waits until the work has ended. Dropping it does not end
/// the work.
#[derive(Debug)]
pub struct TaskHandle(pub(super) JoinHandle<()>);

impl TaskHandle {
    /// Ends the work by dropping its future.
    pub fn abort(&self) {
        self.0.abort();
    }

    /// Whether the work has ended.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl Future for TaskHandle {
    /// `Ok` if the work finished by itself.
    type Output = Result<(), TaskError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_err(TaskError::new)
    }
}

/// Why the work of a [`Spawn`] did not finish by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskError(TaskFailure);

#[derive(Debug, Clone, PartialEq, Eq)]
enum TaskFailure {
    Cancelled,
    /// The message of the panic, if it had one.
    Panicked(Option<Box<str>>),
}

/// # Constructors
///
/// For tests of code that handles this error.
impl TaskError {
    /// The work was dropped.
    pub fn cancelled() -> Self {
        Self(TaskFailure::Cancelled)
    }

    /// The work panicked with this message.
    pub fn panicked(message: impl Into<Box<str>>) -> Self {
        Self(TaskFailure::Panicked(Some(message.into())))
    }
}

impl TaskError {
    fn new(err: JoinError) -> Self {
        Self(match err.try_into_panic() {
            Ok(payload) => TaskFailure::Panicked(panic_message(&*payload)),
            Err(_) => TaskFailure::Cancelled,
        })
    }

    /// Whether the work was dropped: its session ended, [`TaskHandle::abort`] was called, or the arbiter stopped.
    pub fn is_cancelled(&self) -> bool {
        self.0 == TaskFailure::Cancelled
    }

    /// Whether the work panicked. The session and the client go on.
    pub fn is_panic(&self) -> bool {
        !self.is_cancelled()
    }
}

impl fmt::Display for TaskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            TaskFailure::Cancelled => f.write_str("the task was cancelled"),
            TaskFailure::Panicked(None) => f.write_str("the task panicked"),
            TaskFailure::Panicked(Some(message)) => write!(f, "the task panicked: {}", OneLine(message)),
        }
    }
}

impl Error for TaskError {}

/// The text that `panic!` was called with.
fn panic_message(payload: &(dyn Any + std::marker::Send)) -> Option<Box<str>> {
    let literal = payload.downcast_ref::<&str>().copied();
    literal.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).map(Box::from)
}
