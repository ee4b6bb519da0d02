//! The shape of a trace: who calls whom, how long it takes and what fails.

use super::landscape::{Landscape, OPERATION_COUNT, PODS};
use super::random::Random;

const SPANS_MIN: u64 = 8;
const SPANS_MAX: u64 = 60;
const DEPTH_MAX: u32 = 12;
/// Part of the traces in which something fails.
const FAILING: f64 = 0.16;
/// A failure goes on to the caller.
const CLIMBS: f64 = 0.66;
const REFUSED: f64 = 0.03;
const NANOS_PER_MS: f64 = 1e6;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Answers a request over HTTP.
    Server,
    /// Sends the request that its only child answers.
    Client,
    Query,
    Cache,
    Send,
    /// Handles what its parent sent, after that has ended.
    Receive,
    Internal,
}

impl Work {
    fn median_ms(self) -> f64 {
        match self {
            Work::Server => 1.8,
            Work::Client => 0.7,
            Work::Query => 2.1,
            Work::Cache => 0.2,
            Work::Send => 0.5,
            Work::Receive => 3.2,
            Work::Internal => 0.6,
        }
    }

    pub(crate) fn is_http(self) -> bool {
        matches!(self, Work::Server | Work::Client)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) work: Work,
    pub(crate) service: usize,
    pub(crate) pod: usize,
    /// The service at the other end.
    pub(crate) peer: usize,
    /// Operation of the answering service, statement, or topic.
    pub(crate) choice: usize,
    /// A parent comes before its children.
    pub(crate) parent: Option<usize>,
    depth: u32,
    own_ns: u64,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) is_error: bool,
    pub(crate) http_status: u64,
}

/// Spans that the next trace has.
pub(crate) fn size(random: &mut Random) -> u64 {
    SPANS_MIN + ((SPANS_MAX - SPANS_MIN + 1) as f64 * random.unit().powf(1.7)) as u64
}

/// A trace of exactly `size` spans.
pub(crate) fn grow(landscape: &Landscape, random: &mut Random, start: u64, size: u64) -> Vec<Node> {
    let mut tree = Tree { nodes: Vec::with_capacity(size as usize), landscape, random };
    let entry = landscape.entry(tree.random);
    let root = tree.add(Work::Server, entry, entry, None);
    let mut open = vec![root];
    while (tree.nodes.len() as u64) < size {
        // The latest ones are preferred, so that trees grow deep as well as wide.
        let back = tree.random.zipf(open.len() as u64) as usize;
        let room = size - tree.nodes.len() as u64;
        let parent = open[open.len() - 1 - back];
        open.extend(tree.extend(parent, room));
    }
    let Tree { mut nodes, .. } = tree;
    fail(&mut nodes, random);
    schedule(&mut nodes, random, start);
    nodes
}

struct Tree<'a> {
    nodes: Vec<Node>,
    landscape: &'a Landscape,
    random: &'a mut Random,
}

impl Tree<'_> {
    /// One or two more nodes under `parent`; the one that may have children of its own.
    fn extend(&mut self, parent: usize, room: u64) -> Option<usize> {
        let (service, depth) = (self.nodes[parent].service, self.nodes[parent].depth);
        let has_room_for_two = room >= 2 && depth < DEPTH_MAX;
        match self.random.below(100) {
            0..38 if has_room_for_two => {
                let callee = self.landscape.callee(service, self.random);
                let client = self.add(Work::Client, service, callee, Some(parent));
                let server = self.add(Work::Server, callee, service, Some(client));
                self.nodes[server].choice = self.nodes[client].choice;
                Some(server)
            }
            38..44 if has_room_for_two => {
                let callee = self.landscape.callee(service, self.random);
                let send = self.add(Work::Send, service, service, Some(parent));
                let receive = self.add(Work::Receive, callee, service, Some(send));
                self.nodes[receive].choice = self.nodes[send].choice;
                Some(receive)
            }
            44..70 => {
                self.add(Work::Query, service, service, Some(parent));
                None
            }
            70..83 => {
                self.add(Work::Cache, service, service, Some(parent));
                None
            }
            _ => {
                let internal = self.add(Work::Internal, service, service, Some(parent));
                self.random.chance(0.4).then_some(internal)
            }
        }
    }

    fn add(&mut self, work: Work, service: usize, peer: usize, parent: Option<usize>) -> usize {
        let above = parent.map(|parent| &self.nodes[parent]);
        // What a service does itself, it does in the same pod.
        let same_pod = above.filter(|above| above.service == service && work != Work::Server).map(|above| above.pod);
        let depth = above.map_or(0, |above| above.depth + 1);
        let own_ms = self.random.log_normal(work.median_ms(), 2.5).clamp(0.02, 20_000.0);
        self.nodes.push(Node {
            work,
            service,
            pod: same_pod.unwrap_or_else(|| self.random.index(PODS)),
            peer,
            choice: self.random.zipf(OPERATION_COUNT as u64) as usize,
            parent,
            depth,
            own_ns: (own_ms * NANOS_PER_MS) as u64,
            start: 0,
            end: 0,
            is_error: false,
            http_status: 200,
        });
        self.nodes.len() - 1
    }
}

/// In some traces something fails, and the failure climbs towards the root; some requests are refused.
fn fail(nodes: &mut [Node], random: &mut Random) {
    if random.chance(FAILING) {
        let status = *random.pick(&[500, 500, 500, 502, 503, 504]);
        let mut failing = Some(random.between(nodes.len() as u64 / 2, nodes.len() as u64) as usize);
        while let Some(at) = failing {
            nodes[at].is_error = true;
            nodes[at].http_status = status;
            // A client sees what the server answered.
            let must = nodes[at].work == Work::Server && nodes[at].parent.is_some();
            failing = nodes[at].parent.filter(|_| must || random.chance(CLIMBS));
        }
    }
    for at in 1..nodes.len() {
        if nodes[at].work == Work::Server && !nodes[at].is_error && random.chance(REFUSED) {
            let status = *random.pick(&[400, 401, 403, 404, 404, 409, 422, 429]);
            nodes[at].http_status = status;
            if let Some(client) = nodes[at].parent.filter(|&client| !nodes[client].is_error) {
                nodes[client].http_status = status;
            }
        }
    }
}

/// Children run one after the other within their parent; messages are handled after they were sent.
fn schedule(nodes: &mut [Node], random: &mut Random, start: u64) {
    let mut length: Vec<u64> = nodes.iter().map(|node| node.own_ns).collect();
    let mut children = vec![0u64; nodes.len()];
    for at in (1..nodes.len()).rev() {
        if let Some(parent) = nodes[at].parent.filter(|_| nodes[at].work != Work::Receive) {
            length[parent] += length[at];
            children[parent] += 1;
        }
    }
    // Where the next child of a node begins.
    let mut next = vec![0u64; nodes.len()];
    for at in 0..nodes.len() {
        let pause = |of: usize| nodes[of].own_ns / (children[of] + 1);
        let begin = match nodes[at].parent {
            None => start,
            Some(parent) if nodes[at].work == Work::Receive => {
                nodes[parent].end + (random.log_normal(5.0, 2.5) * NANOS_PER_MS) as u64
            }
            Some(parent) => {
                let begin = next[parent];
                next[parent] = begin + length[at] + pause(parent);
                begin
            }
        };
        next[at] = begin + pause(at);
        nodes[at].start = begin;
        nodes[at].end = begin + length[at];
    }
}
