//! What surrounds every handler: panics, wrong methods, security headers.

use std::panic::AssertUnwindSafe;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use url::form_urlencoded;

use crate::error::{ErrorKind, QueryError};
use crate::running;

/// For answers that are not a page of the UI, which brings its own.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// A handler that panics answers 500; the connection and the server go on.
pub(super) async fn catch_panics(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            let what = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_default();
            tracing::error!(path, "a handler panicked: {what}");
            QueryError::new(ErrorKind::Internal, format!("{path} failed"), "the server's log says more").into_response()
        }
    }
}

/// The id of the query that answers a request: chosen by the client, or told to it.
const QUERY_ID: HeaderName = HeaderName::from_static("x-spanlake-query-id");

/// Queries of a request are listed with its path, and answers name the query that gave them.
pub(super) async fn name_queries(request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let mut asked = format!("{} {path}", request.method());
    for (nth, (key, value)) in form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).enumerate()
    {
        asked.push_str(if nth == 0 { "?" } else { "&" });
        asked.push_str(&format!("{key}={value}"));
    }
    let wanted = request.headers().get(&QUERY_ID).map(|id| String::from_utf8_lossy(id.as_bytes()).into_owned());
    let asking = match running::Request::new(asked, wanted) {
        Ok(asking) => asking,
        Err(error) => return error.into_response(),
    };
    let mut response = asking.scope(next.run(request)).await;
    if let Some(id) = asking.query_id().and_then(|id| HeaderValue::try_from(id).ok()) {
        response.headers_mut().insert(QUERY_ID, id);
    }
    response
}

pub(super) async fn method_not_allowed(request: Request) -> Response {
    let message = format!("{} does not answer {}", request.uri().path(), request.method());
    let mut response = QueryError::bad_request(message, "see /openapi.json").into_response();
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
}

pub(super) async fn security_headers(mut response: Response) -> Response {
    const HEADERS: [(HeaderName, &str); 3] = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
