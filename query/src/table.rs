//! The physical tables: memtable rows and live segments of one signal behind one `TableProvider`.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, DFSchema, Statistics, exec_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::parquet::{CachedParquetFileReaderFactory, ParquetAccessPlan};
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfigBuilder, ParquetFileReaderFactory, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::execution::cache::cache_manager::FileMetadataCache;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use datafusion::scalar::ScalarValue;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::ObjectStore;
use parking_lot::Mutex;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use proto::Signal;
use storage::{Segment, SegmentId, Snapshot, Store};

use crate::pruning::{self, Selected};
use crate::row_groups::{Reader, Wanted};
use crate::running::{Progress, Reading};

/// What one query sees: a snapshot of each signal, taken when the first scan of it is planned and the same for all
/// later ones.
pub(crate) struct SnapshotPair {
    store: Store,
    spans: OnceLock<Snapshot>,
    logs: OnceLock<Snapshot>,
}

impl SnapshotPair {
    pub(crate) fn new(store: Store) -> Self {
        Self { store, spans: OnceLock::new(), logs: OnceLock::new() }
    }

    pub(crate) fn get(&self, signal: Signal) -> &Snapshot {
        let cell = match signal {
            Signal::Spans => &self.spans,
            Signal::Logs => &self.logs,
        };
        cell.get_or_init(|| self.store.snapshot(signal))
    }
}

/// Segments whose columns are kept as Arrow sees them.
const ARROW_METADATA_MAX: usize = 256;

/// How segments are read: the lake's object store, and footers with page indexes kept between queries.
pub(crate) struct LakeReaders {
    cached: CachedParquetFileReaderFactory,
    /// What Arrow makes of a footer takes as long to work out as some pages to read. Only of footers that are cached or in
    /// use: the bound of that cache is on bytes, and an entry here would keep its footer in memory.
    arrow: Mutex<HashMap<SegmentId, ArrowReaderMetadata>>,
}

impl LakeReaders {
    pub(crate) fn new(store: Arc<dyn ObjectStore>, cache: Arc<FileMetadataCache>) -> Self {
        Self { cached: CachedParquetFileReaderFactory::new(store, cache), arrow: Mutex::default() }
    }

    /// Footer and page index of a segment.
    pub(crate) async fn metadata(&self, segment: &Segment) -> Result<Arc<ParquetMetaData>> {
        // A reader adds its counters to the set, which would grow for ever if it outlived the reader.
        let metrics = ExecutionPlanMetricsSet::new();
        let mut reader = self.cached.create_reader(0, partitioned_file(segment), None, &metrics)?;
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        Ok(reader.get_metadata(Some(&options)).await?)
    }

    /// The same with the Arrow schema.
    pub(crate) async fn arrow_metadata(&self, segment: &Segment) -> Result<ArrowReaderMetadata> {
        let metadata = self.metadata(segment).await?;
        let id = &segment.meta().id;
        if let Some(kept) = self.arrow.lock().get(id).filter(|kept| Arc::ptr_eq(kept.metadata(), &metadata)) {
            return Ok(kept.clone());
        }
        let arrow = ArrowReaderMetadata::try_new(metadata, ArrowReaderOptions::new())?;
        let mut kept = self.arrow.lock();
        kept.retain(|_, kept| Arc::strong_count(kept.metadata()) > 1);
        if kept.len() >= ARROW_METADATA_MAX {
            kept.clear();
        }
        kept.insert(id.clone(), arrow.clone());
        Ok(arrow)
    }
}

/// The physical rows of a signal. See `proto::schema` for the columns.
pub(crate) struct LakeTable {
    signal: Signal,
    snapshots: Arc<SnapshotPair>,
    readers: Arc<LakeReaders>,
}

impl LakeTable {
    pub(crate) fn new(signal: Signal, snapshots: Arc<SnapshotPair>, readers: Arc<LakeReaders>) -> Self {
        Self { signal, snapshots, readers }
    }

    pub(crate) fn signal(&self) -> Signal {
        self.signal
    }

    /// The rows for which all of `filters`, over physical columns, hold, with the `columns` (positions in the schema,
    /// ascending). No plan at all: for a page of records it would take longer than the reading.
    pub(crate) async fn reader(
        &self,
        state: &SessionState,
        columns: &[usize],
        filters: &[Expr],
        progress: &Progress,
    ) -> Result<Reader> {
        let snapshot = self.snapshots.get(self.signal);
        let wanted = Wanted::new(state, self.signal, columns, filters)?;
        let selected = pruning::select(snapshot, filters).await?;
        let reading = Arc::new(Reading::default());
        progress.follow_reading(&reading);
        let (readers, threads) = (Arc::clone(&self.readers), state.config().target_partitions());
        Ok(Reader { wanted, readers, snapshot: snapshot.clone(), selected, threads, reading })
    }

    fn memtable_plan(&self, snapshot: &Snapshot, projection: Option<&Vec<usize>>) -> Result<Arc<dyn ExecutionPlan>> {
        let partitions = [snapshot.batches.clone()];
        let source = MemorySourceConfig::try_new(&partitions, self.schema(), projection.cloned())?;
        Ok(DataSourceExec::from_data_source(source))
    }

    fn segments_plan(
        &self,
        snapshot: &Snapshot,
        segments: Vec<Selected>,
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
        partitions: usize,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let readers = Arc::new(SnapshotReaders { readers: Arc::clone(&self.readers), snapshot: snapshot.clone() });
        let source = ParquetSource::new(self.schema()).with_parquet_file_reader_factory(readers);
        let statistics = scan_statistics(self.signal, &segments);
        let files = segments.into_iter().map(|selected| self.file(selected)).collect::<Result<_>>()?;
        let config = FileScanConfigBuilder::new(lake_url()?, Arc::new(source))
            .with_file_groups(deal(files, partitions))
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    fn file(&self, selected: Selected) -> Result<PartitionedFile> {
        let mut file = partitioned_file(&selected.segment);
        if let Some(plan) = access_plan(&selected)? {
            file = file.with_extension(plan);
        }
        let statistics = file_statistics(self.signal, &selected);
        Ok(file.with_statistics(Arc::new(statistics)))
    }
}

fn partitioned_file(segment: &Segment) -> PartitionedFile {
    let mut file = PartitionedFile::new(String::new(), segment.meta().bytes);
    file.object_meta.location = segment.location().clone();
    file
}

/// Which rows of the file are read; `None`: all.
fn access_plan(selected: &Selected) -> Result<Option<ParquetAccessPlan>> {
    let Some((number, group)) = selected.row_group else { return Ok(None) };
    let groups = selected.segment.row_groups().map_or(0, |groups| groups.len());
    let mut plan = ParquetAccessPlan::new_none(groups);
    if number >= groups {
        return exec_err!("row group {number} of {groups} in {}", selected.segment.location());
    }
    plan.scan(number);
    if let Some(rows) = &selected.rows {
        let ranges = rows.ranges().iter().map(|range| range.start as usize..range.end as usize);
        plan.scan_selection(number, RowSelection::from_consecutive_ranges(ranges, group.rows as usize));
    }
    Ok(Some(plan))
}

impl fmt::Debug for LakeTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LakeTable({})", self.signal)
    }
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        self.signal.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        // The engine evaluates every predicate again: what the index or statistics say only narrows the scan.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let snapshot = self.snapshots.get(self.signal);
        let mut plans = Vec::with_capacity(2);
        if !snapshot.batches.is_empty() {
            plans.push(self.memtable_plan(snapshot, projection)?);
        }
        let segments = pruning::select(snapshot, filters).await?;
        if !segments.is_empty() {
            let partitions = state.config().target_partitions();
            plans.push(self.segments_plan(snapshot, segments, projection, limit, partitions)?);
        }
        if plans.is_empty() {
            let schema = match projection {
                Some(columns) => Arc::new(self.schema().project(columns)?),
                None => self.schema(),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        UnionExec::try_new(plans)
    }
}

/// All of `filters` as one expression over the columns of `schema`; `None` when there are none.
pub(crate) fn physical_predicate(
    state: &SessionState,
    filters: &[Expr],
    schema: &DFSchema,
) -> Result<Option<Arc<dyn PhysicalExpr>>> {
    let Some(all) = filters.iter().cloned().reduce(Expr::and) else { return Ok(None) };
    let context = SimplifyContext::builder().with_schema(Arc::new(schema.clone())).build();
    let simplifier = ExprSimplifier::new(context);
    let all = simplifier.simplify(simplifier.coerce(all, schema)?)?;
    Ok(Some(state.create_physical_expr(all, schema)?))
}

fn lake_url() -> Result<ObjectStoreUrl> {
    ObjectStoreUrl::parse("lake://lake")
}

/// Deals files (newest first) to `partitions` groups in turn, so that all groups begin with new data.
fn deal(files: Vec<PartitionedFile>, partitions: usize) -> Vec<FileGroup> {
    let mut groups = vec![Vec::new(); partitions.clamp(1, files.len().max(1))];
    let count = groups.len();
    for (i, file) in files.into_iter().enumerate() {
        groups[i % count].push(file);
    }
    groups.into_iter().map(FileGroup::new).collect()
}

fn scan_statistics(signal: Signal, selected: &[Selected]) -> Statistics {
    let mut statistics = Statistics::new_unknown(&signal.schema());
    if selected.iter().all(|selected| selected.rows.is_none()) {
        let rows: u64 = selected.iter().map(Selected::row_count).sum();
        statistics.num_rows = Precision::Exact(usize::try_from(rows).unwrap_or(usize::MAX));
    }
    statistics
}

/// Row count and the bounds of the time column, which is what is known without opening the file. A newest-first query
/// that has its rows does not open what is older.
fn file_statistics(signal: Signal, selected: &Selected) -> Statistics {
    let schema = signal.schema();
    let mut statistics = Statistics::new_unknown(&schema);
    if selected.rows.is_none() {
        statistics.num_rows = Precision::Exact(usize::try_from(selected.row_count()).unwrap_or(usize::MAX));
    }
    let (min_time, max_time) = selected.times();
    if let Ok(time) = schema.index_of(signal.spec().time_column) {
        statistics.column_statistics[time] = ColumnStatistics {
            min_value: Precision::Inexact(ScalarValue::Int64(Some(min_time))),
            max_value: Precision::Inexact(ScalarValue::Int64(Some(max_time))),
            ..ColumnStatistics::new_unknown()
        };
    }
    statistics
}

/// Opens segments for one query, and holds its snapshot: the files are not deleted while this plan lives.
struct SnapshotReaders {
    readers: Arc<LakeReaders>,
    snapshot: Snapshot,
}

impl fmt::Debug for SnapshotReaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SnapshotReaders({})", self.snapshot.signal)
    }
}

impl ParquetFileReaderFactory for SnapshotReaders {
    fn create_reader(
        &self,
        partition_index: usize,
        file: PartitionedFile,
        metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let inner = self.readers.cached.create_reader(partition_index, file, metadata_size_hint, metrics)?;
        Ok(Box::new(SegmentReader { inner, _snapshot: self.snapshot.clone() }))
    }
}

/// Always loads the page index with the footer. The engine asks for it only when a predicate can prune pages; a row
/// selection from the text index needs it too, else whole column chunks are read for a handful of rows.
struct SegmentReader {
    inner: Box<dyn AsyncFileReader + Send>,
    _snapshot: Snapshot,
}

impl AsyncFileReader for SegmentReader {
    fn get_bytes(&mut self, range: std::ops::Range<u64>) -> BoxFuture<'_, parquet::errors::Result<bytes::Bytes>> {
        self.inner.get_bytes(range)
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<std::ops::Range<u64>>,
    ) -> BoxFuture<'_, parquet::errors::Result<Vec<bytes::Bytes>>> {
        self.inner.get_byte_ranges(ranges)
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        async move {
            let options = options.cloned().unwrap_or_default().with_page_index_policy(PageIndexPolicy::Optional);
            self.inner.get_metadata(Some(&options)).await
        }
        .boxed()
    }
}
