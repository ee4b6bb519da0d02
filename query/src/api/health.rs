//! Is it alive, is it ready, what does it hold.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use proto::Signal;
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::ApiState;

#[derive(OpenApi)]
#[openapi(paths(health, ready, status, metrics))]
pub(super) struct Docs;

pub(super) fn router() -> Router<ApiState> {
    Router::new()
        .route("/api/v1/health", get(health))
        .route("/api/v1/ready", get(ready))
        .route("/api/v1/status", get(status))
        .route("/metrics", get(metrics))
}

#[derive(Serialize, ToSchema)]
struct Health {
    /// Always `ok`.
    status: &'static str,
    version: &'static str,
}

/// The process answers.
#[utoipa::path(get, path = "/api/v1/health", tag = "operation", responses((status = 200, body = Health)))]
async fn health(State(state): State<ApiState>) -> Json<Health> {
    Json(Health { status: "ok", version: state.settings.version })
}

#[derive(Serialize, ToSchema)]
struct Ready {
    ready: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// Answers are complete: the write-ahead log has been replayed.
#[utoipa::path(get, path = "/api/v1/ready", tag = "operation",
    responses((status = 200, body = Ready), (status = 503, body = Ready, description = "The log is being replayed")))]
async fn ready(State(state): State<ApiState>) -> Response {
    if state.engine.store().is_replaying() {
        let reason = Some("the write-ahead log is being replayed: what was sent before the start is not complete yet");
        return (StatusCode::SERVICE_UNAVAILABLE, Json(Ready { ready: false, reason })).into_response();
    }
    Json(Ready { ready: true, reason: None }).into_response()
}

#[derive(Serialize, ToSchema)]
struct Status {
    version: &'static str,
    ready: bool,
    /// Where OTLP/gRPC is received.
    otlp_grpc: String,
    /// Where OTLP/HTTP is received.
    otlp_http: String,
    /// Attribute keys that carry the id of a flow.
    flow_keys: Vec<String>,
    /// UTC dates are removed whole once they ended so long ago; null when everything is kept.
    #[schema(required)]
    retention_seconds: Option<u64>,
    signals: Signals,
}

#[derive(Serialize, ToSchema)]
struct Signals {
    spans: SignalStatus,
    logs: SignalStatus,
}

#[derive(Serialize, ToSchema)]
struct SignalStatus {
    rows: u64,
    /// Rows that are not in a segment yet.
    memtable_rows: u64,
    segments: u64,
    /// Parquet files and text indexes.
    segment_bytes: u64,
    #[schema(required)]
    oldest_unix_nano: Option<String>,
    #[schema(required)]
    newest_unix_nano: Option<String>,
}

impl SignalStatus {
    fn of(state: &ApiState, signal: Signal) -> SignalStatus {
        let stats = state.engine.store().stats();
        let Some(stats) = stats.signals.iter().find(|stats| stats.signal == signal) else {
            return SignalStatus {
                rows: 0,
                memtable_rows: 0,
                segments: 0,
                segment_bytes: 0,
                oldest_unix_nano: None,
                newest_unix_nano: None,
            };
        };
        SignalStatus {
            rows: stats.segment_rows + stats.memtable_rows as u64,
            memtable_rows: stats.memtable_rows as u64,
            segments: stats.segments as u64,
            segment_bytes: stats.segment_bytes,
            oldest_unix_nano: stats.min_time.map(|time| time.to_string()),
            newest_unix_nano: stats.max_time.map(|time| time.to_string()),
        }
    }
}

/// What is stored and where it is received.
#[utoipa::path(get, path = "/api/v1/status", tag = "operation", responses((status = 200, body = Status)))]
async fn status(State(state): State<ApiState>) -> Json<Status> {
    Json(Status {
        version: state.settings.version,
        ready: !state.engine.store().is_replaying(),
        otlp_grpc: state.settings.otlp_grpc.clone(),
        otlp_http: state.settings.otlp_http.clone(),
        flow_keys: state.settings.flow_keys.clone(),
        retention_seconds: state.settings.retention.map(|kept| kept.as_secs()),
        signals: Signals {
            spans: SignalStatus::of(&state, Signal::Spans),
            logs: SignalStatus::of(&state, Signal::Logs),
        },
    })
}

/// Counters of this process in the Prometheus text format.
#[utoipa::path(get, path = "/metrics", tag = "operation",
    responses((status = 200, content_type = "text/plain; version=0.0.4", body = String)))]
async fn metrics(State(state): State<ApiState>) -> Response {
    let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (content_type, (state.metrics_render)()).into_response()
}
