//! The HTTP API: which path is answered where.
//!
//! | path | file |
//! |---|---|
//! | `/api/v1/traces`, `.../histogram` | [`traces`] |
//! | `/api/v1/traces/{trace_id}...` | [`trace`] |
//! | `/api/v1/logs...` | [`logs`] |
//! | `/api/v1/search...`, `fields...`, `facets`, `traces/durations` | [`search`] |
//! | `/api/v1/map`, `/api/v1/traces/{trace_id}/map` | [`map`] |
//! | `/api/v1/root-cause` | [`root_cause`] |
//! | `/api/v1/chattiness` | [`chattiness`] |
//! | `/api/v1/flows/{value}` | [`flows`] |
//! | `/api/v1/services...` | [`services`] |
//! | `/api/v1/spans/heatmap`, `.../compare` | [`heatmap`] |
//! | `/api/v1/sql` | [`sql`] |
//! | `/api/v1/queries...` | [`queries`] |
//! | `/api/v1/health`, `ready`, `status`, `/metrics` | [`health`] |
//! | `/api/v1/admin/...` | [`admin`] |
//! | `/openapi.json` | [`openapi`] |
//! | everything else | `assets`: the UI |
//!
//! Each file has a `router()` and a `Docs` (its part of the OpenAPI description).

pub mod admin;
mod chattiness;
pub mod error;
mod flows;
mod guard;
mod health;
mod heatmap;
mod import;
mod logs;
mod map;
pub mod openapi;
mod params;
mod queries;
mod root_cause;
mod search;
mod services;
mod sql;
mod stream;
mod system;
mod trace;
mod traces;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use storage::Store;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};

use crate::assets;
use crate::engine::{Engine, EngineSettings};
use crate::error::QueryError;

pub use admin::Admin;
pub use import::Imported;
pub use system::Received;

/// Bytes of a request body.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Makes the text of `/metrics`.
pub type MetricsRender = Arc<dyn Fn() -> String + Send + Sync>;

/// What the read path is told at start.
#[derive(Clone, Debug)]
pub struct QuerySettings {
    pub engine: EngineSettings,
    /// Of the binary, as shown in answers.
    pub version: &'static str,
    /// Addresses shown to people who want to send.
    pub otlp_grpc: String,
    pub otlp_http: String,
    /// Attribute keys that carry the id of a flow, at most [`crate::FLOW_KEYS_MAX`].
    pub flow_keys: Vec<String>,
    /// Of this process.
    pub started: SystemTime,
    /// How long rows are kept; none: for ever. Shown where a range lies before.
    pub retention: Option<Duration>,
}

/// What every handler may use.
#[derive(Clone)]
pub struct ApiState {
    pub engine: Engine,
    pub settings: Arc<QuerySettings>,
    pub admin: Arc<dyn Admin>,
    pub metrics_render: MetricsRender,
}

/// The whole service of the query port. Errors: the engine cannot be started.
pub fn router(
    store: Store,
    settings: QuerySettings,
    admin: Arc<dyn Admin>,
    metrics_render: MetricsRender,
) -> Result<Router, QueryError> {
    let engine = Engine::new(store, settings.engine.clone())?;
    Ok(routes(ApiState { engine, settings: Arc::new(settings), admin, metrics_render }))
}

fn routes(state: ApiState) -> Router {
    Router::new()
        .merge(traces::router())
        .merge(trace::router())
        .merge(logs::router())
        .merge(search::router())
        .merge(map::router())
        .merge(root_cause::router())
        .merge(heatmap::router())
        .merge(flows::router())
        .merge(chattiness::router())
        .merge(services::router())
        .merge(sql::router())
        .merge(queries::router())
        .merge(health::router())
        .merge(import::router())
        .merge(admin::router())
        .merge(system::router())
        .merge(openapi::router())
        .fallback(assets::serve)
        .method_not_allowed_fallback(guard::method_not_allowed)
        .with_state(state)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(guard::name_queries))
        .layer(middleware::from_fn(guard::catch_panics))
        // A frame must not wait in the compressor until more have come.
        .layer(
            CompressionLayer::new()
                .compress_when(DefaultPredicate::new().and(NotForContentType::const_new(stream::NDJSON))),
        )
        .layer(middleware::map_response(guard::security_headers))
}
