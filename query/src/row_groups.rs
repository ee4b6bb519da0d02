//! Rows of row groups without a plan: one reader per row group, the conditions in the order of what they cost to read,
//! everything else only for the rows that are left.
//!
//! DataFusion's scan does the same for plans. For a page of records its price is what surrounds the reading: each row
//! group is opened as a file, with conditions rewritten, bound and simplified for it.

use std::fs::File;
use std::io::BufReader;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{Array, AsArray, BooleanArray};
use arrow::buffer::BooleanBuffer;
use arrow::compute::prep_null_mask_filter;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use datafusion::common::DFSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, SessionState};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowPredicate, ArrowPredicateFn, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowFilter,
    RowSelection,
};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use parquet::file::reader::{ChunkReader, Length};
use proto::nulls::with_nulls;
use proto::{Signal, TimeRange};
use storage::{RowRanges, Snapshot};

use crate::pruning::{self, Selected};
use crate::running::Reading;
use crate::table::{LakeReaders, physical_predicate};

/// Rows that are decoded at a time.
const BATCH_ROWS: usize = 8192;
/// Stripes of rows that are worth a reader of their own: opening one costs about as much as reading some pages.
const STRIPES_MIN: usize = 8;
/// Batches of each thread that wait to be looked at.
const BATCHES_WAITING: usize = 2;

/// What is read of every row group.
pub(crate) struct Wanted {
    /// The columns of the answer.
    schema: SchemaRef,
    conditions: Conditions,
    signal: Signal,
    time: TimeRange,
}

/// Predicates, all of which have to hold.
pub(crate) struct Conditions(Vec<Arc<Condition>>);

impl Conditions {
    /// `filters`: over physical columns.
    pub(crate) fn new(state: &SessionState, signal: Signal, filters: &[Expr]) -> Result<Self> {
        let physical = signal.schema();
        let mut groups: Vec<(Vec<usize>, Vec<usize>, Vec<Expr>)> = Vec::new();
        for (part, filter) in filters.iter().flat_map(split_conjunction).enumerate() {
            let read = filter.column_refs();
            let mut read: Vec<usize> =
                read.iter().map(|column| physical.index_of(&column.name)).collect::<Result<_, _>>()?;
            read.sort_unstable();
            // What reads the same columns is looked at together.
            match groups.iter_mut().find(|(columns, _, _)| *columns == read) {
                Some((_, parts, filters)) => {
                    parts.push(part);
                    filters.push(filter.clone());
                }
                None => groups.push((read, vec![part], vec![filter.clone()])),
            }
        }
        let bound = groups.into_iter().filter_map(|(columns, parts, filters)| {
            let schema = match physical.project(&columns) {
                Ok(schema) => Arc::new(schema),
                Err(error) => return Some(Err(error.into())),
            };
            let bound = DFSchema::try_from(Arc::clone(&schema)).and_then(|df| physical_predicate(state, &filters, &df));
            Some(bound.transpose()?.map(|predicate| Arc::new(Condition { predicate, schema, parts })))
        });
        Ok(Self(bound.collect::<Result<_>>()?))
    }

    /// Names of the columns they read, some of them more than once.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|condition| condition.schema.fields()).map(|field| field.name().as_str())
    }

    /// Of each row of a batch with at least those columns, whether all hold.
    pub(crate) fn hold(&self, batch: &RecordBatch) -> Result<BooleanBuffer> {
        let mut all = BooleanBuffer::new_set(batch.num_rows());
        for condition in &self.0 {
            let holds = condition.holds(batch)?;
            let holds = if holds.null_count() > 0 { prep_null_mask_filter(&holds) } else { holds };
            all = &all & holds.values();
        }
        Ok(all)
    }
}

/// A predicate, bound to the columns that it reads.
struct Condition {
    predicate: Arc<dyn PhysicalExpr>,
    schema: SchemaRef,
    /// Which filters it is made of, by their position among the parts of the conjunction.
    parts: Vec<usize>,
}

impl Wanted {
    /// `columns`: positions in the signal's schema. `filters`: over physical columns; all of them have to hold.
    pub(crate) fn new(state: &SessionState, signal: Signal, columns: &[usize], filters: &[Expr]) -> Result<Self> {
        Ok(Self {
            schema: Arc::new(signal.schema().project(columns)?),
            conditions: Conditions::new(state, signal, filters)?,
            signal,
            time: pruning::time_range(signal, filters),
        })
    }

    /// The rows of a batch with at least the columns of the answer and of the conditions for which these hold.
    fn rows_of(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let mut rows = batch.clone();
        for condition in &self.conditions.0 {
            let kept = condition.holds(&rows)?;
            rows = arrow::compute::filter_record_batch(&rows, &kept)?;
        }
        Ok(with_nulls(&rows, &self.schema)?)
    }
}

impl Condition {
    fn holds(&self, batch: &RecordBatch) -> Result<BooleanArray> {
        let batch = with_nulls(batch, &self.schema)?;
        let value = self.predicate.evaluate(&batch)?.into_array(batch.num_rows())?;
        let holds = value.as_boolean_opt();
        holds.cloned().ok_or_else(|| DataFusionError::Internal(format!("a condition of type {}", value.data_type())))
    }
}

/// Reads the memtable and the selected row groups of a snapshot, `threads` at a time, in no order. The files are not
/// deleted while the stream lives; it ends its work when it is dropped.
pub(crate) fn read(
    wanted: Wanted,
    readers: &Arc<LakeReaders>,
    snapshot: &Snapshot,
    selected: Vec<Selected>,
    threads: usize,
    reading: Arc<Reading>,
) -> Result<SendableRecordBatchStream> {
    reading.row_groups_total.store(selected.len() as u64, Ordering::Relaxed);
    // The newest rows often lie in one or two row groups: these are read by several threads each.
    let parts = if selected.len() < 2 * threads { threads.max(1) } else { 1 };
    let threads = threads.clamp(1, (selected.len() * parts).max(1));
    let schema = Arc::clone(&wanted.schema);
    let mut stream = RecordBatchReceiverStreamBuilder::new(schema, threads * BATCHES_WAITING);
    let work = Arc::new(Work {
        wanted,
        readers: Arc::clone(readers),
        snapshot: snapshot.clone(),
        selected,
        parts,
        next: AtomicUsize::new(0),
        reading,
    });
    if !work.snapshot.batches.is_empty() {
        let (work, batches) = (Arc::clone(&work), stream.tx());
        stream.spawn(async move {
            for batch in work.snapshot.batches.iter() {
                tokio::task::yield_now().await;
                let rows = work.wanted.rows_of(batch)?;
                if rows.num_rows() > 0 && batches.send(Ok(rows)).await.is_err() {
                    break;
                }
            }
            Ok(())
        });
    }
    for _ in 0..threads.min(work.selected.len() * parts) {
        let (work, batches) = (Arc::clone(&work), stream.tx());
        stream.spawn(async move {
            loop {
                let next = work.next.fetch_add(1, Ordering::Relaxed);
                let Some(selected) = work.selected.get(next / work.parts) else { break };
                for batch in work.open(selected, next % work.parts).await?.into_iter().flatten() {
                    let rows = with_nulls(&batch?, &work.wanted.schema)?;
                    if batches.send(Ok(rows)).await.is_err() {
                        return Ok(());
                    }
                }
                if (next + 1).is_multiple_of(work.parts) {
                    work.reading.row_groups_done.fetch_add(1, Ordering::Relaxed);
                }
                // A row group without a match awaits nothing: here a reading that nobody waits for ends.
                tokio::task::yield_now().await;
            }
            Ok(())
        });
    }
    Ok(stream.build())
}

/// What the threads of one reading share.
struct Work {
    wanted: Wanted,
    readers: Arc<LakeReaders>,
    snapshot: Snapshot,
    selected: Vec<Selected>,
    /// In which each row group is read, at most.
    parts: usize,
    /// The next part of a row group.
    next: AtomicUsize,
    reading: Arc<Reading>,
}

impl Work {
    /// The nth part of a row group. `None`: no row there can match. Blocks while pages are read that are not in memory.
    async fn open(&self, selected: &Selected, nth: usize) -> Result<Option<ParquetRecordBatchReader>> {
        let metadata = self.readers.arrow_metadata(&selected.segment).await?;
        let path = selected.segment.parquet_path();
        let file = File::open(path)
            .map_err(|error| DataFusionError::External(format!("{}: {error}", path.display()).into()))?;
        let file = CountedFile { file, reading: Arc::clone(&self.reading) };
        let mut builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata).with_batch_size(BATCH_ROWS);
        if let Some((number, group)) = selected.row_group {
            let parquet = builder.metadata();
            if number >= parquet.num_row_groups() {
                return Err(DataFusionError::Internal(format!("no row group {number} in {}", path.display())));
            }
            let in_time = rows_in_time(parquet, self.wanted.signal, self.wanted.time, number, group.rows);
            let rows = match (&selected.rows, in_time) {
                (Some(a), Some(b)) => a.intersect(&b),
                (Some(rows), None) => rows.clone(),
                (None, Some(rows)) => rows,
                (None, None) => RowRanges::all(group.rows),
            };
            let Some(rows) = rows.split(self.parts, STRIPES_MIN).into_iter().nth(nth) else { return Ok(None) };
            self.reading.rows.fetch_add(rows.count(), Ordering::Relaxed);
            builder = builder.with_row_groups(vec![number]);
            if rows.count() < u64::from(group.rows) {
                let ranges = rows.ranges().iter().map(|range| range.start as usize..range.end as usize);
                builder =
                    builder.with_row_selection(RowSelection::from_consecutive_ranges(ranges, group.rows as usize));
            }
        } else if nth > 0 {
            return Ok(None);
        }
        let conditions = self.conditions(builder.metadata(), selected);
        let mask = mask(builder.metadata(), &self.wanted.schema);
        let reader = builder.with_projection(mask).with_row_filter(RowFilter::new(conditions)).build()?;
        Ok(Some(reader))
    }

    /// What is small on disk first; nothing of which the index is certain.
    fn conditions(&self, metadata: &ParquetMetaData, selected: &Selected) -> Vec<Box<dyn ArrowPredicate>> {
        let number = selected.row_group.map_or(0, |(number, _)| number);
        let group = metadata.row_groups().get(number);
        let is_open = |nth: &usize| {
            let parts = &self.wanted.conditions.0[*nth].parts;
            !parts.iter().all(|part| selected.certain.contains(part))
        };
        let mut nth: Vec<usize> = (0..self.wanted.conditions.0.len()).filter(is_open).collect();
        nth.sort_by_key(|nth| group.map_or(0, |group| bytes(group, &self.wanted.conditions.0[*nth].schema)));
        let predicate = |nth: usize| {
            let condition = Arc::clone(&self.wanted.conditions.0[nth]);
            let mask = mask(metadata, &condition.schema);
            let holds = move |batch: RecordBatch| {
                condition.holds(&batch).map_err(|error| ArrowError::ExternalError(Box::new(error)))
            };
            Box::new(ArrowPredicateFn::new(mask, holds)) as Box<dyn ArrowPredicate>
        };
        nth.into_iter().map(predicate).collect()
    }
}

/// Rows of the pages of a row group of `rows` rows that may have a time in the range; `None`: all.
pub(crate) fn rows_in_time(
    metadata: &ParquetMetaData,
    signal: Signal,
    time: TimeRange,
    number: usize,
    rows: u32,
) -> Option<RowRanges> {
    if time == TimeRange::default() {
        return None;
    }
    let name = signal.spec().time_column;
    let leaf = metadata.row_group(number).columns().iter().position(|column| column.column_path().string() == name)?;
    let ColumnIndexMetaData::INT64(bounds) = metadata.column_index()?.get(number)?.get(leaf)? else { return None };
    let pages = metadata.offset_index()?.get(number)?.get(leaf)?.page_locations();
    let start = |page: usize| pages.get(page).map_or(rows, |page| page.first_row_index as u32);
    let ranges = (0..pages.len()).filter(|page| match (bounds.min_value(*page), bounds.max_value(*page)) {
        (Some(min), Some(max)) => time.overlaps(*min, *max),
        _ => true,
    });
    Some(RowRanges::from_ranges(ranges.map(|page| start(page)..start(page + 1))))
}

/// A file that is read by position and says how much.
pub(crate) struct CountedFile {
    pub(crate) file: File,
    pub(crate) reading: Arc<Reading>,
}

impl Length for CountedFile {
    fn len(&self) -> u64 {
        self.file.len()
    }
}

impl ChunkReader for CountedFile {
    type T = BufReader<File>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        self.file.get_read(start)
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, start)?;
        self.reading.bytes.fetch_add(length as u64, Ordering::Relaxed);
        Ok(bytes.into())
    }
}

/// Compressed size of the columns of a schema.
fn bytes(group: &RowGroupMetaData, schema: &Schema) -> i64 {
    let read = group.columns().iter().filter(|column| is_of(column.column_path().parts(), schema));
    read.map(|column| column.compressed_size()).sum()
}

/// The leaves of those columns of a schema that the file has.
fn mask(metadata: &ParquetMetaData, schema: &Schema) -> ProjectionMask {
    let parquet = metadata.file_metadata().schema_descr();
    let leaves = parquet.columns().iter().enumerate().filter(|(_, column)| is_of(column.path().parts(), schema));
    ProjectionMask::leaves(parquet, leaves.map(|(leaf, _)| leaf))
}

fn is_of(path: &[String], schema: &Schema) -> bool {
    path.first().is_some_and(|name| schema.column_with_name(name).is_some())
}
