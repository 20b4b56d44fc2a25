//! Background work that lives as long as a session.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use actix::{Addr, Message};
use actix_rt::task::JoinHandle;
use futures::future::LocalBoxFuture;
use thiserror::Error;

use super::EngineIoClient;

type Work = Box<dyn FnOnce(Addr<EngineIoClient>) -> LocalBoxFuture<'static, ()> + std::marker::Send>;

/// Starts background work on the client's arbiter that ends with the session: its future is dropped then.
///
/// The closure travels to the client, so it is `Send`; the future it makes stays there and need not be. The address it
/// is given keeps the client alive as any other.
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
/// # Ok(())
/// # }
/// ```
#[derive(Message)]
#[rtype(result = "Result<TaskHandle, NotConnected>")]
pub struct Spawn(pub(super) Work);

impl Spawn {
    /// The work to do while this session stands.
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

/// No session stands that the work could be bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not connected")]
#[non_exhaustive]
pub struct NotConnected;

/// Work that was started by [`Spawn`]. To drop it leaves the work alone; to await it waits until the work has ended.
#[derive(Debug)]
pub struct TaskHandle(pub(super) JoinHandle<()>);

impl TaskHandle {
    /// Ends the work: its future is dropped.
    pub fn abort(&self) {
        self.0.abort();
    }

    /// Whether the work has ended.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl Future for TaskHandle {
    /// Whether the work came to its own end: `false` when it was aborted, by its session's end too, or panicked.
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        Pin::new(&mut self.0).poll(cx).map(|outcome| outcome.is_ok())
    }
}
