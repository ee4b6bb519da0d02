//! What a span's place in its trace says: conditions that no row can answer alone.
//!
//! | key | of a span |
//! |---|---|
//! | `span.depth` | how many spans stand above it, as far as they are known: 0 for a root |
//! | `span.hop` | how often the service changes on the way down to it |
//! | `span.coverage` | its duration divided by that of the trace's root: 0.7 is 70 % |
//! | `span.inferred:true` | it calls what sends no spans itself: a client or producer span that names a callee, with no child that another service, or a span of any kind but internal, has answered with |
//! | `span.path:fault` | it lies on the way from the top to a root cause of a fault (`error` and `time` likewise) |
//! | `span.cause:fault` | it is such a root cause |
//! | `span.cause_service:fault` | it lies on the way, in the service of the root cause; of no span when the root cause is a call to what sends no spans |
//!
//! A *root cause* of faults (errors) is the farthest failing span downstream: it is a fault and nothing below it is one.
//! A trace has as many as there are such spans. That of the response time is one span: from the root the way goes down to
//! the child that took longest (while its parent ran) as long as that is more than the parent took for itself.

use super::error::SearchError;
use super::syntax::{Comparison, FieldTest, Test, Value};

/// All keys of this file. An attribute of such a name is `attributes.span.depth`.
pub(crate) const PLACE_KEYS: [&str; 7] =
    ["span.depth", "span.hop", "span.coverage", "span.inferred", "span.path", "span.cause", "span.cause_service"];

/// A condition on the place of a span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    Depth(Comparison, i64),
    Hop(Comparison, i64),
    Coverage(Comparison, f64),
    Inferred,
    Path(Cause),
    Cause(Cause),
    CauseService(Cause),
}

/// What a root cause is one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Time,
    Error,
    Fault,
}

impl Cause {
    pub(super) const ALL: [Cause; 3] = [Cause::Time, Cause::Error, Cause::Fault];

    pub(super) fn text(self) -> &'static str {
        match self {
            Cause::Time => "time",
            Cause::Error => "error",
            Cause::Fault => "fault",
        }
    }
}

pub(super) fn is_place(key: &str) -> bool {
    PLACE_KEYS.contains(&key)
}

/// `None` when the key is no place. Errors: a value that the key cannot have.
pub(super) fn place(test: &FieldTest) -> Option<Result<Place, SearchError>> {
    Some(match test.key.as_str() {
        "span.depth" => whole_number(test).map(|(op, number)| Place::Depth(op, number)),
        "span.hop" => whole_number(test).map(|(op, number)| Place::Hop(op, number)),
        "span.coverage" => number(test, "write span.coverage>0.7").map(|(op, number)| Place::Coverage(op, number)),
        "span.inferred" => inferred(test),
        "span.path" => cause(test).map(Place::Path),
        "span.cause" => cause(test).map(Place::Cause),
        "span.cause_service" => cause(test).map(Place::CauseService),
        _ => return None,
    })
}

fn compared(test: &FieldTest) -> Option<(Comparison, &str)> {
    match &test.test {
        Test::Has(Value::Bare(text)) | Test::Is(Value::Bare(text)) => Some((Comparison::Equal, text)),
        Test::Compare(op, Value::Bare(text)) => Some((*op, text)),
        _ => None,
    }
}

fn whole_number(test: &FieldTest) -> Result<(Comparison, i64), SearchError> {
    let found = compared(test).and_then(|(op, text)| Some((op, text.parse().ok()?)));
    found.ok_or_else(|| {
        let message = format!("{} is compared with a whole number", test.key);
        SearchError::new(test.at, message, format!("write {}>5", test.key))
    })
}

fn number(test: &FieldTest, hint: &str) -> Result<(Comparison, f64), SearchError> {
    let found = compared(test).and_then(|(op, text)| Some((op, text.parse::<f64>().ok().filter(|n| n.is_finite())?)));
    found.ok_or_else(|| SearchError::new(test.at, format!("{} is compared with a number", test.key), hint))
}

fn inferred(test: &FieldTest) -> Result<Place, SearchError> {
    match compared(test) {
        Some((Comparison::Equal, "true")) => Ok(Place::Inferred),
        _ => {
            let hint = "write span.inferred:true or -span.inferred:true";
            Err(SearchError::new(test.at, "span.inferred is true or not", hint))
        }
    }
}

fn cause(test: &FieldTest) -> Result<Cause, SearchError> {
    let named = |(op, text): (Comparison, &str)| match op {
        Comparison::Equal => Cause::ALL.into_iter().find(|cause| cause.text() == text),
        _ => None,
    };
    compared(test).and_then(named).ok_or_else(|| {
        let message = format!("{} is one of time, error, fault", test.key);
        SearchError::new(test.at, message, format!("write {}:fault", test.key))
    })
}
