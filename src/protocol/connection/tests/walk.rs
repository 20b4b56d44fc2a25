//! Random walks.

use proptest::prelude::*;

use crate::protocol::{
    connection::model::{Model, Size, Step},
    version::Protocol,
};

fn size() -> impl Strategy<Value = Size> {
    prop_oneof![
        4 => Just(Size::Small),
        1 => Just(Size::Full),
        1 => Just(Size::WebSocketOnly),
        1 => Just(Size::TooLarge),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => any::<[bool; 3]>().prop_map(|[websocket, upgrade, others]| Step::Connect { websocket, upgrade, others }),
        8 => size().prop_map(Step::Send),
        4 => ([size(), size(), size()], any::<u8>()).prop_map(|(sizes, count)| Step::SendAll(sizes, count)),
        3 => Just(Step::Confirm),
        2 => prop_oneof![3 => Just(Step::Close), 1 => Just(Step::Abort), 1 => Just(Step::Stop)],
        14 => (any::<u8>(), any::<u8>()).prop_map(|(which, what)| Step::Report { which, what }),
        20 => any::<u8>().prop_map(|which| Step::Obey { which }),
        8 => Just(Step::Resume),
        2 => Just(Step::Progress),
        2 => prop_oneof![0_u64..3, 0_u64..70].prop_map(|seconds| Step::Elapse { seconds }),
        1 => Just(Step::Timeout),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn whatever_happens_the_invariants_hold(
        [is_pinging, retains] in any::<[bool; 2]>(),
        protocol in prop_oneof![Just(Protocol::V4), Just(Protocol::V3), Just(Protocol::Any)],
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let mut model = Model::new(is_pinging, retains, protocol);
        for step in steps {
            model.take(step);
        }
        model.finish();
    }
}
