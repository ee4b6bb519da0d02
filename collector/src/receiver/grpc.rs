//! OTLP/gRPC: `TraceService/Export`, `LogsService/Export` and the health service.
//!
//! The message stays bytes: reading and inflating are the same code as for HTTP. tonic's own decoder would stop after
//! the first member of a gzip stream and answer a message over the limit with OUT_OF_RANGE, which exporters retry.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Response, StatusCode};
use axum::routing::post;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use proto::Signal;
use tonic::service::Routes;

use super::body::{self, Compression, Encoded, Format};
use super::http::protobuf_partial_success;
use crate::error::IngestError;
use crate::ingester::Ingester;

pub(crate) const TRACE_SERVICE: &str = "opentelemetry.proto.collector.trace.v1.TraceService";
pub(crate) const LOGS_SERVICE: &str = "opentelemetry.proto.collector.logs.v1.LogsService";

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// In front of a message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

/// Everything else, the metrics service included, is answered UNIMPLEMENTED, which no exporter retries.
/// `health`: the service of tonic-health.
pub(crate) fn router(ingester: Ingester, health: Routes) -> Router {
    let traces = post(|state, request| export(state, request, Signal::Spans));
    let logs = post(|state, request| export(state, request, Signal::Logs));
    health.into_axum_router().merge(
        Router::new()
            .route(&format!("/{TRACE_SERVICE}/Export"), traces)
            .route(&format!("/{LOGS_SERVICE}/Export"), logs)
            .with_state(ingester),
    )
}

async fn export(State(ingester): State<Ingester>, request: Request, signal: Signal) -> Response<Body> {
    let (parts, mut body) = request.into_parts();
    let content_type = parts.headers.get(CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    if !content_type.starts_with(GRPC.as_bytes()) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return response;
    }
    match receive(&ingester, signal, &parts.headers, &mut body).await {
        Ok(message) => message_response(&message),
        Err(error) => {
            ingester.count_refused(signal, &error);
            body::discard(body).await;
            let mut response = error.grpc_status().into_http();
            response.headers_mut().insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static("identity,gzip,zstd"));
            response
        }
    }
}

/// Returns the `Export*ServiceResponse`.
async fn receive(
    ingester: &Ingester,
    signal: Signal,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Bytes, IngestError> {
    let encoding = headers.get(GRPC_ENCODING).map_or("", |value| value.to_str().unwrap_or("?"));
    let Some(compression) = Compression::from_name(encoding) else {
        return Err(IngestError::Unsupported(format!("unsupported grpc-encoding {encoding:?}: send gzip or zstd")));
    };
    let mut reservation = ingester.admission().reserve_nothing_yet();
    let limits = ingester.limits();
    let bytes_max = limits.request_bytes_max + PREFIX_BYTES;
    let bytes = body::read(body, None, bytes_max, limits.body_time_max, &mut reservation).await?;
    let (compressed, bytes) = unframe(bytes)?;
    let compression = if compressed { compression } else { Compression::Identity };
    let encoded = Encoded { bytes, compression, format: Format::Protobuf };
    let outcome = ingester.ingest(signal, encoded, reservation).await?;
    Ok(match outcome.rejected_reason {
        None => Bytes::new(),
        Some(reason) => protobuf_partial_success(outcome.rejected, reason),
    })
}

/// The one message of a unary call, and whether it is compressed.
fn unframe(mut body: Bytes) -> Result<(bool, Bytes), IngestError> {
    if body.len() < PREFIX_BYTES {
        return Err(IngestError::Invalid("the gRPC message is missing or cut short".into()));
    }
    let compressed = match body.get_u8() {
        0 => false,
        1 => true,
        flag => return Err(IngestError::Invalid(format!("the gRPC compression flag is {flag}, neither 0 nor 1"))),
    };
    let announced = body.get_u32() as usize;
    if announced != body.len() {
        let found = body.len();
        return Err(IngestError::Invalid(format!(
            "one gRPC message of {announced} bytes expected, {found} bytes sent"
        )));
    }
    Ok((compressed, body))
}

fn message_response(message: &[u8]) -> Response<Body> {
    let mut frame = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    frame.put_u8(0);
    frame.put_u32(message.len() as u32);
    frame.put_slice(message);
    let mut trailers = HeaderMap::new();
    trailers.insert(GRPC_STATUS, HeaderValue::from_static("0"));
    let body = Full::new(frame.freeze()).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(Body::new(body));
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unary_call_is_one_whole_message() {
        let unframed = |bytes: &'static [u8]| unframe(Bytes::from_static(bytes));
        assert_eq!(unframed(&[0, 0, 0, 0, 2, 7, 8]), Ok((false, Bytes::from_static(&[7, 8]))));
        assert_eq!(unframed(&[1, 0, 0, 0, 0]), Ok((true, Bytes::new())));
        for broken in [&[][..], &[0, 0, 0, 0], &[2, 0, 0, 0, 0], &[0, 0, 0, 0, 2, 7], &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
            assert!(matches!(unframed(broken), Err(IngestError::Invalid(_))), "{broken:?}");
        }
    }
}
