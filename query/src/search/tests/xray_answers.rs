//! Random filter expressions of X-Ray over random traces: what is found is what X-Ray's terms mean. The lists of services
//! and entities on the way to a root cause are made here as X-Ray's API gives them, element by element.

use std::collections::BTreeSet;
use std::fmt::{self, Display};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

use super::answers::Reached;
use super::trace_answers::{filled, found, found_by_sql, traces_of};
use super::traces::{Span, TRACES, Trace, platform, spans};
use super::*;
use crate::search::place::Cause;
use crate::search::syntax::Comparison;

const SEARCHES: usize = 250;

#[derive(Clone, Debug)]
enum Filter {
    Outcome(&'static str),
    ResponseTime(Comparison, i64),
    Status(Comparison, i64),
    Name(&'static str, &'static str),
    Type(&'static str),
    Root,
    Inferred,
    First,
    Last,
    Remote,
    Index(Comparison, i64),
    Coverage(Comparison, f64),
    All(Box<[Filter; 2]>),
    Any(Box<[Filter; 2]>),
    Not(Box<Filter>),
}

/// What is listed on the way to a root cause.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Of {
    Services,
    Entities,
    Exceptions,
}

impl Of {
    fn text(self) -> &'static str {
        match self {
            Of::Services => "service",
            Of::Entities => "entity",
            Of::Exceptions => "exception",
        }
    }
}

#[derive(Clone, Debug)]
enum Expression {
    Outcome(&'static str),
    Partial,
    Inferred,
    ResponseTime(Comparison, i64),
    Duration(Comparison, i64),
    Status(Comparison, i64),
    Service { name: Option<&'static str>, type_name: Option<&'static str>, filter: Option<Filter> },
    Edge { from: &'static str, to: &'static str, filter: Option<Filter> },
    RootCause { cause: Cause, of: Of, filter: Option<Filter> },
    All(Box<[Expression; 2]>),
    Any(Box<[Expression; 2]>),
    Not(Box<Expression>),
}

const COMPARISONS: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Greater,
    Comparison::GreaterOrEqual,
    Comparison::Less,
    Comparison::LessOrEqual,
];

fn comparison() -> impl Strategy<Value = Comparison> + Clone {
    prop::sample::select(&COMPARISONS[..])
}

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = &'static str> + Clone {
    prop::sample::select(texts)
}

fn combined(leaf: BoxedStrategy<Filter>) -> BoxedStrategy<Filter> {
    leaf.prop_recursive(2, 4, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Filter::All(Box::new([a, b]))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Filter::Any(Box::new([a, b]))),
            inner.prop_map(|a| Filter::Not(Box::new(a))),
        ]
    })
    .boxed()
}

fn of_any_span() -> BoxedStrategy<Filter> {
    prop_oneof![
        one_of(&["ok", "error", "throttle", "fault"]).prop_map(Filter::Outcome),
        (comparison(), 0..50i64).prop_map(|(op, ns)| Filter::ResponseTime(op, ns)),
        (comparison(), prop::sample::select(vec![200, 404, 429, 503])).prop_map(|(op, code)| Filter::Status(op, code)),
    ]
    .boxed()
}

fn named(names: &'static [&'static str]) -> impl Strategy<Value = Filter> {
    (one_of(&["=", "!=", "CONTAINS", "BEGINSWITH", "ENDSWITH"]), one_of(names))
        .prop_map(|(op, name)| Filter::Name(op, name))
}

fn of_node() -> BoxedStrategy<Filter> {
    let types = one_of(&["AWS::Lambda::Function", "remote", "Database::SQL"]).prop_map(Filter::Type);
    combined(
        prop_oneof![
            2 => of_any_span(),
            1 => named(&["a", "b", "db"]),
            1 => types,
            1 => prop_oneof![Just(Filter::Inferred), Just(Filter::Root)],
        ]
        .boxed(),
    )
}

fn of_cause_service() -> BoxedStrategy<Filter> {
    let types = one_of(&["AWS::Lambda::Function", "remote", "Database::SQL"]).prop_map(Filter::Type);
    combined(
        prop_oneof![
            1 => of_any_span(),
            2 => named(&["a", "b", "c", "db"]),
            1 => types,
            2 => prop_oneof![Just(Filter::Inferred), Just(Filter::First), Just(Filter::Last)],
            1 => (comparison(), 0..4i64).prop_map(|(op, index)| Filter::Index(op, index)),
        ]
        .boxed(),
    )
}

fn of_cause_entity(cause: Cause) -> BoxedStrategy<Filter> {
    let common = prop_oneof![
        1 => of_any_span(),
        2 => named(&["work", "rest"]),
        2 => prop_oneof![Just(Filter::Remote), Just(Filter::First), Just(Filter::Last)],
        1 => (comparison(), 0..4i64).prop_map(|(op, index)| Filter::Index(op, index)),
    ];
    let coverage = (comparison(), 0..15i32).prop_map(|(op, tenths)| Filter::Coverage(op, f64::from(tenths) / 10.0));
    combined(if cause == Cause::Time { prop_oneof![3 => common, 1 => coverage].boxed() } else { common.boxed() })
}

fn of_cause_exception() -> BoxedStrategy<Filter> {
    let leaf = prop_oneof![
        3 => named(&["Timeout", "Type"]),
        2 => prop_oneof![Just(Filter::First), Just(Filter::Last)],
        1 => (comparison(), 0..4i64).prop_map(|(op, index)| Filter::Index(op, index)),
    ];
    combined(leaf.boxed())
}

fn of_edge() -> BoxedStrategy<Filter> {
    combined(prop_oneof![5 => of_any_span(), 1 => Just(Filter::Inferred)].boxed())
}

fn expression() -> BoxedStrategy<Expression> {
    let service = (
        prop::option::of(one_of(&["a", "b", "c", "db"])),
        prop::option::weighted(0.3, one_of(&["AWS::Lambda::Function", "remote"])),
        prop::option::of(of_node()),
    );
    let service = service.prop_map(|(name, type_name, filter)| Expression::Service { name, type_name, filter });
    let edge = (one_of(&["a", "b", "c"]), one_of(&["a", "b", "c", "db"]), prop::option::of(of_edge()));
    let edge = edge.prop_map(|(from, to, filter)| Expression::Edge { from, to, filter });
    let of = prop::sample::select(&[Of::Services, Of::Entities, Of::Exceptions][..]);
    let root_cause = (prop::sample::select(&Cause::ALL[..]), of)
        .prop_filter("times have no exceptions", |(cause, of)| *cause != Cause::Time || *of != Of::Exceptions)
        .prop_flat_map(|(cause, of)| {
            let filter = match of {
                Of::Services => of_cause_service(),
                Of::Entities => of_cause_entity(cause),
                Of::Exceptions => of_cause_exception(),
            };
            prop::option::weighted(0.9, filter).prop_map(move |filter| Expression::RootCause { cause, of, filter })
        });
    let leaf = prop_oneof![
        1 => one_of(&["ok", "error", "throttle", "fault"]).prop_map(Expression::Outcome),
        1 => prop_oneof![Just(Expression::Partial), Just(Expression::Inferred)],
        1 => (comparison(), 0..50i64).prop_map(|(op, ns)| Expression::ResponseTime(op, ns)),
        1 => (comparison(), 0..100i64).prop_map(|(op, ns)| Expression::Duration(op, ns)),
        1 => (comparison(), prop::sample::select(vec![200, 404, 503])).prop_map(|(op, code)| Expression::Status(op, code)),
        3 => service,
        2 => edge,
        5 => root_cause,
    ];
    leaf.prop_recursive(2, 5, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Expression::All(Box::new([a, b]))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Expression::Any(Box::new([a, b]))),
            inner.prop_map(|a| Expression::Not(Box::new(a))),
        ]
    })
    .boxed()
}

/// Nanoseconds as seconds.
fn seconds(ns: i64) -> String {
    format!("{:.9}", ns as f64 / 1e9)
}

impl Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Filter::Outcome(name) => write!(f, "{name} = true"),
            Filter::ResponseTime(op, ns) => write!(f, "responsetime {} {}", op.text(), seconds(*ns)),
            Filter::Status(op, code) => write!(f, "http.status {} {code}", op.text()),
            Filter::Name(op, name) => write!(f, "name {op} \"{name}\""),
            Filter::Type(name) => write!(f, "type = \"{name}\""),
            Filter::Root => write!(f, "root"),
            Filter::Inferred => write!(f, "inferred"),
            Filter::First => write!(f, "first"),
            Filter::Last => write!(f, "last != false"),
            Filter::Remote => write!(f, "remote"),
            Filter::Index(op, index) => write!(f, "index {} {index}", op.text()),
            Filter::Coverage(op, share) => write!(f, "coverage {} {share}", op.text()),
            Filter::All(both) => write!(f, "({}) and ({})", both[0], both[1]),
            Filter::Any(both) => write!(f, "({} OR {})", both[0], both[1]),
            Filter::Not(inner) => write!(f, "!({inner})"),
        }
    }
}

impl Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let filtered =
            |filter: &Option<Filter>| filter.as_ref().map_or(String::new(), |filter| format!(" {{ {filter} }}"));
        match self {
            Expression::Outcome(name) => write!(f, "{name}"),
            Expression::Partial => write!(f, "partial"),
            Expression::Inferred => write!(f, "inferred"),
            Expression::ResponseTime(op, ns) => write!(f, "responsetime {} {}", op.text(), seconds(*ns)),
            Expression::Duration(op, ns) => write!(f, "duration {} {}", op.text(), seconds(*ns)),
            Expression::Status(op, code) => write!(f, "http.status {} {code}", op.text()),
            Expression::Service { name, type_name: None, filter } => {
                let name = name.map_or(String::new(), |name| format!("\"{name}\""));
                write!(f, "service({name}){}", filtered(filter))
            }
            Expression::Service { name, type_name: Some(type_name), filter } => {
                let name = name.map_or(String::new(), |name| format!("name: \"{name}\", "));
                write!(f, "service(id({name}type: \"{type_name}\")){}", filtered(filter))
            }
            Expression::Edge { from, to, filter } => write!(f, "edge(\"{from}\", \"{to}\"){}", filtered(filter)),
            Expression::RootCause { cause, of, filter } => {
                let cause = if *cause == Cause::Time { "responsetime" } else { cause.text() };
                write!(f, "rootcause.{cause}.{}{}", of.text(), filtered(filter))
            }
            Expression::All(both) => write!(f, "({}) ({})", both[0], both[1]),
            Expression::Any(both) => write!(f, "({} OR {})", both[0], both[1]),
            Expression::Not(inner) => write!(f, "!({inner})"),
        }
    }
}

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
            Expression::Duration(op, ns) => {
                let duration = trace.root().map(|root| trace.end() - root.start);
                // What is not known is not equal.
                duration.map_or(*op == Comparison::NotEqual, |duration| op.holds(duration, *ns))
            }
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
/// Where the time went, and in which service a root cause is, SQL does not say.
const WITHOUT_SQL: &[&str] = &["time service", "time entity", "service Last", "entity Coverage"];

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
        let is_new = constructs
            .iter()
            .any(|name| !WITHOUT_SQL.contains(&name.as_str()) && reached.is_new(&[name.clone()].into()));
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
        let by_sql = if nth % 10 == 0 || is_new { runtime.block_on(found_by_sql(&engine, &text)) } else { None };
        reached.add(constructs, by_sql.is_some());
        if let Some(found) = by_sql {
            assert_eq!(found, expected, "SQL of {text}\n{meaning}\n{all:#?}");
        }
    }
    assert!(told_apart > SEARCHES / 4, "only {told_apart} expressions told traces apart");
    reached.assert_all(CONSTRUCTS.iter().copied(), WITHOUT_SQL);
}
