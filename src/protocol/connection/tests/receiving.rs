//! Reading: pauses between polls, and back-pressure.

use super::*;

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
    // And it is useful if any part was.
    rig.report(POLLING, ReportKind::Packets { packets: vec![Packet::Ping("".into()); 64], complete: false });
    let out = rig.out();
    assert!(out[0] == "0 read" && out[1].starts_with("0 write 3|3"), "{out:?}");
    rig.packets(POLLING, vec![Packet::Noop]);
    assert_eq!(rig.out(), ["0 read"]);
}

#[test]
fn back_pressure_without_progress_ends_as_stalled_and_not_as_a_ping_timeout() {
    let mut rig = Rig::websocket();
    rig.packets(WEBSOCKET, vec![text("a")]);
    assert_eq!(rig.out(), ["messages 4a"]);
    rig.now += Duration::from_secs(40);
    rig.connection.handle_timeout(rig.now);
    rig.connection.progress(rig.now);
    assert_eq!(rig.elapse(), 45_000);
    rig.closed(WEBSOCKET, CloseReason::Ordered, BatchOutcome::sent(0));
    assert_eq!(rig.out(), ["0 abort", "closed: stalled; unsent ; in doubt "]);
}

#[test]
fn the_ping_deadline_starts_again_when_reading_goes_on() {
    let mut rig = Rig::websocket();
    rig.packets(WEBSOCKET, vec![text("a")]);
    rig.now += Duration::from_secs(59);
    rig.resume();
    rig.out();
    assert_eq!(rig.elapse(), 45_000);
}

#[test]
fn an_emptied_buffer_is_filled_again() {
    let mut rig = Rig::websocket();
    rig.packets(WEBSOCKET, vec![text("a"), text("b"), text("c")]);
    let Some(Output::Messages { from, mut packets }) = rig.connection.poll_output(rig.now) else { panic!() };
    packets.clear();
    let room = packets.capacity();
    rig.connection.return_buffer(from, packets);
    assert!(rig.connection.has_backpressure());
    assert_eq!(rig.out(), [""; 0], "nothing is read yet");
    rig.resume();
    assert!(!rig.connection.has_backpressure());
    let Some(Output::Order(WEBSOCKET, Command::Read(buffer))) = rig.connection.poll_output(rig.now) else {
        panic!()
    };
    assert!(buffer.is_empty());
    assert_eq!(buffer.capacity(), room);
}

#[test]
fn without_back_pressure_there_is_nothing_to_resume() {
    let mut rig = Rig::websocket();
    rig.packets(WEBSOCKET, vec![Packet::Ping("".into())]);
    assert_eq!(rig.out(), ["0 read", "0 write 3"]);
    rig.now += Duration::from_secs(44);
    rig.resume();
    rig.connection.progress(rig.now);
    assert_eq!(rig.out(), [""; 0]);
    assert_eq!(rig.elapse(), 1000, "nor is it a sign of life");
}
