//! The workload is the same every time, has the shape it is said to have, and its facts are what a count of the
//! encoded requests finds.

#[path = "mod.rs"]
mod workload;

use std::collections::{HashMap, HashSet};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message;
use workload::facts::{ErrorCounts, LogFacts, NEWEST_MAX, PAGE, SHORT_PAGE, SpanFacts, SpanKey, TraceKey, p99};
use workload::landscape::{Landscape, asked_users, trace_id, user_id};
use workload::requests::Request;
use workload::templates::{COMMON_WORDS, LAST_WORD, rare_word};
use workload::{NANOS_PER_MINUTE, Plan, VALUES, logs, spans};

const ITEMS: u64 = 12_000;
/// 2026-01-31T23:30:00Z: the hour spans two dates.
const PLAN: Plan = Plan { seed: 3, items: ITEMS, begin: 1_769_902_200_000_000_000 };

fn bodies(requests: &[Request]) -> Vec<&[u8]> {
    requests.iter().map(|request| &request.body[..]).collect()
}

fn text(value: Option<&AnyValue>) -> &str {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text,
        other => panic!("not a text: {other:?}"),
    }
}

fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a AnyValue> {
    attributes.iter().find(|pair| pair.key == key).and_then(|pair| pair.value.as_ref())
}

fn service_of(resource: Option<&Resource>, landscape: &Landscape) -> usize {
    let name = text(attribute(&resource.expect("a resource").attributes, "service.name"));
    landscape.services.iter().position(|service| service.name == name).expect("a known service")
}

fn decoded_spans(requests: &[Request], landscape: &Landscape) -> Vec<(usize, Span)> {
    let mut rows = Vec::new();
    for request in requests {
        let before = rows.len();
        for resource in ExportTraceServiceRequest::decode(request.body.clone()).expect("OTLP").resource_spans {
            let service = service_of(resource.resource.as_ref(), landscape);
            rows.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans).map(|span| (service, span)));
        }
        assert_eq!((rows.len() - before) as u64, request.items);
    }
    rows
}

fn decoded_logs(requests: &[Request], landscape: &Landscape) -> Vec<(usize, LogRecord)> {
    let mut rows = Vec::new();
    for request in requests {
        let before = rows.len();
        for resource in ExportLogsServiceRequest::decode(request.body.clone()).expect("OTLP").resource_logs {
            let service = service_of(resource.resource.as_ref(), landscape);
            let records = resource.scope_logs.into_iter().flat_map(|scope| scope.log_records);
            rows.extend(records.map(|record| (service, record)));
        }
        assert_eq!((rows.len() - before) as u64, request.items);
    }
    rows
}

fn key(span: &Span) -> SpanKey {
    SpanKey {
        start: span.start_time_unix_nano,
        trace_id: span.trace_id.clone().try_into().expect("16 bytes"),
        span_id: span.span_id.clone().try_into().expect("8 bytes"),
    }
}

fn http_status(span: &Span) -> i64 {
    match attribute(&span.attributes, "http.response.status_code").and_then(|value| value.value.as_ref()) {
        Some(Value::IntValue(status)) => *status,
        _ => 0,
    }
}

fn is_error(span: &Span) -> bool {
    span.status.as_ref().is_some_and(|status| status.code == 2)
}

fn has_user(attributes: &[KeyValue], user: &str) -> bool {
    attribute(attributes, "user.id").is_some_and(|value| text(Some(value)) == user)
}

/// The greatest, greatest first.
fn newest<T: Ord>(all: impl Iterator<Item = T>, limit: usize) -> Vec<T> {
    let mut all: Vec<T> = all.collect();
    all.sort_by(|a, b| b.cmp(a));
    all.truncate(limit);
    all
}

/// The traces that have a span that matches.
fn matching_traces(rows: &[(usize, Span)], matches: impl Fn(usize, &Span) -> bool, limit: usize) -> Vec<TraceKey> {
    let mut traces: HashMap<[u8; 16], (TraceKey, bool)> = HashMap::new();
    for (service, span) in rows {
        let SpanKey { start, trace_id, .. } = key(span);
        let (trace, matched) = traces.entry(trace_id).or_insert((TraceKey { start, trace_id, spans: 0 }, false));
        trace.start = trace.start.min(start);
        trace.spans += 1;
        *matched |= matches(*service, span);
    }
    newest(traces.into_values().filter(|(_, matched)| *matched).map(|(trace, _)| trace), limit)
}

fn count_errors(errors: impl Iterator<Item = (usize, u64)>) -> ErrorCounts {
    let mut counts = ErrorCounts::new();
    for (service, time) in errors {
        *counts.entry((service, time / NANOS_PER_MINUTE)).or_default() += 1;
    }
    counts
}

#[test]
fn a_plan_gives_the_same_bytes_every_time_and_a_seed_gives_others() {
    let generate = |plan| (spans::spans(plan, &Landscape::new()).0, logs::logs(plan, &Landscape::new()).0);
    let (first, second) = (generate(PLAN), generate(PLAN));
    assert!(bodies(&first.0) == bodies(&second.0) && bodies(&first.1) == bodies(&second.1));
    let other = generate(Plan { seed: 4, ..PLAN });
    assert!(bodies(&first.0) != bodies(&other.0) && bodies(&first.1) != bodies(&other.1));
}

#[test]
fn span_facts_are_what_a_count_of_the_requests_finds() {
    let landscape = Landscape::new();
    let (requests, facts) = spans::spans(PLAN, &landscape);
    let rows = decoded_spans(&requests, &landscape);
    let all = || rows.iter().map(|(service, span)| (*service, span));
    assert_eq!(rows.len() as u64, ITEMS);
    let errors = all().filter(|(_, span)| is_error(span));
    assert_eq!(facts.errors, count_errors(errors.map(|(service, span)| (service, span.start_time_unix_nano))));
    assert_eq!(facts.newest.descending(), newest(all().map(|(_, span)| key(span)), NEWEST_MAX));
    assert_eq!(facts.newest_traces.descending(), matching_traces(&rows, |_, _| true, NEWEST_MAX));
    for service in 0..landscape.services.len() {
        let mut durations: Vec<u64> = all()
            .filter(|(of, _)| *of == service)
            .map(|(_, span)| span.end_time_unix_nano - span.start_time_unix_nano)
            .collect();
        durations.sort_unstable();
        let expected = durations.len().checked_sub(1).map(|_| durations[(durations.len() * 99).div_ceil(100) - 1]);
        assert_eq!(p99(&facts.durations[service]), expected);
        let served =
            all().filter(|(of, span)| *of == service && [SpanKind::Server, SpanKind::Consumer].contains(&span.kind()));
        assert_eq!(facts.served[service], served.count() as u64);
        let failed = all().filter(|(of, span)| *of == service && is_error(span) && http_status(span) >= 500);
        let failed = newest(failed.map(|(_, span)| key(span)), SHORT_PAGE);
        assert_eq!(facts.failed[service].descending(), failed);
        let matches = |of, span: &Span| of == service && is_error(span) && http_status(span) == 500;
        assert_eq!(facts.failed_traces[service].descending(), matching_traces(&rows, matches, SHORT_PAGE));
    }
    for user in asked_users(PLAN) {
        let matches = |span: &Span| has_user(&span.attributes, &user_id(user));
        let spans = newest(all().filter(|(_, span)| matches(span)).map(|(_, span)| key(span)), PAGE);
        assert_eq!(facts.users[&user].descending(), spans);
        let traces = matching_traces(&rows, |_, span| matches(span), SHORT_PAGE);
        assert_eq!(facts.user_traces[&user].descending(), traces);
    }
    check_sampled_traces(&facts, &rows);
    assert_eq!(facts.last, latest_end(&rows));
}

fn check_sampled_traces(facts: &SpanFacts, rows: &[(usize, Span)]) {
    assert!(facts.traces.len() >= VALUES, "{}", facts.traces.len());
    for trace in &facts.traces {
        let mut sampled = trace.clone();
        sampled.sort_unstable();
        let of_trace = rows.iter().filter(|(_, span)| span.trace_id == trace[0].trace_id);
        let mut found: Vec<SpanKey> = of_trace.map(|(_, span)| key(span)).collect();
        found.sort_unstable();
        assert_eq!(sampled, found);
    }
}

fn latest_end(rows: &[(usize, Span)]) -> Option<SpanKey> {
    rows.iter().max_by_key(|(_, span)| span.end_time_unix_nano).map(|(_, span)| key(span))
}

#[test]
fn log_facts_are_what_a_count_of_the_requests_finds() {
    let landscape = Landscape::new();
    let (requests, facts) = logs::logs(PLAN, &landscape);
    let rows = decoded_logs(&requests, &landscape);
    let words: HashMap<u64, HashSet<String>> =
        rows.iter().map(|(_, record)| (record.time_unix_nano, words_of(record))).collect();
    assert_eq!(words.len(), rows.len(), "no two records have the same time");
    let has_word = |record: &LogRecord, word: &str| words[&record.time_unix_nano].contains(word);
    let times = |matches: &dyn Fn(usize, &LogRecord) -> bool, limit| {
        let matching = rows.iter().filter(|(service, record)| matches(*service, record));
        newest(matching.map(|(_, record)| record.time_unix_nano), limit)
    };
    let errors = rows.iter().filter(|(_, record)| record.severity_number >= 17);
    assert_eq!(facts.errors, count_errors(errors.map(|(service, record)| (*service, record.time_unix_nano))));
    assert_eq!(facts.newest.descending(), times(&|_, _| true, NEWEST_MAX));
    for (word, found) in COMMON_WORDS.iter().zip(&facts.common) {
        assert_eq!(found.descending(), times(&|_, record| has_word(record, word), PAGE), "{word}");
    }
    for (index, found) in facts.rare.iter().enumerate() {
        assert!(found.len() >= 6, "{found:?}");
        let found: Vec<u64> = found.iter().rev().copied().collect();
        assert_eq!(found, times(&|_, record| has_word(record, &rare_word(index)), PAGE));
    }
    assert_eq!(facts.windows.len(), VALUES);
    for window in &facts.windows {
        let matches = |service, record: &LogRecord| {
            let is_there = (window.from..window.to).contains(&record.time_unix_nano);
            is_there && service == window.service && has_word(record, window.word)
        };
        assert_eq!(window.newest.descending(), times(&matches, PAGE));
    }
    for user in asked_users(PLAN) {
        let matches = |_, record: &LogRecord| has_user(&record.attributes, &user_id(user));
        assert_eq!(facts.users[&user].descending(), times(&matches, PAGE));
    }
    check_traces_of_logs(&facts, &rows);
    let last = times(&|_, record| has_word(record, LAST_WORD), PAGE);
    assert_eq!(last, facts.newest.descending()[..1]);
}

fn words_of(record: &LogRecord) -> HashSet<String> {
    let body = text(record.body.as_ref()).to_lowercase();
    let words = body.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

fn check_traces_of_logs(facts: &LogFacts, rows: &[(usize, LogRecord)]) {
    assert!(facts.traces.len() >= VALUES, "{}", facts.traces.len());
    for (trace, times) in &facts.traces {
        let id = trace_id(PLAN.seed, *trace);
        let of_trace = rows.iter().filter(|(_, record)| record.trace_id == id);
        let mut found: Vec<u64> = of_trace.map(|(_, record)| record.time_unix_nano).collect();
        found.sort_unstable();
        assert_eq!(*times, found);
    }
}

/// What the targets were set with; see `benches/README.md`.
#[test]
fn the_shape_is_that_of_the_workload_the_targets_were_set_with() {
    let landscape = Landscape::new();
    let within = |what: &str, value: f64, range: std::ops::Range<f64>| {
        println!("{what}: {value:.3}");
        assert!(range.contains(&value), "{what}: {value}");
    };
    let mean = |sum: usize, of: usize| sum as f64 / of as f64;
    let (requests, _) = spans::spans(PLAN, &landscape);
    let rows = decoded_spans(&requests, &landscape);
    within("bytes of a span", mean(requests.iter().map(|r| r.body.len()).sum(), rows.len()), 550.0..610.0);
    within("attributes of a span", mean(rows.iter().map(|(_, s)| s.attributes.len()).sum(), rows.len()), 10.5..12.5);
    within("errors", mean(rows.iter().filter(|(_, s)| is_error(s)).count(), rows.len()), 0.015..0.025);
    let traces = matching_traces(&rows, |_, _| true, usize::MAX);
    within("spans of a trace", mean(rows.len(), traces.len()), 24.0..31.0);
    // The last trace is cut to size.
    assert!(traces.iter().skip(1).all(|trace| (8..=60).contains(&trace.spans)));
    let (requests, _) = logs::logs(PLAN, &landscape);
    let rows = decoded_logs(&requests, &landscape);
    let count = |matches: &dyn Fn(&LogRecord) -> bool| rows.iter().filter(|(_, r)| matches(r)).count();
    within("bytes of a record", mean(requests.iter().map(|r| r.body.len()).sum(), rows.len()), 455.0..505.0);
    within(
        "bytes of a body",
        mean(rows.iter().map(|(_, r)| text(r.body.as_ref()).len()).sum(), rows.len()),
        140.0..160.0,
    );
    within("attributes of a record", mean(rows.iter().map(|(_, r)| r.attributes.len()).sum(), rows.len()), 5.9..6.1);
    within("records of a trace", mean(count(&|r| !r.trace_id.is_empty()), rows.len()), 0.58..0.62);
    for (number, share) in [(5, 0.12), (9, 0.76), (13, 0.08), (17, 0.04)] {
        within("severity", mean(count(&|r| r.severity_number == number), rows.len()), share - 0.01..share + 0.01);
    }
}
