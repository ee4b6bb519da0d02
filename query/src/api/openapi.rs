//! `GET /openapi.json`: the description that every handler carries, in one document.

use axum::routing::get;
use axum::{Json, Router};
use utoipa::OpenApi;

use super::{ApiState, admin, health, logs, map, queries, search, services, sql, trace, traces};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Spanlake",
        description = "Traces and logs: search, trace trees, SQL. Errors have the body `{\"error\": {\"code\", \"message\", \"hint\"}}`. \
                       Fields whose name ends in `_unix_nano` are decimal strings, as in OTLP/JSON.",
    ),
    components(schemas(super::error::ErrorBody))
)]
struct Root;

pub(super) fn router() -> Router<ApiState> {
    Router::new().route("/openapi.json", get(|| async { Json(document()) }))
}

/// The whole description.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = Root::openapi();
    for part in [
        traces::Docs::openapi(),
        trace::Docs::openapi(),
        logs::Docs::openapi(),
        search::Docs::openapi(),
        map::Docs::openapi(),
        services::Docs::openapi(),
        sql::Docs::openapi(),
        queries::Docs::openapi(),
        health::Docs::openapi(),
        admin::Docs::openapi(),
    ] {
        document.merge(part);
    }
    document
}
