//! `GET /api/v1/traces...`: search, histogram.

use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::ApiState;
use super::error::ErrorBody;
use super::params::Params;
use crate::cursor;
use crate::error::QueryError;
use crate::filter::SpanFilter;
use crate::histogram::{self, SpanHistogram};
use crate::matching::Matching;
use crate::search::{self, SpanSearch, TraceQuery};
use crate::trace_search::{self, TraceSearch};
use crate::trace_summary::TraceSummary;

const LIMIT: usize = 20;
const LIMIT_MAX: usize = 1000;
pub(super) const BUCKETS: usize = 60;
pub(super) const BUCKETS_MAX: usize = 1000;

#[derive(OpenApi)]
#[openapi(paths(search_traces, spans_over_time))]
pub(super) struct Docs;

pub(super) fn router() -> Router<ApiState> {
    Router::new().route("/api/v1/traces", get(search_traces)).route("/api/v1/traces/histogram", get(spans_over_time))
}

/// Filters: one span of the trace has to satisfy all of them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `filter` reads")]
pub(super) struct TraceFilterParams {
    /// Start of the matching span, inclusive: RFC 3339, epoch nanoseconds, or relative to now (`now-15m`; units ns us
    /// ms s m h d w).
    from: Option<String>,
    /// Exclusive; forms as in `from`.
    to: Option<String>,
    service: Option<String>,
    /// The whole name of the span.
    name: Option<String>,
    /// `UNSET`, `OK` or `ERROR`.
    status: Option<String>,
    /// Inclusive: `500ms`, `1.5s`, `2m`, or nanoseconds.
    min_duration: Option<String>,
    /// Inclusive.
    max_duration: Option<String>,
    /// `key=value`, any number of times: the span's attribute, or the resource's when the span has none; compared as
    /// text.
    attr: Option<Vec<String>>,
    /// A search in the language of `docs/search.md`: about one span, about the whole trace, or a filter expression of
    /// X-Ray. Plain words must all occur in the name or the status message, in any case.
    q: Option<String>,
    /// 32 hex digits.
    trace_id: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `search_traces` reads")]
struct PageParams {
    /// Traces on a page; default 20.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what the histograms read")]
pub(super) struct BucketParams {
    /// At most so many bars; default 60.
    #[param(minimum = 1, maximum = 1000)]
    buckets: Option<usize>,
}

/// Conditions on the spans, and on the whole trace when the search says so.
pub(super) fn filter(params: &mut Params) -> Result<(SpanFilter, Option<TraceQuery>), QueryError> {
    let (search, whole) = match params.take("q")?.map(|text| search::spans(&text)).transpose()? {
        None => (Vec::new(), None),
        Some(SpanSearch::OneSpan(predicates)) => (predicates, None),
        Some(SpanSearch::Whole(condition)) => (Vec::new(), Some(condition)),
    };
    let filter = SpanFilter {
        range: params.range()?,
        service: params.take("service")?,
        name: params.take("name")?,
        status: params.word("status", &["UNSET", "OK", "ERROR"])?.map(str::to_owned),
        min_duration_ns: params.duration("min_duration")?,
        max_duration_ns: params.duration("max_duration")?,
        attributes: params.attributes()?,
        search,
        trace_id: params.trace_id()?,
    };
    Ok((filter, whole))
}

/// A page of traces, newest first.
#[derive(Serialize, ToSchema)]
struct TracePage {
    traces: Vec<TraceSummary>,
    /// For the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
    elapsed_ms: u64,
}

/// Traces with a span that satisfies all filters, newest first by the start of the trace. Figures are of the whole
/// trace.
#[utoipa::path(get, path = "/api/v1/traces", tag = "traces", params(TraceFilterParams, PageParams),
    responses((status = 200, body = TracePage), (status = 400, body = ErrorBody)))]
async fn search_traces(
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<TracePage>, QueryError> {
    let mut params = Params::of(query.as_deref());
    let (filter, whole) = filter(&mut params)?;
    let search =
        TraceSearch { filter, whole, limit: params.count("limit", LIMIT, LIMIT_MAX)?, after: params.cursor()? };
    params.finish()?;
    let query = state.engine.begin("traces", None).await?;
    let found = trace_search::search(&query, &search).await?;
    let next_cursor = found.next.as_ref().map(cursor::encode).transpose()?;
    Ok(Json(TracePage { traces: found.traces, next_cursor, elapsed_ms: elapsed_ms(&query) }))
}

pub(super) fn elapsed_ms(query: &crate::engine::Query) -> u64 {
    u64::try_from(query.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Matching spans over time.
#[utoipa::path(get, path = "/api/v1/traces/histogram", tag = "traces", params(TraceFilterParams, BucketParams),
    responses((status = 200, body = SpanHistogram), (status = 400, body = ErrorBody)))]
async fn spans_over_time(
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<SpanHistogram>, QueryError> {
    let mut params = Params::of(query.as_deref());
    let (filter, whole) = filter(&mut params)?;
    let buckets = params.count("buckets", BUCKETS, BUCKETS_MAX)?;
    params.finish()?;
    let query = state.engine.begin("histogram", None).await?;
    let (matching, exact) = Matching::Spans(filter, whole).decided(&query).await?;
    Ok(Json(histogram::spans(&query, &matching, exact, buckets).await?))
}

/// JSON that has been written already.
pub(super) fn json_text(json: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], json).into_response()
}
