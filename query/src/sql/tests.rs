use proto::Signal;
use serde_json::json;

use crate::engine::{Engine, EngineSettings};
use crate::error::{ErrorKind, QueryError};
use crate::test_data::{append, ask, engine, rows, store};

const T0: i64 = 1_661_145_496_000_000_000;

#[tokio::test]
async fn explore() {
    let (_directory, store) = store().await;
    append(&store, Signal::Spans, &[
        json!({"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331", "name": "GET /cart", "service": "cart",
            "kind": "SERVER", "status": "OK", "start_time_unix_nano": T0, "duration_ns": 1500, "resource": "{\"service.name\":\"cart\",\"host\":\"a\"}",
            "attr_http_response_status_code": 200, "attr_http_route": "/cart", "attributes": {"x": "1", "big": "9007199254740993"}}),
        json!({"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203332", "parent_span_id": "b7ad6b7169203331", "name": "SELECT", "service": "db",
            "kind": "CLIENT", "status": "ERROR", "start_time_unix_nano": T0 + 5, "duration_ns": 7, "resource": "{\"service.name\":\"db\"}",
            "attributes": {"http.response.status_code": "503", "x": "n/a"}, "attribute_types": "ss",
            "events": [{"time_unix_nano": T0, "name": "boom", "attributes": "{\"a\":1}"}],
            "links": [{"trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331"}] }),
    ]).await;
    store.flush(Signal::Spans).await.expect("flush");
    append(&store, Signal::Spans, &[
        json!({"trace_id": "0af7651916cd43dd8448eb211c80319d", "span_id": "b7ad6b7169203333", "name": "GET /", "service": "web",
            "kind": "SERVER", "status": "UNSET", "start_time_unix_nano": T0 + 9, "duration_ns": 7, "resource": "{\"service.name\":\"web\"}", "attributes": {}}),
    ]).await;
    let engine = engine(&store);
    for sql in [
        "SELECT * FROM spans",
        "SELECT count(*) FROM spans",
        "EXPLAIN SELECT count(*) FROM spans",
        "SELECT count(*) FROM spans WHERE attributes['http.response.status_code'] >= 500",
        "EXPLAIN SELECT count(*) FROM spans WHERE attributes['http.response.status_code'] >= 500",
        "EXPLAIN SELECT attributes['http.route'], attributes['x'], count(*), max(attributes['x']) FROM spans WHERE start_time >= '2022-08-22T03:00:00Z' GROUP BY 1, 2 ORDER BY 3",
        "SELECT attributes['http.route'] r, attributes['x'], count(*), max(attributes['x']), sum(attributes['http.response.status_code']) FROM spans WHERE start_time >= '2022-08-22T03:00:00Z' GROUP BY 1, 2 ORDER BY 3",
        "EXPLAIN SELECT * FROM spans WHERE trace_id = '0af7651916cd43dd8448eb211c80319d'",
        "EXPLAIN SELECT span_id FROM spans WHERE trace_id IN ('0af7651916cd43dd8448eb211c80319d', 'x', 'y', 'z', 'a')",
        "EXPLAIN SELECT span_id FROM spans WHERE match(name, 'cart') AND resource['service.name'] = 'cart' and resource['host'] = 'a'",
        "SELECT span_id FROM spans WHERE match(name, 'cart') AND resource['service.name'] = 'cart' and resource['host'] = 'a'",
        "EXPLAIN SELECT a.name FROM spans a JOIN spans b ON a.parent_span_id = b.span_id",
        "EXPLAIN SELECT attributes['x'] + 1, attributes['y'] FROM spans ORDER BY attributes['x'] LIMIT 5",
        "EXPLAIN SELECT body FROM logs WHERE severity = 'ERROR' AND match(body, 'timeout') ORDER BY time DESC LIMIT 10",
        "EXPLAIN SELECT service, percentile(duration_ns, 0.5) FROM spans GROUP BY service",
    ] {
        println!("---- {sql}");
        match ask(&engine, sql).await {
            Ok(rows) => println!(
                "{}",
                if sql.starts_with("EXPLAIN") || rows.schema.fields().len() < 8 {
                    crate::result::table(&rows).unwrap()
                } else {
                    String::from_utf8(crate::result::json(&rows, 0, &|_| Ok(())).unwrap()).unwrap()
                }
            ),
            Err(error) => println!("ERROR {error:?}"),
        }
    }
    let _ = rows(&engine, "SELECT 1").await;
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
