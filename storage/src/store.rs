//! The one handle the other floors see.
//!
//! Appends go through a thread that owns the disk: it takes whatever has queued up, writes it with one `fdatasync`,
//! puts the rows into the memtables in the order of the log, and only then answers. So at any instant a memtable
//! holds exactly the rows of its signal between the lake's position and the store's position.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as MapEntry;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use parking_lot::Mutex;
use proto::nulls::memory_bytes;
use proto::{Signal, UnixNanos};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::error::{StorageError, blocking};
use crate::lake::{Change, LakeTable};
use crate::lock::DirectoryLock;
use crate::memtable::Memtable;
use crate::paths;
use crate::segment::{ROW_GROUP_ROWS, Segment, SegmentMeta, SegmentWriter, present_columns, sorted_by_day};
use crate::wal::{Entry, Wal, WalReader, WalStats};
pub use replay::ReplayOutcome;

/// Requests of one group commit: bounds the buffer and the wait of the first of them.
const GROUP_REQUESTS_MAX: usize = 256;
const GROUP_BYTES_MAX: usize = 16 << 20;
/// Memory of the rows that are sorted together into a row group.
pub(crate) const SORT_BYTES: usize = 96 << 20;

#[derive(Clone, Debug)]
pub struct StoreSettings {
    pub data_dir: PathBuf,
    /// A log file is closed once it is this long. Default 32 MiB.
    pub wal_file_bytes: u64,
    /// Requests waiting for the disk before appends are refused as `Busy`. Default 1,024.
    pub append_queue_requests: usize,
    /// Memory of rows not yet in a segment, both signals together, before appends are refused as `Busy`.
    /// Default 192 MiB.
    pub memtable_bytes_max: usize,
    /// While replaying, a signal's rows are flushed once they take this much memory. Default 64 MiB.
    pub replay_flush_bytes: usize,
    /// Row groups of so many rows are copied into a merged segment as they are, with their index: to read, sort and
    /// index them again costs what their first writing did, and they are not found faster. Default 65,536.
    pub copy_rows_min: u64,
    /// How long files stay after their segment was removed, for foreign readers. Default 2 minutes.
    pub vacuum_grace: Duration,
}

impl StoreSettings {
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            wal_file_bytes: 32 << 20,
            append_queue_requests: 1024,
            memtable_bytes_max: 192 << 20,
            replay_flush_bytes: 64 << 20,
            copy_rows_min: 64 << 10,
            vacuum_grace: Duration::from_secs(120),
        }
    }
}

/// A cheap handle; the last clone that goes away stops the log's thread and frees the directory.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: StoreSettings,
    state: Arc<Mutex<State>>,
    wal: Arc<Mutex<Wal>>,
    /// Taken for the length of a commit; one per signal.
    pub(crate) lakes: [tokio::sync::Mutex<LakeTable>; 2],
    /// Taken for the length of a flush, so that positions are published in order; one per signal.
    flushing: [tokio::sync::Mutex<()>; 2],
    /// Taken for the length of a compaction or removal; one per signal.
    pub(crate) rewriting: [tokio::sync::Mutex<()>; 2],
    appends: Mutex<Option<mpsc::Sender<Append>>>,
    /// Told when rows have left the memtable.
    freed: Notify,
    /// What the log held at the start; taken by `replay`.
    unreplayed: Mutex<Option<WalReader>>,
    replaying: AtomicBool,
    object_store: Arc<LocalFileSystem>,
    _lock: DirectoryLock,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    signals: [SignalState; 2],
    /// Sequence number below which every logged record is visible (or was replayed into a segment).
    position: u64,
    /// Kept here so that asking for it does not wait for the disk.
    wal: WalStats,
    retired: Vec<(Arc<Segment>, Instant)>,
}

#[derive(Debug, Default)]
struct SignalState {
    /// Rows of the log as it was at the start. Older than all others.
    replayed: Memtable,
    /// Rows being written into segments.
    frozen: Option<Arc<Vec<RecordBatch>>>,
    frozen_rows: usize,
    frozen_bytes: usize,
    frozen_times: Option<(UnixNanos, UnixNanos)>,
    active: Memtable,
    /// Newest `max_time` first.
    segments: Arc<Vec<Arc<Segment>>>,
    lake_position: u64,
}

impl SignalState {
    fn bytes(&self) -> usize {
        self.replayed.bytes() + self.frozen_bytes + self.active.bytes()
    }

    fn rows(&self) -> usize {
        self.replayed.rows() + self.frozen_rows + self.active.rows()
    }
}

struct Append {
    signal: Signal,
    payload: Bytes,
    batch: RecordBatch,
    done: oneshot::Sender<Result<(), StorageError>>,
}

/// What a query reads: it never changes, and the files it names are not deleted while it lives.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub signal: Signal,
    /// Rows not yet in a segment, in the order of arrival.
    pub batches: Vec<RecordBatch>,
    /// Newest `max_time` first.
    pub segments: Arc<Vec<Arc<Segment>>>,
}

/// Rows not yet in a segment.
#[derive(Clone, Copy, Debug)]
pub struct MemtableStats {
    pub rows: usize,
    /// Memory of the columns.
    pub bytes: usize,
    /// When the oldest row arrived that no flush is writing yet.
    pub oldest: Option<Instant>,
}

/// What a flush did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlushOutcome {
    pub rows: u64,
    pub segments: Vec<SegmentMeta>,
}

#[derive(Clone, Copy, Debug)]
pub struct SignalStats {
    pub signal: Signal,
    pub memtable_rows: usize,
    pub memtable_bytes: usize,
    pub segments: usize,
    pub segment_rows: u64,
    /// Parquet files and text indexes.
    pub segment_bytes: u64,
    /// Of all rows, in memory and in segments.
    pub min_time: Option<UnixNanos>,
    pub max_time: Option<UnixNanos>,
}

#[derive(Clone, Debug)]
pub struct StoreStats {
    pub wal_files: usize,
    pub wal_bytes: u64,
    pub signals: Vec<SignalStats>,
}

impl Store {
    /// Takes the directory's lock, opens both tables, removes files of unfinished work and finds the end of the log.
    /// Fast whatever the length of the log: [`Store::replay`] reads it, and appends are accepted meanwhile.
    ///
    /// Errors: `Locked` when another process has the directory.
    pub async fn open(settings: StoreSettings) -> Result<Store, StorageError> {
        paths::create_dir(&settings.data_dir)?;
        let lock = DirectoryLock::acquire(&settings.data_dir)?;
        let mut state = State::default();
        let mut lakes = Vec::new();
        for signal in Signal::ALL {
            let table_dir = paths::table(&settings.data_dir, signal);
            let lake = LakeTable::open(table_dir.clone(), signal).await?;
            for orphan in lake.orphans()? {
                tracing::debug!(path = %orphan.display(), "removing a file of unfinished work");
                std::fs::remove_file(&orphan).map_err(StorageError::io("remove", &orphan))?;
            }
            let segments = lake.segments()?.into_iter().map(|meta| Arc::new(Segment::new(&table_dir, signal, meta)));
            let signal_state = &mut state.signals[signal as usize];
            signal_state.segments = newest_first(segments.collect());
            signal_state.lake_position = lake.position().await?;
            state.position = state.position.max(signal_state.lake_position);
            lakes.push(tokio::sync::Mutex::new(lake));
        }
        let wal = Wal::open(paths::wal(&settings.data_dir), settings.wal_file_bytes, state.position)?;
        state.position = wal.next_sequence();
        state.wal = wal.stats();
        let lake_dir = paths::lake(&settings.data_dir);
        let object_store =
            LocalFileSystem::new_with_prefix(&lake_dir).map_err(|error| StorageError::corrupt(&lake_dir, error))?;
        let lakes = <[_; 2]>::try_from(lakes).expect("one table per signal");
        let unreplayed = wal.reader();
        let (state, wal) = (Arc::new(Mutex::new(state)), Arc::new(Mutex::new(wal)));
        let (appends, queue) = mpsc::channel(settings.append_queue_requests);
        spawn_appender(Arc::clone(&state), Arc::clone(&wal), queue)?;
        let shared = Shared {
            settings,
            state,
            wal,
            lakes,
            flushing: Default::default(),
            rewriting: Default::default(),
            appends: Mutex::new(Some(appends)),
            freed: Notify::new(),
            unreplayed: Mutex::new(Some(unreplayed)),
            replaying: AtomicBool::new(true),
            object_store: Arc::new(object_store),
            _lock: lock,
        };
        Ok(Store { shared: Arc::new(shared) })
    }

    /// Appends one OTLP request; returns once `payload` is on disk and `batch` is visible to [`Store::snapshot`].
    ///
    /// `batch` has exactly the signal's schema. `payload` is what `batch` was made of: replay converts it again.
    /// Errors: `Busy` (nothing was done, try again later), `Unavailable` (the disk), `Closed`.
    pub async fn append(&self, signal: Signal, payload: Bytes, batch: RecordBatch) -> Result<(), StorageError> {
        debug_assert_eq!(batch.schema(), signal.schema());
        let (bytes, bytes_max) = (self.memtable_bytes(), self.shared.settings.memtable_bytes_max);
        if bytes > bytes_max {
            return Err(StorageError::MemtableFull { bytes, bytes_max });
        }
        let sender = self.shared.appends.lock().clone().ok_or(StorageError::Closed)?;
        let (done, answer) = oneshot::channel();
        sender.try_send(Append { signal, payload, batch, done }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                StorageError::QueueFull { requests: self.shared.settings.append_queue_requests }
            }
            mpsc::error::TrySendError::Closed(_) => StorageError::Closed,
        })?;
        drop(sender);
        answer.await.map_err(|_| StorageError::Closed)?
    }

    /// Memory of the rows of both signals that are not yet in a segment.
    fn memtable_bytes(&self) -> usize {
        self.shared.state.lock().signals.iter().map(SignalState::bytes).sum()
    }

    /// Returns when an append would find room in the memtable, or after `wait`. A sender that is slowed down loses
    /// nothing; one that is refused has to send again.
    pub async fn wait_for_room(&self, wait: Duration) {
        let _ = tokio::time::timeout(wait, async {
            loop {
                // Listens before it looks, so that a flush in between is not missed.
                let freed = self.shared.freed.notified();
                if self.memtable_bytes() <= self.shared.settings.memtable_bytes_max {
                    return;
                }
                freed.await;
            }
        })
        .await;
    }

    /// True until [`Store::replay`] has ended: queries are not complete yet.
    pub fn is_replaying(&self) -> bool {
        self.shared.replaying.load(Ordering::SeqCst)
    }

    pub fn memtable(&self, signal: Signal) -> MemtableStats {
        let state = self.shared.state.lock();
        let signal = &state.signals[signal as usize];
        MemtableStats {
            rows: signal.rows(),
            bytes: signal.bytes(),
            oldest: signal.replayed.oldest().or(signal.active.oldest()),
        }
    }

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
    async fn publish_frozen(&self, signal: Signal, position: u64) -> Result<FlushOutcome, StorageError> {
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

    /// A consistent view: every acknowledged row exactly once (once replay has ended).
    pub fn snapshot(&self, signal: Signal) -> Snapshot {
        let state = self.shared.state.lock();
        let signal_state = &state.signals[signal as usize];
        let frozen = signal_state.frozen.iter().flat_map(|batches| batches.iter());
        let batches = frozen.chain(signal_state.replayed.batches()).chain(signal_state.active.batches());
        Snapshot { signal, batches: batches.cloned().collect(), segments: Arc::clone(&signal_state.segments) }
    }

    pub fn stats(&self) -> StoreStats {
        let state = self.shared.state.lock();
        let wal = state.wal;
        let signals = Signal::ALL.into_iter().map(|signal| {
            let signal_state = &state.signals[signal as usize];
            let metas = || signal_state.segments.iter().map(|segment| segment.meta());
            let memory = [signal_state.replayed.times(), signal_state.frozen_times, signal_state.active.times()];
            let times = || {
                let segments = metas().map(|meta| (meta.min_time, meta.max_time));
                segments.chain(memory.into_iter().flatten())
            };
            SignalStats {
                signal,
                memtable_rows: signal_state.rows(),
                memtable_bytes: signal_state.bytes(),
                segments: signal_state.segments.len(),
                segment_rows: metas().map(|meta| meta.rows).sum(),
                segment_bytes: metas().map(|meta| meta.bytes + meta.index_bytes).sum(),
                min_time: times().map(|(min, _)| min).min(),
                max_time: times().map(|(_, max)| max).max(),
            }
        });
        StoreStats { wal_files: wal.files, wal_bytes: wal.bytes, signals: signals.collect() }
    }

    /// The object store whose root is `<data-dir>/lake`.
    pub fn object_store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.shared.object_store) as Arc<dyn ObjectStore>
    }

    /// Refuses appends from here on. What is queued is still written and answered.
    pub fn close(&self) {
        self.shared.appends.lock().take();
    }

    /// Swaps segments in the state after a commit did so in the lake.
    pub(crate) fn swap_segments(&self, signal: Signal, removed: &[SegmentMeta], added: Vec<Arc<Segment>>) {
        let mut state = self.shared.state.lock();
        let is_removed = |segment: &Arc<Segment>| removed.iter().any(|meta| meta.id == segment.meta().id);
        let current = Arc::clone(&state.signals[signal as usize].segments);
        let (gone, kept): (Vec<_>, Vec<_>) = current.iter().cloned().partition(is_removed);
        state.signals[signal as usize].segments = newest_first(kept.into_iter().chain(added).collect());
        let now = Instant::now();
        state.retired.extend(gone.into_iter().map(|segment| (segment, now)));
    }

    /// Takes the retired segments that nobody reads and whose grace is over.
    pub(crate) fn take_expired(&self) -> Vec<Arc<Segment>> {
        let grace = self.shared.settings.vacuum_grace;
        let mut state = self.shared.state.lock();
        // A snapshot holds the list of segments, the list holds the segment: one owner left means no reader left.
        let is_expired =
            |(segment, since): &(Arc<Segment>, Instant)| since.elapsed() >= grace && Arc::strong_count(segment) == 1;
        let (expired, kept) = std::mem::take(&mut state.retired).into_iter().partition(is_expired);
        state.retired = kept;
        let expired: Vec<_> = expired;
        expired.into_iter().map(|(segment, _)| segment).collect()
    }
}

impl SignalState {
    fn freeze(&mut self, memtable: Memtable) {
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

fn newest_first(mut segments: Vec<Arc<Segment>>) -> Arc<Vec<Arc<Segment>>> {
    segments.sort_by_key(|segment| std::cmp::Reverse(segment.meta().max_time));
    Arc::new(segments)
}

/// Writes one segment per UTC date. On error finished segments are removed; of unfinished ones files stay, which the
/// next start removes.
fn write_segments(
    table_dir: &std::path::Path,
    signal: Signal,
    batches: Vec<RecordBatch>,
) -> Result<Vec<SegmentMeta>, StorageError> {
    let columns = present_columns(signal, &batches);
    let mut writers: BTreeMap<i32, SegmentWriter> = BTreeMap::new();
    for rows in row_groups(batches) {
        for (day, rows) in sorted_by_day(signal, rows)? {
            let writer = match writers.entry(day) {
                MapEntry::Occupied(writer) => writer.into_mut(),
                MapEntry::Vacant(none) => none.insert(SegmentWriter::create(table_dir, signal, day, &columns)?),
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

/// The thread that owns the end of the log.
fn spawn_appender(
    state: Arc<Mutex<State>>,
    wal: Arc<Mutex<Wal>>,
    mut queue: mpsc::Receiver<Append>,
) -> Result<(), StorageError> {
    let run = move || {
        while let Some(first) = queue.blocking_recv() {
            let mut bytes = first.payload.len();
            let mut group = vec![first];
            while group.len() < GROUP_REQUESTS_MAX && bytes < GROUP_BYTES_MAX {
                let Ok(next) = queue.try_recv() else { break };
                bytes += next.payload.len();
                group.push(next);
            }
            append_group(&state, &wal, group);
        }
    };
    std::thread::Builder::new()
        .name("wal".into())
        .spawn(run)
        .map(drop)
        .map_err(|error| StorageError::Task(error.to_string()))
}

fn append_group(state: &Mutex<State>, wal: &Mutex<Wal>, group: Vec<Append>) {
    let started = Instant::now();
    let mut wal = wal.lock();
    let entries: Vec<_> =
        group.iter().map(|append| Entry { signal: append.signal, payload: &append.payload }).collect();
    let logged = wal.append(&entries);
    metrics::histogram!("spanlake_wal_append_seconds").record(started.elapsed().as_secs_f64());
    metrics::histogram!("spanlake_wal_group_requests").record(group.len() as f64);
    let mut answers = Vec::with_capacity(group.len());
    {
        let mut state = state.lock();
        // Also after an error: numbers of records that may or may not be on disk are never used again.
        state.position = wal.next_sequence();
        state.wal = wal.stats();
        for append in group {
            if logged.is_ok() {
                state.signals[append.signal as usize].active.push(append.batch, append.signal.spec().time_column);
            }
            answers.push(append.done);
        }
    }
    drop(wal);
    if let Err(error) = &logged {
        tracing::error!(%error, "the write-ahead log could not be written");
        metrics::counter!("spanlake_wal_errors_total").increment(1);
    }
    for done in answers {
        // A client that went away does not wait for its answer.
        let _ = done.send(logged.as_ref().map_err(|error| StorageError::Wal(error.to_string())).copied());
    }
}

mod replay;
#[cfg(test)]
mod tests;
