//! Where to look first for the newest (or oldest) rows: a time range that holds some thousand rows, then one beside it
//! with eight times as many, and so on. A page that is full ends the search, so that its cost does not grow with the
//! archive. No two ranges overlap: what one of them gave is final, and can be sent before the next is looked at.

use std::collections::BinaryHeap;

use arrow::array::AsArray;
use arrow::compute::{max, min};
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::Expr;
use futures::StreamExt;
use proto::{Signal, TimeRange, UnixNanos};
use storage::{Segment, Snapshot};

use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::time_predicates;
use crate::pruning::Candidates;
use crate::result::batch_bytes;
use crate::row_groups::First;
use crate::running::WalkPlace;

/// Rows of the first range: a few pages of a file.
const FIRST_ROWS: u64 = 4096;
/// How many times as many rows the next range holds.
const GROWTH: u64 = 8;
/// Rows of the largest range but the last: some row groups, so that a long search gives what it has found, says how far
/// it is, and can go on from there.
const ROWS_MAX: u64 = 1 << 20;

/// Rows that lie somewhere between two times, both inclusive. Taken to be evenly spread.
struct Stretch {
    min: UnixNanos,
    max: UnixNanos,
    rows: u64,
}

impl Stretch {
    /// Rows at or above a time.
    fn rows_from(&self, time: UnixNanos) -> f64 {
        let length = self.max as f64 - self.min as f64 + 1.0;
        let above = (self.max as f64 - time as f64 + 1.0).clamp(0.0, length);
        self.rows as f64 * above / length
    }
}

fn memtable_stretches(snapshot: &Snapshot) -> impl Iterator<Item = Stretch> {
    let time_column = snapshot.signal.spec().time_column;
    snapshot.batches.iter().filter_map(move |batch| {
        let times = batch.column_by_name(time_column)?.as_primitive_opt::<Int64Type>()?;
        Some(Stretch { min: min(times)?, max: max(times)?, rows: batch.num_rows() as u64 })
    })
}

fn stretches(snapshot: &Snapshot) -> Vec<Stretch> {
    let segments = snapshot.segments.iter().map(|segment| {
        let meta = segment.meta();
        Stretch { min: meta.min_time, max: meta.max_time, rows: meta.rows }
    });
    memtable_stretches(snapshot).chain(segments).collect()
}

/// The times of the oldest and the newest row in a range, as far as row groups tell.
///
/// Blocking: indexes that nobody has opened yet are read.
pub(crate) fn extent(snapshot: &Snapshot, range: TimeRange) -> Option<(UnixNanos, UnixNanos)> {
    let segments = snapshot.segments.iter().filter(|segment| {
        let meta = segment.meta();
        range.overlaps(meta.min_time, meta.max_time)
    });
    let of_row_groups = segments.flat_map(|segment| times_of_row_groups(segment));
    let all = memtable_stretches(snapshot).map(|stretch| (stretch.min, stretch.max)).chain(of_row_groups);
    let inside = all.filter(|(min, max)| range.overlaps(*min, *max));
    let both = inside.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
    let (start, end) = (range.start.unwrap_or(UnixNanos::MIN), range.end.unwrap_or(UnixNanos::MAX));
    Some((both.0.max(start), both.1.min(end)))
}

/// Of each row group its smallest and largest time; of the segment when they are not known.
fn times_of_row_groups(segment: &Segment) -> Vec<(UnixNanos, UnixNanos)> {
    match segment.row_groups() {
        Some(groups) => groups.iter().map(|group| (group.min_time, group.max_time)).collect(),
        None => vec![(segment.meta().min_time, segment.meta().max_time)],
    }
}

/// About how many rows lie in a range, by what is known of segments without reading them.
pub(crate) fn estimated_rows(snapshot: &Snapshot, from: UnixNanos, to: UnixNanos) -> f64 {
    rows_between(&stretches(snapshot), from, to)
}

fn rows_between(stretches: &[Stretch], from: UnixNanos, to: UnixNanos) -> f64 {
    stretches.iter().map(|stretch| stretch.rows_from(from) - stretch.rows_from(to)).sum()
}

/// Parts of a range without gap or overlap, in the order of the answer; each is as large as what was found so far asks for.
struct Windows {
    stretches: Vec<Stretch>,
    /// What has not been given; `None`: nothing.
    left: Option<TimeRange>,
    newest_first: bool,
    /// Rows of the next window, about; `None`: everything that is left.
    rows: Option<u64>,
    /// Rows given, about.
    passed: u64,
    /// Matches wanted and found. `None`: all.
    wanted: Option<u64>,
    found: u64,
}

impl Windows {
    fn new(
        stretches: Vec<Stretch>,
        range: TimeRange,
        newest_first: bool,
        first_rows: Option<u64>,
        wanted: Option<u64>,
    ) -> Self {
        Self { stretches, left: Some(range), newest_first, rows: first_rows, passed: 0, wanted, found: 0 }
    }

    /// Matches in the window that was given last.
    fn found(&mut self, matches: usize) {
        self.found += matches as u64;
        let (Some(rows), Some(wanted)) = (self.rows, self.wanted) else { return };
        let expected = match (wanted.saturating_sub(self.found), self.found) {
            (_, 0) => return,
            // What is left is taken to be spread like what was found.
            (missing, found) => self.passed.saturating_mul(missing).div_ceil(found),
        };
        // Half as much again, for it is not. Never a small part of what is behind: the steps must not become many.
        let enough = (expected + expected / 2).max(self.passed / 2).max(FIRST_ROWS);
        self.rows = Some(rows.min(enough));
    }
}

impl Iterator for Windows {
    type Item = TimeRange;

    fn next(&mut self) -> Option<TimeRange> {
        let left = self.left.take()?;
        let Some((rows, edge)) = self.rows.and_then(|rows| Some((rows, self.edge(left, rows.max(1))?))) else {
            return Some(left);
        };
        self.passed = self.passed.saturating_add(rows);
        self.rows = Some(rows.saturating_mul(GROWTH).min(ROWS_MAX.max(rows)));
        let (older, newer) = (TimeRange { end: Some(edge), ..left }, TimeRange { start: Some(edge), ..left });
        let (window, left) = if self.newest_first { (newer, older) } else { (older, newer) };
        self.left = Some(left);
        Some(window)
    }
}

impl Windows {
    /// Where a window of so many rows ends and the next one begins; `None`: the rest may as well come along.
    fn edge(&self, left: TimeRange, rows: u64) -> Option<UnixNanos> {
        let oldest = self.stretches.iter().map(|stretch| stretch.min).min()?;
        let newest = self.stretches.iter().map(|stretch| stretch.max).max()?;
        let top = left.end.map_or(newest, |end| end.saturating_sub(1).min(newest));
        let bottom = left.start.map_or(oldest, |start| start.max(oldest));
        let rows_from = |time: UnixNanos| self.stretches.iter().map(|stretch| stretch.rows_from(time)).sum::<f64>();
        let rows_between = |from: UnixNanos, to: UnixNanos| rows_from(from) - rows_from(to.saturating_add(1));
        let wanted = rows as f64;
        if wanted * 2.0 >= rows_between(bottom, top) {
            return None;
        }
        let edge = if self.newest_first {
            Some(first_true(bottom, top, |time| rows_between(time, top) <= wanted))
        } else {
            first_true(bottom, top, |time| rows_between(bottom, time) >= wanted).checked_add(1)
        };
        let is_inside =
            |edge: &UnixNanos| left.start.is_none_or(|start| start < *edge) && left.end.is_none_or(|end| *edge < end);
        edge.filter(is_inside)
    }
}

/// A way through a range, window by window, that tells the query how far it is.
pub(crate) struct Walk {
    signal: Signal,
    range: TimeRange,
    /// What `range` is the rest of: how far the search is counts from its beginning.
    whole: TimeRange,
    windows: Windows,
    /// The last time of each row group in the order of the walk; known when there are several windows.
    row_groups: Option<Vec<UnixNanos>>,
    /// About how many rows the windows had that are done with.
    rows_done: f64,
}

impl Walk {
    /// `first_rows`: of the first window; `None`: the whole range is one. `wanted`: about how many matches are, if not all.
    pub(crate) fn new(
        query: &Query,
        signal: Signal,
        range: TimeRange,
        newest_first: bool,
        first_rows: Option<u64>,
        wanted: Option<usize>,
    ) -> Self {
        let wanted = wanted.map(|wanted| wanted as u64);
        let stretches = first_rows.map_or_else(Vec::new, |_| stretches(&query.snapshot(signal)));
        let windows = Windows::new(stretches, range, newest_first, first_rows, wanted);
        Self { signal, range, whole: range, windows, row_groups: None, rows_done: 0.0 }
    }

    /// How many matches the last window had: the next one is as large as that makes likely to be enough.
    pub(crate) fn found(&mut self, matches: usize) {
        self.windows.found(matches);
    }

    /// The way through what is left of a larger range.
    pub(crate) fn rest_of(self, whole: TimeRange) -> Self {
        Self { whole, ..self }
    }

    /// The next window; asked for when the one before is done with. `None`: the range is.
    pub(crate) async fn next(&mut self, query: &Query) -> Result<Option<TimeRange>, QueryError> {
        let newest_first = self.windows.newest_first;
        let window = self.windows.next();
        if self.row_groups.is_none() && self.windows.left.is_some() {
            self.row_groups = Some(row_groups(query, self.signal, self.range, newest_first).await?);
        }
        if let Some(groups) = &self.row_groups {
            // Row groups that lie wholly before the place where a window begins.
            let behind = |window: Option<TimeRange>| {
                let is_behind = |last: &&UnixNanos| match window {
                    None => true,
                    Some(window) if newest_first => window.end.is_some_and(|end| **last >= end),
                    Some(window) => window.start.is_some_and(|start| **last < start),
                };
                groups.iter().filter(is_behind).count() as u64
            };
            let rows = |range: TimeRange| {
                let (start, end) = (range.start.unwrap_or(UnixNanos::MIN), range.end.unwrap_or(UnixNanos::MAX));
                rows_between(&self.windows.stretches, start, end)
            };
            let rows_here = window.map_or(0.0, rows);
            query.walked(WalkPlace {
                done: behind(window),
                next: behind(self.windows.left),
                total: groups.len() as u64,
                rows_done: rows(self.whole) - rows(self.range) + self.rows_done,
                rows_here,
                rows_total: rows(self.whole),
            });
            self.rows_done += rows_here;
        }
        Ok(window)
    }
}

/// Of each row group that overlaps `range` its smallest time, or its largest when the oldest come first.
async fn row_groups(
    query: &Query,
    signal: Signal,
    range: TimeRange,
    newest_first: bool,
) -> Result<Vec<UnixNanos>, QueryError> {
    let snapshot = query.snapshot(signal);
    let read = move || {
        let segments = snapshot.segments.iter();
        let groups = segments.flat_map(|segment| times_of_row_groups(segment));
        let groups = groups.filter(|(min, max)| range.overlaps(*min, *max));
        groups.map(|(min, max)| if newest_first { min } else { max }).collect()
    };
    // Indexes that nobody has opened yet are read from the disk.
    query.blocking(read).await
}

/// The first time for which a condition holds that, once true, stays so; `high` when it never does before.
fn first_true(mut low: UnixNanos, mut high: UnixNanos, holds: impl Fn(UnixNanos) -> bool) -> UnixNanos {
    while low < high {
        let middle = low + (high.abs_diff(low) / 2) as i64;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// Rows of the first range when `nth` rows are wanted and the index leaves these; `None`: look at everything at once.
pub(crate) fn first_rows(nth: usize, candidates: Option<Candidates>) -> Option<u64> {
    let nth = nth as u64;
    let smallest = FIRST_ROWS.max(nth.saturating_mul(2));
    match candidates {
        None => Some(smallest),
        // What lies nearly everywhere may be frequent there too.
        Some(Candidates { rows, total, .. }) if rows > 2 * nth && rows >= total / 8 => Some(smallest),
        Some(Candidates { matches, .. }) if matches <= nth.saturating_mul(2) => None,
        Some(Candidates { matches, total, .. }) => {
            let each = total.div_ceil(matches.max(1));
            Some(nth.saturating_mul(each).saturating_mul(2).max(FIRST_ROWS))
        }
    }
}

/// Which rows are wanted: the first `rows` of those in a range for which all `conditions` hold.
pub(crate) struct FirstRows {
    pub(crate) signal: Signal,
    pub(crate) range: TimeRange,
    pub(crate) conditions: Vec<Expr>,
    pub(crate) first: First,
}

impl FirstRows {
    fn predicates(&self, range: TimeRange) -> Vec<Expr> {
        time_predicates(self.signal, range).into_iter().chain(self.conditions.iter().cloned()).collect()
    }

    async fn windows(&self, query: &Query) -> Result<Windows, QueryError> {
        let candidates = query.count_candidates(self.signal, self.predicates(self.range)).await?;
        let first_rows = first_rows(self.first.rows, candidates);
        let stretches = stretches(&query.snapshot(self.signal));
        Ok(Windows::new(stretches, self.range, self.first.newest_first, first_rows, Some(self.first.rows as u64)))
    }

    /// The rows, with those that have the time of the last of them, in no order.
    /// `None`: they are more than `rows_max`.
    ///
    /// Errors: `TooLarge` as of [`Query::collect`].
    pub(crate) async fn read(
        &self,
        query: &Query,
        columns: &[&str],
        rows_max: usize,
    ) -> Result<Option<Vec<RecordBatch>>, QueryError> {
        let mut windows = self.windows(query).await?;
        let (mut batches, mut count) = (Vec::new(), 0);
        while let Some(range) = windows.next() {
            let first = First { rows: self.first.rows - count, ..self.first };
            let rows = query.open_first(self.signal, Some(columns), self.predicates(range), first)?;
            let found = query.collect_stream(rows, rows_max - count).await?;
            if found.truncated {
                return Ok(None);
            }
            windows.found(found.row_count());
            count += found.row_count();
            batches.extend(found.batches);
            if batches.iter().map(batch_bytes).sum::<usize>() > query.result_bytes_max() {
                return Err(query.too_large());
            }
            if count >= self.first.rows {
                break;
            }
        }
        Ok(Some(batches))
    }

    /// The time of the last of them; `None` when there is none.
    pub(crate) async fn last_time(&self, query: &Query) -> Result<Option<UnixNanos>, QueryError> {
        let mut windows = self.windows(query).await?;
        let (mut found, mut count) = (None, 0);
        while let Some(range) = windows.next() {
            let (last, rows) = self.last_time_in(query, range, self.first.rows - count).await?;
            windows.found(rows);
            found = last.or(found);
            count += rows;
            if count >= self.first.rows {
                break;
            }
        }
        Ok(found)
    }

    /// The same within one range; beside it how many rows there are up to it.
    async fn last_time_in(
        &self,
        query: &Query,
        range: TimeRange,
        nth: usize,
    ) -> Result<(Option<UnixNanos>, usize), QueryError> {
        let time_column = self.signal.spec().time_column;
        let newest_first = self.first.newest_first;
        let rows = query.open(self.signal, Some(&[time_column]), self.predicates(range))?;
        let times = query.run(async move { first_times(rows.await?, time_column, nth, newest_first).await }).await?;
        let last = times.peek().map(|last| if newest_first { -*last } else { *last });
        Ok((last.map(|time| UnixNanos::try_from(time).unwrap_or(UnixNanos::MAX)), times.len()))
    }
}

/// The first `nth` times in the order of the answer, the last of them on top; negated when the newest come first.
async fn first_times(
    mut rows: SendableRecordBatchStream,
    time_column: &str,
    nth: usize,
    newest_first: bool,
) -> Result<BinaryHeap<i128>, QueryError> {
    let mut first = BinaryHeap::new();
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        let times = batch.column_by_name(time_column).and_then(|times| times.as_primitive_opt::<Int64Type>());
        for time in times.into_iter().flat_map(|times| times.values().iter().copied()) {
            let time = if newest_first { -i128::from(time) } else { i128::from(time) };
            if first.len() < nth {
                first.push(time);
            } else if first.peek().is_some_and(|last| time < *last) {
                first.pop();
                first.push(time);
            }
        }
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot_of(stretches: &[(i64, i64, u64)]) -> Vec<Stretch> {
        stretches.iter().map(|&(min, max, rows)| Stretch { min, max, rows }).collect()
    }

    fn windows_of(stretches: &[Stretch], range: TimeRange, newest_first: bool, first_rows: u64) -> Vec<TimeRange> {
        let stretches = stretches.iter().map(|part| Stretch { ..*part }).collect();
        Windows::new(stretches, range, newest_first, Some(first_rows), None).collect()
    }

    #[test]
    fn ranges_grow_until_they_are_everything() {
        let whole = TimeRange::default();
        let stretches = snapshot_of(&[(0, 999, 1000), (1000, 1999, 99_000)]);
        let newest = windows_of(&stretches, whole, true, 1000);
        assert_eq!(newest.len(), 3, "1,000, 8,000, then more than half of the rest: {newest:?}");
        let range = |start, end| TimeRange { start, end };
        assert_eq!(newest[0], range(Some(1990), None), "99 rows for each of the newest times");
        assert_eq!(newest[2].start, None);
        let oldest = windows_of(&stretches, whole, false, 500);
        assert_eq!(oldest[0], range(None, Some(500)));
        let within = range(Some(100), Some(200));
        assert_eq!(windows_of(&stretches, within, true, 1000), [within], "few rows: one look is enough");
        assert_eq!(windows_of(&stretches, within, true, 10)[0], range(Some(190), Some(200)));
        assert_eq!(windows_of(&[], whole, true, 10), [whole]);
        let many = snapshot_of(&[(0, 999_999, 64 << 20)]);
        let largest = windows_of(&many, whole, true, 4096)[4];
        let rows = (largest.end.expect("an end") - largest.start.expect("a start")) * (64 << 20) / 1_000_000;
        assert!((rows - (1 << 20)).abs() < 200, "no larger than a million rows: {rows}");
    }

    #[test]
    fn what_was_found_says_how_far_to_look() {
        let stretches = || snapshot_of(&[(0, (1 << 30) - 1, 1 << 30)]);
        let length = |window: Option<TimeRange>| {
            let window = window.expect("a window");
            window.end.unwrap_or(1 << 30) - window.start.expect("a start")
        };
        let mut windows = Windows::new(stretches(), TimeRange::default(), true, Some(8192), Some(100));
        assert_eq!(length(windows.next()), 8192);
        windows.found(0);
        assert_eq!(length(windows.next()), 65_536, "nothing: eight times as many");
        windows.found(36);
        assert_eq!(length(windows.next()), 196_608, "73,728 rows had 36; half as many again as 64 more would take");
        windows.found(63);
        assert_eq!(length(windows.next()), 135_168, "one is missing: half of what is behind");
        windows.found(0);
        assert_eq!(length(windows.next()), 202_752, "and again");
    }

    #[test]
    fn extreme_times_do_no_harm() {
        let stretches = snapshot_of(&[(i64::MIN, i64::MAX, 1_000_000)]);
        for newest_first in [true, false] {
            assert_parts(
                &windows_of(&stretches, TimeRange::default(), newest_first, 1000),
                TimeRange::default(),
                newest_first,
            );
        }
    }

    /// The parts lie beside each other, in order, and are the whole together.
    fn assert_parts(parts: &[TimeRange], whole: TimeRange, newest_first: bool) {
        let mut ascending = parts.to_vec();
        if newest_first {
            ascending.reverse();
        }
        assert_eq!(ascending.first().map(|part| part.start), Some(whole.start));
        assert_eq!(ascending.last().map(|part| part.end), Some(whole.end));
        for pair in ascending.windows(2) {
            assert!(pair[0].end.is_some() && pair[0].end == pair[1].start, "{parts:?}");
            assert!(pair[0].start.is_none_or(|start| Some(start) < pair[0].end), "empty: {parts:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn windows_are_the_range_without_gap_or_overlap(
            stretches in proptest::collection::vec((-50i64..50, 0i64..40, 1u64..5000), 0..6),
            start in proptest::option::of(-60i64..40),
            length in proptest::option::of(1i64..100),
            newest_first in proptest::bool::ANY,
            first_rows in 1u64..2000,
        ) {
            let end = length.map(|length| start.unwrap_or(0) + length);
            let range = TimeRange { start, end };
            let stretches: Vec<Stretch> =
                stretches.iter().map(|&(min, length, rows)| Stretch { min, max: min + length, rows }).collect();
            assert_parts(&windows_of(&stretches, range, newest_first, first_rows), range, newest_first);
        }
    }

    #[test]
    fn the_index_says_how_far_to_look() {
        let left = |matches, total| Candidates { rows: matches, matches, total };
        assert_eq!(first_rows(100, None), Some(4096));
        assert_eq!(first_rows(100, Some(left(150, 1_000_000))), None, "all of them are wanted");
        assert_eq!(first_rows(100, Some(left(10_000, 1_000_000))), Some(20_000), "one row in a hundred");
        let everywhere = Candidates { rows: 1_000_000, matches: 977, total: 1_000_000 };
        assert_eq!(first_rows(100, Some(everywhere)), Some(4096), "a stripe may be full of them");
        let in_stripes = Candidates { rows: 102_400, matches: 100, total: 1_000_000 };
        assert_eq!(first_rows(40, Some(in_stripes)), Some(800_000), "one row of each stripe");
    }
}
