//! The files that a query sees are there until it has ended, whatever is merged, removed and deleted meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use proto::{Signal, TraceId};
use serde_json::json;
use storage::{Store, StoreSettings};
use tempfile::TempDir;

use crate::filter::{LogFilter, SpanFilter};
use crate::logs::{self, LogSearch};
use crate::test_data::{append, engine, rows};
use crate::trace_search::{self, TraceSearch};
use crate::trace_sort::Sort;
use crate::traces;

const ROWS: u64 = 50;

/// A store that keeps nothing for foreign readers.
async fn impatient_store() -> (TempDir, Store) {
    let directory = tempfile::tempdir().expect("a directory");
    let mut settings = StoreSettings::new(directory.path());
    settings.vacuum_grace = Duration::ZERO;
    let store = Store::open(settings).await.expect("an empty store");
    store.replay(|_, _| Err("a new log has no records".to_owned())).await.expect("nothing to replay");
    (directory, store)
}

/// A segment of each signal: a span and a record of each of [`ROWS`] traces.
async fn add_segments(store: &Store, nth: u64) {
    let id = |row: u64| (format!("{:032x}", nth * ROWS + row + 1), format!("{:016x}", nth * ROWS + row + 1));
    let spans = (0..ROWS).map(|row| {
        let (trace, span) = id(row);
        json!({"trace_id": trace, "span_id": span, "name": "a", "service": "b", "start_time_unix_nano": nth * ROWS + row, "duration_ns": 1})
    });
    append(store, Signal::Spans, &spans.collect::<Vec<_>>()).await;
    let logs = (0..ROWS)
        .map(|row| json!({"trace_id": id(row).0, "time_unix_nano": nth * ROWS + row, "body": "found", "service": "b"}));
    append(store, Signal::Logs, &logs.collect::<Vec<_>>()).await;
    for signal in Signal::ALL {
        store.flush(signal).await.expect("flushed");
    }
}

async fn compact(store: &Store) {
    for signal in Signal::ALL {
        let ids: Vec<_> = store.snapshot(signal).segments.iter().map(|segment| segment.meta().id.clone()).collect();
        store.compact(signal, &ids).await.expect("merged");
    }
}

async fn count(mut rows: SendableRecordBatchStream) -> usize {
    let mut count = 0;
    while let Some(batch) = rows.next().await {
        count += batch.expect("read").num_rows();
    }
    count
}

#[tokio::test]
async fn files_of_a_query_stay_until_it_has_ended() {
    let (_directory, store) = impatient_store().await;
    for nth in 0..3 {
        add_segments(&store, nth).await;
    }
    let query = engine(&store).begin("test", None).await.expect("admitted");
    let read = query.open(Signal::Logs, None, Vec::new()).expect("opened").await.expect("a stream");
    let planned = query.table(Signal::Spans).expect("a table").execute_stream().await.expect("a stream");
    compact(&store).await;
    for signal in Signal::ALL {
        let merged: Vec<_> = store.snapshot(signal).segments.iter().map(|segment| segment.meta().id.clone()).collect();
        store.remove(signal, &merged).await.expect("removed");
    }
    // Nobody reads what was merged; the three segments of each signal are read.
    assert_eq!(store.vacuum().await.expect("vacuumed").files, 4);
    let search =
        TraceSearch { filter: SpanFilter::default(), whole: None, sort: Sort::default(), limit: 1000, after: None };
    let found = trace_search::search(&query, search).await.expect("a later step");
    assert_eq!(found.traces.len(), 3 * ROWS as usize);
    drop(query);
    // Streams that outlive their query hold what they have not read yet.
    let before = store.vacuum().await.expect("vacuumed").files;
    assert_eq!((count(read).await, count(planned).await), (3 * ROWS as usize, 3 * ROWS as usize));
    assert_eq!(before + store.vacuum().await.expect("vacuumed").files, 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_whole_while_files_are_merged_and_deleted() {
    const SEGMENTS: u64 = 25;
    let (_directory, store) = impatient_store().await;
    add_segments(&store, 0).await;
    let engine = engine(&store);
    let ended = AtomicBool::new(false);
    let write = async {
        for nth in 1..SEGMENTS {
            add_segments(&store, nth).await;
            compact(&store).await;
            store.vacuum().await.expect("vacuumed");
        }
        ended.store(true, Ordering::Relaxed);
    };
    let read = async {
        let mut asked = 0;
        while !ended.load(Ordering::Relaxed) {
            let query = engine.begin("test", None).await.expect("admitted");
            let filter = LogFilter { search: crate::search::logs("found").expect("a search"), ..LogFilter::default() };
            let page = LogSearch { filter, newest_first: true, limit: ROWS as usize, after: None };
            let page = logs::search(&query, page).await.expect("a page of records");
            assert_eq!(page.logs_json.matches("\"found\"").count(), ROWS as usize);
            let filter = SpanFilter { service: Some("b".to_owned()), ..SpanFilter::default() };
            let page = TraceSearch { filter, whole: None, sort: Sort::default(), limit: 20, after: None };
            let page = trace_search::search(&query, page).await.expect("a page of traces");
            assert_eq!(page.traces.len(), 20);
            let id: TraceId = page.traces[0].trace_id.parse().expect("an id");
            let trace = traces::read(&query, id).await.expect("a trace").to_json().expect("JSON");
            assert!(trace.contains("\"span_count\":1,"), "{trace}");
            let counted = rows(&engine, "SELECT count(*), count(DISTINCT trace_id) FROM spans").await;
            assert_eq!(counted[0][0], counted[0][1]);
            asked += 1;
        }
        asked
    };
    let (asked, ()) = tokio::join!(read, write);
    assert!(asked > 0, "nothing was asked meanwhile");
}
