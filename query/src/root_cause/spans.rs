//! The spans of window and baseline, as few bytes each as the comparison needs, in the order of their traces.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool};
use datafusion::prelude::{DataFrame, ident};
use futures::StreamExt;
use proto::{Signal, schema};

use super::periods::{Period, Periods};
use crate::columns::{TextColumn, binary, bytes_at, int_at, int64};
use crate::error::QueryError;
use crate::filter::time_predicates;
use crate::outcome::{OUTCOME_COLUMNS, OutcomeColumns};
use crate::sampling::is_trace_sampled;

/// Spans held in memory; with more, whole traces are left out, and the answer says so.
const SPANS_MAX: usize = if cfg!(test) { 20_000 } else { 1_000_000 };
/// Operations told apart; the spans of further ones are not looked at, and the answer says so.
const OPERATIONS_MAX: usize = 10_000;

/// The number of a service and operation in [`Spans::operations`].
pub(super) type OperationId = u32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    Client,
    Producer,
    No,
}

/// One span.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) trace_id: u128,
    pub(super) span_id: u64,
    /// 0 without one.
    pub(super) parent_span_id: u64,
    pub(super) start: i64,
    pub(super) duration: i64,
    pub(super) operation: OperationId,
    pub(super) period: Period,
    pub(super) caller: Caller,
    /// Error or fault.
    pub(super) has_failed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Operation {
    pub(super) service: u32,
    pub(super) name: String,
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Spans {
    /// Sorted by trace id.
    pub(super) spans: Vec<Span>,
    pub(super) operations: Vec<Operation>,
    pub(super) services: Vec<String>,
    /// One of so many traces was looked at; 1 for all.
    pub(super) one_in: u64,
    /// Spans of operations beyond the first [`OPERATIONS_MAX`].
    pub(super) left_out: u64,
    pub(super) service_ids: HashMap<String, u32>,
    pub(super) operation_ids: HashMap<Operation, OperationId>,
}

/// Reads the spans of both periods; with `wanted`, of those traces only.
/// Errors: no memory left within the engine's bound.
pub(super) async fn read(
    table: DataFrame,
    periods: Periods,
    wanted: Option<Arc<HashSet<u128>>>,
    pool: Arc<dyn MemoryPool>,
) -> Result<Spans, QueryError> {
    let memory = MemoryConsumer::new("root cause").register(&pool);
    let mut found = Spans { one_in: 1, ..Spans::default() };
    for range in periods.ranges() {
        let mut frame = table.clone();
        for predicate in time_predicates(Signal::Spans, range) {
            frame = frame.filter(predicate)?;
        }
        let mut stream = frame.select(columns().into_iter().map(ident).collect::<Vec<_>>())?.execute_stream().await?;
        while let Some(batch) = stream.next().await {
            found.take(&batch?, &periods, wanted.as_deref())?;
            memory.try_resize(found.spans.capacity() * size_of::<Span>())?;
        }
    }
    found.spans.sort_unstable_by_key(|span| (span.trace_id, span.start, span.span_id));
    Ok(found)
}

fn columns() -> Vec<&'static str> {
    let mut columns = vec![
        schema::TRACE_ID,
        schema::SPAN_ID,
        schema::PARENT_SPAN_ID,
        schema::START_TIME_UNIX_NANO,
        schema::DURATION_NS,
        schema::SERVICE,
        schema::NAME,
        schema::KIND,
    ];
    columns.extend(OUTCOME_COLUMNS);
    columns
}

impl Spans {
    fn take(
        &mut self,
        batch: &arrow::record_batch::RecordBatch,
        periods: &Periods,
        wanted: Option<&HashSet<u128>>,
    ) -> Result<(), QueryError> {
        let (trace_id, span_id) = (binary(batch, schema::TRACE_ID)?, binary(batch, schema::SPAN_ID)?);
        let parent = binary(batch, schema::PARENT_SPAN_ID)?;
        let (start, duration) = (int64(batch, schema::START_TIME_UNIX_NANO)?, int64(batch, schema::DURATION_NS)?);
        let (service, name) = (TextColumn::of(batch, schema::SERVICE)?, TextColumn::of(batch, schema::NAME)?);
        let (kind, outcomes) = (TextColumn::of(batch, schema::KIND)?, OutcomeColumns::of(batch)?);
        for row in 0..batch.num_rows() {
            let start = int_at(&start, row).unwrap_or(0);
            let Some(period) = periods.of(start) else { continue };
            let trace_id = bytes_at(&trace_id, row).and_then(|id| id.try_into().ok()).map_or(0, u128::from_be_bytes);
            if !is_trace_sampled(trace_id, self.one_in) || wanted.is_some_and(|wanted| !wanted.contains(&trace_id)) {
                continue;
            }
            let Some(operation) = self.operation(service.get(row).unwrap_or(""), name.get(row).unwrap_or("")) else {
                self.left_out += 1;
                continue;
            };
            self.spans.push(Span {
                trace_id,
                span_id: id_of(bytes_at(&span_id, row)),
                parent_span_id: id_of(bytes_at(&parent, row)),
                start,
                duration: int_at(&duration, row).unwrap_or(0).max(0),
                operation,
                period,
                caller: match kind.get(row) {
                    Some("CLIENT") => Caller::Client,
                    Some("PRODUCER") => Caller::Producer,
                    _ => Caller::No,
                },
                has_failed: !outcomes.at(row).is_ok(),
            });
            if self.spans.len() >= SPANS_MAX {
                self.thin_out();
            }
        }
        Ok(())
    }

    /// Keeps one of twice as many traces as before.
    fn thin_out(&mut self) {
        self.one_in = self.one_in.saturating_mul(2);
        let one_in = self.one_in;
        self.spans.retain(|span| is_trace_sampled(span.trace_id, one_in));
    }

    fn operation(&mut self, service: &str, name: &str) -> Option<OperationId> {
        let next = self.services.len() as u32;
        let service = match self.service_ids.get(service) {
            Some(id) => *id,
            None => {
                self.services.push(service.to_owned());
                self.service_ids.insert(service.to_owned(), next);
                next
            }
        };
        let operation = Operation { service, name: name.to_owned() };
        if let Some(id) = self.operation_ids.get(&operation) {
            return Some(*id);
        }
        if self.operations.len() >= OPERATIONS_MAX {
            return None;
        }
        let id = self.operations.len() as OperationId;
        self.operations.push(operation.clone());
        self.operation_ids.insert(operation, id);
        Some(id)
    }
}

fn id_of(bytes: Option<&[u8]>) -> u64 {
    bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes)
}
