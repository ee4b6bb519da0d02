//! Random rows and random searches over them.

use proptest::prelude::*;
use proto::Signal;
use serde_json::{Value as Json, json};

/// A span or a log record, as far as searches can tell.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) service: &'static str,
    /// Name of a span, body of a log record.
    pub(super) text: Option<&'static str>,
    pub(super) status: &'static str,
    pub(super) status_message: Option<&'static str>,
    pub(super) duration: i64,
    pub(super) severity: i32,
    /// `k` of the record: a text or a number.
    pub(super) k: Option<&'static str>,
    pub(super) k_of_resource: Option<&'static str>,
    /// A key with a column of its own.
    pub(super) code: Option<i64>,
    pub(super) kind: &'static str,
    pub(super) scope: Option<&'static str>,
    /// Type of an exception that the span recorded.
    pub(super) exception: Option<&'static str>,
    /// As a number; given by whoever makes the rows.
    pub(super) span_id: u64,
}

/// Ids that are searched for are below this.
const ROW_IDS_MAX: u64 = 80;
const SERVICES: [&str; 4] = ["cart", "checkout", "cart-db", ""];
const TEXTS: [&str; 6] = [
    "GET /cart",
    "connection refused by db-1",
    "Timeout, connection reset",
    "refused connection",
    "größe 12",
    "a*b %_ \\x",
];
const STATUSES: [&str; 3] = ["UNSET", "OK", "ERROR"];
const DURATIONS: [i64; 4] = [0, 999_999, 1_000_000, 2_000_000_000];
const KS: [&str; 7] = ["v", "va", "500", "5e2", "-3", "GET /cart", ""];
pub(super) const CODES: [i64; 4] = [200, 404, 429, 503];
pub(super) const EXCEPTIONS: [&str; 2] = ["Timeout", "TypeError"];
pub(super) const KINDS: [&str; 5] = ["INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];

pub(super) fn row() -> impl Strategy<Value = Row> {
    (
        prop::sample::select(&SERVICES[..]),
        prop::option::of(prop::sample::select(&TEXTS[..])),
        prop::sample::select(&STATUSES[..]),
        prop::option::of(prop::sample::select(&TEXTS[..])),
        prop::sample::select(&DURATIONS[..]),
        0..25i32,
        prop::option::of(prop::sample::select(&KS[..])),
        prop::option::of(prop::sample::select(&KS[..])),
        prop::option::of(prop::sample::select(&CODES[..])),
        (
            prop::sample::select(&KINDS[..]),
            prop::option::of(Just("lib")),
            prop::option::of(prop::sample::select(&EXCEPTIONS[..])),
        ),
    )
        .prop_map(
            |(
                service,
                text,
                status,
                status_message,
                duration,
                severity,
                k,
                k_of_resource,
                code,
                (kind, scope, exception),
            )| Row {
                service,
                text,
                status,
                status_message,
                duration,
                severity,
                k,
                k_of_resource,
                code,
                kind,
                scope,
                exception,
                span_id: 0,
            },
        )
}

pub(super) fn span_json(nth: usize, row: &Row) -> Json {
    let mut span = json!({
        "trace_id": format!("{:032x}", nth / 4 + 1), "span_id": format!("{:016x}", row.span_id), "scope_name": row.scope,
        "start_time_unix_nano": nth as i64, "duration_ns": row.duration, "service": row.service, "name": row.text,
        "status": row.status, "status_message": row.status_message, "kind": row.kind,
        "attr_http_response_status_code": row.code, "events": events(row),
    });
    add_k(&mut span, row);
    span
}

pub(super) fn events(row: &Row) -> Json {
    let exception = |name: &str| {
        let attributes = json!({"exception.type": name}).to_string();
        json!([{"time_unix_nano": 1, "name": "exception", "attributes": attributes}])
    };
    row.exception.map_or(Json::Null, exception)
}

pub(super) fn log_json(nth: usize, row: &Row) -> Json {
    let mut log = json!({
        "time_unix_nano": nth as i64, "service": row.service, "body": row.text, "severity_number": row.severity,
        "span_id": format!("{:016x}", row.span_id), "scope_name": row.scope,
        "attr_http_response_status_code": row.code,
    });
    add_k(&mut log, row);
    log
}

fn add_k(json: &mut Json, row: &Row) {
    json["attributes"] = match row.k {
        Some(k) => json!({ "k": k }),
        None => json!({}),
    };
    json["resource"] = match row.k_of_resource {
        Some(k) => json!(json!({ "k": k }).to_string()),
        None => json!("{}"),
    };
}

fn comparison() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&[">", ">=", "<", "<=", "=", "!="][..])
}

/// Texts of conditions on one record.
fn leaf(signal: Signal) -> BoxedStrategy<String> {
    let words =
        prop::sample::select(&["connection", "REFUSED", "timeout", "cart", "12", "größe", "db-1", "nothing"][..]);
    let phrases = prop::sample::select(
        &["\"connection refused\"", "\"refused connection\"", "\"timeout connection\"", "\"GET /cart\"", "\"cart\""][..],
    );
    let patterns = prop::sample::select(&["con*", "*ction", "re*ed", "c*t", "t*e*t", "*1*"][..]);
    let values = prop::sample::select(
        &[
            "v",
            "v*",
            "*",
            "*a",
            "\"500\"",
            "500",
            "5*",
            "/^v/",
            "/[05]{2}/",
            "\"GET /cart\"",
            "/get/i",
            "x",
            "-3",
            "\"\"",
        ][..],
    );
    let services =
        prop::sample::select(&["cart", "c*", "*db", "cart-db", "*", "/art$/", "(cart OR checkout)", "nope"][..]);
    let numbers = prop::sample::select(&["500", "404", "200.5", "-3", "0"][..]);
    let of_signal = match signal {
        Signal::Spans => prop_oneof![
            (comparison(), prop::sample::select(&["1ms", "0", "2s", "999us"][..]))
                .prop_map(|(op, at)| format!("duration{op}{at}")),
            prop::sample::select(
                &[
                    "status:error",
                    "status:ok",
                    "-status:unset",
                    "outcome:fault",
                    "outcome:error",
                    "outcome:ok",
                    "outcome:throttle"
                ][..]
            )
            .prop_map(str::to_owned),
            prop::sample::select(
                &[
                    "name:\"GET /cart\"",
                    "name:*cart",
                    "name:*",
                    "name:/^a/",
                    "name:a\\*b*",
                    "status_message:refused",
                    "status_message:\"refused by\"",
                    "status_message:*",
                    "status_message=\"refused connection\"",
                    "status_message:/re+/"
                ][..]
            )
            .prop_map(str::to_owned),
            prop::sample::select(
                &["exception.type:Timeout", "exception.type:T*", "exception.type:*", "exception.type:/Err/"][..]
            )
            .prop_map(str::to_owned),
            prop::sample::select(&["kind:client", "kind:SERVER", "-kind:internal", "kind:*"][..])
                .prop_map(str::to_owned),
        ]
        .boxed(),
        Signal::Logs => prop_oneof![
            (comparison(), prop::sample::select(&["warn", "error", "TRACE", "17", "fatal"][..]))
                .prop_map(|(op, at)| format!("severity{op}{at}")),
            prop::sample::select(
                &[
                    "severity:info",
                    "severity:*",
                    "body:refused",
                    "body:\"refused by\"",
                    "body:con*",
                    "body:*",
                    "body=\"GET /cart\"",
                    "body:/^[A-Z]/",
                    "body=*cart"
                ][..]
            )
            .prop_map(str::to_owned),
        ]
        .boxed(),
    };
    prop_oneof![
        2 => words.prop_map(str::to_owned),
        1 => phrases.prop_map(str::to_owned),
        1 => patterns.prop_map(str::to_owned),
        2 => (prop::sample::select(&["k", "attributes.k", "resource.k"][..]), values).prop_map(|(key, value)| format!("{key}:{value}")),
        1 => (comparison(), numbers.clone()).prop_map(|(op, at)| format!("k{op}{at}")),
        1 => (comparison(), numbers).prop_map(|(op, at)| format!("http.response.status_code{op}{at}")),
        2 => services.prop_map(|value| format!("service:{value}")),
        2 => of_signal,
        1 => prop_oneof![
            (1..ROW_IDS_MAX).prop_map(|id| format!("span_id:{id:016x}")),
            prop::sample::select(&["span_id:*", "scope_name:lib", "scope_name:*", "scope_name:l*"][..]).prop_map(str::to_owned),
        ],
    ]
    .boxed()
}

pub(super) fn search(signal: Signal) -> BoxedStrategy<String> {
    leaf(signal)
        .prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                inner.clone().prop_map(|a| format!("-({a})")),
                (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) {b}")),
                (inner.clone(), inner).prop_map(|(a, b)| format!("({a} OR {b})")),
            ]
        })
        .boxed()
}
