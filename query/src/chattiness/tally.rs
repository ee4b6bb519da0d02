//! Counts of calls over many traces.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::REPEATED_MIN;
use super::calls::{Call, Edge, TraceCalls};
use crate::map::PerTrace;
use crate::map::spans::{NameId, SpanKey, TraceKey};
use crate::map::trace_stream::Trace;

/// Root operations that are told apart; traces of further ones are counted only.
const ROOTS_MAX: usize = 10_000;

/// Where an example is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Example {
    pub(super) trace: TraceKey,
    /// The parent span of the calls.
    pub(super) span: SpanKey,
    pub(super) calls: u64,
    /// What is called.
    pub(super) operation: NameId,
}

/// Requests in which an operation is called again and again by one span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RepeatedTally {
    /// Parent spans with so many calls.
    pub(super) groups: u64,
    pub(super) calls: u64,
    /// The one with most calls.
    pub(super) worst: Option<Example>,
}

/// What is counted of an edge or of a root operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CallTally {
    /// Requests with so many calls.
    pub(super) per_request: BTreeMap<u64, u64>,
    /// What the calls ask for differs.
    pub(super) n_plus_one: RepeatedTally,
    /// What they ask for was not recorded, or is the same.
    pub(super) repeated: RepeatedTally,
    /// Calls for what the request had asked for before.
    pub(super) identical: u64,
    pub(super) sequential_calls: u64,
    pub(super) sequential_ns: i64,
    /// Durations of all requests.
    pub(super) request_ns: i64,
    /// The request with most calls from one span.
    pub(super) example: Option<Example>,
}

/// What was seen in some traces.
#[derive(Debug, Default)]
pub(super) struct ChatTally {
    pub(super) edges: HashMap<Edge, CallTally>,
    /// By service and name of the root.
    pub(super) roots: HashMap<(NameId, NameId), CallTally>,
    pub(super) traces: u64,
    pub(super) spans: u64,
    /// Traces of root operations beyond those that are told apart.
    pub(super) other_traces: u64,
    found: TraceCalls,
}

impl PerTrace for ChatTally {
    fn add(&mut self, trace: &Trace) {
        let mut found = std::mem::take(&mut self.found);
        found.find(trace);
        self.traces += 1;
        self.spans += trace.spans.len() as u64;
        let mut by_request: BTreeMap<(Edge, u32), Vec<Call>> = BTreeMap::new();
        for call in &found.calls {
            by_request.entry((call.edge, call.request)).or_default().push(*call);
        }
        let mut waits = Vec::new();
        let mut of_trace = CallTally::default();
        for ((edge, request), calls) in by_request {
            let of_request = request_tally(trace, request, &calls, &mut waits);
            of_trace.append_findings(&of_request);
            self.edges.entry(edge).or_default().append(&of_request);
        }
        if let Some(root) = found.root.filter(|_| !found.calls.is_empty()) {
            let bounds = bounds(trace, root);
            of_trace.per_request = BTreeMap::from([(found.calls.len() as u64, 1)]);
            of_trace.sequential_ns = covered(&mut waits, bounds);
            of_trace.request_ns = bounds.1 - bounds.0;
            let key = (trace.spans[root as usize].service, trace.calls[root as usize].name);
            if self.roots.len() < ROOTS_MAX || self.roots.contains_key(&key) {
                self.roots.entry(key).or_default().append(&of_trace);
            } else {
                self.other_traces += 1;
            }
        }
        self.found = found;
    }

    fn bytes(&self) -> usize {
        // A tally and a dozen different numbers of calls.
        (self.edges.len() + self.roots.len()) * (size_of::<CallTally>() + 12 * 32)
    }
}

/// Of the calls of one request over one edge. Adds the intervals of those that are sequential to `waits`.
fn request_tally(trace: &Trace, request: u32, calls: &[Call], waits: &mut Vec<(i64, i64)>) -> CallTally {
    let mut tally = CallTally { per_request: BTreeMap::from([(calls.len() as u64, 1)]), ..CallTally::default() };
    let mut by_maker: BTreeMap<u32, Vec<Call>> = BTreeMap::new();
    for call in calls {
        // Calls without a parent are each alone.
        if let Some(maker) = call.maker {
            by_maker.entry(maker).or_default().push(*call);
        }
    }
    let from = waits.len();
    for (maker, calls) in &mut by_maker {
        let example = |calls: &[Call]| Example {
            trace: trace.id,
            span: trace.spans[*maker as usize].span_id,
            calls: calls.len() as u64,
            operation: calls.first().map_or(0, |call| call.text.name),
        };
        tally.sequential_calls += add_sequential(calls, waits);
        keep_worst(&mut tally.example, Some(example(calls)));
        calls.sort_by_key(|call| call.text.name);
        for calls in calls.chunk_by(|a, b| a.text.name == b.text.name).filter(|calls| calls.len() >= REPEATED_MIN) {
            let different: HashSet<u64> = calls.iter().filter_map(|call| call.text.parameters).collect();
            let repeated = if different.len() > 1 { &mut tally.n_plus_one } else { &mut tally.repeated };
            repeated.groups += 1;
            repeated.calls += calls.len() as u64;
            keep_worst(&mut repeated.worst, Some(example(calls)));
        }
    }
    let known = calls.iter().filter_map(|call| Some((call.text.name, call.text.parameters?)));
    let different: HashSet<_> = known.clone().collect();
    tally.identical = (known.count() - different.len()) as u64;
    let bounds = bounds(trace, request);
    tally.sequential_ns = covered(&mut waits[from..].to_vec(), bounds);
    tally.request_ns = bounds.1 - bounds.0;
    tally
}

/// Start and end of a span.
fn bounds(trace: &Trace, nth: u32) -> (i64, i64) {
    let span = &trace.spans[nth as usize];
    (span.start, span.start.saturating_add(span.duration.max(0)))
}

/// Adds the intervals of those calls of one parent that overlap no other, when there are two or more; returns how many.
///
/// Two calls overlap when the one that starts later starts before the other ends (of one start, the shorter is first).
/// In order of start, a call overlaps an earlier one when it starts before the latest end so far, and a later one when the
/// next one starts before its own end.
fn add_sequential(calls: &mut [Call], waits: &mut Vec<(i64, i64)>) -> u64 {
    calls.sort_by_key(|call| (call.start, call.end));
    let mut alone = Vec::new();
    let mut latest_end = i64::MIN;
    for (nth, call) in calls.iter().enumerate() {
        let meets_next = calls.get(nth + 1).is_some_and(|next| next.start < call.end);
        if call.start >= latest_end && !meets_next {
            alone.push((call.start, call.end));
        }
        latest_end = latest_end.max(call.end);
    }
    if alone.len() < 2 {
        return 0;
    }
    let count = alone.len() as u64;
    waits.append(&mut alone);
    count
}

/// Length of the union of intervals within bounds.
fn covered(intervals: &mut [(i64, i64)], (from, to): (i64, i64)) -> i64 {
    intervals.sort_unstable();
    let (mut at, mut sum) = (from, 0);
    for (start, end) in intervals {
        let (start, end) = ((*start).max(at), (*end).min(to));
        if end > start {
            sum += end - start;
            at = end;
        }
    }
    sum
}

/// The example with most calls; of equal ones that of the smallest ids, so that the answer is the same each time.
fn keep_worst(kept: &mut Option<Example>, other: Option<Example>) {
    let order = |example: &Example| (example.calls, std::cmp::Reverse((example.trace, example.span)));
    if let Some(other) = other
        && kept.as_ref().is_none_or(|kept| order(&other) > order(kept))
    {
        *kept = Some(other);
    }
}

impl RepeatedTally {
    fn append(&mut self, other: &Self) {
        self.groups += other.groups;
        self.calls += other.calls;
        keep_worst(&mut self.worst, other.worst);
    }
}

impl CallTally {
    pub(super) fn append(&mut self, other: &Self) {
        self.append_findings(other);
        for (calls, requests) in &other.per_request {
            *self.per_request.entry(*calls).or_default() += requests;
        }
        self.sequential_ns = self.sequential_ns.saturating_add(other.sequential_ns);
        self.request_ns = self.request_ns.saturating_add(other.request_ns);
    }

    /// What holds for the whole trace as well as for the part.
    fn append_findings(&mut self, other: &Self) {
        self.n_plus_one.append(&other.n_plus_one);
        self.repeated.append(&other.repeated);
        self.identical += other.identical;
        self.sequential_calls += other.sequential_calls;
        keep_worst(&mut self.example, other.example);
    }
}
