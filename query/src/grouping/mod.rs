//! Texts that rows are grouped by: as numbers instead of dictionaries.
//!
//! Each row group of a file has dictionaries of its own, so the engine cannot group by their numbers, and it has no
//! special way for them: it would encode each row as bytes, hash these and compare. One number for each text, the same in
//! all files of a query, costs one look-up per text of a dictionary, and numbers have a way of their own, alone and beside
//! other columns.

mod texts;

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, LogicalPlan, Projection};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use self::texts::Texts;

/// `GROUP BY text` as `GROUP BY text_number(text)`, and back to texts in the few rows of the result.
#[derive(Debug)]
pub(crate) struct GroupByNumbers {
    memory: Arc<dyn MemoryPool>,
}

impl GroupByNumbers {
    /// `memory`: of all queries; the texts count there.
    pub(crate) fn new(memory: &Arc<dyn MemoryPool>) -> Self {
        Self { memory: Arc::clone(memory) }
    }
}

impl OptimizerRule for GroupByNumbers {
    fn name(&self) -> &str {
        "group_by_numbers"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Aggregate(aggregate) = plan else { return Ok(Transformed::no(plan)) };
        let is_text = |expr: &Expr| Ok(expr.get_type(aggregate.input.schema())? == proto::schema::dictionary());
        let is_text = aggregate.group_expr.iter().map(is_text).collect::<Result<Vec<bool>>>()?;
        let is_set = aggregate.group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_)));
        if is_set || !is_text.contains(&true) {
            return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate)));
        }
        let texts: Vec<_> = is_text.iter().map(|is_text| is_text.then(|| Texts::new(&self.memory))).collect();
        let keys = aggregate.group_expr.into_iter().zip(&texts).map(|(expr, texts)| match texts {
            Some(texts) => texts.number().call(vec![expr]),
            None => expr,
        });
        let numbered = Aggregate::try_new(aggregate.input, keys.collect(), aggregate.aggr_expr)?;
        let columns = numbered.schema.columns().into_iter().zip(aggregate.schema.iter()).enumerate();
        let columns = columns.map(|(at, (column, (table, field)))| match texts.get(at) {
            Some(Some(texts)) => {
                texts.text().call(vec![Expr::Column(column)]).alias_qualified(table.cloned(), field.name())
            }
            _ => Expr::Column(column),
        });
        let columns = columns.collect();
        let plan = Projection::try_new(columns, Arc::new(LogicalPlan::Aggregate(numbered)))?;
        Ok(Transformed::yes(LogicalPlan::Projection(plan)))
    }
}
