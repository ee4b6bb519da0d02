use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use proto::Signal;
use serde_json::{Value, json};

use crate::engine::{Engine, EngineSettings};
use crate::error::{ErrorKind, QueryError};
use crate::test_data::{append, ask, engine, rows, store};

const T0: i64 = 1_661_145_496_000_000_000;

/// Texts are grouped by as numbers and percentiles hand their values from thread to thread: groups of one value and of
/// thousands, without a text, without a value, from memory and from several files.
#[tokio::test]
async fn groups_of_texts_and_percentiles_are_what_a_count_finds() {
    let (_directory, store) = store().await;
    let mut runner = TestRunner::deterministic();
    let text = (0usize..40).prop_map(|nth| ["", "a", "b", "a longer text", "ü"].get(nth % 8).copied());
    let row = (text.clone(), text, proptest::option::weighted(0.9, -9i64..1_000_000));
    let mut sent = Vec::new();
    for (part, count) in [3000usize, 2000, 1, 1500].into_iter().enumerate() {
        let rows = vec(row.clone(), count).new_tree(&mut runner).expect("rows").current();
        let spans: Vec<_> = (rows.iter().enumerate())
            .map(|(nth, (service, scope, size))| {
                json!({"trace_id": format!("{:032x}", nth / 9 + 1), "span_id": format!("{:016x}", part * 10_000 + nth + 1),
                    "name": "n", "service": service.unwrap_or("none"), "scope_name": scope, "start_time_unix_nano": T0,
                    "duration_ns": 1, "attr_http_response_body_size": size})
            })
            .collect();
        append(&store, Signal::Spans, &spans).await;
        if part < 3 {
            store.flush(Signal::Spans).await.expect("flushed");
        }
        sent.extend(rows);
    }
    let engine = engine(&store);
    let size = "attributes['http.response.body.size']";
    let mut groups: BTreeMap<String, (i64, Vec<i64>)> = BTreeMap::new();
    for (service, scope, size) in &sent {
        let group = groups.entry(json!([service.unwrap_or("none"), scope]).to_string()).or_default();
        group.0 += 1;
        group.1.extend(size);
    }
    for p in [0.0, 0.5, 0.99, 1.0] {
        let expected: BTreeSet<String> = (groups.iter_mut())
            .map(|(group, (count, sizes))| {
                sizes.sort_unstable();
                let rank = ((p * sizes.len() as f64).ceil() as usize).max(1);
                let value = sizes.get(rank - 1).map(|value| value.to_string());
                format!("{group} {count} {value:?}")
            })
            .collect();
        let sql = format!(
            "SELECT service, scope_name, count(*) AS n, CAST(percentile(CAST({size} AS BIGINT), {p}) AS VARCHAR) AS value \
             FROM spans GROUP BY service, scope_name HAVING count(*) > 0"
        );
        let answered = rows(&engine, &sql).await;
        let line = |row: &Value| {
            let (group, value) = (json!([row[0], row[1]]), row[3].as_str().map(str::to_owned));
            format!("{group} {} {value:?}", row[2])
        };
        let answered: Vec<String> = answered.as_array().expect("rows").iter().map(line).collect();
        assert_eq!(answered.len(), groups.len(), "each group once");
        assert_eq!(answered.into_iter().collect::<BTreeSet<_>>(), expected, "{sql}");
    }
    let services = rows(&engine, "SELECT DISTINCT service FROM spans WHERE service > 'a' ORDER BY service DESC").await;
    assert_eq!(services, json!([["ü"], ["none"], ["b"], ["a longer text"]]));
}

#[tokio::test]
async fn what_the_engine_fails_at_is_the_fault_of_the_statement() {
    let (_directory, store) = store().await;
    let span = |id: u64| {
        json!({"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": format!("{id:016x}"), "name": "a", "service": "b",
            "start_time_unix_nano": T0, "duration_ns": 1, "events": [{"time_unix_nano": T0, "name": "boom"}]})
    };
    append(&store, Signal::Spans, &[span(1), span(2)]).await;
    store.flush(Signal::Spans).await.expect("flushed");
    append(&store, Signal::Spans, &[span(3)]).await;
    let engine = engine(&store);
    for (sql, part) in [
        ("SELECT count(name ORDER BY start_time) FROM spans", "count() does not depend on an order"),
        ("SELECT * FROM (SELECT median(duration_ns ORDER BY name) FROM spans)", "median() does not depend on an order"),
        ("SELECT 1 WHERE 1 IN (SELECT var_pop(DISTINCT duration_ns ORDER BY name) FROM spans)", "var_pop()"),
        ("SELECT array_agg(name ORDER BY events) FROM spans", "array_agg() cannot order by List"),
        ("SELECT first_value() OVER () FROM spans", "first_value() needs an argument"),
        ("SELECT nth_value() OVER (ORDER BY name) FROM spans", "nth_value() needs an argument"),
        ("SELECT min(events) FROM spans", "Uncomparable"),
        ("SELECT row_number() OVER (ORDER BY resource), sum(1) OVER (ORDER BY resource) FROM spans", "Map"),
        ("SELECT * FROM spans WHERE name ~ '['", "unclosed character class"),
        ("SELECT name FROM spans WHERE end_time = concat(name, 'x')", "Error parsing timestamp from 'ax'"),
        ("SELECT log(name, name, name) FROM spans", "log"),
        ("SELECT max(name) FILTER (WHERE rtrim(3, name)) FROM spans", "rtrim"),
    ] {
        let error = ask(&engine, sql).await.expect_err(sql);
        assert_eq!(error.kind, ErrorKind::BadRequest, "{sql}: {error}");
        assert!(error.message.contains(part) && !error.message.contains("Internal error"), "{sql}: {error}");
    }
    for sql in [
        "SELECT array_agg(name ORDER BY start_time), first_value(name ORDER BY start_time), string_agg(name, ',' ORDER BY name) FROM spans",
        "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ns) FROM spans",
        "SELECT first_value(name) OVER (ORDER BY start_time), count(*) OVER () FROM spans",
    ] {
        ask(&engine, sql).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

#[tokio::test]
async fn writing_an_answer_ends_at_its_bound_and_with_its_query() {
    let (_directory, store) = store().await;
    let settings = EngineSettings { result_bytes_max: 150_000, ..EngineSettings::default() };
    let engine = Engine::new(store, settings).expect("threads");
    let query = engine.begin("test", None).await.expect("admitted");
    // Batches of 8,192 rows; a control character is six bytes of JSON.
    let rows = query.answer("SELECT chr(1) FROM generate_series(1, 20000)", 20_000).await.expect("rows");
    assert!(rows.batches.len() > 1);
    let may_go_on = query.may_go_on();
    let error = crate::result::json(&rows, 0, &may_go_on).expect_err("longer than the bound");
    let error = QueryError::from(error);
    assert_eq!(error.kind, ErrorKind::TooLarge, "{error}");
    crate::result::csv(&rows, &may_go_on).expect("within the bound");
    drop(query);
    crate::result::csv(&rows, &may_go_on).expect_err("nobody waits");
}

#[tokio::test]
async fn what_is_wrong_is_named_with_its_place() {
    let (_directory, store) = store().await;
    let engine = engine(&store);
    for (sql, wrong) in [
        ("SELECT nothing FROM spans", "nothing"),
        ("SELECT name,\n  'ü', nothing\nFROM spans", "nothing"),
        ("SELECT s.nothing FROM spans s", "s.nothing"),
        ("SELECT name FROM nowhere", "nowhere"),
        ("SELECT name\nFORM spans x WHERE", "spans"),
        ("SELECT 'ü', name FROM spans WHERE name = ", " "),
        ("SELECT name FROM spans WHERE name = 'open", "'"),
    ] {
        let error = ask(&engine, sql).await.expect_err("it is wrong");
        let (from, to) = error.at.unwrap_or_else(|| panic!("{sql}: no place: {error}"));
        let found: String = sql.chars().skip(from).take(to - from).collect();
        assert_eq!(found, wrong, "{sql}: {error}");
    }
    // Of the whole statement.
    assert_eq!(ask(&engine, "DROP TABLE spans").await.expect_err("it writes").at, None);
}
