//! How long matching spans took: a histogram with logarithmic buckets, by outcome.

use arrow::array::Array;
use datafusion::prelude::ident;
use futures::StreamExt;
use proto::schema;
use serde::Serialize;
use utoipa::ToSchema;

use crate::columns::int64;
use crate::engine::Query;
use crate::error::QueryError;
use crate::matching::Matching;
use crate::outcome::{OUTCOME_COLUMNS, OutcomeColumns};

/// Buckets of a power of ten.
const PER_DECADE: usize = 6;
/// The last bucket begins at 10^14 ns, a good day.
const DECADES: usize = 14;

/// Durations of the matching spans.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DurationHistogram {
    /// From the shortest to the longest duration there is, without gaps.
    pub(crate) buckets: Vec<DurationBucket>,
    /// False when more traces come into question than can be decided about: spans of all of them are counted.
    pub(crate) exact: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct DurationBucket {
    /// Inclusive.
    pub(crate) from_ns: i64,
    /// Exclusive.
    pub(crate) to_ns: i64,
    pub(crate) ok: u64,
    /// The caller's fault, throttles not counted.
    pub(crate) error: u64,
    pub(crate) throttle: u64,
    /// The callee's fault, whatever else it is.
    pub(crate) fault: u64,
}

/// Lower bounds: 0, then 1, 1.5, 2.2, 3.2, 4.6, 6.8 and their multiples by powers of ten (rounded up), up to 10^14.
pub(crate) fn bounds() -> Vec<i64> {
    let mut bounds = vec![0];
    for nth in 0..=DECADES * PER_DECADE {
        let bound = 10f64.powf(nth as f64 / PER_DECADE as f64).round() as i64;
        if bounds.last() != Some(&bound) {
            bounds.push(bound);
        }
    }
    bounds
}

pub(crate) async fn histogram(
    query: &Query,
    matching: &Matching,
    exact: bool,
) -> Result<DurationHistogram, QueryError> {
    let mut columns = vec![ident(schema::DURATION_NS)];
    columns.extend(OUTCOME_COLUMNS.map(ident));
    let frame = matching.rows(query)?.select(columns)?;
    query
        .run(async move {
            let bounds = bounds();
            let mut buckets = vec![DurationBucket::default(); bounds.len()];
            for (nth, bucket) in buckets.iter_mut().enumerate() {
                bucket.from_ns = bounds[nth];
                bucket.to_ns = bounds.get(nth + 1).copied().unwrap_or(i64::MAX);
            }
            let mut stream = frame.execute_stream().await?;
            while let Some(batch) = stream.next().await {
                let batch = batch?;
                let (durations, outcomes) = (int64(&batch, schema::DURATION_NS)?, OutcomeColumns::of(&batch)?);
                for row in (0..batch.num_rows()).filter(|row| durations.is_valid(*row)) {
                    // An end before the start counts as no time.
                    let at = bounds.partition_point(|bound| *bound <= durations.value(row)).saturating_sub(1);
                    let outcome = outcomes.at(row);
                    let bucket = &mut buckets[at];
                    match (outcome.fault, outcome.throttle) {
                        _ if outcome.is_ok() => bucket.ok += 1,
                        (true, _) => bucket.fault += 1,
                        (_, true) => bucket.throttle += 1,
                        _ => bucket.error += 1,
                    }
                }
            }
            let is_empty = |bucket: &DurationBucket| bucket.ok + bucket.error + bucket.throttle + bucket.fault == 0;
            let first = buckets.iter().position(|bucket| !is_empty(bucket)).unwrap_or(buckets.len());
            let last = buckets.iter().rposition(|bucket| !is_empty(bucket)).map_or(first, |last| last + 1);
            Ok(DurationHistogram { buckets: buckets[first..last].to_vec(), exact })
        })
        .await
}

#[cfg(test)]
mod tests {
    use proto::Signal;
    use serde_json::json;

    use super::*;
    use crate::filter::SpanFilter;
    use crate::test_data::{append, engine, store};

    #[test]
    fn bounds_ascend_by_the_same_factor() {
        let bounds = bounds();
        assert!(bounds.is_sorted_by(|a, b| a < b));
        assert_eq!(bounds[..6], [0, 1, 2, 3, 5, 7]);
        assert_eq!(bounds.last(), Some(&100_000_000_000_000));
        assert!(bounds.contains(&1_000_000) && bounds.contains(&1_467_799));
    }

    #[tokio::test]
    async fn each_span_is_in_the_bucket_of_its_duration_and_outcome() {
        let (_directory, store) = store().await;
        let durations = [-5, 0, 1, 999_999, 1_000_000, 1_467_798, 1_467_799, i64::MAX];
        let codes = [200, 404, 429, 500, 200, 200, 503, 200];
        let row = |nth: usize| {
            json!({"trace_id": "0000000000000000000000000000000f", "span_id": format!("{:016x}", nth + 1),
                "start_time_unix_nano": nth, "duration_ns": durations[nth], "attr_http_response_status_code": codes[nth]})
        };
        append(&store, Signal::Spans, &(0..durations.len()).map(row).collect::<Vec<_>>()).await;
        let query = engine(&store).begin("test", None).await.expect("admitted");
        let found = histogram(&query, &Matching::Spans(SpanFilter::default(), None), true).await.expect("counted");
        for bucket in &found.buckets {
            let inside = |nth: &usize| {
                let duration: i64 = durations[*nth].max(0);
                duration >= bucket.from_ns && (duration < bucket.to_ns || bucket.to_ns == i64::MAX)
            };
            let expected = (0..durations.len()).filter(inside).count() as u64;
            assert_eq!(bucket.ok + bucket.error + bucket.throttle + bucket.fault, expected, "{bucket:?}");
        }
        let sum = |of: fn(&DurationBucket) -> u64| found.buckets.iter().map(of).sum::<u64>();
        assert_eq!((sum(|b| b.ok), sum(|b| b.error), sum(|b| b.throttle), sum(|b| b.fault)), (4, 1, 1, 2));
    }
}
