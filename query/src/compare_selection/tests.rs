use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::filter::SpanFilter;
use crate::test_data::{append, engine, store};

/// Spans at their number in nanoseconds; every fifth takes a second, the others a millisecond.
fn span(nth: u64, attributes: Json, resource: Json) -> Json {
    let slow = nth.is_multiple_of(5);
    json!({"trace_id": format!("{:032x}", nth + 1), "span_id": format!("{:016x}", nth + 1), "service": "shop",
        "name": "op", "kind": "SERVER", "start_time_unix_nano": nth,
        "duration_ns": if slow { 1_000_000_000u64 } else { 1_000_000 },
        "attributes": attributes, "resource": resource.to_string()})
}

fn slow() -> Selection {
    Selection { min_duration_ns: 100_000_000, ..Selection::default() }
}

async fn compared(rows: &[Json], selection: Selection) -> Comparison {
    let (_directory, store) = store().await;
    append(&store, Signal::Spans, rows).await;
    let query = engine(&store).begin("test", None).await.expect("admitted");
    compare(&query, &Matching::Spans(SpanFilter::default(), None), true, selection).await.expect("compared")
}

#[tokio::test]
async fn a_planted_attribute_comes_first_with_its_counts() {
    let rows: Vec<Json> = (0..1000u64)
        .map(|nth| {
            let slow = nth.is_multiple_of(5);
            // 92 % inside, 4 % outside.
            let on_n7 = if slow { nth % 250 >= 20 } else { nth % 25 == 1 };
            let resource = json!({"service.name": "shop", "k8s.node": if on_n7 { "n7" } else { "n1" }, "host": "h"});
            span(nth, json!({"request": format!("r{nth}"), "tenant": format!("t{}", nth % 7)}), resource)
        })
        .collect();
    let found = compared(&rows, slow()).await;
    assert_eq!((found.inside.spans, found.outside.spans, found.inside.one_in), (200, 800, 1));
    let first = &found.differences[0];
    assert_eq!((first.key.as_str(), first.kind), ("resource.k8s.node", KeyKind::Resource));
    assert_eq!(first.sentence, "`resource.k8s.node=n7`: 92% inside, 5% outside");
    assert_eq!(first.values[0], ValueDifference { value: Some("n7".to_owned()), inside: 184, outside: 40 });
    assert_eq!((first.coverage_inside, first.coverage_outside), (1.0, 1.0));
    let others: Vec<&str> = found.differences[1..].iter().map(|difference| difference.key.as_str()).collect();
    assert!(others.is_empty(), "what is unique or spread evenly is no difference: {others:?}");
}

#[tokio::test]
async fn a_key_that_one_side_lacks_differs_and_a_sample_says_so() {
    let rows: Vec<Json> = (0..5000u64)
        .map(|nth| {
            let attributes = if nth.is_multiple_of(5) { json!({"cache": "miss"}) } else { json!({}) };
            span(nth, attributes, json!({}))
        })
        .collect();
    let found = compared(&rows, slow()).await;
    assert_eq!((found.inside.one_in, found.outside.one_in), (1, 2));
    assert!((1_990..2_010).contains(&found.outside.sampled), "{}", found.outside.sampled);
    let first = &found.differences[0];
    assert_eq!((first.key.as_str(), first.coverage_inside, first.coverage_outside), ("cache", 1.0, 0.0));
    assert_eq!(first.sentence, "`cache=miss`: 100% inside, 0% outside");
    let nothing = compared(&rows, Selection { min_duration_ns: i64::MAX, ..Selection::default() }).await;
    assert_eq!((nothing.inside.spans, nothing.differences.len()), (0, 0));
}

/// The definition, written down once more: D(P || M) / 2 + D(Q || M) / 2.
fn by_definition(values: &[[u64; 2]]) -> f64 {
    let total = |side: usize| values.iter().map(|sides| sides[side]).sum::<u64>() as f64;
    let shares = |side: usize| -> Vec<f64> { values.iter().map(|sides| sides[side] as f64 / total(side)).collect() };
    let (p, q) = (shares(0), shares(1));
    let kullback_leibler = |p: &[f64], q: &[f64]| -> f64 {
        let means = p.iter().zip(q).map(|(p, q)| (p + q) / 2.0);
        p.iter().zip(means).filter(|(p, _)| **p > 0.0).map(|(p, mean)| p * (p / mean).ln() / 2f64.ln()).sum()
    };
    (kullback_leibler(&p, &q) + kullback_leibler(&q, &p)) / 2.0
}

proptest! {
    #[test]
    fn a_divergence_is_the_definition_less_what_chance_makes(
        values in prop::collection::vec(prop::array::uniform2(0u64..500), 1..12),
    ) {
        let total = |side: usize| values.iter().map(|sides| sides[side]).sum::<u64>();
        prop_assume!(total(0) > 0 && total(1) > 0);
        let kinds = values.iter().filter(|sides| sides[0] + sides[1] > 0).count() as f64;
        let chance = (kinds - 1.0) / (8.0 * 2f64.ln()) * (1.0 / total(0) as f64 + 1.0 / total(1) as f64);
        let expected = (by_definition(&values) - chance).clamp(0.0, 1.0);
        prop_assert!((divergence(&values) - expected).abs() < 1e-9);
    }

    /// Over rows with several keys, the order is that of the definition applied to each key by itself.
    #[test]
    fn keys_are_ranked_by_their_divergence(
        shares in prop::collection::vec((0.0f64..1.0, 0.0f64..1.0), 2..6),
        sides in (60u64..200, 60u64..400),
    ) {
        let sides = [sides.0, sides.1];
        let mut tables = Tables { sampled: sides, ..Tables::default() };
        let mut expected: Vec<(String, f64)> = Vec::new();
        for (nth, (inside, outside)) in shares.iter().enumerate() {
            let key = format!("key{nth}");
            let hits = [(sides[0] as f64 * inside) as u64, (sides[1] as f64 * outside) as u64];
            for (side, hits) in hits.into_iter().enumerate() {
                if hits > 0 {
                    tables.add(KeyKind::Attribute, &key, "a", side, hits);
                }
            }
            let rest = [sides[0] - hits[0], sides[1] - hits[1]];
            expected.push((key, divergence(&[hits, rest])));
        }
        let found = tables.differences();
        prop_assert!(found.is_sorted_by(|a, b| a.divergence >= b.divergence));
        for (key, by_itself) in expected {
            match found.iter().find(|difference| difference.key == key) {
                Some(difference) => prop_assert!((difference.divergence - by_itself).abs() < 0.02, "{key}"),
                None => prop_assert!(by_itself < 0.03, "{key} is missing: {by_itself}"),
            }
        }
    }
}

proptest! {
    // Each case starts an engine.
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// The predicate that counts and the test that sorts a row say the same.
    #[test]
    fn a_selection_holds_what_its_predicate_holds(
        from in prop::option::of(0i64..8), length in 1i64..8, least in 0i64..8, below in prop::option::of(1i64..9),
        outcome in prop::option::of(0usize..4),
    ) {
        let time = TimeRange { start: from, end: from.map(|from| from + length) };
        let outcome = outcome.and_then(|nth| WorstOutcome::named(WorstOutcome::NAMES[nth]));
        let selection = Selection { time, min_duration_ns: least, duration_below_ns: below, outcome };
        let codes = [200, 404, 429, 503];
        let cells = || (0..9i64).flat_map(|start| (-1..9i64).flat_map(move |ns| (0..4).map(move |code| (start, ns, code))));
        let all = [WorstOutcome::Ok, WorstOutcome::Error, WorstOutcome::Throttle, WorstOutcome::Fault];
        let expected = cells().filter(|(start, ns, code)| selection.contains(*start, *ns, all[*code])).count() as u64;
        let rows: Vec<Json> = cells()
            .enumerate()
            .map(|(nth, (start, ns, code))| json!({"trace_id": format!("{:032x}", nth + 1),
                "span_id": format!("{:016x}", nth + 1), "start_time_unix_nano": start, "duration_ns": ns,
                "attr_http_response_status_code": codes[code]}))
            .collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let found = runtime.block_on(async {
            let (_directory, store) = store().await;
            append(&store, Signal::Spans, &rows).await;
            let query = engine(&store).begin("test", None).await.expect("admitted");
            counts(&query, query.table(Signal::Spans).expect("a table"), selection).await.expect("counted")
        });
        prop_assert_eq!(found, [expected, rows.len() as u64 - expected]);
    }
}
