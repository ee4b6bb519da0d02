//! Who calls whom: nodes from the callee's view, edges from the caller's, as AWS X-Ray draws them.
//!
//! 1. With filters besides the time range, the ids of the matching traces are looked up first.
//! 2. The trace ids are divided into [`parts`]; the query threads work on them side by side.
//! 3. [`trace_stream`] gives the spans of a part trace by trace, in one pass over the columns that matter.
//! 4. [`tally`] counts the calls of each trace.
//! 5. [`compose`] adds the parts up, settles what crosses traces (span links) and names the nodes.
//!
//! Memory grows with the requests of the answer (8 bytes at a node and at an edge), not with the spans, and is taken
//! from the engine's bound.

mod compose;
mod figures;
pub(crate) mod peer;
pub(crate) mod spans;
pub(crate) mod tally;
#[cfg(test)]
mod tests;
pub(crate) mod trace_stream;

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool};
use datafusion::logical_expr::{Expr, lit};
use datafusion::prelude::{DataFrame, ident};
use datafusion::scalar::ScalarValue;
use futures::{StreamExt, TryStreamExt, stream};
use proto::{Signal, TraceId, schema};

pub(crate) use self::compose::ServiceMap;
pub(crate) use self::figures::{Counts, Durations};
use self::spans::{Names, TraceKey};
use self::tally::Tally;
use self::trace_stream::{Order, Step, Trace, Traces, scan, trace_keys};
use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::{SpanFilter, time_predicates, trace_is, trace_is_one_of};
use crate::histogram;
use crate::traces::TRACE_SPANS_MAX;

/// Matching traces that are looked up by statistics and bloom filters; with more, one scan is cheaper.
const LOOKUP_IDS_MAX: usize = 500;
/// Rows of one part: enough to be worth a scan, few enough for the pages of all its segments to be in memory.
const PART_ROWS: u64 = if cfg!(test) { 8 } else { 500_000 };
const PARTS_MAX: u64 = 256;
/// Spans counted between two looks at memory and at whether somebody still waits.
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
    new: impl Fn() -> T + Clone + Send + Sync + 'static,
) -> Result<Vec<(T, Names)>, QueryError> {
    let spans = query.table(Signal::Spans)?;
    let selection = Selection::of(query, filter, &spans).await?;
    let mut base = time_predicates(Signal::Spans, filter.range);
    base.extend(selection.condition.clone());
    let pool = Arc::clone(&query.context().runtime_env().memory_pool);
    let has_memtable = !query.snapshot(Signal::Spans).batches.is_empty();
    let parts = if selection.condition.is_some() { vec![Vec::new()] } else { parts(part_count(query)) };
    let threads = query.context().state().config().target_partitions();
    // In a list: a stream that maps lazily would borrow the query for any lifetime.
    let work = parts.into_iter().map(|part| {
        let conditions: Vec<Expr> = base.iter().cloned().chain(part).collect();
        let (spans, pool, wanted) = (spans.clone(), Arc::clone(&pool), selection.wanted.clone());
        let (columns, new) = (columns.clone(), new.clone());
        query.run(async move {
            for order in [Order::AsStored { has_memtable }, Order::Sorted] {
                let traces = Traces::new(scan(spans.clone(), &columns, conditions.clone(), order).await?).await?;
                if let Some(counted) = count(traces, wanted.as_deref(), new(), &pool).await? {
                    return Ok(counted);
                }
            }
            Err(QueryError::internal("sorted spans are not in the order of their trace ids"))
        })
    });
    stream::iter(work.collect::<Vec<_>>()).buffer_unordered(threads).try_collect().await
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

fn part_count(query: &Query) -> u64 {
    let snapshot = query.snapshot(Signal::Spans);
    let stored: u64 = snapshot.segments.iter().map(|segment| segment.meta().rows).sum();
    let fresh: usize = snapshot.batches.iter().map(|batch| batch.num_rows()).sum();
    let threads = query.context().state().config().target_partitions() as u64;
    let least = if stored > PART_ROWS / 10 { threads } else { 1 };
    ((stored + fresh as u64) / PART_ROWS).clamp(least, PARTS_MAX)
}

/// Conditions that divide all trace ids into `count` equal stretches. Ids that are not random (they may begin with
/// the time) make uneven parts, which costs parallelism and nothing else.
fn parts(count: u64) -> Vec<Vec<Expr>> {
    let bound = |nth: u64| (((u128::from(nth) << 64) / u128::from(count)) << 64).to_be_bytes();
    let id = |bytes: [u8; 16]| lit(ScalarValue::Binary(Some(bytes.to_vec())));
    let part = |nth: u64| {
        let from = (nth > 0).then(|| ident(schema::TRACE_ID).gt_eq(id(bound(nth))));
        let to = (nth + 1 < count).then(|| ident(schema::TRACE_ID).lt(id(bound(nth + 1))));
        from.into_iter().chain(to).collect()
    };
    (0..count).map(part).collect()
}

/// Counts the traces of a part. None when they did not come in order.
async fn count<T: PerTrace>(
    mut traces: Traces,
    wanted: Option<&HashSet<TraceKey>>,
    mut tally: T,
    pool: &Arc<dyn MemoryPool>,
) -> Result<Option<(T, Names)>, QueryError> {
    let memory = MemoryConsumer::new("counts of traces").register(pool);
    let mut trace = Trace::default();
    let mut unchecked = 0;
    loop {
        match traces.next(&mut trace, TRACE_SPANS_MAX).await? {
            Step::Trace => {}
            Step::End => return Ok(Some((tally, traces.names))),
            Step::OutOfOrder => return Ok(None),
        }
        if wanted.is_none_or(|wanted| wanted.contains(&trace.id)) {
            tally.add(&trace);
        }
        unchecked += trace.spans.len();
        if unchecked >= SPANS_PER_CHECK {
            unchecked = 0;
            memory.try_resize(tally.bytes())?;
            tokio::task::yield_now().await;
        }
    }
}
