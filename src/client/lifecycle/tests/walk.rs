//! Random walks.

use proptest::{option, prelude::*};

use super::model::{Model, PolicySetup, Setup, Step};

fn policy() -> impl Strategy<Value = PolicySetup> {
    (option::of(0_u32..3), any::<[bool; 3]>()).prop_map(
        |(max_attempts, [on_initial_connect, on_server_close, has_rule])| PolicySetup {
            max_attempts,
            on_initial_connect,
            on_server_close,
            has_rule,
        },
    )
}

fn setup() -> impl Strategy<Value = Setup> {
    (any::<[bool; 4]>(), option::weighted(0.8, policy())).prop_map(
        |([websocket, has_hook, keep_unsent, is_slow], policy)| Setup {
            websocket,
            has_hook,
            keep_unsent,
            is_slow,
            policy,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_u8..8).prop_map(|which| Step::Connect { is_valid: which > 0 }),
        4 => (0_u8..8).prop_map(|which| Step::Hook { succeeds: which > 0 }),
        8 => any::<bool>().prop_map(|is_awaited| Step::Send { is_awaited }),
        3 => Just(Step::SendAll),
        1 => Just(Step::Withdraw),
        1 => any::<bool>().prop_map(|abort| Step::Disconnect { abort }),
        1 => Just(Step::Wait),
        24 => (any::<u8>(), any::<u8>()).prop_map(|(what, how)| Step::Report { what, how }),
        3 => Just(Step::Handle),
        8 => Just(Step::Wake),
        6 => (0_u64..3_000).prop_map(|millis| Step::Elapse { millis, is_asleep: false }),
        1 => (0_u64..90_000, any::<bool>()).prop_map(|(millis, is_asleep)| Step::Elapse { millis, is_asleep }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn whatever_happens_no_message_no_reply_and_no_end_is_lost(
        setup in setup(),
        steps in prop::collection::vec(step(), 1..200),
    ) {
        let mut walk = Model::new(setup);
        for step in steps {
            walk.take(step);
        }
        walk.finish();
    }
}
