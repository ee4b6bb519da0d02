//! What helps to write a search and to read its answer: explanations, keys, values, durations, the reason why nothing
//! matches. Over a recorded pack, with its facts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::facts::{Transport, ingest};
use crate::support::packs::Pack;
use crate::support::server::NO_FLUSH;
use crate::support::sql::percent;
use crate::support::{Home, Server};

const CALLERS: &str = "{service:ts-travel-service} => {service:ts-basic-service}";

fn get(server: &Server, path: &str) -> Value {
    server.get_json(path).unwrap_or_else(|error| panic!("{error}"))
}

fn counts(values: &Value) -> BTreeMap<String, i64> {
    let values = values.as_array().expect("values");
    let pair = |value: &Value| {
        (value["value"].as_str().expect("a text").to_owned(), value["count"].as_i64().expect("a count"))
    };
    values.iter().map(pair).collect()
}

#[test]
fn keys_values_durations_and_reasons_agree_with_the_facts() {
    let pack = Pack::shipped("ci-trainticket");
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    ingest(&server, &pack, Transport::Http);
    for _ in ["the memtable", "segments"] {
        check_facets(&server, &pack);
        check_durations(&server, &pack);
        check_reasons(&server);
        server.flush();
    }
}

fn facts(pack: &Pack, key: &str) -> BTreeMap<String, i64> {
    let facts = pack.manifest["facts"][key].as_object().expect("a map");
    facts.iter().map(|(key, count)| (key.clone(), count.as_i64().expect("a count"))).collect()
}

fn check_facets(server: &Server, pack: &Pack) {
    let answer = get(server, "/api/v1/facets?signal=spans&keys=service,status,outcome,nobody.has.this&limit=500");
    let facets = &answer["facets"];
    assert_eq!((&answer["partial"], &answer["rows"]), (&json!(false), &pack.manifest["counts"]["spans"]));
    assert_eq!(counts(&facets[0]["values"]), facts(pack, "spans_per_service"));
    let errors: i64 = facts(pack, "error_spans_per_service").values().sum();
    assert_eq!(counts(&facets[1]["values"]).get("ERROR"), Some(&errors));
    assert_eq!(counts(&facets[2]["values"]).get("fault"), Some(&errors), "no code says that the caller is to blame");
    assert_eq!(facets[3]["distinct"], 0);
    let path = "/api/v1/fields/service/values?signal=logs&q=severity%3E%3Derror&contains=TRAVEL";
    let logged = facts(pack, "logs_per_service_severity");
    let expected = ["ts-travel-service", "ts-travel2-service"];
    let expected = expected.map(|service| (service.to_owned(), logged[&format!("{service} ERROR")]));
    assert_eq!(counts(&get(server, path)["values"]), expected.into());
    let fields = get(server, "/api/v1/fields?signal=logs");
    let node = fields["fields"].as_array().expect("fields").iter().find(|field| field["key"] == "k8s.node.name");
    let logs: i64 = facts(pack, "logs_per_node").values().sum();
    assert_eq!(node, Some(&json!({"key": "k8s.node.name", "kind": "resource", "count": logs})));
}

fn check_durations(server: &Server, pack: &Pack) {
    let sum = |path: &str| -> i64 {
        let answer = get(server, path);
        let buckets = answer["buckets"].as_array().expect("buckets");
        let of = |bucket: &Value| {
            ["ok", "error", "throttle", "fault"].iter().map(|key| bucket[key].as_i64().expect("a count")).sum::<i64>()
        };
        buckets.iter().map(of).sum()
    };
    let spans = pack.manifest["counts"]["spans"].as_i64();
    assert_eq!(Some(sum("/api/v1/traces/durations")), spans);
    // With a condition on whole traces, the spans by which a matching trace came into question.
    let q = percent(CALLERS);
    let sql = "SELECT count(*) FROM spans WHERE service = 'ts-basic-service' AND trace_id IN (SELECT p.trace_id FROM spans p \
               JOIN spans c ON c.trace_id = p.trace_id AND c.parent_span_id = p.span_id \
               WHERE p.service = 'ts-travel-service' AND c.service = 'ts-basic-service')";
    let expected = server.sql_i64(sql).expect("a count");
    assert!(expected > 0);
    assert_eq!(sum(&format!("/api/v1/traces/durations?q={q}")), expected);
    let histogram = get(server, &format!("/api/v1/traces/histogram?q={q}"));
    let spans: i64 = histogram["buckets"]
        .as_array()
        .expect("buckets")
        .iter()
        .map(|bar| bar["spans"].as_i64().expect("a count"))
        .sum();
    assert_eq!((spans, &histogram["exact"]), (expected, &json!(true)));
}

fn check_reasons(server: &Server) {
    let q = percent("service:ts-travel-service status:error duration>3h");
    let answer = get(server, &format!("/api/v1/search/why_empty?signal=spans&q={q}"));
    let spans =
        |condition: &str| server.sql_i64(&format!("SELECT count(*) FROM spans WHERE {condition}")).expect("a count");
    let failed = "service = 'ts-travel-service' AND status = 'ERROR'";
    let expected = json!([
        {"condition": "service:ts-travel-service", "without": "status:error AND duration>3h", "parameter": null,
         "matches_without": 0, "matches_alone": spans("service = 'ts-travel-service'")},
        {"condition": "status:error", "without": "service:ts-travel-service AND duration>3h", "parameter": null,
         "matches_without": 0, "matches_alone": spans("status = 'ERROR'")},
        {"condition": "duration>3h", "without": "service:ts-travel-service AND status:error", "parameter": null,
         "matches_without": spans(failed), "matches_alone": 0},
    ]);
    assert_eq!(answer["conditions"], expected);
    // What is counted for three conditions has parts in common, negations among them.
    let q = percent("service:ts-travel-service -status:error duration>3h");
    let answer = get(server, &format!("/api/v1/search/why_empty?signal=spans&q={q}"));
    let unfailed = spans("service = 'ts-travel-service' AND status <> 'ERROR'");
    assert_eq!(answer["conditions"][2]["matches_without"], json!(unfailed), "{answer}");
    // A range before the recording: the nearest match is the first one behind it.
    let q = percent("service:ts-travel-service");
    let answer = get(server, &format!("/api/v1/search/why_empty?signal=spans&from=0&to=1000&q={q}"));
    let first = server.sql_i64("SELECT CAST(min(start_time) AS BIGINT) FROM spans WHERE service = 'ts-travel-service'");
    assert_eq!(answer["nearest_after_unix_nano"], json!(first.expect("a time").to_string()));
    assert_eq!((&answer["rows_in_range"], &answer["nearest_before_unix_nano"]), (&json!(0), &Value::Null));
    let q = percent("{service:ts-travel-service} {duration>3h}");
    let answer = get(server, &format!("/api/v1/search/why_empty?signal=spans&q={q}"));
    let traces = server.sql_i64("SELECT count(DISTINCT trace_id) FROM spans WHERE service = 'ts-travel-service'");
    assert_eq!(answer["conditions"][1]["matches_without"], json!(traces.expect("a count")));

    // One condition on a trace is taken apart.
    let q = percent("{service:ts-travel-service} => {service:nowhere}");
    let answer = get(server, &format!("/api/v1/search/why_empty?signal=spans&q={q}"));
    let figure = |nth: usize, what: &str| answer["conditions"][nth][what].clone();
    assert_eq!(
        (figure(0, "condition"), figure(1, "condition")),
        (json!("{service:ts-travel-service}"), json!("{service:nowhere}"))
    );
    assert_eq!((figure(1, "without"), figure(1, "matches_alone")), (json!("{service:ts-travel-service}"), json!(0)));
    assert_eq!((figure(1, "matches_without"), figure(0, "matches_without")), (figure(0, "matches_alone"), json!(0)));
    // Of a search over whole traces, a trace that matches, not a span by which one only comes into question.
    let start = |order: &str, condition: &str| {
        let sql = format!(
            "SELECT CAST(min(start_time) AS BIGINT) AS s FROM spans WHERE trace_id IN (SELECT trace_id FROM spans WHERE {condition}) \
             AND trace_id IN (SELECT trace_id FROM spans WHERE service = 'ts-travel-service') \
             GROUP BY trace_id ORDER BY s {order} LIMIT 1"
        );
        json!(server.sql_i64(&sql).expect("a time").to_string())
    };
    let q = percent("{service:ts-travel-service} {status:error}");
    let failed = "status = 'ERROR'";
    let before = get(server, &format!("/api/v1/search/why_empty?signal=spans&from=0&to=1000&q={q}"));
    assert_eq!(before["nearest_after_unix_nano"], start("ASC", failed), "{before}");
    assert_eq!((&before["nearest_before_unix_nano"], &before["nearest_is_known"]), (&Value::Null, &json!(true)));
    let behind = get(server, &format!("/api/v1/search/why_empty?signal=spans&from=2100-01-01T00:00:00Z&q={q}"));
    assert_eq!(behind["nearest_before_unix_nano"], start("DESC", failed), "{behind}");
    let q = percent("{service:ts-travel-service} {duration>3h}");
    let never = get(server, &format!("/api/v1/search/why_empty?signal=spans&from=0&to=1000&q={q}"));
    assert_eq!((&never["nearest_after_unix_nano"], &never["nearest_is_known"]), (&Value::Null, &json!(true)));
    // Log records: the last one before the range.
    let answer =
        get(server, "/api/v1/search/why_empty?signal=logs&from=2100-01-01T00:00:00Z&q=service:ts-travel-service");
    let last = server.sql_i64("SELECT CAST(max(time) AS BIGINT) FROM logs WHERE service = 'ts-travel-service'");
    assert_eq!(answer["nearest_before_unix_nano"], json!(last.expect("a time").to_string()), "{answer}");
}

#[test]
fn a_search_is_explained_and_a_wrong_one_is_refused_where_it_is_wrong() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let explain =
        |signal: &str, q: &str| get(&server, &format!("/api/v1/search/explain?signal={signal}&q={}", percent(q)));
    let meaning = explain("logs", "timeout service:(a OR b)");
    assert_eq!(meaning["canonical"], "timeout AND (service:a OR service:b)");
    let sql = meaning["sql"].as_str().expect("SQL");
    server.sql(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    assert_eq!(explain("spans", "service(\"x\")")["canonical"], "{service:\"x\"}");
    assert_eq!(explain("spans", CALLERS)["canonical"], CALLERS);
    let problem = &explain("logs", "a (b")["problem"];
    assert_eq!(problem["at"], json!([2, 3]), "{problem}");
    for (path, q, at) in
        [("traces", "a (b", [2, 3]), ("logs", "日本 \"a", [3, 4]), ("traces/histogram", "duration>5 x", [0, 10])]
    {
        let reply = server.get(&format!("/api/v1/{path}?q={}", percent(q)));
        assert_eq!(reply.status, 400, "{path}: {}", reply.excerpt());
        let error = reply.try_json().expect("JSON");
        assert_eq!(error["error"]["at"], json!(at), "{error}");
        assert!(!error["error"]["hint"].as_str().unwrap_or_default().is_empty(), "{error}");
    }
    for path in [
        "search/explain?q=a",
        "facets?signal=spans",
        "facets?signal=spans&keys=duration",
        "fields?signal=spans&limit=5",
    ] {
        assert_eq!(server.get(&format!("/api/v1/{path}")).status, 400, "{path}");
    }
}

/// Searches and expressions of X-Ray: over a recorded pack the SQL that is shown gives the traces of the search.
#[test]
fn the_sql_that_is_shown_gives_the_traces_of_the_search() {
    let pack = Pack::shipped("ci-trainticket");
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    ingest(&server, &pack, Transport::Http);
    server.flush();
    for (q, is_expected) in [
        (CALLERS, true),
        ("{service:ts-travel-service} -> {service:ts-basic-service status:error}", true),
        ("root{status:ok}", false),
        ("trace.root_to_end>1s", true),
        ("-trace.partial:true", true),
        ("ok", true),
        ("service(\"ts-travel-service\") {fault}", true),
        ("edge(\"ts-travel-service\", \"ts-basic-service\") {responsetime > 0.01}", true),
        ("rootcause.fault.entity {last}", true),
        ("rootcause.fault.service {first and name = \"ts-travel-service\"}", false),
        ("rootcause.fault.service {inferred}", false),
        ("rootcause.fault.exception", false),
        ("span.depth>4", true),
        ("span.hop>2 span.coverage>0.5", true),
    ] {
        let meaning = get(&server, &format!("/api/v1/search/explain?signal=spans&q={}", percent(q)));
        // All of them, not the hundred that people are shown.
        let sql =
            meaning["sql"].as_str().unwrap_or_else(|| panic!("{q}: {meaning}")).replace("LIMIT 100", "LIMIT 5000");
        let rows = server.sql(&sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let by_sql: BTreeSet<String> = rows.rows.iter().map(|row| row[0].as_str().expect("an id").to_owned()).collect();
        let traces = server.pages(&format!("/api/v1/traces?limit=500&q={}", percent(q)), "traces");
        let traces = traces.unwrap_or_else(|error| panic!("{q}: {error}"));
        let found: BTreeSet<String> =
            traces.iter().map(|trace| trace["trace_id"].as_str().expect("an id").to_owned()).collect();
        assert_eq!(found, by_sql, "{q}: {sql}");
        assert!(!is_expected || !found.is_empty(), "{q} finds nothing");
    }
    let refused =
        |q: &str| get(&server, &format!("/api/v1/search/explain?signal=spans&q={}", percent(q)))["problem"].clone();
    let problem = refused("fault AND group.name = \"x\"");
    assert_eq!(problem["at"], json!([10, 20]), "{problem}");
    assert!(problem["hint"].as_str().unwrap_or_default().contains("expression of the group"), "{problem}");
}
