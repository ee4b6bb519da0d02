//! Flows: everything that carries one correlation id, as one timeline and one tree.
//!
//! 1. [`seeds`] finds the spans and log records that carry the value under one of the configured keys ([`keys`]), by the
//!    key index, and the trace that has it as its id.
//! 2. [`links`] adds the traces that span links join to those: whom they link to and who links to them, transitively.
//! 3. [`steps`] reads the traces: a trace is a step of the flow.
//! 4. [`tree`] puts each step below the one that caused it, [`compare`] sets it against the same step of other flows,
//!    which are other values of the same key ([`sample`]).
//! 5. [`answer`] puts traces and log records into the order of time.
//!
//! Everything is iterative, and everything has a bound; what is cut off is said in `notes`, with numbers.

mod answer;
mod compare;
mod keys;
mod links;
mod sample;
mod seeds;
mod steps;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use datafusion::logical_expr::Expr;
use proto::{Signal, TimeRange, TraceId};

pub(crate) use self::answer::FlowAnswer;
use self::answer::{FlowWhyEmpty, Parts};
use self::compare::{Compared, FlowStep};
pub use self::keys::{FLOW_KEYS, FLOW_KEYS_MAX};
use self::keys::{carries, trace_id_of};
use self::links::{Groups, How};
use self::steps::StepTrace;
use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::{LogFilter, SpanFilter, time_predicates, trace_is_one_of};
use crate::logs;
use crate::matching::Matching;
use crate::why_empty::why_empty;

/// Traces of a flow; of more the earliest are shown.
pub(crate) const TRACES_MAX: usize = 200;
/// Spans of all traces of a flow that are read; a larger flow is refused.
const SPANS_MAX: usize = 500_000;
/// Log records before and behind the traces that are looked at, as in searches with `logs{}`.
const LOGS_AROUND_NS: i64 = 3_600_000_000_000;

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct FlowQuery {
    /// Compared as text.
    pub(crate) value: String,
    /// Attribute keys, of spans, log records and their resources, that are looked under.
    pub(crate) keys: Vec<String>,
    /// Of the spans and log records that carry the value, and of the spans that link to their traces.
    pub(crate) range: TimeRange,
    /// Log records of the answer.
    pub(crate) logs_max: usize,
}

/// The flow as JSON text of a [`FlowAnswer`].
///
/// Errors: `TooLarge` when its traces have more than [`SPANS_MAX`] spans.
pub(crate) async fn read(query: &Query, asked: FlowQuery) -> Result<String, QueryError> {
    let mut seeds = seeds::find(query, &asked).await?;
    let mut notes = Vec::new();
    seeds.keep_earliest(TRACES_MAX, &mut notes);
    if let Some(id) = trace_id_of(&asked.value) {
        seeds.add_trace_id(query, id).await?;
    }
    if seeds.is_empty() {
        let why_empty = nearest(query, &asked).await?;
        let elapsed = query.elapsed();
        return answer::json(&Parts { why_empty: Some(why_empty), elapsed, ..Parts::of(asked, seeds, notes) });
    }
    let sample = sample::of(query, &asked, &seeds).await?;
    let own = seeds.traces.keys().map(|id| (*id, How::Value));
    let own = own.chain(seeds.trace_id.map(|id| (id, How::TraceId))).collect();
    let others = sample.traces.iter().map(|ids| ids.iter().map(|id| (*id, How::Value)).collect());
    let mut groups = Groups::new(std::iter::once(own).chain(others).collect());
    links::join(query, &mut groups, asked.range, &mut notes).await?;

    let ids: Vec<TraceId> = groups.of(0).keys().copied().collect();
    let mut traces = steps::read(query, &ids, SPANS_MAX).await?.ok_or_else(too_many_spans)?;
    traces.sort_by_key(StepTrace::order);
    if traces.len() < ids.len() {
        let (absent, all) = (ids.len() - traces.len(), ids.len());
        notes.push(format!(
            "{absent} of {all} traces have no spans here: only log records of them, or links to them, are known"
        ));
    }
    let compared = match sample.key {
        Some(_) => Some(compared(query, &groups, &traces).await?),
        None => None,
    };
    let range = logs_range(asked.range, &traces);
    let logs = logs::earliest(query, log_predicates(&asked, &ids, range), asked.logs_max).await?;
    let tree = tree::of(&traces);
    let how: HashMap<TraceId, How> = groups.of(0).iter().map(|(id, how)| (*id, *how)).collect();
    let elapsed = query.elapsed();
    let parts =
        Parts { traces, how, tree, sample, compared, logs: Some(logs), elapsed, ..Parts::of(asked, seeds, notes) };
    query.run(async move { answer::json(&parts) }).await
}

fn too_many_spans() -> QueryError {
    QueryError::too_large(
        format!("the traces of this flow have more than {SPANS_MAX} spans"),
        "narrow the time range, or name one key with key=",
    )
}

/// The flow against the others of the sample.
async fn compared(query: &Query, groups: &Groups, traces: &[StepTrace]) -> Result<Compared, QueryError> {
    let own: Vec<FlowStep> = traces.iter().map(StepTrace::step).collect();
    let wanted: BTreeSet<TraceId> = (1..groups.count()).flat_map(|nth| groups.of(nth).keys().copied()).collect();
    let wanted: Vec<TraceId> = wanted.into_iter().collect();
    let (known, unread) = sample::steps(query, &wanted).await?;
    let is_read = |nth: &usize| groups.of(*nth).keys().all(|id| unread.is_none_or(|unread| *id < unread));
    let steps = |nth: usize| {
        let mut steps: Vec<FlowStep> = groups.of(nth).keys().filter_map(|id| known.get(id).cloned()).collect();
        steps.sort_by_key(|step| (step.start, step.trace_id));
        steps
    };
    let others: Vec<Vec<FlowStep>> = (1..groups.count()).filter(is_read).map(steps).collect();
    Ok(compare::compare(&own, &others))
}

/// Log records that carry the value, and those of the traces.
fn log_predicates(asked: &FlowQuery, ids: &[TraceId], range: TimeRange) -> Vec<Expr> {
    let mut predicates = time_predicates(Signal::Logs, range);
    let carries = carries(Signal::Logs, &asked.keys, &asked.value);
    predicates.push(match ids {
        [] => carries,
        ids => trace_is_one_of(ids.iter().copied()).or(carries),
    });
    predicates
}

/// The range asked for, and around the traces, which may begin before it.
fn logs_range(asked: TimeRange, traces: &[StepTrace]) -> TimeRange {
    let first = traces.iter().map(|trace| trace.start).min();
    let last = traces.iter().map(|trace| trace.end).max();
    let (Some(first), Some(last)) = (first, last) else { return asked };
    TimeRange {
        start: asked.start.map(|start| start.min(first.saturating_sub(LOGS_AROUND_NS))),
        end: asked.end.map(|end| end.max(last.saturating_add(LOGS_AROUND_NS))),
    }
}

/// Where else the value is.
async fn nearest(query: &Query, asked: &FlowQuery) -> Result<FlowWhyEmpty, QueryError> {
    let search = |signal| vec![carries(signal, &asked.keys, &asked.value)];
    let spans = SpanFilter { range: asked.range, search: search(Signal::Spans), ..SpanFilter::default() };
    let logs = LogFilter { range: asked.range, search: search(Signal::Logs), ..LogFilter::default() };
    let spans = why_empty(query, &Matching::Spans(spans, None), Vec::new()).await?;
    let logs = why_empty(query, &Matching::Logs(logs), Vec::new()).await?;
    Ok(FlowWhyEmpty::of(asked, spans, logs))
}

/// Traces by id, with what is known of each.
type ById<T> = BTreeMap<TraceId, T>;
