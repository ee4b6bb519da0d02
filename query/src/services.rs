//! What is seen of each service and operation in a time range.

use std::collections::BTreeMap;

use arrow::array::{AsArray, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use arrow::record_batch::RecordBatch;
use datafusion::functions_aggregate::expr_fn::{count, count_distinct, max, sum};
use datafusion::logical_expr::{Expr, lit, when};
use datafusion::prelude::{DataFrame, ident};
use proto::{Signal, TimeRange, schema};
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::{plain_text, text_equals, time_predicates};
use crate::functions::percentile;
use crate::map::{Counts, Durations};
use crate::red::{Red, RedColumns, red_figures, time_taken};

/// Durations of spans in nanoseconds: exact percentiles by nearest rank.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct DurationFigures {
    p50: i64,
    p95: i64,
    p99: i64,
    max: i64,
}

/// One service. Without spans the durations are null.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ServiceFigures {
    /// Resource attribute `service.name`, `""` where none was sent.
    service: String,
    span_count: i64,
    /// Spans with status ERROR.
    error_count: i64,
    log_count: i64,
    trace_count: i64,
    #[schema(required)]
    duration_ns: Option<DurationFigures>,
}

/// Spans of one name and kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct OperationFigures {
    name: String,
    kind: String,
    span_count: i64,
    error_count: i64,
    duration_ns: DurationFigures,
    /// The same spans by outcome.
    #[serde(flatten)]
    red: OperationRed,
}

/// Spans of an operation by how they ended; see `Counts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct OperationRed {
    ok: u64,
    errors: u64,
    throttles: u64,
    faults: u64,
    /// Sum of the durations.
    total_ns: i64,
}

/// By name. Spans count by their start, log records by their time.
pub(crate) async fn services(query: &Query, range: TimeRange) -> Result<Vec<ServiceFigures>, QueryError> {
    let mut services: BTreeMap<String, ServiceFigures> = BTreeMap::new();
    let mut figures = span_figures()?;
    figures.push(count_distinct(ident(schema::TRACE_ID)).alias("traces"));
    let spans = in_range(query, Signal::Spans, range)?;
    for batch in query.collect(spans.aggregate(vec![group(schema::SERVICE)], figures)?).await? {
        let groups = texts(&batch, 0)?;
        let read = FigureColumns::of(&batch, 1)?;
        let traces = integers(&batch, 7)?;
        for row in 0..batch.num_rows() {
            let figures = services.entry(groups.value(row).to_owned()).or_default();
            (figures.span_count, figures.error_count) = (read.spans.value(row), read.errors.value(row));
            figures.trace_count = traces.value(row);
            figures.duration_ns = Some(read.durations(row));
        }
    }
    let logs = in_range(query, Signal::Logs, range)?;
    let logs = logs.aggregate(vec![group(schema::SERVICE)], vec![count(lit(1)).alias("logs")])?;
    for batch in query.collect(logs).await? {
        let (groups, counts) = (texts(&batch, 0)?, integers(&batch, 1)?);
        for row in 0..batch.num_rows() {
            services.entry(groups.value(row).to_owned()).or_default().log_count = counts.value(row);
        }
    }
    let named = services.into_iter().map(|(service, figures)| ServiceFigures { service, ..figures });
    Ok(named.collect())
}

/// By name and kind. Empty for a service that has no spans in the range.
pub(crate) async fn operations(
    query: &Query,
    service: &str,
    range: TimeRange,
) -> Result<Vec<OperationFigures>, QueryError> {
    let spans = in_range(query, Signal::Spans, range)?.filter(text_equals(schema::SERVICE, service))?;
    let mut figures = vec![status_errors()?];
    figures.extend(red_figures()?);
    let frame = spans.aggregate(vec![group(schema::NAME), group(schema::KIND)], figures)?;
    let mut operations = Vec::new();
    for batch in query.collect(frame).await? {
        let (names, kinds, status_errors) = (texts(&batch, 0)?, texts(&batch, 1)?, integers(&batch, 2)?);
        let columns = RedColumns::of(&batch, 3)?;
        for row in 0..batch.num_rows() {
            let Red { counts, total_ns, duration_ns } = columns.row(row);
            let Counts { requests, ok, errors, throttles, faults } = counts;
            let durations = |Durations { p50, p95, p99, max, .. }| DurationFigures { p50, p95, p99, max };
            operations.push(OperationFigures {
                name: names.value(row).to_owned(),
                kind: kinds.value(row).to_owned(),
                span_count: i64::try_from(requests).unwrap_or(i64::MAX),
                error_count: status_errors.value(row),
                duration_ns: duration_ns.map(durations).unwrap_or_default(),
                red: OperationRed { ok, errors, throttles, faults, total_ns },
            });
        }
    }
    operations.sort_by(|a, b| (&a.name, &a.kind).cmp(&(&b.name, &b.kind)));
    Ok(operations)
}

fn in_range(query: &Query, signal: Signal, range: TimeRange) -> Result<DataFrame, QueryError> {
    let mut frame = query.table(signal)?;
    for predicate in time_predicates(signal, range) {
        frame = frame.filter(predicate)?;
    }
    Ok(frame)
}

/// A null (nothing was sent) and an empty text are one group.
fn group(column: &str) -> Expr {
    datafusion::functions::core::expr_fn::coalesce(vec![plain_text(column), lit("")]).alias(format!("group_{column}"))
}

fn status_errors() -> Result<Expr, QueryError> {
    let is_error = when(text_equals(schema::STATUS, "ERROR"), lit(1i64)).otherwise(lit(0i64))?;
    Ok(sum(is_error).alias("status_errors"))
}

/// Counts, errors, p50, p95, p99, max, in this order.
fn span_figures() -> Result<Vec<Expr>, QueryError> {
    let duration = time_taken;
    let rank = |p: f64, name: &str| percentile().call(vec![duration(), lit(p)]).alias(name);
    Ok(vec![
        count(lit(1)).alias("spans"),
        status_errors()?,
        rank(0.50, "p50"),
        rank(0.95, "p95"),
        rank(0.99, "p99"),
        max(duration()).alias("max"),
    ])
}

/// [`span_figures`] of all groups.
struct FigureColumns {
    spans: Int64Array,
    errors: Int64Array,
    durations: [Int64Array; 4],
}

impl FigureColumns {
    fn of(batch: &RecordBatch, first: usize) -> Result<Self, QueryError> {
        let column = |nth| integers(batch, first + nth);
        let durations = [column(2)?, column(3)?, column(4)?, column(5)?];
        Ok(Self { spans: column(0)?, errors: column(1)?, durations })
    }

    fn durations(&self, row: usize) -> DurationFigures {
        let [p50, p95, p99, max] = self.durations.each_ref().map(|column| column.value(row));
        DurationFigures { p50, p95, p99, max }
    }
}

fn texts(batch: &RecordBatch, column: usize) -> Result<StringArray, QueryError> {
    Ok(cast(batch.column(column), &DataType::Utf8)?.as_string().clone())
}

fn integers(batch: &RecordBatch, column: usize) -> Result<Int64Array, QueryError> {
    Ok(cast(batch.column(column), &DataType::Int64)?.as_primitive::<Int64Type>().clone())
}
