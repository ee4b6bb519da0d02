//! From predicates to what must be read.
//!
//! Two steps. While a plan is optimized, [`PhysicalColumns`] rewrites predicates over a view's expressions into
//! predicates over physical columns, which Parquet statistics, page indexes and bloom filters understand. When a scan
//! is planned, [`select`] drops segments by time and asks the text index which rows a `match()` can hold for.
//!
//! All of it only narrows: the engine evaluates every predicate on what is read.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::physical_plan::parquet::ParquetRowSelection;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator, lit};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{Optimizer, OptimizerConfig, OptimizerRule};
use datafusion::scalar::ScalarValue;
use futures::{StreamExt, TryStreamExt};
use metrics::counter;
use parquet::arrow::arrow_reader::RowSelection;
use proto::{Signal, TimeRange};
use storage::{Segment, Snapshot};

use crate::functions::{MatchCall, fold, is_hex, is_severity_name, severity_numbers};

/// Index look-ups of one query that run at once.
const SEARCHES_AT_ONCE: usize = 4;
/// With more than one row in so many selected, skipping rows costs more than reading them.
const SELECTION_PAYS_FROM: u64 = 4;

/// DataFusion's rules, with ours where a view's expressions have just met the predicates.
pub(crate) fn optimizer_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let ours: Arc<dyn OptimizerRule + Send + Sync> = Arc::new(PhysicalColumns);
    let mut rules = Vec::new();
    for rule in Optimizer::new().rules {
        // Before common sub-expressions are pulled out: two keys of `attributes` would become one whole map.
        let after = matches!(rule.name(), "push_down_filter" | "optimize_projections");
        rules.push(rule);
        if after {
            rules.push(Arc::clone(&ours));
        }
    }
    rules
}

/// Rewrites expressions of the views into expressions of physical columns.
#[derive(Debug)]
struct PhysicalColumns;

impl OptimizerRule for PhysicalColumns {
    fn name(&self) -> &str {
        "physical_columns"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let is_predicate = matches!(plan, LogicalPlan::Filter(_) | LogicalPlan::TableScan(_));
        let names = NamePreserver::new(&plan);
        plan.map_expressions(|expr| {
            let name = names.save(&expr);
            let physical = expr.transform_down(|expr| Ok(to_physical(expr)))?;
            let physical =
                if is_predicate { physical.transform_data(|expr| Ok(severity_to_numbers(expr)))? } else { physical };
            Ok(physical.update_data(|expr| name.restore(expr)))
        })
    }
}

fn to_physical(expr: Expr) -> Transformed<Expr> {
    if let Some(folded) = fold(&expr) {
        return Transformed::yes(folded);
    }
    match &expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if matches!(op, Operator::Eq | Operator::NotEq) => {
            let (id, text) = match (is_hex(left), is_hex(right)) {
                (Some(id), None) => (id, right),
                (None, Some(id)) => (id, left),
                _ => return Transformed::no(expr),
            };
            let Some(bytes) = hex_literal(text) else { return Transformed::no(expr) };
            Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(Box::new(id.clone()), *op, Box::new(bytes))))
        }
        Expr::InList(InList { expr: tested, list, negated }) => {
            let Some(id) = is_hex(tested) else { return Transformed::no(expr) };
            let Some(list) = list.iter().map(hex_literal).collect::<Option<Vec<_>>>() else {
                return Transformed::no(expr);
            };
            Transformed::yes(Expr::InList(InList::new(Box::new(id.clone()), list, *negated)))
        }
        _ => Transformed::no(expr),
    }
}

/// The bytes of a hex text as `hex()` writes it. A text that `hex()` never writes becomes empty bytes, which no id is.
fn hex_literal(expr: &Expr) -> Option<Expr> {
    let Expr::Literal(value, _) = expr else { return None };
    let text = value.try_as_str()??;
    let is_lower_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let bytes = if is_lower_hex { const_hex::decode(text).unwrap_or_default() } else { Vec::new() };
    Some(lit(ScalarValue::Binary(Some(bytes))))
}

/// `severity = 'ERROR'` as a range of severity numbers, below AND and OR only: elsewhere the null of a number without
/// a name would become false.
fn severity_to_numbers(expr: Expr) -> Transformed<Expr> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if matches!(op, Operator::And | Operator::Or) => {
            let (left, right) = (severity_to_numbers(*left), severity_to_numbers(*right));
            let transformed = left.transformed || right.transformed;
            let expr = Expr::BinaryExpr(BinaryExpr::new(Box::new(left.data), op, Box::new(right.data)));
            if transformed { Transformed::yes(expr) } else { Transformed::no(expr) }
        }
        Expr::BinaryExpr(BinaryExpr { ref left, op: Operator::Eq, ref right }) => {
            match severity_range(left, right).or_else(|| severity_range(right, left)) {
                Some(range) => Transformed::yes(range),
                None => Transformed::no(expr),
            }
        }
        other => Transformed::no(other),
    }
}

fn severity_range(tested: &Expr, name: &Expr) -> Option<Expr> {
    let tested = match tested {
        Expr::Cast(cast) => &cast.expr,
        other => other,
    };
    let number = is_severity_name(tested)?;
    let Expr::Literal(name, _) = name else { return None };
    let (first, last) = severity_numbers(name.try_as_str()??)?;
    Some(number.clone().gt_eq(lit(first)).and(number.clone().lt_eq(lit(last))))
}

/// A segment to read, whole or only some rows.
pub(crate) struct SelectedSegment {
    pub(crate) segment: Arc<Segment>,
    /// `None`: all rows.
    pub(crate) rows: Option<ParquetRowSelection>,
}

/// The segments of a snapshot that can hold rows for which all `filters` are true, newest first.
///
/// Errors: a text index that cannot be read is reported and not used; it never fails a query.
pub(crate) async fn select(snapshot: &Snapshot, filters: &[Expr]) -> Result<Vec<SelectedSegment>> {
    let signal = snapshot.signal;
    let time = time_range(signal, filters);
    let words = IndexQuery::of(signal, filters).map(Arc::new);
    let in_time = snapshot.segments.iter().filter(|segment| {
        let meta = segment.meta();
        time.overlaps(meta.min_time, meta.max_time)
    });
    let candidates: Vec<Arc<Segment>> = in_time.cloned().collect();
    let selected: Vec<SelectedSegment> = match words {
        None => candidates.into_iter().map(|segment| SelectedSegment { segment, rows: None }).collect(),
        Some(words) => {
            let searches = candidates.into_iter().map(|segment| search(segment, Arc::clone(&words)));
            let found: Vec<Option<SelectedSegment>> =
                futures::stream::iter(searches).buffered(SEARCHES_AT_ONCE).try_collect().await?;
            found.into_iter().flatten().collect()
        }
    };
    let pruned = snapshot.segments.len() - selected.len();
    counter!("spanlake_query_segments_total", "signal" => signal.name(), "result" => "pruned").increment(pruned as u64);
    counter!("spanlake_query_segments_total", "signal" => signal.name(), "result" => "scanned")
        .increment(selected.len() as u64);
    Ok(selected)
}

/// `None`: no row of the segment matches.
async fn search(segment: Arc<Segment>, words: Arc<IndexQuery>) -> Result<Option<SelectedSegment>> {
    let searched = Arc::clone(&segment);
    let hits = tokio::task::spawn_blocking(move || words.rows(&searched))
        .await
        .map_err(|error| DataFusionError::External(Box::new(error)))?;
    let rows = segment.meta().rows;
    match hits {
        Some(hits) if hits.is_empty() => Ok(None),
        Some(hits) if (hits.len() as u64).saturating_mul(SELECTION_PAYS_FROM) <= rows => {
            let rows = row_selection(&hits, usize::try_from(rows).unwrap_or(usize::MAX));
            Ok(Some(SelectedSegment { segment, rows: Some(ParquetRowSelection::new(rows)) }))
        }
        _ => Ok(Some(SelectedSegment { segment, rows: None })),
    }
}

/// `hits`: ascending row numbers.
fn row_selection(hits: &[u32], rows: usize) -> RowSelection {
    let mut ranges: Vec<std::ops::Range<usize>> = Vec::new();
    for hit in hits.iter().map(|hit| *hit as usize).filter(|hit| *hit < rows) {
        match ranges.last_mut() {
            Some(last) if last.end == hit => last.end = hit + 1,
            _ => ranges.push(hit..hit + 1),
        }
    }
    RowSelection::from_consecutive_ranges(ranges.into_iter(), rows)
}

/// The bounds that the predicates set on the time column.
fn time_range(signal: Signal, filters: &[Expr]) -> TimeRange {
    let mut range = TimeRange::default();
    for predicate in filters.iter().flat_map(split_conjunction) {
        let Expr::BinaryExpr(BinaryExpr { left, op, right }) = predicate else { continue };
        let (column, op, value) = match (left.as_ref(), right.as_ref()) {
            (Expr::Column(column), Expr::Literal(value, _)) => (column, *op, value),
            (Expr::Literal(value, _), Expr::Column(column)) => match op.swap() {
                Some(op) => (column, op, value),
                None => continue,
            },
            _ => continue,
        };
        let ScalarValue::Int64(Some(value)) = value else { continue };
        if column.name == signal.spec().time_column {
            narrow(&mut range, op, *value);
        }
    }
    range
}

fn narrow(range: &mut TimeRange, op: Operator, value: i64) {
    let start = match op {
        Operator::GtEq | Operator::Eq => Some(value),
        Operator::Gt => Some(value.saturating_add(1)),
        _ => None,
    };
    // i64::MAX has no successor: then there is no bound.
    let end = match op {
        Operator::Lt => Some(value),
        Operator::LtEq | Operator::Eq => value.checked_add(1),
        _ => None,
    };
    if let Some(start) = start {
        range.start = Some(range.start.map_or(start, |before| before.max(start)));
    }
    if let Some(end) = end {
        range.end = Some(range.end.map_or(end, |before| before.min(end)));
    }
}

/// What the text index can say about a predicate.
enum IndexQuery {
    Match(MatchCall),
    All(Vec<IndexQuery>),
    Any(Vec<IndexQuery>),
}

impl IndexQuery {
    /// The part of the filters (all of which must hold) that the index knows about.
    fn of(signal: Signal, filters: &[Expr]) -> Option<IndexQuery> {
        Self::all(filters.iter().filter_map(|filter| Self::of_one(signal, filter)).collect())
    }

    fn all(mut parts: Vec<IndexQuery>) -> Option<IndexQuery> {
        if parts.len() > 1 { Some(IndexQuery::All(parts)) } else { parts.pop() }
    }

    fn of_one(signal: Signal, expr: &Expr) -> Option<IndexQuery> {
        match expr {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                Self::all([left, right].into_iter().filter_map(|part| Self::of_one(signal, part)).collect())
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
                Some(IndexQuery::Any(vec![Self::of_one(signal, left)?, Self::of_one(signal, right)?]))
            }
            other => {
                let call = MatchCall::of(other)?;
                let is_indexed = signal.spec().text_columns.contains(&call.column.as_str());
                (is_indexed && !call.words.is_empty()).then_some(IndexQuery::Match(call))
            }
        }
    }

    /// Ascending row numbers; `None` when the index cannot say.
    fn rows(&self, segment: &Segment) -> Option<Vec<u32>> {
        match self {
            IndexQuery::Match(call) => segment.search(&call.column, &call.words).unwrap_or_else(|error| {
                tracing::warn!(segment = %segment.location(), "text index not used: {error}");
                counter!("spanlake_query_index_errors_total").increment(1);
                None
            }),
            IndexQuery::All(parts) => {
                parts.iter().filter_map(|part| part.rows(segment)).reduce(|a, b| intersect(&a, &b))
            }
            IndexQuery::Any(parts) => {
                let mut rows = parts.iter().map(|part| part.rows(segment)).collect::<Option<Vec<_>>>()?.concat();
                rows.sort_unstable();
                rows.dedup();
                Some(rows)
            }
        }
    }
}

fn intersect(a: &[u32], b: &[u32]) -> Vec<u32> {
    let (few, many) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    few.iter().copied().filter(|row| many.binary_search(row).is_ok()).collect()
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::col;
    use proto::schema;

    use super::*;

    #[test]
    fn time_bounds_are_half_open() {
        let time = || col(schema::TIME_UNIX_NANO);
        let check = |filter: Expr, start: Option<i64>, end: Option<i64>| {
            assert_eq!(time_range(Signal::Logs, std::slice::from_ref(&filter)), TimeRange { start, end }, "{filter}");
        };
        check(time().gt_eq(lit(5i64)).and(time().lt(lit(9i64))), Some(5), Some(9));
        check(time().gt(lit(5i64)).and(time().lt_eq(lit(9i64))), Some(6), Some(10));
        check(lit(5i64).lt(time()), Some(6), None);
        check(time().eq(lit(7i64)), Some(7), Some(8));
        check(time().lt_eq(lit(i64::MAX)), None, None);
        check(time().gt(lit(1i64)).and(time().gt(lit(3i64))), Some(4), None);
        check(time().gt(lit(1i64)).or(time().lt(lit(0i64))), None, None);
        check(col("flags").gt(lit(1i64)), None, None);
    }

    #[test]
    fn rows_become_ranges() {
        let selection = row_selection(&[1, 2, 3, 7, 99], 10);
        assert_eq!(selection.row_count(), 4);
        assert_eq!(selection, RowSelection::from_consecutive_ranges([1..4, 7..8].into_iter(), 10));
    }

    #[test]
    fn a_text_that_is_no_id_matches_none() {
        let bytes = |text: &str| match hex_literal(&lit(text)) {
            Some(Expr::Literal(ScalarValue::Binary(Some(bytes)), _)) => bytes,
            other => panic!("{other:?}"),
        };
        assert_eq!(bytes("00ff"), vec![0, 255]);
        for text in ["00FF", "0", "xyz", "", "0x00"] {
            assert_eq!(bytes(text), Vec::<u8>::new(), "{text}");
        }
    }
}
