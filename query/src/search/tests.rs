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
