//! A server that cannot take more says so in the words that make exporters come back, and loses nothing it has taken.

use prost::Message as _;
use tonic::Code;

use super::otlp::{JSON, PROTOBUF, assert_refused};
use crate::support::grpc::TRACES;
use crate::support::json::trace_request_json;
use crate::support::messages::{pair, span, text, trace_request};
use crate::support::{Home, Server};

/// Rows may take one MiB, and nobody waits until some have been flushed.
const SMALL: &[&str] = &["--memtable-memory", "1MiB", "--admission-wait", "0s"];

/// One span of about 64 KiB.
fn request(trace: u128) -> opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest {
    let mut span = span(trace, 1, "overload");
    span.attributes.push(pair("filling", text(&"x".repeat(64 << 10))));
    trace_request("overload", vec![span])
}

/// Sends until a request is refused; the number that was accepted.
fn fill(server: &Server, first: u128) -> (i64, crate::support::Reply) {
    for sent in 0..1000 {
        let body = request(first + sent).encode_to_vec();
        let reply = server.otlp("/v1/traces", &[("content-type", PROTOBUF)], &body);
        if reply.status != 200 {
            return (sent as i64, reply);
        }
    }
    panic!("64 MiB were accepted into one MiB");
}

#[test]
fn a_full_server_asks_to_come_back_and_keeps_what_it_took() {
    let home = Home::new();
    let server = home.start_ready(SMALL);
    let (accepted, refusal) = fill(&server, 1);
    assert!(accepted >= 1, "the first request fits");
    assert!(matches!(refusal.status, 429 | 503), "{}", refusal.excerpt());
    assert_refused("HTTP/protobuf", &refusal, refusal.status, PROTOBUF);
    let seconds: u64 = refusal.header("retry-after").parse().expect("Retry-After in seconds");
    assert!((1..=30).contains(&seconds), "Retry-After: {seconds}");

    let body = trace_request_json(&request(5000)).to_string();
    let reply = server.otlp("/v1/traces", &[("content-type", JSON)], body.as_bytes());
    assert_refused("HTTP/JSON", &reply, refusal.status, JSON);

    let status = server.grpc().call(TRACES, &request(5001).encode_to_vec(), None).expect_err("full");
    assert!(matches!(status.code(), Code::ResourceExhausted | Code::Unavailable), "{status}");
    let details = String::from_utf8_lossy(status.details()).into_owned();
    assert!(details.contains("google.rpc.RetryInfo"), "without RetryInfo RESOURCE_EXHAUSTED is final: {details:?}");
    assert!(
        status.metadata().contains_key("google.rpc.retryinfo-bin")
            || status.metadata().get_bin("google.rpc.retryinfo-bin").is_some(),
        "the trailer that the Python exporter reads"
    );

    // Questions are answered, and what was accepted is there: no more, no less.
    assert_eq!(server.count("SELECT count(*) FROM spans"), accepted);
    server.flush();
    let (again, _) = fill(&server, 10_000);
    assert!(again >= 1, "after a flush there is room");
    assert_eq!(server.count("SELECT count(*) FROM spans"), accepted + again);
    server.kill();
    let server = home.start_ready(SMALL);
    assert_eq!(server.count("SELECT count(*) FROM spans"), accepted + again, "after a crash too");
}

/// With the usual flags a full memtable empties itself, and senders wait for that.
#[test]
fn a_full_memtable_empties_itself() {
    let home = Home::new();
    let server = home.start_ready(&["--memtable-memory", "2MiB"]);
    let mut refused = 0;
    for trace in 1..=200 {
        let body = request(trace).encode_to_vec();
        crate::support::wait_for("room for a request", std::time::Duration::from_secs(20), || {
            let reply = server.otlp("/v1/traces", &[("content-type", PROTOBUF)], &body);
            refused += i32::from(reply.status != 200);
            (reply.status == 200).then_some(())
        });
    }
    assert_eq!(refused, 0, "requests were refused that could have waited");
    assert_eq!(server.count("SELECT count(*), count(DISTINCT trace_id) FROM spans"), 200);
    assert!(server.status("spans", "segments") > 0, "rows were flushed on the way");
}
