//! Rows as OTLP/JSON, grouped by resource and scope again: what was sent, read back.
//!
//! The [mapping](https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding): ids in hex, 64-bit integers as
//! strings, bytes in base64, `NaN` and infinities as strings, enumerations as numbers, fields with their default value
//! left out. Written by hand because the generated types' serde form writes NaN as `null` and every default.

use std::collections::HashMap;
use std::fmt::Write;
use std::hash::Hash;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use proto::otlp::any_value::Value;
use proto::otlp::{AnyValue, KeyValue};
use proto::value::{read_json_attributes, read_json_value, write_json_string};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::columns::Stored;
use crate::error::QueryError;
use crate::json_object::{Object, separate};
use crate::rows::{LogRow, Origin, Row, SpanRow};

/// Appends the array that is the value of `resourceSpans`. Resources, scopes and spans keep their order.
pub(crate) fn write_resource_spans<'a>(
    out: &mut String,
    spans: impl Iterator<Item = SpanRow<'a>>,
) -> Result<(), QueryError> {
    write_resources(out, spans, "scopeSpans", "spans", write_span)
}

/// Appends the array that is the value of `resourceLogs`. Resources, scopes and log records keep their order.
pub(crate) fn write_resource_logs<'a>(
    out: &mut String,
    records: impl Iterator<Item = LogRow<'a>>,
) -> Result<(), QueryError> {
    write_resources(out, records, "scopeLogs", "logRecords", write_log_record)
}

/// [`proto::schema::CONTEXT`].
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Context {
    resource_dropped_attributes_count: i64,
    resource_schema_url: String,
    resource_entity_refs: Option<Json>,
    scope_attributes: Option<Json>,
    scope_dropped_attributes_count: i64,
    scope_schema_url: String,
    scope_present: Option<bool>,
}

impl Context {
    fn read(text: &str) -> Result<Self, QueryError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_str(text).map_err(|error| stored("context", error))
    }

    /// The part that belongs to the resource.
    fn resource_part(&self) -> (i64, String, String) {
        let entities = self.resource_entity_refs.as_ref().map(Json::to_string).unwrap_or_default();
        (self.resource_dropped_attributes_count, self.resource_schema_url.clone(), entities)
    }
}

fn write_resources<'a, R: Row<'a>>(
    out: &mut String,
    rows: impl Iterator<Item = R>,
    scopes_name: &str,
    rows_name: &str,
    write_row: fn(&mut String, R) -> Result<(), QueryError>,
) -> Result<(), QueryError> {
    let scopes = group(rows.map(|row| (row.origin(), row)));
    let mut with_context = Vec::with_capacity(scopes.len());
    for (origin, rows) in scopes {
        with_context.push((origin, Context::read(origin.context)?, rows));
    }
    let keyed = with_context.iter().map(|scope| ((scope.0.resource, scope.1.resource_part()), scope));
    let mut first_resource = true;
    out.push('[');
    for ((resource, _), scopes) in group(keyed) {
        separate(out, &mut first_resource);
        let mut object = Object::open(out);
        let context = &scopes[0].1;
        write_resource(&mut object, resource, context)?;
        let mut first_scope = true;
        object.field(scopes_name).push('[');
        for (origin, context, rows) in scopes {
            separate(object.out, &mut first_scope);
            let mut scope = Object::open(object.out);
            write_scope(&mut scope, origin, context)?;
            let mut first_row = true;
            scope.field(rows_name).push('[');
            for row in rows {
                separate(scope.out, &mut first_row);
                write_row(scope.out, *row)?;
            }
            scope.out.push(']');
            scope.text("schemaUrl", &context.scope_schema_url);
            scope.close();
        }
        object.out.push(']');
        object.text("schemaUrl", &context.resource_schema_url);
        object.close();
    }
    out.push(']');
    Ok(())
}

/// Groups in the order of their first member.
fn group<K: Clone + Eq + Hash, V>(pairs: impl Iterator<Item = (K, V)>) -> Vec<(K, Vec<V>)> {
    let mut groups: Vec<(K, Vec<V>)> = Vec::new();
    let mut index_of: HashMap<K, usize> = HashMap::new();
    for (key, value) in pairs {
        let at = *index_of.entry(key).or_insert_with_key(|key| {
            groups.push((key.clone(), Vec::new()));
            groups.len() - 1
        });
        groups[at].1.push(value);
    }
    groups
}

fn write_resource(object: &mut Object<'_>, resource: &str, context: &Context) -> Result<(), QueryError> {
    let attributes = read_json_attributes(resource).map_err(|error| stored("resource", error))?;
    let mut inner = Object::open(object.field("resource"));
    write_key_values(&mut inner, &attributes);
    inner.count("droppedAttributesCount", context.resource_dropped_attributes_count);
    if let Some(entities) = &context.resource_entity_refs {
        inner.field("entityRefs").push_str(&entities.to_string());
    }
    inner.close();
    Ok(())
}

fn write_scope(object: &mut Object<'_>, origin: &Origin<'_>, context: &Context) -> Result<(), QueryError> {
    if context.scope_present == Some(false) {
        return Ok(());
    }
    let mut scope = Object::open(object.field("scope"));
    scope.text("name", origin.scope_name);
    scope.text("version", origin.scope_version);
    if let Some(attributes) = &context.scope_attributes {
        let attributes =
            read_json_attributes(&attributes.to_string()).map_err(|error| stored("scope_attributes", error))?;
        write_key_values(&mut scope, &attributes);
    }
    scope.count("droppedAttributesCount", context.scope_dropped_attributes_count);
    scope.close();
    Ok(())
}

fn write_span(out: &mut String, span: SpanRow<'_>) -> Result<(), QueryError> {
    let mut object = Object::open(out);
    object.text("traceId", &span.trace_id()?.to_string());
    object.text("spanId", &span.span_id()?.to_string());
    object.text("traceState", span.trace_state().unwrap_or(""));
    if let Some(parent) = span.parent_span_id()? {
        object.text("parentSpanId", &parent.to_string());
    }
    object.count("flags", span.flags());
    object.text("name", span.name());
    object.count("kind", kind_number(span.kind())?);
    object.time("startTimeUnixNano", span.start_time_unix_nano());
    object.time("endTimeUnixNano", span.start_time_unix_nano().wrapping_add(span.duration_ns()));
    write_stored_attributes(&mut object, &span.attributes())?;
    object.count("droppedAttributesCount", span.dropped_attributes_count());
    write_events(&mut object, span)?;
    object.count("droppedEventsCount", span.dropped_events_count());
    write_links(&mut object, span)?;
    object.count("droppedLinksCount", span.dropped_links_count());
    let code = status_number(span.status())?;
    let message = span.status_message().unwrap_or("");
    if code != 0 || !message.is_empty() {
        let mut status = Object::open(object.field("status"));
        status.text("message", message);
        status.count("code", code);
        status.close();
    }
    object.close();
    Ok(())
}

fn write_events(object: &mut Object<'_>, span: SpanRow<'_>) -> Result<(), QueryError> {
    let mut events = span.events().peekable();
    if events.peek().is_none() {
        return Ok(());
    }
    let out = object.field("events");
    let mut first = true;
    out.push('[');
    for event in events {
        separate(out, &mut first);
        let mut inner = Object::open(out);
        inner.time("timeUnixNano", event.time_unix_nano);
        inner.text("name", event.name);
        write_json_object(&mut inner, event.attributes)?;
        inner.count("droppedAttributesCount", event.dropped_attributes_count);
        inner.close();
    }
    out.push(']');
    Ok(())
}

fn write_links(object: &mut Object<'_>, span: SpanRow<'_>) -> Result<(), QueryError> {
    let mut links = span.links().peekable();
    if links.peek().is_none() {
        return Ok(());
    }
    let out = object.field("links");
    let mut first = true;
    out.push('[');
    for link in links {
        separate(out, &mut first);
        let mut inner = Object::open(out);
        inner.text("traceId", &const_hex::encode(link.trace_id));
        inner.text("spanId", &const_hex::encode(link.span_id));
        inner.text("traceState", link.trace_state.unwrap_or(""));
        write_json_object(&mut inner, link.attributes)?;
        inner.count("droppedAttributesCount", link.dropped_attributes_count);
        inner.count("flags", link.flags);
        inner.close();
    }
    out.push(']');
    Ok(())
}

fn write_log_record(out: &mut String, record: LogRow<'_>) -> Result<(), QueryError> {
    let mut object = Object::open(out);
    object.time("timeUnixNano", if record.has_own_time() { record.time_unix_nano() } else { 0 });
    if let Some(observed) = record.observed_time_unix_nano() {
        object.time("observedTimeUnixNano", observed);
    }
    object.count("severityNumber", i64::from(record.severity_number()));
    object.text("severityText", record.severity_text().unwrap_or(""));
    if let Some(body) = record.body() {
        write_stored(object.field("body"), body)?;
    }
    write_stored_attributes(&mut object, &record.attributes())?;
    object.count("droppedAttributesCount", record.dropped_attributes_count());
    object.count("flags", record.flags());
    object.text("traceId", &const_hex::encode(record.trace_id().unwrap_or_default()));
    object.text("spanId", &const_hex::encode(record.span_id().unwrap_or_default()));
    object.text("eventName", record.event_name().unwrap_or(""));
    object.close();
    Ok(())
}

fn write_stored_attributes(object: &mut Object<'_>, attributes: &[(&str, Stored<'_>)]) -> Result<(), QueryError> {
    if attributes.is_empty() {
        return Ok(());
    }
    let out = object.field("attributes");
    let mut first = true;
    out.push('[');
    for (key, value) in attributes {
        separate(out, &mut first);
        let mut attribute = Object::open(out);
        write_json_string(attribute.field("key"), key);
        write_stored(attribute.field("value"), *value)?;
        attribute.close();
    }
    out.push(']');
    Ok(())
}

fn write_stored(out: &mut String, value: Stored<'_>) -> Result<(), QueryError> {
    match value {
        Stored::Text(text) => {
            let mut object = Object::open(out);
            write_json_string(object.field("stringValue"), text);
            object.close();
        }
        Stored::Int(int) => write_any_value(out, &AnyValue { value: Some(Value::IntValue(int)) }),
        Stored::Json(text) => write_any_value(out, &read_json_value(text).map_err(|error| stored("value", error))?),
    }
    Ok(())
}

fn write_json_object(object: &mut Object<'_>, text: &str) -> Result<(), QueryError> {
    let attributes = read_json_attributes(text).map_err(|error| stored("attributes", error))?;
    write_key_values(object, &attributes);
    Ok(())
}

/// Field `attributes`, unless there are none.
fn write_key_values(object: &mut Object<'_>, attributes: &[KeyValue]) {
    if !attributes.is_empty() {
        write_key_value_array(object.field("attributes"), attributes);
    }
}

fn write_key_value_array(out: &mut String, attributes: &[KeyValue]) {
    let mut first = true;
    out.push('[');
    for attribute in attributes {
        separate(out, &mut first);
        let mut object = Object::open(out);
        write_json_string(object.field("key"), &attribute.key);
        write_any_value(object.field("value"), attribute.value.as_ref().unwrap_or(&AnyValue { value: None }));
        object.close();
    }
    out.push(']');
}

/// Values nest at most [`proto::value::VALUE_DEPTH_MAX`] deep: deeper ones were refused when they arrived.
fn write_any_value(out: &mut String, value: &AnyValue) {
    let mut object = Object::open(out);
    match &value.value {
        None | Some(Value::StringValueStrindex(_)) => {}
        Some(Value::StringValue(text)) => write_json_string(object.field("stringValue"), text),
        Some(Value::BoolValue(bool)) => object.field("boolValue").push_str(if *bool { "true" } else { "false" }),
        Some(Value::IntValue(int)) => {
            write!(object.field("intValue"), "\"{int}\"").expect("writing to a String cannot fail");
        }
        Some(Value::DoubleValue(double)) => write_double(object.field("doubleValue"), *double),
        Some(Value::BytesValue(bytes)) => {
            let out = object.field("bytesValue");
            out.push('"');
            BASE64.encode_string(bytes, out);
            out.push('"');
        }
        Some(Value::ArrayValue(array)) => {
            let mut inner = Object::open(object.field("arrayValue"));
            let mut first = true;
            let out = inner.field("values");
            out.push('[');
            for item in &array.values {
                separate(out, &mut first);
                write_any_value(out, item);
            }
            out.push(']');
            inner.close();
        }
        Some(Value::KvlistValue(list)) => {
            let mut inner = Object::open(object.field("kvlistValue"));
            write_key_value_array(inner.field("values"), &list.values);
            inner.close();
        }
    }
    object.close();
}

fn write_double(out: &mut String, double: f64) {
    let text = if double.is_nan() {
        "\"NaN\""
    } else if double == f64::INFINITY {
        "\"Infinity\""
    } else if double == f64::NEG_INFINITY {
        "\"-Infinity\""
    } else {
        return proto::value::write_json_double(out, double);
    };
    out.push_str(text);
}

fn kind_number(kind: &str) -> Result<i64, QueryError> {
    const KINDS: [&str; 6] = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
    enumeration("kind", &KINDS, kind)
}

fn status_number(status: &str) -> Result<i64, QueryError> {
    enumeration("status", &["UNSET", "OK", "ERROR"], status)
}

fn enumeration(column: &str, names: &[&str], text: &str) -> Result<i64, QueryError> {
    match names.iter().position(|name| *name == text) {
        Some(number) => Ok(number as i64),
        None => text.parse().map_err(|_| stored(column, format!("{text:?} is neither a known name nor a number"))),
    }
}

fn stored(column: &str, error: impl std::fmt::Display) -> QueryError {
    QueryError::internal(format!("column {column} holds what was never written: {error}"))
}

#[cfg(test)]
mod tests;
