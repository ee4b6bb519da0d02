//! What is counted of the requests at a node or over an edge.

use serde::Serialize;
use utoipa::ToSchema;

use crate::outcome::Outcome;

/// Flags in the lowest bits of a packed request.
const ERROR: u64 = 1;
const THROTTLE: u64 = 2;
const FAULT: u64 = 4;
const FLAG_BITS: u32 = 3;
/// The longest duration that is told apart, 36 years.
const DURATION_MAX: i64 = (1 << (63 - FLAG_BITS)) - 1;

/// Histogram buckets per factor of ten.
const BUCKETS_PER_DECADE: u32 = 10;

/// Requests as (duration, flags) in one number each, so that percentiles and histograms are exact.
#[derive(Clone, Debug, Default)]
pub(super) struct Requests(Vec<u64>);

impl Requests {
    /// A negative duration counts as 0.
    pub(super) fn add(&mut self, duration: i64, outcome: Outcome) {
        let flag = |is_set: bool, bit: u64| if is_set { bit } else { 0 };
        let flags = flag(outcome.error, ERROR) | flag(outcome.throttle, THROTTLE) | flag(outcome.fault, FAULT);
        self.0.push((duration.clamp(0, DURATION_MAX) as u64) << FLAG_BITS | flags);
    }

    pub(super) fn append(&mut self, other: Requests) {
        if self.0.is_empty() {
            self.0 = other.0;
        } else {
            self.0.extend(other.0);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for packed in &self.0 {
            counts.add(packed & ((1 << FLAG_BITS) - 1));
        }
        counts
    }

    /// Mean, percentiles and histogram. None without requests.
    pub(super) fn durations(mut self) -> Option<(Durations, Vec<HistogramBucket>)> {
        let nanos = |packed: u64| (packed >> FLAG_BITS) as i64;
        let count = self.0.len();
        let max = nanos(*self.0.iter().max()?);
        let sum: i128 = self.0.iter().map(|packed| i128::from(nanos(*packed))).sum();
        let histogram = self.histogram();
        // Each percentile is looked for among what lies above the one before: sorting all takes three times as long.
        let mut sorted_to = 0;
        let [p50, p95, p99] = [0.50, 0.95, 0.99].map(|p: f64| {
            let rank = ((p * count as f64).ceil() as usize).clamp(1, count) - 1;
            let (_, value, _) = self.0[sorted_to..].select_nth_unstable(rank - sorted_to);
            sorted_to = rank;
            nanos(*value)
        });
        let mean = i64::try_from(sum / count as i128).unwrap_or(i64::MAX);
        Some((Durations { mean, p50, p95, p99, max }, histogram))
    }

    fn histogram(&self) -> Vec<HistogramBucket> {
        let bounds = bounds();
        let last = bounds.len() - 1;
        let mut counts = vec![Counts::default(); bounds.len()];
        for packed in &self.0 {
            let duration = (packed >> FLAG_BITS) as i64;
            let bucket = bounds.partition_point(|bound| *bound <= duration).min(last);
            counts[bucket].add(packed & ((1 << FLAG_BITS) - 1));
        }
        let buckets = counts.into_iter().enumerate().filter(|(_, counts)| counts.requests > 0);
        let bucket = |(at, counts): (usize, Counts)| {
            let start_ns = if at == 0 { 0 } else { bounds[at - 1] };
            HistogramBucket { start_ns, end_ns: bounds[at], counts }
        };
        buckets.map(bucket).collect()
    }
}

/// Ends of the buckets: 1 µs times 10^(k/10), rounded to a nanosecond; the first bucket begins at 0.
fn bounds() -> Vec<i64> {
    let decades = 16;
    let bound = |k: u32| (1e3 * 10f64.powf(f64::from(k) / f64::from(BUCKETS_PER_DECADE))).round() as i64;
    (0..=decades * BUCKETS_PER_DECADE).map(bound).collect()
}

/// Requests by how they ended. The flags do not exclude each other: `ok + errors + faults` may exceed `requests`, and
/// throttles are errors too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    /// Neither error nor fault.
    pub(crate) ok: u64,
    pub(crate) errors: u64,
    pub(crate) throttles: u64,
    pub(crate) faults: u64,
}

impl Counts {
    fn add(&mut self, flags: u64) {
        let one_if = |bit: u64| u64::from(flags & bit != 0);
        self.requests += 1;
        self.ok += u64::from(flags & (ERROR | FAULT) == 0);
        self.errors += one_if(ERROR);
        self.throttles += one_if(THROTTLE);
        self.faults += one_if(FAULT);
    }

    pub(super) fn add_outcome(&mut self, outcome: Outcome) {
        self.requests += 1;
        self.ok += u64::from(outcome.is_ok());
        self.errors += u64::from(outcome.error);
        self.throttles += u64::from(outcome.throttle);
        self.faults += u64::from(outcome.fault);
    }

    pub(super) fn add_all(&mut self, other: &Counts) {
        self.requests += other.requests;
        self.ok += other.ok;
        self.errors += other.errors;
        self.throttles += other.throttles;
        self.faults += other.faults;
    }
}

/// Durations in nanoseconds. Percentiles are exact, by nearest rank: `sorted[ceil(p * n) - 1]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Durations {
    /// Rounded down.
    pub(crate) mean: i64,
    pub(crate) p50: i64,
    pub(crate) p95: i64,
    pub(crate) p99: i64,
    pub(crate) max: i64,
}

/// Requests whose duration lies in `start_ns..end_ns`. Bounds are the same for all histograms: ten buckets per factor of
/// ten from 1 µs on, `1000 * 10^(k/10)` rounded; the first bucket begins at 0. Buckets without requests are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct HistogramBucket {
    pub(crate) start_ns: i64,
    /// Exclusive.
    pub(crate) end_ns: i64,
    #[serde(flatten)]
    pub(crate) counts: Counts,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn figures_are_those_of_the_sorted_durations(durations in prop::collection::vec(-10i64..1i64 << 45, 1..200)) {
            let mut requests = Requests::default();
            for (nth, duration) in durations.iter().enumerate() {
                requests.add(*duration, Outcome { error: nth % 2 == 0, throttle: nth % 4 == 0, fault: nth % 3 == 0 });
            }
            let counts = requests.counts();
            let mut sorted: Vec<i64> = durations.iter().map(|duration| *duration.max(&0)).collect();
            sorted.sort_unstable();
            let n = sorted.len();
            let (found, histogram) = requests.durations().expect("not empty");
            prop_assert_eq!(found.max, sorted[n - 1]);
            prop_assert_eq!(found.p50, sorted[n.div_ceil(2) - 1]);
            prop_assert_eq!(found.p99, sorted[(n * 99).div_ceil(100) - 1]);
            prop_assert_eq!(found.mean, (sorted.iter().sum::<i64>()) / n as i64);
            let ok = (0..n).filter(|nth| nth % 2 != 0 && nth % 3 != 0).count() as u64;
            prop_assert_eq!((counts.requests, counts.ok), (n as u64, ok));
            let mut sum = Counts::default();
            for bucket in &histogram {
                let inside = sorted.iter().filter(|duration| (bucket.start_ns..bucket.end_ns).contains(duration));
                prop_assert_eq!(bucket.counts.requests, inside.count() as u64);
                sum.add_all(&bucket.counts);
            }
            prop_assert_eq!(sum, counts);
        }
    }

    #[test]
    fn bounds_are_ten_per_decade_and_the_last_holds_everything() {
        let bounds = bounds();
        assert_eq!(bounds[..4], [1_000, 1_259, 1_585, 1_995]);
        assert_eq!(bounds[60], 1_000_000_000);
        assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(*bounds.last().expect("some") > DURATION_MAX);
        let mut longest = Requests::default();
        longest.add(i64::MAX, Outcome::default());
        let (durations, histogram) = longest.durations().expect("one");
        assert_eq!((durations.p50, histogram.len()), (DURATION_MAX, 1));
        assert!(histogram[0].start_ns <= DURATION_MAX && DURATION_MAX < histogram[0].end_ns);
    }
}
