//! From predicates to what must be read.
//!
//! Two steps. While a plan is optimized, [`PhysicalColumns`] rewrites predicates over a view's expressions into
//! predicates over physical columns, which Parquet statistics, page indexes and bloom filters understand. When a scan
//! is planned, [`select`] drops segments by time and asks the index for which rows a predicate can hold.
//!
//! All of it only narrows: a plan evaluates every predicate on what is read, and a reading without one all but those of
//! which the index is certain.

use std::cmp::Reverse;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator, lit};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{Optimizer, OptimizerConfig, OptimizerRule};
use datafusion::scalar::ScalarValue;
use futures::{StreamExt, TryStreamExt};
use metrics::counter;
use proto::{Signal, TimeRange, UnixNanos};
use storage::{Condition, IndexHits, RowGroupMeta, RowRanges, Segment, Snapshot};

use crate::functions::{MatchCall, attribute_key, fold, is_hex, is_severity_name, severity_numbers};
use crate::grouping::GroupByNumbers;

/// Index look-ups of one query that run at once.
const SEARCHES_AT_ONCE: usize = 4;
/// Rows that the index of ids tells apart.
const STRIPE_ROWS: u32 = 1024;
/// Skipping between single rows costs as much as reading so many.
const SELECTION_PAYS_FROM: u64 = 4;

/// DataFusion's rules, with ours where a view's expressions have just met the predicates. `memory`: of all queries.
pub(crate) fn optimizer_rules(memory: &Arc<dyn MemoryPool>) -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
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
    rules.push(Arc::new(GroupByNumbers::new(memory)));
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

/// The same for a predicate that meets no optimizer.
pub(crate) fn to_physical_columns(predicate: Expr) -> Result<Expr> {
    let physical = predicate.transform_down(|expr| Ok(to_physical(expr)))?;
    Ok(physical.transform_data(|expr| Ok(severity_to_numbers(expr)))?.data)
}

/// What the index leaves of the row groups in a time range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Candidates {
    /// Rows that may match.
    pub(crate) rows: u64,
    /// At least so many do, about: one of each stretch of rows that the index knows no better.
    pub(crate) matches: u64,
    /// Rows that there are.
    pub(crate) total: u64,
}

/// What the index leaves for `predicates`; `None` when it cannot say.
///
/// Blocking.
pub(crate) fn count_candidates(snapshot: &Snapshot, predicates: &[Expr]) -> Option<Candidates> {
    let query = IndexQuery::of(snapshot.signal, predicates)?;
    let time = time_range(snapshot.signal, predicates);
    let mut counted = Candidates::default();
    for segment in in_time(snapshot, time) {
        for (number, group) in segment.row_groups()?.into_iter().enumerate() {
            if !time.overlaps(group.min_time, group.max_time) {
                continue;
            }
            let found = query.look_up(segment, number)?;
            counted.rows += found.rows.count();
            counted.matches += if found.certain.is_empty() { stripes(&found.rows) } else { found.rows.count() };
            counted.total += u64::from(group.rows);
        }
    }
    Some(counted)
}

fn in_time(snapshot: &Snapshot, time: TimeRange) -> impl Iterator<Item = &Arc<Segment>> {
    snapshot.segments.iter().filter(move |segment| time.overlaps(segment.meta().min_time, segment.meta().max_time))
}

fn stripes(rows: &RowRanges) -> u64 {
    rows.ranges().iter().map(|range| u64::from((range.end - range.start).div_ceil(STRIPE_ROWS))).sum()
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

/// A row group to read, whole or only some rows; or all of a segment whose row groups are not known.
pub(crate) struct Selected {
    pub(crate) segment: Arc<Segment>,
    /// Which one, and what the segment knows of it.
    pub(crate) row_group: Option<(usize, RowGroupMeta)>,
    /// Ranges within the row group; `None`: all rows.
    pub(crate) rows: Option<RowRanges>,
    /// Which filters, by their position among the parts of the conjunction, hold for these rows for certain.
    pub(crate) certain: Vec<usize>,
}

impl Selected {
    /// Bounds of the time column.
    pub(crate) fn times(&self) -> (UnixNanos, UnixNanos) {
        let meta = self.segment.meta();
        self.row_group.map_or((meta.min_time, meta.max_time), |(_, group)| (group.min_time, group.max_time))
    }

    pub(crate) fn row_count(&self) -> u64 {
        self.row_group.map_or(self.segment.meta().rows, |(_, group)| u64::from(group.rows))
    }
}

/// The row groups of a snapshot that can hold rows for which all `filters` are true, newest first.
///
/// Errors: an index that cannot be read is reported and not used; it never fails a query.
pub(crate) async fn select(snapshot: &Snapshot, filters: &[Expr]) -> Result<Vec<Selected>> {
    let signal = snapshot.signal;
    let time = time_range(signal, filters);
    let query = Arc::new(IndexQuery::of(signal, filters));
    let candidates: Vec<Arc<Segment>> = in_time(snapshot, time).cloned().collect();
    let searches = candidates.into_iter().map(|segment| search(segment, time, Arc::clone(&query)));
    let found: Vec<Vec<Selected>> = futures::stream::iter(searches).buffered(SEARCHES_AT_ONCE).try_collect().await?;
    let scanned = found.iter().filter(|selected| !selected.is_empty()).count();
    let pruned = snapshot.segments.len() - scanned;
    counter!("spanlake_query_segments_total", "signal" => signal.name(), "result" => "pruned").increment(pruned as u64);
    counter!("spanlake_query_segments_total", "signal" => signal.name(), "result" => "scanned")
        .increment(scanned as u64);
    let mut selected: Vec<Selected> = found.into_iter().flatten().collect();
    selected.sort_by_key(|selected| Reverse(selected.times().1));
    Ok(selected)
}

async fn search(segment: Arc<Segment>, time: TimeRange, query: Arc<Option<IndexQuery>>) -> Result<Vec<Selected>> {
    tokio::task::spawn_blocking(move || select_row_groups(segment, time, query.as_ref().as_ref()))
        .await
        .map_err(|error| DataFusionError::External(Box::new(error)))
}

/// Blocking.
fn select_row_groups(segment: Arc<Segment>, time: TimeRange, query: Option<&IndexQuery>) -> Vec<Selected> {
    let Some(groups) = segment.row_groups() else {
        return vec![Selected { segment, row_group: None, rows: None, certain: Vec::new() }];
    };
    let mut selected = Vec::new();
    for (number, group) in groups.into_iter().enumerate() {
        if !time.overlaps(group.min_time, group.max_time) {
            continue;
        }
        let found = query.and_then(|query| query.look_up(&segment, number));
        let (rows, certain) = found.map_or((None, Vec::new()), |found| (Some(found.rows), found.certain));
        if rows.as_ref().is_some_and(RowRanges::is_empty) {
            continue;
        }
        let rows = rows.filter(|rows| !certain.is_empty() || selection_pays(rows, u64::from(group.rows)));
        selected.push(Selected { segment: Arc::clone(&segment), row_group: Some((number, group)), rows, certain });
    }
    selected
}

/// Each stretch of rows has a price of its own: many short ones cost more than reading what lies between.
fn selection_pays(hits: &RowRanges, rows: u64) -> bool {
    let price = hits.count() + hits.ranges().len() as u64 * (SELECTION_PAYS_FROM - 1);
    price <= rows
}

/// The bounds that the predicates set on the time column.
pub(crate) fn time_range(signal: Signal, filters: &[Expr]) -> TimeRange {
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

/// What the index can say about filters, all of which must hold: those parts of the conjunction that it knows about, with
/// their positions in it.
struct IndexQuery(Vec<(usize, Part)>);

enum Part {
    Condition(Condition),
    All(Vec<Part>),
    Any(Vec<Part>),
}

/// Rows of a row group that may satisfy a query, and what they satisfy for certain.
struct LookedUp {
    rows: RowRanges,
    certain: Vec<usize>,
}

impl IndexQuery {
    fn of(signal: Signal, filters: &[Expr]) -> Option<IndexQuery> {
        let conjunction = filters.iter().flat_map(split_conjunction).enumerate();
        let parts: Vec<_> = conjunction.filter_map(|(at, filter)| Some((at, Part::of(signal, filter)?))).collect();
        (!parts.is_empty()).then_some(IndexQuery(parts))
    }

    /// `None` when the index cannot say.
    fn look_up(&self, segment: &Segment, row_group: usize) -> Option<LookedUp> {
        let mut found: Option<LookedUp> = None;
        for (at, part) in &self.0 {
            let Some(hits) = part.hits(segment, row_group) else { continue };
            let mut both = found.unwrap_or_else(|| LookedUp { rows: hits.rows.clone(), certain: Vec::new() });
            both.rows = both.rows.intersect(&hits.rows);
            both.certain.extend(hits.certain.then_some(*at));
            if both.rows.is_empty() {
                return Some(both);
            }
            found = Some(both);
        }
        found
    }
}

impl Part {
    fn of(signal: Signal, expr: &Expr) -> Option<Part> {
        match expr {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                let mut parts: Vec<_> = [left, right].into_iter().filter_map(|part| Self::of(signal, part)).collect();
                if parts.len() > 1 { Some(Part::All(parts)) } else { parts.pop() }
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
                Some(Part::Any(vec![Self::of(signal, left)?, Self::of(signal, right)?]))
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) => {
                let (tested, value) = if matches!(**left, Expr::Literal(..)) { (right, left) } else { (left, right) };
                equality(signal, tested, std::slice::from_ref(value.as_ref())).map(Part::Condition)
            }
            Expr::InList(InList { expr, list, negated: false }) => equality(signal, expr, list).map(Part::Condition),
            other => {
                let MatchCall { column, words } = MatchCall::of(other)?;
                let is_indexed = signal.spec().text_columns.contains(&column.as_str());
                (is_indexed && !words.is_empty()).then_some(Part::Condition(Condition::Words { column, words }))
            }
        }
    }

    /// `None` when the index cannot say.
    fn hits(&self, segment: &Segment, row_group: usize) -> Option<IndexHits> {
        let uncertain = |rows| IndexHits { rows, certain: false };
        match self {
            Part::Condition(condition) => segment.hits(row_group, condition).unwrap_or_else(|error| {
                tracing::warn!(segment = %segment.location(), "index not used: {error}");
                counter!("spanlake_query_index_errors_total").increment(1);
                None
            }),
            Part::All(parts) => {
                let rows = parts.iter().filter_map(|part| Some(part.hits(segment, row_group)?.rows));
                rows.reduce(|a, b| a.intersect(&b)).map(uncertain)
            }
            Part::Any(parts) => {
                let rows = parts.iter().map(|part| Some(part.hits(segment, row_group)?.rows));
                let rows = rows.collect::<Option<Vec<_>>>()?;
                rows.into_iter().reduce(|a, b| a.union(&b)).map(uncertain)
            }
        }
    }
}

/// `tested` is one of `values`, if that is something the index knows about.
fn equality(signal: Signal, tested: &Expr, values: &[Expr]) -> Option<Condition> {
    let literal = |value: &Expr| match value {
        Expr::Literal(value, _) => Some(value.clone()),
        _ => None,
    };
    let values = values.iter().map(literal).collect::<Option<Vec<_>>>()?;
    match tested {
        Expr::Column(column) if signal.spec().key_columns.contains(&column.name.as_str()) => {
            let bytes = values.into_iter().map(|value| match value {
                ScalarValue::Binary(bytes) => bytes,
                _ => None,
            });
            Some(Condition::Bytes { column: column.name.clone(), values: bytes.collect::<Option<_>>()? })
        }
        tested => {
            let key = attribute_key(signal, tested)?.to_owned();
            let texts = values.iter().map(|value| value.try_as_str().flatten().map(str::to_owned));
            Some(Condition::Attribute { key, values: texts.collect::<Option<_>>()? })
        }
    }
}

#[cfg(test)]
mod against_brute_force;
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
