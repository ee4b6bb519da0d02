//! The calls of one trace.

use std::collections::HashSet;

use crate::map::relations::{Relations, is_call};
use crate::map::spans::{CallText, Kind, NameId, PeerId, Span, SpanKey};
use crate::map::trace_stream::Trace;

/// Who is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Callee {
    Service(NameId),
    Peer(PeerId),
    /// The caller does not say.
    Unnamed,
}

/// Caller and callee.
pub(super) type Edge = (NameId, Callee);

/// One call, as the caller sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) edge: Edge,
    /// Its name is that of the span that answers, else of the one that calls.
    pub(super) text: CallText,
    /// Index of the request below which it is made.
    pub(super) request: u32,
    /// Index of the span that makes it.
    pub(super) maker: Option<u32>,
    pub(super) start: i64,
    /// Not before `start`.
    pub(super) end: i64,
}

/// What is counted of one trace.
#[derive(Debug, Default)]
pub(super) struct TraceCalls {
    pub(super) calls: Vec<Call>,
    /// The earliest span without a parent id; where that was not received, the earliest one whose parent is not here.
    pub(super) root: Option<u32>,
    relations: Relations,
    requests: Vec<u32>,
}

impl TraceCalls {
    /// `trace.calls` has an entry for each span.
    pub(super) fn find(&mut self, trace: &Trace) {
        let Self { calls, root, relations, requests } = self;
        calls.clear();
        relations.resolve(&trace.spans);
        let (spans, parents) = (&trace.spans, &relations.parents);
        find_requests(spans, parents, requests);
        let roots = (0..spans.len() as u32).filter(|nth| parents[*nth as usize].is_none());
        let order = |nth: &u32| {
            let span = &spans[*nth as usize];
            (span.parent_span_id != 0, span.start, *nth)
        };
        *root = roots.min_by_key(order);
        let copies = copies(trace);
        let has_client_below = has_client_below(spans, parents);
        let mut seen = HashSet::new();
        let mut add = |seen_by: usize, caller: usize, callee: Callee, name: NameId| {
            // One call with several answers is one call of each callee.
            if seen.insert((seen_by, caller, callee)) {
                let (at, text) = (&spans[seen_by], trace.calls[seen_by]);
                calls.push(Call {
                    edge: (spans[caller].service, callee),
                    text: CallText { name, ..text },
                    request: requests[caller],
                    maker: parents[seen_by],
                    start: at.start,
                    end: at.start.saturating_add(at.duration.max(0)),
                });
            }
        };
        for (nth, span) in spans.iter().enumerate().filter(|(nth, _)| !copies.contains(&(*nth as u32))) {
            let name = trace.calls[nth].name;
            let parent = parents[nth].map(|parent| parent as usize).filter(|parent| is_call(&spans[*parent], span));
            if let Some(parent) = parent {
                let callee = Callee::Service(span.service);
                if spans[parent].kind.is_caller() {
                    add(parent, parent, callee, name);
                } else if span.kind != Kind::Consumer {
                    // A message that is consumed makes nobody wait.
                    add(nth, parent, callee, name);
                }
            }
            if span.kind.is_caller() && !relations.answered[nth] && !relations.wraps[nth] {
                match span.peer {
                    Some(peer) => add(nth, nth, Callee::Peer(peer), name),
                    None if !has_client_below[nth] => add(nth, nth, Callee::Unnamed, name),
                    None => {}
                }
            }
        }
    }
}

/// For each span the request of its service: the span at which its way up leaves the service. A way that runs in a circle
/// ends where it was entered.
fn find_requests(spans: &[Span], parents: &[Option<u32>], requests: &mut Vec<u32>) {
    const UNKNOWN: u32 = u32::MAX;
    const ON_THE_WAY: u32 = u32::MAX - 1;
    requests.clear();
    requests.resize(spans.len(), UNKNOWN);
    let mut way = Vec::new();
    for start in 0..spans.len() as u32 {
        let mut at = start;
        let request = loop {
            match requests[at as usize] {
                UNKNOWN => {}
                ON_THE_WAY => break at,
                known => break known,
            }
            requests[at as usize] = ON_THE_WAY;
            way.push(at);
            match parents[at as usize].filter(|parent| !is_call(&spans[*parent as usize], &spans[at as usize])) {
                Some(parent) => at = parent,
                None => break at,
            }
        };
        for nth in way.drain(..) {
            requests[nth as usize] = request;
        }
    }
}

/// Spans that were received twice: only the first counts.
fn copies(trace: &Trace) -> HashSet<u32> {
    let spans = trace.spans.iter().zip(0..);
    let mut by_id: Vec<(SpanKey, i64, u32)> = spans.map(|(span, nth)| (span.span_id, span.start, nth)).collect();
    by_id.sort_unstable();
    let same_id = by_id.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1);
    let mut copies = HashSet::new();
    for same in same_id {
        for (nth, (.., later)) in same.iter().enumerate() {
            let later = *later as usize;
            let is_copy = |(.., earlier): &(SpanKey, i64, u32)| {
                let earlier = *earlier as usize;
                trace.spans[earlier] == trace.spans[later] && trace.calls[earlier] == trace.calls[later]
            };
            if same[..nth].iter().any(is_copy) {
                copies.insert(later as u32);
            }
        }
    }
    copies
}

fn has_client_below(spans: &[Span], parents: &[Option<u32>]) -> Vec<bool> {
    let mut found = vec![false; spans.len()];
    for (span, parent) in spans.iter().zip(parents) {
        if let Some(parent) = parent.filter(|_| span.kind.is_caller()) {
            found[parent as usize] |= spans[parent as usize].service == span.service;
        }
    }
    found
}
