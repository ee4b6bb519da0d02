//! The SQL tables `spans` and `logs`: what a person wants to see, as projections of the physical columns.
//!
//! A view is a logical plan, so the optimizer sees through it: a column that is not asked for is not read, and a
//! predicate reaches the physical column it is about (see `pruning`).

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::catalog::view::ViewTable;
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, cast, ident};
use proto::{Signal, schema};

use crate::functions::{AttributesView, events_view, hex, links_view, severity_name, timestamp_type};

/// The view of a signal over its physical table.
pub(crate) fn view(signal: Signal, physical: Arc<dyn TableProvider>) -> Result<ViewTable> {
    let columns = match signal {
        Signal::Spans => spans(),
        Signal::Logs => logs(),
    };
    let plan =
        LogicalPlanBuilder::scan(signal.name(), provider_as_source(physical), None)?.project(columns)?.build()?;
    Ok(ViewTable::new(plan, None))
}

fn id(column: &str) -> Expr {
    hex().call(vec![ident(column)]).alias(column)
}

fn time(nanos: Expr, name: &str) -> Expr {
    cast(nanos, timestamp_type()).alias(name)
}

fn resource() -> Expr {
    AttributesView::resource(ident).alias(schema::RESOURCE)
}

fn attributes(signal: Signal) -> Expr {
    AttributesView::attributes(signal, ident).alias(schema::ATTRIBUTES)
}

fn spans() -> Vec<Expr> {
    let end = ident(schema::START_TIME_UNIX_NANO) + ident(schema::DURATION_NS);
    vec![
        id(schema::TRACE_ID),
        id(schema::SPAN_ID),
        id(schema::PARENT_SPAN_ID),
        ident(schema::TRACE_STATE),
        ident(schema::FLAGS),
        ident(schema::SERVICE),
        ident(schema::NAME),
        ident(schema::KIND),
        time(ident(schema::START_TIME_UNIX_NANO), "start_time"),
        time(end, "end_time"),
        ident(schema::DURATION_NS),
        ident(schema::STATUS),
        ident(schema::STATUS_MESSAGE),
        ident(schema::SCOPE_NAME),
        ident(schema::SCOPE_VERSION),
        resource(),
        attributes(Signal::Spans),
        events_view().call(vec![ident(schema::EVENTS)]).alias(schema::EVENTS),
        links_view().call(vec![ident(schema::LINKS)]).alias(schema::LINKS),
        ident(schema::DROPPED_ATTRIBUTES_COUNT),
        ident(schema::DROPPED_EVENTS_COUNT),
        ident(schema::DROPPED_LINKS_COUNT),
    ]
}

fn logs() -> Vec<Expr> {
    vec![
        time(ident(schema::TIME_UNIX_NANO), "time"),
        time(ident(schema::OBSERVED_TIME_UNIX_NANO), "observed_time"),
        ident(schema::SEVERITY_NUMBER),
        severity_name().call(vec![ident(schema::SEVERITY_NUMBER)]).alias("severity"),
        ident(schema::SEVERITY_TEXT),
        ident(schema::BODY),
        id(schema::TRACE_ID),
        id(schema::SPAN_ID),
        ident(schema::FLAGS),
        ident(schema::SERVICE),
        ident(schema::EVENT_NAME),
        ident(schema::SCOPE_NAME),
        ident(schema::SCOPE_VERSION),
        resource(),
        attributes(Signal::Logs),
    ]
}
