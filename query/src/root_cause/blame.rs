//! From figures to causes: what each change weighs, and against whom it speaks.
//!
//! All weights are shares of the window's requests, so that slow, failing and missing calls can stand in one list:
//!
//! - *Time.* What a service adds to the requests that pass through it, in units of what such a request takes in the
//!   baseline, on a logarithmic scale: traces x log2(1 + added / usual).
//! - *Time on the way* between two services speaks against the callee when all its callers see it, against the caller
//!   when its calls to several callees have it.
//! - *Failures* weigh one request each, and count where they began: at spans without a failed child.
//! - *Calls that are not made any more* speak against the caller, those that leave no span against the callee; being the
//!   consequence of something as often as its cause they weigh less.
//!
//! Everything is multiplied by how certain it is (see [`certainty`]).

use std::collections::{HashMap, HashSet};

use super::answer::{Change, ChangeKind, ExampleAnswer, Figure, percent_text, times_text};
use super::periods::Counts;
use super::slower::{Slower, on_the_way, own_time};
use super::spans::{OperationId, Spans};
use super::statistics::{SAMPLES_MIN, Share, Z_MIN, certainty, count_dispersion, fewer_z, share_dispersion, share_z};
use super::tally::{Example, Tally};

/// Calls count as fewer when less than this share of the expected ones is made.
const FEWER_BELOW: f64 = 0.7;
/// What a request counts that lacks a call.
const FEWER_CALLS_WEIGHT: f64 = 0.5;
/// Fewer calls of a service are taken for a consequence when a callee has so much of their weight ...
const CONSEQUENCE_FROM: f64 = 0.5;
/// ... and then keep this much of it.
const CONSEQUENCE_REMAINS: f64 = 0.4;
/// What a request counts that does not reach a service: nearly always a consequence.
const FEWER_TRACES_WEIGHT: f64 = 0.05;

/// A change and how it counts.
#[derive(Debug)]
pub(super) struct Weighed {
    pub(super) service: u32,
    pub(super) change: Change,
}

/// Scores by service, and all changes.
#[derive(Debug, Default)]
pub(super) struct Blame {
    pub(super) scores: HashMap<u32, f64>,
    pub(super) changes: Vec<Weighed>,
}

impl Blame {
    pub(super) fn of(tally: &Tally, spans: &Spans) -> Self {
        let mut blame = Self::default();
        blame.times(tally, spans);
        blame.failures(tally, spans);
        blame.unanswered(tally, spans);
        blame.fewer_calls(tally, spans);
        blame.fewer_traces(tally, spans);
        blame
    }

    fn times(&mut self, tally: &Tally, spans: &Spans) {
        let requests = tally.traces.window.max(1) as f64;
        // Against whom, how much, and what.
        let mut found: Vec<(u32, f64, Change)> = Vec::new();
        for (operation, times) in &tally.own {
            let Some(slower) = Slower::of(times) else { continue };
            let service = spans.operations[*operation as usize].service;
            found.push((service, slower.added, own_time(&slower, *operation, spans)));
        }
        for (service, added, change) in on_the_way(tally, spans) {
            found.push((service, added, change));
        }
        let mut added: HashMap<u32, f64> = HashMap::new();
        for (service, part, _) in &found {
            *added.entry(*service).or_default() += part;
        }
        for (service, part, mut change) in found {
            let (added, traces) = (added[&service], tally.traces_of[service as usize].window.max(1) as f64);
            let weight = traces * (1.0 + added / traces).log2() / requests;
            change.weight = if added > 0.0 { weight * part / added } else { 0.0 };
            self.add(service, change);
        }
    }

    fn failures(&mut self, tally: &Tally, spans: &Spans) {
        let requests = tally.traces.window.max(1) as f64;
        for (id, operation) in tally.operations.iter().enumerate() {
            let Some(more) = More::of(&operation.failures, &operation.spans) else { continue };
            let (service, name) = named(spans, id as OperationId);
            let sentence = format!(
                "{} of `{name}` in `{}` fail, {} otherwise ({} of {}, {} of {})",
                percent_text(more.window.rate()),
                spans.services[service as usize],
                percent_text(more.base.rate()),
                more.window.hits,
                more.window.all,
                more.base.hits,
                more.base.all,
            );
            let change = Change {
                weight: more.excess() * certainty(more.z) / requests,
                example: operation.failure.map(example),
                operation: Some(name.to_owned()),
                ..more.change(ChangeKind::Failures, &spans.services[service as usize], sentence)
            };
            self.add(service, change);
        }
    }

    /// Calls by client spans that used to be answered by a service and now leave no span there.
    fn unanswered(&mut self, tally: &Tally, spans: &Spans) {
        let requests = tally.traces.window.max(1) as f64;
        let mut callees: HashMap<OperationId, (u64, u32)> = HashMap::new();
        for ((operation, callee), times) in &tally.on_the_way {
            let most = callees.entry(*operation).or_insert((0, *callee));
            *most = (*most).max((times.base.count() + times.window.count(), *callee));
        }
        let mut callees: Vec<_> = callees.into_iter().collect();
        callees.sort_unstable();
        for (id, (_, callee)) in callees {
            let operation = &tally.operations[id as usize];
            let all = operation.answered.plus(&operation.unanswered);
            let Some(more) = More::of(&operation.unanswered, &all) else { continue };
            let (caller, name) = named(spans, id);
            let callee_name = &spans.services[callee as usize];
            let sentence = format!(
                "{} of the calls `{name}` from `{}` leave no span in `{callee_name}`, {} otherwise ({} calls, {} otherwise)",
                percent_text(more.window.rate()),
                spans.services[caller as usize],
                percent_text(more.base.rate()),
                more.window.all,
                more.base.all,
            );
            let change = Change {
                weight: more.excess() * certainty(more.z) / requests,
                example: operation.unanswered_example.map(example),
                operation: Some(name.to_owned()),
                caller: Some(spans.services[caller as usize].clone()),
                callee: Some(callee_name.clone()),
                ..more.change(ChangeKind::UnansweredCalls, callee_name, sentence)
            };
            self.add(callee, change);
        }
    }

    fn fewer_calls(&mut self, tally: &Tally, spans: &Spans) {
        let requests = tally.traces.window.max(1) as f64;
        let mut found: Vec<(u32, Change)> = Vec::new();
        let mut pairs: Vec<_> = tally.pairs.iter().collect();
        pairs.sort_unstable_by_key(|(key, _)| **key);
        for ((parent, child), calls) in pairs {
            let runs = &tally.operations[*parent as usize].spans;
            if runs.window < SAMPLES_MIN || runs.base < SAMPLES_MIN {
                continue;
            }
            let (now, usual) = (calls.in_window(runs).rate(), calls.in_base(runs).rate());
            let expected = runs.window as f64 * usual;
            if expected < SAMPLES_MIN as f64 || calls.window as f64 > expected * FEWER_BELOW {
                continue;
            }
            let z = fewer_z(calls.window, expected, calls.base, count_dispersion(&calls.shares_of(runs)));
            if z <= Z_MIN {
                continue;
            }
            let ((service, name), (callee, callee_name)) = (named(spans, *parent), named(spans, *child));
            let lacking = (expected - calls.window as f64).min(runs.window as f64);
            let (service_name, callee_service) = (&spans.services[service as usize], &spans.services[callee as usize]);
            let sentence = format!(
                "`{name}` in `{service_name}` calls `{callee_name}` {} a run, {} otherwise ({} runs, {} otherwise)",
                times_text(now),
                times_text(usual),
                runs.window,
                runs.base,
            );
            let is_edge = service != callee;
            found.push((
                service,
                Change {
                    kind: ChangeKind::FewerCalls,
                    service: service_name.clone(),
                    caller: is_edge.then(|| service_name.clone()),
                    callee: is_edge.then(|| callee_service.clone()),
                    operation: Some(name.to_owned()),
                    message: None,
                    is_error: false,
                    window: Figure { samples: runs.window, value: now },
                    base: Figure { samples: runs.base, value: usual },
                    z,
                    weight: lacking * certainty(z) * FEWER_CALLS_WEIGHT / requests,
                    sentence,
                    example: tally.operations[*parent as usize].fewest.map(example),
                },
            ));
        }
        self.discount_consequences(tally, spans, &mut found);
        self.add_strongest(found);
    }

    /// Who calls less because a callee fails, or does less itself, is not the cause: the deepest is.
    fn discount_consequences(&self, tally: &Tally, spans: &Spans, found: &mut [(u32, Change)]) {
        let strongest = strongest_of(found);
        let of = |service: u32| strongest.get(&service).copied().unwrap_or(0.0);
        let failures_of = |service: u32| -> f64 {
            let failures = self.changes.iter().filter(|weighed| weighed.change.kind == ChangeKind::Failures);
            failures.filter(|weighed| weighed.service == service).map(|weighed| weighed.change.weight).sum()
        };
        let mut consequences = HashSet::new();
        for (operation, callee) in tally.on_the_way.keys() {
            let caller = spans.operations[*operation as usize].service;
            if caller != *callee && of(*callee).max(failures_of(*callee)) >= of(caller) * CONSEQUENCE_FROM {
                consequences.insert(caller);
            }
        }
        for (service, change) in found {
            if consequences.contains(service) {
                change.weight *= CONSEQUENCE_REMAINS;
            }
        }
    }

    fn fewer_traces(&mut self, tally: &Tally, spans: &Spans) {
        let requests = tally.traces.window.max(1) as f64;
        for (service, traces) in tally.traces_of.iter().enumerate() {
            let (window, base) = (traces.in_window(&tally.traces), traces.in_base(&tally.traces));
            let z = -share_z(window, base) / share_dispersion(&traces.shares_of(&tally.traces)).sqrt();
            if z <= Z_MIN || window.rate() > base.rate() * FEWER_BELOW {
                continue;
            }
            let name = &spans.services[service];
            let sentence = format!(
                "`{name}` is part of {} of the traces, {} otherwise ({} of {}, {} of {})",
                percent_text(window.rate()),
                percent_text(base.rate()),
                window.hits,
                window.all,
                base.hits,
                base.all
            );
            let weight =
                (base.rate() - window.rate()) * window.all as f64 * certainty(z) * FEWER_TRACES_WEIGHT / requests;
            let more = More { window, base, z };
            self.add(service as u32, Change { weight, ..more.change(ChangeKind::FewerTraces, name, sentence) });
        }
    }

    /// Of changes that are likely one and the same, only the weightiest counts in the score of a service.
    pub(super) fn add_strongest(&mut self, found: Vec<(u32, Change)>) {
        for (service, weight) in strongest_of(&found) {
            *self.scores.entry(service).or_default() += weight;
        }
        self.changes.extend(found.into_iter().map(|(service, change)| Weighed { service, change }));
    }

    fn add(&mut self, service: u32, change: Change) {
        *self.scores.entry(service).or_default() += change.weight;
        self.changes.push(Weighed { service, change });
    }
}

/// The weightiest change of each service.
fn strongest_of(found: &[(u32, Change)]) -> HashMap<u32, f64> {
    let mut strongest: HashMap<u32, f64> = HashMap::new();
    for (service, change) in found {
        let most = strongest.entry(*service).or_default();
        *most = most.max(change.weight);
    }
    strongest
}

/// A share that has grown for certain.
pub(super) struct More {
    pub(super) window: Share,
    pub(super) base: Share,
    pub(super) z: f64,
}

impl More {
    /// `hits` of `all`; None when they are not more than before.
    pub(super) fn of(hits: &Counts, all: &Counts) -> Option<Self> {
        let (window, base) = (hits.in_window(all), hits.in_base(all));
        if window.hits < 2 || window.all < SAMPLES_MIN || base.all < SAMPLES_MIN {
            return None;
        }
        let z = share_z(window, base) / share_dispersion(&hits.shares_of(all)).sqrt();
        (z > Z_MIN).then_some(Self { window, base, z })
    }

    /// How many more than expected.
    pub(super) fn excess(&self) -> f64 {
        self.window.hits as f64 - self.window.all as f64 * self.base.rate()
    }

    /// Without weight, example and names.
    pub(super) fn change(&self, kind: ChangeKind, service: &str, sentence: String) -> Change {
        Change {
            kind,
            service: service.to_owned(),
            caller: None,
            callee: None,
            operation: None,
            message: None,
            is_error: false,
            window: Figure { samples: self.window.all, value: self.window.rate() },
            base: Figure { samples: self.base.all, value: self.base.rate() },
            z: self.z,
            weight: 0.0,
            sentence,
            example: None,
        }
    }
}

pub(super) fn named(spans: &Spans, operation: OperationId) -> (u32, &str) {
    let operation = &spans.operations[operation as usize];
    (operation.service, &operation.name)
}

pub(super) fn example(example: Example) -> ExampleAnswer {
    ExampleAnswer::of_span(example.trace_id, example.span_id)
}
