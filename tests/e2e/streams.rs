//! Pages as streams of frames, and the list of running queries.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::support::packs::{Pack, Signal};
use crate::support::server::NO_FLUSH;
use crate::support::{Home, Server};

fn server_with_pack(home: &Home) -> Server {
    let server = home.start_ready(NO_FLUSH);
    let pack = Pack::shipped("ci-trainticket");
    pack.requests(Signal::Spans).iter().for_each(|request| server.export("/v1/traces", request));
    pack.requests(Signal::Logs).iter().for_each(|request| server.export("/v1/logs", request));
    server.flush();
    server
}

/// The rows of a stream as objects, its last frame, and how many frames of each kind came.
fn streamed(server: &Server, path: &str) -> (Vec<Value>, Value, Vec<String>) {
    let reply = server.try_get(path, "application/x-ndjson").unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/x-ndjson"), "{}", reply.excerpt());
    let text = reply.text();
    assert!(text.ends_with('\n'));
    let frames: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a frame")).collect();
    let meta = &frames[0];
    assert_eq!(meta["t"], "meta", "{meta}");
    assert_eq!(meta["query_id"], reply.header("x-spanlake-query-id"));
    let names: Vec<&str> = meta["columns"].as_array().expect("names").iter().filter_map(Value::as_str).collect();
    let mut rows = Vec::new();
    for frame in frames.iter().filter(|frame| frame["t"] == "rows") {
        if frame["replaces"] == true {
            rows.clear();
        }
        let columns: Vec<&Vec<Value>> =
            frame["columns"].as_array().expect("columns").iter().filter_map(Value::as_array).collect();
        assert_eq!(columns.len(), names.len());
        for row in 0..columns[0].len() {
            let values = names.iter().zip(&columns).map(|(name, column)| ((*name).to_owned(), column[row].clone()));
            rows.push(Value::Object(values.collect::<Map<_, _>>()));
        }
    }
    let kinds = frames.iter().map(|frame| frame["t"].as_str().expect("a kind").to_owned()).collect();
    (rows, frames.last().expect("frames").clone(), kinds)
}

#[test]
fn a_stream_has_the_rows_of_the_plain_page() {
    let home = Home::new();
    let server = server_with_pack(&home);
    for (path, rows_of) in [
        ("/api/v1/logs?limit=700", "logs"),
        ("/api/v1/logs?limit=5&order=asc&q=severity%3E%3Dwarn", "logs"),
        ("/api/v1/traces?limit=50", "traces"),
        ("/api/v1/traces?limit=20&q=status:error&sort=duration", "traces"),
        ("/api/v1/traces?limit=20&sort=span_count&order=asc", "traces"),
        ("/api/v1/traces?limit=20&sort=errors", "traces"),
    ] {
        let (mut next, mut pages) = (String::new(), 0);
        while pages < 3 {
            let page = server.get_json(&format!("{path}{next}")).unwrap_or_else(|error| panic!("{path}: {error}"));
            let (rows, end, kinds) = streamed(&server, &format!("{path}{next}"));
            assert!(!rows.is_empty(), "{path}");
            assert_eq!(json!(rows), page[rows_of], "{path}{next}");
            assert_eq!((&end["t"], &end["partial"], &end["reason"]), (&json!("end"), &json!(false), &Value::Null));
            assert_eq!(end["next_cursor"], page["next_cursor"], "{path}{next}");
            assert!(kinds.iter().any(|kind| kind == "progress"), "{kinds:?}");
            pages += 1;
            match page["next_cursor"].as_str() {
                Some(cursor) => next = format!("&cursor={cursor}"),
                None => break,
            }
        }
        assert!(pages > 1, "{path} has one page only");
    }
}

#[test]
fn a_stream_brings_its_histogram_and_refuses_as_a_page_does() {
    let home = Home::new();
    let server = server_with_pack(&home);
    for (path, histogram) in
        [("/api/v1/logs", "/api/v1/logs/histogram"), ("/api/v1/traces", "/api/v1/traces/histogram")]
    {
        let reply = server.try_get(&format!("{path}?limit=5&histogram=30"), "application/x-ndjson").expect("an answer");
        let text = reply.text();
        let mut frames = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a frame"));
        let frame = frames.find(|frame| frame["t"] == "histogram").expect("a histogram");
        let plain = server.get_json(&format!("{histogram}?buckets=30")).expect("an answer");
        assert_eq!(frame["histogram"], plain, "{path}");
        for (query, accept) in [
            ("limit=0", "application/x-ndjson"),
            ("histogram=5", "application/json"),
            ("sort=x", "application/x-ndjson"),
        ] {
            let reply = server.try_get(&format!("{path}?{query}"), accept).expect("an answer");
            assert_eq!(reply.status, 400, "{path}?{query}: {}", reply.excerpt());
            assert_eq!(reply.json()["error"]["code"], "bad_request");
        }
    }
}

#[test]
fn a_query_ends_when_its_client_has_gone() {
    let home = Home::new();
    let server = server_with_pack(&home);
    let sql = "SELECT count(*) FROM logs a, logs b, logs c WHERE a.body || b.body || c.body = 'x'";
    let body = json!({"sql": sql}).to_string();
    let mut client = TcpStream::connect(server.addresses.http).expect("connected");
    write!(
        client,
        "POST /api/v1/sql HTTP/1.1\r\nhost: x\r\nx-spanlake-query-id: gone-1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("sent");
    let running = || server.get_json("/api/v1/queries").expect("a list")["queries"].as_array().expect("a list").clone();
    let until = |what: &str, holds: &dyn Fn(&[Value]) -> bool| {
        let started = Instant::now();
        while !holds(&running()) {
            assert!(started.elapsed() < Duration::from_secs(20), "{what}: {:?}", running());
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    until("it is listed", &|list| list.iter().any(|one| one["id"] == "gone-1" && one["asked"] == sql));
    client.set_read_timeout(Some(Duration::from_millis(200))).expect("a timeout");
    assert!(client.read(&mut [0; 16]).is_err(), "it has not been answered");
    drop(client);
    until("the list is empty", &<[Value]>::is_empty);
}
