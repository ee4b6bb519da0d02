//! Conditions on whole traces, decided with all spans of a trace at hand.
//!
//! The search first takes candidates: traces with a span that the [`Anchor`], the first condition that must hold,
//! accepts. For each of them the spans are read with one boolean column for each condition in braces, and relations,
//! counts and figures are decided here. Everything iterates: a trace may be a chain of a hundred thousand spans.

use std::collections::{HashMap, HashSet};

use arrow::array::{Array, AsArray, BinaryArray, BooleanArray, Int64Array};
use arrow::record_batch::RecordBatch;
use datafusion::logical_expr::Expr;
use datafusion::prelude::ident;
use proto::ids::IdError;
use proto::{Signal, SpanId, TimeRange, TraceId, schema};

use super::error::SearchError;
use super::plan::{conjuncts, expr};
use super::resolve::{duration, resolve};
use super::syntax::{Comparison, Condition, FieldTest, Test, Tree, Value};
use super::trace_syntax::{Relation, TraceCondition, TraceLeaf};
use crate::columns::{TextColumn, binary, bytes_at, int_at, int64};
use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::{time_predicates, trace_is_one_of};
use crate::trace_tree::{TreeSpan, assemble};
use crate::traces::clamp;

/// Log records are looked for from so long before the range to so long after it.
const LOGS_AROUND_NS: i64 = 3_600_000_000_000;

/// A condition on traces, with its columns.
#[derive(Clone, Debug)]
pub(crate) struct TraceQuery {
    condition: Tree<Atom>,
    /// Conditions on a span, by number.
    span_tests: Vec<Expr>,
    /// Conditions on a log record, by number.
    log_tests: Vec<Vec<Expr>>,
    pub(crate) anchor: Anchor,
}

/// What the candidates are found by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Anchor {
    /// Every trace may match.
    Any,
    /// One of its spans satisfies this.
    Span(Expr),
    /// One of its log records satisfies the log test of this number.
    Log(usize),
}

/// A condition on a trace; tests by their number.
#[derive(Clone, Debug)]
enum Atom {
    Some(usize),
    Related { first: usize, rest: Vec<(Relation, usize)> },
    Count { of: usize, op: Comparison, number: i64 },
    Root(usize),
    Logs(usize),
    Duration(Comparison, i64),
    RootToEnd(Comparison, i64),
    Spans(Comparison, i64),
    Services(Comparison, i64),
    Errors(Comparison, i64),
    Partial,
}

impl TraceQuery {
    /// Errors: a value that its key cannot have.
    pub(super) fn new(condition: &TraceCondition) -> Result<Self, SearchError> {
        let (mut span_tests, mut log_tests) = (Vec::new(), Vec::new());
        let condition = condition.map(&mut |leaf| {
            let mut test = |condition: &Condition| -> Result<usize, SearchError> {
                span_tests.push(expr(Signal::Spans, &resolve(Signal::Spans, condition)?));
                Ok(span_tests.len() - 1)
            };
            Ok(match leaf {
                TraceLeaf::Some(condition) => Atom::Some(test(condition)?),
                TraceLeaf::Root(condition) => Atom::Root(test(condition)?),
                TraceLeaf::Count { of, op, number } => Atom::Count { of: test(of)?, op: *op, number: *number },
                TraceLeaf::Related { first, rest } => {
                    let first = test(first)?;
                    let rest =
                        rest.iter().map(|(relation, condition)| Ok::<_, SearchError>((*relation, test(condition)?)));
                    Atom::Related { first, rest: rest.collect::<Result<_, SearchError>>()? }
                }
                TraceLeaf::Logs(condition) => {
                    log_tests.push(conjuncts(Signal::Logs, &resolve(Signal::Logs, condition)?));
                    Atom::Logs(log_tests.len() - 1)
                }
                TraceLeaf::Figure(field) => return figure(field),
            })
        })?;
        // What must not hold anywhere is no reason to look at a trace.
        let anchor = anchor(&condition, &span_tests);
        Ok(Self { condition, span_tests, log_tests, anchor })
    }

    /// The spans by which a trace comes into question, of `spans`.
    pub(crate) fn anchored(
        &self,
        query: &Query,
        spans: datafusion::prelude::DataFrame,
        range: TimeRange,
    ) -> Result<datafusion::prelude::DataFrame, QueryError> {
        Ok(match &self.anchor {
            Anchor::Any => spans,
            Anchor::Span(predicate) => spans.filter(predicate.clone())?,
            Anchor::Log(test) => {
                let logs = self.matching_logs(query, *test, range)?;
                let ids = logs.select(vec![ident(schema::TRACE_ID).alias("log_trace_id")])?;
                let semi = datafusion::common::JoinType::LeftSemi;
                spans.join(ids, semi, &[schema::TRACE_ID], &["log_trace_id"], None)?
            }
        })
    }

    fn matching_logs(
        &self,
        query: &Query,
        test: usize,
        range: TimeRange,
    ) -> Result<datafusion::prelude::DataFrame, QueryError> {
        let around = TimeRange {
            start: range.start.map(|start| start.saturating_sub(LOGS_AROUND_NS)),
            end: range.end.map(|end| end.saturating_add(LOGS_AROUND_NS)),
        };
        let mut logs = query.table(Signal::Logs)?;
        for predicate in time_predicates(Signal::Logs, around).into_iter().chain(self.log_tests[test].iter().cloned()) {
            logs = logs.filter(predicate)?;
        }
        Ok(logs)
    }

    /// Those of `ids` whose traces satisfy the condition. `range` bounds the log records only.
    pub(crate) async fn matching(
        &self,
        query: &Query,
        ids: &[TraceId],
        range: TimeRange,
    ) -> Result<HashSet<TraceId>, QueryError> {
        let mut with_logs: Vec<HashSet<TraceId>> = Vec::with_capacity(self.log_tests.len());
        for test in 0..self.log_tests.len() {
            let logs = self.matching_logs(query, test, range)?.filter(trace_is_one_of(ids.iter().copied()))?;
            let frame = logs.select_columns(&[schema::TRACE_ID])?.distinct()?;
            let mut found = HashSet::new();
            for batch in query.collect(frame).await? {
                let column = binary(&batch, schema::TRACE_ID)?;
                for row in 0..batch.num_rows() {
                    found.insert(trace_id(&column, row)?);
                }
            }
            with_logs.push(found);
        }
        let mut columns: Vec<Expr> = SPAN_COLUMNS.into_iter().map(ident).collect();
        columns.extend(self.span_tests.iter().enumerate().map(|(nth, test)| test.clone().alias(test_column(nth))));
        let frame = query.table(Signal::Spans)?.filter(trace_is_one_of(ids.iter().copied()))?.select(columns)?;
        let batches = query.collect(frame).await?;
        let this = self.clone();
        query.run(async move { this.decide(&batches, &with_logs) }).await
    }

    fn decide(&self, batches: &[RecordBatch], with_logs: &[HashSet<TraceId>]) -> Result<HashSet<TraceId>, QueryError> {
        let batches: Vec<TestedBatch> =
            batches.iter().map(|batch| TestedBatch::of(batch, self.span_tests.len())).collect::<Result<_, _>>()?;
        let mut traces: HashMap<TraceId, Vec<TestedSpan<'_>>> = HashMap::new();
        for batch in &batches {
            for row in 0..batch.rows {
                let (id, span) = batch.span(row)?;
                traces.entry(id).or_default().push(span);
            }
        }
        let mut matching = HashSet::new();
        for (id, spans) in traces {
            let trace = TestedTrace::of(spans);
            if self.condition.holds(&mut |atom| trace.satisfies(atom, |test| with_logs[test].contains(&id))) {
                matching.insert(id);
            }
        }
        Ok(matching)
    }
}

const SPAN_COLUMNS: [&str; 7] = [
    schema::TRACE_ID,
    schema::SPAN_ID,
    schema::PARENT_SPAN_ID,
    schema::START_TIME_UNIX_NANO,
    schema::DURATION_NS,
    schema::SERVICE,
    schema::STATUS,
];

fn test_column(nth: usize) -> String {
    format!("test_{nth}")
}

fn figure(field: &FieldTest) -> Result<Atom, SearchError> {
    let wrong = |hint: &str| SearchError::new(field.at, format!("{} is compared with a number", field.key), hint);
    let (op, value) = match &field.test {
        Test::Has(value) | Test::Is(value) => (Comparison::Equal, value),
        Test::Compare(op, value) => (*op, value),
        Test::Exists => return Err(wrong("write trace.spans>100")),
    };
    let count = || match value {
        Value::Bare(text) => text.parse().map_err(|_| wrong("write trace.spans>100")),
        _ => Err(wrong("write trace.spans>100")),
    };
    Ok(match field.key.as_str() {
        "trace.duration" => Atom::Duration(op, duration(field, value)?),
        "trace.root_to_end" => Atom::RootToEnd(op, duration(field, value)?),
        "trace.spans" => Atom::Spans(op, count()?),
        "trace.services" => Atom::Services(op, count()?),
        "trace.errors" => Atom::Errors(op, count()?),
        _ => match value {
            Value::Bare(text) if text == "true" && op == Comparison::Equal => Atom::Partial,
            _ => {
                let hint = "write trace.partial:true or -trace.partial:true";
                return Err(SearchError::new(field.at, format!("{} is true or not", field.key), hint));
            }
        },
    })
}

fn anchor(condition: &Tree<Atom>, tests: &[Expr]) -> Anchor {
    match condition {
        Tree::And(parts) => {
            parts.iter().map(|part| anchor(part, tests)).find(|anchor| *anchor != Anchor::Any).unwrap_or(Anchor::Any)
        }
        Tree::Or(parts) => {
            let either = |a: Anchor, b: Anchor| match (a, b) {
                (Anchor::Span(a), Anchor::Span(b)) => Anchor::Span(a.or(b)),
                (a, b) if a == b => a,
                _ => Anchor::Any,
            };
            parts.iter().map(|part| anchor(part, tests)).reduce(either).unwrap_or(Anchor::Any)
        }
        Tree::Not(_) => Anchor::Any,
        Tree::Leaf(atom) => match atom {
            Atom::Some(test) | Atom::Root(test) => Anchor::Span(tests[*test].clone()),
            // What is asked for below something is mostly the rarer of the two.
            Atom::Related { first, rest } => {
                let last = rest.last().map_or(*first, |(_, test)| *test);
                Anchor::Span(tests[last].clone())
            }
            Atom::Count { of, op, number } if !op.holds(0, *number) => Anchor::Span(tests[*of].clone()),
            Atom::Logs(test) => Anchor::Log(*test),
            _ => Anchor::Any,
        },
    }
}

fn trace_id(column: &BinaryArray, row: usize) -> Result<TraceId, QueryError> {
    TraceId::from_bytes(bytes_at(column, row).unwrap_or_default()).map_err(stored)
}

fn stored(error: IdError) -> QueryError {
    QueryError::internal(format!("id of a stored span: {error}"))
}

/// A batch of [`SPAN_COLUMNS`] and tests.
struct TestedBatch {
    rows: usize,
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
struct TestedSpan<'a> {
    span_id: SpanId,
    parent_span_id: Option<SpanId>,
    start: i64,
    duration: i64,
    service: &'a str,
    is_error: bool,
    tests: Vec<bool>,
}

impl TestedBatch {
    fn of(batch: &RecordBatch, tests: usize) -> Result<Self, QueryError> {
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

    fn span(&self, row: usize) -> Result<(TraceId, TestedSpan<'_>), QueryError> {
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
struct TestedTrace<'a> {
    spans: Vec<TestedSpan<'a>>,
    root: Option<usize>,
    is_complete: bool,
    /// Of each span.
    children: Vec<Vec<usize>>,
}

impl<'a> TestedTrace<'a> {
    fn of(spans: Vec<TestedSpan<'a>>) -> Self {
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
        Self { root: tree.root(&tree_spans), is_complete: tree.is_complete(), spans, children }
    }

    fn satisfies(&self, atom: &Atom, has_log: impl Fn(usize) -> bool) -> bool {
        let count = |test: &dyn Fn(&TestedSpan<'_>) -> bool| {
            i64::try_from(self.spans.iter().filter(|span| test(span)).count()).unwrap_or(i64::MAX)
        };
        match atom {
            Atom::Some(test) => self.spans.iter().any(|span| span.tests[*test]),
            Atom::Related { first, rest } => self.related(*first, rest),
            Atom::Count { of, op, number } => op.holds(count(&|span| span.tests[*of]), *number),
            Atom::Root(test) => self.root.is_some_and(|root| self.spans[root].tests[*test]),
            Atom::Logs(test) => has_log(*test),
            Atom::Duration(op, ns) => {
                let start = self.spans.iter().map(|span| span.start).min().unwrap_or(0);
                op.holds(self.until_end(start), *ns)
            }
            Atom::RootToEnd(op, ns) => {
                self.root.is_some_and(|root| op.holds(self.until_end(self.spans[root].start), *ns))
            }
            Atom::Spans(op, number) => op.holds(count(&|_| true), *number),
            Atom::Services(op, number) => {
                let services: HashSet<&str> = self.spans.iter().map(|span| span.service).collect();
                op.holds(i64::try_from(services.len()).unwrap_or(i64::MAX), *number)
            }
            Atom::Errors(op, number) => op.holds(count(&|span| span.is_error), *number),
            Atom::Partial => !self.is_complete,
        }
    }

    fn until_end(&self, start: i64) -> i64 {
        let end = self.spans.iter().map(|span| i128::from(span.start) + i128::from(span.duration)).max();
        clamp(end.unwrap_or(0) - i128::from(start))
    }

    fn related(&self, first: usize, rest: &[(Relation, usize)]) -> bool {
        let mut here: Vec<usize> = (0..self.spans.len()).filter(|nth| self.spans[*nth].tests[first]).collect();
        for (relation, test) in rest {
            let mut below = self.below(&here, *relation);
            below.retain(|nth| self.spans[*nth].tests[*test]);
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
