//! Sets of rows of a row group, as ranges.

use std::ops::Range;

use super::keys::STRIPE_ROWS;

/// Row numbers, ascending and disjoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowRanges(Vec<Range<u32>>);

impl RowRanges {
    /// All rows below `rows`.
    pub fn all(rows: u32) -> Self {
        Self::from_ranges(std::iter::once(0..rows))
    }

    /// `ranges` ascending by start; empty, touching and overlapping ones are joined.
    pub fn from_ranges(ranges: impl Iterator<Item = Range<u32>>) -> Self {
        let mut joined: Vec<Range<u32>> = Vec::new();
        for range in ranges.filter(|range| !range.is_empty()) {
            match joined.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => joined.push(range),
            }
        }
        Self(joined)
    }

    /// Ascending row numbers.
    pub(super) fn from_rows(rows: Vec<u32>) -> Self {
        Self::from_ranges(rows.into_iter().map(|row| row..row + 1))
    }

    /// Ascending stripe numbers of a row group with `rows` rows.
    pub(super) fn from_stripes(stripes: Vec<u32>, rows: u32) -> Self {
        let range = |stripe: u32| stripe * STRIPE_ROWS..((stripe + 1) * STRIPE_ROWS).min(rows);
        Self::from_ranges(stripes.into_iter().map(range))
    }

    pub fn ranges(&self) -> &[Range<u32>] {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of rows.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|range| u64::from(range.end - range.start)).sum()
    }

    /// Rows in both.
    pub fn intersect(&self, other: &Self) -> Self {
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut both = Vec::new();
        while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
            let common = x.start.max(y.start)..x.end.min(y.end);
            if !common.is_empty() {
                both.push(common);
            }
            if x.end <= y.end {
                a.next()
            } else {
                b.next()
            };
        }
        Self(both)
    }

    /// The rows as at most `parts` sets, one behind the other, that lie in about as many stripes of the index each, and in
    /// at least `stripes_min` of them.
    pub fn split(&self, parts: usize, stripes_min: usize) -> Vec<RowRanges> {
        let stripes = self.0.iter().flat_map(|range| range.start / STRIPE_ROWS..=(range.end - 1) / STRIPE_ROWS);
        let mut stripes: Vec<u32> = stripes.collect();
        stripes.dedup();
        let each = stripes.len().div_ceil(parts.max(1)).max(stripes_min).max(1);
        let within = |stripes: &[u32]| {
            let (first, last) = (stripes.first().copied().unwrap_or(0), stripes.last().copied().unwrap_or(0));
            self.intersect(&Self::from_ranges(std::iter::once(first * STRIPE_ROWS..(last + 1) * STRIPE_ROWS)))
        };
        stripes.chunks(each).map(within).collect()
    }

    /// Rows in either.
    pub fn union(&self, other: &Self) -> Self {
        let mut all: Vec<_> = self.0.iter().chain(&other.0).cloned().collect();
        all.sort_unstable_by_key(|range| range.start);
        Self::from_ranges(all.into_iter())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn rows_of(ranges: &RowRanges) -> BTreeSet<u32> {
        ranges.ranges().iter().cloned().flatten().collect()
    }

    proptest! {
        #[test]
        fn ranges_behave_as_sets(a in prop::collection::btree_set(0u32..60, 0..40),
                                 b in prop::collection::btree_set(0u32..60, 0..40)) {
            let (x, y) = (RowRanges::from_rows(a.iter().copied().collect()), RowRanges::from_rows(b.iter().copied().collect()));
            prop_assert_eq!(rows_of(&x.intersect(&y)), a.intersection(&b).copied().collect::<BTreeSet<_>>());
            prop_assert_eq!(rows_of(&x.union(&y)), a.union(&b).copied().collect::<BTreeSet<_>>());
            prop_assert_eq!(x.count(), a.len() as u64);
        }
    }

    proptest! {
        #[test]
        fn parts_are_the_whole(
            ranges in prop::collection::vec((0u32..20_000, 1u32..3000), 0..20),
            parts in 1usize..5,
            stripes_min in 0usize..4,
        ) {
            let mut ranges: Vec<_> = ranges.into_iter().map(|(start, length)| start..start + length).collect();
            ranges.sort_by_key(|range| range.start);
            let rows = RowRanges::from_ranges(ranges.into_iter());
            let split = rows.split(parts, stripes_min);
            prop_assert!(split.len() <= parts);
            prop_assert_eq!(split.iter().map(RowRanges::count).sum::<u64>(), rows.count());
            let joined = RowRanges::from_ranges(split.iter().flat_map(|part| part.ranges().iter().cloned()));
            prop_assert_eq!(joined, rows);
        }
    }

    #[test]
    fn stripes_end_with_the_row_group() {
        assert_eq!(RowRanges::from_stripes(vec![0, 1, 3], 3100).ranges(), &[0..2048, 3072..3100]);
    }
}
