//! What can go wrong with the files, and by its kind what the caller can do about it.

use std::io;
use std::path::{Path, PathBuf};

use deltalake_core::DeltaTableError;

/// What the caller can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A queue or the memtable is full: try again later.
    Busy,
    /// The disk is full or failing: try again later, and tell a human.
    Unavailable,
    /// A file is not what was written.
    Corrupt,
    /// Another process holds the data directory.
    Locked,
    /// The store has been closed.
    Closed,
    /// A defect of Spanlake.
    Internal,
}

#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    #[error("the append queue is full ({requests} requests are waiting for the disk)")]
    QueueFull { requests: usize },
    #[error("the memtable is full ({bytes} bytes wait to be flushed, at most {bytes_max})")]
    MemtableFull { bytes: usize, bytes_max: usize },
    #[error("{action} {path}: {source}")]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("the write-ahead log could not be written: {0}")]
    Wal(String),
    #[error("{path}: {what}")]
    Corrupt { path: PathBuf, what: String },
    #[error("data directory {path} is in use by another process{holder}")]
    Locked { path: PathBuf, holder: String },
    #[error("the store is closed")]
    Closed,
    #[error("lake table {table}: {source}")]
    Lake { table: &'static str, source: Box<DeltaTableError> },
    #[error("lake table {table}: {what}")]
    LakeSchema { table: &'static str, what: String },
    #[error("writing segment {path}: {what}")]
    WriteSegment { path: PathBuf, what: String },
    #[error("columns: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
    #[error("a background task ended early: {0}")]
    Task(String),
}

impl StorageError {
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::QueueFull { .. } | Self::MemtableFull { .. } => ErrorKind::Busy,
            Self::Io { .. } | Self::Wal(_) | Self::Lake { .. } | Self::WriteSegment { .. } => ErrorKind::Unavailable,
            Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::Locked { .. } => ErrorKind::Locked,
            Self::Closed => ErrorKind::Closed,
            Self::LakeSchema { .. } | Self::Arrow(_) | Self::Task(_) => ErrorKind::Internal,
        }
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    pub(crate) fn lake(table: &'static str) -> impl Fn(DeltaTableError) -> Self {
        move |source| Self::Lake { table, source: Box::new(source) }
    }

    pub(crate) fn write_segment(path: &Path) -> impl Fn(String) -> Self {
        let path = path.to_owned();
        move |what| Self::WriteSegment { path: path.clone(), what }
    }

    pub(crate) fn corrupt(path: &Path, what: impl ToString) -> Self {
        Self::Corrupt { path: path.to_owned(), what: what.to_string() }
    }
}

/// Runs blocking work off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| StorageError::Task(error.to_string()))?
}
