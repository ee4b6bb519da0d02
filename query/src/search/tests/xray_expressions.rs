//! Random filter expressions of X-Ray, as trees and as text.

use std::fmt::{self, Display};

use proptest::prelude::*;

use crate::search::place::Cause;
use crate::search::syntax::Comparison;

#[derive(Clone, Debug)]
pub(super) enum Filter {
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
pub(super) enum Of {
    Services,
    Entities,
    Exceptions,
}

impl Of {
    pub(super) fn text(self) -> &'static str {
        match self {
            Of::Services => "service",
            Of::Entities => "entity",
            Of::Exceptions => "exception",
        }
    }
}

#[derive(Clone, Debug)]
pub(super) enum Expression {
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

pub(super) fn expression() -> BoxedStrategy<Expression> {
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
