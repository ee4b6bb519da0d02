//! All spans of a trace, and what is decided with them at hand. Everything iterates: a trace may be a chain of a hundred
//! thousand spans.

use std::collections::{HashMap, HashSet};

use arrow::array::{Array, AsArray, BinaryArray, BooleanArray, Int64Array};
use arrow::record_batch::RecordBatch;
use proto::ids::IdError;
use proto::{SpanId, TraceId, schema};

use super::causes::{Places, Signs};
use super::trace_syntax::Relation;
use super::traces::{Atom, Decided, Figure, SpanTest};
use crate::columns::{TextColumn, binary, bytes_at, int_at, int64};
use crate::error::QueryError;
use crate::trace_tree::{TreeSpan, assemble};
use crate::traces::clamp;

/// What is read of each span besides its tests.
pub(super) const SPAN_COLUMNS: [&str; 7] = [
    schema::TRACE_ID,
    schema::SPAN_ID,
    schema::PARENT_SPAN_ID,
    schema::START_TIME_UNIX_NANO,
    schema::DURATION_NS,
    schema::SERVICE,
    schema::STATUS,
];

pub(super) fn test_column(nth: usize) -> String {
    format!("test_{nth}")
}

/// A batch of [`SPAN_COLUMNS`] and tests.
pub(super) struct TestedBatch {
    pub(super) rows: usize,
    trace_id: BinaryArray,
    span_id: BinaryArray,
    parent_span_id: BinaryArray,
    start: Int64Array,
    duration: Int64Array,
    service: TextColumn,
    status: TextColumn,
    tests: Vec<BooleanArray>,
}

/// What is equal in all of this is one span that was sent twice.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct TestedSpan<'a> {
    span_id: SpanId,
    parent_span_id: Option<SpanId>,
    pub(super) start: i64,
    pub(super) duration: i64,
    pub(super) service: &'a str,
    is_error: bool,
    /// What the columns of tests say.
    pub(super) tests: Vec<bool>,
}

impl TestedBatch {
    pub(super) fn of(batch: &RecordBatch, tests: usize) -> Result<Self, QueryError> {
        let test = |nth: usize| {
            let column = batch.column_by_name(&test_column(nth)).and_then(|column| column.as_boolean_opt());
            column.cloned().ok_or_else(|| QueryError::internal("a test that is no boolean"))
        };
        Ok(Self {
            rows: batch.num_rows(),
            trace_id: binary(batch, schema::TRACE_ID)?,
            span_id: binary(batch, schema::SPAN_ID)?,
            parent_span_id: binary(batch, schema::PARENT_SPAN_ID)?,
            start: int64(batch, schema::START_TIME_UNIX_NANO)?,
            duration: int64(batch, schema::DURATION_NS)?,
            service: TextColumn::of(batch, schema::SERVICE)?,
            status: TextColumn::of(batch, schema::STATUS)?,
            tests: (0..tests).map(test).collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn span(&self, row: usize) -> Result<(TraceId, TestedSpan<'_>), QueryError> {
        let parent_span_id = bytes_at(&self.parent_span_id, row).map(SpanId::from_bytes).transpose().map_err(stored)?;
        let span = TestedSpan {
            span_id: SpanId::from_bytes(bytes_at(&self.span_id, row).unwrap_or_default()).map_err(stored)?,
            parent_span_id,
            start: int_at(&self.start, row).unwrap_or(0),
            duration: int_at(&self.duration, row).unwrap_or(0),
            service: self.service.get(row).unwrap_or(""),
            is_error: self.status.get(row) == Some("ERROR"),
            tests: self.tests.iter().map(|column| column.is_valid(row) && column.value(row)).collect(),
        };
        Ok((trace_id(&self.trace_id, row)?, span))
    }
}

/// All spans of a trace, each once.
pub(super) struct TestedTrace<'a> {
    spans: Vec<TestedSpan<'a>>,
    root: Option<usize>,
    /// The parent or the end of a span is missing (X-Ray's meaning: several roots are nothing that is missing).
    is_partial: bool,
    /// Of each span.
    children: Vec<Vec<usize>>,
    /// Where they stand; none when nobody asks.
    places: Option<Places>,
}

impl<'a> TestedTrace<'a> {
    /// `signs`: where to find what tells where spans stand; none when nobody asks.
    pub(super) fn of(spans: Vec<TestedSpan<'a>>, signs: Option<Signs>) -> Self {
        let mut seen = HashSet::with_capacity(spans.len());
        let spans: Vec<_> = spans.into_iter().filter(|span| seen.insert(span.clone())).collect();
        let tree_span = |span: &TestedSpan<'_>| TreeSpan {
            span_id: span.span_id,
            parent_span_id: span.parent_span_id,
            start_time_unix_nano: span.start,
            duration_ns: span.duration,
        };
        let tree_spans: Vec<TreeSpan> = spans.iter().map(tree_span).collect();
        let tree = assemble(&tree_spans);
        let mut by_id: HashMap<SpanId, Vec<usize>> = HashMap::with_capacity(spans.len());
        for (nth, span) in spans.iter().enumerate() {
            by_id.entry(span.span_id).or_default().push(nth);
        }
        let mut children = vec![Vec::new(); spans.len()];
        for (nth, span) in spans.iter().enumerate() {
            let parents = span.parent_span_id.and_then(|id| by_id.get(&id)).into_iter().flatten();
            for parent in parents.filter(|parent| **parent != nth) {
                children[*parent].push(nth);
            }
        }
        let root = tree.root(&tree_spans);
        let is_partial = spans.iter().any(|span| {
            let has_parent = span.parent_span_id.is_none_or(|id| by_id.contains_key(&id));
            // Without an end it is 0, long before the start.
            !has_parent || span.duration < 0
        });
        let places = signs.map(|signs| Places::of(&spans, &tree, root, &children, signs));
        Self { root, is_partial, spans, children, places }
    }

    fn is(&self, span: usize, test: &SpanTest) -> bool {
        test.holds(&mut |decided| match decided {
            Decided::Column(nth) => self.spans[span].tests[*nth],
            Decided::Place(place) => self.places.as_ref().is_some_and(|places| places.holds(span, place)),
        })
    }

    pub(super) fn satisfies(&self, atom: &Atom, has_log: impl Fn(usize) -> bool) -> bool {
        match atom {
            Atom::Some(test) => (0..self.spans.len()).any(|span| self.is(span, test)),
            Atom::Related { first, rest } => self.related(first, rest),
            Atom::Count { of, op, number } => op.holds(self.count(|span| self.is(span, of)), *number),
            Atom::Root(test) => self.root.is_some_and(|root| self.is(root, test)),
            Atom::Logs(test) => has_log(*test),
            Atom::Figure(figure) => self.has_figure(*figure),
        }
    }

    fn has_figure(&self, figure: Figure) -> bool {
        match figure {
            Figure::Duration(op, ns) => {
                let start = self.spans.iter().map(|span| span.start).min().unwrap_or(0);
                op.holds(self.until_end(start).max(0), ns)
            }
            Figure::RootToEnd(op, ns) => {
                self.root.is_some_and(|root| op.holds(self.until_end(self.spans[root].start), ns))
            }
            Figure::Spans(op, number) => op.holds(self.count(|_| true), number),
            Figure::Services(op, number) => {
                let services: HashSet<&str> = self.spans.iter().map(|span| span.service).collect();
                op.holds(i64::try_from(services.len()).unwrap_or(i64::MAX), number)
            }
            Figure::Errors(op, number) => op.holds(self.count(|span| self.spans[span].is_error), number),
            Figure::Partial => self.is_partial,
        }
    }

    /// Spans, by their numbers, for which `test` holds.
    fn count(&self, test: impl Fn(usize) -> bool) -> i64 {
        i64::try_from((0..self.spans.len()).filter(|span| test(*span)).count()).unwrap_or(i64::MAX)
    }

    fn until_end(&self, start: i64) -> i64 {
        let end = self.spans.iter().map(|span| i128::from(span.start) + i128::from(span.duration)).max();
        clamp(end.unwrap_or(0) - i128::from(start))
    }

    fn related(&self, first: &SpanTest, rest: &[(Relation, SpanTest)]) -> bool {
        let mut here: Vec<usize> = (0..self.spans.len()).filter(|nth| self.is(*nth, first)).collect();
        for (relation, test) in rest {
            let mut below = self.below(&here, *relation);
            below.retain(|nth| self.is(*nth, test));
            here = below;
        }
        !here.is_empty()
    }

    /// Children of some of `spans`, or with their children and so on. A cycle ends where it began.
    fn below(&self, spans: &[usize], relation: Relation) -> Vec<usize> {
        let mut seen = vec![false; self.spans.len()];
        let mut below = Vec::new();
        let mut open: Vec<usize> = spans.to_vec();
        while let Some(span) = open.pop() {
            for &child in &self.children[span] {
                if !std::mem::replace(&mut seen[child], true) {
                    below.push(child);
                    if relation == Relation::Descendant {
                        open.push(child);
                    }
                }
            }
        }
        below
    }
}

pub(super) fn trace_id(column: &BinaryArray, row: usize) -> Result<TraceId, QueryError> {
    TraceId::from_bytes(bytes_at(column, row).unwrap_or_default()).map_err(stored)
}

fn stored(error: IdError) -> QueryError {
    QueryError::internal(format!("id of a stored span: {error}"))
}
