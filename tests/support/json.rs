//! OTLP/JSON by the mapping of the specification: messages written out by hand, and answers brought into one form.
//!
//! The product's own encoder is what is under test, and the serde of opentelemetry-proto stands inside it, so neither
//! is used here.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, EntityRef, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use serde_json::{Map, Value, json};

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn trace_request_json(request: &ExportTraceServiceRequest) -> Value {
    let scopes = |scopes: &[opentelemetry_proto::tonic::trace::v1::ScopeSpans]| -> Vec<Value> {
        let one = |s: &opentelemetry_proto::tonic::trace::v1::ScopeSpans| json!({"scope": s.scope.as_ref().map(scope_json), "schemaUrl": s.schema_url, "spans": s.spans.iter().map(span_json).collect::<Vec<_>>()});
        scopes.iter().map(one).collect()
    };
    let resources = request.resource_spans.iter().map(|r| {
        json!({"resource": r.resource.as_ref().map(resource_json), "schemaUrl": r.schema_url, "scopeSpans": scopes(&r.scope_spans)})
    });
    json!({"resourceSpans": resources.collect::<Vec<_>>()})
}

pub(crate) fn logs_request_json(request: &ExportLogsServiceRequest) -> Value {
    let scopes = |scopes: &[opentelemetry_proto::tonic::logs::v1::ScopeLogs]| -> Vec<Value> {
        let one = |s: &opentelemetry_proto::tonic::logs::v1::ScopeLogs| json!({"scope": s.scope.as_ref().map(scope_json), "schemaUrl": s.schema_url, "logRecords": s.log_records.iter().map(log_json).collect::<Vec<_>>()});
        scopes.iter().map(one).collect()
    };
    let resources = request.resource_logs.iter().map(|r| {
        json!({"resource": r.resource.as_ref().map(resource_json), "schemaUrl": r.schema_url, "scopeLogs": scopes(&r.scope_logs)})
    });
    json!({"resourceLogs": resources.collect::<Vec<_>>()})
}

fn resource_json(resource: &Resource) -> Value {
    json!({
        "attributes": attributes_json(&resource.attributes),
        "droppedAttributesCount": resource.dropped_attributes_count,
        "entityRefs": resource.entity_refs.iter().map(entity_json).collect::<Vec<_>>(),
    })
}

fn entity_json(entity: &EntityRef) -> Value {
    json!({"schemaUrl": entity.schema_url, "type": entity.r#type, "idKeys": entity.id_keys, "descriptionKeys": entity.description_keys})
}

fn scope_json(scope: &InstrumentationScope) -> Value {
    json!({
        "name": scope.name, "version": scope.version,
        "attributes": attributes_json(&scope.attributes), "droppedAttributesCount": scope.dropped_attributes_count,
    })
}

fn span_json(span: &Span) -> Value {
    json!({
        "traceId": hex(&span.trace_id), "spanId": hex(&span.span_id), "parentSpanId": hex(&span.parent_span_id),
        "traceState": span.trace_state, "flags": span.flags, "name": span.name, "kind": span.kind,
        "startTimeUnixNano": span.start_time_unix_nano.to_string(), "endTimeUnixNano": span.end_time_unix_nano.to_string(),
        "attributes": attributes_json(&span.attributes), "droppedAttributesCount": span.dropped_attributes_count,
        "events": span.events.iter().map(event_json).collect::<Vec<_>>(), "droppedEventsCount": span.dropped_events_count,
        "links": span.links.iter().map(link_json).collect::<Vec<_>>(), "droppedLinksCount": span.dropped_links_count,
        "status": span.status.as_ref().map(|status| json!({"message": status.message, "code": status.code})),
    })
}

fn event_json(event: &Event) -> Value {
    json!({
        "timeUnixNano": event.time_unix_nano.to_string(), "name": event.name,
        "attributes": attributes_json(&event.attributes), "droppedAttributesCount": event.dropped_attributes_count,
    })
}

fn link_json(link: &Link) -> Value {
    json!({
        "traceId": hex(&link.trace_id), "spanId": hex(&link.span_id), "traceState": link.trace_state, "flags": link.flags,
        "attributes": attributes_json(&link.attributes), "droppedAttributesCount": link.dropped_attributes_count,
    })
}

fn log_json(record: &LogRecord) -> Value {
    json!({
        "timeUnixNano": record.time_unix_nano.to_string(), "observedTimeUnixNano": record.observed_time_unix_nano.to_string(),
        "severityNumber": record.severity_number, "severityText": record.severity_text,
        "body": record.body.as_ref().map(any_json),
        "attributes": attributes_json(&record.attributes), "droppedAttributesCount": record.dropped_attributes_count,
        "flags": record.flags, "traceId": hex(&record.trace_id), "spanId": hex(&record.span_id), "eventName": record.event_name,
    })
}

fn attributes_json(attributes: &[KeyValue]) -> Vec<Value> {
    attributes.iter().map(|pair| json!({"key": pair.key, "value": pair.value.as_ref().map(any_json)})).collect()
}

fn any_json(value: &AnyValue) -> Value {
    match &value.value {
        None => json!({}),
        Some(Any::StringValue(text)) => json!({"stringValue": text}),
        Some(Any::BoolValue(flag)) => json!({"boolValue": flag}),
        Some(Any::IntValue(number)) => json!({"intValue": number.to_string()}),
        Some(Any::DoubleValue(number)) => json!({"doubleValue": double_json(*number)}),
        Some(Any::BytesValue(bytes)) => json!({"bytesValue": BASE64.encode(bytes)}),
        Some(Any::ArrayValue(array)) => {
            json!({"arrayValue": {"values": array.values.iter().map(any_json).collect::<Vec<_>>()}})
        }
        Some(Any::KvlistValue(list)) => json!({"kvlistValue": {"values": attributes_json(&list.values)}}),
        Some(other) => panic!("the tests send no {other:?}"),
    }
}

fn double_json(number: f64) -> Value {
    if number.is_finite() {
        json!(number)
    } else if number.is_nan() {
        json!("NaN")
    } else {
        json!(if number > 0.0 { "Infinity" } else { "-Infinity" })
    }
}

/// The records of `resourceSpans`, each with its resource and scope, in one form and order: two lists are equal when
/// they say the same. What may differ without a difference in meaning is levelled: the order of attributes and of
/// records, numbers as text, absent fields and default values.
pub(crate) fn spans_of(request: &Value) -> Vec<String> {
    records_of(request, "resourceSpans", "scopeSpans", "spans")
}

/// The same for `resourceLogs`.
pub(crate) fn logs_of(request: &Value) -> Vec<String> {
    records_of(request, "resourceLogs", "scopeLogs", "logRecords")
}

fn records_of(request: &Value, resources: &str, scopes: &str, records: &str) -> Vec<String> {
    let mut flat = Vec::new();
    for resource in list(&request[resources]) {
        for scope in list(&resource[scopes]) {
            for record in list(&scope[records]) {
                flat.push(levelled(&json!({
                    "resource": resource["resource"], "resourceSchemaUrl": resource["schemaUrl"],
                    "scope": scope["scope"], "scopeSchemaUrl": scope["schemaUrl"], "record": record,
                })));
            }
        }
    }
    let mut lines: Vec<String> =
        flat.iter().map(|value| serde_json::to_string_pretty(value).expect("values print")).collect();
    lines.sort();
    lines
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn levelled(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut kept = Map::new();
            for (key, value) in fields {
                let value = match key.as_str() {
                    "attributes" => pairs(value),
                    // A body without a value says as much as none.
                    "body" if value.as_object().is_none_or(Map::is_empty) => Value::Null,
                    "body" => any_value(value),
                    _ => levelled(value),
                };
                if !is_default(&value) {
                    kept.insert(key.clone(), value);
                }
            }
            Value::Object(kept)
        }
        Value::Array(items) => items.iter().map(levelled).collect(),
        Value::Number(number) => Value::String(number.to_string()),
        other => other.clone(),
    }
}

fn is_default(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::String(text) => text.is_empty() || text == "0",
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Number(_) => false,
    }
}

fn pairs(value: &Value) -> Value {
    let mut pairs: Vec<Value> =
        list(value).iter().map(|pair| json!([pair["key"], any_value(&pair["value"])])).collect();
    pairs.sort_by_key(|pair| pair[0].to_string());
    Value::Array(pairs)
}

/// One text that says the type too; the empty value is "empty".
fn any_value(value: &Value) -> Value {
    let Some((kind, inner)) = value.as_object().and_then(|fields| fields.iter().next()) else {
        return json!("empty");
    };
    match kind.as_str() {
        "arrayValue" => json!({"array": list(&inner["values"]).iter().map(any_value).collect::<Vec<_>>()}),
        "kvlistValue" => json!({"map": pairs(&inner["values"])}),
        "doubleValue" => json!(format!("doubleValue {}", double_text(inner))),
        "intValue" => json!(format!("intValue {}", inner.as_str().map_or_else(|| inner.to_string(), str::to_owned))),
        _ => json!(format!("{kind} {inner}")),
    }
}

fn double_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        // The bits tell -0 from 0; NaN never is a number in JSON.
        other => other.as_f64().map_or_else(|| other.to_string(), |number| format!("{number:?}")),
    }
}
