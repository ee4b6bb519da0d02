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
