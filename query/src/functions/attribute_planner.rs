//! How `attributes['k']` is read in SQL: as text, and as a number wherever it stands beside a number.

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Between, InList};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::planner::{
    ExprPlanner, PlannerResult, RawAggregateExpr, RawBinaryExpr, RawFieldAccessExpr,
};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, GetFieldAccess, LogicalPlan, cast, lit};
use datafusion::optimizer::AnalyzerRule;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::attribute::{attribute_call, is_attribute, map_type};
use super::number::{integer, number};

/// Aggregates over numbers: their argument is read as one.
const NUMERIC_AGGREGATES: [&str; 22] = [
    "sum",
    "avg",
    "mean",
    "min",
    "max",
    "median",
    "percentile",
    "percentile_cont",
    "quantile_cont",
    "approx_percentile_cont",
    "approx_percentile_cont_with_weight",
    "approx_median",
    "stddev",
    "stddev_samp",
    "stddev_pop",
    "var",
    "var_samp",
    "var_sample",
    "var_pop",
    "var_population",
    "corr",
    "covar_samp",
];

/// Integers from here on have neighbours that are the same `Float64`.
const EXACT_FLOAT_MAX: i64 = 1 << 53;

#[derive(Debug)]
pub(super) struct AttributePlanner;

impl ExprPlanner for AttributePlanner {
    fn plan_field_access(
        &self,
        raw: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        if raw.expr.get_type(schema)? != map_type() {
            return Ok(PlannerResult::Original(raw));
        }
        let RawFieldAccessExpr { expr, field_access } = raw;
        match field_access {
            GetFieldAccess::NamedStructField { name } => Ok(PlannerResult::Planned(attribute_call(expr, lit(name)))),
            GetFieldAccess::ListIndex { key } => Ok(PlannerResult::Planned(attribute_call(expr, *key))),
            field_access => Ok(PlannerResult::Original(RawFieldAccessExpr { expr, field_access })),
        }
    }

    fn plan_binary_op(&self, mut raw: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let (left, right) = (is_attribute(&raw.left), is_attribute(&raw.right));
        if !left && !right {
            return Ok(PlannerResult::Original(raw));
        }
        if is_arithmetic(&raw.op) {
            raw.left = if left { as_number(raw.left) } else { raw.left };
            raw.right = if right { as_number(raw.right) } else { raw.right };
        } else if is_comparison(&raw.op) && !(left && right) {
            let other_type = if left { raw.right.get_type(schema)? } else { raw.left.get_type(schema)? };
            let (attribute, other) = if left { (raw.left, raw.right) } else { (raw.right, raw.left) };
            let (attribute, other) = beside(attribute, other, &other_type);
            (raw.left, raw.right) = if left { (attribute, other) } else { (other, attribute) };
        }
        Ok(PlannerResult::Original(raw))
    }

    fn plan_aggregate(&self, mut raw: RawAggregateExpr) -> Result<PlannerResult<RawAggregateExpr>> {
        if NUMERIC_AGGREGATES.contains(&raw.func.name()) {
            raw.args = raw.args.into_iter().map(|arg| if is_attribute(&arg) { as_number(arg) } else { arg }).collect();
        }
        Ok(PlannerResult::Original(raw))
    }
}

fn as_number(attribute: Expr) -> Expr {
    number().call(vec![attribute])
}

/// An attribute and what it is compared with, so that both have the type of the latter.
fn beside(attribute: Expr, other: Expr, other_type: &DataType) -> (Expr, Expr) {
    match other_type {
        DataType::Boolean => (attribute, cast(other, DataType::Utf8)),
        data_type if data_type.is_numeric() => match large_integer(&other) {
            true => (integer().call(vec![attribute]), other),
            false => (as_number(attribute), other),
        },
        _ => (attribute, other),
    }
}

fn large_integer(expr: &Expr) -> bool {
    let is_large = |value: &i64| value.unsigned_abs() >= EXACT_FLOAT_MAX.unsigned_abs();
    match expr {
        Expr::Literal(ScalarValue::Int64(Some(value)), _) => is_large(value),
        Expr::Negative(inner) => large_integer(inner),
        _ => false,
    }
}

fn is_arithmetic(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Divide, Minus, Modulo, Multiply, Plus};
    matches!(op, Plus | Minus | Multiply | Divide | Modulo)
}

fn is_comparison(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq)
}

/// The same for what the SQL planner does not ask about: BETWEEN, IN and CAST. A cast of an attribute to a number is
/// null where the value is none, as in a comparison.
#[derive(Debug)]
pub(super) struct NumericAttributes;

impl AnalyzerRule for NumericAttributes {
    fn name(&self) -> &str {
        "numeric_attributes"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(rewrite_node)?.data)
    }
}

fn rewrite_node(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    let rewritten = plan.map_expressions(|expr| {
        let name = names.save(&expr);
        Ok(expr.transform_up(|expr| rewrite(expr, &schema))?.update_data(|expr| name.restore(expr)))
    })?;
    if rewritten.transformed { rewritten.map_data(LogicalPlan::recompute_schema) } else { Ok(rewritten) }
}

fn rewrite(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let is_number = |expr: &Expr| expr.get_type(schema).is_ok_and(|data_type| data_type.is_numeric());
    match expr {
        Expr::Between(Between { expr, negated, low, high })
            if is_attribute(&expr) && is_number(&low) && is_number(&high) =>
        {
            let between = Between { expr: Box::new(as_number(*expr)), negated, low, high };
            Ok(Transformed::yes(Expr::Between(between)))
        }
        Expr::InList(InList { expr, list, negated }) if is_attribute(&expr) && list.iter().all(is_number) => {
            let parse = if list.iter().any(large_integer) { integer() } else { number() };
            Ok(Transformed::yes(Expr::InList(InList { expr: Box::new(parse.call(vec![*expr])), list, negated })))
        }
        Expr::Cast(Cast { expr, field }) if is_attribute(&expr) && field.data_type().is_numeric() => {
            let parse = if field.data_type().is_integer() { integer() } else { number() };
            Ok(Transformed::yes(Expr::Cast(Cast { expr: Box::new(parse.call(vec![*expr])), field })))
        }
        other => Ok(Transformed::no(other)),
    }
}
