use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use storage::Store;
use tempfile::TempDir;

use super::*;
use crate::Engine;
use crate::test_data::{append, engine, store};

const T0: i64 = 1_700_000_000_000_000_000;

/// A span as the tests think of it. Ids are small numbers; a parent of 0 is none.
#[derive(Clone, Debug)]
struct Row {
    trace: u64,
    id: u64,
    parent: u64,
    service: &'static str,
    kind: &'static str,
    start: i64,
    duration: i64,
    http: Option<i64>,
    /// Attribute columns that name the callee.
    peer: &'static [(&'static str, &'static str)],
    links: Vec<(u64, u64)>,
}

fn row(trace: u64, id: u64, parent: u64, service: &'static str, kind: &'static str) -> Row {
    Row {
        trace,
        id,
        parent,
        service,
        kind,
        start: id as i64 * 100,
        duration: 10 * id as i64,
        http: None,
        peer: &[],
        links: vec![],
    }
}

impl Row {
    fn json(&self) -> Json {
        let mut json = json!({"trace_id": trace_hex(self.trace), "span_id": format!("{:016x}", self.id),
            "parent_span_id": (self.parent != 0).then(|| format!("{:016x}", self.parent)),
            "start_time_unix_nano": T0 + self.start, "duration_ns": self.duration, "service": self.service, "name": "n",
            "kind": self.kind, "attr_http_response_status_code": self.http});
        for (column, value) in self.peer {
            json[column] = json!(value);
        }
        let link =
            |(trace, span): &(u64, u64)| json!({"trace_id": trace_hex(*trace), "span_id": format!("{span:016x}")});
        if !self.links.is_empty() {
            json["links"] = self.links.iter().map(link).collect();
        }
        json
    }
}

/// Spread over all ids, so that every part has some.
fn trace_hex(trace: u64) -> String {
    format!("{:016x}{trace:016x}", trace.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Each part in a segment of its own, the last one in the memtable.
async fn filled(parts: &[Vec<Row>]) -> (TempDir, Store, Engine) {
    let (directory, store) = store().await;
    for (nth, part) in parts.iter().filter(|part| !part.is_empty()).enumerate() {
        if nth > 0 {
            store.flush(Signal::Spans).await.expect("flushed");
        }
        append(&store, Signal::Spans, &part.iter().map(Row::json).collect::<Vec<_>>()).await;
    }
    let engine = engine(&store);
    (directory, store, engine)
}

async fn ask(engine: &Engine, filter: &SpanFilter, buckets: Option<usize>) -> Json {
    let query = engine.begin("test", None).await.expect("admitted");
    let map = read(&query, filter, buckets).await.expect("counted");
    serde_json::to_value(map).expect("JSON")
}

async fn map_of(rows: Vec<Row>) -> Json {
    let (_directory, _store, engine) = filled(&[rows]).await;
    ask(&engine, &SpanFilter::default(), None).await
}

/// `source -> target kind requests` of all edges.
fn edges(map: &Json) -> Vec<String> {
    let edges = map["edges"].as_array().expect("edges");
    let text = |edge: &Json| {
        let word = |key: &str| edge[key].as_str().expect("text").to_owned();
        format!("{} -> {} {} {}", word("source"), word("target"), word("kind"), edge["requests"])
    };
    edges.iter().map(text).collect()
}

fn node<'a>(map: &'a Json, id: &str) -> &'a Json {
    let nodes = map["nodes"].as_array().expect("nodes");
    nodes.iter().find(|node| node["id"] == id).unwrap_or_else(|| panic!("no node {id} in {map:#}"))
}

#[tokio::test]
async fn a_node_has_the_view_of_the_callee_and_an_edge_that_of_the_caller() {
    let map = map_of(vec![
        Row { duration: 900, ..row(1, 1, 0, "shop", "SERVER") },
        Row { duration: 500, http: Some(503), ..row(1, 2, 1, "shop", "CLIENT") },
        Row { duration: 300, http: Some(200), ..row(1, 3, 2, "pay", "SERVER") },
    ])
    .await;
    assert_eq!(edges(&map), ["client -> service:shop sync 1", "service:shop -> service:pay sync 1"]);
    let pay = node(&map, "service:pay");
    assert_eq!((&pay["duration_ns"]["p50"], &pay["ok"], &pay["faults"]), (&json!(300), &json!(1), &json!(0)));
    let edge = &map["edges"][1];
    assert_eq!((&edge["duration_ns"]["p50"], &edge["ok"], &edge["faults"]), (&json!(500), &json!(0), &json!(1)));
    assert_eq!((&pay["type"], &pay["inferred"], &pay["traces"]), (&json!("service"), &json!(false), &json!(1)));
    assert_eq!(node(&map, "client")["inferred"], true);
}

#[tokio::test]
async fn callees_that_send_nothing_are_inferred_until_they_report() {
    const DATABASE: &[(&str, &str)] = &[("attr_db_system_name", "postgresql"), ("attr_db_namespace", "shop")];
    const HOST: &[(&str, &str)] = &[("attr_server_address", "pay.local")];
    const NAMED: &[(&str, &str)] = &[("attr_peer_service", "mail")];
    let calls = |id| vec![Row { peer: HOST, ..row(1, id, 1, "shop", "CLIENT") }];
    let base = || vec![row(1, 1, 0, "shop", "SERVER"), Row { peer: DATABASE, ..row(1, 2, 1, "shop", "CLIENT") }];
    let alone = map_of([base(), calls(3)].concat()).await;
    assert_eq!(
        edges(&alone),
        [
            "client -> service:shop sync 1",
            "service:shop -> database:postgresql shop sync 1",
            "service:shop -> external:pay.local sync 1",
        ]
    );
    let database = node(&alone, "database:postgresql shop");
    assert_eq!((&database["inferred"], &database["duration_ns"]["p50"]), (&json!(true), &json!(20)));

    // One of two calls was answered: the other one went there too.
    let answered = map_of([base(), calls(3), calls(4), vec![row(1, 5, 4, "pay", "SERVER")]].concat()).await;
    assert_eq!(
        edges(&answered)[1..],
        ["service:shop -> database:postgresql shop sync 1", "service:shop -> service:pay sync 2"]
    );

    let by_name = map_of(vec![
        row(1, 1, 0, "shop", "SERVER"),
        Row { peer: NAMED, ..row(1, 2, 1, "shop", "CLIENT") },
        row(2, 3, 0, "mail", "SERVER"),
    ])
    .await;
    assert!(edges(&by_name).contains(&"service:shop -> service:mail sync 1".to_owned()), "{:?}", edges(&by_name));
}

#[tokio::test]
async fn a_client_span_around_another_is_one_call() {
    const DATABASE: &[(&str, &str)] = &[("attr_db_system", "mysql")];
    let map = map_of(vec![
        row(1, 1, 0, "shop", "SERVER"),
        Row { peer: DATABASE, ..row(1, 2, 1, "shop", "CLIENT") },
        Row { peer: DATABASE, ..row(1, 3, 2, "shop", "CLIENT") },
    ])
    .await;
    assert_eq!(edges(&map)[1..], ["service:shop -> database:mysql sync 1"]);
}

#[tokio::test]
async fn messages_are_followed_by_parent_by_link_and_through_queues() {
    const QUEUE: &[(&str, &str)] = &[("attr_messaging_system", "kafka"), ("attr_messaging_destination_name", "orders")];
    let producer = |trace, id| Row { peer: QUEUE, ..row(trace, id, 1, "shop", "PRODUCER") };
    let consumer = |trace, id, parent| Row { peer: QUEUE, ..row(trace, id, parent, "ship", "CONSUMER") };
    let map = map_of(vec![
        row(1, 1, 0, "shop", "SERVER"),
        producer(1, 2),
        consumer(1, 3, 2),
        producer(1, 4),
        Row { links: vec![(1, 4)], ..consumer(2, 9, 0) },
        producer(1, 5),
        Row { service: "bill", ..consumer(3, 6, 0) },
    ])
    .await;
    assert_eq!(
        edges(&map),
        [
            "client -> service:shop sync 1",
            "queue:kafka orders -> service:bill async 1",
            "service:shop -> queue:kafka orders async 1",
            "service:shop -> service:ship async 1",
            "service:shop -> service:ship link 1",
        ]
    );
    let (by_parent, by_link) = (&map["edges"][3], &map["edges"][4]);
    assert_eq!((&by_parent["message_age_ns"]["p50"], &by_parent["duration_ns"]), (&json!(100), &Json::Null));
    assert_eq!(by_link["message_age_ns"]["p50"], 500);
}

#[tokio::test]
async fn a_service_without_servers_is_measured_where_it_is_entered() {
    let map = map_of(vec![
        row(1, 1, 0, "job", "INTERNAL"),
        row(1, 2, 1, "job", "INTERNAL"),
        row(1, 3, 2, "other", "INTERNAL"),
        row(1, 4, 77, "lost", "INTERNAL"),
    ])
    .await;
    assert_eq!(edges(&map), ["service:job -> service:other sync 1"]);
    assert_eq!(
        (&node(&map, "service:job")["requests"], &node(&map, "service:other")["requests"]),
        (&json!(1), &json!(1))
    );
    let lost = node(&map, "service:lost");
    assert_eq!((&lost["requests"], &lost["duration_ns"], &lost["traces"]), (&json!(0), &Json::Null, &json!(1)));
}

#[tokio::test]
async fn filters_choose_traces_and_the_range_chooses_spans() {
    let mut rows = vec![];
    for trace in 1..=4 {
        rows.push(row(trace, 1, 0, "shop", "SERVER"));
        rows.push(row(trace, 2, 1, "shop", "CLIENT"));
        rows.push(Row { http: (trace == 3).then_some(500), ..row(trace, 3, 2, "pay", "SERVER") });
    }
    let (_directory, _store, engine) = filled(&[rows]).await;
    let filter = SpanFilter { min_duration_ns: Some(30), trace_id: None, ..SpanFilter::default() };
    assert_eq!(ask(&engine, &filter, None).await["trace_count"], 4);
    let one = SpanFilter { trace_id: trace_hex(3).parse().ok(), ..SpanFilter::default() };
    let map = ask(&engine, &one, None).await;
    assert_eq!((&map["span_count"], &node(&map, "service:pay")["faults"]), (&json!(3), &json!(1)));
    let none = SpanFilter { service: Some("nobody".into()), ..SpanFilter::default() };
    let map = ask(&engine, &none, None).await;
    assert_eq!((&map["nodes"], &map["trace_count"]), (&json!([]), &json!(0)));
    let range = proto::TimeRange { start: Some(T0 + 100), end: Some(T0 + 300) };
    let map = ask(&engine, &SpanFilter { range, ..SpanFilter::default() }, Some(2)).await;
    assert_eq!((&map["span_count"], edges(&map).len()), (&json!(8), 1));
    let over_time = &node(&map, "service:shop")["over_time"];
    assert_eq!((&over_time["requests"], &map["buckets"]["width_ns"]), (&json!([4, 0]), &json!(100)));
}

/// What the map must say, span by span over all pairs. Only what a naive reader of the rules can say: services that
/// report, by parents.
#[derive(Debug, Default, PartialEq)]
struct Naive {
    /// Requests, faults, traces and median of the node.
    nodes: BTreeMap<String, (usize, usize, usize, i64)>,
    /// Requests, faults and traces.
    edges: BTreeMap<(String, String, &'static str), (usize, usize, usize)>,
}

fn naive(rows: &[Row]) -> Naive {
    let parent_of = |row: &Row| {
        let same = |other: &&Row| other.trace == row.trace && other.id == row.parent && row.parent != 0;
        rows.iter().filter(same).min_by_key(|other| other.start).cloned()
    };
    let is_caller = |row: &Row| matches!(row.kind, "CLIENT" | "PRODUCER");
    let is_callee = |row: &Row| matches!(row.kind, "SERVER" | "CONSUMER");
    let call = |row: &Row| {
        parent_of(row).filter(|parent| parent.service != row.service || (is_caller(parent) && is_callee(row)))
    };
    let mut naive = Naive::default();
    let services: BTreeSet<&str> = rows.iter().map(|row| row.service).collect();
    for service in services {
        let mine: Vec<&Row> = rows.iter().filter(|row| row.service == service).collect();
        let traces: BTreeSet<u64> = mine.iter().map(|row| row.trace).collect();
        let mut served: Vec<&Row> = mine.iter().copied().filter(|row| is_callee(row)).collect();
        if served.is_empty() {
            served = mine.iter().copied().filter(|row| row.parent == 0 || call(row).is_some()).collect();
        }
        let mut durations: Vec<i64> = served.iter().map(|row| row.duration).collect();
        durations.sort_unstable();
        let median = if durations.is_empty() { -1 } else { durations[durations.len().div_ceil(2) - 1] };
        let faults = served.iter().filter(|row| row.http == Some(500)).count();
        naive.nodes.insert(service.to_owned(), (served.len(), faults, traces.len(), median));
    }
    let mut traces: BTreeMap<(String, String, &'static str), BTreeSet<u64>> = BTreeMap::new();
    for row in rows {
        let (source, kind, seen) = match call(row) {
            Some(parent) => {
                let is_async = parent.kind == "PRODUCER" || row.kind == "CONSUMER";
                let seen = if is_caller(&parent) { parent.clone() } else { row.clone() };
                (parent.service.to_owned(), if is_async { "async" } else { "sync" }, seen)
            }
            None if row.kind == "SERVER" && row.parent == 0 => ("client".to_owned(), "sync", row.clone()),
            None => continue,
        };
        let key = (source, row.service.to_owned(), kind);
        let counts = naive.edges.entry(key.clone()).or_default();
        counts.0 += 1;
        counts.1 += usize::from(seen.http == Some(500));
        traces.entry(key).or_default().insert(row.trace);
    }
    for (key, traces) in traces {
        naive.edges.entry(key).and_modify(|counts| counts.2 = traces.len());
    }
    naive
}

fn found(map: &Json) -> Naive {
    let count = |json: &Json, key: &str| json[key].as_u64().expect("a count") as usize;
    let mut found = Naive::default();
    for node in map["nodes"].as_array().expect("nodes").iter().filter(|node| node["inferred"] == false) {
        let counts = (
            count(node, "requests"),
            count(node, "faults"),
            count(node, "traces"),
            node["duration_ns"]["p50"].as_i64().unwrap_or(-1),
        );
        found.nodes.insert(node["name"].as_str().expect("a name").to_owned(), counts);
    }
    for edge in map["edges"].as_array().expect("edges") {
        let end = |key: &str| edge[key].as_str().expect("an id").trim_start_matches("service:").to_owned();
        let kind = if edge["kind"] == "sync" { "sync" } else { "async" };
        let counts = (count(edge, "requests"), count(edge, "faults"), count(edge, "traces"));
        found.edges.insert((end("source"), end("target"), kind), counts);
    }
    found
}

fn any_row() -> impl Strategy<Value = Row> {
    let services = prop::sample::select(vec!["a", "b", "c", "d"]);
    let kinds = prop::sample::select(vec!["SERVER", "CLIENT", "INTERNAL", "PRODUCER", "CONSUMER"]);
    (1u64..6, 0u64..12, services, kinds, 0i64..1000, prop::option::of(Just(500i64))).prop_map(
        |(trace, parent, service, kind, duration, http)| Row { duration, http, ..row(trace, 0, parent, service, kind) },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever the traces look like and however they are spread over segments and memtable.
    #[test]
    fn the_map_is_what_the_rules_say(
        mut rows in prop::collection::vec(any_row(), 1..60),
        places in prop::collection::vec(0usize..3, 60),
        range in (0i64..60, 0i64..60),
    ) {
        // Small ids meet the parents that others name; some rows of a trace share one.
        for (nth, row) in rows.iter_mut().enumerate() {
            row.id = (nth as u64 % 11) + 1;
            row.start = nth as i64;
        }
        let mut parts = vec![Vec::new(); 3];
        for (row, place) in rows.iter().zip(&places) {
            parts[*place].push(row.clone());
        }
        let range = proto::TimeRange { start: Some(T0 + range.0), end: Some(T0 + range.1) };
        let of_service = SpanFilter { service: Some("a".into()), ..SpanFilter::default() };
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let maps = runtime.block_on(async {
            let (_directory, _store, engine) = filled(&parts).await;
            let all = ask(&engine, &SpanFilter::default(), None).await;
            let of_range = ask(&engine, &SpanFilter { range, ..SpanFilter::default() }, None).await;
            [all, of_range, ask(&engine, &of_service, None).await]
        });
        let with_a: BTreeSet<u64> = rows.iter().filter(|row| row.service == "a").map(|row| row.trace).collect();
        let in_range = |row: &&Row| range.contains(T0 + row.start);
        let expected = [
            naive(&rows),
            naive(&rows.iter().filter(in_range).cloned().collect::<Vec<_>>()),
            naive(&rows.iter().filter(|row| with_a.contains(&row.trace)).cloned().collect::<Vec<_>>()),
        ];
        prop_assert_eq!(maps.each_ref().map(found), expected);
    }
}
