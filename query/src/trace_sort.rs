//! Pages of traces in another order than the newest first: the longest, those with most spans, ...
//!
//! What such an order begins with may lie anywhere in the range. Every trace that matches is looked at, window by window,
//! and as many as a page needs are kept. The figures are those of the answer (`trace_summary`), so that the order is
//! exact whatever was sent twice.
//!
//! A page that is stopped half way has the first of those that were looked at. Its cursor names them and says how far
//! down in time that was ([`Examined`]): whoever goes on looks at the rest only, and the page is the same in the end.

use std::cmp::{Ordering, Reverse};
use std::collections::HashSet;

use proto::{TimeRange, TraceId, UnixNanos};
use serde::{Deserialize, Serialize};

use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::SpanFilter;
use crate::trace_search::{
    CANDIDATES_MAX, FoundTraces, Position, TraceSearch, candidates, other_order, summaries, too_many,
};
use crate::trace_summary::{self, TraceSummary};
use crate::whole_traces::{Whole, whole_traces};

/// Traces whose figures are read together.
const TRACES_AT_ONCE: usize = 4096;
/// Traces of a page that can go on where it was stopped: a cursor has to carry the id of each. Larger ones begin anew.
pub(crate) const RESUMABLE_MAX: usize = 150;
const ID_CHARS: usize = 32;

/// The order of a page of traces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Sort {
    pub(crate) by: SortBy,
    pub(crate) ascending: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

/// How far a page that was stopped had got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Examined {
    sort: Sort,
    /// Spans that start here or later have been looked at.
    pub(crate) down_to: UnixNanos,
    /// Ids of the best traces of those, one more than the page, without anything between them.
    best: String,
}

impl Examined {
    /// Errors: no list of ids, or a longer one than any that we gave.
    fn ids(&self) -> Result<Vec<TraceId>, QueryError> {
        let texts = self.best.as_bytes().chunks(ID_CHARS).take(RESUMABLE_MAX + 2);
        let ids = texts.map(|text| std::str::from_utf8(text).ok()?.parse().ok());
        let ids: Option<Vec<TraceId>> = ids.collect();
        ids.filter(|ids| ids.len() <= RESUMABLE_MAX + 1)
            .ok_or_else(|| QueryError::bad_request("parameter cursor names no traces", "leave it out to begin anew"))
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
    /// The best of a page that was stopped, until they have been read again.
    resumed: Vec<TraceId>,
}

impl SortedPage {
    pub(crate) fn new(search: &TraceSearch) -> Result<Self, QueryError> {
        let examined = search.after.as_ref().and_then(|after| after.examined.as_ref());
        if examined.is_some_and(|examined| examined.sort != search.sort) {
            return Err(other_order());
        }
        let of = |position: &Position| -> Result<Key, QueryError> {
            let sorted_by = position.sorted_by.ok_or_else(other_order)?;
            Ok((sorted_by, position.start, position.whole()?.trace_id))
        };
        // A first page that was stopped comes after nothing.
        let after = search.after.as_ref().filter(|after| after.sorted_by.is_some() || after.examined.is_none());
        let after = after.map(of).transpose()?;
        let resumed = examined.map(Examined::ids).transpose()?.unwrap_or_default();
        let (known, best, given) = (HashSet::new(), Vec::new(), Vec::new());
        Ok(Self { sort: search.sort, after, known, best, given, resumed })
    }

    /// Reads again what a stopped page had found.
    pub(crate) async fn resume(&mut self, query: &Query, search: &TraceSearch) -> Result<(), QueryError> {
        if !self.resumed.is_empty() {
            let ids = self.resumed.clone();
            self.weigh(query, search, &ids).await?;
            self.resumed.clear();
        }
        Ok(())
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
            self.weigh(query, search, ids).await?;
        }
        Ok(())
    }

    /// Finds the places of some traces, and keeps those that belong on the page as far as it is known.
    async fn weigh(&mut self, query: &Query, search: &TraceSearch, ids: &[TraceId]) -> Result<(), QueryError> {
        let mut wholes = search.satisfying(query, whole_traces(query, ids).await?).await?;
        wholes.sort_unstable_by(|a, b| b.cmp(a));
        let traces = trace_summary::read(query, &wholes, &SpanFilter::default()).await?;
        for (trace, whole) in traces.iter().zip(&wholes) {
            let key = (self.sort.value(trace), trace.start_time_unix_nano, whole.trace_id);
            if self.after.is_none_or(|after| self.sort.order(&after, &key).is_lt()) {
                self.best.push((key, *whole));
            }
        }
        self.best.sort_unstable_by(|(a, _), (b, _)| self.sort.order(a, b));
        self.best.truncate(search.limit + 1);
        self.known.extend(ids);
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

    /// Of this page, when it is stopped after spans that start at `down_to` or later have been looked at.
    pub(crate) fn stopped(&self, search: &TraceSearch, down_to: UnixNanos) -> Option<Position> {
        if search.limit > RESUMABLE_MAX {
            return search.after.clone();
        }
        let mut position = match self.after {
            Some((sorted_by, start, trace_id)) => Position::sorted(sorted_by, start, trace_id),
            None => Position::default(),
        };
        let best = self.best.iter().map(|(key, _)| key.2.to_string()).collect();
        position.examined = Some(Examined { sort: self.sort, down_to, best });
        Some(position)
    }
}
