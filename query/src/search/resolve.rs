//! What the keys of a search mean for a signal: from `key:value` to a predicate on a column or an attribute.

use proto::{Signal, SpanId, TraceId, schema};
use regex::Regex;

use super::error::SearchError;
use super::place::{Place, place};
use super::syntax::{At, Comparison, Condition, FieldTest, Leaf, Pattern, Test, Tree, Value};
use crate::functions::severity_numbers;
use crate::time_param::parse_duration;

/// Integers from here on have neighbours that are the same `f64`.
const EXACT_FLOAT_MAX: u64 = 1 << 53;

/// A predicate that knows its column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Predicate {
    Exists(Source),
    Equals(Source, String),
    /// Equal as text or as a number.
    EqualsNumber(Source, String, Number),
    /// The whole value fits.
    Like(Source, Pattern),
    /// Some part of the value fits.
    Regex {
        source: Source,
        pattern: String,
        ignore_case: bool,
    },
    CompareNumber(Source, Comparison, Number),
    /// Each word occurs in one of the columns.
    Words {
        columns: &'static [&'static str],
        words: Vec<String>,
    },
    /// The words occur next to each other in one of the columns.
    Phrase {
        columns: &'static [&'static str],
        words: Vec<String>,
    },
    /// A word that fits occurs in one of the columns.
    WordPattern {
        columns: &'static [&'static str],
        pattern: Pattern,
    },
    Integer {
        column: &'static str,
        op: Comparison,
        value: i64,
    },
    /// Both inclusive.
    IntegerBetween {
        column: &'static str,
        first: i64,
        last: i64,
    },
    Id {
        column: &'static str,
        bytes: Vec<u8>,
    },
    Outcome(OutcomeName),
}

/// A condition on a span of a trace whose other spans are at hand.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Placed {
    Column(Predicate),
    Place(Place),
}

/// Where a text comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Of the physical table; a text.
    Column(&'static str),
    /// An id: only its existence is asked for.
    IdColumn(&'static str),
    Attribute {
        key: String,
        of: Owner,
    },
    /// An attribute of the span, or of the last of its events that has it.
    Event(&'static str),
}

/// Whose attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The record's, or the resource's when the record has none.
    RecordOrResource,
    Record,
    Resource,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Float(f64),
    /// Too large to be exact as a float.
    Integer(i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OutcomeName {
    Ok,
    Error,
    Throttle,
    Fault,
}

pub(crate) const OUTCOMES: [(&str, OutcomeName); 4] = [
    ("ok", OutcomeName::Ok),
    ("error", OutcomeName::Error),
    ("throttle", OutcomeName::Throttle),
    ("fault", OutcomeName::Fault),
];
const STATUSES: [&str; 3] = ["unset", "ok", "error"];
const KINDS: [&str; 6] = ["unspecified", "internal", "server", "client", "producer", "consumer"];

/// What a key is.
enum Field {
    /// Short text, equal as a whole.
    Text(&'static str),
    /// Long text, searched by words.
    Long(&'static [&'static str]),
    /// One of a few words, upper-cased in the column.
    Word(&'static str, &'static [&'static str]),
    Severity,
    Duration,
    TraceId,
    SpanId(&'static str),
    Outcome,
    Attribute(String, Owner),
    Exception(&'static str),
}

/// Keys that are columns of a signal, as people type them.
pub(crate) fn known_keys(signal: Signal) -> &'static [&'static str] {
    match signal {
        Signal::Spans => &[
            "service",
            "name",
            "status",
            "duration",
            "outcome",
            "kind",
            "status_message",
            "trace_id",
            "span_id",
            "parent_span_id",
            "scope_name",
            "scope_version",
        ],
        Signal::Logs => &[
            "service",
            "severity",
            "body",
            "trace_id",
            "span_id",
            "event_name",
            "severity_text",
            "scope_name",
            "scope_version",
        ],
    }
}

fn field(signal: Signal, key: &str) -> Field {
    use Signal::{Logs, Spans};
    match (signal, key) {
        (_, "service") => Field::Text(schema::SERVICE),
        (_, "trace_id") => Field::TraceId,
        (_, "span_id") => Field::SpanId(schema::SPAN_ID),
        (_, "scope_name") => Field::Text(schema::SCOPE_NAME),
        (_, "scope_version") => Field::Text(schema::SCOPE_VERSION),
        (Spans, "name" | "operation") => Field::Text(schema::NAME),
        (Spans, "status") => Field::Word(schema::STATUS, &STATUSES),
        (Spans, "kind") => Field::Word(schema::KIND, &KINDS),
        (Spans, "duration") => Field::Duration,
        (Spans, "outcome") => Field::Outcome,
        (Spans, "status_message") => Field::Long(&[schema::STATUS_MESSAGE]),
        (Spans, "parent_span_id") => Field::SpanId(schema::PARENT_SPAN_ID),
        (Logs, "severity") => Field::Severity,
        (Logs, "body") => Field::Long(&[schema::BODY]),
        (Logs, "event_name") => Field::Text(schema::EVENT_NAME),
        (Logs, "severity_text") => Field::Text(schema::SEVERITY_TEXT),
        // Exceptions are recorded as events.
        (Spans, "exception.type") => Field::Exception("exception.type"),
        (Spans, "exception.message") => Field::Exception("exception.message"),
        (Spans, "exception.stacktrace") => Field::Exception("exception.stacktrace"),
        _ => match (key.strip_prefix("attributes."), key.strip_prefix("resource.")) {
            (Some(key), _) if !key.is_empty() => Field::Attribute(key.to_owned(), Owner::Record),
            (_, Some(key)) if !key.is_empty() => Field::Attribute(key.to_owned(), Owner::Resource),
            _ => Field::Attribute(key.to_owned(), Owner::RecordOrResource),
        },
    }
}

/// What the values of a key are.
pub(crate) enum KeyValues {
    Text(Source),
    Severity,
    Outcome,
}

/// `None` for ids and durations, whose values nobody chooses from a list.
pub(crate) fn value_of(signal: Signal, key: &str) -> Option<KeyValues> {
    Some(match field(signal, key) {
        Field::Text(column) | Field::Word(column, _) => KeyValues::Text(Source::Column(column)),
        Field::Attribute(key, of) => KeyValues::Text(Source::Attribute { key, of }),
        Field::Exception(key) => KeyValues::Text(Source::Event(key)),
        Field::Severity => KeyValues::Severity,
        Field::Outcome => KeyValues::Outcome,
        Field::Long(_) | Field::Duration | Field::TraceId | Field::SpanId(_) => return None,
    })
}

/// The columns in which words are looked for.
pub(crate) fn text_columns(signal: Signal) -> &'static [&'static str] {
    signal.spec().text_columns
}

/// Errors: a value that its key cannot have.
pub(crate) fn resolve(signal: Signal, condition: &Condition) -> Result<Tree<Predicate>, SearchError> {
    condition.map(&mut |leaf| resolve_leaf(signal, leaf))
}

/// The same for spans of whole traces, whose places count too.
pub(crate) fn resolve_placed(condition: &Condition) -> Result<Tree<Placed>, SearchError> {
    condition.map(&mut |leaf| {
        if let Leaf::Field(test) = leaf
            && let Some(place) = place(test)
        {
            return Ok(Placed::Place(place?));
        }
        Ok(Placed::Column(resolve_leaf(Signal::Spans, leaf)?))
    })
}

/// What its author may not have meant, one sentence each.
pub(crate) fn warnings(signal: Signal, condition: &Condition) -> Vec<String> {
    let mut warnings = Vec::new();
    let other = match signal {
        Signal::Spans => Signal::Logs,
        Signal::Logs => Signal::Spans,
    };
    let _ = condition.map(&mut |leaf| {
        if let Leaf::Field(test) = leaf {
            let key = test.key.as_str();
            if known_keys(other).contains(&key) && !known_keys(signal).contains(&key) {
                let of = if signal == Signal::Spans { "spans" } else { "log records" };
                warnings.push(format!("{of} have no {key}: it is read as the attribute {key}"));
            }
        }
        Ok::<(), ()>(())
    });
    warnings
}

fn resolve_leaf(signal: Signal, leaf: &Leaf) -> Result<Predicate, SearchError> {
    let columns = text_columns(signal);
    Ok(match leaf {
        Leaf::Words(text) => Predicate::Words { columns, words: storage::words(text).collect() },
        Leaf::Phrase(text) => Predicate::Phrase { columns, words: storage::words(text).collect() },
        Leaf::WordPattern(pattern) => Predicate::WordPattern { columns, pattern: pattern.clone() },
        Leaf::Field(test) => return resolve_field(signal, test),
    })
}

fn resolve_field(signal: Signal, test: &FieldTest) -> Result<Predicate, SearchError> {
    match field(signal, &test.key) {
        Field::Text(column) => text_test(Source::Column(column), test, false),
        Field::Attribute(key, of) => text_test(Source::Attribute { key, of }, test, true)
            .map_err(|error| about_other_signal(signal, test, error)),
        Field::Exception(key) => text_test(Source::Event(key), test, true),
        Field::Long(columns) => long_test(columns, test),
        Field::Word(column, words) => word_test(column, words, test),
        Field::Severity => severity_test(test),
        Field::Duration => duration_test(test),
        Field::TraceId => id_test(schema::TRACE_ID, test, "32 hex digits, not all zero", |text| {
            text.parse().ok().map(|id: TraceId| id.as_bytes().to_vec())
        }),
        Field::SpanId(column) => id_test(column, test, "16 hex digits, not all zero", |text| {
            text.parse().ok().map(|id: SpanId| id.as_bytes().to_vec())
        }),
        Field::Outcome => outcome_test(test),
    }
}

fn text_test(source: Source, test: &FieldTest, may_be_number: bool) -> Result<Predicate, SearchError> {
    Ok(match &test.test {
        Test::Exists => Predicate::Exists(source),
        Test::Has(value) | Test::Is(value) => match value {
            Value::Bare(text) => match number(text).filter(|_| may_be_number) {
                Some(number) => Predicate::EqualsNumber(source, text.clone(), number),
                None => Predicate::Equals(source, text.clone()),
            },
            Value::Quoted(text) => Predicate::Equals(source, text.clone()),
            Value::Pattern(pattern) => Predicate::Like(source, pattern.clone()),
            Value::Regex { pattern, ignore_case } => regex(source, pattern, *ignore_case, test.at)?,
        },
        Test::Compare(op, value) => match (value, may_be_number) {
            (Value::Bare(text) | Value::Quoted(text), true) => match number(text) {
                Some(number) => Predicate::CompareNumber(source, *op, number),
                None => return Err(needs_number(test, *op)),
            },
            (_, true) => return Err(needs_number(test, *op)),
            (_, false) => {
                let message = format!("{} is text: {} compares numbers", test.key, op.text());
                return Err(SearchError::new(test.at, message, format!("write {0}:value or {0}:a*", test.key)));
            }
        },
    })
}

/// An attribute that is a key of the other signal was mostly meant to be that.
fn about_other_signal(signal: Signal, test: &FieldTest, error: SearchError) -> SearchError {
    match (signal, test.key.as_str()) {
        (Signal::Spans, "severity") => SearchError {
            message: format!("spans have no severity; as an attribute, {}", error.message),
            hint: "ask for log records of a trace: logs{severity>=warn}, of trace, debug, info, warn, error, fatal or 1 to 24"
                .to_owned(),
            ..error
        },
        _ => error,
    }
}

fn needs_number(test: &FieldTest, op: Comparison) -> SearchError {
    let message = format!("{}{} needs a number", test.key, op.text());
    SearchError::new(test.at, message, format!("write {0}{1}500, or {0}:value for text", test.key, op.text()))
}

fn regex(source: Source, pattern: &str, ignore_case: bool, at: At) -> Result<Predicate, SearchError> {
    match Regex::new(pattern) {
        Ok(_) => Ok(Predicate::Regex { source, pattern: pattern.to_owned(), ignore_case }),
        Err(error) => {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            let hint = "mend it, or put a path in quotes: key:\"/a/\"";
            Err(SearchError::new(at, format!("not a regular expression: {reason}"), hint))
        }
    }
}

fn number(text: &str) -> Option<Number> {
    let looks_like_one = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+' | b'e' | b'E'))
        && text.bytes().any(|b| b.is_ascii_digit());
    if !looks_like_one {
        return None;
    }
    match text.parse::<i64>() {
        Ok(value) if value.unsigned_abs() >= EXACT_FLOAT_MAX => Some(Number::Integer(value)),
        _ => text.parse().ok().filter(|value: &f64| value.is_finite()).map(Number::Float),
    }
}

fn long_test(columns: &'static [&'static str], test: &FieldTest) -> Result<Predicate, SearchError> {
    let source = || Source::Column(columns[0]);
    Ok(match &test.test {
        Test::Exists => Predicate::Exists(source()),
        // A value without words asks for nothing but a value.
        Test::Has(Value::Bare(text) | Value::Quoted(text)) if storage::words(text).next().is_none() => {
            Predicate::Exists(source())
        }
        Test::Has(Value::Bare(text)) => Predicate::Words { columns, words: storage::words(text).collect() },
        Test::Has(Value::Quoted(text)) => Predicate::Phrase { columns, words: storage::words(text).collect() },
        Test::Has(Value::Pattern(pattern)) => Predicate::WordPattern { columns, pattern: pattern.clone() },
        _ => return text_test(source(), test, false),
    })
}

fn word_test(column: &'static str, words: &[&str], test: &FieldTest) -> Result<Predicate, SearchError> {
    let unknown = || {
        let known = words.join(", ");
        SearchError::new(test.at, format!("{} is one of {known}", test.key), format!("write {}:{}", test.key, words[1]))
    };
    match &test.test {
        Test::Exists => Ok(Predicate::Exists(Source::Column(column))),
        Test::Has(Value::Bare(text) | Value::Quoted(text)) | Test::Is(Value::Bare(text) | Value::Quoted(text)) => {
            let word = words.iter().find(|word| word.eq_ignore_ascii_case(text)).ok_or_else(unknown)?;
            Ok(Predicate::Equals(Source::Column(column), word.to_ascii_uppercase()))
        }
        _ => Err(unknown()),
    }
}

fn severity_test(test: &FieldTest) -> Result<Predicate, SearchError> {
    let column = schema::SEVERITY_NUMBER;
    let unknown = || {
        let message = "severity is one of trace, debug, info, warn, error, fatal, or a number from 1 to 24";
        SearchError::new(test.at, message, "write severity>=warn")
    };
    let numbers = |value: &Value| match value {
        Value::Bare(text) | Value::Quoted(text) => severity_of(text).ok_or_else(unknown),
        _ => Err(unknown()),
    };
    let between = |first, last| Predicate::IntegerBetween { column, first, last };
    Ok(match &test.test {
        Test::Exists => between(1, 24),
        Test::Has(value) | Test::Is(value) => {
            let (first, last) = numbers(value)?;
            between(first, last)
        }
        Test::Compare(op, value) => {
            let (first, last) = numbers(value)?;
            match op {
                Comparison::Greater => between(last + 1, 24),
                Comparison::GreaterOrEqual => between(first, 24),
                Comparison::Less => between(1, first - 1),
                Comparison::LessOrEqual => between(1, last),
                Comparison::Equal | Comparison::NotEqual => between(first, last),
            }
        }
    })
}

/// First and last number of a name, or a number itself.
fn severity_of(text: &str) -> Option<(i64, i64)> {
    if let Ok(number) = text.parse::<i64>() {
        return (1..=24).contains(&number).then_some((number, number));
    }
    let upper = text.to_ascii_uppercase();
    let name = if upper == "WARNING" { "WARN" } else { &upper };
    severity_numbers(name).map(|(first, last)| (i64::from(first), i64::from(last)))
}

fn duration_test(test: &FieldTest) -> Result<Predicate, SearchError> {
    let column = schema::DURATION_NS;
    match &test.test {
        Test::Exists => Ok(Predicate::Integer { column, op: Comparison::GreaterOrEqual, value: i64::MIN }),
        Test::Has(value) | Test::Is(value) => {
            Ok(Predicate::Integer { column, op: Comparison::Equal, value: duration(test, value)? })
        }
        Test::Compare(op, value) => Ok(Predicate::Integer { column, op: *op, value: duration(test, value)? }),
    }
}

/// Nanoseconds. A unit is needed: what a bare number would be differs between tools.
pub(super) fn duration(test: &FieldTest, value: &Value) -> Result<i64, SearchError> {
    let wrong = |hint: String| SearchError::new(test.at, format!("{} needs a number with a unit", test.key), hint);
    let units = "units are ns, us, ms, s, m, h, d, w";
    match value {
        Value::Bare(text) | Value::Quoted(text) => {
            if text == "0" {
                return Ok(0);
            }
            if number(text).is_some() {
                return Err(wrong(format!("write {}>{text}ms; {units}", test.key)));
            }
            let text = text.replace("\u{b5}s", "us").replace("\u{3bc}s", "us");
            parse_duration("duration", &text).map_err(|_| wrong(format!("write {}>500ms; {units}", test.key)))
        }
        _ => Err(wrong(format!("write {}>500ms; {units}", test.key))),
    }
}

fn id_test(
    column: &'static str,
    test: &FieldTest,
    form: &str,
    parse: impl Fn(&str) -> Option<Vec<u8>>,
) -> Result<Predicate, SearchError> {
    let wrong = || SearchError::new(test.at, format!("{} is {form}", test.key), "copy the whole id");
    match &test.test {
        Test::Exists => Ok(Predicate::Exists(Source::IdColumn(column))),
        Test::Has(Value::Bare(text) | Value::Quoted(text)) | Test::Is(Value::Bare(text) | Value::Quoted(text)) => {
            let digits = text.replace('-', "").to_ascii_lowercase();
            Ok(Predicate::Id { column, bytes: parse(&digits).ok_or_else(wrong)? })
        }
        _ => Err(wrong()),
    }
}

fn outcome_test(test: &FieldTest) -> Result<Predicate, SearchError> {
    let unknown = || SearchError::new(test.at, "outcome is one of ok, error, throttle, fault", "write outcome:fault");
    match &test.test {
        Test::Has(Value::Bare(text) | Value::Quoted(text)) | Test::Is(Value::Bare(text) | Value::Quoted(text)) => {
            let found = OUTCOMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
            found.map(|(_, outcome)| Predicate::Outcome(*outcome)).ok_or_else(unknown)
        }
        _ => Err(unknown()),
    }
}
