//! Random walks.

use proptest::prelude::*;

use crate::protocol::connection::model::{Model, Step};

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => any::<[bool; 3]>().prop_map(|[websocket, upgrade, others]| Step::Connect { websocket, upgrade, others }),
        8 => Just(Step::Send),
        3 => Just(Step::Close),
        1 => prop_oneof![2 => Just(Step::Abort), 1 => Just(Step::Stop)],
        24 => (any::<u8>(), any::<u8>()).prop_map(|(which, what)| Step::Report { which, what }),
        8 => Just(Step::Resume),
        2 => Just(Step::Progress),
        3 => (0_u64..70).prop_map(|seconds| Step::Elapse { seconds }),
        3 => Just(Step::Timeout),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn whatever_happens_the_invariants_hold(steps in prop::collection::vec(step(), 1..150)) {
        let mut walk = Model::new();
        for step in steps {
            walk.take(step);
        }
        walk.finish();
    }
}
