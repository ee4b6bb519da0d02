//! A segment: rows of one signal and one UTC date in one Parquet file, with an index beside it.
//!
//! A segment never changes. Its row groups are sorted each for itself, and each has its own part of the index, so that
//! compaction can copy both. The index may be missing or unreadable: then the query looks at all rows.

mod bundle;
mod index;
mod keys;
mod rows;
mod sort;
mod source;
mod text_index;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use arrow::record_batch::RecordBatch;
use object_store::path::Path as ObjectPath;
use proto::{Signal, UnixNanos};

use crate::error::StorageError;
use crate::paths;
pub use bundle::RowGroupMeta;
use index::RowGroupIndex;
pub use index::{Condition, IndexHits};
pub use rows::RowRanges;
pub(crate) use sort::{present_columns, sorted_by_day};
pub(crate) use source::SegmentSource;
pub(crate) use writer::{ROW_GROUP_ROWS, SegmentWriter};

/// Indexes rows as a flush does and returns how many bytes that takes: for benchmarks.
pub fn index_size(signal: Signal, rows: &RecordBatch) -> Result<usize, StorageError> {
    let mut index = index::IndexWriter::new(signal);
    for (field, column) in rows.schema_ref().fields().iter().zip(rows.columns()) {
        index.add_column(field.name(), column);
    }
    let files = index.finish(rows.num_rows() as u32).map_err(StorageError::Task)?;
    Ok(files.iter().map(|(_, content)| content.len()).sum())
}

/// Name of a segment, unique over time: a UUID of version 7, so that names sort by age.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SegmentId(String);

impl SegmentId {
    pub(crate) fn new() -> Self {
        Self(uuid::Uuid::now_v7().simple().to_string())
    }

    /// From the path of a Parquet file.
    pub(crate) fn from_path(path: &str) -> Option<Self> {
        let stem = path.rsplit('/').next()?.strip_suffix(".parquet")?;
        let valid = stem.len() == 32 && stem.bytes().all(|byte| byte.is_ascii_hexdigit());
        valid.then(|| Self(stem.to_owned()))
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is known of a segment without opening it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentMeta {
    pub id: SegmentId,
    /// UTC date as days since the epoch.
    pub day: i32,
    pub rows: u64,
    /// Size of the Parquet file.
    pub bytes: u64,
    /// Size of the index; 0 when there is none.
    pub index_bytes: u64,
    /// Smallest and largest value of the signal's time column.
    pub min_time: UnixNanos,
    pub max_time: UnixNanos,
    /// Unix milliseconds.
    pub created_unix_ms: i64,
}

/// A live (or just retired) segment.
pub struct Segment {
    signal: Signal,
    meta: SegmentMeta,
    location: ObjectPath,
    parquet_path: PathBuf,
    index_path: PathBuf,
    /// Of the row groups, in their order.
    index: OnceLock<Option<Vec<RowGroupIndex>>>,
}

impl Segment {
    pub(crate) fn new(table_dir: &Path, signal: Signal, meta: SegmentMeta) -> Self {
        let relative = paths::parquet(meta.day, &meta.id);
        Self {
            signal,
            location: ObjectPath::from(format!("{signal}/{relative}")),
            parquet_path: table_dir.join(&relative),
            index_path: table_dir.join(paths::index(&meta.id)),
            meta,
            index: OnceLock::new(),
        }
    }

    pub fn signal(&self) -> Signal {
        self.signal
    }

    pub fn meta(&self) -> &SegmentMeta {
        &self.meta
    }

    /// Path of the Parquet file in [`Store::object_store`](crate::Store::object_store).
    pub fn location(&self) -> &ObjectPath {
        &self.location
    }

    /// Where the Parquet file lies. It is there while a [`Snapshot`](crate::Snapshot) holds the segment.
    pub fn parquet_path(&self) -> &Path {
        &self.parquet_path
    }

    /// Files that cannot be deleted are orphans, which the next start removes.
    pub(crate) fn delete_files(&self) {
        let _ = std::fs::remove_file(&self.parquet_path);
        let _ = std::fs::remove_file(&self.index_path);
    }

    pub(crate) fn index_path(&self) -> &Path {
        &self.index_path
    }

    /// Rows of a row group, counted from its first, that may satisfy a condition: all that do are among them. `None`: the
    /// index cannot tell (there is none, it is unreadable, or it does not know of such a condition): scan the row group.
    ///
    /// Blocking: call it off the async threads.
    pub fn hits(&self, row_group: usize, condition: &Condition) -> Result<Option<IndexHits>, StorageError> {
        let groups = self.index.get_or_init(|| self.open_index()).as_ref();
        match groups.and_then(|groups| groups.get(row_group)) {
            Some(group) => group.hits(self.signal, condition),
            None => Ok(None),
        }
    }

    /// The row groups in the order of the file; `None` when there is no index that knows.
    pub fn row_groups(&self) -> Option<Vec<RowGroupMeta>> {
        let groups = self.index.get_or_init(|| self.open_index()).as_ref()?;
        Some(groups.iter().map(RowGroupIndex::row_group).collect())
    }

    fn open_index(&self) -> Option<Vec<RowGroupIndex>> {
        if self.meta.index_bytes == 0 {
            return None;
        }
        let parts = match bundle::open(&self.index_path) {
            Ok(parts) => parts,
            Err(error) => {
                tracing::warn!(%error, "an index cannot be read, scanning instead");
                return None;
            }
        };
        let rows: u64 = parts.iter().map(|part| u64::from(part.row_group().rows)).sum();
        if rows != self.meta.rows {
            tracing::warn!(
                path = %self.index_path.display(), rows, expected = self.meta.rows,
                "an index does not belong to its segment, scanning instead"
            );
            return None;
        }
        Some(parts.into_iter().map(RowGroupIndex::new).collect())
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segment").field("signal", &self.signal).field("meta", &self.meta).finish_non_exhaustive()
    }
}
