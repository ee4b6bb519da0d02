use serde_json::{Value as Json, json};
use storage::Store;

use super::*;
use crate::Engine;
use crate::test_data::{append, engine, store};

const MS: i64 = 1_000_000;
const T0: i64 = 1_700_000_000_000_000_000;

fn trace_hex(trace: u64) -> String {
    format!("{trace:032x}")
}

/// A span of `trace` that starts `start` ms after [`T0`]; its id is that of the trace and `nth`.
fn span(trace: u64, nth: u64, service: &str, name: &str, start: i64, attributes: &[(&str, &str)]) -> Json {
    let attributes: serde_json::Map<String, Json> =
        attributes.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    json!({"trace_id": trace_hex(trace), "span_id": span_hex(trace, nth),
        "parent_span_id": (nth > 0).then(|| span_hex(trace, 0)), "service": service, "name": name, "kind": "SERVER",
        "start_time_unix_nano": T0 + start * MS, "duration_ns": 10 * MS, "resource": "{}", "attributes": attributes})
}

fn span_hex(trace: u64, nth: u64) -> String {
    format!("{:016x}", (trace << 8) + nth + 1)
}

fn linked(mut span: Json, trace: u64, nth: u64) -> Json {
    span["links"] = json!([{"trace_id": trace_hex(trace), "span_id": span_hex(trace, nth)}]);
    span
}

fn log(trace: Option<u64>, start: i64, body: &str, attributes: &[(&str, &str)], resource: &str) -> Json {
    let attributes: serde_json::Map<String, Json> =
        attributes.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    json!({"time_unix_nano": T0 + start * MS, "body": body, "service": "shop", "severity_number": 9,
        "trace_id": trace.map(trace_hex), "attributes": attributes, "resource": resource})
}

async fn ask(engine: &Engine, value: &str) -> Json {
    ask_with(engine, value, |_| {}).await
}

async fn ask_with(engine: &Engine, value: &str, change: impl Fn(&mut FlowQuery)) -> Json {
    let query = engine.begin("test", None).await.expect("admitted");
    let keys = ["order.id", "session.id"].map(str::to_owned).to_vec();
    let mut asked = FlowQuery { value: value.to_owned(), keys, range: TimeRange::default(), logs_max: 100 };
    change(&mut asked);
    let answer = read(&query, asked).await.expect("a flow");
    serde_json::from_str(&answer).expect("JSON")
}

/// Operation, why it belongs to the flow, and gap in ms of each trace.
fn steps(flow: &Json) -> Vec<(String, String, Option<i64>)> {
    let text = |json: &Json| json.as_str().expect("text").to_owned();
    let step = |trace: &Json| {
        (text(&trace["root"]["name"]), text(&trace["how"]), trace["gap_ns"].as_i64().map(|gap| gap / MS))
    };
    flow["traces"].as_array().expect("traces").iter().map(step).collect()
}

/// An order of three traces: placed by a request, paid in the trace of a message, shipped by a job that links to it.
fn order(nth: u64, value: &str, late: i64) -> Vec<Json> {
    let (first, start) = (nth * 16 + 1, nth as i64 * 5000);
    vec![
        span(first, 0, "shop", "POST /order", start, &[("order.id", value)]),
        linked(span(first + 1, 0, "pay", "charge", start + 20 + nth as i64, &[("order.id", value)]), first, 0),
        linked(span(first + 2, 0, "ship", "send", start + 100 + late, &[]), first + 1, 0),
    ]
}

async fn orders(store: &Store, count: u64, late: i64) {
    for nth in 0..count {
        let rows = order(nth, &format!("A-{nth}"), if nth == 0 { late } else { 0 });
        append(store, Signal::Spans, &rows).await;
        if nth == 2 {
            store.flush(Signal::Spans).await.expect("flushed");
        }
    }
}

#[tokio::test]
async fn a_flow_is_what_carries_the_value_and_what_links_join_to_it() {
    let (_directory, store) = store().await;
    orders(&store, 1, 0).await;
    // A batch that ships two orders belongs to both flows and does not join them.
    append(&store, Signal::Spans, &[span(200, 0, "shop", "POST /order", 1, &[("order.id", "B")])]).await;
    let mut batch = span(201, 0, "mail", "send all", 300, &[]);
    let link = |trace: u64| json!({"trace_id": trace_hex(trace), "span_id": span_hex(trace, 0)});
    batch["links"] = json!([link(3), link(200)]);
    append(&store, Signal::Spans, &[batch]).await;
    let logs = [
        log(Some(2), 25, "charging", &[], "{}"),
        log(None, 90, "packed", &[("order.id", "A-0")], "{}"),
        log(None, 95, "of another", &[("order.id", "A-01")], "{}"),
        log(None, 400, "by resource", &[], r#"{"session.id":"A-0"}"#),
    ];
    append(&store, Signal::Logs, &logs).await;
    let engine = engine(&store);
    for life in ["memtable", "segment"] {
        let flow = ask(&engine, "A-0").await;
        let expected = [
            ("POST /order", "value", None),
            ("charge", "value", Some(10)),
            ("send", "link", Some(70)),
            ("send all", "link", Some(190)),
        ];
        let expected = expected.map(|(name, how, gap)| (name.to_owned(), how.to_owned(), gap));
        assert_eq!(steps(&flow), expected, "{life}");
        let tree: Vec<_> = flow["tree"].as_array().expect("a tree").iter().map(|row| row["depth"].clone()).collect();
        assert_eq!(tree, [0, 1, 2, 3].map(|depth| json!(depth)), "{life}");
        assert_eq!(flow["traces"][1]["cause"]["age_ns"], 20 * MS, "{life}");
        assert_eq!(flow["traces"][1]["cause"]["span"]["name"], "POST /order", "{life}");
        let found = json!([{"key": "order.id", "spans": 2, "logs": 1}, {"key": "session.id", "spans": 0, "logs": 1}]);
        assert_eq!(flow["found_under"], found, "{life}");
        let bodies: Vec<_> = flow["logs"].as_array().expect("logs").iter().map(|log| log["body"].clone()).collect();
        assert_eq!(bodies, ["charging", "packed", "by resource"].map(|body| json!(body)), "{life}");
        let carry: Vec<_> =
            flow["logs"].as_array().expect("logs").iter().map(|log| log["carries_value"].clone()).collect();
        assert_eq!(carry, [false, true, true].map(|carries| json!(carries)), "{life}");
        let timeline =
            json!([{"trace": 0}, {"trace": 1}, {"log": 0}, {"log": 1}, {"trace": 2}, {"trace": 3}, {"log": 2}]);
        assert_eq!(flow["timeline"], timeline, "{life}");
        for signal in [Signal::Spans, Signal::Logs] {
            store.flush(signal).await.expect("flushed");
        }
    }
    let by_id = ask(&engine, &trace_hex(2)).await;
    assert_eq!((by_id["is_trace_id"].clone(), by_id["traces"].as_array().map(Vec::len)), (json!(true), Some(4)));
    assert_eq!(by_id["comparison"]["sentence"], "a trace id has no other values to compare with");
    let few = ask_with(&engine, "A-0", |asked| asked.logs_max = 1).await;
    assert_eq!(few["notes"], json!(["1 of 3 log records are shown, the earliest ones"]));
    let one_key = ask_with(&engine, "A-0", |asked| asked.keys = vec!["session.id".to_owned()]).await;
    assert_eq!((one_key["traces"].clone(), one_key["log_count"].clone()), (json!([]), json!(1)));
}

#[tokio::test]
async fn a_late_step_is_told_by_other_values_of_the_key() {
    let (_directory, store) = store().await;
    orders(&store, 7, 900).await;
    let engine = engine(&store);
    let flow = ask(&engine, "A-0").await;
    let late: Vec<_> =
        flow["traces"].as_array().expect("traces").iter().map(|one| one["usual"]["late"].clone()).collect();
    assert_eq!(late, [false, false, true].map(|late| json!(late)));
    // Shipping starts at 100 ms and payment ends at 30 ms + nth: the others wait 64 to 69 ms.
    assert_eq!(flow["traces"][2]["usual"]["wait"], json!({"median_ns": 66 * MS, "p95_ns": 69 * MS}));
    assert_eq!((flow["comparison"]["others"].clone(), flow["comparison"]["alike"].clone()), (json!(6), json!(6)));
    let other = ask(&engine, "A-3").await;
    assert!(other["traces"].as_array().expect("traces").iter().all(|one| one["usual"]["late"] == json!(false)));

    append(&store, Signal::Spans, &[span(900, 0, "shop", "POST /order", 80_000, &[("order.id", "C")])]).await;
    let broken = ask(&engine, "C").await;
    assert_eq!(
        broken["comparison"]["missing"],
        json!([{"service": "pay", "name": "charge", "after": 0}, {"service": "ship", "name": "send", "after": 0}])
    );
}

#[tokio::test]
async fn with_few_others_nothing_is_called_late() {
    let (_directory, store) = store().await;
    orders(&store, 3, 900).await;
    let flow = ask(&engine(&store), "A-0").await;
    assert!(flow["traces"].as_array().expect("traces").iter().all(|one| one["usual"].is_null()));
    let sentence = "2 of 2 other values of order.id have the same steps; 5 are needed to say what is usual";
    assert_eq!(flow["comparison"]["sentence"], sentence);
}

#[tokio::test]
async fn a_consumer_stands_below_the_sender_of_its_message() {
    let (_directory, store) = store().await;
    let message = |trace, service, kind: &str, start| {
        let mut span = span(trace, 0, service, "orders", start, &[("order.id", "A")]);
        span["kind"] = json!(kind);
        span["attr_messaging_message_id"] = json!("m-1");
        span
    };
    append(&store, Signal::Spans, &[message(1, "shop", "PRODUCER", 0), message(2, "ship", "CONSUMER", 50)]).await;
    let flow = ask(&engine(&store), "A").await;
    assert_eq!(flow["tree"][1], json!({"trace": 1, "parent": 0, "depth": 1}));
    let cause = &flow["traces"][1]["cause"];
    assert_eq!((cause["via"].clone(), cause["age_ns"].clone()), (json!("message"), json!(50 * MS)));
}

#[tokio::test]
async fn a_value_that_is_nowhere_says_where_it_was_looked_for() {
    let (_directory, store) = store().await;
    orders(&store, 2, 0).await;
    let engine = engine(&store);
    let range = TimeRange { start: Some(T0 + 1000 * MS), end: Some(T0 + 2000 * MS) };
    let flow = ask_with(&engine, "A-0", |asked| asked.range = range).await;
    let why = &flow["why_empty"];
    assert_eq!(why["nearest_before_unix_nano"], json!((T0 + 20 * MS).to_string()));
    assert_eq!((why["nearest_after_unix_nano"].clone(), why["spans_in_range"].clone()), (Json::Null, json!(0)));
    let unknown = ask(&engine, "nobody").await;
    let sentence =
        "none of 6 spans and 0 log records of the range has this value under 2 keys, and no trace has it as its id";
    assert_eq!(unknown["why_empty"]["sentence"], sentence);
    assert_eq!(unknown["traces"], json!([]));
}

#[tokio::test]
async fn of_too_many_traces_the_earliest_are_shown_and_the_rest_counted() {
    let (_directory, store) = store().await;
    let rows: Vec<Json> = (0..TRACES_MAX as u64 + 5)
        .map(|nth| span(nth + 1, 0, "shop", "GET /", nth as i64, &[("session.id", "s")]))
        .map(|mut row| {
            // A promoted key lies in its column.
            row["attributes"] = json!({});
            row["attr_session_id"] = json!("s");
            row
        })
        .collect();
    append(&store, Signal::Spans, &rows).await;
    let flow = ask(&engine(&store), "s").await;
    assert_eq!(flow["traces"].as_array().map(Vec::len), Some(TRACES_MAX));
    assert_eq!(flow["traces"][TRACES_MAX - 1]["trace_id"], trace_hex(TRACES_MAX as u64));
    assert_eq!(flow["notes"], json!(["200 of 205 traces that carry the value are shown, the earliest ones"]));
}

/// A chain of links is followed as far as the bound, without recursion, and a ring of them ends.
#[tokio::test]
async fn links_are_followed_in_rings_and_long_chains() {
    let (_directory, store) = store().await;
    let mut rows = vec![span(1, 0, "a", "0", 0, &[("order.id", "A")])];
    rows.extend((2..=20u64).map(|nth| linked(span(nth, 0, "a", "n", nth as i64 * 20, &[]), nth - 1, 0)));
    rows.push(linked(span(50, 0, "b", "ring", 0, &[("order.id", "R")]), 51, 0));
    rows.push(linked(span(51, 0, "b", "ring", 5, &[]), 50, 0));
    append(&store, Signal::Spans, &rows).await;
    let engine = engine(&store);
    let flow = ask(&engine, "A").await;
    assert_eq!(flow["traces"].as_array().map(Vec::len), Some(9), "itself and eight links");
    assert_eq!(flow["notes"], json!(["links were followed over 8 traces; there are more behind those"]));
    let ring = ask(&engine, "R").await;
    let depths: Vec<_> = ring["tree"].as_array().expect("a tree").iter().map(|row| row["depth"].clone()).collect();
    assert_eq!(depths, [json!(0), json!(1)]);
}

/// xorshift64: the same graphs each time.
fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// Traces reached from `seeds` over (from, to) pairs, over and over until there are no more.
fn reached(seeds: &BTreeSet<u64>, pairs: &[(u64, u64)]) -> BTreeSet<u64> {
    let mut found = seeds.clone();
    loop {
        let before = found.len();
        for (from, to) in pairs {
            if found.contains(from) {
                found.insert(*to);
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

#[tokio::test]
async fn a_flow_is_the_causes_and_the_effects_of_what_carries_the_value() {
    let mut state = 0x9e37_79b9_7f4a_7c15;
    for case in 0..25 {
        let (_directory, store) = store().await;
        let count = 2 + random(&mut state) % 7;
        let (mut rows, mut links, mut seeds) = (Vec::new(), Vec::new(), BTreeSet::new());
        for trace in 1..=count {
            let carries = random(&mut state).is_multiple_of(4) || trace == 1;
            let attributes: &[(&str, &str)] = if carries { &[("order.id", "A")] } else { &[("order.id", "B")] };
            let mut row = span(trace, 0, "shop", "op", (random(&mut state) % 50) as i64, attributes);
            let targets: Vec<u64> = (0..random(&mut state) % 3).map(|_| 1 + random(&mut state) % count).collect();
            row["links"] =
                targets.iter().map(|to| json!({"trace_id": trace_hex(*to), "span_id": span_hex(*to, 0)})).collect();
            links.extend(targets.iter().map(|to| (trace, *to)));
            seeds.extend(carries.then_some(trace));
            rows.push(row);
        }
        let half = rows.len() / 2;
        append(&store, Signal::Spans, &rows[half..]).await;
        store.flush(Signal::Spans).await.expect("flushed");
        if half > 0 {
            append(&store, Signal::Spans, &rows[..half]).await;
        }
        let flow = ask(&engine(&store), "A").await;
        let found: BTreeSet<String> = flow["traces"]
            .as_array()
            .expect("traces")
            .iter()
            .map(|one| one["trace_id"].as_str().expect("an id").to_owned())
            .collect();
        let back: Vec<(u64, u64)> = links.iter().map(|(from, to)| (*to, *from)).collect();
        let expected = reached(&seeds, &links).into_iter().chain(reached(&seeds, &back)).map(trace_hex).collect();
        assert_eq!(found, expected, "case {case}: {links:?}, carried by {seeds:?}");
        let tree = flow["tree"].as_array().expect("a tree");
        let places: BTreeSet<u64> = tree.iter().filter_map(|row| row["trace"].as_u64()).collect();
        assert_eq!((tree.len(), places.len()), (found.len(), found.len()), "case {case}: each trace once in the tree");
    }
}
