//! Random searches over random rows: the plan, the SQL, and the tree evaluated row by row in plain Rust agree, in the
//! memtable and in segments.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value as Json, json};
use storage::Store;
use tempfile::TempDir;

use super::meaning::holds;
use super::rows::{Row, log_json, row, search, span_json};
use super::*;
use crate::engine::{Engine, Query};
use crate::search::syntax::{Leaf, Test, Value};
use crate::test_data::{append, engine, store};

/// Searches of each signal.
const SEARCHES: u32 = 400;
const ROWS: usize = 60;

/// The numbers of the rows that the plan finds.
async fn found(query: &Query, signal: Signal, text: &str) -> BTreeSet<i64> {
    let mut frame = query.table(signal).expect("a table");
    let predicates = match signal {
        Signal::Logs => logs(text).expect(text),
        Signal::Spans => match spans(text).expect(text) {
            SpanSearch::OneSpan(predicates) => predicates,
            SpanSearch::Whole(_) => panic!("of one span: {text}"),
        },
    };
    for predicate in predicates {
        frame = frame.filter(predicate).expect(text);
    }
    let frame = frame.select_columns(&[signal.spec().time_column]).expect("a column");
    numbers(query.collect(frame).await.unwrap_or_else(|error| panic!("{text}: {error}")))
}

/// The numbers of the rows that the SQL finds.
async fn found_by_sql(query: &Query, signal: Signal, text: &str) -> BTreeSet<i64> {
    let condition = match signal {
        Signal::Logs => parse_logs(text).expect(text),
        Signal::Spans => match parse_traces(text).expect(text).0 {
            TraceSearchText::OneSpan(condition) => condition,
            TraceSearchText::Whole(_) => panic!("of one span: {text}"),
        },
    };
    let where_clause = bracketed(&resolve::resolve(signal, &condition).expect(text));
    let time = if signal == Signal::Spans { "start_time" } else { "time" };
    let sql = format!("SELECT CAST({time} AS BIGINT) AS nth FROM {signal} WHERE {where_clause}");
    let frame = query.sql(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    numbers(query.collect(frame).await.unwrap_or_else(|error| panic!("{sql}: {error}")))
}

fn numbers(batches: Vec<arrow::record_batch::RecordBatch>) -> BTreeSet<i64> {
    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;
    batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect()
}

/// A part in segments, the rest in the memtable.
async fn filled(signal: Signal, rows: &[Json]) -> (TempDir, Store, Engine) {
    let (directory, store) = store().await;
    for part in rows[..ROWS * 2 / 3].chunks(ROWS / 3) {
        append(&store, signal, part).await;
        store.flush(signal).await.expect("flushed");
    }
    append(&store, signal, &rows[ROWS * 2 / 3..]).await;
    assert_eq!(store.snapshot(signal).segments.len(), 2);
    let engine = engine(&store);
    (directory, store, engine)
}

/// Which constructs of the language a condition is made of: `and`, `k has bare`, `severity >=`, `span.path:time`.
pub(super) fn constructs(condition: &Condition) -> BTreeSet<String> {
    fn walk(tree: &Condition, found: &mut BTreeSet<String>) {
        match tree {
            Tree::And(parts) => parts.iter().for_each(|part| walk(part, found)),
            Tree::Or(parts) => parts.iter().for_each(|part| walk(part, found)),
            Tree::Not(inner) => walk(inner, found),
            Tree::Leaf(leaf) => {
                found.insert(match leaf {
                    Leaf::Words(_) => "words".to_owned(),
                    Leaf::Phrase(_) => "phrase".to_owned(),
                    Leaf::WordPattern(_) => "word pattern".to_owned(),
                    // Each kind of root cause is found in a way of its own.
                    Leaf::Field(field) if CAUSE_KEYS.contains(&field.key.as_str()) => leaf.to_string(),
                    Leaf::Field(field) => format!("{} {}", field.key, test_name(&field.test)),
                });
            }
        }
        match tree {
            Tree::And(parts) if parts.len() > 1 => _ = found.insert("and".to_owned()),
            Tree::Or(_) => _ = found.insert("or".to_owned()),
            Tree::Not(_) => _ = found.insert("not".to_owned()),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    walk(condition, &mut found);
    found
}

const CAUSE_KEYS: [&str; 3] = ["span.path", "span.cause", "span.cause_service"];

fn test_name(test: &Test) -> String {
    let kind = |value: &Value| match value {
        Value::Bare(_) => "bare",
        Value::Quoted(_) => "quoted",
        Value::Pattern(_) => "pattern",
        Value::Regex { .. } => "regex",
    };
    match test {
        Test::Exists => "exists".to_owned(),
        Test::Has(value) => format!("has {}", kind(value)),
        Test::Is(value) => format!("is {}", kind(value)),
        Test::Compare(op, _) => op.text().to_owned(),
    }
}

/// What every run has to have asked for. `!=` is the negation of `=`.
const CONSTRUCTS: &[&str] = &[
    "and",
    "or",
    "not",
    "words",
    "phrase",
    "word pattern",
    "k exists",
    "k has bare",
    "k has quoted",
    "k has pattern",
    "k has regex",
    "k is bare",
    "k >",
    "k >=",
    "k <",
    "k <=",
    "attributes.k exists",
    "attributes.k has bare",
    "attributes.k has regex",
    "resource.k exists",
    "resource.k has bare",
    "resource.k has regex",
    "http.response.status_code is bare",
    "http.response.status_code >",
    "http.response.status_code <=",
    "service has bare",
    "service has pattern",
    "service has regex",
    "service exists",
    "span_id has bare",
    "span_id exists",
    "scope_name has bare",
    "scope_name has pattern",
    "scope_name exists",
];
const CONSTRUCTS_OF_SPANS: &[&str] = &[
    "duration >",
    "duration >=",
    "duration <",
    "duration <=",
    "duration is bare",
    "status has bare",
    "outcome has bare",
    "kind has bare",
    "kind exists",
    "exception.type has bare",
    "exception.type has pattern",
    "exception.type exists",
    "exception.type has regex",
    "name has quoted",
    "name has pattern",
    "name exists",
    "name has regex",
    "status_message has bare",
    "status_message has quoted",
    "status_message exists",
    "status_message is quoted",
    "status_message has regex",
];
const CONSTRUCTS_OF_LOGS: &[&str] = &[
    "severity >",
    "severity >=",
    "severity <",
    "severity <=",
    "severity is bare",
    "severity has bare",
    "severity exists",
    "body has bare",
    "body has quoted",
    "body has pattern",
    "body exists",
    "body is quoted",
    "body is pattern",
    "body has regex",
];

/// Which constructs have been searched for, and by SQL.
#[derive(Default)]
pub(super) struct Reached(BTreeMap<String, (usize, usize)>);

impl Reached {
    pub(super) fn is_new(&self, constructs: &BTreeSet<String>) -> bool {
        constructs.iter().any(|name| self.0.get(name).is_none_or(|(_, by_sql)| *by_sql == 0))
    }

    pub(super) fn add(&mut self, constructs: BTreeSet<String>, by_sql: bool) {
        for name in constructs {
            let (times, times_by_sql) = self.0.entry(name).or_default();
            *times += 1;
            *times_by_sql += usize::from(by_sql);
        }
    }

    /// Each of `names` was searched for, by SQL too.
    pub(super) fn assert_all<'n>(&self, names: impl IntoIterator<Item = &'n str>) {
        let is_missing = |name: &&str| self.0.get(*name).is_none_or(|(times, by_sql)| *times == 0 || *by_sql == 0);
        let missing: Vec<&str> = names.into_iter().filter(is_missing).collect();
        assert!(missing.is_empty(), "never searched for: {missing:?}, of {:#?}", self.0);
    }
}

fn check(signal: Signal, json: fn(usize, &Row) -> Json) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let mut rows = prop::collection::vec(row(), ROWS).new_tree(&mut runner).expect("rows").current();
    rows.iter_mut().enumerate().for_each(|(nth, row)| row.span_id = nth as u64 + 1);
    let json: Vec<Json> = rows.iter().enumerate().map(|(nth, row)| json(nth, row)).collect();
    let (_directory, _store, engine) = runtime.block_on(filled(signal, &json));
    let mut matches = 0;
    let mut reached = Reached::default();
    for nth in 0..SEARCHES * 5 {
        let text = search(signal).new_tree(&mut runner).expect("a search").current();
        let condition = match signal {
            Signal::Logs => parse_logs(&text).expect(&text),
            Signal::Spans => match trace_search(parse(&text, Subject::Traces).expect(&text)) {
                TraceSearchText::OneSpan(condition) => condition,
                TraceSearchText::Whole(_) => panic!("of one span: {text}"),
            },
        };
        let constructs = constructs(&condition);
        // What chance has left out is searched for besides.
        let is_new = reached.is_new(&constructs);
        if nth >= SEARCHES && !is_new {
            continue;
        }
        let expected = rows.iter().enumerate().filter(|(_, row)| holds(signal, &condition, row));
        let expected: BTreeSet<i64> = expected.map(|(nth, _)| nth as i64).collect();
        matches += usize::from(!expected.is_empty() && expected.len() < ROWS);
        // Half as many, since each has to be planned from text.
        let by_sql = nth % 2 == 0 || is_new;
        runtime.block_on(async {
            let query = engine.begin("test", None).await.expect("admitted");
            assert_eq!(found(&query, signal, &text).await, expected, "{signal} {text}\n{rows:#?}");
            if by_sql {
                assert_eq!(found_by_sql(&query, signal, &text).await, expected, "SQL of {signal} {text}\n{rows:#?}");
            }
        });
        reached.add(constructs, by_sql);
    }
    assert!(matches > SEARCHES as usize / 4, "only {matches} searches told rows apart");
    let of_signal = if signal == Signal::Spans { CONSTRUCTS_OF_SPANS } else { CONSTRUCTS_OF_LOGS };
    reached.assert_all(CONSTRUCTS.iter().chain(of_signal).copied());
}

#[test]
fn searches_over_log_records_find_what_they_mean() {
    check(Signal::Logs, log_json);
}

#[test]
fn searches_over_spans_find_what_they_mean() {
    check(Signal::Spans, span_json);
}

#[tokio::test]
async fn words_services_and_ids_reach_index_statistics_and_bloom_filters() {
    let rows: Vec<Json> = (0..ROWS)
        .map(|nth| json!({"time_unix_nano": nth, "service": "a", "body": format!("word{nth} x"), "severity_number": nth % 24 + 1,
            "trace_id": format!("{:032x}", nth + 1)}))
        .collect();
    let (_directory, _store, engine) = filled(Signal::Logs, &rows).await;
    let plan = async |text: &str| {
        let query = engine.begin("test", None).await.expect("admitted");
        let mut frame = query.table(Signal::Logs).expect("a table");
        for predicate in logs(text).expect(text) {
            frame = frame.filter(predicate).expect(text);
        }
        let frame = frame.explain(false, false).expect("explained");
        let batches = query.collect(frame).await.expect("a plan");
        arrow::util::pretty::pretty_format_batches(&batches).expect("text").to_string()
    };
    let files = |plan: &str| plan.matches(".parquet").count();
    let all = plan("x").await;
    assert!(files(&all) >= 2, "{all}");
    // The text index leaves one segment, or none.
    assert_eq!(files(&plan("word1").await), 1);
    assert_eq!(files(&plan("nowhere").await), 0);
    assert_eq!(files(&plan("word1 OR word2").await), 1);
    assert_eq!(files(&plan("\"word1 x\"").await), 1, "the words of a phrase are looked up");
    for (text, pruned_by) in [
        ("service:b", "service_min"),
        ("severity>=error", "severity_number_max"),
        ("trace_id:0000000000000000000000000000000f", "trace_id_min"),
    ] {
        let plan = plan(text).await;
        assert!(plan.contains("pruning_predicate") && plan.contains(pruned_by), "{text}: {plan}");
    }
}
