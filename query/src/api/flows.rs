//! `GET /api/v1/flows/{value}`: everything that carries one correlation id.

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use axum::routing::get;
use utoipa::{IntoParams, OpenApi};

use super::ApiState;
use super::error::ErrorBody;
use super::params::Params;
use super::traces::json_text;
use crate::error::QueryError;
use crate::flow::{self, FlowAnswer, FlowQuery};

/// Letters of a value, and of a key.
const CHARS_MAX: usize = 1_024;
const LOGS: usize = 500;
const LOGS_MAX: usize = 10_000;

#[derive(OpenApi)]
#[openapi(paths(one_flow))]
pub(super) struct Docs;

pub(super) fn router() -> Router<ApiState> {
    Router::new().route("/api/v1/flows/{value}", get(one_flow))
}

#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what `one_flow` reads")]
struct FlowParams {
    /// Time of the spans and log records that carry the value, and of spans that link to their traces, inclusive: RFC
    /// 3339, epoch nanoseconds, or relative to now (`now-15m`). The traces are shown whole.
    from: Option<String>,
    /// Exclusive; forms as in `from`.
    to: Option<String>,
    /// Look under this attribute key only, whether it is configured or not.
    key: Option<String>,
    /// Log records of the answer; default 500.
    #[param(minimum = 1, maximum = 10_000)]
    logs: Option<usize>,
}

/// Everything that carries one value (the id of an order, a session, a request) under one of the configured keys, the
/// trace that has it as its id, and the traces that span links join to those in either direction: in the order of time and
/// as a tree, with the gaps between them, and compared with other values of the same key.
///
/// A value that is nowhere is answered with `why_empty`.
#[utoipa::path(get, path = "/api/v1/flows/{value}", tag = "flows",
    params(("value" = String, Path, description = "Compared as text, letter by letter"), FlowParams),
    responses(
        (status = 200, body = FlowAnswer),
        (status = 400, body = ErrorBody),
        (status = 422, body = ErrorBody, description = "More spans than can be shown"),
    ))]
async fn one_flow(
    State(state): State<ApiState>,
    Path(value): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, QueryError> {
    let mut params = Params::of(query.as_deref());
    let (range, key) = (params.range()?, params.take("key")?);
    let logs_max = params.count("logs", LOGS, LOGS_MAX)?;
    params.finish()?;
    let value = value.trim().to_owned();
    for (what, text) in [("value", Some(&value)), ("key", key.as_ref())] {
        let length = text.map_or(1, |text| text.chars().count());
        if length == 0 || length > CHARS_MAX {
            return Err(QueryError::bad_request(
                format!("the {what} of a flow has {length} characters"),
                format!("give 1 to {CHARS_MAX}"),
            ));
        }
    }
    let keys = key.map_or_else(|| state.settings.flow_keys.clone(), |key| vec![key]);
    let query = state.engine.begin("flow", None).await?;
    Ok(json_text(flow::read(&query, FlowQuery { value, keys, range, logs_max }).await?))
}
