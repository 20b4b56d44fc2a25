//! What a `before_connect` hook learns about its attempt.

use super::ReconnectCause;

/// An attempt to connect, as [`before_connect`](crate::EngineIoClientBuilder::before_connect) gets it.
///
/// A hook can use it to fetch another token only when the server did not accept the last one:
///
/// ```
/// use actix_engineio::{Attempt, ReconnectCause};
///
/// fn needs_token(attempt: &Attempt) -> bool {
///     match &attempt.cause {
///         None => true,
///         Some(ReconnectCause::Failed(err)) => {
///             err.http_status().is_some_and(|status| matches!(status.status, 401 | 403))
///         }
///         Some(_) => false,
///     }
/// }
///
/// assert!(needs_token(&Attempt::default()));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The number of the attempt: 0 for the application's own [`Connect`](crate::Connect), else as in
    /// [`Reconnecting::attempt`](crate::Reconnecting::attempt).
    pub number: u32,
    /// The failure that makes the attempt necessary: `None` for the application's own `Connect`, else as in
    /// [`Reconnecting::cause`](crate::Reconnecting::cause).
    pub cause: Option<ReconnectCause>,
}

impl Attempt {
    /// The attempt with this number, because of this failure. For tests of hooks; [`Attempt::default`] is that of an
    /// application's own `Connect`.
    pub fn new(number: u32, cause: Option<ReconnectCause>) -> Self {
        Self { number, cause }
    }
}
