//! When matching spans started and how long they took: counts by outcome in cells of time and duration.

use arrow::array::Array;
use datafusion::prelude::ident;
use futures::StreamExt;
use proto::{Signal, schema};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::unix_nano_text;
use crate::columns::{int_at, int64};
use crate::durations::bounds;
use crate::engine::Query;
use crate::error::QueryError;
use crate::histogram;
use crate::matching::Matching;
use crate::outcome::{OUTCOME_COLUMNS, Outcome, OutcomeColumns};

/// Columns of time at most.
pub(crate) const COLUMNS_MAX: usize = 240;
/// Rows of duration at most: with more, neighbours are put together.
const ROWS_MAX: usize = 60;

/// Spans by time and duration.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Heatmap {
    /// Where the first column begins.
    #[serde(serialize_with = "unix_nano_text")]
    #[schema(value_type = String)]
    pub(crate) start_unix_nano: i64,
    /// Width of a column.
    pub(crate) bucket_ns: i64,
    pub(crate) columns: usize,
    /// From the shortest to the longest duration there is, without gaps; at most 60.
    pub(crate) rows: Vec<DurationRow>,
    pub(crate) cells: Cells,
    pub(crate) spans: u64,
    /// False when more traces come into question than can be decided about: spans of all of them are counted.
    pub(crate) exact: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct DurationRow {
    /// Inclusive.
    pub(crate) from_ns: i64,
    /// Exclusive.
    pub(crate) to_ns: i64,
}

/// The cells that hold a span, column by column; all lists have the same length. A span is counted once, as its worst
/// outcome.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Cells {
    /// Columns, ascending.
    pub(crate) x: Vec<u32>,
    /// Rows, ascending within a column; 0 is the shortest duration.
    pub(crate) y: Vec<u32>,
    pub(crate) ok: Vec<u64>,
    /// The caller's fault, throttles not counted.
    pub(crate) error: Vec<u64>,
    pub(crate) throttle: Vec<u64>,
    /// The callee's fault, whatever else it is.
    pub(crate) fault: Vec<u64>,
}

/// The outcome as which a span is counted when it is counted once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WorstOutcome {
    Ok,
    Error,
    Throttle,
    Fault,
}

impl WorstOutcome {
    pub(crate) const NAMES: [&str; 4] = ["ok", "error", "throttle", "fault"];

    pub(crate) fn named(name: &str) -> Option<Self> {
        let all = [Self::Ok, Self::Error, Self::Throttle, Self::Fault];
        Self::NAMES.iter().position(|known| *known == name).map(|nth| all[nth])
    }

    pub(crate) fn of(outcome: Outcome) -> Self {
        match outcome {
            _ if outcome.is_ok() => Self::Ok,
            Outcome { fault: true, .. } => Self::Fault,
            Outcome { throttle: true, .. } => Self::Throttle,
            _ => Self::Error,
        }
    }
}

/// Counts `matching` in at most `columns` columns.
pub(crate) async fn heatmap(
    query: &Query,
    matching: &Matching,
    exact: bool,
    columns: usize,
) -> Result<Heatmap, QueryError> {
    let frame = matching.rows(query)?;
    let time = histogram::buckets(query, frame.clone(), Signal::Spans, matching.range(), columns).await?;
    let Some(time) = time else {
        let cells = Cells::default();
        return Ok(Heatmap { start_unix_nano: 0, bucket_ns: 0, columns: 0, rows: Vec::new(), cells, spans: 0, exact });
    };
    let mut selected = vec![ident(schema::START_TIME_UNIX_NANO), ident(schema::DURATION_NS)];
    selected.extend(OUTCOME_COLUMNS.map(ident));
    let frame = frame.select(selected)?;
    query
        .run(async move {
            let bounds = bounds();
            let mut counts = vec![[0u64; 4]; time.count() * bounds.len()];
            let mut spans = 0;
            let mut stream = frame.execute_stream().await?;
            while let Some(batch) = stream.next().await {
                let batch = batch?;
                let starts = int64(&batch, schema::START_TIME_UNIX_NANO)?;
                let (durations, outcomes) = (int64(&batch, schema::DURATION_NS)?, OutcomeColumns::of(&batch)?);
                for row in (0..batch.num_rows()).filter(|row| durations.is_valid(*row)) {
                    let Some(x) = int_at(&starts, row).and_then(|start| time.at(start)) else { continue };
                    // An end before the start counts as no time.
                    let y = bounds.partition_point(|bound| *bound <= durations.value(row)).saturating_sub(1);
                    counts[x * bounds.len() + y][WorstOutcome::of(outcomes.at(row)) as usize] += 1;
                    spans += 1;
                }
            }
            let (rows, cells) = compact(&counts, &bounds);
            let (start_unix_nano, bucket_ns) = (time.start, time.width);
            Ok(Heatmap { start_unix_nano, bucket_ns, columns: time.count(), rows, cells, spans, exact })
        })
        .await
}

/// The rows between the shortest and the longest duration, neighbours put together when there are more than
/// [`ROWS_MAX`], and the cells that are not empty. `counts`: column by column, a row for each of `bounds`.
fn compact(counts: &[[u64; 4]], bounds: &[i64]) -> (Vec<DurationRow>, Cells) {
    let height = bounds.len();
    let is_used = |row: &usize| counts.iter().skip(*row).step_by(height).any(|cell| *cell != [0; 4]);
    let used: Vec<usize> = (0..height).filter(is_used).collect();
    let (Some(first), Some(last)) = (used.first(), used.last()) else { return (Vec::new(), Cells::default()) };
    let together = (last - first + 1).div_ceil(ROWS_MAX);
    let bound = |nth: usize| bounds.get(nth).copied().unwrap_or(i64::MAX);
    let starts: Vec<usize> = (*first..=*last).step_by(together).collect();
    let rows = starts.iter().map(|row| DurationRow { from_ns: bound(*row), to_ns: bound(row + together) }).collect();
    let mut cells = Cells::default();
    for (x, column) in counts.chunks(height).enumerate() {
        for (y, row) in starts.iter().enumerate() {
            let mut sum = [0; 4];
            for cell in &column[*row..(row + together).min(height)] {
                (0..4).for_each(|nth| sum[nth] += cell[nth]);
            }
            if sum == [0; 4] {
                continue;
            }
            cells.x.push(x as u32);
            cells.y.push(y as u32);
            let lists = [&mut cells.ok, &mut cells.error, &mut cells.throttle, &mut cells.fault];
            lists.into_iter().zip(sum).for_each(|(list, count)| list.push(count));
        }
    }
    (rows, cells)
}

#[cfg(test)]
mod tests {
    use proto::TimeRange;
    use serde_json::json;

    use super::*;
    use crate::filter::SpanFilter;
    use crate::test_data::{append, engine, store};

    #[tokio::test]
    async fn every_span_is_in_the_cell_of_its_time_duration_and_outcome() {
        let (_directory, store) = store().await;
        let durations = [-5, 0, 900, 1_000_000, 1_000_001, 50_000_000_000, 1_000_000, 1_000_000];
        let codes = [200, 404, 429, 500, 200, 200, 503, 200];
        let row = |nth: usize| {
            json!({"trace_id": "0000000000000000000000000000000f", "span_id": format!("{:016x}", nth + 1),
                "start_time_unix_nano": nth * 10, "duration_ns": durations[nth], "attr_http_response_status_code": codes[nth]})
        };
        append(&store, Signal::Spans, &(0..durations.len()).map(row).collect::<Vec<_>>()).await;
        let query = engine(&store).begin("test", None).await.expect("admitted");
        let range = TimeRange { start: Some(0), end: Some(75) };
        let matching = Matching::Spans(SpanFilter { range, ..SpanFilter::default() }, None);
        let found = heatmap(&query, &matching, true, 4).await.expect("counted");
        assert_eq!((found.spans, found.columns, found.bucket_ns), (8, 4, 19));
        assert!(found.rows.windows(2).all(|pair| pair[0].to_ns == pair[1].from_ns), "no gaps");
        let cells = &found.cells;
        for nth in 0..cells.x.len() {
            let row = found.rows[cells.y[nth] as usize];
            let expected = (0..durations.len()).filter(|span| {
                let duration: i64 = durations[*span].max(0);
                (span * 10) / 19 == cells.x[nth] as usize && (row.from_ns..row.to_ns).contains(&duration)
            });
            let sum = cells.ok[nth] + cells.error[nth] + cells.throttle[nth] + cells.fault[nth];
            assert_eq!(sum, expected.count() as u64, "cell {nth}");
        }
        let sum = |list: &[u64]| list.iter().sum::<u64>();
        let sums = (sum(&cells.ok), sum(&cells.error), sum(&cells.throttle), sum(&cells.fault));
        assert_eq!(sums, (4, 1, 1, 2));
        let none = SpanFilter { service: Some("nobody".to_owned()), ..SpanFilter::default() };
        let empty = heatmap(&query, &Matching::Spans(none, None), true, 4).await.expect("counted");
        assert_eq!((empty.spans, empty.columns, empty.rows.len()), (0, 0, 0));
    }

    #[test]
    fn rows_are_put_together_when_there_are_too_many() {
        let bounds = bounds();
        let mut counts = vec![[0; 4]; 2 * bounds.len()];
        counts[0] = [1, 0, 0, 0];
        counts[2 * bounds.len() - 1] = [0, 0, 0, 3];
        let (rows, cells) = compact(&counts, &bounds);
        assert!(rows.len() <= ROWS_MAX && rows.len() > ROWS_MAX / 2, "{}", rows.len());
        assert_eq!((rows[0].from_ns, rows[rows.len() - 1].to_ns), (0, i64::MAX));
        assert_eq!((cells.x, cells.y), (vec![0, 1], vec![0, rows.len() as u32 - 1]));
        assert_eq!((cells.ok, cells.fault), (vec![1, 0], vec![0, 3]));
    }
}
