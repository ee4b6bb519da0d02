//! `GET /api/v1/search/...`, `/api/v1/fields...`, `/api/v1/facets`: what helps to write a search and to read its answer.

use axum::extract::{Path, RawQuery, State};
use axum::routing::get;
use axum::{Json, Router};
use proto::Signal;
use serde::Serialize;
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::error::ErrorBody;
use super::params::Params;
use super::{ApiState, logs, traces};
use crate::durations::{self, DurationHistogram};
use crate::error::QueryError;
use crate::fields::{self, Facet, Facets, Fields};
use crate::matching::Matching;
use crate::search;
use crate::why_empty::{self, Named, WhyEmpty};

const VALUES: usize = 20;
const VALUES_MAX: usize = 500;
/// Keys of one request for facets.
const FACETS_MAX: usize = 20;

#[derive(OpenApi)]
#[openapi(paths(explain, why, list_fields, list_values, list_facets, span_durations))]
pub(super) struct Docs;

pub(super) fn router() -> Router<ApiState> {
    Router::new()
        .route("/api/v1/search/explain", get(explain))
        .route("/api/v1/search/why_empty", get(why))
        .route("/api/v1/fields", get(list_fields))
        .route("/api/v1/fields/{key}/values", get(list_values))
        .route("/api/v1/facets", get(list_facets))
        .route("/api/v1/traces/durations", get(span_durations))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `matching` reads")]
struct MatchingParams {
    /// `spans` or `logs`.
    signal: String,
    /// A search. All other filters of `/api/v1/traces` and `/api/v1/logs` are known here too.
    q: Option<String>,
    /// As in `/api/v1/traces`.
    from: Option<String>,
    to: Option<String>,
}

fn signal(params: &mut Params) -> Result<Signal, QueryError> {
    match params.word("signal", &["spans", "logs"])? {
        Some("spans") => Ok(Signal::Spans),
        Some(_) => Ok(Signal::Logs),
        None => Err(QueryError::bad_request("parameter signal is missing", "give signal=spans or signal=logs")),
    }
}

fn matching(params: &mut Params) -> Result<Matching, QueryError> {
    of_signal(signal(params)?, params)
}

fn of_signal(signal: Signal, params: &mut Params) -> Result<Matching, QueryError> {
    Ok(match signal {
        Signal::Spans => {
            let (filter, whole) = traces::filter(params)?;
            Matching::Spans(filter, whole)
        }
        Signal::Logs => Matching::Logs(logs::filter(params)?),
    })
}

/// What a search means, or what is wrong with it.
#[derive(Default, Serialize, ToSchema)]
struct ExplainAnswer {
    /// The search with every AND written and nothing left to rules of precedence; it means the same. Null when the
    /// search is wrong.
    #[schema(required)]
    canonical: Option<String>,
    /// A statement for `/api/v1/sql` with the same conditions. Null when the search is wrong.
    #[schema(required)]
    sql: Option<String>,
    /// What its author may not have meant.
    warnings: Vec<String>,
    /// What is wrong. Not an error of the request: it is made to be asked while a search is being typed.
    #[schema(required)]
    problem: Option<SearchProblem>,
}

/// What is wrong with a search, and where.
#[derive(Serialize, ToSchema)]
struct SearchProblem {
    message: String,
    /// What to write instead.
    hint: String,
    /// The first character that is wrong and the one behind the last, counted in characters from 0.
    at: (usize, usize),
}

/// The meaning of a search, as text and as SQL, or what is wrong with it.
#[utoipa::path(get, path = "/api/v1/search/explain", tag = "search", params(MatchingParams),
    responses((status = 200, body = ExplainAnswer), (status = 400, body = ErrorBody)))]
async fn explain(RawQuery(query): RawQuery) -> Result<Json<ExplainAnswer>, QueryError> {
    let mut params = Params::of(query.as_deref());
    let (signal, range) = (signal(&mut params)?, params.range()?);
    let text = params.take("q")?.unwrap_or_default();
    params.finish()?;
    match search::explain(signal, &text, range) {
        Ok(search::Explanation { canonical, sql, warnings }) => {
            Ok(Json(ExplainAnswer { canonical: Some(canonical), sql: Some(sql), warnings, problem: None }))
        }
        Err(QueryError { message, hint, at: Some(at), .. }) => {
            Ok(Json(ExplainAnswer { problem: Some(SearchProblem { message, hint, at }), ..ExplainAnswer::default() }))
        }
        Err(error) => Err(error),
    }
}

/// Why a search finds nothing: what would match without each condition, and where the nearest matching rows are.
#[utoipa::path(get, path = "/api/v1/search/why_empty", tag = "search", params(MatchingParams),
    responses((status = 200, body = WhyEmpty), (status = 400, body = ErrorBody)))]
async fn why(State(state): State<ApiState>, RawQuery(query): RawQuery) -> Result<Json<WhyEmpty>, QueryError> {
    let mut params = Params::of(query.as_deref());
    let signal = signal(&mut params)?;
    let text = params.peek("q").unwrap_or_default();
    let matching = of_signal(signal, &mut params)?;
    params.finish()?;
    let parts = search::parts(signal, &text)?;
    if let Matching::Spans(filter, Some(_)) = &matching {
        let query = state.engine.begin("why_empty", None).await?;
        let conditions = why_empty::trace_conditions(&query, filter, parts).await?;
        let found = why_empty::why_empty(&query, &matching, Vec::new()).await?;
        return Ok(Json(WhyEmpty { conditions, ..found }));
    }
    let mut conditions = Vec::new();
    for part in parts {
        if let Some(predicate) = search::predicate(signal, &part.condition)? {
            let without = Some(part.without);
            conditions.push(Named { condition: part.condition, without, parameter: None, predicate });
        }
    }
    conditions.extend(match &matching {
        Matching::Spans(filter, _) => why_empty::span_parameters(filter),
        Matching::Logs(filter) => why_empty::log_parameters(filter),
    });
    let query = state.engine.begin("why_empty", None).await?;
    Ok(Json(why_empty::why_empty(&query, &matching, conditions).await?))
}

/// Keys that the matching rows have. Time-boxed: see `partial`.
#[utoipa::path(get, path = "/api/v1/fields", tag = "search", params(MatchingParams),
    responses((status = 200, body = Fields), (status = 400, body = ErrorBody)))]
async fn list_fields(State(state): State<ApiState>, RawQuery(query): RawQuery) -> Result<Json<Fields>, QueryError> {
    let mut params = Params::of(query.as_deref());
    let matching = matching(&mut params)?;
    params.finish()?;
    let query = state.engine.begin("fields", None).await?;
    Ok(Json(fields::fields(&query, &matching).await?))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `list_values` reads")]
struct ValueParams {
    /// Only values that contain this, in any case.
    contains: Option<String>,
    /// At most so many values; default 20.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// The values of one key in the matching rows.
#[derive(Serialize, ToSchema)]
struct ValuesAnswer {
    #[serde(flatten)]
    facet: Facet,
    rows: u64,
    /// Not all matching rows were counted.
    partial: bool,
}

/// Values of a key in the matching rows, the most frequent first. Time-boxed: see `partial`.
#[utoipa::path(get, path = "/api/v1/fields/{key}/values", tag = "search",
    params(("key" = String, Path, description = "As in a search"), MatchingParams, ValueParams),
    responses((status = 200, body = ValuesAnswer), (status = 400, body = ErrorBody)))]
async fn list_values(
    State(state): State<ApiState>,
    Path(key): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<ValuesAnswer>, QueryError> {
    let mut params = Params::of(query.as_deref());
    let (contains, limit) = (params.take("contains")?, params.count("limit", VALUES, VALUES_MAX)?);
    let matching = matching(&mut params)?;
    params.finish()?;
    let query = state.engine.begin("fields", None).await?;
    let Facets { facets, rows, partial } =
        fields::facets(&query, &matching, &[key], contains.as_deref(), limit).await?;
    let facet = facets.into_iter().next().ok_or_else(|| QueryError::internal("a facet for a key"))?;
    Ok(Json(ValuesAnswer { facet, rows, partial }))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `list_facets` reads")]
struct FacetParams {
    /// Keys, with commas between them; at most 20.
    keys: String,
    /// At most so many values of each; default 20.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// Values of several keys in the matching rows, counted in one pass. Time-boxed: see `partial`.
#[utoipa::path(get, path = "/api/v1/facets", tag = "search", params(MatchingParams, FacetParams),
    responses((status = 200, body = Facets), (status = 400, body = ErrorBody)))]
async fn list_facets(State(state): State<ApiState>, RawQuery(query): RawQuery) -> Result<Json<Facets>, QueryError> {
    let mut params = Params::of(query.as_deref());
    let keys = params.take("keys")?.unwrap_or_default();
    let keys: Vec<String> = keys.split(',').filter(|key| !key.is_empty()).map(str::to_owned).collect();
    if keys.is_empty() || keys.len() > FACETS_MAX {
        let message = format!("parameter keys names {} keys", keys.len());
        return Err(QueryError::bad_request(message, format!("give 1 to {FACETS_MAX}: keys=service,name")));
    }
    let limit = params.count("limit", VALUES, VALUES_MAX)?;
    let matching = matching(&mut params)?;
    params.finish()?;
    let query = state.engine.begin("facets", None).await?;
    let (matching, exact) = matching.decided(&query).await?;
    let facets = fields::facets(&query, &matching, &keys, None, limit).await?;
    Ok(Json(Facets { partial: facets.partial || !exact, ..facets }))
}

/// How long the matching spans took: logarithmic buckets by outcome. Parameters are the filters of `/api/v1/traces`.
#[utoipa::path(get, path = "/api/v1/traces/durations", tag = "traces",
    responses((status = 200, body = DurationHistogram), (status = 400, body = ErrorBody)))]
async fn span_durations(
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<DurationHistogram>, QueryError> {
    let mut params = Params::of(query.as_deref());
    let matching = of_signal(Signal::Spans, &mut params)?;
    params.finish()?;
    let query = state.engine.begin("histogram", None).await?;
    let (matching, exact) = matching.decided(&query).await?;
    Ok(Json(durations::histogram(&query, &matching, exact).await?))
}
