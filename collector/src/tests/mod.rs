//! The whole write path on real sockets and a real store.

mod grpc;
mod http;

use std::path::Path;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use prost::Message;
use proto::Signal;
use proto::otlp::any_value::Value;
use proto::otlp::{
    AnyValue, ExportLogsServiceRequest, ExportTraceServiceRequest, LogRecord, Resource, ResourceLogs, ResourceSpans,
    ScopeLogs, ScopeSpans, Span,
};
use proto::value::key_value;
use storage::{Store, StoreSettings};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use self::http::{Answer, post};
use crate::{Collector, CollectorError, CollectorSettings, ingester};

/// A collector on free ports over a store in a directory of its own.
struct Started {
    collector: Collector,
    store: Store,
    dir: TempDir,
}

/// Nothing is flushed, merged or removed but on demand.
fn quiet() -> CollectorSettings {
    let never = Duration::from_secs(3600);
    CollectorSettings {
        grpc: ([127, 0, 0, 1], 0).into(),
        http: ([127, 0, 0, 1], 0).into(),
        flush_interval: never,
        compaction_interval: never,
        cleanup_interval: never,
        ..Default::default()
    }
}

async fn start(settings: CollectorSettings) -> Started {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = Store::open(StoreSettings::new(dir.path())).await.expect("a new store");
    start_over(store, dir, settings).await
}

async fn start_over(store: Store, dir: TempDir, settings: CollectorSettings) -> Started {
    let collector = Collector::start(store.clone(), settings).await.expect("starts");
    Started { collector, store, dir }
}

impl Started {
    fn rows(&self, signal: Signal) -> usize {
        self.store.snapshot(signal).batches.iter().map(RecordBatch::num_rows).sum()
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        post(self.collector.http_address(), path, headers, body).await
    }
}

const PROTOBUF: (&str, &str) = ("Content-Type", "application/x-protobuf");
const JSON: (&str, &str) = ("Content-Type", "application/json");

fn span(number: u64) -> Span {
    let mut trace_id = [7; 16].to_vec();
    trace_id[8..].copy_from_slice(&number.to_be_bytes());
    let (span_id, start_time_unix_nano) = ((number + 1).to_be_bytes().to_vec(), 1_700_000_000_000_000_000 + number);
    Span { trace_id, span_id, start_time_unix_nano, name: format!("span {number}"), ..Default::default() }
}

fn resource() -> Option<Resource> {
    let name = AnyValue { value: Some(Value::StringValue("cart".into())) };
    Some(Resource { attributes: vec![key_value("service.name".into(), name)], ..Default::default() })
}

fn traces(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans { spans, ..Default::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource: resource(), scope_spans, ..Default::default() }],
    }
}

fn logs(log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let scope_logs = vec![ScopeLogs { log_records, ..Default::default() }];
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs { resource: resource(), scope_logs, ..Default::default() }],
    }
}

fn log_record(body: &str) -> LogRecord {
    let body = Some(AnyValue { value: Some(Value::StringValue(body.into())) });
    LogRecord { body, ..Default::default() }
}

fn memtable(store: &Store, signal: Signal) -> RecordBatch {
    concat_batches(&signal.schema(), &store.snapshot(signal).batches).expect("one schema")
}

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// What lies on disk at the moment of an acknowledge makes the same rows again, as after a crash: records without a time
/// and refused ones among them.
#[tokio::test]
async fn acknowledged_means_replayable() {
    let started = start(quiet()).await;
    for number in 0..5 {
        let mut request = traces(vec![span(number), Span::default(), span(number + 100)]);
        request.resource_spans[0].scope_spans[0].spans[1].name = "has no id".into();
        let answer = started.post("/v1/traces", &[PROTOBUF], &request.encode_to_vec()).await;
        assert_eq!(answer.status, 200);
        let json = serde_json::to_vec(&logs(vec![log_record("no time"), log_record("neither")])).expect("JSON");
        assert_eq!(started.post("/v1/logs", &[JSON], &json).await.status, 200);
    }
    let copy = tempfile::tempdir().expect("a temporary directory");
    copy_dir(started.dir.path(), copy.path());

    let reopened = Store::open(StoreSettings::new(copy.path())).await.expect("opens");
    let outcome = ingester::replay(&reopened).await.expect("replays");
    assert_eq!((outcome.requests, outcome.rows, outcome.set_aside), (10, 20, 0));
    for signal in Signal::ALL {
        assert_eq!(memtable(&reopened, signal), memtable(&started.store, signal), "{signal}");
    }
}

/// A memtable without room refuses, each refusal says when to come back, and what was acknowledged is all there.
#[tokio::test]
async fn a_full_queue_refuses_and_loses_nothing() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let settings = StoreSettings { memtable_bytes_max: 200_000, ..StoreSettings::new(dir.path()) };
    let started = start_over(Store::open(settings).await.expect("a new store"), dir, quiet()).await;
    let mut acknowledged = 0;
    let refused = loop {
        let request = traces(vec![span(acknowledged)]).encode_to_vec();
        let answer = started.post("/v1/traces", &[PROTOBUF], &request).await;
        if answer.status != 200 {
            break answer;
        }
        acknowledged += 1;
        assert!(acknowledged < 10_000, "never full");
    };
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
    let status = tonic_types::pb::Status::decode(&refused.body[..]).expect("a status");
    assert!(status.details[0].type_url.ends_with("google.rpc.RetryInfo"));
    assert_eq!(started.rows(Signal::Spans) as u64, acknowledged);

    started.collector.flush_all().await.expect("flushes");
    let answer = started.post("/v1/traces", &[PROTOBUF], &traces(vec![span(acknowledged)]).encode_to_vec()).await;
    assert_eq!(answer.status, 200, "room again");
    assert_eq!(stored_rows(&started.store), acknowledged + 1);
}

fn stored_rows(store: &Store) -> u64 {
    let snapshot = store.snapshot(Signal::Spans);
    let in_segments: u64 = snapshot.segments.iter().map(|segment| segment.meta().rows).sum();
    in_segments + snapshot.batches.iter().map(|batch| batch.num_rows() as u64).sum::<u64>()
}

#[tokio::test]
async fn too_many_bytes_at_once_are_refused_until_others_are_answered() {
    let settings = CollectorSettings {
        request_bytes_max: 1000,
        inflight_bytes_max: 2000,
        admission_wait: Duration::from_millis(50),
        ..quiet()
    };
    let started = start(settings).await;
    let head =
        "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: 999\r\n\r\n";
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut connection = TcpStream::connect(started.collector.http_address()).await.expect("connects");
        connection.write_all(&[head.as_bytes(), &[0; 990]].concat()).await.expect("sent");
        held.push(connection);
    }
    let request = traces(vec![span(1)]).encode_to_vec();
    let mut statuses = Vec::new();
    // The held bodies arrive when they arrive.
    while statuses.last() != Some(&429) && statuses.len() < 100 {
        statuses.push(started.post("/v1/traces", &[PROTOBUF], &request).await.status);
    }
    assert_eq!(statuses.last(), Some(&429));
    drop(held);
    while started.post("/v1/traces", &[PROTOBUF], &request).await.status != 200 {
        statuses.push(0);
        assert!(statuses.len() < 200, "the bytes of broken requests are given back");
    }
}

/// A request at hand when the stop begins is answered, and everything lies in segments afterwards.
#[tokio::test]
async fn a_stop_answers_what_is_at_hand_and_flushes() {
    let started = start(quiet()).await;
    let body = traces(vec![span(1)]).encode_to_vec();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut connection = TcpStream::connect(started.collector.http_address()).await.expect("connects");
    connection.write_all(&[head.as_bytes(), &body[..10]].concat()).await.expect("sent");
    let idle = TcpStream::connect(started.collector.grpc_address()).await.expect("connects");
    tokio::time::sleep(Duration::from_millis(100)).await;
    let stopping = tokio::spawn({
        let collector = started.collector.clone();
        async move { collector.shutdown().await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    connection.write_all(&body[10..]).await.expect("sent");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.expect("answered");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    let drain_time_max = CollectorSettings::default().drain_time_max;
    tokio::time::timeout(drain_time_max / 2, stopping).await.expect("does not wait for the silent one").expect("stops");
    drop(idle);
    assert_eq!(started.rows(Signal::Spans), 0);
    assert_eq!(stored_rows(&started.store), 1);
    TcpStream::connect(started.collector.http_address()).await.expect_err("closed");
}

#[tokio::test]
async fn rows_are_flushed_and_merged_in_the_background() {
    let settings = CollectorSettings {
        flush_interval: Duration::from_millis(1),
        compaction_interval: Duration::from_millis(50),
        ..quiet()
    };
    let started = start(settings).await;
    let mut sent = 0;
    let merged = loop {
        let answer = started.post("/v1/traces", &[PROTOBUF], &traces(vec![span(sent)]).encode_to_vec()).await;
        assert_eq!(answer.status, 200);
        sent += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let snapshot = started.store.snapshot(Signal::Spans);
        if snapshot.segments.iter().any(|segment| segment.meta().rows >= 4) {
            break snapshot.segments.len();
        }
        assert!(sent < 400, "never merged");
    };
    assert!((merged as u64) < sent);
    assert_eq!(stored_rows(&started.store), sent);
    started.collector.flush_all().await.expect("flushes");
    started.collector.compact_all(true).await.expect("merges");
    assert_eq!(started.store.snapshot(Signal::Spans).segments.len(), 1);
    assert_eq!(stored_rows(&started.store), sent);
}

#[tokio::test]
async fn expired_dates_are_removed_and_younger_ones_kept() {
    let day = Duration::from_secs(86_400);
    let settings =
        CollectorSettings { retention: Some(30 * day), cleanup_interval: Duration::from_millis(50), ..quiet() };
    let started = start(settings).await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let at = |age: Duration| Span { start_time_unix_nano: (now - age).as_nanos() as u64, ..span(1) };
    let request = traces(vec![at(40 * day), at(20 * day), at(Duration::ZERO)]).encode_to_vec();
    assert_eq!(started.post("/v1/traces", &[PROTOBUF], &request).await.status, 200);
    started.collector.flush_all().await.expect("flushes");
    let mut looks = 0;
    while stored_rows(&started.store) != 2 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        looks += 1;
        assert!(looks < 200, "never removed");
    }
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let started = start(quiet()).await;
    let taken = started.collector.http_address();
    let error = Collector::start(started.store.clone(), CollectorSettings { http: taken, ..quiet() }).await;
    let Err(CollectorError::Listen { what: "OTLP/HTTP", address, .. }) = error else { panic!("in use: {error:?}") };
    assert_eq!(address, taken);
}
