//! From the memtable into segments.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use proto::Signal;
use proto::nulls::memory_bytes;

use super::{SORT_BYTES, SignalState, Store, newest_first};
use crate::error::{StorageError, blocking};
use crate::lake::Change;
use crate::memtable::Memtable;
use crate::paths;
use crate::segment::{ROW_GROUP_ROWS, Segment, SegmentMeta, SegmentWriter, present_columns, sorted_by_day};

/// What a flush did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlushOutcome {
    pub rows: u64,
    pub segments: Vec<SegmentMeta>,
}

impl Store {
    /// Moves everything that is in the memtable now into segments, one per UTC date, publishes them in one Delta
    /// commit together with the position of the log, and frees the log. Does nothing when there are no rows, or
    /// while the log is being replayed. On error the rows stay in the memtable, visible and logged.
    pub async fn flush(&self, signal: Signal) -> Result<FlushOutcome, StorageError> {
        let _flushing = self.shared.flushing[signal as usize].lock().await;
        if self.is_replaying() {
            return Ok(FlushOutcome::default());
        }
        let position = {
            let mut state = self.shared.state.lock();
            let position = state.position;
            let signal_state = &mut state.signals[signal as usize];
            if signal_state.active.is_empty() {
                None
            } else {
                let active = std::mem::take(&mut signal_state.active);
                signal_state.freeze(active);
                Some(position)
            }
        };
        let Some(position) = position else {
            // Requests without rows may still lie in the log.
            self.truncate_wal().await?;
            return Ok(FlushOutcome::default());
        };
        self.publish_frozen(signal, position).await
    }

    /// Writes and publishes the frozen rows; thaws them on error.
    pub(super) async fn publish_frozen(&self, signal: Signal, position: u64) -> Result<FlushOutcome, StorageError> {
        match self.try_publish_frozen(signal, position).await {
            Ok(outcome) => Ok(outcome),
            Err(error) => {
                let mut state = self.shared.state.lock();
                let replaying = self.is_replaying();
                state.signals[signal as usize].thaw(signal.spec().time_column, replaying);
                Err(error)
            }
        }
    }

    async fn try_publish_frozen(&self, signal: Signal, position: u64) -> Result<FlushOutcome, StorageError> {
        let frozen = self.shared.state.lock().signals[signal as usize].frozen.clone();
        let Some(batches) = frozen else {
            return Ok(FlushOutcome::default());
        };
        let table_dir = paths::table(&self.shared.settings.data_dir, signal);
        let dir = table_dir.clone();
        let added = blocking(move || write_segments(&dir, signal, batches.to_vec())).await?;
        let change = Change { added, removed: Vec::new(), position: Some(position), data_change: true };
        self.shared.lakes[signal as usize].lock().await.commit(&change).await?;
        let new = change.added.iter().map(|meta| Arc::new(Segment::new(&table_dir, signal, meta.clone())));
        {
            let mut state = self.shared.state.lock();
            let signal_state = &mut state.signals[signal as usize];
            let segments = signal_state.segments.iter().cloned().chain(new).collect();
            signal_state.segments = newest_first(segments);
            signal_state.clear_frozen();
            signal_state.lake_position = position;
        }
        self.shared.freed.notify_waiters();
        self.truncate_wal().await?;
        let rows = change.added.iter().map(|meta| meta.rows).sum();
        Ok(FlushOutcome { rows, segments: change.added })
    }

    async fn truncate_wal(&self) -> Result<(), StorageError> {
        let bound = {
            let state = self.shared.state.lock();
            let bounds = state.signals.iter().map(|signal| {
                let all_flushed = signal.rows() == 0 && !self.is_replaying();
                if all_flushed { state.position } else { signal.lake_position }
            });
            bounds.min().unwrap_or(0)
        };
        let (wal, state) = (Arc::clone(&self.shared.wal), Arc::clone(&self.shared.state));
        blocking(move || {
            let mut wal = wal.lock();
            wal.truncate(bound)?;
            state.lock().wal = wal.stats();
            Ok(())
        })
        .await
    }
}

impl SignalState {
    pub(super) fn freeze(&mut self, memtable: Memtable) {
        debug_assert!(self.frozen.is_none(), "flushes of a signal follow one another");
        self.frozen_rows = memtable.rows();
        self.frozen_bytes = memtable.bytes();
        self.frozen_times = memtable.times();
        self.frozen = Some(Arc::new(memtable.batches().to_vec()));
    }

    fn clear_frozen(&mut self) {
        self.frozen = None;
        (self.frozen_rows, self.frozen_bytes, self.frozen_times) = (0, 0, None);
    }

    fn thaw(&mut self, time_column: &str, replaying: bool) {
        let mut memtable = Memtable::default();
        for batch in self.frozen.iter().flat_map(|batches| batches.iter()) {
            memtable.push(batch.clone(), time_column);
        }
        self.clear_frozen();
        if replaying { self.replayed.prepend(memtable) } else { self.active.prepend(memtable) }
    }
}

/// Writes one segment per UTC date. On error finished segments are removed; of unfinished ones files stay, which the
/// next start removes.
fn write_segments(
    table_dir: &Path,
    signal: Signal,
    batches: Vec<RecordBatch>,
) -> Result<Vec<SegmentMeta>, StorageError> {
    let columns = present_columns(signal, &batches);
    let mut writers: BTreeMap<i32, SegmentWriter> = BTreeMap::new();
    for rows in row_groups(batches) {
        for (day, rows) in sorted_by_day(signal, rows)? {
            let writer = match writers.entry(day) {
                Entry::Occupied(writer) => writer.into_mut(),
                Entry::Vacant(none) => none.insert(SegmentWriter::create(table_dir, signal, day, &columns)?),
            };
            writer.write(rows)?;
        }
    }
    let mut written = Vec::new();
    for writer in writers.into_values() {
        match writer.finish() {
            Ok(meta) => written.push(meta),
            Err(error) => {
                for meta in written {
                    Segment::new(table_dir, signal, meta).delete_files();
                }
                return Err(error);
            }
        }
    }
    Ok(written)
}

/// Rows that are sorted together: as many as a row group holds, and in a bounded memory.
fn row_groups(batches: Vec<RecordBatch>) -> Vec<Vec<RecordBatch>> {
    let mut groups: Vec<Vec<RecordBatch>> = Vec::new();
    let (mut rows, mut bytes) = (0, 0);
    for batch in batches {
        let (more_rows, more_bytes) = (batch.num_rows(), memory_bytes(&batch));
        match groups.last_mut() {
            Some(group) if rows + more_rows <= ROW_GROUP_ROWS && bytes + more_bytes <= SORT_BYTES => {
                group.push(batch);
                (rows, bytes) = (rows + more_rows, bytes + more_bytes);
            }
            _ => {
                groups.push(vec![batch]);
                (rows, bytes) = (more_rows, more_bytes);
            }
        }
    }
    groups
}
