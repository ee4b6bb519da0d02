use serde::Deserialize;

use super::parser::{Subject, parse};
use super::trace_syntax::{Raw, trace_search};
use super::*;

/// One case of the corpus that the search box's parser is held to as well.
#[derive(Deserialize)]
struct Case {
    subject: String,
    input: String,
    meaning: Option<String>,
    error: Option<Expected>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Expected {
    start: usize,
    end: usize,
    message: String,
}

fn canonical(subject: Subject, text: &str) -> Result<String, SearchError> {
    let tree = parse(text, subject)?;
    Ok(match subject {
        Subject::Logs => tree
            .map(&mut |leaf| match leaf {
                Raw::Span(leaf) => Ok(leaf.clone()),
                Raw::Trace(leaf) => Err(leaf.clone()),
            })
            .expect("no traces in logs")
            .to_string(),
        Subject::Traces => trace_search(tree).to_string(),
    })
}

fn corpus() -> Vec<Case> {
    serde_json::from_str(include_str!("../../../tests/data/search/cases.json")).expect("cases")
}

fn subject(case: &Case) -> Subject {
    match case.subject.as_str() {
        "logs" => Subject::Logs,
        "traces" => Subject::Traces,
        other => panic!("subject {other}"),
    }
}

#[test]
fn every_case_of_the_corpus_means_what_it_says() {
    let cases = corpus();
    assert!(cases.len() >= 150);
    let mut failures = Vec::new();
    for case in &cases {
        let subject = subject(case);
        let got = canonical(subject, &case.input);
        let got_error =
            |error: &SearchError| Expected { start: error.at.start, end: error.at.end, message: error.message.clone() };
        let is_right = match (&got, &case.meaning, &case.error) {
            (Ok(got), Some(meaning), None) => got == meaning,
            (Err(got), None, Some(error)) => got_error(got) == *error && !got.hint.is_empty(),
            _ => false,
        };
        if !is_right {
            failures.push(format!(
                "{:?} {:?}: {got:?}, expected {:?} {:?}",
                case.subject, case.input, case.meaning, case.error
            ));
        }
        // The canonical text means itself.
        if let (Ok(text), true) = (&got, is_right) {
            assert_eq!(canonical(subject, text).as_ref(), Ok(text), "{}", case.input);
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

#[test]
fn values_that_a_key_cannot_have_are_refused_where_they_stand() {
    for (signal, text, at, part) in [
        (Signal::Spans, "a duration>500", (2, 14), "needs a number with a unit"),
        (Signal::Spans, "duration>fast", (0, 13), "needs a number with a unit"),
        (Signal::Spans, "status:bad", (0, 10), "unset, ok, error"),
        (Signal::Spans, "kind:x", (0, 6), "server"),
        (Signal::Spans, "outcome:bad", (0, 11), "ok, error, throttle, fault"),
        (Signal::Spans, "service>5", (0, 9), "is text"),
        (Signal::Spans, "k>abc", (0, 5), "needs a number"),
        (Signal::Spans, "k:/(/", (0, 5), "not a regular expression"),
        (Signal::Spans, "trace_id:xyz", (0, 12), "32 hex digits"),
        (Signal::Spans, "span_id:00", (0, 10), "16 hex digits"),
        (Signal::Spans, "trace.spans>x", (0, 13), "compared with a number"),
        (Signal::Spans, "trace.duration>5", (0, 16), "unit"),
        (Signal::Spans, "trace.partial:maybe", (0, 19), "true or not"),
        (Signal::Spans, "{a} {duration>5}", (5, 15), "unit"),
        (Signal::Spans, "{span.depth>x}", (1, 13), "whole number"),
        (Signal::Spans, "span.hop:*", (0, 10), "whole number"),
        (Signal::Spans, "a span.coverage>70%", (2, 19), "a number"),
        (Signal::Spans, "span.inferred:false", (0, 19), "true or not"),
        (Signal::Spans, "{a} => {span.path:slow}", (8, 22), "time, error, fault"),
        (Signal::Spans, "count({span.cause:*})>1", (7, 19), "time, error, fault"),
        (Signal::Logs, "severity>=loud", (0, 14), "trace, debug, info"),
        (Signal::Spans, "severity>=loud", (0, 14), "spans have no severity"),
        (Signal::Spans, "logs{severity>=loud}", (5, 19), "trace, debug, info, warn, error, fatal"),
        (Signal::Logs, "severity:25", (0, 11), "from 1 to 24"),
        (Signal::Logs, "span_id:a*", (0, 10), "16 hex digits"),
    ] {
        let error = explain(signal, text, TimeRange::default()).expect_err(text);
        assert_eq!(error.at, Some(at), "{text}: {error}");
        assert!(error.message.contains(part) && !error.hint.is_empty(), "{text}: {error}");
    }
}

#[test]
fn a_search_shows_the_sql_it_means() {
    for (signal, text, expected) in [
        (Signal::Logs, "timeout service:cart", "match(body, 'timeout') AND service = 'cart'"),
        (
            Signal::Logs,
            "severity>=warn -k:v",
            "severity_number BETWEEN 13 AND 24 AND (coalesce(attributes['k'], resource['k']) = 'v') IS NOT TRUE",
        ),
        (Signal::Logs, "it's", "match(body, 'it s')"),
        (Signal::Spans, "name:'x", "name = '''x'"),
        (Signal::Spans, "k>5", "coalesce(number(attributes['k']), number(resource['k'])) > 5"),
        (Signal::Spans, "duration>1.5s OR status:error", "(duration_ns > 1500000000 OR status = 'ERROR')"),
        (
            Signal::Spans,
            "{service:a} -{service:b}",
            "trace_id IN (SELECT trace_id FROM spans WHERE service = 'a') AND NOT trace_id IN (SELECT trace_id FROM spans WHERE service = 'b')",
        ),
    ] {
        let meaning = explain(signal, text, TimeRange::default()).expect(text);
        assert!(meaning.sql.contains(expected), "{text}: {}", meaning.sql);
    }
    let warned = explain(Signal::Logs, "duration:5", TimeRange::default()).expect("an attribute");
    assert_eq!(warned.warnings.len(), 1, "log records have no duration");
}

mod answers;
mod meaning;
mod rows;
mod trace_answers;
mod traces;
mod xray;
mod xray_answers;
mod xray_expressions;

#[test]
fn a_condition_on_a_trace_is_taken_apart() {
    let parts = |text: &str| {
        let parts = parts(Signal::Spans, text).expect("a search");
        parts.into_iter().map(|part| (part.condition, part.without)).collect::<Vec<_>>()
    };
    let pairs =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>();
    assert_eq!(
        parts("{service:a status:error} "),
        pairs(&[("{service:a}", "{status:error}"), ("{status:error}", "{service:a}")])
    );
    assert_eq!(parts("logs{service:a b}"), pairs(&[("logs{service:a}", "logs{b}"), ("logs{b}", "logs{service:a}")]));
    assert_eq!(
        parts("{a} => {b} => {c}"),
        pairs(&[("{a}", "{b} => {c}"), ("{b}", "{a} -> {c}"), ("{c}", "{a} => {b}")])
    );
    assert_eq!(parts("{a} -> {b}"), pairs(&[("{a}", "{b}"), ("{b}", "{a}")]));
    assert_eq!(parts("{a} {b}"), pairs(&[("{a}", "{b}"), ("{b}", "{a}")]));
    for single in ["{a}", "count({a b})>3", "trace.duration>1s"] {
        assert_eq!(parts(single).len(), 1, "{single}");
    }
}
