//! The trace page's own answers on recorded traffic: the skeleton, the detail of a span, who links to it.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use opentelemetry_proto::tonic::trace::v1::span::Link;
use prost::Message as _;
use serde_json::{Value, json};

use crate::support::json::hex;
use crate::support::messages::{log_record, logs_request, span, trace_request};
use crate::support::packs::{Pack, Signal};
use crate::support::{Home, Server};

fn get(server: &Server, path: &str) -> Value {
    server.get_json(path).unwrap_or_else(|error| panic!("{error}"))
}

fn ids(skeleton: &Value) -> Vec<String> {
    let bytes = BASE64.decode(skeleton["spans"]["span_id"].as_str().expect("text")).expect("base64");
    bytes.chunks(8).map(hex).collect()
}

/// Every trace of a pack: the columns say what the rows say, and both what the facts say.
#[test]
fn the_skeleton_of_every_recorded_trace_is_its_rows_as_columns() {
    for name in ["ci-trainticket", "ci-boutique"] {
        let pack = Pack::shipped(name);
        let home = Home::new();
        let server = home.start_ready(&[]);
        for signal in Signal::ALL {
            for request in pack.requests(signal) {
                server.export(signal.http_path(), &request);
            }
        }
        server.flush();
        let mut depths: BTreeMap<String, i64> = BTreeMap::new();
        let mut spans_seen = 0;
        for summary in server.pages("/api/v1/traces?limit=200", "traces").expect("pages") {
            let id = summary["trace_id"].as_str().expect("an id");
            let skeleton = get(&server, &format!("/api/v1/traces/{id}?view=skeleton"));
            let rows = get(&server, &format!("/api/v1/traces/{id}"));
            compare(&skeleton, &rows, id);
            *depths.entry(skeleton["depth"].to_string()).or_default() += 1;
            spans_seen += skeleton["span_count"].as_i64().expect("a count");
        }
        assert_eq!(spans_seen, pack.count("spans"), "{name}");
        assert_eq!(json!(depths), pack.manifest["facts"]["trace_depth_histogram"], "{name}: levels of the traces");
    }
}

fn compare(skeleton: &Value, rows: &Value, id: &str) {
    for key in [
        "root",
        "duration_ns",
        "span_count",
        "service_count",
        "error_count",
        "log_count",
        "depth",
        "complete",
        "warnings",
    ] {
        assert_eq!(skeleton[key], rows[key], "{id} {key}");
    }
    let columns = &skeleton["spans"];
    let ids = ids(skeleton);
    for (row, span) in rows["spans"].as_array().expect("spans").iter().enumerate() {
        let text = |dictionary: &str, column: &str| {
            &skeleton[dictionary][columns[column][row].as_u64().expect("an index") as usize]
        };
        let status = ["UNSET", "OK", "ERROR"][columns["status"][row].as_u64().expect("a number") as usize];
        let parent = columns["parent"][row].as_i64().expect("a row");
        let told = json!([
            ids[row],
            text("services", "service"),
            text("names", "name"),
            text("kinds", "kind"),
            status,
            columns["start_ns"][row],
            columns["duration_ns"][row],
            if parent < 0 { Value::Null } else { json!(ids[parent as usize]) },
        ]);
        let expected = json!([
            span["span_id"],
            span["service"],
            span["name"],
            span["kind"],
            span["status"],
            span["start_offset_ns"],
            span["duration_ns"],
            span["parent_span_id"],
        ]);
        assert_eq!(told, expected, "{id} row {row}");
    }
    let start = nanos(&rows["start_time_unix_nano"]);
    let in_rows = rows["logs"].as_array().expect("logs").iter();
    let mut in_rows: Vec<_> =
        in_rows.map(|log| (nanos(&log["time_unix_nano"]) - start, log["span_id"].to_string())).collect();
    let columns = &skeleton["logs"];
    let log = |nth: usize| {
        let row = columns["span"][nth].as_i64().expect("a row");
        (columns["time_ns"][nth].as_i64().expect("an offset"), json!(ids[row as usize]).to_string())
    };
    let mut in_columns: Vec<_> = (0..columns["span"].as_array().map_or(0, Vec::len)).map(log).collect();
    in_rows.sort();
    in_columns.sort();
    assert_eq!(in_columns, in_rows, "{id} logs");
}

fn nanos(text: &Value) -> i64 {
    text.as_str().and_then(|text| text.parse().ok()).expect("decimal nanoseconds")
}

#[test]
fn a_span_is_told_with_its_logs_and_who_links_to_it() {
    let home = Home::new();
    let server = home.start_ready(&[]);
    let link = Link { trace_id: 1u128.to_be_bytes().to_vec(), span_id: 7u64.to_be_bytes().to_vec(), ..Link::default() };
    let target = span(1, 7, "ask");
    let linking = opentelemetry_proto::tonic::trace::v1::Span { links: vec![link], ..span(2, 9, "carry on") };
    let other = opentelemetry_proto::tonic::trace::v1::Span { name: "ask differently".to_owned(), ..span(1, 7, "") };
    server.export("/v1/traces", &trace_request("shop", vec![target.clone(), target, other, linking]).encode_to_vec());
    let mut log = log_record("inside");
    (log.trace_id, log.span_id) = (1u128.to_be_bytes().to_vec(), 7u64.to_be_bytes().to_vec());
    server.export("/v1/logs", &logs_request("shop", vec![log, log_record("elsewhere")]).encode_to_vec());

    let (one, two) = (format!("{:032x}", 1), format!("{:032x}", 2));
    let (seven, nine) = (format!("{:016x}", 7), format!("{:016x}", 9));
    let detail = get(&server, &format!("/api/v1/traces/{one}/spans/{seven}"));
    let names: Vec<_> = detail["spans"].as_array().expect("spans").iter().map(|span| &span["name"]).collect();
    assert_eq!(names.len(), 2, "the copy is left out, the twin is not: {names:?}");
    assert!(names.contains(&&json!("ask")) && names.contains(&&json!("ask differently")));
    assert_eq!(detail["spans"][0]["resource"], json!({"service.name": "shop"}));
    assert_eq!((&detail["logs"][0]["body"], detail["logs"].as_array().map(Vec::len)), (&json!("inside"), Some(1)));

    let links = get(&server, &format!("/api/v1/traces/{one}/links_in"));
    let expected =
        json!({"trace_id": two, "span_id": nine, "service": "shop", "name": "carry on", "linked_span_id": seven});
    for (key, value) in expected.as_object().expect("an object") {
        assert_eq!(&links["links"][0][key], value, "{links}");
    }
    assert_eq!(links["links"].as_array().map(Vec::len), Some(1));
    assert_eq!(get(&server, &format!("/api/v1/traces/{two}/links_in"))["links"], json!([]));
    let nowhere = get(&server, &format!("/api/v1/traces/{one}/links_in?span_id={nine}"));
    assert_eq!(nowhere["links"], json!([]), "nobody links to that span");

    for (path, status) in [
        (format!("/api/v1/traces/{one}/spans/{nine}"), 404),
        (format!("/api/v1/traces/{one}/spans/xyz"), 400),
        (format!("/api/v1/traces/{one}/spans/{seven}?view=full"), 400),
        (format!("/api/v1/traces/{one}?view=skeleton&format=otlp"), 400),
        (format!("/api/v1/traces/{one}?view=bones"), 400),
        (format!("/api/v1/traces/{}?view=skeleton", "f".repeat(32)), 404),
    ] {
        let reply = server.get(&path);
        assert_eq!(reply.status, status, "{path}: {}", reply.excerpt());
    }
}
