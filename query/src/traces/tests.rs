use proto::Signal;
use serde_json::json;

use super::*;
use crate::ErrorKind;
use crate::test_data::{append, engine, store};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const T0: i64 = 1_700_000_000_000_000_000;

fn span(id: u64, parent: u64, start: i64, name: &str) -> Json {
    json!({"trace_id": TRACE, "span_id": format!("{id:016x}"),
        "parent_span_id": (parent != 0).then(|| format!("{parent:016x}")),
        "start_time_unix_nano": T0 + start, "duration_ns": 100, "service": format!("s{}", id % 2), "name": name,
        "kind": "INTERNAL", "status": if id == 3 { "ERROR" } else { "UNSET" },
        "resource": format!("{{\"service.name\":\"s{}\"}}", id % 2), "attributes": {"n": "1", "list": "[1]"},
        "attribute_types": "js"})
}

fn log(time: i64, body: &str) -> Json {
    json!({"trace_id": TRACE, "time_unix_nano": T0 + time, "severity_number": 17, "body": body, "service": "s1",
        "resource": "{\"service.name\":\"s1\"}"})
}

#[tokio::test]
async fn a_trace_is_whole_wherever_its_fragments_lie() {
    let (_directory, store) = store().await;
    let other = json!({"trace_id": "0000000000000000000000000000000f", "span_id": "0000000000000001", "name": "other",
        "start_time_unix_nano": T0, "duration_ns": 1, "resource": "{}"});
    append(&store, Signal::Spans, &[span(3, 1, 20, "late"), other]).await;
    append(&store, Signal::Logs, &[log(30, "second"), log(10, "first"), log(30, "second")]).await;
    store.flush(Signal::Spans).await.expect("flushed");
    append(&store, Signal::Spans, &[span(1, 0, 0, "root"), span(3, 1, 20, "late")]).await;
    store.flush(Signal::Spans).await.expect("flushed");
    append(&store, Signal::Spans, &[span(2, 1, 10, "early"), span(2, 1, 10, "twin"), span(4, 9, 5, "orphan")]).await;

    let query = engine(&store).begin("test", None).await.expect("admitted");
    let trace = read(&query, TRACE.parse().expect("an id")).await.expect("found");
    let answer: Json = serde_json::from_str(&trace.to_json().expect("written")).expect("JSON");
    let names: Vec<_> = answer["spans"].as_array().expect("spans").iter().map(|span| span["name"].clone()).collect();
    assert!(
        names[..] == ["root", "early", "twin", "late", "orphan"]
            || names[..] == ["root", "twin", "early", "late", "orphan"]
    );
    assert_eq!(
        answer["root"],
        json!({"span_id": "0000000000000001", "service": "s1", "name": "root", "status": "UNSET"})
    );
    let figures = [
        "span_count",
        "service_count",
        "error_count",
        "log_count",
        "depth",
        "orphan_count",
        "duplicate_count",
        "complete",
        "duration_ns",
    ];
    let figures: Vec<_> = figures.iter().map(|name| answer[*name].clone()).collect();
    assert_eq!(json!(figures), json!([5, 2, 1, 3, 2, 1, 2, false, 120]), "one copy left out, one twin kept");
    assert_eq!(answer["warnings"].as_array().map(Vec::len), Some(3), "{}", answer["warnings"]);
    let late = &answer["spans"][3];
    assert_eq!((&late["start_time_unix_nano"], &late["start_offset_ns"]), (&json!((T0 + 20).to_string()), &json!(20)));
    assert_eq!(late["attributes"], json!({"n": "1", "list": [1]}));
    assert_eq!(late["resource"], json!({"service.name": "s1"}));
    assert_eq!((&late["parent_span_id"], &late["status"]), (&json!("0000000000000001"), &json!("ERROR")));
    let logs = answer["logs"].as_array().expect("logs");
    assert_eq!(logs.iter().map(|log| log["body"].clone()).collect::<Vec<_>>(), ["first", "second", "second"]);
    assert_ne!(logs[1]["id"], logs[2]["id"]);
    assert_eq!(logs[0]["severity"], "ERROR");

    let otlp: Json = serde_json::from_str(&trace.to_otlp_json().expect("written")).expect("JSON");
    let spans = otlp["resourceSpans"].as_array().expect("resources").iter();
    let count: usize = spans.map(|resource| resource["scopeSpans"][0]["spans"].as_array().map_or(0, Vec::len)).sum();
    assert_eq!(count, 5);
    assert_eq!(otlp["resourceLogs"][0]["scopeLogs"][0]["logRecords"].as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn a_trace_may_consist_of_log_records_and_an_unknown_one_is_not_found() {
    let (_directory, store) = store().await;
    append(&store, Signal::Logs, &[log(10, "alone"), log(15, "together")]).await;
    let query = engine(&store).begin("test", None).await.expect("admitted");
    let trace = read(&query, TRACE.parse().expect("an id")).await.expect("found");
    let answer: Json = serde_json::from_str(&trace.to_json().expect("written")).expect("JSON");
    assert_eq!((&answer["root"], &answer["span_count"], &answer["duration_ns"]), (&Json::Null, &json!(0), &json!(5)));
    assert!(answer["warnings"][0].as_str().is_some_and(|text| text.contains("no span")), "{}", answer["warnings"]);
    let unknown = read(&query, "0000000000000000000000000000000f".parse().expect("an id")).await;
    assert_eq!(unknown.err().map(|error| error.kind), Some(ErrorKind::NotFound));
}

#[tokio::test]
async fn a_chain_of_a_hundred_thousand_is_answered() {
    let (_directory, store) = store().await;
    let rows: Vec<Json> = (1..=100_000u64).map(|n| span(n, n - 1, n as i64, "link")).collect();
    append(&store, Signal::Spans, &rows).await;
    let query = engine(&store).begin("test", None).await.expect("admitted");
    let trace = read(&query, TRACE.parse().expect("an id")).await.expect("found");
    let json = query.run(async move { trace.to_json() }).await.expect("written");
    let answer: Json = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&answer["depth"], &answer["complete"]), (&json!(100_000), &json!(true)));
    assert_eq!(answer["spans"][99_999]["depth"], 99_999);
}
