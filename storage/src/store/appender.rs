//! The thread that owns the end of the log: it takes whatever has queued up, writes it with one `fdatasync`, puts the rows
//! into the memtables in the order of the log, and only then answers.

use std::sync::Arc;
use std::time::Instant;

use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use parking_lot::Mutex;
use proto::Signal;
use tokio::sync::{mpsc, oneshot};

use super::State;
use crate::error::StorageError;
use crate::wal::{Entry, Wal};

/// Requests of one group commit: bounds the buffer and the wait of the first of them.
const GROUP_REQUESTS_MAX: usize = 256;
const GROUP_BYTES_MAX: usize = 16 << 20;

/// A request on its way into the log.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) signal: Signal,
    pub(super) payload: Bytes,
    pub(super) batch: RecordBatch,
    pub(super) done: oneshot::Sender<Result<(), StorageError>>,
}

/// Ends when all senders of the queue are gone.
pub(super) fn spawn(
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
