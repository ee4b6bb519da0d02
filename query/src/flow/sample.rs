//! Other flows to compare with: other values of the same key in the range.
//!
//! Some values are read off the rows of the range, for a bounded time; then the index finds all traces of each, so that
//! every flow of the sample is whole.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use datafusion::logical_expr::lit;
use datafusion::prelude::{DataFrame, ident};
use futures::TryStreamExt;
use proto::{Signal, TimeRange, TraceId, schema};
use tokio::time::Instant;

use super::compare::FlowStep;
use super::seeds::Seeds;
use super::steps::{self, StepTrace};
use super::{ById, FlowQuery};
use crate::columns::{TextColumn, binary, bytes_at};
use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::{attribute_text, time_predicates};

/// Other values that are looked at.
const FLOWS_MAX: usize = 60;
/// How long they are looked for, in spans and in log records each. What a test finds must not depend on how busy the machine
/// is.
const TIME_BOX: Duration = Duration::from_secs(if cfg!(test) { 60 } else { 1 });
/// Name of the column with the values of the key.
const VALUE: &str = "value";
/// A flow of more traces is not compared with, and a longer one is not compared.
const FLOW_TRACES_MAX: usize = 50;
/// Spans of all their traces that are read.
const SPANS_MAX: usize = 300_000;
/// Traces that are read at once.
const TRACES_AT_ONCE: usize = 250;
/// Letters of a value that is no id any more.
const VALUE_CHARS_MAX: usize = 256;

/// Traces of other flows.
#[derive(Debug, Default)]
pub(super) struct Sample {
    /// The key whose values are compared; none when the value is only a trace id, or the flow is too long.
    pub(super) key: Option<String>,
    /// Why there is nothing to compare.
    pub(super) refusal: Option<String>,
    /// Traces that carry each of the other values.
    pub(super) traces: Vec<BTreeSet<TraceId>>,
    /// The time for looking was over, or there were more values than are looked at.
    pub(super) partial: bool,
}

/// Looks for other values of the key under which most rows carry the asked one.
pub(super) async fn of(query: &Query, asked: &FlowQuery, seeds: &Seeds) -> Result<Sample, QueryError> {
    let refused = |refusal: String| Ok(Sample { refusal: Some(refusal), ..Sample::default() });
    let rows = |nth: &usize| seeds.keys[*nth].spans + seeds.keys[*nth].logs;
    // Of keys with as many rows the first is taken.
    let Some(nth) = (0..asked.keys.len()).rev().max_by_key(rows).filter(|nth| rows(nth) > 0) else {
        return refused("a trace id has no other values to compare with".to_owned());
    };
    if seeds.traces.is_empty() {
        return refused("no trace carries the value, only log records".to_owned());
    }
    if seeds.traces.len() > FLOW_TRACES_MAX {
        return refused(format!("flows of more than {FLOW_TRACES_MAX} traces are not compared with others"));
    }
    let (key, counts) = (asked.keys[nth].clone(), seeds.keys[nth]);
    let signals = [(Signal::Spans, counts.spans), (Signal::Logs, counts.logs)];
    let signals: Vec<Signal> = signals.into_iter().filter(|(_, rows)| *rows > 0).map(|(signal, _)| signal).collect();
    let mut values = Values { own: asked.value.clone(), others: BTreeSet::new(), is_partial: false };
    for signal in &signals {
        let frame = rows_with(query, *signal, asked.range, &key, None)?;
        values = query.run(values.looked_for(frame)).await?;
    }
    let mut traces: HashMap<String, BTreeSet<TraceId>> = HashMap::new();
    for signal in signals.iter().filter(|_| !values.others.is_empty()) {
        let frame = rows_with(query, *signal, asked.range, &key, Some(&values.others))?;
        traces = query.run(traces_of(frame, traces)).await?;
    }
    let is_comparable = |ids: &BTreeSet<TraceId>| (1..=FLOW_TRACES_MAX).contains(&ids.len());
    let traces = traces.into_values().filter(is_comparable).collect();
    Ok(Sample { key: Some(key), refusal: None, traces, partial: values.is_partial })
}

/// Trace id and value of the rows that have the key, or that have one of `values` under it, which the index knows.
fn rows_with(
    query: &Query,
    signal: Signal,
    range: TimeRange,
    key: &str,
    values: Option<&BTreeSet<String>>,
) -> Result<DataFrame, QueryError> {
    let value = attribute_text(signal, key);
    let wanted = match values {
        None => value.clone().is_not_null(),
        Some(values) => value.clone().in_list(values.iter().map(|text| lit(text.as_str())).collect(), false),
    };
    let mut frame = query.table(signal)?;
    for predicate in time_predicates(signal, range).into_iter().chain([wanted]) {
        frame = frame.filter(predicate)?;
    }
    Ok(frame.select(vec![ident(schema::TRACE_ID), value.alias(VALUE)])?)
}

/// Other values of a key.
struct Values {
    own: String,
    others: BTreeSet<String>,
    /// There are more, or the time was over.
    is_partial: bool,
}

impl Values {
    /// Reads until there are [`FLOWS_MAX`] or the time is over.
    async fn looked_for(mut self, frame: DataFrame) -> Result<Self, QueryError> {
        let until = Instant::now() + TIME_BOX;
        let mut rows = frame.execute_stream().await?;
        while !self.is_partial {
            match tokio::time::timeout_at(until, rows.try_next()).await {
                Ok(batch) => match batch? {
                    Some(batch) => self.add(&TextColumn::of(&batch, VALUE)?, batch.num_rows()),
                    None => break,
                },
                Err(_) => self.is_partial = true,
            }
        }
        Ok(self)
    }

    fn add(&mut self, texts: &TextColumn, rows: usize) {
        for text in (0..rows).filter_map(|row| texts.get(row)) {
            if text.is_empty() || text == self.own || self.others.contains(text) {
                continue;
            }
            if self.others.len() == FLOWS_MAX {
                self.is_partial = true;
                return;
            }
            if text.chars().count() <= VALUE_CHARS_MAX {
                self.others.insert(text.to_owned());
            }
        }
    }
}

/// Adds the traces that carry each value; of a value of too many, one more than are compared.
async fn traces_of(
    frame: DataFrame,
    mut traces: HashMap<String, BTreeSet<TraceId>>,
) -> Result<HashMap<String, BTreeSet<TraceId>>, QueryError> {
    let mut rows = frame.execute_stream().await?;
    while let Some(batch) = rows.try_next().await? {
        let (texts, ids) = (TextColumn::of(&batch, VALUE)?, binary(&batch, schema::TRACE_ID)?);
        for row in 0..batch.num_rows() {
            let Some(id) = bytes_at(&ids, row).and_then(|id| TraceId::from_bytes(id).ok()) else { continue };
            let Some(text) = texts.get(row) else { continue };
            let known = match traces.get_mut(text) {
                Some(known) => known,
                None => traces.entry(text.to_owned()).or_default(),
            };
            if known.len() <= FLOW_TRACES_MAX {
                known.insert(id);
            }
        }
    }
    Ok(traces)
}

/// Traces as steps, and the first that was not read any more because of [`SPANS_MAX`]. `ids` are in order; of a trace
/// without spans there is no step.
pub(super) async fn steps(query: &Query, ids: &[TraceId]) -> Result<(ById<FlowStep>, Option<TraceId>), QueryError> {
    let (mut known, mut left): (ById<FlowStep>, usize) = (BTreeMap::new(), SPANS_MAX);
    for ids in ids.chunks(TRACES_AT_ONCE) {
        let Some(traces) = steps::read(query, ids, left).await? else { return Ok((known, ids.first().copied())) };
        left -= traces.iter().map(|trace| trace.span_count).sum::<usize>().min(left);
        known.extend(traces.iter().map(|trace: &StepTrace| (trace.trace_id, trace.step())));
    }
    Ok((known, None))
}
