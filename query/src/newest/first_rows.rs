//! The first rows in the order of time, window by window.

use arrow::array::AsArray;
use arrow::compute::{max, min};
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::Expr;
use futures::StreamExt;
use proto::{Signal, TimeRange, UnixNanos};

use super::{Windows, first_rows, stretches};
use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::time_predicates;
use crate::result::batch_bytes;
use crate::row_groups::First;

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

    /// The same within one range; beside it how many rows there are up to it, those of the same time with it.
    async fn last_time_in(
        &self,
        query: &Query,
        range: TimeRange,
        nth: usize,
    ) -> Result<(Option<UnixNanos>, usize), QueryError> {
        let (time_column, newest_first) = (self.signal.spec().time_column, self.first.newest_first);
        let first = First { rows: nth, newest_first };
        let rows = query.open_first(self.signal, Some(&[time_column]), self.predicates(range), first)?;
        query.run(async move { last_of(rows.await?, time_column, newest_first).await }).await
    }
}

/// The last time in the order of the answer, and how many rows there are.
async fn last_of(
    mut rows: SendableRecordBatchStream,
    time_column: &str,
    newest_first: bool,
) -> Result<(Option<UnixNanos>, usize), QueryError> {
    let (mut last, mut count) = (None, 0);
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        let Some(times) = batch.column_by_name(time_column).and_then(|times| times.as_primitive_opt::<Int64Type>())
        else {
            continue;
        };
        let of_batch = if newest_first { min(times) } else { max(times) };
        let later = |a: UnixNanos, b: UnixNanos| if newest_first { a.min(b) } else { a.max(b) };
        last = of_batch.into_iter().chain(last).reduce(later);
        count += times.len();
    }
    Ok((last, count))
}
