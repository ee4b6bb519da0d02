//! `GET /api/v1/traces/{trace_id}...`: one trace, one of its spans, who links to it.

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use utoipa::{IntoParams, OpenApi};

use super::ApiState;
use super::error::ErrorBody;
use super::params::{Params, parse_span_id, parse_trace_id};
use super::traces::json_text;
use crate::error::QueryError;
use crate::links_in::{self, LinkingSpans, LinksIn};
use crate::skeleton::{self, SkeletonAnswer};
use crate::span_detail::{self, SpanDetailAnswer};
use crate::traces::{self, TraceAnswer};

const LINKS: usize = 100;
const LINKS_MAX: usize = 1_000;

#[derive(OpenApi)]
#[openapi(paths(trace, span, links_in), components(schemas(SkeletonAnswer)))]
pub(super) struct Docs;

pub(super) fn router() -> Router<ApiState> {
    Router::new()
        .route("/api/v1/traces/{trace_id}", get(trace))
        .route("/api/v1/traces/{trace_id}/spans/{span_id}", get(span))
        .route("/api/v1/traces/{trace_id}/links_in", get(links_in))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `trace` reads")]
struct TraceParams {
    /// `otlp`: OTLP/JSON equal to what was sent (`{"resourceSpans": [...], "resourceLogs": [...]}`).
    format: Option<String>,
    /// `skeleton`: the columns of `TraceSkeleton` instead of rows, for traces of any size: tree, times, names, outcomes and
    /// where events and log records are. What a span says is at `/spans/{span_id}`. `full` (the default) has all.
    view: Option<String>,
}

/// One whole trace with its log records.
#[utoipa::path(get, path = "/api/v1/traces/{trace_id}", tag = "traces",
    params(("trace_id" = String, Path, description = "32 hex digits"), TraceParams),
    responses(
        (status = 200, body = TraceAnswer, description = "The trace; `TraceSkeleton` with `view=skeleton`"),
        (status = 400, body = ErrorBody),
        (status = 404, body = ErrorBody, description = "Nothing has this trace id"),
        (status = 422, body = ErrorBody, description = "More spans than can be shown"),
    ))]
async fn trace(
    State(state): State<ApiState>,
    Path(trace_id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, QueryError> {
    let trace_id = parse_trace_id(&trace_id)?;
    let mut params = Params::of(query.as_deref());
    let is_otlp = params.word("format", &["otlp", "json"])? == Some("otlp");
    let is_skeleton = params.word("view", &["skeleton", "full"])? == Some("skeleton");
    params.finish()?;
    if is_otlp && is_skeleton {
        return Err(QueryError::bad_request("a skeleton has no OTLP form", "leave out format or view"));
    }
    let query = state.engine.begin("trace", None).await?;
    if is_skeleton {
        return Ok(json_text(skeleton::read(&query, trace_id).await?));
    }
    let trace = traces::read(&query, trace_id).await?;
    let json = query.run(async move { if is_otlp { trace.to_otlp_json() } else { trace.to_json() } }).await?;
    Ok(json_text(json))
}

/// One span of a trace with its log records.
#[utoipa::path(get, path = "/api/v1/traces/{trace_id}/spans/{span_id}", tag = "traces",
    params(("trace_id" = String, Path, description = "32 hex digits"),
        ("span_id" = String, Path, description = "16 hex digits")),
    responses(
        (status = 200, body = SpanDetailAnswer),
        (status = 400, body = ErrorBody),
        (status = 404, body = ErrorBody, description = "The trace has no such span"),
    ))]
async fn span(
    State(state): State<ApiState>,
    Path((trace_id, span_id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, QueryError> {
    let (trace_id, span_id) = (parse_trace_id(&trace_id)?, parse_span_id(&span_id)?);
    Params::of(query.as_deref()).finish()?;
    let query = state.engine.begin("span", None).await?;
    Ok(json_text(span_detail::read(&query, trace_id, span_id).await?))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `links_in` reads")]
struct LinksInParams {
    /// Start of the linking span, inclusive: RFC 3339, epoch nanoseconds, or relative to now. Without a range all data
    /// is read.
    from: Option<String>,
    /// Exclusive; forms as in `from`.
    to: Option<String>,
    /// Links to this span only: 16 hex digits.
    span_id: Option<String>,
    /// Default 100.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// Spans, of other traces mostly, that have a link to this trace or to one of its spans. The trace itself need not be
/// here.
#[utoipa::path(get, path = "/api/v1/traces/{trace_id}/links_in", tag = "traces",
    params(("trace_id" = String, Path, description = "32 hex digits"), LinksInParams),
    responses((status = 200, body = LinkingSpans), (status = 400, body = ErrorBody)))]
async fn links_in(
    State(state): State<ApiState>,
    Path(trace_id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<LinkingSpans>, QueryError> {
    let trace_id = parse_trace_id(&trace_id)?;
    let mut params = Params::of(query.as_deref());
    let asked = LinksIn {
        trace_id,
        span_id: params.span_id()?,
        range: params.range()?,
        limit: params.count("limit", LINKS, LINKS_MAX)?,
    };
    params.finish()?;
    let query = state.engine.begin("links", None).await?;
    Ok(Json(links_in::read(&query, asked).await?))
}
