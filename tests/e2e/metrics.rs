//! `/metrics` counts what happened: what was sent is what is counted.

use std::collections::BTreeMap;

use prost::Message as _;
use serde_json::{Value, json};

use crate::support::messages::{NOON, log_record, logs_request, span, trace_request};
use crate::support::server::NO_FLUSH;
use crate::support::{Home, Server};

/// Every sample by its name with labels.
fn samples(server: &Server) -> BTreeMap<String, f64> {
    let reply = server.try_get("/metrics", "text/plain").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(reply.status, 200);
    assert!(reply.header("content-type").starts_with("text/plain"), "{}", reply.header("content-type"));
    let mut samples = BTreeMap::new();
    for line in reply.text().lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("not a sample: {line}"));
        samples.insert(name.to_owned(), value.parse().unwrap_or_else(|_| panic!("not a number: {line}")));
    }
    samples
}

/// The sum of the samples whose name contains all of `parts`.
fn sum(samples: &BTreeMap<String, f64>, parts: &[&str]) -> f64 {
    let matching: Vec<_> = samples.iter().filter(|(name, _)| parts.iter().all(|part| name.contains(part))).collect();
    assert!(
        !matching.is_empty(),
        "no metric has {parts:?} in its name and labels: {:#?}",
        samples.keys().collect::<Vec<_>>()
    );
    matching.iter().map(|(_, value)| **value).sum()
}

#[test]
fn the_counters_add_up_with_what_was_sent() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    for id in 1..=10 {
        server.export(
            "/v1/traces",
            &trace_request("metrics", (1..=7).map(|s| span(id, s, "m")).collect()).encode_to_vec(),
        );
        server.export("/v1/logs", &logs_request("metrics", vec![log_record("m"), log_record("n")]).encode_to_vec());
    }
    let refused: Vec<_> = (0..3)
        .map(|_| opentelemetry_proto::tonic::trace::v1::Span { trace_id: vec![1], ..span(1, 1, "bad") })
        .collect();
    let reply = server.otlp(
        "/v1/traces",
        &[("content-type", "application/x-protobuf")],
        &trace_request("metrics", refused).encode_to_vec(),
    );
    assert_eq!(reply.status, 200, "{}", reply.excerpt());
    server.count("SELECT count(*) FROM spans");

    let before = samples(&server);
    assert!(
        before.keys().all(|name| name.starts_with("spanlake_")),
        "every metric has our prefix: {:#?}",
        before.keys()
    );
    assert_eq!(sum(&before, &["accepted", "spans"]), 70.0);
    assert_eq!(sum(&before, &["accepted", "logs"]), 20.0);
    assert_eq!(sum(&before, &["rejected", "spans"]), 3.0);
    assert!(sum(&before, &["wal"]) > 0.0);
    assert_eq!(sum(&before, &["memtable_rows", "spans"]), 70.0);
    assert_eq!(sum(&before, &["memtable_rows", "logs"]), 20.0);
    assert!(sum(&before, &["queries"]) >= 1.0 || sum(&before, &["query"]) >= 1.0);

    server.flush();
    let after = samples(&server);
    assert_eq!(sum(&after, &["memtable_rows"]), 0.0);
    assert_eq!(sum(&after, &["segments", "spans"]), 1.0);
    assert_eq!(sum(&after, &["segments", "logs"]), 1.0);
    assert_eq!(sum(&after, &["accepted", "spans"]), 70.0, "a flush accepts nothing");
}

#[test]
fn the_system_page_is_told_what_came_what_was_refused_and_what_lies_on_the_disk() {
    let home = Home::new();
    let server = home.start_ready(&[NO_FLUSH, &["--retention", "36500d"]].concat());
    let system = || server.get_json("/api/v1/system").expect("an answer");
    let number = |text: &Value| text.as_str().expect("a decimal").parse::<i64>().expect("a decimal");
    let nothing = system();
    let started = number(&nothing["started_unix_nano"]);
    assert!(started > 0 && started <= number(&nothing["now_unix_nano"]), "{nothing}");
    let none =
        json!({"accepted": 0, "rejected": 0, "refused": [], "last_arrival_unix_nano": null, "last_lag_ns": null});
    assert_eq!((&nothing["received"]["spans"], &nothing["received"]["logs"]), (&none, &none));
    assert_eq!(nothing["retention_ns"].as_u64(), Some(36_500 * 86_400_000_000_000));

    let bad = opentelemetry_proto::tonic::trace::v1::Span { trace_id: vec![1], ..span(1, 1, "bad") };
    let spans = vec![span(1, 1, "a"), span(1, 2, "b"), bad];
    let header = [("content-type", "application/x-protobuf")];
    server.otlp("/v1/traces", &header, &trace_request("system", spans).encode_to_vec());
    for _ in 0..2 {
        assert_eq!(server.otlp("/v1/logs", &header, b"\xff\xff\xff nonsense").status, 400);
    }
    let before = system();
    let spans = &before["received"]["spans"];
    assert_eq!((&spans["accepted"], &spans["rejected"], &spans["refused"]), (&json!(2), &json!(1), &json!([])));
    let arrival = number(&spans["last_arrival_unix_nano"]);
    assert!(arrival >= started && arrival <= number(&before["now_unix_nano"]), "{before}");
    assert_eq!(spans["last_lag_ns"], arrival - NOON as i64, "since noon, when the newest span began");
    let logs = &before["received"]["logs"];
    assert_eq!(logs["refused"], json!([{"code": "invalid", "requests": 2}]));
    assert_eq!((&logs["accepted"], &logs["last_lag_ns"]), (&json!(0), &Value::Null));
    assert_eq!(before["disk"]["spans_bytes"], 0);
    assert!(before["disk"]["wal_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{before}");

    server.flush();
    let after = system();
    assert_eq!(after["disk"]["spans_bytes"], server.status("spans", "segment_bytes"));
    assert!(after["disk"]["spans_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{after}");
    assert_eq!(after["received"], before["received"]);
}
