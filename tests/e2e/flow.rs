//! Flows and calls over the recorded packs: against what SQL says of the same rows, and against the packs' facts.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::facts::{Transport, ingest};
use crate::support::packs::{Pack, Signal};
use crate::support::server::NO_FLUSH;
use crate::support::{Home, Server};

fn get(server: &Server, path: &str) -> Value {
    server.get_json(path).unwrap_or_else(|error| panic!("{error}"))
}

fn texts(values: &Value, key: &str) -> BTreeSet<String> {
    let values = values.as_array().unwrap_or_else(|| panic!("no list: {values}"));
    values.iter().map(|value| value[key].as_str().expect("text").to_owned()).collect()
}

/// The boutique logs the session of each request: its flow is every trace of the session with all of its log records.
#[test]
fn a_session_of_the_boutique_is_what_sql_finds_of_it() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    ingest(&server, &Pack::shipped("ci-boutique"), Transport::Http);
    let sessions = "SELECT attributes['session'], count(*), count(DISTINCT trace_id) AS traces FROM logs \
                    WHERE attributes['session'] IS NOT NULL GROUP BY 1 ORDER BY traces DESC, 1 LIMIT 3";
    let sessions = server.sql(sessions).expect("sessions");
    assert_eq!(sessions.rows.len(), 3);
    for life in ["memtable", "segment"] {
        for nth in 0..sessions.rows.len() {
            let session = sessions.text(nth, 0).expect("a session");
            let flow = get(&server, &format!("/api/v1/flows/{session}?logs=10000"));
            let own = format!("SELECT DISTINCT trace_id FROM logs WHERE attributes['session'] = '{session}'");
            let expected = server.sql(&own).expect("traces");
            let expected: BTreeSet<String> =
                (0..expected.rows.len()).map(|row| expected.text(row, 0).expect("an id")).collect();
            assert_eq!(texts(&flow["traces"], "trace_id"), expected, "{life}: {session}");
            let found = json!([{"key": "session", "spans": 0, "logs": sessions.i64(nth, 1).expect("a count")}]);
            assert_eq!(flow["found_under"], found, "{life}: {session}");
            let logs = server.count(&format!("SELECT count(*) FROM logs WHERE trace_id IN ({own})"));
            assert_eq!(flow["log_count"], json!(logs), "{life}: {session}");
            assert_eq!(flow["logs"].as_array().map(Vec::len), usize::try_from(logs).ok(), "{life}: {session}");
            let spans: i64 =
                flow["traces"].as_array().expect("traces").iter().filter_map(|one| one["span_count"].as_i64()).sum();
            let counted = server.count(&format!("SELECT count(*) FROM spans WHERE trace_id IN ({own})"));
            assert_eq!(spans, counted, "{life}: {session}");
        }
        server.flush();
    }
}

/// A call is what the packs call an edge: a span whose parent span is of another service.
fn calls_are_the_edges_of(pack: &Pack) {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    ingest(&server, pack, Transport::Http);
    let text = |edge: &Value, key: &str| edge[key].as_str().expect("text").to_owned();
    let facts = pack.manifest["facts"]["edges"].as_array().expect("edges");
    let facts = facts.iter().map(|edge| ((text(edge, "caller"), text(edge, "callee")), edge["count"].clone()));
    let facts: BTreeMap<_, _> = facts.collect();
    for life in ["memtable", "segment"] {
        let answer = get(&server, "/api/v1/chattiness");
        let edges = answer["edges"].as_array().expect("edges").iter().filter(|edge| edge["callee_type"] == "service");
        let counted: BTreeMap<_, _> =
            edges.map(|edge| ((text(edge, "caller"), text(edge, "callee")), edge["calls"].clone())).collect();
        assert_eq!(counted, facts, "{life}");
        let shares = answer["edges"].as_array().expect("edges").iter().map(|edge| &edge["sequential"]["share"]);
        assert!(shares.filter_map(Value::as_f64).all(|share| (0.0..=1.0).contains(&share)), "{life}");
        assert_eq!(answer["trace_count"], json!(pack.count("traces")), "{life}");
        server.flush();
    }
    assert_eq!(server.status(Signal::Spans.table(), "memtable_rows"), 0);
}

#[test]
fn calls_are_the_edges_of_the_boutique() {
    calls_are_the_edges_of(&Pack::shipped("ci-boutique"));
}

#[test]
fn calls_are_the_edges_of_the_train_ticket() {
    calls_are_the_edges_of(&Pack::shipped("ci-trainticket"));
}

#[test]
fn what_cannot_be_meant_is_refused_and_keys_can_be_set() {
    let home = Home::new();
    let server = home.start_ready(&[NO_FLUSH, &["--flow-keys", "basket, http.req.id"]].concat());
    assert_eq!(get(&server, "/api/v1/status")["flow_keys"], json!(["basket", "http.req.id"]));
    let flow = get(&server, "/api/v1/flows/a%2Fb%20c?key=order");
    assert_eq!((&flow["value"], &flow["looked_under"]), (&json!("a/b c"), &json!(["order"])));
    assert_eq!(flow["why_empty"]["spans_in_range"], json!(0));
    for (path, status) in [
        ("/api/v1/flows/%20", 400),
        ("/api/v1/flows/x?logs=0", 400),
        ("/api/v1/flows/x?form=now-1h", 400),
        ("/api/v1/flows/x?from=yesterday", 400),
        ("/api/v1/chattiness?buckets=3", 400),
        ("/api/v1/chattiness?q=duration%3E", 400),
    ] {
        assert_eq!(server.get(path).status, status, "{path}");
    }
}
