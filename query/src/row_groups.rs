//! Rows of row groups without a plan: one reader per row group, the conditions in the order of what they cost to read,
//! everything else only for the rows that are left.
//!
//! DataFusion's scan does the same for plans. For a page of records its price is what surrounds the reading: each row
//! group is opened as a file, with conditions rewritten, bound and simplified for it.

mod found;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::array::{Array, AsArray, BooleanArray};
use arrow::buffer::BooleanBuffer;
use arrow::compute::prep_null_mask_filter;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::DFSchema;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, SessionState};
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::page_index::column_index::ColumnIndexMetaData;
use proto::nulls::with_nulls;
use proto::{Signal, TimeRange};
use storage::{RowRanges, Snapshot};
use tokio::task::JoinSet;

use self::found::{Found, FoundRows, Rows};
use crate::pages::{Allowance, RowGroupPages, is_of};
use crate::pruning::{self, Selected};
use crate::running::Reading;
use crate::table::{LakeReaders, physical_predicate};

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

/// What is asked of one reading.
pub(crate) struct Reader {
    pub(crate) wanted: Wanted,
    pub(crate) readers: Arc<LakeReaders>,
    /// Its files are not deleted while the reading lives.
    pub(crate) snapshot: Snapshot,
    pub(crate) selected: Vec<Selected>,
    pub(crate) threads: usize,
    pub(crate) reading: Arc<Reading>,
}

/// The first rows in the order of time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct First {
    /// How many, and all that have the time of the last of them.
    pub(crate) rows: usize,
    pub(crate) newest_first: bool,
}

impl Reader {
    /// Reads the memtable and the selected row groups, several at a time, in no order. The stream ends its work when it is
    /// dropped.
    pub(crate) fn read(self) -> SendableRecordBatchStream {
        let work = Arc::new(Work::new(self));
        let mut stream = work.stream();
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
        for _ in 0..work.threads {
            let (work, batches) = (Arc::clone(&work), stream.tx());
            stream.spawn(async move {
                while let Some(parts) = work.next().await? {
                    for rows in parts {
                        for batch in rows.read(&work.wanted.schema, false)? {
                            let rows = with_nulls(&batch?, &work.wanted.schema)?;
                            if batches.send(Ok(rows)).await.is_err() {
                                return Ok(());
                            }
                        }
                    }
                }
                Ok(())
            });
        }
        stream.build()
    }

    /// The first rows, in no order. The conditions and the time of all rows are read first, then everything else of those
    /// rows only.
    ///
    /// Memory: 8 bytes for each row for which the conditions hold.
    pub(crate) async fn read_first(self, first: First) -> Result<SendableRecordBatchStream> {
        let work = Arc::new(Work::new(self));
        let mut found = work.find_in_memtable().await?;
        let mut threads = JoinSet::new();
        for _ in 0..work.threads {
            let work = Arc::clone(&work);
            threads.spawn(async move { work.find().await });
        }
        while let Some(of_thread) = threads.join_next().await {
            found.extend(of_thread.map_err(|error| DataFusionError::External(Box::new(error)))??);
        }
        let mut found: Vec<FoundRows> = first.of(found);
        let mut stream = work.stream();
        let each = found.len().div_ceil(work.threads).max(1);
        while !found.is_empty() {
            let of_thread = found.split_off(found.len().saturating_sub(each));
            let (work, batches) = (Arc::clone(&work), stream.tx());
            stream.spawn(async move {
                for rows in of_thread {
                    tokio::task::yield_now().await;
                    for batch in rows.read(&work.wanted.schema)? {
                        if batches.send(batch).await.is_err() {
                            return Ok(());
                        }
                    }
                }
                Ok(())
            });
        }
        Ok(stream.build())
    }
}

/// What the threads of one reading share.
struct Work {
    wanted: Wanted,
    readers: Arc<LakeReaders>,
    snapshot: Snapshot,
    selected: Vec<Selected>,
    threads: usize,
    /// In which each row group is read, at most.
    parts: usize,
    /// The next part of a row group.
    next: AtomicUsize,
    allowance: Arc<Allowance>,
    reading: Arc<Reading>,
}

impl Work {
    fn new(asked: Reader) -> Self {
        let Reader { wanted, readers, snapshot, selected, threads, reading } = asked;
        reading.row_groups_total.store(selected.len() as u64, Ordering::Relaxed);
        // The newest rows often lie in one or two row groups: these are read by several threads each.
        let parts = if selected.len() < 2 * threads { threads.max(1) } else { 1 };
        let threads = threads.clamp(1, (selected.len() * parts).max(1));
        let (next, allowance) = (AtomicUsize::new(0), Arc::default());
        Self { wanted, readers, snapshot, selected, threads, parts, next, allowance, reading }
    }

    fn stream(&self) -> RecordBatchReceiverStreamBuilder {
        RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.wanted.schema), self.threads * BATCHES_WAITING)
    }

    /// The rows of the parts of row groups that come to one thread.
    async fn find(&self) -> Result<Vec<Found>> {
        let mut found = Vec::new();
        while let Some(parts) = self.next().await? {
            for rows in parts {
                found.push(Found::in_row_group(rows, self.wanted.signal)?);
            }
        }
        Ok(found)
    }

    async fn find_in_memtable(&self) -> Result<Vec<Found>> {
        let mut found = Vec::new();
        for batch in self.snapshot.batches.iter() {
            tokio::task::yield_now().await;
            let holds = self.wanted.conditions.hold(batch)?;
            if holds.count_set_bits() > 0 {
                found.push(Found::in_memtable(batch, &holds, self.wanted.signal)?);
            }
        }
        Ok(found)
    }

    /// The rows of the next part of a row group for which the conditions hold; `None`: there is no further part.
    /// Blocks while pages are read that are not in memory.
    async fn next(&self) -> Result<Option<Vec<Rows>>> {
        // A row group without a match awaits nothing: here a reading that nobody waits for ends.
        tokio::task::yield_now().await;
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        let Some(selected) = self.selected.get(next / self.parts) else { return Ok(None) };
        let mut rows = self.open(selected, next % self.parts).await?;
        for rows in &mut rows {
            self.filter(rows, selected)?;
        }
        rows.retain(|rows| !rows.is_empty());
        if (next + 1).is_multiple_of(self.parts) {
            self.reading.row_groups_done.fetch_add(1, Ordering::Relaxed);
        }
        Ok(Some(rows))
    }

    /// The nth part of a row group; of a segment whose row groups are not known all of them.
    async fn open(&self, selected: &Selected, nth: usize) -> Result<Vec<Rows>> {
        let metadata = self.readers.arrow_metadata(&selected.segment).await?;
        let path = selected.segment.parquet_path();
        let count = metadata.metadata().num_row_groups();
        let pages = |number| {
            let (allowance, reading) = (Arc::clone(&self.allowance), Arc::clone(&self.reading));
            RowGroupPages::new(path, metadata.clone(), number, allowance, reading)
        };
        let Some((number, group)) = selected.row_group else {
            let all = if nth == 0 { 0..count } else { 0..0 };
            return Ok(all.map(|number| Rows::all(pages(number))).collect());
        };
        if number >= count {
            return Err(DataFusionError::Internal(format!("no row group {number} in {}", path.display())));
        }
        let in_time = rows_in_time(metadata.metadata(), self.wanted.signal, self.wanted.time, number, group.rows);
        let rows = match (&selected.rows, in_time) {
            (Some(a), Some(b)) => a.intersect(&b),
            (Some(rows), None) => rows.clone(),
            (None, Some(rows)) => rows,
            (None, None) => RowRanges::all(group.rows),
        };
        let Some(rows) = rows.split(self.parts, STRIPES_MIN).into_iter().nth(nth) else { return Ok(Vec::new()) };
        self.reading.rows.fetch_add(rows.count(), Ordering::Relaxed);
        Ok(vec![Rows::of(pages(number), &rows)])
    }

    /// Leaves the rows for which the conditions hold: what is small on disk is looked at first, and nothing of which the
    /// index is certain.
    fn filter(&self, rows: &mut Rows, selected: &Selected) -> Result<()> {
        let group = rows.pages.row_group();
        let is_open = |condition: &&Arc<Condition>| !condition.parts.iter().all(|part| selected.certain.contains(part));
        let mut conditions: Vec<&Arc<Condition>> = self.wanted.conditions.0.iter().filter(is_open).collect();
        conditions.sort_by_key(|condition| bytes(group, &condition.schema));
        for condition in conditions {
            if rows.is_empty() {
                break;
            }
            let is_answered = |field: &Arc<Field>| self.wanted.schema.column_with_name(field.name()).is_some();
            let keep = condition.schema.fields().iter().any(is_answered);
            let holds = rows.read(&condition.schema, keep)?.map(|batch| condition.holds(&batch?));
            rows.narrow(&holds.collect::<Result<Vec<_>>>()?);
        }
        Ok(())
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

/// Compressed size of the columns of a schema.
fn bytes(group: &RowGroupMetaData, schema: &Schema) -> i64 {
    let read = group.columns().iter().filter(|column| is_of(column.column_path().parts(), schema));
    read.map(|column| column.compressed_size()).sum()
}
