//! Filter expressions of X-Ray and what they mean, from the corpus, whose meanings the search box's parser reads too.

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Case {
    input: String,
    /// In our own language.
    meaning: Option<String>,
    /// It is no expression of X-Ray but a search of our own.
    #[serde(default)]
    ours: bool,
    /// What a warning says that keeps a search of our own from being an expression.
    doubt: Option<String>,
    error: Option<Expected>,
}

fn corpus() -> Vec<Case> {
    serde_json::from_str(include_str!("../../../../tests/data/search/xray.json")).expect("cases")
}

#[test]
fn every_expression_of_the_corpus_means_what_it_says() {
    let cases = corpus();
    let mut failures = Vec::new();
    for case in &cases {
        let got = parse_traces(&case.input).map(|(search, is_xray)| (search.to_string(), is_xray));
        let is_right = match (&got, &case.meaning, &case.error) {
            (Ok((got, true)), Some(meaning), None) => got == meaning,
            (Ok((_, false)), None, None) => case.ours,
            (Err(got), None, Some(expected)) => {
                let at = Expected { start: got.at.start, end: got.at.end, message: got.message.clone() };
                at == *expected && !got.hint.is_empty()
            }
            _ => false,
        };
        if !is_right {
            failures.push(format!("{}: {got:?}, expected {:?} {:?}", case.input, case.meaning, case.error));
        }
        let note = reading_note(&case.input).unwrap_or_default();
        let is_said = match (&case.meaning, &case.doubt) {
            (Some(_), _) => note.starts_with("read as a filter expression of X-Ray"),
            (None, Some(doubt)) => note.starts_with("not read as") && note.contains(doubt),
            (None, None) => note.is_empty(),
        };
        if !is_said {
            failures.push(format!("{}: the note {note:?}, expected {:?}", case.input, case.doubt));
        }
        if let (true, Some(meaning)) = (is_right, &case.meaning) {
            let again = parse_traces(meaning).map(|(search, is_xray)| (search.to_string(), is_xray));
            assert_eq!(again, Ok((meaning.clone(), false)), "its meaning means itself");
            explain(Signal::Spans, &case.input, TimeRange::default()).expect("values that the keys can have");
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

/// All keywords of the reference (<https://docs.aws.amazon.com/xray/latest/devguide/xray-console-filters.html>).
#[test]
fn every_keyword_of_the_reference_is_in_the_corpus() {
    let keywords = [
        "ok",
        "error",
        "throttle",
        "fault",
        "partial",
        "inferred",
        "first",
        "last",
        "remote",
        "root",
        "responsetime",
        "duration",
        "http.status",
        "index",
        "coverage",
        "http.url",
        "http.method",
        "http.useragent",
        "http.clientip",
        "user",
        "name",
        "type",
        "message",
        "availabilityzone",
        "instance.id",
        "resource.arn",
        "annotation.",
        "annotation[",
        "edge(",
        "service(",
        "id(",
        "account.id",
        "group.name",
        "group.arn",
        "rootcause.json",
        "rootcause.fault.service",
        "rootcause.fault.entity",
        "rootcause.fault.exception",
        "rootcause.error.service",
        "rootcause.error.entity",
        "rootcause.responsetime.service",
        "rootcause.responsetime.entity",
        "CONTAINS",
        "BEGINSWITH",
        "ENDSWITH",
    ];
    let cases = corpus();
    for keyword in keywords {
        assert!(cases.iter().any(|case| !case.ours && case.input.contains(keyword)), "{keyword}");
    }
}

#[test]
fn a_word_that_x_ray_would_read_is_taken_apart_as_a_word() {
    for part in parts(Signal::Spans, "error OK timeout").expect("words") {
        for text in [&part.condition, &part.without] {
            let (search, is_xray) = parse_traces(text).expect("a search");
            assert!(!is_xray && !search.to_string().contains("root"), "{text}");
        }
        assert!(predicate(Signal::Spans, &part.condition).expect("a search").is_some(), "{part:?}");
    }
}
