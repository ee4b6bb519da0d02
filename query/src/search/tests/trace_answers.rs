//! Random conditions on whole traces over random trees: the search, the SQL and plain Rust agree.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value as Json, json};
use storage::Store;
use tempfile::TempDir;

use super::answers::{Reached, constructs};
use super::traces::{Span, TRACES, Trace, condition, span_json, spans};
use super::*;
use crate::engine::Engine;
use crate::filter::SpanFilter;
use crate::search::trace_syntax::{TraceCondition, TraceLeaf};
use crate::test_data::{append, engine, store};
use crate::trace_search::{TraceSearch, search};
use crate::trace_sort::Sort;

const SEARCHES: usize = 250;

pub(super) async fn found(engine: &Engine, text: &str) -> BTreeSet<u64> {
    let (filter, whole) = match spans_search(text) {
        SpanSearch::OneSpan(search) => (SpanFilter { search, ..SpanFilter::default() }, None),
        SpanSearch::Whole(whole) => (SpanFilter::default(), Some(whole)),
    };
    let query = engine.begin("test", None).await.expect("admitted");
    let asked = TraceSearch { filter, whole, sort: Sort::default(), limit: 1000, after: None };
    let found = search(&query, asked).await.unwrap_or_else(|error| panic!("{text}: {error}"));
    let id = |trace_id: &str| u64::from_str_radix(&trace_id[16..], 16).expect("hex");
    found.traces.iter().map(|trace| id(&trace.trace_id)).collect()
}

fn spans_search(text: &str) -> SpanSearch {
    super::super::spans(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The traces that the SQL finds.
pub(super) async fn found_by_sql(engine: &Engine, text: &str) -> BTreeSet<u64> {
    use arrow::array::AsArray;
    let sql = explain(Signal::Spans, text, TimeRange::default()).expect(text).sql;
    let query = engine.begin("test", None).await.expect("admitted");
    let frame = query.sql(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let batches = query.collect(frame).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    let ids = batches.iter().flat_map(|batch| {
        let ids = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8).expect("text");
        ids.as_string::<i32>()
            .iter()
            .map(|id| u64::from_str_radix(&id.expect("an id")[16..], 16).expect("hex"))
            .collect::<Vec<_>>()
    });
    ids.collect()
}

/// Traces with a needle in their logs.
pub(super) const NEEDLES: [u64; 4] = [2, 5, 11, 17];

/// Spans of one trace lie in different segments and in the memtable; some were sent twice.
pub(super) async fn filled(all: &[Span]) -> (TempDir, Store, Engine) {
    let (directory, store) = store().await;
    for part in 0..3 {
        let sent = all.iter().enumerate().filter(|(nth, _)| nth % 3 == part || nth % 11 == 0);
        let part: Vec<Json> = sent.map(|(_, span)| span_json(span)).collect();
        append(&store, Signal::Spans, &part).await;
        if part.len().is_multiple_of(2) {
            store.flush(Signal::Spans).await.expect("flushed");
        }
    }
    let log = |trace: &u64| json!({"time_unix_nano": 5, "body": "a needle", "trace_id": format!("{trace:032x}")});
    append(&store, Signal::Logs, &NEEDLES.iter().map(log).collect::<Vec<_>>()).await;
    let engine = engine(&store);
    (directory, store, engine)
}

pub(super) fn traces_of(all: &[Span]) -> Vec<(u64, Trace<'_>)> {
    let of = |trace: u64| Trace {
        spans: all.iter().filter(|span| span.trace == trace).collect(),
        has_needle: NEEDLES.contains(&trace),
    };
    (1..=TRACES).map(|trace| (trace, of(trace))).collect()
}

/// Which constructs of the language it is made of.
fn trace_constructs(condition: &TraceCondition) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let _ = condition.map(&mut |leaf| {
        match leaf {
            TraceLeaf::Some(of) => {
                found.insert("some".to_owned());
                found.extend(constructs(of));
            }
            TraceLeaf::Related { first, rest } => {
                found.extend(constructs(first));
                for (relation, of) in rest {
                    found.insert(relation.text().to_owned());
                    found.extend(constructs(of));
                }
                if rest.len() > 1 {
                    found.insert("several relations".to_owned());
                }
            }
            TraceLeaf::Count { of, op, .. } => {
                found.insert(format!("count {}", op.text()));
                found.extend(constructs(of));
            }
            TraceLeaf::Root(of) => {
                found.insert("root".to_owned());
                found.extend(constructs(of));
            }
            TraceLeaf::Logs(_) => _ = found.insert("logs".to_owned()),
            TraceLeaf::Figure(field) => _ = found.insert(field.key.clone()),
        }
        Ok::<(), ()>(())
    });
    found.insert(
        match condition {
            Tree::And(_) => "all of them",
            Tree::Or(_) => "any of them",
            Tree::Not(_) => "none of them",
            Tree::Leaf(_) => "one",
        }
        .to_owned(),
    );
    found
}

const CONSTRUCTS: &[&str] = &[
    "one",
    "all of them",
    "any of them",
    "none of them",
    "some",
    "=>",
    "->",
    "several relations",
    "root",
    "logs",
    "count >",
    "count >=",
    "count <",
    "count <=",
    "count =",
    "count !=",
    "trace.spans",
    "trace.services",
    "trace.errors",
    "trace.duration",
    "trace.root_to_end",
    "trace.partial",
    "span.depth is bare",
    "span.depth >",
    "span.depth <=",
    "span.hop is bare",
    "span.hop >",
    "span.hop <=",
    "span.coverage is bare",
    "span.coverage >",
    "span.coverage <=",
    "span.inferred has bare",
    "span.path:time",
    "span.path:error",
    "span.path:fault",
    "span.cause:time",
    "span.cause:error",
    "span.cause:fault",
    "span.cause_service:time",
    "span.cause_service:error",
    "span.cause_service:fault",
    "or",
    "not",
    "and",
];

#[test]
fn searches_over_whole_traces_find_what_they_mean() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let all = spans().new_tree(&mut runner).expect("spans").current();
    let (_directory, _store, engine) = runtime.block_on(filled(&all));
    let traces = traces_of(&all);
    let mut told_apart = 0;
    let mut reached = Reached::default();
    for nth in 0..SEARCHES * 5 {
        let text = condition().new_tree(&mut runner).expect("a search").current();
        let (TraceSearchText::Whole(condition), _) = parse_traces(&text).expect(&text) else { panic!("{text}") };
        let constructs = trace_constructs(&condition);
        // What chance has left out is searched for besides.
        let is_new = reached.is_new(&constructs);
        if nth >= SEARCHES && !is_new {
            continue;
        }
        let matching = traces.iter().filter(|(_, trace)| condition.holds(&mut |leaf| trace.holds(leaf)));
        let expected: BTreeSet<u64> = matching.map(|(id, _)| *id).collect();
        told_apart += usize::from(!expected.is_empty() && expected.len() < TRACES as usize);
        assert_eq!(runtime.block_on(found(&engine, &text)), expected, "{text}\n{all:#?}");
        // A recursive statement takes its time.
        let by_sql = nth % 8 == 0 || is_new;
        reached.add(constructs, by_sql);
        if by_sql {
            let found = runtime.block_on(found_by_sql(&engine, &text));
            assert_eq!(found, expected, "SQL of {text}\n{all:#?}");
        }
    }
    assert!(told_apart > SEARCHES / 4, "only {told_apart} searches told traces apart");
    reached.assert_all(CONSTRUCTS.iter().copied());
}

#[tokio::test]
async fn chains_and_cycles_do_not_end_the_search() {
    let (_directory, store) = store().await;
    let span = |trace: u64, id: u64, parent: Option<u64>, service: &str| {
        json!({"trace_id": format!("{trace:032x}"), "span_id": format!("{id:016x}"), "service": service,
            "parent_span_id": parent.map(|parent| format!("{parent:016x}")), "start_time_unix_nano": id, "duration_ns": 1})
    };
    let depth = 20_000;
    let service = |id: u64| match id {
        1 => "top",
        id if id == depth => "bottom",
        _ => "between",
    };
    let chain = (1..=depth).map(|id| span(1, id, (id > 1).then(|| id - 1), service(id)));
    let cycle = [span(2, 1, Some(2), "top"), span(2, 2, Some(1), "bottom"), span(3, 1, Some(1), "top")];
    append(&store, Signal::Spans, &chain.chain(cycle).collect::<Vec<_>>()).await;
    let engine = engine(&store);
    for (text, expected) in [
        ("{service:top} -> {service:bottom}", vec![1, 2]),
        ("{service:bottom} -> {service:top}", vec![2]),
        ("{service:top} => {service:bottom}", vec![2]),
        ("{service:top} -> {service:top}", vec![2]),
    ] {
        let expected: BTreeSet<u64> = expected.into_iter().collect();
        assert_eq!(found(&engine, text).await, expected, "{text}");
    }
}

#[tokio::test]
async fn a_trace_is_partial_when_a_parent_or_an_end_is_missing() {
    let (_directory, store) = store().await;
    let span = |trace: u64, id: u64, parent: Option<u64>, duration: i64| {
        json!({"trace_id": format!("{trace:032x}"), "span_id": format!("{id:016x}"), "service": "a",
            "parent_span_id": parent.map(|parent| format!("{parent:016x}")), "start_time_unix_nano": 1000,
            "duration_ns": duration})
    };
    let spans = [
        vec![span(1, 1, None, 9), span(1, 2, Some(1), 0)],
        // Three roots, a cycle, its own parent: every parent is here.
        vec![span(2, 1, None, 9), span(2, 2, None, 9), span(2, 3, None, 9)],
        vec![span(3, 1, Some(2), 9), span(3, 2, Some(1), 9)],
        vec![span(4, 1, Some(1), 9)],
        // The parent is not here, the root neither; that of another trace is none.
        vec![span(5, 1, None, 9), span(5, 2, Some(77), 9)],
        vec![span(6, 2, Some(1), 9)],
        // An end before the start; no end, which is sent as 0.
        vec![span(7, 1, None, 9), span(7, 2, Some(1), -1)],
        vec![span(8, 1, None, -1000)],
    ];
    append(&store, Signal::Spans, &spans.concat()).await;
    let engine = engine(&store);
    let (whole, partial): (BTreeSet<u64>, BTreeSet<u64>) = ((1..=4).collect(), (5..=8).collect());
    for (text, expected) in [
        ("trace.partial:true", &partial),
        ("-trace.partial:true", &whole),
        ("partial", &partial),
        ("!partial", &whole),
        ("Partial = false", &whole),
    ] {
        assert_eq!(found(&engine, text).await, *expected, "{text}");
        assert_eq!(found_by_sql(&engine, text).await, *expected, "SQL of {text}");
    }
}

#[tokio::test]
async fn the_url_of_a_root_is_what_its_conventions_know_of_it() {
    let (_directory, store) = store().await;
    let root = |trace: u64, columns: Json| {
        let mut span = json!({"trace_id": format!("{trace:032x}"), "span_id": format!("{trace:016x}"), "service": "a",
            "start_time_unix_nano": 1, "duration_ns": 1});
        let span_columns = span.as_object_mut().expect("an object");
        span_columns.extend(columns.as_object().expect("an object").clone());
        span
    };
    let spans = [
        root(1, json!({"attr_url_path": "/cart", "attr_url_scheme": "https"})),
        root(2, json!({"attributes": {"http.target": "/cart?a=1"}})),
        root(3, json!({"attributes": {"http.url": "https://h/cart"}})),
        root(4, json!({"attr_url_full": "https://h/cart"})),
        // The whole address says more than the path.
        root(5, json!({"attr_url_full": "https://h/other", "attr_url_path": "/cart"})),
        root(6, json!({"attributes": {"k": "/cart"}})),
    ];
    append(&store, Signal::Spans, &spans).await;
    let engine = engine(&store);
    for (text, expected) in [
        ("http.url CONTAINS \"cart\"", vec![1, 2, 3, 4]),
        ("http.url = \"/cart\"", vec![1]),
        ("http.url BEGINSWITH \"https\"", vec![3, 4, 5]),
        ("http.url != \"/cart\"", vec![2, 3, 4, 5]),
        ("http.url AND ok", vec![1, 2, 3, 4, 5]),
    ] {
        let expected: BTreeSet<u64> = expected.into_iter().collect();
        assert_eq!(found(&engine, text).await, expected, "{text}");
        assert_eq!(found_by_sql(&engine, text).await, expected, "SQL of {text}");
    }
}

#[tokio::test]
async fn another_value_is_a_value() {
    let (_directory, store) = store().await;
    let span = |trace: u64, parent: Option<&str>, code: Option<i64>| {
        json!({"trace_id": format!("{trace:032x}"), "span_id": format!("{trace:016x}"), "service": "a",
            "parent_span_id": parent, "attr_http_response_status_code": code, "start_time_unix_nano": 1,
            "duration_ns": 2_000_000_000})
    };
    // The second and third without a root, the last without a status.
    let missing = Some("00000000000000ff");
    let spans = [span(1, None, Some(200)), span(2, missing, Some(200)), span(3, missing, None), span(4, None, None)];
    append(&store, Signal::Spans, &spans).await;
    let engine = engine(&store);
    for (text, expected) in [
        ("duration != 1", vec![1, 4]),
        ("duration != 2", vec![]),
        ("responsetime != 1", vec![1, 4]),
        ("http.status != 1", vec![1]),
        ("!(duration = 1)", vec![1, 2, 3, 4]),
        ("!(http.status = 1)", vec![1, 2, 3, 4]),
        ("type = \"AWS::SQS\"", vec![]),
        ("-{*}", vec![]),
    ] {
        let expected: BTreeSet<u64> = expected.into_iter().collect();
        assert_eq!(found(&engine, text).await, expected, "{text}");
        assert_eq!(found_by_sql(&engine, text).await, expected, "SQL of {text}");
    }
}
