//! Which rows are looked at when there are too many for all.

/// 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Whether the nth row is one of the one in `one_in`. Evenly spread, and not in step with rows that come in turns, as
/// every second one would be (the sequence of Weyl, with the golden ratio: Knuth, TAOCP 6.4).
pub(crate) fn is_sampled(nth: u64, one_in: u64) -> bool {
    one_in <= 1 || nth.wrapping_mul(GOLDEN) < u64::MAX / one_in
}

/// Whether a trace is one of the one in `one_in`: by its id, so all of its spans are or none. The traces of twice as
/// large a number are among those of the number itself. Ids may begin or end with a time or a counter, hence the product.
pub(crate) fn is_trace_sampled(trace_id: u128, one_in: u64) -> bool {
    let mixed = ((trace_id >> 64) as u64 ^ trace_id as u64).wrapping_mul(GOLDEN) >> 32;
    mixed.is_multiple_of(one_in.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_even_whatever_the_order() {
        for one_in in [1u64, 2, 3, 7, 64] {
            for period in 1..10u64 {
                let taken = (0..20_000).filter(|nth| nth % period == 0 && is_sampled(*nth, one_in)).count() as f64;
                let expected = 20_000f64 / (period * one_in) as f64;
                assert!(
                    (taken / expected - 1.0).abs() < 0.15 || (taken - expected).abs() < 4.0,
                    "{one_in} {period} {taken}"
                );
            }
            let traces = (0..20_000u128).filter(|id| is_trace_sampled(id << 64 | 7, one_in)).count() as f64;
            assert!((traces * one_in as f64 / 20_000.0 - 1.0).abs() < 0.2, "{one_in}: {traces}");
        }
        assert!((0..1000u128).filter(|id| is_trace_sampled(*id, 8)).all(|id| is_trace_sampled(id, 4)));
    }
}
