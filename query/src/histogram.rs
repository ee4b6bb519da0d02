//! Counts over time: one row of bars above a list.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use arrow::record_batch::RecordBatch;
use datafusion::functions_aggregate::expr_fn::{count, max, min, sum};
use datafusion::logical_expr::{Expr, cast as cast_expr, lit, when};
use datafusion::prelude::{DataFrame, ident};
use proto::{Signal, TimeRange, UnixNanos, schema};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::unix_nano_text;
use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::{LogFilter, text_equals};
use crate::functions::severity_name;
use crate::matching::Matching;

/// Matching spans over time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SpanHistogram {
    /// Without gaps, from the first to the last.
    pub(crate) buckets: Vec<SpanBucket>,
    pub(crate) bucket_ns: i64,
    /// False when more traces come into question than can be decided about: spans of all of them are counted.
    pub(crate) exact: bool,
}

#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct SpanBucket {
    #[serde(serialize_with = "unix_nano_text")]
    #[schema(value_type = String)]
    pub(crate) start_unix_nano: i64,
    pub(crate) spans: i64,
    /// Those with status ERROR.
    pub(crate) errors: i64,
}

/// Matching log records over time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogHistogram {
    /// Without gaps, from the first to the last.
    pub(crate) buckets: Vec<LogBucket>,
    pub(crate) bucket_ns: i64,
}

#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct LogBucket {
    #[serde(serialize_with = "unix_nano_text")]
    #[schema(value_type = String)]
    pub(crate) start_unix_nano: i64,
    /// Records by severity name; `""` for records without a severity.
    pub(crate) counts: BTreeMap<String, i64>,
}

/// Where the buckets lie: `count` of `width` nanoseconds from `start` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Buckets {
    pub(crate) start: UnixNanos,
    pub(crate) width: i64,
    count: usize,
}

impl Buckets {
    /// At most `wanted` buckets that cover `first..=last`; up to 3 where that is longer than 2^63 ns.
    fn covering(first: UnixNanos, last: UnixNanos, wanted: usize) -> Self {
        let span = i128::from(last) - i128::from(first) + 1;
        let wanted = i128::try_from(wanted.max(1)).unwrap_or(i128::MAX);
        let width = i64::try_from((span + wanted - 1) / wanted).unwrap_or(i64::MAX).max(1);
        let count = (span + i128::from(width) - 1) / i128::from(width);
        Self { start: first, width, count: usize::try_from(count).unwrap_or(1) }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The number of a time's bucket, none outside of all.
    pub(crate) fn at(&self, time: UnixNanos) -> Option<usize> {
        if time < self.start {
            return None;
        }
        // The distance of two times fits into 64 bits without a sign.
        let nth = time.wrapping_sub(self.start).cast_unsigned() / self.width.cast_unsigned();
        usize::try_from(nth).ok().filter(|nth| *nth < self.count)
    }

    pub(crate) fn starts(&self) -> impl Iterator<Item = UnixNanos> + use<> {
        let Self { start, width, count } = *self;
        // A bucket starts at or before a time that 64 bits hold; on the way there they may not.
        (0..count as i128).map(move |nth| crate::traces::clamp(i128::from(start) + i128::from(width) * nth))
    }

    /// The number of a row's bucket: `(time - start) / width` for times from `start` on.
    ///
    /// The difference of two times may not fit into 64 bits, so quotients and remainders are subtracted instead.
    pub(crate) fn of(&self, time: Expr) -> Result<Expr, QueryError> {
        let one_if = |condition: Expr| when(condition, lit(1i64)).otherwise(lit(0i64));
        let remainder = time.clone() % lit(self.width);
        let is_negative = remainder.clone().lt(lit(0i64));
        // Division rounds towards zero, here it has to round down.
        let quotient = time / lit(self.width) - one_if(is_negative.clone())?;
        let remainder = remainder + one_if(is_negative)? * lit(self.width);
        let borrow = one_if(remainder.lt(lit(self.start.rem_euclid(self.width))))?;
        Ok(quotient - lit(self.start.div_euclid(self.width)) - borrow)
    }
}

pub(crate) async fn spans(
    query: &Query,
    matching: &Matching,
    exact: bool,
    wanted: usize,
) -> Result<SpanHistogram, QueryError> {
    let frame = matching.rows(query)?;
    let Some(buckets) = buckets(query, frame.clone(), Signal::Spans, matching.range(), wanted).await? else {
        return Ok(SpanHistogram { buckets: Vec::new(), bucket_ns: 0, exact });
    };
    let is_error = when(text_equals(schema::STATUS, "ERROR"), lit(1i64)).otherwise(lit(0i64))?;
    let bucket = buckets.of(ident(schema::START_TIME_UNIX_NANO))?.alias("bucket");
    let frame = frame.aggregate(vec![bucket], vec![count(lit(1)).alias("spans"), sum(is_error).alias("errors")])?;
    let empty = |start_unix_nano| SpanBucket { start_unix_nano, spans: 0, errors: 0 };
    let mut bars: Vec<SpanBucket> = buckets.starts().map(empty).collect();
    for batch in query.collect(frame).await? {
        let (at, spans, errors) = (integers(&batch, 0)?, integers(&batch, 1)?, integers(&batch, 2)?);
        for row in 0..batch.num_rows() {
            if let Some(bar) = usize::try_from(at.value(row)).ok().and_then(|at| bars.get_mut(at)) {
                (bar.spans, bar.errors) = (spans.value(row), errors.value(row));
            }
        }
    }
    Ok(SpanHistogram { buckets: bars, bucket_ns: buckets.width, exact })
}

pub(crate) async fn logs(query: &Query, filter: &LogFilter, wanted: usize) -> Result<LogHistogram, QueryError> {
    let frame = filter.apply(query.table(Signal::Logs)?)?;
    let Some(buckets) = buckets(query, frame.clone(), Signal::Logs, filter.range, wanted).await? else {
        return Ok(LogHistogram { buckets: Vec::new(), bucket_ns: 0 });
    };
    let bucket = buckets.of(ident(schema::TIME_UNIX_NANO))?.alias("bucket");
    let severity = cast_expr(severity_name().call(vec![ident(schema::SEVERITY_NUMBER)]), DataType::Utf8);
    let frame = frame.aggregate(vec![bucket, severity.alias("name")], vec![count(lit(1)).alias("logs")])?;
    let empty = |start_unix_nano| LogBucket { start_unix_nano, counts: BTreeMap::new() };
    let mut bars: Vec<LogBucket> = buckets.starts().map(empty).collect();
    for batch in query.collect(frame).await? {
        let (at, counts) = (integers(&batch, 0)?, integers(&batch, 2)?);
        let names = cast(batch.column(1), &DataType::Utf8)?;
        let names: &StringArray = names.as_string();
        for row in 0..batch.num_rows() {
            let name = if names.is_valid(row) { names.value(row) } else { "" };
            if let Some(bar) = usize::try_from(at.value(row)).ok().and_then(|at| bars.get_mut(at)) {
                *bar.counts.entry(name.to_owned()).or_default() += counts.value(row);
            }
        }
    }
    Ok(LogHistogram { buckets: bars, bucket_ns: buckets.width })
}

/// From the range asked for; where it is open, from the matching rows. `None` when it is open and nothing matches.
pub(crate) async fn buckets(
    query: &Query,
    frame: DataFrame,
    signal: Signal,
    range: TimeRange,
    wanted: usize,
) -> Result<Option<Buckets>, QueryError> {
    let closed = |first: UnixNanos, last: UnixNanos| Some(Buckets::covering(first, last.max(first), wanted));
    if let (Some(start), Some(end)) = (range.start, range.end) {
        return Ok(closed(start, end.saturating_sub(1)));
    }
    let time = || ident(signal.spec().time_column);
    let bounds = frame.aggregate(vec![], vec![min(time()).alias("first"), max(time()).alias("last")])?;
    let batches = query.collect(bounds).await?;
    let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else { return Ok(None) };
    let (first, last) = (integers(batch, 0)?, integers(batch, 1)?);
    if first.is_null(0) {
        return Ok(None);
    }
    let last = range.end.map_or(last.value(0), |end| end.saturating_sub(1));
    Ok(closed(range.start.unwrap_or(first.value(0)), last))
}

fn integers(batch: &RecordBatch, column: usize) -> Result<Int64Array, QueryError> {
    Ok(cast(batch.column(column), &DataType::Int64)?.as_primitive::<Int64Type>().clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::filter::SpanFilter;
    use crate::test_data::{append, engine, store};

    #[tokio::test]
    async fn every_row_is_in_one_bucket_however_far_apart_they_are() {
        let (_directory, store) = store().await;
        let times = [i64::MIN, -1, 0, 1, i64::MAX - 1, i64::MAX];
        let span = |(nth, time): (usize, &i64)| {
            json!({"trace_id": "0000000000000000000000000000000f", "span_id": format!("{:016x}", nth + 1),
                "start_time_unix_nano": time, "duration_ns": 1, "status": if *time == 0 { "ERROR" } else { "UNSET" }})
        };
        append(&store, Signal::Spans, &times.iter().enumerate().map(span).collect::<Vec<_>>()).await;
        let log = |time: &i64| json!({"time_unix_nano": time, "severity_number": if *time > 0 { 18 } else { 0 }});
        append(&store, Signal::Logs, &times.iter().map(log).collect::<Vec<_>>()).await;
        let query = engine(&store).begin("test", None).await.expect("admitted");
        for wanted in [1, 2, 3, 4, 7, 60] {
            let bars =
                spans(&query, &Matching::Spans(SpanFilter::default(), None), true, wanted).await.expect("counted");
            assert!(bars.buckets.len() <= wanted.max(3), "a bucket is at most 2^63 ns long");
            let sums: (i64, i64) = bars.buckets.iter().fold((0, 0), |sum, bar| (sum.0 + bar.spans, sum.1 + bar.errors));
            assert_eq!(sums, (6, 1), "{wanted}");
            for (bar, next) in bars.buckets.iter().zip(bars.buckets.iter().skip(1)) {
                let inside = times.iter().filter(|time| (bar.start_unix_nano..next.start_unix_nano).contains(time));
                assert_eq!(bar.spans, inside.count() as i64, "{wanted}: {bar:?}");
            }
        }
        let bars = logs(&query, &LogFilter::default(), 4).await.expect("counted");
        let counts: Vec<_> = bars.buckets.iter().map(|bar| json!(bar.counts)).collect();
        assert_eq!(counts, [json!({"": 1}), json!({"": 1}), json!({"": 1, "ERROR": 1}), json!({"ERROR": 2})]);
        let range = TimeRange { start: Some(0), end: Some(10) };
        let bars = spans(&query, &Matching::Spans(SpanFilter { range, ..SpanFilter::default() }, None), true, 5)
            .await
            .expect("counted");
        let counts: Vec<i64> = bars.buckets.iter().map(|bar| bar.spans).collect();
        assert_eq!((bars.bucket_ns, counts), (2, vec![2, 0, 0, 0, 0]));
    }

    #[test]
    fn buckets_cover_the_range_without_gaps() {
        assert_eq!(Buckets::covering(100, 159, 60), Buckets { start: 100, width: 1, count: 60 });
        assert_eq!(Buckets::covering(100, 160, 60), Buckets { start: 100, width: 2, count: 31 });
        assert_eq!(Buckets::covering(5, 5, 60), Buckets { start: 5, width: 1, count: 1 });
        let all = Buckets::covering(i64::MIN, i64::MAX, 4);
        assert_eq!((all.start, all.count), (i64::MIN, 4));
        assert_eq!(Buckets::covering(0, 9, 3).starts().collect::<Vec<_>>(), [0, 4, 8]);
    }
}
