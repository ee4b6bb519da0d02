//! `QueryError` as an HTTP answer: status and `{"error": {"code", "message", "hint"}}`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{ErrorKind, QueryError};

/// Body of every answer that is not a success.
#[derive(Serialize, ToSchema)]
pub struct ErrorBody {
    pub error: ErrorDetail,
}

#[derive(Serialize, ToSchema)]
pub struct ErrorDetail {
    /// `bad_request`, `not_found`, `timeout`, `too_large`, `stopped`, `busy`, `unavailable`, `internal`.
    pub code: &'static str,
    /// What happened, and where.
    pub message: String,
    /// What to do about it.
    pub hint: String,
    /// Where in the text of a search or a statement: its first character and the one behind its last, counted in characters
    /// from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<(usize, usize)>,
}

fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::BadRequest => StatusCode::BAD_REQUEST,
        ErrorKind::NotFound => StatusCode::NOT_FOUND,
        ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        ErrorKind::TooLarge => StatusCode::UNPROCESSABLE_ENTITY,
        // The request was well and the server too: another request ended it.
        ErrorKind::Stopped => StatusCode::CONFLICT,
        ErrorKind::Busy => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::Engine | ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for QueryError {
    fn into_response(self) -> Response {
        let detail = ErrorDetail { code: self.kind.code(), message: self.message, hint: self.hint, at: self.at };
        let mut response = (status(self.kind), Json(ErrorBody { error: detail })).into_response();
        if matches!(self.kind, ErrorKind::Busy | ErrorKind::Unavailable) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
