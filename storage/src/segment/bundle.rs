//! The files of a tantivy index in one file, read by position.
//!
//! ```text
//! "SPLKIDX1" | file | file | ... | footer (JSON) | crc32 of all before u32 | footer length u32 | "SPLKIDX1"
//! ```
//!
//! tantivy reads through [`Bundle`] as a read-only directory; the page cache of the operating system is the cache.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tantivy::HasLen;
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    Directory, DirectoryLock, FileHandle, Lock, OwnedBytes, WatchCallback, WatchHandle, WritePtr,
};

use crate::error::StorageError;

const MAGIC: &[u8; 8] = b"SPLKIDX1";
const TRAILER_BYTES: usize = 16;

/// Writes the named files into a new file at `path` and makes it durable. Returns its size.
pub(super) fn write(path: &Path, files: &[(String, Vec<u8>)]) -> Result<u64, StorageError> {
    let mut bytes = MAGIC.to_vec();
    let mut footer = serde_json::Map::new();
    for (name, content) in files {
        footer.insert(name.clone(), serde_json::json!([bytes.len(), content.len()]));
        bytes.extend_from_slice(content);
    }
    let footer = serde_json::Value::Object(footer).to_string();
    bytes.extend_from_slice(footer.as_bytes());
    bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(footer.len()).expect("a footer of a dozen names").to_le_bytes());
    bytes.extend_from_slice(MAGIC);
    let written = File::create(path).and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()));
    written.map_err(StorageError::io("write", path))?;
    Ok(bytes.len() as u64)
}

/// A bundle opened for reading.
#[derive(Clone)]
pub(super) struct Bundle {
    file: Arc<File>,
    ranges: Arc<HashMap<PathBuf, Range<u64>>>,
}

impl Bundle {
    /// Errors: `Corrupt` when the checksum over the whole file does not hold.
    pub(super) fn open(path: &Path) -> Result<Self, StorageError> {
        let bytes = std::fs::read(path).map_err(StorageError::io("read", path))?;
        let corrupt = |what: &str| StorageError::corrupt(path, what);
        let body = bytes.len().checked_sub(TRAILER_BYTES).ok_or_else(|| corrupt("shorter than a trailer"))?;
        let (content, trailer) = bytes.split_at(body);
        if &trailer[8..] != MAGIC || !content.starts_with(MAGIC) {
            return Err(corrupt("not a text index"));
        }
        let number = |range: Range<usize>| u32::from_le_bytes(trailer[range].try_into().expect("4 bytes"));
        if crc32fast::hash(content) != number(0..4) {
            return Err(corrupt("checksum does not match"));
        }
        let footer = content.len().checked_sub(number(4..8) as usize).ok_or_else(|| corrupt("footer is too long"))?;
        let files: HashMap<PathBuf, (u64, u64)> =
            serde_json::from_slice(&content[footer..]).map_err(|error| corrupt(&error.to_string()))?;
        let ranges = files.into_iter().map(|(name, (start, length))| (name, start..start + length)).collect();
        let file = File::open(path).map_err(StorageError::io("open", path))?;
        Ok(Self { file: Arc::new(file), ranges: Arc::new(ranges) })
    }

    fn slice(&self, path: &Path) -> Result<Slice, OpenReadError> {
        let range = self.ranges.get(path).ok_or_else(|| OpenReadError::FileDoesNotExist(path.to_owned()))?;
        Ok(Slice { file: Arc::clone(&self.file), range: range.clone() })
    }
}

impl fmt::Debug for Bundle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bundle").field("files", &self.ranges.len()).finish_non_exhaustive()
    }
}

/// One file of a bundle.
#[derive(Debug)]
struct Slice {
    file: Arc<File>,
    range: Range<u64>,
}

impl HasLen for Slice {
    fn len(&self) -> usize {
        (self.range.end - self.range.start) as usize
    }
}

impl FileHandle for Slice {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        let mut bytes = vec![0; range.len()];
        self.file.read_exact_at(&mut bytes, self.range.start + range.start as u64)?;
        Ok(OwnedBytes::new(bytes))
    }
}

fn read_only() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "a text index never changes")
}

impl Directory for Bundle {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        Ok(Arc::new(self.slice(path)?))
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        Ok(self.ranges.contains_key(path))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        let slice = self.slice(path)?;
        let bytes =
            slice.read_bytes(0..slice.len()).map_err(|error| OpenReadError::wrap_io_error(error, path.to_owned()))?;
        Ok(bytes.to_vec())
    }

    fn acquire_lock(&self, _lock: &Lock) -> Result<DirectoryLock, LockError> {
        Ok(DirectoryLock::from(Box::new(())))
    }

    fn watch(&self, _callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        Err(DeleteError::IoError { io_error: Arc::new(read_only()), filepath: path.to_owned() })
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        Err(OpenWriteError::wrap_io_error(read_only(), path.to_owned()))
    }

    fn atomic_write(&self, _path: &Path, _data: &[u8]) -> io::Result<()> {
        Err(read_only())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }
}
