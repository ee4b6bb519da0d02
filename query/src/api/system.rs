//! `GET /api/v1/system`: what came in since the start, what of it was not taken, and how much lies on the disk.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use proto::{Signal, UnixNanos};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::ApiState;
use crate::answer::unix_nano_text;

#[derive(OpenApi)]
#[openapi(paths(system))]
pub(super) struct Docs;

pub(super) fn router() -> Router<ApiState> {
    Router::new().route("/api/v1/system", get(system))
}

/// What the write path has received of a signal since the start; the binary asks `collector` for it.
#[derive(Clone, Debug, Default)]
pub struct Received {
    pub accepted: u64,
    pub rejected: u64,
    /// Kind of error and number of requests.
    pub refused: Vec<(&'static str, u64)>,
    /// When the last request with a record came, and the time of its newest record.
    pub last: Option<(UnixNanos, UnixNanos)>,
}

#[derive(Serialize, ToSchema)]
struct System {
    version: &'static str,
    /// Of this process: counts begin there.
    #[serde(serialize_with = "unix_nano_text")]
    #[schema(value_type = String)]
    started_unix_nano: i64,
    /// By the clock of the server.
    #[serde(serialize_with = "unix_nano_text")]
    #[schema(value_type = String)]
    now_unix_nano: i64,
    received: ReceivedSignals,
    disk: Disk,
    /// What is older is removed; null when everything is kept.
    #[schema(required)]
    retention_ns: Option<u64>,
}

#[derive(Serialize, ToSchema)]
struct ReceivedSignals {
    spans: ReceivedSignal,
    logs: ReceivedSignal,
}

#[derive(Serialize, ToSchema)]
struct ReceivedSignal {
    /// Records that were acknowledged since the start.
    accepted: u64,
    /// Records without a valid id in acknowledged requests: they are not stored, and the sender was told.
    rejected: u64,
    /// Requests that were answered with an error, by its kind; nothing of them is stored.
    refused: Vec<Refused>,
    /// When the last request with a record came.
    #[schema(required)]
    last_arrival_unix_nano: Option<String>,
    /// How old the newest record of that request was when it came: less than zero when the sender's clock is ahead.
    #[schema(required)]
    last_lag_ns: Option<i64>,
}

#[derive(Serialize, ToSchema)]
struct Refused {
    /// `invalid`, `too_large`, `unsupported`, `method`, `slow`, `busy`, `unavailable` or `internal`.
    code: &'static str,
    requests: u64,
}

/// Bytes of files, but for the journal of the lake.
#[derive(Serialize, ToSchema)]
struct Disk {
    /// Parquet files and their indexes.
    spans_bytes: u64,
    logs_bytes: u64,
    /// What was acknowledged and is not in such a file yet.
    wal_bytes: u64,
}

impl From<Received> for ReceivedSignal {
    fn from(received: Received) -> Self {
        let refused = received.refused.into_iter().map(|(code, requests)| Refused { code, requests });
        Self {
            accepted: received.accepted,
            rejected: received.rejected,
            refused: refused.collect(),
            last_arrival_unix_nano: received.last.map(|(arrival, _)| arrival.to_string()),
            last_lag_ns: received.last.map(|(arrival, newest)| arrival.saturating_sub(newest)),
        }
    }
}

/// What came in since the start, what of it was not taken, and how much lies on the disk.
#[utoipa::path(get, path = "/api/v1/system", tag = "operation", responses((status = 200, body = System)))]
async fn system(State(state): State<ApiState>) -> Json<System> {
    let stats = state.engine.store().stats();
    let bytes =
        |signal| stats.signals.iter().find(|stats| stats.signal == signal).map_or(0, |stats| stats.segment_bytes);
    let received = |signal| state.admin.received(signal).into();
    Json(System {
        version: state.settings.version,
        started_unix_nano: unix_nanos(state.settings.started),
        now_unix_nano: unix_nanos(SystemTime::now()),
        received: ReceivedSignals { spans: received(Signal::Spans), logs: received(Signal::Logs) },
        disk: Disk { spans_bytes: bytes(Signal::Spans), logs_bytes: bytes(Signal::Logs), wal_bytes: stats.wal_bytes },
        retention_ns: state.settings.retention.map(nanos_of),
    })
}

fn nanos_of(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn unix_nanos(time: SystemTime) -> i64 {
    i64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()).unwrap_or(i64::MAX)
}
