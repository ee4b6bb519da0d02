use proto::Signal;
use serde_json::{Value as Json, json};

use super::*;
use crate::rows::{LogBatch, SpanBatch};
use crate::test_data::batch;

fn spans(rows: &[Json]) -> Json {
    let batch = SpanBatch::of(&batch(Signal::Spans, rows)).expect("physical columns");
    let mut out = String::new();
    write_resource_spans(&mut out, batch.rows()).expect("written");
    serde_json::from_str(&out).expect("JSON")
}

fn logs(rows: &[Json]) -> Json {
    let batch = LogBatch::of(&batch(Signal::Logs, rows)).expect("physical columns");
    let mut out = String::new();
    write_resource_logs(&mut out, batch.rows()).expect("written");
    serde_json::from_str(&out).expect("JSON")
}

#[test]
fn a_full_span_comes_back_as_it_was_sent() {
    let row = json!({
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "00f067aa0ba902b7", "parent_span_id": "00f067aa0ba902b6",
        "trace_state": "a=1", "flags": 769, "name": "GET \"/\"", "kind": "SERVER", "status": "ERROR", "status_message": "no",
        "start_time_unix_nano": 1_700_000_000_000_000_001i64, "duration_ns": 5, "service": "shop",
        "resource": "{\"host.cpus\":4,\"service.name\":\"shop\"}", "scope_name": "lib", "scope_version": "2",
        "context": "{\"resource_schema_url\":\"https://r\",\"scope_schema_url\":\"https://s\",\"resource_dropped_attributes_count\":3,\"scope_attributes\":{\"k\":true}}",
        "attr_http_route": "/", "attr_http_status_code": 200,
        "attributes": {"text": "1", "double": "5.0", "nan": "{\"$double\":\"NaN\"}", "bytes": "{\"$bytes\":\"AQI=\"}", "list": "[1,null,{\"a\":\"b\"}]", "none": "null"},
        "attribute_types": "jjjjjs", "dropped_attributes_count": 1, "dropped_events_count": 2, "dropped_links_count": 3,
        "events": [{"time_unix_nano": 7, "name": "e", "attributes": "{\"x\":-1}", "dropped_attributes_count": 9}],
        "links": [{"trace_id": "4bf92f3577b34da6a3ce929d0e0e4737", "span_id": "01", "trace_state": "b=2", "flags": 1}],
    });
    let expected = json!([{
        "resource": {"attributes": [
            {"key": "host.cpus", "value": {"intValue": "4"}}, {"key": "service.name", "value": {"stringValue": "shop"}},
        ], "droppedAttributesCount": 3},
        "scopeSpans": [{
            "scope": {"name": "lib", "version": "2", "attributes": [{"key": "k", "value": {"boolValue": true}}]},
            "spans": [{
                "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7", "traceState": "a=1",
                "parentSpanId": "00f067aa0ba902b6", "flags": 769, "name": "GET \"/\"", "kind": 2,
                "startTimeUnixNano": "1700000000000000001", "endTimeUnixNano": "1700000000000000006",
                "attributes": [
                    {"key": "http.status_code", "value": {"intValue": "200"}},
                    {"key": "http.route", "value": {"stringValue": "/"}},
                    {"key": "bytes", "value": {"bytesValue": "AQI="}},
                    {"key": "double", "value": {"doubleValue": 5.0}},
                    {"key": "list", "value": {"arrayValue": {"values": [
                        {"intValue": "1"}, {},
                        {"kvlistValue": {"values": [{"key": "a", "value": {"stringValue": "b"}}]}},
                    ]}}},
                    {"key": "nan", "value": {"doubleValue": "NaN"}},
                    {"key": "none", "value": {}},
                    {"key": "text", "value": {"stringValue": "1"}},
                ],
                "droppedAttributesCount": 1,
                "events": [{"timeUnixNano": "7", "name": "e", "droppedAttributesCount": 9,
                    "attributes": [{"key": "x", "value": {"intValue": "-1"}}]}],
                "droppedEventsCount": 2,
                "links": [{"traceId": "4bf92f3577b34da6a3ce929d0e0e4737", "spanId": "01", "traceState": "b=2", "flags": 1}],
                "droppedLinksCount": 3,
                "status": {"message": "no", "code": 2},
            }],
            "schemaUrl": "https://s",
        }],
        "schemaUrl": "https://r",
    }]);
    assert_eq!(spans(&[row]), expected);
}

#[test]
fn what_was_not_sent_is_not_there() {
    let row = json!({"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "00f067aa0ba902b7", "name": "n",
        "start_time_unix_nano": 0, "duration_ns": -1, "resource": "{}", "context": "{\"scope_present\":false}"});
    let expected = json!([{"resource": {}, "scopeSpans": [{"spans": [{
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7", "name": "n",
        "startTimeUnixNano": "0", "endTimeUnixNano": "18446744073709551615",
    }]}]}]);
    assert_eq!(spans(&[row]), expected);
}

#[test]
fn records_are_grouped_by_resource_and_scope_again() {
    let row = |service: &str, scope: &str, context: Option<&str>, body: &str| {
        json!({"time_unix_nano": 1, "resource": format!("{{\"service.name\":\"{service}\"}}"), "scope_name": scope,
            "context": context, "body": body})
    };
    let dropped = Some("{\"resource_dropped_attributes_count\":1}");
    let answer = logs(&[
        row("a", "x", None, "1"),
        row("b", "x", None, "2"),
        row("a", "y", None, "3"),
        row("a", "x", None, "4"),
        row("a", "x", dropped, "5"),
    ]);
    let mut seen = Vec::new();
    for resource in answer.as_array().expect("resources") {
        for scope in resource["scopeLogs"].as_array().expect("scopes") {
            let bodies = scope["logRecords"].as_array().expect("records").iter();
            let bodies: Vec<_> = bodies.map(|record| record["body"]["stringValue"].as_str().expect("text")).collect();
            let service = &resource["resource"]["attributes"][0]["value"]["stringValue"];
            seen.push(format!("{} {} {}", service.as_str().expect("text"), scope["scope"]["name"], bodies.join(",")));
        }
    }
    assert_eq!(seen, ["a \"x\" 1,4", "a \"y\" 3", "b \"x\" 2", "a \"x\" 5"]);
}

#[test]
fn a_time_that_was_not_sent_is_zero_again() {
    let row = json!({"time_unix_nano": 77, "time_from": "observed", "observed_time_unix_nano": 77, "severity_number": 9,
        "severity_text": "Info", "body": "{\"a\":[1,2.5]}", "body_type": "json", "resource": "{}", "event_name": "ev",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "00f067aa0ba902b7", "flags": 1});
    let record = &logs(&[row])[0]["scopeLogs"][0]["logRecords"][0];
    let expected = json!({
        "timeUnixNano": "0", "observedTimeUnixNano": "77", "severityNumber": 9, "severityText": "Info", "flags": 1,
        "body": {"kvlistValue": {"values": [{"key": "a", "value": {"arrayValue": {"values": [
            {"intValue": "1"}, {"doubleValue": 2.5},
        ]}}}]}},
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7", "eventName": "ev",
    });
    assert_eq!(*record, expected);
}
