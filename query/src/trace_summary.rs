//! The line of a trace in a search result: figures of the whole trace.

use std::collections::BTreeMap;

use arrow::array::{BinaryArray, Int64Array};
use arrow::buffer::BooleanBuffer;
use arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use hashbrown::{HashMap, HashSet};
use proto::ids::IdError;
use proto::{Signal, SpanId, TraceId, schema};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::unix_nano_text;
use crate::columns::{TextColumn, binary, bytes_at, int_at, int64};
use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::{SpanFilter, trace_is_one_of};
use crate::result::batch_bytes;
use crate::row_groups::Conditions;
use crate::rows::{Row, SpanBatch, SpanRow};
use crate::trace_tree::{TraceTree, TreeSpan, assemble};
use crate::traces::{DistinctSpans, TRACE_SPANS_MAX, clamp};
use crate::whole_traces::{Whole, Wholes, spans_of};

/// Spans of a page that are in memory at once; the traces of a page are read in groups of this size. One trace may be
/// larger, up to [`TRACE_SPANS_MAX`].
const SPANS_AT_ONCE: i64 = 200_000;

/// A trace in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct TraceSummary {
    pub(crate) trace_id: String,
    /// The earliest span without a parent.
    #[schema(required)]
    pub(crate) root: Option<TraceRoot>,
    #[serde(serialize_with = "unix_nano_text")]
    #[schema(value_type = String)]
    pub(crate) start_time_unix_nano: i64,
    /// From the earliest start to the latest end.
    pub(crate) duration_ns: i64,
    pub(crate) span_count: usize,
    pub(crate) service_count: usize,
    /// Those with most spans first.
    pub(crate) services: Vec<ServiceSummary>,
    /// Spans with status ERROR.
    pub(crate) error_count: usize,
    /// Spans that satisfy the search; with conditions on the whole trace, those by which it came into question.
    pub(crate) matched_span_count: i64,
    /// Every parent id resolves and there is one root.
    pub(crate) complete: bool,
}

/// Name and service of a trace's root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct TraceRoot {
    pub(crate) span_id: String,
    pub(crate) service: String,
    pub(crate) name: String,
    /// `UNSET`, `OK` or `ERROR`.
    pub(crate) status: String,
}

impl TraceRoot {
    pub(crate) fn of(row: SpanRow<'_>, span: &TreeSpan) -> Self {
        Self::of_slim(&SlimSpan::of((&row, span)))
    }

    fn of_slim(span: &SlimSpan<'_>) -> Self {
        Self {
            span_id: span.tree.span_id.to_string(),
            service: span.service.to_owned(),
            name: span.name.to_owned(),
            status: span.status.to_owned(),
        }
    }
}

/// One service's part of a trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ServiceSummary {
    pub(crate) service: String,
    pub(crate) span_count: usize,
    pub(crate) error_count: usize,
}

/// Lines in the order of `page`, with the spans counted that satisfy `filter`.
/// Errors: `TooLarge` when their spans take more than an answer may, or for a trace with copies and more than
/// [`TRACE_SPANS_MAX`] spans.
pub(crate) async fn read(query: &Query, page: &[Whole], filter: &SpanFilter) -> Result<Vec<TraceSummary>, QueryError> {
    let mut found: HashMap<TraceId, TraceSummary> = HashMap::with_capacity(page.len());
    for group in groups(page) {
        let reading = Reading::new(query, filter)?;
        let rows = query.open(Signal::Spans, Some(&reading.columns()), spans_of(group))?;
        let lines = query.run(async move { reading.run(rows.await?, usize::MAX).await }).await?.1;
        for (id, line) in lines.ok_or_else(|| query.too_large())? {
            let line = match line {
                Some(line) => line,
                None => summarize_with_copies(query, id, filter).await?,
            };
            found.insert(id, line);
        }
    }
    Ok(page.iter().filter_map(|whole| found.remove(&whole.trace_id)).collect())
}

/// Start, size and line of whole traces in one reading. Only start and size of a trace that has a span twice, and of all
/// when together they have more than [`SPANS_AT_ONCE`] spans: those are for [`read`].
pub(crate) async fn look_up(
    query: &Query,
    filter: &SpanFilter,
    ids: &[TraceId],
) -> Result<(Vec<Whole>, HashMap<TraceId, TraceSummary>), QueryError> {
    let reading = Reading::new(query, filter)?;
    let is_one_of = trace_is_one_of(ids.iter().copied());
    let rows = query.open(Signal::Spans, Some(&reading.columns()), vec![is_one_of])?;
    let (wholes, lines) = query.run(async move { reading.run(rows.await?, SPANS_AT_ONCE as usize).await }).await?;
    Ok((wholes, lines.into_iter().flatten().filter_map(|(id, line)| Some((id, line?))).collect()))
}

/// Spans of some traces on their way to lines.
struct Reading {
    conditions: Conditions,
    /// Of the columns that a line needs.
    bytes_max: usize,
}

/// Of each trace its line, `None` as in [`summarize`].
type Lines = Vec<(TraceId, Option<TraceSummary>)>;

impl Reading {
    fn new(query: &Query, filter: &SpanFilter) -> Result<Self, QueryError> {
        let conditions = query.conditions(Signal::Spans, filter.predicates())?;
        Ok(Self { conditions, bytes_max: query.result_bytes_max() })
    }

    fn columns(&self) -> Vec<&str> {
        SLIM.into_iter().chain(self.conditions.columns()).collect()
    }

    /// No lines at all when there are more than `spans_max` spans or they take more than `bytes_max`.
    async fn run(
        self,
        mut rows: SendableRecordBatchStream,
        spans_max: usize,
    ) -> Result<(Vec<Whole>, Option<Lines>), QueryError> {
        let (mut wholes, mut batches, mut spans, mut bytes) = (Wholes::default(), Vec::new(), 0, 0usize);
        let slim =
            |batch: &RecordBatch| SLIM.iter().filter_map(|name| batch.schema_ref().index_of(name).ok()).collect();
        while let Some(batch) = rows.next().await {
            let batch = batch?;
            wholes.add(&batch)?;
            let columns: Vec<usize> = slim(&batch);
            spans += batch.num_rows();
            bytes = bytes.saturating_add(batch_bytes(&batch.project(&columns)?));
            match spans <= spans_max && bytes <= self.bytes_max {
                true => batches.push(SlimBatch::of(&batch, self.conditions.hold(&batch)?)?),
                false => batches.clear(),
            }
        }
        let is_complete = spans <= spans_max && bytes <= self.bytes_max;
        Ok((wholes.into_vec(), if is_complete { Some(summarize(&batches)?) } else { None }))
    }
}

/// The page cut so that each part has at most [`SPANS_AT_ONCE`] spans or is one trace.
pub(crate) fn groups(page: &[Whole]) -> Vec<&[Whole]> {
    let mut groups = Vec::new();
    let (mut from, mut spans) = (0, 0);
    for (i, whole) in page.iter().enumerate() {
        if i > from && spans + whole.spans > SPANS_AT_ONCE {
            groups.push(&page[from..i]);
            (from, spans) = (i, 0);
        }
        spans += whole.spans;
    }
    if from < page.len() {
        groups.push(&page[from..]);
    }
    groups
}

/// The columns that a summary needs.
const SLIM: [&str; 9] = [
    schema::TRACE_ID,
    schema::SPAN_ID,
    schema::PARENT_SPAN_ID,
    schema::START_TIME_UNIX_NANO,
    schema::DURATION_NS,
    schema::SERVICE,
    schema::NAME,
    schema::KIND,
    schema::STATUS,
];

/// A span without what only the trace page shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SlimSpan<'a> {
    tree: TreeSpan,
    service: &'a str,
    name: &'a str,
    kind: &'a str,
    status: &'a str,
    /// It satisfies the search.
    is_match: bool,
}

impl<'a> SlimSpan<'a> {
    fn of((row, tree): (&SpanRow<'a>, &TreeSpan)) -> Self {
        let (service, name, kind, status) = (row.service(), row.name(), row.kind(), row.status());
        Self { tree: *tree, service, name, kind, status, is_match: false }
    }
}

/// A batch of [`SLIM`] columns.
struct SlimBatch {
    rows: usize,
    trace_id: BinaryArray,
    span_id: BinaryArray,
    parent_span_id: BinaryArray,
    start_time_unix_nano: Int64Array,
    duration_ns: Int64Array,
    service: TextColumn,
    name: TextColumn,
    kind: TextColumn,
    status: TextColumn,
    is_match: BooleanBuffer,
}

impl SlimBatch {
    fn of(batch: &RecordBatch, is_match: BooleanBuffer) -> Result<Self, QueryError> {
        Ok(Self {
            rows: batch.num_rows(),
            trace_id: binary(batch, schema::TRACE_ID)?,
            span_id: binary(batch, schema::SPAN_ID)?,
            parent_span_id: binary(batch, schema::PARENT_SPAN_ID)?,
            start_time_unix_nano: int64(batch, schema::START_TIME_UNIX_NANO)?,
            duration_ns: int64(batch, schema::DURATION_NS)?,
            service: TextColumn::of(batch, schema::SERVICE)?,
            name: TextColumn::of(batch, schema::NAME)?,
            kind: TextColumn::of(batch, schema::KIND)?,
            status: TextColumn::of(batch, schema::STATUS)?,
            is_match,
        })
    }

    fn span(&self, row: usize) -> Result<(TraceId, SlimSpan<'_>), QueryError> {
        let stored = |error: IdError| QueryError::internal(format!("id of a stored span: {error}"));
        let trace_id = TraceId::from_bytes(bytes_at(&self.trace_id, row).unwrap_or_default()).map_err(stored)?;
        let parent = bytes_at(&self.parent_span_id, row).map(SpanId::from_bytes).transpose().map_err(stored)?;
        let tree = TreeSpan {
            span_id: SpanId::from_bytes(bytes_at(&self.span_id, row).unwrap_or_default()).map_err(stored)?,
            parent_span_id: parent,
            start_time_unix_nano: int_at(&self.start_time_unix_nano, row).unwrap_or(0),
            duration_ns: int_at(&self.duration_ns, row).unwrap_or(0),
        };
        let span = SlimSpan {
            tree,
            service: self.service.get(row).unwrap_or(""),
            name: self.name.get(row).unwrap_or(""),
            kind: self.kind.get(row).unwrap_or("UNSPECIFIED"),
            status: self.status.get(row).unwrap_or("UNSET"),
            is_match: self.is_match.value(row),
        };
        Ok((trace_id, span))
    }
}

/// `None` for a trace that has a span twice as far as these columns tell: whether the two are copies, only their whole
/// content says.
fn summarize(batches: &[SlimBatch]) -> Result<Vec<(TraceId, Option<TraceSummary>)>, QueryError> {
    let mut traces: HashMap<TraceId, Vec<SlimSpan<'_>>> = HashMap::new();
    for batch in batches {
        for row in 0..batch.rows {
            let (id, span) = batch.span(row)?;
            traces.entry(id).or_default().push(span);
        }
    }
    Ok(traces.into_iter().map(|(id, spans)| (id, (!has_copies(&spans)).then(|| summary(id, &spans)))).collect())
}

fn has_copies(spans: &[SlimSpan<'_>]) -> bool {
    let mut seen: HashMap<SpanId, Vec<&SlimSpan<'_>>> = HashMap::with_capacity(spans.len());
    spans.iter().any(|span| {
        let same_id = seen.entry(span.tree.span_id).or_default();
        let is_copy = same_id.contains(&span);
        same_id.push(span);
        is_copy
    })
}

async fn summarize_with_copies(query: &Query, id: TraceId, filter: &SpanFilter) -> Result<TraceSummary, QueryError> {
    let conditions = query.conditions(Signal::Spans, filter.predicates())?;
    let rows = query.read(Signal::Spans, None, vec![trace_is_one_of([id].into_iter())], TRACE_SPANS_MAX).await?;
    if rows.truncated {
        return Err(QueryError::too_large(
            format!("trace {id} has more than {TRACE_SPANS_MAX} spans"),
            "narrow the filters so that it does not match",
        ));
    }
    query
        .run(async move {
            let batches = rows.batches.iter().map(SpanBatch::of).collect::<Result<Vec<_>, _>>()?;
            let distinct = DistinctSpans::of(batches.iter().flat_map(SpanBatch::rows))?;
            let spans: Vec<SlimSpan<'_>> = distinct.rows.iter().zip(&distinct.tree_spans).map(SlimSpan::of).collect();
            let mut matches = HashSet::new();
            for (batch, spans) in rows.batches.iter().zip(&batches) {
                let hold = conditions.hold(batch)?;
                for (row, _) in spans.rows().zip(&hold).filter(|(_, hold)| *hold) {
                    matches.insert(row.span_id()?);
                }
            }
            Ok(TraceSummary { matched_span_count: matches.len() as i64, ..summary(id, &spans) })
        })
        .await
}

fn summary(id: TraceId, spans: &[SlimSpan<'_>]) -> TraceSummary {
    let tree_spans: Vec<TreeSpan> = spans.iter().map(|span| span.tree).collect();
    let tree: TraceTree = assemble(&tree_spans);
    let start = tree_spans.iter().map(|span| span.start_time_unix_nano).min().unwrap_or(0);
    let end = tree_spans.iter().map(TreeSpan::end).max().unwrap_or(0);
    let services = services(spans);
    let matches: HashSet<SpanId> = spans.iter().filter(|span| span.is_match).map(|span| span.tree.span_id).collect();
    TraceSummary {
        trace_id: id.to_string(),
        root: tree.root(&tree_spans).map(|root| TraceRoot::of_slim(&spans[root])),
        start_time_unix_nano: start,
        duration_ns: clamp(end - i128::from(start)).max(0),
        span_count: spans.len(),
        service_count: services.len(),
        error_count: services.iter().map(|service| service.error_count).sum(),
        services,
        matched_span_count: matches.len() as i64,
        complete: tree.is_complete(),
    }
}

fn services(spans: &[SlimSpan<'_>]) -> Vec<ServiceSummary> {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for span in spans {
        let (count, errors) = counts.entry(span.service).or_default();
        *count += 1;
        *errors += usize::from(span.status == "ERROR");
    }
    let summary = |(service, (span_count, error_count)): (&str, _)| ServiceSummary {
        service: service.to_owned(),
        span_count,
        error_count,
    };
    let mut services: Vec<_> = counts.into_iter().map(summary).collect();
    services.sort_by_key(|service| std::cmp::Reverse(service.span_count));
    services
}
