//! Pages while others write: what was there when the first was asked for comes once, in its order.

use std::collections::{BTreeMap, HashSet};
use std::io::{BufRead as _, BufReader};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::{Value, json};

use crate::support::messages::{MILLISECOND, NOON, log_record, logs_request, span, trace_request};
use crate::support::random::Random;
use crate::support::server::NO_FLUSH;
use crate::support::sql::percent;
use crate::support::{Home, Server, http};

/// Traces, or records, that are there before the first page is asked for.
const THERE: u64 = 240;
/// Numbers of those that come meanwhile begin here.
const LATE: u64 = 1_000_000;
/// Requests of others during one walk through the pages: with more, these would never end.
const WRITES_MAX: usize = 20;
/// Between two of them, so that they are spread over the pages.
const PAUSE: Duration = Duration::from_millis(20);
/// Between two neighbours.
const STEP: u64 = 10 * MILLISECOND;

/// A trace of two spans: the root as long as `duration_ms`.
fn trace(number: u64, start: u64, duration_ms: u64) -> Vec<Span> {
    let trace_id = u128::from(number);
    let root = Span {
        start_time_unix_nano: start,
        end_time_unix_nano: start + duration_ms * MILLISECOND,
        ..span(trace_id, number * 2, "root")
    };
    let child = Span {
        start_time_unix_nano: start + 1,
        end_time_unix_nano: start + 2,
        parent_span_id: root.span_id.clone(),
        ..span(trace_id, number * 2 + 1, "child")
    };
    vec![root, child]
}

fn send_spans(server: &Server, spans: Vec<Span>) {
    server.export("/v1/traces", &trace_request("shop", spans).encode_to_vec());
}

fn send_records(server: &Server, numbered: &[(u64, u64)]) {
    let record = |&(number, time): &(u64, u64)| {
        let mut record = log_record(&format!("record {number}"));
        record.time_unix_nano = time;
        record
    };
    let records = numbered.iter().map(record).collect();
    server.export("/v1/logs", &logs_request("shop", records).encode_to_vec());
}

/// Different for every number up to [`THERE`], in no order.
fn duration_of(number: u64) -> u64 {
    5 + number * 7 % (THERE + 1) * 3
}

fn start_of(number: u64) -> u64 {
    NOON + number * STEP
}

fn number_of(row: &Value) -> u64 {
    match row["trace_id"].as_str().filter(|id| !id.is_empty()) {
        Some(id) => u64::from_str_radix(&id[16..], 16).expect("hex"),
        None => {
            row["body"].as_str().and_then(|body| body.strip_prefix("record ")).expect("ours").parse().expect("digits")
        }
    }
}

/// Writes between and during the requests of `ask`, flushing and merging, until it has ended.
/// `first`: of the numbers they give.
fn while_others_write<T>(server: &Server, seed: u64, first: u64, ask: impl FnOnce(&AtomicUsize) -> T) -> T {
    let (ended, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = Random::new(seed);
            let mut number = first;
            while !ended.load(Ordering::Relaxed) && sent.load(Ordering::Relaxed) < WRITES_MAX {
                let at = |random: &mut Random| random.between(NOON - 50 * STEP, NOON + (THERE + 50) * STEP);
                let late: Vec<(u64, u64)> = (0..4).map(|nth| (number + nth, at(&mut random))).collect();
                let spans = late.iter().flat_map(|&(number, time)| trace(number, time, random.between(1, 900)));
                send_spans(server, spans.collect());
                send_records(server, &late);
                number += 4;
                match sent.fetch_add(1, Ordering::Relaxed) {
                    nth if nth % 16 == 15 => drop(server.compact()),
                    nth if nth % 4 == 3 => drop(server.flush()),
                    _ => std::thread::sleep(PAUSE),
                }
            }
        });
        // Also when `ask` panics: the scope waits for the writer.
        let _end = End(&ended);
        ask(&sent)
    })
}

/// Says so when it is dropped.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn pages_neither_skip_nor_repeat_while_others_write() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let numbers: Vec<u64> = (1..=THERE).collect();
    for (nth, some) in numbers.chunks(THERE as usize / 3).enumerate() {
        send_spans(
            &server,
            some.iter().flat_map(|&number| trace(number, start_of(number), duration_of(number))).collect(),
        );
        send_records(&server, &some.iter().map(|&number| (number, start_of(number))).collect::<Vec<_>>());
        if nth == 0 {
            server.flush();
        }
    }
    let newest_first: Vec<u64> = numbers.iter().rev().copied().collect();
    let by_duration: BTreeMap<u64, u64> = numbers.iter().map(|&number| (duration_of(number), number)).collect();
    let shortest_first: Vec<u64> = by_duration.into_values().collect();
    let longest_first: Vec<u64> = shortest_first.iter().rev().copied().collect();
    let seed = Random::seed();
    for (nth, (path, list, expected)) in [
        ("/api/v1/traces?limit=13", "traces", &newest_first),
        ("/api/v1/traces?limit=13&sort=duration", "traces", &longest_first),
        ("/api/v1/traces?limit=13&sort=duration&order=asc", "traces", &shortest_first),
        ("/api/v1/logs?limit=13", "logs", &newest_first),
        ("/api/v1/logs?limit=13&order=asc", "logs", &numbers),
    ]
    .into_iter()
    .enumerate()
    {
        let rows = while_others_write(&server, seed, LATE * (nth as u64 + 1), |sent| {
            let rows = server.pages(path, list).unwrap_or_else(|error| panic!("{error}"));
            assert!(sent.load(Ordering::Relaxed) > 0, "{path}: nothing was written meanwhile");
            rows
        });
        let found: Vec<u64> = rows.iter().map(number_of).collect();
        let there: Vec<u64> = found.iter().copied().filter(|number| *number <= THERE).collect();
        assert_eq!(&there, expected, "{path}, seed {seed}");
        let distinct: HashSet<u64> = found.iter().copied().collect();
        assert_eq!(distinct.len(), found.len(), "{path}, seed {seed}: what came meanwhile comes once too");
    }
}

#[test]
fn a_trace_that_changes_between_two_pages_stands_at_its_new_place() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    for number in 1..=20 {
        send_spans(&server, trace(number, start_of(number), number * 10));
    }
    let page = |query: &str| server.get_json(&format!("/api/v1/traces?limit=5{query}")).expect("a page");
    let numbers = |page: &Value| page["traces"].as_array().expect("traces").iter().map(number_of).collect::<Vec<_>>();
    let next = |page: &Value| format!("&cursor={}", page["next_cursor"].as_str().expect("a cursor"));
    let grow = |number: u64, duration_ms: u64| {
        let mut late = trace(number, start_of(number), duration_ms);
        late.truncate(1);
        late[0].span_id = (number + 500).to_be_bytes().to_vec();
        send_spans(&server, late);
    };

    let longest = page("&sort=duration");
    assert_eq!(numbers(&longest), [20, 19, 18, 17, 16]);
    let shortest = page("&sort=duration&order=asc");
    assert_eq!(numbers(&shortest), [1, 2, 3, 4, 5]);
    // Now the longest: its place is on the page that has been given.
    grow(10, 1000);
    assert_eq!(numbers(&page(&format!("&sort=duration{}", next(&longest)))), [15, 14, 13, 12, 11]);
    assert_eq!(numbers(&page("&sort=duration")), [10, 20, 19, 18, 17]);
    // It was given at its old place, and the new one is still to come.
    grow(2, 95);
    assert_eq!(numbers(&page(&format!("&sort=duration&order=asc{}", next(&shortest)))), [6, 7, 8, 9, 2]);
}

#[test]
fn a_cursor_leads_on_in_its_own_search_only() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    for number in 1..=4 {
        send_spans(&server, trace(number, start_of(number), 5));
        send_records(&server, &[(number, start_of(number))]);
    }
    let from = format!("from={}", start_of(0));
    for (list, asked, the_same, others) in [
        (
            "traces",
            "q=service:shop name:root",
            ["q=(service:shop AND name:root)", &format!("q=service:shop name:root&{from}")],
            [
                "q=service:shop",
                "",
                "q=service:shop name:root&status=UNSET",
                "q=service:shop name:root&order=asc",
                "q=service:shop name:root&sort=duration",
                "q={service:shop} AND {name:root}",
            ],
        ),
        (
            "traces",
            "q={service:shop} => {name:child}",
            ["q=({service:shop}=>{name:child})", &format!("q={{service:shop}} => {{name:child}}&{from}")],
            [
                "q={service:shop} -> {name:child}",
                "q={service:shop} => {name:root}",
                "q=service:shop",
                "",
                "q={service:shop} => {name:child}&min_duration=1ns",
                "q={service:shop} => {name:child}&order=asc",
            ],
        ),
        (
            "logs",
            "q=record",
            ["q=(record)", &format!("q=record&{from}")],
            ["q=records", "", "q=record&service=shop", "q=record&order=asc", "q=record&attr=a=b", "q=record -x"],
        ),
    ] {
        let path = |query: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let pairs = pairs.map(|(key, value)| format!("&{key}={}", percent(value)));
            format!("/api/v1/{list}?limit=1{}", pairs.collect::<String>())
        };
        let page = server.get_json(&path(asked)).unwrap_or_else(|error| panic!("{error}"));
        let cursor = page["next_cursor"].as_str().unwrap_or_else(|| panic!("{asked}: {page}"));
        for query in [asked, the_same[0], the_same[1]] {
            let reply = server.get(&format!("{}&cursor={cursor}", path(query)));
            assert_eq!(reply.status, 200, "{asked}, then {query}: {}", reply.excerpt());
            assert_eq!(reply.json()[list].as_array().map(Vec::len), Some(1), "{asked}, then {query}");
        }
        for query in others {
            let reply = server.get(&format!("{}&cursor={cursor}", path(query)));
            assert_eq!(reply.status, 400, "{asked}, then {query}: {}", reply.excerpt());
            let message = reply.json()["error"]["message"].to_string();
            assert!(message.contains("parameter cursor is of another search"), "{asked}, then {query}: {message}");
        }
    }
}

/// Traces of which one in so many is searched for, by a condition that no index knows.
const SEARCHED: u64 = 140_000;
const EACH: u64 = 100;

#[test]
fn a_sorted_page_that_is_stopped_goes_on_where_it_was() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    for from in (1..=SEARCHED).step_by(4_000) {
        let root = |number: u64| {
            let duration_ms = if number.is_multiple_of(EACH) { 1_000 + number * 7 % 1_013 } else { 1 };
            let mut spans = trace(number, NOON + number * MILLISECOND, duration_ms);
            spans.truncate(1);
            spans
        };
        send_spans(&server, (from..from + 4_000).flat_map(root).collect());
    }
    server.flush();
    let path = "/api/v1/traces?limit=50&sort=duration&min_duration=1s";
    let whole = server.get_json(path).expect("a page");
    assert_eq!(whole["traces"].as_array().map(Vec::len), Some(50));
    let mut cursor = String::new();
    for attempt in 0..20 {
        let (rows, end) = stopped_after_its_first_rows(&server, path, attempt);
        if end["partial"] == true {
            assert_eq!((&end["reason"], rows), (&json!("stopped"), 50), "{end}");
            cursor = end["next_cursor"].as_str().expect("a place to go on from").to_owned();
            break;
        }
    }
    assert!(!cursor.is_empty(), "the search was over before it could be stopped, twenty times");
    let rest = server.get_json(&format!("{path}&cursor={cursor}")).expect("the rest of the page");
    assert_eq!(rest["traces"], whole["traces"]);
    assert_eq!(rest["next_cursor"], whole["next_cursor"]);
    let other = server.get(&format!("/api/v1/traces?limit=50&sort=errors&cursor={cursor}"));
    assert_eq!((other.status, &other.json()["error"]["code"]), (400, &json!("bad_request")));
}

/// Asks for a stream and stops it when rows have come. Returns how many, and the last frame.
fn stopped_after_its_first_rows(server: &Server, path: &str, attempt: usize) -> (usize, Value) {
    let id = format!("stopped-{attempt}");
    let agent = http::agent(Duration::from_secs(60));
    let asked = agent.get(format!("{}{path}", server.url())).header("accept", "application/x-ndjson");
    let response = asked.header("x-spanlake-query-id", &id).call().expect("an answer");
    let mut rows = 0;
    for line in BufReader::new(response.into_body().into_reader()).lines() {
        let frame: Value = serde_json::from_str(&line.expect("a line")).expect("a frame");
        if let Some(share) = frame["share"].as_f64() {
            assert!(share < 1.0, "{frame}");
        }
        if frame["t"] == "rows" {
            assert_eq!(frame["replaces"], true);
            if rows == 0 {
                // It may have just ended.
                let _ = agent.delete(format!("{}/api/v1/queries/{id}", server.url())).call();
            }
            rows = frame["columns"][0].as_array().expect("a column").len();
        }
        if frame["t"] == "end" {
            return (rows, frame);
        }
    }
    panic!("a stream without its last frame");
}
