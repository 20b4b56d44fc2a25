//! A random walk: whatever transports, subscribers, users and the clock do, in whatever order, the invariants hold.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// One thing that may happen. Numbers choose among what is possible at that moment.
#[derive(Debug, Clone)]
enum Step {
    Connect { websocket: bool, upgrade: bool },
    Send,
    Close,
    Abort,
    Report { which: u8, what: u8 },
    Take,
    Elapse { seconds: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => (any::<bool>(), any::<bool>()).prop_map(|(websocket, upgrade)| Step::Connect { websocket, upgrade }),
        4 => Just(Step::Send),
        1 => prop_oneof![3 => Just(Step::Close), 1 => Just(Step::Abort)],
        12 => (any::<u8>(), any::<u8>()).prop_map(|(which, what)| Step::Report { which, what }),
        4 => Just(Step::Take),
        2 => (0_u64..70).prop_map(|seconds| Step::Elapse { seconds }),
    ]
}

/// A transport as the model sees it: what it was ordered and has not answered.
#[derive(Default)]
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

#[derive(Default)]
struct Model {
    fakes: HashMap<u64, Fake>,
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
    fn execute(&mut self, rig: &mut Rig) {
        while let Some(output) = rig.connection.poll_output(rig.now) {
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
                Output::ConnectFailed(_) => {
                    assert!(self.connecting && !self.open && self.fakes.is_empty());
                    self.connecting = false;
                }
                Output::Closed { unsent, in_doubt, .. } => {
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
        if rig.connection.is_idle() {
            assert!(!self.connecting && !self.open && rig.connection.poll_timeout().is_none());
            self.held.clear();
        } else {
            assert!(rig.connection.poll_timeout().is_some(), "every wait has an end");
        }
    }

    /// A transport says something that it may say now.
    fn report(&mut self, rig: &mut Rig, which: u8, what: u8) {
        let mut ids = self.fakes.keys().copied().collect::<Vec<_>>();
        ids.sort_unstable();
        let Some(&id) = ids.get(usize::from(which) % ids.len().max(1)) else { return };
        let from = TransportId(id);
        let fake = self.fakes.get_mut(&id).unwrap();
        match what % 16 {
            0 if !fake.websocket => rig.report(from, ReportKind::Requested),
            0 if !fake.opened => {
                fake.opened = true;
                rig.report(from, ReportKind::Opened);
            }
            1 => rig.report(from, ReportKind::Alive),
            2..=4 => {
                let Some(batch) = fake.writing.take() else { return };
                self.left.extend(batch.iter().filter_map(number));
                drop(batch);
                rig.report(from, ReportKind::Written { any_number: what > 128 });
            }
            5..=10 if fake.may_read && !fake.leaving && (fake.opened || !fake.websocket) => {
                fake.may_read = false;
                let mut packets = Vec::new();
                if !fake.greeted {
                    fake.greeted = true;
                    packets.push(if what > 240 {
                        Packet::Noop
                    } else if fake.probe {
                        Packet::Pong("probe".into())
                    } else {
                        open_packet(r#""websocket""#)
                    });
                } else {
                    match what / 16 {
                        0 => packets.push(Packet::Noop),
                        1 => packets.push(Packet::Ping("".into())),
                        2 => packets.push(Packet::Close),
                        3 => packets.push(Packet::Upgrade),
                        _ => {}
                    }
                    if self.open
                        && (!fake.probe || rig.connection.transport() == Some(TransportKind::WebSocket))
                    {
                        for _ in 0..what % 3 {
                            packets.insert(0, text(&self.received.to_string()));
                            self.received += 1;
                        }
                        packets.sort_by_key(|packet| number(packet).unwrap_or(u64::MAX));
                    }
                }
                rig.packets(from, packets);
            }
            11 | 12 if fake.pausing && fake.writing.is_none() => {
                fake.pausing = false;
                rig.report(from, ReportKind::Paused);
            }
            13 | 14 if fake.leaving => self.end(rig, id, Cause::Ordered, what),
            15 => self.end(rig, id, Rig::eof(), what),
            _ => {}
        }
    }

    fn end(&mut self, rig: &mut Rig, id: u64, cause: Cause, what: u8) {
        let Some(fake) = self.fakes.remove(&id) else { return };
        let batch = fake.writing.unwrap_or_default();
        let left = usize::from(what / 16) % (batch.len() + 1);
        let fate = if fake.websocket || left == 0 {
            self.left.extend(batch.iter().take(left).filter_map(number));
            Fate::Left(left)
        } else {
            Fate::InDoubt
        };
        rig.ended(TransportId(id), cause, fate);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn whatever_happens_the_invariants_hold(steps in prop::collection::vec(step(), 1..150)) {
        let mut rig = Rig::with(limits());
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Connect { websocket, upgrade } => {
                    let mut transports = vec![TransportKind::Polling, TransportKind::WebSocket];
                    if websocket {
                        transports.reverse();
                    }
                    let idle = rig.connection.is_idle();
                    let target = Target { endpoint: endpoint(), transports, upgrade };
                    prop_assert_eq!(rig.connection.connect(rig.now, target).is_ok(), idle);
                    if idle {
                        model.connecting = true;
                        model.accepted.clear();
                        model.left.clear();
                    }
                }
                Step::Send => {
                    if rig.connection.send(Data::from(model.sent.to_string())).is_ok() {
                        model.accepted.push(model.sent);
                    }
                    model.sent += 1;
                }
                Step::Close => rig.connection.close(rig.now, None),
                Step::Abort => rig.connection.abort(rig.now, None),
                Step::Report { which, what } => model.report(&mut rig, which, what),
                Step::Take => {
                    if let Some(from) = model.held.pop() {
                        rig.taken(from);
                    }
                }
                Step::Elapse { seconds } => {
                    // An abort takes no time.
                    let aborted = model.fakes.iter().filter(|(_, fake)| fake.aborted);
                    for id in aborted.map(|(id, _)| *id).collect::<Vec<_>>() {
                        model.end(&mut rig, id, Cause::Ordered, 0);
                    }
                    model.execute(&mut rig);
                    rig.now += Duration::from_secs(seconds);
                    rig.connection.handle_timeout(rig.now);
                }
            }
            model.execute(&mut rig);
        }
        // Whatever was going on, it comes to an end by itself, even if every transport is broken.
        for _ in 0..400 {
            if rig.connection.is_idle() {
                break;
            }
            rig.elapse();
            while rig.connection.poll_output(rig.now).is_some() {}
        }
        prop_assert!(rig.connection.is_idle());
    }
}
