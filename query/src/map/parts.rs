//! The spans in parts that threads read side by side: each row group, and stretches of the memtable.
//!
//! A part gives the same rows in the same order each time it is read: what one pass finds out about rows can be laid
//! beside the columns that the next one reads. No condition is evaluated here, the index only narrows what is read.

use std::cmp::Reverse;
use std::fs::File;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{RecordBatchReader, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use datafusion::logical_expr::Expr;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder, RowSelection};
use parquet::basic::Encoding;
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;
use proto::{Signal, schema};
use storage::{RowRanges, Segment, Snapshot};

use super::ids::{IdPages, SpanIds, TRACE_ENCODING, runs};
use super::trace_stream::{Run, runs_of};
use crate::engine::Query;
use crate::error::QueryError;
use crate::pages::CountedFile;
use crate::pruning;
use crate::row_groups::rows_in_time;
use crate::running::Reading;

/// Rows that are decoded at a time: their columns fit into a core's cache.
const BATCH_ROWS: usize = 4096;
/// Batches of the memtable, each of a request, that are a part.
const MEMTABLE_BATCHES: usize = 64;

/// What is read of one query's snapshot of the spans.
pub(super) struct Parts {
    snapshot: Snapshot,
    /// Those with most rows first, so that the threads end at about the same time.
    parts: Vec<Part>,
    reading: Arc<Reading>,
}

enum Part {
    /// Of the snapshot's batches.
    Memtable(Range<usize>),
    RowGroup(RowGroup),
}

impl Part {
    fn rows(&self, snapshot: &Snapshot) -> u64 {
        match self {
            Part::Memtable(batches) => {
                snapshot.batches[batches.clone()].iter().map(|batch| batch.num_rows() as u64).sum()
            }
            Part::RowGroup(RowGroup { rows: Some(rows), .. }) => rows.count(),
            Part::RowGroup(RowGroup { metadata, number, .. }) => {
                metadata.metadata().row_group(*number).num_rows().unsigned_abs()
            }
        }
    }
}

struct RowGroup {
    segment: Arc<Segment>,
    metadata: ArrowReaderMetadata,
    number: usize,
    /// None: all.
    rows: Option<RowRanges>,
}

/// A column to read, by its path: the root, and where only some leaves below it are wanted, their last parts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ColumnPath {
    pub(crate) root: &'static str,
    /// Empty: all.
    pub(crate) leaves: &'static [&'static str],
}

impl From<&'static str> for ColumnPath {
    fn from(root: &'static str) -> Self {
        Self { root, leaves: &[] }
    }
}

impl ColumnPath {
    fn has(&self, path: &[String]) -> bool {
        let is_leaf = || path.last().is_some_and(|leaf| self.leaves.contains(&leaf.as_str()));
        path.first().is_some_and(|root| root == self.root) && (self.leaves.is_empty() || is_leaf())
    }
}

pub(super) type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>> + Send>;

impl Parts {
    /// All that may hold a span for which all `predicates` are true.
    pub(super) async fn of(query: &Query, predicates: Vec<Expr>) -> Result<Self, QueryError> {
        let reading = Arc::new(Reading::default());
        let time = pruning::time_range(Signal::Spans, &predicates);
        let mut parts = Vec::new();
        for (selected, metadata) in query.row_groups(Signal::Spans, predicates, &reading).await? {
            let numbers = match selected.row_group {
                Some((number, _)) => number..number + 1,
                // What an index would say of the file is not known: its footer is there all the same.
                None => 0..metadata.metadata().num_row_groups(),
            };
            parts.extend(numbers.map(|number| {
                let count = metadata.metadata().row_group(number).num_rows() as u32;
                let in_time = rows_in_time(metadata.metadata(), Signal::Spans, time, number, count);
                let rows = match (&selected.rows, in_time) {
                    (Some(found), Some(in_time)) => Some(found.intersect(&in_time)),
                    (found, in_time) => found.clone().or(in_time).filter(|rows| rows.count() < u64::from(count)),
                };
                let segment = Arc::clone(&selected.segment);
                Part::RowGroup(RowGroup { segment, metadata: metadata.clone(), number, rows })
            }));
        }
        parts.retain(|part| !matches!(part, Part::RowGroup(RowGroup { rows: Some(rows), .. }) if rows.is_empty()));
        reading.row_groups_total.store(parts.len() as u64, Ordering::Relaxed);
        let snapshot = query.snapshot(Signal::Spans);
        let batches = snapshot.batches.len();
        let stretches = (0..batches).step_by(MEMTABLE_BATCHES);
        parts.extend(stretches.map(|from| Part::Memtable(from..batches.min(from + MEMTABLE_BATCHES))));
        parts.sort_by_cached_key(|part| Reverse(part.rows(&snapshot)));
        Ok(Self { snapshot, parts, reading })
    }

    pub(super) fn len(&self) -> usize {
        self.parts.len()
    }

    /// The rows of a part, with those of `columns` that it has. Blocks while pages are read that are not in memory.
    pub(super) fn open(&self, nth: usize, columns: &[ColumnPath]) -> Result<Batches, QueryError> {
        match &self.parts[nth] {
            Part::Memtable(batches) => {
                let fields = self.snapshot.batches[batches.start].schema_ref().fields().iter().enumerate();
                let wanted = fields.filter(|(_, field)| columns.iter().any(|column| column.root == field.name()));
                let wanted: Vec<usize> = wanted.map(|(position, _)| position).collect();
                let batches: Vec<RecordBatch> = self.snapshot.batches[batches.clone()].to_vec();
                Ok(Box::new(batches.into_iter().map(move |batch| batch.project(&wanted))))
            }
            Part::RowGroup(group) => {
                self.reading.rows.fetch_add(self.parts[nth].rows(&self.snapshot), Ordering::Relaxed);
                let path = group.segment.parquet_path();
                let batches = group.open(columns, &self.reading);
                batches.map_err(|error| QueryError::internal(format!("{}: {error}", path.display())))
            }
        }
    }

    /// The runs of all rows of a part.
    pub(super) async fn runs(&self, nth: usize) -> Result<Vec<Run>, QueryError> {
        if let Part::RowGroup(group) = &self.parts[nth] {
            let failed = |error: ParquetError| {
                QueryError::internal(format!("{}: {error}", group.segment.parquet_path().display()))
            };
            let pages = group.id_pages(schema::TRACE_ID, TRACE_ENCODING, &self.reading).map_err(failed)?;
            if let Some(pages) = pages {
                self.reading.rows.fetch_add(self.parts[nth].rows(&self.snapshot), Ordering::Relaxed);
                return runs(pages).await.map_err(failed);
            }
        }
        runs_of(self.open(nth, &[schema::TRACE_ID.into()])?).await
    }

    /// Says that a part has been read for the last time.
    pub(super) fn done(&self, nth: usize) {
        if matches!(self.parts[nth], Part::RowGroup(_)) {
            self.reading.row_groups_done.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Hands out the numbers of parts, each once, to whoever is free.
#[derive(Debug)]
pub(super) struct Turns {
    next: AtomicUsize,
    count: usize,
}

impl Turns {
    pub(super) fn of(parts: &Parts) -> Arc<Self> {
        Arc::new(Self { next: AtomicUsize::new(0), count: parts.len() })
    }

    pub(super) fn take(&self) -> Option<usize> {
        Some(self.next.fetch_add(1, Ordering::Relaxed)).filter(|nth| *nth < self.count)
    }
}

impl RowGroup {
    fn file(&self, reading: &Arc<Reading>) -> Result<CountedFile, ParquetError> {
        Ok(CountedFile { file: File::open(self.segment.parquet_path())?, reading: Arc::clone(reading) })
    }

    /// Span ids come as numbers where their pages can be read so ([`ids`](super::ids)).
    fn open(&self, columns: &[ColumnPath], reading: &Arc<Reading>) -> Result<Batches, ParquetError> {
        let mut as_numbers = Vec::new();
        for name in [schema::SPAN_ID, schema::PARENT_SPAN_ID] {
            let is_wanted = columns.iter().any(|column| column.root == name);
            if let Some(pages) = self.id_pages(name, SpanIds::<CountedFile>::ENCODING, reading)?.filter(|_| is_wanted) {
                as_numbers.push((name, SpanIds::of(pages)));
            }
        }
        let is_number = |name: &str| as_numbers.iter().any(|(other, _)| *other == name);
        let columns: Vec<ColumnPath> = columns.iter().copied().filter(|column| !is_number(column.root)).collect();
        let batches = self.open_as_arrow(&columns, reading)?;
        if as_numbers.is_empty() {
            return Ok(Box::new(batches));
        }
        Ok(Box::new(batches.map(move |batch| with_numbers(&batch?, &mut as_numbers))))
    }

    /// None where they are written otherwise, or only some rows are wanted.
    fn id_pages(
        &self,
        name: &str,
        encoding: Encoding,
        reading: &Arc<Reading>,
    ) -> Result<Option<IdPages<CountedFile>>, ParquetError> {
        if self.rows.is_some() {
            return Ok(None);
        }
        let file = Arc::new(self.file(reading)?);
        IdPages::open(&file, self.metadata.metadata(), self.number, name, encoding).transpose()
    }

    fn open_as_arrow(
        &self,
        columns: &[ColumnPath],
        reading: &Arc<Reading>,
    ) -> Result<impl RecordBatchReader + Send + use<>, ParquetError> {
        let metadata = self.metadata.metadata();
        let parquet = metadata.file_metadata().schema_descr();
        let leaves = parquet.columns().iter().enumerate();
        let leaves = leaves.filter(|(_, leaf)| columns.iter().any(|column| column.has(leaf.path().parts())));
        // Lists are there when all of them are empty.
        let leaves = leaves.map(|(nth, _)| nth).filter(|nth| has_values(metadata.row_group(self.number).column(*nth)));
        // Page by page: reading a whole column chunk in one go takes longer, for it needs fresh memory each time.
        let mut builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(self.file(reading)?, self.metadata.clone())
                .with_batch_size(BATCH_ROWS)
                .with_row_groups(vec![self.number])
                .with_projection(ProjectionMask::leaves(parquet, leaves));
        if let Some(rows) = &self.rows {
            let ranges = rows.ranges().iter().map(|range| range.start as usize..range.end as usize);
            let count = metadata.row_group(self.number).num_rows() as usize;
            builder = builder.with_row_selection(RowSelection::from_consecutive_ranges(ranges, count));
        }
        builder.build()
    }
}

/// The batch, and the next ids of each column.
fn with_numbers(
    batch: &RecordBatch,
    columns: &mut [(&'static str, SpanIds<CountedFile>)],
) -> Result<RecordBatch, ArrowError> {
    let mut fields = batch.schema_ref().fields().to_vec();
    let mut arrays = batch.columns().to_vec();
    for (name, ids) in columns {
        fields.push(Arc::new(Field::new(*name, DataType::UInt64, false)));
        arrays.push(Arc::new(UInt64Array::from(ids.take(batch.num_rows())?)));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}

/// Whether any value of a column chunk is not null, as far as is known.
fn has_values(column: &ColumnChunkMetaData) -> bool {
    let nulls = column.statistics().and_then(Statistics::null_count_opt);
    nulls.is_none_or(|nulls| nulls < column.num_values().unsigned_abs())
}
