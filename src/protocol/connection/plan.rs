//! Which transport a connect tries first, which one next, and which failure it reports.

use super::io::ConnectParams;
use crate::{error::ConnectError, protocol::handshake::TransportKind};

/// The transports that a connect may still try.
#[derive(Debug)]
pub(super) struct Plan {
    /// The transports after the current one, in the order in which they are tried. The session may be upgraded to
    /// them.
    untried: Vec<TransportKind>,
    /// The current transport was remembered from an earlier session. If it fails, the listed ones are tried as usual.
    is_remembered: bool,
    /// The next transport is tried if the current one cannot open the session.
    try_all: bool,
    /// The session is upgraded, if it opens over polling and the server offers it.
    upgrade: bool,
    /// The first retryable failure. It is reported if the last transport fails with one that is not.
    failure: Option<ConnectError>,
}

impl Plan {
    /// Returns the plan, and the transport to start with: a WebSocket if one is remembered, else the first one
    /// listed.
    pub(super) fn new(
        params: &ConnectParams,
        is_remembered: bool,
    ) -> Result<(Self, TransportKind), ConnectError> {
        let untried = params.transports.clone();
        let Some(&first) = untried.first() else { return Err(ConnectError::NoTransports) };
        let is_remembered =
            is_remembered && first != TransportKind::WebSocket && untried.contains(&TransportKind::WebSocket);
        let mut plan =
            Self { untried, is_remembered, try_all: params.try_all, upgrade: params.upgrade, failure: None };
        if is_remembered {
            // A remembered WebSocket is tried first, in addition to the listed transports.
            return Ok((plan, TransportKind::WebSocket));
        }
        plan.remove(first);
        Ok((plan, first))
    }

    /// The current transport has failed. Returns the next one, if it is to be tried.
    pub(super) fn next(&mut self, err: &ConnectError) -> Option<TransportKind> {
        let next = *self.untried.first().filter(|_| self.try_all || self.is_remembered)?;
        if err.is_retryable() && !self.is_remembered {
            self.failure.get_or_insert_with(|| err.clone());
        }
        self.is_remembered = false;
        self.remove(next);
        Some(next)
    }

    /// The failure of the connect, whose last transport failed with `last`.
    pub(super) fn failure(&mut self, last: ConnectError) -> ConnectError {
        match self.failure.take() {
            Some(first) if !last.is_retryable() => first,
            _ => last,
        }
    }

    /// Whether a session that opened over `transport` is to be upgraded, if the server offers it.
    pub(super) fn upgrades_from(&self, transport: TransportKind) -> bool {
        self.upgrade
            && transport == TransportKind::Polling
            && self.untried.contains(&TransportKind::WebSocket)
    }

    fn remove(&mut self, tried: TransportKind) {
        self.untried.retain(|kind| *kind != tried);
    }
}

#[cfg(test)]
mod tests;
