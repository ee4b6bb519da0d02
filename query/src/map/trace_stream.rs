//! Spans trace by trace, from row groups in each of which the rows of a trace lie together.
//!
//! Nearly every trace is one run of rows in one row group. A first pass over the ids alone finds out which are not
//! ([`split_traces`]); the second gives the others away as they are read and keeps the runs of these until all have been
//! seen ([`Runs`]). So one pass over the columns that matter gives whole traces: no join, no hash table over all spans,
//! and row groups are read side by side. Nothing depends on the order being as expected: without it more is kept.

use arrow::array::{Array, AsArray, BinaryArray};
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::Expr;
use datafusion::prelude::DataFrame;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use hashbrown::{HashMap, HashSet};

use super::spans::{CallText, Names, Span, SpanKey, SpanRows, TraceKey};
use crate::error::QueryError;

pub(super) type Batches = BoxStream<'static, Result<RecordBatch, DataFusionError>>;

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

impl Trace {
    /// Errors: `TooLarge` when it already has `spans_max` spans.
    fn push(&mut self, rows: &SpanRows, row: usize, names: &mut Names, spans_max: usize) -> Result<(), QueryError> {
        self.check_room(1, spans_max)?;
        self.links.extend(rows.links(row).map(|(trace, span)| (self.spans.len(), trace, span)));
        self.calls.extend(rows.call(row));
        self.spans.push(rows.span(row, names));
        Ok(())
    }

    /// Puts more spans of the same trace behind these.
    pub(super) fn append(&mut self, other: &Trace, spans_max: usize) -> Result<(), QueryError> {
        self.check_room(other.spans.len(), spans_max)?;
        let before = self.spans.len();
        self.spans.extend_from_slice(&other.spans);
        self.calls.extend_from_slice(&other.calls);
        self.links.extend(other.links.iter().map(|(nth, trace, span)| (before + nth, *trace, *span)));
        Ok(())
    }

    fn check_room(&self, more: usize, spans_max: usize) -> Result<(), QueryError> {
        if self.spans.len() + more <= spans_max {
            return Ok(());
        }
        Err(QueryError::too_large(
            format!("trace {:032x} has more than {spans_max} spans in this range", self.id),
            "narrow the time range",
        ))
    }

    fn clear(&mut self) {
        self.spans.clear();
        self.calls.clear();
        self.links.clear();
    }
}

/// Row groups that are read as streams of their own; beyond, several share a stream.
const STREAMS_MAX: usize = 10_000;

/// Streams of spans with some columns, each of a row group or of the memtable.
pub(super) async fn scan(
    spans: DataFrame,
    conditions: Vec<Expr>,
    columns: &[&str],
) -> Result<Vec<Batches>, QueryError> {
    let mut frame = spans;
    for condition in conditions {
        frame = frame.filter(condition)?;
    }
    let (mut session, plan) = frame.select_columns(columns)?.into_parts();
    // What lies together has to stay so: a stream of its own, not cut and not dealt out.
    let options = session.config_mut().options_mut();
    options.execution.target_partitions = STREAMS_MAX;
    options.optimizer.repartition_file_scans = false;
    options.optimizer.enable_round_robin_repartition = false;
    let streams = DataFrame::new(session, plan).execute_stream_partitioned().await?;
    Ok(streams.into_iter().map(|stream| stream.boxed()).collect())
}

/// A number for each run of rows of one trace; two traces may have the same one. A run ends with its batch: what follows
/// may be of another file, and that file may be read by another stream the next time.
///
/// Errors: there is no memory for them.
pub(super) async fn run_numbers(
    streams: Vec<Batches>,
    memory: MemoryReservation,
) -> Result<(Vec<u64>, MemoryReservation), QueryError> {
    let mut numbers = Vec::new();
    for mut batches in streams {
        while let Some(batch) = batches.try_next().await? {
            let mut last = None;
            for id in trace_keys(batch.column(0).as_ref())? {
                if last.replace(id) != Some(id) {
                    numbers.push(run_number(id));
                }
            }
            // Once more when those of all threads are put together.
            memory.try_resize(2 * numbers.capacity() * size_of::<u64>())?;
        }
    }
    Ok((numbers, memory))
}

fn run_number(id: TraceKey) -> u64 {
    (id as u64) ^ ((id >> 64) as u64).rotate_left(32)
}

/// The traces with several runs, and a few that share a number with another.
#[derive(Debug, Default)]
pub(super) struct SplitTraces(HashSet<u64>);

pub(super) fn split_traces(runs: Vec<Vec<u64>>) -> SplitTraces {
    let mut all: Vec<u64> = runs.into_iter().flatten().collect();
    all.sort_unstable();
    SplitTraces(all.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect())
}

impl SplitTraces {
    fn contains(&self, id: TraceKey) -> bool {
        self.0.contains(&run_number(id))
    }
}

/// Reads runs of rows: whole traces are given away, parts of traces are kept.
#[derive(Debug, Default)]
pub(super) struct Runs {
    pub(super) names: Names,
    pub(super) kept: HashMap<TraceKey, Trace>,
    kept_spans: usize,
}

impl Runs {
    /// Reads a stream to its end. `whole` is called with each trace of which all spans are here, and says whether to go
    /// on after a look at how much is kept ([`Self::kept_bytes`]).
    ///
    /// Errors: `TooLarge` for a trace of more than `spans_max` spans; what `whole` says.
    pub(super) async fn read(
        &mut self,
        mut batches: Batches,
        split: &SplitTraces,
        spans_max: usize,
        mut whole: impl FnMut(&Trace, usize) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let mut run = Trace::default();
        while let Some(batch) = batches.try_next().await? {
            let rows = SpanRows::of(&batch, &mut self.names)?;
            for row in 0..rows.len() {
                let id = rows.trace_id(row);
                if id != run.id {
                    self.end(&mut run, split, spans_max, &mut whole)?;
                    run.id = id;
                }
                run.push(&rows, row, &mut self.names, spans_max)?;
            }
        }
        self.end(&mut run, split, spans_max, &mut whole)
    }

    fn end(
        &mut self,
        run: &mut Trace,
        split: &SplitTraces,
        spans_max: usize,
        whole: &mut impl FnMut(&Trace, usize) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        if !run.spans.is_empty() {
            if split.contains(run.id) {
                self.kept_spans += run.spans.len();
                let trace = self.kept.entry(run.id).or_default();
                trace.id = run.id;
                trace.append(run, spans_max)?;
            } else {
                whole(run, self.kept_bytes())?;
            }
        }
        run.clear();
        Ok(())
    }

    /// Memory of the parts of traces.
    pub(super) fn kept_bytes(&self) -> usize {
        self.kept_spans * (size_of::<Span>() + size_of::<CallText>()) + self.kept.len() * size_of::<(TraceKey, Trace)>()
    }
}

/// The trace ids of a column, as numbers.
pub(crate) fn trace_keys(ids: &dyn Array) -> Result<Vec<u128>, QueryError> {
    let ids = arrow::compute::cast(ids, &DataType::Binary)?;
    let ids: &BinaryArray = ids.as_binary();
    Ok(ids.iter().flatten().filter_map(|id| id.try_into().ok().map(TraceKey::from_be_bytes)).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, UnboundedMemoryPool};
    use futures::stream;
    use proto::{Signal, schema};
    use serde_json::json;

    use super::*;
    use crate::test_data::batch;

    fn streams_of(streams: &[&[u128]]) -> Vec<Batches> {
        let row =
            |id: &u128| json!({"trace_id": format!("{id:032x}"), "span_id": format!("{:016x}", 1), "service": "s"});
        let batches = |traces: &[u128]| -> Vec<_> {
            traces.chunks(2).map(|ids| Ok(batch(Signal::Spans, &ids.iter().map(row).collect::<Vec<_>>()))).collect()
        };
        streams.iter().map(|traces| stream::iter(batches(traces)).boxed()).collect()
    }

    fn ids_of(streams: Vec<Batches>) -> Vec<Batches> {
        let ids = |batch: RecordBatch| {
            let column = batch.schema().index_of(schema::TRACE_ID).expect("in the schema");
            batch.project(&[column]).map_err(DataFusionError::from)
        };
        streams.into_iter().map(|batches| batches.map(move |batch| ids(batch?)).boxed()).collect()
    }

    /// Traces given away and traces kept, with their number of spans.
    async fn read(streams: &[&[u128]]) -> (Vec<(u128, usize)>, Vec<(u128, usize)>) {
        let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
        let memory = MemoryConsumer::new("test").register(&pool);
        let (numbers, _memory) = run_numbers(ids_of(streams_of(streams)), memory).await.expect("columns");
        let split = split_traces(vec![numbers]);
        let (mut runs, mut whole) = (Runs::default(), Vec::new());
        for stream in streams_of(streams) {
            let give = |trace: &Trace, _| {
                whole.push((trace.id, trace.spans.len()));
                Ok(())
            };
            runs.read(stream, &split, 10, give).await.expect("small traces");
        }
        let mut kept: Vec<_> = runs.kept.into_iter().map(|(id, trace)| (id, trace.spans.len())).collect();
        kept.sort_unstable();
        (whole, kept)
    }

    #[tokio::test]
    async fn a_trace_in_two_places_is_kept_and_the_others_are_given_away() {
        let (whole, kept) = read(&[&[1, 1, 1, 4, 9], &[], &[2, 1, 4, 4]]).await;
        assert_eq!(whole, [(9, 1), (2, 1)]);
        assert_eq!(kept, [(1, 4), (4, 3)]);
        let (whole, kept) = read(&[&[3, 4, 5, 5, 1, 3]]).await;
        assert_eq!((whole, kept), (vec![(4, 1), (5, 2), (1, 1)], vec![(3, 2)]), "whatever the order");
    }

    #[tokio::test]
    async fn a_trace_that_is_too_large_is_refused() {
        for (streams, split) in [(vec![7u128; 4], vec![]), (vec![7, 7, 8, 7, 7], vec![7u128])] {
            let split = split_traces(vec![split.iter().flat_map(|id| [run_number(*id); 2]).collect()]);
            let stream = streams_of(&[&streams]).remove(0);
            let error = Runs::default().read(stream, &split, 3, |_, _| Ok(())).await.expect_err("four spans");
            assert_eq!(error.kind, crate::error::ErrorKind::TooLarge);
        }
    }
}
