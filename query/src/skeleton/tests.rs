use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::test_data::{append, batch, engine, store};
use crate::{ErrorKind, traces};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const T0: i64 = 1_700_000_000_000_000_000;

/// `(id, parent or 0, start, duration)`
fn span((id, parent, start, duration): (u64, u64, i64, i64)) -> Json {
    json!({"trace_id": TRACE, "span_id": format!("{id:016x}"),
        "parent_span_id": (parent != 0).then(|| format!("{parent:016x}")),
        "start_time_unix_nano": T0 + start, "duration_ns": duration, "service": format!("s{}", id % 3),
        "name": format!("n{}", id % 2), "kind": "INTERNAL", "resource": "{}"})
}

fn with(mut span: Json, more: &Json) -> Json {
    for (key, value) in more.as_object().expect("an object") {
        span[key] = value.clone();
    }
    span
}

fn log(span: Option<u64>, time: i64) -> Json {
    json!({"trace_id": TRACE, "span_id": span.map(|id| format!("{id:016x}")), "time_unix_nano": T0 + time,
        "severity_number": 17, "body": "b", "service": "s1", "resource": "{}"})
}

async fn ask(spans: &[Json], logs: &[Json]) -> (Json, Json) {
    let (_directory, store) = store().await;
    if !spans.is_empty() {
        append(&store, Signal::Spans, spans).await;
    }
    if !logs.is_empty() {
        append(&store, Signal::Logs, logs).await;
    }
    let query = engine(&store).begin("test", None).await.expect("admitted");
    let id: TraceId = TRACE.parse().expect("an id");
    let skeleton = read(&query, id).await.expect("found");
    let whole = traces::read(&query, id).await.expect("found").to_json().expect("written");
    (serde_json::from_str(&skeleton).expect("JSON"), serde_json::from_str(&whole).expect("JSON"))
}

/// The columns as the rows that the whole answer has.
fn rows(skeleton: &Json) -> Vec<Json> {
    let columns = &skeleton["spans"];
    let ids = BASE64.decode(columns["span_id"].as_str().expect("text")).expect("base64");
    let text = |dictionary: &str, column: &str, row: usize| {
        skeleton[dictionary][columns[column][row].as_u64().expect("an index") as usize].clone()
    };
    let flag = |row: usize, bit: u16| columns["flags"][row].as_u64().expect("bits") as u16 & bit != 0;
    let row = |(row, id): (usize, &[u8])| {
        json!({"span_id": const_hex::encode(id), "start_offset_ns": columns["start_ns"][row],
            "duration_ns": columns["duration_ns"][row], "service": text("services", "service", row),
            "name": text("names", "name", row), "kind": text("kinds", "kind", row), "orphan": flag(row, ORPHAN),
            "duplicate": flag(row, DUPLICATE), "cycle": flag(row, CYCLE)})
    };
    ids.chunks(8).enumerate().map(row).collect()
}

fn same_rows_of(whole: &Json) -> Vec<Json> {
    let keys = ["span_id", "start_offset_ns", "duration_ns", "service", "name", "kind", "orphan", "duplicate", "cycle"];
    let row = |span: &Json| keys.iter().map(|key| ((*key).to_owned(), span[*key].clone())).collect::<HashMap<_, _>>();
    whole["spans"].as_array().expect("spans").iter().map(|span| json!(row(span))).collect()
}

#[tokio::test]
async fn it_says_what_the_rows_say() {
    let spans = [
        with(span((1, 0, 0, 100)), &json!({"attr_http_response_status_code": 429, "flags": 0x101})),
        with(
            span((2, 1, 10, 30)),
            &json!({"status": "ERROR", "flags": 0x301, "events": [
            {"time_unix_nano": T0 + 12, "name": "exception",
                "attributes": r#"{"exception.type":"Gone","exception.message":"away"}"#},
            {"time_unix_nano": T0 + 13, "name": "retry", "attributes": "{}"}]}),
        ),
        with(span((3, 1, 50, 20)), &json!({"links": [{"trace_id": TRACE, "span_id": "0000000000000002"}]})),
        span((4, 9, 5, 1)),
    ];
    let (skeleton, whole) = ask(&spans, &[log(Some(3), 55), log(None, 2), log(Some(77), 3)]).await;
    assert_eq!(rows(&skeleton), same_rows_of(&whole));
    for key in [
        "trace_id",
        "root",
        "start_time_unix_nano",
        "end_time_unix_nano",
        "duration_ns",
        "span_count",
        "service_count",
        "error_count",
        "log_count",
        "depth",
        "complete",
        "orphan_count",
        "duplicate_count",
        "warnings",
    ] {
        assert_eq!(skeleton[key], whole[key], "{key}");
    }
    let columns = &skeleton["spans"];
    assert_eq!(columns["parent"], json!([-1, 0, 0, -1]));
    assert_eq!(columns["status"], json!([0, 2, 0, 0]));
    assert_eq!(columns["outcome"], json!([3, 4, 0, 0]), "a throttle is an error; ERROR without a code is a fault");
    let expected = [PARENT_IS_LOCAL, HAS_EVENTS | HAS_EXCEPTION | PARENT_IS_REMOTE, HAS_LINKS | HAS_LOGS, ORPHAN];
    assert_eq!(columns["flags"], json!(expected));
    assert_eq!(skeleton["services"], json!(["s1", "s2", "s0"]), "by self time");
    assert_eq!(
        skeleton["events"],
        json!({"span": [1, 1], "time_ns": [12, 13], "text": [0, 1], "texts": ["Gone: away", "retry"], "truncated": false})
    );
    let logs = json!({"span": [-1, -1, 2], "time_ns": [2, 3, 55], "severity_number": [17, 17, 17], "truncated": false});
    assert_eq!(skeleton["logs"], logs);
}

#[tokio::test]
async fn a_trace_may_have_log_records_only_or_not_be_there() {
    let (skeleton, _) = ask(&[], &[log(None, 5), log(None, 9)]).await;
    assert_eq!(
        (&skeleton["span_count"], &skeleton["duration_ns"], &skeleton["logs"]["time_ns"]),
        (&json!(0), &json!(4), &json!([0, 4]))
    );
    assert!(skeleton["warnings"].to_string().contains("no span of this trace was received"));
    let (_directory, store) = store().await;
    let query = engine(&store).begin("test", None).await.expect("admitted");
    let unknown = read(&query, TRACE.parse().expect("an id")).await;
    assert_eq!(unknown.err().map(|error| error.kind), Some(ErrorKind::NotFound));
}

#[tokio::test]
async fn copies_are_told_from_duplicates_by_what_the_skeleton_does_not_have() {
    let twin = with(span((2, 1, 10, 30)), &json!({"attributes": {"n": "1"}}));
    let (skeleton, whole) =
        ask(&[span((1, 0, 0, 100)), span((2, 1, 10, 30)), span((2, 1, 10, 30)), twin], &[log(Some(2), 11)]).await;
    assert_eq!((&skeleton["span_count"], &skeleton["duplicate_count"]), (&json!(3), &json!(2)));
    assert_eq!(rows(&skeleton), same_rows_of(&whole));
    assert_eq!(skeleton["logs"]["span"], json!([1]), "the first of those with the id");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Random traces with orphans, cycles, duplicates, copies and several roots.
    #[test]
    fn rows_are_those_of_the_whole_answer_and_parents_come_first(
        spans in prop::collection::vec((1u64..9, 0u64..10, 0i64..40, -3i64..40), 1..16)
    ) {
        let rows_of = |spans: &[(u64, u64, i64, i64)]| batch(Signal::Spans, &spans.iter().copied().map(span).collect::<Vec<_>>());
        let batches = [rows_of(&spans)];
        let none = Rows { schema: Signal::Logs.schema(), batches: Vec::new(), truncated: false };
        let id: TraceId = TRACE.parse().expect("an id");
        let json = to_json(id, &batches, &none, true).expect("written").expect("whole");
        let skeleton: Json = serde_json::from_str(&json).expect("JSON");
        let distinct: std::collections::HashSet<_> = spans.iter().collect();
        prop_assert_eq!(skeleton["span_count"].as_u64(), Some(distinct.len() as u64));
        let rows = rows(&skeleton);
        let parents: Vec<i64> = serde_json::from_value(skeleton["spans"]["parent"].clone()).expect("numbers");
        let is_shared = |id: &Json| rows.iter().filter(|row| row["span_id"] == *id).count() > 1;
        let mut path: Vec<i64> = Vec::new();
        for (row, &parent) in parents.iter().enumerate() {
            prop_assert!(parent < row as i64);
            // Pre-order: the parent is on the path to the row before.
            while path.last().is_some_and(|&last| last != parent) {
                path.pop();
            }
            prop_assert_eq!(path.last().copied().unwrap_or(-1), parent);
            path.push(row as i64);
            prop_assert_eq!(rows[row]["duplicate"].as_bool(), Some(is_shared(&rows[row]["span_id"])));
            let sent = distinct.iter().any(|(id, of, start, duration)| {
                let earliest = spans.iter().map(|span| span.2).min().unwrap_or(0);
                rows[row]["span_id"] == format!("{id:016x}")
                    && rows[row]["start_offset_ns"] == start - earliest
                    && rows[row]["duration_ns"] == *duration
                    && (parent < 0 || rows[parent as usize]["span_id"] == format!("{of:016x}"))
            });
            prop_assert!(sent, "row {} was never sent: {}", row, rows[row]);
        }
        // Without whole spans it answers only when no id is shared.
        let slim = to_json(id, &batches, &none, false).expect("written");
        let has_shared_ids = skeleton["duplicate_count"] != json!(0);
        prop_assert_eq!(slim.is_none(), has_shared_ids);
        prop_assert!(slim.is_none_or(|slim| slim == json));
    }
}

#[tokio::test]
async fn a_chain_of_a_hundred_thousand_is_answered() {
    let chain: Vec<Json> = (1..=100_000u64).map(|n| span((n, n - 1, n as i64, 10))).collect();
    let (_directory, store) = store().await;
    append(&store, Signal::Spans, &chain).await;
    let query = engine(&store).begin("test", None).await.expect("admitted");
    let json = read(&query, TRACE.parse().expect("an id")).await.expect("found");
    let skeleton: Json = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&skeleton["depth"], &skeleton["complete"]), (&json!(100_000), &json!(true)));
    assert_eq!(skeleton["spans"]["parent"][99_999], 99_998);
}
