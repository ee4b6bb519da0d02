//! OTLP/JSON as real exporters write it: liberal in what is taken, exact in what it means.

use serde_json::{Value, json};

use super::otlp::{JSON, assert_refused};
use crate::support::server::NO_FLUSH;
use crate::support::{Home, Server};

fn one_span(span: Value) -> Value {
    let resource = json!({"attributes": [{"key": "service.name", "value": {"stringValue": "json"}}]});
    json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]})
}

fn one_log(record: Value) -> Value {
    json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]})
}

fn accepted(server: &Server, path: &str, body: &Value) {
    let reply = server.otlp(path, &[("content-type", JSON)], body.to_string().as_bytes());
    assert_eq!((reply.status, reply.text().as_str()), (200, "{}"), "{path} {body}");
}

/// The one span of that trace, as the trace page gives it.
fn read(server: &Server, trace_id: &str) -> Value {
    let trace = server.get_json(&format!("/api/v1/traces/{trace_id}")).unwrap_or_else(|error| panic!("{error}"));
    trace["spans"][0].clone()
}

#[test]
fn ids_are_hexadecimal_in_either_case() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let span = json!({
        "traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B174", "parentSpanId": "EEE19B7EC3C1B173",
        "name": "the example of the specification", "startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": "1544712661000000000",
        "kind": 2, "links": [{"traceId": "5B8EFFF798038103D269B633813FC60D", "spanId": "AAE19B7EC3C1B174"}],
    });
    accepted(&server, "/v1/traces", &one_span(span));
    let record = json!({"timeUnixNano": "1544712660300000000", "traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B174", "body": {"stringValue": "x"}});
    accepted(&server, "/v1/logs", &one_log(record));
    let span = read(&server, "5b8efff798038103d269b633813fc60c");
    assert_eq!((&span["span_id"], &span["parent_span_id"]), (&json!("eee19b7ec3c1b174"), &json!("eee19b7ec3c1b173")));
    assert_eq!(span["links"][0]["trace_id"], "5b8efff798038103d269b633813fc60d");
    assert_eq!(server.count("SELECT count(*) FROM logs WHERE trace_id = '5b8efff798038103d269b633813fc60c'"), 1);
}

#[test]
fn integers_are_strings_or_numbers_and_enums_numbers_or_names() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let attributes = json!([
        {"key": "text", "value": {"intValue": "9223372036854775807"}}, {"key": "number", "value": {"intValue": 9_007_199_254_740_993_i64}},
        {"key": "negative", "value": {"intValue": -5}}, {"key": "nan", "value": {"doubleValue": "NaN"}},
        {"key": "infinity", "value": {"doubleValue": "-Infinity"}}, {"key": "whole", "value": {"doubleValue": 3}},
        {"key": "bytes", "value": {"bytesValue": "AAECAw=="}}, {"key": "null", "value": null}, {"key": "empty", "value": {}},
        {"key": "array", "value": {"arrayValue": {"values": [{}, {"intValue": "1"}, {"stringValue": "a"}]}}},
    ]);
    let texts = json!({
        "traceId": "000000000000000000000000000000a1", "spanId": "00000000000000a1", "name": "texts", "kind": 3,
        "startTimeUnixNano": "1544712660000000001", "endTimeUnixNano": "1544712660000000003", "attributes": attributes,
        "status": {"code": 2, "message": "no"}, "droppedAttributesCount": 4,
    });
    accepted(&server, "/v1/traces", &one_span(texts));
    let numbers = json!({
        "traceId": "000000000000000000000000000000a2", "spanId": "00000000000000a2", "name": "numbers", "kind": "SPAN_KIND_CLIENT",
        "startTimeUnixNano": 1_544_712_660_000_000_001_u64, "endTimeUnixNano": 1_544_712_660_000_000_003_u64,
        "status": {"code": "STATUS_CODE_ERROR"}, "parentSpanId": null, "events": null, "traceState": null, "droppedAttributesCount": "4",
    });
    accepted(&server, "/v1/traces", &one_span(numbers));
    for id in ["a1", "a2"] {
        let span = read(&server, &format!("000000000000000000000000000000{id}"));
        assert_eq!((&span["kind"], &span["status"]), (&json!("CLIENT"), &json!("ERROR")), "{id}");
        assert_eq!(span["start_time_unix_nano"], "1544712660000000001", "{id}");
        assert_eq!(span["duration_ns"], 2, "{id}");
        assert_eq!(span["dropped_attributes_count"], 4, "{id}");
        assert_eq!(span["parent_span_id"], Value::Null, "{id}");
    }
    let span = read(&server, "000000000000000000000000000000a1");
    let expected = json!({
        "text": i64::MAX, "number": 9_007_199_254_740_993_i64, "negative": -5, "nan": {"$double": "NaN"},
        "infinity": {"$double": "-Infinity"}, "whole": 3.0, "bytes": {"$bytes": "AAECAw=="}, "null": null, "empty": null, "array": [null, 1, "a"],
    });
    for (key, value) in expected.as_object().expect("a map") {
        // 3.0 and 3 are one number of JSON.
        let equal = span["attributes"][key] == *value
            || span["attributes"][key].as_f64().is_some_and(|n| Some(n) == value.as_f64());
        assert!(equal, "{key}: expected {value}, got {}", span["attributes"][key]);
    }
}

/// `timeUnixNano` may be absent or 0: the observed time stands in, and without both the time of arrival.
#[test]
fn a_log_record_without_a_time_gets_one() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let records = [
        json!({"timeUnixNano": "0", "observedTimeUnixNano": "1544712660300000000", "body": {"stringValue": "zero"}}),
        json!({"observedTimeUnixNano": "1544712660300000000", "severityNumber": "SEVERITY_NUMBER_WARN2", "body": {"stringValue": "absent"}}),
        json!({"body": {"stringValue": "neither"}, "severityNumber": 21}),
    ];
    for record in records {
        accepted(&server, "/v1/logs", &one_log(record));
    }
    let observed =
        "SELECT count(*) FROM logs WHERE body IN ('zero', 'absent') AND CAST(time AS BIGINT) = 1544712660300000000";
    assert_eq!(server.count(observed), 2);
    assert_eq!(
        server.count("SELECT count(*) FROM logs WHERE body = 'neither' AND time > now() - INTERVAL '5 minutes'"),
        1
    );
    assert_eq!(server.count("SELECT count(*) FROM logs WHERE severity_number = 14 AND severity = 'WARN'"), 1);
    assert_eq!(server.count("SELECT count(*) FROM logs WHERE severity_number = 21 AND severity = 'FATAL'"), 1);
}

#[test]
fn what_is_not_otlp_json_is_refused() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let base = |field: &str, value: Value| {
        let mut span =
            json!({"traceId": "000000000000000000000000000000b1", "spanId": "00000000000000b1", "name": "x"});
        span[field] = value;
        one_span(span).to_string()
    };
    let cases = [
        ("no bytes at all", String::new()),
        ("a cut body", r#"{"resourceSpans": ["#.to_owned()),
        ("a list", "[]".to_owned()),
        ("a text", r#""resourceSpans""#.to_owned()),
        ("a number for a list", r#"{"resourceSpans": 5}"#.to_owned()),
        ("an overflowing time", base("startTimeUnixNano", json!("99999999999999999999999"))),
        ("a negative time", base("startTimeUnixNano", json!(-1))),
        ("a time that is no number", base("startTimeUnixNano", json!("yesterday"))),
        (
            "an overflowing integer",
            base("attributes", json!([{"key": "a", "value": {"intValue": "9223372036854775808"}}])),
        ),
        ("bytes that are not base64", base("attributes", json!([{"key": "a", "value": {"bytesValue": "%%%"}}]))),
        ("a name that is a list", base("name", json!(["x"]))),
    ];
    for (what, body) in cases {
        let reply = server.otlp("/v1/traces", &[("content-type", JSON)], body.as_bytes());
        assert_refused(what, &reply, 400, JSON);
    }
    // Ids that are not ids are the record's fault, not the request's.
    for id in ["xyz", "5b8efff798038103d269b633813fc60", "AAAAAAAAAAAAAAAAAAAAAA=="] {
        let reply = server.otlp("/v1/traces", &[("content-type", JSON)], base("traceId", json!(id)).as_bytes());
        let partial = reply.status == 200 && reply.text().contains("rejectedSpans");
        assert!(partial || reply.status == 400, "traceId {id:?}: {}", reply.excerpt());
    }
    assert_eq!(server.count("SELECT count(*) FROM spans"), 0, "nothing refused was stored");
}
