//! What differs between spans and log records.

use crate::load;
use crate::questions::{Expected, Question, about_logs, about_spans};
use crate::server::Ask;
use crate::workload::facts::{LogFacts, SpanFacts};
use crate::workload::landscape::Landscape;
use crate::workload::random::hex;
use crate::workload::requests::Request;
use crate::workload::templates::LAST_WORD;
use crate::workload::{Plan, logs, spans};

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SignalName {
    Spans,
    Logs,
}

/// What is sent and what is asked.
pub(crate) struct Workload {
    pub(crate) requests: Vec<Request>,
    pub(crate) questions: Vec<Question>,
    /// Finds the item that is sent last.
    pub(crate) last: Probe,
}

/// Has an item arrived?
pub(crate) struct Probe {
    pub(crate) ask: Ask,
    pub(crate) expected: Expected,
}

impl SignalName {
    pub(crate) fn text(self) -> &'static str {
        match self {
            SignalName::Spans => "spans",
            SignalName::Logs => "logs",
        }
    }

    pub(crate) fn method(self) -> &'static str {
        match self {
            SignalName::Spans => load::TRACES,
            SignalName::Logs => load::LOGS,
        }
    }

    pub(crate) fn workload(self, plan: Plan) -> Workload {
        let landscape = Landscape::new();
        match self {
            SignalName::Spans => {
                let (requests, facts) = spans::spans(plan, &landscape);
                Workload { requests, last: last_span(&facts), questions: about_spans(plan, &facts, &landscape) }
            }
            SignalName::Logs => {
                let (requests, facts) = logs::logs(plan, &landscape);
                Workload { requests, last: last_record(&facts), questions: about_logs(plan, &facts, &landscape) }
            }
        }
    }

    /// A single item, older than everything else.
    pub(crate) fn lone_item(self, plan: Plan) -> (Vec<Request>, Probe) {
        let landscape = Landscape::new();
        match self {
            SignalName::Spans => {
                let (requests, facts) = spans::spans(plan, &landscape);
                (requests, last_span(&facts))
            }
            SignalName::Logs => {
                let (requests, facts) = logs::logs(plan, &landscape);
                (requests, last_record(&facts))
            }
        }
    }
}

/// The span that was sent last belongs to a trace whose other spans may have come before.
fn last_span(facts: &SpanFacts) -> Probe {
    let last = facts.last.clone().expect("there are spans");
    let (trace, span) = (hex(&last.trace_id), hex(&last.span_id));
    let sql = format!("SELECT trace_id, span_id FROM spans WHERE trace_id = '{trace}' AND span_id = '{span}'");
    Probe { ask: Ask::Sql(sql), expected: Expected::Rows(vec![vec![trace.into(), span.into()]]) }
}

fn last_record(facts: &LogFacts) -> Probe {
    let time = facts.newest.descending()[0];
    let path = format!("/api/v1/logs?q={LAST_WORD}&from={time}&to={}", time + 1);
    Probe { ask: Ask::Get(path), expected: Expected::Logs(vec![time]) }
}
