//! The functions that SQL may call.
//!
//! DataFusion's packages that are compiled in (see the features in the workspace manifest) are pure functions of their
//! arguments. Those whose result can be far larger than their arguments are bounded ([`bounded`]).

mod attribute;
mod attribute_planner;
mod bounded;
mod event_attribute;
mod hex;
mod nested;
mod number;
mod percentile;
mod severity;
mod text_match;

use std::sync::Arc;

use datafusion::catalog::TableFunction;
use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};
use datafusion::optimizer::{Analyzer, AnalyzerRule};

pub(crate) use attribute::{AttributesView, attribute, attribute_call, attribute_key, fold};
pub(crate) use event_attribute::event_attribute;
pub(crate) use hex::{hex, is_hex};
pub(crate) use nested::{events_view, links_view, timestamp_type};
pub(crate) use number::{integer, number, parse_integer};
pub(crate) use percentile::percentile;
pub(crate) use severity::{SEVERITIES, is_severity_name, severity_name, severity_numbers};
pub(crate) use text_match::{MatchCall, text_match};

pub(crate) fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    let mut functions = bounded::bound(SessionStateDefaults::default_scalar_functions());
    functions.extend([attribute(), event_attribute(), hex(), number(), integer(), severity_name(), text_match()]);
    functions
}

pub(crate) fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    let mut functions = SessionStateDefaults::default_aggregate_functions();
    functions.push(percentile());
    functions
}

pub(crate) fn window_functions() -> Vec<Arc<WindowUDF>> {
    SessionStateDefaults::default_window_functions()
}

/// `generate_series` and `range`, which make their rows as they are read.
pub(crate) fn table_functions() -> Vec<Arc<TableFunction>> {
    SessionStateDefaults::default_table_functions()
}

/// Ours first: the first planner that knows an expression wins.
pub(crate) fn expr_planners() -> Vec<Arc<dyn ExprPlanner>> {
    let mut planners: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(attribute_planner::AttributePlanner)];
    planners.extend(SessionStateDefaults::default_expr_planners());
    planners
}

/// Ours first: before types are coerced.
pub(crate) fn analyzer_rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    let mut rules: Vec<Arc<dyn AnalyzerRule + Send + Sync>> = vec![Arc::new(attribute_planner::NumericAttributes)];
    rules.extend(Analyzer::new().rules);
    rules
}
