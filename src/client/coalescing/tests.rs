use super::*;

/// A wake-up with an awaited message, before everything else had run.
const SENT: Turn = Turn { is_awaited: true, others_ran: false, may_defer: true };
/// A wake-up with an awaited message, after everything else had run.
const SENT_AGAIN: Turn = Turn { others_ran: true, ..SENT };
/// The wake-up that the client has asked for, and nothing else.
const NOTHING: Turn = Turn { is_awaited: false, others_ran: true, may_defer: true };
/// A wake-up for another reason, before everything else had run.
const OTHER: Turn = Turn { is_awaited: false, others_ran: false, may_defer: true };

fn urgent(turn: Turn) -> Turn {
    Turn { may_defer: false, ..turn }
}

/// Whether each of the wake-ups defers its write. No time passes.
fn deferred(coalescing: &mut Coalescing, turns: &[Turn]) -> Vec<bool> {
    let now = Instant::now();
    turns.iter().map(|turn| coalescing.defers(*turn, || now)).collect()
}

/// The wake-ups that write.
fn written(deferred: &[bool]) -> Vec<usize> {
    (0..).zip(deferred).filter(|(_, defers)| !**defers).map(|(at, _)| at).collect()
}

#[test]
fn the_first_message_is_written_at_once_and_those_of_a_loop_wait_until_it_ends() {
    for (turns, expected) in [
        // A message by itself, and what follows from it.
        (vec![SENT, OTHER, NOTHING, OTHER], vec![false; 4]),
        // The loop of a task, and that of `main`.
        (vec![SENT, SENT, SENT, NOTHING], vec![false, true, true, false]),
        (vec![SENT, SENT_AGAIN, SENT_AGAIN, NOTHING], vec![false, true, true, false]),
        // Other wake-ups do not end it.
        (vec![SENT, OTHER, SENT_AGAIN, OTHER, SENT, NOTHING], vec![false, false, true, true, true, false]),
        // What is urgent is written at once. The loop goes on.
        (vec![SENT, SENT, urgent(SENT), SENT, urgent(OTHER)], vec![false, true, false, true, false]),
        // After its end, the next message is the first one again.
        (vec![SENT, SENT, NOTHING, SENT, NOTHING], vec![false, true, false, false, false]),
    ] {
        assert_eq!(deferred(&mut Coalescing::default(), &turns), expected, "{turns:?}");
    }
}

#[test]
fn a_deferred_write_always_has_a_wake_up_that_ends_it() {
    let mut coalescing = Coalescing::default();
    for turn in [SENT, SENT, OTHER, urgent(SENT), SENT_AGAIN, NOTHING, OTHER] {
        let defers = deferred(&mut coalescing, &[turn])[0];
        assert!(!defers || !coalescing.is_isolated(), "{turn:?}");
    }
    assert!(coalescing.is_isolated());
}

#[test]
fn a_write_is_deferred_by_so_many_wake_ups_and_for_so_long() {
    let mut coalescing = Coalescing::default();
    let in_loop = deferred(&mut coalescing, &[SENT; 2 * 257 + 1]);
    assert_eq!(written(&in_loop), [0, 257, 514]);

    let mut coalescing = Coalescing::default();
    let start = Instant::now();
    let in_loop: Vec<_> =
        (0..12).map(|turn| coalescing.defers(SENT, || start + turn * Duration::from_micros(100))).collect();
    // The first message, and the one that comes 500 microseconds after the second.
    assert_eq!(written(&in_loop), [0, 6]);
}

#[test]
fn what_was_urgent_does_not_count_for_the_next_deferral() {
    let mut coalescing = Coalescing::default();
    deferred(&mut coalescing, &[SENT; 200]);
    deferred(&mut coalescing, &[urgent(SENT)]);
    assert!(deferred(&mut coalescing, &[SENT; 256]).iter().all(|defers| *defers));
}

#[test]
fn a_sender_that_was_in_no_loop_is_asked_less_and_less_often() {
    let mut coalescing = Coalescing::default();
    let mut passed = Vec::new();
    for _ in 0..20 {
        let mut pass = 0;
        while coalescing.is_isolated() {
            assert!(!coalescing.defers(SENT, Instant::now));
            pass += 1;
        }
        passed.push(pass - 1);
        assert!(!coalescing.defers(NOTHING, Instant::now));
    }
    // The first two are asked at once.
    let expected: Vec<_> = (0..20_u32).map(|missed| missed.saturating_sub(1).min(15)).collect();
    assert_eq!(passed, expected);

    // A loop is recognised nevertheless. After it the next question comes at once.
    let in_loop = deferred(&mut coalescing, &[SENT; 30]);
    assert_eq!(written(&in_loop).len(), 16, "15 pass, and the next one is asked");
    deferred(&mut coalescing, &[NOTHING, SENT]);
    assert!(!coalescing.is_isolated());
}
