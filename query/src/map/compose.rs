//! Adds up what was counted, settles what crosses traces, and names nodes and edges.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};
use proto::TimeRange;
use serde::Serialize;
use utoipa::ToSchema;

use super::figures::{Counts, Durations, HistogramBucket, Requests};
use super::peer::NodeType;
use super::spans::{NameId, Names, PeerId};
use super::tally::{Channel, EdgeKey, EdgeTally, End, NodeTally, Tally, add_over_time, count_over_time};
use crate::answer::{optional_unix_nano_text, unix_nano_text};
use crate::histogram::Buckets;

/// Nodes of an answer: those with the most requests.
pub(crate) const NODES_MAX: usize = 10_000;
const CLIENT: &str = "client";

/// Services, what they call, and who calls them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServiceMap {
    /// Of the range asked for; where that is open, the first start. Null when nothing was found in an open range.
    #[serde(serialize_with = "optional_unix_nano_text")]
    #[schema(value_type = Option<String>, required)]
    pub(crate) from_unix_nano: Option<i64>,
    /// Exclusive. Of the range asked for; where that is open, just behind the last start.
    #[serde(serialize_with = "optional_unix_nano_text")]
    #[schema(value_type = Option<String>, required)]
    pub(crate) to_unix_nano: Option<i64>,
    pub(crate) span_count: u64,
    pub(crate) trace_count: u64,
    /// By id.
    pub(crate) nodes: Vec<MapNode>,
    /// By source, target and kind.
    pub(crate) edges: Vec<MapEdge>,
    /// Where the parts of each node's `over_time` lie; null when none were asked for.
    #[schema(required)]
    pub(crate) buckets: Option<TimeBuckets>,
    /// Nodes beyond the 10,000 with the most requests, left out with their edges.
    pub(crate) left_out_node_count: usize,
}

impl ServiceMap {
    /// Gives services their groups, by name.
    pub(crate) fn set_groups(&mut self, mut groups: HashMap<String, String>) {
        for node in self.nodes.iter_mut().filter(|node| node.node_type == NodeType::Service) {
            node.group = groups.remove(&node.name);
        }
    }
}

/// `count` parts of `width_ns` from `start_unix_nano` on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TimeBuckets {
    #[serde(serialize_with = "unix_nano_text")]
    #[schema(value_type = String)]
    pub(crate) start_unix_nano: i64,
    pub(crate) width_ns: i64,
    pub(crate) count: usize,
}

/// Whoever serves requests, as it sees them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MapNode {
    /// `<type>:<name>`.
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) node_type: NodeType,
    /// Sends no spans itself: everything is from its callers' spans.
    pub(crate) inferred: bool,
    /// Which spans the figures are of.
    pub(crate) measured: Measured,
    /// Namespace or environment of a service, when they were asked for and it has one.
    #[schema(required)]
    pub(crate) group: Option<String>,
    #[serde(flatten)]
    pub(crate) counts: Counts,
    /// Traces in which the service has a span; of inferred nodes, in which it is called (a trace of several callers
    /// counts once for each).
    pub(crate) traces: u64,
    /// Null without requests.
    #[schema(required)]
    pub(crate) duration_ns: Option<Durations>,
    pub(crate) histogram: Vec<HistogramBucket>,
    /// One number for each part of `buckets`; null when none were asked for.
    #[schema(required)]
    pub(crate) over_time: Option<CountsOverTime>,
}

/// Which spans the figures of a node are of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = MapMeasured)]
pub(crate) enum Measured {
    /// The service's server and consumer spans.
    Served,
    /// Of a service without those: its roots, and its spans whose parent is another service's.
    Entered,
    /// Of what is no service: the calls to it, or, of the client, those from it.
    #[default]
    Called,
}

/// Columns of [`Counts`].
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CountsOverTime {
    pub(crate) requests: Vec<u64>,
    pub(crate) ok: Vec<u64>,
    pub(crate) errors: Vec<u64>,
    pub(crate) throttles: Vec<u64>,
    pub(crate) faults: Vec<u64>,
}

impl CountsOverTime {
    fn of(counts: &[Counts], buckets: Buckets) -> Self {
        let column = |pick: fn(&Counts) -> u64| {
            let values = counts.iter().map(pick);
            values.chain(std::iter::repeat(0)).take(buckets.count()).collect()
        };
        Self {
            requests: column(|counts| counts.requests),
            ok: column(|counts| counts.ok),
            errors: column(|counts| counts.errors),
            throttles: column(|counts| counts.throttles),
            faults: column(|counts| counts.faults),
        }
    }
}

/// How a call reaches the callee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EdgeKind {
    Sync,
    /// By a message whose consumer is a child of its producer.
    Async,
    /// By a message whose consumer links to its producer.
    Link,
}

/// Calls from one node to another, as the caller sees them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MapEdge {
    /// Id of a node.
    pub(crate) source: String,
    /// Id of a node.
    pub(crate) target: String,
    pub(crate) kind: EdgeKind,
    /// One for each call; by links, one for each message.
    #[serde(flatten)]
    pub(crate) counts: Counts,
    /// Traces with such a call.
    pub(crate) traces: u64,
    /// Of the client or producer span (network included); where the caller has none, of the callee's span. Null where
    /// messages have an age instead.
    #[schema(required)]
    pub(crate) duration_ns: Option<Durations>,
    /// Of `duration_ns`, or of `message_age_ns` where that is given.
    pub(crate) histogram: Vec<HistogramBucket>,
    /// From the start of the producer's span to the start of the consumer's; null for synchronous calls.
    #[schema(required)]
    pub(crate) message_age_ns: Option<Durations>,
}

/// The answer from the tallies of all parts.
pub(super) fn compose(tallies: Vec<(Tally, Names)>, range: TimeRange, buckets: Option<Buckets>) -> ServiceMap {
    let (mut tally, mut names) = (Tally::new(buckets), Names::default());
    for (part, part_names) in tallies {
        tally.append(part, &mut names, &part_names);
    }
    settle_messages(&mut tally);
    replace_inferred(&mut tally, &names);
    let starts = tally.starts;
    let (nodes, left_out_node_count) = busiest(nodes(&mut tally, &names));
    let edges = edges(tally.edges, &names, &nodes);
    ServiceMap {
        from_unix_nano: range.start.or(starts.map(|(first, _)| first)),
        to_unix_nano: range.end.or(starts.map(|(_, last)| last.saturating_add(1))),
        span_count: tally.spans,
        trace_count: tally.traces,
        nodes: nodes.into_iter().map(|(id, node)| node.named(id, buckets)).collect(),
        edges,
        buckets: buckets.map(|buckets| TimeBuckets {
            start_unix_nano: buckets.start,
            width_ns: buckets.width,
            count: buckets.count(),
        }),
        left_out_node_count,
    }
}

/// Joins consumers with the producers that they link to; what is left goes to or comes from a queue.
fn settle_messages(tally: &mut Tally) {
    let mut linked = HashSet::new();
    for consumer in std::mem::take(&mut tally.consumers) {
        let target = End::Service(consumer.span.service);
        let mut has_origin = false;
        for link in &consumer.links {
            let Some(producer) = tally.producers.get(link).copied() else { continue };
            has_origin = true;
            linked.insert(*link);
            let source = End::Service(producer.span.service);
            let edge = tally.edge(EdgeKey { source, target, channel: Channel::Link }, consumer.trace);
            let age = consumer.span.start.saturating_sub(producer.span.start);
            edge.requests.add(producer.span.duration, producer.span.outcome);
            edge.message_ages.add(age, producer.span.outcome);
            if let Some(peer) = producer.span.peer {
                *tally.answers.entry((peer, consumer.span.service)).or_default() += 1;
            }
        }
        if let (false, Some(queue)) = (has_origin, consumer.span.peer) {
            let key = EdgeKey { source: End::Peer(queue), target, channel: Channel::Async };
            tally.edge(key, consumer.trace).requests.add(consumer.span.duration, consumer.span.outcome);
        }
    }
    for (key, producer) in std::mem::take(&mut tally.producers) {
        let Some(queue) = producer.span.peer.filter(|_| !producer.is_answered && !linked.contains(&key)) else {
            continue;
        };
        let source = End::Service(producer.span.service);
        let buckets = tally.buckets;
        let edge = tally.edge(EdgeKey { source, target: End::Peer(queue), channel: Channel::Async }, key.0);
        edge.requests.add(producer.span.duration, producer.span.outcome);
        count_over_time(&mut edge.over_time, buckets, producer.span.start, producer.span.outcome);
    }
}

/// Calls to an inferred callee go to the service that answered others of its calls, or that has its name.
fn replace_inferred(tally: &mut Tally, names: &Names) {
    let mut answered_by: HashMap<PeerId, HashSet<NameId>> = HashMap::new();
    for (peer, service) in tally.answers.keys() {
        answered_by.entry(*peer).or_default().insert(*service);
    }
    let replacement = |peer: PeerId| {
        let (node_type, name) = names.peer(peer);
        // A queue stays: it may have consumers that are not seen, and those that are have edges of their own.
        if node_type == NodeType::Queue {
            return None;
        }
        let named = || names.find(name).filter(|id| node_type == NodeType::External && tally.nodes.contains_key(id));
        match answered_by.get(&peer) {
            Some(services) if services.len() == 1 && !is_loopback(name) => services.iter().next().copied(),
            _ => named(),
        }
    };
    let replaced = |edge: &EdgeKey| match edge.target {
        End::Peer(peer) => replacement(peer).map(|service| (*edge, EdgeKey { target: End::Service(service), ..*edge })),
        _ => None,
    };
    let replaced: Vec<(EdgeKey, EdgeKey)> = tally.edges.keys().filter_map(replaced).collect();
    for (from, to) in replaced {
        if let Some(edge) = tally.edges.remove(&from) {
            tally.edges.entry(to).or_default().append(edge);
        }
    }
}

/// Behind one such name are as many services as there are ports.
fn is_loopback(name: &str) -> bool {
    name == "localhost" || name == "::1" || name.starts_with("127.")
}

/// A node before it is written.
#[derive(Default)]
struct NodeParts {
    name: String,
    node_type: Option<NodeType>,
    measured: Measured,
    requests: Requests,
    traces: u64,
    over_time: Vec<Counts>,
}

impl NodeParts {
    fn of_service(name: &str, node: NodeTally) -> Self {
        let (measured, requests, over_time) = if node.served.is_empty() {
            (Measured::Entered, node.entered, node.entered_over_time)
        } else {
            (Measured::Served, node.served, node.served_over_time)
        };
        let (name, node_type) = (name.to_owned(), Some(NodeType::Service));
        Self { name, node_type, measured, requests, traces: node.traces, over_time }
    }

    fn add_edge(&mut self, edge: &EdgeTally) {
        self.requests.append(edge.requests.clone());
        self.traces += edge.traces;
        add_over_time(&mut self.over_time, edge.over_time.clone());
    }

    fn named(self, id: String, buckets: Option<Buckets>) -> MapNode {
        let node_type = self.node_type.unwrap_or(NodeType::Service);
        let counts = self.requests.counts();
        let (duration_ns, histogram) = self.requests.durations().unzip();
        MapNode {
            id,
            name: self.name,
            node_type,
            inferred: node_type != NodeType::Service,
            measured: self.measured,
            group: None,
            counts,
            traces: self.traces,
            duration_ns,
            histogram: histogram.unwrap_or_default(),
            over_time: buckets.map(|buckets| CountsOverTime::of(&self.over_time, buckets)),
        }
    }
}

fn nodes(tally: &mut Tally, names: &Names) -> BTreeMap<String, NodeParts> {
    let mut nodes = BTreeMap::new();
    for (service, node) in std::mem::take(&mut tally.nodes) {
        let name = names.text(service);
        nodes.insert(node_id(End::Service(service), names), NodeParts::of_service(name, node));
    }
    for (key, edge) in &tally.edges {
        // What reports nothing has the view of its callers; an origin that nobody is seen to call, of its callees.
        for end in [key.source, key.target] {
            let (node_type, name) = match end {
                End::Service(_) => continue,
                End::Client => (NodeType::Client, CLIENT),
                End::Peer(peer) => names.peer(peer),
            };
            let node = nodes.entry(node_id(end, names)).or_insert_with(NodeParts::default);
            (node.name, node.node_type) = (name.to_owned(), Some(node_type));
            if end == key.target || end == End::Client {
                node.add_edge(edge);
            }
        }
    }
    nodes
}

fn node_id(end: End, names: &Names) -> String {
    let (node_type, name) = match end {
        End::Client => return CLIENT.to_owned(),
        End::Service(service) => (NodeType::Service, names.text(service)),
        End::Peer(peer) => names.peer(peer),
    };
    format!("{}:{name}", node_type.as_str())
}

fn busiest(nodes: BTreeMap<String, NodeParts>) -> (BTreeMap<String, NodeParts>, usize) {
    let left_out = nodes.len().saturating_sub(NODES_MAX);
    if left_out == 0 {
        return (nodes, 0);
    }
    let mut by_requests: Vec<_> = nodes.into_iter().collect();
    by_requests.sort_by_key(|(_, node)| Reverse(node.requests.len()));
    by_requests.truncate(NODES_MAX);
    (by_requests.into_iter().collect(), left_out)
}

fn edges(tallies: HashMap<EdgeKey, EdgeTally>, names: &Names, nodes: &BTreeMap<String, NodeParts>) -> Vec<MapEdge> {
    let mut edges = Vec::with_capacity(tallies.len());
    for (key, edge) in tallies {
        let (source, target) = (node_id(key.source, names), node_id(key.target, names));
        if !nodes.contains_key(&source) || !nodes.contains_key(&target) {
            continue;
        }
        let counts = edge.requests.counts();
        let (message_age_ns, ages) = edge.message_ages.durations().unzip();
        let (duration_ns, durations) = match message_age_ns {
            None => edge.requests.durations().unzip(),
            Some(_) => (None, None),
        };
        let kind = match key.channel {
            Channel::Sync => EdgeKind::Sync,
            Channel::Async => EdgeKind::Async,
            Channel::Link => EdgeKind::Link,
        };
        let histogram = ages.or(durations).unwrap_or_default();
        edges.push(MapEdge {
            source,
            target,
            kind,
            counts,
            traces: edge.traces,
            duration_ns,
            histogram,
            message_age_ns,
        });
    }
    edges.sort_by(|a, b| (&a.source, &a.target, a.kind).cmp(&(&b.source, &b.target, b.kind)));
    edges
}
