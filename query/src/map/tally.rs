//! Counts the calls of whole traces.
//!
//! A call is a span whose parent span belongs to another service, or a server or consumer span below a client or
//! producer span of its own service. Whatever cannot be settled within one trace (producers that nobody has answered
//! yet, consumers that link to other traces) is kept until all traces have been seen.

use hashbrown::{HashMap, HashSet};

use super::PerTrace;
use super::blocks::Blocks;
use super::figures::{Counts, Requests};
use super::relations::{Relations, is_call};
use super::spans::{Kind, NameId, Names, PeerId, Span, SpanKey, TraceKey};
use super::trace_stream::Trace;
use crate::histogram::Buckets;
use crate::outcome::Outcome;

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

/// Source, target and channel in one number, which is quick to hash: 31, 31 and 2 bits. There is no memory for a thousand
/// million names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct EdgeKey(u64);

const END_BITS: u32 = 31;
const CHANNEL_BITS: u32 = 2;

impl EdgeKey {
    pub(super) fn new(source: End, target: End, channel: Channel) -> Self {
        let number = |end: End| match end {
            End::Client => 0,
            End::Service(id) => u64::from(id) << 1 | 1,
            End::Peer(id) => (u64::from(id) + 1) << 1,
        };
        Self((number(source) << END_BITS | number(target)) << CHANNEL_BITS | channel as u64)
    }

    pub(super) fn source(self) -> End {
        self.end(CHANNEL_BITS + END_BITS)
    }

    pub(super) fn target(self) -> End {
        self.end(CHANNEL_BITS)
    }

    fn end(self, lowest_bit: u32) -> End {
        let number = (self.0 >> lowest_bit & ((1 << END_BITS) - 1)) as u32;
        match (number, number & 1) {
            (0, _) => End::Client,
            (_, 1) => End::Service(number >> 1),
            _ => End::Peer((number >> 1) - 1),
        }
    }

    pub(super) fn channel(self) -> Channel {
        match self.0 & ((1 << CHANNEL_BITS) - 1) {
            0 => Channel::Sync,
            1 => Channel::Async,
            _ => Channel::Link,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct NodeTally {
    /// Server and consumer spans.
    pub(super) served: Requests,
    /// Other spans with which a service enters a trace: roots, and those below a span of another service.
    pub(super) entered: Requests,
    pub(super) traces: u64,
    /// The number of the last of them within the tally.
    last_trace: u64,
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
    /// Whom the last caller that was answered named.
    last_answered: Option<PeerId>,
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

/// Nodes by the names of their services.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    /// By name: the position in `tallies`, plus one; 0 of what is no service.
    positions: Vec<u32>,
    tallies: Vec<(NameId, NodeTally)>,
}

impl Nodes {
    pub(super) fn contains(&self, service: NameId) -> bool {
        self.positions.get(service as usize).is_some_and(|position| *position > 0)
    }

    fn of(&mut self, service: NameId) -> &mut NodeTally {
        let name = service as usize;
        if name >= self.positions.len() {
            self.positions.resize(name + 1, 0);
        }
        if self.positions[name] == 0 {
            self.tallies.push((service, NodeTally::default()));
            self.positions[name] = self.tallies.len() as u32;
        }
        &mut self.tallies[self.positions[name] as usize - 1].1
    }

    pub(super) fn into_tallies(self) -> Vec<(NameId, NodeTally)> {
        self.tallies
    }
}

/// Edges by their ends.
#[derive(Debug, Default)]
pub(super) struct Edges(pub(super) HashMap<EdgeKey, EdgeTally>);

impl Edges {
    /// The edge, which a trace has at least once.
    pub(super) fn of(&mut self, key: EdgeKey, trace: TraceKey) -> &mut EdgeTally {
        let edge = self.0.entry(key).or_default();
        if edge.last_trace != Some(trace) {
            edge.last_trace = Some(trace);
            edge.traces += 1;
        }
        edge
    }
}

/// What was seen in some traces.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) nodes: Nodes,
    pub(super) edges: Edges,
    /// With the ids that links name.
    pub(super) producers: Blocks<((TraceKey, SpanKey), Producer)>,
    pub(super) consumers: Blocks<Consumer>,
    /// Which services answered calls to a named callee.
    pub(super) answers: HashSet<(PeerId, NameId)>,
    pub(super) spans: u64,
    pub(super) traces: u64,
    /// First and last start.
    pub(super) starts: Option<(i64, i64)>,
    pub(super) buckets: Option<Buckets>,
    scratch: Relations,
}

impl Tally {
    pub(super) fn new(buckets: Option<Buckets>) -> Self {
        Self { buckets, ..Self::default() }
    }

    fn add_trace(&mut self, trace: &Trace) {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.resolve(&trace.spans);
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
                let key = EdgeKey::new(End::Client, End::Service(span.service), Channel::Sync);
                self.count_seen_by_one(key, trace.id, span);
            }
            match span.kind {
                Kind::Client if !scratch.answered[nth] && !scratch.wraps[nth] => {
                    if let Some(peer) = span.peer {
                        let key = EdgeKey::new(End::Service(span.service), End::Peer(peer), Channel::Sync);
                        self.count_seen_by_one(key, trace.id, span);
                    }
                }
                // Of copies the first one is the parent of consumers.
                Kind::Producer if scratch.is_first(span.span_id, nth) => {
                    let producer = Producer { span: *span, is_answered: scratch.answered[nth] };
                    self.producers.push(((trace.id, span.span_id), producer));
                }
                Kind::Consumer => self.keep_consumer(trace, nth, call),
                _ => {}
            }
        }
        self.scratch = scratch;
    }

    fn count_at_node(&mut self, span: &Span, is_called: bool) {
        let node = self.nodes.of(span.service);
        if node.last_trace != self.traces {
            node.last_trace = self.traces;
            node.traces += 1;
        }
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
        let key = EdgeKey::new(End::Service(caller.service), End::Service(callee.service), channel);
        let edge = self.edges.of(key, trace);
        // Without a client span there is no view of the caller: the callee's is the nearest.
        let seen_by = if caller.kind.is_caller() { caller } else { callee };
        edge.requests.add(seen_by.duration, seen_by.outcome);
        if is_async {
            edge.message_ages.add(callee.start.saturating_sub(caller.start), seen_by.outcome);
        }
        let named = caller.peer.filter(|_| caller.kind.is_caller());
        if let Some(peer) = named.filter(|_| named != edge.last_answered) {
            edge.last_answered = named;
            self.answers.insert((peer, callee.service));
        }
    }

    /// Counts a request over an edge that has no other view.
    pub(super) fn count_seen_by_one(&mut self, key: EdgeKey, trace: TraceKey, span: &Span) {
        let edge = self.edges.of(key, trace);
        edge.requests.add(span.duration, span.outcome);
        count_over_time(&mut edge.over_time, self.buckets, span.start, span.outcome);
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
        for (service, node) in other.nodes.into_tallies() {
            self.nodes.of(ids[service as usize]).append(node);
        }
        for (key, edge) in other.edges.0 {
            let key = EdgeKey::new(end(key.source()), end(key.target()), key.channel());
            self.edges.0.entry(key).or_default().append(edge);
        }
        let (mut producers, mut consumers) = (other.producers, other.consumers);
        producers.iter_mut().for_each(|(_, producer)| producer.span = renamed(producer.span));
        self.producers.append(producers);
        consumers.iter_mut().for_each(|consumer| consumer.span = renamed(consumer.span));
        self.consumers.append(consumers);
        let answers = other.answers.into_iter();
        self.answers.extend(answers.map(|(peer, service)| (peers[peer as usize], ids[service as usize])));
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
        let of_nodes = self.nodes.tallies.iter().map(|(_, node)| node.served.bytes() + node.entered.bytes());
        let of_edges = self.edges.0.values().map(|edge| edge.requests.bytes() + edge.message_ages.bytes());
        let pending = self.producers.bytes() + self.consumers.bytes();
        let over_time = self.buckets.map_or(0, |buckets| buckets.count() * size_of::<Counts>());
        let tallies = self.nodes.tallies.len() * (2 * over_time + size_of::<NodeTally>())
            + self.edges.0.len() * (over_time + size_of::<EdgeTally>());
        of_nodes.chain(of_edges).sum::<usize>() + pending + tallies
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
