//! The service map and the service page from outside: OTLP in, JSON out, before and after a flush.

use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use prost::Message;
use serde_json::{Value, json};

use crate::support::messages::{MILLISECOND, NOON, any, pair, span, text, trace_request};
use crate::support::server::NO_FLUSH;
use crate::support::{Home, Server};

const SERVER: i32 = 2;
const CLIENT: i32 = 3;
const PRODUCER: i32 = 4;
const CONSUMER: i32 = 5;

fn child(trace: u128, id: u64, parent: u64, kind: i32, attributes: &[(&str, &str)]) -> Span {
    let mut child = span(trace, id, "op");
    child.parent_span_id = if parent == 0 { vec![] } else { parent.to_be_bytes().to_vec() };
    child.kind = kind;
    child.start_time_unix_nano = NOON + id * MILLISECOND;
    child.end_time_unix_nano = child.start_time_unix_nano + 10 * MILLISECOND;
    child.attributes = attributes.iter().map(|(key, value)| pair(key, text(value))).collect();
    child
}

fn http(mut span: Span, code: i64) -> Span {
    use opentelemetry_proto::tonic::common::v1::any_value::Value::IntValue;
    span.attributes.push(pair("http.response.status_code", any(IntValue(code))));
    span
}

fn failed(mut span: Span, message: &str) -> Span {
    span.status = Some(Status { code: 2, message: message.to_owned() });
    span.events = vec![Event {
        name: "exception".to_owned(),
        attributes: vec![pair("exception.type", text("Timeout")), pair("exception.message", text(message))],
        ..Default::default()
    }];
    span
}

/// A shop that calls a payment service and a database, and sends orders to a queue that shipping reads by link.
fn send(server: &Server) {
    let queue: &[(&str, &str)] = &[("messaging.system", "kafka"), ("messaging.destination.name", "orders")];
    let shop = vec![
        http(child(1, 1, 0, SERVER, &[]), 500),
        http(child(1, 2, 1, CLIENT, &[("server.address", "pay.local")]), 429),
        child(1, 4, 1, CLIENT, &[("db.system.name", "postgresql"), ("db.namespace", "shop")]),
        child(1, 5, 1, PRODUCER, queue),
    ];
    let mut shipped = child(2, 6, 0, CONSUMER, queue);
    shipped.links = vec![Link {
        trace_id: 1u128.to_be_bytes().to_vec(),
        span_id: 5u64.to_be_bytes().to_vec(),
        ..Default::default()
    }];
    let pay = vec![failed(child(1, 3, 2, SERVER, &[]), "no answer after 30 s")];
    for (service, spans) in [("shop", shop), ("pay", pay), ("ship", vec![shipped])] {
        server.export("/v1/traces", &trace_request(service, spans).encode_to_vec());
    }
}

fn get(server: &Server, path: &str) -> Value {
    server.get_json(path).unwrap_or_else(|error| panic!("{error}"))
}

fn edges(map: &Value) -> Vec<Value> {
    let edge = |edge: &Value| {
        json!([edge["source"], edge["target"], edge["kind"], edge["requests"], edge["ok"], edge["throttles"]])
    };
    map["edges"].as_array().expect("edges").iter().map(edge).collect()
}

#[test]
fn nodes_and_edges_of_what_was_sent() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    send(&server);
    for life in ["memtable", "segment"] {
        let map = get(&server, "/api/v1/map");
        assert_eq!(
            edges(&map),
            [
                json!(["client", "service:shop", "sync", 1, 0, 0]),
                json!(["service:shop", "database:postgresql shop", "sync", 1, 1, 0]),
                json!(["service:shop", "service:pay", "sync", 1, 0, 1]),
                json!(["service:shop", "service:ship", "link", 1, 1, 0]),
            ],
            "{life}"
        );
        assert_eq!(map["edges"][3]["message_age_ns"]["p50"], MILLISECOND, "{life}: from 5 ms to 6 ms");
        let pay = map["nodes"].as_array().expect("nodes").iter().find(|node| node["id"] == "service:pay");
        let pay = pay.unwrap_or_else(|| panic!("{life}: no node pay in {map:#}"));
        assert_eq!((&pay["faults"], &pay["errors"], &pay["inferred"]), (&json!(1), &json!(0), &json!(false)), "{life}");
        assert_eq!((&pay["measured"], &pay["group"]), (&json!("served"), &Value::Null), "{life}");
        let one = get(&server, &format!("/api/v1/traces/{:032x}/map", 1));
        let targets: Vec<_> = edges(&one).iter().map(|edge| edge[1].clone()).collect();
        // Nobody of this trace has read the message.
        let expected = ["service:shop", "database:postgresql shop", "queue:kafka orders", "service:pay"];
        assert_eq!(targets, expected, "{life}: the trace of the shop");
        server.flush();
    }
}

#[test]
fn a_service_has_figures_and_errors() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    send(&server);
    let pay = get(&server, "/api/v1/services/pay?buckets=5");
    assert_eq!((&pay["requests"], &pay["faults"], &pay["measured"]), (&json!(1), &json!(1), &json!("requests")));
    let errors = get(&server, "/api/v1/services/pay/errors");
    let group = &errors["groups"][0];
    assert_eq!((&group["type"], &group["pattern"]), (&json!("Timeout"), &json!("no answer after <n> s")));
    assert_eq!(group["example"]["message"], "no answer after 30 s");
    assert_eq!(get(&server, "/api/v1/services/ship/errors")["groups"], json!([]));
    for (path, status) in [
        ("/api/v1/services/nobody", 404),
        ("/api/v1/services/pay?bucket=5", 400),
        ("/api/v1/map?buckets=0", 400),
        ("/api/v1/map?focus=shop", 400),
        ("/api/v1/map?group=team", 400),
        ("/api/v1/traces/77777777777777777777777777777777/map", 404),
        ("/api/v1/traces/xyz/map", 400),
    ] {
        assert_eq!(server.get(path).status, status, "{path}");
    }
}
