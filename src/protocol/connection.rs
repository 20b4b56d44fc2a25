//! The life of a session, decided without a socket, an actor or a clock.
//!
//! The inputs of a [`Connection`] say what happened and when (`connect`, `send`, `close`, `handle_report`,
//! `handle_timeout`, ..). Its outputs say what to do (`poll_output`) and when to call `handle_timeout`
//! (`poll_timeout`). It owns the state of the session, the heartbeat, the upgrade and the queue of messages to be
//! sent. Others may ask for them; only a `Connection` changes them.
//!
//! Each concern has a file. Some are parts that own their state and know nothing of the connection (`reading`,
//! `writing`, `batch`, `queue`, `groups`, `retained`, `interrupted`, `pings`, `confirmations`, `liveness`, `heartbeat`, `plan`, `negotiation`,
//! `target`, `transports`); the others let the connection use the parts (`connecting`, `receiving`, `sending`, `confirming`,
//! `upgrade`, `ending`, `timeouts`). `state` has a diagram.

mod batch;
mod confirmations;
mod confirming;
mod connecting;
mod ending;
mod groups;
mod heartbeat;
mod interrupted;
mod io;
mod liveness;
mod negotiation;
mod open;
mod outgoing;
mod pings;
mod plan;
mod post_size;
mod queue;
mod reading;
mod receiving;
mod retained;
mod sending;
mod state;
mod target;
mod timeouts;
mod transports;
mod upgrade;
mod writing;

#[cfg(any(test, fuzzing))]
pub(crate) mod model;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

pub(crate) use self::interrupted::Interrupted;
pub(crate) use self::io::{
    BatchOutcome, CloseReason, Command, ConnectParams, Limits, Outcome, Output, Report, ReportKind,
    TransportClosed, TransportId, over_slow_line,
};
pub(crate) use self::liveness::stall_timeout;
pub(crate) use self::outgoing::{Outgoing, Rejected};
pub use self::{io::Counters, pings::WebSocketPing};
use self::{
    liveness::GracePeriod, negotiation::FoundVersions, queue::SendQueue, reading::Received, state::State,
    target::Remembered, transports::Transports,
};
use crate::protocol::{
    endpoint::Endpoint,
    handshake::{Session, TransportKind},
    version::ProtocolVersion,
};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Connection {
    limits: Limits,
    state: State,
    transports: Transports,
    queue: SendQueue,
    outputs: VecDeque<Output>,
    grace_period: GracePeriod,
    remembered: Remembered,
    found_versions: FoundVersions,
    counters: Counters,
    round_trip: Option<Duration>,
}

impl Connection {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            state: State::Idle,
            transports: Transports::new(),
            queue: SendQueue::new(limits.confirm_sends.is_some()),
            limits,
            outputs: VecDeque::with_capacity(2),
            grace_period: GracePeriod::default(),
            remembered: Remembered::default(),
            found_versions: FoundVersions::default(),
            counters: Counters::default(),
            round_trip: None,
        }
    }

    /// Handles a report of a transport. Reports of abandoned transports are ignored.
    pub(crate) fn handle_report(&mut self, now: Instant, report: Report) {
        let id = report.from;
        let Some(transport) = self.transports.get_mut(id) else { return };
        match report.kind {
            ReportKind::Requested => {
                if let State::Connecting(connecting) = &mut self.state {
                    connecting.on_requested(id);
                }
            }
            ReportKind::Compression(agreed) => transport.set_compression(agreed),
            ReportKind::Compressed(counts) => self.counters.add_compressed(counts),
            ReportKind::Opened { protocol } => self.on_opened(now, id, protocol),
            ReportKind::Moved(endpoint) => {
                if let State::Connecting(connecting) = &mut self.state {
                    connecting.on_moved(id, endpoint);
                }
            }
            ReportKind::Answered(version) => self.on_answered(now, id, version),
            ReportKind::Packets { packets, complete } => {
                self.on_packets(now, id, Received::new(packets, complete));
            }
            ReportKind::Pong(number) => self.on_pong(now, id, number),
            ReportKind::Written { any_number } => self.on_written(now, id, any_number),
            ReportKind::Alive { is_partial, read } => {
                transport.reading.bytes_arrived(now, is_partial, read);
                self.on_alive(now);
            }
            ReportKind::Writing => {
                transport.writing.progress(now);
                if let State::Open(open) = &mut self.state {
                    open.pings.progress(now);
                }
            }
            ReportKind::Paused => self.on_paused(now, id),
            ReportKind::Closed(closed) => self.on_transport_closed(now, id, closed),
        }
    }

    /// The next thing to do. To be called until there is none.
    pub(crate) fn poll_output(&mut self, now: Instant) -> Option<Output> {
        if self.outputs.is_empty() {
            let wants_confirmations = self.wants_confirmations();
            if wants_confirmations {
                self.queue_close(now);
            }
            self.write(now);
            if wants_confirmations {
                self.ask(now);
            }
        }
        self.outputs.pop_front()
    }

    /// The next thing to do that is decided already. No batch is begun, so that later messages can go into it.
    pub(crate) fn pending_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn start(
        &mut self,
        kind: TransportKind,
        version: ProtocolVersion,
        endpoint: Arc<Endpoint>,
        session: Option<Arc<Session>>,
    ) -> TransportId {
        let id = self.transports.add(kind);
        self.outputs.push_back(Output::Start { id, kind, version, endpoint, session });
        id
    }

    fn order(&mut self, id: TransportId, command: Command) {
        self.outputs.push_back(Output::Order(id, command));
    }

    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    pub(crate) fn is_connecting(&self) -> bool {
        matches!(self.state, State::Connecting(_))
    }

    /// The time that a graceful close may take.
    pub(crate) fn close_timeout(&self) -> Duration {
        self.limits.close_timeout
    }

    /// A session is open, and nobody has asked for its end.
    pub(crate) fn is_open(&self) -> bool {
        matches!(&self.state, State::Open(open) if !open.is_closing())
    }

    /// The session, or the connect, is over, except that some transports have not closed.
    pub(crate) fn is_ending(&self) -> bool {
        matches!(self.state, State::Ending(_))
    }

    pub(crate) fn session(&self) -> Option<&Arc<Session>> {
        match &self.state {
            State::Open(open) => Some(open.session()),
            _ => None,
        }
    }

    /// The transport that messages are written to.
    pub(crate) fn transport(&self) -> Option<TransportKind> {
        match &self.state {
            State::Open(open) => Some(open.kind()),
            _ => None,
        }
    }

    /// Messages that were accepted and are not written yet, and the bytes of their data.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        self.queue.waiting()
    }

    /// Messages accepted over the life of the connection. All of them are written or given back when `settled` has
    /// reached this number.
    pub(crate) fn accepted(&self) -> u64 {
        self.queue.accepted()
    }

    /// Messages written or given back over the life of the connection.
    pub(crate) fn settled(&self) -> u64 {
        self.queue.settled()
    }

    pub(crate) fn counters(&self) -> Counters {
        self.counters
    }

    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }
}
