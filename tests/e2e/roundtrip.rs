//! Nothing that OTLP carries is lost: what was sent is read back as OTLP/JSON, from memtable, segment and compacted
//! segment after a restart.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message as _;

use crate::support::json::{logs_of, logs_request_json, spans_of, trace_request_json};
use crate::support::messages::{MILLISECOND, NOON, any, log_record, pair, span, text};
use crate::support::server::NO_FLUSH;
use crate::support::{Home, Server};

fn array(values: Vec<AnyValue>) -> AnyValue {
    any(Any::ArrayValue(ArrayValue { values }))
}

fn map(values: Vec<KeyValue>) -> AnyValue {
    any(Any::KvlistValue(KeyValueList { values }))
}

fn int(value: i64) -> AnyValue {
    any(Any::IntValue(value))
}

fn double(value: f64) -> AnyValue {
    any(Any::DoubleValue(value))
}

fn bytes(value: &[u8]) -> AnyValue {
    any(Any::BytesValue(value.to_vec()))
}

/// Every type of value, with its extremes, under odd but distinct keys.
fn every_value() -> Vec<KeyValue> {
    let nested = map(vec![
        pair(
            "list",
            array(vec![int(1), text("two"), double(3.5), any(Any::BoolValue(false)), AnyValue { value: None }]),
        ),
        pair("deeper", map(vec![pair("deepest", array(vec![array(vec![bytes(b"\x00\xff")]), array(vec![])]))])),
        pair("", text("an empty key in a map")),
    ]);
    vec![
        pair("text", text("plain")),
        pair("text.empty", text("")),
        pair("text.unicode", text("żółw \u{1f422} \"quoted\" \\ back\nline \u{0} nul \u{7f}")),
        pair("bool.true", any(Any::BoolValue(true))),
        pair("bool.false", any(Any::BoolValue(false))),
        pair("int.zero", int(0)),
        pair("int.max", int(i64::MAX)),
        pair("int.min", int(i64::MIN)),
        pair("int.above.2^53", int(9_007_199_254_740_993)),
        pair("double", double(0.1)),
        pair("double.whole", double(200.0)),
        pair("double.negative.zero", double(-0.0)),
        pair("double.tiny", double(f64::MIN_POSITIVE)),
        pair("double.max", double(f64::MAX)),
        pair("double.nan", double(f64::NAN)),
        pair("double.infinity", double(f64::INFINITY)),
        pair("double.minus.infinity", double(f64::NEG_INFINITY)),
        pair("bytes", bytes(&[0, 1, 254, 255])),
        pair("bytes.empty", bytes(b"")),
        pair("array.empty", array(vec![])),
        pair("array.mixed", array(vec![int(-1), text("x"), double(f64::NAN), AnyValue { value: None }])),
        pair("map.empty", map(vec![])),
        pair("map.nested", nested),
        pair("empty", AnyValue { value: None }),
        pair("", text("the key is empty")),
        pair("key with space, \"quotes\" and 'apostrophes'", int(1)),
        pair("klucz.ł", int(2)),
        pair("__proto__", text("a key that JavaScript knows")),
        // Keys of the semantic conventions may have columns of their own; with their usual and with another type.
        pair("http.request.method", text("GET")),
        pair("http.response.status_code", int(200)),
        pair("server.port", text("not a number")),
        pair("url.path", array(vec![text("/a"), text("/b")])),
        pair("code.line.number", double(12.5)),
    ]
}

fn resource() -> Option<Resource> {
    let mut attributes = every_value();
    attributes.push(pair("service.name", text("round trip")));
    attributes.push(pair("k8s.pod.name", int(7)));
    let entity = EntityRef {
        schema_url: "https://example.test/entity".to_owned(),
        r#type: "service".to_owned(),
        id_keys: vec!["service.name".to_owned()],
        description_keys: vec!["k8s.pod.name".to_owned()],
    };
    Some(Resource { attributes, dropped_attributes_count: 3, entity_refs: vec![entity] })
}

fn scope() -> Option<InstrumentationScope> {
    Some(InstrumentationScope {
        name: "scope".to_owned(),
        version: "1.2.3".to_owned(),
        attributes: every_value(),
        dropped_attributes_count: 4,
    })
}

const PARENT: u64 = 0xA1;

/// A span with every field, a bare child, an unusual child, and a span of another resource without anything.
fn trace(trace: u128) -> ExportTraceServiceRequest {
    let full = Span {
        trace_state: "vendor=a,other=b".to_owned(),
        flags: 0x0000_0301,
        kind: 5,
        attributes: every_value(),
        dropped_attributes_count: 1,
        events: vec![
            Event {
                time_unix_nano: NOON + 1,
                name: "exception".to_owned(),
                attributes: every_value(),
                dropped_attributes_count: 2,
            },
            Event { time_unix_nano: NOON, name: String::new(), attributes: vec![], dropped_attributes_count: 0 },
        ],
        dropped_events_count: 5,
        links: vec![
            Link {
                trace_id: vec![0xCD; 16],
                span_id: vec![0xEF; 8],
                trace_state: "link=1".to_owned(),
                attributes: every_value(),
                dropped_attributes_count: 6,
                flags: 0x101,
            },
            Link { trace_id: trace.to_be_bytes().to_vec(), span_id: vec![1; 8], ..Default::default() },
        ],
        dropped_links_count: 7,
        status: Some(Status { message: "it broke: \"badly\"".to_owned(), code: 2 }),
        ..span(trace, PARENT, "full")
    };
    let bare = Span { kind: 0, parent_span_id: PARENT.to_be_bytes().to_vec(), ..span(trace, 0xA2, "bare") };
    let odd = Span {
        parent_span_id: vec![0x77; 8],
        start_time_unix_nano: NOON + 3,
        end_time_unix_nano: NOON - 4 * MILLISECOND,
        status: Some(Status { message: "fine".to_owned(), code: 1 }),
        ..span(trace, 0xA3, "an orphan that ends before it starts")
    };
    let stranger = Span { name: String::new(), ..span(trace, 0xA4, "") };
    ExportTraceServiceRequest {
        resource_spans: vec![
            ResourceSpans {
                resource: resource(),
                scope_spans: vec![
                    ScopeSpans {
                        scope: scope(),
                        spans: vec![full, bare],
                        schema_url: "https://example.test/scope/1".to_owned(),
                    },
                    ScopeSpans { scope: None, spans: vec![odd], schema_url: String::new() },
                ],
                schema_url: "https://example.test/resource/1".to_owned(),
            },
            ResourceSpans {
                resource: None,
                scope_spans: vec![ScopeSpans { scope: None, spans: vec![stranger], schema_url: String::new() }],
                schema_url: String::new(),
            },
        ],
    }
}

fn logs(trace: u128) -> ExportLogsServiceRequest {
    let correlated = |record: LogRecord, span: u64| LogRecord {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: span.to_be_bytes().to_vec(),
        ..record
    };
    let full = LogRecord {
        severity_number: 17,
        severity_text: "Erreur".to_owned(),
        attributes: every_value(),
        dropped_attributes_count: 8,
        flags: 1,
        event_name: "session.end".to_owned(),
        body: Some(map(every_value())),
        ..log_record("")
    };
    let observed_only = LogRecord { time_unix_nano: 0, body: Some(text("observed only")), ..log_record("") };
    let bare = LogRecord {
        observed_time_unix_nano: 0,
        severity_number: 0,
        severity_text: String::new(),
        body: None,
        ..log_record("")
    };
    let bodies =
        [int(i64::MIN), double(f64::NAN), any(Any::BoolValue(false)), bytes(&[9, 8]), array(every_array()), text("")];
    let mut records = vec![correlated(full, PARENT), correlated(observed_only, 0xA2), correlated(bare, 0xA3)];
    for (index, body) in bodies.into_iter().enumerate() {
        let record = LogRecord { body: Some(body), time_unix_nano: NOON + 10 + index as u64, ..log_record("") };
        records.push(correlated(record, 0x99));
    }
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: resource(),
            scope_logs: vec![ScopeLogs {
                scope: scope(),
                log_records: records,
                schema_url: "https://example.test/scope/2".to_owned(),
            }],
            schema_url: "https://example.test/resource/2".to_owned(),
        }],
    }
}

fn every_array() -> Vec<AnyValue> {
    every_value().into_iter().filter_map(|pair| pair.value).collect()
}

/// What was sent for one trace, and what is read back.
fn compare(server: &Server, id: u128, phase: &str) {
    let path = format!("/api/v1/traces/{id:032x}?format=otlp");
    let answer = server.get_json(&path).unwrap_or_else(|error| panic!("{phase}: {error}"));
    same(&format!("{phase}: spans"), &spans_of(&trace_request_json(&trace(id))), &spans_of(&answer));
    same(&format!("{phase}: log records"), &logs_of(&logs_request_json(&logs(id))), &logs_of(&answer));
}

/// Equal lists, or what is on one side only: the records, or the lines of the only record that differs.
fn same(what: &str, sent: &[String], answered: &[String]) {
    assert!(!sent.is_empty(), "{what}: nothing was compared");
    let lost: Vec<&String> = sent.iter().filter(|record| !answered.contains(record)).collect();
    let added: Vec<&String> = answered.iter().filter(|record| !sent.contains(record)).collect();
    if let ([lost], [added]) = (lost.as_slice(), added.as_slice()) {
        let only = |these: &str, those: &str| -> Vec<String> {
            these.lines().filter(|line| !those.lines().any(|other| other == *line)).map(str::to_owned).collect()
        };
        panic!(
            "{what}: a record differs.\nsent only: {:#?}\nanswered only: {:#?}",
            only(lost, added),
            only(added, lost)
        );
    }
    assert!(lost.is_empty() && added.is_empty(), "{what}: sent only:\n{lost:#?}\nanswered only:\n{added:#?}");
    assert_eq!(sent.len(), answered.len(), "{what}: the number of records");
}

#[test]
fn what_was_sent_is_read_back_in_all_three_lives() {
    const PROTOBUF: u128 = 0xB1;
    const JSON: u128 = 0xB2;
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    server.export("/v1/traces", &trace(PROTOBUF).encode_to_vec());
    server.export("/v1/logs", &logs(PROTOBUF).encode_to_vec());
    for (path, body) in [("/v1/traces", trace_request_json(&trace(JSON))), ("/v1/logs", logs_request_json(&logs(JSON)))]
    {
        let reply = server.otlp(path, &[("content-type", "application/json")], body.to_string().as_bytes());
        assert_eq!((reply.status, reply.text().as_str()), (200, "{}"), "{path} as JSON");
    }
    for id in [PROTOBUF, JSON] {
        compare(&server, id, "from the memtable");
    }
    server.flush();
    for id in [PROTOBUF, JSON] {
        compare(&server, id, "after flush");
    }
    // A second segment, so that compaction has something to merge.
    server.export("/v1/traces", &trace(0xB3).encode_to_vec());
    server.export("/v1/logs", &logs(0xB3).encode_to_vec());
    server.flush();
    server.compact();
    assert!(server.stop().success());
    let server = home.start_ready(NO_FLUSH);
    for id in [PROTOBUF, JSON, 0xB3] {
        compare(&server, id, "after compaction and a restart");
    }
}

/// A crash instead of a flush: the log replays the same values.
#[test]
fn what_was_sent_is_read_back_after_a_crash() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    server.export("/v1/traces", &trace(0xC1).encode_to_vec());
    server.export("/v1/logs", &logs(0xC1).encode_to_vec());
    server.kill();
    let server = home.start_ready(NO_FLUSH);
    compare(&server, 0xC1, "after a crash");
}

/// The trace page's own form keeps the types of attribute values.
#[test]
fn the_trace_page_gives_attributes_their_own_type() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    server.export("/v1/traces", &trace(0xD1).encode_to_vec());
    server.export("/v1/logs", &logs(0xD1).encode_to_vec());
    let answer = server.get_json(&format!("/api/v1/traces/{:032x}", 0xD1)).expect("the trace is there");
    let spans = answer["spans"].as_array().expect("spans");
    let full = spans.iter().find(|span| span["name"] == "full").expect("the full span");
    let attributes = &full["attributes"];
    let expected = serde_json::json!({
        "text": "plain", "bool.false": false, "int.max": i64::MAX, "int.min": i64::MIN, "double": 0.1,
        "double.nan": {"$double": "NaN"}, "double.minus.infinity": {"$double": "-Infinity"},
        "bytes": {"$bytes": "AAH+/w=="}, "array.empty": [], "map.empty": {},
        "http.response.status_code": 200, "server.port": "not a number", "url.path": ["/a", "/b"], "code.line.number": 12.5,
    });
    for (key, value) in expected.as_object().expect("a map") {
        assert_eq!(&attributes[key], value, "{key}");
    }
    assert_eq!(attributes.as_object().map(serde_json::Map::len), Some(every_value().len()));
    assert_eq!(full["events"].as_array().map(Vec::len), Some(2));
    assert_eq!(full["links"][0]["span_id"], "efefefefefefefef");
    assert_eq!((&full["kind"], &full["status"]), (&"CONSUMER".into(), &"ERROR".into()));
    let orphan = spans.iter().find(|span| span["orphan"] == true).expect("the orphan is marked");
    assert_eq!(orphan["span_id"], "00000000000000a3");
    assert_eq!((&answer["orphan_count"], &answer["complete"]), (&1.into(), &false.into()));
    assert_eq!(answer["log_count"], logs(1).resource_logs[0].scope_logs[0].log_records.len());
}
