//! What the language says, without columns, plans or indexes.

use proto::Signal;

use super::rows::Row;
use crate::functions::severity_numbers;
use crate::search::syntax::{Comparison, Condition, FieldTest, Leaf, Pattern, Test, Value};

pub(super) fn holds(signal: Signal, condition: &Condition, row: &Row) -> bool {
    condition.holds(&mut |leaf| match leaf {
        Leaf::Words(text) => {
            storage::words(text).all(|word| texts(signal, row).any(|text| words(text).contains(&word)))
        }
        Leaf::Phrase(text) => texts(signal, row).any(|within| has_phrase(within, text)),
        Leaf::WordPattern(pattern) => texts(signal, row).any(|text| has_fitting_word(text, pattern)),
        Leaf::Field(test) => field_holds(signal, test, row),
    })
}

impl Row {
    /// Whether it ended so: `ok`, `error`, `throttle`, `fault`.
    pub(super) fn is(&self, outcome: &str) -> bool {
        let error = self.code.is_some_and(|code| (400..500).contains(&code));
        let fault = self.code.is_some_and(|code| code >= 500) || (self.status == "ERROR" && !error);
        match outcome {
            "error" => error,
            "throttle" => self.code == Some(429),
            "fault" => fault,
            _ => !error && !fault,
        }
    }
}

fn texts(signal: Signal, row: &Row) -> impl Iterator<Item = &'static str> {
    let message = row.status_message.filter(|_| signal == Signal::Spans);
    row.text.into_iter().chain(message)
}

fn words(text: &str) -> Vec<String> {
    storage::words(text).collect()
}

fn has_phrase(text: &str, phrase: &str) -> bool {
    let (words, phrase) = (words(text), words(phrase));
    phrase.is_empty() || words.windows(phrase.len()).any(|window| window == phrase)
}

fn has_fitting_word(text: &str, pattern: &Pattern) -> bool {
    words(text).iter().any(|word| fits(word, &Pattern(pattern.0.iter().map(|piece| piece.to_lowercase()).collect())))
}

/// The whole text, with any text for each asterisk.
fn fits(text: &str, Pattern(pieces): &Pattern) -> bool {
    let (first, rest) = pieces.split_first().expect("pieces");
    let (last, middle) = rest.split_last().expect("at least two");
    let Some(mut left) = text.strip_prefix(first.as_str()) else { return false };
    for piece in middle {
        let Some(at) = left.find(piece.as_str()) else { return false };
        left = &left[at + piece.len()..];
    }
    left.ends_with(last.as_str())
}

fn field_holds(signal: Signal, test: &FieldTest, row: &Row) -> bool {
    let number_of = |text: &str| text.parse::<f64>().ok();
    let (key, test) = (test.key.as_str(), &test.test);
    let code = row.code.map(|code| code.to_string());
    match (signal, key) {
        (_, "service") => text_holds(Some(row.service).filter(|service| !service.is_empty()), test, false),
        (Signal::Spans, "name") => text_holds(row.text, test, false),
        (Signal::Spans, "status") => {
            matches!(test, Test::Has(Value::Bare(text)) if text.eq_ignore_ascii_case(row.status))
        }
        (Signal::Spans, "kind") => match test {
            Test::Has(Value::Bare(text)) => text.eq_ignore_ascii_case(row.kind),
            _ => *test == Test::Exists,
        },
        (Signal::Spans, "outcome") => {
            let Test::Has(Value::Bare(name)) = test else { panic!("{test:?}") };
            row.is(name)
        }
        (Signal::Spans, "exception.type") => text_holds(row.exception, test, false),
        (_, "scope_name") => text_holds(row.scope, test, false),
        (_, "span_id") => match test {
            Test::Has(Value::Bare(text)) => u64::from_str_radix(text, 16) == Ok(row.span_id),
            _ => *test == Test::Exists,
        },
        (Signal::Spans, "status_message") => long_holds(row.status_message, test),
        (Signal::Logs, "body") => long_holds(row.text, test),
        (Signal::Spans, "duration") => {
            let ns = |value: &Value| match value {
                Value::Bare(text) => {
                    let known = [("0", 0), ("1ms", 1_000_000), ("2s", 2_000_000_000), ("999us", 999_000), ("2ns", 2)];
                    known.iter().find(|(known, _)| known == text).map(|(_, ns)| *ns)
                }
                _ => None,
            };
            match test {
                Test::Is(value) => ns(value) == Some(row.duration),
                Test::Compare(op, value) => op.holds(row.duration, ns(value).expect("a known duration")),
                other => panic!("{other:?}"),
            }
        }
        (Signal::Logs, "severity") => {
            if row.severity == 0 {
                return false;
            }
            let range = |value: &Value| match value {
                Value::Bare(text) => match text.parse::<i32>() {
                    Ok(number) => (number, number),
                    Err(_) => severity_numbers(&text.to_uppercase()).expect("a name"),
                },
                other => panic!("{other:?}"),
            };
            match test {
                Test::Exists => true,
                Test::Has(value) | Test::Is(value) => {
                    let (first, last) = range(value);
                    (first..=last).contains(&row.severity)
                }
                Test::Compare(Comparison::Greater, value) => row.severity > range(value).1,
                Test::Compare(Comparison::GreaterOrEqual, value) => row.severity >= range(value).0,
                Test::Compare(Comparison::Less, value) => row.severity < range(value).0,
                Test::Compare(_, value) => row.severity <= range(value).1,
            }
        }
        (_, "http.response.status_code") => text_holds(code.as_deref(), test, true),
        (_, "k" | "attributes.k" | "resource.k") => {
            let (record, resource) =
                (row.k.filter(|_| key != "resource.k"), row.k_of_resource.filter(|_| key != "attributes.k"));
            if let Test::Compare(op, Value::Bare(text)) = test {
                let number = record.and_then(number_of).or_else(|| resource.and_then(number_of));
                return number.is_some_and(|number| op.holds(number, number_of(text).expect("a number")));
            }
            if let Test::Has(Value::Bare(text)) | Test::Is(Value::Bare(text)) = test
                && let Some(wanted) = number_of(text)
            {
                let number = record.and_then(number_of).or_else(|| resource.and_then(number_of));
                return number == Some(wanted) || record.or(resource) == Some(text);
            }
            text_holds(record.or(resource), test, true)
        }
        other => panic!("{other:?}"),
    }
}

fn text_holds(text: Option<&str>, test: &Test, may_be_number: bool) -> bool {
    // An empty service is none to `service:*` and equal to nothing that is searched for here.
    let Some(text) = text else { return false };
    match test {
        Test::Exists => true,
        Test::Has(value) | Test::Is(value) => match value {
            Value::Bare(wanted) => {
                let as_number = may_be_number && wanted.parse::<f64>().is_ok_and(|wanted| text.parse() == Ok(wanted));
                text == wanted || as_number
            }
            Value::Quoted(wanted) => text == wanted,
            Value::Pattern(pattern) => fits(text, pattern),
            Value::Regex { pattern, ignore_case } => {
                let pattern = if *ignore_case { format!("(?i){pattern}") } else { pattern.clone() };
                regex::Regex::new(&pattern).expect("valid").is_match(text)
            }
        },
        Test::Compare(op, Value::Bare(wanted)) => {
            text.parse::<f64>().is_ok_and(|number| op.holds(number, wanted.parse().expect("a number")))
        }
        other => panic!("{other:?}"),
    }
}

fn long_holds(text: Option<&str>, test: &Test) -> bool {
    let Some(within) = text else { return false };
    match test {
        Test::Has(Value::Bare(wanted)) => words(wanted).iter().all(|word| words(within).contains(word)),
        Test::Has(Value::Quoted(phrase)) => has_phrase(within, phrase),
        Test::Has(Value::Pattern(pattern)) => has_fitting_word(within, pattern),
        _ => text_holds(text, test, false),
    }
}
