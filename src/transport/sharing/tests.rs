use proptest::{collection::vec, prelude::*};

use super::*;

#[test]
fn a_batch_shares_a_buffer_of_twice_its_size() {
    for (size, expected) in [(0, true), (200, true), (201, false), (usize::MAX, false)] {
        let mut unshared = size;
        assert_eq!(SharingBudget::default().may_share(100, &mut unshared), expected, "{size}");
        assert_eq!(unshared, if expected { 0 } else { size });
    }
}

#[test]
fn many_small_batches_share_one_large_buffer_once_they_have_earned_it() {
    let mut budget = SharingBudget::default();
    let mut unshared = 64 << 10;
    let shares: Vec<_> = (0..20).map(|_| budget.may_share(5_000, &mut unshared)).collect();
    let copied = shares.iter().take_while(|shares| !**shares).count();
    assert!(copied > 0 && copied < 15, "{shares:?}");
    assert!(shares[copied..].iter().all(|shares| *shares));
    // From then on a full buffer earns the next one.
    for _ in 0..100 {
        unshared = 64 << 10;
        assert!((0..12).all(|_| budget.may_share(5_000, &mut unshared)));
    }
}

#[test]
fn a_message_in_much_that_has_no_meaning_is_copied() {
    let mut budget = SharingBudget::default();
    for _ in 0..1_000 {
        assert!(!budget.may_share(65, &mut (64 << 10)) || budget.credit < MAX_CREDIT / 2);
    }
}

proptest! {
    #[test]
    fn buffers_have_at_most_twice_the_size_of_their_messages_and_the_credit(
        batches in vec((0..70_000_usize, 0..2_000_000_usize, any::<bool>()), 1..200),
        start in any::<prop::sample::Index>(),
    ) {
        let mut budget = SharingBudget::default();
        let start = start.index(batches.len());
        let (mut alive, mut counted, mut unshared) = (0_usize, 0, 0);
        for (at, (count, size, is_new)) in batches.into_iter().enumerate() {
            if is_new {
                unshared = size;
            }
            let before = unshared;
            let shares = budget.may_share(count, &mut unshared);
            // Only the messages from some point on are still waiting.
            if at >= start {
                counted += count;
                alive += if shares { before } else { count };
            }
            prop_assert!(alive <= 2 * counted + MAX_CREDIT);
        }
    }
}
