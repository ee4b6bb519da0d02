//! The conductor of flushes: when a signal's rows go from the memtable into segments.

use std::time::Duration;

use metrics::counter;
use proto::Signal;
use storage::{MemtableStats, Store};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::settings::CollectorSettings;

/// Between two looks at the memtable, which cost a lock each.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// The same while there are no rows: it fills in longer than that, and an idle server should not wake up all the time.
const IDLE_LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// When rows are flushed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FlushPolicy {
    pub(crate) interval: Duration,
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

impl FlushPolicy {
    pub(crate) fn new(settings: &CollectorSettings) -> Self {
        Self { interval: settings.flush_interval, rows: settings.flush_rows, bytes: settings.flush_bytes }
    }

    fn is_due(&self, memtable: MemtableStats) -> bool {
        memtable.rows > 0
            && (memtable.rows >= self.rows
                || memtable.bytes >= self.bytes
                || memtable.oldest.is_some_and(|oldest| oldest.elapsed() >= self.interval))
    }
}

/// Flushes `signal` whenever it is due, until `stop`. Errors are logged and tried again: the rows stay in the memtable
/// and in the log.
pub(crate) async fn run(store: Store, signal: Signal, policy: FlushPolicy, stop: CancellationToken) {
    let mut backoff = Backoff::default();
    let mut pause = LOOK_INTERVAL;
    while stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
        let memtable = store.memtable(signal);
        pause = if memtable.rows == 0 { IDLE_LOOK_INTERVAL } else { LOOK_INTERVAL };
        if store.is_replaying() || !policy.is_due(memtable) {
            continue;
        }
        match flush(&store, signal).await {
            Ok(()) => backoff.reset(),
            Err(error) => {
                pause = backoff.next();
                tracing::error!(%error, %signal, retry_in = ?pause, "rows could not be written into segments");
            }
        }
    }
}

/// Everything that is in the memtable now.
pub(crate) async fn flush(store: &Store, signal: Signal) -> Result<(), storage::StorageError> {
    match store.flush(signal).await {
        Ok(outcome) => {
            if outcome.rows > 0 {
                tracing::debug!(%signal, rows = outcome.rows, segments = outcome.segments.len(), "flushed");
                counter!("spanlake_flushed_rows_total", "signal" => signal.name()).increment(outcome.rows);
            }
            Ok(())
        }
        Err(error) => {
            counter!("spanlake_flush_errors_total", "signal" => signal.name()).increment(1);
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn rows_bytes_or_age_make_a_flush_due() {
        let policy = FlushPolicy { interval: Duration::from_secs(30), rows: 100, bytes: 1000 };
        let young = Instant::now().checked_sub(Duration::from_secs(1));
        let old = Instant::now().checked_sub(Duration::from_secs(31));
        for (rows, bytes, oldest, due) in [
            (0, 0, None, false),
            (99, 999, young, false),
            (100, 10, young, true),
            (1, 1000, young, true),
            (1, 10, old, true),
            (0, 1000, old, false),
        ] {
            assert_eq!(policy.is_due(MemtableStats { rows, bytes, oldest }), due, "{rows} {bytes} {oldest:?}");
        }
    }
}
