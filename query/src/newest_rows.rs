//! `SELECT ... ORDER BY time DESC LIMIT n` in SQL, planned as a person would read it: the time and the conditions are
//! read first, of the newest rows and then further back, and everything else only of the n rows. These stand in the plan
//! in the place of the table.
//!
//! Without it every row that comes first in its file is decoded whole before the engine knows that others are newer.

use std::sync::Arc;

use arrow::compute::concat_batches;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::datasource::{MemTable, provider_as_source, source_as_provider};
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::logical_expr::expr_rewriter::unnormalize_col;
use datafusion::logical_expr::utils::split_conjunction_owned;
use datafusion::logical_expr::{Cast, Expr, Filter, LogicalPlan, TableScan, lit};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::DataFrame;
use proto::Signal;
use proto::nulls::with_nulls;

use crate::engine::Query;
use crate::error::{ErrorKind, QueryError};
use crate::newest::FirstRows;
use crate::pruning;
use crate::row_groups::First;
use crate::table::LakeTable;

/// With more rows wanted, looking twice costs more than it saves.
const ROWS_MAX: usize = 20_000;
/// More rows at the instant of the last one than these are not kept: the engine reads them.
const TIES_MAX: usize = 4096;

/// The physical plan of a query.
pub(crate) async fn plan(query: &Query, frame: DataFrame) -> Result<Arc<dyn ExecutionPlan>, QueryError> {
    let (state, plan) = frame.into_parts();
    let (state, plan) = query
        .run(async move {
            let plan = state.optimize(&plan)?;
            Ok((state, plan))
        })
        .await?;
    let plan = match NewestRows::of(&plan) {
        Some(wanted) => match wanted.read(query).await? {
            Some(rows) => wanted.with_rows(plan, rows)?,
            None => wanted.bounded(plan, wanted.rows.last_time(query).await?)?,
        },
        None => plan,
    };
    query.run(async move { physical(&state, &plan).await }).await
}

async fn physical(state: &SessionState, plan: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>, QueryError> {
    Ok(state.query_planner().create_physical_plan(plan, state).await?)
}

/// A query for the first rows in the order of time.
struct NewestRows {
    rows: FirstRows,
    /// Physical columns that the plan reads.
    columns: Vec<String>,
}

impl NewestRows {
    /// `plan`: optimized. `None` for every other query.
    fn of(plan: &LogicalPlan) -> Option<Self> {
        let mut node = plan;
        let sort = loop {
            match node {
                LogicalPlan::Sort(sort) => break sort,
                LogicalPlan::Projection(projection) => node = &projection.input,
                LogicalPlan::SubqueryAlias(alias) => node = &alias.input,
                LogicalPlan::Limit(limit) => node = &limit.input,
                _ => return None,
            }
        };
        let rows = sort.fetch.filter(|rows| (1..=ROWS_MAX).contains(rows))?;
        let first = sort.expr.first()?;
        let (signal, conditions, columns) = scan_below(&first.expr, &sort.input)?;
        let range = pruning::time_range(signal, &conditions);
        let first = First { rows, newest_first: !first.asc };
        Some(Self { rows: FirstRows { signal, range, conditions, first }, columns })
    }

    /// `None`: there are too many.
    async fn read(&self, query: &Query) -> Result<Option<RecordBatch>, QueryError> {
        let schema = self.rows.signal.schema();
        let columns: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        let batches = match self.rows.read(query, &columns, self.rows.first.rows + TIES_MAX).await {
            Err(error) if error.kind == ErrorKind::TooLarge => return Ok(None),
            read => read?,
        };
        let Some(batches) = batches else { return Ok(None) };
        let batches = batches.iter().map(|batch| with_nulls(batch, &schema)).collect::<Result<Vec<_>, _>>()?;
        Ok(Some(concat_batches(&schema, &batches)?))
    }

    /// The plan over these rows instead of the table.
    fn with_rows(&self, plan: LogicalPlan, rows: RecordBatch) -> Result<LogicalPlan, QueryError> {
        let table = provider_as_source(Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]])?));
        let replaced = plan.transform_up(|node| match node {
            LogicalPlan::TableScan(mut scan) => {
                scan.source = Arc::clone(&table);
                // Each of them is in a filter above it too.
                scan.filters.clear();
                Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
            }
            other => Ok(Transformed::no(other)),
        })?;
        Ok(replaced.data)
    }

    /// The plan without rows beyond the time of the last one wanted; `None`: there is no row.
    fn bounded(&self, plan: LogicalPlan, last: Option<i64>) -> Result<LogicalPlan, QueryError> {
        // Upwards: the scan stands below what takes its place.
        let bounded = plan.transform_up(|node| match node {
            LogicalPlan::TableScan(scan) => Ok(Transformed::yes(self.bounded_scan(scan, last)?)),
            other => Ok(Transformed::no(other)),
        })?;
        Ok(bounded.data)
    }

    fn bounded_scan(&self, mut scan: TableScan, last: Option<i64>) -> datafusion::error::Result<LogicalPlan> {
        let name = self.rows.signal.spec().time_column;
        let (table, field) = scan.projected_schema.qualified_field_with_unqualified_name(name)?;
        let time = Expr::Column(Column::new(table.cloned(), field.name()));
        let bound = match last {
            Some(last) if self.rows.first.newest_first => time.gt_eq(lit(last)),
            Some(last) => time.lt_eq(lit(last)),
            None => lit(false),
        };
        scan.filters.push(bound.clone());
        Ok(LogicalPlan::Filter(Filter::try_new(bound, Arc::new(LogicalPlan::TableScan(scan)))?))
    }
}

/// The signal, the conditions and the columns of the rows below a sort, when it sorts by their time and nothing stands
/// between but filters and projections.
fn scan_below(sorted_by: &Expr, below: &LogicalPlan) -> Option<(Signal, Vec<Expr>, Vec<String>)> {
    let (mut expr, mut node, mut conditions) = (sorted_by.clone(), below, Vec::new());
    loop {
        expr = without_cast(expr);
        let Expr::Column(column) = &expr else { return None };
        match node {
            LogicalPlan::Projection(projection) => {
                expr = projection.expr.get(position(&projection.schema, column)?)?.clone();
                let below = |condition| in_terms_of(condition, &projection.schema, &projection.expr);
                conditions = conditions.into_iter().map(below).collect::<Option<_>>()?;
                node = &projection.input;
            }
            LogicalPlan::SubqueryAlias(alias) => {
                let input: Vec<Expr> = alias.input.schema().columns().into_iter().map(Expr::Column).collect();
                expr = input.get(position(&alias.schema, column)?)?.clone();
                let below = |condition| in_terms_of(condition, &alias.schema, &input);
                conditions = conditions.into_iter().map(below).collect::<Option<_>>()?;
                node = &alias.input;
            }
            LogicalPlan::Filter(filter) => {
                conditions.extend(split_conjunction_owned(filter.predicate.clone()));
                node = &filter.input;
            }
            // What the scan was told is in a filter above it too: the table takes no condition off the engine's hands.
            LogicalPlan::TableScan(scan) => {
                let provider = source_as_provider(&scan.source).ok()?;
                let signal = provider.downcast_ref::<LakeTable>()?.signal();
                let is_usable = scan.fetch.is_none() && column.name == signal.spec().time_column;
                let columns = scan.projected_schema.fields().iter().map(|field| field.name().clone()).collect();
                let conditions: Vec<Expr> = conditions.into_iter().map(unnormalize_col).collect();
                let is_usable = is_usable && conditions.iter().all(is_of_the_row_alone);
                return is_usable.then_some((signal, conditions, columns));
            }
            _ => return None,
        }
    }
}

/// Whether a condition can be asked apart from the plan, and twice: it gives the same each time, and needs nothing but the
/// row.
fn is_of_the_row_alone(condition: &Expr) -> bool {
    let is_subquery = |expr: &Expr| matches!(expr, Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_));
    !condition.is_volatile() && !condition.exists(|expr| Ok(is_subquery(expr))).unwrap_or(true)
}

/// A condition over the columns of `schema` as one over what these columns are.
fn in_terms_of(condition: Expr, schema: &DFSchema, columns: &[Expr]) -> Option<Expr> {
    let replaced = condition.transform(|expr| match &expr {
        Expr::Column(column) => {
            let is = position(schema, column).and_then(|at| columns.get(at)).cloned();
            let is = is.ok_or_else(|| DataFusionError::Internal(format!("no column {column}")))?;
            Ok(Transformed::new(is.unalias_nested().data, true, TreeNodeRecursion::Jump))
        }
        _ => Ok(Transformed::no(expr)),
    });
    Some(replaced.ok()?.data)
}

/// Nanoseconds stay in order when they become timestamps.
fn without_cast(expr: Expr) -> Expr {
    match expr {
        Expr::Alias(alias) => without_cast(*alias.expr),
        Expr::Cast(Cast { expr, field }) if matches!(field.data_type(), DataType::Timestamp(..)) => without_cast(*expr),
        other => other,
    }
}

fn position(schema: &DFSchema, column: &Column) -> Option<usize> {
    schema.maybe_index_of_column(column)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::test_data::{append, engine, store};

    const T0: i64 = 1_700_000_000_000_000_000;

    fn newest_rows(plan: &LogicalPlan) -> Option<(usize, bool, usize)> {
        NewestRows::of(plan).map(|wanted| {
            let FirstRows { first, conditions, .. } = wanted.rows;
            (first.rows, first.newest_first, conditions.len())
        })
    }

    #[tokio::test]
    async fn only_the_first_rows_by_time_are_looked_up() {
        let (_directory, store) = store().await;
        let engine = engine(&store);
        let query = engine.begin("test", None).await.expect("admitted");
        for (sql, expected) in [
            ("SELECT name FROM spans ORDER BY start_time DESC LIMIT 7", Some((7, true, 0))),
            (
                "SELECT * FROM spans WHERE service = 'a' AND kind = 'SERVER' ORDER BY start_time DESC LIMIT 7",
                Some((7, true, 2)),
            ),
            (
                "SELECT name FROM spans WHERE attributes['http.response.status_code'] >= 500 AND service = 'a' \
                 ORDER BY start_time DESC LIMIT 7",
                Some((7, true, 2)),
            ),
            (
                "SELECT x FROM (SELECT name AS x, start_time AS t, upper(service) AS u FROM spans) WHERE u = 'A' \
                 ORDER BY t DESC LIMIT 2",
                Some((2, true, 1)),
            ),
            (
                "SELECT body FROM logs WHERE severity = 'ERROR' ORDER BY time, body LIMIT 7 OFFSET 3",
                Some((10, false, 2)),
            ),
            (
                "SELECT x FROM (SELECT name AS x, start_time AS t FROM spans) ORDER BY t DESC LIMIT 2",
                Some((2, true, 0)),
            ),
            ("SELECT name FROM spans WHERE random() < 0.5 ORDER BY start_time DESC LIMIT 7", None),
            (
                "SELECT name FROM spans WHERE start_time > (SELECT min(time) FROM logs) ORDER BY start_time DESC LIMIT 7",
                None,
            ),
            ("SELECT name FROM spans ORDER BY duration_ns DESC LIMIT 7", None),
            ("SELECT name FROM spans ORDER BY end_time DESC LIMIT 7", None),
            ("SELECT name FROM spans ORDER BY start_time DESC", None),
            ("SELECT name FROM spans ORDER BY start_time DESC LIMIT 50000", None),
            ("SELECT count(*) FROM (SELECT name FROM spans ORDER BY start_time DESC LIMIT 7)", None),
            ("SELECT DISTINCT start_time FROM spans ORDER BY start_time DESC LIMIT 7", None),
            (
                "SELECT s.name FROM spans s JOIN logs l ON s.trace_id = l.trace_id ORDER BY s.start_time DESC LIMIT 7",
                None,
            ),
        ] {
            let (state, plan) = query.sql(sql).await.expect(sql).into_parts();
            assert_eq!(newest_rows(&state.optimize(&plan).expect(sql)), expected, "{sql}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn the_first_rows_are_those_of_all_rows_sorted(
            rows in prop::collection::vec((0i64..50, 0u64..3), 1..150),
            cuts in prop::collection::vec(0usize..150, 2),
            service in 0u64..3, limit in 1usize..12, offset in 0usize..4, newest_first: bool, by_attribute: bool,
        ) {
            let sent: Vec<(i64, u64, usize)> =
                rows.iter().enumerate().map(|(id, (time, service))| (*time, *service, id)).collect();
            let mut parts = vec![sent.clone()];
            for cut in cuts {
                let last = parts.pop().expect("a part");
                let (head, tail) = last.split_at(cut.min(last.len()));
                parts.extend([head.to_vec(), tail.to_vec()]);
            }
            let order = if newest_first { "DESC" } else { "ASC" };
            let condition = if by_attribute {
                format!("attributes['http.response.status_code'] >= {service} AND attributes['http.response.status_code'] < {}",
                    service + 1)
            } else {
                format!("service = 's{service}'")
            };
            let sql = format!("SELECT span_id, attributes FROM spans WHERE {condition} \
                ORDER BY start_time {order}, span_id LIMIT {limit} OFFSET {offset}");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let found: Vec<String> = runtime.block_on(async {
                let (_directory, store) = store().await;
                for (nth, part) in parts.iter().filter(|part| !part.is_empty()).enumerate() {
                    if nth > 0 {
                        store.flush(Signal::Spans).await.expect("flushed");
                    }
                    let json = |(time, service, id): &(i64, u64, usize)| json!({"trace_id": format!("{:032x}", id % 7 + 1),
                        "span_id": format!("{:016x}", id + 1), "start_time_unix_nano": T0 + time, "service": format!("s{service}"),
                        "attr_http_response_status_code": service});
                    append(&store, Signal::Spans, &part.iter().map(json).collect::<Vec<_>>()).await;
                }
                let engine = engine(&store);
                let query = engine.begin("test", None).await.expect("admitted");
                let frame = query.sql(&sql).await.expect("planned");
                let batches = query.collect(frame).await.expect("found");
                let texts = batches.iter().flat_map(|batch| {
                    let ids = arrow::compute::cast(batch.column(0), &DataType::Utf8).expect("text");
                    arrow::array::AsArray::as_string::<i32>(&ids).iter().flatten().map(str::to_owned).collect::<Vec<_>>()
                });
                texts.collect()
            });
            let mut expected: Vec<_> = sent.into_iter().filter(|row| row.1 == service).collect();
            expected.sort_by_key(|(time, _, id)| (if newest_first { -time } else { *time }, *id));
            let expected: Vec<String> =
                expected.into_iter().skip(offset).take(limit).map(|row| format!("{:016x}", row.2 + 1)).collect();
            prop_assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), found.len());
            prop_assert_eq!(found, expected);
        }
    }
}
