//! Merging, removing and cleaning up segments.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use proto::Signal;
use proto::nulls::memory_bytes;

use crate::error::{StorageError, blocking};
use crate::lake::Change;
use crate::paths;
use crate::segment::{ROW_GROUP_ROWS, Segment, SegmentId, SegmentMeta, SegmentSource, SegmentWriter, sorted_by_day};
use crate::store::{SORT_BYTES, Store};

/// Row groups of so many (compressed) bytes are copied however few rows they have.
const COPY_BYTES_MIN: u64 = 8 << 20;

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
    /// visible twice at none. Memory: the rows of a row group.
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
        let copy_rows_min = self.shared.settings.copy_rows_min;
        let written = blocking(move || merge(&dir, signal, day, &sources, copy_rows_min)).await?;
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

/// Copies the large row groups of the sources, and sorts the rows of the small ones into new row groups.
fn merge(
    table_dir: &std::path::Path,
    signal: Signal,
    day: i32,
    sources: &[Arc<Segment>],
    copy_rows_min: u64,
) -> Result<SegmentMeta, StorageError> {
    let sources = sources.iter().cloned().map(SegmentSource::open).collect::<Result<Vec<_>, _>>()?;
    let columns: BTreeSet<String> = sources.iter().flat_map(SegmentSource::columns).collect();
    let columns: Vec<String> = columns.into_iter().collect();
    let mut writer = SegmentWriter::create(table_dir, signal, day, &columns)?;
    let mut small = SmallRowGroups::default();
    for source in &sources {
        let mut to_read = Vec::new();
        for group in source.row_groups(copy_rows_min, COPY_BYTES_MIN) {
            match group {
                Ok(group) => writer.copy(&group)?,
                Err(number) => to_read.push(number),
            }
        }
        for group in to_read {
            small.add(source.read(vec![group])?);
            if small.is_enough() {
                small.write(signal, &mut writer)?;
            }
        }
    }
    small.write(signal, &mut writer)?;
    let written = writer.finish()?;
    let expected: u64 = sources.iter().map(|source| source.segment().meta().rows).sum();
    if written.rows != expected {
        let segment = Segment::new(table_dir, signal, written);
        segment.delete_files();
        return Err(StorageError::corrupt(
            segment.parquet_path(),
            format!("merging gave {} rows of {expected}", segment.meta().rows),
        ));
    }
    Ok(written)
}

/// Rows that wait to become a row group together.
#[derive(Default)]
struct SmallRowGroups {
    batches: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

impl SmallRowGroups {
    fn add(&mut self, batches: Vec<RecordBatch>) {
        self.rows += batches.iter().map(RecordBatch::num_rows).sum::<usize>();
        self.bytes += batches.iter().map(memory_bytes).sum::<usize>();
        self.batches.extend(batches);
    }

    fn is_enough(&self) -> bool {
        self.rows >= ROW_GROUP_ROWS || self.bytes >= SORT_BYTES
    }

    fn write(&mut self, signal: Signal, writer: &mut SegmentWriter) -> Result<(), StorageError> {
        let Self { batches, .. } = std::mem::take(self);
        sorted_by_day(signal, batches)?.into_values().try_for_each(|rows| writer.write(rows))
    }
}
