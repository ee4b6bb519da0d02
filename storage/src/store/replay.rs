//! From the log back into the memtable, while new requests are accepted beside it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::record_batch::RecordBatch;
use proto::Signal;

use super::Store;
use crate::error::{StorageError, blocking};
use crate::wal::WalReader;

/// What a replay found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplayOutcome {
    pub requests: u64,
    pub rows: u64,
    /// Records or stretches of the log that could not be read or converted; they are in `wal/quarantine`.
    pub set_aside: u64,
}

impl Store {
    /// Reads what the log holds beyond the lake's positions into the memtables, in order; flushes on the way whenever
    /// a signal's replayed rows take `replay_flush_bytes`. Rows become visible as they are read.
    ///
    /// `convert` is the function that made the batches at first. A record it refuses is set aside in
    /// `wal/quarantine`, counted and logged. Once it has ended, a second call does nothing; after an error (a full
    /// disk) the next call goes on where this one stopped.
    pub async fn replay(
        &self,
        convert: impl Fn(Signal, &[u8]) -> Result<RecordBatch, String> + Send + Sync + 'static,
    ) -> Result<ReplayOutcome, StorageError> {
        let Some(mut reader) = self.shared.unreplayed.lock().take() else {
            return Ok(ReplayOutcome::default());
        };
        let convert = Arc::new(convert);
        let mut outcome = ReplayOutcome::default();
        loop {
            let (store, convert) = (self.clone(), Arc::clone(&convert));
            let step = blocking(move || {
                let full = store.replay_until_full(&mut reader, convert.as_ref(), &mut outcome);
                Ok((reader, outcome, full))
            });
            let full;
            (reader, outcome, full) = step.await?;
            let flushed = match full {
                Ok(Some((signal, position))) => self.flush_replayed(signal, position).await,
                Ok(None) => break,
                Err(error) => Err(error),
            };
            if let Err(error) = flushed {
                // The next call goes on where this one stopped.
                *self.shared.unreplayed.lock() = Some(reader);
                return Err(error);
            }
        }
        outcome.set_aside += reader.damaged();
        let mut state = self.shared.state.lock();
        for signal in &mut state.signals {
            let replayed = std::mem::take(&mut signal.replayed);
            signal.active.prepend(replayed);
        }
        self.shared.replaying.store(false, Ordering::SeqCst);
        Ok(outcome)
    }

    /// Returns a signal whose replayed rows are to be flushed, with the position they reach; `None` at the log's end.
    fn replay_until_full(
        &self,
        reader: &mut WalReader,
        convert: &(impl Fn(Signal, &[u8]) -> Result<RecordBatch, String> + ?Sized),
        outcome: &mut ReplayOutcome,
    ) -> Result<Option<(Signal, u64)>, StorageError> {
        while let Some(record) = reader.next_record()? {
            let flushed = self.shared.state.lock().signals[record.signal as usize].lake_position;
            if record.sequence < flushed {
                continue;
            }
            let batch = match convert(record.signal, &record.payload) {
                Ok(batch) => batch,
                Err(why) => {
                    let path = reader.set_aside_payload(&record)?;
                    tracing::error!(sequence = record.sequence, signal = %record.signal, why, set_aside = %path.display(),
                        "a logged request cannot be converted");
                    outcome.set_aside += 1;
                    continue;
                }
            };
            outcome.requests += 1;
            outcome.rows += batch.num_rows() as u64;
            let mut state = self.shared.state.lock();
            let replayed = &mut state.signals[record.signal as usize].replayed;
            replayed.push(batch, record.signal.spec().time_column);
            if replayed.bytes() >= self.shared.settings.replay_flush_bytes {
                return Ok(Some((record.signal, record.sequence + 1)));
            }
        }
        Ok(None)
    }

    async fn flush_replayed(&self, signal: Signal, position: u64) -> Result<(), StorageError> {
        let _flushing = self.shared.flushing[signal as usize].lock().await;
        {
            let mut state = self.shared.state.lock();
            let signal_state = &mut state.signals[signal as usize];
            let replayed = std::mem::take(&mut signal_state.replayed);
            signal_state.freeze(replayed);
        }
        self.publish_frozen(signal, position).await.map(|_| ())
    }
}
