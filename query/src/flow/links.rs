//! The traces that span links join to a flow.
//!
//! A link says: I carry on from there. So the steps before a trace are those it links to, and theirs; the steps behind it
//! are the traces that link to it, and to those. A batch that links to the messages of a hundred orders belongs to each
//! of the hundred flows, but does not join them: from what was reached forwards nobody goes back.

use std::collections::{BTreeSet, HashMap, HashSet};

use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::ident;
use futures::TryStreamExt;
use proto::{Signal, TimeRange, TraceId, schema};
use serde::Serialize;
use utoipa::ToSchema;

use super::{ById, TRACES_MAX};
use crate::engine::Query;
use crate::error::QueryError;
use crate::filter::{time_predicates, trace_is_one_of};
use crate::rows::SpanBatch;

/// Links in a row that are followed.
const ROUNDS_MAX: usize = 8;

/// Why a trace belongs to a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum How {
    /// A span or log record of it carries the value.
    Value,
    /// The value is its id.
    TraceId,
    /// It links to another trace of the flow, or is linked to.
    Link,
}

/// Which way links are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Direction {
    /// To what a trace links to.
    Before,
    /// To what links to a trace.
    Behind,
}

/// Several flows, whose links are followed together: one pass over the links of the range serves all.
#[derive(Debug)]
pub(super) struct Groups {
    members: Vec<ById<How>>,
    /// A trace in a ring of links is reached in both directions, and is followed in both.
    reached: HashSet<(Direction, usize, TraceId)>,
    /// Traces whose links are still to be followed, and for which flows.
    before: HashMap<TraceId, BTreeSet<usize>>,
    behind: HashMap<TraceId, BTreeSet<usize>>,
    /// Traces of the first flow that found no room.
    left_out: BTreeSet<TraceId>,
}

impl Groups {
    pub(super) fn new(members: Vec<ById<How>>) -> Self {
        let mut open: HashMap<TraceId, BTreeSet<usize>> = HashMap::new();
        let mut reached = HashSet::new();
        for (nth, ids) in members.iter().enumerate() {
            for id in ids.keys() {
                open.entry(*id).or_default().insert(nth);
                reached.extend([(Direction::Before, nth, *id), (Direction::Behind, nth, *id)]);
            }
        }
        Self { members, reached, before: open.clone(), behind: open, left_out: BTreeSet::new() }
    }

    pub(super) fn count(&self) -> usize {
        self.members.len()
    }

    pub(super) fn of(&self, nth: usize) -> &ById<How> {
        &self.members[nth]
    }

    /// Adds `found` to the flows of the trace that led there; returns those for which it is to be followed on.
    fn add(&mut self, direction: Direction, flows: &BTreeSet<usize>, found: TraceId) -> BTreeSet<usize> {
        let mut new = BTreeSet::new();
        for &flow in flows {
            if !self.reached.insert((direction, flow, found)) {
                continue;
            }
            let members = &mut self.members[flow];
            if members.len() < TRACES_MAX || members.contains_key(&found) {
                members.entry(found).or_insert(How::Link);
                new.insert(flow);
            } else if flow == 0 {
                self.left_out.insert(found);
            }
        }
        new
    }
}

/// Follows links in both directions until nothing new is found. Traces that link here are looked for in `range`.
pub(super) async fn join(
    query: &Query,
    groups: &mut Groups,
    range: TimeRange,
    notes: &mut Vec<String>,
) -> Result<(), QueryError> {
    let mut rounds = 0;
    while !(groups.before.is_empty() && groups.behind.is_empty()) {
        if rounds == ROUNDS_MAX {
            notes.push(format!("links were followed over {ROUNDS_MAX} traces; there are more behind those"));
            break;
        }
        rounds += 1;
        let (before, behind) = (std::mem::take(&mut groups.before), std::mem::take(&mut groups.behind));
        for (from, to) in links_of(query, &before).await? {
            let new = groups.add(Direction::Before, &before[&from], to);
            if !new.is_empty() {
                groups.before.entry(to).or_default().extend(new);
            }
        }
        for (from, to) in links_to(query, &behind, range).await? {
            let new = groups.add(Direction::Behind, &behind[&to], from);
            if !new.is_empty() {
                groups.behind.entry(from).or_default().extend(new);
            }
        }
    }
    if !groups.left_out.is_empty() {
        let (left, all) = (groups.left_out.len(), groups.left_out.len() + TRACES_MAX);
        notes.push(format!("{left} of {all} traces that links join to this flow are left out"));
    }
    Ok(())
}

/// (linking, linked) of all links of these traces to others.
async fn links_of(
    query: &Query,
    traces: &HashMap<TraceId, BTreeSet<usize>>,
) -> Result<BTreeSet<(TraceId, TraceId)>, QueryError> {
    if traces.is_empty() {
        return Ok(BTreeSet::new());
    }
    let predicates = vec![trace_is_one_of(traces.keys().copied()), ident(schema::LINKS).is_not_null()];
    let rows = query.open(Signal::Spans, Some(&[schema::TRACE_ID, schema::LINKS]), predicates)?;
    query.run(async move { pairs(rows.await?, |_| true).await }).await
}

/// (linking, linked) of all links of the range to these traces.
async fn links_to(
    query: &Query,
    traces: &HashMap<TraceId, BTreeSet<usize>>,
    range: TimeRange,
) -> Result<BTreeSet<(TraceId, TraceId)>, QueryError> {
    if traces.is_empty() {
        return Ok(BTreeSet::new());
    }
    let mut predicates = time_predicates(Signal::Spans, range);
    predicates.push(ident(schema::LINKS).is_not_null());
    let wanted: BTreeSet<TraceId> = traces.keys().copied().collect();
    let rows = query.open(Signal::Spans, Some(&[schema::TRACE_ID, schema::LINKS]), predicates)?;
    query.run(async move { pairs(rows.await?, |to| wanted.contains(&to)).await }).await
}

async fn pairs(
    mut rows: SendableRecordBatchStream,
    wanted: impl Fn(TraceId) -> bool,
) -> Result<BTreeSet<(TraceId, TraceId)>, QueryError> {
    let mut found = BTreeSet::new();
    while let Some(batch) = rows.try_next().await? {
        for row in SpanBatch::of(&batch)?.rows() {
            let from = row.trace_id()?;
            let targets = row.links().filter_map(|link| TraceId::from_bytes(link.trace_id).ok());
            found.extend(targets.filter(|to| *to != from && wanted(*to)).map(|to| (from, to)));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_full_flow_takes_no_more_and_says_which() {
        let id = |nth: usize| format!("{:032x}", nth + 1).parse::<TraceId>().expect("an id");
        let full: BTreeMap<TraceId, How> = (0..TRACES_MAX).map(|nth| (id(nth), How::Value)).collect();
        let mut groups = Groups::new(vec![full, BTreeMap::from([(id(0), How::Value)])]);
        let new = groups.add(Direction::Behind, &BTreeSet::from([0, 1]), id(TRACES_MAX));
        assert_eq!((new, groups.left_out.len()), (BTreeSet::from([1]), 1));
        assert!(groups.add(Direction::Before, &BTreeSet::from([1]), id(0)).is_empty(), "known already");
    }
}
