//! What came in since the start, by signal: for the page that a person looks at. `/metrics` counts the same.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use proto::{Signal, UnixNanos};

use crate::error::IngestError;
use crate::ingester::Outcome;

/// Of one signal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceivedCounts {
    /// Records that were acknowledged.
    pub accepted: u64,
    /// Records of acknowledged requests that have no row: their ids are none.
    pub rejected: u64,
    /// Requests that were answered with an error, by its kind (`invalid`, `busy`, ...). Nothing of them is kept.
    pub refused: BTreeMap<&'static str, u64>,
    pub last: Option<LastRequest>,
}

/// The last request with a record in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRequest {
    pub arrival: UnixNanos,
    /// Time of its newest record, by the clock of the sender.
    pub newest: UnixNanos,
}

#[derive(Debug, Default)]
pub(crate) struct Received(Mutex<BTreeMap<Signal, ReceivedCounts>>);

impl Received {
    pub(crate) fn acknowledged(&self, signal: Signal, outcome: &Outcome, last: Option<LastRequest>) {
        let mut received = self.0.lock();
        let counts = received.entry(signal).or_default();
        counts.accepted += outcome.accepted;
        counts.rejected += outcome.rejected;
        counts.last = last.or(counts.last);
    }

    pub(crate) fn refused(&self, signal: Signal, error: &IngestError) {
        *self.0.lock().entry(signal).or_default().refused.entry(error.label()).or_default() += 1;
    }

    pub(crate) fn counts(&self, signal: Signal) -> ReceivedCounts {
        self.0.lock().get(&signal).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_is_counted_by_signal() {
        let received = Received::default();
        let outcome = |accepted, rejected| Outcome { accepted, rejected, rejected_reason: None };
        let last = LastRequest { arrival: 20, newest: 15 };
        received.acknowledged(Signal::Spans, &outcome(3, 1), Some(last));
        // A request without a record says nothing of how late they are.
        received.acknowledged(Signal::Spans, &outcome(0, 2), None);
        received.refused(Signal::Spans, &IngestError::Internal(String::new()));
        received.refused(Signal::Spans, &IngestError::Internal(String::new()));
        let refused = BTreeMap::from([("internal", 2)]);
        let expected = ReceivedCounts { accepted: 3, rejected: 3, refused, last: Some(last) };
        assert_eq!(received.counts(Signal::Spans), expected);
        assert_eq!(received.counts(Signal::Logs), ReceivedCounts::default());
    }
}
