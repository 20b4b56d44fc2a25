use super::*;

#[test]
fn the_larger_number_of_bytes_counts_and_so_does_each_message() {
    type Act = fn(&mut Work);
    let table: [(Act, usize); 6] = [
        (|work| work.charge(100, 10), 100),
        (|work| work.charge(10, 100), 100),
        (|work| work.charge_message(true), MESSAGE),
        (|work| work.charge_message(false), MESSAGE + RESET),
        (Work::charge_reset, RESET),
        (|work| work.charge(usize::MAX, 0), SLICE),
    ];
    for (act, cost) in table {
        let mut work = Work::of_a_turn();
        act(&mut work);
        assert_eq!((work.left(), work.is_done()), (SLICE - cost, cost == SLICE));
    }
}

#[test]
fn a_turn_begins_after_others_had_theirs() {
    let mut turns = Turns::new();
    turns.work().unwrap().charge(SLICE - 1, 0);
    turns.work().unwrap().charge(10, 0);
    assert!(!turns.is_awaited(), "nothing was asked for");
    assert!(turns.work().is_none() && turns.is_awaited());
    assert_eq!(turns.work().unwrap().left(), SLICE);
    assert!(!turns.is_awaited());
}
