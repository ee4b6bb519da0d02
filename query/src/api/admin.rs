//! Maintenance on demand, for operators and tests. The server does both by itself.

use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::{Query as QueryString, State};
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use proto::Signal;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::ApiState;
use super::import::Imported;
use super::system::Received;
use crate::error::QueryError;

#[derive(OpenApi)]
#[openapi(paths(flush, compact))]
pub(super) struct Docs;

pub(super) fn router() -> Router<ApiState> {
    Router::new().route("/api/v1/admin/flush", post(flush)).route("/api/v1/admin/compact", post(compact))
}

/// What the write path does and says when asked; the binary connects it, so that `query` knows nothing of `collector`.
#[async_trait]
pub trait Admin: Send + Sync + 'static {
    /// Returns when everything acknowledged before the call lies in segments.
    async fn flush_all(&self) -> Result<(), QueryError>;

    /// Merges the segments that the policy would merge; with `force`, those of each date into one.
    async fn compact_all(&self, force: bool) -> Result<(), QueryError>;

    /// What has come in since the start.
    fn received(&self, signal: Signal) -> Received;

    /// Stores the records of one signal of an OTLP/JSON document; returns when they are on disk and visible.
    async fn import(&self, signal: Signal, json: Bytes) -> Result<Imported, QueryError>;
}

#[derive(Serialize, ToSchema)]
struct Maintained {
    /// Live segments now.
    segments: SegmentCounts,
}

#[derive(Serialize, ToSchema)]
struct SegmentCounts {
    spans: usize,
    logs: usize,
}

impl Maintained {
    fn now(state: &ApiState) -> Json<Maintained> {
        let count = |signal| state.engine.store().snapshot(signal).segments.len();
        Json(Maintained { segments: SegmentCounts { spans: count(Signal::Spans), logs: count(Signal::Logs) } })
    }
}

/// Moves all rows of the memtable into segments.
#[utoipa::path(post, path = "/api/v1/admin/flush", tag = "operation", responses((status = 200, body = Maintained)))]
async fn flush(State(state): State<ApiState>) -> Result<Json<Maintained>, QueryError> {
    let admin = Arc::clone(&state.admin);
    finish(async move { admin.flush_all().await }).await?;
    Ok(Maintained::now(&state))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct CompactParams {
    /// Everything of a date into one segment, whatever the policy says.
    #[serde(default)]
    force: bool,
}

/// Merges small segments.
#[utoipa::path(post, path = "/api/v1/admin/compact", tag = "operation", params(CompactParams),
    responses((status = 200, body = Maintained)))]
async fn compact(
    State(state): State<ApiState>,
    QueryString(params): QueryString<CompactParams>,
) -> Result<Json<Maintained>, QueryError> {
    let admin = Arc::clone(&state.admin);
    finish(async move { admin.compact_all(params.force).await }).await?;
    Ok(Maintained::now(&state))
}

/// Runs to the end even when the client goes away.
async fn finish(work: impl Future<Output = Result<(), QueryError>> + Send + 'static) -> Result<(), QueryError> {
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(error) => Err(QueryError::internal(format!("maintenance ended early: {error}"))),
    }
}
