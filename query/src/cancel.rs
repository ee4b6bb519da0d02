//! Stops work that nobody waits for any more.
//!
//! A dropped task ends where it next yields. A join can go on between two yields for ever: it compares billions of
//! pairs and finds none. So joins give their threads back after every batch, and their conditions fail once the query
//! was given up.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::datatypes::{FieldRef, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::common::config::ConfigOptions;
use datafusion::common::exec_err;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder};

/// Whether a query was given up.
#[derive(Debug, Default)]
pub(crate) struct Cancelled(AtomicBool);

impl Cancelled {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) { exec_err!("the query was given up") } else { Ok(()) }
    }
}

/// Makes the joins of a query's plans stoppable.
#[derive(Debug)]
pub(crate) struct StoppableJoins(pub(crate) Arc<Cancelled>);

impl PhysicalOptimizerRule for StoppableJoins {
    fn name(&self) -> &str {
        "stoppable_joins"
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = plan.transform_up(|plan| {
            let join: Arc<dyn ExecutionPlan> = if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() {
                let children = (Arc::clone(join.left()), Arc::clone(join.right()));
                let filter = join.filter().map(|filter| self.stoppable(filter));
                let builder = NestedLoopJoinExecBuilder::new(children.0, children.1, *join.join_type());
                Arc::new(builder.with_projection_ref(join.projection().clone()).with_filter(filter).build()?)
            } else if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
                match join.filter() {
                    Some(filter) => join.builder().with_filter(Some(self.stoppable(filter))).build_exec()?,
                    None => plan,
                }
            } else if plan.is::<CrossJoinExec>() {
                plan
            } else {
                return Ok(Transformed::no(plan));
            };
            Ok(Transformed::yes(Arc::new(CooperativeExec::new(join)) as Arc<dyn ExecutionPlan>))
        })?;
        Ok(plan.data)
    }

    fn schema_check(&self) -> bool {
        true
    }
}

impl StoppableJoins {
    fn stoppable(&self, filter: &JoinFilter) -> JoinFilter {
        let condition = Stoppable { condition: Arc::clone(filter.expression()), cancelled: Arc::clone(&self.0) };
        JoinFilter::new(Arc::new(condition), filter.column_indices().to_vec(), Arc::clone(filter.schema()))
    }
}

/// A condition that fails once the query was given up.
#[derive(Debug)]
struct Stoppable {
    condition: Arc<dyn PhysicalExpr>,
    cancelled: Arc<Cancelled>,
}

impl PartialEq for Stoppable {
    fn eq(&self, other: &Self) -> bool {
        self.condition.eq(&other.condition)
    }
}

impl Eq for Stoppable {}

impl Hash for Stoppable {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.condition.hash(state);
    }
}

impl fmt::Display for Stoppable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.condition, f)
    }
}

impl PhysicalExpr for Stoppable {
    fn return_field(&self, input_schema: &Schema) -> Result<FieldRef> {
        self.condition.return_field(input_schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        self.cancelled.check()?;
        self.condition.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.condition]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        match (children.pop(), children.is_empty()) {
            (Some(condition), true) => Ok(Arc::new(Stoppable { condition, cancelled: Arc::clone(&self.cancelled) })),
            _ => exec_err!("a stoppable condition has one child"),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt_sql(f)
    }
}
