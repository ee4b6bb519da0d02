use super::*;

fn snapshot_of(stretches: &[(i64, i64, u64)]) -> Vec<Stretch> {
    stretches.iter().map(|&(min, max, rows)| Stretch { min, max, rows }).collect()
}

fn windows_of(stretches: &[Stretch], range: TimeRange, newest_first: bool, first_rows: u64) -> Vec<TimeRange> {
    let stretches = stretches.iter().map(|part| Stretch { ..*part }).collect();
    Windows::new(stretches, range, newest_first, Some(first_rows), None).collect()
}

#[test]
fn ranges_grow_until_they_are_everything() {
    let whole = TimeRange::default();
    let stretches = snapshot_of(&[(0, 999, 1000), (1000, 1999, 99_000)]);
    let newest = windows_of(&stretches, whole, true, 1000);
    assert_eq!(newest.len(), 3, "1,000, 8,000, then more than half of the rest: {newest:?}");
    let range = |start, end| TimeRange { start, end };
    assert_eq!(newest[0], range(Some(1990), None), "99 rows for each of the newest times");
    assert_eq!(newest[2].start, None);
    let oldest = windows_of(&stretches, whole, false, 500);
    assert_eq!(oldest[0], range(None, Some(500)));
    let within = range(Some(100), Some(200));
    assert_eq!(windows_of(&stretches, within, true, 1000), [within], "few rows: one look is enough");
    assert_eq!(windows_of(&stretches, within, true, 10)[0], range(Some(190), Some(200)));
    assert_eq!(windows_of(&[], whole, true, 10), [whole]);
    let many = snapshot_of(&[(0, 999_999, 64 << 20)]);
    let largest = windows_of(&many, whole, true, 4096)[4];
    let rows = (largest.end.expect("an end") - largest.start.expect("a start")) * (64 << 20) / 1_000_000;
    assert!((rows - (1 << 20)).abs() < 200, "no larger than a million rows: {rows}");
}

#[test]
fn what_was_found_says_how_far_to_look() {
    let stretches = || snapshot_of(&[(0, (1 << 30) - 1, 1 << 30)]);
    let length = |window: Option<TimeRange>| {
        let window = window.expect("a window");
        window.end.unwrap_or(1 << 30) - window.start.expect("a start")
    };
    let mut windows = Windows::new(stretches(), TimeRange::default(), true, Some(8192), Some(100));
    assert_eq!(length(windows.next()), 8192);
    windows.found(0);
    assert_eq!(length(windows.next()), 65_536, "nothing: eight times as many");
    windows.found(36);
    assert_eq!(length(windows.next()), 196_608, "73,728 rows had 36; half as many again as 64 more would take");
    windows.found(63);
    assert_eq!(length(windows.next()), 135_168, "one is missing: half of what is behind");
    windows.found(0);
    assert_eq!(length(windows.next()), 202_752, "and again");
}

#[test]
fn extreme_times_do_no_harm() {
    let stretches = snapshot_of(&[(i64::MIN, i64::MAX, 1_000_000)]);
    for newest_first in [true, false] {
        assert_parts(
            &windows_of(&stretches, TimeRange::default(), newest_first, 1000),
            TimeRange::default(),
            newest_first,
        );
    }
}

/// The parts lie beside each other, in order, and are the whole together.
fn assert_parts(parts: &[TimeRange], whole: TimeRange, newest_first: bool) {
    let mut ascending = parts.to_vec();
    if newest_first {
        ascending.reverse();
    }
    assert_eq!(ascending.first().map(|part| part.start), Some(whole.start));
    assert_eq!(ascending.last().map(|part| part.end), Some(whole.end));
    for pair in ascending.windows(2) {
        assert!(pair[0].end.is_some() && pair[0].end == pair[1].start, "{parts:?}");
        assert!(pair[0].start.is_none_or(|start| Some(start) < pair[0].end), "empty: {parts:?}");
    }
}

proptest::proptest! {
    #[test]
    fn windows_are_the_range_without_gap_or_overlap(
        stretches in proptest::collection::vec((-50i64..50, 0i64..40, 1u64..5000), 0..6),
        start in proptest::option::of(-60i64..40),
        length in proptest::option::of(1i64..100),
        newest_first in proptest::bool::ANY,
        first_rows in 1u64..2000,
    ) {
        let end = length.map(|length| start.unwrap_or(0) + length);
        let range = TimeRange { start, end };
        let stretches: Vec<Stretch> =
            stretches.iter().map(|&(min, length, rows)| Stretch { min, max: min + length, rows }).collect();
        assert_parts(&windows_of(&stretches, range, newest_first, first_rows), range, newest_first);
    }
}

#[test]
fn the_index_says_how_far_to_look() {
    let left = |matches, total| Candidates { rows: matches, matches, total };
    assert_eq!(first_rows(100, None), Some(4096));
    assert_eq!(first_rows(100, Some(left(150, 1_000_000))), None, "all of them are wanted");
    assert_eq!(first_rows(100, Some(left(10_000, 1_000_000))), Some(20_000), "one row in a hundred");
    let everywhere = Candidates { rows: 1_000_000, matches: 977, total: 1_000_000 };
    assert_eq!(first_rows(100, Some(everywhere)), Some(4096), "a stripe may be full of them");
    let in_stripes = Candidates { rows: 102_400, matches: 100, total: 1_000_000 };
    assert_eq!(first_rows(40, Some(in_stripes)), Some(800_000), "one row of each stripe");
}
