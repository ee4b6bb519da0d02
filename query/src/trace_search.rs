//! Which traces match, newest first, with figures of the whole trace.
//!
//! A trace matches when one of its spans satisfies all filters, but its start, which orders the answer, may lie in any
//! of its spans. It is never later than the earliest matching span, and that bounds the work:
//!
//! 1. the time range is searched in windows, the newest first, which are small at first and grow ([`newest::Walk`]);
//! 2. in each, traces are taken by their earliest *matching* span, newest first ([`candidates`]);
//! 3. for each the true start is looked up;
//! 4. as soon as the page is full with traces that start no earlier than the next candidate's matching span, no
//!    candidate that is left can belong on it.
//!
//! Traces of the page that start no earlier than the window are final when it is done with, and are given then. Other
//! orders than the newest first (`trace_sort`) look at every trace that matches.
//!
//! The figures of the page come from all spans of its traces, through the same tree as the trace page.

use std::cmp::Reverse;

use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::Expr;
use datafusion::prelude::DataFrame;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use hashbrown::{HashMap, HashSet};
use proto::{Signal, SpanId, TraceId, UnixNanos, schema};
use serde::{Deserialize, Serialize};

use crate::columns::{binary, bytes_at};
use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::SpanFilter;
use crate::newest;
use crate::search::TraceQuery;
use crate::trace_sort::{Examined, Sort, SortedPage};
use crate::trace_summary::{self, TraceSummary};
use crate::traces::{TRACE_SPANS_MAX, too_many_spans};
use crate::whole_traces::{Whole, for_each_start, spans_of, stored, trace_ids, whole_traces};

/// Ids in the first look-up of true starts, if the page is no larger.
const LOOKUP_IDS_FIRST: usize = 20;
/// Each further look-up takes twice as many, up to this: beyond, one scan is cheaper than many look-ups.
const LOOKUP_IDS_MAX: usize = 500;
/// The same where the whole trace decides: few of many candidates may match, and each look-up is a scan.
const LOOKUP_IDS_WHOLE_MAX: usize = 16_384;
/// Rows that the first window has for each trace wanted: about what a trace has.
const ROWS_PER_TRACE: usize = 32;
/// Rows of the first window when all traces of the range are looked at.
const SORTED_FIRST_ROWS: u64 = 1 << 16;
/// More candidates than this are not examined for one page.
pub(crate) const CANDIDATES_MAX: usize = 1_000_000;
/// As a position: behind all traces that start at a time.
const SMALLEST_TRACE_ID: &str = "00000000000000000000000000000001";

/// A search and where its page begins.
#[derive(Clone, Debug)]
pub(crate) struct TraceSearch {
    pub(crate) filter: SpanFilter,
    /// What the whole trace has to satisfy besides.
    pub(crate) whole: Option<TraceQuery>,
    pub(crate) sort: Sort,
    pub(crate) limit: usize,
    pub(crate) after: Option<Position>,
}

/// The last trace of a page; of a first page that was stopped before its order was known, none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    pub(crate) start: i64,
    pub(crate) trace_id: String,
    /// Traces given so far: how many candidates the next page has to pass by. Only an estimate of the work.
    given: usize,
    /// What it was sorted by, unless that is the start, newest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sorted_by: Option<i64>,
    /// How far the page behind it is, when that was stopped and has another order than the newest first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) examined: Option<Examined>,
}

/// A page of traces, or a part of it.
pub(crate) struct FoundTraces {
    pub(crate) traces: Vec<TraceSummary>,
    /// They stand in the place of what was given before: an order other than by start is known at the end only.
    pub(crate) replaces: bool,
}

/// A whole page.
pub(crate) struct TracePage {
    pub(crate) traces: Vec<TraceSummary>,
    pub(crate) next: Option<Position>,
}

/// A page at once: what [`TraceWalk`] gives, collected.
pub(crate) async fn search(query: &Query, search: TraceSearch) -> Result<TracePage, QueryError> {
    let walk = TraceWalk::new(query, search).await?;
    collect(query, walk).await
}

async fn collect(query: &Query, mut walk: TraceWalk) -> Result<TracePage, QueryError> {
    let mut traces = Vec::new();
    while let Some(found) = walk.next(query).await? {
        if found.replaces {
            traces.clear();
        }
        traces.extend(found.traces);
    }
    Ok(TracePage { traces, next: walk.position() })
}

/// The way to a page, window by window.
pub(crate) struct TraceWalk {
    search: TraceSearch,
    walk: newest::Walk,
    page: Page,
    /// Where the next page begins, or this one again when it is stopped now.
    position: Option<Position>,
    is_done: bool,
}

enum Page {
    Newest(PageSearch),
    Sorted(SortedPage),
}

impl TraceWalk {
    pub(crate) async fn new(query: &Query, search: TraceSearch) -> Result<Self, QueryError> {
        let first_rows = search.first_rows(query).await?;
        Self::from(query, search, first_rows)
    }

    /// `first_rows`: of the first window; `None`: look at everything at once.
    fn from(query: &Query, search: TraceSearch, first_rows: Option<u64>) -> Result<Self, QueryError> {
        let page = match search.sort.is_newest_first() {
            true => Page::Newest(PageSearch::new(&search)?),
            false => Page::Sorted(SortedPage::new(&search)?),
        };
        let position = search.after.clone();
        let mut range = search.filter.range;
        if let Some(examined) = position.as_ref().and_then(|position| position.examined.as_ref()) {
            range.end = Some(range.end.map_or(examined.down_to, |end| end.min(examined.down_to)));
        }
        let wanted = search.sort.is_newest_first().then(|| search.wanted());
        let walk = newest::Walk::new(query, Signal::Spans, range, true, first_rows, wanted);
        let walk = walk.rest_of(search.filter.range);
        Ok(Self { search, walk, page, position, is_done: false })
    }

    /// The next traces of the page, at least one; `None` when the page is full or the range is over.
    pub(crate) async fn next(&mut self, query: &Query) -> Result<Option<FoundTraces>, QueryError> {
        if let Page::Sorted(page) = &mut self.page {
            page.resume(query, &self.search).await?;
        }
        while !self.is_done {
            let window = self.walk.next(query).await?;
            let found = match (&mut self.page, window) {
                (Page::Newest(page), Some(window)) => {
                    let filter = SpanFilter { range: window, ..self.search.filter.clone() };
                    let matches = page.examine(query, &self.search, &filter).await?;
                    self.walk.found(matches);
                    let found = page.settled(query, &self.search, window.start).await?;
                    (self.position, self.is_done) = page.position(&self.search, window.start, self.position.take());
                    found
                }
                (Page::Newest(page), None) => {
                    let found = page.settled(query, &self.search, None).await?;
                    (self.position, self.is_done) = page.position(&self.search, None, None);
                    found
                }
                (Page::Sorted(page), Some(window)) => {
                    page.examine(query, &self.search, window).await?;
                    self.position = page.stopped(&self.search, window.start.unwrap_or(UnixNanos::MIN));
                    page.changed(query, &self.search).await?
                }
                (Page::Sorted(page), None) => {
                    self.is_done = true;
                    self.position = page.position(&self.search);
                    None
                }
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Where the next page begins, or where to go on when the walk ends now. `None`: nothing follows, or at the
    /// beginning.
    pub(crate) fn position(&self) -> Option<Position> {
        self.position.clone()
    }
}

/// The traces that match; `None` when more than `max` come into question.
pub(crate) async fn matching_ids(
    query: &Query,
    search: &TraceSearch,
    max: usize,
) -> Result<Option<Vec<TraceId>>, QueryError> {
    let Some(candidates) = candidates(query, search, &search.filter, max).await? else { return Ok(None) };
    let ids: Vec<TraceId> = candidates.into_iter().map(|(id, _)| id).collect();
    let mut found = Vec::new();
    for ids in ids.chunks(LOOKUP_IDS_WHOLE_MAX) {
        let satisfying = search.satisfying(query, whole_traces(query, ids).await?).await?;
        found.extend(satisfying.into_iter().map(|whole| whole.trace_id));
    }
    Ok(Some(found))
}

/// The page so far.
struct PageSearch {
    /// One trace more than the page: is there a next one?
    wanted: usize,
    after: Option<Whole>,
    lookup_ids: usize,
    looked_up: HashSet<TraceId>,
    /// Up to `wanted` traces in the order of the answer.
    best: Vec<Whole>,
    /// Lines of some of the best: those that came with the look-up.
    lines: HashMap<TraceId, TraceSummary>,
    /// How many of the best have been given.
    given: usize,
}

impl PageSearch {
    fn new(search: &TraceSearch) -> Result<Self, QueryError> {
        let wanted = search.limit + 1;
        Ok(Self {
            wanted,
            after: search.after.as_ref().map(Position::of_newest).transpose()?,
            lookup_ids: wanted.clamp(LOOKUP_IDS_FIRST, LOOKUP_IDS_MAX),
            looked_up: HashSet::new(),
            best: Vec::new(),
            lines: HashMap::new(),
            given: 0,
        })
    }

    /// Whether no trace that starts before `bound` can belong on the page.
    fn is_settled_down_to(&self, bound: UnixNanos) -> bool {
        self.best.len() >= self.wanted && self.best[self.wanted - 1].start >= bound
    }

    /// Traces of the page that have not been given and can no longer change: what has not been found yet matches, and so
    /// starts, before `bound`.
    async fn settled(
        &mut self,
        query: &Query,
        search: &TraceSearch,
        bound: Option<UnixNanos>,
    ) -> Result<Option<FoundTraces>, QueryError> {
        let is_settled = |whole: &&Whole| bound.is_none_or(|bound| whole.start >= bound);
        let settled = self.best.iter().take(search.limit).take_while(is_settled).count();
        let new = &self.best[self.given.min(settled)..settled];
        if new.is_empty() {
            return Ok(None);
        }
        let unread: Vec<Whole> =
            new.iter().filter(|whole| !self.lines.contains_key(&whole.trace_id)).copied().collect();
        let mut unread = summaries(query, search, &unread).await?.into_iter();
        let traces = new.iter().filter_map(|whole| self.lines.remove(&whole.trace_id).or_else(|| unread.next()));
        let traces = traces.collect();
        self.given = settled;
        Ok(Some(FoundTraces { traces, replaces: false }))
    }

    /// Where to go on once everything from `bound` on has been given, and whether the page ends here.
    fn position(
        &self,
        search: &TraceSearch,
        bound: Option<UnixNanos>,
        before: Option<Position>,
    ) -> (Option<Position>, bool) {
        let given = search.after.as_ref().map_or(0, |after| after.given).saturating_add(self.given);
        let place = |start, trace_id: String| Some(Position { start, trace_id, given, ..Position::default() });
        if self.best.len() >= self.wanted && bound.is_none_or(|bound| self.is_settled_down_to(bound)) {
            let last = &self.best[search.limit - 1];
            return (place(last.start, last.trace_id.to_string()), true);
        }
        match bound {
            // No trace id is smaller: every trace that starts there comes before.
            Some(bound) if before.as_ref().is_none_or(|before| bound <= before.start) => {
                (place(bound, SMALLEST_TRACE_ID.to_owned()), false)
            }
            Some(_) => (before, false),
            None => (None, true),
        }
    }

    /// Looks at the traces with a matching span, as many as may belong on the page. Returns about how many match.
    async fn examine(&mut self, query: &Query, search: &TraceSearch, filter: &SpanFilter) -> Result<usize, QueryError> {
        let mut unknown = candidates(query, search, filter, CANDIDATES_MAX).await?.ok_or_else(too_many)?;
        unknown.retain(|(id, _)| !self.looked_up.contains(id));
        unknown.sort_unstable_by_key(|(id, earliest_match)| Reverse((*earliest_match, *id)));
        let mut matches = if search.whole.is_none() { unknown.len() } else { 0 };
        let mut unknown = unknown.as_slice();
        let ids_max = if search.whole.is_some() { LOOKUP_IDS_WHOLE_MAX } else { LOOKUP_IDS_MAX };
        // A candidate may start as late as its earliest matching span: only a later start settles the page.
        let is_settled =
            |page: &Self, bound: UnixNanos| bound.checked_add(1).is_some_and(|bound| page.is_settled_down_to(bound));
        while let Some(&(_, earliest_match)) = unknown.first() {
            if is_settled(self, earliest_match) {
                break;
            }
            let (chunk, rest) = unknown.split_at(self.lookup_ids.min(unknown.len()));
            (unknown, self.lookup_ids) = (rest, (self.lookup_ids * 2).min(ids_max));
            let ids: Vec<TraceId> = chunk.iter().map(|(id, _)| *id).collect();
            let mut wholes = if search.whole.is_some() {
                whole_traces(query, &ids).await?
            } else {
                let (wholes, lines) = trace_summary::look_up(query, &search.filter, &ids).await?;
                self.lines.extend(lines);
                wholes
            };
            self.looked_up.extend(ids);
            let after = self.after;
            wholes.retain(|whole| after.is_none_or(|after| whole.is_after(&after)));
            let satisfying = search.satisfying(query, wholes).await?;
            matches += if search.whole.is_some() { satisfying.len() } else { 0 };
            self.best.extend(satisfying);
            self.best.sort_unstable_by(|a, b| b.cmp(a));
            self.best.truncate(self.wanted);
        }
        let best: HashSet<TraceId> = self.best.iter().map(|whole| whole.trace_id).collect();
        self.lines.retain(|id, _| best.contains(id));
        Ok(matches)
    }
}

/// The lines of some traces, in their order.
/// Errors: `TooLarge` for a trace of more than [`TRACE_SPANS_MAX`] spans.
pub(crate) async fn summaries(
    query: &Query,
    search: &TraceSearch,
    traces: &[Whole],
) -> Result<Vec<TraceSummary>, QueryError> {
    if let Some(whole) = traces.iter().find(|whole| whole.spans > TRACE_SPANS_MAX as i64) {
        return Err(too_many_spans(whole.trace_id));
    }
    let mut lines = trace_summary::read(query, traces, &search.filter).await?;
    if search.whole.is_some() {
        let anchors = anchors(query, search, traces).await?;
        for (line, whole) in lines.iter_mut().zip(traces) {
            line.matched_span_count = anchors.get(&whole.trace_id).copied().unwrap_or(0);
        }
    }
    Ok(lines)
}

pub(crate) fn other_order() -> QueryError {
    QueryError::bad_request("parameter cursor is of another order", "give the same sort and order as before")
}

pub(crate) fn too_many() -> QueryError {
    QueryError::too_large(
        format!("more than {CANDIDATES_MAX} traces had to be examined for this page"),
        "narrow the time range or the filters",
    )
}

impl TraceSearch {
    /// Rows of the first window; `None`: look at everything at once.
    async fn first_rows(&self, query: &Query) -> Result<Option<u64>, QueryError> {
        let candidates = query.count_candidates(Signal::Spans, self.filter.predicates()).await?;
        if !self.sort.is_newest_first() {
            let few = candidates.is_some_and(|left| left.rows <= SORTED_FIRST_ROWS);
            return Ok((!few).then_some(SORTED_FIRST_ROWS));
        }
        Ok(newest::first_rows(self.wanted() * ROWS_PER_TRACE, candidates))
    }

    /// Traces up to the end of the page and one more, those of the pages before included.
    fn wanted(&self) -> usize {
        self.limit + 1 + self.after.as_ref().map_or(0, |after| after.given).min(CANDIDATES_MAX)
    }

    /// Spans that satisfy all of `predicates` and match, or by which a trace comes into question when the whole of it
    /// decides. To be awaited, and read, in [`Query::run`].
    fn spans(
        &self,
        query: &Query,
        columns: &[&str],
        predicates: Vec<Expr>,
    ) -> Result<BoxFuture<'static, Result<SendableRecordBatchStream, QueryError>>, QueryError> {
        let Some(whole) = &self.whole else { return Ok(query.open(Signal::Spans, Some(columns), predicates)?.boxed()) };
        let mut frame: DataFrame = query.table(Signal::Spans)?;
        for predicate in predicates {
            frame = frame.filter(predicate)?;
        }
        let frame = whole.anchored(query, frame, self.filter.range)?.select_columns(columns)?;
        Ok(async move { Ok(frame.execute_stream().await?) }.boxed())
    }

    /// Those of `traces` that satisfy what is asked of the whole trace.
    pub(crate) async fn satisfying(&self, query: &Query, traces: Vec<Whole>) -> Result<Vec<Whole>, QueryError> {
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
    pub(crate) fn sorted(sorted_by: i64, start: i64, trace_id: TraceId) -> Self {
        Self { start, trace_id: trace_id.to_string(), sorted_by: Some(sorted_by), ..Self::default() }
    }

    fn of_newest(&self) -> Result<Whole, QueryError> {
        match (self.sorted_by, &self.examined) {
            (None, None) => self.whole(),
            _ => Err(other_order()),
        }
    }

    pub(crate) fn whole(&self) -> Result<Whole, QueryError> {
        let trace_id = self.trace_id.parse();
        let trace_id = trace_id.map_err(|_| QueryError::bad_request("parameter cursor names no trace", ""))?;
        Ok(Whole { start: self.start, trace_id, spans: 0, latest: self.start })
    }
}

/// Traces with a matching span and the start of the earliest such span, an upper bound of the trace's start. `None` when
/// there are more than `max`.
pub(crate) async fn candidates(
    query: &Query,
    search: &TraceSearch,
    filter: &SpanFilter,
    max: usize,
) -> Result<Option<Vec<(TraceId, UnixNanos)>>, QueryError> {
    let columns = [schema::TRACE_ID, schema::START_TIME_UNIX_NANO];
    let rows = search.spans(query, &columns, filter.predicates())?;
    query
        .run(async move {
            let mut rows = rows.await?;
            let mut earliest: HashMap<TraceId, UnixNanos> = HashMap::new();
            while let Some(batch) = rows.next().await {
                for_each_start(&batch?, |id, start| {
                    earliest.entry(id).and_modify(|earliest| *earliest = start.min(*earliest)).or_insert(start);
                })?;
                if earliest.len() > max {
                    return Ok(None);
                }
            }
            Ok(Some(earliest.into_iter().collect()))
        })
        .await
}

/// By how many spans each trace came into question, when the whole of it decides.
async fn anchors(query: &Query, search: &TraceSearch, page: &[Whole]) -> Result<HashMap<TraceId, i64>, QueryError> {
    let mut anchors = HashMap::with_capacity(page.len());
    for group in trace_summary::groups(page) {
        let mut predicates = search.filter.predicates();
        predicates.extend(spans_of(group));
        let rows = search.spans(query, &[schema::TRACE_ID, schema::SPAN_ID], predicates)?;
        let distinct = query.run(async move {
            let (mut rows, mut distinct) = (rows.await?, HashSet::new());
            while let Some(batch) = rows.next().await {
                let batch = batch?;
                let spans = binary(&batch, schema::SPAN_ID)?;
                for (row, id) in trace_ids(&batch)?.enumerate() {
                    let span = SpanId::from_bytes(bytes_at(&spans, row).unwrap_or_default());
                    distinct.insert((id?, span.map_err(stored)?));
                }
            }
            Ok(distinct)
        });
        for (id, _) in distinct.await? {
            *anchors.entry(id).or_default() += 1;
        }
    }
    Ok(anchors)
}

#[cfg(test)]
mod tests;
