//! Times and durations as people type them into an address.

use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use proto::{TimeRange, UnixNanos};

use crate::error::QueryError;

const TIME_FORMS: &str = "give RFC 3339 (2026-01-31T12:00:00Z), epoch nanoseconds, or a time relative to now (now, \
                          now-15m; units ns us ms s m h d w)";
const DURATION_FORMS: &str =
    "give a number with a unit (500ms, 1.5s, 2m; units ns us ms s m h d w) or a whole number of nanoseconds";

const UNITS: [(&str, i128); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
];

/// Reads `from` (inclusive) and `to` (exclusive); absent is unbounded. `now` is what relative times count from.
pub(crate) fn parse_range(from: Option<&str>, to: Option<&str>, now: UnixNanos) -> Result<TimeRange, QueryError> {
    let start = from.map(|text| parse_time("from", text, now)).transpose()?;
    let end = to.map(|text| parse_time("to", text, now)).transpose()?;
    if let (Some(start), Some(end)) = (start, end)
        && start > end
    {
        return Err(QueryError::bad_request("parameter from is later than parameter to", "swap the two"));
    }
    Ok(TimeRange { start, end })
}

/// Reads the time given for `parameter`. Digits are nanoseconds: seconds or milliseconds are not guessed.
pub(crate) fn parse_time(parameter: &str, text: &str, now: UnixNanos) -> Result<UnixNanos, QueryError> {
    let time = if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else if let Some(offset) = text.strip_prefix("now") {
        relative(offset, now)
    } else {
        rfc3339(text)
    };
    time.ok_or_else(|| refused(parameter, text, "time", TIME_FORMS))
}

/// Reads the duration given for `parameter` in nanoseconds.
pub(crate) fn parse_duration(parameter: &str, text: &str) -> Result<i64, QueryError> {
    let nanos = match text.parse::<u64>() {
        Ok(nanos) => Some(i128::from(nanos)),
        Err(_) => quantity(text),
    };
    nanos
        .and_then(|nanos| i64::try_from(nanos).ok())
        .ok_or_else(|| refused(parameter, text, "duration", DURATION_FORMS))
}

fn refused(parameter: &str, text: &str, what: &str, forms: &str) -> QueryError {
    let text: String = text.chars().take(64).collect();
    QueryError::bad_request(format!("parameter {parameter}: {text:?} is not a {what}"), forms)
}

/// What follows `now`: nothing, or a sign and a quantity.
fn relative(offset: &str, now: UnixNanos) -> Option<UnixNanos> {
    if offset.is_empty() {
        return Some(now);
    }
    // A plus sign that was not percent-encoded in an address arrives as a blank.
    let (sign, text) = match offset.as_bytes()[0] {
        b'-' => (-1, &offset[1..]),
        b'+' | b' ' => (1, &offset[1..]),
        _ => return None,
    };
    i64::try_from(i128::from(now) + sign * quantity(text)?).ok()
}

/// A decimal number and its unit, in nanoseconds; what is finer than a nanosecond is cut off.
fn quantity(text: &str) -> Option<i128> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit_at);
    let nanos_per_unit = UNITS.iter().find(|(name, _)| *name == unit)?.1;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.len() <= 18 && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let part = fraction.parse::<i128>().ok()? * nanos_per_unit / 10i128.pow(fraction.len() as u32);
    Some(whole.parse::<i128>().ok()? * nanos_per_unit + part)
}

fn rfc3339(text: &str) -> Option<UnixNanos> {
    // Arrow's parser takes more than RFC 3339, a time without zone among it: whose midnight would that be?
    let bytes = text.as_bytes();
    let has_time = bytes.len() >= 20 && matches!(bytes[10], b'T' | b't');
    let zone = bytes.len().checked_sub(6).map(|at| &bytes[at..]);
    let has_offset = matches!(zone, Some([b'+' | b'-', _, _, b':', _, _]));
    // As above: a blank before the offset was a plus sign.
    if matches!(zone, Some([b' ', _, _, b':', _, _])) {
        return rfc3339(&text.replace(' ', "+"));
    }
    if !has_time || !(has_offset || matches!(bytes.last(), Some(b'Z' | b'z'))) {
        return None;
    }
    string_to_timestamp_nanos(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000_000_000;

    #[test]
    fn times_are_read_to_the_nanosecond() {
        for (text, expected) in [
            ("0", 0),
            ("1661145496154630544", 1_661_145_496_154_630_544),
            // Seconds are not guessed.
            ("1661145496", 1_661_145_496),
            ("now", NOW),
            ("now-15m", NOW - 900_000_000_000),
            ("now+1.5h", NOW + 5_400_000_000_000),
            ("now 1h", NOW + 3_600_000_000_000),
            ("now-1w", NOW - 604_800_000_000_000),
            ("1970-01-01T00:00:00Z", 0),
            ("2022-08-22T05:18:16.154630544Z", 1_661_145_496_154_630_544),
            ("2022-08-22T07:18:16.154630544+02:00", 1_661_145_496_154_630_544),
            ("2022-08-22T07:18:16.154630544 02:00", 1_661_145_496_154_630_544),
            ("2022-08-22t05:18:16z", 1_661_145_496_000_000_000),
        ] {
            assert_eq!(parse_time("from", text, NOW).ok(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_time_is_refused_by_name_with_the_accepted_forms() {
        for text in [
            "",
            "yesterday",
            "now-",
            "now-5",
            "now-5M",
            "now-m",
            "now*2s",
            "-5",
            "1.5",
            "2022-08-22",
            "now-1.s",
            "2022-08-22T05:18:16",
            "2022-13-22T05:18:16Z",
            "9999-01-01T00:00:00Z",
            "99999999999999999999",
            "nowé",
            "now-999999999999999999w",
            "2022-08-22T05:18:16ZZ",
            "日本語日本語日本語",
        ] {
            let error = parse_time("from", text, NOW).expect_err(text);
            assert!(error.message.starts_with("parameter from"), "{error}");
            assert!(error.hint.contains("now-15m"), "{error}");
        }
    }

    #[test]
    fn durations_are_exact() {
        for (text, expected) in [
            ("0", 0),
            ("37009734", 37_009_734),
            ("500ms", 500_000_000),
            ("1.5s", 1_500_000_000),
            ("0.000000001s", 1),
            ("2m", 120_000_000_000),
            ("1us", 1_000),
        ] {
            assert_eq!(parse_duration("min_duration", text).ok(), Some(expected), "{text}");
        }
        for text in ["", "ms", "-1s", "1.5", "1 s", "1e3s", "99999999999999999999", "1y", ".5s"] {
            let error = parse_duration("min_duration", text).expect_err(text);
            assert!(error.message.contains("min_duration"), "{error}");
        }
    }

    #[test]
    fn a_range_must_not_run_backwards() {
        let range = parse_range(Some("now-1h"), Some("now"), NOW).expect("valid");
        assert_eq!(range, TimeRange { start: Some(NOW - 3_600_000_000_000), end: Some(NOW) });
        assert_eq!(parse_range(None, None, NOW).expect("valid"), TimeRange::default());
        assert!(parse_range(Some("now"), Some("now-1h"), NOW).is_err());
    }
}
