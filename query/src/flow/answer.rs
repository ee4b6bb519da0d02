//! The answer about a flow.

use std::collections::HashMap;
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use proto::TraceId;
use serde::Serialize;
use utoipa::ToSchema;

use super::FlowQuery;
use super::compare::{Compared, FLOWS_MIN, FlowStep, MissingStep, StepFigures, wait};
use super::links::How;
use super::sample::Sample;
use super::seeds::{ResourceKeys, Seeds, keys_of};
use super::steps::StepTrace;
use super::tree::FlowTreeRow;
use crate::answer::{LogAnswer, Resources, optional_unix_nano_text, unix_nano_text};
use crate::error::QueryError;
use crate::rows::LogBatch;
use crate::trace_summary::ServiceSummary;
use crate::traces::{by_time, log_answers};
use crate::why_empty::WhyEmpty;

/// Everything that carries one value, and the traces that links join to it.
#[derive(Serialize, ToSchema)]
#[schema(as = Flow)]
pub(crate) struct FlowAnswer<'a> {
    value: &'a str,
    /// Keys that were looked under.
    looked_under: &'a [String],
    /// Those under which the value was found.
    found_under: Vec<FoundKey<'a>>,
    /// The value is the id of a trace.
    is_trace_id: bool,
    /// First start and last end of what is shown; null when there is nothing.
    #[serde(serialize_with = "optional_unix_nano_text")]
    #[schema(value_type = Option<String>, required)]
    start_time_unix_nano: Option<i64>,
    #[serde(serialize_with = "optional_unix_nano_text")]
    #[schema(value_type = Option<String>, required)]
    end_time_unix_nano: Option<i64>,
    /// By start: the steps of the flow.
    traces: Vec<FlowTrace<'a>>,
    /// The same traces, each below the one that it links to or whose message it received; in pre-order.
    tree: &'a [FlowTreeRow],
    /// By time; those that carry the value, and those of the traces.
    logs: Vec<FlowLog<'a>>,
    /// How many there are, shown or not.
    log_count: u64,
    /// Traces (by their start) and log records in the order of time.
    timeline: Vec<TimelineEntry>,
    comparison: Comparison,
    /// What is cut off, with numbers.
    notes: Vec<String>,
    /// Where else the value is; null when something was found.
    #[schema(required)]
    why_empty: Option<&'a FlowWhyEmpty>,
    elapsed_ms: u64,
}

/// Rows that have the value under a key.
#[derive(Serialize, ToSchema)]
pub(crate) struct FoundKey<'a> {
    key: &'a str,
    spans: u64,
    logs: u64,
}

/// A trace as a step of a flow.
#[derive(Serialize, ToSchema)]
pub(crate) struct FlowTrace<'a> {
    trace_id: String,
    how: How,
    /// The earliest span without a parent; where the root was not received, the first span that was.
    root: FlowSpan<'a>,
    #[serde(serialize_with = "unix_nano_text")]
    #[schema(value_type = String)]
    start_time_unix_nano: i64,
    /// From the earliest start to the latest end.
    duration_ns: i64,
    /// `fault`, `throttle`, `error` or `ok`: the gravest of the root; a throttle of any span.
    outcome: &'static str,
    span_count: usize,
    /// Spans with status ERROR.
    error_count: usize,
    /// Those with most spans first.
    services: &'a [ServiceSummary],
    /// Every parent id resolves and there is one root.
    complete: bool,
    /// Spans that carry the value.
    matched_span_count: u64,
    /// Ids of the first of them, at most 20.
    matched_span_ids: Vec<String>,
    /// Log records of the trace that carry the value.
    matched_log_count: u64,
    #[schema(required)]
    cause: Option<FlowCause<'a>>,
    /// From the end of all steps before to the start of this one, negative when they overlap; null for the first.
    #[schema(required)]
    gap_ns: Option<i64>,
    /// Beside the same step of other flows; null when there were too few.
    #[schema(required)]
    usual: Option<&'a StepFigures>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct FlowSpan<'a> {
    span_id: String,
    service: &'a str,
    name: &'a str,
}

/// What a trace carries on from.
#[derive(Serialize, ToSchema)]
pub(crate) struct FlowCause<'a> {
    trace_id: String,
    /// Null when the link names a span that is not here.
    #[schema(required)]
    span: Option<FlowSpan<'a>>,
    /// `link`, or `message` when a consumer has the message id of a producer.
    via: &'static str,
    /// From the start of that span to the start of the one that carries on.
    #[schema(required)]
    age_ns: Option<i64>,
}

/// A log record of a flow.
#[derive(Serialize, ToSchema)]
pub(crate) struct FlowLog<'a> {
    #[serde(flatten)]
    record: LogAnswer<'a>,
    /// It has the value itself; otherwise its trace belongs to the flow.
    carries_value: bool,
}

/// Index into `traces` or into `logs`.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TimelineEntry {
    Trace(usize),
    Log(usize),
}

/// The flow beside others.
#[derive(Serialize, ToSchema)]
#[schema(as = FlowComparison)]
pub(crate) struct Comparison {
    /// Other values of this key were looked at; null when there was nothing to compare with.
    #[schema(required)]
    key: Option<String>,
    /// Other flows in the sample.
    others: usize,
    /// Of them, those with the same steps (or, when steps are missing, with those besides).
    alike: usize,
    /// There are more other flows than were looked at.
    partial: bool,
    /// What it came to, in words.
    sentence: String,
    missing: Vec<MissingStep>,
}

/// Where a value is that was not found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FlowWhyEmpty {
    /// What was done, in words.
    sentence: String,
    spans_in_range: i64,
    logs_in_range: i64,
    /// Time of the latest span or log record before the range that carries the value.
    #[serde(serialize_with = "optional_unix_nano_text")]
    #[schema(value_type = Option<String>, required)]
    nearest_before_unix_nano: Option<i64>,
    /// Time of the earliest one behind it.
    #[serde(serialize_with = "optional_unix_nano_text")]
    #[schema(value_type = Option<String>, required)]
    nearest_after_unix_nano: Option<i64>,
}

impl FlowWhyEmpty {
    pub(super) fn of(asked: &FlowQuery, spans: WhyEmpty, logs: WhyEmpty) -> Self {
        let time = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<i64>().ok());
        let keys = match asked.keys.as_slice() {
            [one] => format!("the key {one}"),
            keys => format!("{} keys", keys.len()),
        };
        let (spans_in_range, logs_in_range) = (spans.rows_in_range, logs.rows_in_range);
        let before = [&spans, &logs].map(|why| time(&why.nearest_before_unix_nano));
        let after = [&spans, &logs].map(|why| time(&why.nearest_after_unix_nano));
        Self {
            sentence: format!(
                "none of {spans_in_range} spans and {logs_in_range} log records of the range has this value under {keys}, \
                 and no trace has it as its id"
            ),
            spans_in_range,
            logs_in_range,
            nearest_before_unix_nano: before.into_iter().flatten().max(),
            nearest_after_unix_nano: after.into_iter().flatten().min(),
        }
    }
}

/// What the answer is made of.
pub(super) struct Parts {
    pub(super) asked: FlowQuery,
    pub(super) seeds: Seeds,
    pub(super) notes: Vec<String>,
    /// By start.
    pub(super) traces: Vec<StepTrace>,
    pub(super) how: HashMap<TraceId, How>,
    pub(super) tree: Vec<FlowTreeRow>,
    pub(super) sample: Sample,
    pub(super) compared: Option<Compared>,
    /// The earliest, and how many there are.
    pub(super) logs: Option<(RecordBatch, u64)>,
    pub(super) why_empty: Option<FlowWhyEmpty>,
    pub(super) elapsed: Duration,
}

impl Parts {
    pub(super) fn of(asked: FlowQuery, seeds: Seeds, notes: Vec<String>) -> Self {
        Self {
            asked,
            seeds,
            notes,
            traces: Vec::new(),
            how: HashMap::new(),
            tree: Vec::new(),
            sample: Sample::default(),
            compared: None,
            logs: None,
            why_empty: None,
            elapsed: Duration::ZERO,
        }
    }
}

pub(super) fn json(parts: &Parts) -> Result<String, QueryError> {
    let batch = parts.logs.as_ref().map(|(logs, _)| LogBatch::of(logs)).transpose()?;
    let records = by_time(batch.iter().flat_map(LogBatch::rows));
    let resources = Resources::of(records.iter().map(|(record, _)| *record))?;
    let mut known = ResourceKeys::default();
    let carry: Vec<bool> =
        records.iter().map(|(record, _)| !keys_of(*record, &parts.asked, &mut known).is_empty()).collect();
    let answers = log_answers(&records, None, &resources).into_iter().zip(carry);
    let logs: Vec<_> = answers.map(|(record, carries_value)| FlowLog { record, carries_value }).collect();
    let log_count = parts.logs.as_ref().map_or(0, |(_, count)| *count);
    let mut notes = parts.notes.clone();
    if log_count > logs.len() as u64 {
        notes.push(format!("{} of {log_count} log records are shown, the earliest ones", logs.len()));
    }
    let log_times = || logs.iter().map(|log| log.record.time_unix_nano);
    let answer = FlowAnswer {
        value: &parts.asked.value,
        looked_under: &parts.asked.keys,
        found_under: found_under(parts),
        is_trace_id: parts.seeds.trace_id.is_some(),
        start_time_unix_nano: parts.traces.iter().map(|trace| trace.start).chain(log_times()).min(),
        end_time_unix_nano: parts.traces.iter().map(|trace| trace.end).chain(log_times()).max(),
        traces: traces(parts),
        tree: &parts.tree,
        timeline: timeline(&parts.traces, &logs),
        logs,
        log_count,
        comparison: comparison(parts),
        notes,
        why_empty: parts.why_empty.as_ref(),
        elapsed_ms: u64::try_from(parts.elapsed.as_millis()).unwrap_or(u64::MAX),
    };
    serde_json::to_string(&answer).map_err(|error| QueryError::internal(format!("flow: {error}")))
}

fn found_under(parts: &Parts) -> Vec<FoundKey<'_>> {
    let keys = parts.asked.keys.iter().zip(&parts.seeds.keys);
    let found = keys.filter(|(_, count)| count.spans + count.logs > 0);
    found.map(|(key, count)| FoundKey { key, spans: count.spans, logs: count.logs }).collect()
}

fn traces(parts: &Parts) -> Vec<FlowTrace<'_>> {
    let steps: Vec<FlowStep> = parts.traces.iter().map(StepTrace::step).collect();
    let in_order: Vec<usize> = (0..steps.len()).collect();
    let figures = parts.compared.as_ref().map_or(&[][..], |compared| &compared.steps);
    let trace = |(nth, trace): (usize, &'_ StepTrace)| (nth, trace.trace_id, wait(&steps, &in_order[..=nth]));
    let placed: Vec<_> = parts.traces.iter().enumerate().map(trace).collect();
    parts
        .traces
        .iter()
        .zip(placed)
        .map(|(trace, (nth, id, gap_ns))| {
            let seed = parts.seeds.traces.get(&id);
            FlowTrace {
                trace_id: id.to_string(),
                how: parts.how.get(&id).copied().unwrap_or(How::Link),
                root: FlowSpan {
                    span_id: trace.root.span_id.to_string(),
                    service: &trace.root.service,
                    name: &trace.root.name,
                },
                start_time_unix_nano: trace.start,
                duration_ns: trace.end.saturating_sub(trace.start),
                outcome: trace.outcome.gravest(),
                span_count: trace.span_count,
                error_count: trace.error_count,
                services: &trace.services,
                complete: trace.complete,
                matched_span_count: seed.map_or(0, |seed| seed.spans),
                matched_span_ids: seed
                    .map_or(Vec::new(), |seed| seed.span_ids.iter().map(ToString::to_string).collect()),
                matched_log_count: seed.map_or(0, |seed| seed.logs),
                cause: trace.cause.as_ref().map(|cause| FlowCause {
                    trace_id: cause.trace_id.to_string(),
                    span: cause.span.as_ref().map(|span| FlowSpan {
                        span_id: span.span_id.to_string(),
                        service: &span.service,
                        name: &span.name,
                    }),
                    via: if cause.is_message { "message" } else { "link" },
                    age_ns: cause.age_ns,
                }),
                gap_ns,
                usual: figures.get(nth),
            }
        })
        .collect()
}

fn timeline(traces: &[StepTrace], logs: &[FlowLog<'_>]) -> Vec<TimelineEntry> {
    let traces = traces.iter().enumerate().map(|(nth, trace)| (trace.start, TimelineEntry::Trace(nth)));
    let logs = logs.iter().enumerate().map(|(nth, log)| (log.record.time_unix_nano, TimelineEntry::Log(nth)));
    let mut entries: Vec<(i64, TimelineEntry)> = traces.chain(logs).collect();
    // Stable: of one time the traces come first.
    entries.sort_by_key(|(time, _)| *time);
    entries.into_iter().map(|(_, entry)| entry).collect()
}

fn comparison(parts: &Parts) -> Comparison {
    let Some((key, compared)) = parts.sample.key.as_ref().zip(parts.compared.as_ref()) else {
        let sentence = parts.sample.refusal.clone().unwrap_or_default();
        return Comparison { key: None, others: 0, alike: 0, partial: false, sentence, missing: Vec::new() };
    };
    Comparison {
        key: Some(key.clone()),
        others: compared.others,
        alike: compared.alike,
        partial: parts.sample.partial,
        sentence: sentence(key, compared),
        missing: compared.missing.clone(),
    }
}

fn sentence(key: &str, compared: &Compared) -> String {
    let Compared { others, alike, steps, missing } = compared;
    if *others == 0 {
        return format!("the range has no other value of {key} to compare with");
    }
    if steps.is_empty() {
        return format!(
            "{alike} of {others} other values of {key} have the same steps; {FLOWS_MIN} are needed to say what is usual"
        );
    }
    let besides = match missing.len() {
        0 => "the same steps".to_owned(),
        1 => "these steps and one more, which is missing here".to_owned(),
        count => format!("these steps and {count} more, which are missing here"),
    };
    format!("compared with {alike} of {others} other values of {key}, which have {besides}")
}
