//! One service: rate, errors and duration as a whole, over time, by version and by instance.

use arrow::array::{Array, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::{Expr, lit};
use datafusion::prelude::{DataFrame, ident};
use proto::{Signal, TimeRange, schema};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::unix_nano_text;
use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::{SpanFilter, text_equals};
use crate::functions::{AttributesView, attribute_call};
use crate::histogram;
use crate::red::{Red, RedColumns, red_figures};

/// Versions or instances of an answer: those with the most requests.
const PARTS_MAX: usize = 200;
const VERSION: &str = "service.version";
/// What tells instances apart, the first that is there.
const INSTANCE: [&str; 4] = ["service.instance.id", "k8s.pod.name", "container.id", "host.name"];

/// One service in a time range.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServiceOverview {
    pub(crate) service: String,
    /// `requests`: server and consumer spans. `spans`: all spans, of a service that has none of those.
    pub(crate) measured: Measured,
    #[serde(flatten)]
    pub(crate) red: Red,
    pub(crate) bucket_ns: i64,
    /// Without gaps.
    pub(crate) over_time: Vec<RedOverTime>,
    /// By resource attribute `service.version` (`""` without one), most requests first; at most 200.
    pub(crate) versions: Vec<RedPart>,
    /// By resource attribute `service.instance.id`, `k8s.pod.name`, `container.id` or `host.name`; at most 200.
    pub(crate) instances: Vec<RedPart>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Measured {
    Requests,
    Spans,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RedOverTime {
    #[serde(serialize_with = "unix_nano_text")]
    #[schema(value_type = String)]
    pub(crate) start_unix_nano: i64,
    #[serde(flatten)]
    pub(crate) red: Red,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RedPart {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) red: Red,
    /// When the part was first and last seen in the range, by the start of its requests.
    #[serde(serialize_with = "unix_nano_text")]
    #[schema(value_type = String)]
    pub(crate) first_unix_nano: i64,
    #[serde(serialize_with = "unix_nano_text")]
    #[schema(value_type = String)]
    pub(crate) last_unix_nano: i64,
}

/// Errors: `NotFound` when the service has no span in the range.
pub(crate) async fn overview(
    query: &Query,
    service: &str,
    range: TimeRange,
    buckets: usize,
) -> Result<ServiceOverview, QueryError> {
    let filter = SpanFilter { range, service: Some(service.to_owned()), ..SpanFilter::default() };
    let spans = filter.apply(query.table(Signal::Spans)?)?;
    let served = text_equals(schema::KIND, "SERVER").or(text_equals(schema::KIND, "CONSUMER"));
    let (mut measured, mut rows) = (Measured::Requests, spans.clone().filter(served)?);
    let mut red = whole(query, rows.clone()).await?;
    if red.counts.requests == 0 {
        (measured, rows) = (Measured::Spans, spans);
        red = whole(query, rows.clone()).await?;
    }
    if red.counts.requests == 0 {
        return Err(QueryError::not_found(
            format!("service {service:?} has no span in this range"),
            "widen the range, or see /api/v1/services for the names",
        ));
    }
    let (bucket_ns, over_time) = over_time(query, rows.clone(), range, buckets).await?;
    let instance = coalesce(INSTANCE.into_iter().map(resource_attribute).collect());
    Ok(ServiceOverview {
        service: service.to_owned(),
        measured,
        red,
        bucket_ns,
        over_time,
        versions: by_part(query, rows.clone(), resource_attribute(VERSION)).await?,
        instances: by_part(query, rows, instance).await?,
    })
}

/// An attribute of the resource as text.
pub(crate) fn resource_attribute(key: &str) -> Expr {
    attribute_call(AttributesView::resource(ident), lit(key))
}

async fn whole(query: &Query, rows: DataFrame) -> Result<Red, QueryError> {
    let batches = query.collect(rows.aggregate(vec![], red_figures()?)?).await?;
    match batches.iter().find(|batch| batch.num_rows() > 0) {
        Some(batch) => Ok(RedColumns::of(batch, 0)?.row(0)),
        None => Ok(Red::default()),
    }
}

async fn over_time(
    query: &Query,
    rows: DataFrame,
    range: TimeRange,
    wanted: usize,
) -> Result<(i64, Vec<RedOverTime>), QueryError> {
    let Some(buckets) = histogram::buckets(query, rows.clone(), Signal::Spans, range, wanted).await? else {
        return Ok((0, Vec::new()));
    };
    let bucket = buckets.of(ident(schema::START_TIME_UNIX_NANO))?.alias("bucket");
    let mut bars: Vec<RedOverTime> =
        buckets.starts().map(|start_unix_nano| RedOverTime { start_unix_nano, red: Red::default() }).collect();
    for batch in query.collect(rows.aggregate(vec![bucket], red_figures()?)?).await? {
        let at = cast(batch.column(0), &DataType::Int64)?.as_primitive::<Int64Type>().clone();
        let columns = RedColumns::of(&batch, 1)?;
        for row in 0..batch.num_rows() {
            if let Some(bar) = usize::try_from(at.value(row)).ok().and_then(|at| bars.get_mut(at)) {
                bar.red = columns.row(row);
            }
        }
    }
    Ok((buckets.width, bars))
}

async fn by_part(query: &Query, rows: DataFrame, part: Expr) -> Result<Vec<RedPart>, QueryError> {
    use datafusion::functions_aggregate::expr_fn::{max, min};
    let start = || ident(schema::START_TIME_UNIX_NANO);
    let mut figures = vec![min(start()).alias("first"), max(start()).alias("last")];
    figures.extend(red_figures()?);
    let part = coalesce(vec![part, lit("")]).alias("part");
    let frame = rows.aggregate(vec![part], figures)?;
    let frame = frame.sort(vec![ident("requests").sort(false, false), ident("part").sort(true, false)])?;
    let mut parts = Vec::new();
    for batch in query.collect_rows(frame, PARTS_MAX).await?.batches {
        let names = cast(batch.column(0), &DataType::Utf8)?;
        let names: &StringArray = names.as_string();
        let columns = RedColumns::of(&batch, 3)?;
        let (first, last) = (batch.column(1).as_primitive::<Int64Type>(), batch.column(2).as_primitive::<Int64Type>());
        for row in 0..batch.num_rows() {
            parts.push(RedPart {
                name: if names.is_null(row) { String::new() } else { names.value(row).to_owned() },
                red: columns.row(row),
                first_unix_nano: first.value(row),
                last_unix_nano: last.value(row),
            });
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::error::ErrorKind;
    use crate::test_data::{append, engine, store};

    fn span(id: i64, kind: &str, version: &str, http: Option<i64>) -> Json {
        let resource = json!({"service.name": "shop", "service.version": version, "host.name": format!("h{}", id % 2)});
        json!({"trace_id": format!("{:032x}", 1), "span_id": format!("{id:016x}"), "service": "shop", "name": "op",
            "kind": kind, "start_time_unix_nano": id * 100, "duration_ns": id * 10, "resource": resource.to_string(),
            "attr_http_response_status_code": http})
    }

    #[tokio::test]
    async fn requests_are_counted_as_a_whole_over_time_and_by_part() {
        let (_directory, store) = store().await;
        let rows = [
            span(1, "SERVER", "1.0", None),
            span(2, "SERVER", "1.0", Some(404)),
            span(3, "CONSUMER", "2.0", Some(503)),
            span(4, "CLIENT", "2.0", Some(500)),
        ];
        append(&store, Signal::Spans, &rows).await;
        let query = engine(&store).begin("test", None).await.expect("admitted");
        let range = TimeRange { start: Some(0), end: Some(400) };
        let found = overview(&query, "shop", range, 4).await.expect("found");
        let counts = |red: &Red| (red.counts.requests, red.counts.ok, red.counts.errors, red.counts.faults);
        assert_eq!((found.measured, counts(&found.red), found.red.total_ns), (Measured::Requests, (3, 1, 1, 1), 60));
        assert_eq!(found.red.duration_ns.map(|duration| (duration.mean, duration.p50)), Some((20, 20)));
        let bars: Vec<u64> = found.over_time.iter().map(|bar| bar.red.counts.requests).collect();
        assert_eq!((found.bucket_ns, bars), (100, vec![0, 1, 1, 1]));
        let parts = |parts: &[RedPart]| -> Vec<(String, u64, i64)> {
            parts.iter().map(|part| (part.name.clone(), part.red.counts.requests, part.first_unix_nano)).collect()
        };
        assert_eq!(parts(&found.versions), [("1.0".to_owned(), 2, 100), ("2.0".to_owned(), 1, 300)]);
        assert_eq!(parts(&found.instances), [("h1".to_owned(), 2, 100), ("h0".to_owned(), 1, 200)]);
        let missing = overview(&query, "nobody", range, 4).await.expect_err("no such service");
        assert_eq!(missing.kind, ErrorKind::NotFound);
        let operations = crate::services::operations(&query, "shop", range).await.expect("operations");
        assert_eq!(operations.len(), 2, "by name and kind, those in the range");
    }

    #[tokio::test]
    async fn a_service_without_requests_is_measured_by_all_its_spans() {
        let (_directory, store) = store().await;
        append(&store, Signal::Spans, &[span(1, "INTERNAL", "1.0", None), span(2, "CLIENT", "1.0", None)]).await;
        let query = engine(&store).begin("test", None).await.expect("admitted");
        let found = overview(&query, "shop", TimeRange::default(), 4).await.expect("found");
        assert_eq!((found.measured, found.red.counts.requests), (Measured::Spans, 2));
    }
}
