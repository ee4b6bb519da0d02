//! The ranking of edges and root operations by the time that goes into one call after the other.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::calls::Callee;
use super::tally::{CallTally, ChatTally, Example, RepeatedTally};
use crate::map::peer::NodeType;
use crate::map::spans::{NameId, Names};

/// Edges, and root operations, of an answer.
const ROWS_MAX: usize = 200;

/// Who calls whom how often in one request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Chattiness {
    /// By the time of sequential calls, then by the number of calls in one request.
    pub(crate) edges: Vec<EdgeCalls>,
    /// In the same order; requests are traces.
    pub(crate) roots: Vec<RootCalls>,
    pub(crate) trace_count: u64,
    pub(crate) span_count: u64,
    /// Edges beyond the first 200.
    pub(crate) left_out_edge_count: usize,
    /// Root operations beyond the first 200.
    pub(crate) left_out_root_count: usize,
    /// Traces of root operations beyond the first 10,000 seen, which are not counted among `roots`.
    pub(crate) other_trace_count: u64,
}

/// Calls over one edge.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EdgeCalls {
    /// The service that calls.
    pub(crate) caller: String,
    pub(crate) callee: String,
    /// Null when the callee names itself nowhere: then `callee` is empty.
    #[schema(required)]
    pub(crate) callee_type: Option<NodeType>,
    #[serde(flatten)]
    pub(crate) calls: CallFigures,
}

/// All calls in the traces of one root operation.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RootCalls {
    pub(crate) service: String,
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) calls: CallFigures,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CallFigures {
    /// Those with at least one such call.
    pub(crate) requests: u64,
    pub(crate) calls: u64,
    pub(crate) per_request: PerRequest,
    /// At least 5 calls of one operation from one parent span, for different things.
    #[schema(required)]
    pub(crate) n_plus_one: Option<Repeated>,
    /// At least 5 calls of one operation from one parent span, for the same thing, or for what was not recorded.
    #[schema(required)]
    pub(crate) repeated: Option<Repeated>,
    /// Calls for what the same request had asked for before.
    pub(crate) identical: u64,
    pub(crate) sequential: Sequential,
    /// The parent span with most calls.
    #[schema(required)]
    pub(crate) example: Option<CallExample>,
}

/// Calls in one request, of requests that have any.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct PerRequest {
    pub(crate) mean: f64,
    /// Nearest rank.
    pub(crate) p95: u64,
    pub(crate) max: u64,
}

/// Calls of one operation from one parent span.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Repeated {
    /// Parent spans that do so.
    pub(crate) groups: u64,
    pub(crate) calls: u64,
    /// The parent span with most of them.
    #[schema(required)]
    pub(crate) worst: Option<CallExample>,
}

/// Calls that one span makes one after the other.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Sequential {
    pub(crate) calls: u64,
    /// Within their requests.
    pub(crate) time_ns: i64,
    /// Of the duration of all `requests`, from 0 to 1.
    pub(crate) share: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct CallExample {
    pub(crate) trace_id: String,
    /// The parent span of the calls.
    pub(crate) span_id: String,
    pub(crate) calls: u64,
    /// Of the calls, or of the first of them.
    pub(crate) operation: String,
}

/// From what was seen in all parts, each with its names.
pub(super) fn compose(parts: Vec<(ChatTally, Names)>) -> Chattiness {
    let mut edges: BTreeMap<(String, Option<NodeType>, String), Named> = BTreeMap::new();
    let mut roots: BTreeMap<(String, String), Named> = BTreeMap::new();
    let (mut traces, mut spans, mut other_traces) = (0, 0, 0);
    for (tally, names) in parts {
        traces += tally.traces;
        spans += tally.spans;
        other_traces += tally.other_traces;
        for ((caller, callee), calls) in tally.edges {
            let (node_type, name) = match callee {
                Callee::Service(service) => (Some(NodeType::Service), names.text(service)),
                Callee::Peer(peer) => (Some(names.peer(peer).0), names.peer(peer).1),
                Callee::Unnamed => (None, ""),
            };
            let key = (names.text(caller).to_owned(), node_type, name.to_owned());
            edges.entry(key).or_default().append(&calls, &names);
        }
        for ((service, name), calls) in tally.roots {
            let key = (names.text(service).to_owned(), names.text(name).to_owned());
            roots.entry(key).or_default().append(&calls, &names);
        }
    }
    let edge = |((caller, callee_type, callee), calls): (_, Named)| EdgeCalls {
        caller,
        callee,
        callee_type,
        calls: calls.figures(),
    };
    let root = |((service, name), calls): (_, Named)| RootCalls { service, name, calls: calls.figures() };
    let mut edges: Vec<EdgeCalls> = edges.into_iter().map(edge).collect();
    let mut roots: Vec<RootCalls> = roots.into_iter().map(root).collect();
    edges.sort_by_key(|edge| edge.calls.rank());
    roots.sort_by_key(|root| root.calls.rank());
    let (left_out_edge_count, left_out_root_count) =
        (edges.len().saturating_sub(ROWS_MAX), roots.len().saturating_sub(ROWS_MAX));
    edges.truncate(ROWS_MAX);
    roots.truncate(ROWS_MAX);
    Chattiness {
        edges,
        roots,
        trace_count: traces,
        span_count: spans,
        left_out_edge_count,
        left_out_root_count,
        other_trace_count: other_traces,
    }
}

/// A tally whose names are those of one table.
#[derive(Default)]
struct Named {
    tally: CallTally,
    names: Names,
}

impl Named {
    fn append(&mut self, other: &CallTally, other_names: &Names) {
        let names = &mut self.names;
        let mut renamed = |example: Option<Example>| {
            example.map(|example| Example { operation: names.id(other_names.text(example.operation)), ..example })
        };
        let mut other = other.clone();
        other.example = renamed(other.example);
        other.n_plus_one.worst = renamed(other.n_plus_one.worst);
        other.repeated.worst = renamed(other.repeated.worst);
        self.tally.append(&other);
    }

    fn figures(self) -> CallFigures {
        let Self { tally, names } = self;
        let example = |example: Example| CallExample {
            trace_id: format!("{:032x}", example.trace),
            span_id: format!("{:016x}", example.span),
            calls: example.calls,
            operation: names.text(example.operation as NameId).to_owned(),
        };
        let repeated = |repeated: RepeatedTally| {
            let RepeatedTally { groups, calls, worst } = repeated;
            (groups > 0).then(|| Repeated { groups, calls, worst: worst.map(example) })
        };
        let requests: u64 = tally.per_request.values().sum();
        let calls = tally.per_request.iter().map(|(calls, requests)| calls * requests).sum();
        CallFigures {
            requests,
            calls,
            per_request: per_request(&tally.per_request, requests, calls),
            n_plus_one: repeated(tally.n_plus_one),
            repeated: repeated(tally.repeated),
            identical: tally.identical,
            sequential: Sequential {
                calls: tally.sequential_calls,
                time_ns: tally.sequential_ns,
                share: tally.sequential_ns as f64 / tally.request_ns.max(1) as f64,
            },
            example: tally.example.map(example),
        }
    }
}

impl CallFigures {
    fn rank(&self) -> (Reverse<i64>, Reverse<u64>, Reverse<u64>) {
        (Reverse(self.sequential.time_ns), Reverse(self.per_request.p95), Reverse(self.calls))
    }
}

fn per_request(counts: &BTreeMap<u64, u64>, requests: u64, calls: u64) -> PerRequest {
    let rank = (requests * 95).div_ceil(100).max(1);
    let mut seen = 0;
    let p95 = counts.iter().find_map(|(calls, requests)| {
        seen += requests;
        (seen >= rank).then_some(*calls)
    });
    PerRequest {
        mean: calls as f64 / requests.max(1) as f64,
        p95: p95.unwrap_or(0),
        max: counts.keys().next_back().copied().unwrap_or(0),
    }
}
