//! What changed in a window against its baseline, and whose doing it is.
//!
//! 1. [`periods`] says which time is compared with which.
//! 2. [`spans`] reads the spans of both; of very many, those of one trace in so many.
//! 3. [`tally`] divides the time of each trace among its operations and calls, and counts failures and calls.
//! 4. [`statistics`] tells what chance does not explain.
//! 5. [`messages`] does the same for log records and exceptions by pattern.
//! 6. [`slower`] finds times that have grown, [`blame`] weighs all of it and adds it up by service.
//!
//! Nothing is known of names or of how systems fail: a fault that leaves no sign in spans and log records ranks nothing.

mod answer;
mod blame;
mod messages;
mod periods;
mod slower;
mod spans;
mod statistics;
mod tally;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use proto::{Signal, TimeRange, UnixNanos, schema};

pub(crate) use self::answer::RootCause;
use self::answer::{Cause, Change, ChangeKind, PeriodAnswer};
use self::blame::{Blame, Weighed};
use self::messages::Messages;
use self::periods::Counts;
pub(crate) use self::periods::Periods;
use self::spans::Spans;
use self::tally::Tally;
use crate::engine::Query;
use crate::error::QueryError;
use crate::map::trace_keys;
use crate::matching::Matching;
use crate::newest;

const SERVICES_MAX: usize = 20;
const CHANGES_MAX: usize = 50;
const CHANGES_OF_SERVICE_MAX: usize = 8;
/// Scores below which a service is not worth a look: two of a hundred requests.
const SCORE_MIN: f64 = 0.02;
/// Weights below which a change is not worth a line.
const WEIGHT_MIN: f64 = 0.002;
/// Traces that a search may select.
const WANTED_MAX: usize = 1_000_000;

/// The window with the time around it as its baseline.
pub(crate) fn periods_around(query: &Query, from: UnixNanos, to: UnixNanos) -> Periods {
    let snapshot = query.snapshot(Signal::Spans);
    Periods::around(from, to, |from, to| newest::estimated_rows(&snapshot, from, to))
}

/// Compares the spans and log records of traces that have a span within the periods that satisfies `matching`.
///
/// Errors: `TooLarge` when a search selects more than a million traces.
pub(crate) async fn read(
    query: &Query,
    periods: Periods,
    matching: Option<&Matching>,
) -> Result<RootCause, QueryError> {
    let base = TimeRange { start: Some(periods.base_from), end: Some(periods.base_to) };
    let snapshots = [Signal::Spans, Signal::Logs].map(|signal| query.snapshot(signal));
    let extents = query.blocking(move || snapshots.map(|snapshot| newest::extent(&snapshot, base))).await?;
    let merged = extents.into_iter().flatten().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    let periods = merged.map_or(periods, |(oldest, newest)| periods.clipped(oldest, newest));
    let wanted = match matching {
        Some(matching) => Some(Arc::new(wanted_traces(query, periods, matching).await?)),
        None => None,
    };
    let (table, pool) = (query.table(Signal::Spans)?, query.memory_pool());
    let of_traces = wanted.clone();
    let (spans, tally, mut blame) = query
        .run(async move {
            let mut spans = spans::read(table, periods, of_traces, pool).await?;
            let tally = Tally::of(&spans);
            let blame = Blame::of(&tally, &spans);
            spans.spans = Vec::new();
            Ok((spans, tally, blame))
        })
        .await?;
    let logs = messages::logs(query, periods, wanted.clone()).await?;
    let exceptions = messages::exceptions(query, periods, spans_of(&tally, &spans), wanted, spans.one_in).await?;
    let requests = tally.traces.window;
    let ids: HashMap<&str, u32> = spans.services.iter().map(String::as_str).zip(0..).collect();
    let mut services = spans.services.clone();
    let mut own_ids: HashMap<String, u32> = HashMap::new();
    for (kind, messages) in [(ChangeKind::Messages, &logs), (ChangeKind::Exceptions, &exceptions)] {
        let found = messages.changes(kind, requests).into_iter().map(|change| {
            let id = ids.get(change.service.as_str()).copied();
            let id = id.unwrap_or_else(|| {
                // A service that sends log records only.
                *own_ids.entry(change.service.clone()).or_insert_with(|| {
                    services.push(change.service.clone());
                    services.len() as u32 - 1
                })
            });
            (id, change)
        });
        blame.add_strongest(found.collect());
    }
    Ok(answer(periods, &spans, &tally, blame, &services, &logs, &exceptions))
}

async fn wanted_traces(query: &Query, periods: Periods, matching: &Matching) -> Result<HashSet<u128>, QueryError> {
    let mut wanted = HashSet::new();
    for range in periods.ranges() {
        let (matching, is_exact) = matching.within(range).decided(query).await?;
        if !is_exact {
            return Err(QueryError::too_large(
                "the search is about whole traces, and too many come into question",
                "narrow the window and its baseline, or add a condition on a single span",
            ));
        }
        let frame = matching.rows(query)?.select_columns(&[schema::TRACE_ID])?.distinct()?;
        for batch in query.collect(frame).await? {
            wanted.extend(trace_keys(batch.column(0).as_ref())?);
        }
        if wanted.len() > WANTED_MAX {
            return Err(QueryError::too_large(
                format!("the search selects more than {WANTED_MAX} traces"),
                "narrow the window and its baseline, or leave the search out",
            ));
        }
    }
    Ok(wanted)
}

/// All spans of each service.
fn spans_of(tally: &Tally, spans: &Spans) -> HashMap<String, Counts> {
    let mut all: HashMap<String, Counts> = HashMap::new();
    for (operation, tally) in spans.operations.iter().zip(&tally.operations) {
        let counts = all.entry(spans.services[operation.service as usize].clone()).or_default();
        *counts = counts.plus(&tally.spans);
    }
    all
}

fn answer(
    periods: Periods,
    spans: &Spans,
    tally: &Tally,
    blame: Blame,
    services: &[String],
    logs: &Messages,
    exceptions: &Messages,
) -> RootCause {
    let Blame { scores, mut changes } = blame;
    changes.retain(|weighed| weighed.change.weight >= WEIGHT_MIN);
    changes.sort_by(|a, b| {
        let (a, b) = (&a.change, &b.change);
        b.weight.total_cmp(&a.weight).then_with(|| a.sentence.cmp(&b.sentence))
    });
    let all: f64 = scores.values().sum();
    let mut ranked: Vec<(u32, f64)> = scores.into_iter().filter(|(_, score)| *score >= SCORE_MIN).collect();
    let name = |id: u32| services[id as usize].as_str();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| name(a.0).cmp(name(b.0))));
    ranked.truncate(SERVICES_MAX);
    let cause = |(id, score): (u32, f64)| Cause {
        service: name(id).to_owned(),
        score,
        share: score / all,
        traces: tally.traces_of.get(id as usize).map_or(0, |traces| traces.window),
        changes: first(&changes, CHANGES_OF_SERVICE_MAX, |weighed| weighed.service == id),
    };
    let (mut window, mut base) = (PeriodAnswer::window(periods), PeriodAnswer::base(periods));
    (window.traces, base.traces) = (tally.traces.window, tally.traces.base);
    (window.logs, base.logs) = (logs.all.window, logs.all.base);
    for operation in &tally.operations {
        window.spans += operation.spans.window;
        base.spans += operation.spans.base;
    }
    let notes = notes(spans, tally, logs, exceptions, &window, &base);
    RootCause {
        window,
        base,
        services: ranked.into_iter().map(cause).collect(),
        edges: edges(&changes),
        messages: first(&changes, CHANGES_MAX, |weighed| weighed.change.message.is_some()),
        traces_one_in: spans.one_in,
        logs_one_in: logs.one_in,
        notes,
    }
}

fn first(changes: &[Weighed], count: usize, is_wanted: impl Fn(&Weighed) -> bool) -> Vec<Change> {
    changes.iter().filter(|weighed| is_wanted(weighed)).take(count).map(|weighed| weighed.change.clone()).collect()
}

/// Of a change that speaks against both ends of a call, the weightier one.
fn edges(changes: &[Weighed]) -> Vec<Change> {
    let mut seen = HashSet::new();
    let edges = changes.iter().map(|weighed| &weighed.change).filter(|change| change.callee.is_some());
    edges.filter(|change| seen.insert(change.sentence.as_str())).take(CHANGES_MAX).cloned().collect()
}

fn notes(
    spans: &Spans,
    tally: &Tally,
    logs: &Messages,
    exceptions: &Messages,
    window: &PeriodAnswer,
    base: &PeriodAnswer,
) -> Vec<String> {
    let mut notes = Vec::new();
    let mut note = |is_so: bool, text: String| {
        if is_so {
            notes.push(text);
        }
    };
    note(window.spans == 0, "there are no spans in the window".to_owned());
    note(base.spans == 0, "there are no spans in the baseline: nothing to compare with".to_owned());
    note(spans.one_in > 1, format!("one of {} traces was looked at: there are too many for all", spans.one_in));
    note(logs.one_in > 1, format!("one of {} log records was looked at: there are too many for all", logs.one_in));
    note(spans.left_out > 0, format!("{} spans of rare operations were left out: too many names", spans.left_out));
    note(tally.pairs_left_out > 0, format!("{} calls were left out: too many pairs", tally.pairs_left_out));
    let patterns = logs.left_out + exceptions.left_out;
    note(patterns > 0, format!("{patterns} records were left out: too many patterns"));
    notes
}
