use super::*;

#[test]
fn the_memory_of_a_burst_is_given_back_when_every_subscriber_has_read_it() {
    let mut log = Log::default();
    for _ in 0..5_000 {
        log.push(Event::Message("a".into()));
    }
    let end = log.end();
    log.trim(Position(end.0 - 1));
    assert!(log.len() == 1 && log.events.capacity() >= 5_000);
    log.trim(end);
    assert_eq!(log.events.capacity(), 0);
}

#[test]
fn the_events_from_a_position_on_are_counted() {
    let mut log = Log::default();
    let start = log.end();
    for text in ["a", "b", "c"] {
        log.push(Event::Message(text.into()));
    }
    let mut second = start;
    second.advance();
    assert_eq!([start, second, log.end()].map(|position| log.len_from(position)), [3, 2, 0]);
}
