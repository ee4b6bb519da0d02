//! Rows not yet in a segment: queryable, in the order of arrival.

use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::{concat_batches, max, min};
use arrow::datatypes::Int64Type;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use proto::UnixNanos;
use proto::nulls::{is_all_null, memory_bytes, nulls};

/// Batches below this many rows are merged with their neighbours, so that a stream of one-span requests does not
/// become a scan over a hundred thousand batches.
const SMALL_BATCH_ROWS: usize = 4096;

#[derive(Debug, Default)]
pub(crate) struct Memtable {
    batches: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
    oldest: Option<Instant>,
    times: Option<(UnixNanos, UnixNanos)>,
}

impl Memtable {
    /// `time_column`: the signal's, of which the bounds are kept.
    pub(crate) fn push(&mut self, batch: RecordBatch, time_column: &str) {
        if batch.num_rows() == 0 {
            return;
        }
        let times = batch.column_by_name(time_column).and_then(|column| column.as_primitive_opt::<Int64Type>());
        self.widen(times.and_then(|times| Some((min(times)?, max(times)?))));
        self.rows += batch.num_rows();
        self.bytes += memory_bytes(&batch);
        self.oldest.get_or_insert_with(Instant::now);
        self.batches.push(batch);
        self.merge_small();
    }

    fn widen(&mut self, times: Option<(UnixNanos, UnixNanos)>) {
        self.times = match (self.times, times) {
            (Some((first, last)), Some((min, max))) => Some((first.min(min), last.max(max))),
            (known, new) => known.or(new),
        };
    }

    /// Doubles: two neighbours of about one size become one, so each row is copied a logarithmic number of times.
    fn merge_small(&mut self) {
        while let [.., left, right] = self.batches.as_slice() {
            if left.num_rows() >= SMALL_BATCH_ROWS || left.num_rows() > 2 * right.num_rows() {
                return;
            }
            let Ok(merged) = concat_batches(left.schema_ref(), [left, right]) else {
                return; // A dictionary would overflow its keys: two batches it stays.
            };
            let Ok(merged) = share_nulls(&merged) else { return };
            let before = memory_bytes(left) + memory_bytes(right);
            self.bytes = self.bytes.saturating_sub(before) + memory_bytes(&merged);
            self.batches.truncate(self.batches.len() - 2);
            self.batches.push(merged);
        }
    }

    pub(crate) fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Memory of the columns, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// When the oldest row arrived.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        self.oldest
    }

    /// Smallest and largest time of the rows.
    pub(crate) fn times(&self) -> Option<(UnixNanos, UnixNanos)> {
        self.times
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Puts older rows before these.
    pub(crate) fn prepend(&mut self, mut older: Memtable) {
        older.rows += self.rows;
        older.bytes += self.bytes;
        older.widen(self.times);
        older.oldest = older.oldest.or(self.oldest);
        older.batches.append(&mut self.batches);
        *self = older;
    }
}

/// The same rows; columns without a value take no memory.
fn share_nulls(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let share = |column: &ArrayRef| match is_all_null(column) {
        true => nulls(column.data_type(), column.len()),
        false => Arc::clone(column),
    };
    RecordBatch::try_new(batch.schema(), batch.columns().iter().map(share).collect())
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, Int64Array};
    use arrow::datatypes::{DataType, Field, Int64Type, Schema};

    use super::*;

    fn batch(values: &[i64]) -> RecordBatch {
        let schema = Arc::new(Schema::new(vec![Field::new("x", DataType::Int64, true)]));
        RecordBatch::try_new(schema, vec![Arc::new(Int64Array::from(values.to_vec()))]).expect("one column")
    }

    #[test]
    fn many_small_requests_become_few_batches_in_the_same_order() {
        let mut memtable = Memtable::default();
        for i in 0..10_000 {
            memtable.push(batch(&[i]), "x");
        }
        assert_eq!(memtable.rows(), 10_000);
        assert_eq!(memtable.times(), Some((0, 9_999)));
        assert!(memtable.batches().len() < 20, "{} batches", memtable.batches().len());
        let values = memtable.batches().iter().flat_map(|batch| {
            let column = batch.column(0).as_primitive::<Int64Type>();
            column.values().to_vec().into_iter().collect::<Vec<_>>()
        });
        assert!(values.eq(0..10_000));
    }
}
