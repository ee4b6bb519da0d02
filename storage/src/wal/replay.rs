//! Reading the log back: good records in order, damage set aside.

use std::path::{Path, PathBuf};

use proto::Signal;

use super::record::{self, Invalid};
use super::{MAGIC, record::HEADER_BYTES};
use crate::error::StorageError;
use crate::paths;

/// A record read back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WalRecord {
    pub(crate) sequence: u64,
    pub(crate) signal: Signal,
    pub(crate) payload: Vec<u8>,
}

/// Reads the records of some log files in order. Holds one file in memory at a time.
#[derive(Debug)]
pub(crate) struct WalReader {
    files: std::vec::IntoIter<PathBuf>,
    quarantine: PathBuf,
    path: PathBuf,
    bytes: Vec<u8>,
    offset: usize,
    damaged: u64,
}

impl WalReader {
    pub(super) fn new(files: Vec<PathBuf>, quarantine: PathBuf) -> Self {
        let files = files.into_iter();
        Self { files, quarantine, path: PathBuf::new(), bytes: Vec::new(), offset: 0, damaged: 0 }
    }

    /// How many damaged stretches have been set aside so far.
    pub(crate) fn damaged(&self) -> u64 {
        self.damaged
    }

    /// The next good record. A record torn at the end of a file was never acknowledged and is passed over;
    /// anything else that is not a record goes to `wal/quarantine`.
    pub(crate) fn next_record(&mut self) -> Result<Option<WalRecord>, StorageError> {
        loop {
            while self.offset >= self.bytes.len() {
                if !self.open_next()? {
                    return Ok(None);
                }
            }
            match record::decode(&self.bytes[self.offset..]) {
                Ok((record, length)) => {
                    let record = WalRecord {
                        sequence: record.sequence,
                        signal: record.signal,
                        payload: record.payload.to_vec(),
                    };
                    self.offset += length;
                    return Ok(Some(record));
                }
                Err(invalid) => self.pass_over(&invalid)?,
            }
        }
    }

    fn open_next(&mut self) -> Result<bool, StorageError> {
        let Some(path) = self.files.next() else {
            return Ok(false);
        };
        self.bytes = std::fs::read(&path).map_err(StorageError::io("read", &path))?;
        self.path = path;
        // Shorter than its magic: the file was being created when the process ended.
        self.offset = MAGIC.len().min(self.bytes.len());
        if self.bytes.len() >= MAGIC.len() && !self.bytes.starts_with(MAGIC) {
            self.offset = 0;
            self.set_aside(self.bytes.len())?;
        }
        Ok(true)
    }

    fn pass_over(&mut self, invalid: &Invalid) -> Result<(), StorageError> {
        let rest = self.bytes.len() - self.offset;
        // Where the length survived, the next record stands behind it. Otherwise look for one.
        let skip = match invalid {
            Invalid::Damaged { skip: Some(skip) } if self.is_boundary(self.offset + skip) => Some(*skip),
            _ => (1..rest.saturating_sub(HEADER_BYTES)).find(|skip| self.is_record(self.offset + skip)),
        };
        match skip {
            Some(skip) => self.set_aside(skip),
            None => {
                if self.bytes[self.offset..].iter().any(|byte| *byte != 0) {
                    tracing::info!(
                        path = %self.path.display(), offset = self.offset, bytes = rest,
                        "the log ends in a torn record, which was never acknowledged"
                    );
                }
                self.offset = self.bytes.len();
                Ok(())
            }
        }
    }

    fn is_boundary(&self, offset: usize) -> bool {
        offset < self.bytes.len() && self.is_record(offset)
    }

    fn is_record(&self, offset: usize) -> bool {
        record::decode(&self.bytes[offset..]).is_ok()
    }

    fn set_aside(&mut self, length: usize) -> Result<(), StorageError> {
        paths::create_dir(&self.quarantine)?;
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let path = self.quarantine.join(format!("{name}.{}", self.offset));
        let bytes = &self.bytes[self.offset..self.offset + length];
        std::fs::write(&path, bytes).map_err(StorageError::io("write", &path))?;
        tracing::error!(
            log = %self.path.display(), offset = self.offset, length, set_aside = %path.display(),
            "damage in the write-ahead log was set aside"
        );
        self.damaged += 1;
        self.offset += length;
        Ok(())
    }

    /// Writes a payload that could not be converted beside the damage.
    pub(crate) fn set_aside_payload(&mut self, record: &WalRecord) -> Result<PathBuf, StorageError> {
        write_payload(&self.quarantine, record)
    }
}

fn write_payload(quarantine: &Path, record: &WalRecord) -> Result<PathBuf, StorageError> {
    paths::create_dir(quarantine)?;
    let path = quarantine.join(format!("{:020}.{}.otlp", record.sequence, record.signal));
    std::fs::write(&path, &record.payload).map_err(StorageError::io("write", &path))?;
    Ok(path)
}
