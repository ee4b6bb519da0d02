//! Small OTLP requests for tests that do not need a recorded pack.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

/// 2024-03-01T12:00:00Z
pub(crate) const NOON: u64 = 1_709_294_400_000_000_000;
pub(crate) const MILLISECOND: u64 = 1_000_000;

pub(crate) fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

pub(crate) fn text(value: &str) -> AnyValue {
    any(Value::StringValue(value.to_owned()))
}

pub(crate) fn pair(key: &str, value: AnyValue) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(value), ..Default::default() }
}

pub(crate) fn resource(service: &str) -> Option<Resource> {
    Some(Resource { attributes: vec![pair("service.name", text(service))], ..Default::default() })
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope { name: "e2e".to_owned(), version: "1".to_owned(), ..Default::default() })
}

/// A root span of 5 ms at noon; its ids are made of `trace` and `span`, which must not be 0.
pub(crate) fn span(trace: u128, span: u64, name: &str) -> Span {
    Span {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: span.to_be_bytes().to_vec(),
        name: name.to_owned(),
        kind: 2,
        start_time_unix_nano: NOON,
        end_time_unix_nano: NOON + 5 * MILLISECOND,
        ..Default::default()
    }
}

/// An INFO record at noon.
pub(crate) fn log_record(body: &str) -> LogRecord {
    LogRecord {
        time_unix_nano: NOON,
        observed_time_unix_nano: NOON + 1,
        severity_number: 9,
        severity_text: "INFO".to_owned(),
        body: Some(text(body)),
        ..Default::default()
    }
}

pub(crate) fn trace_request(service: &str, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scope_spans = vec![ScopeSpans { scope: scope(), spans, ..Default::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource: resource(service), scope_spans, ..Default::default() }],
    }
}

pub(crate) fn logs_request(service: &str, log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let scope_logs = vec![ScopeLogs { scope: scope(), log_records, ..Default::default() }];
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs { resource: resource(service), scope_logs, ..Default::default() }],
    }
}
