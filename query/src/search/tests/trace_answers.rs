//! Random conditions on whole traces over random trees: the search and plain Rust agree.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value as Json, json};

use super::answers::{Row, holds};
use super::*;
use crate::engine::Engine;
use crate::filter::SpanFilter;
use crate::search::syntax::{Test, Value};
use crate::search::trace_syntax::{Relation, TraceLeaf};
use crate::test_data::{append, engine, store};
use crate::trace_search::{TraceSearch, search};
use crate::trace_sort::Sort;

const SEARCHES: usize = 250;
const TRACES: u64 = 24;

/// A span of trace `trace`; ids count from 1, and a parent has a smaller one or is missing.
#[derive(Clone, Debug)]
struct Span {
    trace: u64,
    id: u64,
    parent: Option<u64>,
    start: i64,
    row: Row,
}

fn span_json(span: &Span) -> Json {
    json!({"trace_id": format!("{:032x}", span.trace), "span_id": format!("{:016x}", span.id),
        "parent_span_id": span.parent.map(|parent| format!("{parent:016x}")), "start_time_unix_nano": span.start,
        "duration_ns": span.row.duration, "service": span.row.service, "name": span.row.text, "status": span.row.status,
        "kind": "SERVER"})
}

fn spans() -> impl Strategy<Value = Vec<Span>> {
    let one = (0..9u64, prop::sample::select(&["a", "b", "c"][..]), any::<bool>(), 0..4i64, 0..50i64);
    let trace = prop::collection::vec(one, 1..7);
    prop::collection::vec(trace, TRACES as usize).prop_map(|traces| {
        let mut spans = Vec::new();
        for (trace, ones) in traces.into_iter().enumerate() {
            for (nth, (parent, service, failed, duration, start)) in ones.into_iter().enumerate() {
                let id = nth as u64 + 1;
                let parent = match parent {
                    // Nobody has sent it.
                    0 => Some(99),
                    _ if nth == 0 => None,
                    1 => None,
                    other => Some(other % id.max(2).saturating_sub(1).max(1) + 1).filter(|parent| *parent < id),
                };
                let row = Row {
                    service,
                    text: Some("work"),
                    status: if failed { "ERROR" } else { "OK" },
                    status_message: None,
                    duration,
                    severity: 0,
                    k: None,
                    k_of_resource: None,
                    code: None,
                };
                // Starts differ within a trace: the root is the earliest of those without a parent.
                spans.push(Span { trace: trace as u64 + 1, id, parent, start: start * 10 + nth as i64, row });
            }
        }
        spans
    })
}

fn of_span() -> impl Strategy<Value = String> {
    prop::sample::select(
        &[
            "service:a",
            "service:b",
            "service:c",
            "status:error",
            "service:a status:error",
            "service:(b OR c)",
            "-service:a",
            "duration>=2ns",
            "",
        ][..],
    )
    .prop_map(str::to_owned)
}

fn condition() -> BoxedStrategy<String> {
    let comparison = prop::sample::select(&[">", ">=", "<", "<=", "=", "!="][..]);
    let relation = prop::sample::select(&["=>", "->"][..]);
    let leaf = prop_oneof![
        3 => of_span().prop_map(|a| format!("{{{a}}}")),
        2 => (of_span(), relation.clone(), of_span()).prop_map(|(a, how, b)| format!("{{{a}}} {how} {{{b}}}")),
        1 => (of_span(), relation.clone(), of_span(), relation, of_span())
            .prop_map(|(a, how, b, how_too, c)| format!("({{{a}}} {how} {{{b}}} {how_too} {{{c}}})")),
        2 => (of_span(), comparison.clone(), 0..4i32).prop_map(|(a, op, n)| format!("count({{{a}}}){op}{n}")),
        1 => of_span().prop_map(|a| format!("root{{{a}}}")),
        1 => Just("logs{needle}".to_owned()),
        1 => (prop::sample::select(&["spans", "services", "errors"][..]), comparison.clone(), 0..5i32)
            .prop_map(|(figure, op, n)| format!("trace.{figure}{op}{n}")),
        1 => (prop::sample::select(&["duration", "root_to_end"][..]), comparison, 0..300i64)
            .prop_map(|(figure, op, ns)| format!("trace.{figure}{op}{ns}ns")),
        1 => Just("trace.partial:true".to_owned()),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|a| format!("-({a})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) ({b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a} OR {b})")),
        ]
    })
    .boxed()
}

/// What the language says, by definition.
fn trace_holds(leaf: &TraceLeaf, spans: &[&Span], has_needle: bool) -> bool {
    let is = |condition: &Condition, span: &Span| holds(Signal::Spans, condition, &span.row);
    let root = spans.iter().filter(|span| span.parent.is_none()).min_by_key(|span| span.start);
    let end = spans.iter().map(|span| span.start + span.row.duration).max().expect("spans");
    match leaf {
        TraceLeaf::Some(condition) => spans.iter().any(|span| is(condition, span)),
        TraceLeaf::Count { of, op, number } => {
            op.holds(spans.iter().filter(|span| is(of, span)).count() as i64, *number)
        }
        TraceLeaf::Root(condition) => root.is_some_and(|root| is(condition, root)),
        TraceLeaf::Logs(_) => has_needle,
        TraceLeaf::Related { first, rest } => {
            let mut here: Vec<u64> = spans.iter().filter(|span| is(first, span)).map(|span| span.id).collect();
            for (relation, condition) in rest {
                let below = spans.iter().filter(|span| {
                    let mut up = span.parent;
                    while let Some(parent) = up {
                        if here.contains(&parent) {
                            return true;
                        }
                        if *relation == Relation::Child {
                            return false;
                        }
                        up = spans.iter().find(|other| other.id == parent).and_then(|other| other.parent);
                    }
                    false
                });
                here = below.filter(|span| is(condition, span)).map(|span| span.id).collect();
            }
            !here.is_empty()
        }
        TraceLeaf::Figure(field) => {
            if field.key == "trace.partial" {
                let unknown =
                    |span: &&&Span| span.parent.is_some_and(|parent| spans.iter().all(|other| other.id != parent));
                let roots = spans.iter().filter(|span| span.parent.is_none()).count();
                return spans.iter().any(|span| unknown(&span)) || roots != 1;
            }
            let (op, text) = match &field.test {
                Test::Compare(op, Value::Bare(text)) => (*op, text),
                Test::Is(Value::Bare(text)) => (super::super::syntax::Comparison::Equal, text),
                other => panic!("{other:?}"),
            };
            let wanted: i64 = text.trim_end_matches("ns").parse().expect("a number");
            let figure = match field.key.as_str() {
                "trace.spans" => spans.len() as i64,
                "trace.services" => spans.iter().map(|span| span.row.service).collect::<BTreeSet<_>>().len() as i64,
                "trace.errors" => spans.iter().filter(|span| span.row.status == "ERROR").count() as i64,
                "trace.duration" => end - spans.iter().map(|span| span.start).min().expect("spans"),
                _ => match root {
                    Some(root) => end - root.start,
                    None => return false,
                },
            };
            op.holds(figure, wanted)
        }
    }
}

async fn found(engine: &Engine, text: &str) -> BTreeSet<u64> {
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

/// The traces that the SQL finds, where there is one.
async fn found_by_sql(engine: &Engine, text: &str) -> Option<BTreeSet<u64>> {
    use arrow::array::AsArray;
    let sql = explain(Signal::Spans, text, TimeRange::default()).expect(text).sql?;
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
    Some(ids.collect())
}

#[test]
fn searches_over_whole_traces_find_what_they_mean() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let all = spans().new_tree(&mut runner).expect("spans").current();
    let needles = [2u64, 5, 11, 17];
    let (_directory, _store, engine) = runtime.block_on(async {
        let (directory, store) = store().await;
        // Spans of one trace lie in different segments and in the memtable; some were sent twice.
        for part in 0..3 {
            let part: Vec<Json> = all
                .iter()
                .enumerate()
                .filter(|(nth, _)| nth % 3 == part || nth % 11 == 0)
                .map(|(_, span)| span_json(span))
                .collect();
            append(&store, Signal::Spans, &part).await;
            if part.len().is_multiple_of(2) {
                store.flush(Signal::Spans).await.expect("flushed");
            }
        }
        let log = |trace: &u64| json!({"time_unix_nano": 5, "body": "a needle", "trace_id": format!("{trace:032x}")});
        append(&store, Signal::Logs, &needles.iter().map(log).collect::<Vec<_>>()).await;
        let engine = engine(&store);
        (directory, store, engine)
    });
    let mut told_apart = 0;
    for _ in 0..SEARCHES {
        let text = condition().new_tree(&mut runner).expect("a search").current();
        let (TraceSearchText::Whole(condition), _) = parse_traces(&text).expect(&text) else { panic!("{text}") };
        let holds = |trace: &u64| {
            let spans: Vec<&Span> = all.iter().filter(|span| span.trace == *trace).collect();
            condition.holds(&mut |leaf| trace_holds(leaf, &spans, needles.contains(trace)))
        };
        let expected: BTreeSet<u64> = (1..=TRACES).filter(holds).collect();
        told_apart += usize::from(!expected.is_empty() && expected.len() < TRACES as usize);
        assert_eq!(runtime.block_on(found(&engine, &text)), expected, "{text}\n{all:#?}");
        if let Some(found) = runtime.block_on(found_by_sql(&engine, &text)) {
            assert_eq!(found, expected, "SQL of {text}\n{all:#?}");
        }
    }
    assert!(told_apart > SEARCHES / 4, "only {told_apart} searches told traces apart");
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
        assert_eq!(found(&engine, text).await, expected.into_iter().collect(), "{text}");
    }
}
