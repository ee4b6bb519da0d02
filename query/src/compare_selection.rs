//! How the spans of a selection differ from the other matching ones: attributes and fields by how differently their
//! values are distributed.
//!
//! Keys are ranked by the Jensen-Shannon divergence (Lin 1991, with equal weights and logarithms to the base 2: from 0,
//! no difference, to 1, no value in common) of the distributions inside and outside. *Not there* is a value like any
//! other, so a key that only one side has differs too. Values with little support are put together: else each id,
//! being nearly unique, would be the greatest difference. What chance alone makes of a divergence is subtracted
//! (Miller 1955).

use std::collections::HashMap;

use datafusion::functions_aggregate::expr_fn::{count, sum};
use datafusion::logical_expr::{Expr, lit, when};
use datafusion::prelude::{DataFrame, ident};
use futures::StreamExt;
use proto::schema;
use proto::value::{attribute_text, read_json_attributes};
use proto::{Signal, TimeRange};
use serde::Serialize;
use utoipa::ToSchema;

use crate::columns::{AttributeColumns, Stored, TextColumn, int_at, int64};
use crate::engine::Query;
use crate::error::QueryError;
use crate::heatmap::WorstOutcome;
use crate::matching::Matching;
use crate::outcome::{OutcomeColumns, is_error, is_fault, is_ok, is_throttle};
use crate::sampling::is_sampled;

/// Spans that are looked at inside, and as many outside; with more, one of so many is.
const SAMPLE_MAX: u64 = if cfg!(test) { 2_000 } else { 100_000 };
/// Keys that are told apart.
const KEYS_MAX: usize = 2_000;
/// Values of a key that are told apart; further ones count as rare.
const VALUES_MAX: usize = 5_000;
/// Values with fewer spans, inside and outside together, count as rare.
const SUPPORT_MIN: u64 = 5;
/// Characters of a value that are looked at.
const VALUE_CHARS_MAX: usize = 256;
/// Differences in an answer.
const DIFFERENCES_MAX: usize = 50;
/// Values of a difference that are listed.
const VALUES_SHOWN: usize = 6;
/// Divergences below this are not worth a line.
const DIVERGENCE_MIN: f64 = 0.005;

/// A box over time and duration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Of the start.
    pub(crate) time: TimeRange,
    /// Inclusive.
    pub(crate) min_duration_ns: i64,
    /// Exclusive; none is unbounded.
    pub(crate) duration_below_ns: Option<i64>,
    pub(crate) outcome: Option<WorstOutcome>,
}

impl Selection {
    fn contains(&self, start: i64, duration: i64, outcome: WorstOutcome) -> bool {
        self.time.contains(start)
            && duration.max(0) >= self.min_duration_ns
            && self.duration_below_ns.is_none_or(|below| duration.max(0) < below)
            && self.outcome.is_none_or(|wanted| wanted == outcome)
    }

    /// The same over the physical columns.
    fn predicate(&self) -> Expr {
        let (start, duration) = (|| ident(schema::START_TIME_UNIX_NANO), || ident(schema::DURATION_NS));
        // A negative duration counts as 0.
        let mut all = if self.min_duration_ns > 0 { duration().gt_eq(lit(self.min_duration_ns)) } else { lit(true) };
        for condition in [
            self.time.start.map(|from| start().gt_eq(lit(from))),
            self.time.end.map(|to| start().lt(lit(to))),
            self.duration_below_ns.map(|below| duration().lt(lit(below))),
            self.outcome.map(|outcome| match outcome {
                WorstOutcome::Ok => is_ok(),
                WorstOutcome::Fault => is_fault(),
                WorstOutcome::Throttle => is_throttle().and(!is_fault()),
                WorstOutcome::Error => is_error().and(!is_throttle()).and(!is_fault()),
            }),
        ]
        .into_iter()
        .flatten()
        {
            all = all.and(condition);
        }
        all
    }
}

/// What tells a selection from the rest.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SelectionComparison)]
pub(crate) struct Comparison {
    pub(crate) inside: Side,
    pub(crate) outside: Side,
    /// The most different first; at most 50.
    pub(crate) differences: Vec<Difference>,
    /// False when more traces come into question than can be decided about: spans of all of them are compared.
    pub(crate) exact: bool,
    /// Keys beyond the first 2,000 are not compared.
    pub(crate) keys_left_out: bool,
}

#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub(crate) struct Side {
    /// Matching spans on this side.
    pub(crate) spans: u64,
    /// Of them, those looked at.
    pub(crate) sampled: u64,
    /// One of so many was looked at; 1 for all.
    pub(crate) one_in: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeyKind {
    /// `service`, `name`, `kind`, `status`.
    Field,
    Attribute,
    Resource,
}

/// A key whose values are distributed differently.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Difference {
    /// As in a search; of a resource attribute `resource.` and its key.
    pub(crate) key: String,
    pub(crate) kind: KeyKind,
    /// From 0 to 1.
    pub(crate) divergence: f64,
    /// Shares of the spans that have the key.
    pub(crate) coverage_inside: f64,
    pub(crate) coverage_outside: f64,
    /// Those that make the difference, the most first; at most 6.
    pub(crate) values: Vec<ValueDifference>,
    /// In words, of the first value.
    pub(crate) sentence: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct ValueDifference {
    /// Null for spans without the key.
    #[schema(required)]
    pub(crate) value: Option<String>,
    /// Of the spans looked at.
    pub(crate) inside: u64,
    pub(crate) outside: u64,
}

/// Compares the spans of `matching` that lie in `selection` with the others.
pub(crate) async fn compare(
    query: &Query,
    matching: &Matching,
    exact: bool,
    selection: Selection,
) -> Result<Comparison, QueryError> {
    let frame = matching.rows(query)?;
    let [inside, outside] = counts(query, frame.clone(), selection).await?;
    let one_in = [inside, outside].map(|spans| spans.div_ceil(SAMPLE_MAX).max(1));
    let promoted = Signal::Spans.spec().promoted.iter().map(|promoted| promoted.column);
    let mut columns = vec![
        schema::START_TIME_UNIX_NANO,
        schema::DURATION_NS,
        schema::SERVICE,
        schema::NAME,
        schema::KIND,
        schema::RESOURCE,
        schema::ATTRIBUTES,
        schema::ATTRIBUTE_TYPES,
        schema::ATTRIBUTE_CONFLICTS,
    ];
    columns.extend(promoted);
    // The other columns of an outcome are there already.
    columns.push(schema::STATUS);
    let frame = frame.select(columns.into_iter().map(ident).collect::<Vec<_>>())?;
    let tables = query.run(async move { read(frame, selection, one_in).await }).await?;
    let [sampled_inside, sampled_outside] = tables.sampled;
    Ok(Comparison {
        inside: Side { spans: inside, sampled: sampled_inside, one_in: one_in[0] },
        outside: Side { spans: outside, sampled: sampled_outside, one_in: one_in[1] },
        keys_left_out: tables.keys_left_out,
        differences: tables.differences(),
        exact,
    })
}

/// Spans inside and outside.
async fn counts(query: &Query, frame: DataFrame, selection: Selection) -> Result<[u64; 2], QueryError> {
    let is_inside = when(selection.predicate(), lit(1i64)).otherwise(lit(0i64))?;
    let frame = frame.aggregate(vec![], vec![sum(is_inside).alias("inside"), count(lit(1)).alias("all_spans")])?;
    let mut found = [0, 0];
    for batch in query.collect(frame).await? {
        let number = |name| Ok::<_, QueryError>(int_at(&int64(&batch, name)?, 0).unwrap_or(0).unsigned_abs());
        let (inside, all) = (number("inside")?, number("all_spans")?);
        found = [inside, all.saturating_sub(inside)];
    }
    Ok(found)
}

/// How often each value of each key occurs on the two sides.
#[derive(Debug, Default)]
struct Tables {
    keys: HashMap<(KeyKind, String), HashMap<String, [u64; 2]>>,
    sampled: [u64; 2],
    keys_left_out: bool,
}

async fn read(frame: DataFrame, selection: Selection, one_in: [u64; 2]) -> Result<Tables, QueryError> {
    let mut tables = Tables::default();
    let mut seen = [0u64; 2];
    let mut stream = frame.execute_stream().await?;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let (starts, durations) = (int64(&batch, schema::START_TIME_UNIX_NANO)?, int64(&batch, schema::DURATION_NS)?);
        let outcomes = OutcomeColumns::of(&batch)?;
        let fields = [schema::SERVICE, schema::NAME, schema::KIND, schema::STATUS];
        let texts = fields.map(|field| TextColumn::of(&batch, field));
        let [service, name, kind, status] = texts;
        let texts = [service?, name?, kind?, status?];
        let (attributes, resource) =
            (AttributeColumns::of(&batch, Signal::Spans)?, TextColumn::of(&batch, schema::RESOURCE)?);
        // Few resources make up many spans.
        let mut resources: HashMap<&str, [u64; 2]> = HashMap::new();
        for row in 0..batch.num_rows() {
            let (start, duration) = (int_at(&starts, row).unwrap_or(0), int_at(&durations, row).unwrap_or(0));
            let side = usize::from(!selection.contains(start, duration, WorstOutcome::of(outcomes.at(row))));
            seen[side] += 1;
            if !is_sampled(seen[side], one_in[side]) {
                continue;
            }
            tables.sampled[side] += 1;
            for (field, text) in fields.iter().zip(&texts) {
                if let Some(text) = text.get(row).filter(|text| !text.is_empty()) {
                    tables.add(KeyKind::Field, field, text, side, 1);
                }
            }
            for (key, value) in attributes.row(row) {
                match value {
                    Stored::Text(text) | Stored::Json(text) => tables.add(KeyKind::Attribute, key, text, side, 1),
                    Stored::Int(number) => tables.add(KeyKind::Attribute, key, &number.to_string(), side, 1),
                }
            }
            resources.entry(resource.get(row).unwrap_or("{}")).or_default()[side] += 1;
        }
        for (text, sides) in resources {
            for attribute in read_json_attributes(text).unwrap_or_default() {
                if attribute.key == "service.name" {
                    continue; // the field `service`
                }
                let (key, value) = (format!("resource.{}", attribute.key), attribute_text(attribute.value));
                for (side, spans) in sides.into_iter().enumerate().filter(|(_, spans)| *spans > 0) {
                    tables.add(KeyKind::Resource, &key, &value, side, spans);
                }
            }
        }
    }
    Ok(tables)
}

impl Tables {
    fn add(&mut self, kind: KeyKind, key: &str, value: &str, side: usize, spans: u64) {
        let value: String = value.chars().take(VALUE_CHARS_MAX).collect();
        let key = (kind, key.to_owned());
        if self.keys.len() >= KEYS_MAX && !self.keys.contains_key(&key) {
            self.keys_left_out = true;
            return;
        }
        let values = self.keys.entry(key).or_default();
        // Rare ones have no name.
        let value = if values.len() >= VALUES_MAX && !values.contains_key(&value) { RARE.to_owned() } else { value };
        values.entry(value).or_default()[side] += spans;
    }

    fn differences(self) -> Vec<Difference> {
        let sampled = self.sampled;
        if sampled.contains(&0) {
            return Vec::new();
        }
        let keys = self.keys.into_iter();
        let mut found: Vec<Difference> =
            keys.filter_map(|((kind, key), values)| difference(kind, key, values, sampled)).collect();
        found.sort_by(|a, b| {
            b.divergence.total_cmp(&a.divergence).then_with(|| (a.kind, &a.key).cmp(&(b.kind, &b.key)))
        });
        found.truncate(DIFFERENCES_MAX);
        found
    }
}

/// Stands for all values with little support. No value is like it, for what senders send has no NUL in front.
const RARE: &str = "\0rare";

fn difference(kind: KeyKind, key: String, values: HashMap<String, [u64; 2]>, sampled: [u64; 2]) -> Option<Difference> {
    let mut rare = [0u64; 2];
    let mut counted: Vec<(Option<String>, [u64; 2])> = Vec::new();
    let mut with_key = [0u64; 2];
    for (value, sides) in values {
        (0..2).for_each(|side| with_key[side] += sides[side]);
        if value == RARE || sides[0] + sides[1] < SUPPORT_MIN {
            (0..2).for_each(|side| rare[side] += sides[side]);
        } else {
            counted.push((Some(value), sides));
        }
    }
    // A key may occur twice in one span.
    let absent = [0, 1].map(|side| sampled[side].saturating_sub(with_key[side]));
    counted.push((None, absent));
    let distribution: Vec<[u64; 2]> = counted.iter().map(|(_, sides)| *sides).chain([rare]).collect();
    let divergence = divergence(&distribution);
    if divergence < DIVERGENCE_MIN {
        return None;
    }
    let share = |sides: [u64; 2], side: usize| (sides[side] as f64 / sampled[side] as f64).min(1.0);
    let gap = |sides: [u64; 2]| share(sides, 0) - share(sides, 1);
    // What the selection has more of comes first: that is what one looks for.
    let rank = |sides: [u64; 2]| if gap(sides) > 0.0 { 2.0 + gap(sides) } else { -gap(sides) };
    counted.retain(|(_, sides)| sides[0] + sides[1] > 0);
    counted.sort_by(|a, b| rank(b.1).total_cmp(&rank(a.1)).then_with(|| a.0.cmp(&b.0)));
    // "Not there" is a headline only when there is nothing else to say.
    let values: Vec<ValueDifference> = counted
        .iter()
        .take(VALUES_SHOWN)
        .map(|(value, [inside, outside])| ValueDifference { value: value.clone(), inside: *inside, outside: *outside })
        .collect();
    let (value, sides) = counted.first()?.clone();
    let percent = |side: usize| (share(sides, side) * 100.0).round();
    let sentence = match value {
        Some(value) => format!("`{key}={value}`: {}% inside, {}% outside", percent(0), percent(1)),
        None => format!("no `{key}`: {}% inside, {}% outside", percent(0), percent(1)),
    };
    let coverage = |side: usize| (with_key[side] as f64 / sampled[side] as f64).min(1.0);
    let (coverage_inside, coverage_outside) = (coverage(0), coverage(1));
    Some(Difference { key, kind, divergence, coverage_inside, coverage_outside, values, sentence })
}

/// Jensen-Shannon divergence of two distributions, given as counts of each value on the two sides, less what chance
/// makes of it. 0 when a side is empty.
fn divergence(values: &[[u64; 2]]) -> f64 {
    let sums = [0, 1].map(|side| values.iter().map(|sides| sides[side] as f64).sum::<f64>());
    if sums.contains(&0.0) {
        return 0.0;
    }
    let term = |p: f64, mean: f64| if p > 0.0 { p * (p / mean).log2() } else { 0.0 };
    let mut divergence = 0.0;
    for sides in values {
        let [p, q] = [0, 1].map(|side| sides[side] as f64 / sums[side]);
        let mean = (p + q) / 2.0;
        divergence += (term(p, mean) + term(q, mean)) / 2.0;
    }
    let kinds = values.iter().filter(|sides| sides[0] + sides[1] > 0).count();
    let chance = (kinds as f64 - 1.0) / (8.0 * std::f64::consts::LN_2) * (1.0 / sums[0] + 1.0 / sums[1]);
    (divergence - chance).clamp(0.0, 1.0)
}

#[cfg(test)]
#[path = "compare_selection/tests.rs"]
mod tests;
