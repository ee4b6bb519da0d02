//! Random traces, and random conditions on them with what they mean by definition.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proto::Signal;
use serde_json::{Value as Json, json};

use super::meaning::holds;
use super::rows::{CODES, EXCEPTIONS, KINDS, Row, events};
use crate::search::place::{Cause, Place, place};
use crate::search::syntax::{Comparison, Condition, Leaf, Test, Tree, Value};
use crate::search::trace_syntax::{Relation, TraceLeaf};

pub(super) const TRACES: u64 = 24;

/// A span of trace `trace`; ids count from 1, and a parent has a smaller one or is missing.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) trace: u64,
    pub(super) id: u64,
    pub(super) parent: Option<u64>,
    pub(super) start: i64,
    /// Whom it names as the one that it calls.
    pub(super) callee: Option<&'static str>,
    pub(super) row: Row,
}

/// The platform of a service.
pub(super) fn platform(service: &str) -> Option<&'static str> {
    (service == "c").then_some("aws_lambda")
}

pub(super) fn span_json(span: &Span) -> Json {
    let resource = platform(span.row.service).map_or(json!({}), |platform| json!({"cloud.platform": platform}));
    json!({"trace_id": format!("{:032x}", span.trace), "span_id": format!("{:016x}", span.id),
        "parent_span_id": span.parent.map(|parent| format!("{parent:016x}")), "start_time_unix_nano": span.start,
        "duration_ns": span.row.duration, "service": span.row.service, "name": span.row.text, "status": span.row.status,
        "kind": span.row.kind, "attr_http_response_status_code": span.row.code, "attr_server_address": span.callee,
        "resource": resource.to_string(), "events": events(&span.row)})
}

pub(super) fn spans() -> impl Strategy<Value = Vec<Span>> {
    let select = prop::sample::select::<&'static str>;
    let one = (
        (0..9u64, 0..4i64, 0..50i64),
        select(&["a", "b", "c"][..]),
        select(&["UNSET", "UNSET", "OK", "ERROR"][..]),
        select(&KINDS[..]),
        select(&["work", "rest"][..]),
        prop::option::of(Just("db")),
        prop::option::weighted(0.3, prop::sample::select(&CODES[..])),
        prop::option::weighted(0.3, prop::sample::select(&EXCEPTIONS[..])),
    );
    let trace = prop::collection::vec(one, 1..8);
    prop::collection::vec(trace, TRACES as usize).prop_map(|traces| {
        let mut spans = Vec::new();
        for (trace, ones) in traces.into_iter().enumerate() {
            for (nth, one) in ones.into_iter().enumerate() {
                let ((parent, start, duration), service, status, kind, name, callee, code, exception) = one;
                let id = nth as u64 + 1;
                let parent = match parent {
                    // Nobody has sent it.
                    0 => Some(99),
                    _ if nth == 0 => None,
                    1 => None,
                    other => Some(other % id.max(2).saturating_sub(1).max(1) + 1).filter(|parent| *parent < id),
                };
                let row = Row {
                    service,
                    text: Some(name),
                    status,
                    status_message: None,
                    duration,
                    severity: 0,
                    k: None,
                    k_of_resource: None,
                    code,
                    kind,
                    scope: None,
                    exception,
                    span_id: id,
                };
                // Starts differ within a trace: the root is the earliest of those without a parent.
                let start = start * 10 + nth as i64;
                spans.push(Span { trace: trace as u64 + 1, id, parent, start, callee, row });
            }
        }
        spans
    })
}

fn of_span() -> impl Strategy<Value = String> {
    let of_columns = prop::sample::select(
        &[
            "service:a",
            "service:b",
            "service:c",
            "status:error",
            "service:a status:error",
            "service:(b OR c)",
            "-service:a",
            "duration>=2ns",
            "",
        ][..],
    );
    let comparison = prop::sample::select(&[">", ">=", "<", "<=", "=", "!="][..]);
    let cause = prop::sample::select(&["time", "error", "fault"][..]);
    let of_place = prop_oneof![
        1 => (comparison.clone(), 0..3).prop_map(|(op, n)| format!("span.depth{op}{n}")),
        1 => (comparison.clone(), 0..3).prop_map(|(op, n)| format!("span.hop{op}{n}")),
        1 => (comparison, 0..15).prop_map(|(op, tenths)| format!("span.coverage{op}{}", f64::from(tenths) / 10.0)),
        1 => Just("span.inferred:true".to_owned()),
        3 => (prop::sample::select(&["path", "cause", "cause_service"][..]), cause)
            .prop_map(|(what, cause)| format!("span.{what}:{cause}")),
    ];
    prop_oneof![
        4 => of_columns.clone().prop_map(str::to_owned),
        1 => of_place.clone(),
        1 => (of_columns.clone(), of_place.clone()).prop_map(|(a, b)| format!("{a} {b}")),
        1 => (of_columns, of_place).prop_filter("an OR needs two", |(a, _)| !a.is_empty()).prop_map(|(a, b)| format!("({a}) OR -{b}")),
    ]
}

pub(super) fn condition() -> BoxedStrategy<String> {
    let comparison = prop::sample::select(&[">", ">=", "<", "<=", "=", "!="][..]);
    let relation = prop::sample::select(&["=>", "->"][..]);
    let leaf = prop_oneof![
        3 => of_span().prop_map(|a| format!("{{{a}}}")),
        2 => (of_span(), relation.clone(), of_span()).prop_map(|(a, how, b)| format!("{{{a}}} {how} {{{b}}}")),
        1 => (of_span(), relation.clone(), of_span(), relation, of_span())
            .prop_map(|(a, how, b, how_too, c)| format!("({{{a}}} {how} {{{b}}} {how_too} {{{c}}})")),
        2 => (of_span(), comparison.clone(), 0..4i32).prop_map(|(a, op, n)| format!("count({{{a}}}){op}{n}")),
        1 => of_span().prop_map(|a| format!("root{{{a}}}")),
        1 => Just("logs{needle}".to_owned()),
        1 => (prop::sample::select(&["spans", "services", "errors"][..]), comparison.clone(), 0..5i32)
            .prop_map(|(figure, op, n)| format!("trace.{figure}{op}{n}")),
        1 => (prop::sample::select(&["duration", "root_to_end"][..]), comparison, 0..100i64)
            .prop_map(|(figure, op, ns)| format!("trace.{figure}{op}{ns}ns")),
        1 => Just("trace.partial:true".to_owned()),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|a| format!("-({a})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) ({b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a} OR {b})")),
        ]
    })
    .boxed()
}

/// A trace, looked at span by span and nanosecond by nanosecond.
pub(super) struct Trace<'a> {
    pub(super) spans: Vec<&'a Span>,
    pub(super) has_needle: bool,
}

impl<'a> Trace<'a> {
    pub(super) fn root(&self) -> Option<&'a Span> {
        self.spans.iter().copied().filter(|span| span.parent.is_none()).min_by_key(|span| span.start)
    }

    pub(super) fn end(&self) -> i64 {
        self.spans.iter().map(|span| span.start + span.row.duration).max().expect("spans")
    }

    pub(super) fn parent(&self, span: &Span) -> Option<&'a Span> {
        self.spans.iter().copied().find(|other| Some(other.id) == span.parent)
    }

    pub(super) fn children<'s>(&'s self, span: &Span) -> impl Iterator<Item = &'a Span> + use<'a, 's> {
        let id = span.id;
        self.spans.iter().copied().filter(move |other| other.parent == Some(id))
    }

    /// From the top down to the span.
    pub(super) fn way_to(&self, span: &'a Span) -> Vec<&'a Span> {
        let mut way = vec![span];
        while let Some(parent) = self.parent(way[way.len() - 1]) {
            way.push(parent);
        }
        way.reverse();
        way
    }

    /// The ways to all root causes.
    pub(super) fn ways(&self, cause: Cause) -> Vec<Vec<&'a Span>> {
        let name = match cause {
            Cause::Time => return self.root().map(|root| self.slowest_way(root)).into_iter().collect(),
            Cause::Error => "error",
            Cause::Fault => "fault",
        };
        let failed: Vec<&Span> = self.spans.iter().copied().filter(|span| span.row.is(name)).collect();
        let ways = failed.iter().map(|span| self.way_to(span));
        let is_last = |way: &Vec<&Span>| {
            let end = way[way.len() - 1].id;
            failed.iter().all(|other| other.id == end || self.way_to(other).iter().all(|above| above.id != end))
        };
        ways.filter(is_last).collect()
    }

    fn slowest_way(&self, root: &'a Span) -> Vec<&'a Span> {
        let runs = |span: &Span, at: i64| (span.start..span.start + span.row.duration).contains(&at);
        let mut way = vec![root];
        loop {
            let at = way[way.len() - 1];
            let ticks = at.start..at.start + at.row.duration;
            let own = ticks.clone().filter(|tick| !self.children(at).any(|child| runs(child, *tick))).count();
            let took = |child: &&Span| ticks.clone().filter(|tick| runs(child, *tick)).count();
            let slowest = self.children(at).max_by_key(|child| (took(child), -child.start));
            match slowest.filter(|child| took(child) > own) {
                Some(child) => way.push(child),
                None => return way,
            }
        }
    }

    pub(super) fn is_inferred(&self, span: &Span) -> bool {
        let stays = |child: &Span| child.row.service == span.row.service && child.row.kind == "INTERNAL";
        matches!(span.row.kind, "CLIENT" | "PRODUCER") && span.callee.is_some() && self.children(span).all(stays)
    }

    pub(super) fn hops(way: &[&Span]) -> i64 {
        way.windows(2).filter(|two| two[0].row.service != two[1].row.service).count() as i64
    }

    pub(super) fn coverage(&self, span: &Span) -> Option<f64> {
        let whole = self.root()?.row.duration;
        (whole > 0).then(|| span.row.duration as f64 / whole as f64)
    }

    fn stands(&self, place: &Place, span: &'a Span) -> bool {
        let way = self.way_to(span);
        let within = |way: &Vec<&Span>| way.iter().any(|other| other.id == span.id);
        match *place {
            Place::Depth(op, number) => op.holds(way.len() as i64 - 1, number),
            Place::Hop(op, number) => op.holds(Self::hops(&way), number),
            Place::Coverage(op, number) => self.coverage(span).is_some_and(|coverage| op.holds(coverage, number)),
            Place::Inferred => self.is_inferred(span),
            Place::Path(cause) => self.ways(cause).iter().any(within),
            Place::Cause(cause) => self.ways(cause).iter().any(|way| way[way.len() - 1].id == span.id),
            Place::CauseService(cause) => self.ways(cause).iter().any(|to_cause| {
                let end = to_cause[to_cause.len() - 1];
                within(to_cause) && !self.is_inferred(end) && Self::hops(&way) == Self::hops(to_cause)
            }),
        }
    }

    fn is(&self, condition: &Condition, span: &'a Span) -> bool {
        condition.holds(&mut |leaf| {
            if let Leaf::Field(test) = leaf
                && let Some(place) = place(test)
            {
                return self.stands(&place.expect("a place"), span);
            }
            holds(Signal::Spans, &Tree::Leaf(leaf.clone()), &span.row)
        })
    }

    /// What the language says, by definition.
    pub(super) fn holds(&self, leaf: &TraceLeaf) -> bool {
        match leaf {
            TraceLeaf::Some(condition) => self.spans.iter().any(|span| self.is(condition, span)),
            TraceLeaf::Count { of, op, number } => {
                op.holds(self.spans.iter().filter(|span| self.is(of, span)).count() as i64, *number)
            }
            TraceLeaf::Root(condition) => self.root().is_some_and(|root| self.is(condition, root)),
            TraceLeaf::Logs(_) => self.has_needle,
            TraceLeaf::Related { first, rest } => {
                let mut here: Vec<u64> =
                    self.spans.iter().filter(|span| self.is(first, span)).map(|span| span.id).collect();
                for (relation, condition) in rest {
                    let is_below = |span: &&&'a Span| {
                        let way = self.way_to(span);
                        let above = &way[..way.len() - 1];
                        match relation {
                            Relation::Child => above.last().is_some_and(|parent| here.contains(&parent.id)),
                            Relation::Descendant => above.iter().any(|span| here.contains(&span.id)),
                        }
                    };
                    let below: Vec<&&Span> = self.spans.iter().filter(is_below).collect();
                    here = below.into_iter().filter(|span| self.is(condition, span)).map(|span| span.id).collect();
                }
                !here.is_empty()
            }
            TraceLeaf::Figure(field) if field.key == "trace.partial" => self.is_partial(),
            TraceLeaf::Figure(field) => {
                let (op, text) = match &field.test {
                    Test::Compare(op, Value::Bare(text)) => (*op, text),
                    Test::Is(Value::Bare(text)) => (Comparison::Equal, text),
                    other => panic!("{other:?}"),
                };
                let wanted: i64 = text.trim_end_matches("ns").parse().expect("a number");
                self.figure(&field.key).is_some_and(|figure| op.holds(figure, wanted))
            }
        }
    }

    pub(super) fn is_partial(&self) -> bool {
        let unknown = |span: &&&Span| span.parent.is_some() && self.parent(span).is_none();
        self.spans.iter().any(|span| unknown(&span) || span.row.duration < 0)
    }

    fn figure(&self, key: &str) -> Option<i64> {
        Some(match key {
            "trace.spans" => self.spans.len() as i64,
            "trace.services" => self.spans.iter().map(|span| span.row.service).collect::<BTreeSet<_>>().len() as i64,
            "trace.errors" => self.spans.iter().filter(|span| span.row.status == "ERROR").count() as i64,
            "trace.duration" => self.end() - self.spans.iter().map(|span| span.start).min()?,
            _ => self.end() - self.root()?.start,
        })
    }
}
