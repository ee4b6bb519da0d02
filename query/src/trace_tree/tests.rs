use std::collections::{BTreeSet, HashSet};

use proptest::prelude::*;

use super::*;

fn id(n: u64) -> SpanId {
    SpanId::from_bytes(&n.to_be_bytes()).expect("not zero")
}

/// `(id, parent or 0, start, duration)`
fn spans(rows: &[(u64, u64, i64, i64)]) -> Vec<TreeSpan> {
    rows.iter()
        .map(|&(span, parent, start, duration)| TreeSpan {
            span_id: id(span),
            parent_span_id: (parent != 0).then(|| id(parent)),
            start_time_unix_nano: start,
            duration_ns: duration,
        })
        .collect()
}

/// One line a span: indent by depth, input index, self time, marks.
fn draw(spans: &[TreeSpan]) -> String {
    let mut text = String::new();
    for row in assemble(spans).rows {
        let indent = "  ".repeat(row.depth as usize);
        let marks = [(row.orphan, " orphan"), (row.cycle, " cycle"), (row.duplicate, " duplicate")];
        let marks: String = marks.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
        text.push_str(&format!("{indent}{} self={} children={}{marks}\n", row.span, row.self_time_ns, row.child_count));
    }
    text
}

#[test]
fn children_follow_their_parent_by_start_time() {
    let spans = spans(&[(3, 1, 50, 20), (1, 0, 0, 100), (2, 1, 10, 30), (4, 2, 15, 5)]);
    let expected = "1 self=50 children=2\n  2 self=25 children=1\n    3 self=5 children=0\n  0 self=20 children=0\n";
    assert_eq!(draw(&spans), expected);
    let tree = assemble(&spans);
    assert_eq!((tree.depth, tree.is_complete(), tree.root(&spans)), (3, true, Some(1)));
    assert!(warnings(&tree, 0).is_empty());
}

#[test]
fn self_time_counts_overlapping_children_once_and_only_inside_the_span() {
    // Children cover -10..10, 20..40, 30..50, 35..45 and 90..200 of 0..100.
    let spans =
        spans(&[(1, 0, 0, 100), (2, 1, -10, 20), (3, 1, 20, 20), (4, 1, 30, 20), (5, 1, 35, 10), (6, 1, 90, 110)]);
    assert_eq!(assemble(&spans).rows[0].self_time_ns, 10 + 40);
}

#[test]
fn a_child_that_ran_after_its_parent_takes_no_time_from_it() {
    assert_eq!(draw(&spans(&[(1, 0, 0, 10), (2, 1, 50, 10)])), "0 self=10 children=1\n  1 self=10 children=0\n");
    assert_eq!(draw(&spans(&[(1, 0, 100, 10), (2, 1, 0, 10)])), "0 self=10 children=1\n  1 self=10 children=0\n");
}

#[test]
fn orphans_and_cycles_become_roots_and_are_named() {
    let spans = spans(&[(1, 9, 0, 10), (2, 3, 1, 1), (3, 2, 2, 1), (4, 3, 3, 1), (5, 5, 4, 1), (6, 0, 5, 1)]);
    let expected = "0 self=10 children=0 orphan\n1 self=1 children=0 cycle\n2 self=1 children=1 cycle\n  3 self=1 children=0\n\
                    4 self=1 children=0 cycle\n5 self=1 children=0\n";
    assert_eq!(draw(&spans), expected);
    let tree = assemble(&spans);
    assert_eq!((tree.orphan_count, tree.cycle_count, tree.true_root_count), (1, 3, 1));
    assert!(!tree.is_complete());
    assert_eq!(tree.root(&spans), Some(5));
    let warnings = warnings(&tree, 0).join("\n");
    assert!(warnings.contains("1 span has a parent that is not in this trace"), "{warnings}");
    assert!(warnings.contains("3 spans are their own ancestors"), "{warnings}");
}

#[test]
fn spans_with_one_id_are_all_kept_and_marked() {
    let spans = spans(&[(1, 0, 0, 10), (2, 1, 1, 5), (2, 1, 3, 5), (3, 2, 4, 1)]);
    let tree = assemble(&spans);
    assert_eq!(tree.duplicate_count, 1);
    assert_eq!(
        draw(&spans),
        "0 self=3 children=2\n  1 self=4 children=1 duplicate\n    3 self=1 children=0\n  2 self=5 children=0 duplicate\n"
    );
    assert!(warnings(&tree, 2)[1].starts_with("2 spans were received again"), "{:?}", warnings(&tree, 2));
}

#[test]
fn several_roots_and_no_root_are_said() {
    let two = spans(&[(1, 0, 5, 1), (2, 0, 3, 1)]);
    let tree = assemble(&two);
    assert_eq!(tree.root(&two), Some(1));
    assert!(!tree.is_complete() && warnings(&tree, 0)[0].contains("several roots"));
    let none = spans(&[(1, 7, 5, 1)]);
    let tree = assemble(&none);
    assert_eq!(tree.root(&none), None);
    assert!(warnings(&tree, 0)[1].contains("was not received"));
    assert_eq!(assemble(&[]), TraceTree::default());
}

#[test]
fn a_chain_of_a_hundred_thousand_needs_no_stack() {
    let chain: Vec<_> = (1..=100_000u64).map(|n| (n, n - 1, n as i64, 200_000 - 2 * n as i64)).collect();
    let spans = spans(&chain);
    // A quarter of the default stack of a spawned thread: recursion by span would overflow it.
    let tree = std::thread::Builder::new().stack_size(128 * 1024).spawn(move || assemble(&spans));
    let tree = tree.expect("thread").join().expect("no overflow");
    assert_eq!(tree.depth, 100_000);
    assert!(tree.rows[..99_999].iter().all(|row| row.self_time_ns == 2 && row.child_count == 1));
}

#[test]
fn extreme_times_do_not_overflow() {
    let spans = spans(&[(1, 0, i64::MIN, i64::MAX), (2, 1, i64::MAX, i64::MAX), (3, 1, 0, i64::MIN), (4, 2, -1, -1)]);
    assert_eq!(assemble(&spans).rows.len(), 4);
}

/// The definitions, word by word, with no thought of speed.
mod naive {
    use super::*;

    pub(super) fn parent(spans: &[TreeSpan], i: usize) -> Option<usize> {
        let parent = spans[i].parent_span_id?;
        let with_id = (0..spans.len()).filter(|&j| spans[j].span_id == parent);
        with_id.min_by_key(|&j| (spans[j].start_time_unix_nano, Reverse(spans[j].duration_ns), j))
    }

    pub(super) fn in_cycle(spans: &[TreeSpan], i: usize) -> bool {
        let mut at = parent(spans, i);
        for _ in 0..spans.len() {
            match at {
                Some(j) if j == i => return true,
                Some(j) => at = parent(spans, j),
                None => return false,
            }
        }
        false
    }

    pub(super) fn tree_parent(spans: &[TreeSpan], i: usize) -> Option<usize> {
        parent(spans, i).filter(|_| !in_cycle(spans, i))
    }

    /// Counts nanoseconds one by one.
    pub(super) fn self_time(spans: &[TreeSpan], i: usize) -> i64 {
        let inside = |span: &TreeSpan, t: i64| {
            span.start_time_unix_nano <= t && t < span.start_time_unix_nano + span.duration_ns
        };
        let children: Vec<_> = (0..spans.len()).filter(|&j| tree_parent(spans, j) == Some(i)).collect();
        let own = (-50..150).filter(|&t| inside(&spans[i], t) && !children.iter().any(|&c| inside(&spans[c], t)));
        own.count() as i64
    }
}

proptest! {
    #[test]
    fn agrees_with_the_definitions(rows in prop::collection::vec((1u64..9, 0u64..10, 0i64..40, -3i64..40), 0..12)) {
        let spans = spans(&rows);
        let tree = assemble(&spans);
        let seen: BTreeSet<usize> = tree.rows.iter().map(|row| row.span).collect();
        prop_assert_eq!(seen.len(), spans.len());
        prop_assert_eq!(tree.rows.len(), spans.len());
        let mut path: Vec<usize> = Vec::new();
        for row in &tree.rows {
            let i = row.span;
            prop_assert_eq!(row.parent, naive::tree_parent(&spans, i));
            prop_assert_eq!(row.cycle, naive::in_cycle(&spans, i));
            prop_assert_eq!(row.orphan, spans[i].parent_span_id.is_some() && naive::parent(&spans, i).is_none());
            prop_assert_eq!(row.self_time_ns, naive::self_time(&spans, i));
            let children = (0..spans.len()).filter(|&j| naive::tree_parent(&spans, j) == Some(i)).count();
            prop_assert_eq!(row.child_count as usize, children);
            prop_assert_eq!(row.duplicate, spans.iter().filter(|s| s.span_id == spans[i].span_id).count() > 1);
            // Pre-order: the parent is the last row one level up.
            path.truncate(row.depth as usize);
            prop_assert_eq!(path.last().copied(), row.parent);
            path.push(i);
        }
        for pair in tree.roots.windows(2) {
            prop_assert!(spans[pair[0]].start_time_unix_nano <= spans[pair[1]].start_time_unix_nano);
        }
        let ids: HashSet<_> = spans.iter().map(|span| span.span_id).collect();
        prop_assert_eq!(tree.duplicate_count, spans.len() - ids.len());
    }
}
