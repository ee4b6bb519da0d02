//! Which traces match, newest first, with figures of the whole trace.
//!
//! A trace matches when one of its spans satisfies all filters, but its start, which orders the answer, may lie in any
//! of its spans. It is never later than the earliest matching span, and that bounds the work:
//!
//! 1. the time range is searched in [`windows`], the newest first;
//! 2. in each, traces are taken by their earliest *matching* span, newest first ([`Candidates`]);
//! 3. for each the true start is looked up;
//! 4. as soon as the page is full with traces that start no earlier than the next candidate's matching span, no
//!    candidate that is left can belong on it.
//!
//! The figures of the page come from all spans of its traces, through the same tree as the trace page.

use std::collections::HashSet;

use arrow::array::{AsArray, BinaryArray, Int64Array};
use arrow::compute;
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use datafusion::functions_aggregate::expr_fn::{count, count_distinct, min};
use datafusion::logical_expr::lit;
use datafusion::prelude::{DataFrame, ident};
use proto::{Signal, TimeRange, TraceId, UnixNanos, schema};
use serde::{Deserialize, Serialize};
use storage::Snapshot;

use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::{SpanFilter, trace_is_one_of};
use crate::search::TraceQuery;
use crate::trace_summary::{self, TraceSummary};

/// Ids in the first look-up of true starts: few enough for statistics and bloom filters to find their pages.
const LOOKUP_IDS_FIRST: usize = 20;
/// Each further look-up takes twice as many, up to this: beyond, one scan is cheaper than many look-ups.
const LOOKUP_IDS_MAX: usize = 500;
/// The same where the whole trace decides: few of many candidates may match, and each look-up is a scan.
const LOOKUP_IDS_WHOLE_MAX: usize = 16_384;
/// Candidates that are asked for at first, as a multiple of the traces wanted.
const CANDIDATES_PER_TRACE: usize = 4;
/// Length of the newest window: what people look at most.
const WINDOW_FIRST_NS: i64 = 15 * 60 * 1_000_000_000;
/// More candidates than this are not examined for one page.
const CANDIDATES_MAX: usize = 1_000_000;

/// A search and where its page begins.
#[derive(Clone, Debug)]
pub(crate) struct TraceSearch {
    pub(crate) filter: SpanFilter,
    /// What the whole trace has to satisfy besides.
    pub(crate) whole: Option<TraceQuery>,
    pub(crate) limit: usize,
    pub(crate) after: Option<Position>,
}

/// The last trace of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    start: i64,
    trace_id: String,
    /// Traces given so far: how many candidates the next page has to pass by. Only an estimate of the work.
    given: usize,
}

/// A page of traces.
pub(crate) struct FoundTraces {
    pub(crate) traces: Vec<TraceSummary>,
    pub(crate) next: Option<Position>,
}

/// Start and size of a whole trace; ordered as answers are, the first of a page is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Whole {
    pub(crate) start: i64,
    pub(crate) trace_id: TraceId,
    pub(crate) spans: i64,
}

pub(crate) async fn search(query: &Query, search: &TraceSearch) -> Result<FoundTraces, QueryError> {
    search_in_windows(query, search, WINDOW_FIRST_NS).await
}

async fn search_in_windows(query: &Query, search: &TraceSearch, first_ns: i64) -> Result<FoundTraces, QueryError> {
    let mut page = PageSearch::new(search)?;
    for window in windows(search.filter.range, time_bounds(&query.snapshot(Signal::Spans)), first_ns) {
        let filter = SpanFilter { range: window, ..search.filter.clone() };
        page.examine(query, search, &filter).await?;
        // What has not been found yet matches, and so starts, before this window.
        if window.start.is_some_and(|start| page.is_settled_down_to(start)) {
            break;
        }
    }
    let mut page = page.best;
    let has_more = page.len() > search.limit;
    page.truncate(search.limit);
    let given = search.after.as_ref().map_or(0, |after| after.given).saturating_add(page.len());
    let next = page.last().filter(|_| has_more).map(|last| Position {
        start: last.start,
        trace_id: last.trace_id.to_string(),
        given,
    });
    let matched = matched_spans(query, search, &page).await?;
    let traces = trace_summary::read(query, &page, &matched).await?;
    Ok(FoundTraces { traces, next })
}

/// The traces that match; `None` when more than `max` come into question.
pub(crate) async fn matching_ids(
    query: &Query,
    search: &TraceSearch,
    max: usize,
) -> Result<Option<Vec<TraceId>>, QueryError> {
    let candidates = Candidates::read(query, search, &search.filter, max + 1).await?;
    if candidates.ids.len() > max {
        return Ok(None);
    }
    let wholes = whole_traces(query, &candidates.ids).await?;
    Ok(Some(search.satisfying(query, wholes).await?.into_iter().map(|whole| whole.trace_id).collect()))
}

/// Earliest and latest start of what a query sees.
fn time_bounds(snapshot: &Snapshot) -> Option<(UnixNanos, UnixNanos)> {
    let segments = snapshot.segments.iter().map(|segment| (segment.meta().min_time, segment.meta().max_time));
    let memory = snapshot.batches.iter().filter_map(|batch| {
        let times = batch.column_by_name(schema::START_TIME_UNIX_NANO)?.as_primitive_opt::<Int64Type>()?;
        Some((compute::min(times)?, compute::max(times)?))
    });
    segments.chain(memory).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

/// A range cut into windows, newest first, each four times as long as the one before. Together they are the range.
///
/// `bounds`: of the times that are stored, as far as is known; newer ones fall into the first window, older ones into
/// the last.
fn windows(range: TimeRange, bounds: Option<(UnixNanos, UnixNanos)>, first_ns: i64) -> Vec<TimeRange> {
    let Some((oldest, newest)) = bounds else { return vec![range] };
    let top = range.end.map_or(newest, |end| end.min(newest));
    let bottom = range.start.map_or(oldest, |start| start.max(oldest));
    let mut windows = Vec::new();
    let (mut end, mut length) = (range.end, first_ns.max(1));
    // Until the oldest is reached, or the length of a window is more than 64 bits can say.
    while let Some(start) = top.checked_sub(length).filter(|start| *start > bottom) {
        windows.push(TimeRange { start: Some(start), end });
        end = Some(start);
        let Some(longer) = length.checked_mul(4) else { break };
        length = longer;
    }
    windows.push(TimeRange { start: range.start, end });
    windows
}

/// The page so far.
struct PageSearch {
    /// One trace more than the page: is there a next one?
    wanted: usize,
    after: Option<Whole>,
    /// Candidates that are asked for in a window at first.
    ask_for: usize,
    lookup_ids: usize,
    looked_up: HashSet<TraceId>,
    /// Up to `wanted` traces in the order of the answer.
    best: Vec<Whole>,
}

impl PageSearch {
    fn new(search: &TraceSearch) -> Result<Self, QueryError> {
        let wanted = search.limit + 1;
        let given = search.after.as_ref().map_or(0, |after| after.given).min(CANDIDATES_MAX);
        Ok(Self {
            wanted,
            after: search.after.as_ref().map(Position::whole).transpose()?,
            ask_for: (wanted + given) * CANDIDATES_PER_TRACE,
            lookup_ids: LOOKUP_IDS_FIRST,
            looked_up: HashSet::new(),
            best: Vec::new(),
        })
    }

    /// Whether no trace that starts before `bound` can belong on the page.
    fn is_settled_down_to(&self, bound: UnixNanos) -> bool {
        self.best.len() >= self.wanted && self.best[self.wanted - 1].start >= bound
    }

    /// Looks at the traces with a matching span, as many as may belong on the page.
    async fn examine(&mut self, query: &Query, search: &TraceSearch, filter: &SpanFilter) -> Result<(), QueryError> {
        let mut ask_for = self.ask_for;
        loop {
            ask_for = ask_for.min(CANDIDATES_MAX);
            let candidates = Candidates::read(query, search, filter, ask_for).await?;
            let all_known = candidates.ids.len() < ask_for;
            if self.look_up(query, search, &candidates).await? || all_known {
                return Ok(());
            }
            if ask_for == CANDIDATES_MAX || self.looked_up.len() > CANDIDATES_MAX {
                return Err(QueryError::too_large(
                    format!("more than {CANDIDATES_MAX} traces had to be examined for this page"),
                    "narrow the time range or the filters",
                ));
            }
            ask_for *= 8;
        }
    }

    /// True when the page is settled whatever comes after these candidates.
    async fn look_up(
        &mut self,
        query: &Query,
        search: &TraceSearch,
        candidates: &Candidates,
    ) -> Result<bool, QueryError> {
        let is_unknown = |i: &usize| !self.looked_up.contains(&candidates.ids[*i]);
        let unknown: Vec<usize> = (0..candidates.ids.len()).filter(is_unknown).collect();
        let mut unknown = unknown.as_slice();
        let ids_max = if search.whole.is_some() { LOOKUP_IDS_WHOLE_MAX } else { LOOKUP_IDS_MAX };
        // A candidate may start as late as its earliest matching span: only a later start settles the page.
        let is_settled =
            |page: &Self, bound: UnixNanos| bound.checked_add(1).is_some_and(|bound| page.is_settled_down_to(bound));
        while let Some(&first) = unknown.first() {
            if is_settled(self, candidates.earliest_match[first]) {
                return Ok(true);
            }
            let (chunk, rest) = unknown.split_at(self.lookup_ids.min(unknown.len()));
            (unknown, self.lookup_ids) = (rest, (self.lookup_ids * 2).min(ids_max));
            let ids: Vec<TraceId> = chunk.iter().map(|&i| candidates.ids[i]).collect();
            let mut wholes = whole_traces(query, &ids).await?;
            self.looked_up.extend(ids);
            let after = self.after;
            wholes.retain(|whole| after.is_none_or(|after| whole.is_after(&after)));
            self.best.extend(search.satisfying(query, wholes).await?);
            self.best.sort_unstable_by(|a, b| b.cmp(a));
            self.best.truncate(self.wanted);
        }
        Ok(candidates.earliest_match.last().is_none_or(|&bound| is_settled(self, bound)))
    }
}

impl TraceSearch {
    /// Spans that match, or by which a trace comes into question when the whole of it decides.
    fn spans(&self, query: &Query, filter: &SpanFilter) -> Result<DataFrame, QueryError> {
        let spans = filter.apply(query.table(Signal::Spans)?)?;
        match &self.whole {
            Some(whole) => whole.anchored(query, spans, self.filter.range),
            None => Ok(spans),
        }
    }

    /// Those of `traces` that satisfy what is asked of the whole trace.
    async fn satisfying(&self, query: &Query, traces: Vec<Whole>) -> Result<Vec<Whole>, QueryError> {
        let Some(condition) = &self.whole else { return Ok(traces) };
        let mut satisfying = Vec::new();
        for group in trace_summary::groups(&traces) {
            let ids: Vec<TraceId> = group.iter().map(|whole| whole.trace_id).collect();
            let matching = condition.matching(query, &ids, self.filter.range).await?;
            satisfying.extend(group.iter().filter(|whole| matching.contains(&whole.trace_id)));
        }
        Ok(satisfying)
    }
}

impl Position {
    fn whole(&self) -> Result<Whole, QueryError> {
        let trace_id = self.trace_id.parse();
        let trace_id = trace_id.map_err(|_| QueryError::bad_request("parameter cursor names no trace", ""))?;
        Ok(Whole { start: self.start, trace_id, spans: 0 })
    }
}

impl Whole {
    /// Whether it comes later in the answer than a page's last trace.
    fn is_after(&self, last: &Whole) -> bool {
        (self.start, self.trace_id) < (last.start, last.trace_id)
    }
}

/// Traces with a matching span, those with the latest such span first.
///
/// `earliest_match[i]` is the start of the earliest matching span of `ids[i]`, an upper bound of the trace's start.
struct Candidates {
    ids: Vec<TraceId>,
    earliest_match: Vec<i64>,
}

impl Candidates {
    async fn read(query: &Query, search: &TraceSearch, filter: &SpanFilter, limit: usize) -> Result<Self, QueryError> {
        let start = min(ident(schema::START_TIME_UNIX_NANO)).alias("start");
        let frame = search.spans(query, filter)?;
        let frame = frame.aggregate(vec![ident(schema::TRACE_ID)], vec![start])?;
        let order = vec![ident("start").sort(false, false), ident(schema::TRACE_ID).sort(false, false)];
        let batches = query.collect(frame.sort(order)?.limit(0, Some(limit))?).await?;
        let mut candidates = Self { ids: Vec::new(), earliest_match: Vec::new() };
        for batch in &batches {
            let (ids, starts) = (trace_ids(batch)?, integers(batch, 1)?);
            candidates.ids.extend(ids);
            candidates.earliest_match.extend(starts.values());
        }
        Ok(candidates)
    }
}

/// True start and number of spans of whole traces, in no order.
async fn whole_traces(query: &Query, ids: &[TraceId]) -> Result<Vec<Whole>, QueryError> {
    let frame = query.table(Signal::Spans)?.filter(trace_is_one_of(ids.iter().copied()))?;
    let figures = vec![min(ident(schema::START_TIME_UNIX_NANO)).alias("start"), count(lit(1)).alias("spans")];
    let batches = query.collect(frame.aggregate(vec![ident(schema::TRACE_ID)], figures)?).await?;
    let mut wholes = Vec::with_capacity(ids.len());
    for batch in &batches {
        let (starts, spans) = (integers(batch, 1)?, integers(batch, 2)?);
        for (row, trace_id) in trace_ids(batch)?.into_iter().enumerate() {
            wholes.push(Whole { start: starts.value(row), trace_id, spans: spans.value(row) });
        }
    }
    Ok(wholes)
}

/// How many spans of each trace satisfy the filter.
async fn matched_spans(query: &Query, search: &TraceSearch, page: &[Whole]) -> Result<Vec<(TraceId, i64)>, QueryError> {
    let mut matched = Vec::with_capacity(page.len());
    for chunk in page.chunks(LOOKUP_IDS_MAX) {
        let frame: DataFrame = search.spans(query, &search.filter)?;
        let frame = frame.filter(trace_is_one_of(chunk.iter().map(|whole| whole.trace_id)))?;
        let spans = count_distinct(ident(schema::SPAN_ID)).alias("spans");
        for batch in query.collect(frame.aggregate(vec![ident(schema::TRACE_ID)], vec![spans])?).await? {
            let counts = integers(&batch, 1)?;
            matched.extend(trace_ids(&batch)?.into_iter().zip(counts.values().iter().copied()));
        }
    }
    Ok(matched)
}

/// The first column.
fn trace_ids(batch: &RecordBatch) -> Result<Vec<TraceId>, QueryError> {
    let column: &BinaryArray = batch
        .column(0)
        .as_binary_opt()
        .ok_or_else(|| QueryError::internal(format!("trace ids of type {}", batch.column(0).data_type())))?;
    let ids = column.iter().map(|id| TraceId::from_bytes(id.unwrap_or_default()));
    ids.collect::<Result<_, _>>().map_err(|error| QueryError::internal(format!("trace_id of a stored span: {error}")))
}

/// A column of counts or times.
fn integers(batch: &RecordBatch, column: usize) -> Result<&Int64Array, QueryError> {
    let column = batch.column(column);
    column
        .as_primitive_opt::<Int64Type>()
        .ok_or_else(|| QueryError::internal(format!("a 64-bit integer was expected, not {}", column.data_type())))
}

#[cfg(test)]
mod tests;
