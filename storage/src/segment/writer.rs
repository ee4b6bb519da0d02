//! Sorted rows in, Parquet file and index out; or row groups of other segments, copied as they are.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::{SystemTime, UNIX_EPOCH};

use arrow::array::{ArrayRef, AsArray};
use arrow::compute::{max, min};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::ColumnPath;
use proto::nulls::nulls;
use proto::{Signal, UnixNanos, schema};

use super::bundle::{BundleWriter, RowGroupMeta};
use super::index::IndexWriter;
use super::keys::{STRIPE_ROWS, STRIPES_MAX};
use super::sort::SortedRows;
use super::source::RowGroupSource;
use super::{SegmentId, SegmentMeta};
use crate::error::StorageError;
use crate::paths;

/// Rows of a page of texts, ids and times, at most: what a look-up by row has to decompress. A stripe of the index, but of
/// long texts, which have more pages ([`PAGE_BYTES`]).
pub(super) const PAGE_ROWS: usize = STRIPE_ROWS as usize;
/// Bytes of a page before compression: rows of long texts are looked up one by one too.
const PAGE_BYTES: usize = 64 << 10;
/// Bytes of a dictionary of texts that may repeat or not: what does not fit is written without one.
const DICTIONARY_BYTES_MAX: usize = 16 << 10;
/// Rows of a page of everything else, whose rows are bits: a page costs a header and an entry in two indexes.
const SMALL_VALUES_PAGE_ROWS: usize = 8 * PAGE_ROWS;
/// What the stripe numbers of the index can say.
pub(crate) const ROW_GROUP_ROWS: usize = (STRIPE_ROWS * STRIPES_MAX) as usize;

/// Columns that wait for the index: each takes memory until it is done with.
const COLUMNS_WAITING: usize = 4;

/// Writes one segment. Dropping it unfinished leaves files that the next start removes.
pub(crate) struct SegmentWriter {
    signal: Signal,
    meta: SegmentMeta,
    /// The columns that are in the file: one without any value is left out.
    schema: SchemaRef,
    parquet: SerializedFileWriter<File>,
    /// For columns with pages of [`PAGE_ROWS`], and for the others.
    factories: [ArrowRowGroupWriterFactory; 2],
    parquet_path: PathBuf,
    index: BundleWriter,
    index_path: PathBuf,
}

impl SegmentWriter {
    /// `columns`: names of those that have a value in some row.
    pub(crate) fn create(table_dir: &Path, signal: Signal, day: i32, columns: &[String]) -> Result<Self, StorageError> {
        let id = SegmentId::new();
        let parquet_path = table_dir.join(paths::parquet(day, &id));
        let index_path = table_dir.join(paths::index(&id));
        for path in [&parquet_path, &index_path] {
            paths::create_dir(path.parent().unwrap_or(table_dir))?;
        }
        let file = File::create_new(&parquet_path).map_err(StorageError::io("create", &parquet_path))?;
        let schema = file_schema(signal, columns);
        let (parquet, factories) = file_writer(file, signal, &schema).map_err(|error| failed(&parquet_path, error))?;
        let index = BundleWriter::create(&index_path)?;
        let meta = SegmentMeta {
            id,
            day,
            rows: 0,
            bytes: 0,
            index_bytes: 0,
            min_time: UnixNanos::MAX,
            max_time: UnixNanos::MIN,
            created_unix_ms: unix_ms(),
        };
        Ok(Self { signal, meta, schema, parquet, factories, parquet_path, index, index_path })
    }

    /// Writes rows as row groups of at most [`ROW_GROUP_ROWS`].
    pub(crate) fn write(&mut self, rows: SortedRows) -> Result<(), StorageError> {
        rows.split(ROW_GROUP_ROWS).try_for_each(|group| self.write_row_group(&group))
    }

    /// The index is built on a thread of its own beside the columns: each takes about half of the time of a flush, and
    /// senders wait for a flush when they are fast.
    fn write_row_group(&mut self, rows: &SortedRows) -> Result<(), StorageError> {
        let (signal, count) = (self.signal, rows.len() as u32);
        std::thread::scope(|scope| {
            let (columns, indexed) = mpsc::sync_channel::<(String, ArrayRef)>(COLUMNS_WAITING);
            let index = std::thread::Builder::new().name("index".to_owned()).spawn_scoped(scope, move || {
                let mut index = IndexWriter::new(signal);
                indexed.iter().for_each(|(name, column)| index.add_column(&name, &column));
                index.finish(count)
            });
            let index = index.map_err(|error| StorageError::Task(format!("no thread for an index: {error}")))?;
            let row_group = self.write_columns(rows, columns)?;
            self.count(row_group);
            let files = index.join().map_err(|_| StorageError::Task("building an index panicked".to_owned()))?;
            self.index.add(row_group, files.map_err(StorageError::write_segment(&self.index_path))?)
        })
    }

    fn write_columns(
        &mut self,
        rows: &SortedRows,
        index: mpsc::SyncSender<(String, ArrayRef)>,
    ) -> Result<RowGroupMeta, StorageError> {
        let mut columns = ColumnWriters::create(self)?;
        let mut group = self.parquet.next_row_group().map_err(|error| failed(&self.parquet_path, error))?;
        let mut row_group =
            RowGroupMeta { rows: rows.len() as u32, min_time: UnixNanos::MAX, max_time: UnixNanos::MIN };
        for field in self.schema.fields() {
            let column = rows.column(field.name())?;
            if field.name() == self.signal.spec().time_column {
                let times = column.as_primitive::<Int64Type>();
                row_group.min_time = min(times).unwrap_or(row_group.min_time);
                row_group.max_time = max(times).unwrap_or(row_group.max_time);
            }
            if IndexWriter::takes(self.signal, field.name()) {
                // Nobody listens any more when the thread has panicked, which is told when it is joined.
                let _ = index.send((field.name().clone(), Arc::clone(&column)));
            }
            columns.write(field, &column, &mut group).map_err(|error| failed(&self.parquet_path, error))?;
        }
        group.close().map_err(|error| failed(&self.parquet_path, error))?;
        Ok(row_group)
    }

    fn count(&mut self, row_group: RowGroupMeta) {
        self.meta.rows += u64::from(row_group.rows);
        self.meta.min_time = self.meta.min_time.min(row_group.min_time);
        self.meta.max_time = self.meta.max_time.max(row_group.max_time);
    }

    /// Copies a row group and its index without decoding either. Columns it does not have become nulls.
    pub(crate) fn copy(&mut self, source: &RowGroupSource) -> Result<(), StorageError> {
        let mut columns = ColumnWriters::create(self)?;
        let mut group = self.parquet.next_row_group().map_err(|error| failed(&self.parquet_path, error))?;
        for field in self.schema.fields() {
            let copied = source.column_chunks(field.name());
            if copied.is_empty() {
                let missing = nulls(field.data_type(), source.row_group().rows as usize);
                columns.write(field, &missing, &mut group).map_err(|error| failed(&self.parquet_path, error))?;
                continue;
            }
            columns.skip(copied.len());
            for chunk in copied {
                group.append_column(source.file(), chunk).map_err(|error| failed(&self.parquet_path, error))?;
            }
        }
        group.close().map_err(|error| failed(&self.parquet_path, error))?;
        self.index.copy(source.index())?;
        self.count(source.row_group());
        Ok(())
    }

    /// Makes both files durable, names included.
    pub(crate) fn finish(mut self) -> Result<SegmentMeta, StorageError> {
        self.parquet.finish().map_err(|error| failed(&self.parquet_path, error))?;
        let file = self.parquet.inner();
        file.sync_all().map_err(StorageError::io("sync", &self.parquet_path))?;
        let bytes = file.metadata().map_err(StorageError::io("inspect", &self.parquet_path))?.len();
        let index_bytes = self.index.finish()?;
        for path in [&self.parquet_path, &self.index_path] {
            let dir = path.parent().expect("both paths lie in the table's directory");
            paths::sync_dir(dir)?;
            paths::sync_dir(dir.parent().expect("the table's directory"))?;
        }
        Ok(SegmentMeta { bytes, index_bytes, ..self.meta })
    }
}

fn failed(path: &Path, error: ParquetError) -> StorageError {
    StorageError::write_segment(path)(error.to_string())
}

fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Writers of the leaves of a row group, taken in the order of the schema.
struct ColumnWriters {
    small: std::vec::IntoIter<ArrowColumnWriter>,
    large: std::vec::IntoIter<ArrowColumnWriter>,
}

impl ColumnWriters {
    fn create(segment: &SegmentWriter) -> Result<Self, StorageError> {
        let group = segment.parquet.flushed_row_groups().len();
        let create = |factory: &ArrowRowGroupWriterFactory| {
            let writers = factory.create_column_writers(group);
            writers.map(Vec::into_iter).map_err(|error| failed(&segment.parquet_path, error))
        };
        let [small, large] = &segment.factories;
        Ok(Self { small: create(small)?, large: create(large)? })
    }

    fn write(
        &mut self,
        field: &Field,
        column: &ArrayRef,
        group: &mut SerializedRowGroupWriter<'_, File>,
    ) -> Result<(), ParquetError> {
        for leaf in compute_leaves(field, column)? {
            let (small, large) = (self.small.next(), self.large.next());
            let writer = if has_small_pages(field) { small } else { large };
            let mut writer = writer.ok_or_else(|| ParquetError::General("more leaves than columns".into()))?;
            writer.write(&leaf)?;
            writer.close()?.append_to_row_group(group)?;
        }
        Ok(())
    }

    fn skip(&mut self, leaves: usize) {
        for _ in 0..leaves {
            self.small.next();
            self.large.next();
        }
    }
}

/// Whether reading single rows of a column costs: a text is long, an id does not compress.
fn has_small_pages(field: &Field) -> bool {
    match field.data_type() {
        DataType::Utf8 | DataType::Binary | DataType::Map(_, _) => true,
        _ => field.name().ends_with("_unix_nano"),
    }
}

/// Whether the values of a column are packed as small as they get by their encoding: numbers, and ids and words that
/// hardly repeat or of which there are few. Compressing them would save some hundredths of a byte a row, and each reader
/// of a column needs a decompressor of its own, which costs as much to set up as such a page to decode.
fn is_dense(field: &Field) -> bool {
    let few_words = [schema::SERVICE, schema::KIND, schema::STATUS, schema::SEVERITY_TEXT];
    match field.data_type() {
        DataType::Int64 | DataType::Int32 | DataType::Timestamp(..) => true,
        _ => field.name() == schema::SPAN_ID || few_words.contains(&field.name().as_str()),
    }
}

/// Small pages of long texts at level 3 are as small as large ones at level 1, for 0.1 CPU seconds per million texts.
fn long_text_level() -> ZstdLevel {
    ZstdLevel::try_new(3).unwrap_or_default()
}

/// Leaves below a field whose values may repeat or not.
fn large_texts(field: &Field) -> Vec<ColumnPath> {
    let leaf = |path: &[&str]| ColumnPath::new(path.iter().map(|part| (*part).to_owned()).collect());
    match field.name().as_str() {
        schema::ATTRIBUTES => vec![leaf(&[schema::ATTRIBUTES, "key_value", "value"])],
        name @ (schema::EVENTS | schema::LINKS) => vec![leaf(&[name, "list", "element", schema::ATTRIBUTES])],
        _ => Vec::new(),
    }
}

fn file_schema(signal: Signal, columns: &[String]) -> SchemaRef {
    let schema = signal.schema();
    let spec = signal.spec();
    // What the order and the bounds are about is there even if it is null in all rows.
    let is_present = |name: &String| {
        columns.contains(name) || name == spec.time_column || spec.cluster_column == Some(name.as_str())
    };
    let fields: Vec<_> = schema.fields().iter().filter(|field| is_present(field.name())).cloned().collect();
    Arc::new(Schema::new(fields))
}

type FileWriter = (SerializedFileWriter<File>, [ArrowRowGroupWriterFactory; 2]);

fn file_writer(file: File, signal: Signal, schema: &SchemaRef) -> Result<FileWriter, ParquetError> {
    let writer = ArrowWriter::try_new(file, Arc::clone(schema), Some(properties(signal, schema, PAGE_ROWS)))?;
    let (writer, small) = writer.into_serialized_writer()?;
    // A factory takes its properties from a file's writer, and a file has one number of rows for all its pages.
    let large = Arc::new(properties(signal, schema, SMALL_VALUES_PAGE_ROWS));
    let root = ArrowSchemaConverter::new().convert(schema)?.root_schema_ptr();
    let large =
        ArrowRowGroupWriterFactory::new(&SerializedFileWriter::new(std::io::sink(), root, large)?, Arc::clone(schema));
    Ok((writer, [small, large]))
}

fn properties(signal: Signal, schema: &Schema, page_rows: usize) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(page_rows)
        .set_write_batch_size(page_rows)
        .set_data_page_size_limit(PAGE_BYTES)
        // Bounds of a page pay where rows are in order.
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_statistics_truncate_length(Some(64))
        .set_created_by(concat!("spanlake ", env!("CARGO_PKG_VERSION")).to_owned());
    let spec = signal.spec();
    for field in schema.fields() {
        let column = ColumnPath::from(field.name().as_str());
        if field.name() == spec.time_column {
            builder = builder.set_column_statistics_enabled(column.clone(), EnabledStatistics::Page);
        }
        if *field.data_type() == DataType::Utf8 && spec.text_columns.contains(&field.name().as_str()) {
            builder = builder.set_column_compression(column.clone(), Compression::ZSTD(long_text_level()));
        }
        if is_dense(field) {
            builder = builder.set_column_compression(column.clone(), Compression::UNCOMPRESSED);
        }
        // Who reads one row reads the dictionary of its row group, all of it.
        for leaf in large_texts(field) {
            builder = builder.set_column_dictionary_page_size_limit(leaf, DICTIONARY_BYTES_MAX);
        }
        let encoding = match field.data_type() {
            // Ids and times hardly repeat: a dictionary would be built for nothing.
            // Neighbours have the same value: it is written once.
            DataType::Binary if spec.cluster_column == Some(field.name().as_str()) => Some(Encoding::DELTA_BYTE_ARRAY),
            DataType::Binary | DataType::Utf8 => Some(Encoding::DELTA_LENGTH_BYTE_ARRAY),
            DataType::Int64 if field.name().ends_with("_unix_nano") || field.name().ends_with("_ns") => {
                Some(Encoding::DELTA_BINARY_PACKED)
            }
            DataType::Timestamp(..) => Some(Encoding::DELTA_BINARY_PACKED),
            _ => None,
        };
        if let Some(encoding) = encoding {
            builder =
                builder.set_column_dictionary_enabled(column.clone(), false).set_column_encoding(column, encoding);
        }
    }
    builder.build()
}
