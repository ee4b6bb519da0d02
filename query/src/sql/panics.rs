//! Calls that the engine plans and then panics at (DataFusion 55): refused before.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};

/// Whose result depends on the order of the rows. To all others the engine hands what is sorted by as an argument more
/// than they have.
const ORDERED: [&str; 5] = ["array_agg", "string_agg", "first_value", "last_value", "nth_value"];
/// They read their first argument whether or not there is one.
const OF_ONE_ROW: [&str; 3] = ["first_value", "last_value", "nth_value"];

/// Errors: such a call, anywhere in the plan.
pub(super) fn refuse(plan: &LogicalPlan) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        let inputs = node.inputs();
        let none = DFSchema::empty();
        let schema = inputs.first().map_or(&none, |input| input.schema().as_ref());
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                match expr {
                    Expr::AggregateFunction(call) => refuse_aggregate(call, schema)?,
                    Expr::WindowFunction(call) => refuse_window(call)?,
                    _ => {}
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(())
}

fn refuse_aggregate(call: &AggregateFunction, schema: &DFSchema) -> Result<()> {
    let (name, order) = (call.func.name(), &call.params.order_by);
    if !order.is_empty() && !ORDERED.contains(&name) && !call.func.supports_within_group_clause() {
        return plan_err!("{name}() does not depend on an order: leave out its ORDER BY");
    }
    for by in order {
        let sorted_by = by.expr.get_type(schema)?;
        if sorted_by.is_nested() {
            return plan_err!("{name}() cannot order by {sorted_by}: take a part of it that is a number or a text");
        }
    }
    Ok(())
}

fn refuse_window(call: &WindowFunction) -> Result<()> {
    let name = call.fun.name();
    if call.params.args.is_empty() && OF_ONE_ROW.contains(&name) {
        return plan_err!("{name}() needs an argument: what it takes from that row");
    }
    Ok(())
}
