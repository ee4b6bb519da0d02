//! Counts the calls of whole traces.
//!
//! A call is a span whose parent span belongs to another service, or a server or consumer span below a client or
//! producer span of its own service. Whatever cannot be settled within one trace (producers that nobody has answered
//! yet, consumers that link to other traces) is kept until all traces have been seen.

use super::PerTrace;
use super::figures::{Counts, Requests};
use super::spans::{Kind, NameId, Names, PeerId, Span, SpanKey, TraceKey};
use super::trace_stream::Trace;
use crate::histogram::Buckets;
use crate::outcome::Outcome;
use hashbrown::HashMap;

/// Who is at an end of an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum End {
    Client,
    Service(NameId),
    Peer(PeerId),
}

/// How a call reaches the callee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Channel {
    Sync,
    Async,
    Link,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct EdgeKey {
    pub(super) source: End,
    pub(super) target: End,
    pub(super) channel: Channel,
}

#[derive(Debug, Default)]
pub(super) struct NodeTally {
    /// Server and consumer spans.
    pub(super) served: Requests,
    /// Other spans with which a service enters a trace: roots, and those below a span of another service.
    pub(super) entered: Requests,
    pub(super) traces: u64,
    /// Per time bucket, of `served` and `entered`; empty when no buckets were asked for.
    pub(super) served_over_time: Vec<Counts>,
    pub(super) entered_over_time: Vec<Counts>,
}

#[derive(Debug, Default)]
pub(super) struct EdgeTally {
    /// As the caller sees them.
    pub(super) requests: Requests,
    /// From the start of the producer to the start of the consumer, of messages where both are known.
    pub(super) message_ages: Requests,
    pub(super) traces: u64,
    last_trace: Option<TraceKey>,
    /// Of edges from the client and to inferred callees, which have no other view.
    pub(super) over_time: Vec<Counts>,
}

/// A producer span: a consumer of any trace may link to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Producer {
    pub(super) span: Span,
    /// A consumer has it as its parent.
    pub(super) is_answered: bool,
}

/// A consumer span without a parent in another service.
#[derive(Clone, Debug)]
pub(super) struct Consumer {
    pub(super) trace: TraceKey,
    pub(super) span: Span,
    pub(super) links: Vec<(TraceKey, SpanKey)>,
}

/// What was seen in some traces.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) nodes: HashMap<NameId, NodeTally>,
    pub(super) edges: HashMap<EdgeKey, EdgeTally>,
    pub(super) producers: HashMap<(TraceKey, SpanKey), Producer>,
    pub(super) consumers: Vec<Consumer>,
    /// Which services answered calls to a named callee.
    pub(super) answers: HashMap<(PeerId, NameId), u64>,
    pub(super) spans: u64,
    pub(super) traces: u64,
    /// First and last start.
    pub(super) starts: Option<(i64, i64)>,
    pub(super) buckets: Option<Buckets>,
    scratch: Relations,
}

/// How the spans of a trace belong together; by index. Its memory is used again for the next trace.
#[derive(Debug, Default)]
pub(crate) struct Relations {
    /// (span id, index) in order; spans of one id by their start.
    pub(crate) by_id: Vec<(SpanKey, u32)>,
    pub(crate) parents: Vec<Option<u32>>,
    /// A child is the other end of its call.
    pub(crate) answered: Vec<bool>,
    /// A child of the same service makes the call.
    pub(crate) wraps: Vec<bool>,
    services: Vec<NameId>,
}

impl Tally {
    pub(super) fn new(buckets: Option<Buckets>) -> Self {
        Self { buckets, ..Self::default() }
    }

    fn add_trace(&mut self, trace: &Trace) {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.resolve(trace);
        self.traces += 1;
        self.spans += trace.spans.len() as u64;
        for (nth, span) in trace.spans.iter().enumerate() {
            let (first, last) = self.starts.unwrap_or((span.start, span.start));
            self.starts = Some((first.min(span.start), last.max(span.start)));
            let parent = scratch.parents[nth].map(|parent| &trace.spans[parent as usize]);
            let call = parent.filter(|parent| is_call(parent, span));
            self.count_at_node(span, call.is_some());
            if let Some(parent) = call {
                self.count_call(trace.id, parent, span);
            } else if span.kind == Kind::Server && span.parent_span_id == 0 {
                let target = End::Service(span.service);
                let buckets = self.buckets;
                let edge = self.edge(EdgeKey { source: End::Client, target, channel: Channel::Sync }, trace.id);
                edge.requests.add(span.duration, span.outcome);
                count_over_time(&mut edge.over_time, buckets, span.start, span.outcome);
            }
            match span.kind {
                Kind::Client if !scratch.answered[nth] && !scratch.wraps[nth] => self.count_unanswered(trace.id, span),
                Kind::Producer => {
                    let producer = Producer { span: *span, is_answered: scratch.answered[nth] };
                    self.producers.insert((trace.id, span.span_id), producer);
                }
                Kind::Consumer => self.keep_consumer(trace, nth, call),
                _ => {}
            }
        }
        for service in &scratch.services {
            self.nodes.entry(*service).or_default().traces += 1;
        }
        self.scratch = scratch;
    }

    fn count_at_node(&mut self, span: &Span, is_called: bool) {
        let node = self.nodes.entry(span.service).or_default();
        let (requests, over_time) = if span.kind.is_callee() {
            (&mut node.served, &mut node.served_over_time)
        } else if is_called || span.parent_span_id == 0 {
            (&mut node.entered, &mut node.entered_over_time)
        } else {
            return;
        };
        requests.add(span.duration, span.outcome);
        count_over_time(over_time, self.buckets, span.start, span.outcome);
    }

    fn count_call(&mut self, trace: TraceKey, caller: &Span, callee: &Span) {
        let is_async = callee.kind == Kind::Consumer || caller.kind == Kind::Producer;
        let channel = if is_async { Channel::Async } else { Channel::Sync };
        let key = EdgeKey { source: End::Service(caller.service), target: End::Service(callee.service), channel };
        let edge = self.edge(key, trace);
        // Without a client span there is no view of the caller: the callee's is the nearest.
        let seen_by = if caller.kind.is_caller() { caller } else { callee };
        edge.requests.add(seen_by.duration, seen_by.outcome);
        if is_async {
            edge.message_ages.add(callee.start.saturating_sub(caller.start), seen_by.outcome);
        }
        if let Some(peer) = caller.peer.filter(|_| caller.kind.is_caller()) {
            *self.answers.entry((peer, callee.service)).or_default() += 1;
        }
    }

    fn count_unanswered(&mut self, trace: TraceKey, caller: &Span) {
        let Some(peer) = caller.peer else { return };
        let key = EdgeKey { source: End::Service(caller.service), target: End::Peer(peer), channel: Channel::Sync };
        let buckets = self.buckets;
        let edge = self.edge(key, trace);
        edge.requests.add(caller.duration, caller.outcome);
        count_over_time(&mut edge.over_time, buckets, caller.start, caller.outcome);
    }

    /// A consumer whose parent is no producer may have got its messages by links, or from a queue that it names.
    fn keep_consumer(&mut self, trace: &Trace, nth: usize, call: Option<&Span>) {
        let span = trace.spans[nth];
        let is_parent = |link: &(TraceKey, SpanKey)| call.is_some() && *link == (trace.id, span.parent_span_id);
        // Links come in the order of their spans.
        let from = trace.links.partition_point(|(index, ..)| *index < nth);
        let links = trace.links[from..].iter().take_while(|(index, ..)| *index == nth);
        let links: Vec<_> = links.map(|(_, trace, span)| (*trace, *span)).filter(|link| !is_parent(link)).collect();
        if !links.is_empty() || (call.is_none() && span.peer.is_some()) {
            // A call by parent is counted already: then a queue is not the origin, whatever the links lead to.
            let peer = span.peer.filter(|_| call.is_none());
            self.consumers.push(Consumer { trace: trace.id, span: Span { peer, ..span }, links });
        }
    }

    pub(super) fn edge(&mut self, key: EdgeKey, trace: TraceKey) -> &mut EdgeTally {
        let edge = self.edges.entry(key).or_default();
        if edge.last_trace != Some(trace) {
            edge.last_trace = Some(trace);
            edge.traces += 1;
        }
        edge
    }

    /// Adds what another part of the work has seen. `names` and `other_names` are those of `self` and `other`.
    pub(super) fn append(&mut self, other: Tally, names: &mut Names, other_names: &Names) {
        let ids: Vec<NameId> = (0..other_names.len()).map(|id| names.id(other_names.text(id as NameId))).collect();
        let peers: Vec<PeerId> = (0..other_names.peer_count())
            .map(|id| {
                let (node_type, name) = other_names.peer(id as PeerId);
                names.peer_id(node_type, name)
            })
            .collect();
        let end = |end: End| match end {
            End::Client => End::Client,
            End::Service(id) => End::Service(ids[id as usize]),
            End::Peer(id) => End::Peer(peers[id as usize]),
        };
        let renamed = |span: Span| Span {
            service: ids[span.service as usize],
            peer: span.peer.map(|peer| peers[peer as usize]),
            ..span
        };
        for (service, node) in other.nodes {
            self.nodes.entry(ids[service as usize]).or_default().append(node);
        }
        for (key, edge) in other.edges {
            let key = EdgeKey { source: end(key.source), target: end(key.target), channel: key.channel };
            self.edges.entry(key).or_default().append(edge);
        }
        let producers = other.producers.into_iter();
        self.producers.extend(producers.map(|(key, found)| (key, Producer { span: renamed(found.span), ..found })));
        let consumers = other.consumers.into_iter();
        self.consumers.extend(consumers.map(|found| Consumer { span: renamed(found.span), ..found }));
        for ((peer, service), count) in other.answers {
            *self.answers.entry((peers[peer as usize], ids[service as usize])).or_default() += count;
        }
        self.spans += other.spans;
        self.traces += other.traces;
        self.starts = match (self.starts, other.starts) {
            (Some(mine), Some(theirs)) => Some((mine.0.min(theirs.0), mine.1.max(theirs.1))),
            (mine, theirs) => mine.or(theirs),
        };
    }
}

impl PerTrace for Tally {
    fn add(&mut self, trace: &Trace) {
        self.add_trace(trace);
    }

    fn bytes(&self) -> usize {
        // A request is 8 bytes at its node and 8 at its edge, in vectors that may be half empty; a span is at most one
        // request.
        let requests = self.spans as usize * 24;
        let pending = (self.producers.len() + self.consumers.len()) * 2 * size_of::<Consumer>();
        let over_time = self.buckets.map_or(0, |buckets| buckets.count() * size_of::<Counts>());
        requests + pending + (self.nodes.len() * 2 + self.edges.len()) * (over_time + size_of::<NodeTally>())
    }
}

impl NodeTally {
    fn append(&mut self, other: NodeTally) {
        self.served.append(other.served);
        self.entered.append(other.entered);
        self.traces += other.traces;
        add_over_time(&mut self.served_over_time, other.served_over_time);
        add_over_time(&mut self.entered_over_time, other.entered_over_time);
    }
}

impl EdgeTally {
    /// Traces are counted as if the two had none in common.
    pub(super) fn append(&mut self, other: EdgeTally) {
        self.requests.append(other.requests);
        self.message_ages.append(other.message_ages);
        self.traces += other.traces;
        add_over_time(&mut self.over_time, other.over_time);
    }
}

pub(super) fn add_over_time(sum: &mut Vec<Counts>, other: Vec<Counts>) {
    if sum.is_empty() {
        *sum = other;
    } else {
        for (sum, other) in sum.iter_mut().zip(&other) {
            sum.add_all(other);
        }
    }
}

pub(super) fn count_over_time(over_time: &mut Vec<Counts>, buckets: Option<Buckets>, start: i64, outcome: Outcome) {
    let Some(buckets) = buckets else { return };
    if over_time.is_empty() {
        over_time.resize(buckets.count(), Counts::default());
    }
    if let Some(counts) = buckets.at(start).and_then(|at| over_time.get_mut(at)) {
        counts.add_outcome(outcome);
    }
}

/// Whether a parent and its child are the two ends of a call.
pub(crate) fn is_call(parent: &Span, child: &Span) -> bool {
    parent.service != child.service || (parent.kind.is_caller() && child.kind.is_callee())
}

impl Relations {
    /// Finds parents, which client spans were answered, and which only wrap another client span of their service.
    pub(crate) fn resolve(&mut self, trace: &Trace) {
        let spans = &trace.spans;
        self.by_id.clear();
        self.by_id.extend(spans.iter().enumerate().map(|(nth, span)| (span.span_id, nth as u32)));
        // Of spans that share an id the first to start is the parent, as in the trace tree.
        let order = |nth: u32| (spans[nth as usize].start, nth);
        self.by_id.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| order(a.1).cmp(&order(b.1))));
        self.parents.clear();
        for (nth, span) in spans.iter().enumerate() {
            let parent = self.find(span.parent_span_id);
            self.parents.push(parent.filter(|parent| *parent as usize != nth));
        }
        self.answered.clear();
        self.answered.resize(spans.len(), false);
        self.wraps.clear();
        self.wraps.resize(spans.len(), false);
        for (span, parent) in spans.iter().zip(&self.parents) {
            if let Some(parent) = parent.filter(|parent| is_call(&spans[*parent as usize], span)) {
                self.answered[parent as usize] = true;
            }
        }
        for (nth, span) in spans.iter().enumerate() {
            let Some(parent) = self.parents[nth].filter(|_| span.kind.is_caller()) else { continue };
            if spans[parent as usize].service == span.service && (self.answered[nth] || span.peer.is_some()) {
                self.wraps[parent as usize] = true;
            }
        }
        self.services.clear();
        self.services.extend(spans.iter().map(|span| span.service));
        self.services.sort_unstable();
        self.services.dedup();
    }

    fn find(&self, id: SpanKey) -> Option<u32> {
        if id == 0 {
            return None;
        }
        let at = self.by_id.partition_point(|&(other, _)| other < id);
        self.by_id.get(at).filter(|&&(other, _)| other == id).map(|&(_, nth)| nth)
    }
}
