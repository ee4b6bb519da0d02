//! Requests that mean harm, or look like it: refused soon and cheaply, with the server alive after each.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint};
use tonic::Code;
use tonic::codec::CompressionEncoding;

use super::otlp::{JSON, PROTOBUF, assert_refused, gzip};
use crate::support::grpc::TRACES;
use crate::support::messages::{log_record, logs_request, pair, span, text, trace_request};
use crate::support::server::NO_FLUSH;
use crate::support::{Home, Reply, Server};

const SOON: Duration = Duration::from_secs(2);
const LEVELS: usize = 20_000;

/// A length-delimited field around `content`.
fn field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(content.len() + 6);
    encode_key(number, WireType::LengthDelimited, &mut bytes);
    encode_varint(content.len() as u64, &mut bytes);
    bytes.extend_from_slice(content);
    bytes
}

/// An AnyValue of `levels` arrays or maps inside each other.
fn nested(levels: usize, maps: bool) -> Vec<u8> {
    let mut value = field(1, b"deep");
    for _ in 0..levels {
        // AnyValue.array_value = 5 of ArrayValue.values = 1; AnyValue.kvlist_value = 6 of values = 1 of KeyValue.value = 2.
        value = if maps { field(6, &field(1, &field(2, &value))) } else { field(5, &field(1, &value)) };
    }
    value
}

/// A trace request whose span has the value as an attribute, or a logs request whose record has it as its body.
fn with_value(value: &[u8], as_body: bool) -> Vec<u8> {
    let record = if as_body {
        [log_record("").encode_to_vec(), field(5, value)].concat()
    } else {
        let attribute = [field(1, b"deep"), field(2, value)].concat();
        [span(1, 1, "deep").encode_to_vec(), field(9, &attribute)].concat()
    };
    field(1, &field(2, &field(2, &record)))
}

fn nested_json(levels: usize, maps: bool) -> String {
    let (open, close) = if maps {
        (r#"{"kvlistValue":{"values":[{"key":"k","value":"#, "}]}}")
    } else {
        (r#"{"arrayValue":{"values":["#, "]}}")
    };
    let value = format!("{}{}{}", open.repeat(levels), r#"{"stringValue":"deep"}"#, close.repeat(levels));
    let ids = r#""traceId":"00000000000000000000000000000001","spanId":"0000000000000001","name":"deep""#;
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{ids},"attributes":[{{"key":"deep","value":{value}}}]}}]}}]}}]}}"#
    )
}

/// Refused whole (400) or that record only (partial success), soon.
fn assert_refused_soon(what: &str, started: Instant, reply: &Reply) {
    let elapsed = started.elapsed();
    let partial = reply.status == 200 && (reply.text().contains("rejected") || !reply.body.is_empty());
    assert!(reply.status == 400 || reply.status == 413 || partial, "{what}: {}", reply.excerpt());
    assert!(elapsed < SOON, "{what} took {elapsed:?}");
}

/// The server still takes and finds a span.
fn assert_alive(server: &Server, trace: u128) {
    server.export("/v1/traces", &trace_request("alive", vec![span(trace, 1, "alive")]).encode_to_vec());
    assert_eq!(server.count(&format!("SELECT count(*) FROM spans WHERE trace_id = '{trace:032x}'")), 1);
}

#[test]
fn deeply_nested_values_are_refused_soon() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let mut alive = 0x100;
    for maps in [false, true] {
        for (path, as_body) in [("/v1/traces", false), ("/v1/logs", true)] {
            let body = with_value(&nested(LEVELS, maps), as_body);
            let started = Instant::now();
            let reply = server.otlp(path, &[("content-type", PROTOBUF)], &body);
            assert_refused_soon(&format!("{path}, protobuf, maps: {maps}"), started, &reply);
            alive += 1;
            assert_alive(&server, alive);
        }
        let started = Instant::now();
        let reply = server.otlp("/v1/traces", &[("content-type", JSON)], nested_json(LEVELS, maps).as_bytes());
        assert_refused_soon(&format!("JSON, maps: {maps}"), started, &reply);
        let started = Instant::now();
        let answer = server.grpc().call(TRACES, &with_value(&nested(LEVELS, maps), false), None);
        match answer {
            Ok(partial) => assert!(!partial.is_empty(), "gRPC: partial success"),
            Err(status) => assert_eq!(status.code(), Code::InvalidArgument, "gRPC: {status}"),
        }
        assert!(started.elapsed() < SOON, "gRPC took {:?}", started.elapsed());
        alive += 1;
        assert_alive(&server, alive);
    }
    for open in ["[", "{\"a\":"] {
        let started = Instant::now();
        let reply = server.otlp("/v1/traces", &[("content-type", JSON)], open.repeat(100_000).as_bytes());
        assert_refused_soon(open, started, &reply);
    }
    // Nested groups: the oldest way to make a protobuf reader recurse.
    let groups = [[0x0b].repeat(100_000), [0x0c].repeat(100_000)].concat();
    let started = Instant::now();
    let reply = server.otlp("/v1/traces", &[("content-type", PROTOBUF)], &groups);
    assert!(reply.status == 400 || reply.status == 200, "groups: {}", reply.excerpt());
    assert!(started.elapsed() < SOON, "groups took {:?}", started.elapsed());
    assert_alive(&server, 0x1ff);
    assert_eq!(server.count("SELECT count(*) FROM spans WHERE name = 'deep'"), 0);
    assert_eq!(server.count("SELECT count(*) FROM logs"), 0);
}

#[test]
fn moderately_nested_values_are_kept() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    server.export("/v1/traces", &with_value(&nested(16, false), false));
    let trace = server.get_json(&format!("/api/v1/traces/{:032x}", 1)).expect("the trace is there");
    let mut value = &trace["spans"][0]["attributes"]["deep"];
    for _ in 0..16 {
        value = &value[0];
    }
    assert_eq!(value, "deep");
}

fn peak_memory_kib(server: &Server) -> u64 {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("Linux tells a process's memory");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak is in it");
    line.trim().trim_end_matches(" kB").parse().expect("a number of KiB")
}

#[test]
fn bombs_are_refused_without_being_inflated() {
    const INFLATED: usize = 256 << 20;
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    assert_alive(&server, 1);
    let before = peak_memory_kib(&server);
    let zeros = vec![0; INFLATED];
    let (gzip_bomb, zstd_bomb) = (gzip(&zeros), zstd::encode_all(zeros.as_slice(), 1).expect("memory takes bytes"));
    for path in ["/v1/traces", "/v1/logs"] {
        for content_type in [PROTOBUF, JSON] {
            for (encoding, bomb) in [("gzip", &gzip_bomb), ("zstd", &zstd_bomb)] {
                let reply = server.otlp(path, &[("content-type", content_type), ("content-encoding", encoding)], bomb);
                assert_refused(&format!("{path} {content_type} {encoding}"), &reply, 413, content_type);
            }
        }
    }
    for encoding in [CompressionEncoding::Gzip, CompressionEncoding::Zstd] {
        let status = server.grpc().call(TRACES, &zeros, Some(encoding)).expect_err("a bomb is refused");
        assert_eq!(status.code(), Code::ResourceExhausted, "{encoding:?}: {status}");
        assert!(
            status.details().is_empty() || !status.metadata().contains_key("google.rpc.retryinfo-bin"),
            "not to be retried"
        );
    }
    assert_alive(&server, 2);
    // 64 MiB may be inflated at a time, and the server needs room for its own work.
    let grown = peak_memory_kib(&server).saturating_sub(before) / 1024;
    println!("peak memory grew by {grown} MiB");
    assert!(grown < 200, "peak memory grew by {grown} MiB");
}

#[test]
fn a_body_above_the_limit_is_refused_with_413_and_one_below_is_taken() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    // The default limit is the specification's 64 MiB; a client may be cut off while it still sends.
    let above = trace_request("big", vec![big_span(1, 65 << 20)]).encode_to_vec();
    match server.try_otlp("POST", "/v1/traces", &[("content-type", PROTOBUF)], &above) {
        Ok(reply) => assert_refused("65 MiB", &reply, 413, PROTOBUF),
        Err(error) => println!("65 MiB: cut off: {error}"),
    }
    let status = server.grpc().call(TRACES, &above, None).expect_err("65 MiB are refused");
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    server.export("/v1/traces", &trace_request("big", vec![big_span(2, 20 << 20)]).encode_to_vec());
    server.grpc().export(TRACES, &trace_request("big", vec![big_span(3, 20 << 20)]).encode_to_vec());
    assert_eq!(server.count("SELECT count(*) FROM spans"), 2);
    assert_eq!(server.count("SELECT octet_length(attributes['big']) FROM spans LIMIT 1"), 20 << 20);
}

fn big_span(trace: u128, bytes: usize) -> opentelemetry_proto::tonic::trace::v1::Span {
    let attributes = vec![pair("big", text(&"x".repeat(bytes)))];
    opentelemetry_proto::tonic::trace::v1::Span { attributes, ..span(trace, 1, "big") }
}

#[test]
fn a_log_line_of_a_megabyte_is_kept_and_its_last_word_found() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let body = format!("{} lastword", "word ".repeat(200_000));
    server.export("/v1/logs", &logs_request("big", vec![log_record(&body)]).encode_to_vec());
    for phase in ["from the memtable", "from a segment"] {
        assert_eq!(server.count("SELECT count(*) FROM logs WHERE match(body, 'lastword')"), 1, "{phase}");
        let found = server.get_json("/api/v1/logs?q=lastword").expect("the search answers");
        assert_eq!(found["logs"][0]["body"].as_str().map(str::len), Some(body.len()), "{phase}");
        server.flush();
    }
}

/// Clients that send half a request, or nothing, do not keep others waiting.
#[test]
fn broken_connections_hurt_nobody() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 1000\r\n\r\nhalf";
    let address = [server.addresses.otlp_http, server.addresses.otlp_grpc, server.addresses.http];
    let mut open = Vec::new();
    for target in address {
        for bytes in
            [head.as_bytes(), b"", b"\x16\x03\x01\x02\x00\x01", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\xff"]
        {
            let mut stream = TcpStream::connect(target).expect("a connection");
            stream.write_all(bytes).expect("the socket takes bytes");
            open.push(stream);
        }
    }
    assert_alive(&server, 1);
    for stream in open.drain(..).step_by(2) {
        drop(stream);
    }
    assert_alive(&server, 2);
    // A body shorter than announced is no request: nothing of it is stored.
    let mut stream = TcpStream::connect(server.addresses.otlp_http).expect("a connection");
    stream.write_all(head.as_bytes()).expect("the socket takes bytes");
    stream.shutdown(std::net::Shutdown::Write).expect("the socket closes");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "half a body is no success: {}", String::from_utf8_lossy(&answer));
    assert_alive(&server, 3);
    assert_eq!(server.count("SELECT count(*) FROM spans"), 3);
}
