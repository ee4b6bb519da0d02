//! `GET /api/v1/root-cause`: what changed in a window, and whose doing it is.

use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::ApiState;
use super::error::ErrorBody;
use super::params::Params;
use super::traces::{TraceFilterParams, elapsed_ms, filter};
use crate::error::{ErrorKind, QueryError};
use crate::matching::Matching;
use crate::root_cause::{self, Periods, RootCause};

/// Time for a comparison that names none, unless the engine gives less: somebody looks at a page and waits.
const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(OpenApi)]
#[openapi(paths(what_changed))]
pub(super) struct Docs;

pub(super) fn router() -> Router<ApiState> {
    Router::new().route("/api/v1/root-cause", get(what_changed))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `what_changed` reads")]
struct BaseParams {
    /// Where the baseline begins; forms as in `from`. Default: an hour, or ten lengths of the window, before it; where
    /// there are fewer than 200,000 spans, further, up to a day.
    base_from: Option<String>,
    /// Exclusive. Default: as far behind the window. What lies in the window is not part of the
    /// baseline.
    base_to: Option<String>,
    /// `500ms`, `30s`, ...: the comparison is given up when it takes longer. Default 10 s, or what queries have when that
    /// is less.
    timeout: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct RootCauseAnswer {
    #[serde(flatten)]
    found: RootCause,
    elapsed_ms: u64,
}

/// Services, calls and messages ranked by what changed between the window `from`..`to` and its baseline: own time, time
/// on the way, failures, calls that are missing, messages that are new. Each with its figures, the sizes of the samples,
/// an example and a sentence.
///
/// With filters, only traces with a span that satisfies all of them are compared, and only log records of such traces.
/// Of very many spans, those of one trace in `traces_one_in` are looked at.
#[utoipa::path(get, path = "/api/v1/root-cause", tag = "root cause", params(TraceFilterParams, BaseParams),
    responses((status = 200, body = RootCauseAnswer), (status = 400, body = ErrorBody), (status = 422, body = ErrorBody),
        (status = 504, body = ErrorBody, description = "There is too much to compare in the time")))]
async fn what_changed(
    State(state): State<ApiState>,
    RawQuery(query): RawQuery,
) -> Result<Json<RootCauseAnswer>, QueryError> {
    let mut params = Params::of(query.as_deref());
    let (filter, whole) = filter(&mut params)?;
    let (base_from, base_to) = (params.time("base_from")?, params.time("base_to")?);
    let timeout = params.duration("timeout")?.map(|ns| Duration::from_nanos(ns.unsigned_abs()));
    params.finish()?;
    let (Some(from), Some(to)) = (filter.range.start, filter.range.end) else {
        return Err(QueryError::bad_request("the window has no ends", "give from and to"));
    };
    let is_search = whole.is_some() || filter.has_conditions();
    let matching = is_search.then_some(Matching::Spans(filter, whole));
    let timeout = timeout.unwrap_or_else(|| TIMEOUT.min(state.engine.settings().timeout));
    let query = state.engine.begin("root_cause", Some(timeout)).await?;
    let usual = root_cause::periods_around(&query, from, to);
    let (base_from, base_to) = (base_from.unwrap_or(usual.base_from), base_to.unwrap_or(usual.base_to));
    let periods = Periods { base_from, base_to, ..usual };
    if from >= to || base_from >= base_to {
        return Err(QueryError::bad_request(
            "the window or its baseline is empty",
            "give from before to, and base_from before base_to",
        ));
    }
    let found = root_cause::read(&query, periods, matching.as_ref()).await;
    let found = found.map_err(|error| if error.kind == ErrorKind::Timeout { too_much(timeout) } else { error })?;
    Ok(Json(RootCauseAnswer { found, elapsed_ms: elapsed_ms(&query) }))
}

fn too_much(timeout: Duration) -> QueryError {
    QueryError::new(
        ErrorKind::Timeout,
        format!("there is too much data for a quick comparison: it was given up after {timeout:?}"),
        "narrow the range, choose a baseline that is shorter, or give a longer timeout",
    )
}
