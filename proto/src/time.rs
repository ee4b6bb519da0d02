//! Nanoseconds since the Unix epoch and half-open ranges of them.

/// Nanoseconds since 1970-01-01T00:00:00Z. OTLP's fixed64 by two's complement: instants after 2262-04-11 are negative.
pub type UnixNanos = i64;

pub const NANOS_PER_DAY: i64 = 86_400 * 1_000_000_000;

/// From `start` (inclusive) to `end` (exclusive); `None` is unbounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeRange {
    pub start: Option<UnixNanos>,
    pub end: Option<UnixNanos>,
}

impl TimeRange {
    pub fn contains(&self, time: UnixNanos) -> bool {
        self.start.is_none_or(|start| time >= start) && self.end.is_none_or(|end| time < end)
    }

    /// Whether any instant of `min..=max` is in the range.
    pub fn overlaps(&self, min: UnixNanos, max: UnixNanos) -> bool {
        self.start.is_none_or(|start| max >= start) && self.end.is_none_or(|end| min < end)
    }
}

/// Days since the epoch of the UTC date that holds `time`.
pub fn day_of(time: UnixNanos) -> i32 {
    i32::try_from(time.div_euclid(NANOS_PER_DAY)).expect("an i64 of nanoseconds spans 213,503 days")
}

/// `YYYY-MM-DD` of a day since the epoch.
/// Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
pub fn date_of_day(day: i32) -> String {
    let z = i64::from(day) + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (nanos, date) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (951_782_400_000_000_000, "2000-02-29"),
            (1_661_145_496_154_630_544, "2022-08-22"),
            (i64::MAX, "2262-04-11"),
            (i64::MIN, "1677-09-21"),
        ] {
            assert_eq!(date_of_day(day_of(nanos)), date);
        }
    }

    #[test]
    fn a_range_is_half_open() {
        let range = TimeRange { start: Some(10), end: Some(20) };
        assert!(range.contains(10) && range.contains(19) && !range.contains(20) && !range.contains(9));
        assert!(range.overlaps(0, 10) && range.overlaps(19, 99) && !range.overlaps(20, 30) && !range.overlaps(0, 9));
        assert!(TimeRange::default().contains(i64::MIN));
    }
}
