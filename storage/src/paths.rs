//! Every file name on disk.

use std::fs::File;
use std::path::{Path, PathBuf};

use proto::Signal;
use proto::time::date_of_day;

use crate::error::StorageError;
use crate::segment::SegmentId;

pub(crate) fn lock(data_dir: &Path) -> PathBuf {
    data_dir.join("lock")
}

pub(crate) fn wal(data_dir: &Path) -> PathBuf {
    data_dir.join("wal")
}

pub(crate) fn lake(data_dir: &Path) -> PathBuf {
    data_dir.join("lake")
}

pub(crate) fn table(data_dir: &Path, signal: Signal) -> PathBuf {
    lake(data_dir).join(signal.name())
}

/// Path of a segment's Parquet file in its table, with `/`.
pub(crate) fn parquet(day: i32, id: &SegmentId) -> String {
    format!("date={}/{id}.parquet", date_of_day(day))
}

/// Path of a segment's text index in its table. The underscore keeps other engines' vacuum away from it.
pub(crate) fn index(id: &SegmentId) -> String {
    format!("_index/{id}.idx")
}

pub(crate) const DELTA_LOG: &str = "_delta_log";

pub(crate) fn create_dir(path: &Path) -> Result<(), StorageError> {
    std::fs::create_dir_all(path).map_err(StorageError::io("create directory", path))
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(path: &Path) -> Result<(), StorageError> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(StorageError::io("sync directory", path))
}
