//! `/api/v1/queries...`: what runs now, and stopping it.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{delete, get};
use axum::{Json, Router};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::ApiState;
use super::error::ErrorBody;
use crate::error::QueryError;
use crate::running::RunningQuery;

#[derive(OpenApi)]
#[openapi(paths(running_queries, stop_query))]
pub(super) struct Docs;

pub(super) fn router() -> Router<ApiState> {
    Router::new().route("/api/v1/queries", get(running_queries)).route("/api/v1/queries/{id}", delete(stop_query))
}

#[derive(Serialize, ToSchema)]
struct RunningQueries {
    /// Oldest first.
    queries: Vec<RunningQuery>,
}

/// Queries that run or wait for a place.
#[utoipa::path(get, path = "/api/v1/queries", tag = "queries", responses((status = 200, body = RunningQueries)))]
async fn running_queries(State(state): State<ApiState>) -> Json<RunningQueries> {
    Json(RunningQueries { queries: state.engine.queries().list() })
}

/// Stops a query. Its request is answered with status 409 and the code `stopped`; a stream ends with what came.
///
/// The id is in the list, in the header `x-spanlake-query-id` of every answer that a query gave and in the first frame
/// of a stream. A client may choose it: 1 to 64 letters, digits, `-` and `_` in the request header of the same name.
#[utoipa::path(delete, path = "/api/v1/queries/{id}", tag = "queries", params(("id" = String, Path)),
    responses((status = 204, description = "It ends now"),
        (status = 404, body = ErrorBody, description = "No query of that id runs")))]
async fn stop_query(State(state): State<ApiState>, Path(id): Path<String>) -> Result<StatusCode, QueryError> {
    state.engine.queries().stop(&id)?;
    Ok(StatusCode::NO_CONTENT)
}
