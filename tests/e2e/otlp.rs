//! The OTLP receiver against the specification, over real sockets: encodings, answers, partial success.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::json;
use tonic::Code;
use tonic::codec::CompressionEncoding;

use crate::support::grpc::{LOGS, METRICS, TRACES};
use crate::support::json::{logs_request_json, trace_request_json};
use crate::support::messages::{log_record, logs_request, span, trace_request};
use crate::support::server::NO_FLUSH;
use crate::support::{Home, Reply, Server};

pub(crate) const PROTOBUF: &str = "application/x-protobuf";
pub(crate) const JSON: &str = "application/json";

/// `google.rpc.Status`, of which the OTLP specification asks for the message.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes bytes");
    encoder.finish().expect("memory takes bytes")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).expect("memory takes bytes")
}

/// A refusal: that status, the request's content type, and a Status with a message in it.
pub(crate) fn assert_refused(what: &str, reply: &Reply, status: u16, content_type: &str) {
    assert_eq!(reply.status, status, "{what}: {}", reply.excerpt());
    let answered = reply.header("content-type");
    assert!(answered.starts_with(content_type), "{what}: the answer is {answered:?}, not {content_type}");
    let message = match content_type {
        JSON => reply.json()["message"].as_str().unwrap_or_default().to_owned(),
        _ => {
            RpcStatus::decode(reply.body.as_slice())
                .unwrap_or_else(|error| panic!("{what}: no Status: {error}"))
                .message
        }
    };
    assert!(!message.is_empty(), "{what}: the Status has no message: {}", reply.excerpt());
}

fn spans_named(server: &Server, name: &str) -> i64 {
    server.count(&format!("SELECT count(*) FROM spans WHERE name = '{name}'"))
}

#[test]
fn every_encoding_of_a_request_is_taken() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let split = |bytes: &[u8]| {
        // Two gzip members one after the other are one stream; a reader that stops at the first loses the rest.
        let (head, tail) = bytes.split_at(bytes.len() / 2);
        [gzip(head), gzip(tail)].concat()
    };
    let identity = |bytes: &[u8]| bytes.to_vec();
    type Encode<'a> = (&'a str, Option<&'a str>, &'a dyn Fn(&[u8]) -> Vec<u8>);
    let encodings: [Encode<'_>; 6] = [
        ("none", None, &identity),
        ("identity", Some("identity"), &identity),
        ("gzip", Some("gzip"), &gzip),
        ("GZIP in capitals", Some("GZIP"), &gzip),
        ("gzip of two members", Some("gzip"), &split),
        ("zstd", Some("zstd"), &zstd),
    ];
    let types =
        [PROTOBUF, "Application/X-Protobuf", JSON, "application/json; charset=utf-8", "application/json;charset=UTF-8"];
    let mut sent = 0;
    for (encoding, header, encode) in &encodings {
        for content_type in types {
            sent += 1;
            let spans = trace_request("encodings", vec![span(sent, 1, "encoded")]);
            let logs = logs_request("encodings", vec![log_record("encoded")]);
            let is_json = content_type.starts_with(JSON);
            let bodies = if is_json {
                [trace_request_json(&spans).to_string().into_bytes(), logs_request_json(&logs).to_string().into_bytes()]
            } else {
                [spans.encode_to_vec(), logs.encode_to_vec()]
            };
            for (path, body) in ["/v1/traces", "/v1/logs"].iter().zip(bodies) {
                let mut headers = vec![("content-type", content_type)];
                headers.extend(header.map(|header| ("content-encoding", header)));
                let reply = server.otlp(path, &headers, &encode(&body));
                let what = format!("{path}, {content_type}, {encoding}");
                assert_eq!(reply.status, 200, "{what}: {}", reply.excerpt());
                let (answer, full_success) = if is_json { (JSON, "{}") } else { (PROTOBUF, "") };
                assert!(
                    reply.header("content-type").starts_with(answer),
                    "{what}: answered {:?}",
                    reply.header("content-type")
                );
                assert_eq!(reply.text(), full_success, "{what}: full success leaves partialSuccess unset");
            }
        }
    }
    assert_eq!(spans_named(&server, "encoded"), sent as i64);
    assert_eq!(server.count("SELECT count(*) FROM logs WHERE body = 'encoded'"), sent as i64);
}

#[test]
fn every_encoding_of_a_grpc_message_is_taken() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let client = server.grpc();
    for (index, encoding) in
        [None, Some(CompressionEncoding::Gzip), Some(CompressionEncoding::Zstd)].into_iter().enumerate()
    {
        let spans = trace_request("grpc", vec![span(1 + index as u128, 1, "grpc")]).encode_to_vec();
        let logs = logs_request("grpc", vec![log_record("grpc")]).encode_to_vec();
        assert_eq!(client.call(TRACES, &spans, encoding).unwrap_or_else(|s| panic!("{encoding:?}: {s}")), b"");
        assert_eq!(client.call(LOGS, &logs, encoding).unwrap_or_else(|s| panic!("{encoding:?}: {s}")), b"");
    }
    assert_eq!(spans_named(&server, "grpc"), 3);
    assert_eq!(server.count("SELECT count(*) FROM logs WHERE body = 'grpc'"), 3);
}

#[test]
fn refusals_have_a_status_body_in_the_encoding_of_the_request() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let good = trace_request("refusals", vec![span(1, 1, "refused")]).encode_to_vec();
    for path in ["/v1/traces", "/v1/logs"] {
        for content_type in [PROTOBUF, JSON] {
            let ask = |what: &str, status: u16, extra: &[(&str, &str)], body: &[u8]| {
                let headers = [&[("content-type", content_type)], extra].concat();
                let reply = server.otlp(path, &headers, body);
                assert_refused(&format!("{path} {content_type}: {what}"), &reply, status, content_type);
            };
            ask("nonsense", 400, &[], b"\xff\xff\xff\xff nonsense");
            ask("a body that says it is gzip and is not", 400, &[("content-encoding", "gzip")], b"not gzip");
            ask("a cut gzip stream", 400, &[("content-encoding", "gzip")], &gzip(&good)[..20]);
            ask("a body that says it is zstd and is not", 400, &[("content-encoding", "zstd")], b"not zstd");
            ask("an encoding nobody has", 415, &[("content-encoding", "br")], &good);
        }
        for content_type in ["text/plain", "application/xml", "application/x-www-form-urlencoded"] {
            let reply = server.otlp(path, &[("content-type", content_type)], &good);
            assert_eq!(reply.status, 415, "{path} {content_type}: {}", reply.excerpt());
        }
        assert_eq!(server.otlp(path, &[], &good).status, 415, "{path} without a content type");
        for method in ["GET", "PUT", "DELETE"] {
            let reply = server.try_otlp(method, path, &[], b"").unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(reply.status, 405, "{method} {path}: {}", reply.excerpt());
            assert!(reply.header("allow").contains("POST"), "{method} {path} says which method is allowed");
        }
    }
    for path in ["/", "/v1/nothing", "/v1/traces/", "/v2/traces"] {
        let reply = server.otlp(path, &[("content-type", PROTOBUF)], &good);
        assert_eq!(reply.status, 404, "{path}: {}", reply.excerpt());
    }
    assert_eq!(server.count("SELECT count(*) FROM spans"), 0, "nothing refused was stored");
}

/// Two good spans among eight whose ids are not ids.
fn partly_bad(trace: u128) -> Vec<Span> {
    let mut spans = vec![span(trace, 1, "good"), span(trace, 2, "good")];
    for id in [vec![], vec![0; 16], vec![1; 15], vec![1; 17]] {
        spans.push(Span { trace_id: id, ..span(trace, 3, "bad trace id") });
    }
    for id in [vec![], vec![0; 8], vec![1; 7], vec![1; 9]] {
        spans.push(Span { span_id: id, ..span(trace, 4, "bad span id") });
    }
    spans
}

#[test]
fn records_with_bad_ids_are_refused_and_the_others_kept() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let check = |what: &str, answer: &[u8]| {
        let answer = ExportTraceServiceResponse::decode(answer).expect("an export response");
        let partial = answer.partial_success.unwrap_or_else(|| panic!("{what}: no partial success"));
        assert_eq!(partial.rejected_spans, 8, "{what}");
        assert!(partial.error_message.contains("id"), "{what}: the reason names the id: {:?}", partial.error_message);
    };
    let request = trace_request("partial", partly_bad(1)).encode_to_vec();
    let reply = server.otlp("/v1/traces", &[("content-type", PROTOBUF)], &request);
    assert_eq!(reply.status, 200, "{}", reply.excerpt());
    check("HTTP", &reply.body);

    let request = trace_request("partial", partly_bad(2)).encode_to_vec();
    check("gRPC", &server.grpc().call(TRACES, &request, None).expect("partial success is OK"));

    let request = trace_request_json(&trace_request("partial", partly_bad(3))).to_string();
    let reply = server.otlp("/v1/traces", &[("content-type", JSON)], request.as_bytes());
    assert_eq!(reply.status, 200, "{}", reply.excerpt());
    let partial = &reply.json()["partialSuccess"];
    assert!(partial["rejectedSpans"] == json!("8") || partial["rejectedSpans"] == json!(8), "JSON: {partial}");

    assert_eq!(spans_named(&server, "good"), 6);
    assert_eq!(server.count("SELECT count(*) FROM spans"), 6);
}

#[test]
fn log_records_with_bad_ids_are_refused_and_those_without_ids_kept() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let with_ids = |trace: &[u8], span: &[u8], body: &str| {
        let mut record = log_record(body);
        (record.trace_id, record.span_id) = (trace.to_vec(), span.to_vec());
        record
    };
    let records = vec![
        with_ids(b"", b"", "no ids"),
        with_ids(&[1; 16], &[1; 8], "both ids"),
        with_ids(&[1; 16], b"", "only a trace id"),
        with_ids(&[1; 15], &[1; 8], "bad"),
        with_ids(&[1; 16], &[1; 3], "bad"),
    ];
    let request = logs_request("partial", records).encode_to_vec();
    let reply = server.otlp("/v1/logs", &[("content-type", PROTOBUF)], &request);
    assert_eq!(reply.status, 200, "{}", reply.excerpt());
    let answer = ExportLogsServiceResponse::decode(reply.body.as_slice()).expect("an export response");
    let partial = answer.partial_success.expect("partial success");
    assert_eq!(partial.rejected_log_records, 2, "{}", partial.error_message);
    assert_eq!(server.count("SELECT count(*) FROM logs WHERE body <> 'bad'"), 3);
    assert_eq!(server.count("SELECT count(*) FROM logs"), 3);
    assert_eq!(
        server.count("SELECT count(*) FROM logs WHERE trace_id IS NULL AND span_id IS NULL AND body = 'no ids'"),
        1
    );
}

#[test]
fn empty_requests_and_envelopes_are_accepted() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let empty = [
        ExportTraceServiceRequest::default().encode_to_vec(),
        ExportTraceServiceRequest { resource_spans: vec![Default::default()] }.encode_to_vec(),
        trace_request("empty", vec![]).encode_to_vec(),
    ];
    for body in &empty {
        server.export("/v1/traces", body);
        server.grpc().export(TRACES, body);
    }
    server.export("/v1/logs", &ExportLogsServiceRequest::default().encode_to_vec());
    server.grpc().export(LOGS, &logs_request("empty", vec![]).encode_to_vec());
    for body in
        ["{}", r#"{"resourceSpans": []}"#, r#"{"resourceSpans": [{}]}"#, r#"{"resourceSpans": [{"scopeSpans": [{}]}]}"#]
    {
        let reply = server.otlp("/v1/traces", &[("content-type", JSON)], body.as_bytes());
        assert_eq!((reply.status, reply.text().as_str()), (200, "{}"), "{body}");
    }
    assert_eq!(server.count("SELECT count(*) FROM spans"), 0);
}

/// The Node.js auto-instrumentation sends metrics unasked: a clean answer that makes nobody retry.
#[test]
fn metrics_get_a_clean_permanent_answer() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    for (content_type, body) in [(PROTOBUF, &b""[..]), (JSON, b"{}")] {
        let reply = server.otlp("/v1/metrics", &[("content-type", content_type)], body);
        assert!(matches!(reply.status, 200 | 404), "{content_type}: {}", reply.excerpt());
    }
    match server.grpc().call(METRICS, b"", None) {
        Ok(_) => {}
        Err(status) => assert_eq!(status.code(), Code::Unimplemented, "{status}"),
    }
}

#[test]
fn grpc_answers_with_the_codes_of_the_specification() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let client = server.grpc();
    for method in [TRACES, LOGS] {
        let status = client.call(method, b"\xff\xff\xff nonsense", None).expect_err("nonsense is refused");
        assert_eq!(status.code(), Code::InvalidArgument, "{method}: {status}");
        assert!(!status.message().is_empty(), "{method}: a message for the developer");
    }
    let status = client.call("/opentelemetry.proto.collector.trace.v1.TraceService/Nothing", b"", None);
    assert_eq!(status.expect_err("no such method").code(), Code::Unimplemented);
    let health = client.call("/grpc.health.v1.Health/Check", b"", None).expect("the health service answers");
    assert_eq!(health, b"\x08\x01", "SERVING");
    // An answer under error is no end: the same connection still takes spans.
    client.export(TRACES, &trace_request("grpc", vec![span(1, 1, "after errors")]).encode_to_vec());
    assert_eq!(spans_named(&server, "after errors"), 1);
}

/// Unknown fields are ignored, in an envelope and in a record, in protobuf and in JSON.
#[test]
fn unknown_fields_are_ignored() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    // Field 1000: a varint, a length-delimited, a fixed64 and a fixed32 value.
    let unknown: &[u8] = b"\xc0\x3e\x07\xc2\x3e\x02hi\xc1\x3e12345678\xc5\x3e1234";
    let envelope = [trace_request("unknown", vec![span(1, 1, "unknown")]).encode_to_vec(), unknown.to_vec()].concat();
    server.export("/v1/traces", &envelope);
    let inner = [span(2, 1, "unknown").encode_to_vec(), unknown.to_vec()].concat();
    let wrap = |bytes: &[u8]| {
        let mut wrapped = vec![];
        prost::encoding::encode_key(2, prost::encoding::WireType::LengthDelimited, &mut wrapped);
        prost::encoding::encode_varint(bytes.len() as u64, &mut wrapped);
        [wrapped, bytes.to_vec()].concat()
    };
    // scope_spans and spans are field 2 of their messages, resource_spans is field 1 of the request.
    let mut request = wrap(&wrap(&wrap(&inner)));
    request[0] = 0x0a;
    server.export("/v1/traces", &request);

    let mut json = trace_request_json(&trace_request("unknown", vec![span(3, 1, "unknown")]));
    json["future"] = json!({"deep": [1, {"a": null}]});
    json["resourceSpans"][0]["future"] = json!("x");
    json["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["future"] = json!([1.5, true]);
    json["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["start_time_unix_nano"] = json!("snake case is unknown too");
    let reply = server.otlp("/v1/traces", &[("content-type", JSON)], json.to_string().as_bytes());
    assert_eq!((reply.status, reply.text().as_str()), (200, "{}"));
    assert_eq!(spans_named(&server, "unknown"), 3);
}
