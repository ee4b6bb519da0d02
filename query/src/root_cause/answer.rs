//! What a comparison found, as it is answered.

use serde::Serialize;
use utoipa::ToSchema;

use super::periods::Periods;
use crate::answer::unix_nano_text;

/// What changed in a window against its baseline, the likeliest cause first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RootCause {
    pub(crate) window: PeriodAnswer,
    /// Without what lies in the window, and no further than there is data.
    pub(crate) base: PeriodAnswer,
    /// Services by how many of the window's requests what they did concerns; at most 20. Empty when nothing changed
    /// that chance does not explain.
    pub(crate) services: Vec<Cause>,
    /// Changes between two services, the weightiest first; at most 50.
    pub(crate) edges: Vec<Change>,
    /// Log records and exceptions that are new or far more frequent, the weightiest first; at most 50.
    pub(crate) messages: Vec<Change>,
    /// One of so many traces was looked at; 1 for all.
    pub(crate) traces_one_in: u64,
    /// One of so many log records was looked at; 1 for all.
    pub(crate) logs_one_in: u64,
    /// What limits the answer, in words.
    pub(crate) notes: Vec<String>,
}

#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct PeriodAnswer {
    #[serde(serialize_with = "unix_nano_text")]
    #[schema(value_type = String)]
    pub(crate) from_unix_nano: i64,
    /// Exclusive.
    #[serde(serialize_with = "unix_nano_text")]
    #[schema(value_type = String)]
    pub(crate) to_unix_nano: i64,
    /// Looked at, see `traces_one_in`.
    pub(crate) traces: u64,
    pub(crate) spans: u64,
    pub(crate) logs: u64,
}

/// A service and what about it changed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Cause {
    pub(crate) service: String,
    /// Sum of what the changes weigh: roughly, the share of the window's requests that they concern, counted once more
    /// for each doubling of the time of these requests.
    pub(crate) score: f64,
    /// Of the scores of all services.
    pub(crate) share: f64,
    /// Traces of the window in which the service has a span.
    pub(crate) traces: u64,
    /// The weightiest first; at most 8.
    pub(crate) changes: Vec<Change>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChangeKind {
    /// Time that an operation spends itself; figures in nanoseconds.
    OwnTime,
    /// Time of a call that the callee does not see: network and queues; figures in nanoseconds.
    OnTheWay,
    /// Spans that failed though none of their children did; figures are shares.
    Failures,
    /// Calls of a service that leave no span there; figures are shares.
    UnansweredCalls,
    /// Calls that an operation makes each time it runs; figures are calls.
    FewerCalls,
    /// Traces in which the service has a span; figures are shares.
    FewerTraces,
    /// A kind of log record; figures are shares of the service's records.
    Messages,
    /// A kind of failure by exception and message; figures are shares of the service's spans.
    Exceptions,
}

/// One thing that is not as in the baseline.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Change {
    pub(crate) kind: ChangeKind,
    /// The service that it speaks against (of a call between two, the one that it speaks against more).
    pub(crate) service: String,
    /// Of a call.
    #[schema(required)]
    pub(crate) caller: Option<String>,
    /// Of a call.
    #[schema(required)]
    pub(crate) callee: Option<String>,
    #[schema(required)]
    pub(crate) operation: Option<String>,
    /// Pattern of a message, with `<n>` for numbers and `<id>` for ids.
    #[schema(required)]
    pub(crate) message: Option<String>,
    /// Of log records: severity ERROR or worse.
    pub(crate) is_error: bool,
    pub(crate) window: Figure,
    pub(crate) base: Figure,
    /// Standard deviations by which the two differ.
    pub(crate) z: f64,
    /// Its part in the score of the service.
    pub(crate) weight: f64,
    /// All of it in words.
    pub(crate) sentence: String,
    #[schema(required)]
    pub(crate) example: Option<ExampleAnswer>,
}

/// Of so many samples, the value.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(crate) struct Figure {
    pub(crate) samples: u64,
    pub(crate) value: f64,
}

/// A span or log record of the window that shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct ExampleAnswer {
    pub(crate) trace_id: String,
    /// `""` for a log record without one.
    pub(crate) span_id: String,
    /// Of a log record or exception, as it was sent, its first 300 characters.
    #[schema(required)]
    pub(crate) message: Option<String>,
}

impl ExampleAnswer {
    pub(super) fn of_span(trace_id: u128, span_id: u64) -> Self {
        Self { trace_id: format!("{trace_id:032x}"), span_id: format!("{span_id:016x}"), message: None }
    }
}

impl PeriodAnswer {
    pub(super) fn window(periods: Periods) -> Self {
        Self { from_unix_nano: periods.from, to_unix_nano: periods.to, traces: 0, spans: 0, logs: 0 }
    }

    pub(super) fn base(periods: Periods) -> Self {
        Self { from_unix_nano: periods.base_from, to_unix_nano: periods.base_to, traces: 0, spans: 0, logs: 0 }
    }
}

/// `89.1 ms`: three digits.
pub(super) fn duration_text(ns: f64) -> String {
    let (value, unit) = match ns {
        ns if ns < 1e3 => return format!("{ns:.0} ns"),
        ns if ns < 1e6 => (ns / 1e3, "µs"),
        ns if ns < 1e9 => (ns / 1e6, "ms"),
        ns if ns < 120e9 => (ns / 1e9, "s"),
        ns => (ns / 60e9, "min"),
    };
    let decimals = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.decimals$} {unit}")
}

/// `12%`, with more digits where it is little.
pub(super) fn percent_text(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        p if p >= 10.0 || p == 0.0 => format!("{p:.0}%"),
        p if p >= 1.0 => format!("{p:.1}%"),
        p if p >= 0.01 => format!("{p:.2}%"),
        _ => "under 0.01%".to_owned(),
    }
}

/// `once`, `4 times`, `1.79 times`, of a mean number of calls.
pub(super) fn times_text(calls: f64) -> String {
    let digits = format!("{calls:.2}");
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    if digits == "1" { "once".to_owned() } else { format!("{digits} times") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_digits_that_matter() {
        let times = [(5.0, "5 ns"), (1500.0, "1.50 µs"), (89.12e6, "89.1 ms"), (2.74e9, "2.74 s"), (300e9, "5.00 min")];
        for (ns, text) in times {
            assert_eq!(duration_text(ns), text);
        }
        for (share, text) in [(0.0, "0%"), (0.5, "50%"), (0.034, "3.4%"), (0.0005, "0.05%"), (1e-6, "under 0.01%")] {
            assert_eq!(percent_text(share), text);
        }
        for (calls, text) in [
            (1.0, "once"),
            (4.0, "4 times"),
            (1.786, "1.79 times"),
            (0.5, "0.5 times"),
            (10.0, "10 times"),
            (0.0, "0 times"),
        ] {
            assert_eq!(times_text(calls), text);
        }
    }
}
