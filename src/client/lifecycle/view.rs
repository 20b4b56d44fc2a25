//! What the rest of the client needs to know about a [`Lifecycle`].

use super::{Initiator, Lifecycle, Phase};
use crate::{
    client::{message::State, outbox::Gate, reconnect::ReconnectCause},
    error::DisconnectReason,
    protocol::connection::Connection,
};

impl Lifecycle {
    /// There is no connection, and only the user can start one.
    pub(in crate::client) fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle { .. })
    }

    /// The next attempt begins at `handle_caught_up`.
    pub(in crate::client) fn awaits_subscribers(&self) -> bool {
        matches!(self.phase, Phase::AwaitingSubscribers { .. })
    }

    pub(in crate::client) fn has_outputs(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// While the client is idle, the reason why the last session ended. `None` if there was no session, or if the user's last
    /// `Connect` has failed.
    pub(in crate::client) fn last_reason(&self) -> Option<&DisconnectReason> {
        match &self.phase {
            Phase::Idle { last_reason } => last_reason.as_ref(),
            _ => None,
        }
    }

    /// The last failure that the application did not cause itself.
    pub(in crate::client) fn last_error(&self) -> Option<&ReconnectCause> {
        self.last_error.as_deref()
    }

    pub(in crate::client) fn reconnects(&self) -> u64 {
        self.reconnects
    }

    /// The state as users see it.
    pub(in crate::client) fn state(&self, connection: &Connection) -> State {
        match &self.phase {
            Phase::Idle { .. } => State::Disconnected,
            Phase::Connected { .. } if connection.is_open() => State::Connected,
            Phase::Connected { .. } => State::Disconnecting,
            // The attempt has failed, and its transports are being closed.
            Phase::Connecting { .. } if !connection.is_connecting() => State::Disconnecting,
            Phase::Preparing { initiator, .. }
            | Phase::Connecting { initiator, .. }
            | Phase::Backoff { initiator, .. }
            | Phase::AwaitingSubscribers { initiator, .. } => match initiator {
                Initiator::User { .. } => State::Connecting,
                Initiator::Policy { .. } => State::Reconnecting,
            },
        }
    }

    /// What happens to a message that is to be sent now.
    pub(in crate::client) fn gate(&self, connection: &Connection) -> Gate {
        if connection.is_open() {
            return Gate::Open { has_room: connection.has_room() };
        }
        let carries_over = self.options.keep_unsent && self.backoff.is_some();
        match &self.phase {
            Phase::Idle { .. } => Gate::Closed,
            // The user has asked for the end, and the session is writing its last messages.
            Phase::Connected { .. } if !connection.is_ending() => Gate::Closed,
            // Nothing follows, so the end decides.
            Phase::Connecting { close_requested: true, .. }
            | Phase::Connected { close_requested: true, .. } => Gate::Waiting,
            Phase::Connected { .. } if carries_over => Gate::CarryOver,
            Phase::Connected { .. } => Gate::Waiting,
            Phase::Preparing { initiator, .. }
            | Phase::Connecting { initiator, .. }
            | Phase::Backoff { initiator, .. }
            | Phase::AwaitingSubscribers { initiator, .. } => match initiator {
                Initiator::User { .. } => Gate::Waiting,
                Initiator::Policy { .. } if carries_over => Gate::CarryOver,
                Initiator::Policy { .. } => Gate::Closed,
            },
        }
    }
}
