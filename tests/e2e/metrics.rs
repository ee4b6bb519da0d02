//! `/metrics` counts what happened: what was sent is what is counted.

use std::collections::BTreeMap;

use prost::Message as _;

use crate::support::messages::{log_record, logs_request, span, trace_request};
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
