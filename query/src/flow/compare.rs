//! A flow against others of its shape: which steps come late, take long or are missing.
//!
//! The shape of a flow is the sequence of its steps' operations. A flow is set against those of its own shape; when of the
//! others that have its steps most have more, all the same ones, against those, and the steps it lacks are missing.
//!
//! A wait is the time from the end of all steps before to the start of a step, 0 when they overlap. A step is late when
//! its wait is over the p95 and over twice the median of the others'; it is slow when its duration is. Percentiles are
//! nearest rank: of fewer than 20 flows the p95 is the longest.

use std::collections::HashMap;

use proto::TraceId;
use serde::Serialize;
use utoipa::ToSchema;

/// With fewer flows to compare with, nothing is said.
pub(crate) const FLOWS_MIN: usize = 5;
/// What differs by less is neither late nor slow, however even the others are.
const DIFFERENCE_MIN_NS: i64 = 1_000_000;

/// A step of a flow. Steps are compared in the order of their starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FlowStep {
    pub(super) trace_id: TraceId,
    /// Service and name of the root.
    pub(super) operation: (String, String),
    pub(super) start: i64,
    pub(super) end: i64,
}

/// Of the other flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Usual {
    pub(crate) median_ns: i64,
    pub(crate) p95_ns: i64,
}

/// A step beside the same step of other flows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct StepFigures {
    /// Null for the first step.
    #[schema(required)]
    pub(crate) wait: Option<Usual>,
    pub(crate) duration: Usual,
    /// It began later than it mostly does.
    pub(crate) late: bool,
    /// It took longer than it mostly does.
    pub(crate) slow: bool,
}

/// A step that most other flows have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct MissingStep {
    pub(crate) service: String,
    pub(crate) name: String,
    /// Index of the trace behind which it is expected; null at the beginning.
    #[schema(required)]
    pub(crate) after: Option<usize>,
}

/// What the comparison came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Compared {
    /// Other flows in the sample.
    pub(super) others: usize,
    /// Of them, those the flow was set against.
    pub(super) alike: usize,
    /// One for each step; empty when there were fewer than [`FLOWS_MIN`].
    pub(super) steps: Vec<StepFigures>,
    pub(super) missing: Vec<MissingStep>,
}

type Shape<'a> = Vec<&'a (String, String)>;

fn shape(steps: &[FlowStep]) -> Shape<'_> {
    steps.iter().map(|step| &step.operation).collect()
}

/// Both in the order of their starts.
pub(super) fn compare(own: &[FlowStep], others: &[Vec<FlowStep>]) -> Compared {
    let own_shape = shape(own);
    let mut shapes: HashMap<Shape<'_>, Vec<&[FlowStep]>> = HashMap::new();
    for other in others {
        shapes.entry(shape(other)).or_default().push(other);
    }
    // Shapes that have the steps of this flow, with the places of the steps in them.
    let having: Vec<_> = shapes
        .iter()
        .filter_map(|(shape, flows)| places(&own_shape, shape).map(|places| (shape, flows, places)))
        .collect();
    let flows_having: usize = having.iter().map(|(_, flows, _)| flows.len()).sum();
    let longer = having.into_iter().find(|(shape, flows, _)| {
        shape.len() > own.len() && flows.len() >= FLOWS_MIN && flows.len() * 2 > flows_having
    });
    let mut compared = Compared { others: others.len(), ..Compared::default() };
    let (alike, places) = match longer {
        Some((longer, flows, places)) => {
            compared.missing = missing(longer, &places);
            (flows.as_slice(), places)
        }
        None => (shapes.get(&own_shape).map_or(&[][..], Vec::as_slice), (0..own.len()).collect()),
    };
    compared.alike = alike.len();
    if alike.len() >= FLOWS_MIN {
        compared.steps = (0..own.len()).map(|nth| figures(own, nth, alike, &places)).collect();
    }
    compared
}

/// Places of the steps of `part` in `whole`, each as early as it can be; none when they are not there in this order.
fn places(part: &[&(String, String)], whole: &[&(String, String)]) -> Option<Vec<usize>> {
    let mut at = 0;
    let mut places = Vec::with_capacity(part.len());
    for step in part {
        at += whole[at..].iter().position(|other| other == step)?;
        places.push(at);
        at += 1;
    }
    Some(places)
}

fn missing(whole: &[&(String, String)], places: &[usize]) -> Vec<MissingStep> {
    let absent = (0..whole.len()).filter(|at| !places.contains(at));
    let missing = absent.map(|at| MissingStep {
        service: whole[at].0.clone(),
        name: whole[at].1.clone(),
        after: places.iter().filter(|place| **place < at).count().checked_sub(1),
    });
    missing.collect()
}

/// Step `nth`, which is at `places[nth]` in each of `alike`.
fn figures(own: &[FlowStep], nth: usize, alike: &[&[FlowStep]], places: &[usize]) -> StepFigures {
    let length = |step: &FlowStep| step.end.saturating_sub(step.start).max(0);
    let duration = usual(alike.iter().map(|flow| length(&flow[places[nth]])).collect());
    let in_order: Vec<usize> = (0..own.len()).collect();
    let waits = alike.iter().filter_map(|flow| wait(flow, &places[..=nth])).map(|wait| wait.max(0)).collect();
    let own_wait = wait(own, &in_order[..=nth]);
    let usual_wait = own_wait.map(|_| usual(waits));
    let exceeds = |ns: i64, usual: Usual| {
        ns > usual.p95_ns && ns > usual.median_ns.saturating_mul(2) && ns - usual.median_ns >= DIFFERENCE_MIN_NS
    };
    StepFigures {
        late: own_wait.zip(usual_wait).is_some_and(|(ns, usual)| exceeds(ns, usual)),
        slow: exceeds(length(&own[nth]), duration),
        wait: usual_wait,
        duration,
    }
}

/// From the end of all steps before the last of `places` to its start, negative when they overlap; none for the first.
pub(super) fn wait(steps: &[FlowStep], places: &[usize]) -> Option<i64> {
    let (last, before) = places.split_last()?;
    let end = before.iter().map(|place| steps[*place].end).max()?;
    Some(steps[*last].start.saturating_sub(end))
}

/// `values` is not empty.
fn usual(mut values: Vec<i64>) -> Usual {
    values.sort_unstable();
    let rank = |percent: usize| values[(values.len() * percent).div_ceil(100).saturating_sub(1)];
    Usual { median_ns: rank(50), p95_ns: rank(95) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    /// Steps as (operation, start in ms, duration in ms).
    fn flow(steps: &[(&str, i64, i64)]) -> Vec<FlowStep> {
        let step = |(nth, (name, start, duration)): (usize, &(&str, i64, i64))| FlowStep {
            trace_id: format!("{:032x}", nth + 1).parse().expect("an id"),
            operation: ("shop".to_owned(), (*name).to_owned()),
            start: start * MS,
            end: (start + duration) * MS,
        };
        steps.iter().enumerate().map(step).collect()
    }

    fn usual_flows(count: i64) -> Vec<Vec<FlowStep>> {
        (0..count).map(|nth| flow(&[("order", 0, 10), ("pay", 20 + nth, 10), ("ship", 100 + nth, 10)])).collect()
    }

    #[test]
    fn a_step_is_late_over_the_p95_and_twice_the_median() {
        let own = flow(&[("order", 0, 10), ("pay", 40, 10), ("ship", 400, 10)]);
        let compared = compare(&own, &usual_flows(6));
        let late: Vec<bool> = compared.steps.iter().map(|step| step.late).collect();
        assert_eq!(late, [false, true, true]);
        // Waits for pay: 10 to 15 ms; the third of six is the median, the last the p95.
        assert_eq!(compared.steps[1].wait, Some(Usual { median_ns: 12 * MS, p95_ns: 15 * MS }));
        assert_eq!(compared.steps[0].wait, None);
        let within = flow(&[("order", 0, 10), ("pay", 34, 10), ("ship", 110, 10)]);
        let compared = compare(&within, &usual_flows(6));
        assert!(compared.steps.iter().all(|step| !step.late), "24 ms is twice the median, not over it");
        assert!(compared.missing.is_empty());
    }

    #[test]
    fn a_step_is_slow_by_the_same_rule() {
        let own = flow(&[("order", 0, 10), ("pay", 20, 60), ("ship", 101, 10)]);
        let compared = compare(&own, &usual_flows(5));
        assert_eq!(compared.steps.iter().map(|step| step.slow).collect::<Vec<_>>(), [false, true, false]);
    }

    #[test]
    fn differences_below_a_millisecond_are_none() {
        let even: Vec<_> = (0..5).map(|_| flow(&[("order", 0, 10), ("pay", 10, 10)])).collect();
        let mut own = flow(&[("order", 0, 10), ("pay", 10, 10)]);
        own[1].start += 1000;
        assert!(!compare(&own, &even).steps[1].late);
        own[1].start += MS;
        assert!(compare(&own, &even).steps[1].late);
    }

    #[test]
    fn with_fewer_than_five_alike_nothing_is_said() {
        let own = flow(&[("order", 0, 10), ("pay", 400, 10), ("ship", 500, 10)]);
        let mut others = usual_flows(4);
        others.push(flow(&[("browse", 0, 1)]));
        let compared = compare(&own, &others);
        assert_eq!((compared.others, compared.alike, compared.steps.len()), (5, 4, 0));
    }

    #[test]
    fn a_step_that_most_others_have_is_missing() {
        let own = flow(&[("order", 0, 10), ("ship", 100, 10)]);
        let compared = compare(&own, &usual_flows(5));
        let expected = MissingStep { service: "shop".to_owned(), name: "pay".to_owned(), after: Some(0) };
        assert_eq!(compared.missing, [expected]);
        // From the end of order to ship, as in the others: the payment between them is not waited for here.
        assert_eq!(compared.steps[1].wait, Some(Usual { median_ns: 92 * MS, p95_ns: 94 * MS }));
        let first = compare(&flow(&[("pay", 0, 10), ("ship", 80, 10)]), &usual_flows(5));
        assert_eq!(first.missing[0].after, None);
        let unrelated = (0..20).map(|_| flow(&[("browse", 0, 1), ("order", 5, 1)]));
        let among_others: Vec<_> = usual_flows(5).into_iter().chain(unrelated).collect();
        assert_eq!(compare(&own, &among_others).missing.len(), 1);
        let mut mixed = usual_flows(5);
        mixed.extend((0..5).map(|_| flow(&[("order", 0, 10), ("ship", 30, 10)])));
        assert!(compare(&own, &mixed).missing.is_empty(), "half of those that have its steps do without it");
    }

    #[test]
    fn steps_that_overlap_wait_for_nothing() {
        let own = flow(&[("order", 0, 100), ("pay", 10, 10)]);
        assert_eq!(wait(&own, &[0, 1]), Some(-90 * MS));
        assert_eq!(wait(&own, &[0]), None);
    }
}
