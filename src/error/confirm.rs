//! Why nothing confirms that messages arrived.

use thiserror::Error;

/// Why a [`Confirm`](crate::Confirm) failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfirmError {
    /// There is no session, or it is being closed.
    #[error("not connected")]
    NotConnected,
    /// The session ended first. Whether the messages have arrived is not known.
    #[error("the connection ended before the messages were confirmed")]
    Disconnected,
    /// There was no confirmation within [`request_timeout`](crate::EngineIoClientBuilder::request_timeout). The session
    /// goes on, and the messages may still arrive.
    #[error("the messages were not confirmed in time")]
    Timeout,
}
