//! Which transport opens the session: a WebSocket if one is remembered, else the first; then, if all are to be tried,
//! the next.

use std::{mem, time::Instant};

use super::{
    Connection,
    io::{Command, ConnectParams, Outcome, Output},
    state::{Connecting, Plan, State},
};
use crate::{error::ConnectError, protocol::handshake::TransportKind};

impl Connection {
    /// Opens a session. The outcome is `Opened` or `ConnectFailed`.
    pub(crate) fn connect(&mut self, now: Instant, target: ConnectParams) -> Result<(), ConnectError> {
        if !self.is_idle() {
            return Err(ConnectError::AlreadyConnected);
        }
        let untried = target.transports;
        let Some(&first) = untried.first() else { return Err(ConnectError::NoTransports) };
        // Without upgrades there is none to be spared.
        self.remembers = target.remember && target.upgrade;
        let is_remembered = self.remembers
            && first != TransportKind::WebSocket
            && untried.contains(&TransportKind::WebSocket)
            && self.remembered.contains(target.endpoint.display_url());
        let kind = if is_remembered { TransportKind::WebSocket } else { first };
        let plan =
            Plan { untried, is_remembered, try_all: target.try_all, upgrade: target.upgrade, failure: None };
        self.any_number = false;
        self.endpoint = Some(target.endpoint);
        self.attempt(now, target.deadline, kind, plan);
        Ok(())
    }

    fn attempt(&mut self, now: Instant, by: Instant, kind: TransportKind, mut plan: Plan) {
        // What is remembered comes before all that were listed, and instead of none.
        if !plan.is_remembered {
            plan.untried.retain(|untried| *untried != kind);
        }
        let transport = self.start(kind, None);
        self.state = State::Connecting(Connecting {
            transport,
            kind,
            started: now,
            by,
            open_by: None,
            requested: false,
            cancelled: false,
            plan,
        });
    }

    /// The transport did not open the session: the next one is tried, or the connect has failed.
    pub(super) fn fail_attempt(&mut self, now: Instant, err: ConnectError) {
        let url = self.url();
        let State::Connecting(connecting) = &mut self.state else { return };
        if connecting.kind == TransportKind::WebSocket {
            self.remembered.remove(&url);
        }
        if connecting.cancelled {
            return self.end(now, Outcome::ConnectFailed(ConnectError::Cancelled));
        }
        let mut plan = mem::take(&mut connecting.plan);
        let goes_on = (plan.try_all || plan.is_remembered) && now < connecting.by;
        let Some(&next) = plan.untried.first().filter(|_| goes_on) else {
            let failure = plan.failure.filter(|_| !err.is_retryable());
            return self.end(now, Outcome::ConnectFailed(failure.unwrap_or(err)));
        };
        if err.is_retryable() && !plan.is_remembered {
            plan.failure.get_or_insert_with(|| err.clone());
        }
        plan.is_remembered = false;
        let (id, kind, by) = (connecting.transport, connecting.kind, connecting.by);
        if self.slot(id).is_some() {
            self.order(id, Command::Abort);
        }
        self.outputs.push_back(Output::AttemptFailed { kind, err });
        self.attempt(now, by, next, plan);
    }

    /// The session is on a WebSocket.
    pub(super) fn remember_upgrade(&mut self) {
        if self.remembers {
            self.remembered.insert(self.url());
        }
    }
}
