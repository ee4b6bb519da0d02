//! One process per data directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::error::StorageError;
use crate::paths;

/// Held for the life of the store; the operating system drops it with the process, however that ends.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    _file: File,
}

impl DirectoryLock {
    /// Errors: `Locked`, with the process id of the holder where it is known.
    pub(crate) fn acquire(data_dir: &Path) -> Result<Self, StorageError> {
        let path = paths::lock(data_dir);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)
            .map_err(StorageError::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = file.read_to_string(&mut holder);
                let holder = match holder.trim() {
                    "" => String::new(),
                    pid => format!(" (process {pid})"),
                };
                return Err(StorageError::Locked { path: data_dir.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(StorageError::Io { action: "lock", path, source }),
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| file.write_all(std::process::id().to_string().as_bytes()));
        written.map_err(StorageError::io("write", &path))?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_second_holder_is_refused_until_the_first_is_gone() {
        let dir = tempfile::tempdir().expect("tempdir");
        let first = DirectoryLock::acquire(dir.path()).expect("free");
        let error = DirectoryLock::acquire(dir.path()).expect_err("held");
        assert_eq!(error.kind(), ErrorKind::Locked);
        assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
        drop(first);
        DirectoryLock::acquire(dir.path()).expect("free again");
    }
}
