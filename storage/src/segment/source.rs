//! Segments as the sources of a merge: row groups to copy, and rows to read.

use std::fs::File;
use std::sync::Arc;

use arrow::datatypes::Schema;
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::column::writer::ColumnCloseResult;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use proto::nulls::with_nulls;

use super::Segment;
use super::bundle::{self, Part, RowGroupMeta};
use crate::error::StorageError;

/// Rows that are read at a time.
const READ_ROWS: usize = 8192;

/// A segment that is being merged.
pub(crate) struct SegmentSource {
    segment: Arc<Segment>,
    file: Arc<File>,
    metadata: ArrowReaderMetadata,
    /// Of the row groups, in their order; none when the segment has no index that can be read.
    parts: Vec<Part>,
}

/// A row group of a source, with its index.
pub(crate) struct RowGroupSource {
    file: Arc<File>,
    metadata: Arc<ParquetMetaData>,
    number: usize,
    index: Part,
}

impl SegmentSource {
    pub(crate) fn open(segment: Arc<Segment>) -> Result<Self, StorageError> {
        let path = segment.parquet_path();
        let file = File::open(path).map_err(StorageError::io("open", path))?;
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
        let metadata = ArrowReaderMetadata::load(&file, options).map_err(|error| StorageError::corrupt(path, error))?;
        let parts = bundle::open(segment.index_path()).unwrap_or_else(|error| {
            tracing::warn!(%error, "an index cannot be read: it is made again");
            Vec::new()
        });
        let groups = metadata.metadata().row_groups().iter();
        let fits = groups.map(|group| group.num_rows()).eq(parts.iter().map(|part| i64::from(part.row_group().rows)));
        let parts = if fits { parts } else { Vec::new() };
        Ok(Self { file: Arc::new(file), metadata, parts, segment })
    }

    pub(crate) fn segment(&self) -> &Segment {
        &self.segment
    }

    /// Names of the columns in the file.
    pub(crate) fn columns(&self) -> impl Iterator<Item = String> {
        let schema: &Schema = self.metadata.schema();
        schema.fields().iter().map(|field| field.name().clone())
    }

    /// Row groups that are worth copying: with an index, and of at least so many rows or bytes.
    pub(crate) fn row_groups(&self, rows_min: u64, bytes_min: u64) -> Vec<Result<RowGroupSource, usize>> {
        let groups = self.metadata.metadata().row_groups().iter().enumerate();
        let is_large = |number: usize| {
            let group = self.metadata.metadata().row_group(number);
            group.num_rows().unsigned_abs() >= rows_min || group.compressed_size().unsigned_abs() >= bytes_min
        };
        let source = |(number, _)| {
            let part = self.parts.get(number).filter(|_| is_large(number)).ok_or(number)?;
            Ok(RowGroupSource {
                file: Arc::clone(&self.file),
                metadata: Arc::clone(self.metadata.metadata()),
                number,
                index: part.clone(),
            })
        };
        groups.map(source).collect()
    }

    /// Reads row groups, with all columns of the signal.
    pub(crate) fn read(&self, row_groups: Vec<usize>) -> Result<Vec<RecordBatch>, StorageError> {
        let path = self.segment.parquet_path();
        let corrupt = |error: parquet::errors::ParquetError| StorageError::corrupt(path, error);
        let file = self.file.try_clone().map_err(StorageError::io("open", path))?;
        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.metadata.clone());
        let reader = reader.with_row_groups(row_groups).with_batch_size(READ_ROWS).build().map_err(corrupt)?;
        let schema = self.segment.signal().schema();
        reader.map(|batch| Ok(with_nulls(&batch?, &schema)?)).collect()
    }
}

impl RowGroupSource {
    pub(super) fn row_group(&self) -> RowGroupMeta {
        self.index.row_group()
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn index(&self) -> &Part {
        &self.index
    }

    /// The chunks of a column's leaves, in the order of the file; none when it has no such column.
    pub(super) fn column_chunks(&self, column: &str) -> Vec<ColumnCloseResult> {
        let group = self.metadata.row_group(self.number);
        let leaves = group.columns().iter().enumerate();
        let of_column =
            leaves.filter(|(_, chunk)| chunk.column_path().parts().first().is_some_and(|part| part == column));
        of_column
            .map(|(leaf, chunk)| ColumnCloseResult {
                bytes_written: chunk.compressed_size().unsigned_abs(),
                rows_written: u64::from(self.row_group().rows),
                metadata: chunk.clone(),
                bloom_filter: None,
                column_index: self.metadata.column_index().map(|index| index[self.number][leaf].clone()),
                offset_index: self.metadata.offset_index().map(|index| index[self.number][leaf].clone()),
            })
            .collect()
    }
}
