//! Which transport opens the session: the first, or the one that is remembered; then, if all are to be tried, the next.

use std::{mem, time::Instant};

use super::{
    Connection,
    io::{Command, Output, Target},
    state::{Connecting, Outcome, Plan, State},
};
use crate::{error::ConnectError, protocol::handshake::TransportKind};

impl Connection {
    /// Opens a session. The outcome is `Opened` or `ConnectFailed`.
    pub(crate) fn connect(&mut self, now: Instant, target: Target) -> Result<(), ConnectError> {
        if !self.is_idle() {
            return Err(ConnectError::AlreadyConnected);
        }
        let mut untried = target.transports;
        // Without upgrades there is none to be spared.
        self.remembers = target.remember && target.upgrade;
        let remembered = self.remembers && self.remembered.contains(target.endpoint.display_url());
        if remembered && untried.contains(&TransportKind::WebSocket) {
            untried.insert(0, TransportKind::WebSocket);
        }
        let Some(&kind) = untried.first() else { return Err(ConnectError::NoTransports) };
        self.any_number = false;
        self.endpoint = Some(target.endpoint);
        self.attempt(
            now,
            target.by,
            kind,
            Plan { untried, try_all: target.try_all, upgrade: target.upgrade },
        );
        Ok(())
    }

    fn attempt(&mut self, now: Instant, by: Instant, kind: TransportKind, mut plan: Plan) {
        plan.untried.retain(|untried| *untried != kind);
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
        let plan = mem::take(&mut connecting.plan);
        let next = plan.untried.first().filter(|_| plan.try_all && now < connecting.by);
        let Some(&next) = next else { return self.end(now, Outcome::ConnectFailed(err)) };
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
