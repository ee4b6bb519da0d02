//! Rate, errors and duration of the rows of a plan: aggregates and the columns they come back as.

use arrow::array::{Array, AsArray, Float64Array, Int64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use arrow::record_batch::RecordBatch;
use datafusion::functions::core::expr_fn::greatest;
use datafusion::functions_aggregate::expr_fn::{count, max, sum};
use datafusion::logical_expr::{Expr, cast as cast_expr, lit, when};
use datafusion::prelude::ident;
use proto::schema;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::QueryError;
use crate::functions::percentile;
use crate::map::{Counts, Durations};
use crate::outcome::{is_error, is_fault, is_ok, is_throttle};

/// Requests by how they ended and how long they took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Red {
    #[serde(flatten)]
    pub(crate) counts: Counts,
    /// Sum of the durations.
    pub(crate) total_ns: i64,
    /// Null without requests.
    #[schema(required)]
    pub(crate) duration_ns: Option<Durations>,
}

/// The duration of a span. One that ends before it starts, as when its end was never set, took no time that is known: it
/// must not take away from the others'.
pub(crate) fn time_taken() -> Expr {
    greatest(vec![ident(schema::DURATION_NS), lit(0i64)])
}

/// Aggregates over span rows, in the order that [`RedColumns`] reads.
pub(crate) fn red_figures() -> Result<Vec<Expr>, QueryError> {
    let count_if = |condition: Expr, name: &str| -> Result<Expr, QueryError> {
        Ok(sum(when(condition, lit(1i64)).otherwise(lit(0i64))?).alias(name))
    };
    let duration = time_taken;
    let rank = |p: f64, name: &str| percentile().call(vec![duration(), lit(p)]).alias(name);
    Ok(vec![
        count(lit(1)).alias("requests"),
        count_if(is_ok(), "ok")?,
        count_if(is_error(), "errors")?,
        count_if(is_throttle(), "throttles")?,
        count_if(is_fault(), "faults")?,
        // The sum of any durations fits into a float, not into an integer.
        sum(cast_expr(duration(), DataType::Float64)).alias("total"),
        rank(0.50, "p50"),
        rank(0.95, "p95"),
        rank(0.99, "p99"),
        max(duration()).alias("max"),
    ])
}

/// [`red_figures`] of all groups.
pub(crate) struct RedColumns {
    counts: [Int64Array; 5],
    total: Float64Array,
    durations: [Int64Array; 4],
}

impl RedColumns {
    /// `first`: where in the batch the figures begin.
    pub(crate) fn of(batch: &RecordBatch, first: usize) -> Result<Self, QueryError> {
        let integers = |nth: usize| -> Result<Int64Array, QueryError> {
            Ok(cast(batch.column(first + nth), &DataType::Int64)?.as_primitive::<Int64Type>().clone())
        };
        Ok(Self {
            counts: [integers(0)?, integers(1)?, integers(2)?, integers(3)?, integers(4)?],
            total: batch.column(first + 5).as_primitive::<Float64Type>().clone(),
            durations: [integers(6)?, integers(7)?, integers(8)?, integers(9)?],
        })
    }

    pub(crate) fn row(&self, row: usize) -> Red {
        if self.counts[0].value(row) == 0 {
            return Red::default();
        }
        let [requests, ok, errors, throttles, faults] =
            self.counts.each_ref().map(|column| u64::try_from(column.value(row)).unwrap_or(0));
        let counts = Counts { requests, ok, errors, throttles, faults };
        if self.durations[0].is_null(row) {
            return Red { counts, ..Red::default() };
        }
        let [p50, p95, p99, max] = self.durations.each_ref().map(|column| column.value(row));
        let total = self.total.value(row);
        let mean = (total / requests as f64).floor() as i64;
        Red { counts, total_ns: total as i64, duration_ns: Some(Durations { mean, p50, p95, p99, max }) }
    }
}
