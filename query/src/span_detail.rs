//! One span of a trace with everything it says, and the log records that name it.

use proto::{Signal, SpanId, TraceId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::{LogAnswer, Resources};
use crate::engine::{Query, Rows};
use crate::error::QueryError;
use crate::filter::{span_is, trace_is};
use crate::rows::{LogBatch, SpanBatch};
use crate::traces::{DistinctSpans, SpanContent, by_time, log_answers};

/// Spans with one id: more are cut off and the answer says so.
const SPANS_MAX: usize = 100;
/// Log records shown with a span; the answer says when there are more.
const LOGS_MAX: usize = 1_000;

/// A span as it was sent.
#[derive(Serialize, ToSchema)]
#[schema(as = SpanDetail)]
pub(crate) struct SpanDetailAnswer<'a> {
    trace_id: String,
    /// One, unless several spans of different content share the id: then by start time. Exact copies are left out.
    spans: Vec<SpanContent<'a>>,
    /// There are more spans with this id.
    spans_truncated: bool,
    /// Records that name the span, by time.
    logs: Vec<LogAnswer<'a>>,
    /// There are more of them.
    logs_truncated: bool,
}

/// The detail as JSON text. Errors: `NotFound`.
pub(crate) async fn read(query: &Query, trace_id: TraceId, span_id: SpanId) -> Result<String, QueryError> {
    let spans = rows(query, Signal::Spans, trace_id, span_id, SPANS_MAX).await?;
    if spans.row_count() == 0 {
        return Err(QueryError::not_found(
            format!("trace {trace_id} has no span {span_id}"),
            "check the ids; the span may not have arrived yet, or its date may have been dropped by retention",
        ));
    }
    let logs = rows(query, Signal::Logs, trace_id, span_id, LOGS_MAX).await?;
    query.run(async move { to_json(trace_id, &spans, &logs) }).await
}

async fn rows(
    query: &Query,
    signal: Signal,
    trace_id: TraceId,
    span_id: SpanId,
    rows_max: usize,
) -> Result<Rows, QueryError> {
    let frame = query.table(signal)?.filter(trace_is(trace_id))?.filter(span_is(span_id))?;
    query.collect_rows(frame, rows_max).await
}

fn to_json(trace_id: TraceId, spans: &Rows, logs: &Rows) -> Result<String, QueryError> {
    let span_batches = spans.batches.iter().map(SpanBatch::of).collect::<Result<Vec<_>, _>>()?;
    let distinct = DistinctSpans::of(span_batches.iter().flat_map(SpanBatch::rows))?;
    let log_batches = logs.batches.iter().map(LogBatch::of).collect::<Result<Vec<_>, _>>()?;
    let records = by_time(log_batches.iter().flat_map(LogBatch::rows));
    let span_resources = Resources::of(distinct.rows.iter().copied())?;
    let log_resources = Resources::of(records.iter().map(|(record, _)| *record))?;
    let content = |(row, span)| SpanContent::of(row, span, &span_resources);
    let answer = SpanDetailAnswer {
        trace_id: trace_id.to_string(),
        spans: distinct.rows.iter().copied().zip(&distinct.tree_spans).map(content).collect(),
        spans_truncated: spans.truncated,
        logs: log_answers(&records, None, &log_resources),
        logs_truncated: logs.truncated,
    };
    serde_json::to_string(&answer).map_err(|error| QueryError::internal(format!("trace {trace_id}: {error}")))
}
