//! OTLP/HTTP: `POST /v1/traces` and `/v1/logs`, protobuf or JSON, plain, gzip or zstd.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT_ENCODING, ALLOW, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, RETRY_AFTER,
};
use axum::http::{Method, Response, StatusCode};
use axum::routing::any;
use bytes::Bytes;
use prost::Message;
use proto::Signal;
use proto::otlp::{ExportTracePartialSuccess, ExportTraceServiceResponse};
use serde_json::json;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::body::{self, Compression, Encoded, Format};
use crate::error::IngestError;
use crate::ingester::{Ingester, Outcome};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

/// `cors_origins`: web pages that may send from the browser; none by default, `*` for all.
pub(crate) fn router(ingester: Ingester, cors_origins: &[String]) -> Router {
    let not_stored = |what: &'static str| any(move |state, request| accept_and_drop(state, request, what));
    let router = Router::new()
        .route("/v1/traces", any(|state, request| export(state, request, Signal::Spans)))
        .route("/v1/logs", any(|state, request| export(state, request, Signal::Logs)))
        .route("/v1/metrics", not_stored("metrics"))
        .route("/v1development/profiles", not_stored("profiles"))
        .route("/v1/development/profiles", not_stored("profiles"))
        .fallback(not_found)
        .with_state(ingester);
    match cors(cors_origins) {
        Some(cors) => router.layer(cors),
        None => router,
    }
}

fn cors(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    let headers = [CONTENT_TYPE, CONTENT_ENCODING, AUTHORIZATION, HeaderName::from_static("x-requested-with")];
    Some(CorsLayer::new().allow_origin(allowed).allow_methods([Method::POST]).allow_headers(headers))
}

async fn export(State(ingester): State<Ingester>, request: Request, signal: Signal) -> Response<Body> {
    let (parts, mut body) = request.into_parts();
    let result = receive(&ingester, signal, &parts.method, &parts.headers, &mut body).await;
    match result {
        Ok(outcome) => outcome_response(signal, answer_format(&parts.headers), &outcome),
        Err(error) => {
            ingester.count_refused(signal, &error);
            body::discard(body).await;
            error_response(answer_format(&parts.headers), &error)
        }
    }
}

async fn receive(
    ingester: &Ingester,
    signal: Signal,
    method: &Method,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Outcome, IngestError> {
    if method != Method::POST {
        return Err(IngestError::Method);
    }
    let format = content_type(headers)?;
    let compression = content_encoding(headers)?;
    let mut reservation = ingester.admission().reserve_nothing_yet();
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let limits = ingester.limits();
    let bytes = body::read(body, announced, limits.request_bytes_max, limits.body_time_max, &mut reservation).await?;
    ingester.ingest(signal, Encoded { bytes, compression, format }, reservation).await
}

/// Metrics and profiles: some SDKs send them unasked, and would come back for ever after an error.
async fn accept_and_drop(State(_): State<Ingester>, request: Request, what: &'static str) -> Response<Body> {
    let (parts, body) = request.into_parts();
    body::discard(body).await;
    let format = answer_format(&parts.headers);
    if parts.method != Method::POST {
        return error_response(format, &IngestError::Method);
    }
    let message = format!("spanlake stores traces and logs only: these {what} were not stored");
    partial_success(format, "rejectedDataPoints", 0, message)
}

async fn not_found(request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    body::discard(body).await;
    let what = format!("no such path: {}; OTLP/HTTP is served at /v1/traces and /v1/logs", parts.uri.path());
    error_response(answer_format(&parts.headers), &IngestError::NotFound(what))
}

/// The media type without parameters, lower-case.
fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn content_type(headers: &HeaderMap) -> Result<Format, IngestError> {
    match media_type(headers).as_str() {
        PROTOBUF | "application/protobuf" => Ok(Format::Protobuf),
        JSON => Ok(Format::Json),
        other => {
            let what = format!("unsupported content type {other:?}: send {PROTOBUF} or {JSON}");
            Err(IngestError::Unsupported(what))
        }
    }
}

fn content_encoding(headers: &HeaderMap) -> Result<Compression, IngestError> {
    let Some(value) = headers.get(CONTENT_ENCODING) else { return Ok(Compression::Identity) };
    let name = value.to_str().unwrap_or("?");
    Compression::from_name(name)
        .ok_or_else(|| IngestError::Unsupported(format!("unsupported content encoding {name:?}: send gzip or zstd")))
}

/// The request's own; JSON for what is neither, as a person is more likely to read that.
fn answer_format(headers: &HeaderMap) -> Format {
    content_type(headers).unwrap_or(Format::Json)
}

fn outcome_response(signal: Signal, format: Format, outcome: &Outcome) -> Response<Body> {
    let rejected = match signal {
        Signal::Spans => "rejectedSpans",
        Signal::Logs => "rejectedLogRecords",
    };
    match &outcome.rejected_reason {
        // OTLP: on full success `partial_success` must not be set.
        None => response(StatusCode::OK, format, if format == Format::Json { "{}".into() } else { Bytes::new() }),
        Some(reason) => partial_success(format, rejected, outcome.rejected, reason.clone()),
    }
}

/// `name`: of the count in JSON; on the wire the responses of all signals are alike.
fn partial_success(format: Format, name: &str, rejected: u64, message: String) -> Response<Body> {
    let bytes = match format {
        Format::Json => {
            // int64 is a string in protobuf's JSON.
            json!({ "partialSuccess": { name: rejected.to_string(), "errorMessage": message } }).to_string().into()
        }
        Format::Protobuf => protobuf_partial_success(rejected, message),
    };
    response(StatusCode::OK, format, bytes)
}

/// The `Export*ServiceResponse`; those of both signals have the same fields.
pub(super) fn protobuf_partial_success(rejected: u64, error_message: String) -> Bytes {
    let rejected_spans = i64::try_from(rejected).unwrap_or(i64::MAX);
    let partial_success = Some(ExportTracePartialSuccess { rejected_spans, error_message });
    ExportTraceServiceResponse { partial_success }.encode_to_vec().into()
}

fn error_response(format: Format, error: &IngestError) -> Response<Body> {
    let bytes = match format {
        Format::Json => error.json_status(),
        Format::Protobuf => error.protobuf_status(),
    };
    let mut response = response(error.http_status(), format, bytes);
    let headers = response.headers_mut();
    if let Some(delay) = error.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(delay.as_secs().max(1)));
    }
    match error {
        IngestError::Method => drop(headers.insert(ALLOW, HeaderValue::from_static("POST"))),
        IngestError::Unsupported(_) => {
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip, zstd, identity"));
        }
        _ => {}
    }
    response
}

fn response(status: StatusCode, format: Format, bytes: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let content_type = match format {
        Format::Protobuf => PROTOBUF,
        Format::Json => JSON,
    };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
