//! What is compared with what: a window and its baseline.

use proto::{TimeRange, UnixNanos};

use super::statistics::Share;

/// A baseline that nobody named reaches at least this far to both sides of the window ...
const BASE_NS_MIN: i64 = HOUR_NS;
/// ... or this many lengths of the window, if that is longer.
const BASE_LENGTHS: i64 = 10;
/// It reaches further while it holds fewer spans than this ...
const BASE_SPANS_WANTED: f64 = 200_000.0;
/// ... but not further than this.
const BASE_NS_MAX: i64 = 24 * HOUR_NS;
const HOUR_NS: i64 = 3_600_000_000_000;
/// Stretches of the baseline that are counted apart, to see how much it scatters by itself.
pub(super) const BLOCKS_MAX: usize = 64;

/// Where a row belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Period {
    Window,
    /// The baseline, and which block of it.
    Base(u8),
}

/// Half-open ranges of time; what lies in both belongs to the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Periods {
    pub(crate) from: UnixNanos,
    pub(crate) to: UnixNanos,
    pub(crate) base_from: UnixNanos,
    pub(crate) base_to: UnixNanos,
}

impl Periods {
    /// The time around a window: an hour, or ten lengths of the window, to both sides, and further, up to a day, where
    /// there are few spans. `spans_between`: about how many there are in a range. `from` lies before `to`.
    pub(crate) fn around(from: UnixNanos, to: UnixNanos, spans_between: impl Fn(UnixNanos, UnixNanos) -> f64) -> Self {
        let mut reach = to.saturating_sub(from).saturating_mul(BASE_LENGTHS).max(BASE_NS_MIN);
        let ends = |reach: i64| (from.saturating_sub(reach), to.saturating_add(reach));
        while reach < BASE_NS_MAX && spans_between(ends(reach).0, ends(reach).1) < BASE_SPANS_WANTED {
            reach = reach.saturating_mul(2).min(BASE_NS_MAX);
        }
        let (base_from, base_to) = ends(reach);
        Self { from, to, base_from, base_to }
    }

    /// The baseline without what lies before its oldest and behind its newest row: its blocks are to hold something.
    pub(super) fn clipped(self, oldest: UnixNanos, newest: UnixNanos) -> Self {
        let (base_from, base_to) = (self.base_from.max(oldest), self.base_to.min(newest.saturating_add(1)));
        if base_from < base_to { Self { base_from, base_to, ..self } } else { self }
    }

    /// The ranges that have to be read: one, when window and baseline touch.
    pub(super) fn ranges(&self) -> Vec<TimeRange> {
        let range = |start: i64, end: i64| TimeRange { start: Some(start), end: Some(end) };
        if self.base_from <= self.to && self.from <= self.base_to {
            return vec![range(self.from.min(self.base_from), self.to.max(self.base_to))];
        }
        vec![range(self.from, self.to), range(self.base_from, self.base_to)]
    }

    pub(super) fn of(&self, time: UnixNanos) -> Option<Period> {
        if (self.from..self.to).contains(&time) {
            return Some(Period::Window);
        }
        if !(self.base_from..self.base_to).contains(&time) {
            return None;
        }
        let offset = i128::from(time) - i128::from(self.base_from);
        Some(Period::Base((offset / self.block_ns()).min(BLOCKS_MAX as i128 - 1) as u8))
    }

    /// As long as the window, or longer when there would be more than [`BLOCKS_MAX`].
    fn block_ns(&self) -> i128 {
        let base = i128::from(self.base_to) - i128::from(self.base_from);
        (base / BLOCKS_MAX as i128 + 1).max(i128::from(self.to) - i128::from(self.from))
    }
}

/// A count in the window, in the baseline, and in each block of that.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts {
    pub(super) window: u64,
    pub(super) base: u64,
    blocks: Vec<u32>,
}

impl Counts {
    pub(super) fn add(&mut self, period: Period) {
        match period {
            Period::Window => self.window += 1,
            Period::Base(block) => {
                self.base += 1;
                if self.blocks.len() <= usize::from(block) {
                    self.blocks.resize(usize::from(block) + 1, 0);
                }
                self.blocks[usize::from(block)] += 1;
            }
        }
    }

    /// `self` of `all`, block by block.
    pub(super) fn shares_of(&self, all: &Counts) -> Vec<Share> {
        let at = |counts: &Counts, nth: usize| u64::from(counts.blocks.get(nth).copied().unwrap_or(0));
        (0..all.blocks.len()).map(|nth| Share { hits: at(self, nth), all: at(all, nth) }).collect()
    }

    pub(super) fn plus(&self, other: &Counts) -> Counts {
        let at = |counts: &Counts, nth: usize| counts.blocks.get(nth).copied().unwrap_or(0);
        let blocks = (0..self.blocks.len().max(other.blocks.len())).map(|nth| at(self, nth) + at(other, nth)).collect();
        Counts { window: self.window + other.window, base: self.base + other.base, blocks }
    }

    pub(super) fn in_window(&self, all: &Counts) -> Share {
        Share { hits: self.window, all: all.window }
    }

    pub(super) fn in_base(&self, all: &Counts) -> Share {
        Share { hits: self.base, all: all.base }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_has_its_place() {
        let within = |from, to, base_from, base_to| Periods { from, to, base_from, base_to };
        let periods = within(100, 110, 0, 200);
        assert_eq!(periods.ranges().len(), 1);
        assert_eq!(periods.of(100), Some(Period::Window));
        assert_eq!(periods.of(110), Some(Period::Base(11)));
        assert_eq!((periods.of(-1), periods.of(200)), (None, None));
        assert_eq!(periods.of(199), Some(Period::Base(19)));
        let apart = within(100, 110, 0, 50);
        assert_eq!((apart.ranges().len(), apart.of(60)), (2, None));
        assert_eq!(periods.clipped(50, 149), within(100, 110, 50, 150));
        assert_eq!(periods.clipped(300, 400), periods, "nothing there");
        let long = within(0, 1, -1_000_000, 1_000_000);
        assert_eq!((long.of(-1_000_000), long.of(999_999)), (Some(Period::Base(0)), Some(Period::Base(63))));
    }

    #[test]
    fn a_baseline_without_ends_lies_around_the_window() {
        let (hour, many) = (HOUR_NS, |_: i64, _: i64| BASE_SPANS_WANTED);
        let short = Periods::around(10 * hour, 10 * hour + 60, many);
        assert_eq!((short.base_from, short.base_to), (9 * hour, 11 * hour + 60));
        let long = Periods::around(10 * hour, 11 * hour, many);
        assert_eq!((long.base_from, long.base_to), (0, 21 * hour));
        let a_few_each_hour = |from: i64, to: i64| (to - from) as f64 / hour as f64 * 30_000.0;
        let sparse = Periods::around(10 * hour, 10 * hour + 60, a_few_each_hour);
        assert_eq!(sparse.base_from, 6 * hour, "eight hours hold enough");
        let empty = Periods::around(100 * hour, 100 * hour + 60, |_, _| 0.0);
        assert_eq!(empty.base_from, 76 * hour);
        let open = Periods::around(i64::MIN, i64::MAX, many);
        assert_eq!((open.base_from, open.of(0)), (i64::MIN, Some(Period::Window)));
    }
}
