//! Who calls whom: nodes from the callee's view, edges from the caller's, as AWS X-Ray draws them.
//!
//! 1. With filters besides the time range, the ids of the matching traces are looked up first.
//! 2. The row groups are dealt to the query threads.
//! 3. [`trace_stream`] gives their spans trace by trace, in one pass over the columns that matter.
//! 4. [`tally`] counts the calls of each trace.
//! 5. [`compose`] adds the parts up, settles what crosses traces (span links) and names the nodes.
//!
//! Memory grows with the requests of the answer (8 bytes at a node and at an edge), not with the spans, and is taken
//! from the engine's bound.

mod compose;
mod figures;
mod groups;
pub(crate) mod peer;
pub(crate) mod spans;
pub(crate) mod tally;
#[cfg(test)]
mod tests;
pub(crate) mod trace_stream;

use std::sync::Arc;

use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::logical_expr::Expr;
use datafusion::prelude::DataFrame;
use futures::future::try_join_all;
use hashbrown::{HashMap, HashSet};
use proto::{Signal, TraceId, schema};

pub(crate) use self::compose::{NODES_MAX, ServiceMap};
pub(crate) use self::figures::{Counts, Durations};
pub(crate) use self::groups::{GroupBy, groups};
use self::spans::{Names, TraceKey};
use self::tally::Tally;
pub(crate) use self::trace_stream::trace_keys;
use self::trace_stream::{Batches, Runs, SplitTraces, Trace, run_numbers, scan, split_traces};
use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::{SpanFilter, time_predicates, trace_is, trace_is_one_of};
use crate::histogram;
use crate::traces::TRACE_SPANS_MAX;

/// Matching traces that are looked up by statistics and bloom filters; with more, one scan is cheaper.
const LOOKUP_IDS_MAX: usize = 500;
/// Spans counted between two looks at memory.
const SPANS_PER_CHECK: usize = 50_000;

/// The map of the traces that satisfy `filter`, of their spans within its range; counts of nodes over time in at most
/// `buckets` parts of the range.
///
/// Errors: `TooLarge` when the counts need more memory than the engine has.
pub(crate) async fn read(query: &Query, filter: &SpanFilter, buckets: Option<usize>) -> Result<ServiceMap, QueryError> {
    let time = match buckets {
        Some(wanted) => {
            let matching = filter.apply(query.table(Signal::Spans)?)?;
            histogram::buckets(query, matching, Signal::Spans, filter.range, wanted).await?
        }
        None => None,
    };
    let tallies = each_trace(query, filter, spans::columns(), move || Tally::new(time)).await?;
    let range = filter.range;
    query.run(async move { Ok(compose::compose(tallies, range, time)) }).await
}

/// What is counted of traces, one after the other.
pub(crate) trait PerTrace: Send + 'static {
    fn add(&mut self, trace: &Trace);

    /// Bytes that the counts take, about.
    fn bytes(&self) -> usize;
}

/// Gives the traces that satisfy `filter`, with their spans within its range, to a count for each part of the work.
/// Each comes with the names that the numbers of its traces stand for.
///
/// `columns`: [`spans::columns`] and, if wanted, [`spans::call_columns`].
/// Errors: `TooLarge` when the counts need more memory than the engine has.
pub(crate) async fn each_trace<T: PerTrace>(
    query: &Query,
    filter: &SpanFilter,
    columns: Vec<&'static str>,
    new: impl Fn() -> T,
) -> Result<Vec<(T, Names)>, QueryError> {
    let spans = query.table(Signal::Spans)?;
    let selection = Selection::of(query, filter, &spans).await?;
    let mut conditions = time_predicates(Signal::Spans, filter.range);
    conditions.extend(selection.condition);
    let (pool, threads) = (query.memory_pool(), query.threads());
    let (frame, filters) = (spans.clone(), conditions.clone());
    let ids = query.run(async move { scan(frame, filters, &[schema::TRACE_ID]).await }).await?;
    let runs = deal(ids, threads).into_iter().map(|streams| {
        let memory = MemoryConsumer::new("runs of traces").register(&pool);
        query.run(run_numbers(streams, memory))
    });
    let (runs, memory): (Vec<_>, Vec<_>) = try_join_all(runs).await?.into_iter().unzip();
    let split = query.run(async move { Ok(Arc::new(split_traces(runs))) }).await?;
    drop(memory);
    let rows = query.run(async move { scan(spans, conditions, &columns).await }).await?;
    let counts = deal(rows, threads).into_iter().map(|streams| {
        let memory = MemoryConsumer::new("counts of traces").register(&pool);
        query.run(count(streams, Arc::clone(&split), selection.wanted.clone(), new(), memory))
    });
    let counted = try_join_all(counts).await?;
    let last = new();
    query.run(async move { together(counted, last) }).await
}

/// What one thread has counted, and the parts of traces that it could not.
struct Counted<T> {
    tally: T,
    runs: Runs,
    /// Held until the counts of all threads are put together.
    _memory: MemoryReservation,
}

/// Deals streams to `threads` hands in turn.
fn deal(streams: Vec<Batches>, threads: usize) -> Vec<Vec<Batches>> {
    let mut hands: Vec<Vec<Batches>> = Vec::new();
    hands.resize_with(threads.clamp(1, streams.len().max(1)), Vec::new);
    let count = hands.len();
    streams.into_iter().enumerate().for_each(|(nth, stream)| hands[nth % count].push(stream));
    hands
}

/// Which traces are wanted.
struct Selection {
    /// None when all are.
    wanted: Option<Arc<HashSet<TraceKey>>>,
    /// When they are few: what finds them by index.
    condition: Option<Expr>,
}

impl Selection {
    async fn of(query: &Query, filter: &SpanFilter, spans: &DataFrame) -> Result<Self, QueryError> {
        if !filter.has_conditions() {
            return Ok(Self { wanted: None, condition: None });
        }
        let id = filter.trace_id;
        let other = SpanFilter { trace_id: None, ..filter.clone() };
        if let (Some(id), false) = (id, other.has_conditions()) {
            return Ok(Self { wanted: None, condition: Some(trace_is(id)) });
        }
        let matching = filter.apply(spans.clone())?.select_columns(&[schema::TRACE_ID])?.distinct()?;
        let mut wanted = HashSet::new();
        for batch in query.collect(matching).await? {
            wanted.extend(trace_keys(batch.column(0).as_ref())?);
        }
        let few = wanted.len() <= LOOKUP_IDS_MAX;
        let ids = wanted.iter().filter_map(|key| TraceId::from_bytes(&key.to_be_bytes()).ok());
        let condition = few.then(|| trace_is_one_of(ids));
        Ok(Self { wanted: Some(Arc::new(wanted)), condition })
    }
}

/// Counts the traces that are whole in some streams.
async fn count<T: PerTrace>(
    streams: Vec<Batches>,
    split: Arc<SplitTraces>,
    wanted: Option<Arc<HashSet<TraceKey>>>,
    mut tally: T,
    memory: MemoryReservation,
) -> Result<Counted<T>, QueryError> {
    let mut runs = Runs::default();
    let mut unchecked = 0;
    for stream in streams {
        let add = |trace: &Trace, kept_bytes: usize| {
            if wanted.as_ref().is_none_or(|wanted| wanted.contains(&trace.id)) {
                tally.add(trace);
            }
            unchecked += trace.spans.len();
            if unchecked >= SPANS_PER_CHECK {
                unchecked = 0;
                memory.try_resize(tally.bytes() + kept_bytes)?;
            }
            Ok(())
        };
        runs.read(stream, &split, TRACE_SPANS_MAX, add).await?;
        if let Some(wanted) = &wanted {
            runs.kept.retain(|id, _| wanted.contains(id));
        }
        memory.try_resize(tally.bytes() + runs.kept_bytes())?;
    }
    Ok(Counted { tally, runs, _memory: memory })
}

/// Counts the traces whose parts lay in several places, with a count of their own.
fn together<T: PerTrace>(counted: Vec<Counted<T>>, mut tally: T) -> Result<Vec<(T, Names)>, QueryError> {
    let mut names = Names::default();
    let mut kept: HashMap<TraceKey, Trace> = HashMap::new();
    let mut tallies = Vec::with_capacity(counted.len() + 1);
    for Counted { tally, runs: Runs { names: of_part, kept: parts, .. }, .. } in counted {
        for (id, mut part) in parts {
            part.spans.iter_mut().for_each(|span| names.adopt(span, &of_part));
            part.calls.iter_mut().for_each(|call| call.name = names.id(of_part.text(call.name)));
            let trace = kept.entry(id).or_default();
            trace.id = id;
            trace.append(&part, TRACE_SPANS_MAX)?;
        }
        tallies.push((tally, of_part));
    }
    kept.values().for_each(|trace| tally.add(trace));
    tallies.push((tally, names));
    Ok(tallies)
}
