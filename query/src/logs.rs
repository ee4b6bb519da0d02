//! Pages of log records, newest or oldest first.
//!
//! Records of one nanosecond are ordered by a hash of their content, and the position of a page's end counts how many
//! equal records were given: pages neither skip nor repeat a record, however often it was sent and wherever it lies.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering as AtomicOrdering};

use arrow::compute::interleave_record_batch;
use arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, lit};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::ident;
use futures::{StreamExt, TryStreamExt};
use proto::{Signal, TimeRange, schema};
use serde::{Deserialize, Serialize};

use crate::answer::Resources;
use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::{LogFilter, time_predicates};
use crate::newest;
use crate::rows::{LogBatch, LogRow};
use crate::traces::log_answers;

/// Rows kept for a page are copied together once they lie in this many batches: a few rows must not keep whole batches.
const BATCHES_MAX: usize = 64;

/// When the index leaves no more rows than these, they are read whole at once; else those of the page are found first.
const READ_AT_ONCE_ROWS: u64 = 8192;

/// A search and where its page begins.
#[derive(Clone, Debug)]
pub(crate) struct LogSearch {
    pub(crate) filter: LogFilter,
    pub(crate) newest_first: bool,
    pub(crate) limit: usize,
    pub(crate) after: Option<Position>,
}

/// The last record of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    time: i64,
    hash: u64,
    /// Records with this time and hash that have been given.
    given: usize,
}

/// A page as JSON texts.
pub(crate) struct FoundLogs {
    /// The array of records.
    pub(crate) logs_json: String,
    pub(crate) next: Option<Position>,
}

pub(crate) async fn search(query: &Query, search: LogSearch) -> Result<FoundLogs, QueryError> {
    let mut filter = search.filter.clone();
    filter.range = narrow(filter.range, search.after, search.newest_first);
    let passed = match search.after {
        Some(after) => count_at(query, &filter, after.time).await?,
        None => 0,
    };
    let mut predicates = filter.predicates();
    let candidates = query.count_candidates(Signal::Logs, predicates.clone()).await?;
    if candidates.is_none_or(|(rows, _)| rows > READ_AT_ONCE_ROWS) {
        // One more than the page: is there a next one?
        let nth = search.limit + passed + 1;
        let (range, conditions) = (filter.range, filter.conditions());
        let last = newest::time_of_nth(query, Signal::Logs, range, conditions, nth, search.newest_first).await?;
        let Some(last) = last else { return Ok(FoundLogs { logs_json: "[]".to_owned(), next: None }) };
        predicates.extend(time_predicates(Signal::Logs, up_to(last, search.newest_first)));
    }
    let rows = query.open(Signal::Logs, None, predicates)?;
    query
        .run(async move {
            let kept = keep_first(rows.await?, search.limit + 1, &search).await?;
            page(&kept, &search)
        })
        .await
}

/// The earliest `limit` records for which all `predicates` hold, in one batch, and how many there are.
pub(crate) async fn earliest(
    query: &Query,
    predicates: Vec<Expr>,
    limit: usize,
) -> Result<(RecordBatch, u64), QueryError> {
    let rows = query.open(Signal::Logs, None, predicates)?;
    query
        .run(async move {
            let rows = rows.await?;
            let count = Arc::new(AtomicU64::new(0));
            let counted = Arc::clone(&count);
            let schema = rows.schema();
            let rows = rows.inspect_ok(move |batch| {
                counted.fetch_add(batch.num_rows() as u64, AtomicOrdering::Relaxed);
            });
            let rows = Box::pin(RecordBatchStreamAdapter::new(schema, rows));
            let search = LogSearch { filter: LogFilter::default(), newest_first: false, limit, after: None };
            let kept = keep_first(rows, limit, &search).await?;
            Ok((kept, count.load(AtomicOrdering::Relaxed)))
        })
        .await
}

/// Records of one instant: as many as may lie before a position within it.
async fn count_at(query: &Query, filter: &LogFilter, time: i64) -> Result<usize, QueryError> {
    let mut predicates = filter.predicates();
    predicates.push(ident(schema::TIME_UNIX_NANO).eq(lit(time)));
    let rows = query.open(Signal::Logs, Some(&[schema::TIME_UNIX_NANO]), predicates)?;
    query
        .run(async move {
            let (mut rows, mut count) = (rows.await?, 0);
            while let Some(batch) = rows.next().await {
                count += batch?.num_rows();
            }
            Ok(count)
        })
        .await
}

/// Leaves out what lies before a position; its own instant stays.
fn narrow(range: TimeRange, after: Option<Position>, newest_first: bool) -> TimeRange {
    let Some(after) = after else { return range };
    if newest_first {
        // i64::MAX has no successor: then there is nothing to leave out.
        let end = after.time.checked_add(1).map(|end| range.end.map_or(end, |bound| bound.min(end)));
        return TimeRange { end: end.or(range.end), ..range };
    }
    TimeRange { start: Some(range.start.map_or(after.time, |bound| bound.max(after.time))), ..range }
}

/// From the beginning of the answer to the last record's instant, which is included whole.
fn up_to(last_time: i64, newest_first: bool) -> TimeRange {
    if newest_first {
        return TimeRange { start: Some(last_time), end: None };
    }
    TimeRange { start: None, end: last_time.checked_add(1) }
}

/// A record among those kept: its place in the order and where it lies. The heap's greatest is the last in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kept {
    time: i64,
    hash: u64,
    newest_first: bool,
    batch: usize,
    row: usize,
}

impl Kept {
    fn order(&self, other: &Self) -> Ordering {
        let ascending = (self.time, self.hash).cmp(&(other.time, other.hash));
        if self.newest_first { ascending.reverse() } else { ascending }
    }
}

impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kept {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order(other)
    }
}

/// The first `wanted` records after the position, in the order of the answer: one batch.
///
/// Records equal to the position's are equal to each other: whichever come first are those that were given.
/// Memory: `wanted` rows and a few batches, however many records share an instant.
async fn keep_first(
    mut stream: SendableRecordBatchStream,
    wanted: usize,
    search: &LogSearch,
) -> Result<RecordBatch, QueryError> {
    let schema = stream.schema();
    let mut heap: BinaryHeap<Kept> = BinaryHeap::new();
    let mut batches: Vec<RecordBatch> = Vec::new();
    let mut passed = 0;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let at = batches.len();
        let before = heap.len();
        let mut replaced = false;
        for (row, record) in LogBatch::of(&batch)?.rows().enumerate() {
            let time = record.time_unix_nano();
            let kept = Kept { time, hash: record.content_hash(), newest_first: search.newest_first, batch: at, row };
            match search.after.map(|after| (kept.order_to(after), after)) {
                Some((Ordering::Less, _)) => continue,
                Some((Ordering::Equal, after)) if passed < after.given => {
                    passed += 1;
                    continue;
                }
                _ => {}
            }
            if heap.len() < wanted {
                heap.push(kept);
            } else if heap.peek().is_some_and(|last| kept < *last) {
                heap.pop();
                heap.push(kept);
                replaced = true;
            }
        }
        if heap.len() > before || replaced {
            batches.push(batch);
        }
        if batches.len() > BATCHES_MAX {
            let (together, moved) = gather(heap.into_vec(), &batches)?;
            batches = vec![together];
            heap = moved.into();
        }
    }
    if heap.is_empty() {
        return Ok(RecordBatch::new_empty(schema));
    }
    Ok(gather(heap.into_sorted_vec(), &batches)?.0)
}

impl Kept {
    fn order_to(&self, position: Position) -> Ordering {
        self.order(&Kept { time: position.time, hash: position.hash, ..*self })
    }
}

/// Copies the kept rows into one batch, in the order given.
fn gather(mut kept: Vec<Kept>, batches: &[RecordBatch]) -> Result<(RecordBatch, Vec<Kept>), QueryError> {
    let places: Vec<(usize, usize)> = kept.iter().map(|kept| (kept.batch, kept.row)).collect();
    let sources: Vec<&RecordBatch> = batches.iter().collect();
    let together = interleave_record_batch(&sources, &places)?;
    for (row, kept) in kept.iter_mut().enumerate() {
        (kept.batch, kept.row) = (0, row);
    }
    Ok((together, kept))
}

/// `kept`: in order, one more than the page when there is more.
fn page(kept: &RecordBatch, search: &LogSearch) -> Result<FoundLogs, QueryError> {
    let batch = LogBatch::of(kept)?;
    let mut records: Vec<_> = batch.rows().map(|record| (record, record.content_hash())).collect();
    let has_more = records.len() > search.limit;
    records.truncate(search.limit);
    let resources = Resources::of(records.iter().map(|(record, _)| *record))?;
    let before = search.after.map(|after| (after.time, after.hash, after.given));
    let answers = log_answers(&records, before, &resources);
    let logs_json =
        serde_json::to_string(&answers).map_err(|error| QueryError::internal(format!("log records: {error}")))?;
    let next = records.last().filter(|_| has_more).map(|(last, hash)| {
        let (time, hash) = (last.time_unix_nano(), *hash);
        let is_equal = |record: &LogRow<'_>, other: u64| (record.time_unix_nano(), other) == (time, hash);
        let here = records.iter().rev().take_while(|(record, other)| is_equal(record, *other)).count();
        let earlier = search.after.filter(|after| (after.time, after.hash) == (time, hash));
        Position { time, hash, given: here + earlier.map_or(0, |after| after.given) }
    });
    Ok(FoundLogs { logs_json, next })
}

#[cfg(test)]
mod tests;
