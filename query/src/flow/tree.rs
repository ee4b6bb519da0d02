//! The traces of a flow below the ones that caused them.

use std::collections::HashMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::steps::StepTrace;

/// A trace in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FlowTreeRow {
    /// Index into the traces.
    pub(crate) trace: usize,
    /// Index of the trace that caused it.
    #[schema(required)]
    pub(crate) parent: Option<usize>,
    /// 0 for a trace that nothing caused, as far as is known.
    pub(crate) depth: usize,
}

/// In pre-order; what has one cause in the order of `traces`, which is that of time. A cause is earlier than its effect
/// (see `steps`), so there are no cycles.
pub(super) fn of(traces: &[StepTrace]) -> Vec<FlowTreeRow> {
    let nth_of: HashMap<_, _> = traces.iter().enumerate().map(|(nth, trace)| (trace.trace_id, nth)).collect();
    let parent = |trace: &StepTrace| trace.cause.as_ref().and_then(|cause| nth_of.get(&cause.trace_id).copied());
    let parents: Vec<Option<usize>> = traces.iter().map(parent).collect();
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); traces.len()];
    for (nth, parent) in parents.iter().enumerate() {
        if let Some(parent) = parent {
            children[*parent].push(nth);
        }
    }
    let mut rows = Vec::with_capacity(traces.len());
    let mut stack: Vec<(usize, usize)> =
        (0..traces.len()).rev().filter(|nth| parents[*nth].is_none()).map(|nth| (nth, 0)).collect();
    while let Some((trace, depth)) = stack.pop() {
        rows.push(FlowTreeRow { trace, parent: parents[trace], depth });
        stack.extend(children[trace].iter().rev().map(|child| (*child, depth + 1)));
    }
    rows
}
