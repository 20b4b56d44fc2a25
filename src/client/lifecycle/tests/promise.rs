//! The promise of a policy: after a session, only what is documented ends it.

use super::model::PolicySetup;
use crate::{
    client::reconnect::{ReconnectCause, Reconnecting},
    error::{ConnectError, DisconnectReason, TransportError},
};

/// What the promise depends on.
#[derive(Debug)]
pub(super) struct Promise {
    policy: Option<PolicySetup>,
    /// The user's last `Connect` has led to a session.
    had_session: bool,
    close_requested: bool,
    /// The number of the last attempt that was announced.
    attempt: u32,
    /// The last failure for which no attempt was announced.
    gave_up: Option<ConnectError>,
}

/// The application's rule in the walks that have one: it does not want another attempt after this failure.
pub(super) fn is_refused(cause: &ReconnectCause) -> bool {
    match cause {
        ReconnectCause::Lost(DisconnectReason::TransportError(TransportError::Status(status)))
        | ReconnectCause::Failed(ConnectError::Status { status, .. }) => status.status == 404,
        _ => false,
    }
}

impl Promise {
    pub(super) fn new(policy: Option<PolicySetup>) -> Self {
        Self { policy, had_session: false, close_requested: false, attempt: 0, gave_up: None }
    }

    /// A `Connect` of the user was accepted.
    pub(super) fn connect(&mut self) {
        *self = Self::new(self.policy);
    }

    pub(super) fn disconnect(&mut self) {
        self.close_requested = true;
    }

    pub(super) fn opened(&mut self) {
        self.had_session = true;
    }

    pub(super) fn reconnecting(&mut self, next: &Reconnecting) {
        self.attempt = next.attempt;
    }

    pub(super) fn reconnect_failed(&mut self, err: &ConnectError) {
        self.gave_up = Some(err.clone());
    }

    /// The client is idle. The reason is that of the last session.
    pub(super) fn ended(&mut self, reason: Option<&DisconnectReason>) {
        let Some(policy) = self.policy.filter(|_| self.had_session && !self.close_requested) else { return };
        let cause = match (self.gave_up.take(), reason) {
            // Nothing in the walk is invalid, and nobody cancels.
            (Some(ConnectError::Transport { source: TransportError::Unsupported(_), .. }), _) => return,
            (Some(ConnectError::Exhausted(reason)), _) => ReconnectCause::Lost(*reason),
            (Some(err), _) => ReconnectCause::Failed(err),
            (None, Some(reason)) if reason.is_server_close() && !policy.on_server_close => return,
            (None, reason) => ReconnectCause::Lost(reason.cloned().expect("there was a session")),
        };
        if policy.has_rule && is_refused(&cause) {
            return;
        }
        assert_eq!(policy.max_attempts, Some(self.attempt), "it gave up because of {cause:?}");
    }
}
