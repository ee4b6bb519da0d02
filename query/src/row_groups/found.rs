//! Rows that were found, and which of them come first in the order of time.

use std::collections::BinaryHeap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, UInt32Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{prep_null_mask_filter, take_record_batch};
use arrow::datatypes::{Int64Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::error::{DataFusionError, Result};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, RowSelection};
use proto::nulls::with_nulls;
use proto::{Signal, UnixNanos};
use storage::RowRanges;

use super::First;
use crate::pages::RowGroupPages;

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 8192;

/// Some rows of a row group.
pub(super) struct Rows {
    pub(super) pages: Arc<RowGroupPages>,
    /// `None`: all.
    selection: Option<RowSelection>,
}

impl Rows {
    pub(super) fn all(pages: Arc<RowGroupPages>) -> Self {
        Self { pages, selection: None }
    }

    pub(super) fn of(pages: Arc<RowGroupPages>, rows: &RowRanges) -> Self {
        let total = pages.row_group().num_rows() as usize;
        let ranges = rows.ranges().iter().map(|range| range.start as usize..range.end as usize);
        let selection = (rows.count() < total as u64).then(|| RowSelection::from_consecutive_ranges(ranges, total));
        Self { pages, selection }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.selection.as_ref().is_some_and(|selection| !selection.selects_any())
    }

    /// Those columns of `schema` that the file has. `keep`: their pages are read again.
    pub(super) fn read(&self, schema: &Schema, keep: bool) -> Result<ParquetRecordBatchReader> {
        Ok(self.pages.read(schema, self.selection.clone(), BATCH_ROWS, keep)?)
    }

    /// Leaves those rows for which `holds` says so, one batch after the other; null counts as false.
    pub(super) fn narrow(&mut self, holds: &[BooleanArray]) {
        if holds.iter().all(|holds| holds.true_count() == holds.len()) {
            return;
        }
        let certain =
            holds.iter().map(|holds| if holds.null_count() > 0 { prep_null_mask_filter(holds) } else { holds.clone() });
        let kept = RowSelection::from_filters(&certain.collect::<Vec<_>>());
        self.selection = Some(match &self.selection {
            Some(selection) => selection.and_then(&kept),
            None => kept,
        });
    }
}

/// Rows for which the conditions hold.
pub(super) enum FoundRows {
    RowGroup(Rows),
    Memtable {
        batch: RecordBatch,
        /// Ascending.
        rows: Vec<u32>,
    },
}

impl FoundRows {
    fn narrow(&mut self, keep: &BooleanArray) {
        match self {
            Self::RowGroup(rows) => rows.narrow(std::slice::from_ref(keep)),
            Self::Memtable { rows, .. } => {
                let mut keep = keep.iter();
                rows.retain(|_| keep.next().flatten() == Some(true));
            }
        }
    }

    /// Batches with the columns of `schema`.
    pub(super) fn read(self, schema: &SchemaRef) -> Result<Box<dyn Iterator<Item = Result<RecordBatch>> + Send>> {
        let schema = Arc::clone(schema);
        match self {
            Self::RowGroup(rows) => {
                let batches = rows.read(&schema, false)?;
                Ok(Box::new(batches.map(move |batch| Ok(with_nulls(&batch?, &schema)?))))
            }
            Self::Memtable { batch, rows } => {
                let rows = take_record_batch(&with_nulls(&batch, &schema)?, &UInt32Array::from(rows))?;
                Ok(Box::new(std::iter::once(Ok(rows))))
            }
        }
    }
}

/// Rows with their times.
pub(super) struct Found {
    rows: FoundRows,
    times: Vec<UnixNanos>,
}

impl Found {
    pub(super) fn in_row_group(rows: Rows, signal: Signal) -> Result<Self> {
        let schema = time_schema(signal)?;
        let mut times = Vec::new();
        for batch in rows.read(&schema, false)? {
            times.extend_from_slice(times_of(&batch?, signal)?);
        }
        rows.pages.close();
        Ok(Self { rows: FoundRows::RowGroup(rows), times })
    }

    /// `holds`: of each row of the batch.
    pub(super) fn in_memtable(batch: &RecordBatch, holds: &BooleanBuffer, signal: Signal) -> Result<Self> {
        let all = times_of(batch, signal)?;
        let times = holds.set_indices().map(|row| all[row]).collect();
        let rows = holds.set_indices().map(|row| row as u32).collect();
        Ok(Self { rows: FoundRows::Memtable { batch: batch.clone(), rows }, times })
    }
}

fn time_schema(signal: Signal) -> Result<Schema> {
    let schema = signal.schema();
    Ok(schema.project(&[schema.index_of(signal.spec().time_column)?])?)
}

fn times_of(batch: &RecordBatch, signal: Signal) -> Result<&[UnixNanos]> {
    let column = batch.column_by_name(signal.spec().time_column);
    let times = column.and_then(|times| times.as_primitive_opt::<Int64Type>());
    let times = times.ok_or_else(|| DataFusionError::Internal(format!("rows of {signal} without a time")))?;
    Ok(times.values())
}

impl First {
    /// Those of `found` that come first.
    pub(super) fn of(self, mut found: Vec<Found>) -> Vec<FoundRows> {
        let Some(last) = self.last(found.iter().flat_map(|found| &found.times)) else { return Vec::new() };
        let is_first = |time: &UnixNanos| if self.newest_first { *time >= last } else { *time <= last };
        found.retain(|found| found.times.iter().any(is_first));
        let first = found.into_iter().map(|Found { mut rows, times }| {
            rows.narrow(&times.iter().map(|time| Some(is_first(time))).collect());
            rows
        });
        first.collect()
    }

    /// The time of the last row wanted, or of the last one when there are fewer; `None`: there is none.
    fn last<'a>(self, times: impl Iterator<Item = &'a UnixNanos>) -> Option<UnixNanos> {
        // The last of those kept is on top.
        let mut first = BinaryHeap::with_capacity(self.rows.min(BATCH_ROWS));
        for time in times {
            let place = if self.newest_first { -i128::from(*time) } else { i128::from(*time) };
            if first.len() < self.rows {
                first.push(place);
            } else if first.peek().is_some_and(|last| place < *last) {
                first.pop();
                first.push(place);
            }
        }
        let last = first.into_iter().max()?;
        UnixNanos::try_from(if self.newest_first { -last } else { last }).ok()
    }
}
