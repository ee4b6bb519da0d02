//! Why a search finds nothing: how many rows it would find without each of its conditions, and where the nearest
//! matching rows are.

use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use datafusion::functions_aggregate::expr_fn::{count, sum};
use datafusion::logical_expr::{Expr, lit, when};
use proto::{TimeRange, UnixNanos};
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::{LogFilter, SpanFilter, time_predicates};
use crate::matching::Matching;
use crate::newest::FirstRows;
use crate::row_groups::First;
use crate::search::{self, SearchPart, SpanSearch};
use crate::trace_search::{self, TraceSearch};
use crate::trace_sort::{Sort, SortBy};

/// Why nothing matches.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WhyEmpty {
    /// Rows of the signal in the range, whatever they are.
    pub(crate) rows_in_range: i64,
    /// In the order of the search; then the parameters beside it. In a search over whole traces they count traces.
    pub(crate) conditions: Vec<ConditionWithout>,
    /// Time of the latest matching row before the range; of a search over whole traces, the start of the latest trace.
    #[schema(required)]
    pub(crate) nearest_before_unix_nano: Option<String>,
    /// Time of the earliest matching row behind it.
    #[schema(required)]
    pub(crate) nearest_after_unix_nano: Option<String>,
    /// False when there was no time to look through all that lies outside of the range: a match may be there though none
    /// is told.
    pub(crate) nearest_is_known: bool,
}

#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ConditionWithout {
    /// Its canonical text, or `name=value` of a parameter.
    pub(crate) condition: String,
    /// The search without it; null for a parameter.
    #[schema(required)]
    pub(crate) without: Option<String>,
    /// The parameter; null for a part of the search.
    #[schema(required)]
    pub(crate) parameter: Option<&'static str>,
    /// Rows that match all other conditions.
    pub(crate) matches_without: i64,
    /// Rows that match it alone.
    pub(crate) matches_alone: i64,
}

/// A condition and what it is called.
pub(crate) struct Named {
    pub(crate) condition: String,
    pub(crate) without: Option<String>,
    pub(crate) parameter: Option<&'static str>,
    pub(crate) predicate: Expr,
}

/// Traces that are counted for a condition on whole traces; one more stands for all beyond.
const TRACES_COUNTED_MAX: usize = 1_000;
/// Time for looking for the nearest match on one side of the range.
const NEAREST_TIME: Duration = Duration::from_secs(3);
/// Conditions on whole traces that are tried: each costs two searches.
const TRACE_CONDITIONS_MAX: usize = 8;

/// The conditions of a search over whole traces, with the number of traces instead of rows (1,001 for any more).
pub(crate) async fn trace_conditions(
    query: &Query,
    filter: &SpanFilter,
    parts: Vec<SearchPart>,
) -> Result<Vec<ConditionWithout>, QueryError> {
    let mut conditions = Vec::new();
    for part in parts.into_iter().take(TRACE_CONDITIONS_MAX) {
        conditions.push(ConditionWithout {
            matches_without: count_traces(query, filter, &part.without).await?,
            matches_alone: count_traces(query, filter, &part.condition).await?,
            condition: part.condition,
            without: Some(part.without),
            parameter: None,
        });
    }
    Ok(conditions)
}

async fn count_traces(query: &Query, filter: &SpanFilter, text: &str) -> Result<i64, QueryError> {
    let (search, whole) = match search::spans(text)? {
        SpanSearch::OneSpan(predicates) => (predicates, None),
        SpanSearch::Whole(condition) => (Vec::new(), Some(condition)),
    };
    let filter = SpanFilter { search, ..filter.clone() };
    let search = TraceSearch { filter, whole, sort: Sort::default(), limit: 0, after: None };
    let ids = trace_search::matching_ids(query, &search, TRACES_COUNTED_MAX).await?;
    Ok(ids.map_or(TRACES_COUNTED_MAX + 1, |ids| ids.len()) as i64)
}

/// One pass over the range for all counts; then the nearest rows on both sides.
pub(crate) async fn why_empty(
    query: &Query,
    matching: &Matching,
    conditions: Vec<Named>,
) -> Result<WhyEmpty, QueryError> {
    let signal = matching.signal();
    let one_if = |condition: Expr| when(condition, lit(1i64)).otherwise(lit(0i64));
    let mut frame = query.table(signal)?;
    for predicate in time_predicates(signal, matching.range()) {
        frame = frame.filter(predicate)?;
    }
    let mut figures = vec![count(lit(1)).alias("rows")];
    for nth in 0..conditions.len() {
        let others = conditions.iter().enumerate().filter(|(other, _)| *other != nth);
        let others = others.map(|(_, named)| named.predicate.clone()).reduce(Expr::and).unwrap_or_else(|| lit(true));
        figures.push(sum(one_if(others)?).alias(format!("without_{nth}")));
        figures.push(sum(one_if(conditions[nth].predicate.clone())?).alias(format!("alone_{nth}")));
    }
    let batches = query.collect(frame.aggregate(vec![], figures)?).await?;
    let figure = |column: usize| {
        let columns = batches.iter().filter_map(|batch| batch.column(column).as_primitive_opt::<Int64Type>());
        columns.flat_map(|values| values.iter().flatten()).sum::<i64>()
    };
    let counted = |(nth, named): (usize, Named)| ConditionWithout {
        condition: named.condition,
        without: named.without,
        parameter: named.parameter,
        matches_without: figure(1 + 2 * nth),
        matches_alone: figure(2 + 2 * nth),
    };
    let conditions: Vec<ConditionWithout> = conditions.into_iter().enumerate().map(counted).collect();
    let TimeRange { start, end } = matching.range();
    let before = start.map(|start| matching.within(TimeRange { start: None, end: Some(start) }));
    let after = end.map(|end| matching.within(TimeRange { start: Some(end), end: None }));
    let (before, after) = (nearest(query, before, true).await?, nearest(query, after, false).await?);
    Ok(WhyEmpty {
        rows_in_range: figure(0),
        conditions,
        nearest_before_unix_nano: before.time.map(|time| time.to_string()),
        nearest_after_unix_nano: after.time.map(|time| time.to_string()),
        nearest_is_known: before.is_known && after.is_known,
    })
}

/// The nearest match on one side.
struct Nearest {
    time: Option<UnixNanos>,
    is_known: bool,
}

/// The last, or the first, match of `matching`, as far as it is found in [`NEAREST_TIME`].
async fn nearest(query: &Query, matching: Option<Matching>, last: bool) -> Result<Nearest, QueryError> {
    let Some(matching) = matching else { return Ok(Nearest { time: None, is_known: true }) };
    match tokio::time::timeout(NEAREST_TIME, time_of(query, matching, last)).await {
        Ok(time) => Ok(Nearest { time: time?, is_known: true }),
        Err(_) => Ok(Nearest { time: None, is_known: false }),
    }
}

/// Looks where it is nearest first, so that what lies further away costs nothing once there is a match.
async fn time_of(query: &Query, matching: Matching, last: bool) -> Result<Option<UnixNanos>, QueryError> {
    let (signal, range) = (matching.signal(), matching.range());
    let conditions = match matching {
        Matching::Spans(filter, Some(whole)) => {
            let sort = if last { Sort::default() } else { Sort { by: SortBy::Start, ascending: true } };
            let search = TraceSearch { filter, whole: Some(whole), sort, limit: 1, after: None };
            let found = trace_search::search(query, search).await?;
            return Ok(found.traces.first().map(|trace| trace.start_time_unix_nano));
        }
        Matching::Spans(filter, None) => filter.conditions(),
        Matching::Logs(filter) => filter.conditions(),
    };
    FirstRows { signal, range, conditions, first: First { rows: 1, newest_first: last } }.last_time(query).await
}

/// The conditions of a span search beside its text.
pub(crate) fn span_parameters(filter: &SpanFilter) -> Vec<Named> {
    let none = SpanFilter::default;
    let mut named = Vec::new();
    let mut add =
        |parameter, value: String, alone: SpanFilter| named.extend(parameters(parameter, value, alone.conditions()));
    if let Some(service) = &filter.service {
        add("service", service.clone(), SpanFilter { service: Some(service.clone()), ..none() });
    }
    if let Some(name) = &filter.name {
        add("name", name.clone(), SpanFilter { name: Some(name.clone()), ..none() });
    }
    if let Some(status) = &filter.status {
        add("status", status.clone(), SpanFilter { status: Some(status.clone()), ..none() });
    }
    if let Some(ns) = filter.min_duration_ns {
        add("min_duration", format!("{ns}ns"), SpanFilter { min_duration_ns: Some(ns), ..none() });
    }
    if let Some(ns) = filter.max_duration_ns {
        add("max_duration", format!("{ns}ns"), SpanFilter { max_duration_ns: Some(ns), ..none() });
    }
    for attribute in &filter.attributes {
        let value = format!("{}={}", attribute.key, attribute.value);
        add("attr", value, SpanFilter { attributes: vec![attribute.clone()], ..none() });
    }
    if let Some(id) = filter.trace_id {
        add("trace_id", id.to_string(), SpanFilter { trace_id: Some(id), ..none() });
    }
    named
}

/// The conditions of a log search beside its text.
pub(crate) fn log_parameters(filter: &LogFilter) -> Vec<Named> {
    let none = LogFilter::default;
    let mut named = Vec::new();
    let mut add =
        |parameter, value: String, alone: LogFilter| named.extend(parameters(parameter, value, alone.conditions()));
    if let Some(service) = &filter.service {
        add("service", service.clone(), LogFilter { service: Some(service.clone()), ..none() });
    }
    if let Some((first, last)) = filter.severity {
        add("severity", format!("{first}..{last}"), LogFilter { severity: Some((first, last)), ..none() });
    }
    for attribute in &filter.attributes {
        let value = format!("{}={}", attribute.key, attribute.value);
        add("attr", value, LogFilter { attributes: vec![attribute.clone()], ..none() });
    }
    if let Some(id) = filter.trace_id {
        add("trace_id", id.to_string(), LogFilter { trace_id: Some(id), ..none() });
    }
    if let Some(id) = filter.span_id {
        add("span_id", id.to_string(), LogFilter { span_id: Some(id), ..none() });
    }
    named
}

fn parameters(parameter: &'static str, value: String, predicates: Vec<Expr>) -> Option<Named> {
    let predicate = predicates.into_iter().reduce(Expr::and)?;
    Some(Named { condition: format!("{parameter}={value}"), without: None, parameter: Some(parameter), predicate })
}
