//! Spans trace by trace, from stretches of rows that are each sorted by trace id.
//!
//! A trace is one stretch of rows in every segment that has a part of it, so one pass over all segments side by side
//! gives whole traces with no more than a batch of each in memory: no join, no hash table over all spans. The rows of
//! the memtable, which are few, are sorted first. Nothing depends on the order being as expected: when it is not, the
//! part of the ids is read again and sorted in memory.

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
use proto::schema;

use super::spans::{CallText, Names, Span, SpanKey, SpanRows, TraceKey};
use crate::error::QueryError;

type Batches = BoxStream<'static, Result<RecordBatch, DataFusionError>>;

/// One trace, as far as it satisfies the conditions of the scan.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub(crate) id: TraceKey,
    pub(crate) spans: Vec<Span>,
    /// What each of `spans` asks for; empty when that was not read.
    pub(crate) calls: Vec<CallText>,
    /// Index into `spans`, and the trace and span that it links to.
    pub(crate) links: Vec<(usize, TraceKey, SpanKey)>,
}

/// Streams of one scan at most. The table makes one of each sorted stretch of rows (a segment, or a row group of one)
/// as long as it may; beyond, several share a stream, which then is out of order.
const STREAMS_MAX: usize = 10_000;

/// How the streams of a scan are brought into the order of trace ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Each is in order, but for the first when it is the memtable's, which is sorted here.
    AsStored { has_memtable: bool },
    /// Each is read into memory and sorted.
    Sorted,
}

/// Streams of `columns` of spans, each in the order of trace ids.
pub(super) async fn scan(
    spans: DataFrame,
    columns: &[&str],
    conditions: Vec<Expr>,
    order: Order,
) -> Result<Vec<Batches>, QueryError> {
    let mut frame = spans;
    for condition in conditions {
        frame = frame.filter(condition)?;
    }
    let (mut session, plan) = frame.select_columns(columns)?.into_parts();
    // What is sorted has to keep its order: a stream of its own, not cut and not dealt out.
    let options = session.config_mut().options_mut();
    options.execution.target_partitions = STREAMS_MAX;
    options.optimizer.repartition_file_scans = false;
    options.optimizer.enable_round_robin_repartition = false;
    let streams = DataFrame::new(session, plan).execute_stream_partitioned().await?;
    let mut ordered = Vec::with_capacity(streams.len());
    for (nth, stream) in streams.into_iter().enumerate() {
        // The table puts the rows of the memtable before those of the segments.
        let is_memtable = nth == 0 && order == Order::AsStored { has_memtable: true };
        ordered.push(if is_memtable || order == Order::Sorted {
            sorted(stream.boxed()).await?
        } else {
            stream.boxed()
        });
    }
    Ok(ordered)
}

async fn sorted(batches: Batches) -> Result<Batches, QueryError> {
    let batches: Vec<RecordBatch> = batches.try_collect().await?;
    Ok(stream::iter(sort(batches)?.map(Ok)).boxed())
}

fn sort(batches: Vec<RecordBatch>) -> Result<Option<RecordBatch>, QueryError> {
    let Some(first) = batches.first() else { return Ok(None) };
    let all = concat_batches(&first.schema(), &batches)?;
    let ids = all.column_by_name(schema::TRACE_ID).ok_or_else(|| QueryError::internal("no column trace_id"))?;
    let order = sort_to_indices(ids, None, None)?;
    Ok(Some(take_record_batch(&all, &order)?))
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

/// What [`Traces::next`] came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Trace,
    End,
    /// A stream is not in order: what was read is of no use.
    OutOfOrder,
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

    /// Reads the next trace into `trace`, in the order of ids.
    /// Errors: `TooLarge` for a trace of more than `spans_max` spans.
    pub(super) async fn next(&mut self, trace: &mut Trace, spans_max: usize) -> Result<Step, QueryError> {
        let Some(&Reverse((id, _))) = self.heads.peek() else { return Ok(Step::End) };
        trace.id = id;
        trace.spans.clear();
        trace.calls.clear();
        trace.links.clear();
        while let Some(&Reverse((head, source))) = self.heads.peek() {
            if head != id {
                break;
            }
            self.heads.pop();
            if let Some(next) = self.take(source, trace, spans_max).await? {
                if next < id {
                    return Ok(Step::OutOfOrder);
                }
                self.heads.push(Reverse((next, source)));
            }
        }
        Ok(Step::Trace)
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
            trace.calls.extend(source.rows.call(source.row));
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

#[cfg(test)]
mod tests {
    use proto::Signal;
    use serde_json::json;

    use super::*;
    use crate::test_data::batch;

    fn stream_of(traces: &[u128]) -> Batches {
        let row =
            |id: &u128| json!({"trace_id": format!("{id:032x}"), "span_id": format!("{:016x}", 1), "service": "s"});
        let batches: Vec<_> =
            traces.chunks(2).map(|ids| Ok(batch(Signal::Spans, &ids.iter().map(row).collect::<Vec<_>>()))).collect();
        stream::iter(batches).boxed()
    }

    async fn read(streams: Vec<Batches>) -> (Vec<(u128, usize)>, Step) {
        let mut traces = Traces::new(streams).await.expect("columns");
        let (mut trace, mut found) = (Trace::default(), Vec::new());
        loop {
            match traces.next(&mut trace, 10).await.expect("small traces") {
                Step::Trace => found.push((trace.id, trace.spans.len())),
                step => return (found, step),
            }
        }
    }

    #[tokio::test]
    async fn streams_are_merged_trace_by_trace() {
        let streams = || vec![stream_of(&[1, 1, 1, 4, 9]), stream_of(&[]), stream_of(&[1, 2, 4, 4])];
        let (found, end) = read(streams()).await;
        assert_eq!((found, end), (vec![(1, 4), (2, 1), (4, 3), (9, 1)], Step::End));
        let mut traces = Traces::new(streams()).await.expect("columns");
        let error = traces.next(&mut Trace::default(), 3).await.expect_err("a trace of four spans");
        assert_eq!(error.kind, crate::error::ErrorKind::TooLarge);
    }

    #[tokio::test]
    async fn a_stream_out_of_order_is_noticed_and_can_be_sorted() {
        let shuffled = || stream_of(&[3, 5, 5, 1, 3]);
        assert_eq!(read(vec![stream_of(&[2]), shuffled()]).await.1, Step::OutOfOrder);
        let (found, end) = read(vec![stream_of(&[2]), sorted(shuffled()).await.expect("sorted")]).await;
        assert_eq!((found, end), (vec![(1, 1), (2, 1), (3, 2), (5, 2)], Step::End));
    }
}
