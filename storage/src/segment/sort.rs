//! Rows in the order of a segment: sorting what comes from the memtable, merging what is sorted already.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::compute::interleave_record_batch;
use arrow::datatypes::Int64Type;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use arrow::row::{OwnedRow, RowConverter, Rows, SortField};
use proto::Signal;
use proto::time::day_of;

/// Rows handed on at a time.
pub(crate) const CHUNK_ROWS: usize = 8192;

fn converter(signal: Signal) -> Result<RowConverter, ArrowError> {
    let schema = &signal.spec().schema;
    let fields = signal.spec().sort_columns.iter().map(|column| {
        let field = schema.field_with_name(column)?;
        Ok(SortField::new(field.data_type().clone()))
    });
    RowConverter::new(fields.collect::<Result<_, ArrowError>>()?)
}

fn sort_keys(converter: &mut RowConverter, signal: Signal, batch: &RecordBatch) -> Result<Rows, ArrowError> {
    let columns = signal.spec().sort_columns.iter().map(|column| {
        batch.column_by_name(column).cloned().ok_or_else(|| ArrowError::SchemaError(format!("no column {column}")))
    });
    converter.convert_columns(&columns.collect::<Result<Vec<_>, _>>()?)
}

/// The rows of one date in order, in chunks of [`CHUNK_ROWS`].
pub(crate) struct SortedDay {
    batches: Arc<Vec<RecordBatch>>,
    /// (batch, row)
    order: Vec<(usize, usize)>,
    next: usize,
}

impl Iterator for SortedDay {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        let chunk = self.order.get(self.next..(self.next + CHUNK_ROWS).min(self.order.len()))?;
        if chunk.is_empty() {
            return None;
        }
        self.next += chunk.len();
        let batches: Vec<_> = self.batches.iter().collect();
        Some(interleave_record_batch(&batches, chunk))
    }
}

/// Splits rows by the UTC date of their time and sorts each date by the signal's sort columns. Rows that compare
/// equal keep the order of arrival.
pub(crate) fn sorted_by_day(signal: Signal, batches: Vec<RecordBatch>) -> Result<BTreeMap<i32, SortedDay>, ArrowError> {
    let mut converter = converter(signal)?;
    let mut keys = Vec::with_capacity(batches.len());
    let mut order: BTreeMap<i32, Vec<(usize, usize)>> = BTreeMap::new();
    for (b, batch) in batches.iter().enumerate() {
        keys.push(sort_keys(&mut converter, signal, batch)?);
        let times = batch
            .column_by_name(signal.spec().time_column)
            .ok_or_else(|| ArrowError::SchemaError(format!("no column {}", signal.spec().time_column)))?
            .as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            order.entry(day_of(times.value(row))).or_default().push((b, row));
        }
    }
    let batches = Arc::new(batches);
    let days = order.into_iter().map(|(day, mut order)| {
        order.sort_by(|a, b| keys[a.0].row(a.1).cmp(&keys[b.0].row(b.1)));
        (day, SortedDay { batches: Arc::clone(&batches), order, next: 0 })
    });
    Ok(days.collect())
}

/// Merges sorted sources into one sorted stream of chunks. Holds one batch of each source in memory.
pub(crate) fn merged<S>(signal: Signal, sources: Vec<S>) -> Result<Merge<S>, ArrowError>
where
    S: Iterator<Item = Result<RecordBatch, ArrowError>>,
{
    let mut merge = Merge {
        signal,
        converter: converter(signal)?,
        cursors: Vec::with_capacity(sources.len()),
        heap: BinaryHeap::new(),
        buffers: Vec::new(),
    };
    for (index, source) in sources.into_iter().enumerate() {
        merge.cursors.push(Cursor { source, keys: None, buffer: 0, row: 0 });
        merge.advance_batch(index)?;
    }
    Ok(merge)
}

pub(crate) struct Merge<S> {
    signal: Signal,
    converter: RowConverter,
    cursors: Vec<Cursor<S>>,
    /// The next row of each source that has one; ties go to the earlier source.
    heap: BinaryHeap<Reverse<(OwnedRow, usize)>>,
    /// Batches that the chunk under way takes rows from.
    buffers: Vec<RecordBatch>,
}

struct Cursor<S> {
    source: S,
    keys: Option<Rows>,
    buffer: usize,
    row: usize,
}

impl<S: Iterator<Item = Result<RecordBatch, ArrowError>>> Merge<S> {
    fn advance_batch(&mut self, index: usize) -> Result<(), ArrowError> {
        let cursor = &mut self.cursors[index];
        cursor.keys = None;
        for batch in cursor.source.by_ref() {
            let batch = batch?;
            if batch.num_rows() == 0 {
                continue;
            }
            let keys = sort_keys(&mut self.converter, self.signal, &batch)?;
            self.heap.push(Reverse((keys.row(0).owned(), index)));
            (cursor.keys, cursor.buffer, cursor.row) = (Some(keys), self.buffers.len(), 0);
            self.buffers.push(batch);
            break;
        }
        Ok(())
    }

    fn next_chunk(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        let mut picked = Vec::with_capacity(CHUNK_ROWS);
        while picked.len() < CHUNK_ROWS {
            let Some(Reverse((_, index))) = self.heap.pop() else {
                break;
            };
            let cursor = &mut self.cursors[index];
            picked.push((cursor.buffer, cursor.row));
            cursor.row += 1;
            match &cursor.keys {
                Some(keys) if cursor.row < keys.num_rows() => {
                    self.heap.push(Reverse((keys.row(cursor.row).owned(), index)));
                }
                _ => self.advance_batch(index)?,
            }
        }
        if picked.is_empty() {
            return Ok(None);
        }
        let buffers: Vec<_> = self.buffers.iter().collect();
        let chunk = interleave_record_batch(&buffers, &picked)?;
        self.drop_used_buffers();
        Ok(Some(chunk))
    }

    fn drop_used_buffers(&mut self) {
        let mut kept = Vec::with_capacity(self.cursors.len());
        for cursor in &mut self.cursors {
            if cursor.keys.is_some() {
                kept.push(self.buffers[cursor.buffer].clone());
                cursor.buffer = kept.len() - 1;
            }
        }
        self.buffers = kept;
    }
}

impl<S: Iterator<Item = Result<RecordBatch, ArrowError>>> Iterator for Merge<S> {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_chunk().transpose()
    }
}
