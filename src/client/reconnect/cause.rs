//! The failure after which a client connects again.

use std::{error::Error, fmt, time::Duration};

use crate::{
    error::{ConnectError, DisconnectReason, HttpStatus},
    transport,
};

/// The next attempt to connect, as [`Event::Reconnecting`](crate::Event::Reconnecting) announces it.
///
/// ```
/// use std::time::Duration;
///
/// use actix_engineio::{DisconnectReason, ReconnectCause, Reconnecting};
///
/// let cause = ReconnectCause::Lost(DisconnectReason::PingTimeout);
/// let reconnecting = Reconnecting::new(1, Duration::from_millis(200), cause);
/// assert_eq!(reconnecting.cause.to_string(), "ping timeout");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reconnecting {
    /// The number of the attempt, from 1. The count starts again after a session that lasted for the policy's
    /// [`stable_after`](crate::Reconnect::stable_after).
    pub attempt: u32,
    /// The time that the client waits before the attempt.
    pub delay: Duration,
    /// The failure that makes the attempt necessary.
    pub cause: ReconnectCause,
}

impl Reconnecting {
    /// An attempt with this number, after this delay, because of this failure. For tests of code that handles the event.
    pub fn new(attempt: u32, delay: Duration, cause: ReconnectCause) -> Self {
        Self { attempt, delay, cause }
    }
}

/// The failure after which a client connects again.
///
/// Its `Display` is that of the error inside.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReconnectCause {
    /// A session was lost. The [`Disconnected`](crate::Disconnected) before has the same reason.
    Lost(DisconnectReason),
    /// An attempt to connect failed.
    Failed(ConnectError),
}

impl ReconnectCause {
    /// The error that caused this one, for [`downcast_ref`](Error#method.downcast_ref): see
    /// [`DisconnectReason::get_ref`] and [`ConnectError::get_ref`].
    pub fn get_ref(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        match self {
            Self::Lost(reason) => reason.get_ref(),
            Self::Failed(err) => err.get_ref(),
        }
    }

    /// Whether no policy connects again after this: the application asked for the end, or nothing can change the
    /// outcome.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Lost(reason) => matches!(reason, DisconnectReason::Client(_)),
            Self::Failed(err) => err.is_final(),
        }
    }

    /// Whether the application caused the end, by a message of its own or by stopping the client.
    pub(in crate::client) fn is_by_application(&self) -> bool {
        match self {
            Self::Lost(reason) => matches!(reason, DisconnectReason::Client(_)),
            Self::Failed(err) => err.is_by_application(),
        }
    }

    pub(super) fn is_server_close(&self) -> bool {
        matches!(self, Self::Lost(reason) if reason.is_server_close())
    }

    /// The time that the server, or a proxy, asked for with `Retry-After`, in whatever response ended the session or the
    /// attempt.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        let status = match self {
            Self::Lost(DisconnectReason::TransportError(err)) => err.http_status(),
            Self::Lost(_) => None,
            Self::Failed(err) => err.http_status(),
        };
        status?.retry_after
    }

    /// Whether the server or a proxy did not accept the client's credentials or its certificate, or asked for some.
    pub(super) fn is_about_credentials(&self) -> bool {
        match self {
            Self::Lost(DisconnectReason::TransportError(err))
            | Self::Failed(ConnectError::Transport { source: err, .. }) => {
                err.is_about_credentials() || transport::is_client_certificate_refused(err)
            }
            Self::Lost(_) => false,
            Self::Failed(err) => err.http_status().is_some_and(HttpStatus::is_about_credentials),
        }
    }
}

impl fmt::Display for ReconnectCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(reason) => reason.fmt(f),
            Self::Failed(err) => err.fmt(f),
        }
    }
}

impl Error for ReconnectCause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.get_ref()?.source()
    }
}
