//! The forms of an SQL answer, and the exactness of what is in it.

use std::collections::BTreeSet;

use arrow::ipc::reader::StreamReader;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::{Value, json};

use crate::support::messages::{NOON, any, log_record, logs_request, pair, span, text, trace_request};
use crate::support::packs::{Pack, Signal};
use crate::support::server::NO_FLUSH;
use crate::support::{Home, Server};

fn with_one_span(home: &Home) -> Server {
    let server = home.start_ready(NO_FLUSH);
    let attributes = vec![
        pair("big", any(Any::IntValue(9_007_199_254_740_993))),
        pair("http.response.status_code", any(Any::IntValue(503))),
        pair("text.number", text("42")),
        pair("quote", text("a \"b\", c\nd")),
    ];
    let span = Span { start_time_unix_nano: NOON + 123_456_789, attributes, ..span(1, 1, "answers") };
    server.export("/v1/traces", &trace_request("sql", vec![span]).encode_to_vec());
    server
}

#[test]
fn json_is_exact_and_says_its_types() {
    let home = Home::new();
    let server = with_one_span(&home);
    let sql = "SELECT CAST(9007199254740993 AS BIGINT) AS big, CAST(start_time AS BIGINT) AS ns, start_time, service, \
               parent_span_id, duration_ns, status, kind, 1.5 AS half, true AS yes FROM spans";
    for phase in ["from the memtable", "from a segment"] {
        let rows = server.sql(sql).unwrap_or_else(|error| panic!("{phase}: {error}"));
        let names: Vec<&str> = rows.columns.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            ["big", "ns", "start_time", "service", "parent_span_id", "duration_ns", "status", "kind", "half", "yes"]
        );
        assert!(rows.columns.iter().all(|(_, kind)| !kind.is_empty()), "every column has a type: {:?}", rows.columns);
        let expected = json!([
            9_007_199_254_740_993_i64,
            NOON + 123_456_789,
            "2024-03-01T12:00:00.123456789Z",
            "sql",
            null,
            5_000_000 - 123_456_789,
            "UNSET",
            "SERVER",
            1.5,
            true,
        ]);
        assert_eq!(Value::Array(rows.rows[0].clone()), expected, "{phase}");
        server.flush();
    }
    let raw =
        server.sql_reply("SELECT CAST(9007199254740993 AS BIGINT) AS big", "application/json").expect("an answer");
    assert!(raw.text().contains("9007199254740993"), "the digits themselves: {}", raw.text());
}

#[test]
fn csv_and_arrow_say_the_same_as_json() {
    let home = Home::new();
    let server = with_one_span(&home);
    let sql = "SELECT trace_id, attributes['quote'] AS quote, CAST(9007199254740993 AS BIGINT) AS big FROM spans";
    let csv = server.sql_reply(sql, "text/csv").expect("an answer");
    assert!(csv.header("content-type").starts_with("text/csv"), "{}", csv.header("content-type"));
    assert_eq!(csv.text(), format!("trace_id,quote,big\n{:032x},\"a \"\"b\"\", c\nd\",9007199254740993\n", 1));

    let reply = server.sql_reply(sql, "application/vnd.apache.arrow.stream").expect("an answer");
    assert!(
        reply.header("content-type").starts_with("application/vnd.apache.arrow.stream"),
        "{}",
        reply.header("content-type")
    );
    let reader = StreamReader::try_new(reply.body.as_slice(), None).expect("an Arrow IPC stream");
    let batches = reader.collect::<Result<Vec<_>, _>>().expect("whole batches");
    assert_eq!(batches.iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>(), 1);
    let schema = batches[0].schema();
    assert_eq!(
        schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>(),
        ["trace_id", "quote", "big"]
    );
    let big = arrow::util::display::array_value_to_string(batches[0].column(2), 0).expect("a value prints");
    assert_eq!(big, "9007199254740993");

    // No rows: still the columns.
    let none = "SELECT trace_id, duration_ns FROM spans WHERE name = 'nobody'";
    assert_eq!(server.sql_reply(none, "text/csv").expect("an answer").text(), "trace_id,duration_ns\n");
    let reply = server.sql_reply(none, "application/vnd.apache.arrow.stream").expect("an answer");
    let reader = StreamReader::try_new(reply.body.as_slice(), None).expect("a schema without batches");
    assert_eq!(reader.schema().fields().len(), 2);
}

#[test]
fn attributes_compare_as_what_they_are() {
    let home = Home::new();
    let server = with_one_span(&home);
    for phase in ["from the memtable", "from a segment"] {
        for (condition, expected) in [
            ("attributes['http.response.status_code'] >= 500", 1),
            ("attributes['http.response.status_code'] = 503", 1),
            ("attributes['http.response.status_code'] < 60", 0),
            ("attributes['http.response.status_code'] = '503'", 1),
            ("attributes['big'] = 9007199254740993", 1),
            ("attributes['big'] > 9007199254740992", 1),
            ("attributes['text.number'] = '42'", 1),
            ("attributes['quote'] LIKE 'a \"b\"%'", 1),
            ("attributes['absent'] IS NULL", 1),
            ("attributes['absent'] = 'x'", 0),
            ("resource['service.name'] = 'sql'", 1),
        ] {
            let found = server.sql_i64(&format!("SELECT count(*) FROM spans WHERE {condition}"));
            assert_eq!(found, Ok(expected), "{phase}: {condition}");
        }
        server.flush();
    }
}

/// Maximal runs of letters and digits, lower-cased: what `match` means by a word.
fn words(text: &str) -> BTreeSet<String> {
    let lower = text.to_lowercase();
    lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[test]
fn match_finds_what_brute_force_finds() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let pack = Pack::shipped("ci-trainticket");
    let requests = pack.requests(Signal::Logs);
    requests.iter().for_each(|request| server.export("/v1/logs", request));
    let odd = [
        "",
        "...",
        "Straße GROSS",
        "naïve café",
        "foo_bar-baz.qux",
        "x1y2",
        "日本語 テスト",
        "one two",
        "two",
        "a,b;c|d",
    ];
    server.export("/v1/logs", &logs_request("odd", odd.iter().map(|body| log_record(body)).collect()).encode_to_vec());
    let records = server.pages("/api/v1/logs?limit=5000", "logs").expect("all records");
    let bodies: Vec<BTreeSet<String>> =
        records.iter().map(|log| words(log["body"].as_str().unwrap_or_default())).collect();
    assert_eq!(bodies.len() as i64, pack.count("logs") + odd.len() as i64);
    let questions = [
        "error",
        "ERROR",
        "Exception",
        "TraceID SpanID",
        "INFO  success",
        "foo",
        "foo_bar",
        "foo bar qux",
        "x1y2",
        "x1",
        "straße",
        "STRASSE",
        "café",
        "cafe",
        "日本語",
        "one two",
        "two one",
        "one-two",
        "a b c d",
        "TravelServiceImpl",
        "travel",
        "s.s.SeatServiceImpl#111",
        "java.lang",
        "nosuchword",
        "success nosuchword",
    ];
    for phase in ["from the memtable", "from segments", "from memtable and segments"] {
        for question in questions {
            let asked = words(question);
            let expected = bodies.iter().filter(|body| asked.is_subset(body)).count() as i64
                * if phase.contains("memtable and") { 2 } else { 1 };
            let sql = format!("SELECT count(*) FROM logs WHERE match(body, '{question}')");
            assert_eq!(server.sql_i64(&sql), Ok(expected), "{phase}: {question}");
            let negated = format!("SELECT count(*) FROM logs WHERE NOT match(body, '{question}')");
            let total = server.count("SELECT count(*) FROM logs");
            assert_eq!(server.sql_i64(&negated), Ok(total - expected), "{phase}: NOT {question}");
            let either =
                format!("SELECT count(*) FROM logs WHERE match(body, '{question}') OR match(body, 'nosuchword')");
            assert_eq!(server.sql_i64(&either), Ok(expected), "{phase}: {question} OR nosuchword");
        }
        if phase == "from segments" {
            requests.iter().for_each(|request| server.export("/v1/logs", request));
            server.export(
                "/v1/logs",
                &logs_request("odd", odd.iter().map(|body| log_record(body)).collect()).encode_to_vec(),
            );
        } else {
            server.flush();
        }
    }
    // Without a word nothing is asked: every record has all of none, or the question is refused.
    let empty = server.sql_i64("SELECT count(*) FROM logs WHERE match(body, '')");
    let all = server.count("SELECT count(*) FROM logs");
    assert!(empty == Ok(all) || empty.is_err_and(|error| error.contains("status 400")), "match without a word");
}

#[test]
fn events_and_links_can_be_asked_for() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let event = opentelemetry_proto::tonic::trace::v1::span::Event {
        time_unix_nano: NOON,
        name: "exception".to_owned(),
        ..Default::default()
    };
    let span = Span { events: vec![event.clone(), event], ..span(1, 1, "events") };
    server.export("/v1/traces", &trace_request("sql", vec![span]).encode_to_vec());
    for phase in ["from the memtable", "from a segment"] {
        let sql = "SELECT e['name'] FROM (SELECT unnest(events) AS e FROM spans)";
        let rows = server.sql(sql).unwrap_or_else(|error| panic!("{phase}: {error}"));
        assert_eq!(rows.rows, vec![vec![json!("exception")]; 2], "{phase}");
        assert_eq!(server.count("SELECT CAST(array_length(events) AS BIGINT) FROM spans"), 2, "{phase}");
        server.flush();
    }
}
