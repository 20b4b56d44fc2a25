//! A random walk through the life of a connection. Whatever transports, subscribers, users and the clock do, in
//! whatever order, the invariants hold. A random test and a fuzz target choose the steps.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test"
)]

mod oracle;
mod reports;

use std::{collections::BTreeMap, mem};

pub(crate) use self::oracle::Size;
use self::{
    oracle::{Messages, Time, check_sizes},
    reports::closed,
};
use super::{
    CloseReason::{CloseFrame, Failed, Interrupted, Ordered},
    *,
};
use crate::{
    data::Data,
    error::{Stage, TransportError},
    protocol::{packet::Packet, version::Protocol},
};

/// The pings of some walks.
const PING: WebSocketPing = WebSocketPing::every(Duration::from_secs(10)).timeout(Duration::from_secs(5));

/// The longest silence that these pings allow.
const PING_SILENCE: Duration = Duration::from_secs(15);

/// The `maxPayload` in [`open_packet`].
const MAX_PAYLOAD: usize = 100;

pub(super) fn endpoint() -> Arc<Endpoint> {
    Endpoint::new("http://localhost:5000", "engine.io", true, "t".into()).unwrap().into()
}

pub(super) fn open_packet(upgrades: &str) -> Packet {
    Packet::Open(
        format!(
            r#"{{"sid":"abc","upgrades":[{upgrades}],"pingInterval":25000,"pingTimeout":20000,"maxPayload":{MAX_PAYLOAD}}}"#
        )
        .into(),
    )
}

pub(super) fn text(text: &str) -> Packet {
    Packet::Message(Data::from(text))
}

/// One thing that may happen. Numbers choose among what is possible at that moment.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Connect {
        websocket: bool,
        upgrade: bool,
        others: bool,
    },
    Send(Size),
    /// A group of one to three messages.
    SendAll([Size; 3], u8),
    Confirm,
    Close,
    Abort,
    Stop,
    Report {
        which: u8,
        what: u8,
    },
    /// A transport does what it was last ordered to.
    Obey {
        which: u8,
    },
    /// The subscribers have room again.
    Resume,
    /// A subscriber takes an event.
    Progress,
    Elapse {
        seconds: u64,
    },
    /// The next deadline passes, and is noticed at once.
    Timeout,
}

/// A transport as the model sees it: the orders that it was given and has not answered.
#[derive(Debug)]
struct Fake {
    id: TransportId,
    is_probe: bool,
    writing: Option<Arc<Vec<Packet>>>,
    /// The last progress of the batch that it is writing.
    wrote: Instant,
    /// The time at which it was given that batch.
    began: Instant,
    may_read: bool,
    /// The ping that it has not answered.
    ping: Option<u64>,
    pausing: bool,
    /// It was ordered to pause, and not to go on.
    paused: bool,
    closing: bool,
    aborted: bool,
    /// The time since when a message has arrived in part, without the time that a slow line takes for what has arrived.
    partial: Option<Instant>,
    /// The number of bytes that it has reported to have read.
    read: u64,
    /// It was given a batch.
    asked: bool,
    /// It has reported `Opened`, and its first packets.
    opened: bool,
    greeted: bool,
}

impl Fake {
    fn is_websocket(&self) -> bool {
        self.id.kind == TransportKind::WebSocket
    }

    /// It has something to report. Most probes are answered only after their ping was written.
    fn may_report_packets(&self, what: u8) -> bool {
        let is_early = self.is_probe && !self.greeted && (!self.asked || self.writing.is_some());
        self.may_read && (self.opened || !self.is_websocket()) && (!is_early || what >= 225)
    }
}

/// A connection, its clock, and what must be true of them.
#[derive(Debug)]
pub(crate) struct Model {
    connection: Connection,
    /// The version that each connect is to speak.
    protocol: Protocol,
    now: Instant,
    /// By number, so that the same steps always do the same.
    fakes: BTreeMap<u64, Fake>,
    /// A connect, or a session, has begun and not ended.
    connecting: bool,
    open: bool,
    messages: Messages,
    time: Time,
}

impl Model {
    /// A client that sends pings over a silent WebSocket or not, and that retains what is not confirmed or not.
    pub(crate) fn new(is_pinging: bool, retains: bool, protocol: Protocol) -> Self {
        let now = Instant::now();
        let (websocket_ping, confirm_sends) = (is_pinging.then_some(PING), retains.then_some(200));
        Self {
            connection: Connection::new(Limits { websocket_ping, confirm_sends, ..Limits::default() }),
            protocol,
            now,
            fakes: BTreeMap::new(),
            connecting: false,
            open: false,
            messages: Messages::new(retains),
            time: Time::new(now, ProtocolVersion::V4),
        }
    }

    pub(crate) fn take(&mut self, step: Step) {
        match step {
            Step::Connect { websocket, upgrade, others } => self.connect(websocket, upgrade, others),
            Step::Send(size) => return self.send(size),
            Step::SendAll(sizes, count) => {
                return self.send_all(&sizes[..=usize::from(count) % sizes.len()]);
            }
            Step::Confirm => {
                if self.connection.confirm(self.now) {
                    self.messages.confirm(self.now);
                }
                assert!(self.connection.pending_output().is_none());
            }
            Step::Close => self.connection.close(self.now, None),
            Step::Abort => self.connection.abort(self.now, None),
            Step::Stop => self.stop(),
            Step::Report { which, what } => self.report(which, what),
            Step::Obey { which } => self.obey(which),
            Step::Resume => {
                self.connection.resume_reading(self.now);
                if self.has_session() && self.time.resume(self.now) {
                    let partials = self.fakes.values_mut().filter_map(|fake| fake.partial.as_mut());
                    partials.for_each(|since| *since = self.now);
                }
            }
            Step::Progress => {
                self.connection.progress(self.now);
                if self.has_session() {
                    self.time.progress(self.now);
                }
            }
            Step::Elapse { seconds } => self.elapse(self.now + Duration::from_secs(seconds)),
            Step::Timeout => self.elapse(self.connection.poll_timeout().unwrap_or(self.now)),
        }
        self.execute();
    }

    /// Whatever was going on, it comes to an end by itself, even if every transport is broken.
    pub(crate) fn finish(mut self) {
        for _ in 0..400 {
            let Some(at) = self.connection.poll_timeout() else { break };
            self.now = at.max(self.now);
            self.connection.handle_timeout(self.now);
            while self.connection.poll_output(self.now).is_some() {}
        }
        assert!(self.connection.is_idle());
    }

    fn has_session(&self) -> bool {
        self.connection.session().is_some()
    }

    fn connect(&mut self, websocket: bool, upgrade: bool, others: bool) {
        let mut transports = vec![TransportKind::Polling, TransportKind::WebSocket];
        if websocket {
            transports.reverse();
        }
        let is_idle = self.connection.is_idle();
        let params = ConnectParams {
            endpoint: endpoint(),
            deadline: self.now + Duration::from_secs(20),
            transports,
            protocol: self.protocol,
            upgrade,
            try_all: others,
            remember: others,
        };
        assert_eq!(self.connection.connect(self.now, params).is_ok(), is_idle);
        if is_idle {
            self.connecting = true;
            self.messages.begin();
        }
    }

    /// A message begins no batch by itself: others may go with it.
    fn send(&mut self, size: Size) {
        let transport = self.connection.transport();
        self.messages.send(size, transport, |data| self.connection.send(data));
        assert!(self.connection.pending_output().is_none());
    }

    fn send_all(&mut self, sizes: &[Size]) {
        let transport = self.connection.transport();
        self.messages.send_all(sizes, transport, |group| self.connection.send_all(group));
        assert!(self.connection.pending_output().is_none());
    }

    /// Nobody waits for the transports. What they still report is ignored.
    fn stop(&mut self) {
        self.connection.stop(self.now);
        let abandoned = mem::take(&mut self.fakes);
        self.execute();
        assert!(self.connection.is_idle());
        for fake in abandoned.values() {
            for kind in [
                ReportKind::Opened { protocol: None },
                ReportKind::Packets { packets: vec![open_packet("")], complete: true },
                ReportKind::Written { any_number: true },
                closed(Ordered, BatchOutcome::sent(0)),
            ] {
                self.say(fake.id, kind);
            }
        }
    }

    fn elapse(&mut self, to: Instant) {
        // An abort takes no time.
        let aborted = self.fakes.values().filter(|fake| fake.aborted);
        for number in aborted.map(|fake| fake.id.number).collect::<Vec<_>>() {
            self.end(number, Ordered, 0);
        }
        self.execute();
        self.now = to.max(self.now);
        self.connection.handle_timeout(self.now);
        let next = self.connection.poll_timeout();
        assert!(next.is_none_or(|next| next > self.now), "a deadline that has passed was not acted on");
    }

    fn execute(&mut self) {
        while let Some(output) = self.connection.poll_output(self.now) {
            self.carry_out(output);
        }
        let deadline = self.connection.poll_timeout();
        if self.connection.is_idle() {
            assert!(!self.connecting && !self.open && deadline.is_none());
            assert_eq!(self.connection.accepted(), self.connection.settled());
            self.time = Time::new(self.now, ProtocolVersion::V4);
        } else {
            assert!(deadline.is_some(), "every wait has an end");
        }
        if self.has_session() {
            let is_paused = |fake: &Fake| fake.paused && !fake.closing && fake.writing.is_none();
            let (waiting, _) = self.connection.waiting();
            self.time.pause(self.now, waiting > 0 && self.fakes.values().any(is_paused));
            let limit = self.limit();
            assert!(limit.is_none_or(|limit| deadline <= Some(limit)), "silence is noticed in time");
            assert_eq!(self.connection.has_backpressure(), self.time.has_backpressure());
            if self.may_write() {
                self.time.check_pings(self.now);
            }
        }
    }

    /// The latest moment at which the session must be looked at again.
    fn limit(&self) -> Option<Instant> {
        let in_flight = self.carries_session().and_then(|fake| fake.writing.as_deref());
        let in_flight = in_flight.map(Vec::as_slice);
        let is_polling = self.carries_session().is_some_and(|fake| !fake.is_websocket());
        let deadline = self.time.deadline(self.now, self.write_deadline(), self.partial_since(), in_flight);
        deadline.into_iter().chain(is_polling.then(|| self.time.poll_deadline(self.now)).flatten()).min()
    }

    /// When the batch in flight on the WebSocket of the session is late.
    fn write_deadline(&self) -> Option<Instant> {
        let fake = self.carries_session().filter(|fake| fake.is_websocket())?;
        fake.writing.as_ref().map(|_| Time::write_deadline(fake.wrote, fake.began))
    }

    /// The time since when a message of the session has arrived in part.
    fn partial_since(&self) -> Option<Instant> {
        self.carries_session()?.partial
    }

    /// Nothing keeps the connection from writing.
    fn may_write(&self) -> bool {
        let is_waiting = |fake: &Fake| fake.paused || fake.closing || fake.writing.is_some();
        self.connection.is_open() && !self.fakes.values().any(is_waiting)
    }

    fn carries_session(&self) -> Option<&Fake> {
        let carries_session =
            |fake: &&Fake| !fake.closing && self.connection.transport() == Some(fake.id.kind);
        self.fakes.values().find(carries_session)
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Start { id, session, .. } => self.start(id, session.is_some()),
            Output::Order(id, command) => self.order(id, command),
            Output::AttemptFailed { .. } => assert!(self.connecting),
            Output::Opened(session) => {
                assert!(self.connecting && !self.open, "one Opened");
                assert!(self.protocol == Protocol::Any || self.protocol == session.protocol.into());
                (self.connecting, self.open) = (false, true);
                self.time = Time::new(self.now, session.protocol);
                self.messages.speak(session.protocol);
            }
            Output::Messages { from, mut packets } => {
                assert!(self.open, "no message outside of a session");
                packets.drain(..).for_each(|packet| self.messages.deliver(&packet));
                self.connection.return_buffer(from, packets);
                self.time.delivered(self.now);
            }
            Output::Upgraded(_) => {
                assert!(self.open);
                self.time.heard(self.now, TransportKind::WebSocket);
            }
            Output::UpgradeFailed(_) => assert!(self.open),
            Output::PingsUnanswered => assert!(self.open),
            Output::Confirmed(outcome) => {
                let is_read = outcome.is_ok();
                let began = self.messages.confirmed(is_read, self.connection.transport());
                assert!(is_read || !self.time.has_backpressure(), "no answer could be read");
                assert!(
                    is_read || self.now >= began + Limits::default().request_timeout,
                    "there was time for an answer"
                );
            }
            Output::Rejected(rejected) => {
                assert_eq!(self.connection.transport(), Some(TransportKind::Polling));
                self.messages.reject(rejected.messages());
            }
            Output::Ended(outcome) => self.ended(*outcome),
        }
    }

    fn start(&mut self, id: TransportId, is_probe: bool) {
        assert!(self.connecting || self.open);
        let fake = Fake {
            id,
            is_probe,
            writing: None,
            wrote: self.now,
            began: self.now,
            may_read: true,
            ping: None,
            pausing: false,
            paused: false,
            closing: false,
            aborted: false,
            partial: None,
            read: 0,
            asked: false,
            opened: false,
            greeted: false,
        };
        assert!(self.fakes.insert(id.number, fake).is_none(), "an id is used once");
    }

    fn order(&mut self, id: TransportId, command: Command) {
        let Some(fake) = self.fakes.get_mut(&id.number) else { return };
        match command {
            Command::Write(batch) => {
                assert!(!batch.is_empty(), "an empty payload is an error");
                assert!(fake.writing.is_none(), "one batch in flight");
                let session = self.connection.session();
                check_sizes(&batch, id.kind, session.map_or(ProtocolVersion::V4, |session| session.protocol));
                self.time.writes(self.now, &batch);
                (fake.writing, fake.asked) = (Some(batch), true);
                (fake.began, fake.wrote) = (self.now, self.now);
            }
            Command::Ping(number) => {
                assert_eq!(self.connection.transport(), Some(TransportKind::WebSocket));
                assert!(fake.ping.is_none() || self.time.has_answered(), "its pong is lost");
                assert!(fake.is_websocket());
                fake.ping = Some(number);
                self.messages.ping(fake.writing.as_deref().map_or(&[], Vec::as_slice));
            }
            Command::Read(emptied) => {
                assert!(emptied.is_empty() && !fake.may_read, "one permission to read");
                assert!(!self.time.has_backpressure(), "nothing is read under back-pressure");
                fake.may_read = true;
            }
            Command::Pause => (fake.pausing, fake.paused) = (true, true),
            Command::Resume => (fake.pausing, fake.paused) = (false, false),
            Command::Close => fake.closing = true,
            Command::Abort => {
                (fake.closing, fake.aborted) = (true, true);
                // The session is over if the connection does not have it any more.
                if fake.writing.is_some() && self.connection.session().is_none() {
                    self.time.stuck(self.now - fake.wrote, self.now - fake.began);
                }
                if let Some(since) = fake.partial {
                    self.time.incomplete(self.now - since);
                }
            }
            Command::Session(_) => {}
        }
    }

    fn ended(&mut self, outcome: Outcome) {
        assert!(self.fakes.is_empty(), "every transport has closed");
        match outcome {
            Outcome::ConnectFailed(_) => {
                assert!(self.connecting && !self.open);
                self.connecting = false;
            }
            Outcome::Closed { reason, unsent, in_doubt, interrupted } => {
                assert!(self.open, "one Closed");
                self.open = false;
                self.time.check(self.now, &reason);
                self.messages.end(&in_doubt, &unsent, interrupted);
            }
        }
    }

    fn say(&mut self, from: TransportId, kind: ReportKind) {
        let is_answer = matches!(kind, ReportKind::Written { .. }) && from.kind == TransportKind::Polling;
        let is_heard = matches!(
            kind,
            ReportKind::Alive { .. }
                | ReportKind::Opened { .. }
                | ReportKind::Packets { .. }
                | ReportKind::Pong(_)
        );
        if self.has_session() {
            if is_heard {
                self.time.heard(self.now, from.kind);
            } else if is_answer {
                self.time.post_answered(self.now);
            }
        }
        if let ReportKind::Packets { packets, .. } = &kind
            && packets.contains(&Packet::Pong("".into()))
        {
            self.time.ponged();
        }
        if let Some(fake) = self.fakes.get_mut(&from.number) {
            match kind {
                ReportKind::Alive { is_partial: true, read } => {
                    let transfer = over_slow_line(read - mem::replace(&mut fake.read, read));
                    let later = |since: Instant| self.now.min(since + transfer);
                    fake.partial = Some(fake.partial.map_or(self.now, later));
                }
                ReportKind::Alive { is_partial: false, read } => (fake.partial, fake.read) = (None, read),
                ReportKind::Packets { .. } => fake.partial = None,
                _ => {}
            }
        }
        self.connection.handle_report(self.now, Report { from, kind });
    }
}
