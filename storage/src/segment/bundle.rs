//! The indexes of a segment in one file, read by position.
//!
//! ```text
//! "SPLKIDX3" | part | part | ... | directory (JSON) | crc32 of the directory u32 | its length u32 | "SPLKIDX3"
//! ```
//!
//! A part is the index of one row group: some named files one after the other. Its bytes do not depend on where they
//! lie, so compaction copies them. Checksums are of blocks and checked when a block is first read: a look-up reads a few
//! hundred bytes of an index, not megabytes of it. The page cache of the operating system is the cache.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proto::UnixNanos;
use serde::{Deserialize, Serialize};
use tantivy::HasLen;
use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{
    Directory, DirectoryLock, FileHandle, Lock, OwnedBytes, WatchCallback, WatchHandle, WritePtr,
};

use super::text_index::Files;
use crate::error::StorageError;

const MAGIC: &[u8; 8] = b"SPLKIDX3";
const TRAILER_BYTES: u64 = 16;
const BLOCK_BYTES: usize = 64 << 10;

/// What is known of a row group without opening the file it lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowGroupMeta {
    pub rows: u32,
    /// Smallest and largest value of the signal's time column.
    pub min_time: UnixNanos,
    pub max_time: UnixNanos,
}

/// Where a part lies and what is in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct PartEntry {
    row_group: RowGroupMeta,
    start: u64,
    length: u64,
    /// Start (from the part's) and length by name.
    files: BTreeMap<String, (u64, u64)>,
    /// Of each [`BLOCK_BYTES`] of the part.
    checksums: Vec<u32>,
}

/// Writes a bundle, part by part.
pub(super) struct BundleWriter {
    file: File,
    path: PathBuf,
    end: u64,
    parts: Vec<PartEntry>,
}

impl BundleWriter {
    pub(super) fn create(path: &Path) -> Result<Self, StorageError> {
        let file = File::create(path).map_err(StorageError::io("create", path))?;
        let mut writer = Self { file, path: path.to_owned(), end: 0, parts: Vec::new() };
        writer.append(MAGIC)?;
        Ok(writer)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), StorageError> {
        self.file.write_all(bytes).map_err(StorageError::io("write", &self.path))?;
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// `row_group`: what the files index.
    pub(super) fn add(&mut self, row_group: RowGroupMeta, files: Files) -> Result<(), StorageError> {
        let mut bytes = Vec::with_capacity(files.iter().map(|(_, content)| content.len()).sum());
        let mut places = BTreeMap::new();
        for (name, content) in files {
            places.insert(name, (bytes.len() as u64, content.len() as u64));
            bytes.extend_from_slice(&content);
        }
        let checksums = bytes.chunks(BLOCK_BYTES).map(crc32fast::hash).collect();
        let entry = PartEntry { row_group, start: self.end, length: bytes.len() as u64, files: places, checksums };
        self.append(&bytes)?;
        self.parts.push(entry);
        Ok(())
    }

    /// Copies a part of another bundle as it is. Errors: `Corrupt` when its checksums do not hold.
    pub(super) fn copy(&mut self, part: &Part) -> Result<(), StorageError> {
        let length = usize::try_from(part.entry.length).map_err(|_| StorageError::corrupt(&part.path, "too long"))?;
        let bytes = part.read(0..length).map_err(StorageError::io("read", &part.path))?;
        let entry = PartEntry { start: self.end, ..PartEntry::clone(&part.entry) };
        self.append(&bytes)?;
        self.parts.push(entry);
        Ok(())
    }

    /// Makes the file durable. Returns its size in bytes.
    pub(super) fn finish(mut self) -> Result<u64, StorageError> {
        let directory = serde_json::to_vec(&self.parts)
            .map_err(|error| StorageError::write_segment(&self.path)(error.to_string()))?;
        let length = u32::try_from(directory.len())
            .map_err(|_| StorageError::write_segment(&self.path)("the index has too many parts".to_owned()))?;
        let checksum = crc32fast::hash(&directory);
        self.append(&directory)?;
        self.append(&checksum.to_le_bytes())?;
        self.append(&length.to_le_bytes())?;
        self.append(MAGIC)?;
        self.file.sync_all().map_err(StorageError::io("sync", &self.path))?;
        Ok(self.end)
    }
}

/// The parts of the bundle at `path`, in the order of the row groups.
pub(super) fn open(path: &Path) -> Result<Vec<Part>, StorageError> {
    let corrupt = |what: &str| StorageError::corrupt(path, what);
    let file = File::open(path).map_err(StorageError::io("open", path))?;
    let bytes = file.metadata().map_err(StorageError::io("inspect", path))?.len();
    let body = bytes.checked_sub(TRAILER_BYTES).ok_or_else(|| corrupt("shorter than a trailer"))?;
    let mut trailer = [0; TRAILER_BYTES as usize];
    file.read_exact_at(&mut trailer, body).map_err(StorageError::io("read", path))?;
    if &trailer[8..] != MAGIC {
        return Err(corrupt("not an index"));
    }
    let number = |range: Range<usize>| u32::from_le_bytes(trailer[range].try_into().expect("4 bytes"));
    let length = number(4..8);
    let start = body.checked_sub(u64::from(length)).ok_or_else(|| corrupt("the directory is too long"))?;
    let mut directory = vec![0; length as usize];
    file.read_exact_at(&mut directory, start).map_err(StorageError::io("read", path))?;
    if crc32fast::hash(&directory) != number(0..4) {
        return Err(corrupt("checksum of the directory does not match"));
    }
    let entries: Vec<PartEntry> =
        serde_json::from_slice(&directory).map_err(|error| corrupt(&format!("directory: {error}")))?;
    let file = Arc::new(file);
    let path: Arc<Path> = path.into();
    let part = |entry: PartEntry| {
        let checked = entry.checksums.iter().map(|_| AtomicBool::new(false)).collect();
        Part { file: Arc::clone(&file), path: Arc::clone(&path), entry: Arc::new(entry), checked }
    };
    Ok(entries.into_iter().map(part).collect())
}

/// The index of one row group. tantivy reads through it as a read-only directory.
#[derive(Clone, Debug)]
pub(super) struct Part {
    file: Arc<File>,
    path: Arc<Path>,
    entry: Arc<PartEntry>,
    /// Which blocks had the right checksum.
    checked: Arc<[AtomicBool]>,
}

impl Part {
    pub(super) fn row_group(&self) -> RowGroupMeta {
        self.entry.row_group
    }

    /// Of the bundle.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of a named file. `None`: there is no such file, or it is shorter.
    pub(super) fn read_file(&self, name: &str, range: Range<usize>) -> Result<Option<Vec<u8>>, StorageError> {
        let Some((start, length)) = self.entry.files.get(name) else { return Ok(None) };
        if range.end as u64 > *length {
            return Ok(None);
        }
        let start = *start as usize;
        let bytes = self.read(start + range.start..start + range.end);
        Ok(Some(bytes.map_err(StorageError::io("read", &self.path))?))
    }

    /// Bytes of the part. Errors: `InvalidData` when the checksum of a block does not hold.
    fn read(&self, range: Range<usize>) -> io::Result<Vec<u8>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let blocks = range.start / BLOCK_BYTES..range.end.div_ceil(BLOCK_BYTES).min(self.checked.len());
        if blocks.clone().all(|block| self.checked[block].load(Ordering::Relaxed)) {
            return self.read_unchecked(range);
        }
        let whole = blocks.start * BLOCK_BYTES..(blocks.end * BLOCK_BYTES).min(self.entry.length as usize);
        if range.end > whole.end {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "beyond the end of the index"));
        }
        let bytes = self.read_unchecked(whole.clone())?;
        for (block, bytes) in blocks.zip(bytes.chunks(BLOCK_BYTES)) {
            if crc32fast::hash(bytes) != self.entry.checksums[block] {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "checksum of the index does not match"));
            }
            self.checked[block].store(true, Ordering::Relaxed);
        }
        Ok(bytes[range.start - whole.start..range.end - whole.start].to_vec())
    }

    fn read_unchecked(&self, range: Range<usize>) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; range.len()];
        self.file.read_exact_at(&mut bytes, self.entry.start + range.start as u64)?;
        Ok(bytes)
    }

    fn slice(&self, path: &Path) -> Result<Slice, OpenReadError> {
        let place = path.to_str().and_then(|name| self.entry.files.get(name));
        let (start, length) = place.ok_or_else(|| OpenReadError::FileDoesNotExist(path.to_owned()))?;
        let start = *start as usize;
        Ok(Slice { part: self.clone(), range: start..start + *length as usize })
    }
}

/// One file of a part.
#[derive(Debug)]
struct Slice {
    part: Part,
    range: Range<usize>,
}

impl HasLen for Slice {
    fn len(&self) -> usize {
        self.range.len()
    }
}

impl FileHandle for Slice {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        Ok(OwnedBytes::new(self.part.read(self.range.start + range.start..self.range.start + range.end)?))
    }
}

fn read_only() -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, "an index never changes")
}

impl Directory for Part {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        Ok(Arc::new(self.slice(path)?))
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        Ok(path.to_str().is_some_and(|name| self.entry.files.contains_key(name)))
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
