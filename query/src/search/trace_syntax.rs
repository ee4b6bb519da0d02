//! What a search says about whole traces.

use std::fmt::{self, Display};

use super::place::is_place;
use super::syntax::{Comparison, Condition, FieldTest, Leaf, Tree};

/// A condition on a trace.
pub(crate) type TraceCondition = Tree<TraceLeaf>;

/// A condition on a trace that is not made of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TraceLeaf {
    /// `{A}`: some span is so.
    Some(Condition),
    /// `{A} => {B} -> {C}`: some span is A, a child of it B, a descendant of that C.
    Related { first: Condition, rest: Vec<(Relation, Condition)> },
    /// `count({A}) > 3`: so many spans are A.
    Count { of: Condition, op: Comparison, number: i64 },
    /// `root{A}`: the root span is so.
    Root(Condition),
    /// `logs{A}`: some log record of the trace is so.
    Logs(Condition),
    /// One of [`FIGURES`].
    Figure(FieldTest),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// `=>`
    Child,
    /// `->`
    Descendant,
}

impl Relation {
    pub(super) const ALL: [Relation; 2] = [Relation::Child, Relation::Descendant];

    pub(super) fn text(self) -> &'static str {
        match self {
            Relation::Child => "=>",
            Relation::Descendant => "->",
        }
    }
}

/// Keys that are about the whole trace: from the earliest start to the latest end; from the root's start to the latest
/// end; how many spans, services, spans with status ERROR it has; whether a parent or the root is missing.
pub(crate) const FIGURES: [&str; 6] =
    ["trace.duration", "trace.root_to_end", "trace.spans", "trace.services", "trace.errors", "trace.partial"];

/// What the parser meets: conditions on a span beside conditions on the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Raw {
    Span(Leaf),
    Trace(TraceLeaf),
}

/// A search for traces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TraceSearchText {
    /// One span satisfies all of it.
    OneSpan(Condition),
    Whole(TraceCondition),
}

impl Display for TraceSearchText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TraceSearchText::OneSpan(condition) => condition.fmt(f),
            TraceSearchText::Whole(condition) => condition.fmt(f),
        }
    }
}

pub(super) fn trace_search(raw: Tree<Raw>) -> TraceSearchText {
    match spans_only(&raw) {
        // Where a span stands, only its whole trace tells.
        Some(condition) if asks_for_places(&condition) => {
            TraceSearchText::Whole(Tree::Leaf(TraceLeaf::Some(condition)))
        }
        Some(condition) => TraceSearchText::OneSpan(condition),
        None => TraceSearchText::Whole(whole(raw)),
    }
}

/// The condition on one span that it is, if nothing in it is about the trace.
fn spans_only(raw: &Tree<Raw>) -> Option<Condition> {
    raw.map(&mut |leaf| match leaf {
        Raw::Span(leaf) => Ok(leaf.clone()),
        Raw::Trace(_) => Err(()),
    })
    .ok()
}

pub(super) fn asks_for_places(condition: &Condition) -> bool {
    let no_place = condition.map(&mut |leaf| match leaf {
        Leaf::Field(test) if is_place(&test.key) => Err(()),
        _ => Ok(()),
    });
    no_place.is_err()
}

/// Conditions on spans that stand beside each other are about one span, as in a search without braces.
fn whole(raw: Tree<Raw>) -> TraceCondition {
    match raw {
        Tree::Leaf(Raw::Trace(leaf)) => Tree::Leaf(leaf),
        Tree::Leaf(Raw::Span(leaf)) => Tree::Leaf(TraceLeaf::Some(Tree::Leaf(leaf))),
        Tree::Not(inner) => whole(*inner).not(),
        Tree::And(parts) => Tree::and(gathered(parts, Tree::and)),
        Tree::Or(parts) => Tree::or(gathered(parts, Tree::or)),
    }
}

fn gathered(parts: Vec<Tree<Raw>>, join: fn(Vec<Condition>) -> Condition) -> Vec<TraceCondition> {
    let (mut of_one_span, mut others) = (Vec::new(), Vec::new());
    for part in parts {
        match spans_only(&part) {
            Some(condition) => of_one_span.push(condition),
            None => others.push(whole(part)),
        }
    }
    if !of_one_span.is_empty() {
        others.insert(0, Tree::Leaf(TraceLeaf::Some(join(of_one_span))));
    }
    others
}

impl Display for TraceLeaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TraceLeaf::Some(condition) => write!(f, "{{{condition}}}"),
            TraceLeaf::Related { first, rest } => {
                write!(f, "{{{first}}}")?;
                rest.iter().try_for_each(|(relation, condition)| write!(f, " {} {{{condition}}}", relation.text()))
            }
            TraceLeaf::Count { of, op, number } => write!(f, "count({{{of}}}){}{number}", op.text()),
            TraceLeaf::Root(condition) => write!(f, "root{{{condition}}}"),
            TraceLeaf::Logs(condition) => write!(f, "logs{{{condition}}}"),
            TraceLeaf::Figure(field) => field.fmt(f),
        }
    }
}
