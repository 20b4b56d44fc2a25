//! Times that many threads record, and their quantiles.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Times below this number of nanoseconds have steps of their own. Above, each power of two is divided into half as many, so
/// that a quantile is at most 1/16 too large.
const STEPS: usize = 32;
const BITS: u32 = STEPS.ilog2();

/// A histogram of times. Its memory does not depend on their number.
pub(crate) struct Latencies {
    counts: Vec<AtomicU64>,
    /// The longest time, in nanoseconds.
    longest: AtomicU64,
}

impl Latencies {
    /// Counts a time.
    pub(crate) fn record(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.counts[step(nanos)].fetch_add(1, Relaxed);
        self.longest.fetch_max(nanos, Relaxed);
    }

    /// The number of times.
    pub(crate) fn count(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Relaxed)).sum()
    }

    /// A time that this share of all times does not exceed, `None` if there are no times.
    pub(crate) fn quantile(&self, share: f64) -> Option<Duration> {
        let count = self.count();
        let needed = (share * count as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        let step = self.counts.iter().position(|count| {
            seen += count.load(Relaxed);
            seen >= needed
        })?;
        (count > 0).then(|| Duration::from_nanos(largest(step).min(self.longest.load(Relaxed))))
    }

    /// The longest time.
    pub(crate) fn longest(&self) -> Option<Duration> {
        self.quantile(1.0)
    }
}

impl Default for Latencies {
    fn default() -> Self {
        let counts = (0..=step(u64::MAX)).map(|_| AtomicU64::new(0)).collect();
        Self { counts, longest: AtomicU64::new(0) }
    }
}

/// The step that a number of nanoseconds belongs to.
fn step(nanos: u64) -> usize {
    if nanos < STEPS as u64 {
        return nanos as usize;
    }
    let shift = nanos.ilog2() + 1 - BITS;
    shift as usize * STEPS / 2 + (nanos >> shift) as usize
}

/// The largest number of nanoseconds of a step.
fn largest(of: usize) -> u64 {
    // The function `step` grows, so the largest number is found bit by bit.
    (0..u64::BITS).rev().fold(0, |number, bit| {
        let larger = number | 1 << bit;
        if step(larger) <= of { larger } else { number }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_time_of_its_step_and_never_beyond_the_longest() {
        let latencies = Latencies::default();
        assert_eq!(latencies.quantile(0.5), None);
        (1..=1000).for_each(|micros| latencies.record(Duration::from_micros(micros)));
        assert_eq!(latencies.count(), 1000);
        for (share, micros) in [(0.5, 500), (0.99, 990), (0.001, 1), (0.0, 1)] {
            let (least, quantile) = (Duration::from_micros(micros), latencies.quantile(share).unwrap());
            assert!(quantile >= least && quantile <= least + least / 16, "{share}: {quantile:?}");
        }
        assert_eq!(latencies.longest(), Some(Duration::from_millis(1)));
    }

    #[test]
    fn the_steps_follow_each_other_without_a_gap() {
        let last = step(u64::MAX);
        assert_eq!(largest(last), u64::MAX);
        for at in 0..last {
            let (end, next) = (largest(at), largest(at) + 1);
            assert_eq!((step(end), step(next)), (at, at + 1));
        }
    }
}
