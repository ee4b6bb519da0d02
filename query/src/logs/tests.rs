use proptest::prelude::*;
use serde_json::{Value as Json, json};
use storage::Store;

use super::*;
use crate::Engine;
use crate::test_data::{append, engine, store};

const T0: i64 = 1_700_000_000_000_000_000;

fn record(&(time, body): &(i64, u8)) -> Json {
    json!({"time_unix_nano": T0 + time, "severity_number": i32::from(body) * 4 + 1, "body": format!("line {body} timeout"),
        "service": format!("s{}", body % 2), "resource": "{\"zone\":\"z\"}", "attributes": {"k": body.to_string()}})
}

async fn page_of(engine: &Engine, search: LogSearch) -> (Vec<Json>, Option<Position>) {
    let query = engine.begin("test", None).await.expect("admitted");
    let found = super::search(&query, search).await.expect("found");
    (serde_json::from_str(&found.logs_json).expect("an array"), found.next)
}

/// All pages; between them rows move into a segment.
async fn all(store: &Store, engine: &Engine, first: &LogSearch) -> Vec<Json> {
    let mut search = first.clone();
    let mut records = Vec::new();
    loop {
        let (page, next) = page_of(engine, search.clone()).await;
        assert!(page.len() <= search.limit);
        records.extend(page);
        store.flush(Signal::Logs).await.expect("flushed");
        search.after = next;
        if next.is_none() {
            return records;
        }
    }
}

fn everything(newest_first: bool, limit: usize) -> LogSearch {
    LogSearch { filter: LogFilter::default(), newest_first, limit, after: None }
}

#[tokio::test]
async fn every_filter_narrows() {
    let (_directory, store) = store().await;
    append(&store, Signal::Logs, &[record(&(1, 1)), record(&(2, 2))]).await;
    store.flush(Signal::Logs).await.expect("flushed");
    append(&store, Signal::Logs, &[record(&(3, 4)), record(&(4, 3))]).await;
    let engine = engine(&store);
    let attribute = |value: &str| vec![crate::filter::AttributeFilter { key: "k".into(), value: value.into() }];
    let none = LogFilter::default;
    for (what, filter, expected) in [
        ("everything", none(), vec![4, 3, 2, 1]),
        ("service", LogFilter { service: Some("s0".into()), ..none() }, vec![3, 2]),
        ("severity", LogFilter { severity: Some((13, 24)), ..none() }, vec![4, 3]),
        ("words", LogFilter { search: crate::search::logs("TIMEOUT 2").expect("words"), ..none() }, vec![2]),
        ("attribute", LogFilter { attributes: attribute("3"), ..none() }, vec![4]),
        ("time", LogFilter { range: TimeRange { start: Some(T0 + 2), end: Some(T0 + 4) }, ..none() }, vec![3, 2]),
        (
            "nothing",
            LogFilter { trace_id: Some("0000000000000000000000000000000f".parse().expect("an id")), ..none() },
            vec![],
        ),
    ] {
        let found = all(&store, &engine, &LogSearch { filter, newest_first: true, limit: 3, after: None }).await;
        let times: Vec<i64> = found
            .iter()
            .map(|log| log["time_unix_nano"].as_str().expect("text").parse::<i64>().expect("digits") - T0)
            .collect();
        assert_eq!(times, expected, "{what}");
    }
}

#[tokio::test]
async fn a_thousand_records_of_one_instant_are_paged_through() {
    let (_directory, store) = store().await;
    let rows: Vec<Json> = (0..1000).map(|n| record(&(5, (n % 250) as u8))).collect();
    append(&store, Signal::Logs, &rows[..600]).await;
    store.flush(Signal::Logs).await.expect("flushed");
    append(&store, Signal::Logs, &rows[600..]).await;
    let engine = engine(&store);
    let mut found = all(&store, &engine, &everything(false, 97)).await;
    assert_eq!(found.len(), 1000);
    let mut ids: Vec<String> = found.iter_mut().map(|log| log["id"].take().to_string()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 1000, "equal records have ids of their own, and keep them across pages");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn pages_neither_skip_nor_repeat(
        rows in prop::collection::vec((0i64..6, 0u8..4), 1..60),
        newest_first in any::<bool>(),
        limit in 1usize..9,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let found = runtime.block_on(async {
            let (_directory, store) = store().await;
            for part in rows.chunks(17) {
                append(&store, Signal::Logs, &part.iter().map(record).collect::<Vec<_>>()).await;
            }
            let engine = engine(&store);
            all(&store, &engine, &everything(newest_first, limit)).await
        });
        let times: Vec<i64> =
            found.iter().map(|log| log["time_unix_nano"].as_str().expect("text").parse::<i64>().expect("digits") - T0).collect();
        let in_order = |pair: &[i64]| if newest_first { pair[0] >= pair[1] } else { pair[0] <= pair[1] };
        prop_assert!(times.windows(2).all(in_order), "{times:?}");
        let mut given: Vec<String> = found.iter().map(|log| format!("{} {}", log["time_unix_nano"], log["body"])).collect();
        let mut sent: Vec<String> = rows.iter().map(|(time, body)| format!("\"{}\" \"line {body} timeout\"", T0 + time)).collect();
        given.sort();
        sent.sort();
        prop_assert_eq!(given, sent);
    }
}

/// Forty thousand records in segments: more than are read at once, so that the search has windows.
async fn long_log(rare: impl Fn(i64) -> bool) -> (tempfile::TempDir, Store) {
    let (directory, store) = store().await;
    for part in 0..8 {
        let rows: Vec<Json> = (0..5000)
            .map(|n| part * 5000 + n)
            .map(|n| {
                let body = if rare(n) { "needle" } else { "hay" };
                json!({"time_unix_nano": T0 + n / 3, "severity_number": 9, "body": format!("{body} {}", n % 7),
                    "service": "s", "resource": "{}", "attributes": {"n": n.to_string()}})
            })
            .collect();
        append(&store, Signal::Logs, &rows).await;
        store.flush(Signal::Logs).await.expect("flushed");
    }
    (directory, store)
}

#[tokio::test]
async fn a_stopped_walk_goes_on_where_it_was() {
    let (_directory, store) = long_log(|n| n % 1999 == 7).await;
    let engine = engine(&store);
    for newest_first in [true, false] {
        // No index answers it, so every record of a window is looked at.
        let filter =
            LogFilter { search: crate::search::logs("body:/needle/").expect("a search"), ..LogFilter::default() };
        let search = LogSearch { filter, newest_first, limit: 1000, after: None };
        let (expected, next) = page_of(&engine, search.clone()).await;
        assert!(next.is_none() && expected.len() == 21, "{}", expected.len());
        let (mut found, mut after, mut parts) = (Vec::new(), None, 0);
        loop {
            let query = engine.begin("test", None).await.expect("admitted");
            let mut walk = LogWalk::new(&query, LogSearch { after, ..search.clone() }).await.expect("a walk");
            // Every walk is stopped after its first rows.
            let Some(rows) = walk.next(&query).await.expect("found") else { break };
            let rows = rows.with_answers(|rows| serde_json::to_value(rows)).expect("rows").expect("JSON");
            found.extend(rows.as_array().expect("an array").clone());
            (after, parts) = (walk.position(), parts + 1);
            if after.is_none() {
                break;
            }
        }
        assert!(parts > 1, "one window would be no walk");
        assert_eq!(found, expected, "newest first: {newest_first}");
    }
}

#[tokio::test]
async fn records_that_come_meanwhile_change_no_page() {
    let (_directory, store) = long_log(|_| true).await;
    let engine = engine(&store);
    for newest_first in [true, false] {
        let mut search = everything(newest_first, 3001);
        let (mut found, mut round) = (Vec::new(), 0);
        loop {
            let (page, next) = page_of(&engine, search.clone()).await;
            found.extend(
                page.into_iter().filter(|log| log["body"].as_str().is_some_and(|body| body.starts_with("needle"))),
            );
            search.after = next;
            if next.is_none() {
                break;
            }
            // Before, at and behind the place where the page ended, in memory and in segments.
            round += 1;
            let late: Vec<Json> = [0, 1, round * 1000, 13_333]
                .iter()
                .map(|at| json!({"time_unix_nano": T0 + at, "severity_number": 9, "body": format!("late {round}"), "service": "s", "resource": "{}"}))
                .collect();
            append(&store, Signal::Logs, &late).await;
            if round % 2 == 0 {
                store.flush(Signal::Logs).await.expect("flushed");
            }
        }
        assert!(round > 10);
        let times: Vec<i64> = found
            .iter()
            .map(|log| log["time_unix_nano"].as_str().expect("text").parse::<i64>().expect("digits") - T0)
            .collect();
        let mut sent: Vec<i64> = (0..40_000).map(|n| n / 3).collect();
        if newest_first {
            sent.reverse();
        }
        assert!(times == sent, "{} records of 40,000 came", times.len());
        let ids: std::collections::HashSet<String> = found.iter().map(|log| log["id"].to_string()).collect();
        assert_eq!(ids.len(), 40_000, "no record came twice");
    }
}
