//! The life of a session, decided without a socket, an actor or a clock.
//!
//! A [`Connection`] is told what happened and when (`connect`, `send`, `close`, `handle_report`, `handle_timeout`)
//! and says what to do (`poll_output`) and when to be asked again (`poll_timeout`). It owns the state, the
//! heartbeat, the upgrade and the queue of what is to be sent; nobody else keeps a copy of any of it.

mod attempt;
mod ending;
mod io;
mod queue;
mod session;
mod state;
mod upgrade;
mod writing;

#[cfg(any(test, fuzzing))]
pub(crate) mod model;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

pub use self::io::Counters;
pub(crate) use self::io::{
    BatchOutcome, CloseReason, Command, ConnectParams, Limits, Outcome, Output, Report, ReportKind,
    TransportClosed, TransportId,
};
use self::{
    queue::SendQueue,
    state::{Leaving, Slot, State, Upgrade},
};
use crate::{
    data::Data,
    error::{ConnectError, DisconnectReason, Stage, TransportError},
    protocol::{
        endpoint::Endpoint,
        handshake::{Session, TransportKind},
        packet::Packet,
    },
};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Connection {
    limits: Limits,
    state: State,
    /// Every transport that has not ended.
    slots: Vec<Slot>,
    next_id: u64,
    endpoint: Option<Arc<Endpoint>>,
    queue: SendQueue,
    /// What transports handed back when they ended.
    unsent: Vec<Data>,
    in_doubt: Vec<Data>,
    outputs: VecDeque<Output>,
    /// The start of back-pressure, or the last event that a subscriber took since.
    backpressure: Option<Instant>,
    /// The server has shown that it takes any number of packets in a POST.
    any_number: bool,
    /// The URLs at which a session was on a WebSocket, if they are to be remembered.
    remembered: HashSet<String>,
    remembers: bool,
    counters: Counters,
    round_trip: Option<Duration>,
}

impl Connection {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Idle,
            // One, and a probe now and then.
            slots: Vec::with_capacity(1),
            next_id: 0,
            endpoint: None,
            queue: SendQueue::default(),
            unsent: Vec::new(),
            in_doubt: Vec::new(),
            outputs: VecDeque::with_capacity(2),
            backpressure: None,
            any_number: false,
            remembered: HashSet::new(),
            remembers: false,
            counters: Counters::default(),
            round_trip: None,
        }
    }

    /// Ends the session, or the connect, gracefully: what was accepted is written, the server is told.
    pub(crate) fn close(&mut self, now: Instant, reason: Option<Box<str>>) {
        let by = now + self.limits.close_timeout;
        match &mut self.state {
            State::Connecting(connecting) => {
                // A session that the server may have opened already must be closed, or it would live on there until
                // its ping timeout. A WebSocket needs no such care: its end is the session's.
                if connecting.kind == TransportKind::Polling && connecting.requested {
                    connecting.cancelled = true;
                    connecting.by = connecting.by.min(by);
                } else {
                    self.end(now, Outcome::ConnectFailed(ConnectError::Cancelled));
                }
            }
            State::Open(open) if open.leaving.is_none() => {
                open.leaving = Some(Leaving { reason: DisconnectReason::Client(reason), by });
                // If the polls do not come home there must be time to go on over polling after all.
                if let Upgrade::Pausing { by, .. } = &mut open.upgrade {
                    *by = (*by).min(now + self.limits.close_timeout / 2);
                }
                self.queue.push_control(Packet::Close);
            }
            State::Idle | State::Open(_) | State::Ending(_) => {}
        }
    }

    /// Ends the session, or the connect, at once.
    pub(crate) fn abort(&mut self, now: Instant, reason: Option<Box<str>>) {
        let outcome = match &mut self.state {
            State::Idle => return,
            State::Ending(_) => return self.hasten(now),
            State::Connecting(_) => Outcome::ConnectFailed(ConnectError::Cancelled),
            State::Open(open) => Outcome::closed(
                open.leaving.take().map_or(DisconnectReason::Client(reason), |leaving| leaving.reason),
            ),
        };
        self.end(now, outcome);
    }

    /// Ends everything without waiting for the transports: nobody will hear what they say.
    pub(crate) fn stop(&mut self, now: Instant) {
        if let State::Connecting(_) = self.state {
            self.end(now, Outcome::ConnectFailed(ConnectError::Stopped));
        }
        self.abort(now, Some("the client stopped".into()));
        self.abandon();
    }

    /// Takes in what a transport says. What an abandoned one says is ignored.
    pub(crate) fn handle_report(&mut self, now: Instant, report: Report) {
        let id = report.from;
        if self.slot(id).is_none() {
            return;
        }
        match report.kind {
            ReportKind::Requested => {
                if let State::Connecting(connecting) = &mut self.state {
                    connecting.requested |= connecting.transport == id;
                }
            }
            ReportKind::Opened { protocol } => self.on_opened(now, id, protocol),
            ReportKind::Moved(endpoint) => self.endpoint = Some(endpoint),
            ReportKind::Packets { packets, complete } => self.on_packets(now, id, packets, complete),
            ReportKind::Written { any_number } => self.on_written(now, id, any_number),
            ReportKind::Alive => self.heard(now),
            ReportKind::Writing => {
                if let Some(writing) = self.slot(id).and_then(|slot| slot.writing.as_mut()) {
                    writing.progress = now;
                }
            }
            ReportKind::Paused => self.on_paused(now, id),
            ReportKind::Closed(ended) => self.on_ended(now, id, ended),
        }
    }

    /// Acts on what `now` has made due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        match &mut self.state {
            State::Idle => {}
            State::Connecting(connecting) => {
                let opening = connecting.open_by.is_some_and(|by| now >= by);
                if !opening && now < connecting.by {
                    return;
                }
                let stage = match (connecting.open_by, connecting.requested) {
                    (Some(_), _) => Stage::Open,
                    (None, true) => Stage::Response,
                    (None, false) => Stage::Connect,
                };
                let err = TransportError::Timeout { stage };
                self.fail_attempt(now, ConnectError::from_transport(&self.url(), err));
            }
            State::Open(_) => self.handle_session_timeout(now),
            State::Ending(ending) if now >= ending.by => self.hasten(now),
            State::Ending(_) => {}
        }
    }

    /// When `handle_timeout` is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Idle => None,
            State::Connecting(connecting) => {
                Some(connecting.open_by.map_or(connecting.by, |by| by.min(connecting.by)))
            }
            State::Open(open) => {
                let deadlines = [
                    Some(self.liveness_deadline(open)),
                    self.write_deadline(open),
                    open.upgrade.by(),
                    open.leaving.as_ref().map(|leaving| leaving.by),
                    self.next_read(),
                ];
                deadlines.into_iter().flatten().min()
            }
            State::Ending(ending) => Some(ending.by),
        }
    }

    /// The next thing to do. Asked until there is none.
    pub(crate) fn poll_output(&mut self, now: Instant) -> Option<Output> {
        if self.outputs.is_empty() {
            self.write(now);
        }
        self.outputs.pop_front()
    }

    /// The next thing that is to be done already: no batch is begun, so that what is yet to come can go with it.
    pub(crate) fn pending_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn start(&mut self, kind: TransportKind, sid: Option<bytestring::ByteString>) -> TransportId {
        let id = TransportId(self.next_id);
        self.next_id += 1;
        self.slots.push(Slot::new(id, kind));
        if let Some(endpoint) = self.endpoint.clone() {
            self.outputs.push_back(Output::Start { id, kind, endpoint, sid });
        }
        id
    }

    fn order(&mut self, id: TransportId, command: Command) {
        self.outputs.push_back(Output::Order(id, command));
    }

    fn slot(&mut self, id: TransportId) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| slot.id == id)
    }

    /// The URL for errors, without its secrets.
    fn url(&self) -> String {
        self.endpoint.as_ref().map_or_else(String::new, |endpoint| endpoint.display_url().to_owned())
    }

    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    pub(crate) fn is_connecting(&self) -> bool {
        matches!(self.state, State::Connecting(_))
    }

    /// A session stands, and nobody asked for its end.
    pub(crate) fn is_open(&self) -> bool {
        matches!(&self.state, State::Open(open) if open.leaving.is_none())
    }

    /// It is over, but for the transports that have not ended.
    pub(crate) fn is_ending(&self) -> bool {
        matches!(self.state, State::Ending(_))
    }

    pub(crate) fn session(&self) -> Option<&Arc<Session>> {
        match &self.state {
            State::Open(open) => Some(&open.session),
            _ => None,
        }
    }

    /// The transport that messages are written to.
    pub(crate) fn transport(&self) -> Option<TransportKind> {
        match &self.state {
            State::Open(open) => Some(open.kind),
            _ => None,
        }
    }

    /// Messages accepted and not written yet, and the bytes of their data.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        self.queue.waiting()
    }

    /// Messages accepted over the life of the connection; when `settled` has reached it they have left.
    pub(crate) fn accepted(&self) -> u64 {
        self.queue.accepted()
    }

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
