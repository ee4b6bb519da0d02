//! Where to look first for the newest (or oldest) rows: time ranges that hold some thousand rows, then eight times as
//! many, and so on. A page that is full ends the search, so that its cost does not grow with the archive.

use std::collections::BinaryHeap;

use arrow::array::AsArray;
use arrow::compute::{max, min};
use arrow::datatypes::Int64Type;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::Expr;
use futures::StreamExt;
use proto::{Signal, TimeRange, UnixNanos};
use storage::Snapshot;

use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::time_predicates;

/// Rows of the first range: a few pages of a file.
const FIRST_ROWS: u64 = 4096;
/// How many times as many rows the next range holds: what is looked at twice is an eighth.
const GROWTH: u64 = 8;

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

fn stretches(snapshot: &Snapshot) -> Vec<Stretch> {
    let time_column = snapshot.signal.spec().time_column;
    let memory = snapshot.batches.iter().filter_map(|batch| {
        let times = batch.column_by_name(time_column)?.as_primitive_opt::<Int64Type>()?;
        Some(Stretch { min: min(times)?, max: max(times)?, rows: batch.num_rows() as u64 })
    });
    let segments = snapshot.segments.iter().map(|segment| {
        let meta = segment.meta();
        Stretch { min: meta.min_time, max: meta.max_time, rows: meta.rows }
    });
    memory.chain(segments).collect()
}

/// The times of the oldest and the newest row there is.
pub(crate) fn extent(snapshot: &Snapshot) -> Option<(UnixNanos, UnixNanos)> {
    let stretches = stretches(snapshot);
    let oldest = stretches.iter().map(|stretch| stretch.min).min()?;
    Some((oldest, stretches.iter().map(|stretch| stretch.max).max()?))
}

/// About how many rows lie in a range, by what is known of segments without reading them.
pub(crate) fn estimated_rows(snapshot: &Snapshot, from: UnixNanos, to: UnixNanos) -> f64 {
    stretches(snapshot).iter().map(|stretch| stretch.rows_from(from) - stretch.rows_from(to)).sum()
}

/// Ranges within `range`, each containing the one before, the last being `range` itself. The first holds about
/// `first_rows` rows at the newest end, or at the oldest.
pub(crate) fn windows(snapshot: &Snapshot, range: TimeRange, newest_first: bool, first_rows: u64) -> Vec<TimeRange> {
    windows_of(&stretches(snapshot), range, newest_first, first_rows)
}

fn windows_of(stretches: &[Stretch], range: TimeRange, newest_first: bool, first_rows: u64) -> Vec<TimeRange> {
    let (Some(oldest), Some(newest)) =
        (stretches.iter().map(|stretch| stretch.min).min(), stretches.iter().map(|stretch| stretch.max).max())
    else {
        return vec![range];
    };
    let top = range.end.map_or(newest, |end| end.saturating_sub(1).min(newest));
    let bottom = range.start.map_or(oldest, |start| start.max(oldest));
    let rows_from = |time: UnixNanos| stretches.iter().map(|stretch| stretch.rows_from(time)).sum::<f64>();
    let rows_between = |from: UnixNanos, to: UnixNanos| rows_from(from) - rows_from(to.saturating_add(1));
    let total = rows_between(bottom, top);
    let mut windows = Vec::new();
    let mut rows = first_rows.max(1);
    // Beyond half of the rows, the rest may as well come along.
    while rows as f64 * 2.0 < total {
        let wanted = rows as f64;
        windows.push(if newest_first {
            let start = first_true(bottom, top, |time| rows_between(time, top) <= wanted);
            TimeRange { start: Some(start), end: range.end }
        } else {
            let end = first_true(bottom, top, |time| rows_between(bottom, time) >= wanted);
            TimeRange { start: range.start, end: end.checked_add(1) }
        });
        rows = rows.saturating_mul(GROWTH);
    }
    windows.push(range);
    windows
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

/// Rows of the first range when `nth` rows are wanted and the index leaves so many of so many rows; `None`: look at
/// everything at once.
pub(crate) fn first_rows(nth: usize, candidates: Option<(u64, u64)>) -> Option<u64> {
    let nth = nth as u64;
    match candidates {
        None => Some(FIRST_ROWS.max(nth.saturating_mul(2))),
        Some((found, _)) if found <= nth.saturating_mul(2) => None,
        Some((found, total)) => {
            let each = total.div_ceil(found.max(1));
            Some(nth.saturating_mul(each).saturating_mul(2).max(FIRST_ROWS))
        }
    }
}

/// The time of the nth row for which all `conditions` hold, the newest or the oldest first, or of the last one when there
/// are fewer; `None` when there is none.
pub(crate) async fn time_of_nth(
    query: &Query,
    signal: Signal,
    range: TimeRange,
    conditions: Vec<Expr>,
    nth: usize,
    newest_first: bool,
) -> Result<Option<UnixNanos>, QueryError> {
    let predicates = |range| time_predicates(signal, range).into_iter().chain(conditions.iter().cloned()).collect();
    let candidates = query.count_candidates(signal, predicates(range)).await?;
    let ranges = match first_rows(nth, candidates) {
        Some(rows) => windows(&query.snapshot(signal), range, newest_first, rows),
        None => vec![range],
    };
    let time_column = signal.spec().time_column;
    let mut found = None;
    for range in ranges {
        let rows = query.open(signal, Some(&[time_column]), predicates(range))?;
        let times = query.run(async move { first_times(rows.await?, time_column, nth, newest_first).await }).await?;
        found = times.peek().map(|last| if newest_first { -*last } else { *last });
        if times.len() >= nth {
            break;
        }
    }
    Ok(found.map(|time| UnixNanos::try_from(time).unwrap_or(UnixNanos::MAX)))
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

    #[test]
    fn ranges_grow_until_they_are_everything() {
        let whole = TimeRange::default();
        let stretches = snapshot_of(&[(0, 999, 1000), (1000, 1999, 99_000)]);
        let newest = windows_of(&stretches, whole, true, 1000);
        assert_eq!(newest.len(), 3, "1,000, 8,000, then more than half: {newest:?}");
        assert_eq!(newest.last(), Some(&whole));
        let starts: Vec<_> = newest.iter().map(|range| range.start.unwrap_or(i64::MIN)).collect();
        assert!(starts.is_sorted_by(|a, b| a > b), "{starts:?}");
        assert_eq!(newest[0], TimeRange { start: Some(1990), end: None }, "99 rows for each of the newest times");
        let oldest = windows_of(&stretches, whole, false, 500);
        assert_eq!(oldest[0], TimeRange { start: None, end: Some(500) });
        let within = TimeRange { start: Some(100), end: Some(200) };
        assert_eq!(windows_of(&stretches, within, true, 1000), [within], "few rows: no need to look twice");
        assert_eq!(windows_of(&stretches, within, true, 10)[0], TimeRange { start: Some(190), end: Some(200) });
        assert_eq!(windows_of(&[], whole, true, 10), [whole]);
    }

    #[test]
    fn extreme_times_do_no_harm() {
        let stretches = snapshot_of(&[(i64::MIN, i64::MAX, 1_000_000)]);
        for newest_first in [true, false] {
            let ranges = windows_of(&stretches, TimeRange::default(), newest_first, 1000);
            assert_eq!(ranges.last(), Some(&TimeRange::default()));
        }
    }

    #[test]
    fn the_index_says_how_far_to_look() {
        assert_eq!(first_rows(100, None), Some(4096));
        assert_eq!(first_rows(100, Some((150, 1_000_000))), None, "all of them are wanted");
        assert_eq!(first_rows(100, Some((10_000, 1_000_000))), Some(20_000), "one row in a hundred");
        assert_eq!(first_rows(100, Some((1_000_000, 1_000_000))), Some(4096));
    }
}
