//! `GET /api/v1/map` and `GET /api/v1/traces/{trace_id}/map`: who calls whom.

use axum::extract::{Path, RawQuery, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::ApiState;
use super::error::ErrorBody;
use super::params::{Params, parse_trace_id};
use super::traces::{TraceFilterParams, elapsed_ms, filter};
use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::SpanFilter;
use crate::map::{self, GroupBy, NODES_MAX, ServiceMap};
use crate::matching::Matching;
use crate::search::TraceQuery;

const BUCKETS_MAX: usize = 1440;

#[derive(OpenApi)]
#[openapi(paths(service_map, trace_map))]
pub(super) struct Docs;

pub(super) fn router() -> Router<ApiState> {
    Router::new().route("/api/v1/map", get(service_map)).route("/api/v1/traces/{trace_id}/map", get(trace_map))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `service_map` reads")]
struct MapParams {
    /// Counts of each node in at most so many parts of the time range; absent when not given.
    #[param(minimum = 1, maximum = 1440)]
    buckets: Option<usize>,
    /// `namespace` (resource attribute `service.namespace`) or `env` (`deployment.environment.name`, or the older
    /// `deployment.environment`): fills `group` of each service, from its spans in the range.
    group: Option<String>,
    /// Fill `group` only on a map of more nodes than this; default 0.
    #[param(minimum = 1, maximum = 10_000)]
    group_above: Option<usize>,
}

#[derive(Serialize, ToSchema)]
struct MapAnswer {
    #[serde(flatten)]
    map: ServiceMap,
    elapsed_ms: u64,
}

/// Services and what they call: the spans of the time range that belong to traces with a span that satisfies all
/// filters.
///
/// A node has the view of the callee (its server and consumer spans; of a service without any, its spans whose parent
/// is another service's or that have none), an edge that of the caller (client and producer spans). Callees that send
/// nothing are inferred from the attributes of their callers and replaced by the service once it reports. A call
/// counts when both of its spans start in the range. Asynchronous edges are by parent (`async`) or by span link
/// (`link`) and carry the age of messages.
#[utoipa::path(get, path = "/api/v1/map", tag = "map", params(TraceFilterParams, MapParams),
    responses((status = 200, body = MapAnswer), (status = 400, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn service_map(State(state): State<ApiState>, RawQuery(query): RawQuery) -> Result<Json<MapAnswer>, QueryError> {
    let mut params = Params::of(query.as_deref());
    let (filter, whole) = filter(&mut params)?;
    let buckets = params.optional_count("buckets", BUCKETS_MAX)?;
    let group = params.word("group", &["namespace", "env"])?;
    let group_above = params.optional_count("group_above", NODES_MAX)?.unwrap_or(0);
    params.finish()?;
    let range = filter.range;
    let query = state.engine.begin("map", None).await?;
    let filter = decided(&query, filter, whole).await?;
    let mut map = map::read(&query, &filter, buckets).await?;
    if let Some(word) = group.filter(|_| map.nodes.len() > group_above) {
        let by = if word == "env" { GroupBy::Environment } else { GroupBy::Namespace };
        map.set_groups(map::groups(&query, range, by).await?);
    }
    Ok(Json(MapAnswer { map, elapsed_ms: elapsed_ms(&query) }))
}

/// The filter with its condition on whole traces decided.
/// Errors: `TooLarge` when more traces come into question than are decided about one by one.
pub(super) async fn decided(
    query: &Query,
    filter: SpanFilter,
    whole: Option<TraceQuery>,
) -> Result<SpanFilter, QueryError> {
    match Matching::Spans(filter, whole).decided(query).await? {
        (Matching::Spans(filter, _), true) => Ok(filter),
        _ => Err(QueryError::too_large(
            "the search is about whole traces, and too many come into question to count their calls",
            "narrow the time range, or add a condition on a single span",
        )),
    }
}

/// The map of one trace.
#[utoipa::path(get, path = "/api/v1/traces/{trace_id}/map", tag = "map",
    params(("trace_id" = String, Path, description = "32 hex digits")),
    responses(
        (status = 200, body = MapAnswer),
        (status = 400, body = ErrorBody),
        (status = 404, body = ErrorBody, description = "No span has this trace id"),
    ))]
async fn trace_map(
    State(state): State<ApiState>,
    Path(trace_id): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<MapAnswer>, QueryError> {
    let trace_id = parse_trace_id(&trace_id)?;
    Params::of(query.as_deref()).finish()?;
    let query = state.engine.begin("map", None).await?;
    let filter = SpanFilter { trace_id: Some(trace_id), ..SpanFilter::default() };
    let map = map::read(&query, &filter, None).await?;
    if map.span_count == 0 {
        return Err(QueryError::not_found(
            format!("no span has trace id {trace_id}"),
            "check the id; it may not have arrived yet, or its date may have been dropped by retention",
        ));
    }
    Ok(Json(MapAnswer { map, elapsed_ms: elapsed_ms(&query) }))
}
