//! A deterministic workload of spans and log records, with the exact answers to what the benchmark asks.
//!
//! It has the shape of the workload that the targets were set with: spans of about 580 B in trees of 8 to 60 over 30
//! services, log records of about 490 B with bodies of about 140 B, times spread evenly over one hour. Only the seed,
//! the number of items and the time decide what comes.
//!
//! | file | holds |
//! |---|---|
//! | [`landscape`] | services, their pods, users and words: the same for every seed |
//! | [`spans`], [`trees`], [`span_attributes`] | traces: the shape of a trace, and its spans as OTLP |
//! | [`logs`], [`templates`] | log records |
//! | [`facts`] | the answers, kept while generating |
//! | [`requests`] | rows to encoded OTLP requests |

pub(crate) mod facts;
pub(crate) mod landscape;
pub(crate) mod logs;
pub(crate) mod random;
pub(crate) mod requests;
pub(crate) mod span_attributes;
pub(crate) mod spans;
pub(crate) mod templates;
pub(crate) mod trees;

pub(crate) const NANOS_PER_MINUTE: u64 = 60 * 1_000_000_000;

/// Different values that each question is asked with: one cold, three to warm up, fifteen to measure.
pub(crate) const VALUES: usize = 19;

/// What decides a workload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// Spans or log records.
    pub(crate) items: u64,
    /// Unix nanoseconds; the last item is at most one hour later.
    pub(crate) begin: u64,
}

impl Plan {
    pub(crate) const LENGTH: u64 = 60 * NANOS_PER_MINUTE;

    /// The time of the `nth` item: no two are the same.
    pub(crate) fn time_of(&self, nth: u64) -> u64 {
        self.begin + (u128::from(Self::LENGTH) * u128::from(nth) / u128::from(self.items.max(1))) as u64
    }
}
