use std::io::Write;
use std::net::SocketAddr;

use prost::Message;
use proto::Signal;
use proto::otlp::{ExportTraceServiceResponse, Span};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{JSON, PROTOBUF, log_record, logs, quiet, span, start, traces};
use crate::CollectorSettings;

pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

pub(super) async fn post(address: SocketAddr, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    send(address, "POST", path, headers, body).await
}

/// One request on a connection of its own.
async fn send(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let length = body.len();
    let mut head =
        format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let mut connection = TcpStream::connect(address).await.expect("connects");
    connection.write_all(&[head.as_bytes(), body].concat()).await.expect("sent");
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.expect("answered");
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a header");
    let head = std::str::from_utf8(&answer[..end]).expect("text");
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok()).expect("a status");
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Answer { status, headers: lines.filter_map(header).collect(), body: answer[end + 4..].to_vec() }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

#[tokio::test]
async fn both_encodings_and_all_compressions_are_stored() {
    let started = start(quiet()).await;
    let request = traces(vec![span(1), span(2)]);
    let (protobuf, json) = (request.encode_to_vec(), serde_json::to_vec(&request).expect("JSON"));
    let large = traces((0..2_000).map(span).collect()).encode_to_vec();
    let halves = |bytes: &[u8]| [gzip(&bytes[..5]), gzip(&bytes[5..])].concat();
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).expect("in memory");
    let mut rows = 0;
    for (content_type, encoding, body, spans) in [
        ("application/x-protobuf", "identity", protobuf.clone(), 2),
        ("Application/X-Protobuf; v=1", "gzip", gzip(&protobuf), 2),
        ("application/x-protobuf", "gzip", halves(&protobuf), 2),
        ("application/x-protobuf", "zstd", zstd(&protobuf), 2),
        ("application/x-protobuf", "identity", large.clone(), 2_000),
        ("application/x-protobuf", "zstd", zstd(&large), 2_000),
        ("application/json", "identity", json.clone(), 2),
        ("application/json; charset=utf-8", "gzip", gzip(&json), 2),
        ("application/json", "zstd", zstd(&json), 2),
    ] {
        let answer =
            started.post("/v1/traces", &[("Content-Type", content_type), ("Content-Encoding", encoding)], &body).await;
        assert_eq!(answer.status, 200, "{content_type} {encoding}");
        let is_json = content_type.contains("json");
        let (expected_type, expected_body) =
            if is_json { ("application/json", &b"{}"[..]) } else { ("application/x-protobuf", &b""[..]) };
        assert_eq!(answer.header("content-type"), Some(expected_type));
        assert_eq!(answer.body, expected_body, "a full success has no partial_success");
        rows += spans;
        assert_eq!(started.rows(Signal::Spans), rows, "visible when acknowledged");
    }
    let records = logs(vec![log_record("hello")]).encode_to_vec();
    assert_eq!(started.post("/v1/logs", &[PROTOBUF], &records).await.status, 200);
    assert_eq!(started.rows(Signal::Logs), 1);
}

#[tokio::test]
async fn empty_requests_are_a_success_and_store_nothing() {
    let started = start(quiet()).await;
    for (header, body) in [(PROTOBUF, &b""[..]), (JSON, b"{}"), (JSON, br#"{"resourceSpans":[{"scopeSpans":[{}]}]}"#)] {
        assert_eq!(started.post("/v1/traces", &[header], body).await.status, 200);
    }
    assert_eq!(started.rows(Signal::Spans), 0);
}

#[tokio::test]
async fn refused_records_are_counted_in_the_encoding_of_the_request() {
    let started = start(quiet()).await;
    let mut zero = span(2);
    zero.trace_id = vec![0; 16];
    let request = traces(vec![span(1), zero, Span::default()]);
    let answer = started.post("/v1/traces", &[PROTOBUF], &request.encode_to_vec()).await;
    assert_eq!(answer.status, 200);
    let partial = ExportTraceServiceResponse::decode(&answer.body[..]).expect("a response").partial_success;
    let partial = partial.expect("two were refused");
    assert_eq!(partial.rejected_spans, 2);
    let reason = "2 refused; the first is record 1 (counted from 0): trace_id is all zero, which OTLP declares invalid";
    assert_eq!(partial.error_message, reason);
    let answer = started.post("/v1/traces", &[JSON], &serde_json::to_vec(&request).expect("JSON")).await;
    let expected = json!({ "partialSuccess": { "rejectedSpans": "2", "errorMessage": reason } });
    assert_eq!(answer.json(), expected);
    assert_eq!(started.rows(Signal::Spans), 2);
    let broken = json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": [{ "traceId": "ab" }] }] }] });
    let answer = started.post("/v1/logs", &[JSON], broken.to_string().as_bytes()).await;
    assert_eq!(answer.json()["partialSuccess"]["rejectedLogRecords"], "1");
}

#[tokio::test]
async fn what_cannot_be_taken_is_answered_with_a_status_in_the_encoding_of_the_request() {
    let started = start(CollectorSettings { request_bytes_max: 10_000, ..quiet() }).await;
    let bomb = gzip(&vec![0; 10_001]);
    let deep = format!("{{\"resourceSpans\":{}", "[".repeat(10_000 - 20));
    let text = ("Content-Type", "text/plain");
    let (gzipped, brotli) = (("Content-Encoding", "gzip"), ("Content-Encoding", "br"));
    for (method, path, headers, body, status, code) in [
        ("POST", "/v1/traces", vec![PROTOBUF], &b"\xff\xff"[..], 400, 3),
        ("POST", "/v1/traces", vec![PROTOBUF], b"\x0a\x05\x01", 400, 3),
        ("POST", "/v1/traces", vec![JSON], b"", 400, 3),
        ("POST", "/v1/traces", vec![JSON], b"{\"resourceSpans\": 1}", 400, 3),
        ("POST", "/v1/logs", vec![JSON], b"\xff", 400, 3),
        ("POST", "/v1/traces", vec![JSON], deep.as_bytes(), 400, 3),
        ("POST", "/v1/traces", vec![PROTOBUF, gzipped], b"not gzip", 400, 3),
        ("POST", "/v1/traces", vec![PROTOBUF, brotli], b"", 415, 12),
        ("POST", "/v1/traces", vec![text], b"", 415, 12),
        ("POST", "/v1/traces", vec![], b"", 415, 12),
        ("GET", "/v1/traces", vec![], b"", 405, 12),
        ("PUT", "/v1/logs", vec![PROTOBUF], b"", 405, 12),
        ("POST", "/v1/spans", vec![PROTOBUF], b"", 404, 12),
        ("POST", "/v1/traces", vec![PROTOBUF], &[0; 10_001], 413, 8),
        ("POST", "/v1/traces", vec![JSON, gzipped], &bomb, 413, 8),
    ] {
        let answer = send(started.collector.http_address(), method, path, &headers, body).await;
        assert_eq!(answer.status, status, "{method} {path} {headers:?}");
        assert_eq!(answer.header("retry-after"), None);
        let is_protobuf = headers.contains(&PROTOBUF);
        let (found, message) = if is_protobuf {
            let status = tonic_types::pb::Status::decode(&answer.body[..]).expect("a status");
            (status.code, status.message)
        } else {
            let status = answer.json();
            (status["code"].as_i64().expect("a code") as i32, status["message"].as_str().expect("text").to_owned())
        };
        assert_eq!(found, code, "{message}");
        assert!(!message.is_empty());
        let content_type = if is_protobuf { "application/x-protobuf" } else { "application/json" };
        assert_eq!(answer.header("content-type"), Some(content_type));
        assert_eq!(answer.header("allow"), (status == 405).then_some("POST"));
    }
    assert_eq!(started.rows(Signal::Spans), 0);
}

#[tokio::test]
async fn metrics_and_profiles_are_taken_and_said_not_to_be_stored() {
    let started = start(quiet()).await;
    for path in ["/v1/metrics", "/v1development/profiles", "/v1/development/profiles"] {
        let answer = started.post(path, &[JSON], b"{\"resourceMetrics\":[]}").await;
        assert_eq!(answer.status, 200);
        let message = answer.json()["partialSuccess"]["errorMessage"].as_str().expect("text").to_owned();
        assert!(message.contains("traces and logs only"), "{message}");
        assert_eq!(started.post(path, &[PROTOBUF], b"\x0a\x00").await.status, 200);
    }
}

#[tokio::test]
async fn browsers_may_send_from_the_origins_that_are_allowed() {
    let preflight = [
        ("Origin", "https://shop.example"),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type"),
    ];
    let closed = start(quiet()).await;
    let answer = send(closed.collector.http_address(), "OPTIONS", "/v1/traces", &preflight, b"").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (405, None));
    let open = start(CollectorSettings { cors_origins: vec!["https://shop.example".into()], ..quiet() }).await;
    let answer = send(open.collector.http_address(), "OPTIONS", "/v1/traces", &preflight, b"").await;
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://shop.example"));
    assert_eq!(answer.header("access-control-allow-methods"), Some("POST"));
    let answer = open.post("/v1/traces", &[JSON, ("Origin", "https://evil.example")], b"{}").await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
}
