//! Robust comparisons of two samples: what differs for certain, and by how much.
//!
//! Times are compared by the rank test of Mann and Whitney (1947) and by winsorized means, shares by the likelihood
//! ratio (G) test. Counts of real traffic scatter more than chance alone makes them, so both kinds of counts are
//! divided by the dispersion seen between stretches of the baseline (quasi-likelihood, McCullagh and Nelder 1989, 4.5).

use std::collections::BTreeMap;

/// Samples on each side below which nothing is said.
pub(super) const SAMPLES_MIN: u64 = 3;
/// Standard deviations below which a difference counts as none.
pub(super) const Z_MIN: f64 = 2.0;
/// What lies above this share of the values is counted as lying at it.
const WINSORIZED_AT: f64 = 0.95;
/// Buckets per doubling: a value is known to within 9 %.
const BUCKETS_PER_OCTAVE: f64 = 8.0;
/// Stretches of a baseline that tell how much it scatters by itself.
const BLOCKS_MIN: usize = 4;

/// Values in logarithmic buckets: mergeable, at most 504 of them, whatever the number of values.
#[derive(Clone, Debug, Default)]
pub(super) struct Distribution {
    buckets: BTreeMap<u16, Bucket>,
    count: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    count: u64,
    sum: f64,
}

impl Distribution {
    /// Nanoseconds; a negative value counts as 0.
    pub(super) fn add(&mut self, value: i64) {
        let value = value.max(0) as f64;
        let bucket = self.buckets.entry(((value + 1.0).log2() * BUCKETS_PER_OCTAVE) as u16).or_default();
        bucket.count += 1;
        bucket.sum += value;
        self.count += 1;
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The mean of the bucket in which the median lies. 0 without values.
    pub(super) fn median(&self) -> f64 {
        let mut below = 0;
        for bucket in self.buckets.values() {
            below += bucket.count;
            if below * 2 >= self.count {
                return bucket.sum / bucket.count as f64;
            }
        }
        0.0
    }

    /// The mean with the highest values pulled down to the 95th percentile: a few stragglers do not make it. 0 without
    /// values.
    pub(super) fn mean(&self) -> f64 {
        let kept = (self.count as f64 * WINSORIZED_AT).ceil() as u64;
        let (mut below, mut sum) = (0, 0.0);
        for bucket in self.buckets.values() {
            below += bucket.count;
            if below < kept {
                sum += bucket.sum;
                continue;
            }
            let highest = bucket.sum / bucket.count as f64;
            sum += highest * (self.count - (below - bucket.count)) as f64;
            return sum / self.count as f64;
        }
        0.0
    }
}

/// How two distributions differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Shift {
    /// Cliff's delta: how much likelier a value of the first is the larger one than the smaller one; -1 to 1.
    pub(super) effect: f64,
    /// Standard deviations by which the sum of the ranks is off.
    pub(super) z: f64,
}

impl Shift {
    /// None when there are too few values.
    pub(super) fn between(window: &Distribution, base: &Distribution) -> Option<Self> {
        if window.count < SAMPLES_MIN || base.count < SAMPLES_MIN {
            return None;
        }
        let (n, m) = (window.count as f64, base.count as f64);
        let mut base_below = 0.0;
        let mut base_buckets = base.buckets.iter().peekable();
        let mut larger = 0.0;
        for (key, bucket) in &window.buckets {
            while let Some((_, below)) = base_buckets.next_if(|(other, _)| *other < key) {
                base_below += below.count as f64;
            }
            let ties = base_buckets.peek().filter(|(other, _)| *other == key).map_or(0, |(_, tied)| tied.count);
            larger += bucket.count as f64 * (base_below + ties as f64 / 2.0);
        }
        let share = larger / (n * m);
        Some(Self { effect: 2.0 * share - 1.0, z: (share - 0.5) * (12.0 * n * m / (n + m + 1.0)).sqrt() })
    }
}

/// How much of a difference is left when chance has had its part: 0 up to [`Z_MIN`], 1 for what is certain (the
/// positive part of the estimator of James and Stein, 1961).
pub(super) fn certainty(z: f64) -> f64 {
    if z > Z_MIN { 1.0 - (Z_MIN / z).powi(2) } else { 0.0 }
}

/// `hits` of `all`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) hits: u64,
    pub(super) all: u64,
}

impl Share {
    /// 0 of nothing is 0.
    pub(super) fn rate(self) -> f64 {
        if self.all == 0 { 0.0 } else { self.hits as f64 / self.all as f64 }
    }
}

/// Signed root of the G statistic of two shares: standard deviations by which the first is the larger one.
pub(super) fn share_z(window: Share, base: Share) -> f64 {
    let all = (window.all + base.all) as f64;
    if window.all == 0 || base.all == 0 {
        return 0.0;
    }
    let rate = (window.hits + base.hits) as f64 / all;
    let term = |seen: u64, expected: f64| if seen == 0 { 0.0 } else { seen as f64 * (seen as f64 / expected).ln() };
    let of = |share: Share| {
        let expected = share.all as f64 * rate;
        term(share.hits, expected) + term(share.all - share.hits, share.all as f64 - expected)
    };
    let z = (2.0 * (of(window) + of(base))).max(0.0).sqrt();
    if window.rate() >= base.rate() { z } else { -z }
}

/// How many times more than by chance a share scatters between stretches of the baseline; at least 1.
pub(super) fn share_dispersion(blocks: &[Share]) -> f64 {
    let rate = Share { hits: blocks.iter().map(|b| b.hits).sum(), all: blocks.iter().map(|b| b.all).sum() }.rate();
    dispersion(blocks, |block| (block.all as f64 * rate, block.all as f64 * rate * (1.0 - rate)))
}

/// The same for counts that may exceed what they are counted per: calls per request.
pub(super) fn count_dispersion(blocks: &[Share]) -> f64 {
    let rate = Share { hits: blocks.iter().map(|b| b.hits).sum(), all: blocks.iter().map(|b| b.all).sum() }.rate();
    dispersion(blocks, |block| (block.all as f64 * rate, block.all as f64 * rate))
}

/// Pearson's statistic per degree of freedom. `moments` gives what is expected of a block, and its variance.
fn dispersion(blocks: &[Share], moments: impl Fn(&Share) -> (f64, f64)) -> f64 {
    let used: Vec<(f64, f64)> = blocks
        .iter()
        .filter(|block| block.all > 0)
        .map(|block| (block.hits as f64, moments(block)))
        .filter(|(_, (_, variance))| *variance > 0.0)
        .map(|(seen, (expected, variance))| (seen - expected, variance))
        .collect();
    if used.len() < BLOCKS_MIN {
        return 1.0;
    }
    let sum: f64 = used.iter().map(|(difference, variance)| difference * difference / variance).sum();
    (sum / (used.len() - 1) as f64).max(1.0)
}

/// Standard deviations by which `seen` calls are fewer than `expected`, the base having counted `base` of them.
pub(super) fn fewer_z(seen: u64, expected: f64, base: u64, dispersion: f64) -> f64 {
    let variance = (expected + expected * expected / base.max(1) as f64) * dispersion;
    if variance > 0.0 { (expected - seen as f64) / variance.sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[i64]) -> Distribution {
        let mut distribution = Distribution::default();
        values.iter().for_each(|value| distribution.add(*value));
        distribution
    }

    #[test]
    fn shares_are_compared_with_their_scatter() {
        let share = |hits, all| Share { hits, all };
        assert!(share_z(share(10, 20), share(10, 100)) > 3.0);
        assert!(share_z(share(1, 20), share(50, 100)) < -3.0);
        assert_eq!(share_z(share(0, 20), share(0, 100)), 0.0);
        assert_eq!(share_z(share(0, 0), share(5, 10)), 0.0);
        // Three of 16 against none of 221: Fisher's exact test says 2.6e-4, 3.5 standard deviations.
        let few = share_z(share(3, 16), share(0, 221));
        assert!((3.0..4.5).contains(&few), "{few}");
        let steady = [share(5, 10); 6];
        assert_eq!(share_dispersion(&steady), 1.0);
        let wild = [share(10, 10), share(0, 10), share(10, 10), share(0, 10)];
        assert!(share_dispersion(&wild) > 10.0);
        assert_eq!(share_dispersion(&wild[..3]), 1.0, "too few to say");
        assert_eq!(count_dispersion(&[share(20, 10); 5]), 1.0);
    }

    #[test]
    fn what_chance_can_do_counts_as_nothing() {
        assert_eq!((certainty(-5.0), certainty(Z_MIN)), (0.0, 0.0));
        assert!(certainty(3.0) > 0.5 && certainty(20.0) > 0.98);
        assert!(Shift::between(&of(&[1, 2]), &of(&[1, 2, 3])).is_none());
        let ten = of(&[10, 10, 10]);
        assert_eq!(ten.mean(), 10.0);
        assert_eq!(Distribution::default().mean(), 0.0);
        assert_eq!(fewer_z(0, 0.0, 0, 1.0), 0.0);
        assert!(fewer_z(2, 50.0, 500, 1.0) > 6.0);
    }

    proptest! {
        /// The rank test equals counting all pairs, values of one bucket being ties.
        #[test]
        fn a_shift_is_that_of_all_pairs(
            window in prop::collection::vec(0i64..2_000_000, 3..40),
            base in prop::collection::vec(0i64..2_000_000, 3..40),
        ) {
            let bucket = |value: &i64| ((*value as f64 + 1.0).log2() * BUCKETS_PER_OCTAVE) as u16;
            let mut sum = 0.0;
            for x in &window {
                for y in &base {
                    sum += f64::from(i8::from(bucket(x) > bucket(y)) - i8::from(bucket(x) < bucket(y)));
                }
            }
            let expected = sum / (window.len() * base.len()) as f64;
            let found = Shift::between(&of(&window), &of(&base)).expect("enough");
            prop_assert!((found.effect - expected).abs() < 1e-9, "{} {}", found.effect, expected);
        }

        /// Means and medians are those of the values, to within the width of a bucket.
        #[test]
        fn figures_are_those_of_the_values(mut values in prop::collection::vec(0i64..1_000_000_000, 1..60)) {
            let distribution = of(&values);
            values.sort_unstable();
            let at = |share: f64| values[((values.len() as f64 * share).ceil() as usize).clamp(1, values.len()) - 1] as f64;
            let near = |found: f64, exact: f64| (found - exact).abs() <= exact * 0.1 + 1.0;
            prop_assert!(near(distribution.median(), at(0.5)), "{} {}", distribution.median(), at(0.5));
            let cap = at(WINSORIZED_AT);
            let exact = values.iter().map(|value| (*value as f64).min(cap)).sum::<f64>() / values.len() as f64;
            prop_assert!(near(distribution.mean(), exact), "{} {exact}", distribution.mean());
        }
    }
}
