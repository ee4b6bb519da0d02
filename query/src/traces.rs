//! One whole trace: its spans as a tree and its log records, wherever they lie.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use arrow::record_batch::RecordBatch;
use proto::{Signal, TraceId};
use serde::Serialize;
use serde_json::Value as Json;
use utoipa::ToSchema;

use crate::answer::{Attributes, JsonText, JsonValue, LogAnswer, Resources, ScopeAnswer, unix_nano_text};
use crate::engine::{Query, Rows};
use crate::error::QueryError;
use crate::filter::trace_is;
use crate::otlp_json::{write_resource_logs, write_resource_spans};
use crate::rows::{EventRow, LinkRow, LogBatch, LogRow, Row, SpanBatch, SpanRow};
use crate::trace_summary::TraceRoot;
use crate::trace_tree::{TraceTree, TreeRow, TreeSpan, assemble, warnings};

/// Spans of one trace that are assembled; a larger trace is refused and can be asked about in SQL.
pub(crate) const TRACE_SPANS_MAX: usize = 1_000_000;
/// Log records that are shown with a trace; the answer says when there are more.
pub(crate) const TRACE_LOGS_MAX: usize = 100_000;

/// The rows of one trace.
pub(crate) struct StoredTrace {
    trace_id: TraceId,
    spans: Vec<RecordBatch>,
    logs: Rows,
}

/// Reads a trace from memtable and segments, without a time range.
/// Errors: `NotFound`; `TooLarge` beyond [`TRACE_SPANS_MAX`].
pub(crate) async fn read(query: &Query, trace_id: TraceId) -> Result<StoredTrace, QueryError> {
    let spans = query.read(Signal::Spans, None, vec![trace_is(trace_id)], TRACE_SPANS_MAX).await?;
    if spans.truncated {
        return Err(too_many_spans(trace_id));
    }
    let logs = query.read(Signal::Logs, None, vec![trace_is(trace_id)], TRACE_LOGS_MAX).await?;
    if spans.row_count() + logs.row_count() == 0 {
        return Err(no_such_trace(trace_id));
    }
    Ok(StoredTrace { trace_id, spans: spans.batches, logs })
}

pub(crate) fn too_many_spans(trace_id: TraceId) -> QueryError {
    QueryError::too_large(
        format!("trace {trace_id} has more than {TRACE_SPANS_MAX} spans"),
        format!("ask for a part of it in SQL: SELECT ... FROM spans WHERE trace_id = '{trace_id}' AND ..."),
    )
}

pub(crate) fn no_such_trace(trace_id: TraceId) -> QueryError {
    QueryError::not_found(
        format!("no span and no log record has trace id {trace_id}"),
        "check the id; it may not have arrived yet, or its date may have been dropped by retention",
    )
}

/// One service's part of a trace.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TraceService<'a> {
    pub(crate) service: &'a str,
    pub(crate) span_count: usize,
    pub(crate) error_count: usize,
    pub(crate) self_time_ns: i64,
}

/// A trace, whole.
#[derive(Serialize, ToSchema)]
#[schema(as = Trace)]
pub(crate) struct TraceAnswer<'a> {
    pub(crate) trace_id: String,
    /// The earliest span without a parent.
    #[schema(required)]
    pub(crate) root: Option<TraceRoot>,
    #[serde(serialize_with = "unix_nano_text")]
    #[schema(value_type = String)]
    pub(crate) start_time_unix_nano: i64,
    #[serde(serialize_with = "unix_nano_text")]
    #[schema(value_type = String)]
    pub(crate) end_time_unix_nano: i64,
    /// From the earliest start to the latest end.
    pub(crate) duration_ns: i64,
    pub(crate) span_count: usize,
    pub(crate) service_count: usize,
    /// Spans with status ERROR.
    pub(crate) error_count: usize,
    pub(crate) log_count: usize,
    /// Levels of the tree: a lone root has 1.
    pub(crate) depth: u32,
    /// Every parent id resolves and there is one root.
    pub(crate) complete: bool,
    /// Spans whose parent is not here.
    pub(crate) orphan_count: usize,
    /// Spans beyond the first with one id: exact copies (left out) and others (shown and marked).
    pub(crate) duplicate_count: usize,
    /// What is odd about this trace, in words.
    pub(crate) warnings: Vec<String>,
    pub(crate) services: Vec<TraceService<'a>>,
    /// In pre-order: a span, then its children by start time.
    pub(crate) spans: Vec<SpanAnswer<'a>>,
    /// By time.
    pub(crate) logs: Vec<LogAnswer<'a>>,
}

/// A span in its place in the trace.
#[derive(Serialize, ToSchema)]
#[schema(as = Span)]
pub(crate) struct SpanAnswer<'a> {
    /// 0 for a root.
    pub(crate) depth: u32,
    pub(crate) child_count: u32,
    /// From the start of the trace.
    pub(crate) start_offset_ns: i64,
    /// Duration minus the union of the direct children's intervals clipped to the span.
    pub(crate) self_time_ns: i64,
    /// It names a parent that is not in the trace.
    pub(crate) orphan: bool,
    /// Another span has the same id and different content.
    pub(crate) duplicate: bool,
    /// It is its own ancestor.
    pub(crate) cycle: bool,
    #[serde(flatten)]
    pub(crate) content: SpanContent<'a>,
}

/// What a span says itself.
#[derive(Serialize, ToSchema)]
pub(crate) struct SpanContent<'a> {
    pub(crate) span_id: String,
    #[schema(required)]
    pub(crate) parent_span_id: Option<String>,
    pub(crate) service: &'a str,
    pub(crate) name: &'a str,
    /// `UNSPECIFIED`, `INTERNAL`, `SERVER`, `CLIENT`, `PRODUCER`, `CONSUMER`.
    pub(crate) kind: &'a str,
    #[serde(serialize_with = "unix_nano_text")]
    #[schema(value_type = String)]
    pub(crate) start_time_unix_nano: i64,
    pub(crate) duration_ns: i64,
    pub(crate) status: &'a str,
    #[schema(required)]
    pub(crate) status_message: Option<&'a str>,
    #[schema(required)]
    pub(crate) trace_state: Option<&'a str>,
    pub(crate) flags: i64,
    pub(crate) scope: ScopeAnswer<'a>,
    #[schema(value_type = BTreeMap<String, JsonValue>)]
    pub(crate) resource: &'a Json,
    #[schema(value_type = BTreeMap<String, JsonValue>)]
    pub(crate) attributes: Attributes<'a>,
    pub(crate) events: Vec<SpanEvent<'a>>,
    pub(crate) links: Vec<SpanLink<'a>>,
    pub(crate) dropped_attributes_count: i64,
    pub(crate) dropped_events_count: i64,
    pub(crate) dropped_links_count: i64,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SpanEvent<'a> {
    #[serde(serialize_with = "unix_nano_text")]
    #[schema(value_type = String)]
    time_unix_nano: i64,
    name: &'a str,
    #[schema(value_type = BTreeMap<String, JsonValue>)]
    attributes: JsonText<'a>,
    dropped_attributes_count: i64,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct SpanLink<'a> {
    trace_id: String,
    span_id: String,
    #[schema(required)]
    trace_state: Option<&'a str>,
    #[schema(value_type = BTreeMap<String, JsonValue>)]
    attributes: JsonText<'a>,
    dropped_attributes_count: i64,
    flags: i64,
}

impl StoredTrace {
    /// The answer as JSON text.
    pub(crate) fn to_json(&self) -> Result<String, QueryError> {
        let (spans, logs) = self.batches()?;
        let spans = DistinctSpans::of(spans.iter().flat_map(SpanBatch::rows))?;
        let logs = by_time(logs.iter().flat_map(LogBatch::rows));
        let span_resources = Resources::of(spans.rows.iter().copied())?;
        let log_resources = Resources::of(logs.iter().map(|(record, _)| *record))?;
        let mut answer = trace_answer(self.trace_id, &spans, &span_resources);
        answer.logs = log_answers(&logs, None, &log_resources);
        answer.log_count = logs.len();
        self.add_log_remarks(&mut answer, &logs);
        serde_json::to_string(&answer)
            .map_err(|error| QueryError::internal(format!("trace {}: {error}", self.trace_id)))
    }

    /// `{"resourceSpans": [...], "resourceLogs": [...]}`: what was sent, exact copies left out.
    pub(crate) fn to_otlp_json(&self) -> Result<String, QueryError> {
        let (spans, logs) = self.batches()?;
        let spans = DistinctSpans::of(spans.iter().flat_map(SpanBatch::rows))?;
        let logs = by_time(logs.iter().flat_map(LogBatch::rows));
        let mut out = "{\"resourceSpans\":".to_owned();
        write_resource_spans(&mut out, spans.rows.iter().copied())?;
        out.push_str(",\"resourceLogs\":");
        write_resource_logs(&mut out, logs.iter().map(|(record, _)| *record))?;
        out.push('}');
        Ok(out)
    }

    fn batches(&self) -> Result<(Vec<SpanBatch>, Vec<LogBatch>), QueryError> {
        let spans = self.spans.iter().map(SpanBatch::of).collect::<Result<_, _>>()?;
        let logs = self.logs.batches.iter().map(LogBatch::of).collect::<Result<_, _>>()?;
        Ok((spans, logs))
    }

    fn add_log_remarks(&self, answer: &mut TraceAnswer<'_>, logs: &[(LogRow<'_>, u64)]) {
        if self.logs.truncated {
            answer.warnings.push(format!("there are more log records than the {TRACE_LOGS_MAX} shown"));
        }
        if let (true, Some((first, _)), Some((last, _))) = (answer.spans.is_empty(), logs.first(), logs.last()) {
            answer.warnings.push("no span of this trace was received, only log records".to_owned());
            answer.start_time_unix_nano = first.time_unix_nano();
            answer.end_time_unix_nano = last.time_unix_nano();
            answer.duration_ns = last.time_unix_nano().saturating_sub(first.time_unix_nano());
        }
    }
}

/// Spans of a trace without exact copies, in an order that does not depend on where they lie.
pub(crate) struct DistinctSpans<'a> {
    pub(crate) rows: Vec<SpanRow<'a>>,
    pub(crate) tree_spans: Vec<TreeSpan>,
    /// Exact copies that were left out.
    pub(crate) copies: usize,
}

impl<'a> DistinctSpans<'a> {
    pub(crate) fn of(rows: impl Iterator<Item = SpanRow<'a>>) -> Result<Self, QueryError> {
        let mut all = Vec::new();
        for row in rows {
            let tree_span = TreeSpan {
                span_id: row.span_id()?,
                parent_span_id: row.parent_span_id()?,
                start_time_unix_nano: row.start_time_unix_nano(),
                duration_ns: row.duration_ns(),
            };
            all.push((tree_span, 0u64, row));
        }
        let mut by_id: HashMap<_, Vec<usize>> = HashMap::with_capacity(all.len());
        for (i, (span, _, _)) in all.iter().enumerate() {
            by_id.entry(span.span_id).or_default().push(i);
        }
        let mut keep = vec![true; all.len()];
        for shared in by_id.into_values().filter(|shared| shared.len() > 1) {
            let mut seen: HashMap<u64, Vec<usize>> = HashMap::new();
            for i in shared {
                let content = all[i].2.content();
                let mut hasher = DefaultHasher::new();
                content.hash(&mut hasher);
                all[i].1 = hasher.finish();
                let equal = seen.entry(all[i].1).or_default();
                keep[i] = !equal.iter().any(|&other| all[other].2.content() == content);
                if keep[i] {
                    equal.push(i);
                }
            }
        }
        let copies = keep.iter().filter(|keep| !**keep).count();
        let mut kept: Vec<_> = all.into_iter().zip(keep).filter_map(|(span, keep)| keep.then_some(span)).collect();
        kept.sort_by_key(|(span, hash, _)| (span.start_time_unix_nano, span.duration_ns, span.span_id, *hash));
        let tree_spans = kept.iter().map(|(span, _, _)| *span).collect();
        Ok(Self { rows: kept.into_iter().map(|(_, _, row)| row).collect(), tree_spans, copies })
    }
}

fn trace_answer<'a>(trace_id: TraceId, spans: &DistinctSpans<'a>, resources: &'a Resources<'a>) -> TraceAnswer<'a> {
    let tree = assemble(&spans.tree_spans);
    let start = spans.tree_spans.iter().map(|span| span.start_time_unix_nano).min().unwrap_or(0);
    // A lone span that ends before it starts has no extent.
    let end = spans.tree_spans.iter().map(TreeSpan::end).max().unwrap_or(0).max(i128::from(start));
    let services = trace_services(&tree, spans);
    TraceAnswer {
        trace_id: trace_id.to_string(),
        root: tree.root(&spans.tree_spans).map(|root| TraceRoot::of(spans.rows[root], &spans.tree_spans[root])),
        start_time_unix_nano: start,
        end_time_unix_nano: clamp(end),
        duration_ns: clamp(end - i128::from(start)),
        span_count: spans.rows.len(),
        service_count: services.len(),
        error_count: services.iter().map(|service| service.error_count).sum(),
        log_count: 0,
        depth: tree.depth,
        complete: tree.is_complete(),
        orphan_count: tree.orphan_count,
        duplicate_count: tree.duplicate_count + spans.copies,
        warnings: trace_warnings(&tree, spans),
        services,
        spans: tree.rows.iter().map(|place| span_answer(place, spans, start, resources)).collect(),
        logs: Vec::new(),
    }
}

pub(crate) fn trace_warnings(tree: &TraceTree, spans: &DistinctSpans<'_>) -> Vec<String> {
    let mut warnings = warnings(tree, spans.copies);
    let backwards = spans.tree_spans.iter().filter(|span| span.duration_ns < 0).count();
    if backwards > 0 {
        let text = if backwards == 1 { "1 span ends" } else { &format!("{backwards} spans end") };
        warnings.push(format!("{text} before it starts: the clock was set back, or the sender is wrong"));
    }
    warnings
}

/// The value, or the nearest that 64 bits hold.
pub(crate) fn clamp(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

/// Those with most spans first.
fn trace_services<'a>(tree: &TraceTree, spans: &DistinctSpans<'a>) -> Vec<TraceService<'a>> {
    let mut by_name: BTreeMap<&str, TraceService<'_>> = BTreeMap::new();
    for place in &tree.rows {
        let row = spans.rows[place.span];
        let service = row.service();
        let entry =
            by_name.entry(service).or_insert(TraceService { service, span_count: 0, error_count: 0, self_time_ns: 0 });
        entry.span_count += 1;
        entry.error_count += usize::from(row.status() == "ERROR");
        entry.self_time_ns = entry.self_time_ns.saturating_add(place.self_time_ns);
    }
    let mut services: Vec<_> = by_name.into_values().collect();
    services.sort_by_key(|service| std::cmp::Reverse(service.span_count));
    services
}

fn span_answer<'a>(
    place: &TreeRow,
    spans: &DistinctSpans<'a>,
    trace_start: i64,
    resources: &'a Resources<'a>,
) -> SpanAnswer<'a> {
    let span = &spans.tree_spans[place.span];
    let offset = i128::from(span.start_time_unix_nano) - i128::from(trace_start);
    SpanAnswer {
        depth: place.depth,
        child_count: place.child_count,
        start_offset_ns: clamp(offset),
        self_time_ns: place.self_time_ns,
        orphan: place.orphan,
        duplicate: place.duplicate,
        cycle: place.cycle,
        content: SpanContent::of(spans.rows[place.span], span, resources),
    }
}

impl<'a> SpanContent<'a> {
    pub(crate) fn of(row: SpanRow<'a>, span: &TreeSpan, resources: &'a Resources<'a>) -> Self {
        Self {
            span_id: span.span_id.to_string(),
            parent_span_id: span.parent_span_id.map(|id| id.to_string()),
            service: row.service(),
            name: row.name(),
            kind: row.kind(),
            start_time_unix_nano: span.start_time_unix_nano,
            duration_ns: span.duration_ns,
            status: row.status(),
            status_message: row.status_message(),
            trace_state: row.trace_state(),
            flags: row.flags(),
            scope: ScopeAnswer::of(row),
            resource: resources.get(row),
            attributes: Attributes(row.attributes()),
            events: row.events().map(span_event).collect(),
            links: row.links().map(span_link).collect(),
            dropped_attributes_count: row.dropped_attributes_count(),
            dropped_events_count: row.dropped_events_count(),
            dropped_links_count: row.dropped_links_count(),
        }
    }
}

fn span_event(event: EventRow<'_>) -> SpanEvent<'_> {
    SpanEvent {
        time_unix_nano: event.time_unix_nano,
        name: event.name,
        attributes: JsonText(event.attributes),
        dropped_attributes_count: event.dropped_attributes_count,
    }
}

fn span_link(link: LinkRow<'_>) -> SpanLink<'_> {
    SpanLink {
        trace_id: const_hex::encode(link.trace_id),
        span_id: const_hex::encode(link.span_id),
        trace_state: link.trace_state,
        attributes: JsonText(link.attributes),
        dropped_attributes_count: link.dropped_attributes_count,
        flags: link.flags,
    }
}

/// Log records with their content hash, in the order of time and content.
pub(crate) fn by_time<'a>(records: impl Iterator<Item = LogRow<'a>>) -> Vec<(LogRow<'a>, u64)> {
    let mut records: Vec<_> = records.map(|record| (record, record.content_hash())).collect();
    records.sort_by_key(|(record, hash)| (record.time_unix_nano(), *hash));
    records
}

/// `records`: equal ones next to each other. `before`: time and hash of the record that was given last, and how many
/// equal ones were: their numbers go on from there.
pub(crate) fn log_answers<'a>(
    records: &[(LogRow<'a>, u64)],
    before: Option<(i64, u64, usize)>,
    resources: &'a Resources<'a>,
) -> Vec<LogAnswer<'a>> {
    let mut answers = Vec::with_capacity(records.len());
    let (mut last, mut given) = (before.map(|(time, hash, _)| (time, hash)), before.map_or(0, |before| before.2));
    for (record, hash) in records {
        let key = Some((record.time_unix_nano(), *hash));
        if last != key {
            (last, given) = (key, 0);
        }
        answers.push(LogAnswer::of(*record, *hash, given, resources));
        given = given.saturating_add(1);
    }
    answers
}

#[cfg(test)]
mod tests;
