//! Adds up what was counted, settles what crosses traces, and names nodes and edges.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use proto::TimeRange;
use serde::Serialize;
use utoipa::ToSchema;

use super::figures::{Counts, Durations, Figures, HistogramBucket, Requests};
use super::peer::NodeType;
use super::spans::{NameId, Names, PeerId};
use super::tally::{Channel, EdgeKey, EdgeTally, End, NodeTally, Producer, Tally, add_over_time};
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

/// The answer but for the figures of its nodes and edges.
pub(super) struct Draft {
    tally: Tally,
    range: TimeRange,
    nodes: Vec<(String, NodeParts)>,
    edges: Vec<EdgeParts>,
    left_out_node_count: usize,
}

/// Adds the tallies of all parts up. Gives also the requests whose figures [`Draft::finish`] has to be told: of each node,
/// then of each edge those as the caller sees them and the ages of its messages.
pub(super) fn draft(
    tallies: Vec<(Tally, Names)>,
    range: TimeRange,
    buckets: Option<Buckets>,
) -> (Draft, Vec<Vec<Arc<Requests>>>) {
    let (mut tally, mut names) = (Tally::new(buckets), Names::default());
    for (part, part_names) in tallies {
        tally.append(part, &mut names, &part_names);
    }
    settle_messages(&mut tally);
    replace_inferred(&mut tally, &names);
    let edges = std::mem::take(&mut tally.edges).0.into_iter();
    let edges: Vec<EdgeParts> = edges.map(|(key, edge)| EdgeParts::of(key, edge, &names)).collect();
    let (nodes, left_out_node_count) = busiest(nodes(&mut tally, &edges, &names));
    let edges = edges_between(edges, &nodes);
    let mut asked: Vec<Vec<Arc<Requests>>> = nodes.iter().map(|(_, node)| node.requests.clone()).collect();
    asked.extend(edges.iter().flat_map(|edge| [&edge.requests, &edge.message_ages]).map(|one| vec![Arc::clone(one)]));
    (Draft { tally, range, nodes, edges, left_out_node_count }, asked)
}

impl Draft {
    /// `figures`: of all that [`draft`] has asked for, in its order.
    pub(super) fn finish(self, figures: Vec<Figures>) -> ServiceMap {
        let Tally { starts, buckets, spans, traces, .. } = self.tally;
        let mut figures = figures.into_iter();
        let mut next = || figures.next().unwrap_or_default();
        ServiceMap {
            from_unix_nano: self.range.start.or(starts.map(|(first, _)| first)),
            to_unix_nano: self.range.end.or(starts.map(|(_, last)| last.saturating_add(1))),
            span_count: spans,
            trace_count: traces,
            nodes: self.nodes.into_iter().map(|(id, node)| node.named(id, next(), buckets)).collect(),
            edges: self.edges.into_iter().map(|edge| edge.with(next(), next())).collect(),
            buckets: buckets.map(|buckets| TimeBuckets {
                start_unix_nano: buckets.start,
                width_ns: buckets.width,
                count: buckets.count(),
            }),
            left_out_node_count: self.left_out_node_count,
        }
    }
}

/// Joins consumers with the producers that they link to; what is left goes to or comes from a queue.
fn settle_messages(tally: &mut Tally) {
    let consumers = std::mem::take(&mut tally.consumers);
    let producers = std::mem::take(&mut tally.producers);
    let named: HashSet<_> = consumers.iter().flat_map(|consumer| &consumer.links).copied().collect();
    let linked: HashMap<_, _> = producers.iter().filter(|(key, _)| named.contains(key)).copied().collect();
    for consumer in consumers.iter() {
        let target = End::Service(consumer.span.service);
        let mut has_origin = false;
        for link in &consumer.links {
            let Some(producer) = linked.get(link) else { continue };
            has_origin = true;
            let key = EdgeKey::new(End::Service(producer.span.service), target, Channel::Link);
            let edge = tally.edges.of(key, consumer.trace);
            let age = consumer.span.start.saturating_sub(producer.span.start);
            edge.requests.add(producer.span.duration, producer.span.outcome);
            edge.message_ages.add(age, producer.span.outcome);
            tally.answers.extend(producer.span.peer.map(|peer| (peer, consumer.span.service)));
        }
        if let (false, Some(queue)) = (has_origin, consumer.span.peer) {
            let edge = tally.edges.of(EdgeKey::new(End::Peer(queue), target, Channel::Async), consumer.trace);
            edge.requests.add(consumer.span.duration, consumer.span.outcome);
        }
    }
    for (key, Producer { span, is_answered }) in producers.iter() {
        let Some(queue) = span.peer.filter(|_| !is_answered && !named.contains(key)) else { continue };
        let edge = EdgeKey::new(End::Service(span.service), End::Peer(queue), Channel::Async);
        tally.count_seen_by_one(edge, key.0, span);
    }
}

/// Calls to an inferred callee go to the service that answered others of its calls, or that has its name.
fn replace_inferred(tally: &mut Tally, names: &Names) {
    let mut answered_by: HashMap<PeerId, HashSet<NameId>> = HashMap::new();
    for (peer, service) in &tally.answers {
        answered_by.entry(*peer).or_default().insert(*service);
    }
    let replacement = |peer: PeerId| {
        let (node_type, name) = names.peer(peer);
        // A queue stays: it may have consumers that are not seen, and those that are have edges of their own.
        if node_type == NodeType::Queue {
            return None;
        }
        let named = || names.find(name).filter(|id| node_type == NodeType::External && tally.nodes.contains(*id));
        match answered_by.get(&peer) {
            Some(services) if services.len() == 1 && !is_loopback(name) => services.iter().next().copied(),
            _ => named(),
        }
    };
    let replaced = |edge: &EdgeKey| {
        let End::Peer(peer) = edge.target() else { return None };
        let service = End::Service(replacement(peer)?);
        Some((*edge, EdgeKey::new(edge.source(), service, edge.channel())))
    };
    let edges = &mut tally.edges.0;
    let replaced: Vec<(EdgeKey, EdgeKey)> = edges.keys().filter_map(replaced).collect();
    for (from, to) in replaced {
        if let Some(edge) = edges.remove(&from) {
            edges.entry(to).or_default().append(edge);
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
    /// Its own, or those of its edges.
    requests: Vec<Arc<Requests>>,
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
        let (name, node_type, requests) = (name.to_owned(), Some(NodeType::Service), vec![Arc::new(requests)]);
        Self { name, node_type, measured, requests, traces: node.traces, over_time }
    }

    fn add_edge(&mut self, edge: &EdgeParts) {
        self.requests.push(Arc::clone(&edge.requests));
        self.traces += edge.traces;
        add_over_time(&mut self.over_time, edge.over_time.clone());
    }

    fn request_count(&self) -> usize {
        self.requests.iter().map(|requests| requests.len()).sum()
    }

    fn named(self, id: String, figures: Figures, buckets: Option<Buckets>) -> MapNode {
        let node_type = self.node_type.unwrap_or(NodeType::Service);
        MapNode {
            id,
            name: self.name,
            node_type,
            inferred: node_type != NodeType::Service,
            measured: self.measured,
            group: None,
            counts: figures.counts,
            traces: self.traces,
            duration_ns: figures.durations,
            histogram: figures.histogram,
            over_time: buckets.map(|buckets| CountsOverTime::of(&self.over_time, buckets)),
        }
    }
}

/// By id.
fn nodes(tally: &mut Tally, edges: &[EdgeParts], names: &Names) -> BTreeMap<String, NodeParts> {
    let mut nodes = BTreeMap::new();
    for (service, node) in std::mem::take(&mut tally.nodes).into_tallies() {
        let name = names.text(service);
        nodes.insert(node_id(End::Service(service), names), NodeParts::of_service(name, node));
    }
    for edge in edges {
        // What reports nothing has the view of its callers; an origin that nobody is seen to call, of its callees.
        for (end, id) in [(edge.key.source(), &edge.source), (edge.key.target(), &edge.target)] {
            let (node_type, name) = match end {
                End::Service(_) => continue,
                End::Client => (NodeType::Client, CLIENT),
                End::Peer(peer) => names.peer(peer),
            };
            let node = nodes.entry(id.clone()).or_insert_with(NodeParts::default);
            (node.name, node.node_type) = (name.to_owned(), Some(node_type));
            if end == edge.key.target() || end == End::Client {
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

/// By id, and how many are left out.
fn busiest(nodes: BTreeMap<String, NodeParts>) -> (Vec<(String, NodeParts)>, usize) {
    let left_out = nodes.len().saturating_sub(NODES_MAX);
    let mut nodes: Vec<_> = nodes.into_iter().collect();
    if left_out > 0 {
        nodes.sort_by_key(|(_, node)| Reverse(node.request_count()));
        nodes.truncate(NODES_MAX);
        nodes.sort_by(|(a, _), (b, _)| a.cmp(b));
    }
    (nodes, left_out)
}

/// An edge before it is written.
struct EdgeParts {
    key: EdgeKey,
    /// Id of a node.
    source: String,
    /// Id of a node.
    target: String,
    requests: Arc<Requests>,
    message_ages: Arc<Requests>,
    traces: u64,
    over_time: Vec<Counts>,
}

impl EdgeParts {
    fn of(key: EdgeKey, edge: EdgeTally, names: &Names) -> Self {
        Self {
            key,
            source: node_id(key.source(), names),
            target: node_id(key.target(), names),
            requests: Arc::new(edge.requests),
            message_ages: Arc::new(edge.message_ages),
            traces: edge.traces,
            over_time: edge.over_time,
        }
    }

    fn with(self, figures: Figures, ages: Figures) -> MapEdge {
        let kind = match self.key.channel() {
            Channel::Sync => EdgeKind::Sync,
            Channel::Async => EdgeKind::Async,
            Channel::Link => EdgeKind::Link,
        };
        let has_ages = ages.durations.is_some();
        MapEdge {
            source: self.source,
            target: self.target,
            kind,
            counts: figures.counts,
            traces: self.traces,
            duration_ns: figures.durations.filter(|_| !has_ages),
            histogram: if has_ages { ages.histogram } else { figures.histogram },
            message_age_ns: ages.durations,
        }
    }
}

/// Those of which both ends are there, by source, target and kind. `nodes`: by id.
fn edges_between(mut edges: Vec<EdgeParts>, nodes: &[(String, NodeParts)]) -> Vec<EdgeParts> {
    let is_there = |id: &String| nodes.binary_search_by(|(other, _)| other.cmp(id)).is_ok();
    edges.retain(|edge| is_there(&edge.source) && is_there(&edge.target));
    edges.sort_by(|a, b| (&a.source, &a.target, a.key.channel()).cmp(&(&b.source, &b.target, b.key.channel())));
    edges
}
