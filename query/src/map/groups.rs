//! Which namespace or environment a service belongs to, as its resources say.

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::lit;
use datafusion::prelude::ident;
use hashbrown::HashMap;
use proto::{Signal, TimeRange, schema};

use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::SpanFilter;
use crate::service_page::resource_attribute;

/// What nodes are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupBy {
    Namespace,
    Environment,
}

impl GroupBy {
    /// Resource attributes of the semantic conventions, the current one first.
    fn keys(self) -> &'static [&'static str] {
        match self {
            GroupBy::Namespace => &["service.namespace"],
            GroupBy::Environment => &["deployment.environment.name", "deployment.environment"],
        }
    }
}

/// The group of each service with spans in the range: that of most of its spans. Services without one are left out.
pub(crate) async fn groups(
    query: &Query,
    range: TimeRange,
    by: GroupBy,
) -> Result<HashMap<String, String>, QueryError> {
    let spans = SpanFilter { range, ..SpanFilter::default() }.apply(query.table(Signal::Spans)?)?;
    let value = coalesce(by.keys().iter().map(|key| resource_attribute(key)).collect()).alias("group");
    let frame = spans.aggregate(vec![ident(schema::SERVICE), value], vec![count(lit(1)).alias("spans")])?;
    let frame = frame.filter(ident("group").is_not_null())?;
    let mut found: HashMap<String, (i64, String)> = HashMap::new();
    for batch in query.collect(frame).await? {
        let texts = [cast(batch.column(0), &DataType::Utf8)?, cast(batch.column(1), &DataType::Utf8)?];
        let [services, groups] = texts.each_ref().map(|column| column.as_string::<i32>());
        let counts = batch.column(2).as_primitive::<Int64Type>();
        for row in (0..batch.num_rows()).filter(|row| !services.is_null(*row)) {
            let (count, group) = (counts.value(row), groups.value(row));
            let best = found.entry(services.value(row).to_owned()).or_default();
            // Of groups with as many spans the first by name, so that the answer does not change.
            if count > best.0 || (count == best.0 && group < best.1.as_str()) {
                *best = (count, group.to_owned());
            }
        }
    }
    Ok(found.into_iter().map(|(service, (_, group))| (service, group)).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::test_data::{append, engine, store};

    #[tokio::test]
    async fn a_service_belongs_where_most_of_its_spans_do() {
        let (_directory, store) = store().await;
        let span = |id: i64, service: &str, resource: serde_json::Value| {
            json!({"trace_id": format!("{:032x}", 1), "span_id": format!("{id:016x}"), "service": service, "name": "op",
                "kind": "SERVER", "start_time_unix_nano": id * 100, "duration_ns": 10, "resource": resource.to_string()})
        };
        let rows = [
            span(1, "cart", json!({"service.namespace": "shop", "deployment.environment": "old"})),
            span(2, "cart", json!({"service.namespace": "shop", "deployment.environment.name": "new"})),
            span(3, "cart", json!({"service.namespace": "other", "deployment.environment.name": "new"})),
            span(4, "mail", json!({"host.name": "h"})),
            span(9, "late", json!({"service.namespace": "shop"})),
        ];
        append(&store, Signal::Spans, &rows).await;
        let query = engine(&store).begin("test", None).await.expect("admitted");
        let range = TimeRange { start: Some(0), end: Some(900) };
        let of = |text: &str| HashMap::from([("cart".to_owned(), text.to_owned())]);
        assert_eq!(groups(&query, range, GroupBy::Namespace).await.expect("read"), of("shop"));
        assert_eq!(groups(&query, range, GroupBy::Environment).await.expect("read"), of("new"));
    }
}
