//! The state of a client without a round trip through its mailbox.

use actix::Message;
use tokio::sync::watch;

use crate::client::message::State;

/// Replies with a [`StateWatch`], which shows the state of the client from then on. For health checks, and for code that waits
/// for a state.
///
/// ```no_run
/// use actix_engineio::{State, WatchState};
///
/// # async fn run(client: actix::Addr<actix_engineio::EngineIoClient>) -> Result<(), Box<dyn std::error::Error>> {
/// let mut watch = client.send(WatchState).await?;
/// while watch.get() != State::Connected {
///     if watch.changed().await.is_none() {
///         println!("the client has stopped");
///         break;
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, Default, Message)]
#[rtype(result = "StateWatch")]
pub struct WatchState;

/// The state of a client, for any thread and any async runtime. It does not keep the client alive.
#[derive(Debug, Clone)]
pub struct StateWatch {
    receiver: watch::Receiver<State>,
    /// The state that `changed` compares with.
    seen: State,
}

impl StateWatch {
    pub(super) fn new(receiver: watch::Receiver<State>) -> Self {
        let seen = *receiver.borrow();
        Self { receiver, seen }
    }

    /// The state now. It is [`State::Disconnected`] after the client has stopped.
    pub fn get(&self) -> State {
        *self.receiver.borrow()
    }

    /// Waits until the state differs from the one that the last call returned. The first call compares with the state at the
    /// creation of the watch. Returns the new state, or `None` if the client has stopped. A state that lasts only for a moment
    /// may be missed.
    pub async fn changed(&mut self) -> Option<State> {
        let seen = self.seen;
        self.seen = *self.receiver.wait_for(|state| *state != seen).await.ok()?;
        Some(self.seen)
    }
}
