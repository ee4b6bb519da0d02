//! What the traces of window and baseline did: times, failures and calls of each operation.
//!
//! The time of a trace is divided so that nothing counts twice: a span's own time is what neither its children nor a
//! sibling that began later fills, and of a call that was answered only the part that the callee did not see: that of
//! network and queues.

use std::collections::{BTreeMap, HashMap};

use super::periods::{Counts, Period};
use super::spans::{Caller, OperationId, Span, Spans};
use super::statistics::Distribution;

/// Siblings that are looked at for having begun later.
const LATER_SIBLINGS_MAX: usize = 64;
/// Pairs of caller and callee operations; further ones are not counted, and the answer says so.
const PAIRS_MAX: usize = 50_000;

/// A span that shows what is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Example {
    pub(super) trace_id: u128,
    pub(super) span_id: u64,
    /// What it was chosen for: the largest.
    rank: i64,
}

/// Times of one kind in both periods.
#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    pub(super) window: Distribution,
    pub(super) base: Distribution,
    /// How long the whole traces took in the baseline.
    pub(super) traces: Distribution,
    /// The slowest of the window.
    pub(super) example: Option<Example>,
}

/// One operation of one service.
#[derive(Clone, Debug, Default)]
pub(super) struct OperationTally {
    pub(super) spans: Counts,
    /// Failed spans without a failed child: where a failure began, as far as traces show.
    pub(super) failures: Counts,
    pub(super) failure: Option<Example>,
    /// Client spans that another service answered, and those that none did.
    pub(super) answered: Counts,
    pub(super) unanswered: Counts,
    pub(super) unanswered_example: Option<Example>,
    /// The span of the window with the fewest children.
    pub(super) fewest: Option<Example>,
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) operations: Vec<OperationTally>,
    /// Own time by operation.
    pub(super) own: BTreeMap<OperationId, Times>,
    /// Time on the way, by the caller's operation and the callee's service.
    pub(super) on_the_way: BTreeMap<(OperationId, u32), Times>,
    /// Children by the operations of parent and child.
    pub(super) pairs: HashMap<(OperationId, OperationId), Counts>,
    /// Children that found no room among the pairs.
    pub(super) pairs_left_out: u64,
    pub(super) traces: Counts,
    /// Traces in which a service has a span.
    pub(super) traces_of: Vec<Counts>,
    scratch: Scratch,
}

/// Kept from trace to trace for its memory.
#[derive(Debug, Default)]
struct Scratch {
    by_id: HashMap<u64, u32>,
    parents: Vec<Option<u32>>,
    /// Children of all spans, those of one beside each other and by start; `first[n]..first[n + 1]` are those of n.
    children: Vec<u32>,
    first: Vec<u32>,
    services: Vec<u32>,
    covered: Vec<(i64, i64)>,
}

impl Tally {
    pub(super) fn of(spans: &Spans) -> Self {
        let mut tally = Self {
            operations: vec![OperationTally::default(); spans.operations.len()],
            traces_of: vec![Counts::default(); spans.services.len()],
            ..Self::default()
        };
        for trace in spans.spans.chunk_by(|a, b| a.trace_id == b.trace_id) {
            tally.add(trace, spans);
        }
        tally
    }

    fn add(&mut self, trace: &[Span], spans: &Spans) {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.resolve(trace);
        let service = |span: &Span| spans.operations[span.operation as usize].service;
        let roots = trace.iter().zip(&scratch.parents).filter(|(_, parent)| parent.is_none());
        let whole = roots.map(|(span, _)| span.duration).max().unwrap_or(0);
        self.traces.add(trace[0].period);
        scratch.services.clear();
        scratch.services.extend(trace.iter().map(service));
        scratch.services.sort_unstable();
        scratch.services.dedup();
        for id in &scratch.services {
            self.traces_of[*id as usize].add(trace[0].period);
        }
        for (nth, span) in trace.iter().enumerate() {
            let children = scratch.children_of(nth);
            let own_service = service(span);
            // The service that answers a call, and for how long it was seen to.
            let (mut answered_by, mut answered_ns, mut child_failed) = (None, 0i64, false);
            for child in children.iter().map(|child| &trace[*child as usize]) {
                child_failed |= child.has_failed;
                if service(child) != own_service {
                    answered_by.get_or_insert(service(child));
                    answered_ns = answered_ns.saturating_add(child.duration);
                }
                // What a client span calls is one thing at most: which, says how work is mixed and not how much is done.
                if span.caller == Caller::No {
                    self.count_pair(span, child);
                }
            }
            self.count_operation(span, children.len(), child_failed, answered_by.is_some());
            match (span.caller, answered_by) {
                (Caller::Client, Some(callee)) => {
                    let times = self.on_the_way.entry((span.operation, callee)).or_default();
                    times.add(span, span.duration.saturating_sub(answered_ns), whole);
                }
                // A message may lie in a queue for as long as it likes.
                (Caller::Producer, Some(_)) => {}
                _ => {
                    let own = scratch.own_time(trace, nth);
                    self.own.entry(span.operation).or_default().add(span, own, whole);
                }
            }
        }
        self.scratch = scratch;
    }

    fn count_pair(&mut self, parent: &Span, child: &Span) {
        let key = (parent.operation, child.operation);
        if self.pairs.len() >= PAIRS_MAX && !self.pairs.contains_key(&key) {
            self.pairs_left_out += 1;
            return;
        }
        self.pairs.entry(key).or_default().add(parent.period);
    }

    fn count_operation(&mut self, span: &Span, children: usize, child_failed: bool, is_answered: bool) {
        let tally = &mut self.operations[span.operation as usize];
        tally.spans.add(span.period);
        keep(&mut tally.fewest, span, -(children as i64));
        if span.has_failed && !child_failed {
            tally.failures.add(span.period);
            keep(&mut tally.failure, span, span.start);
        }
        if span.caller == Caller::Client {
            if is_answered {
                tally.answered.add(span.period);
            } else {
                tally.unanswered.add(span.period);
                keep(&mut tally.unanswered_example, span, span.duration);
            }
        }
    }
}

impl Times {
    fn add(&mut self, span: &Span, value: i64, whole: i64) {
        match span.period {
            Period::Window => {
                self.window.add(value);
                keep(&mut self.example, span, value);
            }
            Period::Base(_) => {
                self.base.add(value);
                self.traces.add(whole);
            }
        }
    }
}

/// Keeps the span of the window with the largest rank; of equal ones the first.
fn keep(example: &mut Option<Example>, span: &Span, rank: i64) {
    if span.period == Period::Window && example.is_none_or(|kept| rank > kept.rank) {
        *example = Some(Example { trace_id: span.trace_id, span_id: span.span_id, rank });
    }
}

impl Scratch {
    fn resolve(&mut self, trace: &[Span]) {
        self.by_id.clear();
        // Spans come by start: of those that share an id the first is the parent, as in the trace tree.
        for (nth, span) in trace.iter().enumerate() {
            self.by_id.entry(span.span_id).or_insert(nth as u32);
        }
        self.parents.clear();
        let parent = |span: &Span| (span.parent_span_id != 0).then(|| self.by_id.get(&span.parent_span_id).copied())?;
        self.parents.extend(trace.iter().enumerate().map(|(nth, span)| parent(span).filter(|at| *at as usize != nth)));
        self.first.clear();
        self.first.resize(trace.len() + 1, 0);
        for parent in self.parents.iter().flatten() {
            self.first[*parent as usize + 1] += 1;
        }
        for nth in 0..trace.len() {
            self.first[nth + 1] += self.first[nth];
        }
        self.children.clear();
        self.children.resize(self.first[trace.len()] as usize, 0);
        // From the last to the first, counting down from each end: children stay in the order of their starts.
        let mut next: Vec<u32> = self.first[1..].to_vec();
        for (nth, parent) in self.parents.iter().enumerate().rev() {
            if let Some(parent) = parent {
                next[*parent as usize] -= 1;
                self.children[next[*parent as usize] as usize] = nth as u32;
            }
        }
    }

    fn children_of(&self, nth: usize) -> &[u32] {
        &self.children[self.first[nth] as usize..self.first[nth + 1] as usize]
    }

    /// The part of a span that is filled neither by a child nor by a sibling that began later.
    fn own_time(&mut self, trace: &[Span], nth: usize) -> i64 {
        let span = &trace[nth];
        let (begin, end) = (span.start, span.start.saturating_add(span.duration));
        let mut covered = std::mem::take(&mut self.covered);
        covered.clear();
        let mut cover = |other: u32| {
            let other = &trace[other as usize];
            let (from, to) = (other.start.max(begin), other.start.saturating_add(other.duration).min(end));
            if from < to {
                covered.push((from, to));
            }
        };
        self.children_of(nth).iter().for_each(|child| cover(*child));
        if let Some(parent) = self.parents[nth] {
            let siblings = self.children_of(parent as usize);
            let at = siblings.partition_point(|sibling| (*sibling as usize) <= nth);
            let later = siblings[at..].iter().take_while(|sibling| trace[**sibling as usize].start < end);
            later.take(LATER_SIBLINGS_MAX).for_each(|sibling| cover(*sibling));
        }
        covered.sort_unstable();
        let (mut filled, mut until) = (0, begin);
        for (from, to) in &covered {
            filled += (to - (*from).max(until)).max(0);
            until = until.max(*to);
        }
        self.covered = covered;
        end - begin - filled
    }
}

#[cfg(test)]
mod tests {
    use super::super::spans::Operation;
    use super::*;

    fn span(id: u64, parent: u64, start: i64, duration: i64, operation: OperationId, caller: Caller) -> Span {
        Span {
            trace_id: 1,
            span_id: id,
            parent_span_id: parent,
            start,
            duration,
            operation,
            period: Period::Window,
            caller,
            has_failed: false,
        }
    }

    #[test]
    fn time_is_divided_among_those_who_spend_it() {
        let operation = |service: u32, name: &str| Operation { service, name: name.to_owned() };
        let spans = Spans {
            spans: vec![
                span(1, 0, 0, 100, 0, Caller::No),
                // Waits beside the call that it makes.
                span(2, 1, 5, 90, 1, Caller::No),
                span(3, 1, 10, 80, 2, Caller::Client),
                span(4, 3, 30, 50, 3, Caller::No),
                Span { has_failed: true, ..span(5, 4, 40, 10, 4, Caller::No) },
                Span { has_failed: true, ..span(6, 5, 41, 2, 4, Caller::No) },
                span(7, 99, 60, 7, 2, Caller::Client),
            ],
            operations: vec![
                operation(0, "root"),
                operation(0, "wait"),
                operation(0, "call"),
                operation(1, "serve"),
                operation(1, "work"),
            ],
            services: vec!["a".to_owned(), "b".to_owned()],
            ..Spans::default()
        };
        let tally = Tally::of(&spans);
        let own = |operation: OperationId| tally.own[&operation].window.mean();
        assert_eq!((own(0), own(1), own(3)), (10.0, 10.0, 40.0));
        assert_eq!(tally.on_the_way[&(2, 1)].window.mean(), 30.0);
        assert_eq!(own(2), 7.0, "a call that nobody answered is its caller's time");
        let calls = &tally.operations[2];
        assert_eq!((calls.answered.window, calls.unanswered.window), (1, 1));
        assert_eq!(tally.operations[4].failures.window, 1, "of two failures the inner one");
        assert_eq!(tally.pairs[&(0, 2)].window, 1);
        assert_eq!((tally.traces.window, tally.traces_of[1].window), (1, 1));
    }
}
