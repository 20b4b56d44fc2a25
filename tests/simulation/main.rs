//! The whole client against a server in the same thread, over simulated networks, in virtual time.
//!
//! A seed decides everything: the options, what is sent, and what goes wrong. After each seed every message has to be
//! accounted for: see `ledger.rs`. A seed that fails is printed with what happened, and replays exactly:
//!
//! ```sh
//! SIMULATION_SEED=17 cargo test --test simulation -- --nocapture
//! SIMULATION_SEEDS=20000 cargo test --test simulation
//! ```

#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

mod ledger;
mod network;
mod rng;
mod story;

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::atomic::{AtomicU64, Ordering::SeqCst},
    thread,
};

use story::Outcome;
use tokio::{runtime, task::LocalSet};

/// Seeds of a usual run.
const SEEDS: u64 = 200;

/// Seeds of which each is run twice, to see that a seed decides everything.
const REPLAYED: u64 = 10;

fn run(seed: u64) -> Outcome {
    let runtime = runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let outcome = catch_unwind(AssertUnwindSafe(|| LocalSet::new().block_on(&runtime, story::tell(seed))));
    outcome
        .unwrap_or_else(|_| Outcome { faults: vec!["something panicked".to_owned()], trace: String::new() })
}

fn variable(name: &str) -> Option<u64> {
    Some(env::var(name).ok()?.parse().expect("a number"))
}

fn check(seed: u64, is_shown: bool) {
    let Outcome { faults, trace } = run(seed);
    if is_shown || !faults.is_empty() {
        println!("{trace}");
    }
    assert!(faults.is_empty(), "SIMULATION_SEED={seed}:\n{}", faults.join("\n"));
}

#[test]
fn every_message_is_accounted_for_whatever_the_network_does() {
    if let Some(seed) = variable("SIMULATION_SEED") {
        return check(seed, true);
    }
    let seeds = variable("SIMULATION_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let seed = next.fetch_add(1, SeqCst)
                    && seed < seeds
                {
                    check(seed, false);
                }
            });
        }
    });
}

#[test]
fn a_seed_decides_everything_that_happens() {
    for seed in 0..REPLAYED {
        let (first, second) = (run(seed).trace, run(seed).trace);
        let difference = first.lines().zip(second.lines()).find(|(first, second)| first != second);
        assert_eq!(difference, None, "seed {seed}");
    }
}
