//! Floor 1, the files: the write-ahead log, the memtable, the segments and the lake.
//!
//! ```text
//! <data-dir>/
//!   lock                                  held by the one process that has the directory open
//!   wal/<first sequence number>.log       requests not yet in a segment, see `wal`
//!   wal/quarantine/                       records that could not be read back
//!   lake/spans/_delta_log/                which segments of spans are live: a Delta Lake table
//!   lake/spans/date=2026-11-21/<id>.parquet
//!   lake/spans/_index/<id>.idx            index of the segment with that id, may be missing
//!   lake/logs/...                         the same for log records
//! ```
//!
//! [`Store`] is the one handle the other floors see: `append` makes a request durable and visible, `flush` moves rows
//! from the memtable into segments, `compact` merges segments, `snapshot` is what a query reads.
//!
//! This floor knows signals, bytes and record batches. It knows neither OTLP nor SQL nor HTTP.

mod error;
mod lake;
mod lock;
mod maintenance;
mod memtable;
mod paths;
mod segment;
mod store;
mod wal;
mod words;

pub use error::{ErrorKind, StorageError};
pub use maintenance::{CompactionOutcome, VacuumOutcome};
pub use segment::{Condition, IndexHits, RowGroupMeta, RowRanges, Segment, SegmentId, SegmentMeta, index_size};
pub use store::{FlushOutcome, MemtableStats, ReplayOutcome, SignalStats, Snapshot, Store, StoreSettings, StoreStats};
pub use words::{contains_all_words, words};
