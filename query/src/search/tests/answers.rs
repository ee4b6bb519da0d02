//! Random searches over random rows: the plan, the SQL, and the tree evaluated row by row in plain Rust agree, in the
//! memtable and in segments.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value as Json, json};
use storage::Store;
use tempfile::TempDir;

use super::*;
use crate::engine::{Engine, Query};
use crate::functions::severity_numbers;
use crate::search::syntax::{Comparison, FieldTest, Leaf, Pattern, Test, Value};
use crate::test_data::{append, engine, store};

/// Searches of each signal.
const SEARCHES: u32 = 400;
const ROWS: usize = 60;

/// A span or a log record, as far as searches can tell.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) service: &'static str,
    /// Name of a span, body of a log record.
    pub(super) text: Option<&'static str>,
    pub(super) status: &'static str,
    pub(super) status_message: Option<&'static str>,
    pub(super) duration: i64,
    pub(super) severity: i32,
    /// `k` of the record: a text or a number.
    pub(super) k: Option<&'static str>,
    pub(super) k_of_resource: Option<&'static str>,
    /// A key with a column of its own.
    pub(super) code: Option<i64>,
}

const SERVICES: [&str; 4] = ["cart", "checkout", "cart-db", ""];
const TEXTS: [&str; 6] = [
    "GET /cart",
    "connection refused by db-1",
    "Timeout, connection reset",
    "refused connection",
    "größe 12",
    "a*b %_ \\x",
];
const STATUSES: [&str; 3] = ["UNSET", "OK", "ERROR"];
const DURATIONS: [i64; 4] = [0, 999_999, 1_000_000, 2_000_000_000];
const KS: [&str; 7] = ["v", "va", "500", "5e2", "-3", "GET /cart", ""];
const CODES: [i64; 4] = [200, 404, 429, 503];

pub(super) fn row() -> impl Strategy<Value = Row> {
    (
        prop::sample::select(&SERVICES[..]),
        prop::option::of(prop::sample::select(&TEXTS[..])),
        prop::sample::select(&STATUSES[..]),
        prop::option::of(prop::sample::select(&TEXTS[..])),
        prop::sample::select(&DURATIONS[..]),
        0..25i32,
        prop::option::of(prop::sample::select(&KS[..])),
        prop::option::of(prop::sample::select(&KS[..])),
        prop::option::of(prop::sample::select(&CODES[..])),
    )
        .prop_map(|(service, text, status, status_message, duration, severity, k, k_of_resource, code)| Row {
            service,
            text,
            status,
            status_message,
            duration,
            severity,
            k,
            k_of_resource,
            code,
        })
}

pub(super) fn span_json(nth: usize, row: &Row) -> Json {
    let mut span = json!({
        "trace_id": format!("{:032x}", nth / 4 + 1), "span_id": format!("{:016x}", nth + 1),
        "start_time_unix_nano": nth as i64, "duration_ns": row.duration, "service": row.service, "name": row.text,
        "status": row.status, "status_message": row.status_message, "kind": "SERVER",
        "attr_http_response_status_code": row.code,
    });
    add_k(&mut span, row);
    span
}

fn log_json(nth: usize, row: &Row) -> Json {
    let mut log = json!({
        "time_unix_nano": nth as i64, "service": row.service, "body": row.text, "severity_number": row.severity,
        "attr_http_response_status_code": row.code,
    });
    add_k(&mut log, row);
    log
}

fn add_k(json: &mut Json, row: &Row) {
    json["attributes"] = match row.k {
        Some(k) => json!({ "k": k }),
        None => json!({}),
    };
    json["resource"] = match row.k_of_resource {
        Some(k) => json!(json!({ "k": k }).to_string()),
        None => json!("{}"),
    };
}

fn comparison() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&[">", ">=", "<", "<=", "=", "!="][..])
}

/// Texts of conditions on one record.
fn leaf(signal: Signal) -> BoxedStrategy<String> {
    let words =
        prop::sample::select(&["connection", "REFUSED", "timeout", "cart", "12", "größe", "db-1", "nothing"][..]);
    let phrases = prop::sample::select(
        &["\"connection refused\"", "\"refused connection\"", "\"timeout connection\"", "\"GET /cart\"", "\"cart\""][..],
    );
    let patterns = prop::sample::select(&["con*", "*ction", "re*ed", "c*t", "t*e*t", "*1*"][..]);
    let values = prop::sample::select(
        &[
            "v",
            "v*",
            "*",
            "*a",
            "\"500\"",
            "500",
            "5*",
            "/^v/",
            "/[05]{2}/",
            "\"GET /cart\"",
            "/get/i",
            "x",
            "-3",
            "\"\"",
        ][..],
    );
    let services =
        prop::sample::select(&["cart", "c*", "*db", "cart-db", "*", "/art$/", "(cart OR checkout)", "nope"][..]);
    let numbers = prop::sample::select(&["500", "404", "200.5", "-3", "0"][..]);
    let of_signal = match signal {
        Signal::Spans => prop_oneof![
            (comparison(), prop::sample::select(&["1ms", "0", "2s", "999us"][..]))
                .prop_map(|(op, at)| format!("duration{op}{at}")),
            prop::sample::select(
                &[
                    "status:error",
                    "status:ok",
                    "-status:unset",
                    "outcome:fault",
                    "outcome:error",
                    "outcome:ok",
                    "outcome:throttle"
                ][..]
            )
            .prop_map(str::to_owned),
            prop::sample::select(
                &[
                    "name:\"GET /cart\"",
                    "name:*cart",
                    "name:*",
                    "name:/^a/",
                    "name:a\\*b*",
                    "status_message:refused",
                    "status_message:\"refused by\"",
                    "status_message:*",
                    "status_message=\"refused connection\"",
                    "status_message:/re+/"
                ][..]
            )
            .prop_map(str::to_owned),
        ]
        .boxed(),
        Signal::Logs => prop_oneof![
            (comparison(), prop::sample::select(&["warn", "error", "TRACE", "17", "fatal"][..]))
                .prop_map(|(op, at)| format!("severity{op}{at}")),
            prop::sample::select(
                &[
                    "severity:info",
                    "severity:*",
                    "body:refused",
                    "body:\"refused by\"",
                    "body:con*",
                    "body:*",
                    "body=\"GET /cart\"",
                    "body:/^[A-Z]/",
                    "body=*cart"
                ][..]
            )
            .prop_map(str::to_owned),
        ]
        .boxed(),
    };
    prop_oneof![
        2 => words.prop_map(str::to_owned),
        1 => phrases.prop_map(str::to_owned),
        1 => patterns.prop_map(str::to_owned),
        2 => (prop::sample::select(&["k", "attributes.k", "resource.k"][..]), values).prop_map(|(key, value)| format!("{key}:{value}")),
        1 => (comparison(), numbers.clone()).prop_map(|(op, at)| format!("k{op}{at}")),
        1 => (comparison(), numbers).prop_map(|(op, at)| format!("http.response.status_code{op}{at}")),
        2 => services.prop_map(|value| format!("service:{value}")),
        2 => of_signal,
    ]
    .boxed()
}

pub(super) fn search(signal: Signal) -> BoxedStrategy<String> {
    leaf(signal)
        .prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                inner.clone().prop_map(|a| format!("-({a})")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) {b}")),
                (inner.clone(), inner).prop_map(|(a, b)| format!("({a} OR {b})")),
            ]
        })
        .boxed()
}

/// What the language says, without columns, plans or indexes.
pub(super) fn holds(signal: Signal, condition: &Condition, row: &Row) -> bool {
    condition.holds(&mut |leaf| match leaf {
        Leaf::Words(text) => {
            storage::words(text).all(|word| texts(signal, row).any(|text| words(text).contains(&word)))
        }
        Leaf::Phrase(text) => texts(signal, row).any(|within| has_phrase(within, text)),
        Leaf::WordPattern(pattern) => texts(signal, row).any(|text| has_fitting_word(text, pattern)),
        Leaf::Field(test) => field_holds(signal, test, row),
    })
}

fn texts(signal: Signal, row: &Row) -> impl Iterator<Item = &'static str> {
    let message = row.status_message.filter(|_| signal == Signal::Spans);
    row.text.into_iter().chain(message)
}

fn words(text: &str) -> Vec<String> {
    storage::words(text).collect()
}

fn has_phrase(text: &str, phrase: &str) -> bool {
    let (words, phrase) = (words(text), words(phrase));
    phrase.is_empty() || words.windows(phrase.len()).any(|window| window == phrase)
}

fn has_fitting_word(text: &str, pattern: &Pattern) -> bool {
    words(text).iter().any(|word| fits(word, &Pattern(pattern.0.iter().map(|piece| piece.to_lowercase()).collect())))
}

/// The whole text, with any text for each asterisk.
fn fits(text: &str, Pattern(pieces): &Pattern) -> bool {
    let (first, rest) = pieces.split_first().expect("pieces");
    let (last, middle) = rest.split_last().expect("at least two");
    let Some(mut left) = text.strip_prefix(first.as_str()) else { return false };
    for piece in middle {
        let Some(at) = left.find(piece.as_str()) else { return false };
        left = &left[at + piece.len()..];
    }
    left.ends_with(last.as_str())
}

fn field_holds(signal: Signal, test: &FieldTest, row: &Row) -> bool {
    let number_of = |text: &str| text.parse::<f64>().ok();
    let (key, test) = (test.key.as_str(), &test.test);
    let code = row.code.map(|code| code.to_string());
    match (signal, key) {
        (_, "service") => text_holds(Some(row.service).filter(|service| !service.is_empty()), test, false),
        (Signal::Spans, "name") => text_holds(row.text, test, false),
        (Signal::Spans, "status") => {
            matches!(test, Test::Has(Value::Bare(text)) if text.eq_ignore_ascii_case(row.status))
        }
        (Signal::Spans, "outcome") => {
            let Test::Has(Value::Bare(name)) = test else { panic!("{test:?}") };
            let error = row.code.is_some_and(|code| (400..500).contains(&code));
            let fault = row.code.is_some_and(|code| code >= 500) || (row.status == "ERROR" && !error);
            match name.as_str() {
                "error" => error,
                "throttle" => row.code == Some(429),
                "fault" => fault,
                _ => !error && !fault,
            }
        }
        (Signal::Spans, "status_message") => long_holds(row.status_message, test),
        (Signal::Logs, "body") => long_holds(row.text, test),
        (Signal::Spans, "duration") => {
            let ns = |value: &Value| match value {
                Value::Bare(text) => {
                    let known = [("0", 0), ("1ms", 1_000_000), ("2s", 2_000_000_000), ("999us", 999_000), ("2ns", 2)];
                    known.iter().find(|(known, _)| known == text).map(|(_, ns)| *ns)
                }
                _ => None,
            };
            match test {
                Test::Is(value) => ns(value) == Some(row.duration),
                Test::Compare(op, value) => op.holds(row.duration, ns(value).expect("a known duration")),
                other => panic!("{other:?}"),
            }
        }
        (Signal::Logs, "severity") => {
            if row.severity == 0 {
                return false;
            }
            let range = |value: &Value| match value {
                Value::Bare(text) => match text.parse::<i32>() {
                    Ok(number) => (number, number),
                    Err(_) => severity_numbers(&text.to_uppercase()).expect("a name"),
                },
                other => panic!("{other:?}"),
            };
            match test {
                Test::Exists => true,
                Test::Has(value) | Test::Is(value) => {
                    let (first, last) = range(value);
                    (first..=last).contains(&row.severity)
                }
                Test::Compare(Comparison::Greater, value) => row.severity > range(value).1,
                Test::Compare(Comparison::GreaterOrEqual, value) => row.severity >= range(value).0,
                Test::Compare(Comparison::Less, value) => row.severity < range(value).0,
                Test::Compare(_, value) => row.severity <= range(value).1,
            }
        }
        (_, "http.response.status_code") => text_holds(code.as_deref(), test, true),
        (_, "k" | "attributes.k" | "resource.k") => {
            let (record, resource) =
                (row.k.filter(|_| key != "resource.k"), row.k_of_resource.filter(|_| key != "attributes.k"));
            if let Test::Compare(op, Value::Bare(text)) = test {
                let number = record.and_then(number_of).or_else(|| resource.and_then(number_of));
                return number.is_some_and(|number| op.holds(number, number_of(text).expect("a number")));
            }
            if let Test::Has(Value::Bare(text)) | Test::Is(Value::Bare(text)) = test
                && let Some(wanted) = number_of(text)
            {
                let number = record.and_then(number_of).or_else(|| resource.and_then(number_of));
                return number == Some(wanted) || record.or(resource) == Some(text);
            }
            text_holds(record.or(resource), test, true)
        }
        other => panic!("{other:?}"),
    }
}

fn text_holds(text: Option<&str>, test: &Test, may_be_number: bool) -> bool {
    // An empty service is none to `service:*` and equal to nothing that is searched for here.
    let Some(text) = text else { return false };
    match test {
        Test::Exists => true,
        Test::Has(value) | Test::Is(value) => match value {
            Value::Bare(wanted) => {
                let as_number = may_be_number && wanted.parse::<f64>().is_ok_and(|wanted| text.parse() == Ok(wanted));
                text == wanted || as_number
            }
            Value::Quoted(wanted) => text == wanted,
            Value::Pattern(pattern) => fits(text, pattern),
            Value::Regex { pattern, ignore_case } => {
                let pattern = if *ignore_case { format!("(?i){pattern}") } else { pattern.clone() };
                regex::Regex::new(&pattern).expect("valid").is_match(text)
            }
        },
        Test::Compare(op, Value::Bare(wanted)) => {
            text.parse::<f64>().is_ok_and(|number| op.holds(number, wanted.parse().expect("a number")))
        }
        other => panic!("{other:?}"),
    }
}

fn long_holds(text: Option<&str>, test: &Test) -> bool {
    let Some(within) = text else { return false };
    match test {
        Test::Has(Value::Bare(wanted)) => words(wanted).iter().all(|word| words(within).contains(word)),
        Test::Has(Value::Quoted(phrase)) => has_phrase(within, phrase),
        Test::Has(Value::Pattern(pattern)) => has_fitting_word(within, pattern),
        _ => text_holds(text, test, false),
    }
}

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

fn check(signal: Signal, json: fn(usize, &Row) -> Json) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let rows = prop::collection::vec(row(), ROWS).new_tree(&mut runner).expect("rows").current();
    let json: Vec<Json> = rows.iter().enumerate().map(|(nth, row)| json(nth, row)).collect();
    let (_directory, _store, engine) = runtime.block_on(filled(signal, &json));
    let mut matches = 0;
    for nth in 0..SEARCHES {
        let text = search(signal).new_tree(&mut runner).expect("a search").current();
        let condition = match signal {
            Signal::Logs => parse_logs(&text).expect(&text),
            Signal::Spans => match trace_search(parse(&text, Subject::Traces).expect(&text)) {
                TraceSearchText::OneSpan(condition) => condition,
                TraceSearchText::Whole(_) => panic!("of one span: {text}"),
            },
        };
        let expected = rows.iter().enumerate().filter(|(_, row)| holds(signal, &condition, row));
        let expected: BTreeSet<i64> = expected.map(|(nth, _)| nth as i64).collect();
        matches += usize::from(!expected.is_empty() && expected.len() < ROWS);
        runtime.block_on(async {
            let query = engine.begin("test", None).await.expect("admitted");
            assert_eq!(found(&query, signal, &text).await, expected, "{signal} {text}\n{rows:#?}");
            // Half as many, since each has to be planned from text.
            if nth % 2 == 0 {
                assert_eq!(found_by_sql(&query, signal, &text).await, expected, "SQL of {signal} {text}\n{rows:#?}");
            }
        });
    }
    assert!(matches > SEARCHES as usize / 4, "only {matches} searches told rows apart");
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
