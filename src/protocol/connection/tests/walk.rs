//! Random walks.

use proptest::prelude::*;

use crate::protocol::connection::model::{Model, Step};

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => any::<[bool; 3]>().prop_map(|[websocket, upgrade, others]| Step::Connect { websocket, upgrade, others }),
        4 => Just(Step::Send),
        1 => prop_oneof![3 => Just(Step::Close), 1 => Just(Step::Abort)],
        12 => (any::<u8>(), any::<u8>()).prop_map(|(which, what)| Step::Report { which, what }),
        4 => Just(Step::Take),
        2 => (0_u64..70).prop_map(|seconds| Step::Elapse { seconds }),
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
