//! Where the spans of a trace stand: how deep, on the way to which root causes. The rules are in [`super::place`].

use datafusion::logical_expr::Expr;
use datafusion::prelude::{ident, lit};
use proto::schema;

use super::place::{Cause, Place};
use super::tested_trace::TestedSpan;
use crate::filter::text_equals;
use crate::outcome::{is_error, is_fault};
use crate::trace_tree::{TraceTree, TreeRow};

/// Columns that tell where spans stand, by their numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signs {
    fault: usize,
    error: usize,
    /// A client or producer span that names whom it calls.
    calls_by_name: usize,
    /// Of no kind, or internal: the other end of no call.
    internal: usize,
}

impl Signs {
    /// Adds them to `columns`.
    pub(super) fn among(columns: &mut Vec<Expr>) -> Self {
        let mut add = |column: Expr| {
            columns.push(column);
            columns.len() - 1
        };
        let kind = |kind| text_equals(schema::KIND, kind);
        let named =
            NAMING_COLUMNS.iter().map(|column| ident(*column).is_not_null().and(ident(*column).not_eq(lit(""))));
        let named = named.reduce(Expr::or).expect("columns");
        Self {
            fault: add(is_fault()),
            error: add(is_error()),
            calls_by_name: add(kind("CLIENT").or(kind("PRODUCER")).and(named)),
            internal: add(kind("INTERNAL").or(kind("UNSPECIFIED")).or(ident(schema::KIND).is_null())),
        }
    }

    /// The column that is true of every span in that place.
    pub(super) fn needed(self, place: &Place) -> Option<usize> {
        match place {
            Place::Inferred => Some(self.calls_by_name),
            Place::Cause(Cause::Fault) => Some(self.fault),
            Place::Cause(Cause::Error) => Some(self.error),
            _ => None,
        }
    }
}

/// A call that has one of them names whom it calls (`map::peer::peer_of`): without a system, neither the destination of a
/// message nor the namespace of a database names anybody.
const NAMING_COLUMNS: [&str; 5] =
    ["attr_messaging_system", "attr_db_system_name", "attr_db_system", "attr_server_address", "attr_peer_service"];

/// Of each span of a trace.
pub(super) struct Places(Vec<SpanPlace>);

#[derive(Clone, Default)]
struct SpanPlace {
    depth: u32,
    hop: u32,
    /// None without a root, or when that took no time.
    coverage: Option<f64>,
    is_inferred: bool,
    /// By [`Cause`].
    is_on_path: [bool; Cause::ALL.len()],
    is_cause: [bool; Cause::ALL.len()],
    is_in_cause_service: [bool; Cause::ALL.len()],
}

impl Places {
    /// `children` by the ids of parents, of each span; in the tree a span stands once.
    pub(super) fn of(
        spans: &[TestedSpan<'_>],
        tree: &TraceTree,
        root: Option<usize>,
        children: &[Vec<usize>],
        signs: Signs,
    ) -> Self {
        let mut places = vec![SpanPlace::default(); spans.len()];
        let whole = root.map(|root| spans[root].duration).filter(|duration| *duration > 0);
        for row in &tree.rows {
            let span = &spans[row.span];
            let hop =
                row.parent.map_or(0, |parent| places[parent].hop + u32::from(spans[parent].service != span.service));
            let is_end = |child: &usize| spans[*child].service == span.service && spans[*child].tests[signs.internal];
            let place = &mut places[row.span];
            (place.depth, place.hop) = (row.depth, hop);
            place.coverage = whole.map(|whole| span.duration as f64 / whole as f64);
            place.is_inferred = span.tests[signs.calls_by_name] && children[row.span].iter().all(is_end);
        }
        let mut places = Self(places);
        places.mark_failures(Cause::Fault, tree, |span| spans[span].tests[signs.fault]);
        places.mark_failures(Cause::Error, tree, |span| spans[span].tests[signs.error]);
        places.mark_slowest(spans, tree, root);
        places.mark_services(spans, tree);
        places
    }

    /// What failed with nothing below that did, and all that stands above it.
    fn mark_failures(&mut self, cause: Cause, tree: &TraceTree, failed: impl Fn(usize) -> bool) {
        let nth = cause as usize;
        // Children before their parents: what is on the path then came from below.
        for row in tree.rows.iter().rev() {
            let place = &mut self.0[row.span];
            place.is_cause[nth] = !place.is_on_path[nth] && failed(row.span);
            place.is_on_path[nth] |= place.is_cause[nth];
            if let (true, Some(parent)) = (place.is_on_path[nth], row.parent) {
                self.0[parent].is_on_path[nth] = true;
            }
        }
    }

    /// From the root down to where the time was spent.
    fn mark_slowest(&mut self, spans: &[TestedSpan<'_>], tree: &TraceTree, root: Option<usize>) {
        let nth = Cause::Time as usize;
        let mut slowest: Vec<Option<(i128, usize)>> = vec![None; spans.len()];
        let mut self_times = vec![0; spans.len()];
        for TreeRow { span, parent, self_time_ns, .. } in &tree.rows {
            self_times[*span] = i128::from(*self_time_ns);
            let Some(parent) = *parent else { continue };
            let took = shared_time(&spans[parent], &spans[*span]);
            // Of equally long ones the first.
            if slowest[parent].is_none_or(|(longest, _)| took > longest) {
                slowest[parent] = Some((took, *span));
            }
        }
        let Some(mut at) = root else { return };
        self.0[at].is_on_path[nth] = true;
        while let Some((took, child)) = slowest[at]
            && took > self_times[at]
        {
            at = child;
            self.0[at].is_on_path[nth] = true;
        }
        self.0[at].is_cause[nth] = true;
    }

    fn mark_services(&mut self, spans: &[TestedSpan<'_>], tree: &TraceTree) {
        for nth in 0..Cause::ALL.len() {
            for row in tree.rows.iter().rev() {
                let place = &mut self.0[row.span];
                place.is_in_cause_service[nth] |= place.is_cause[nth] && !place.is_inferred;
                if let (true, Some(parent)) = (place.is_in_cause_service[nth], row.parent) {
                    self.0[parent].is_in_cause_service[nth] |= spans[parent].service == spans[row.span].service;
                }
            }
        }
    }

    pub(super) fn holds(&self, span: usize, place: &Place) -> bool {
        let at = &self.0[span];
        match *place {
            Place::Depth(op, number) => op.holds(i64::from(at.depth), number),
            Place::Hop(op, number) => op.holds(i64::from(at.hop), number),
            Place::Coverage(op, number) => at.coverage.is_some_and(|coverage| op.holds(coverage, number)),
            Place::Inferred => at.is_inferred,
            Place::Path(cause) => at.is_on_path[cause as usize],
            Place::Cause(cause) => at.is_cause[cause as usize],
            Place::CauseService(cause) => at.is_in_cause_service[cause as usize],
        }
    }
}

/// Nanoseconds of the child while its parent ran.
fn shared_time(parent: &TestedSpan<'_>, child: &TestedSpan<'_>) -> i128 {
    let end = |span: &TestedSpan<'_>| i128::from(span.start) + i128::from(span.duration);
    (end(parent).min(end(child)) - i128::from(parent.start.max(child.start))).max(0)
}
