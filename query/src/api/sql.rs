//! `POST /api/v1/sql`.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use axum::routing::post;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use super::ApiState;
use super::error::ErrorBody;
use crate::answer::JsonValue;
use crate::engine::Rows;
use crate::error::QueryError;
use crate::result::{self, MayGoOn};

#[derive(OpenApi)]
#[openapi(paths(sql))]
pub(super) struct Docs;

pub(super) fn router() -> Router<ApiState> {
    Router::new().route("/api/v1/sql", post(sql))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SqlRequest {
    /// One SELECT or EXPLAIN over the tables `spans` and `logs`.
    sql: String,
    /// Milliseconds after which the query is given up; at most 600,000.
    #[schema(default = 30_000)]
    timeout_ms: Option<u64>,
}

/// The JSON form of an answer, as `result::json` writes it.
#[derive(Serialize, ToSchema)]
pub(super) struct SqlAnswer {
    columns: Vec<SqlColumn>,
    /// One array of values for each row. Integers of 64 bits are exact JSON numbers; timestamps are RFC 3339 in UTC
    /// with nine digits; binary is hex; a float that is not a number is null.
    #[schema(value_type = Vec<Vec<JsonValue>>)]
    rows: Vec<Vec<serde_json::Value>>,
    elapsed_ms: u64,
    /// Whether there were more rows than an answer holds.
    truncated: bool,
}

#[derive(Serialize, ToSchema)]
pub(super) struct SqlColumn {
    name: String,
    #[serde(rename = "type")]
    data_type: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
    ArrowStream,
}

impl Format {
    /// The first of the accepted types that we speak; JSON when there is none.
    fn of(headers: &HeaderMap) -> Format {
        let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        for media_type in accepted.split(',') {
            match media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
                "application/json" => return Format::Json,
                "text/csv" => return Format::Csv,
                "application/vnd.apache.arrow.stream" => return Format::ArrowStream,
                _ => {}
            }
        }
        Format::Json
    }

    fn content_type(self) -> &'static str {
        match self {
            Format::Json => "application/json",
            Format::Csv => "text/csv; charset=utf-8",
            Format::ArrowStream => "application/vnd.apache.arrow.stream",
        }
    }

    fn encode(self, rows: &Rows, elapsed: Duration, may_go_on: &MayGoOn<'_>) -> Result<Vec<u8>, QueryError> {
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        Ok(match self {
            Format::Json => result::json(rows, elapsed_ms, may_go_on)?,
            Format::Csv => result::csv(rows, may_go_on)?,
            Format::ArrowStream => result::arrow_stream(rows, may_go_on)?,
        })
    }
}

/// Runs one SQL query over `spans` and `logs`.
///
/// The header `Accept` chooses the form of the answer. In CSV and Arrow the header `x-spanlake-truncated: true` says
/// that rows were cut off.
#[utoipa::path(post, path = "/api/v1/sql", tag = "sql", request_body = SqlRequest,
    responses(
        (status = 200, description = "The rows", content(
            (SqlAnswer = "application/json"),
            (String = "text/csv"),
            (Vec<u8> = "application/vnd.apache.arrow.stream"),
        )),
        (status = 400, body = ErrorBody, description = "Not one query that reads, or one that cannot be planned"),
        (status = 409, body = ErrorBody, description = "Somebody stopped it"),
        (status = 422, body = ErrorBody, description = "Too much memory or too large an answer"),
        (status = 429, body = ErrorBody, description = "Too many queries are waiting"),
        (status = 504, body = ErrorBody, description = "Not finished in time"),
    ))]
async fn sql(
    State(state): State<ApiState>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, QueryError> {
    let body = body.map_err(|rejection| {
        QueryError::bad_request(format!("cannot read the request: {rejection}"), "send a shorter text")
    })?;
    let request: SqlRequest = serde_json::from_slice(&body).map_err(|error| {
        QueryError::bad_request(format!("cannot read the request: {error}"), r#"send {"sql": "SELECT ..."}"#)
    })?;
    let format = Format::of(&headers);
    let query = state.engine.begin("sql", request.timeout_ms.map(Duration::from_millis)).await?;
    query.ask(&request.sql);
    let rows = query.answer(&request.sql, state.engine.settings().rows_max).await?;
    let truncated = rows.truncated;
    let (elapsed, may_go_on) = (query.elapsed(), query.may_go_on());
    let bytes = query.run(async move { format.encode(&rows, elapsed, &may_go_on) }).await?;
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    if truncated {
        response.headers_mut().insert("x-spanlake-truncated", HeaderValue::from_static("true"));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_known_type_is_taken() {
        for (accept, expected) in [
            ("", Format::Json),
            ("*/*", Format::Json),
            ("text/csv", Format::Csv),
            ("text/html, Text/CSV;q=0.9", Format::Csv),
            ("application/vnd.apache.arrow.stream, application/json", Format::ArrowStream),
            ("image/png", Format::Json),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(Format::of(&headers), expected, "{accept}");
        }
    }
}
