use std::collections::BTreeMap;

use proptest::prelude::*;
use proto::TimeRange;
use serde_json::{Value as Json, json};
use storage::Store;
use tempfile::TempDir;

use super::*;
use crate::Engine;
use crate::filter::AttributeFilter;
use crate::test_data::{append, engine, store};
use crate::trace_sort::{RESUMABLE_MAX, SortBy};

const T0: i64 = 1_700_000_000_000_000_000;

/// `(trace, span, start, name)`; span 1 is the root.
type Row = (u64, u64, i64, &'static str);

fn span(&(trace, id, start, name): &Row) -> Json {
    json!({"trace_id": format!("{trace:032x}"), "span_id": format!("{id:016x}"),
        "parent_span_id": (id != 1).then(|| format!("{:016x}", 1)), "start_time_unix_nano": T0 + start,
        "duration_ns": 10 * id as i64, "service": format!("s{}", id % 3), "name": name, "kind": "SERVER",
        "status": if id == 4 { "ERROR" } else { "UNSET" }, "resource": "{\"zone\":\"z\"}", "attr_http_status_code": 200,
        "attributes": {"k": name}})
}

/// Each part in a segment of its own, the last one in the memtable.
async fn filled(parts: &[Vec<Row>]) -> (TempDir, Store, Engine) {
    let (directory, store) = store().await;
    for (nth, part) in parts.iter().filter(|part| !part.is_empty()).enumerate() {
        if nth > 0 {
            store.flush(Signal::Spans).await.expect("flushed");
        }
        append(&store, Signal::Spans, &part.iter().map(span).collect::<Vec<_>>()).await;
    }
    let engine = engine(&store);
    (directory, store, engine)
}

/// All pages, one after the other.
async fn all(engine: &Engine, filter: SpanFilter, limit: usize) -> Vec<TraceSummary> {
    all_sorted(engine, filter, Sort::default(), limit).await
}

async fn all_sorted(engine: &Engine, filter: SpanFilter, sort: Sort, limit: usize) -> Vec<TraceSummary> {
    let mut traces = Vec::new();
    let mut after = None;
    loop {
        let query = engine.begin("test", None).await.expect("admitted");
        let search = TraceSearch { filter: filter.clone(), whole: None, sort, limit, after };
        // Windows so short that there are several.
        let walk = TraceWalk::from(&query, search, Some(2)).expect("a walk");
        let page = collect(&query, walk).await.expect("found");
        assert!(page.traces.len() <= limit);
        traces.extend(page.traces);
        after = page.next;
        if after.is_none() {
            return traces;
        }
    }
}

fn words(text: &str) -> Vec<datafusion::logical_expr::Expr> {
    match crate::search::spans(text).expect("words") {
        crate::search::SpanSearch::OneSpan(predicates) => predicates,
        crate::search::SpanSearch::Whole(_) => panic!("of one span"),
    }
}

fn ids(traces: &[TraceSummary]) -> Vec<u64> {
    traces.iter().map(|trace| u64::from_str_radix(&trace.trace_id[16..], 16).expect("hex")).collect()
}

#[tokio::test]
async fn figures_are_of_the_whole_trace() {
    let (_directory, _store, engine) = filled(&[
        vec![(7, 4, 500, "needle"), (8, 1, 400, "other")],
        vec![(7, 1, 100, "root"), (7, 2, 150, "needle")],
        vec![(7, 1, 100, "root"), (7, 5, 90, "early")],
    ])
    .await;
    let filter = SpanFilter { name: Some("needle".into()), ..SpanFilter::default() };
    let found = all(&engine, filter, 20).await;
    assert_eq!(ids(&found), [7]);
    let trace = serde_json::to_value(&found[0]).expect("JSON");
    let expected = json!({
        "trace_id": format!("{:032x}", 7), "start_time_unix_nano": (T0 + 90).to_string(), "duration_ns": 450,
        "root": {"span_id": format!("{:016x}", 1), "service": "s1", "name": "root", "status": "UNSET"},
        "span_count": 4, "service_count": 2, "error_count": 1, "matched_span_count": 2, "complete": true,
        "services": [{"service": "s1", "span_count": 2, "error_count": 1}, {"service": "s2", "span_count": 2, "error_count": 0}],
    });
    assert_eq!(trace, expected);
}

#[tokio::test]
async fn every_filter_narrows() {
    let (_directory, _store, engine) = filled(&[
        vec![(1, 1, 0, "GET /cart"), (1, 4, 5, "SELECT")],
        vec![(2, 1, 50, "GET /cart"), (3, 2, 99, "PUT /cart")],
    ])
    .await;
    let attribute = |key: &str, value: &str| AttributeFilter { key: key.into(), value: value.into() };
    let none = SpanFilter::default;
    for (what, filter, expected) in [
        ("everything", none(), vec![3, 2, 1]),
        ("service", SpanFilter { service: Some("s2".into()), ..none() }, vec![3]),
        ("name", SpanFilter { name: Some("GET /cart".into()), ..none() }, vec![2, 1]),
        ("status", SpanFilter { status: Some("ERROR".into()), ..none() }, vec![1]),
        ("min duration", SpanFilter { min_duration_ns: Some(20), ..none() }, vec![3, 1]),
        ("max duration", SpanFilter { max_duration_ns: Some(20), ..none() }, vec![3, 2, 1]),
        ("both durations", SpanFilter { min_duration_ns: Some(11), max_duration_ns: Some(39), ..none() }, vec![3]),
        ("words", SpanFilter { search: words("CART get"), ..none() }, vec![2, 1]),
        ("attribute in the map", SpanFilter { attributes: vec![attribute("k", "SELECT")], ..none() }, vec![1]),
        (
            "attribute in a column",
            SpanFilter { attributes: vec![attribute("http.status_code", "200")], ..none() },
            vec![3, 2, 1],
        ),
        ("attribute of the resource", SpanFilter { attributes: vec![attribute("zone", "z")], ..none() }, vec![3, 2, 1]),
        ("attribute that nobody has", SpanFilter { attributes: vec![attribute("zone", "y")], ..none() }, vec![]),
        ("trace id", SpanFilter { trace_id: Some(format!("{:032x}", 2).parse().expect("an id")), ..none() }, vec![2]),
        (
            "one span has to have all",
            SpanFilter { status: Some("ERROR".into()), name: Some("GET /cart".into()), ..none() },
            vec![],
        ),
        ("time", SpanFilter { range: TimeRange { start: Some(T0 + 5), end: Some(T0 + 99) }, ..none() }, vec![2, 1]),
    ] {
        assert_eq!(ids(&all(&engine, filter, 2).await), expected, "{what}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn pages_are_the_sorted_whole(
        rows in prop::collection::vec((1u64..40, 1u64..5, 0i64..300, prop::sample::select(vec!["a", "b"])), 1..120),
        cuts in prop::collection::vec(0usize..120, 2),
        limit in 1usize..7,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let matching = |row: &Row| row.3 == "a" && row.2 >= 100;
        let mut starts: BTreeMap<u64, i64> = BTreeMap::new();
        for row in &rows {
            let start = starts.entry(row.0).or_insert(row.2);
            *start = (*start).min(row.2);
        }
        let mut expected: Vec<(i64, u64)> = starts.into_iter().map(|(trace, start)| (start, trace)).collect();
        expected.retain(|(_, trace)| rows.iter().any(|row| row.0 == *trace && matching(row)));
        expected.sort_by(|a, b| b.cmp(a));
        let mut parts = vec![rows.clone()];
        for cut in cuts {
            let last = parts.pop().expect("a part");
            let (head, tail) = last.split_at(cut.min(last.len()));
            parts.extend([head.to_vec(), tail.to_vec()]);
        }
        let found = runtime.block_on(async {
            let (_directory, _store, engine) = filled(&parts).await;
            let range = TimeRange { start: Some(T0 + 100), end: None };
            all(&engine, SpanFilter { name: Some("a".into()), range, ..SpanFilter::default() }, limit).await
        });
        prop_assert_eq!(ids(&found), expected.iter().map(|(_, trace)| *trace).collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn sorted_pages_are_the_sorted_whole(
        rows in prop::collection::vec((1u64..30, 1u64..6, 0i64..300, prop::sample::select(vec!["a", "b"])), 1..100),
        cut in 0usize..100,
        by in prop::sample::select(vec![SortBy::Start, SortBy::Duration, SortBy::SpanCount, SortBy::Errors]),
        ascending in any::<bool>(),
        limit in 1usize..7,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (head, tail) = rows.split_at(cut.min(rows.len()));
        let found = runtime.block_on(async {
            let (_directory, _store, engine) = filled(&[head.to_vec(), tail.to_vec()]).await;
            let filter = SpanFilter { name: Some("a".into()), ..SpanFilter::default() };
            all_sorted(&engine, filter, Sort { by, ascending }, limit).await
        });
        // A span that was sent twice counts once.
        let distinct: std::collections::BTreeSet<Row> = rows.iter().copied().collect();
        let mut traces: BTreeMap<u64, Vec<Row>> = BTreeMap::new();
        for row in distinct {
            traces.entry(row.0).or_default().push(row);
        }
        let mut expected: Vec<(i64, i64, u64)> = traces.into_iter().filter(|(_, spans)| spans.iter().any(|row| row.3 == "a")).map(|(trace, spans)| {
            let start = spans.iter().map(|row| row.2).min().expect("a span");
            let value = match by {
                SortBy::Start => start,
                SortBy::Duration => spans.iter().map(|row| row.2 + 10 * row.1 as i64).max().expect("a span") - start,
                SortBy::SpanCount => spans.len() as i64,
                SortBy::Errors => spans.iter().filter(|row| row.1 == 4).count() as i64,
            };
            (value, start, trace)
        }).collect();
        expected.sort_unstable();
        if !ascending {
            expected.reverse();
        }
        prop_assert_eq!(ids(&found), expected.iter().map(|(_, _, trace)| *trace).collect::<Vec<_>>());
    }

    /// Stopped after any number of steps, a sorted page goes on where it was, and ends as the whole page would have.
    #[test]
    fn a_stopped_sorted_page_goes_on_where_it_was(
        rows in prop::collection::vec((1u64..60, 1u64..5, 0i64..300, prop::sample::select(vec!["a", "b"])), 1..150),
        stops in prop::collection::vec(0usize..4, 1..30),
        by in prop::sample::select(vec![SortBy::Start, SortBy::Duration, SortBy::SpanCount, SortBy::Errors]),
        limit in 1usize..7,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        // The newest first is another walk.
        let sort = Sort { by, ascending: by == SortBy::Start };
        let (found, expected) = runtime.block_on(async {
            let (_directory, _store, engine) = filled(std::slice::from_ref(&rows)).await;
            let filter = SpanFilter { name: Some("a".into()), ..SpanFilter::default() };
            let expected = all_sorted(&engine, filter.clone(), sort, 1000).await;
            let (mut found, mut page, mut after) = (Vec::new(), Vec::new(), None);
            let mut stops = stops.into_iter();
            loop {
                let query = engine.begin("test", None).await.expect("admitted");
                let search = TraceSearch { filter: filter.clone(), whole: None, sort, limit, after };
                let mut walk = TraceWalk::from(&query, search, Some(2)).expect("a walk");
                let mut steps = stops.next().unwrap_or(usize::MAX);
                let is_whole = loop {
                    if steps == 0 {
                        break false;
                    }
                    steps -= 1;
                    match walk.next(&query).await.expect("found") {
                        Some(more) => page = more.traces,
                        None => break true,
                    }
                };
                after = walk.position();
                if is_whole {
                    found.append(&mut page);
                    if after.is_none() {
                        break (found, expected);
                    }
                }
            }
        });
        prop_assert_eq!(ids(&found), ids(&expected));
    }

    /// Stopped after any number of steps, a page goes on where it was: together the pages are the whole.
    #[test]
    fn a_stopped_walk_goes_on_where_it_was(
        rows in prop::collection::vec((1u64..60, 1u64..5, 0i64..300, prop::sample::select(vec!["a", "b"])), 1..150),
        stops in prop::collection::vec(0usize..4, 1..30),
        limit in 1usize..7,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (found, expected) = runtime.block_on(async {
            let (_directory, _store, engine) = filled(std::slice::from_ref(&rows)).await;
            let filter = SpanFilter { name: Some("a".into()), ..SpanFilter::default() };
            let expected = all(&engine, filter.clone(), 1000).await;
            let (mut found, mut after) = (Vec::new(), None);
            let mut stops = stops.into_iter();
            loop {
                let query = engine.begin("test", None).await.expect("admitted");
                let search = TraceSearch { filter: filter.clone(), whole: None, sort: Sort::default(), limit, after };
                let mut walk = TraceWalk::from(&query, search, Some(2)).expect("a walk");
                let mut steps = stops.next().unwrap_or(usize::MAX);
                let is_over = loop {
                    if steps == 0 {
                        break false;
                    }
                    steps -= 1;
                    match walk.next(&query).await.expect("found") {
                        Some(more) => found.extend(more.traces),
                        None => break walk.position().is_none(),
                    }
                };
                // Everything may have been given by the step before the stop.
                if is_over || (walk.is_done && walk.position().is_none()) {
                    break (found, expected);
                }
                after = walk.position();
            }
        });
        prop_assert_eq!(ids(&found), ids(&expected));
    }
}

#[tokio::test]
async fn a_cursor_of_another_order_is_refused() {
    let (_directory, _store, engine) = filled(&[vec![(1, 1, 0, "a"), (2, 1, 5, "a")]]).await;
    let query = engine.begin("test", None).await.expect("admitted");
    let by_duration = Sort { by: SortBy::Duration, ascending: false };
    for (first, second) in [(Sort::default(), by_duration), (by_duration, Sort::default())] {
        let filter = SpanFilter::default();
        let asked = TraceSearch { filter, whole: None, sort: first, limit: 1, after: None };
        let next = search(&query, asked.clone()).await.expect("found").next;
        assert!(next.is_some());
        let error = search(&query, TraceSearch { sort: second, after: next, ..asked }).await.err().expect("refused");
        assert!(error.to_string().contains("another order"), "{error}");
    }
    // Of a page that was stopped half way.
    let asked = TraceSearch { filter: SpanFilter::default(), whole: None, sort: by_duration, limit: 1, after: None };
    let mut walk = TraceWalk::from(&query, asked.clone(), Some(1)).expect("a walk");
    walk.next(&query).await.expect("found").expect("a page");
    let stopped = walk.position();
    assert!(stopped.as_ref().is_some_and(|position| position.examined.is_some()), "{stopped:?}");
    for by in [SortBy::Start, SortBy::Errors] {
        let sort = Sort { by, ascending: false };
        let other = TraceSearch { sort, after: stopped.clone(), ..asked.clone() };
        let error = search(&query, other).await.err().expect("refused");
        assert!(error.to_string().contains("another order"), "{error}");
    }
    // A cursor would be too long.
    let large = TraceSearch { limit: RESUMABLE_MAX + 1, ..asked };
    let mut walk = TraceWalk::from(&query, large, Some(1)).expect("a walk");
    walk.next(&query).await.expect("found").expect("a page");
    assert_eq!(walk.position(), None);
}
