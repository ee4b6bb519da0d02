//! Who calls whom: nodes from the callee's view, edges from the caller's, as AWS X-Ray draws them.
//!
//! 1. With filters besides the time range, the ids of the matching traces are looked up first.
//! 2. The query threads take row groups ([`parts`]) from one list, whoever is free the next one.
//! 3. [`trace_stream`] gives their spans trace by trace; each column is read once, ids from their pages ([`ids`]).
//! 4. [`tally`] counts the calls of each trace, which [`relations`] finds.
//! 5. [`compose`] adds the parts up, settles what crosses traces (span links) and names the nodes; [`figures`] are worked
//!    out on all query threads.
//!
//! Memory grows with the requests of the answer (8 bytes at a node and at an edge) and with the traces (32 bytes), not with
//! the spans. Both are taken from the bound that all queries share, `EngineSettings::memory_bytes_max`, which refuses a map
//! that needs more. Beside it each thread holds one batch of spans, and at the end the requests of three buckets of a
//! histogram.

mod blocks;
mod compose;
mod figures;
mod groups;
mod ids;
mod parts;
pub(crate) mod peer;
pub(crate) mod relations;
pub(crate) mod spans;
mod tally;
#[cfg(test)]
mod tests;
pub(crate) mod trace_stream;

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::logical_expr::Expr;
use futures::future::try_join_all;
use hashbrown::{HashMap, HashSet};
use proto::{Signal, TraceId, schema};

pub(crate) use self::compose::{NODES_MAX, ServiceMap};
pub(crate) use self::figures::{Counts, Durations};
use self::figures::{Figures, Requests};
pub(crate) use self::groups::{GroupBy, groups};
pub(crate) use self::parts::ColumnPath;
use self::parts::{Parts, Turns};
use self::spans::{Names, TraceKey, trace_key};
use self::tally::Tally;
pub(crate) use self::trace_stream::trace_keys;
use self::trace_stream::{Conditions, Run, Runs, Trace, split_traces};
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
    let (draft, asked) = query.run(async move { Ok(compose::draft(tallies, range, time)) }).await?;
    let figures = figures(query, asked).await?;
    query.run(async move { Ok(draft.finish(figures)) }).await
}

/// The figures of each set of requests, which the query threads take from one list, those with most requests first.
async fn figures(query: &Query, asked: Vec<Vec<Arc<Requests>>>) -> Result<Vec<Figures>, QueryError> {
    let count = asked.len();
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|nth| Reverse(asked[*nth].iter().map(|requests| requests.len()).sum::<usize>()));
    let work = Arc::new((asked, order, AtomicUsize::new(0)));
    let parts = (0..query.threads()).map(|_| {
        let work = Arc::clone(&work);
        query.run(async move {
            let (asked, order, next) = &*work;
            let mut found = Vec::new();
            while let Some(nth) = order.get(next.fetch_add(1, Ordering::Relaxed)) {
                found.push((*nth, Figures::of(&asked[*nth])));
                tokio::task::yield_now().await;
            }
            Ok(found)
        })
    });
    let mut figures: Vec<Figures> = std::iter::repeat_with(Figures::default).take(count).collect();
    for (nth, found) in try_join_all(parts).await?.into_iter().flatten() {
        figures[nth] = found;
    }
    Ok(figures)
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
    columns: Vec<ColumnPath>,
    new: impl Fn() -> T,
) -> Result<Vec<(T, Names)>, QueryError> {
    let Selection { wanted, condition } = Selection::of(query, filter).await?;
    let mut predicates = time_predicates(Signal::Spans, filter.range);
    predicates.extend(condition);
    let parts = Arc::new(Parts::of(query, predicates).await?);
    let reserve = |what: &str| MemoryConsumer::new(what).register(&query.memory_pool());
    let turns = Turns::of(&parts);
    let found = (0..threads(query, &parts))
        .map(|_| query.run(find_runs(Arc::clone(&parts), Arc::clone(&turns), reserve("runs of traces"))));
    let (found, _memory): (Vec<_>, Vec<_>) = try_join_all(found).await?.into_iter().unzip();
    let conditions = Conditions { wanted, range: filter.range, spans_max: TRACE_SPANS_MAX, ..Conditions::default() };
    let work = query.run(async move { Ok(Arc::new(Work::new(parts, columns, found, conditions))) }).await?;
    let turns = Turns::of(&work.parts);
    let counts = (0..threads(query, &work.parts))
        .map(|_| query.run(count(Arc::clone(&work), Arc::clone(&turns), new(), reserve("counts of traces"))));
    let counted = try_join_all(counts).await?;
    let last = new();
    query.run(async move { together(counted, last) }).await
}

fn threads(query: &Query, parts: &Parts) -> usize {
    query.threads().clamp(1, parts.len().max(1))
}

/// The runs of those parts that come to one thread, with the numbers of the parts.
///
/// Errors: there is no memory for them.
async fn find_runs(
    parts: Arc<Parts>,
    turns: Arc<Turns>,
    memory: MemoryReservation,
) -> Result<(Vec<(usize, Vec<Run>)>, MemoryReservation), QueryError> {
    let (mut found, mut bytes) = (Vec::new(), 0);
    while let Some(nth) = turns.take() {
        let runs = parts.runs(nth).await?;
        bytes += runs.capacity() * size_of::<Run>();
        // The numbers that are compared, of all threads together, take a quarter of it.
        memory.try_resize(bytes + bytes / 4)?;
        found.push((nth, runs));
    }
    Ok((found, memory))
}

/// What the threads of the second pass share.
struct Work {
    parts: Arc<Parts>,
    columns: Vec<ColumnPath>,
    /// Of each part.
    runs: Vec<Vec<Run>>,
    conditions: Conditions,
}

impl Work {
    fn new(
        parts: Arc<Parts>,
        columns: Vec<ColumnPath>,
        found: Vec<Vec<(usize, Vec<Run>)>>,
        conditions: Conditions,
    ) -> Self {
        let mut runs = vec![Vec::new(); parts.len()];
        found.into_iter().flatten().for_each(|(nth, of_part)| runs[nth] = of_part);
        let split = split_traces(&runs);
        Self { parts, columns, runs, conditions: Conditions { split, ..conditions } }
    }
}

/// What one thread has counted, and the parts of traces that it could not.
struct Counted<T> {
    tally: T,
    runs: Runs,
    /// Held until the counts of all threads are put together.
    _memory: MemoryReservation,
}

/// Which traces are wanted.
struct Selection {
    /// None when all are.
    wanted: Option<HashSet<TraceKey>>,
    /// When they are few: what finds them by index.
    condition: Option<Expr>,
}

impl Selection {
    async fn of(query: &Query, filter: &SpanFilter) -> Result<Self, QueryError> {
        if !filter.has_conditions() {
            return Ok(Self { wanted: None, condition: None });
        }
        let id = filter.trace_id;
        let other = SpanFilter { trace_id: None, ..filter.clone() };
        if let (Some(id), false) = (id, other.has_conditions()) {
            let wanted = HashSet::from([trace_key(Some(id.as_bytes()))]);
            return Ok(Self { wanted: Some(wanted), condition: Some(trace_is(id)) });
        }
        let matching = filter.apply(query.table(Signal::Spans)?)?.select_columns(&[schema::TRACE_ID])?.distinct()?;
        let mut wanted = HashSet::new();
        for batch in query.collect(matching).await? {
            wanted.extend(trace_keys(batch.column(0).as_ref())?);
        }
        let few = wanted.len() <= LOOKUP_IDS_MAX;
        let ids = wanted.iter().filter_map(|key| TraceId::from_bytes(&key.to_be_bytes()).ok());
        let condition = few.then(|| trace_is_one_of(ids));
        Ok(Self { wanted: Some(wanted), condition })
    }
}

/// Counts the traces that are whole in those parts that come to one thread.
async fn count<T: PerTrace>(
    work: Arc<Work>,
    turns: Arc<Turns>,
    mut tally: T,
    memory: MemoryReservation,
) -> Result<Counted<T>, QueryError> {
    let mut runs = Runs::default();
    let mut unchecked = 0;
    while let Some(nth) = turns.take() {
        let add = |trace: &Trace, kept_bytes: usize| {
            tally.add(trace);
            unchecked += trace.spans.len();
            if unchecked >= SPANS_PER_CHECK {
                unchecked = 0;
                memory.try_resize(tally.bytes() + kept_bytes)?;
            }
            Ok(())
        };
        let batches = work.parts.open(nth, &work.columns)?;
        runs.read(batches, &work.runs[nth], &work.conditions, add).await?;
        memory.try_resize(tally.bytes() + runs.kept_bytes())?;
        work.parts.done(nth);
    }
    Ok(Counted { tally, runs, _memory: memory })
}

/// Counts the traces whose parts lay in several places, with a count of their own.
fn together<T: PerTrace>(counted: Vec<Counted<T>>, mut tally: T) -> Result<Vec<(T, Names)>, QueryError> {
    let mut names = Names::default();
    let mut kept: HashMap<TraceKey, Trace> = HashMap::new();
    let mut tallies = Vec::with_capacity(counted.len() + 1);
    for Counted { tally, runs: Runs { texts, kept: parts, .. }, .. } in counted {
        let of_part = texts.names;
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
