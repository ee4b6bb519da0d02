//! Merging, removing and cleaning up segments.

use std::fs::File;
use std::sync::Arc;

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proto::Signal;

use crate::error::{StorageError, blocking};
use crate::lake::Change;
use crate::paths;
use crate::segment::{Segment, SegmentId, SegmentMeta, SegmentWriter, merged};
use crate::store::Store;

/// Rows a source hands to the merge at a time.
const MERGE_BATCH_ROWS: usize = 4096;

/// What a compaction did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompactionOutcome {
    /// Segments merged; 0 when fewer than two of the named ones were still live.
    pub merged: usize,
    pub written: Option<SegmentMeta>,
}

/// What a vacuum deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VacuumOutcome {
    pub files: usize,
    pub bytes: u64,
}

impl Store {
    /// Merges live segments of one UTC date into one and publishes the swap. Rows become invisible at no moment and
    /// visible twice at none. Memory: one batch of each source.
    ///
    /// Errors leave the segments as they were.
    pub async fn compact(&self, signal: Signal, ids: &[SegmentId]) -> Result<CompactionOutcome, StorageError> {
        let _rewriting = self.shared.rewriting[signal as usize].lock().await;
        let sources = self.live(signal, ids);
        let Some(day) = sources.first().map(|segment| segment.meta().day) else {
            return Ok(CompactionOutcome::default());
        };
        if sources.len() < 2 || sources.iter().any(|segment| segment.meta().day != day) {
            return Ok(CompactionOutcome::default());
        }
        let table_dir = paths::table(&self.shared.settings.data_dir, signal);
        let removed: Vec<_> = sources.iter().map(|segment| segment.meta().clone()).collect();
        let dir = table_dir.clone();
        let written = blocking(move || merge(&dir, signal, day, &sources)).await?;
        let change =
            Change { added: vec![written.clone()], removed: removed.clone(), position: None, data_change: false };
        self.shared.lakes[signal as usize].lock().await.commit(&change).await?;
        let added = Arc::new(Segment::new(&table_dir, signal, written.clone()));
        self.swap_segments(signal, &removed, vec![added]);
        Ok(CompactionOutcome { merged: removed.len(), written: Some(written) })
    }

    /// Removes live segments with their rows. Ids that are not live are passed over.
    pub async fn remove(&self, signal: Signal, ids: &[SegmentId]) -> Result<(), StorageError> {
        let _rewriting = self.shared.rewriting[signal as usize].lock().await;
        let removed: Vec<_> = self.live(signal, ids).iter().map(|segment| segment.meta().clone()).collect();
        if removed.is_empty() {
            return Ok(());
        }
        let change = Change { added: Vec::new(), removed, position: None, data_change: true };
        self.shared.lakes[signal as usize].lock().await.commit(&change).await?;
        self.swap_segments(signal, &change.removed, Vec::new());
        Ok(())
    }

    fn live(&self, signal: Signal, ids: &[SegmentId]) -> Vec<Arc<Segment>> {
        let snapshot = self.snapshot(signal);
        snapshot.segments.iter().filter(|segment| ids.contains(&segment.meta().id)).cloned().collect()
    }

    /// Deletes the files of segments that were removed longer than the grace ago and that no snapshot in this process
    /// still reads.
    pub async fn vacuum(&self) -> Result<VacuumOutcome, StorageError> {
        let expired = self.take_expired();
        blocking(move || {
            let mut outcome = VacuumOutcome::default();
            for segment in expired {
                for (path, bytes) in
                    [(segment.parquet_path(), segment.meta().bytes), (segment.index_path(), segment.meta().index_bytes)]
                {
                    match std::fs::remove_file(path) {
                        Ok(()) => {
                            outcome.files += 1;
                            outcome.bytes += bytes;
                        }
                        // What cannot be deleted now is an orphan, which the next start removes.
                        Err(error) => tracing::warn!(path = %path.display(), %error, "cannot delete a retired file"),
                    }
                }
            }
            Ok(outcome)
        })
        .await
    }
}

fn merge(
    table_dir: &std::path::Path,
    signal: Signal,
    day: i32,
    sources: &[Arc<Segment>],
) -> Result<SegmentMeta, StorageError> {
    let mut readers = Vec::with_capacity(sources.len());
    for segment in sources {
        let path = segment.parquet_path();
        let file = File::open(path).map_err(StorageError::io("open", path))?;
        let corrupt = |error: parquet::errors::ParquetError| StorageError::corrupt(path, error);
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(corrupt)?;
        readers.push(reader.with_batch_size(MERGE_BATCH_ROWS).build().map_err(corrupt)?);
    }
    let mut writer = SegmentWriter::create(table_dir, signal, day)?;
    for chunk in merged(signal, readers)? {
        writer.write(&chunk?)?;
    }
    let written = writer.finish()?;
    let expected: u64 = sources.iter().map(|segment| segment.meta().rows).sum();
    if written.rows != expected {
        let segment = Segment::new(table_dir, signal, written);
        let _ = std::fs::remove_file(segment.parquet_path());
        let _ = std::fs::remove_file(segment.index_path());
        return Err(StorageError::corrupt(
            segment.parquet_path(),
            format!("merging gave {} rows of {expected}", segment.meta().rows),
        ));
    }
    Ok(written)
}
