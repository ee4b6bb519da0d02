use std::io::Write;

use bytes::{Buf, BufMut, Bytes};
use prost::Message;
use proto::Signal;
use proto::otlp::{ExportTraceServiceResponse, Span};
use tonic::client::Grpc;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

use super::{Started, log_record, logs, quiet, span, start, start_over, traces};
use crate::CollectorSettings;
use crate::receiver::grpc::{LOGS_SERVICE, TRACE_SERVICE};

/// Messages as bytes.
#[derive(Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

async fn channel(started: &Started) -> Channel {
    let uri = format!("http://{}", started.collector.grpc_address());
    Endpoint::from_shared(uri).expect("a URI").connect().await.expect("connects")
}

async fn export(
    channel: &Channel,
    service: &str,
    message: Vec<u8>,
    encoding: Option<CompressionEncoding>,
) -> Result<Response<Bytes>, Status> {
    let mut client = Grpc::new(channel.clone());
    if let Some(encoding) = encoding {
        client = client.send_compressed(encoding);
    }
    client.ready().await.expect("connected");
    let path = PathAndQuery::try_from(format!("/{service}/Export")).expect("a path");
    client.unary(Request::new(Bytes::from(message)), path, Raw).await
}

#[tokio::test]
async fn both_services_store_what_they_acknowledge() {
    let started = start(quiet()).await;
    let channel = channel(&started).await;
    let request = traces((0..500).map(span).collect()).encode_to_vec();
    let encodings = [None, Some(CompressionEncoding::Gzip), Some(CompressionEncoding::Zstd)];
    for (i, encoding) in encodings.into_iter().enumerate() {
        let answer = export(&channel, TRACE_SERVICE, request.clone(), encoding).await.expect("accepted");
        assert!(answer.get_ref().is_empty(), "a full success has no partial_success");
        assert_eq!(started.rows(Signal::Spans), (i + 1) * 500);
    }
    let records = logs(vec![log_record("a"), log_record("b")]).encode_to_vec();
    export(&channel, LOGS_SERVICE, records, None).await.expect("accepted");
    assert_eq!(started.rows(Signal::Logs), 2);
    export(&channel, LOGS_SERVICE, Vec::new(), None).await.expect("empty is a success");
}

#[tokio::test]
async fn refused_spans_are_a_partial_success() {
    let started = start(quiet()).await;
    let request = traces(vec![Span::default(), span(1)]).encode_to_vec();
    let answer = export(&channel(&started).await, TRACE_SERVICE, request, None).await.expect("accepted");
    let partial = ExportTraceServiceResponse::decode(answer.into_inner()).expect("a response").partial_success;
    let partial = partial.expect("one was refused");
    assert_eq!(partial.rejected_spans, 1);
    assert!(partial.error_message.contains("trace_id has 0 bytes instead of 16"), "{}", partial.error_message);
}

/// tonic's own decoder stops after the first member.
#[tokio::test]
async fn all_members_of_a_gzip_message_are_read() {
    let started = start(quiet()).await;
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).expect("in memory");
        encoder.finish().expect("in memory")
    };
    let message = [gzip(&traces(vec![span(1)]).encode_to_vec()), gzip(&traces(vec![span(2)]).encode_to_vec())].concat();
    let mut frame = vec![1];
    frame.put_u32(message.len() as u32);
    frame.extend(message);
    let body = tonic::body::Body::new(http_body_util::Full::new(Bytes::from(frame)));
    let request = axum::http::Request::post(format!("http://x/{TRACE_SERVICE}/Export"))
        .header("content-type", "application/grpc")
        .header("grpc-encoding", "gzip")
        .body(body)
        .expect("a request");
    let response = tower::ServiceExt::oneshot(channel(&started).await, request).await.expect("answered");
    assert_eq!(response.status(), 200);
    http_body_util::BodyExt::collect(response.into_body()).await.expect("whole");
    assert_eq!(started.rows(Signal::Spans), 2);
}

#[tokio::test]
async fn what_cannot_be_taken_has_the_code_that_exporters_do_not_retry() {
    let started = start(CollectorSettings { request_bytes_max: 100_000, ..quiet() }).await;
    let channel = channel(&started).await;
    let zeros = vec![0; 100_001];
    for (service, message, encoding, code) in [
        (TRACE_SERVICE, b"\xff".to_vec(), None, Code::InvalidArgument),
        (TRACE_SERVICE, zeros.clone(), None, Code::ResourceExhausted),
        (TRACE_SERVICE, zeros, Some(CompressionEncoding::Zstd), Code::ResourceExhausted),
        ("opentelemetry.proto.collector.metrics.v1.MetricsService", vec![], None, Code::Unimplemented),
    ] {
        let status = export(&channel, service, message, encoding).await.expect_err("refused");
        assert_eq!(status.code(), code, "{status}");
        assert!(status.get_details_retry_info().is_none());
        assert_eq!(status.get_details_bad_request().is_some(), code == Code::InvalidArgument);
    }
    let mut request = Request::new(Bytes::new());
    request.metadata_mut().insert("grpc-encoding", MetadataValue::from_static("snappy"));
    let mut client = Grpc::new(channel.clone());
    client.ready().await.expect("connected");
    let path = PathAndQuery::try_from(format!("/{TRACE_SERVICE}/Export")).expect("a path");
    assert_eq!(client.unary(request, path, Raw).await.expect_err("unknown").code(), Code::Unimplemented);
}

#[tokio::test]
async fn a_full_memtable_says_when_to_come_back() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let settings = storage::StoreSettings { memtable_bytes_max: 1, ..storage::StoreSettings::new(dir.path()) };
    let store = storage::Store::open(settings).await.expect("a new store");
    let started = start_over(store, dir, quiet()).await;
    let channel = channel(&started).await;
    let request = traces(vec![span(1)]).encode_to_vec();
    export(&channel, TRACE_SERVICE, request.clone(), None).await.expect("empty until now");
    let status = export(&channel, TRACE_SERVICE, request, None).await.expect_err("full");
    assert_eq!(status.code(), Code::ResourceExhausted);
    let delay = status.get_details_retry_info().expect("retryable").retry_delay.expect("a delay");
    assert_eq!(delay.as_secs(), 1);
    assert!(status.metadata().get_bin("google.rpc.retryinfo-bin").is_some());
}

#[tokio::test]
async fn the_health_service_says_serving() {
    let started = start(quiet()).await;
    let mut client = HealthClient::new(channel(&started).await);
    for service in ["", TRACE_SERVICE, LOGS_SERVICE] {
        let answer = client.check(HealthCheckRequest { service: service.into() }).await.expect("known");
        assert_eq!(answer.get_ref().status, 1, "{service}");
    }
}
