//! Spans trace by trace, from row groups in each of which the rows of a trace lie together.
//!
//! Nearly every trace is one run of rows in one row group. A first pass over the ids alone finds the runs, and which
//! traces have several ([`split_traces`]); the second lays the runs beside the columns that matter, gives whole traces away
//! as it goes and keeps the runs of split ones until all have been seen ([`Runs`]). So each column is read once: no join, no
//! hash table over all spans, and row groups are read side by side. Nothing depends on the order being as expected:
//! without it more is kept.

use std::ops::Range;

use arrow::array::{Array, AsArray, BinaryArray};
use arrow::datatypes::DataType;
use hashbrown::{HashMap, HashSet};
use proto::{TimeRange, schema};

use super::parts::Batches;
use super::spans::{CallText, Span, SpanKey, SpanRows, Texts, TraceKey, trace_key};
use crate::columns::{binary, bytes_at};
use crate::error::QueryError;

/// One trace, as far as it satisfies the conditions of the scan.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub(crate) id: TraceKey,
    pub(crate) spans: Vec<Span>,
    /// What each of `spans` asks for; empty when that was not read.
    pub(crate) calls: Vec<CallText>,
    /// Index into `spans`, and the trace and span that it links to.
    pub(crate) links: Vec<(usize, TraceKey, SpanKey)>,
}

impl Trace {
    /// Errors: `TooLarge` when it has more spans than the conditions say then.
    fn push(&mut self, rows: &SpanRows, at: Range<usize>, conditions: &Conditions) -> Result<(), QueryError> {
        if conditions.range == TimeRange::default() && !rows.has_more() {
            self.spans.extend_from_slice(&rows.spans[at]);
            return self.check_room(0, conditions.spans_max);
        }
        for row in at.filter(|row| conditions.range.contains(rows.spans[*row].start)) {
            self.links.extend(rows.links(row).map(|(trace, span)| (self.spans.len(), trace, span)));
            self.calls.extend(rows.call(row));
            self.spans.push(rows.spans[row]);
        }
        self.check_room(0, conditions.spans_max)
    }

    /// Puts more spans of the same trace behind these.
    pub(super) fn append(&mut self, other: &Trace, spans_max: usize) -> Result<(), QueryError> {
        self.check_room(other.spans.len(), spans_max)?;
        let before = self.spans.len();
        self.spans.extend_from_slice(&other.spans);
        self.calls.extend_from_slice(&other.calls);
        self.links.extend(other.links.iter().map(|(nth, trace, span)| (before + nth, *trace, *span)));
        Ok(())
    }

    fn check_room(&self, more: usize, spans_max: usize) -> Result<(), QueryError> {
        if self.spans.len() + more <= spans_max {
            return Ok(());
        }
        Err(QueryError::too_large(
            format!("trace {:032x} has more than {spans_max} spans in this range", self.id),
            "narrow the time range",
        ))
    }

    fn clear(&mut self) {
        self.spans.clear();
        self.calls.clear();
        self.links.clear();
    }
}

/// Rows of one trace, one behind the other in a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    id: TraceKey,
    rows: u32,
}

/// The runs of all rows of a part, in order. `batches` have the column of trace ids.
pub(super) async fn runs_of(batches: Batches) -> Result<Vec<Run>, QueryError> {
    let mut runs: Vec<Run> = Vec::new();
    for batch in batches {
        let ids = binary(&batch?, schema::TRACE_ID)?;
        for row in 0..ids.len() {
            add_rows(&mut runs, trace_key(bytes_at(&ids, row)), 1);
        }
        // Here a reading that nobody waits for ends.
        tokio::task::yield_now().await;
    }
    Ok(runs)
}

/// Adds rows of one trace, to the last run when it is of the same one.
pub(super) fn add_rows(runs: &mut Vec<Run>, id: TraceKey, rows: u32) {
    match runs.last_mut() {
        Some(run) if run.id == id => run.rows += rows,
        _ if rows > 0 => runs.push(Run { id, rows }),
        _ => {}
    }
}

/// The traces with several runs, and a few that share a number with another.
#[derive(Debug, Default)]
pub(super) struct SplitTraces(HashSet<u64>);

/// `runs`: of each part.
pub(super) fn split_traces(runs: &[Vec<Run>]) -> SplitTraces {
    let mut all: Vec<u64> = runs.iter().flatten().map(|run| number_of(run.id)).collect();
    all.sort_unstable();
    SplitTraces(all.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect())
}

/// Two traces may have the same one.
fn number_of(id: TraceKey) -> u64 {
    (id as u64) ^ ((id >> 64) as u64).rotate_left(32)
}

impl SplitTraces {
    fn contains(&self, id: TraceKey) -> bool {
        self.0.contains(&number_of(id))
    }
}

/// Which rows count.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    /// None: of all traces.
    pub(super) wanted: Option<HashSet<TraceKey>>,
    /// Of the start.
    pub(super) range: TimeRange,
    pub(super) split: SplitTraces,
    /// Spans of one trace.
    pub(super) spans_max: usize,
}

/// Reads runs of rows: whole traces are given away, parts of traces are kept.
#[derive(Debug, Default)]
pub(super) struct Runs {
    pub(super) texts: Texts,
    pub(super) kept: HashMap<TraceKey, Trace>,
    kept_spans: usize,
}

impl Runs {
    /// Reads a part to its end. `whole` is called with each trace of which all spans are here, and says whether to go
    /// on after a look at how much is kept ([`Self::kept_bytes`]).
    ///
    /// `runs`: of all rows of `batches`.
    /// Errors: `TooLarge` for a trace of more spans than the conditions say; what `whole` says.
    pub(super) async fn read(
        &mut self,
        batches: Batches,
        runs: &[Run],
        conditions: &Conditions,
        mut whole: impl FnMut(&Trace, usize) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        let mut trace = Trace::default();
        let mut runs = runs.iter();
        let (mut left, mut is_wanted) = (0, false);
        for batch in batches {
            let batch = batch?;
            let rows = SpanRows::of(&batch, &mut self.texts)?;
            let mut at = 0;
            while at < rows.spans.len() {
                if left == 0 {
                    self.end(&mut trace, conditions, &mut whole)?;
                    let run = runs.next().ok_or_else(|| QueryError::internal("a part has more rows than before"))?;
                    (trace.id, left) = (run.id, run.rows as usize);
                    is_wanted = conditions.wanted.as_ref().is_none_or(|wanted| wanted.contains(&run.id));
                }
                let end = rows.spans.len().min(at + left);
                if is_wanted {
                    trace.push(&rows, at..end, conditions)?;
                }
                left -= end - at;
                at = end;
            }
            tokio::task::yield_now().await;
        }
        self.end(&mut trace, conditions, &mut whole)
    }

    fn end(
        &mut self,
        trace: &mut Trace,
        conditions: &Conditions,
        whole: &mut impl FnMut(&Trace, usize) -> Result<(), QueryError>,
    ) -> Result<(), QueryError> {
        if !trace.spans.is_empty() {
            if conditions.split.contains(trace.id) {
                self.kept_spans += trace.spans.len();
                let kept = self.kept.entry(trace.id).or_default();
                kept.id = trace.id;
                kept.append(trace, conditions.spans_max)?;
            } else {
                whole(trace, self.kept_bytes())?;
            }
        }
        trace.clear();
        Ok(())
    }

    /// Memory of the parts of traces.
    pub(super) fn kept_bytes(&self) -> usize {
        self.kept_spans * (size_of::<Span>() + size_of::<CallText>()) + self.kept.len() * size_of::<(TraceKey, Trace)>()
    }
}

/// The trace ids of a column, as numbers.
pub(crate) fn trace_keys(ids: &dyn Array) -> Result<Vec<u128>, QueryError> {
    let ids = arrow::compute::cast(ids, &DataType::Binary)?;
    let ids: &BinaryArray = ids.as_binary();
    Ok(ids.iter().flatten().filter_map(|id| id.try_into().ok().map(TraceKey::from_be_bytes)).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use arrow::error::ArrowError;
    use arrow::record_batch::RecordBatch;
    use proptest::prelude::*;
    use proto::Signal;
    use serde_json::json;

    use super::*;
    use crate::error::ErrorKind;
    use crate::test_data::batch;

    /// Two rows a batch; a row is the trace it is of, and its time.
    fn batches_of(part: &[(u128, i64)]) -> Batches {
        let row = |(id, time): &(u128, i64)| {
            json!({"trace_id": format!("{id:032x}"), "span_id": format!("{:016x}", 1), "service": "s",
                "start_time_unix_nano": time})
        };
        let batches: Vec<Result<RecordBatch, ArrowError>> =
            part.chunks(2).map(|rows| Ok(batch(Signal::Spans, &rows.iter().map(row).collect::<Vec<_>>()))).collect();
        Box::new(batches.into_iter())
    }

    type Counts = Vec<(u128, usize)>;

    /// Traces given away and traces kept, with their number of spans.
    async fn read(parts: &[Vec<(u128, i64)>], conditions: Conditions) -> Result<(Counts, Counts), QueryError> {
        let mut runs = Vec::new();
        for part in parts {
            runs.push(runs_of(batches_of(part)).await?);
        }
        let conditions = Conditions { split: split_traces(&runs), ..conditions };
        let (mut reader, mut whole) = (Runs::default(), Vec::new());
        for (part, runs) in parts.iter().zip(&runs) {
            let give = |trace: &Trace, _| {
                whole.push((trace.id, trace.spans.len()));
                Ok(())
            };
            reader.read(batches_of(part), runs, &conditions, give).await?;
        }
        let mut kept: Counts = reader.kept.into_iter().map(|(id, trace)| (id, trace.spans.len())).collect();
        kept.sort_unstable();
        Ok((whole, kept))
    }

    fn at_zero(traces: &[u128]) -> Vec<(u128, i64)> {
        traces.iter().map(|trace| (*trace, 0)).collect()
    }

    fn at_most(spans_max: usize) -> Conditions {
        Conditions { spans_max, ..Conditions::default() }
    }

    #[tokio::test]
    async fn a_trace_in_two_places_is_kept_and_the_others_are_given_away() {
        let parts = [at_zero(&[1, 1, 1, 4, 9]), vec![], at_zero(&[2, 1, 4, 4])];
        let (whole, kept) = read(&parts, at_most(10)).await.expect("small traces");
        assert_eq!(whole, [(9, 1), (2, 1)]);
        assert_eq!(kept, [(1, 4), (4, 3)]);
        let (whole, kept) = read(&[at_zero(&[3, 4, 5, 5, 1, 3])], at_most(10)).await.expect("small traces");
        assert_eq!((whole, kept), (vec![(4, 1), (5, 2), (1, 1)], vec![(3, 2)]), "whatever the order");
    }

    #[tokio::test]
    async fn a_trace_that_is_too_large_is_refused() {
        for traces in [&[7; 4][..], &[7, 7, 8, 7, 7]] {
            let error = read(&[at_zero(traces)], at_most(3)).await.expect_err("four spans");
            assert_eq!(error.kind, ErrorKind::TooLarge);
        }
    }

    proptest! {
        /// However the rows lie, each wanted trace comes once or is kept, with those of its spans that are in the range.
        #[test]
        fn every_span_is_given_away_or_kept(
            parts in prop::collection::vec(prop::collection::vec((0u128..6, 0i64..10), 0..20), 1..4),
            range in (0i64..10, 0i64..12),
            wanted in prop::option::of(prop::collection::hash_set(0u128..6, 0..4)),
        ) {
            let range = TimeRange { start: Some(range.0), end: Some(range.1) };
            let conditions = Conditions { range, wanted: wanted.clone().map(HashSet::from_iter), ..at_most(100) };
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            let (whole, kept) = runtime.block_on(read(&parts, conditions)).expect("small traces");
            let mut expected = BTreeMap::new();
            for (trace, time) in parts.iter().flatten() {
                if range.contains(*time) && wanted.as_ref().is_none_or(|wanted| wanted.contains(trace)) {
                    *expected.entry(*trace).or_insert(0) += 1;
                }
            }
            let mut found: Counts = whole.iter().chain(&kept).copied().collect();
            found.sort_unstable();
            prop_assert_eq!(found, expected.into_iter().collect::<Counts>());
        }
    }
}
