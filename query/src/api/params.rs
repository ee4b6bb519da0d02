//! Parameters of an address, read by name; what nobody asked for is an error.

use std::time::{SystemTime, UNIX_EPOCH};

use proto::{SpanId, TimeRange, TraceId, UnixNanos};
use url::form_urlencoded;

use crate::cursor::{self, Asked};
use crate::error::QueryError;
use crate::filter::AttributeFilter;
use crate::functions::severity_numbers;
use crate::time_param::{parse_duration, parse_range, parse_time};

/// `attr` conditions of one search.
const ATTRIBUTES_MAX: usize = 32;

/// Parameters that have not been read yet.
pub(super) struct Params {
    left: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl Params {
    pub(super) fn of(query: Option<&str>) -> Self {
        let left = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
        Self { left, known: Vec::new() }
    }

    /// All values of a parameter.
    fn take_all(&mut self, name: &'static str) -> Vec<String> {
        self.known.push(name);
        let (taken, left) = std::mem::take(&mut self.left).into_iter().partition(|(key, _)| key == name);
        self.left = left;
        let taken: Vec<(String, String)> = taken;
        taken.into_iter().map(|(_, value)| value).collect()
    }

    /// The value of a parameter that may be given once. An empty one counts as absent: forms send those.
    pub(super) fn take(&mut self, name: &'static str) -> Result<Option<String>, QueryError> {
        let mut values = self.take_all(name);
        if values.len() > 1 {
            return Err(QueryError::bad_request(
                format!("parameter {name} is given {} times", values.len()),
                "give it once",
            ));
        }
        Ok(values.pop().filter(|value| !value.is_empty()))
    }

    /// The value of a parameter that is still to be taken.
    pub(super) fn peek(&self, name: &str) -> Option<String> {
        self.left.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    }

    /// Called when all have been taken.
    pub(super) fn finish(self) -> Result<(), QueryError> {
        let Some((name, _)) = self.left.first() else { return Ok(()) };
        let name: String = name.chars().take(64).collect();
        let known = match self.known[..] {
            [] => "leave it out: there are none".to_owned(),
            _ => format!("known are {}", self.known.join(", ")),
        };
        Err(QueryError::bad_request(format!("parameter {name:?} is not known here"), known))
    }

    pub(super) fn range(&mut self) -> Result<TimeRange, QueryError> {
        let (from, to) = (self.take("from")?, self.take("to")?);
        parse_range(from.as_deref(), to.as_deref(), now())
    }

    /// Forms as in [`Params::range`].
    pub(super) fn time(&mut self, name: &'static str) -> Result<Option<UnixNanos>, QueryError> {
        self.take(name)?.map(|text| parse_time(name, &text, now())).transpose()
    }

    /// `default` when absent; from 1 to `max`.
    pub(super) fn count(&mut self, name: &'static str, default: usize, max: usize) -> Result<usize, QueryError> {
        let Some(text) = self.take(name)? else { return Ok(default) };
        text.parse().ok().filter(|count| (1..=max).contains(count)).ok_or_else(|| {
            refused(name, &text, "a count that is possible here", format!("give a number from 1 to {max}"))
        })
    }

    /// None when absent; from 1 to `max`.
    pub(super) fn optional_count(&mut self, name: &'static str, max: usize) -> Result<Option<usize>, QueryError> {
        let count = self.count(name, 0, max)?;
        Ok((count > 0).then_some(count))
    }

    pub(super) fn duration(&mut self, name: &'static str) -> Result<Option<i64>, QueryError> {
        self.take(name)?.map(|text| parse_duration(name, &text)).transpose()
    }

    /// One of a few words, in any case.
    pub(super) fn word(
        &mut self,
        name: &'static str,
        words: &[&'static str],
    ) -> Result<Option<&'static str>, QueryError> {
        let Some(text) = self.take(name)? else { return Ok(None) };
        let word = words.iter().find(|word| word.eq_ignore_ascii_case(&text));
        let known = || refused(name, &text, "known", format!("give one of {}", words.join(", ")));
        word.copied().map(Some).ok_or_else(known)
    }

    pub(super) fn trace_id(&mut self) -> Result<Option<TraceId>, QueryError> {
        self.take("trace_id")?.map(|text| parse_trace_id(&text)).transpose()
    }

    pub(super) fn span_id(&mut self) -> Result<Option<SpanId>, QueryError> {
        self.take("span_id")?.map(|text| parse_span_id(&text)).transpose()
    }

    /// `attr=key=value`, any number of them. The key ends at the first `=`.
    pub(super) fn attributes(&mut self) -> Result<Vec<AttributeFilter>, QueryError> {
        let texts = self.take_all("attr");
        if texts.len() > ATTRIBUTES_MAX {
            return Err(QueryError::bad_request(
                format!("parameter attr is given {} times", texts.len()),
                format!("give at most {ATTRIBUTES_MAX} conditions"),
            ));
        }
        let parse = |text: String| match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                Ok(AttributeFilter { key: key.to_owned(), value: value.to_owned() })
            }
            _ => Err(refused("attr", &text, "a condition", "write attr=key=value".to_owned())),
        };
        texts.into_iter().map(parse).collect()
    }

    /// First and last severity number of `severity` (exactly this name) and `min_severity` (this one or worse).
    pub(super) fn severities(&mut self) -> Result<Option<(i32, i32)>, QueryError> {
        let names = crate::functions::SEVERITIES;
        let exact = self.word("severity", &names)?.and_then(severity_numbers);
        let least = self.word("min_severity", &names)?.and_then(severity_numbers).map(|(first, _)| (first, 24));
        Ok(match (exact, least) {
            (Some(exact), Some(least)) => Some((exact.0.max(least.0), exact.1)),
            (exact, least) => exact.or(least),
        })
    }

    /// Errors: a cursor of another search than `asked`.
    pub(super) fn cursor<P: serde::de::DeserializeOwned>(&mut self, asked: Asked) -> Result<Option<P>, QueryError> {
        self.take("cursor")?.map(|text| cursor::decode(asked, &text)).transpose()
    }
}

pub(super) fn parse_trace_id(text: &str) -> Result<TraceId, QueryError> {
    let forms = "give 32 hex digits, not all zero";
    text.parse().map_err(|_| refused("trace_id", text, "a trace id", forms.to_owned()))
}

pub(super) fn parse_span_id(text: &str) -> Result<SpanId, QueryError> {
    let forms = "give 16 hex digits, not all zero";
    text.parse().map_err(|_| refused("span_id", text, "a span id", forms.to_owned()))
}

fn refused(name: &str, text: &str, what: &str, forms: String) -> QueryError {
    let text: String = text.chars().take(64).collect();
    QueryError::bad_request(format!("parameter {name}: {text:?} is not {what}"), forms)
}

fn now() -> UnixNanos {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message<T>(result: Result<T, QueryError>) -> String {
        result.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_is_unknown_or_given_twice_is_named() {
        let mut params = Params::of(Some("service=a&limt=5"));
        assert_eq!(params.take("service").expect("once").as_deref(), Some("a"));
        let error = message(params.finish());
        assert!(error.contains("\"limt\"") && error.contains("service"), "{error}");
        let twice = message(Params::of(Some("q=a&q=b")).take("q"));
        assert!(twice.contains("parameter q is given 2 times"), "{twice}");
        assert!(Params::of(Some("")).finish().is_ok());
    }

    #[test]
    fn every_form_is_checked() {
        for (query, name) in
            [("limit=0", "limit"), ("limit=1001", "limit"), ("limit=-1", "limit"), ("limit=many", "limit")]
        {
            let error = message(Params::of(Some(query)).count("limit", 20, 1000));
            assert!(error.contains(name) && error.contains("from 1 to 1000"), "{error}");
        }
        let attributes = Params::of(Some("attr=k%3Da%3Db&attr=x=")).attributes().expect("valid");
        let filter = |key: &str, value: &str| AttributeFilter { key: key.into(), value: value.into() };
        assert_eq!(attributes, [filter("k", "a=b"), filter("x", "")]);
        assert!(message(Params::of(Some("attr=novalue")).attributes()).contains("attr=key=value"));
        assert!(message(Params::of(Some("trace_id=xyz")).trace_id()).contains("32 hex digits"));
        assert!(message(Params::of(Some("span_id=00")).span_id()).contains("16 hex digits"));
        let status = Params::of(Some("status=error")).word("status", &["UNSET", "OK", "ERROR"]);
        assert_eq!(status.expect("any case"), Some("ERROR"));
        assert!(message(Params::of(Some("status=bad")).word("status", &["OK"])).contains("give one of OK"));
    }

    #[test]
    fn severities_are_ranges_of_numbers() {
        let severities = |query| Params::of(Some(query)).severities().expect("valid");
        assert_eq!(severities("severity=ERROR"), Some((17, 20)));
        assert_eq!(severities("min_severity=WARN"), Some((13, 24)));
        assert_eq!(severities("severity=INFO&min_severity=WARN"), Some((13, 12)), "nothing is both");
        assert_eq!(severities(""), None);
    }
}
