//! Pages of traces in another order than the newest first: the longest, those with most spans, ...
//!
//! What such an order begins with may lie anywhere in the range. Every trace that matches is looked at, window by window,
//! and as many as a page needs are kept. The figures are those of the answer (`trace_summary`), so that the order is
//! exact whatever was sent twice.

use std::cmp::{Ordering, Reverse};
use std::collections::HashSet;

use proto::{TimeRange, TraceId};

use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::SpanFilter;
use crate::trace_search::{
    CANDIDATES_MAX, FoundTraces, Position, TraceSearch, Whole, candidates, other_order, summaries, too_many,
    whole_traces,
};
use crate::trace_summary::{self, TraceSummary};

/// Traces whose figures are read together.
const TRACES_AT_ONCE: usize = 4096;

/// The order of a page of traces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sort {
    pub(crate) by: SortBy,
    pub(crate) ascending: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SortBy {
    #[default]
    Start,
    Duration,
    SpanCount,
    Errors,
}

impl Sort {
    pub(crate) fn is_newest_first(self) -> bool {
        self == Self::default()
    }

    fn value(self, trace: &TraceSummary) -> i64 {
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        match self.by {
            SortBy::Start => trace.start_time_unix_nano,
            SortBy::Duration => trace.duration_ns,
            SortBy::SpanCount => count(trace.span_count),
            SortBy::Errors => count(trace.error_count),
        }
    }

    fn order(self, a: &Key, b: &Key) -> Ordering {
        if self.ascending { a.cmp(b) } else { b.cmp(a) }
    }
}

/// The place of a trace: what it is sorted by, its start, its id.
type Key = (i64, i64, TraceId);

/// The page so far.
pub(crate) struct SortedPage {
    sort: Sort,
    after: Option<Key>,
    /// Traces looked at: at most [`CANDIDATES_MAX`].
    known: HashSet<TraceId>,
    /// One more than the page, in the order of the answer.
    best: Vec<(Key, Whole)>,
    given: Vec<TraceId>,
}

impl SortedPage {
    pub(crate) fn new(search: &TraceSearch) -> Result<Self, QueryError> {
        let of = |position: &Position| -> Result<Key, QueryError> {
            let sorted_by = position.sorted_by.ok_or_else(other_order)?;
            Ok((sorted_by, position.start, position.whole()?.trace_id))
        };
        let after = search.after.as_ref().map(of).transpose()?;
        Ok(Self { sort: search.sort, after, known: HashSet::new(), best: Vec::new(), given: Vec::new() })
    }

    /// Looks at all traces with a matching span in a window. Errors: `TooLarge` beyond [`CANDIDATES_MAX`].
    pub(crate) async fn examine(
        &mut self,
        query: &Query,
        search: &TraceSearch,
        window: TimeRange,
    ) -> Result<(), QueryError> {
        let filter = SpanFilter { range: window, ..search.filter.clone() };
        let mut found = candidates(query, search, &filter, CANDIDATES_MAX).await?.ok_or_else(too_many)?;
        found.retain(|(id, _)| !self.known.contains(id));
        if self.known.len() + found.len() > CANDIDATES_MAX {
            return Err(too_many());
        }
        // Traces that lie beside each other are read together.
        found.sort_unstable_by_key(|(id, earliest_match)| Reverse((*earliest_match, *id)));
        let ids: Vec<TraceId> = found.into_iter().map(|(id, _)| id).collect();
        for ids in ids.chunks(TRACES_AT_ONCE) {
            let mut wholes = search.satisfying(query, whole_traces(query, ids).await?).await?;
            wholes.sort_unstable_by(|a, b| b.cmp(a));
            let traces = trace_summary::read(query, &wholes, &[]).await?;
            for (trace, whole) in traces.iter().zip(&wholes) {
                let key = (self.sort.value(trace), trace.start_time_unix_nano, whole.trace_id);
                if self.after.is_none_or(|after| self.sort.order(&after, &key).is_lt()) {
                    self.best.push((key, *whole));
                }
            }
            self.best.sort_unstable_by(|(a, _), (b, _)| self.sort.order(a, b));
            self.best.truncate(search.limit + 1);
            self.known.extend(ids);
        }
        Ok(())
    }

    /// The page as far as it is known, when that is not what was given last.
    pub(crate) async fn changed(
        &mut self,
        query: &Query,
        search: &TraceSearch,
    ) -> Result<Option<FoundTraces>, QueryError> {
        let page: Vec<Whole> = self.best.iter().take(search.limit).map(|(_, whole)| *whole).collect();
        let ids: Vec<TraceId> = page.iter().map(|whole| whole.trace_id).collect();
        if ids == self.given {
            return Ok(None);
        }
        let traces = summaries(query, search, &page).await?;
        self.given = ids;
        Ok(Some(FoundTraces { traces, replaces: true }))
    }

    /// Of the next page, when everything has been looked at.
    pub(crate) fn position(&self, search: &TraceSearch) -> Option<Position> {
        let has_more = self.best.len() > search.limit;
        let (key, _) = self.best.get(search.limit.checked_sub(1)?).filter(|_| has_more)?;
        Some(Position::sorted(key.0, key.1, key.2))
    }
}
