//! `GET /api/v1/services...`: what is seen of each service and operation.

use axum::extract::{Path, RawQuery, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::ApiState;
use super::error::ErrorBody;
use super::params::Params;
use super::traces::{BUCKETS, BUCKETS_MAX, BucketParams};
use crate::error::QueryError;
use crate::error_groups::{self, ErrorGroups};
use crate::service_page::{self, ServiceOverview};
use crate::services::{self, OperationFigures, ServiceFigures};

#[derive(OpenApi)]
#[openapi(paths(list, overview, operations, errors))]
pub(super) struct Docs;

pub(super) fn router() -> Router<ApiState> {
    Router::new()
        .route("/api/v1/services", get(list))
        .route("/api/v1/services/{service}", get(overview))
        .route("/api/v1/services/{service}/operations", get(operations))
        .route("/api/v1/services/{service}/errors", get(errors))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `Params::range` reads")]
struct RangeParams {
    /// Inclusive: RFC 3339, epoch nanoseconds, or relative to now (`now-15m`; units ns us ms s m h d w).
    from: Option<String>,
    /// Exclusive; forms as in `from`.
    to: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Services {
    /// By name.
    services: Vec<ServiceFigures>,
}

/// All services that sent spans or log records in the time range.
#[utoipa::path(get, path = "/api/v1/services", tag = "services", params(RangeParams),
    responses((status = 200, body = Services), (status = 400, body = ErrorBody)))]
async fn list(State(state): State<ApiState>, RawQuery(query): RawQuery) -> Result<Json<Services>, QueryError> {
    let mut params = Params::of(query.as_deref());
    let range = params.range()?;
    params.finish()?;
    let query = state.engine.begin("services", None).await?;
    Ok(Json(Services { services: services::services(&query, range).await? }))
}

#[derive(Serialize, ToSchema)]
struct Operations {
    service: String,
    /// By name and kind.
    operations: Vec<OperationFigures>,
}

/// The operations (span name and kind) of one service.
#[utoipa::path(get, path = "/api/v1/services/{service}/operations", tag = "services",
    params(("service" = String, Path, description = "service.name"), RangeParams),
    responses((status = 200, body = Operations), (status = 400, body = ErrorBody)))]
async fn operations(
    State(state): State<ApiState>,
    Path(service): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<Operations>, QueryError> {
    let mut params = Params::of(query.as_deref());
    let range = params.range()?;
    params.finish()?;
    let query = state.engine.begin("operations", None).await?;
    let operations = services::operations(&query, &service, range).await?;
    Ok(Json(Operations { service, operations }))
}

/// Rate, errors and duration of one service: as a whole, over time, by version and instance.
#[utoipa::path(get, path = "/api/v1/services/{service}", tag = "services",
    params(("service" = String, Path, description = "service.name"), RangeParams, BucketParams),
    responses(
        (status = 200, body = ServiceOverview),
        (status = 400, body = ErrorBody),
        (status = 404, body = ErrorBody, description = "The service has no span in the range"),
    ))]
async fn overview(
    State(state): State<ApiState>,
    Path(service): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<ServiceOverview>, QueryError> {
    let mut params = Params::of(query.as_deref());
    let range = params.range()?;
    let buckets = params.count("buckets", BUCKETS, BUCKETS_MAX)?;
    params.finish()?;
    let query = state.engine.begin("service", None).await?;
    Ok(Json(service_page::overview(&query, &service, range, buckets).await?))
}

/// Failed spans of one service by exception type and message pattern.
#[utoipa::path(get, path = "/api/v1/services/{service}/errors", tag = "services",
    params(("service" = String, Path, description = "service.name"), RangeParams),
    responses((status = 200, body = ErrorGroups), (status = 400, body = ErrorBody)))]
async fn errors(
    State(state): State<ApiState>,
    Path(service): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Json<ErrorGroups>, QueryError> {
    let mut params = Params::of(query.as_deref());
    let range = params.range()?;
    params.finish()?;
    let query = state.engine.begin("errors", None).await?;
    Ok(Json(error_groups::error_groups(&query, &service, range).await?))
}
