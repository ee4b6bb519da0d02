//! The one handle the other floors see.
//!
//! Appends go through a thread that owns the disk: it takes whatever has queued up, writes it with one `fdatasync`,
//! puts the rows into the memtables in the order of the log, and only then answers. So at any instant a memtable
//! holds exactly the rows of its signal between the lake's position and the store's position.

mod appender;
mod flush;
mod replay;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use parking_lot::Mutex;
use proto::{Signal, UnixNanos};
use tokio::sync::{Notify, mpsc, oneshot};

use self::appender::Append;
pub use self::flush::FlushOutcome;
pub use self::replay::ReplayOutcome;
use crate::error::StorageError;
use crate::lake::LakeTable;
use crate::lock::DirectoryLock;
use crate::memtable::Memtable;
use crate::paths;
use crate::segment::{Segment, SegmentMeta};
use crate::wal::{Wal, WalReader, WalStats};

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
        appender::spawn(Arc::clone(&state), Arc::clone(&wal), queue)?;
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

fn newest_first(mut segments: Vec<Arc<Segment>>) -> Arc<Vec<Arc<Segment>>> {
    segments.sort_by_key(|segment| std::cmp::Reverse(segment.meta().max_time));
    Arc::new(segments)
}
