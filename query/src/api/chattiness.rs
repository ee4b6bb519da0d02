//! `GET /api/v1/chattiness`: who calls whom how often in one request.

use axum::extract::{RawQuery, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::ApiState;
use super::error::ErrorBody;
use super::map::decided;
use super::params::Params;
use super::traces::{TraceFilterParams, elapsed_ms, filter};
use crate::chattiness::{self, Chattiness};
use crate::error::QueryError;

#[derive(OpenApi)]
#[openapi(paths(calls))]
pub(super) struct Docs;

pub(super) fn router() -> Router<ApiState> {
    Router::new().route("/api/v1/chattiness", get(calls))
}

#[derive(Serialize, ToSchema)]
struct ChattinessAnswer {
    #[serde(flatten)]
    chattiness: Chattiness,
    elapsed_ms: u64,
}

/// Calls per request over each edge and of each root operation, in the traces with a span that satisfies all filters:
/// repeated ones (N+1), identical ones, and those that are made one after the other, with their share of the time. Only
/// spans of the time range count.
#[utoipa::path(get, path = "/api/v1/chattiness", tag = "map", params(TraceFilterParams),
    responses((status = 200, body = ChattinessAnswer), (status = 400, body = ErrorBody), (status = 422, body = ErrorBody)))]
async fn calls(State(state): State<ApiState>, RawQuery(query): RawQuery) -> Result<Json<ChattinessAnswer>, QueryError> {
    let mut params = Params::of(query.as_deref());
    let (filter, whole) = filter(&mut params)?;
    params.finish()?;
    let query = state.engine.begin("chattiness", None).await?;
    let filter = decided(&query, filter, whole).await?;
    let chattiness = chattiness::read(&query, &filter).await?;
    Ok(Json(ChattinessAnswer { chattiness, elapsed_ms: elapsed_ms(&query) }))
}
