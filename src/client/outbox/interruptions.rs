//! When a message that was interrupted while it was written is not carried over any more.

use crate::{
    error::{DisconnectReason, TransportError},
    protocol::connection::Interrupted,
};

/// The number of sessions in a row that may end while the same message is written. Twice is not enough: on a mobile network it
/// happens to a large message by chance. Each attempt costs a session.
const MAX_SESSIONS: u8 = 3;

/// The sessions in a row that ended while the first unsent message was written.
///
/// Some servers and proxies end the session of a message that is too large before they have read it. The message is unsent
/// then, and would be the first one of every later session.
#[derive(Debug, Default)]
pub(super) struct Interruptions {
    sessions: u8,
}

impl Interruptions {
    /// A session has ended, for this reason. Returns whether the first message or group that it has not sent must not be
    /// carried over.
    pub(super) fn end_session(&mut self, interrupted: Interrupted, reason: &DisconnectReason) -> bool {
        let Interrupted { messages, is_first } = interrupted;
        if !is_first {
            // A message was sent before, or may have been, and the one that was counted is not behind it.
            self.sessions = 0;
        }
        if messages != 1 {
            // Nobody knows which message of a POST is to blame. The next session tries fewer of them.
            return false;
        }
        self.sessions += 1;
        let comes_back = is_refused(reason, is_first) || self.sessions >= MAX_SESSIONS;
        if comes_back {
            self.sessions = 0;
        }
        comes_back
    }

    /// The first message is not sent at all.
    pub(super) fn reset(&mut self) {
        self.sessions = 0;
    }
}

/// Whether the server has said that the message that was being written is too large. Over WebSocket it can also mean one that
/// was written before. In the next session there is none.
fn is_refused(reason: &DisconnectReason, is_first: bool) -> bool {
    match reason {
        DisconnectReason::TransportError(TransportError::Status(status)) => status.status == 413,
        DisconnectReason::TransportClose { code, .. } => *code == 1009 && is_first,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
