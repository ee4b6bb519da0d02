//! Which segments have expired (pure), and removing them and the files that nobody needs any more.

use std::time::Duration;

use metrics::counter;
use proto::time::NANOS_PER_DAY;
use proto::{Signal, UnixNanos};
use storage::{SegmentId, StorageError, Store};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::settings::CollectorSettings;
use crate::unix_millis;

/// Before the first pass, so that it does not compete with the start.
const FIRST_PASS: Duration = Duration::from_secs(1);

/// Whether the UTC date `day` (days since the epoch) ended longer than `retention` ago. Dates expire as a whole, so rows
/// live up to a day longer.
fn is_expired(day: i32, retention: Duration, now: UnixNanos) -> bool {
    let end = (i128::from(day) + 1) * i128::from(NANOS_PER_DAY);
    i128::from(now) - end >= retention.as_nanos().try_into().unwrap_or(i128::MAX)
}

/// Removes expired dates and deletes retired files, until `stop`.
pub(crate) async fn run(store: Store, settings: CollectorSettings, stop: CancellationToken) {
    let mut backoff = Backoff::default();
    // What expired while the server was stopped goes at once.
    let mut pause = FIRST_PASS;
    while stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
        pause = settings.cleanup_interval;
        match clean_up(&store, settings.retention).await {
            Ok(()) => backoff.reset(),
            Err(error) => {
                pause = backoff.next().max(settings.cleanup_interval);
                tracing::error!(%error, retry_in = ?pause, "expired data could not be removed");
            }
        }
    }
}

async fn clean_up(store: &Store, retention: Option<Duration>) -> Result<(), StorageError> {
    for signal in Signal::ALL {
        if let Some(retention) = retention {
            remove_expired(store, signal, retention).await?;
        }
    }
    let outcome = store.vacuum().await?;
    if outcome.files > 0 {
        tracing::debug!(files = outcome.files, bytes = outcome.bytes, "deleted retired files");
        counter!("spanlake_vacuumed_files_total").increment(outcome.files as u64);
    }
    Ok(())
}

async fn remove_expired(store: &Store, signal: Signal, retention: Duration) -> Result<(), StorageError> {
    let now = unix_millis().saturating_mul(1_000_000);
    let snapshot = store.snapshot(signal);
    let expired = snapshot.segments.iter().map(|segment| segment.meta());
    let expired: Vec<SegmentId> =
        expired.filter(|meta| is_expired(meta.day, retention, now)).map(|meta| meta.id.clone()).collect();
    drop(snapshot);
    if expired.is_empty() {
        return Ok(());
    }
    store.remove(signal, &expired).await?;
    tracing::info!(%signal, segments = expired.len(), ?retention, "removed segments older than the retention");
    counter!("spanlake_expired_segments_total", "signal" => signal.name()).increment(expired.len() as u64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_expires_as_a_whole() {
        let day = Duration::from_secs(86_400);
        let noon_of_day_10 = 10 * NANOS_PER_DAY + NANOS_PER_DAY / 2;
        for (segment_day, retention, expired) in [
            (10, day, false),
            (9, day, false),
            (8, day, true),
            (9, day / 2, true),
            (9, day / 2 + Duration::from_nanos(1), false),
            (11, Duration::ZERO, false),
            (i32::MIN, Duration::MAX, false),
            (-106_752, 30 * day, true),
        ] {
            assert_eq!(is_expired(segment_day, retention, noon_of_day_10), expired, "{segment_day} {retention:?}");
        }
    }
}
