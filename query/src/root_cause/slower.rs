//! Which times have grown for certain: own ones, and those of calls on the way between two services.

use std::collections::{HashMap, HashSet};

use super::answer::{Change, ChangeKind, Figure, duration_text};
use super::blame::{example, named};
use super::spans::{OperationId, Spans};
use super::statistics::{Distribution, SAMPLES_MIN, Shift, Z_MIN, certainty};
use super::tally::{Tally, Times};

/// Cliff's delta below which a shift of times is not worth mentioning.
const EFFECT_MIN: f64 = 0.2;
/// A caller is suspected before its callees when this share of its calls, to several of them, is slower on the way.
const CALLER_SUSPECT: f64 = 0.6;
/// What is left of the suspicion against a callee then.
const CALLEE_REMAINS: f64 = 0.3;

/// A shift of times that is certain enough.
pub(super) struct Slower<'a> {
    times: &'a Times,
    shift: Shift,
    window_ns: f64,
    base_ns: f64,
    /// Added time in units of a usual request, over all samples of the window.
    pub(super) added: f64,
}

impl<'a> Slower<'a> {
    pub(super) fn of(times: &'a Times) -> Option<Self> {
        let shift = Shift::between(&times.window, &times.base)?;
        let (window_ns, base_ns) = (times.window.mean(), times.base.mean());
        let is_slower = shift.z > Z_MIN && shift.effect > EFFECT_MIN && window_ns > base_ns;
        let usual = times.traces.median().max(1.0);
        let added = times.window.count() as f64 * (window_ns - base_ns) / usual * shift.effect * certainty(shift.z);
        is_slower.then_some(Self { times, shift, window_ns, base_ns, added })
    }
}

/// Calls of a service, and how many of them are slower on the way.
#[derive(Default)]
struct Way {
    calls: f64,
    slower: f64,
    /// Services at the other end of slower calls.
    others: HashSet<u32>,
}

impl Way {
    fn share(&self) -> f64 {
        if self.calls == 0.0 { 0.0 } else { self.slower / self.calls }
    }
}

impl Slower<'_> {
    fn change(&self, kind: ChangeKind, service: &str, sentence: String) -> Change {
        Change {
            kind,
            service: service.to_owned(),
            caller: None,
            callee: None,
            operation: None,
            message: None,
            is_error: false,
            window: Figure { samples: self.times.window.count(), value: self.window_ns },
            base: Figure { samples: self.times.base.count(), value: self.base_ns },
            z: self.shift.z,
            weight: 0.0,
            sentence,
            example: self.times.example.map(example),
        }
    }
}

fn samples_text(window: &Distribution, base: &Distribution, what: &str) -> String {
    format!("{} {what}, {} otherwise", window.count(), base.count())
}

pub(super) fn own_time(slower: &Slower<'_>, operation: OperationId, spans: &Spans) -> Change {
    let (service, name) = named(spans, operation);
    let service = &spans.services[service as usize];
    let sentence = format!(
        "`{name}` in `{service}` takes {} itself, {} otherwise ({})",
        duration_text(slower.window_ns),
        duration_text(slower.base_ns),
        samples_text(&slower.times.window, &slower.times.base, "spans"),
    );
    Change { operation: Some(name.to_owned()), ..slower.change(ChangeKind::OwnTime, service, sentence) }
}

/// Slower calls: against whom, how much, and what; twice when it speaks against both ends.
pub(super) fn on_the_way(tally: &Tally, spans: &Spans) -> Vec<(u32, f64, Change)> {
    let (mut out, mut into): (HashMap<u32, Way>, HashMap<u32, Way>) = Default::default();
    let mut found = Vec::new();
    for ((operation, callee), times) in &tally.on_the_way {
        let caller = spans.operations[*operation as usize].service;
        let slower = Slower::of(times);
        if times.window.count() < SAMPLES_MIN || times.base.count() < SAMPLES_MIN {
            continue;
        }
        for (way, other) in [(out.entry(caller).or_default(), *callee), (into.entry(*callee).or_default(), caller)] {
            way.calls += times.window.count() as f64;
            if let Some(slower) = &slower {
                way.slower += times.window.count() as f64 * slower.shift.effect;
                way.others.insert(other);
            }
        }
        found.extend(slower.map(|slower| (*operation, caller, *callee, slower)));
    }
    let mut changes = Vec::new();
    for (operation, caller, callee, slower) in found {
        let calls_to_several = out[&caller].others.len() > 1;
        let against_caller = if calls_to_several { out[&caller].share().powi(2) } else { 0.0 };
        let is_caller_suspect = calls_to_several && out[&caller].share() > CALLER_SUSPECT;
        let remains = if is_caller_suspect { CALLEE_REMAINS } else { 1.0 };
        let against_callee = into[&callee].share().powi(2) * remains;
        let sum = against_caller + against_callee;
        let change = way_change(&slower, operation, callee, spans);
        for (service, part) in [(caller, against_caller / sum), (callee, against_callee / sum)] {
            if part > 0.0 {
                let service_name = spans.services[service as usize].clone();
                changes.push((service, slower.added * part, Change { service: service_name, ..change.clone() }));
            }
        }
    }
    changes
}

fn way_change(slower: &Slower<'_>, operation: OperationId, callee: u32, spans: &Spans) -> Change {
    let (caller, name) = named(spans, operation);
    let (caller, callee) = (&spans.services[caller as usize], &spans.services[callee as usize]);
    let sentence = format!(
        "calls `{name}` from `{caller}` to `{callee}` are {} on the way, {} otherwise ({})",
        duration_text(slower.window_ns),
        duration_text(slower.base_ns),
        samples_text(&slower.times.window, &slower.times.base, "calls"),
    );
    Change {
        operation: Some(name.to_owned()),
        caller: Some(caller.clone()),
        callee: Some(callee.clone()),
        ..slower.change(ChangeKind::OnTheWay, callee, sentence)
    }
}
