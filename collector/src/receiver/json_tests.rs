use proptest::prelude::*;
use prost::Message as _;
use proto::otlp::any_value::Value;
use proto::otlp::{AnyValue, ExportLogsServiceRequest, ExportTraceServiceRequest, LogRecord, Span};
use serde_json::json;

use super::*;

fn traces(json: &serde_json::Value) -> Result<ExportTraceServiceRequest, String> {
    let bytes = to_protobuf(Signal::Spans, json.to_string().as_bytes())?;
    Ok(ExportTraceServiceRequest::decode(bytes).expect("what we write is protobuf"))
}

fn span(span: serde_json::Value) -> Result<Span, String> {
    let mut request = traces(&json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [span] }] }] }))?;
    Ok(request.resource_spans.remove(0).scope_spans.remove(0).spans.remove(0))
}

fn log_record(record: serde_json::Value) -> Result<LogRecord, String> {
    let json = json!({ "resourceLogs": [{ "scopeLogs": [{ "logRecords": [record] }] }] });
    let bytes = to_protobuf(Signal::Logs, json.to_string().as_bytes())?;
    let mut request = ExportLogsServiceRequest::decode(bytes).expect("what we write is protobuf");
    Ok(request.resource_logs.remove(0).scope_logs.remove(0).log_records.remove(0))
}

fn body(value: serde_json::Value) -> Result<Option<Value>, String> {
    Ok(log_record(json!({ "body": value }))?.body.expect("sent").value)
}

#[test]
fn empty_requests_are_empty() {
    for text in ["{}", r#"{"resourceSpans": []}"#, r#"{"resourceSpans": null, "x": {"y": [1, {}]}}"#, " {} \n"] {
        assert_eq!(to_protobuf(Signal::Spans, text.as_bytes()), Ok(Bytes::new()), "{text}");
    }
    for text in ["", "[]", "null", "{", "{} x", "\"resourceSpans\"", "{\"resourceSpans\": {}}", "\u{feff}{}"] {
        assert!(to_protobuf(Signal::Spans, text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn ids_are_hex_in_either_case() {
    let read = span(
        json!({ "traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "eee19b7ec3c1b174", "parentSpanId": "" }),
    );
    let read = read.expect("valid");
    assert_eq!(const_hex::encode(&read.trace_id), "5b8efff798038103d269b633813fc60c");
    assert_eq!(const_hex::encode(&read.span_id), "eee19b7ec3c1b174");
    assert!(read.parent_span_id.is_empty());
    let link = span(json!({ "links": [{ "traceId": "AB", "spanId": "CD" }] })).expect("valid").links.remove(0);
    assert_eq!((link.trace_id, link.span_id), (vec![0xab], vec![0xcd]));
    assert!(span(json!({ "traceId": "zz" })).expect_err("not hex").contains("traceId"));
}

#[test]
fn enumerations_are_numbers_or_names() {
    for kind in [json!(2), json!("SPAN_KIND_SERVER"), json!("2")] {
        assert_eq!(span(json!({ "kind": kind })).expect("valid").kind, 2);
    }
    assert_eq!(span(json!({ "kind": -1 })).expect("valid").kind, -1);
    for code in [json!(2), json!("STATUS_CODE_ERROR")] {
        assert_eq!(span(json!({ "status": { "code": code } })).expect("valid").status.expect("sent").code, 2);
    }
    for severity in [json!(9), json!("SEVERITY_NUMBER_INFO")] {
        assert_eq!(log_record(json!({ "severityNumber": severity })).expect("valid").severity_number, 9);
    }
    assert!(span(json!({ "kind": "SPAN_KIND_NEVER_HEARD_OF" })).is_err());
}

#[test]
fn integers_are_numbers_or_strings_and_do_not_overflow() {
    for time in [json!(u64::MAX), json!(u64::MAX.to_string())] {
        assert_eq!(span(json!({ "startTimeUnixNano": time })).expect("valid").start_time_unix_nano, u64::MAX);
    }
    for int in [json!(i64::MIN), json!(i64::MIN.to_string())] {
        assert_eq!(body(json!({ "intValue": int })), Ok(Some(Value::IntValue(i64::MIN))));
    }
    assert_eq!(body(json!({ "intValue": 3.0 })), Ok(Some(Value::IntValue(3))));
    assert_eq!(span(json!({ "flags": "256" })).expect("valid").flags, 256);
    for value in [json!("18446744073709551616"), json!(-1), json!(1.5), json!("1.5"), json!(true), json!("")] {
        let error = span(json!({ "startTimeUnixNano": value })).expect_err("not a fixed64");
        assert!(error.contains("startTimeUnixNano"), "{error}");
    }
    assert!(body(json!({ "intValue": "9223372036854775808" })).is_err());
}

#[test]
fn values_of_every_type_are_read() {
    let is = |value, expected| assert_eq!(body(value), Ok(Some(expected)));
    is(json!({ "stringValue": "" }), Value::StringValue(String::new()));
    is(json!({ "boolValue": false }), Value::BoolValue(false));
    is(json!({ "doubleValue": 5 }), Value::DoubleValue(5.0));
    is(json!({ "doubleValue": "-Infinity" }), Value::DoubleValue(f64::NEG_INFINITY));
    is(json!({ "doubleValue": "1.5" }), Value::DoubleValue(1.5));
    let nan = body(json!({ "doubleValue": "NaN" })).expect("valid");
    assert!(matches!(nan, Some(Value::DoubleValue(double)) if double.is_nan()));
    for text in ["+/8=", "+/8", "-_8", "-_8="] {
        is(json!({ "bytesValue": text }), Value::BytesValue(vec![0xfb, 0xff]));
    }
    assert!(body(json!({ "bytesValue": "!" })).is_err());
    assert_eq!(body(json!({})), Ok(None));
    assert_eq!(body(json!({ "newValue": { "deep": [1] }, "stringValue": null })), Ok(None));
    let array = body(json!({ "arrayValue": { "values": [{}, null, { "intValue": 1 }] } }));
    let Ok(Some(Value::ArrayValue(array))) = array else { panic!("an array, not {array:?}") };
    let empty = AnyValue { value: None };
    assert_eq!(array.values, [empty.clone(), empty, AnyValue { value: Some(Value::IntValue(1)) }]);
    let list = json!({ "kvlistValue": { "values": [{ "key": "k", "value": { "boolValue": true } }, { "key": "n" }] } });
    let Ok(Some(Value::KvlistValue(list))) = body(list) else { panic!("a list") };
    assert_eq!(list.values.iter().map(|pair| pair.key.as_str()).collect::<Vec<_>>(), ["k", "n"]);
    assert!(body(json!("text")).is_err());
}

#[test]
fn null_is_absent_and_snake_case_is_unknown() {
    let read = span(json!({ "name": null, "attributes": null, "status": null, "trace_id": "zz", "kind": null }));
    assert_eq!(read.expect("valid"), Span::default());
}

#[test]
fn depth_is_bounded() {
    let mut text = "{}".to_owned();
    for _ in 0..100_000 {
        text = format!(r#"{{"arrayValue":{{"values":[{text}]}}}}"#).chars().take(1_000_000).collect();
        if text.len() > 10_000 {
            break;
        }
    }
    let json = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{text}}}]}}]}}]}}"#);
    let error = to_protobuf(Signal::Logs, json.as_bytes()).expect_err("too deep");
    assert!(error.contains("recursion limit"), "{error}");
    let ignored = format!(r#"{{"unknown":{}{}}}"#, "[".repeat(1_000_000), "]".repeat(1_000_000));
    assert_eq!(to_protobuf(Signal::Logs, ignored.as_bytes()), Ok(Bytes::new()), "skipped without recursion");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What another implementation writes is read as the same message.
    #[test]
    fn what_opentelemetry_proto_writes_is_read_back(request in crate::columns::tests::any_traces()) {
        prop_assert_eq!(traces(&serde_json::to_value(&request).expect("JSON")), Ok(request));
    }

    #[test]
    fn arbitrary_text_never_panics(text in "[\\[\\]{}:,\"a-z0-9.]{0,60}") {
        for signal in Signal::ALL {
            let _ = to_protobuf(signal, text.as_bytes());
        }
    }
}
