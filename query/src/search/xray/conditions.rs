//! Conditions of our own language, built from what was read.

use super::{Part, Scope};
use crate::search::syntax::{At, Comparison, Condition, FieldTest, Leaf, Test, Tree, Value};
use crate::search::trace_syntax::{TraceCondition, TraceLeaf};

pub(super) fn leaf(key: &str, test: Test) -> Condition {
    Tree::Leaf(Leaf::Field(FieldTest { key: key.to_owned(), test, at: At::default() }))
}

/// `key:"value"`
pub(super) fn is(key: &str, value: impl Into<String>) -> Condition {
    leaf(key, Test::Has(Value::Quoted(value.into())))
}

/// `key:word`
pub(super) fn has(key: &str, word: &str) -> Condition {
    leaf(key, Test::Has(Value::Bare(word.to_owned())))
}

pub(super) fn exists(key: &str) -> Condition {
    leaf(key, Test::Exists)
}

/// Any of these. `!=` asks for another number, not for none.
fn tests(op: Comparison, value: Value) -> Vec<Test> {
    match op {
        Comparison::Equal => vec![Test::Is(value)],
        Comparison::NotEqual => {
            vec![Test::Compare(Comparison::Less, value.clone()), Test::Compare(Comparison::Greater, value)]
        }
        op => vec![Test::Compare(op, value)],
    }
}

pub(super) fn compare(key: &str, op: Comparison, value: Value) -> Condition {
    Tree::or(tests(op, value).into_iter().map(|test| leaf(key, test)).collect())
}

pub(super) fn figure(key: &str, op: Comparison, value: Value) -> TraceCondition {
    let figure = |test| Tree::Leaf(TraceLeaf::Figure(FieldTest { key: key.to_owned(), test, at: At::default() }));
    Tree::or(tests(op, value).into_iter().map(figure).collect())
}

/// Of some span of the trace.
pub(super) fn of_some(condition: Condition, scope: Scope) -> Part {
    match scope {
        Scope::Trace => Part::Trace(Tree::Leaf(TraceLeaf::Some(condition))),
        _ => Part::Span(condition),
    }
}

/// Of the root of the trace.
pub(super) fn of_root(condition: Condition, scope: Scope) -> Part {
    match scope {
        Scope::Trace => Part::Trace(Tree::Leaf(TraceLeaf::Root(condition))),
        _ => Part::Span(condition),
    }
}

/// True of everything or of nothing: what a keyword says of the wrong kind of service.
pub(super) fn constant(is_true: bool) -> Condition {
    if is_true { Tree::all() } else { Tree::Or(Vec::new()) }
}

fn as_constant(condition: &Condition) -> Option<bool> {
    match condition {
        Tree::And(parts) if parts.is_empty() => Some(true),
        Tree::Or(parts) if parts.is_empty() => Some(false),
        _ => None,
    }
}

/// Without constants within it; `None` when nothing can satisfy it.
pub(super) fn folded(condition: Condition) -> Option<Condition> {
    let folded = fold(condition);
    (as_constant(&folded) != Some(false)).then_some(folded)
}

fn fold(condition: Condition) -> Condition {
    match condition {
        Tree::And(parts) => {
            let parts: Vec<Condition> = parts.into_iter().map(fold).collect();
            if parts.iter().any(|part| as_constant(part) == Some(false)) { constant(false) } else { Tree::and(parts) }
        }
        Tree::Or(parts) => {
            let parts: Vec<Condition> = parts.into_iter().map(fold).collect();
            if parts.iter().any(|part| as_constant(part) == Some(true)) { constant(true) } else { Tree::or(parts) }
        }
        Tree::Not(inner) => {
            let inner = fold(*inner);
            match as_constant(&inner) {
                Some(is_true) => constant(!is_true),
                None => inner.not(),
            }
        }
        leaf => leaf,
    }
}

/// Some span is one or the other; of what no span can be, the trace is none.
pub(super) fn either(conditions: impl IntoIterator<Item = Condition>) -> TraceCondition {
    let possible: Vec<TraceCondition> =
        conditions.into_iter().filter_map(folded).map(|condition| Tree::Leaf(TraceLeaf::Some(condition))).collect();
    match possible.is_empty() {
        true => Tree::Leaf(TraceLeaf::Some(Tree::all())).not(),
        false => Tree::or(possible),
    }
}
