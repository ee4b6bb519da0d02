//! `GET /api/v1/traces...`: search, histogram.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json as JsonBody, Router};
use proto::Signal;
use serde::Serialize;
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::ApiState;
use super::error::ErrorBody;
use super::params::Params;
use super::stream::{self, Frame, HistogramOfPage, Pages, RowsFrame};
use crate::cursor::{self, Asked};
use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::SpanFilter;
use crate::histogram::{self, SpanHistogram};
use crate::matching::Matching;
use crate::search::{self, SpanSearch, TraceQuery};
use crate::trace_search::{self, TraceSearch, TraceWalk};
use crate::trace_sort::{Sort, SortBy};
use crate::trace_summary::TraceSummary;

const LIMIT: usize = 20;
const LIMIT_MAX: usize = 1000;
const INEXACT: &str =
    "more traces come into question than are decided one by one: the histogram counts spans of all of them";
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
    /// `next_cursor` of the page before, of the same search in the same order; only the range may be another. What was there when the first page was asked for and does not
    /// change comes once, whatever is written meanwhile; a trace that gets spans meanwhile stands at its new place, which
    /// may be on a page that has been given, or still to come.
    cursor: Option<String>,
    /// `start` (the default), `duration`, `span_count` or `errors`. Any order but `start`, newest first, looks at all
    /// matching traces of the range, at most 1,000,000.
    sort: Option<String>,
    /// `desc` (the default) or `asc`.
    order: Option<String>,
    /// Of a stream only: a frame with the histogram in at most so many bars.
    #[param(minimum = 1, maximum = 1000)]
    histogram: Option<usize>,
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

/// A page of traces.
#[derive(Serialize, ToSchema)]
struct TracePage {
    traces: Vec<TraceSummary>,
    /// For the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
    elapsed_ms: u64,
}

/// Traces with a span that satisfies all filters, by the start of the trace or by one of its figures. Figures are of the
/// whole trace.
///
/// With `Accept: application/x-ndjson` the page comes as a stream of frames, one in each line, traces as soon as they are
/// found. Another order than the newest first is known at the end only: until then each `rows` frame replaces the one
/// before. Stopped half way, a page of at most 150 traces goes on where it was, by the cursor of its last frame; a larger
/// one begins anew.
#[utoipa::path(get, path = "/api/v1/traces", tag = "traces", params(TraceFilterParams, PageParams),
    responses(
        (status = 200, description = "A page", content((TracePage = "application/json"), (Frame = "application/x-ndjson"))),
        (status = 400, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "Somebody stopped it"),
        (status = 422, body = ErrorBody, description = "More traces match than an order can be made of"),
    ))]
async fn search_traces(
    State(state): State<ApiState>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, QueryError> {
    let mut params = Params::of(query.as_deref());
    let text = params.peek("q").unwrap_or_default();
    let (filter, whole) = filter(&mut params)?;
    let (sort, limit) = (sort(&mut params)?, params.count("limit", LIMIT, LIMIT_MAX)?);
    let asked = asked(&text, &filter, sort)?;
    let search = TraceSearch { filter, whole, sort, limit, after: params.cursor(asked)? };
    let streamed = stream::is_wanted(&headers);
    let buckets = if streamed { stream_histogram(&mut params)? } else { None };
    params.finish()?;
    let query = state.engine.begin("traces", None).await?;
    if streamed {
        return Ok(stream::respond(query, TracePages { search, asked, buckets, walk: None }));
    }
    let found = trace_search::search(&query, search).await?;
    let next_cursor = found.next.map(|position| cursor::encode(asked, position)).transpose()?;
    let page = TracePage { traces: found.traces, next_cursor, elapsed_ms: elapsed_ms(&query) };
    Ok(JsonBody(page).into_response())
}

/// `text`: the search that `filter` was made of.
fn asked(text: &str, filter: &SpanFilter, sort: Sort) -> Result<Asked, QueryError> {
    let SpanFilter { service, name, status, min_duration_ns, max_duration_ns, attributes, trace_id, .. } = filter;
    let durations = (min_duration_ns, max_duration_ns);
    let search = search::canonical(Signal::Spans, text)?;
    Ok(Asked::of(&(search, service, name, status, durations, attributes, trace_id, sort)))
}

fn sort(params: &mut Params) -> Result<Sort, QueryError> {
    let by = match params.word("sort", &["start", "duration", "span_count", "errors"])? {
        Some("duration") => SortBy::Duration,
        Some("span_count") => SortBy::SpanCount,
        Some("errors") => SortBy::Errors,
        _ => SortBy::Start,
    };
    Ok(Sort { by, ascending: params.word("order", &["desc", "asc"])? == Some("asc") })
}

/// How many bars the histogram of a stream has; none was asked for without the parameter.
pub(super) fn stream_histogram(params: &mut Params) -> Result<Option<usize>, QueryError> {
    params.optional_count("histogram", BUCKETS_MAX)
}

/// A page as a stream.
struct TracePages {
    search: TraceSearch,
    asked: Asked,
    buckets: Option<usize>,
    walk: Option<TraceWalk>,
}

impl Pages for TracePages {
    const COLUMNS: &'static [&'static str] = &[
        "trace_id",
        "root",
        "start_time_unix_nano",
        "duration_ns",
        "span_count",
        "service_count",
        "services",
        "error_count",
        "matched_span_count",
        "complete",
    ];

    async fn next(&mut self, query: &Query) -> Result<Option<RowsFrame>, QueryError> {
        let walk = match &mut self.walk {
            Some(walk) => walk,
            none => none.insert(TraceWalk::new(query, self.search.clone()).await?),
        };
        let Some(found) = walk.next(query).await? else { return Ok(None) };
        Ok(Some(RowsFrame { columns: stream::columns(Self::COLUMNS, &found.traces)?, replaces: found.replaces }))
    }

    fn cursor(&self) -> Result<Option<String>, QueryError> {
        let position = self.walk.as_ref().map_or_else(|| self.search.after.clone(), TraceWalk::position);
        position.map(|position| cursor::encode(self.asked, position)).transpose()
    }

    async fn histogram(&self, query: &Query) -> Result<Option<(HistogramOfPage, Option<&'static str>)>, QueryError> {
        let Some(buckets) = self.buckets else { return Ok(None) };
        let matching = Matching::Spans(self.search.filter.clone(), self.search.whole.clone());
        let (matching, exact) = matching.decided(query).await?;
        let histogram = histogram::spans(query, &matching, exact, buckets).await?;
        Ok(Some((HistogramOfPage::Spans(histogram), (!exact).then_some(INEXACT))))
    }
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
) -> Result<JsonBody<SpanHistogram>, QueryError> {
    let mut params = Params::of(query.as_deref());
    let (filter, whole) = filter(&mut params)?;
    let buckets = params.count("buckets", BUCKETS, BUCKETS_MAX)?;
    params.finish()?;
    let query = state.engine.begin("histogram", None).await?;
    let (matching, exact) = Matching::Spans(filter, whole).decided(&query).await?;
    Ok(JsonBody(histogram::spans(&query, &matching, exact, buckets).await?))
}

/// JSON that has been written already.
pub(super) fn json_text(json: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], json).into_response()
}
