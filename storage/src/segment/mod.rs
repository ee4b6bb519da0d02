//! A segment: rows of one signal and one UTC date in one Parquet file, with a text index beside it.
//!
//! A segment never changes. The document id of the index is the row number in the Parquet file. The index may be
//! missing or unreadable: it narrows candidates, and the query checks the predicate again.

mod bundle;
mod sort;
mod text_index;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use object_store::path::Path as ObjectPath;
use proto::{Signal, UnixNanos};

use crate::error::StorageError;
use crate::paths;
pub(crate) use sort::{merged, sorted_by_day};
use text_index::TextIndex;
pub(crate) use writer::SegmentWriter;

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
    /// Size of the text index; 0 when there is none.
    pub index_bytes: u64,
    /// Smallest and largest value of the signal's time column.
    pub min_time: UnixNanos,
    pub max_time: UnixNanos,
    /// Unix milliseconds.
    pub created_unix_ms: i64,
}

/// A live (or just retired) segment.
#[derive(Debug)]
pub struct Segment {
    signal: Signal,
    meta: SegmentMeta,
    location: ObjectPath,
    parquet_path: PathBuf,
    index_path: PathBuf,
    index: OnceLock<Option<TextIndex>>,
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

    pub(crate) fn parquet_path(&self) -> &Path {
        &self.parquet_path
    }

    pub(crate) fn index_path(&self) -> &Path {
        &self.index_path
    }

    /// Rows (Parquet row numbers, ascending) in whose text column `column` every word occurs. `None`: the index cannot
    /// tell (there is none, it is unreadable, the column is not in it, or no word narrows): scan the segment.
    ///
    /// `words` as [`words`](crate::words) gives them. Blocking: call it off the async threads.
    pub fn search(&self, column: &str, words: &[String]) -> Result<Option<Vec<u32>>, StorageError> {
        if self.meta.index_bytes == 0 {
            return Ok(None);
        }
        match self.index.get_or_init(|| self.open_index()) {
            None => Ok(None),
            Some(index) => index.search(column, words),
        }
    }

    fn open_index(&self) -> Option<TextIndex> {
        match TextIndex::open(&self.index_path) {
            Ok(index) if u64::from(index.rows()) == self.meta.rows => Some(index),
            Ok(index) => {
                tracing::warn!(
                    path = %self.index_path.display(), rows = index.rows(), expected = self.meta.rows,
                    "text index does not belong to its segment, scanning instead"
                );
                None
            }
            Err(error) => {
                tracing::warn!(%error, "text index cannot be read, scanning instead");
                None
            }
        }
    }
}
