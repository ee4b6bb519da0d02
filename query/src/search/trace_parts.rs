//! What a single condition on a trace is made of, to say which part of it nothing fulfils.

use super::syntax::{Condition, Tree};
use super::trace_syntax::{Relation, TraceCondition, TraceLeaf};

/// The parts of a condition as searches, and the search without each; `None` when it has none that stand alone.
pub(super) fn parts_of(condition: &TraceCondition) -> Option<Vec<(String, String)>> {
    let Tree::Leaf(leaf) = condition else { return None };
    match leaf {
        TraceLeaf::Some(Tree::And(conditions)) => Some(of_one(conditions, TraceLeaf::Some)),
        TraceLeaf::Root(Tree::And(conditions)) => Some(of_one(conditions, TraceLeaf::Root)),
        TraceLeaf::Logs(Tree::And(conditions)) => Some(of_one(conditions, TraceLeaf::Logs)),
        TraceLeaf::Related { first, rest } => Some(steps(first, rest)),
        TraceLeaf::Some(_)
        | TraceLeaf::Root(_)
        | TraceLeaf::Logs(_)
        | TraceLeaf::Count { .. }
        | TraceLeaf::Figure(_) => None,
    }
}

/// Of conditions on one span: each on some span.
fn of_one(conditions: &[Condition], about: fn(Condition) -> TraceLeaf) -> Vec<(String, String)> {
    let part = |nth: usize| {
        let mut others = conditions.to_vec();
        let part = others.remove(nth);
        (about(part).to_string(), about(Tree::and(others)).to_string())
    };
    (0..conditions.len()).map(part).collect()
}

/// Of spans below each other: each for itself. Without one between two others, the lower of them is somewhere below.
fn steps(first: &Condition, rest: &[(Relation, Condition)]) -> Vec<(String, String)> {
    let all: Vec<(Relation, Condition)> =
        std::iter::once((Relation::Descendant, first.clone())).chain(rest.iter().cloned()).collect();
    let part = |nth: usize| {
        let mut others = all.clone();
        let (_, part) = others.remove(nth);
        if let Some((relation, _)) = others.get_mut(nth) {
            *relation = Relation::Descendant;
        }
        let (_, first) = others.remove(0);
        let without = match others.is_empty() {
            true => TraceLeaf::Some(first),
            false => TraceLeaf::Related { first, rest: others },
        };
        (TraceLeaf::Some(part).to_string(), without.to_string())
    };
    (0..all.len()).map(part).collect()
}
