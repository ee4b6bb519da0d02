//! Faults planted into generated traffic, each with the service that has to come first, and traffic without one.

use proto::Signal;
use serde_json::{Value as Json, json};

use super::*;
use crate::filter::SpanFilter;
use crate::test_data::{append, engine, store};

const MS: i64 = 1_000_000;
const SECOND: i64 = 1_000 * MS;
/// Window and baseline: the second hundred seconds of six.
const WINDOW: (i64, i64) = (100 * SECOND, 200 * SECOND);

/// How a request goes: `gate` calls `shop`, which calls `cart` and `bank`; `shop` also works by itself.
#[derive(Clone, Copy)]
struct Request {
    shop_ms: i64,
    cart_ms: i64,
    /// On the way from `shop` to `cart`, and to `bank`.
    cart_way_ms: i64,
    bank_way_ms: i64,
    gate_way_ms: i64,
    bank_fails: bool,
    cart_is_called: bool,
    cart_leaves_spans: bool,
    /// `bank` looks something up by itself.
    bank_checks: bool,
}

const USUAL: Request = Request {
    shop_ms: 20,
    cart_ms: 10,
    cart_way_ms: 1,
    bank_way_ms: 1,
    gate_way_ms: 1,
    bank_fails: false,
    cart_is_called: true,
    cart_leaves_spans: true,
    bank_checks: true,
};

struct Writer {
    rows: Vec<Json>,
    trace: u64,
    next: u64,
}

impl Writer {
    /// `time`: start and duration.
    fn span(&mut self, parent: u64, whose: (&str, &str), kind: &str, time: (i64, i64), fails: bool) -> u64 {
        self.next += 1;
        let mut row = json!({"trace_id": format!("{:032x}", self.trace), "span_id": format!("{:016x}", self.next),
            "service": whose.0, "name": whose.1, "kind": kind, "start_time_unix_nano": time.0, "duration_ns": time.1,
            "status": if fails { "ERROR" } else { "UNSET" }});
        if parent > 0 {
            row["parent_span_id"] = json!(format!("{parent:016x}"));
        }
        self.rows.push(row);
        self.next
    }

    /// One request. `jitter`: a few milliseconds that differ from request to request.
    fn request(&mut self, start: i64, jitter: i64, how: Request) {
        self.trace += 1;
        let bank_ns = (15 + jitter) * MS;
        let (cart_ns, cart_way, bank_way) = ((how.cart_ms + jitter) * MS, how.cart_way_ms * MS, how.bank_way_ms * MS);
        let cart_call = if how.cart_is_called { cart_ns + 2 * cart_way } else { 0 };
        let shop_ns = (how.shop_ms + jitter) * MS + cart_call + bank_ns + 2 * bank_way;
        let gate_way = how.gate_way_ms * MS;
        let fails = how.bank_fails;
        let root = self.span(0, ("gate", "GET /"), "SERVER", (start, shop_ns + 2 * gate_way + MS), fails);
        let call = self.span(root, ("gate", "call shop"), "CLIENT", (start + MS / 2, shop_ns + 2 * gate_way), fails);
        let at = start + MS / 2 + gate_way;
        let shop = self.span(call, ("shop", "buy"), "SERVER", (at, shop_ns), fails);
        if how.cart_is_called {
            let call = self.span(shop, ("shop", "call cart"), "CLIENT", (at, cart_call), false);
            if how.cart_leaves_spans {
                self.span(call, ("cart", "read"), "SERVER", (at + cart_way, cart_ns), false);
            }
        }
        let at = at + cart_call;
        let call = self.span(shop, ("shop", "call bank"), "CLIENT", (at, bank_ns + 2 * bank_way), fails);
        let pay = self.span(call, ("bank", "pay"), "SERVER", (at + bank_way, bank_ns), fails);
        if how.bank_checks {
            self.span(pay, ("bank", "check"), "INTERNAL", (at + bank_way, 2 * MS), false);
        }
    }
}

/// A request every second; `fault` says what is different in the window.
fn traffic(fault: Request) -> Vec<Json> {
    let mut writer = Writer { rows: Vec::new(), trace: 0, next: 0 };
    for second in 0..600 {
        let start = second * SECOND;
        let is_window = (WINDOW.0..WINDOW.1).contains(&start);
        writer.request(start, (second * 7) % 5, if is_window { fault } else { USUAL });
    }
    writer.rows
}

fn periods() -> Periods {
    Periods { from: WINDOW.0, to: WINDOW.1, base_from: 0, base_to: 600 * SECOND }
}

async fn cause_of(spans: &[Json], logs: &[Json]) -> RootCause {
    let (_directory, store) = store().await;
    append(&store, Signal::Spans, spans).await;
    if !logs.is_empty() {
        append(&store, Signal::Logs, logs).await;
    }
    let query = engine(&store).begin("test", None).await.expect("admitted");
    read(&query, periods(), None).await.expect("compared")
}

fn ranks(found: &RootCause) -> Vec<&str> {
    found.services.iter().map(|cause| cause.service.as_str()).collect()
}

#[tokio::test]
async fn nothing_is_found_where_nothing_changed() {
    let found = cause_of(&traffic(USUAL), &[]).await;
    assert_eq!((ranks(&found).len(), found.edges.len(), found.messages.len()), (0, 0, 0), "{found:?}");
    assert_eq!((found.window.traces, found.base.traces, found.traces_one_in), (100, 500, 1));
    assert!(found.notes.is_empty(), "{:?}", found.notes);
}

#[tokio::test]
async fn each_planted_fault_is_found_at_its_service() {
    let faults = [
        ("shop", ChangeKind::OwnTime, Request { shop_ms: 90, ..USUAL }),
        ("cart", ChangeKind::OwnTime, Request { cart_ms: 200, ..USUAL }),
        ("cart", ChangeKind::OnTheWay, Request { cart_way_ms: 80, ..USUAL }),
        // Both of its calls are slow on the way, and the calls to it are not.
        ("shop", ChangeKind::OnTheWay, Request { cart_way_ms: 80, bank_way_ms: 80, ..USUAL }),
        ("bank", ChangeKind::Failures, Request { bank_fails: true, ..USUAL }),
        ("shop", ChangeKind::FewerCalls, Request { cart_is_called: false, ..USUAL }),
        // What the bank says makes the shop leave the cart alone.
        ("bank", ChangeKind::FewerCalls, Request { bank_checks: false, cart_is_called: false, ..USUAL }),
        ("cart", ChangeKind::UnansweredCalls, Request { cart_leaves_spans: false, ..USUAL }),
    ];
    for (service, kind, fault) in faults {
        let found = cause_of(&traffic(fault), &[]).await;
        assert_eq!(ranks(&found).first(), Some(&service), "{kind:?}: {:#?}", found.services);
        let first = &found.services[0].changes[0];
        assert_eq!((first.kind, first.service.as_str()), (kind, service), "{first:?}");
        assert!(first.sentence.contains(&format!("`{service}`")), "{}", first.sentence);
        let example = first.example.as_ref().expect("an example");
        let second = u64::from_str_radix(&example.trace_id, 16).expect("hex") - 1;
        assert!((100..200).contains(&second), "{kind:?}: the example is of the window, not of second {second}");
    }
}

#[tokio::test]
async fn the_figures_are_those_of_the_traffic() {
    let found = cause_of(&traffic(Request { cart_way_ms: 80, ..USUAL }), &[]).await;
    let edge = &found.edges[0];
    assert_eq!((edge.caller.as_deref(), edge.callee.as_deref()), (Some("shop"), Some("cart")));
    assert_eq!((edge.window.samples, edge.base.samples), (100, 500));
    assert!((edge.window.value - 160e6).abs() < 1e6 && (edge.base.value - 2e6).abs() < 1e5, "{edge:?}");
    assert_eq!(
        edge.sentence,
        "calls `call cart` from `shop` to `cart` are 160 ms on the way, 2.00 ms otherwise (100 calls, 500 otherwise)"
    );
    let failing = cause_of(&traffic(Request { bank_fails: true, ..USUAL }), &[]).await;
    assert_eq!(ranks(&failing), ["bank"], "who passes a failure on is not its cause");
    assert_eq!(
        failing.services[0].changes[0].sentence,
        "100% of `pay` in `bank` fail, 0% otherwise (100 of 100, 0 of 500)"
    );
}

#[tokio::test]
async fn new_log_records_are_found_with_their_pattern() {
    let log = |second: i64, service: &str, severity: i32, body: String| {
        json!({"time_unix_nano": second * SECOND, "service": service, "severity_number": severity, "body": body,
            "trace_id": format!("{:032x}", second + 1), "span_id": format!("{:016x}", 1)})
    };
    let mut logs = Vec::new();
    for second in 0..600 {
        if second % 2 == 0 {
            logs.push(log(second, "bank", 9, format!("paid order {second}")));
            logs.push(log(second, "cart", 9, format!("read cart {second}")));
        }
        if (100..200).contains(&second) {
            logs.push(log(second, "bank", 17, format!("pool 7 exhausted after {second} ms")));
        }
    }
    let found = cause_of(&traffic(USUAL), &logs).await;
    assert_eq!(ranks(&found), ["bank"]);
    let message = &found.messages[0];
    assert_eq!(message.message.as_deref(), Some("pool <n> exhausted after <n> ms"));
    assert_eq!((message.is_error, message.window.samples, message.base.samples), (true, 150, 250));
    assert_eq!((message.window.value, message.base.value), (100.0 / 150.0, 0.0));
    let example = message.example.as_ref().expect("an example");
    assert_eq!(example.message.as_deref(), Some("pool 7 exhausted after 100 ms"));
    assert_eq!(example.trace_id, format!("{:032x}", 101));
}

#[tokio::test]
async fn a_search_selects_the_traces_and_too_many_spans_are_sampled() {
    let (_directory, store) = store().await;
    append(&store, Signal::Spans, &traffic(Request { cart_ms: 200, ..USUAL })).await;
    let query = engine(&store).begin("test", None).await.expect("admitted");
    let filter = SpanFilter { service: Some("nobody".to_owned()), ..SpanFilter::default() };
    let found = read(&query, periods(), Some(&Matching::Spans(filter, None))).await.expect("compared");
    assert_eq!((found.window.traces, found.services.len(), found.notes.len()), (0, 0, 2));

    let mut writer = Writer { rows: Vec::new(), trace: 0, next: 0 };
    for nth in 0..6_000 {
        writer.request(nth * SECOND / 10, nth % 5, USUAL);
    }
    append(&store, Signal::Spans, &writer.rows).await;
    let query = engine(&store).begin("test", None).await.expect("admitted");
    let found = read(&query, periods(), None).await.expect("compared");
    assert!(found.traces_one_in > 1, "{}", found.traces_one_in);
    assert!(found.notes[0].contains("traces was looked at"), "{:?}", found.notes);
    let all = (found.window.traces + found.base.traces) * found.traces_one_in;
    assert!((4_000..9_000).contains(&all), "the sample stands for {all} traces");
}

#[tokio::test]
async fn data_of_other_days_does_not_change_the_baseline() {
    let spans = traffic(Request { bank_way_ms: 60, ..USUAL });
    let day = 86_400 * SECOND;
    let older = json!({"trace_id": format!("{:032x}", u64::MAX), "span_id": "00000000000000ff", "service": "gate",
        "name": "GET /", "kind": "SERVER", "start_time_unix_nano": -30 * day, "duration_ns": MS});
    let (_directory, store) = store().await;
    append(&store, Signal::Spans, &spans).await;
    append(&store, Signal::Spans, std::slice::from_ref(&older)).await;
    let (engine, wide) = (engine(&store), Periods { base_from: -day, base_to: day, ..periods() });
    let query = engine.begin("test", None).await.expect("admitted");
    let found = read(&query, wide, None).await.expect("causes");
    let alone = cause_of(&spans, &[]).await;
    assert_eq!((json!(found.base), json!(found.services)), (json!(alone.base), json!(alone.services)));
    assert!(!found.services.is_empty());
}
