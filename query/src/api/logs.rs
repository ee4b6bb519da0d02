//! `GET /api/v1/logs...`: search and histogram.

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use axum::{Json as JsonBody, Router};
use proto::Signal;
use serde::Serialize;
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::ApiState;
use super::error::ErrorBody;
use super::params::Params;
use super::stream::{self, Frame, HistogramOfPage, Pages, RowsFrame};
use super::traces::{BUCKETS, BUCKETS_MAX, BucketParams, elapsed_ms, json_text, stream_histogram};
use crate::answer::LogAnswer;
use crate::cursor::{self, Asked};
use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::LogFilter;
use crate::histogram::{self, LogHistogram};
use crate::logs::{self, LogSearch, LogWalk};
use crate::search;

const LIMIT: usize = 100;
const LIMIT_MAX: usize = 10_000;

#[derive(OpenApi)]
#[openapi(paths(search_logs, logs_over_time))]
pub(super) struct Docs;

pub(super) fn router() -> Router<ApiState> {
    Router::new().route("/api/v1/logs", get(search_logs)).route("/api/v1/logs/histogram", get(logs_over_time))
}

/// Filters, all of which a record has to satisfy.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `filter` reads")]
struct LogFilterParams {
    /// Time of the record, inclusive: RFC 3339, epoch nanoseconds, or relative to now (`now-15m`; units ns us ms s m h
    /// d w).
    from: Option<String>,
    /// Exclusive; forms as in `from`.
    to: Option<String>,
    service: Option<String>,
    /// `TRACE`, `DEBUG`, `INFO`, `WARN`, `ERROR` or `FATAL`, exactly.
    severity: Option<String>,
    /// This severity or a worse one.
    min_severity: Option<String>,
    /// `key=value`, any number of times: the record's attribute, or the resource's when the record has none; compared
    /// as text.
    attr: Option<Vec<String>>,
    /// A search in the language of `docs/search.md`; plain words must all occur in the body, in any case.
    q: Option<String>,
    /// 32 hex digits.
    trace_id: Option<String>,
    /// 16 hex digits.
    span_id: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `search_logs` reads")]
struct PageParams {
    /// `desc` (newest first, the default) or `asc`.
    order: Option<String>,
    /// Records on a page; default 100.
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<usize>,
    /// `next_cursor` of the page before, of the same search in the same order; only the range may be another.
    cursor: Option<String>,
    /// Of a stream only: a frame with the histogram in at most so many bars.
    #[param(minimum = 1, maximum = 1000)]
    histogram: Option<usize>,
}

pub(super) fn filter(params: &mut Params) -> Result<LogFilter, QueryError> {
    Ok(LogFilter {
        range: params.range()?,
        service: params.take("service")?,
        severity: params.severities()?,
        attributes: params.attributes()?,
        search: params.take("q")?.map(|text| search::logs(&text)).transpose()?.unwrap_or_default(),
        trace_id: params.trace_id()?,
        span_id: params.span_id()?,
    })
}

/// A page of log records.
#[derive(Serialize, ToSchema)]
struct LogPage<'a> {
    logs: Vec<LogAnswer<'a>>,
    /// For the next page; null on the last one.
    #[schema(required)]
    next_cursor: Option<String>,
    elapsed_ms: u64,
}

/// Log records that satisfy all filters, by time.
///
/// With `Accept: application/x-ndjson` the page comes as a stream of frames, one in each line, records as soon as they are
/// found.
#[utoipa::path(get, path = "/api/v1/logs", tag = "logs", params(LogFilterParams, PageParams),
    responses(
        (status = 200, description = "A page", content((LogPage = "application/json"), (Frame = "application/x-ndjson"))),
        (status = 400, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "Somebody stopped it"),
    ))]
async fn search_logs(
    State(state): State<ApiState>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, QueryError> {
    let mut params = Params::of(query.as_deref());
    let text = params.peek("q").unwrap_or_default();
    let filter = filter(&mut params)?;
    let newest_first = params.word("order", &["desc", "asc"])? != Some("asc");
    let limit = params.count("limit", LIMIT, LIMIT_MAX)?;
    let asked = asked(&text, &filter, newest_first)?;
    let search = LogSearch { filter, newest_first, limit, after: params.cursor(asked)? };
    let streamed = stream::is_wanted(&headers);
    let buckets = if streamed { stream_histogram(&mut params)? } else { None };
    params.finish()?;
    let query = state.engine.begin("logs", None).await?;
    if streamed {
        return Ok(stream::respond(query, LogPages { search, asked, buckets, walk: None }));
    }
    let found = logs::search(&query, search).await?;
    let next_cursor = found.next.map(|position| cursor::encode(asked, position)).transpose()?;
    // Base64 needs no escapes.
    let next_cursor = next_cursor.map_or("null".to_owned(), |cursor| format!("\"{cursor}\""));
    let elapsed_ms = elapsed_ms(&query);
    Ok(json_text(format!("{{\"logs\":{},\"next_cursor\":{next_cursor},\"elapsed_ms\":{elapsed_ms}}}", found.logs_json)))
}

/// `text`: the search that `filter` was made of.
fn asked(text: &str, filter: &LogFilter, newest_first: bool) -> Result<Asked, QueryError> {
    let LogFilter { service, severity, attributes, trace_id, span_id, .. } = filter;
    let search = search::canonical(Signal::Logs, text)?;
    Ok(Asked::of(&(search, service, severity, attributes, trace_id, span_id, newest_first)))
}

/// A page as a stream.
struct LogPages {
    search: LogSearch,
    asked: Asked,
    buckets: Option<usize>,
    walk: Option<LogWalk>,
}

impl Pages for LogPages {
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "time_unix_nano",
        "observed_time_unix_nano",
        "severity_number",
        "severity",
        "severity_text",
        "body",
        "trace_id",
        "span_id",
        "flags",
        "service",
        "event_name",
        "scope",
        "resource",
        "attributes",
    ];

    async fn next(&mut self, query: &Query) -> Result<Option<RowsFrame>, QueryError> {
        let walk = match &mut self.walk {
            Some(walk) => walk,
            none => none.insert(LogWalk::new(query, self.search.clone()).await?),
        };
        let Some(found) = walk.next(query).await? else { return Ok(None) };
        let columns = async move { found.with_answers(|records| stream::columns(Self::COLUMNS, records))? };
        Ok(Some(RowsFrame { columns: query.run(columns).await?, replaces: false }))
    }

    fn cursor(&self) -> Result<Option<String>, QueryError> {
        let position = self.walk.as_ref().map_or(self.search.after, LogWalk::position);
        position.map(|position| cursor::encode(self.asked, position)).transpose()
    }

    async fn histogram(&self, query: &Query) -> Result<Option<(HistogramOfPage, Option<&'static str>)>, QueryError> {
        let Some(buckets) = self.buckets else { return Ok(None) };
        let histogram = histogram::logs(query, &self.search.filter, buckets).await?;
        Ok(Some((HistogramOfPage::Logs(histogram), None)))
    }
}

/// Matching log records over time, by severity.
#[utoipa::path(get, path = "/api/v1/logs/histogram", tag = "logs", params(LogFilterParams, BucketParams),
    responses((status = 200, body = LogHistogram), (status = 400, body = ErrorBody)))]
async fn logs_over_time(
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<JsonBody<LogHistogram>, QueryError> {
    let mut params = Params::of(query.as_deref());
    let filter = filter(&mut params)?;
    let buckets = params.count("buckets", BUCKETS, BUCKETS_MAX)?;
    params.finish()?;
    let query = state.engine.begin("histogram", None).await?;
    Ok(JsonBody(histogram::logs(&query, &filter, buckets).await?))
}
