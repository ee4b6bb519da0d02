//! The traces of a flow, each as one step: when, how it ended, and what caused it.

use std::collections::{BTreeMap, HashMap, HashSet};

use arrow::record_batch::RecordBatch;
use futures::TryStreamExt;
use proto::{Signal, SpanId, TraceId, schema};

use super::compare::FlowStep;
use crate::columns::Stored;
use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::trace_is_one_of;
use crate::outcome::{OUTCOME_COLUMNS, Outcome};
use crate::rows::{Row, SpanBatch, SpanRow};
use crate::trace_summary::ServiceSummary;
use crate::trace_tree::{TreeSpan, assemble};
use crate::traces::{DistinctSpans, clamp};

const MESSAGE_ID_KEY: &str = "messaging.message.id";
const MESSAGE_ID_COLUMN: &str = "attr_messaging_message_id";

/// A trace of a flow.
#[derive(Clone, Debug)]
pub(super) struct StepTrace {
    pub(super) trace_id: TraceId,
    /// The earliest span without a parent, else the first span of the tree.
    pub(super) root: StepSpan,
    /// The earliest start and the latest end.
    pub(super) start: i64,
    pub(super) end: i64,
    /// Of the root; the throttle of any span.
    pub(super) outcome: Outcome,
    pub(super) error_count: usize,
    pub(super) span_count: usize,
    /// Those with most spans first.
    pub(super) services: Vec<ServiceSummary>,
    pub(super) complete: bool,
    pub(super) cause: Option<Cause>,
}

/// A span, as far as a flow names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StepSpan {
    pub(super) span_id: SpanId,
    pub(super) service: String,
    pub(super) name: String,
    pub(super) start: i64,
}

/// What a trace carries on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cause {
    pub(super) trace_id: TraceId,
    /// None when the link names a span that is not here.
    pub(super) span: Option<StepSpan>,
    pub(super) is_message: bool,
    /// From the start of that span to the start of the one that links to it.
    pub(super) age_ns: Option<i64>,
}

impl StepTrace {
    /// Steps come in this order.
    pub(super) fn order(&self) -> (i64, TraceId) {
        (self.start, self.trace_id)
    }

    pub(super) fn step(&self) -> FlowStep {
        let operation = (self.root.service.clone(), self.root.name.clone());
        FlowStep { trace_id: self.trace_id, operation, start: self.start, end: self.end }
    }
}

/// The traces that have spans, in no order. None when they have more than `spans_max` spans together.
pub(super) async fn read(
    query: &Query,
    ids: &[TraceId],
    spans_max: usize,
) -> Result<Option<Vec<StepTrace>>, QueryError> {
    if ids.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let mut columns = vec![
        schema::TRACE_ID,
        schema::SPAN_ID,
        schema::PARENT_SPAN_ID,
        schema::SERVICE,
        schema::NAME,
        schema::KIND,
        schema::START_TIME_UNIX_NANO,
        schema::DURATION_NS,
        schema::LINKS,
        MESSAGE_ID_COLUMN,
    ];
    columns.extend(OUTCOME_COLUMNS);
    let rows = query.open(Signal::Spans, Some(&columns), vec![trace_is_one_of(ids.iter().copied())])?;
    query
        .run(async move {
            let (mut rows, mut batches, mut count) = (rows.await?, Vec::new(), 0);
            while let Some(batch) = rows.try_next().await? {
                count += batch.num_rows();
                if count > spans_max {
                    return Ok(None);
                }
                batches.push(batch);
            }
            steps(&batches).map(Some)
        })
        .await
}

fn steps(batches: &[RecordBatch]) -> Result<Vec<StepTrace>, QueryError> {
    let batches = batches.iter().map(SpanBatch::of).collect::<Result<Vec<_>, _>>()?;
    let mut rows: BTreeMap<TraceId, Vec<SpanRow<'_>>> = BTreeMap::new();
    for row in batches.iter().flat_map(SpanBatch::rows) {
        rows.entry(row.trace_id()?).or_default().push(row);
    }
    let mut traces = Vec::with_capacity(rows.len());
    for (id, rows) in rows {
        traces.push((id, DistinctSpans::of(rows.into_iter())?));
    }
    let known = Known::of(&traces);
    Ok(traces.iter().filter_map(|(id, spans)| step(*id, spans, &known)).collect())
}

fn step(trace_id: TraceId, spans: &DistinctSpans<'_>, known: &Known) -> Option<StepTrace> {
    let tree = assemble(&spans.tree_spans);
    let root = tree.root(&spans.tree_spans).or(tree.roots.first().copied())?;
    let outcomes = spans.rows.iter().map(|row| row.outcome());
    let throttle = outcomes.clone().any(|outcome| outcome.throttle);
    let services = services(&spans.rows);
    Some(StepTrace {
        trace_id,
        root: span_of(spans.rows[root], &spans.tree_spans[root]),
        start: spans.tree_spans.iter().map(|span| span.start_time_unix_nano).min()?,
        end: clamp(spans.tree_spans.iter().map(TreeSpan::end).max()?),
        outcome: Outcome { throttle, ..spans.rows[root].outcome() },
        error_count: services.iter().map(|service| service.error_count).sum(),
        span_count: spans.rows.len(),
        services,
        complete: tree.is_complete(),
        cause: known.cause(trace_id, spans, root),
    })
}

fn span_of(row: SpanRow<'_>, span: &TreeSpan) -> StepSpan {
    StepSpan {
        span_id: span.span_id,
        service: row.service().to_owned(),
        name: row.name().to_owned(),
        start: span.start_time_unix_nano,
    }
}

fn services(rows: &[SpanRow<'_>]) -> Vec<ServiceSummary> {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for row in rows {
        let (spans, errors) = counts.entry(row.service()).or_default();
        *spans += 1;
        *errors += usize::from(row.status() == "ERROR");
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

/// What causes may be found among: starts of the traces, spans that are linked to, and senders of messages.
struct Known {
    starts: HashMap<TraceId, i64>,
    targets: HashMap<(TraceId, SpanId), StepSpan>,
    /// Producer spans by the id of their message.
    producers: HashMap<String, (TraceId, StepSpan)>,
}

impl Known {
    fn of(traces: &[(TraceId, DistinctSpans<'_>)]) -> Self {
        let linked: HashSet<(TraceId, SpanId)> =
            traces.iter().flat_map(|(_, spans)| spans.rows.iter().flat_map(|row| links(*row))).collect();
        let mut known = Self { starts: HashMap::new(), targets: HashMap::new(), producers: HashMap::new() };
        for (id, spans) in traces {
            let start = spans.tree_spans.iter().map(|span| span.start_time_unix_nano).min();
            known.starts.extend(start.map(|start| (*id, start)));
            for (row, span) in spans.rows.iter().zip(&spans.tree_spans) {
                if linked.contains(&(*id, span.span_id)) {
                    known.targets.entry((*id, span.span_id)).or_insert_with(|| span_of(*row, span));
                }
                if let Some(message) = message_id(*row).filter(|_| row.kind() == "PRODUCER") {
                    known.producers.entry(message).or_insert_with(|| (*id, span_of(*row, span)));
                }
            }
        }
        known
    }

    /// Whether `cause` may stand above `effect`: it began earlier, which leaves no cycles.
    fn is_earlier(&self, cause: TraceId, effect: TraceId) -> bool {
        let order = |id: TraceId| self.starts.get(&id).map(|start| (*start, id));
        order(cause).is_some_and(|cause| Some(cause) < order(effect))
    }

    /// A link of the root, else the first span's that has one, else the message that a consumer span received.
    fn cause(&self, trace_id: TraceId, spans: &DistinctSpans<'_>, root: usize) -> Option<Cause> {
        let nths = std::iter::once(root).chain((0..spans.rows.len()).filter(|nth| *nth != root));
        let by_link = nths.clone().find_map(|nth| {
            let start = spans.tree_spans[nth].start_time_unix_nano;
            let mut targets = links(spans.rows[nth]).filter(|(to, _)| self.is_earlier(*to, trace_id));
            let (to, span) = targets.next()?;
            let span = self.targets.get(&(to, span)).cloned();
            let age_ns = span.as_ref().map(|span| start.saturating_sub(span.start));
            Some(Cause { trace_id: to, span, is_message: false, age_ns })
        });
        by_link.or_else(|| {
            nths.clone().filter(|nth| spans.rows[*nth].kind() == "CONSUMER").find_map(|nth| {
                let (to, span) = self.producers.get(&message_id(spans.rows[nth])?)?;
                let age_ns = Some(spans.tree_spans[nth].start_time_unix_nano.saturating_sub(span.start));
                self.is_earlier(*to, trace_id).then(|| Cause {
                    trace_id: *to,
                    span: Some(span.clone()),
                    is_message: true,
                    age_ns,
                })
            })
        })
    }
}

fn links(row: SpanRow<'_>) -> impl Iterator<Item = (TraceId, SpanId)> {
    let ids = |(trace, span): (&[u8], &[u8])| Some((TraceId::from_bytes(trace).ok()?, SpanId::from_bytes(span).ok()?));
    row.links().filter_map(move |link| ids((link.trace_id, link.span_id)))
}

fn message_id(row: SpanRow<'_>) -> Option<String> {
    row.attributes().into_iter().find_map(|(key, value)| match value {
        Stored::Text(text) if key == MESSAGE_ID_KEY => Some(text.to_owned()),
        _ => None,
    })
}
