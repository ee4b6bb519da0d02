//! Where to look first for the newest (or oldest) rows: a time range that holds some thousand rows, then one beside it
//! with eight times as many, and so on. A page that is full ends the search, so that its cost does not grow with the
//! archive. No two ranges overlap: what one of them gave is final, and can be sent before the next is looked at.

mod first_rows;

use arrow::array::AsArray;
use arrow::compute::{max, min};
use arrow::datatypes::Int64Type;
use proto::{Signal, TimeRange, UnixNanos};
use storage::{Segment, Snapshot};

pub(crate) use self::first_rows::FirstRows;
use crate::engine::Query;
use crate::error::QueryError;
use crate::pruning::Candidates;
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

#[cfg(test)]
mod tests;
