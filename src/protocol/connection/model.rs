//! A walk through the life of a connection: whatever transports, subscribers, users and the clock do, in whatever order,
//! the invariants hold. A random test and a fuzz target say what they do.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test"
)]

use std::collections::BTreeMap;

use super::*;

pub(super) fn limits() -> Limits {
    Limits {
        request_timeout: Duration::from_secs(5),
        upgrade_timeout: Duration::from_secs(10),
        close_timeout: Duration::from_secs(5),
        stall_timeout: Duration::from_secs(60),
        send_queue: 1 << 20,
        max_packets_per_post: None,
    }
}

pub(super) fn endpoint() -> Arc<Endpoint> {
    Endpoint::new("http://localhost:5000", "engine.io", true, &"t".into()).unwrap().into()
}

pub(super) fn open_packet(upgrades: &str) -> Packet {
    Packet::Open(
        format!(
            r#"{{"sid":"abc","upgrades":[{upgrades}],"pingInterval":25000,"pingTimeout":20000,"maxPayload":100}}"#
        )
        .into(),
    )
}

pub(super) fn text(text: &str) -> Packet {
    Packet::Message(Data::from(text))
}

fn eof() -> CloseReason {
    CloseReason::Failed(TransportError::eof("gone"))
}

/// One thing that may happen. Numbers choose among what is possible at that moment.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Connect { websocket: bool, upgrade: bool, others: bool },
    Send,
    Close,
    Abort,
    Report { which: u8, what: u8 },
    Take,
    Elapse { seconds: u64 },
}

/// A transport as the model sees it: what it was ordered and has not answered.
#[derive(Debug, Default)]
struct Fake {
    writing: Option<Arc<Vec<Packet>>>,
    may_read: bool,
    pausing: bool,
    leaving: bool,
    aborted: bool,
    websocket: bool,
    opened: bool,
    probe: bool,
    greeted: bool,
}

/// A connection, its clock, and what must be true of them.
#[derive(Debug)]
pub(crate) struct Model {
    connection: Connection,
    now: Instant,
    /// In order, so that the same steps always do the same.
    fakes: BTreeMap<u64, Fake>,
    /// Sessions and connects that began and have not ended.
    connecting: bool,
    open: bool,
    sent: u64,
    /// Every message, by where it ended up.
    accepted: Vec<u64>,
    left: Vec<u64>,
    held: Vec<TransportId>,
    received: u64,
    delivered: u64,
}

fn number(packet: &Packet) -> Option<u64> {
    match packet {
        Packet::Message(data) => Some(data.as_text()?.parse().unwrap()),
        _ => None,
    }
}

impl Model {
    pub(crate) fn new() -> Self {
        Self {
            connection: Connection::new(limits()),
            now: Instant::now(),
            fakes: BTreeMap::new(),
            connecting: false,
            open: false,
            sent: 0,
            accepted: Vec::new(),
            left: Vec::new(),
            held: Vec::new(),
            received: 0,
            delivered: 0,
        }
    }

    pub(crate) fn take(&mut self, step: Step) {
        match step {
            Step::Connect { websocket, upgrade, others } => {
                let mut transports = vec![TransportKind::Polling, TransportKind::WebSocket];
                if websocket {
                    transports.reverse();
                }
                let idle = self.connection.is_idle();
                let target = ConnectParams {
                    endpoint: endpoint(),
                    deadline: self.now + Duration::from_secs(20),
                    transports,
                    upgrade,
                    try_all: others,
                    remember: others,
                };
                assert_eq!(self.connection.connect(self.now, target).is_ok(), idle);
                if idle {
                    self.connecting = true;
                    self.accepted.clear();
                    self.left.clear();
                }
            }
            Step::Send => {
                if self.connection.send(Data::from(self.sent.to_string())).is_ok() {
                    self.accepted.push(self.sent);
                }
                self.sent += 1;
            }
            Step::Close => self.connection.close(self.now, None),
            Step::Abort => self.connection.abort(self.now, None),
            Step::Report { which, what } => self.report(which, what),
            Step::Take => {
                self.connection.resume_reading(self.now);
                self.held.clear();
            }
            Step::Elapse { seconds } => {
                // An abort takes no time.
                let aborted = self.fakes.iter().filter(|(_, fake)| fake.aborted);
                for id in aborted.map(|(id, _)| *id).collect::<Vec<_>>() {
                    self.end(id, CloseReason::Ordered, 0);
                }
                self.execute();
                self.now += Duration::from_secs(seconds);
                self.connection.handle_timeout(self.now);
            }
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

    fn say(&mut self, id: u64, kind: ReportKind) {
        self.connection.handle_report(self.now, Report { from: TransportId(id), kind });
    }

    fn execute(&mut self) {
        while let Some(output) = self.connection.poll_output(self.now) {
            match output {
                Output::Start { id, kind, sid, .. } => {
                    assert!(self.connecting || self.open);
                    let websocket = kind == TransportKind::WebSocket;
                    let fake = Fake { may_read: true, websocket, probe: sid.is_some(), ..Fake::default() };
                    assert!(self.fakes.insert(id.0, fake).is_none(), "an id is used once");
                }
                Output::Order(id, command) => {
                    let Some(fake) = self.fakes.get_mut(&id.0) else { continue };
                    match command {
                        Command::Write(batch) => {
                            assert!(!batch.is_empty(), "an empty payload is an error");
                            assert!(fake.writing.is_none(), "one batch in flight");
                            fake.writing = Some(batch);
                        }
                        Command::Read(emptied) => {
                            assert!(emptied.is_empty() && !fake.may_read, "one leave to read");
                            assert!(self.held.is_empty(), "nothing is read while reading is held back");
                            fake.may_read = true;
                        }
                        Command::Pause => fake.pausing = true,
                        Command::Resume => fake.pausing = false,
                        Command::Close => fake.leaving = true,
                        Command::Abort => (fake.leaving, fake.aborted) = (true, true),
                        Command::Session(_) => {}
                    }
                }
                Output::AttemptFailed { .. } => assert!(self.connecting),
                Output::Opened(_) => {
                    assert!(self.connecting && !self.open, "one Opened");
                    (self.connecting, self.open) = (false, true);
                }
                Output::Messages { from, packets } => {
                    assert!(self.open, "no message outside of a session");
                    for packet in &packets {
                        assert_eq!(number(packet), Some(self.delivered), "in order, none lost or doubled");
                        self.delivered += 1;
                    }
                    self.held.push(from);
                }
                Output::Upgraded(_) | Output::UpgradeFailed(_) => assert!(self.open),
                Output::Ended(Outcome::ConnectFailed(_)) => {
                    assert!(self.connecting && !self.open && self.fakes.is_empty());
                    self.connecting = false;
                }
                Output::Ended(Outcome::Closed { unsent, in_doubt, .. }) => {
                    assert!(self.open && self.fakes.is_empty(), "one Closed, when every transport has ended");
                    self.open = false;
                    let numbers = |datas: Vec<Data>| {
                        datas
                            .iter()
                            .map(|data| data.as_text().unwrap().parse().unwrap())
                            .collect::<Vec<u64>>()
                    };
                    self.left.extend(numbers(in_doubt));
                    self.left.extend(numbers(unsent));
                    assert_eq!(self.left, self.accepted, "every accepted message is accounted for, in order");
                    self.delivered = self.received;
                }
            }
        }
        if self.connection.is_idle() {
            assert!(!self.connecting && !self.open && self.connection.poll_timeout().is_none());
            self.held.clear();
        } else {
            assert!(self.connection.poll_timeout().is_some(), "every wait has an end");
        }
    }

    /// A transport says something that it may say now.
    fn report(&mut self, which: u8, what: u8) {
        let index = usize::from(which) % self.fakes.len().max(1);
        let Some(&id) = self.fakes.keys().nth(index) else { return };
        let fake = self.fakes.get_mut(&id).unwrap();
        match what % 16 {
            0 if !fake.websocket => self.say(id, ReportKind::Requested),
            0 if !fake.opened => {
                fake.opened = true;
                self.say(id, ReportKind::Opened { protocol: None });
            }
            1 => self.say(id, ReportKind::Alive),
            2..=4 => {
                let Some(batch) = fake.writing.take() else { return };
                self.left.extend(batch.iter().filter_map(number));
                drop(batch);
                self.say(id, ReportKind::Written { any_number: what > 128 });
            }
            5..=10 if fake.may_read && !fake.leaving && (fake.opened || !fake.websocket) => {
                fake.may_read = false;
                let part = !fake.websocket && what.is_multiple_of(5);
                let mut packets = Vec::new();
                if !fake.greeted {
                    fake.greeted = true;
                    packets.push(match what {
                        241.. => Packet::Noop,
                        225..=240 => Packet::Open("{}".into()),
                        _ if fake.probe => Packet::Pong("probe".into()),
                        _ => open_packet(r#""websocket""#),
                    });
                } else {
                    match what / 16 {
                        0 => packets.push(Packet::Noop),
                        1 => packets.push(Packet::Ping("".into())),
                        2 => packets.push(Packet::Close),
                        3 => packets.push(Packet::Upgrade),
                        4 => packets.push(Packet::Unknown(7)),
                        5 => packets.push(Packet::Pong("".into())),
                        6 => packets.push(open_packet("")),
                        _ => {}
                    }
                    if self.open
                        && (!fake.probe || self.connection.transport() == Some(TransportKind::WebSocket))
                    {
                        for _ in 0..what % 3 {
                            packets.insert(0, text(&self.received.to_string()));
                            self.received += 1;
                        }
                        packets.sort_by_key(|packet| number(packet).unwrap_or(u64::MAX));
                    }
                }
                self.say(id, ReportKind::Packets { packets, complete: !part });
            }
            11 | 12 if fake.pausing && fake.writing.is_none() => {
                fake.pausing = false;
                self.say(id, ReportKind::Paused);
            }
            13 | 14 if fake.leaving => self.end(id, CloseReason::Ordered, what),
            15 => self.end(id, eof(), what),
            _ => {}
        }
    }

    fn end(&mut self, id: u64, cause: CloseReason, what: u8) {
        let Some(fake) = self.fakes.remove(&id) else { return };
        let batch = fake.writing.unwrap_or_default();
        let left = usize::from(what / 16) % (batch.len() + 1);
        let outcome = if fake.websocket || left == 0 {
            self.left.extend(batch.iter().take(left).filter_map(number));
            BatchOutcome { sent: left, uncertain: usize::from(what % 3) }
        } else {
            BatchOutcome::UNCERTAIN
        };
        self.say(id, ReportKind::Closed(TransportClosed { reason: cause, outcome }));
    }
}
