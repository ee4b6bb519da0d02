//! Conditions on whole traces, decided with all spans of a trace at hand.
//!
//! The search first takes candidates: traces with a span that the [`Anchor`], the first condition that must hold,
//! accepts. For each of them the spans are read with one boolean column for each condition that one span can answer
//! alone, and relations, counts, figures and places are decided in [`super::tested_trace`].

use std::collections::{HashMap, HashSet};

use arrow::record_batch::RecordBatch;
use datafusion::logical_expr::Expr;
use datafusion::prelude::ident;
use proto::{Signal, TimeRange, TraceId, schema};

use super::causes::Signs;
use super::error::SearchError;
use super::place::Place;
use super::plan::{conjuncts, expr};
use super::resolve::{Placed, duration, resolve, resolve_placed};
use super::syntax::{Comparison, Condition, FieldTest, Test, Tree, Value};
use super::tested_trace::{SPAN_COLUMNS, TestedBatch, TestedSpan, TestedTrace, test_column, trace_id};
use super::trace_syntax::{Relation, TraceCondition, TraceLeaf};
use crate::columns::binary;
use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::{time_predicates, trace_is_one_of};

/// Log records are looked for from so long before the range to so long after it.
const LOGS_AROUND_NS: i64 = 3_600_000_000_000;

/// A condition on traces, with its columns.
#[derive(Clone, Debug)]
pub(crate) struct TraceQuery {
    condition: Tree<Atom>,
    /// What is asked of each span, by number.
    columns: Vec<Expr>,
    /// Which of the columns tell where spans stand; none when nobody asks.
    signs: Option<Signs>,
    /// Conditions on a log record, by number.
    log_tests: Vec<Vec<Expr>>,
    pub(crate) anchor: Anchor,
}

/// A condition on a span of a trace whose other spans are at hand.
pub(super) type SpanTest = Tree<Decided>;

#[derive(Clone, Debug)]
pub(super) enum Decided {
    /// What the column of this number says.
    Column(usize),
    Place(Place),
}

/// What the candidates are found by.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Anchor {
    /// Every trace may match.
    Any,
    /// One of its spans satisfies this.
    Span(Box<Expr>),
    /// One of its log records satisfies the log test of this number.
    Log(usize),
}

/// A condition on a trace; log tests by their number.
#[derive(Clone, Debug)]
pub(super) enum Atom {
    Some(SpanTest),
    Related { first: SpanTest, rest: Vec<(Relation, SpanTest)> },
    Count { of: SpanTest, op: Comparison, number: i64 },
    Root(SpanTest),
    Logs(usize),
    Figure(Figure),
}

/// What `trace.` keys ask of a trace as a whole; durations in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Figure {
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
        let (mut columns, mut log_tests, mut has_places) = (Vec::new(), Vec::new(), false);
        let condition = condition.map(&mut |leaf| {
            let mut test = |condition: &Condition| -> Result<SpanTest, SearchError> {
                Ok(span_test(&resolve_placed(condition)?, &mut columns, &mut has_places))
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
                TraceLeaf::Figure(field) => Atom::Figure(figure(field)?),
            })
        })?;
        let signs = has_places.then(|| Signs::among(&mut columns));
        // What must not hold anywhere is no reason to look at a trace.
        let anchor = Anchors { columns: &columns, signs }.of(&condition);
        Ok(Self { condition, columns, signs, log_tests, anchor })
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
            Anchor::Span(predicate) => spans.filter(predicate.as_ref().clone())?,
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
        columns.extend(self.columns.iter().enumerate().map(|(nth, test)| test.clone().alias(test_column(nth))));
        let frame = query.table(Signal::Spans)?.filter(trace_is_one_of(ids.iter().copied()))?.select(columns)?;
        let batches = query.collect(frame).await?;
        let this = self.clone();
        query.run(async move { this.decide(&batches, &with_logs) }).await
    }

    fn decide(&self, batches: &[RecordBatch], with_logs: &[HashSet<TraceId>]) -> Result<HashSet<TraceId>, QueryError> {
        let batches: Vec<TestedBatch> =
            batches.iter().map(|batch| TestedBatch::of(batch, self.columns.len())).collect::<Result<_, _>>()?;
        let mut traces: HashMap<TraceId, Vec<TestedSpan<'_>>> = HashMap::new();
        for batch in &batches {
            for row in 0..batch.rows {
                let (id, span) = batch.span(row)?;
                traces.entry(id).or_default().push(span);
            }
        }
        let mut matching = HashSet::new();
        for (id, spans) in traces {
            let trace = TestedTrace::of(spans, self.signs);
            if self.condition.holds(&mut |atom| trace.satisfies(atom, |test| with_logs[test].contains(&id))) {
                matching.insert(id);
            }
        }
        Ok(matching)
    }
}

/// Errors: a value that the key cannot have.
pub(super) fn figure(field: &FieldTest) -> Result<Figure, SearchError> {
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
        "trace.duration" => Figure::Duration(op, duration(field, value)?),
        "trace.root_to_end" => Figure::RootToEnd(op, duration(field, value)?),
        "trace.spans" => Figure::Spans(op, count()?),
        "trace.services" => Figure::Services(op, count()?),
        "trace.errors" => Figure::Errors(op, count()?),
        _ => match value {
            Value::Bare(text) if text == "true" && op == Comparison::Equal => Figure::Partial,
            _ => {
                let hint = "write trace.partial:true or -trace.partial:true";
                return Err(SearchError::new(field.at, format!("{} is true or not", field.key), hint));
            }
        },
    })
}

/// Parts that no place is asked for in are one column; its number stands for them.
fn span_test(condition: &Tree<Placed>, columns: &mut Vec<Expr>, has_places: &mut bool) -> SpanTest {
    let of_columns = condition.map(&mut |leaf| match leaf {
        Placed::Column(predicate) => Ok(predicate.clone()),
        Placed::Place(_) => Err(()),
    });
    if let Ok(predicates) = of_columns {
        columns.push(expr(Signal::Spans, &predicates));
        return Tree::Leaf(Decided::Column(columns.len() - 1));
    }
    let mut each = |parts: &[Tree<Placed>]| parts.iter().map(|part| span_test(part, columns, has_places)).collect();
    match condition {
        Tree::And(parts) => Tree::And(each(parts)),
        Tree::Or(parts) => Tree::Or(each(parts)),
        Tree::Not(inner) => span_test(inner, columns, has_places).not(),
        Tree::Leaf(Placed::Place(place)) => {
            *has_places = true;
            Tree::Leaf(Decided::Place(*place))
        }
        Tree::Leaf(Placed::Column(_)) => unreachable!("a column is one of columns"),
    }
}

/// Finds by what traces come into question.
struct Anchors<'a> {
    columns: &'a [Expr],
    signs: Option<Signs>,
}

impl Anchors<'_> {
    fn of(&self, condition: &Tree<Atom>) -> Anchor {
        match condition {
            Tree::And(parts) => {
                let mut anchors = parts.iter().map(|part| self.of(part));
                anchors.find(|anchor| *anchor != Anchor::Any).unwrap_or(Anchor::Any)
            }
            Tree::Or(parts) => {
                let either = |a: Anchor, b: Anchor| match (a, b) {
                    (Anchor::Span(a), Anchor::Span(b)) => Anchor::Span(Box::new(a.or(*b))),
                    (a, b) if a == b => a,
                    _ => Anchor::Any,
                };
                parts.iter().map(|part| self.of(part)).reduce(either).unwrap_or(Anchor::Any)
            }
            Tree::Not(_) => Anchor::Any,
            Tree::Leaf(atom) => match atom {
                Atom::Some(test) | Atom::Root(test) => self.of_span(test),
                // What is asked for below something is mostly the rarer of the two.
                Atom::Related { first, rest } => self.of_span(rest.last().map_or(first, |(_, test)| test)),
                Atom::Count { of, op, number } if !op.holds(0, *number) => self.of_span(of),
                Atom::Logs(test) => Anchor::Log(*test),
                _ => Anchor::Any,
            },
        }
    }

    fn of_span(&self, test: &SpanTest) -> Anchor {
        self.needed(test).map_or(Anchor::Any, |needed| Anchor::Span(Box::new(needed)))
    }

    /// What the columns of a span say whenever it satisfies the test; none when they may say anything.
    fn needed(&self, test: &SpanTest) -> Option<Expr> {
        match test {
            Tree::And(parts) => parts.iter().filter_map(|part| self.needed(part)).reduce(Expr::and),
            Tree::Or(parts) => {
                let all: Option<Vec<Expr>> = parts.iter().map(|part| self.needed(part)).collect();
                all?.into_iter().reduce(Expr::or)
            }
            Tree::Not(_) => None,
            Tree::Leaf(Decided::Column(nth)) => Some(self.columns[*nth].clone()),
            Tree::Leaf(Decided::Place(place)) => Some(self.columns[self.signs?.needed(place)?].clone()),
        }
    }
}
