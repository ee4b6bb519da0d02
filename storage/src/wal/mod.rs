//! The write-ahead log: requests that are acknowledged but not yet in a segment.
//!
//! Records of both signals share one sequence of numbers and one sequence of files, so that one `fdatasync` makes a
//! whole group of requests durable. A file is named by the first sequence number that may be in it. Every start
//! begins a new file: nothing is ever appended behind a torn record.
//!
//! After a failed write or sync the file is closed and never written again (the kernel may have dropped the dirty
//! pages); the requests of that group are refused, and the next group begins a new file.

mod record;
mod replay;

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::path::{Path, PathBuf};

use proto::Signal;

use crate::error::StorageError;
use crate::paths;
pub(crate) use replay::WalReader;

const MAGIC: &[u8; 8] = b"SPLKWAL1";
const QUARANTINE: &str = "quarantine";

/// A request to be logged.
pub(crate) struct Entry<'a> {
    pub(crate) signal: Signal,
    pub(crate) payload: &'a [u8],
}

#[derive(Debug)]
pub(crate) struct Wal {
    dir: PathBuf,
    file_bytes_max: u64,
    /// Files that are not written any more, oldest first.
    closed: VecDeque<LogFile>,
    active: Option<(File, LogFile)>,
    next_sequence: u64,
}

#[derive(Clone, Debug)]
struct LogFile {
    path: PathBuf,
    first_sequence: u64,
    bytes: u64,
}

/// What is on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WalStats {
    pub files: usize,
    pub bytes: u64,
}

impl Wal {
    /// Opens the log and finds its end. `sequence_min`: the lowest number the next record may have, from the lake.
    pub(crate) fn open(dir: PathBuf, file_bytes_max: u64, sequence_min: u64) -> Result<Self, StorageError> {
        paths::create_dir(&dir)?;
        let closed = list_files(&dir)?;
        let mut next_sequence = sequence_min;
        if let Some(last) = closed.back() {
            next_sequence = next_sequence.max(last.first_sequence);
            let mut reader = WalReader::new(vec![last.path.clone()], dir.join(QUARANTINE));
            while let Some(record) = reader.next_record()? {
                next_sequence = next_sequence.max(record.sequence + 1);
            }
        }
        Ok(Self { dir, file_bytes_max, closed, active: None, next_sequence })
    }

    /// The number the next record will have: every record in the log is below it.
    pub(crate) fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// Reads what was in the log when it was opened. Call it before the first append.
    pub(crate) fn reader(&self) -> WalReader {
        let files = self.closed.iter().map(|file| file.path.clone()).collect();
        WalReader::new(files, self.dir.join(QUARANTINE))
    }

    /// Appends a group and makes it durable with one `fdatasync`. On error none of the group counts as logged.
    pub(crate) fn append(&mut self, group: &[Entry<'_>]) -> Result<(), StorageError> {
        let first_sequence = self.next_sequence;
        let mut headers = Vec::with_capacity(group.len());
        for entry in group {
            headers.push(record::header(self.next_sequence, entry.signal, entry.payload));
            self.next_sequence += 1;
        }
        let records = headers.iter().zip(group);
        let mut slices: Vec<_> =
            records.flat_map(|(header, entry)| [IoSlice::new(header), IoSlice::new(entry.payload)]).collect();
        let (file, mut log_file) = match self.active.take() {
            Some(active) => active,
            None => self.create_file(first_sequence)?,
        };
        let bytes: u64 = slices.iter().map(|slice| slice.len() as u64).sum();
        let written = write_all(&file, &mut slices).and_then(|()| file.sync_data());
        if let Err(source) = written {
            // What got through was refused and will be sent again: a replay must not find it. Where even this fails,
            // it may come back once, as any unacknowledged request may.
            let _ = file.set_len(log_file.bytes);
            let path = log_file.path.clone();
            self.closed.push_back(log_file);
            return Err(StorageError::Io { action: "append to", path, source });
        }
        log_file.bytes += bytes;
        if log_file.bytes >= self.file_bytes_max {
            self.closed.push_back(log_file);
        } else {
            self.active = Some((file, log_file));
        }
        Ok(())
    }

    fn create_file(&self, first_sequence: u64) -> Result<(File, LogFile), StorageError> {
        let path = self.dir.join(format!("{first_sequence:020}.log"));
        // A file of that name can only be left from a group that failed: nothing of it was acknowledged.
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .open(&path)
            .map_err(StorageError::io("create", &path))?;
        let begun = (&file).write_all(MAGIC).map_err(StorageError::io("write", &path));
        if let Err(error) = begun.and_then(|()| paths::sync_dir(&self.dir)) {
            let _ = std::fs::remove_file(&path);
            return Err(error);
        }
        Ok((file, LogFile { path, first_sequence, bytes: MAGIC.len() as u64 }))
    }

    /// Removes the files all of whose records are below `sequence`.
    pub(crate) fn truncate(&mut self, sequence: u64) -> Result<(), StorageError> {
        if sequence >= self.next_sequence
            && let Some((_, file)) = self.active.take()
        {
            self.closed.push_back(file);
        }
        while let Some(file) = self.closed.front() {
            let next_first = match (self.closed.get(1), &self.active) {
                (Some(next), _) | (None, Some((_, next))) => next.first_sequence,
                (None, None) => self.next_sequence,
            };
            if next_first > sequence {
                break;
            }
            std::fs::remove_file(&file.path).map_err(StorageError::io("remove", &file.path))?;
            self.closed.pop_front();
        }
        Ok(())
    }

    pub(crate) fn stats(&self) -> WalStats {
        let files = self.closed.iter().chain(self.active.iter().map(|(_, file)| file));
        files.fold(WalStats::default(), |stats, file| WalStats {
            files: stats.files + 1,
            bytes: stats.bytes + file.bytes,
        })
    }
}

/// Payloads go to the kernel from where they lie.
fn write_all(mut file: &File, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    while !slices.is_empty() {
        match file.write_vectored(slices) {
            Ok(0) if slices.iter().any(|slice| !slice.is_empty()) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn list_files(dir: &Path) -> Result<VecDeque<LogFile>, StorageError> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(StorageError::io("list", dir))? {
        let entry = entry.map_err(StorageError::io("list", dir))?;
        let path = entry.path();
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".log")).and_then(|stem| stem.parse().ok());
        if let Some(first_sequence) = number {
            let bytes = entry.metadata().map_err(StorageError::io("inspect", &path))?.len();
            files.push(LogFile { path, first_sequence, bytes });
        }
    }
    files.sort_by_key(|file| file.first_sequence);
    Ok(files.into())
}

#[cfg(test)]
mod tests;
