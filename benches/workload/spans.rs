//! Traces as OTLP, in the order in which their spans end: that is when exporters get them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

use super::facts::{SpanFacts, SpanKey, SpanSeen};
use super::landscape::{Landscape, OPERATION_COUNT, int, pair, text, trace_id, user_id, user_of_trace};
use super::random::{Random, hex, ip, uuid};
use super::requests::{BATCH, Group, Request, Row, group};
use super::span_attributes::{TraceContext, has_user, name_and_attributes};
use super::trees::{self, Node, Work};
use super::{Plan, VALUES};

const SAMPLED: u64 = 0x101;

/// The whole workload of one plan, a request at a time.
pub(crate) struct Spans<'a> {
    plan: Plan,
    landscape: &'a Landscape,
    random: Random,
    facts: SpanFacts,
    /// Spans of the traces made so far.
    made: u64,
    traces: u64,
    /// Made, but something that ends earlier may yet come.
    waiting: BinaryHeap<Reverse<Waiting>>,
}

/// A span that waits for its turn: by end, then by number.
struct Waiting {
    end: u64,
    nth: u64,
    row: Row<Span>,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.nth == other.nth
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.end, self.nth).cmp(&(other.end, other.nth))
    }
}

/// All requests of a plan, and the facts about them.
pub(crate) fn spans(plan: Plan, landscape: &Landscape) -> (Vec<Request>, SpanFacts) {
    let mut spans = Spans {
        plan,
        landscape,
        random: Random::new(plan.seed),
        facts: SpanFacts::new(plan, landscape),
        made: 0,
        traces: 0,
        waiting: BinaryHeap::new(),
    };
    let requests = std::iter::from_fn(|| spans.next_request()).collect();
    (requests, spans.facts)
}

impl Spans<'_> {
    fn next_request(&mut self) -> Option<Request> {
        let rows: Vec<Row<Span>> = std::iter::from_fn(|| self.next_row()).take(BATCH).collect();
        let count = rows.len();
        let last = rows.last().map(|row| &row.item);
        self.facts.last = last.map(key_of).or_else(|| self.facts.last.take());
        let resource_spans = group(rows).into_iter().map(|group| resource_spans(self.landscape, group)).collect();
        (count > 0).then(|| Request::of(&ExportTraceServiceRequest { resource_spans }, count))
    }

    fn next_row(&mut self) -> Option<Row<Span>> {
        // The next one may go when no later trace can have one that ends before.
        while self.made < self.plan.items {
            let begin = self.plan.time_of(self.made);
            if self.waiting.peek().is_some_and(|Reverse(next)| next.end <= begin) {
                break;
            }
            self.make_trace(begin);
        }
        self.waiting.pop().map(|Reverse(next)| next.row)
    }

    fn make_trace(&mut self, begin: u64) {
        let size = trees::size(&mut self.random).min(self.plan.items - self.made);
        let nodes = trees::grow(self.landscape, &mut self.random, begin, size);
        let nth = self.traces;
        let user = user_of_trace(self.plan.seed, nth);
        let context = TraceContext {
            trace_id: trace_id(self.plan.seed, nth),
            user,
            user_id: user_id(user),
            session: hex(&self.random.bits().to_be_bytes()),
            client: ip(&mut self.random),
            agent: self.random.index(self.landscape.agents.len()),
        };
        let span_ids: Vec<[u8; 8]> = nodes.iter().map(|_| (self.random.bits() | 1).to_be_bytes()).collect();
        let mut seen = Vec::with_capacity(nodes.len());
        for (node, span_id) in nodes.iter().zip(&span_ids) {
            let parent = node.parent.map_or_else(Vec::new, |parent| span_ids[parent].to_vec());
            let row = self.row(node, *span_id, parent, &context);
            seen.push(seen_of(node, *span_id, &context));
            self.waiting.push(Reverse(Waiting { end: node.end, nth: self.made, row }));
            self.made += 1;
        }
        // A trace has 27 spans on average.
        let sample_every = (self.plan.items / 27 / (2 * VALUES as u64)).max(1);
        self.facts.count(&seen, nth.is_multiple_of(sample_every));
        self.traces += 1;
    }

    fn row(&mut self, node: &Node, span_id: [u8; 8], parent_span_id: Vec<u8>, context: &TraceContext) -> Row<Span> {
        let (name, mut attributes) = name_and_attributes(self.landscape, node, context, &mut self.random);
        if node.is_error && !node.work.is_http() {
            attributes.push(pair("error.type", text("energy.volta.GridFault")));
        }
        let events = if node.is_error && node.work != Work::Client {
            vec![self.exception(node)]
        } else if self.random.chance(0.05) {
            vec![self.event(node)]
        } else {
            Vec::new()
        };
        let span = Span {
            trace_id: context.trace_id.to_vec(),
            span_id: span_id.to_vec(),
            parent_span_id,
            flags: SAMPLED as u32,
            name,
            kind: kind(node.work) as i32,
            start_time_unix_nano: node.start,
            end_time_unix_nano: node.end,
            attributes,
            events,
            status: status(node),
            ..Default::default()
        };
        Row {
            service: node.service,
            pod: node.pod,
            scope: format!("volta.instrumentation.{}", scope(node.work)),
            item: span,
        }
    }

    fn exception(&mut self, node: &Node) -> Event {
        let (landscape, random) = (self.landscape, &mut self.random);
        let service = &landscape.services[node.service];
        let noun = service.noun;
        let (class, message) = match random.below(4) {
            0 => ("energy.volta.GridFault", format!("{noun} {} did not answer", random.below(900_000))),
            1 => {
                ("java.util.concurrent.TimeoutException", format!("no answer within {} ms", random.between(900, 9_000)))
            }
            2 => ("java.lang.IllegalStateException", format!("{noun} is {} already", landscape.word(random))),
            _ => ("energy.volta.LeaseLost", format!("lease {} of {noun} was taken over", uuid(random))),
        };
        let mut trace = format!("{class}: {message}\n");
        for _ in 0..random.between(7, 18) {
            let operation = &service.operations[random.index(OPERATION_COUNT)];
            let (function, line) = (&operation.function, random.between(11, 870));
            trace.push_str(&format!("\tat energy.volta.{noun}.{function}({noun}.java:{line})\n"));
        }
        Event {
            time_unix_nano: node.end.saturating_sub(15_000).max(node.start),
            name: "exception".to_owned(),
            attributes: vec![
                pair("exception.type", text(class)),
                pair("exception.message", text(message)),
                pair("exception.stacktrace", text(trace)),
            ],
            ..Default::default()
        }
    }

    fn event(&mut self, node: &Node) -> Event {
        let random = &mut self.random;
        let name = *random.pick(&["cache.refill", "lock.granted", "flag.evaluated", "retry.planned"]);
        Event {
            time_unix_nano: node.start + (node.end - node.start) / 3,
            name: name.to_owned(),
            attributes: vec![
                pair("volta.object", text(format!("o/{}", random.below(100_000)))),
                pair("volta.attempt", int(random.below(4))),
            ],
            ..Default::default()
        }
    }
}

fn key_of(span: &Span) -> SpanKey {
    SpanKey {
        start: span.start_time_unix_nano,
        trace_id: span.trace_id.as_slice().try_into().expect("16 bytes were written"),
        span_id: span.span_id.as_slice().try_into().expect("8 bytes were written"),
    }
}

fn seen_of(node: &Node, span_id: [u8; 8], context: &TraceContext) -> SpanSeen {
    SpanSeen {
        key: SpanKey { start: node.start, trace_id: context.trace_id, span_id },
        service: node.service,
        duration: node.end - node.start,
        is_served: matches!(node.work, Work::Server | Work::Receive),
        is_error: node.is_error,
        http_status: node.work.is_http().then_some(node.http_status),
        user: has_user(node.work).then_some(context.user),
    }
}

fn resource_spans(landscape: &Landscape, group: Group<Span>) -> ResourceSpans {
    let scope_spans = group.scopes.into_iter();
    ResourceSpans {
        resource: Some(landscape.resource(group.service, group.pod).clone()),
        scope_spans: scope_spans
            .map(|(scope, spans)| ScopeSpans { scope: Some(scope), spans, ..Default::default() })
            .collect(),
        ..Default::default()
    }
}

fn kind(work: Work) -> SpanKind {
    match work {
        Work::Server => SpanKind::Server,
        Work::Client | Work::Query | Work::Cache => SpanKind::Client,
        Work::Send => SpanKind::Producer,
        Work::Receive => SpanKind::Consumer,
        Work::Internal => SpanKind::Internal,
    }
}

fn scope(work: Work) -> &'static str {
    match work {
        Work::Server | Work::Internal => "http-server",
        Work::Client => "http-client",
        Work::Query | Work::Cache => "database",
        Work::Send | Work::Receive => "messaging",
    }
}

fn status(node: &Node) -> Option<Status> {
    if node.is_error {
        let message = match node.work.is_http() {
            true => format!("answered {}", node.http_status),
            false => "operation did not succeed".to_owned(),
        };
        return Some(Status { code: StatusCode::Error as i32, message });
    }
    let code = if node.work == Work::Receive { StatusCode::Ok } else { StatusCode::Unset };
    Some(Status { code: code as i32, message: String::new() })
}
