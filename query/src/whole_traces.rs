//! Whole traces by their ids: where they begin and how large they are.

use arrow::record_batch::RecordBatch;
use datafusion::logical_expr::Expr;
use futures::StreamExt;
use hashbrown::HashMap;
use proto::ids::IdError;
use proto::{Signal, TimeRange, TraceId, UnixNanos, schema};

use crate::columns::{binary, bytes_at, int_at, int64};
use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::{time_predicates, trace_is_one_of};

/// Start and size of a whole trace; ordered as answers are, the first of a page is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Whole {
    pub(crate) start: i64,
    pub(crate) trace_id: TraceId,
    pub(crate) spans: i64,
    /// Start of the span that starts last.
    pub(crate) latest: i64,
}

impl Whole {
    /// Whether it comes later in the answer than a page's last trace.
    pub(crate) fn is_after(&self, last: &Whole) -> bool {
        (self.start, self.trace_id) < (last.start, last.trace_id)
    }
}

/// True start and number of spans of whole traces, in no order.
pub(crate) async fn whole_traces(query: &Query, ids: &[TraceId]) -> Result<Vec<Whole>, QueryError> {
    let columns = [schema::TRACE_ID, schema::START_TIME_UNIX_NANO];
    let rows = query.open(Signal::Spans, Some(&columns), vec![trace_is_one_of(ids.iter().copied())])?;
    query
        .run(async move {
            let mut rows = rows.await?;
            let mut wholes = Wholes::default();
            while let Some(batch) = rows.next().await {
                wholes.add(&batch?)?;
            }
            Ok(wholes.into_vec())
        })
        .await
}

/// Whole traces while their spans are read.
#[derive(Default)]
pub(crate) struct Wholes(HashMap<TraceId, Whole>);

impl Wholes {
    /// `batch`: at least trace ids and starts.
    pub(crate) fn add(&mut self, batch: &RecordBatch) -> Result<(), QueryError> {
        for_each_start(batch, |trace_id, start| {
            let whole = self.0.entry(trace_id).or_insert(Whole { start, trace_id, spans: 0, latest: start });
            whole.start = whole.start.min(start);
            whole.latest = whole.latest.max(start);
            whole.spans += 1;
        })
    }

    /// In no order.
    pub(crate) fn into_vec(self) -> Vec<Whole> {
        self.0.into_values().collect()
    }
}

/// What all spans of these traces satisfy and no others. The times say which row groups need not be asked.
pub(crate) fn spans_of(traces: &[Whole]) -> Vec<Expr> {
    let range = TimeRange {
        start: traces.iter().map(|whole| whole.start).min(),
        end: traces.iter().map(|whole| whole.latest).max().and_then(|latest| latest.checked_add(1)),
    };
    let mut predicates = time_predicates(Signal::Spans, range);
    predicates.push(trace_is_one_of(traces.iter().map(|whole| whole.trace_id)));
    predicates
}

pub(crate) fn for_each_start(batch: &RecordBatch, mut visit: impl FnMut(TraceId, UnixNanos)) -> Result<(), QueryError> {
    let starts = int64(batch, schema::START_TIME_UNIX_NANO)?;
    for (row, id) in trace_ids(batch)?.enumerate() {
        visit(id?, int_at(&starts, row).unwrap_or(0));
    }
    Ok(())
}

pub(crate) fn stored(error: IdError) -> QueryError {
    QueryError::internal(format!("id of a stored span: {error}"))
}

pub(crate) fn trace_ids(batch: &RecordBatch) -> Result<impl Iterator<Item = Result<TraceId, QueryError>>, QueryError> {
    let ids = binary(batch, schema::TRACE_ID)?;
    let id = move |row| TraceId::from_bytes(bytes_at(&ids, row).unwrap_or_default()).map_err(stored);
    Ok((0..batch.num_rows()).map(id))
}
