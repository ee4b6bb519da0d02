use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proto::Signal;
use serde_json::{Value as Json, json};

use super::calls::{Callee, Edge};
use super::tally::{CallTally, ChatTally};
use super::*;
use crate::map::PerTrace;
use crate::map::spans::{CallText, Kind, Span};
use crate::map::trace_stream::Trace;
use crate::outcome::Outcome;
use crate::test_data::{append, engine, store};

/// What the naive count knows of an edge or a root operation.
#[derive(Debug, Default, PartialEq, Eq)]
struct Naive {
    per_request: BTreeMap<u64, u64>,
    n_plus_one: (u64, u64),
    repeated: (u64, u64),
    identical: u64,
    sequential_calls: u64,
    sequential_ns: i64,
    request_ns: i64,
}

impl Naive {
    fn of(tally: &CallTally) -> Self {
        Self {
            per_request: tally.per_request.clone(),
            n_plus_one: (tally.n_plus_one.groups, tally.n_plus_one.calls),
            repeated: (tally.repeated.groups, tally.repeated.calls),
            identical: tally.identical,
            sequential_calls: tally.sequential_calls,
            sequential_ns: tally.sequential_ns,
            request_ns: tally.request_ns,
        }
    }
}

struct NaiveCall {
    edge: Edge,
    name: u32,
    parameters: Option<u64>,
    request: usize,
    maker: Option<usize>,
    start: i64,
    end: i64,
}

fn parent_of(trace: &Trace, nth: usize) -> Option<usize> {
    let id = trace.spans[nth].parent_span_id;
    trace.spans.iter().position(|span| id != 0 && span.span_id == id)
}

/// The span that `nth` is the called side of a call of.
fn caller_of(trace: &Trace, nth: usize) -> Option<usize> {
    parent_of(trace, nth).filter(|parent| {
        let (parent, span) = (&trace.spans[*parent], &trace.spans[nth]);
        let sides =
            matches!(parent.kind, Kind::Client | Kind::Producer) && matches!(span.kind, Kind::Server | Kind::Consumer);
        parent.service != span.service || sides
    })
}

fn request_of(trace: &Trace, nth: usize) -> usize {
    match parent_of(trace, nth) {
        Some(parent) if caller_of(trace, nth).is_none() => request_of(trace, parent),
        _ => nth,
    }
}

fn children(trace: &Trace, nth: usize) -> impl Iterator<Item = usize> + '_ {
    (0..trace.spans.len()).filter(move |child| parent_of(trace, *child) == Some(nth))
}

fn is_answered(trace: &Trace, nth: usize) -> bool {
    children(trace, nth).any(|child| caller_of(trace, child) == Some(nth))
}

fn naive_calls(trace: &Trace) -> Vec<NaiveCall> {
    let mut calls: Vec<NaiveCall> = Vec::new();
    let is_client = |nth: usize| matches!(trace.spans[nth].kind, Kind::Client | Kind::Producer);
    let call = |seen_by: usize, side: usize, callee: Callee, name: u32| {
        let span = &trace.spans[seen_by];
        NaiveCall {
            edge: (trace.spans[side].service, callee),
            name,
            parameters: trace.calls[seen_by].parameters,
            request: request_of(trace, side),
            maker: parent_of(trace, seen_by),
            start: span.start,
            end: span.start + span.duration,
        }
    };
    for nth in 0..trace.spans.len() {
        let own = |child: &usize| is_client(*child) && trace.spans[*child].service == trace.spans[nth].service;
        if is_client(nth) && is_answered(trace, nth) {
            // One call of each service that answers, named as its first answer is.
            let mut answered = BTreeSet::new();
            for child in children(trace, nth).filter(|child| caller_of(trace, *child) == Some(nth)) {
                if answered.insert(trace.spans[child].service) {
                    let callee = Callee::Service(trace.spans[child].service);
                    calls.push(call(nth, nth, callee, trace.calls[child].name));
                }
            }
        } else if is_client(nth) {
            let wraps = children(trace, nth)
                .filter(own)
                .any(|child| is_answered(trace, child) || trace.spans[child].peer.is_some());
            match trace.spans[nth].peer {
                _ if wraps => {}
                Some(peer) => calls.push(call(nth, nth, Callee::Peer(peer), trace.calls[nth].name)),
                None if children(trace, nth).any(|child| own(&child)) => {}
                None => calls.push(call(nth, nth, Callee::Unnamed, trace.calls[nth].name)),
            }
        }
        if let Some(caller) = caller_of(trace, nth).filter(|caller| !is_client(*caller))
            && trace.spans[nth].kind != Kind::Consumer
        {
            calls.push(call(nth, caller, Callee::Service(trace.spans[nth].service), trace.calls[nth].name));
        }
    }
    calls
}

/// Calls below one parent that overlap no other, every pair compared.
fn naive_sequential<'a>(calls: &[&'a NaiveCall]) -> Vec<&'a NaiveCall> {
    let alone = |call: &&&NaiveCall| {
        calls.iter().filter(|other| !std::ptr::eq(**other, **call)).all(|other| {
            let (first, later) =
                if (call.start, call.end) <= (other.start, other.end) { (**call, *other) } else { (*other, **call) };
            later.start >= first.end
        })
    };
    let found: Vec<_> = calls.iter().filter(alone).copied().collect();
    if found.len() < 2 { Vec::new() } else { found }
}

/// Time within a span that any of the calls takes, instant by instant.
fn naive_time(trace: &Trace, within: usize, calls: &[&NaiveCall]) -> i64 {
    let span = &trace.spans[within];
    let instants = span.start..span.start + span.duration;
    instants.filter(|at| calls.iter().any(|call| (call.start..call.end).contains(at))).count() as i64
}

fn naive_findings(calls: &[&NaiveCall], naive: &mut Naive) {
    let makers: BTreeSet<(usize, u32)> = calls.iter().filter_map(|call| Some((call.maker?, call.name))).collect();
    for (maker, name) in makers {
        let group: Vec<_> = calls.iter().filter(|call| call.maker == Some(maker) && call.name == name).collect();
        if group.len() < REPEATED_MIN {
            continue;
        }
        let different: BTreeSet<u64> = group.iter().filter_map(|call| call.parameters).collect();
        let counts = if different.len() >= 2 { &mut naive.n_plus_one } else { &mut naive.repeated };
        counts.0 += 1;
        counts.1 += group.len() as u64;
    }
    for (nth, call) in calls.iter().enumerate().filter(|(_, call)| call.parameters.is_some()) {
        let is_same = |other: &&NaiveCall| other.name == call.name && other.parameters == call.parameters;
        naive.identical += u64::from(calls[..nth].iter().any(is_same));
    }
}

fn naive(traces: &[Trace]) -> (BTreeMap<Edge, Naive>, BTreeMap<(u32, u32), Naive>) {
    let (mut edges, mut roots) = (BTreeMap::<Edge, Naive>::new(), BTreeMap::<(u32, u32), Naive>::new());
    for trace in traces {
        let calls = naive_calls(trace);
        let keys: BTreeSet<(Edge, usize)> = calls.iter().map(|call| (call.edge, call.request)).collect();
        let root = (0..trace.spans.len())
            .filter(|nth| parent_of(trace, *nth).is_none())
            .min_by_key(|nth| (trace.spans[*nth].parent_span_id != 0, trace.spans[*nth].start, *nth))
            .expect("a root");
        let mut waits = Vec::new();
        let mut of_root = Naive::default();
        for (edge, request) in keys {
            let here: Vec<&NaiveCall> =
                calls.iter().filter(|call| (call.edge, call.request) == (edge, request)).collect();
            let makers: BTreeSet<usize> = here.iter().filter_map(|call| call.maker).collect();
            let sequential: Vec<&NaiveCall> = makers
                .into_iter()
                .flat_map(|maker| {
                    let below: Vec<_> = here.iter().filter(|call| call.maker == Some(maker)).copied().collect();
                    naive_sequential(&below)
                })
                .collect();
            let entry = edges.entry(edge).or_default();
            *entry.per_request.entry(here.len() as u64).or_default() += 1;
            naive_findings(&here, entry);
            naive_findings(&here, &mut of_root);
            entry.sequential_calls += sequential.len() as u64;
            entry.sequential_ns += naive_time(trace, request, &sequential);
            entry.request_ns += trace.spans[request].duration;
            waits.extend(sequential);
        }
        if calls.is_empty() {
            continue;
        }
        let entry = roots.entry((trace.spans[root].service, trace.calls[root].name)).or_default();
        *entry.per_request.entry(calls.len() as u64).or_default() += 1;
        entry.n_plus_one.0 += of_root.n_plus_one.0;
        entry.n_plus_one.1 += of_root.n_plus_one.1;
        entry.repeated.0 += of_root.repeated.0;
        entry.repeated.1 += of_root.repeated.1;
        entry.identical += of_root.identical;
        entry.sequential_calls += waits.len() as u64;
        entry.sequential_ns += naive_time(trace, root, &waits);
        entry.request_ns += trace.spans[root].duration;
    }
    (edges, roots)
}

/// A span from small numbers: parent among the earlier ones (or none), service, kind, start, duration, name, parameters.
type Drawn = (usize, u32, u8, i64, i64, u32, Option<u64>);

fn trace_of(id: u128, drawn: &[Drawn]) -> Trace {
    let mut trace = Trace { id, ..Trace::default() };
    for (nth, (parent, service, kind, start, duration, name, parameters)) in drawn.iter().enumerate() {
        let kind = [Kind::Client, Kind::Server, Kind::Other, Kind::Producer, Kind::Consumer, Kind::Client]
            [usize::from(*kind) % 6];
        let parent = if nth == 0 { 0 } else { (parent % (nth + 1)) as u64 };
        trace.spans.push(Span {
            span_id: nth as u64 + 1,
            parent_span_id: parent,
            start: *start,
            duration: *duration,
            service: *service,
            kind,
            outcome: Outcome::default(),
            peer: (kind == Kind::Client && name % 2 == 1).then_some(*name),
        });
        trace.calls.push(CallText { name: *name, parameters: *parameters });
    }
    trace
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn counts_are_those_of_a_naive_computation(
        traces in prop::collection::vec(
            prop::collection::vec(
                (0usize..4, 1u32..4, 0u8..6, 0i64..60, 0i64..12, 1u32..4, prop::option::of(0u64..4)), 1..40),
            1..4),
    ) {
        let traces: Vec<Trace> = traces.iter().enumerate().map(|(nth, drawn)| trace_of(nth as u128 + 1, drawn)).collect();
        let mut tally = ChatTally::default();
        traces.iter().for_each(|trace| tally.add(trace));
        let (edges, roots) = naive(&traces);
        let counted: BTreeMap<_, _> = tally.edges.iter().map(|(edge, calls)| (*edge, Naive::of(calls))).collect();
        prop_assert_eq!(counted, edges);
        let counted: BTreeMap<_, _> = tally.roots.iter().map(|(root, calls)| (*root, Naive::of(calls))).collect();
        prop_assert_eq!(counted, roots);
    }
}

/// Parents in a circle, a span that is its own parent, copies: nothing loops, and a copy is no second call.
#[test]
fn circles_end_and_copies_count_once() {
    let mut trace = trace_of(1, &[(0, 1, 1, 0, 50, 1, None), (1, 1, 0, 0, 5, 1, Some(1)), (2, 1, 2, 0, 5, 2, None)]);
    for _ in 0..3 {
        let (span, call) = (trace.spans[1], trace.calls[1]);
        trace.spans.push(span);
        trace.calls.push(call);
    }
    let mut tally = ChatTally::default();
    tally.add(&trace);
    let counts: Vec<_> = tally.edges.values().map(|calls| (calls.per_request.clone(), calls.identical)).collect();
    assert_eq!(counts, [(BTreeMap::from([(1, 1)]), 0)]);
    trace.spans[0].parent_span_id = 3;
    trace.spans[2].parent_span_id = 2;
    tally.add(&trace);
    trace.spans[2].parent_span_id = 3;
    tally.add(&trace);
    assert_eq!(tally.traces, 3);
}

fn span(id: u64, parent: u64, service: &str, kind: &str, start: i64, duration: i64, more: Json) -> Json {
    let mut row = json!({"trace_id": format!("{:032x}", 7), "span_id": format!("{id:016x}"), "name": "op", "service": service,
        "parent_span_id": (parent != 0).then(|| format!("{parent:016x}")), "kind": kind,
        "start_time_unix_nano": start, "duration_ns": duration});
    for (key, value) in more.as_object().expect("an object") {
        row[key] = value.clone();
    }
    row
}

/// A shop that asks the database six times in a row, and a payment service twice at once for the same.
#[tokio::test]
async fn a_loop_of_statements_is_found_with_its_share_of_the_time() {
    let (_directory, store) = store().await;
    let mut rows = vec![span(1, 0, "shop", "SERVER", 0, 1000, json!({"name": "GET /cart"}))];
    for nth in 0..6u64 {
        let statement = format!("SELECT * FROM items WHERE id = {nth}");
        let more =
            json!({"name": "SELECT items", "attr_db_system_name": "postgresql", "attr_db_query_text": statement});
        rows.push(span(10 + nth, 1, "shop", "CLIENT", 100 * nth as i64, 90, more));
    }
    for nth in 0..2u64 {
        let more = json!({"name": "POST", "attr_url_full": "http://pay/charge/1"});
        rows.push(span(20 + 2 * nth, 1, "shop", "CLIENT", 600, 200, more));
        rows.push(span(21 + 2 * nth, 20 + 2 * nth, "pay", "SERVER", 610, 150, json!({"name": "/charge"})));
    }
    append(&store, Signal::Spans, &rows).await;
    let engine = engine(&store);
    for life in ["memtable", "segment"] {
        let query = engine.begin("test", None).await.expect("admitted");
        let found = read(&query, &SpanFilter::default()).await.expect("counted");
        let [database, pay] = found.edges.as_slice() else { panic!("{life}: {:#?}", found.edges) };
        assert_eq!((database.callee.as_str(), database.calls.per_request.max), ("postgresql", 6), "{life}");
        assert_eq!(database.calls.sequential.time_ns, 540, "{life}");
        assert!((database.calls.sequential.share - 0.54).abs() < 1e-9, "{life}");
        let worst = database.calls.n_plus_one.as_ref().and_then(|found| found.worst.clone()).expect("N+1");
        assert_eq!(
            (worst.operation.as_str(), worst.span_id.as_str(), worst.calls),
            ("SELECT items", "0000000000000001", 6)
        );
        assert_eq!((pay.callee.as_str(), pay.calls.identical, pay.calls.sequential.calls), ("pay", 1, 0), "{life}");
        let root = &found.roots[0];
        assert_eq!((root.service.as_str(), root.name.as_str(), root.calls.calls), ("shop", "GET /cart", 8), "{life}");
        assert_eq!(root.calls.sequential.time_ns, 540, "{life}");
        store.flush(Signal::Spans).await.expect("flushed");
    }
}
