//! Sorted batches in, Parquet file and text index out.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use arrow::array::AsArray;
use arrow::compute::{max, min};
use arrow::datatypes::{DataType, Int64Type};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;
use proto::{Signal, UnixNanos};

use super::text_index::TextIndexWriter;
use super::{SegmentId, SegmentMeta};
use crate::error::StorageError;
use crate::paths;

/// Rows of a page: what a lookup by row number has to decompress. 1,024 costs 3.4 % of size and makes a rare-word
/// search four times as fast as the default of 20,000.
const PAGE_ROWS: usize = 1024;
const ROW_GROUP_ROWS: usize = 262_144;

/// Writes one segment. Dropping it unfinished leaves files that the next start removes.
pub(crate) struct SegmentWriter {
    signal: Signal,
    meta: SegmentMeta,
    parquet: ArrowWriter<File>,
    parquet_path: PathBuf,
    index: TextIndexWriter,
    index_path: PathBuf,
}

impl SegmentWriter {
    pub(crate) fn create(table_dir: &Path, signal: Signal, day: i32) -> Result<Self, StorageError> {
        let id = SegmentId::new();
        let parquet_path = table_dir.join(paths::parquet(day, &id));
        let index_path = table_dir.join(paths::index(&id));
        for path in [&parquet_path, &index_path] {
            paths::create_dir(path.parent().unwrap_or(table_dir))?;
        }
        let failed = StorageError::write_segment(&parquet_path);
        let file = File::create_new(&parquet_path).map_err(StorageError::io("create", &parquet_path))?;
        let parquet = ArrowWriter::try_new(file, signal.schema(), Some(properties(signal)))
            .map_err(|error| failed(error.to_string()))?;
        let index = TextIndexWriter::new(signal).map_err(failed)?;
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
        Ok(Self { signal, meta, parquet, parquet_path, index, index_path })
    }

    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), StorageError> {
        let failed = StorageError::write_segment(&self.parquet_path);
        let times = batch
            .column_by_name(self.signal.spec().time_column)
            .ok_or_else(|| failed(format!("no column {}", self.signal.spec().time_column)))?
            .as_primitive::<Int64Type>();
        self.meta.min_time = self.meta.min_time.min(min(times).unwrap_or(UnixNanos::MAX));
        self.meta.max_time = self.meta.max_time.max(max(times).unwrap_or(UnixNanos::MIN));
        self.meta.rows += batch.num_rows() as u64;
        self.parquet.write(batch).map_err(|error| failed(error.to_string()))?;
        self.index.add(batch).map_err(failed)
    }

    /// Makes both files durable, names included.
    pub(crate) fn finish(self) -> Result<SegmentMeta, StorageError> {
        let failed = StorageError::write_segment(&self.parquet_path);
        let file = self.parquet.into_inner().map_err(|error| failed(error.to_string()))?;
        file.sync_all().map_err(StorageError::io("sync", &self.parquet_path))?;
        let bytes = file.metadata().map_err(StorageError::io("inspect", &self.parquet_path))?.len();
        let index_bytes = self.index.finish(&self.index_path)?;
        for path in [&self.parquet_path, &self.index_path] {
            let dir = path.parent().expect("both paths lie in the table's directory");
            paths::sync_dir(dir)?;
            paths::sync_dir(dir.parent().expect("the table's directory"))?;
        }
        Ok(SegmentMeta { bytes, index_bytes, ..self.meta })
    }
}

fn unix_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn properties(signal: Signal) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_write_batch_size(PAGE_ROWS)
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_statistics_truncate_length(Some(64))
        .set_created_by(concat!("spanlake ", env!("CARGO_PKG_VERSION")).to_owned());
    for field in signal.spec().schema.fields() {
        let column = ColumnPath::from(field.name().as_str());
        let encoding = match field.data_type() {
            // Ids and times hardly repeat: a dictionary would be built for nothing.
            DataType::Binary => Some(Encoding::DELTA_BYTE_ARRAY),
            DataType::Int64 if field.name().ends_with("_unix_nano") || field.name().ends_with("_ns") => {
                Some(Encoding::DELTA_BINARY_PACKED)
            }
            DataType::Timestamp(..) => Some(Encoding::DELTA_BINARY_PACKED),
            DataType::Utf8 => Some(Encoding::DELTA_LENGTH_BYTE_ARRAY),
            _ => None,
        };
        if let Some(encoding) = encoding {
            builder =
                builder.set_column_dictionary_enabled(column.clone(), false).set_column_encoding(column, encoding);
        }
    }
    for column in signal.spec().bloom_columns {
        builder = builder.set_column_bloom_filter_enabled(ColumnPath::from(*column), true);
    }
    builder.build()
}
