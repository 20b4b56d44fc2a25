//! Given inputs, exact outputs: a session is played as a trace in virtual time, without a runtime.

mod attempts;
mod walk;

use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::{
    model::{endpoint, limits, open_packet, text},
    writing::BATCH,
    *,
};
use crate::error::SendErrorKind;

/// A connection, its clock, and short words for what goes in and comes out.
struct Rig {
    connection: Connection,
    now: Instant,
}

const POLLING: TransportId = TransportId(0);
const PROBE: TransportId = TransportId(1);

/// A packet as polling would write it.
fn wire(packet: &Packet) -> String {
    let mut buffer = BytesMut::new();
    packet.encode_text(&mut buffer);
    String::from_utf8(buffer.to_vec()).unwrap()
}

fn wires(packets: &[Packet]) -> String {
    packets.iter().map(wire).collect::<Vec<_>>().join("|")
}

fn datas(datas: &[Data]) -> String {
    datas
        .iter()
        .map(|data| String::from_utf8_lossy(data.as_bytes()).into_owned())
        .collect::<Vec<_>>()
        .join("|")
}

fn word(output: Output) -> String {
    match output {
        Output::Start { id, kind, sid, .. } => match sid {
            Some(sid) => format!("start {} {kind} {sid}", id.0),
            None => format!("start {} {kind}", id.0),
        },
        Output::Order(id, Command::Write(packets)) => format!("{} write {}", id.0, wires(&packets)),
        Output::Order(id, Command::Read(_)) => format!("{} read", id.0),
        Output::Order(id, Command::Session(sid)) => format!("{} session {sid}", id.0),
        Output::Order(id, Command::Pause) => format!("{} pause", id.0),
        Output::Order(id, Command::Resume) => format!("{} resume", id.0),
        Output::Order(id, Command::Close) => format!("{} close", id.0),
        Output::Order(id, Command::Abort) => format!("{} abort", id.0),
        Output::AttemptFailed { kind, err } => format!("{kind} failed: {err}"),
        Output::Opened(session) => format!("opened {} {}", session.sid, session.transport),
        Output::Messages { packets, .. } => format!("messages {}", wires(&packets)),
        Output::Upgraded(kind) => format!("upgraded {kind}"),
        Output::UpgradeFailed(err) => format!("upgrade failed: {err}"),
        Output::Ended(Outcome::ConnectFailed(err)) => format!("connect failed: {err}"),
        Output::Ended(Outcome::Closed { reason, unsent, in_doubt }) => {
            format!("closed: {reason}; unsent {}; in doubt {}", datas(&unsent), datas(&in_doubt))
        }
    }
}

/// What most connects are.
fn target(now: Instant, transports: &[TransportKind]) -> ConnectParams {
    ConnectParams {
        endpoint: endpoint(),
        deadline: now + Duration::from_secs(20),
        transports: transports.to_vec(),
        upgrade: true,
        try_all: false,
        remember: false,
    }
}

impl Rig {
    fn with(limits: Limits) -> Self {
        Self { connection: Connection::new(limits), now: Instant::now() }
    }

    fn connect(transports: &[TransportKind]) -> Self {
        let mut rig = Self::with(limits());
        let target = target(rig.now, transports);
        rig.connection.connect(rig.now, target).unwrap();
        rig
    }

    /// Over polling, with an upgrade on offer or not.
    fn polling(upgrades: &str) -> Self {
        let mut rig = Self::connect(&[TransportKind::Polling, TransportKind::WebSocket]);
        rig.out();
        rig.report(POLLING, ReportKind::Requested);
        rig.packets(POLLING, vec![open_packet(upgrades)]);
        rig
    }

    /// Over a WebSocket from the start.
    fn websocket() -> Self {
        let mut rig = Self::connect(&[TransportKind::WebSocket]);
        rig.out();
        rig.report(POLLING, ReportKind::Opened { protocol: None });
        rig.packets(POLLING, vec![open_packet("")]);
        rig.out();
        rig
    }

    fn report(&mut self, from: TransportId, kind: ReportKind) {
        self.connection.handle_report(self.now, Report { from, kind });
    }

    fn packets(&mut self, from: TransportId, packets: Vec<Packet>) {
        self.report(from, ReportKind::Packets { packets, complete: true });
    }

    fn written(&mut self, from: TransportId) {
        self.report(from, ReportKind::Written { any_number: false });
    }

    fn ended(&mut self, from: TransportId, cause: CloseReason, outcome: BatchOutcome) {
        self.report(from, ReportKind::Closed(TransportClosed { reason: cause, outcome }));
    }

    fn send(&mut self, text: &str) {
        self.connection.send(Data::from(text)).unwrap();
    }

    /// The subscribers have room again.
    fn resume(&mut self) {
        self.connection.resume_reading(self.now);
    }

    /// Everything there is to do, in words.
    fn out(&mut self) -> Vec<String> {
        let mut words = Vec::new();
        while let Some(output) = self.connection.poll_output(self.now) {
            words.push(word(output));
        }
        words
    }

    /// To the next deadline. Returns how many milliseconds away it was.
    fn elapse(&mut self) -> u128 {
        let at = self.connection.poll_timeout().expect("a deadline");
        let waited = at.saturating_duration_since(self.now);
        self.now = at.max(self.now);
        self.connection.handle_timeout(self.now);
        waited.as_millis()
    }

    fn eof() -> CloseReason {
        CloseReason::Failed(TransportError::eof("gone"))
    }
}

#[test]
fn a_session_over_polling_opens_reads_and_writes() {
    let mut rig = Rig::connect(&[TransportKind::Polling, TransportKind::WebSocket]);
    assert_eq!(rig.out(), ["start 0 polling"]);
    rig.packets(POLLING, vec![open_packet(""), text("hi")]);
    assert_eq!(rig.out(), ["0 session abc", "opened abc polling", "messages 4hi"]);
    rig.resume();
    assert_eq!(rig.out(), ["0 read"]);
    rig.send("a");
    rig.send("b");
    assert_eq!(rig.out(), ["0 write 4a|4b"]);
    rig.send("c");
    assert_eq!(rig.out(), [""; 0], "one batch in flight");
    rig.written(POLLING);
    assert_eq!(rig.out(), ["0 write 4c"]);
}

#[test]
fn batches_of_any_size_keep_every_packet_and_their_order() {
    let mut rig = Rig::websocket();
    let mut sent = 0;
    // The queue and the batches change buffers, or share what there is.
    for size in [1, 1023, 1024, 1025, 1, 2400, 3200, 1024, 3] {
        for ponged in [false, true] {
            let mut expected = Vec::new();
            if ponged {
                rig.packets(POLLING, vec![Packet::Ping("".into())]);
                expected.push("3".to_owned());
            }
            for _ in 0..size {
                rig.send(&sent.to_string());
                expected.push(format!("4{sent}"));
                sent += 1;
            }
            for batch in expected.chunks(BATCH.packets) {
                let write = format!("0 write {}", batch.join("|"));
                let out = rig.out();
                assert_eq!(out.iter().find(|word| word.contains("write")), Some(&write));
                rig.written(POLLING);
            }
        }
    }
    assert_eq!(rig.out(), [""; 0]);
    assert_eq!(rig.connection.waiting(), (0, 0));
}

#[test]
fn a_whole_batch_is_there_once_every_1024_messages_and_for_every_256_kib() {
    let mut rig = Rig::websocket();
    let mut at = Vec::new();
    for count in 1..=3200 {
        rig.send("");
        if rig.connection.has_batch() {
            at.push(count);
        }
    }
    assert_eq!(at, [1024, 2048, 3072]);

    let mut rig = Rig::websocket();
    rig.send(&"a".repeat(BATCH.bytes));
    assert!(rig.connection.has_batch());
    rig.out();
    rig.send(&"b".repeat(BATCH.bytes));
    assert!(!rig.connection.has_batch(), "one is in flight");
    rig.written(POLLING);
    assert!(rig.connection.has_batch());
}

#[test]
fn a_websocket_opens_with_its_first_packet() {
    let mut rig = Rig::connect(&[TransportKind::WebSocket, TransportKind::Polling]);
    assert_eq!(rig.out(), ["start 0 websocket"]);
    rig.report(POLLING, ReportKind::Opened { protocol: None });
    rig.packets(POLLING, vec![open_packet(r#""websocket""#)]);
    assert_eq!(rig.out(), ["opened abc websocket", "0 read"]);
}

#[test]
fn an_upgrade_pauses_polling_and_moves_the_queue() {
    let mut rig = Rig::polling(r#""websocket""#);
    assert_eq!(rig.out(), ["0 session abc", "opened abc polling", "0 read", "start 1 websocket abc"]);
    rig.report(PROBE, ReportKind::Opened { protocol: None });
    rig.send("before");
    assert_eq!(rig.out(), ["1 write 2probe", "0 write 4before"]);
    rig.written(PROBE);
    rig.packets(PROBE, vec![Packet::Pong("probe".into())]);
    rig.send("held");
    assert_eq!(rig.out(), ["0 pause", "1 read"], "so that its end is noticed");
    rig.packets(POLLING, vec![text("last poll")]);
    assert_eq!(rig.out(), ["messages 4last poll"]);
    rig.resume();
    rig.written(POLLING);
    assert_eq!(rig.out(), ["0 read"], "for what is left of the last poll; nothing is written in a pause");
    rig.report(POLLING, ReportKind::Paused);
    assert_eq!(rig.out(), ["1 write 5"]);
    rig.written(PROBE);
    assert_eq!(rig.out(), ["0 abort", "upgraded websocket", "1 write 4held"]);
    rig.ended(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    rig.packets(PROBE, vec![text("on websocket")]);
    assert_eq!(rig.out(), ["messages 4on websocket"]);
}

#[test]
fn a_probe_is_read_while_the_polls_come_home_once_there_is_room() {
    let mut rig = Rig::polling(r#""websocket""#);
    rig.report(PROBE, ReportKind::Opened { protocol: None });
    rig.out();
    rig.written(PROBE);
    rig.packets(POLLING, vec![text("held")]);
    rig.packets(PROBE, vec![Packet::Pong("probe".into())]);
    assert_eq!(rig.out(), ["messages 4held", "0 pause"]);
    rig.resume();
    assert_eq!(rig.out(), ["1 read", "0 read"]);
}

/// Every way in which an upgrade can fail before the upgrade packet has left, at the point given by `steps`.
fn probing(steps: usize) -> Rig {
    let mut rig = Rig::polling(r#""websocket""#);
    if steps > 0 {
        rig.report(PROBE, ReportKind::Opened { protocol: None });
        rig.out();
        rig.written(PROBE);
    }
    if steps > 1 {
        rig.packets(PROBE, vec![Packet::Pong("probe".into())]);
    }
    if steps > 2 {
        rig.packets(POLLING, vec![Packet::Noop]);
        rig.report(POLLING, ReportKind::Paused);
    }
    rig.out();
    rig.send("kept");
    rig
}

#[test]
fn an_upgrade_that_fails_goes_on_over_polling() {
    let wrong = "upgrade failed: a packet out of place: the answer to the probe is not its pong";
    let lost = "upgrade failed: connection lost: gone";

    let mut rig = probing(0);
    assert_eq!(rig.out(), ["0 write 4kept"], "polling goes on beside the probe");
    rig.ended(PROBE, Rig::eof(), BatchOutcome::sent(0));
    assert_eq!(rig.out(), [lost]);

    let mut rig = probing(1);
    rig.packets(PROBE, vec![Packet::Pong("wrong".into())]);
    assert_eq!(rig.out(), ["1 abort", wrong, "0 write 4kept"]);
    rig.ended(PROBE, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), [""; 0]);

    let mut rig = probing(1);
    rig.packets(PROBE, vec![]);
    assert_eq!(rig.out(), ["1 abort", wrong, "0 write 4kept"]);

    let mut rig = probing(2);
    assert_eq!(rig.out(), [""; 0]);
    rig.packets(POLLING, vec![Packet::Noop]);
    rig.ended(PROBE, Rig::eof(), BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["0 resume", lost, "0 write 4kept"]);
    assert_eq!(rig.elapse(), 50, "the poll that brought nothing");
    assert_eq!(rig.out(), ["0 read"]);

    let mut rig = probing(3);
    rig.ended(PROBE, Rig::eof(), BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["0 resume", lost, "0 write 4kept"]);

    for steps in 0..3 {
        let mut rig = probing(steps);
        rig.connection.handle_timeout(rig.now + Duration::from_secs(10));
        let out = rig.out();
        let failed = "upgrade failed: timed out waiting for the answer to the probe".to_owned();
        assert!(out.contains(&"1 abort".to_owned()) && out.contains(&failed), "{out:?}");
        assert!(out.contains(&"0 write 4kept".to_owned()), "{out:?}");
    }
}

#[test]
fn a_websocket_lost_after_the_upgrade_packet_ends_the_session() {
    let mut rig = probing(3);
    rig.ended(PROBE, Rig::eof(), BatchOutcome::sent(1));
    assert_eq!(rig.out(), ["0 abort"]);
    rig.ended(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["closed: transport error: connection lost: gone; unsent kept; in doubt "]);
}

#[test]
fn an_upgrade_packet_that_does_not_leave_in_time_decides_by_where_it_is() {
    let mut rig = probing(3);
    rig.connection.handle_timeout(rig.now + Duration::from_secs(10));
    assert_eq!(rig.out(), ["1 abort"]);
    rig.ended(PROBE, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["0 resume", "upgrade failed: timed out writing", "0 write 4kept"]);
}

#[test]
fn polls_that_bring_nothing_slow_down() {
    let mut rig = Rig::polling(r#""websocket""#);
    rig.out();
    let mut waits = Vec::new();
    for _ in 0..7 {
        rig.packets(POLLING, vec![Packet::Noop]);
        assert_eq!(rig.out(), [""; 0]);
        waits.push(rig.elapse());
        assert_eq!(rig.out(), ["0 read"]);
    }
    assert_eq!(waits, [50, 100, 200, 400, 800, 1000, 1000]);
    rig.packets(POLLING, vec![text("something")]);
    rig.resume();
    assert_eq!(rig.out(), ["messages 4something", "0 read"]);
    rig.packets(POLLING, vec![]);
    assert_eq!(rig.elapse(), 50);
}

#[test]
fn a_part_of_a_poll_that_brings_nothing_does_not_put_off_the_rest() {
    let mut rig = Rig::polling("");
    rig.out();
    for _ in 0..3 {
        rig.report(POLLING, ReportKind::Packets { packets: vec![Packet::Noop; 64], complete: false });
        assert_eq!(rig.out(), ["0 read"]);
    }
    rig.packets(POLLING, vec![Packet::Noop]);
    assert_eq!(rig.out(), [""; 0], "the next poll waits");
    assert_eq!(rig.elapse(), 50);
    assert_eq!(rig.out(), ["0 read"]);
    // However many parts a poll has, it is one.
    rig.report(POLLING, ReportKind::Packets { packets: vec![Packet::Noop; 64], complete: false });
    rig.packets(POLLING, vec![Packet::Noop]);
    rig.out();
    assert_eq!(rig.elapse(), 100);
    assert_eq!(rig.out(), ["0 read"]);
    // And of use, if any part was.
    rig.report(POLLING, ReportKind::Packets { packets: vec![Packet::Ping("".into()); 64], complete: false });
    rig.packets(POLLING, vec![Packet::Noop]);
    assert!(rig.out().contains(&"0 read".to_owned()));
}

#[test]
fn a_pong_echoes_its_ping_and_goes_first() {
    let mut rig = Rig::websocket();
    rig.send("a");
    assert_eq!(rig.out(), ["0 write 4a"]);
    rig.send("b");
    rig.packets(POLLING, vec![Packet::Ping("x".into()), Packet::Ping("".into())]);
    rig.written(POLLING);
    assert_eq!(rig.out(), ["0 read", "0 write 3x|3|4b"]);
}

#[test]
fn silence_is_a_ping_timeout_at_its_moment() {
    for mut rig in [Rig::websocket(), Rig::polling("")] {
        rig.out();
        rig.now += Duration::from_secs(44);
        rig.report(POLLING, ReportKind::Alive);
        assert_eq!(rig.elapse(), 45_000);
        assert_eq!(rig.out(), ["0 abort"]);
        rig.ended(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
        assert_eq!(rig.out(), ["closed: ping timeout; unsent ; in doubt "]);
    }
}

#[test]
fn a_post_that_is_answered_is_no_sign_of_life() {
    let mut rig = Rig::polling("");
    rig.send("a");
    rig.out();
    rig.now += Duration::from_secs(20);
    rig.written(POLLING);
    assert_eq!(rig.elapse(), 25_000);
    assert_eq!(rig.out(), ["0 abort"]);
}

#[test]
fn a_process_that_slept_through_the_deadline_gives_the_server_one_more_chance() {
    let mut rig = Rig::websocket();
    rig.now += Duration::from_secs(3600);
    rig.connection.handle_timeout(rig.now);
    assert_eq!(rig.out(), [""; 0]);
    // Not for a whole heartbeat: what came meanwhile is there.
    assert_eq!(rig.elapse(), 1000);
    assert_eq!(rig.out(), ["0 abort"]);
}

#[test]
fn answers_to_pings_that_wait_are_bounded_and_the_newest_ones() {
    let mut rig = Rig::websocket();
    rig.send("slow");
    assert_eq!(rig.out(), ["0 write 4slow"]);
    let pings = |data: &[String]| data.iter().map(|data| Packet::Ping(data.as_str().into())).collect();
    let small: Vec<_> = (0..100).map(|at| at.to_string()).collect();
    rig.packets(POLLING, pings(&small));
    rig.out();
    rig.written(POLLING);
    let newest: Vec<_> = (36..100).map(|at| format!("3{at}")).collect();
    assert_eq!(rig.out(), [format!("0 write {}", newest.join("|"))]);
    let large: Vec<_> = ["a", "b", "c"].map(|char| char.repeat(40 << 10)).into();
    rig.packets(POLLING, pings(&large));
    rig.out();
    rig.written(POLLING);
    assert_eq!(rig.out(), [format!("0 write 3{}", large[2])]);
    // A single one is answered whatever its size.
    let huge = ["d".repeat(1 << 20)];
    rig.packets(POLLING, pings(&huge));
    rig.out();
    rig.written(POLLING);
    assert_eq!(rig.out(), [format!("0 write 3{}", huge[0])]);
}

#[test]
fn reading_that_is_held_back_ends_as_stalled_and_not_as_a_ping_timeout() {
    let mut rig = Rig::websocket();
    rig.packets(POLLING, vec![text("a")]);
    assert_eq!(rig.out(), ["messages 4a"]);
    rig.now += Duration::from_secs(50);
    rig.connection.handle_timeout(rig.now);
    rig.connection.progress(rig.now);
    assert_eq!(rig.elapse(), 60_000);
    rig.ended(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["0 abort", "closed: stalled; unsent ; in doubt "]);
}

#[test]
fn the_ping_deadline_starts_anew_when_reading_goes_on() {
    let mut rig = Rig::websocket();
    rig.packets(POLLING, vec![text("a")]);
    rig.now += Duration::from_secs(59);
    rig.resume();
    rig.out();
    assert_eq!(rig.elapse(), 45_000);
}

#[test]
fn a_write_without_progress_is_a_transport_error() {
    let mut rig = Rig::websocket();
    rig.send("stuck");
    rig.out();
    for _ in 0..5 {
        rig.now += Duration::from_secs(40);
        rig.report(POLLING, ReportKind::Writing);
        rig.report(POLLING, ReportKind::Alive);
        rig.connection.handle_timeout(rig.now);
        assert_eq!(rig.out(), [""; 0]);
    }
    rig.now += Duration::from_secs(45);
    rig.report(POLLING, ReportKind::Alive);
    rig.connection.handle_timeout(rig.now);
    assert_eq!(rig.out(), ["0 abort"]);
    rig.ended(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["closed: transport error: timed out writing; unsent stuck; in doubt "]);
}

#[test]
fn a_batch_for_polling_stays_within_max_payload_and_sixteen_packets() {
    let mut rig = Rig::polling("");
    rig.out();
    for at in 0..20 {
        rig.send(&format!("{at}"));
    }
    let all = (0..20).map(|at| format!("4{at}")).collect::<Vec<_>>();
    assert_eq!(rig.out(), [format!("0 write {}", all[..16].join("|"))]);
    rig.written(POLLING);
    assert_eq!(rig.out(), [format!("0 write {}", all[16..].join("|"))]);

    // `maxPayload` is 100: 49 + 1 + 50 fit, one byte more does not.
    let mut rig = Rig::polling("");
    rig.out();
    let (a, b, c) = ("a".repeat(48), "b".repeat(49), "c".repeat(50));
    rig.send(&a);
    rig.send(&b);
    rig.send(&c);
    rig.send(&b);
    assert_eq!(rig.out(), [format!("0 write 4{a}|4{b}")]);
    rig.written(POLLING);
    assert_eq!(rig.out(), [format!("0 write 4{c}")]);
}

#[test]
fn a_server_that_shows_it_takes_any_number_gets_any_number() {
    let mut rig = Rig::polling("");
    rig.send("first");
    rig.out();
    for _ in 0..30 {
        rig.send("x");
    }
    rig.report(POLLING, ReportKind::Written { any_number: true });
    assert_eq!(rig.out(), [format!("0 write {}", ["4x"; 30].join("|"))]);
}

#[test]
fn what_polling_cannot_carry_goes_back_to_its_sender() {
    let mut rig = Rig::polling("");
    let err = rig.connection.send(Data::from("a".repeat(100))).unwrap_err();
    assert_eq!(err.kind, SendErrorKind::TooLarge { size: 101, limit: 100 });
    assert_eq!(err.data.len(), 100);
    let err = rig.connection.send(Data::from(vec![0; 75])).unwrap_err();
    assert_eq!(err.kind, SendErrorKind::TooLarge { size: 101, limit: 100 });
    let err = rig.connection.send(Data::from("a\u{1e}b")).unwrap_err();
    assert_eq!(err.kind, SendErrorKind::NotRepresentable);
    rig.connection.send(Data::from("a".repeat(99))).unwrap();

    let mut rig = Rig::websocket();
    rig.connection.send(Data::from("a".repeat(1000))).unwrap();
    rig.connection.send(Data::from("a\u{1e}b")).unwrap();
}

#[test]
fn a_graceful_close_over_polling_puts_the_close_packet_behind_the_rest() {
    let mut rig = Rig::polling("");
    rig.out();
    rig.send("a");
    rig.connection.close(rig.now, Some("done".into()));
    assert_eq!(rig.connection.send(Data::from("late")).unwrap_err().kind, SendErrorKind::NotConnected);
    assert_eq!(rig.out(), ["0 write 4a|1"]);
    rig.packets(POLLING, vec![text("meanwhile")]);
    assert_eq!(rig.out(), ["messages 4meanwhile"]);
    rig.written(POLLING);
    assert_eq!(rig.out(), ["0 close"]);
    rig.ended(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["closed: client disconnect: done; unsent ; in doubt "]);
    assert!(rig.connection.is_idle() && rig.connection.poll_timeout().is_none());
}

#[test]
fn a_graceful_close_is_bounded_and_gives_back_what_did_not_leave() {
    let mut rig = Rig::websocket();
    rig.send("a");
    rig.out();
    rig.send("b");
    rig.connection.close(rig.now, None);
    assert_eq!(rig.elapse(), 5_000);
    assert_eq!(rig.out(), ["0 abort"]);
    rig.ended(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["closed: client disconnect; unsent a|b; in doubt "]);

    // Of a batch, what left whole is gone.
    let mut rig = Rig::websocket();
    for text in ["a", "b", "c"] {
        rig.send(text);
    }
    rig.out();
    rig.ended(POLLING, Rig::eof(), BatchOutcome::sent(2));
    assert_eq!(rig.out(), ["closed: transport error: connection lost: gone; unsent c; in doubt "]);

    // The server does not answer the close frame.
    let mut rig = Rig::websocket();
    rig.connection.close(rig.now, None);
    assert_eq!(rig.out(), ["0 write 1"]);
    rig.written(POLLING);
    assert_eq!(rig.out(), ["0 close"]);
    assert_eq!(rig.elapse(), 5_000);
    assert_eq!(rig.out(), ["0 abort"]);
    // A transport that is broken is not waited for.
    assert_eq!(rig.elapse(), 1_000);
    assert_eq!(rig.out(), ["closed: client disconnect; unsent ; in doubt "]);
}

#[test]
fn a_close_during_the_probe_goes_out_over_polling() {
    let mut rig = probing(1);
    rig.connection.close(rig.now, None);
    assert_eq!(rig.out(), ["0 write 4kept|1"]);
    rig.packets(PROBE, vec![Packet::Pong("probe".into())]);
    assert_eq!(rig.out(), [""; 0]);
    rig.written(POLLING);
    assert_eq!(rig.out(), ["0 close", "1 abort"]);
    rig.ended(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), [""; 0], "every socket is closed first");
    rig.ended(PROBE, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["closed: client disconnect; unsent ; in doubt "]);
}

#[test]
fn a_close_during_the_switch_goes_out_over_the_websocket() {
    let mut rig = probing(3);
    rig.connection.close(rig.now, None);
    assert_eq!(rig.out(), [""; 0]);
    rig.written(PROBE);
    assert_eq!(rig.out(), ["0 abort", "upgraded websocket", "1 write 4kept|1"]);
}

#[test]
fn an_abort_ends_at_once_and_sorts_what_was_left() {
    let mut rig = Rig::polling("");
    rig.out();
    rig.send("in doubt");
    rig.out();
    rig.send("queued");
    rig.connection.abort(rig.now, None);
    assert_eq!(rig.out(), ["0 abort"]);
    rig.ended(POLLING, CloseReason::Ordered, BatchOutcome::UNCERTAIN);
    assert_eq!(rig.out(), ["closed: client disconnect; unsent queued; in doubt in doubt"]);
}

#[test]
fn a_servers_close_ends_the_session_and_what_follows_it_is_dropped() {
    let mut rig = Rig::polling("");
    rig.out();
    rig.packets(POLLING, vec![text("a"), Packet::Close, text("b"), Packet::Ping("".into())]);
    assert_eq!(rig.out(), ["messages 4a", "0 abort"]);
    rig.ended(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["closed: server disconnect; unsent ; in doubt "]);
}

#[test]
fn a_close_in_the_handshake_opens_and_closes_without_an_upgrade() {
    let mut rig = Rig::connect(&[TransportKind::Polling, TransportKind::WebSocket]);
    rig.out();
    rig.packets(POLLING, vec![open_packet(r#""websocket""#), text("a"), Packet::Close]);
    assert_eq!(rig.out(), ["0 session abc", "opened abc polling", "messages 4a", "0 abort"]);
}

#[test]
fn packets_out_of_place_end_the_session() {
    for (packet, words) in [
        (open_packet(""), "closed: parse error: a packet out of place: a second open packet"),
        (Packet::Upgrade, "closed: parse error: a packet out of place: an upgrade packet from the server"),
    ] {
        let mut rig = Rig::websocket();
        rig.packets(POLLING, vec![packet]);
        rig.ended(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
        assert_eq!(rig.out()[1], format!("{words}; unsent ; in doubt "));
    }
    let mut rig = Rig::websocket();
    rig.packets(POLLING, vec![Packet::Pong("".into()), Packet::Unknown(9), Packet::Noop]);
    assert_eq!(rig.out(), ["0 read"], "tolerated");
}

#[test]
fn a_close_frame_is_a_transport_close() {
    let mut rig = Rig::websocket();
    rig.send("a");
    rig.ended(POLLING, CloseReason::CloseFrame { code: 1009, reason: "".into() }, BatchOutcome::sent(0));
    let words =
        "closed: transport close: code 1009, a message was too large for the server; unsent a; in doubt ";
    assert_eq!(rig.out(), [words]);
}

#[test]
fn a_connect_fails_within_its_bounds() {
    let mut rig = Rig::connect(&[TransportKind::Polling]);
    rig.out();
    assert_eq!(rig.elapse(), 20_000);
    rig.ended(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    let words = "connect failed: http://localhost:5000/engine.io/: timed out connecting";
    assert_eq!(rig.out(), ["0 abort", words]);

    let mut rig = Rig::connect(&[TransportKind::WebSocket]);
    rig.out();
    rig.report(POLLING, ReportKind::Opened { protocol: None });
    assert_eq!(rig.elapse(), 5_000);
    rig.ended(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    let words = "connect failed: http://localhost:5000/engine.io/: timed out waiting for the open packet";
    assert_eq!(rig.out(), ["0 abort", words]);
}

#[test]
fn a_first_packet_that_is_not_an_open_packet_fails_the_connect() {
    for packets in [vec![], vec![Packet::Noop], vec![text("hi"), open_packet("")]] {
        let mut rig = Rig::connect(&[TransportKind::Polling]);
        rig.out();
        rig.packets(POLLING, packets);
        assert_eq!(rig.out(), ["0 abort"]);
        rig.ended(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
        assert!(rig.out()[0].contains("not an Engine.IO server"));
    }
}

#[test]
fn a_disconnect_while_connecting_leaves_no_session_behind() {
    // The handshake has left: the session is closed as soon as it opens.
    let mut rig = Rig::connect(&[TransportKind::Polling]);
    rig.out();
    rig.report(POLLING, ReportKind::Requested);
    rig.connection.close(rig.now, None);
    assert_eq!(rig.out(), [""; 0]);
    rig.packets(POLLING, vec![open_packet(""), text("unwanted")]);
    assert_eq!(rig.out(), ["0 session abc", "0 write 1"]);
    rig.written(POLLING);
    assert_eq!(rig.out(), ["0 abort"]);
    rig.ended(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["connect failed: cancelled by Disconnect"]);

    // It is not waited for longer than `close_timeout`.
    let mut rig = Rig::connect(&[TransportKind::Polling]);
    rig.out();
    rig.report(POLLING, ReportKind::Requested);
    rig.connection.close(rig.now, None);
    assert_eq!(rig.elapse(), 5_000);
    assert_eq!(rig.out(), ["0 abort"]);

    // Nothing has left: at once.
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        let mut rig = Rig::connect(&[transport]);
        rig.out();
        rig.connection.close(rig.now, None);
        rig.ended(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
        assert_eq!(rig.out(), ["0 abort", "connect failed: cancelled by Disconnect"]);
    }
}

#[test]
fn a_late_report_from_an_abandoned_transport_is_ignored() {
    let mut rig = Rig::websocket();
    rig.connection.abort(rig.now, None);
    rig.ended(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    rig.out();
    let target = target(rig.now, &[TransportKind::Polling]);
    rig.connection.connect(rig.now, target).unwrap();
    rig.out();
    rig.packets(POLLING, vec![open_packet("")]);
    rig.written(POLLING);
    rig.ended(POLLING, Rig::eof(), BatchOutcome::sent(0));
    rig.resume();
    assert_eq!(rig.out(), [""; 0]);
    assert!(rig.connection.is_connecting());
}

#[test]
fn a_second_connect_is_refused() {
    let mut rig = Rig::websocket();
    let polling = target(rig.now, &[TransportKind::Polling]);
    assert_eq!(rig.connection.connect(rig.now, polling).unwrap_err(), ConnectError::AlreadyConnected);
    let nothing = target(rig.now, &[]);
    let mut rig = Rig::with(limits());
    assert_eq!(rig.connection.connect(rig.now, nothing).unwrap_err(), ConnectError::NoTransports);
}

#[test]
fn room_in_the_queue_counts_what_is_in_flight_and_each_message() {
    let mut rig = Rig::with(Limits { send_queue: 1000, ..limits() });
    let target = target(rig.now, &[TransportKind::WebSocket]);
    rig.connection.connect(rig.now, target).unwrap();
    rig.packets(POLLING, vec![open_packet("")]);
    let mut accepted = 0;
    while rig.connection.has_room() {
        rig.send("");
        accepted += 1;
        rig.out();
    }
    assert_eq!(accepted, 1000 / 64 + 1);
    rig.written(POLLING);
    assert!(rig.connection.has_room());
}

#[test]
fn a_process_that_slept_does_not_blame_the_write() {
    let mut rig = Rig::websocket();
    rig.send("a");
    rig.out();
    rig.now += Duration::from_secs(3600);
    rig.connection.handle_timeout(rig.now);
    assert_eq!(rig.out(), Vec::<String>::new());
    // It had a second to say that it left.
    rig.report(POLLING, ReportKind::Alive);
    assert_eq!(rig.elapse(), 1000);
    assert_eq!(rig.out(), ["0 abort"]);
    rig.ended(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["closed: transport error: timed out writing; unsent a; in doubt "]);
}

#[test]
fn a_process_that_slept_hears_what_became_of_a_batch() {
    let mut rig = Rig::websocket();
    rig.send("left");
    rig.out();
    rig.connection.abort(rig.now, None);
    assert_eq!(rig.out(), ["0 abort"]);
    rig.now += Duration::from_secs(3600);
    rig.connection.handle_timeout(rig.now);
    assert_eq!(rig.out(), Vec::<String>::new());
    rig.ended(POLLING, CloseReason::Ordered, BatchOutcome::sent(1));
    assert_eq!(rig.out(), ["closed: client disconnect; unsent ; in doubt "]);
}

#[test]
fn a_process_that_slept_does_not_blame_the_subscribers() {
    let mut rig = Rig::websocket();
    rig.packets(POLLING, vec![text("a")]);
    rig.out();
    rig.now += Duration::from_secs(3600);
    rig.connection.handle_timeout(rig.now);
    assert_eq!(rig.out(), Vec::<String>::new());
}

#[test]
fn nothing_is_written_after_the_close_packet() {
    let mut rig = Rig::polling("");
    rig.out();
    rig.send("a");
    rig.connection.close(rig.now, None);
    assert_eq!(rig.out(), ["0 write 4a|1"]);
    rig.packets(POLLING, vec![Packet::Ping("".into())]);
    assert_eq!(rig.out(), [""; 0]);
    rig.written(POLLING);
    assert_eq!(rig.out(), ["0 close"]);
}

#[test]
fn a_server_that_closes_before_it_answers_the_last_post_is_heard_out() {
    let mut rig = Rig::polling("");
    rig.out();
    rig.send("a");
    rig.connection.close(rig.now, None);
    assert_eq!(rig.out(), ["0 write 4a|1"]);
    rig.packets(POLLING, vec![Packet::Close]);
    assert_eq!(rig.out(), [""; 0]);
    rig.written(POLLING);
    assert_eq!(rig.out(), ["0 close"]);
    rig.ended(POLLING, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["closed: client disconnect; unsent ; in doubt "]);
}
