//! What is counted of the requests at a node or over an edge.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use serde::Serialize;
use utoipa::ToSchema;

use super::blocks::Blocks;
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
#[derive(Debug, Default)]
pub(super) struct Requests(Blocks<u64>);

impl Requests {
    /// A negative duration counts as 0.
    pub(super) fn add(&mut self, duration: i64, outcome: Outcome) {
        let flag = |is_set: bool, bit: u64| if is_set { bit } else { 0 };
        let flags = flag(outcome.error, ERROR) | flag(outcome.throttle, THROTTLE) | flag(outcome.fault, FAULT);
        self.0.push((duration.clamp(0, DURATION_MAX) as u64) << FLAG_BITS | flags);
    }

    pub(super) fn append(&mut self, other: Requests) {
        self.0.append(other.0);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Memory that they take.
    pub(super) fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

/// What the map says of some requests.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) counts: Counts,
    /// None without requests.
    pub(super) durations: Option<Durations>,
    pub(super) histogram: Vec<HistogramBucket>,
}

impl Figures {
    /// Of all of `requests` together.
    pub(super) fn of(requests: &[Arc<Requests>]) -> Self {
        let all = || requests.iter().flat_map(|requests| requests.0.iter()).copied();
        let nanos = |packed: u64| packed >> FLAG_BITS;
        let mut buckets = vec![[0u64; 1 << FLAG_BITS]; BOUNDS.ends.len()];
        let (mut sum, mut max) = (0u128, 0);
        for packed in all() {
            let duration = nanos(packed);
            buckets[BOUNDS.bucket(duration)][(packed & ((1 << FLAG_BITS) - 1)) as usize] += 1;
            sum += u128::from(duration);
            max = max.max(duration);
        }
        let mut found = Self::default();
        let mut places = [0.50, 0.95, 0.99].map(Place::of);
        for (at, by_flags) in buckets.iter().enumerate().filter(|(_, by_flags)| **by_flags != [0; 1 << FLAG_BITS]) {
            let counts = Counts::of(by_flags);
            found.histogram.push(HistogramBucket { start_ns: BOUNDS.start(at), end_ns: BOUNDS.ends[at], counts });
            found.counts.add_all(&counts);
        }
        let count = found.counts.requests;
        if count == 0 {
            return found;
        }
        places.iter_mut().for_each(|place| place.look_up(count, &found.histogram));
        // Each percentile is looked for in its bucket, which holds few of all.
        for duration in all().map(nanos) {
            for place in places.iter_mut().filter(|place| place.range.contains(&duration)) {
                place.inside.push(duration);
            }
        }
        let [p50, p95, p99] = places.map(Place::select);
        let mean = i64::try_from(sum / u128::from(count)).unwrap_or(i64::MAX);
        found.durations = Some(Durations { mean, p50, p95, p99, max: max as i64 });
        found
    }
}

/// Where a percentile is.
struct Place {
    percentile: f64,
    /// Durations of its bucket.
    range: Range<u64>,
    /// Its position among them in order.
    rank: usize,
    inside: Vec<u64>,
}

impl Place {
    fn of(percentile: f64) -> Self {
        Self { percentile, range: 0..0, rank: 0, inside: Vec::new() }
    }

    /// `count`: of all requests, at least one, which are those of the histogram.
    fn look_up(&mut self, count: u64, histogram: &[HistogramBucket]) {
        let mut rank = ((self.percentile * count as f64).ceil() as u64).clamp(1, count) - 1;
        for bucket in histogram {
            if rank < bucket.counts.requests {
                self.range = bucket.start_ns as u64..bucket.end_ns as u64;
                self.rank = rank as usize;
                self.inside.reserve_exact(bucket.counts.requests as usize);
                return;
            }
            rank -= bucket.counts.requests;
        }
    }

    fn select(mut self) -> i64 {
        *self.inside.select_nth_unstable(self.rank).1 as i64
    }
}

/// Bounds of all histograms.
static BOUNDS: LazyLock<Bounds> = LazyLock::new(Bounds::new);

struct Bounds {
    /// Ends of the buckets: 1 µs times 10^(k/10), rounded to a nanosecond; the first bucket begins at 0.
    ends: Vec<i64>,
    /// By [`Self::stretch`]: the first bucket of its durations.
    first: Vec<u8>,
}

impl Bounds {
    /// A factor of two is cut into so many stretches: few hold a bound of a bucket.
    const STRETCH_BITS: u32 = 4;

    fn new() -> Self {
        let decades = 16;
        let bound = |k: u32| (1e3 * 10f64.powf(f64::from(k) / f64::from(BUCKETS_PER_DECADE))).round() as i64;
        let ends: Vec<i64> = (0..=decades * BUCKETS_PER_DECADE).map(bound).collect();
        let factors = (63 - FLAG_BITS) - Self::STRETCH_BITS;
        let first = (0..factors).flat_map(|factor| {
            let ends = &ends;
            let starts = (0..1u64 << Self::STRETCH_BITS).map(move |nth| ((1 << Self::STRETCH_BITS) + nth) << factor);
            starts.map(move |start| ends.partition_point(|end| *end as u64 <= start) as u8)
        });
        Self { first: first.collect(), ends }
    }

    /// Durations of the same highest bits. Those below 16 ns are in the bucket of those below 32.
    fn stretch(duration: u64) -> usize {
        let factor = (duration | 1 << Self::STRETCH_BITS).ilog2() - Self::STRETCH_BITS;
        let nth = duration >> factor & ((1 << Self::STRETCH_BITS) - 1);
        (factor as usize) << Self::STRETCH_BITS | nth as usize
    }

    /// `duration`: at most [`DURATION_MAX`].
    fn bucket(&self, duration: u64) -> usize {
        let mut bucket = self.first[Self::stretch(duration)] as usize;
        while self.ends[bucket] as u64 <= duration {
            bucket += 1;
        }
        bucket
    }

    fn start(&self, bucket: usize) -> i64 {
        bucket.checked_sub(1).map_or(0, |before| self.ends[before])
    }
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
    /// `by_flags`: requests with each combination of flags.
    fn of(by_flags: &[u64; 1 << FLAG_BITS]) -> Self {
        let sum = |counts: fn(u64) -> bool| {
            by_flags.iter().zip(0..).filter(|(_, flags)| counts(*flags)).map(|(count, _)| count).sum()
        };
        Self {
            requests: sum(|_| true),
            ok: sum(|flags| flags & (ERROR | FAULT) == 0),
            errors: sum(|flags| flags & ERROR != 0),
            throttles: sum(|flags| flags & THROTTLE != 0),
            faults: sum(|flags| flags & FAULT != 0),
        }
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
            let Figures { counts, durations: found, histogram } = Figures::of(&[Arc::new(requests)]);
            let mut sorted: Vec<i64> = durations.iter().map(|duration| *duration.max(&0)).collect();
            sorted.sort_unstable();
            let n = sorted.len();
            let found = found.expect("not empty");
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
        let bounds = &BOUNDS.ends;
        assert_eq!(bounds[..4], [1_000, 1_259, 1_585, 1_995]);
        assert_eq!(bounds[60], 1_000_000_000);
        assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(*bounds.last().expect("some") > DURATION_MAX);
        let mut longest = Requests::default();
        longest.add(i64::MAX, Outcome::default());
        let Figures { durations, histogram, .. } = Figures::of(&[Arc::new(longest)]);
        assert_eq!((durations.expect("one").p50, histogram.len()), (DURATION_MAX, 1));
        assert!(histogram[0].start_ns <= DURATION_MAX && DURATION_MAX < histogram[0].end_ns);
    }

    #[test]
    fn a_duration_is_in_the_bucket_that_its_bounds_say() {
        let around = |bound: &i64| [bound - 1, *bound, bound.saturating_add(1)];
        let powers = (0..60).flat_map(|power| around(&(1 << power)));
        let durations = BOUNDS.ends.iter().flat_map(around).chain(powers).chain([0, DURATION_MAX]);
        for duration in durations.filter(|duration| (0..=DURATION_MAX).contains(duration)) {
            let expected = BOUNDS.ends.partition_point(|end| *end <= duration);
            assert_eq!(BOUNDS.bucket(duration as u64), expected, "{duration}");
        }
    }

    #[test]
    fn requests_of_many_blocks_are_counted_together() {
        let durations = |from: i64| from..from + 2 * Blocks::<u64>::LENGTH as i64 + 3;
        let requests = |from: i64| {
            let mut requests = Requests::default();
            durations(from).for_each(|duration| requests.add(duration, Outcome::default()));
            requests
        };
        let mut both = requests(1);
        both.append(requests(1_000_000));
        let mut sorted: Vec<i64> = durations(1).chain(durations(1_000_000)).collect();
        sorted.extend(durations(5));
        sorted.sort_unstable();
        let Figures { counts, durations, .. } = Figures::of(&[Arc::new(both), Arc::new(requests(5))]);
        let found = durations.expect("some");
        let nth = |percent: usize| sorted[(sorted.len() * percent).div_ceil(100) - 1];
        assert_eq!(counts.requests, sorted.len() as u64);
        assert_eq!((found.p50, found.p95, found.p99, found.max), (nth(50), nth(95), nth(99), nth(100)));
    }
}
