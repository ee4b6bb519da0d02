//! Random filter expressions of X-Ray over random traces: what is found is what X-Ray's terms mean. The lists of services
//! and entities on the way to a root cause are made here as X-Ray's API gives them, element by element.

use std::collections::BTreeSet;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRunner};

use super::answers::Reached;
use super::trace_answers::{filled, found, found_by_sql, traces_of};
use super::traces::{Span, TRACES, Trace, platform, spans};
use super::xray_expressions::{Expression, Filter, Of, expression};
use super::*;
use crate::search::place::Cause;

const SEARCHES: usize = 250;

/// A node of the map, or an element of a list on the way to a root cause.
struct Element<'a> {
    span: &'a Span,
    name: &'a str,
    is_inferred: bool,
    index: i64,
    is_last: bool,
    coverage: Option<f64>,
}

impl Filter {
    fn holds(&self, of: &Element<'_>) -> bool {
        let row = &of.span.row;
        match self {
            Filter::Outcome(name) => row.is(name),
            Filter::ResponseTime(op, ns) => op.holds(row.duration, *ns),
            Filter::Status(op, code) => row.code.is_some_and(|status| op.holds(status, *code)),
            Filter::Name(op, name) => match *op {
                "=" => of.name == *name,
                "!=" => of.name != *name,
                "CONTAINS" => of.name.contains(name),
                "BEGINSWITH" => of.name.starts_with(name),
                _ => of.name.ends_with(name),
            },
            Filter::Type(name) => has_type(of.span, of.is_inferred, name),
            Filter::Root => of.span.parent.is_none(),
            Filter::Inferred => of.is_inferred,
            Filter::First => of.index == 0,
            Filter::Last => of.is_last,
            Filter::Remote => matches!(row.kind, "CLIENT" | "PRODUCER"),
            Filter::Index(op, index) => op.holds(of.index, *index),
            // What there is not is not another one either, see docs/search.md.
            Filter::Coverage(op, share) => of.coverage.is_some_and(|coverage| op.holds(coverage, *share)),
            Filter::All(both) => both.iter().all(|one| one.holds(of)),
            Filter::Any(both) => both.iter().any(|one| one.holds(of)),
            Filter::Not(inner) => !inner.holds(of),
        }
    }

    fn contains(&self, is_it: &dyn Fn(&Filter) -> bool) -> bool {
        is_it(self)
            || match self {
                Filter::All(both) | Filter::Any(both) => both.iter().any(|one| one.contains(is_it)),
                Filter::Not(inner) => inner.contains(is_it),
                _ => false,
            }
    }
}

/// `c` runs on Lambda, and every callee is a host.
fn has_type(span: &Span, is_inferred: bool, name: &str) -> bool {
    match name {
        "AWS::Lambda::Function" => !is_inferred && platform(span.row.service) == Some("aws_lambda"),
        "remote" => is_inferred,
        _ => false,
    }
}

impl Expression {
    fn holds(&self, trace: &Trace<'_>) -> bool {
        match self {
            Expression::Outcome("throttle") => trace.spans.iter().any(|span| span.row.is("throttle")),
            Expression::Outcome(name) => trace.root().is_some_and(|root| root.row.is(name)),
            Expression::Partial => trace.is_partial(),
            Expression::Inferred => trace.spans.iter().any(|span| trace.is_inferred(span)),
            Expression::ResponseTime(op, ns) => trace.root().is_some_and(|root| op.holds(root.row.duration, *ns)),
            Expression::Duration(op, ns) => trace.root().is_some_and(|root| op.holds(trace.end() - root.start, *ns)),
            Expression::Status(op, code) => {
                trace.root().and_then(|root| root.row.code).is_some_and(|status| op.holds(status, *code))
            }
            Expression::Service { name, type_name, filter } => service_holds(trace, *name, *type_name, filter.as_ref()),
            Expression::Edge { from, to, filter } => {
                let asks_for_inferred =
                    filter.as_ref().is_some_and(|filter| filter.contains(&|one| matches!(one, Filter::Inferred)));
                trace.spans.iter().filter(|span| span.row.service == *from).any(|caller| {
                    let fits = |is_inferred| {
                        let element = Element { is_inferred, ..node(caller, from) };
                        filter.as_ref().is_none_or(|filter| filter.holds(&element))
                    };
                    let answered = trace.children(caller).any(|child| child.row.service == *to);
                    let unanswered = asks_for_inferred && trace.is_inferred(caller) && caller.callee == Some(*to);
                    (answered && fits(false)) || (unanswered && fits(true))
                })
            }
            Expression::RootCause { cause, of, filter } => {
                let list = match of {
                    Of::Services => services(trace, *cause),
                    Of::Entities => entities(trace, *cause),
                    Of::Exceptions => exceptions(trace, *cause),
                };
                list.iter().any(|element| filter.as_ref().is_none_or(|filter| filter.holds(element)))
            }
            Expression::All(both) => both.iter().all(|one| one.holds(trace)),
            Expression::Any(both) => both.iter().any(|one| one.holds(trace)),
            Expression::Not(inner) => !inner.holds(trace),
        }
    }

    fn constructs(&self, found: &mut BTreeSet<String>) {
        let name = match self {
            Expression::RootCause { cause, of, .. } => format!("{} {}", cause.text(), of.text()),
            Expression::Service { type_name: Some(_), .. } => "Type of a service".to_owned(),
            other => first_word(&format!("{other:?}")),
        };
        found.insert(name);
        match self {
            Expression::Service { filter: Some(filter), .. } => filter_constructs("node", filter, found),
            Expression::Edge { filter: Some(filter), .. } => filter_constructs("edge", filter, found),
            Expression::RootCause { of, filter: Some(filter), .. } => filter_constructs(of.text(), filter, found),
            Expression::All(both) | Expression::Any(both) => both.iter().for_each(|one| one.constructs(found)),
            Expression::Not(inner) => inner.constructs(found),
            _ => {}
        }
    }
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric()).collect()
}

fn filter_constructs(of: &str, filter: &Filter, found: &mut BTreeSet<String>) {
    found.insert(format!("{of} {}", first_word(&format!("{filter:?}"))));
    match filter {
        Filter::All(both) | Filter::Any(both) => both.iter().for_each(|one| filter_constructs(of, one, found)),
        Filter::Not(inner) => filter_constructs(of, inner, found),
        _ => {}
    }
}

fn node<'a>(span: &'a Span, name: &'a str) -> Element<'a> {
    Element { span, name, is_inferred: false, index: 0, is_last: false, coverage: None }
}

fn service_holds(trace: &Trace<'_>, name: Option<&str>, type_name: Option<&str>, filter: Option<&Filter>) -> bool {
    let says = |is_it: &dyn Fn(&Filter) -> bool| filter.is_some_and(|filter| filter.contains(is_it));
    // How a service answers is said by the spans in which it does.
    let of_answers = says(&|one| matches!(one, Filter::Outcome(_) | Filter::ResponseTime(..) | Filter::Status(..)));
    let asks_for_inferred = type_name.is_some() || says(&|one| matches!(one, Filter::Inferred | Filter::Type(_)));
    let fits = |element: &Element<'_>| {
        name.is_none_or(|name| element.name == name)
            && type_name.is_none_or(|name| has_type(element.span, element.is_inferred, name))
            && filter.is_none_or(|filter| filter.holds(element))
    };
    trace.spans.iter().any(|span| {
        let answers = !of_answers || matches!(span.row.kind, "SERVER" | "CONSUMER");
        let sends = answers && fits(&node(span, span.row.service));
        let inferred = asks_for_inferred
            && trace.is_inferred(span)
            && fits(&Element { is_inferred: true, ..node(span, span.callee.unwrap_or_default()) });
        sends || inferred
    })
}

/// The spans on the ways to the root causes.
fn entities<'a>(trace: &Trace<'a>, cause: Cause) -> Vec<Element<'a>> {
    let mut list = Vec::new();
    for way in trace.ways(cause) {
        for (index, span) in way.iter().enumerate() {
            let name = span.row.text.unwrap_or_default();
            let (index, is_last) = (index as i64, index + 1 == way.len());
            list.push(Element { index, is_last, coverage: trace.coverage(span), ..node(span, name) });
        }
    }
    list
}

/// The exceptions of those spans.
fn exceptions<'a>(trace: &Trace<'a>, cause: Cause) -> Vec<Element<'a>> {
    let named = |entity: Element<'a>| Some(Element { name: entity.span.row.exception?, ..entity });
    entities(trace, cause).into_iter().filter_map(named).collect()
}

/// The services on the ways, each by each of its spans there; behind the last the one that sends no spans.
fn services<'a>(trace: &Trace<'a>, cause: Cause) -> Vec<Element<'a>> {
    let mut list: Vec<Element<'a>> = Vec::new();
    for way in trace.ways(cause) {
        let end = way[way.len() - 1];
        let last = Trace::hops(&way) + i64::from(trace.is_inferred(end));
        for nth in 0..way.len() {
            let index = Trace::hops(&way[..=nth]);
            list.push(Element { index, is_last: index == last, ..node(way[nth], way[nth].row.service) });
        }
        if trace.is_inferred(end) {
            let name = end.callee.unwrap_or_default();
            list.push(Element { index: last, is_last: true, is_inferred: true, ..node(end, name) });
        }
    }
    // A service is the last one when it is on any of the ways that lead through it.
    let last: BTreeSet<u64> =
        list.iter().filter(|one| one.is_last && !one.is_inferred).map(|one| one.span.id).collect();
    list.iter_mut().filter(|one| !one.is_inferred).for_each(|one| one.is_last = last.contains(&one.span.id));
    list
}

const CONSTRUCTS: &[&str] = &[
    "Outcome",
    "Partial",
    "Inferred",
    "ResponseTime",
    "Duration",
    "Status",
    "Service",
    "Type of a service",
    "Edge",
    "All",
    "Any",
    "Not",
    "time service",
    "time entity",
    "error service",
    "error entity",
    "error exception",
    "fault service",
    "fault entity",
    "fault exception",
    "exception Name",
    "exception First",
    "exception Last",
    "exception Index",
    "node Outcome",
    "node ResponseTime",
    "node Status",
    "node Name",
    "node Type",
    "node Root",
    "node Inferred",
    "node All",
    "node Any",
    "node Not",
    "edge Outcome",
    "edge ResponseTime",
    "edge Status",
    "edge Inferred",
    "service Outcome",
    "service Name",
    "service Type",
    "service Inferred",
    "service First",
    "service Last",
    "service Index",
    "entity Outcome",
    "entity Name",
    "entity Remote",
    "entity First",
    "entity Last",
    "entity Index",
    "entity Coverage",
];

#[test]
fn expressions_of_x_ray_find_what_x_ray_means() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let all = spans().new_tree(&mut runner).expect("spans").current();
    let (_directory, _store, engine) = runtime.block_on(filled(&all));
    let traces = traces_of(&all);
    let mut told_apart = 0;
    let mut reached = Reached::default();
    for nth in 0..SEARCHES * 6 {
        let expression = expression().new_tree(&mut runner).expect("an expression").current();
        let mut constructs = BTreeSet::new();
        expression.constructs(&mut constructs);
        let is_new = reached.is_new(&constructs);
        if nth >= SEARCHES && !is_new {
            continue;
        }
        // Some are words too: what nobody else writes makes all of it an expression.
        let text = format!("({expression}) AND !service(\"nobody\")");
        let (TraceSearchText::Whole(_), true) = parse_traces(&text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
        else {
            panic!("{text} is an expression");
        };
        let expected: BTreeSet<u64> =
            traces.iter().filter(|(_, trace)| expression.holds(trace)).map(|(id, _)| *id).collect();
        told_apart += usize::from(!expected.is_empty() && expected.len() < TRACES as usize);
        let meaning = explain(Signal::Spans, &text, TimeRange::default()).expect(&text).canonical;
        let asked = if nth % 4 == 0 { &meaning } else { &text };
        assert_eq!(runtime.block_on(found(&engine, asked)), expected, "{text}\n{meaning}\n{all:#?}");
        // A recursive statement takes its time.
        let by_sql = nth % 10 == 0 || is_new;
        reached.add(constructs, by_sql);
        if by_sql {
            let found = runtime.block_on(found_by_sql(&engine, &text));
            assert_eq!(found, expected, "SQL of {text}\n{meaning}\n{all:#?}");
        }
    }
    assert!(told_apart > SEARCHES / 4, "only {told_apart} expressions told traces apart");
    reached.assert_all(CONSTRUCTS.iter().copied());
}
