//! The rows of a signal that a search is about, whichever signal: what facets, fields and histograms count.

use datafusion::prelude::DataFrame;
use proto::{Signal, TimeRange};

use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::trace_is_one_of;
use crate::filter::{LogFilter, SpanFilter};
use crate::search::TraceQuery;
use crate::trace_search::{self, TraceSearch};
use crate::trace_sort::Sort;

/// Traces that are decided about one by one before their spans are counted.
const DECIDED_MAX: usize = 5_000;

/// A search over one signal.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one for each request, and not moved in a loop")]
pub(crate) enum Matching {
    /// With a condition on whole traces, the spans by which a trace comes into question.
    Spans(SpanFilter, Option<TraceQuery>),
    Logs(LogFilter),
}

impl Matching {
    pub(crate) fn signal(&self) -> Signal {
        match self {
            Matching::Spans(..) => Signal::Spans,
            Matching::Logs(_) => Signal::Logs,
        }
    }

    pub(crate) fn range(&self) -> TimeRange {
        match self {
            Matching::Spans(filter, _) => filter.range,
            Matching::Logs(filter) => filter.range,
        }
    }

    /// The same search over another range.
    pub(crate) fn within(&self, range: TimeRange) -> Self {
        match self {
            Matching::Spans(filter, whole) => Matching::Spans(SpanFilter { range, ..filter.clone() }, whole.clone()),
            Matching::Logs(filter) => Matching::Logs(LogFilter { range, ..filter.clone() }),
        }
    }

    /// The same search with conditions on whole traces decided, so that only spans of matching traces are counted.
    /// False beside it: more than [`DECIDED_MAX`] traces come into question, and the spans of all of them are counted.
    pub(crate) async fn decided(self, query: &Query) -> Result<(Self, bool), QueryError> {
        let Matching::Spans(filter, Some(whole)) = self else { return Ok((self, true)) };
        let search = TraceSearch { filter, whole: Some(whole), sort: Sort::default(), limit: 0, after: None };
        let ids = trace_search::matching_ids(query, &search, DECIDED_MAX).await?;
        let TraceSearch { mut filter, whole, .. } = search;
        let is_exact = ids.is_some();
        filter.search.extend(ids.map(|ids| trace_is_one_of(ids.into_iter())));
        Ok((Matching::Spans(filter, whole), is_exact))
    }

    /// The rows, with their physical columns.
    pub(crate) fn rows(&self, query: &Query) -> Result<DataFrame, QueryError> {
        let table = query.table(self.signal())?;
        match self {
            Matching::Spans(filter, None) => filter.apply(table),
            Matching::Spans(filter, Some(whole)) => whole.anchored(query, filter.apply(table)?, filter.range),
            Matching::Logs(filter) => filter.apply(table),
        }
    }
}
