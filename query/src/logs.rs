//! Pages of log records, newest or oldest first.
//!
//! Records of one nanosecond are ordered by a hash of their content, and the position of a page's end counts how many
//! equal records were given: pages neither skip nor repeat a record, however often it was sent and wherever it lies.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use arrow::compute::interleave_record_batch;
use arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, lit};
use datafusion::prelude::ident;
use futures::StreamExt;
use proto::{Signal, TimeRange, schema};
use serde::{Deserialize, Serialize};

use crate::answer::{LogAnswer, Resources};
use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::LogFilter;
use crate::newest;
use crate::row_groups::First;
use crate::rows::LogBatch;
use crate::traces::log_answers;

/// Rows kept for a page are copied together once they lie in this many batches: a few rows must not keep whole batches.
const BATCHES_MAX: usize = 64;

/// When the index leaves no more rows than these, they are read whole at once; else those of the page are found first.
const READ_AT_ONCE_ROWS: u64 = 16_384;
/// And of these no more are likely to match.
const READ_AT_ONCE_MATCHES: u64 = 256;

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

/// Records that one window of the range gave, in the order of the answer.
pub(crate) struct FoundLogs {
    records: RecordBatch,
    /// Where the page begins, for the ids of equal records.
    after: Option<Position>,
}

impl FoundLogs {
    pub(crate) fn with_answers<T>(&self, read: impl FnOnce(&[LogAnswer<'_>]) -> T) -> Result<T, QueryError> {
        let batch = LogBatch::of(&self.records)?;
        let records: Vec<_> = batch.rows().map(|record| (record, record.content_hash())).collect();
        let resources = Resources::of(records.iter().map(|(record, _)| *record))?;
        let before = self.after.map(|after| (after.time, after.hash, after.given));
        Ok(read(&log_answers(&records, before, &resources)))
    }

    /// The records as JSON objects with commas between them.
    fn json(&self) -> Result<String, QueryError> {
        let array = self.with_answers(|answers| serde_json::to_string(answers))?;
        let array = array.map_err(|error| QueryError::internal(format!("log records: {error}")))?;
        Ok(array[1..array.len() - 1].to_owned())
    }
}

/// A whole page as JSON text.
pub(crate) struct LogPage {
    /// The array of records.
    pub(crate) logs_json: String,
    pub(crate) next: Option<Position>,
}

/// A page at once: what [`LogWalk`] gives, collected.
pub(crate) async fn search(query: &Query, search: LogSearch) -> Result<LogPage, QueryError> {
    let mut walk = LogWalk::new(query, search).await?;
    let mut logs_json = "[".to_owned();
    while let Some(found) = walk.next(query).await? {
        if logs_json.len() > 1 {
            logs_json.push(',');
        }
        logs_json.push_str(&query.run(async move { found.json() }).await?);
    }
    logs_json.push(']');
    Ok(LogPage { logs_json, next: walk.position() })
}

/// The way to a page: windows of time in the order of the answer, what each gives being final.
pub(crate) struct LogWalk {
    search: LogSearch,
    walk: newest::Walk,
    /// Few enough rows come into question to read them whole.
    at_once: bool,
    /// Records at the position's instant, which may come before it.
    passed: usize,
    given: usize,
    /// Where the next page begins, or this one again when it is stopped now.
    position: Option<Position>,
    /// There is a record behind the page.
    is_full: bool,
    /// Nothing is left to look at.
    is_done: bool,
}

impl LogWalk {
    pub(crate) async fn new(query: &Query, search: LogSearch) -> Result<Self, QueryError> {
        let mut filter = search.filter.clone();
        filter.range = narrow(filter.range, search.after, search.newest_first);
        let passed = match search.after {
            Some(after) => count_at(query, &filter, after.time).await?,
            None => 0,
        };
        let candidates = query.count_candidates(Signal::Logs, filter.predicates()).await?;
        let at_once =
            candidates.is_some_and(|left| left.rows <= READ_AT_ONCE_ROWS && left.matches <= READ_AT_ONCE_MATCHES);
        // One more than the page: is there a next one?
        let wanted = search.limit + passed + 1;
        let first_rows = newest::first_rows(wanted, candidates).filter(|_| !at_once);
        let (range, newest_first) = (filter.range, search.newest_first);
        let walk = newest::Walk::new(query, Signal::Logs, range, newest_first, first_rows, Some(wanted));
        let walk = walk.rest_of(search.filter.range);
        let position = search.after;
        Ok(Self { search, walk, at_once, passed, given: 0, position, is_full: false, is_done: false })
    }

    /// The next records of the page, at least one; `None` when the page is full or the range is over.
    pub(crate) async fn next(&mut self, query: &Query) -> Result<Option<FoundLogs>, QueryError> {
        while !self.is_full && !self.is_done {
            let Some(window) = self.walk.next(query).await? else {
                self.is_done = true;
                return Ok(None);
            };
            let left = self.search.limit - self.given;
            let kept = self.read(query, window, left + 1).await?;
            self.walk.found(kept.num_rows());
            self.passed = 0;
            self.is_full = kept.num_rows() > left;
            let records = kept.slice(0, kept.num_rows().min(left));
            self.given += records.num_rows();
            if !self.is_full {
                self.position = Position::behind(window, self.search.newest_first);
                self.is_done = self.position.is_none();
            } else if records.num_rows() > 0 {
                self.position = self.last_of(&records)?;
            }
            if records.num_rows() > 0 {
                return Ok(Some(FoundLogs { records, after: self.search.after }));
            }
        }
        Ok(None)
    }

    /// Where the next page begins, or where to go on when the walk ends now; `None`: at the beginning, or nowhere when
    /// the walk is over.
    pub(crate) fn position(&self) -> Option<Position> {
        self.position.filter(|_| !self.is_done)
    }

    /// The first `wanted` records of a window.
    async fn read(&self, query: &Query, window: TimeRange, wanted: usize) -> Result<RecordBatch, QueryError> {
        let predicates = LogFilter { range: window, ..self.search.filter.clone() }.predicates();
        let (newest_first, after) = (self.search.newest_first, self.search.after);
        let kept = if self.at_once {
            let rows = query.open(Signal::Logs, None, predicates)?;
            query.run(async move { keep_first(rows.await?, wanted, newest_first, after).await }).await?
        } else {
            let first = First { rows: wanted + self.passed, newest_first };
            let rows = query.open_first(Signal::Logs, None, predicates, first)?;
            query.run(async move { keep_first(rows.await?, wanted, newest_first, after).await }).await?
        };
        Ok(kept.0)
    }

    /// The position of the last of `records`, which are in order.
    fn last_of(&self, records: &RecordBatch) -> Result<Option<Position>, QueryError> {
        let batch = LogBatch::of(records)?;
        let keys: Vec<(i64, u64)> =
            batch.rows().map(|record| (record.time_unix_nano(), record.content_hash())).collect();
        Ok(keys.last().map(|&(time, hash)| {
            let here = keys.iter().rev().take_while(|key| **key == (time, hash)).count();
            let earlier = self.search.after.filter(|after| (after.time, after.hash) == (time, hash));
            Position { time, hash, given: earlier.map_or(0, |after| after.given).saturating_add(here) }
        }))
    }
}

impl Position {
    /// Behind all records of a window, whatever they are; `None`: nothing is behind it.
    fn behind(window: TimeRange, newest_first: bool) -> Option<Self> {
        if newest_first {
            return window.start.map(|time| Self { time, hash: 0, given: usize::MAX });
        }
        window.end.map(|end| Self { time: end.saturating_sub(1), hash: u64::MAX, given: usize::MAX })
    }
}

/// The earliest `limit` records for which all `predicates` hold, in one batch, and how many there are.
pub(crate) async fn earliest(
    query: &Query,
    predicates: Vec<Expr>,
    limit: usize,
) -> Result<(RecordBatch, u64), QueryError> {
    let rows = query.open(Signal::Logs, None, predicates)?;
    query.run(async move { keep_first(rows.await?, limit, false, None).await }).await
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

/// The first `wanted` records after the position, in the order of the answer, as one batch; and how many the stream had.
///
/// Records equal to the position's are equal to each other: whichever come first are those that were given.
/// Memory: `wanted` rows and a few batches, however many records share an instant.
async fn keep_first(
    mut stream: SendableRecordBatchStream,
    wanted: usize,
    newest_first: bool,
    after: Option<Position>,
) -> Result<(RecordBatch, u64), QueryError> {
    let schema = stream.schema();
    let mut heap: BinaryHeap<Kept> = BinaryHeap::new();
    let mut batches: Vec<RecordBatch> = Vec::new();
    let (mut passed, mut count) = (0, 0);
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        count += batch.num_rows() as u64;
        let at = batches.len();
        let before = heap.len();
        let mut replaced = false;
        for (row, record) in LogBatch::of(&batch)?.rows().enumerate() {
            let time = record.time_unix_nano();
            let kept = Kept { time, hash: record.content_hash(), newest_first, batch: at, row };
            match after.map(|after| (kept.order_to(after), after)) {
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
        return Ok((RecordBatch::new_empty(schema), count));
    }
    Ok((gather(heap.into_sorted_vec(), &batches)?.0, count))
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

#[cfg(test)]
mod tests;
