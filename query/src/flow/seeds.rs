//! The spans and log records that carry a value, and their traces.

use std::collections::HashMap;

use futures::TryStreamExt;
use proto::value::{attribute_text, read_json_attributes};
use proto::{Signal, SpanId, TraceId, schema};

use super::keys::carries;
use super::{ById, FlowQuery};
use crate::columns::Stored;
use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::{time_predicates, trace_is};
use crate::rows::{LogBatch, Row, SpanBatch};

/// Traces that are told apart while looking; what carries the value in further ones is counted only.
const TRACES_SEEN_MAX: usize = 20_000;
/// Ids of matching spans that are kept of each trace: the first is where the trace page opens.
const SPAN_IDS_MAX: usize = 20;

/// A trace of which something carries the value.
#[derive(Clone, Debug, Default)]
pub(super) struct Seed {
    /// Time of the first span or log record that carries the value.
    first: i64,
    pub(super) spans: u64,
    pub(super) logs: u64,
    /// Of the spans, the first that were read.
    pub(super) span_ids: Vec<SpanId>,
}

/// Rows that have the value under one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct KeyCount {
    pub(super) spans: u64,
    pub(super) logs: u64,
}

/// Where the value was found.
#[derive(Debug, Default)]
pub(super) struct Seeds {
    pub(super) traces: ById<Seed>,
    /// In the order of the asked keys.
    pub(super) keys: Vec<KeyCount>,
    /// Log records without a trace among them.
    pub(super) rows: u64,
    /// The value is the id of a trace.
    pub(super) trace_id: Option<TraceId>,
    /// Rows of traces beyond the first that were told apart.
    beyond: u64,
}

impl Seeds {
    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0 && self.trace_id.is_none()
    }

    /// Leaves the earliest traces.
    pub(super) fn keep_earliest(&mut self, traces_max: usize, notes: &mut Vec<String>) {
        let seen = self.traces.len();
        if seen <= traces_max {
            return;
        }
        let mut times: Vec<_> = self.traces.iter().map(|(id, seed)| (seed.first, *id)).collect();
        times.sort_unstable();
        for (_, id) in &times[traces_max..] {
            self.traces.remove(id);
        }
        let more = if self.beyond > 0 { "more than " } else { "" };
        notes.push(format!("{traces_max} of {more}{seen} traces that carry the value are shown, the earliest ones"));
    }

    /// Adds the trace whose id the value is, if there is one.
    pub(super) async fn add_trace_id(&mut self, query: &Query, id: TraceId) -> Result<(), QueryError> {
        for signal in [Signal::Spans, Signal::Logs] {
            let rows = query.open(signal, Some(&[schema::TRACE_ID]), vec![trace_is(id)])?;
            let is_here = query.run(async move {
                let mut rows = rows.await?;
                while let Some(batch) = rows.try_next().await? {
                    if batch.num_rows() > 0 {
                        return Ok(true);
                    }
                }
                Ok(false)
            });
            if is_here.await? {
                self.trace_id = Some(id);
                return Ok(());
            }
        }
        Ok(())
    }

    fn add(&mut self, trace: Option<TraceId>, time: i64, span: Option<SpanId>, signal: Signal) {
        self.rows += 1;
        let Some(trace) = trace else { return };
        if self.traces.len() >= TRACES_SEEN_MAX && !self.traces.contains_key(&trace) {
            self.beyond += 1;
            return;
        }
        let seed = self.traces.entry(trace).or_insert(Seed { first: time, ..Seed::default() });
        seed.first = seed.first.min(time);
        match signal {
            Signal::Spans => seed.spans += 1,
            Signal::Logs => seed.logs += 1,
        }
        seed.span_ids.extend(span.filter(|_| seed.span_ids.len() < SPAN_IDS_MAX));
    }
}

/// Looks under all keys, in spans and in log records.
pub(super) async fn find(query: &Query, asked: &FlowQuery) -> Result<Seeds, QueryError> {
    let mut seeds = Seeds { keys: vec![KeyCount::default(); asked.keys.len()], ..Seeds::default() };
    for signal in [Signal::Spans, Signal::Logs] {
        let mut predicates = time_predicates(signal, asked.range);
        predicates.push(carries(signal, &asked.keys, &asked.value));
        let columns = [schema::TRACE_ID, schema::SPAN_ID, signal.spec().time_column, schema::RESOURCE];
        let rows = query.open(signal, Some(&columns), predicates)?;
        let asked = asked.clone();
        seeds = query
            .run(async move {
                let mut rows = rows.await?;
                let mut resources = ResourceKeys::default();
                while let Some(batch) = rows.try_next().await? {
                    match signal {
                        Signal::Spans => {
                            for row in SpanBatch::of(&batch)?.rows() {
                                for key in keys_of(row, &asked, &mut resources) {
                                    seeds.keys[key].spans += 1;
                                }
                                let span = row.span_id()?;
                                seeds.add(Some(row.trace_id()?), row.start_time_unix_nano(), Some(span), signal);
                            }
                        }
                        Signal::Logs => {
                            for row in LogBatch::of(&batch)?.rows() {
                                for key in keys_of(row, &asked, &mut resources) {
                                    seeds.keys[key].logs += 1;
                                }
                                let trace = row.trace_id().and_then(|id| TraceId::from_bytes(id).ok());
                                let span = row.span_id().and_then(|id| SpanId::from_bytes(id).ok());
                                seeds.add(trace, row.time_unix_nano(), span, signal);
                            }
                        }
                    }
                }
                Ok(seeds)
            })
            .await?;
    }
    Ok(seeds)
}

/// Under which keys of the resources the value is, by the text of a resource.
#[derive(Default)]
pub(super) struct ResourceKeys(HashMap<String, HashMap<String, String>>);

impl ResourceKeys {
    fn get(&mut self, resource: &str, key: &str) -> Option<&str> {
        if !self.0.contains_key(resource) {
            let attributes = read_json_attributes(resource).unwrap_or_default();
            let texts = attributes.into_iter().map(|one| (one.key, attribute_text(one.value))).collect();
            self.0.insert(resource.to_owned(), texts);
        }
        self.0.get(resource)?.get(key).map(String::as_str)
    }
}

/// Positions among the asked keys under which a row has the value, by the rule of [`carries`].
pub(super) fn keys_of<'a>(row: impl Row<'a>, asked: &FlowQuery, resources: &mut ResourceKeys) -> Vec<usize> {
    let attributes = row.attributes();
    let is_value = |stored: &Stored<'_>| match stored {
        Stored::Text(text) | Stored::Json(text) => *text == asked.value,
        Stored::Int(int) => int.to_string() == asked.value,
    };
    let mut has = |key: &String| match attributes.iter().find(|(name, _)| name == key) {
        Some((_, stored)) => is_value(stored),
        None => resources.get(row.origin().resource, key) == Some(asked.value.as_str()),
    };
    (0..asked.keys.len()).filter(|nth| has(&asked.keys[*nth])).collect()
}
