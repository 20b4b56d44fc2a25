use std::time::Duration;

use super::*;
use crate::protocol::handshake::{Session, TransportKind};

const SECOND: Duration = Duration::from_secs(1);

fn in_flight(now: Instant) -> Writing {
    let mut writing = Writing::default();
    // The transport has dropped its share.
    drop(writing.start(now, Batch::control(Packet::Noop)));
    writing
}

#[test]
fn a_batch_is_in_flight_until_it_is_finished() {
    let now = Instant::now();
    let mut writing = Writing::default();
    assert!(writing.is_free() && writing.finish().is_none());
    writing.progress(now);
    let session = Session::new("abc", TransportKind::WebSocket);
    let silence = session.ping_interval + session.ping_timeout;
    let liveness = Liveness::new(now, &session);
    assert_eq!(writing.deadline(&liveness), None);

    let packets = writing.start(now, Batch::control(Packet::Close));
    assert_eq!(*packets, [Packet::Close]);
    assert!(!writing.is_free() && writing.is_closing());
    assert_eq!(writing.deadline(&liveness), Some(now + silence));
    writing.progress(now + SECOND);
    assert_eq!(writing.deadline(&liveness), Some(now + silence + SECOND));
    writing.progress(now + 5 * silence - SECOND);
    assert_eq!(writing.deadline(&liveness), Some(now + 5 * silence), "the whole batch has a limit too");
    assert_eq!(writing.finish().unwrap().started, now);
    assert!(writing.is_free() && !writing.is_closing());
    assert!(!in_flight(now).is_closing(), "it has another packet");
}

#[test]
fn the_buffer_of_a_batch_is_used_again_unless_it_is_too_large_for_its_packets() {
    for (packets, capacity, is_retained) in [
        (1, 16, true),
        (1, 17, false),
        (100, 1600, true),
        (100, 1601, false),
        (1024, MAX_CAPACITY, true),
        (1024, MAX_CAPACITY + 1, false),
    ] {
        let mut buffer = Vec::with_capacity(capacity);
        buffer.resize(packets, Packet::Noop);
        assert_eq!(buffer.capacity(), capacity);
        let mut writing = in_flight(Instant::now());
        writing.finish();
        writing.recycle(Batch::of(buffer));
        let spare = writing.take_spare();
        assert!(spare.is_empty());
        assert_eq!(spare.capacity(), if is_retained { capacity } else { 0 }, "{packets} of {capacity}");
    }
}

#[test]
fn the_buffer_of_a_batch_that_the_transport_still_has_is_not_used_again() {
    let mut writing = Writing::default();
    let packets = writing.start(Instant::now(), Batch::control(Packet::Noop));
    let batch = writing.finish().unwrap().batch;
    writing.recycle(batch);
    assert_eq!(*packets, [Packet::Noop]);
    assert_eq!(writing.take_spare().capacity(), 0);
}
