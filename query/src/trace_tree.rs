//! The shape of a trace: who called whom, how deep, and where the time went.
//!
//! Pure and iterative: a chain of 100,000 spans needs no more stack than one of ten. Whatever a trace looks like, every
//! span of the input occurs exactly once in the output:
//!
//! - an **orphan** (its parent id is given but no such span is here) becomes a root;
//! - each member of a parent **cycle** (a span that is its own parent included) becomes a root, and what hangs off the
//!   cycle stays below its member;
//! - spans of different content with one id (**duplicates**) are all kept; children go to the first of them.

use std::cmp::Reverse;

use hashbrown::HashMap;
use proto::SpanId;

/// What the tree needs to know of a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TreeSpan {
    pub(crate) span_id: SpanId,
    pub(crate) parent_span_id: Option<SpanId>,
    pub(crate) start_time_unix_nano: i64,
    /// Negative when the sender's end lies before its start.
    pub(crate) duration_ns: i64,
}

impl TreeSpan {
    /// Wide enough for any start and duration.
    pub(crate) fn end(&self) -> i128 {
        i128::from(self.start_time_unix_nano) + i128::from(self.duration_ns)
    }
}

/// One span in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TreeRow {
    /// Index into the input.
    pub(crate) span: usize,
    /// Index into the input of the span it stands below; none for a root, a promoted one included.
    pub(crate) parent: Option<usize>,
    /// 0 for a root.
    pub(crate) depth: u32,
    /// Direct children.
    pub(crate) child_count: u32,
    /// Duration minus the union of the direct children's intervals clipped to the span; 0 when the duration is negative.
    pub(crate) self_time_ns: i64,
    pub(crate) orphan: bool,
    pub(crate) cycle: bool,
    /// Another span of the input has the same id.
    pub(crate) duplicate: bool,
}

/// A trace in pre-order: a span, then its children by start time (longer first when equal, then by id).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TraceTree {
    pub(crate) rows: Vec<TreeRow>,
    /// Input indices of the roots in start order, orphans and cycle members among them.
    pub(crate) roots: Vec<usize>,
    /// Levels: a lone root has 1, an empty trace 0.
    pub(crate) depth: u32,
    /// Spans without a parent id.
    pub(crate) true_root_count: usize,
    pub(crate) orphan_count: usize,
    pub(crate) cycle_count: usize,
    /// Spans that share their id with an earlier one.
    pub(crate) duplicate_count: usize,
}

impl TraceTree {
    /// Every parent id resolves and there is one root.
    pub(crate) fn is_complete(&self) -> bool {
        self.true_root_count == 1 && self.roots.len() == 1
    }

    /// Input index of the earliest span without a parent id.
    pub(crate) fn root(&self, spans: &[TreeSpan]) -> Option<usize> {
        self.roots.iter().copied().find(|&root| spans[root].parent_span_id.is_none())
    }
}

/// Puts every span in its place.
pub(crate) fn assemble(spans: &[TreeSpan]) -> TraceTree {
    let sorted = start_order(spans);
    let ids = Ids::of(spans, &sorted);
    let mut parents = resolve_parents(spans, &ids);
    let cycle = cut_cycles(&mut parents);
    let children = Children::of(&parents, &sorted);

    let mut tree = TraceTree { duplicate_count: ids.duplicate_count, ..TraceTree::default() };
    tree.roots = sorted.iter().copied().filter(|&span| parents[span].is_none()).collect();
    tree.rows.reserve_exact(spans.len());
    // A stack of (span, depth): children are pushed in reverse so that the first one is on top.
    let mut stack: Vec<(usize, u32)> = tree.roots.iter().rev().map(|&root| (root, 0)).collect();
    while let Some((span, depth)) = stack.pop() {
        let below = children.below(span);
        stack.extend(below.iter().rev().map(|&child| (child, depth + 1)));
        let has_parent_id = spans[span].parent_span_id.is_some();
        tree.rows.push(TreeRow {
            span,
            parent: parents[span],
            depth,
            child_count: u32::try_from(below.len()).unwrap_or(u32::MAX),
            self_time_ns: self_time(&spans[span], below.iter().map(|&child| &spans[child])),
            orphan: has_parent_id && parents[span].is_none() && !cycle[span],
            cycle: cycle[span],
            duplicate: ids.is_shared(spans[span].span_id),
        });
    }
    tree.depth = tree.rows.iter().map(|row| row.depth + 1).max().unwrap_or(0);
    tree.true_root_count = spans.iter().filter(|span| span.parent_span_id.is_none()).count();
    tree.orphan_count = tree.rows.iter().filter(|row| row.orphan).count();
    tree.cycle_count = tree.rows.iter().filter(|row| row.cycle).count();
    tree
}

/// What is odd about a trace, in words; empty when nothing is. `copies`: exact copies that were left out beforehand.
pub(crate) fn warnings(tree: &TraceTree, copies: usize) -> Vec<String> {
    let mut warnings = Vec::new();
    if tree.orphan_count > 0 {
        warnings.push(format!(
            "{}: the parent was not received (not sampled, not exported, or still on its way); shown as {}",
            spans_have(
                tree.orphan_count,
                "has a parent that is not in this trace",
                "have parents that are not in this trace"
            ),
            if tree.orphan_count == 1 { "a root" } else { "roots" },
        ));
    }
    if tree.cycle_count > 0 {
        let text = spans_have(tree.cycle_count, "is its own ancestor", "are their own ancestors");
        warnings.push(format!("{text}: the parent ids form a cycle, which is cut; its members are shown as roots"));
    }
    if tree.duplicate_count > 0 {
        let text = spans_have(tree.duplicate_count, "has", "have");
        warnings.push(format!(
            "{text} the id of another span but different content; all are shown, and children stand below the first"
        ));
    }
    if copies > 0 {
        let text = spans_have(copies, "was received again", "were received again");
        warnings.push(format!("{text} with the same content (a sender's retry); each is shown once"));
    }
    if tree.true_root_count > 1 {
        warnings.push(format!("{} spans have no parent: this trace has several roots", tree.true_root_count));
    }
    if tree.true_root_count == 0 && !tree.rows.is_empty() {
        warnings.push("no span without a parent: the root of this trace was not received".to_owned());
    }
    warnings
}

fn spans_have(count: usize, one: &str, many: &str) -> String {
    if count == 1 { format!("1 span {one}") } else { format!("{count} spans {many}") }
}

/// Indices by start, longer first when equal, then by id: the order does not depend on how the spans were stored.
fn start_order(spans: &[TreeSpan]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|&i| (spans[i].start_time_unix_nano, Reverse(spans[i].duration_ns), spans[i].span_id));
    order
}

struct Ids {
    /// The first span with an id, and how many have it.
    first: HashMap<SpanId, (usize, usize)>,
    duplicate_count: usize,
}

impl Ids {
    fn of(spans: &[TreeSpan], sorted: &[usize]) -> Self {
        let mut first: HashMap<SpanId, (usize, usize)> = HashMap::with_capacity(spans.len());
        for &i in sorted {
            first.entry(spans[i].span_id).or_insert((i, 0)).1 += 1;
        }
        let duplicate_count = spans.len() - first.len();
        Self { first, duplicate_count }
    }

    fn is_shared(&self, id: SpanId) -> bool {
        self.first.get(&id).is_some_and(|&(_, count)| count > 1)
    }
}

fn resolve_parents(spans: &[TreeSpan], ids: &Ids) -> Vec<Option<usize>> {
    spans.iter().map(|span| ids.first.get(&span.parent_span_id?).map(|&(first, _)| first)).collect()
}

/// Takes the parent from every span that is its own ancestor and returns which these are.
///
/// Each span has at most one parent, so walking up from any span ends at a root, at something seen on an earlier walk,
/// or at a span of this very walk: then the walk from there on is a cycle.
fn cut_cycles(parents: &mut [Option<usize>]) -> Vec<bool> {
    const UNSEEN: usize = usize::MAX;
    let mut walk_of = vec![UNSEEN; parents.len()];
    let mut cycle = vec![false; parents.len()];
    for start in 0..parents.len() {
        let mut at = Some(start);
        while let Some(span) = at
            && walk_of[span] == UNSEEN
        {
            walk_of[span] = start;
            at = parents[span];
        }
        let Some(entry) = at.filter(|&span| walk_of[span] == start) else { continue };
        let mut member = entry;
        while let Some(parent) = parents[member].take() {
            cycle[member] = true;
            member = parent;
        }
    }
    cycle
}

/// Children of all spans in one array, those of a span next to each other and in start order.
struct Children {
    /// Children of `i` are `of_all[from[i]..from[i + 1]]`.
    from: Vec<usize>,
    of_all: Vec<usize>,
}

impl Children {
    fn of(parents: &[Option<usize>], sorted: &[usize]) -> Self {
        let mut from = vec![0; parents.len() + 1];
        for &parent in parents.iter().flatten() {
            from[parent + 1] += 1;
        }
        for i in 1..from.len() {
            from[i] += from[i - 1];
        }
        let mut next = from.clone();
        let mut of_all = vec![0; from[parents.len()]];
        for &span in sorted {
            if let Some(parent) = parents[span] {
                of_all[next[parent]] = span;
                next[parent] += 1;
            }
        }
        Self { from, of_all }
    }

    fn below(&self, span: usize) -> &[usize] {
        &self.of_all[self.from[span]..self.from[span + 1]]
    }
}

/// `children` in start order.
fn self_time<'a>(span: &TreeSpan, children: impl Iterator<Item = &'a TreeSpan>) -> i64 {
    let end = span.end();
    let mut covered_to = i128::from(span.start_time_unix_nano);
    let mut own = 0;
    for child in children {
        let child_start = i128::from(child.start_time_unix_nano).min(end);
        if child.duration_ns <= 0 || child.end() <= covered_to {
            continue;
        }
        own += (child_start - covered_to).max(0);
        covered_to = child.end().min(end);
    }
    own += (end - covered_to).max(0);
    i64::try_from(own).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
