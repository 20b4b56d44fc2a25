//! What the transports of a walk report.

use super::*;

impl Model {
    /// A transport carries out what it was ordered.
    pub(super) fn obey(&mut self, which: u8) {
        let index = usize::from(which) % self.fakes.len().max(1);
        let Some(fake) = self.fakes.values().nth(index) else { return };
        let what = match fake {
            _ if fake.closing => 13,
            _ if fake.is_websocket() && !fake.opened => 0,
            _ if fake.writing.is_some() => 2,
            _ if fake.ping.is_some() && fake.may_read => 5,
            _ if fake.pausing => 11,
            _ => 118,
        };
        self.report(which, what);
    }

    /// A transport reports something that it may report now.
    pub(super) fn report(&mut self, which: u8, what: u8) {
        let index = usize::from(which) % self.fakes.len().max(1);
        let Some(fake) = self.fakes.values_mut().nth(index) else { return };
        let id = fake.id;
        match what % 16 {
            0 if fake.is_websocket() && !fake.opened => {
                fake.opened = true;
                self.say(id, ReportKind::Opened { protocol: None });
            }
            0 if !fake.is_websocket() && what > 192 => self.say(id, ReportKind::Moved(endpoint())),
            0 if !fake.is_websocket() && what > 128 && !fake.greeted => {
                self.say(
                    id,
                    ReportKind::Answered(if what > 160 { ProtocolVersion::V4 } else { ProtocolVersion::V3 }),
                );
            }
            0 if !fake.is_websocket() => self.say(id, ReportKind::Requested),
            1 if fake.writing.is_some() && what > 128 => {
                fake.wrote = self.now;
                self.say(id, ReportKind::Writing);
            }
            1 => {
                let read = fake.read + (u64::from(what / 16) << 14);
                self.say(id, ReportKind::Alive { is_partial: what > 64, read });
            }
            2..=4 => {
                let Some(batch) = fake.writing.take() else { return };
                self.messages.wrote(&batch, id.kind);
                let ping = batch[..1].to_vec();
                drop(batch);
                self.say(id, ReportKind::Written { any_number: what > 128 });
                self.time.wrote(self.now, &ping);
            }
            // A pong that nobody asked for.
            5 if fake.opened && what > 240 => self.say(id, ReportKind::Pong(u64::from(what))),
            5..=7 if fake.may_read && fake.ping.is_some() => {
                let Some(number) = fake.ping.take() else { return };
                if !fake.closing {
                    self.messages.pong();
                    self.time.answered();
                }
                self.say(id, ReportKind::Pong(number));
            }
            5..=10 if fake.may_report_packets(what) => {
                fake.may_read = false;
                let complete = fake.is_websocket() || !what.is_multiple_of(5);
                let packets = self.packets(id, what);
                self.say(id, ReportKind::Packets { packets, complete });
            }
            11 | 12 if fake.pausing && fake.writing.is_none() => {
                fake.pausing = false;
                self.say(id, ReportKind::Paused);
            }
            13 | 14 if fake.closing => {
                let reason = if fake.greeted { Ordered } else { Interrupted(Stage::Response) };
                self.end(id.number, reason, what);
            }
            15 if fake.opened && what > 128 => {
                self.end(id.number, CloseFrame { code: 1000, reason: "".into() }, what);
            }
            15 => self.end(id.number, Failed(TransportError::eof("gone")), what),
            _ => {}
        }
    }

    /// The packets of a transport's next report.
    fn packets(&mut self, id: TransportId, what: u8) -> Vec<Packet> {
        let carries_session = self.open && self.connection.transport() == Some(id.kind);
        let Some(fake) = self.fakes.get_mut(&id.number) else { return Vec::new() };
        if !mem::replace(&mut fake.greeted, true) {
            return vec![match what {
                241.. => Packet::Noop,
                225..=240 => Packet::Open("{}".into()),
                _ if fake.is_probe => Packet::Pong("probe".into()),
                _ => open_packet(r#""websocket""#),
            }];
        }
        let mut packets = Vec::new();
        // What a transport reports after it was aborted does not count any more.
        if carries_session && !fake.closing {
            for _ in 0..what % 3 {
                packets.push(self.messages.receive());
            }
        }
        packets.extend(match what / 16 {
            0 => Some(Packet::Noop),
            1 => Some(Packet::Ping("".into())),
            2 => Some(Packet::Close),
            3 => Some(Packet::Upgrade),
            4 => Some(Packet::Unknown('7')),
            5 => Some(Packet::Pong("".into())),
            6 => Some(open_packet("")),
            _ => None,
        });
        packets
    }

    /// A transport has ended for this reason.
    pub(super) fn end(&mut self, number: u64, reason: CloseReason, what: u8) {
        let Some(fake) = self.fakes.remove(&number) else { return };
        let batch = fake.writing.clone().unwrap_or_default();
        let sent = usize::from(what / 16) % (batch.len() + 1);
        let outcome = if fake.is_websocket() || sent == 0 {
            self.messages.wrote(&batch[..sent], fake.id.kind);
            BatchOutcome { sent, uncertain: usize::from(what % 3), begun: usize::from(what % 4) }
        } else {
            BatchOutcome::UNCERTAIN
        };
        drop(batch);
        self.say(fake.id, closed(reason, outcome));
    }
}

pub(super) fn closed(reason: CloseReason, outcome: BatchOutcome) -> ReportKind {
    ReportKind::Closed(TransportClosed { reason, outcome })
}
