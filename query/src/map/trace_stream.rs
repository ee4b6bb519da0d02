//! Spans trace by trace, from segments that are each sorted by trace id.
//!
//! A trace is one stretch of rows in every segment that has a part of it, so one pass over all segments side by side
//! gives whole traces with no more than a batch of each in memory: no join, no hash table over all spans. The rows of
//! the memtable, which are few, are sorted first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use arrow::array::{AsArray, BinaryArray};
use arrow::compute::{concat_batches, sort_to_indices, take_record_batch};
use arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Expr;
use datafusion::prelude::DataFrame;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use proto::{Signal, schema};

use super::spans::{Names, Span, SpanKey, SpanRows, TraceKey, columns};
use crate::engine::Query;
use crate::error::QueryError;

type Batches = BoxStream<'static, Result<RecordBatch, DataFusionError>>;

/// One trace, as far as it satisfies the conditions of the scan.
#[derive(Debug, Default)]
pub(super) struct Trace {
    pub(super) id: TraceKey,
    pub(super) spans: Vec<Span>,
    /// Index into `spans`, and the trace and span that it links to.
    pub(super) links: Vec<(usize, TraceKey, SpanKey)>,
}

/// One stream of spans in the order of trace ids for each segment, and one for the memtable.
pub(super) async fn scan(
    spans: DataFrame,
    conditions: Vec<Expr>,
    has_memtable: bool,
    segments: usize,
) -> Result<Vec<Batches>, QueryError> {
    let mut frame = spans;
    for condition in conditions {
        frame = frame.filter(condition)?;
    }
    let (mut session, plan) = frame.select_columns(&columns())?.into_parts();
    // Each segment has to keep its order: a stream of its own, not cut and not dealt out.
    let options = session.config_mut().options_mut();
    options.execution.target_partitions = segments.max(1);
    options.optimizer.repartition_file_scans = false;
    options.optimizer.enable_round_robin_repartition = false;
    let streams = DataFrame::new(session, plan).execute_stream_partitioned().await?;
    let mut sorted = Vec::with_capacity(streams.len());
    for (nth, stream) in streams.into_iter().enumerate() {
        // The table puts the rows of the memtable before those of the segments.
        if nth == 0 && has_memtable {
            let batches: Vec<RecordBatch> = stream.try_collect().await?;
            sorted.push(stream::iter(sort(batches)?.map(Ok)).boxed());
        } else {
            sorted.push(stream.boxed());
        }
    }
    Ok(sorted)
}

fn sort(batches: Vec<RecordBatch>) -> Result<Option<RecordBatch>, QueryError> {
    let Some(first) = batches.first() else { return Ok(None) };
    let all = concat_batches(&first.schema(), &batches)?;
    let ids = all.column_by_name(schema::TRACE_ID).ok_or_else(|| QueryError::internal("no column trace_id"))?;
    let order = sort_to_indices(ids, None, None)?;
    Ok(Some(take_record_batch(&all, &order)?))
}

/// Whether the first stream of a scan is the memtable's, and how many segments there are at most.
pub(super) fn sources(query: &Query) -> (bool, usize) {
    let snapshot = query.snapshot(Signal::Spans);
    (!snapshot.batches.is_empty(), snapshot.segments.len())
}

/// A sorted stream and where in it we are.
struct Source {
    batches: Batches,
    rows: SpanRows,
    row: usize,
}

impl Source {
    /// Goes to the next row. `false` at the end.
    async fn advance(&mut self, names: &mut Names) -> Result<bool, QueryError> {
        self.row += 1;
        if self.row < self.rows.len() {
            return Ok(true);
        }
        let Some(rows) = next_rows(&mut self.batches, names).await? else { return Ok(false) };
        (self.rows, self.row) = (rows, 0);
        Ok(true)
    }
}

async fn next_rows(batches: &mut Batches, names: &mut Names) -> Result<Option<SpanRows>, QueryError> {
    while let Some(batch) = batches.try_next().await? {
        if batch.num_rows() > 0 {
            return SpanRows::of(&batch, names).map(Some);
        }
    }
    Ok(None)
}

/// Merges sorted streams into traces.
pub(super) struct Traces {
    sources: Vec<Source>,
    /// Trace id at which a source is, and its index; the smallest on top.
    heads: BinaryHeap<Reverse<(TraceKey, usize)>>,
    pub(super) names: Names,
}

impl Traces {
    pub(super) async fn new(streams: Vec<Batches>) -> Result<Self, QueryError> {
        let mut names = Names::default();
        let (mut sources, mut heads) = (Vec::with_capacity(streams.len()), BinaryHeap::new());
        for mut batches in streams {
            if let Some(rows) = next_rows(&mut batches, &mut names).await? {
                heads.push(Reverse((rows.trace_id(0), sources.len())));
                sources.push(Source { batches, rows, row: 0 });
            }
        }
        Ok(Self { sources, heads, names })
    }

    /// Reads the next trace into `trace`, in the order of ids. `false` at the end.
    /// Errors: `TooLarge` for a trace of more than `spans_max` spans.
    pub(super) async fn next(&mut self, trace: &mut Trace, spans_max: usize) -> Result<bool, QueryError> {
        let Some(&Reverse((id, _))) = self.heads.peek() else { return Ok(false) };
        trace.id = id;
        trace.spans.clear();
        trace.links.clear();
        while let Some(&Reverse((head, source))) = self.heads.peek() {
            if head != id {
                break;
            }
            self.heads.pop();
            if let Some(next) = self.take(source, trace, spans_max).await? {
                if next < id {
                    return Err(QueryError::internal("the rows of a segment are not in the order of their trace ids"));
                }
                self.heads.push(Reverse((next, source)));
            }
        }
        Ok(true)
    }

    /// Moves the rows of one trace out of a source. Returns the id of the trace behind it.
    async fn take(
        &mut self,
        source: usize,
        trace: &mut Trace,
        spans_max: usize,
    ) -> Result<Option<TraceKey>, QueryError> {
        let source = &mut self.sources[source];
        loop {
            let id = source.rows.trace_id(source.row);
            if id != trace.id {
                return Ok(Some(id));
            }
            if trace.spans.len() == spans_max {
                return Err(QueryError::too_large(
                    format!("trace {:032x} has more than {spans_max} spans in this range", trace.id),
                    "narrow the time range",
                ));
            }
            let links = source.rows.links(source.row);
            trace.links.extend(links.map(|(to_trace, to_span)| (trace.spans.len(), to_trace, to_span)));
            trace.spans.push(source.rows.span(source.row, &mut self.names));
            if !source.advance(&mut self.names).await? {
                return Ok(None);
            }
        }
    }
}

/// The trace ids of a column, as numbers.
pub(super) fn trace_keys(ids: &dyn arrow::array::Array) -> Result<Vec<TraceKey>, QueryError> {
    let ids = arrow::compute::cast(ids, &arrow::datatypes::DataType::Binary)?;
    let ids: &BinaryArray = ids.as_binary();
    Ok(ids.iter().flatten().filter_map(|id| id.try_into().ok().map(TraceKey::from_be_bytes)).collect())
}
