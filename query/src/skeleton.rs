//! A trace as columns: what a waterfall of 50,000 spans needs and nothing else.
//!
//! Row JSON of such a trace has 12 MB and takes a browser longer to parse than to draw; columns with dictionaries have a
//! tenth of it. Attributes, links and resources of a span are asked for when it is looked at (`span_detail`).

use std::hash::Hash;

use arrow::record_batch::RecordBatch;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hashbrown::HashMap;
use proto::{Signal, TraceId, schema};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::unix_nano_text;
use crate::engine::{Query, Rows};
use crate::error::QueryError;
use crate::filter::trace_is;
use crate::outcome::{OUTCOME_COLUMNS, Outcome};
use crate::rows::{EventRow, LogBatch, LogRow, Row, SpanBatch, SpanRow};
use crate::trace_summary::TraceRoot;
use crate::trace_tree::{TraceTree, TreeRow, TreeSpan, assemble};
use crate::traces::{
    DistinctSpans, TRACE_LOGS_MAX, TRACE_SPANS_MAX, clamp, no_such_trace, too_many_spans, trace_warnings,
};

/// Span events whose time is told; the answer says when there are more.
const EVENTS_MAX: usize = 100_000;
/// Characters of an exception's type and message.
const EVENT_TEXT_CHARS_MAX: usize = 200;

// Bits of `flags`.
const HAS_EVENTS: u16 = 1;
const HAS_LINKS: u16 = 2;
const HAS_LOGS: u16 = 4;
const ORPHAN: u16 = 8;
const DUPLICATE: u16 = 16;
const CYCLE: u16 = 32;
const HAS_EXCEPTION: u16 = 64;
const PARENT_IS_REMOTE: u16 = 128;
const PARENT_IS_LOCAL: u16 = 256;

/// OTLP `SpanFlags`: whether the second bit says something, and whether the parent is in another process.
const SPAN_FLAGS_HAS_IS_REMOTE: i64 = 0x100;
const SPAN_FLAGS_IS_REMOTE: i64 = 0x200;

/// A trace as columns. Rows are in pre-order: the root first, then each span's children by start time.
#[derive(Serialize, ToSchema)]
#[schema(as = TraceSkeleton)]
pub(crate) struct SkeletonAnswer<'a> {
    trace_id: String,
    /// The earliest span without a parent.
    #[schema(required)]
    root: Option<TraceRoot>,
    #[serde(serialize_with = "unix_nano_text")]
    #[schema(value_type = String)]
    start_time_unix_nano: i64,
    #[serde(serialize_with = "unix_nano_text")]
    #[schema(value_type = String)]
    end_time_unix_nano: i64,
    /// From the earliest start to the latest end.
    duration_ns: i64,
    span_count: usize,
    service_count: usize,
    /// Spans with status ERROR.
    error_count: usize,
    log_count: usize,
    /// Levels of the tree: a lone root has 1.
    depth: u32,
    /// Every parent id resolves and there is one root.
    complete: bool,
    /// Spans whose parent is not here.
    orphan_count: usize,
    /// Members of parent cycles.
    cycle_count: usize,
    /// Spans beyond the first with one id: exact copies (left out) and others (shown and marked).
    duplicate_count: usize,
    /// What is odd about this trace, in words.
    warnings: Vec<String>,
    /// The service with the most self time first.
    services: Vec<&'a str>,
    names: Vec<&'a str>,
    kinds: Vec<&'a str>,
    spans: SpanColumns,
    events: EventColumns,
    logs: LogColumns,
}

/// One entry a span in every column.
#[derive(Default, Serialize, ToSchema)]
struct SpanColumns {
    /// Base64 of 8 bytes a span.
    span_id: String,
    /// Row of the parent, which comes before the span; -1 for a root, a promoted one (orphan, cycle) included.
    parent: Vec<i64>,
    /// From the start of the trace.
    start_ns: Vec<i64>,
    /// Negative when the sender's end lies before its start.
    duration_ns: Vec<i64>,
    /// Index into `services`.
    service: Vec<u32>,
    /// Index into `names`.
    name: Vec<u32>,
    /// Index into `kinds`.
    kind: Vec<u32>,
    /// 0 UNSET, 1 OK, 2 ERROR, 3 a number this server does not know.
    #[schema(value_type = Vec<u32>)]
    status: Vec<u8>,
    /// Bits: 1 error, 2 throttle, 4 fault; 0 is ok.
    #[schema(value_type = Vec<u32>)]
    outcome: Vec<u8>,
    /// Bits: 1 has events, 2 has links, 4 has logs, 8 orphan, 16 shares its id, 32 in a parent cycle, 64 has an
    /// exception event, 128 its parent is in another process, 256 its parent is in the same process (neither: the
    /// sender did not say).
    flags: Vec<u16>,
}

/// Events of spans, in the order of the spans.
#[derive(Default, Serialize, ToSchema)]
struct EventColumns {
    /// Row of the span.
    span: Vec<u32>,
    /// From the start of the trace.
    time_ns: Vec<i64>,
    /// Index into `texts`.
    text: Vec<u32>,
    /// Names of events; of an exception its type and message.
    texts: Vec<String>,
    /// There are more events than these.
    truncated: bool,
}

/// Log records of the trace by time.
#[derive(Default, Serialize, ToSchema)]
struct LogColumns {
    /// Row of the span it names; -1 when it names none that is here.
    span: Vec<i64>,
    /// From the start of the trace.
    time_ns: Vec<i64>,
    severity_number: Vec<i32>,
    /// There are more log records than these.
    truncated: bool,
}

/// The skeleton as JSON text. Errors: `NotFound`; `TooLarge` beyond [`TRACE_SPANS_MAX`].
pub(crate) async fn read(query: &Query, trace_id: TraceId) -> Result<String, QueryError> {
    let logs = query.table(Signal::Logs)?.filter(trace_is(trace_id))?.select_columns(&LOG_COLUMNS)?;
    let logs = query.collect_rows(logs, TRACE_LOGS_MAX).await?;
    let slim = query.table(Signal::Spans)?.filter(trace_is(trace_id))?.select_columns(&span_columns())?;
    let slim = spans(query, trace_id, slim).await?;
    if slim.row_count() + logs.row_count() == 0 {
        return Err(no_such_trace(trace_id));
    }
    let logs = std::sync::Arc::new(logs);
    let (batches, records) = (slim.batches, std::sync::Arc::clone(&logs));
    if let Some(json) = query.run(async move { to_json(trace_id, &batches, &records, false) }).await? {
        return Ok(json);
    }
    // Ids are shared: whether two spans are copies only their whole content says.
    let whole = query.table(Signal::Spans)?.filter(trace_is(trace_id))?;
    let whole = spans(query, trace_id, whole).await?;
    let json = query.run(async move { to_json(trace_id, &whole.batches, &logs, true) }).await?;
    json.ok_or_else(|| QueryError::internal(format!("trace {trace_id} has no skeleton")))
}

async fn spans(query: &Query, trace_id: TraceId, frame: datafusion::prelude::DataFrame) -> Result<Rows, QueryError> {
    let rows = query.collect_rows(frame, TRACE_SPANS_MAX).await?;
    if rows.truncated { Err(too_many_spans(trace_id)) } else { Ok(rows) }
}

const LOG_COLUMNS: [&str; 3] = [schema::SPAN_ID, schema::TIME_UNIX_NANO, schema::SEVERITY_NUMBER];

fn span_columns() -> Vec<&'static str> {
    let mut columns = vec![
        schema::TRACE_ID,
        schema::SPAN_ID,
        schema::PARENT_SPAN_ID,
        schema::START_TIME_UNIX_NANO,
        schema::DURATION_NS,
        schema::SERVICE,
        schema::NAME,
        schema::KIND,
        schema::FLAGS,
        schema::EVENTS,
        schema::LINKS,
    ];
    columns.extend(OUTCOME_COLUMNS);
    columns
}

/// `None` when ids are shared and `batches` hold less than whole spans.
fn to_json(
    trace_id: TraceId,
    batches: &[RecordBatch],
    logs: &Rows,
    are_whole: bool,
) -> Result<Option<String>, QueryError> {
    let batches = batches.iter().map(SpanBatch::of).collect::<Result<Vec<_>, _>>()?;
    let spans = DistinctSpans::of(batches.iter().flat_map(SpanBatch::rows))?;
    let tree = assemble(&spans.tree_spans);
    if !are_whole && (spans.copies > 0 || tree.duplicate_count > 0) {
        return Ok(None);
    }
    let records = logs.batches.iter().map(LogBatch::of).collect::<Result<Vec<_>, _>>()?;
    let mut records: Vec<LogRow<'_>> = records.iter().flat_map(LogBatch::rows).collect();
    // By more than the time: the answer does not depend on where records lie.
    records.sort_by_key(|record| (record.time_unix_nano(), record.span_id(), record.severity_number()));
    let answer = skeleton(trace_id, &spans, &tree, &records, logs.truncated);
    let json = serde_json::to_string(&answer);
    json.map(Some).map_err(|error| QueryError::internal(format!("trace {trace_id}: {error}")))
}

fn skeleton<'a>(
    trace_id: TraceId,
    spans: &DistinctSpans<'a>,
    tree: &TraceTree,
    records: &[LogRow<'_>],
    logs_truncated: bool,
) -> SkeletonAnswer<'a> {
    let (start, end) = extent(&spans.tree_spans, records);
    let mut row_of = vec![0u32; spans.rows.len()];
    for (row, place) in tree.rows.iter().enumerate() {
        row_of[place.span] = index(row);
    }
    let logs = log_columns(spans, &row_of, records, start, logs_truncated);
    let (mut services, mut names, mut kinds) =
        (services_by_self_time(spans, tree), Dictionary::new(), Dictionary::new());
    let mut columns = SpanColumns::default();
    let mut ids = Vec::with_capacity(spans.rows.len() * 8);
    let mut error_count = 0;
    for place in &tree.rows {
        let (row, span) = (spans.rows[place.span], &spans.tree_spans[place.span]);
        let status = status_code(row.status());
        error_count += usize::from(status == 2);
        ids.extend_from_slice(span.span_id.as_bytes());
        columns.parent.push(place.parent.map_or(-1, |parent| i64::from(row_of[parent])));
        columns.start_ns.push(offset(span.start_time_unix_nano, start));
        columns.duration_ns.push(span.duration_ns);
        columns.service.push(services.index(row.service()));
        columns.name.push(names.index(row.name()));
        columns.kind.push(kinds.index(row.kind()));
        columns.status.push(status);
        columns.outcome.push(outcome_bits(row.outcome()));
        columns.flags.push(flags(place, row));
    }
    columns.span_id = BASE64.encode(ids);
    for &row in &logs.span {
        if let Some(flags) = usize::try_from(row).ok().and_then(|row| columns.flags.get_mut(row)) {
            *flags |= HAS_LOGS;
        }
    }
    let mut warnings = trace_warnings(tree, spans);
    if spans.rows.is_empty() {
        warnings.push("no span of this trace was received, only log records".to_owned());
    }
    SkeletonAnswer {
        trace_id: trace_id.to_string(),
        root: tree.root(&spans.tree_spans).map(|root| TraceRoot::of(spans.rows[root], &spans.tree_spans[root])),
        start_time_unix_nano: start,
        end_time_unix_nano: clamp(end),
        duration_ns: clamp(end - i128::from(start)),
        span_count: spans.rows.len(),
        service_count: services.texts.len(),
        error_count,
        log_count: records.len(),
        depth: tree.depth,
        complete: tree.is_complete(),
        orphan_count: tree.orphan_count,
        cycle_count: tree.cycle_count,
        duplicate_count: tree.duplicate_count + spans.copies,
        warnings,
        services: services.texts,
        names: names.texts,
        kinds: kinds.texts,
        events: event_columns(spans, tree, start),
        spans: columns,
        logs,
    }
}

/// Of the spans; of the log records when there is no span.
fn extent(spans: &[TreeSpan], records: &[LogRow<'_>]) -> (i64, i128) {
    let first_log = records.first().map_or(0, |record| record.time_unix_nano());
    let last_log = records.last().map_or(0, |record| record.time_unix_nano());
    let start = spans.iter().map(|span| span.start_time_unix_nano).min().unwrap_or(first_log);
    let end = spans.iter().map(TreeSpan::end).max().unwrap_or(i128::from(last_log));
    // A lone span that ends before it starts has no extent.
    (start, end.max(i128::from(start)))
}

fn offset(time: i64, start: i64) -> i64 {
    clamp(i128::from(time) - i128::from(start))
}

/// Traces have at most [`TRACE_SPANS_MAX`] spans and dictionaries no more entries.
fn index(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

fn status_code(status: &str) -> u8 {
    match status {
        "UNSET" => 0,
        "OK" => 1,
        "ERROR" => 2,
        _ => 3,
    }
}

fn outcome_bits(outcome: Outcome) -> u8 {
    u8::from(outcome.error) | u8::from(outcome.throttle) << 1 | u8::from(outcome.fault) << 2
}

fn flags(place: &TreeRow, row: SpanRow<'_>) -> u16 {
    let remote = match row.flags() & (SPAN_FLAGS_HAS_IS_REMOTE | SPAN_FLAGS_IS_REMOTE) {
        SPAN_FLAGS_HAS_IS_REMOTE => PARENT_IS_LOCAL,
        0 | SPAN_FLAGS_IS_REMOTE => 0,
        _ => PARENT_IS_REMOTE,
    };
    let bits = [
        (row.events().next().is_some(), HAS_EVENTS),
        (row.links().next().is_some(), HAS_LINKS),
        (place.orphan, ORPHAN),
        (place.duplicate, DUPLICATE),
        (place.cycle, CYCLE),
        (row.events().any(|event| event.name == "exception"), HAS_EXCEPTION),
    ];
    bits.iter().filter(|(on, _)| *on).fold(remote, |flags, (_, bit)| flags | bit)
}

fn event_columns(spans: &DistinctSpans<'_>, tree: &TraceTree, start: i64) -> EventColumns {
    let mut columns = EventColumns::default();
    let mut texts = Dictionary::new();
    for (row, place) in tree.rows.iter().enumerate() {
        for event in spans.rows[place.span].events() {
            if columns.span.len() == EVENTS_MAX {
                columns.truncated = true;
                break;
            }
            columns.span.push(index(row));
            columns.time_ns.push(offset(event.time_unix_nano, start));
            columns.text.push(texts.index(event_text(event)));
        }
    }
    columns.texts = texts.texts;
    columns
}

/// The name, or of an exception what it says.
fn event_text(event: EventRow<'_>) -> String {
    let attributes: serde_json::Value = match event.name {
        "exception" => serde_json::from_str(event.attributes).unwrap_or_default(),
        _ => serde_json::Value::Null,
    };
    let parts = ["exception.type", "exception.message"].map(|key| attributes[key].as_str().unwrap_or(""));
    let said = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
    let text = if said.is_empty() { event.name } else { &said };
    text.chars().take(EVENT_TEXT_CHARS_MAX).collect()
}

fn log_columns(
    spans: &DistinctSpans<'_>,
    row_of: &[u32],
    records: &[LogRow<'_>],
    start: i64,
    truncated: bool,
) -> LogColumns {
    let mut columns = LogColumns { truncated, ..LogColumns::default() };
    let mut by_id: HashMap<&[u8], u32> = HashMap::with_capacity(spans.tree_spans.len());
    for (span, &row) in spans.tree_spans.iter().zip(row_of) {
        // Of spans with one id the first in the waterfall.
        by_id.entry(span.span_id.as_bytes()).and_modify(|first| *first = row.min(*first)).or_insert(row);
    }
    for record in records {
        let row = record.span_id().and_then(|id| by_id.get(id));
        columns.span.push(row.map_or(-1, |&row| i64::from(row)));
        columns.time_ns.push(offset(record.time_unix_nano(), start));
        columns.severity_number.push(record.severity_number());
    }
    columns
}

fn services_by_self_time<'a>(spans: &DistinctSpans<'a>, tree: &TraceTree) -> Dictionary<&'a str> {
    let mut own: HashMap<&'a str, i64> = HashMap::new();
    for place in &tree.rows {
        let time = own.entry(spans.rows[place.span].service()).or_default();
        *time = time.saturating_add(place.self_time_ns);
    }
    let mut services: Vec<_> = own.into_iter().collect();
    services.sort_by_key(|&(service, time)| (std::cmp::Reverse(time), service));
    let mut dictionary = Dictionary::new();
    for (service, _) in services {
        dictionary.index(service);
    }
    dictionary
}

/// Texts by the order in which they were asked for.
struct Dictionary<T> {
    texts: Vec<T>,
    indexes: HashMap<T, u32>,
}

impl<T: Clone + Eq + Hash> Dictionary<T> {
    fn new() -> Self {
        Self { texts: Vec::new(), indexes: HashMap::new() }
    }

    fn index(&mut self, text: T) -> u32 {
        let next = index(self.texts.len());
        let found = *self.indexes.entry(text.clone()).or_insert(next);
        if found == next {
            self.texts.push(text);
        }
        found
    }
}

#[cfg(test)]
mod tests;
