//! `POST /api/v1/import`: spans and log records of a file, as downloads of the trace page are.
//!
//! For people with a browser; programs send OTLP to the collector's ports. The write path stores it as anything else.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, header};
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use proto::Signal;
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::ApiState;
use super::error::ErrorBody;
use crate::error::QueryError;

/// Bytes of one request; the UI sends a larger file in parts.
const IMPORT_BYTES_MAX: usize = 32 << 20;

#[derive(OpenApi)]
#[openapi(paths(import))]
pub(super) struct Docs;

pub(super) fn router() -> Router<ApiState> {
    Router::new().route("/api/v1/import", post(import).layer(DefaultBodyLimit::max(IMPORT_BYTES_MAX)))
}

/// What became of the records of one signal.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = ImportedRecords)]
pub struct Imported {
    /// Stored: on disk and visible.
    pub accepted: u64,
    pub rejected: u64,
    /// Present exactly when records were rejected.
    #[schema(required)]
    pub rejected_reason: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ImportAnswer)]
struct Answer {
    spans: Imported,
    logs: Imported,
}

/// Stores the spans and log records of an OTLP/JSON document, at most 32 MiB: `{"resourceSpans": [...],
/// "resourceLogs": [...]}`, as `GET /api/v1/traces/{trace_id}?format=otlp` gives it. Spans come first: when log records
/// fail then, the spans are stored. Spans that are here already are shown once.
///
/// The content type has to be `application/json`: a page of another site cannot send that unasked.
#[utoipa::path(post, path = "/api/v1/import", tag = "traces", request_body = serde_json::Value,
    responses(
        (status = 200, body = Answer),
        (status = 400, body = ErrorBody, description = "No OTLP/JSON, or nothing in it"),
        (status = 413, description = "More than 32 MiB"),
        (status = 429, body = ErrorBody),
        (status = 503, body = ErrorBody),
    ))]
async fn import(State(state): State<ApiState>, headers: HeaderMap, body: Bytes) -> Result<Json<Answer>, QueryError> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type.split(';').next().map(str::trim) != Some("application/json") {
        let message = format!("content type {content_type:?} is not imported");
        return Err(QueryError::bad_request(message, "send OTLP/JSON as application/json"));
    }
    let admin = Arc::clone(&state.admin);
    // To the end even when the client goes away: half of a trace helps nobody.
    let work = tokio::spawn(async move {
        let spans = admin.import(Signal::Spans, body.clone()).await?;
        let logs = admin.import(Signal::Logs, body).await?;
        Ok::<_, QueryError>(Answer { spans, logs })
    });
    let answer = work.await.map_err(|error| QueryError::internal(format!("the import ended early: {error}")))??;
    let records = [&answer.spans, &answer.logs].map(|of| of.accepted + of.rejected);
    if records == [0, 0] {
        let hint = "an OTLP/JSON document has resourceSpans or resourceLogs";
        return Err(QueryError::bad_request("there is no span and no log record in it", hint));
    }
    Ok(Json(answer))
}
