//! Which segments to merge (pure), and merging them.
//!
//! Size-tiered: several small segments of one date and of about the same size become one. A row is rewritten about once
//! per factor of four in size, and a date ends with a handful of segments.

use std::collections::BTreeMap;

use metrics::counter;
use proto::Signal;
use storage::{SegmentId, StorageError, Store};
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::settings::CollectorSettings;
use crate::unix_millis;

/// Segments that get no company any more are merged by two, others wait until there are four.
const MERGE_MIN: usize = 4;
const SETTLED_MERGE_MIN: usize = 2;
/// A date is settled when its newest segment is this old.
const SETTLED_AFTER_MS: i64 = 10 * 60 * 1000;
/// Of one merge: each open segment holds a batch of rows in memory.
const MERGE_MAX: usize = 32;
/// "About the same size": the largest has at most this many times the rows of the smallest ...
const SIZE_RATIO: u64 = 4;
/// ... where all smaller ones count as this many rows: they cost more as files than as rows.
const SMALL_ROWS: u64 = 10_000;

/// What the policy looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate<Id> {
    pub(crate) id: Id,
    /// UTC date as days since the epoch.
    pub(crate) day: i32,
    pub(crate) rows: u64,
    pub(crate) created_unix_ms: i64,
}

/// The next segments to merge, all of one date; `None` when everything is as it should be.
pub(crate) fn next_merge<Id: Clone>(segments: &[Candidate<Id>], rows_max: u64, now_unix_ms: i64) -> Option<Vec<Id>> {
    // Newest dates first: they are the ones people look at.
    by_day(segments).into_values().rev().find_map(|mut day| {
        day.sort_by_key(|segment| segment.rows);
        let newest = day.iter().map(|segment| segment.created_unix_ms).max()?;
        let settled = now_unix_ms.saturating_sub(newest) >= SETTLED_AFTER_MS;
        let merge_min = if settled { SETTLED_MERGE_MIN } else { MERGE_MIN };
        (0..day.len())
            .map(|start| same_size_run(&day[start..], rows_max))
            .find(|run| run.len() >= merge_min)
            .map(|run| run.iter().map(|segment| segment.id.clone()).collect())
    })
}

/// For each date with more than one segment, all of them.
pub(crate) fn forced_merges<Id: Clone>(segments: &[Candidate<Id>]) -> Vec<Vec<Id>> {
    let dates = by_day(segments).into_values().filter(|day| day.len() > 1);
    dates.map(|day| day.iter().map(|segment| segment.id.clone()).collect()).collect()
}

fn by_day<Id>(segments: &[Candidate<Id>]) -> BTreeMap<i32, Vec<&Candidate<Id>>> {
    let mut days: BTreeMap<i32, Vec<_>> = BTreeMap::new();
    for segment in segments {
        days.entry(segment.day).or_default().push(segment);
    }
    days
}

/// How many of `ascending`, from its first on, are about the size of the first and fit into one segment together.
fn same_size_run<'a, 's, Id>(ascending: &'s [&'a Candidate<Id>], rows_max: u64) -> &'s [&'a Candidate<Id>] {
    let size_max = ascending[0].rows.max(SMALL_ROWS) * SIZE_RATIO;
    let mut rows = 0;
    let fits = |segment: &&&Candidate<Id>| {
        rows += segment.rows;
        segment.rows <= size_max && rows <= rows_max
    };
    let run = ascending.iter().take(MERGE_MAX).take_while(fits).count();
    &ascending[..run]
}

fn candidates(store: &Store, signal: Signal) -> Vec<Candidate<SegmentId>> {
    let snapshot = store.snapshot(signal);
    let metas = snapshot.segments.iter().map(|segment| segment.meta());
    metas
        .map(|meta| Candidate {
            id: meta.id.clone(),
            day: meta.day,
            rows: meta.rows,
            created_unix_ms: meta.created_unix_ms,
        })
        .collect()
}

/// Merges whatever the policy names, one merge at a time, until `stop`.
pub(crate) async fn run(store: Store, settings: CollectorSettings, stop: CancellationToken) {
    let mut backoff = Backoff::default();
    let mut pause = settings.compaction_interval;
    while stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
        pause = settings.compaction_interval;
        for signal in Signal::ALL {
            match compact(&store, signal, settings.compaction_rows_max, &stop).await {
                Ok(()) => backoff.reset(),
                Err(error) => {
                    pause = backoff.next().max(settings.compaction_interval);
                    tracing::error!(%error, %signal, retry_in = ?pause, "segments could not be merged");
                }
            }
        }
    }
}

/// Merges until the policy has nothing left, or `stop`.
pub(crate) async fn compact(
    store: &Store,
    signal: Signal,
    rows_max: u64,
    stop: &CancellationToken,
) -> Result<(), StorageError> {
    while !stop.is_cancelled() {
        let Some(segments) = next_merge(&candidates(store, signal), rows_max, unix_millis()) else { break };
        if !merge(store, signal, &segments).await? {
            break;
        }
    }
    Ok(())
}

/// Everything of a date into one segment, for each date.
pub(crate) async fn compact_forced(store: &Store, signal: Signal) -> Result<(), StorageError> {
    for segments in forced_merges(&candidates(store, signal)) {
        merge(store, signal, &segments).await?;
    }
    Ok(())
}

/// False when the segments were gone before the merge began.
async fn merge(store: &Store, signal: Signal, segments: &[SegmentId]) -> Result<bool, StorageError> {
    let outcome = store.compact(signal, segments).await.inspect_err(|_| {
        counter!("spanlake_compaction_errors_total", "signal" => signal.name()).increment(1);
    })?;
    tracing::debug!(%signal, merged = outcome.merged, "compacted");
    counter!("spanlake_compacted_segments_total", "signal" => signal.name()).increment(outcome.merged as u64);
    Ok(outcome.merged > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 100 * SETTLED_AFTER_MS;

    fn segments(day: i32, rows: &[u64], age_ms: i64) -> Vec<Candidate<u64>> {
        let candidate = |rows: &u64| Candidate { id: *rows, day, rows: *rows, created_unix_ms: NOW - age_ms };
        rows.iter().map(candidate).collect()
    }

    fn merged(rows: &[u64], age_ms: i64) -> Option<Vec<u64>> {
        next_merge(&segments(1, rows, age_ms), 1_000_000, NOW)
    }

    #[test]
    fn segments_of_about_the_same_size_are_merged_when_there_are_several() {
        let young = 1000;
        assert_eq!(merged(&[], young), None);
        assert_eq!(merged(&[50_000, 50_001, 50_002], young), None, "waits for a fourth");
        assert_eq!(merged(&[50_000, 50_001, 50_002, 199_000], young), Some(vec![50_000, 50_001, 50_002, 199_000]));
        assert_eq!(merged(&[50_000, 50_001, 50_002, 201_000], young), None, "one is too large for the others");
        assert_eq!(merged(&[1, 2, 3, 39_000], young), Some(vec![1, 2, 3, 39_000]), "small ones are all alike");
        assert_eq!(merged(&[800_000, 900_000, 950_000, 990_000], young), None, "large ones are left alone");
        let larger = [3, 300_000, 300_001, 300_002, 90_000, 90_001];
        assert_eq!(merged(&larger, young), Some(vec![90_000, 90_001, 300_000, 300_001]), "as many as fit");
    }

    #[test]
    fn a_date_that_gets_no_more_segments_is_merged_by_two() {
        assert_eq!(merged(&[50_000, 60_000], SETTLED_AFTER_MS), Some(vec![50_000, 60_000]));
        assert_eq!(merged(&[10, 900_000], SETTLED_AFTER_MS), None, "not a million rows rewritten for ten");
        assert_eq!(merged(&[600_000, 600_001], SETTLED_AFTER_MS), None);
    }

    #[test]
    fn dates_are_not_mixed_and_newer_ones_come_first() {
        let mut both = segments(1, &[1, 2, 3, 4], 0);
        both.extend(segments(2, &[5, 6, 7, 8], 0));
        assert_eq!(next_merge(&both, 1_000_000, NOW), Some(vec![5, 6, 7, 8]));
        assert_eq!(forced_merges(&both), [[1, 2, 3, 4], [5, 6, 7, 8]]);
        assert_eq!(forced_merges(&segments(1, &[1], 0)), Vec::<Vec<u64>>::new());
    }

    /// However rows come, merging ends, and what is left is few: at most three segments per factor of four in size.
    #[test]
    fn merging_ends_with_few_segments() {
        let mut live: Vec<_> = (0..1_000).map(|i| (i, 1 + i * 7919 % 5_000)).collect();
        let mut next_id = live.len() as u64;
        let mut rewritten = 0;
        let total: u64 = live.iter().map(|(_, rows)| rows).sum();
        loop {
            let candidates: Vec<_> = live
                .iter()
                .map(|(id, rows)| Candidate { id: *id, day: 1, rows: *rows, created_unix_ms: NOW })
                .collect();
            let Some(merge) = next_merge(&candidates, 1_000_000, NOW) else { break };
            let rows = live.iter().filter(|(id, _)| merge.contains(id)).map(|(_, rows)| rows).sum();
            live.retain(|(id, _)| !merge.contains(id));
            live.push((next_id, rows));
            next_id += 1;
            rewritten += rows;
        }
        assert!(live.len() <= 12, "{live:?}");
        assert!(rewritten <= 6 * total, "{rewritten} rows were rewritten to merge {total}");
    }
}
