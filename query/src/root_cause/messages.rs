//! Log records and exceptions by pattern: which are new, or far more frequent.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::lit;
use datafusion::prelude::DataFrame;
use futures::StreamExt;
use proto::{Signal, schema};

use super::answer::{Change, ChangeKind, ExampleAnswer, percent_text};
use super::blame::More;
use super::periods::{Counts, Period, Periods};
use crate::columns::{TextColumn, binary, bytes_at, int_at, int32, int64};
use crate::engine::Query;
use crate::error::QueryError;
use crate::error_groups::{failed_span_columns, pattern, what_failed};
use crate::filter::time_predicates;
use crate::outcome::{is_error, is_fault};
use crate::rows::{Row, SpanBatch};
use crate::sampling::{is_sampled, is_trace_sampled};

/// Records looked at; with more, one of so many is.
const LOGS_MAX: u64 = if cfg!(test) { 1_000 } else { 500_000 };
/// Failed spans looked at.
const FAILURES_MAX: usize = 200_000;
/// Patterns of one kind that are told apart.
const PATTERNS_MAX: usize = 5_000;
/// Words of a log record that make its pattern: what follows is mostly data.
const PATTERN_WORDS: usize = 16;
/// Records of a service in the baseline below which nothing is new.
const BASE_RECORDS_MIN: u64 = 20;
/// A pattern has to be so many times as frequent as in the baseline.
const TIMES_MIN: f64 = 2.0;
/// What a request counts with an unusual record of severity ERROR, or exception; it may count as a failure too.
const ERROR_WEIGHT: f64 = 0.25;
/// What it counts with any other.
const RECORD_WEIGHT: f64 = 0.05;
const MESSAGE_CHARS_MAX: usize = 300;
const SEVERITY_ERROR: i32 = 17;

/// Patterns of one kind, and how often each occurred.
#[derive(Debug, Default)]
pub(super) struct Messages {
    patterns: HashMap<PatternKey, Pattern>,
    /// All records, or all spans, of a service.
    pub(super) of_service: HashMap<String, Counts>,
    pub(super) one_in: u64,
    pub(super) all: Counts,
    /// Records whose pattern found no room.
    pub(super) left_out: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct PatternKey {
    service: String,
    is_error: bool,
    text: String,
}

#[derive(Debug, Default)]
struct Pattern {
    counts: Counts,
    example: Option<ExampleAnswer>,
}

impl Messages {
    fn add(&mut self, key: PatternKey, period: Period, example: impl FnOnce() -> ExampleAnswer) {
        if self.patterns.len() >= PATTERNS_MAX && !self.patterns.contains_key(&key) {
            self.left_out += 1;
            return;
        }
        let pattern = self.patterns.entry(key).or_default();
        pattern.counts.add(period);
        if period == Period::Window && pattern.example.is_none() {
            pattern.example = Some(example());
        }
    }

    /// What has become more frequent. `requests`: traces of the window.
    pub(super) fn changes(&self, kind: ChangeKind, requests: u64) -> Vec<Change> {
        let mut changes = Vec::new();
        for (key, pattern) in &self.patterns {
            let Some(all) = self.of_service.get(&key.service).filter(|all| all.base >= BASE_RECORDS_MIN) else {
                continue;
            };
            let Some(more) = More::of(&pattern.counts, all) else { continue };
            if more.window.hits < super::statistics::SAMPLES_MIN || more.window.rate() < TIMES_MIN * more.base.rate() {
                continue;
            }
            let what = match kind {
                ChangeKind::Exceptions => "of the spans fail with",
                _ if key.is_error => "of the log records are errors like",
                _ => "of the log records are like",
            };
            let (now, usual) = (percent_text(more.window.rate()), percent_text(more.base.rate()));
            let (hits, all_hits, base_hits) = (more.window.hits, more.window.all, more.base.hits);
            let sentence = format!(
                "{now} {what} `{}` in `{}`, {usual} otherwise ({hits} of {all_hits}, {base_hits} of {})",
                key.text, key.service, more.base.all
            );
            let weight = if key.is_error { ERROR_WEIGHT } else { RECORD_WEIGHT };
            let concerned = more.excess().min(requests as f64) * super::statistics::certainty(more.z);
            changes.push(Change {
                message: Some(key.text.clone()),
                is_error: key.is_error,
                weight: weight * concerned / requests.max(1) as f64,
                example: pattern.example.clone(),
                ..more.change(kind, &key.service, sentence)
            });
        }
        changes.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.sentence.cmp(&b.sentence)));
        changes
    }
}

/// Log records of both periods; with `wanted`, those of these traces only.
pub(super) async fn logs(
    query: &Query,
    periods: Periods,
    wanted: Option<Arc<HashSet<u128>>>,
) -> Result<Messages, QueryError> {
    let mut frames = Vec::new();
    let mut rows = 0;
    for range in periods.ranges() {
        let mut frame = query.table(Signal::Logs)?;
        for predicate in time_predicates(Signal::Logs, range) {
            frame = frame.filter(predicate)?;
        }
        for batch in query.collect(frame.clone().aggregate(vec![], vec![count(lit(1))])?).await? {
            rows += int_at(&int64(&batch, batch.schema().field(0).name())?, 0).unwrap_or(0).unsigned_abs();
        }
        frames.push(frame);
    }
    let one_in = rows.div_ceil(LOGS_MAX).max(1);
    query.run(async move { count_logs(frames, periods, one_in, wanted.as_deref()).await }).await
}

async fn count_logs(
    frames: Vec<DataFrame>,
    periods: Periods,
    one_in: u64,
    wanted: Option<&HashSet<u128>>,
) -> Result<Messages, QueryError> {
    let columns = [
        schema::TIME_UNIX_NANO,
        schema::SERVICE,
        schema::SEVERITY_NUMBER,
        schema::BODY,
        schema::TRACE_ID,
        schema::SPAN_ID,
    ];
    let mut messages = Messages { one_in, ..Messages::default() };
    let mut nth = 0u64;
    for frame in frames {
        let mut stream = frame.select_columns(&columns)?.execute_stream().await?;
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            let (time, severity) = (int64(&batch, schema::TIME_UNIX_NANO)?, int32(&batch, schema::SEVERITY_NUMBER)?);
            let (service, body) = (TextColumn::of(&batch, schema::SERVICE)?, TextColumn::of(&batch, schema::BODY)?);
            let (trace_id, span_id) = (binary(&batch, schema::TRACE_ID)?, binary(&batch, schema::SPAN_ID)?);
            for row in 0..batch.num_rows() {
                nth += 1;
                let Some(period) = periods.of(int_at(&time, row).unwrap_or(0)) else { continue };
                let trace = bytes_at(&trace_id, row);
                let key = trace.and_then(|id| id.try_into().ok()).map_or(0, u128::from_be_bytes);
                if !is_sampled(nth, one_in) || wanted.is_some_and(|wanted| !wanted.contains(&key)) {
                    continue;
                }
                let (service, body) = (service.get(row).unwrap_or(""), body.get(row).unwrap_or(""));
                messages.all.add(period);
                match messages.of_service.get_mut(service) {
                    Some(counts) => counts.add(period),
                    None => messages.of_service.entry(service.to_owned()).or_default().add(period),
                }
                let is_error = severity.value(row) >= SEVERITY_ERROR;
                let key = PatternKey { service: service.to_owned(), is_error, text: log_pattern(body) };
                messages.add(key, period, || ExampleAnswer {
                    trace_id: trace.map(const_hex::encode).unwrap_or_default(),
                    span_id: bytes_at(&span_id, row).map(const_hex::encode).unwrap_or_default(),
                    message: Some(excerpt(body)),
                });
            }
        }
    }
    Ok(messages)
}

/// The first words of a record, with `<n>` for numbers and `<id>` for ids.
fn log_pattern(body: &str) -> String {
    let pattern = pattern(body);
    let words: Vec<&str> = pattern.split_whitespace().take(PATTERN_WORDS).collect();
    words.join(" ")
}

fn excerpt(text: &str) -> String {
    text.chars().take(MESSAGE_CHARS_MAX).collect()
}

/// Failed spans of both periods by exception type and message. `spans_of`: all spans of each service.
pub(super) async fn exceptions(
    query: &Query,
    periods: Periods,
    spans_of: HashMap<String, Counts>,
    wanted: Option<Arc<HashSet<u128>>>,
    one_in: u64,
) -> Result<Messages, QueryError> {
    let mut frames = Vec::new();
    for range in periods.ranges() {
        let mut frame = query.table(Signal::Spans)?.filter(is_error().or(is_fault()))?;
        for predicate in time_predicates(Signal::Spans, range) {
            frame = frame.filter(predicate)?;
        }
        frames.push(failed_span_columns(frame)?.limit(0, Some(FAILURES_MAX))?);
    }
    query
        .run(async move {
            let mut messages = Messages { one_in, of_service: spans_of, ..Messages::default() };
            for frame in frames {
                let mut stream = frame.execute_stream().await?;
                while let Some(batch) = stream.next().await {
                    for row in SpanBatch::of(&batch?)?.rows() {
                        let trace_id = row.trace_id()?;
                        let key = trace_id.as_bytes().try_into().map_or(0, u128::from_be_bytes);
                        let is_wanted = wanted.as_deref().is_none_or(|wanted| wanted.contains(&key));
                        let Some(period) = periods.of(row.start_time_unix_nano()).filter(|_| is_wanted) else {
                            continue;
                        };
                        if !is_trace_sampled(key, one_in) {
                            continue;
                        }
                        let (error_type, message) = what_failed(row);
                        let text = match (error_type.as_str(), pattern(&message)) {
                            ("", text) => text,
                            (error_type, text) if text.is_empty() => error_type.to_owned(),
                            (error_type, text) => format!("{error_type}: {text}"),
                        };
                        if text.is_empty() {
                            continue;
                        }
                        let span_id = row.span_id()?.to_string();
                        let key = PatternKey { service: row.service().to_owned(), is_error: true, text };
                        messages.add(key, period, || ExampleAnswer {
                            trace_id: trace_id.to_string(),
                            span_id,
                            message: Some(excerpt(&message)),
                        });
                    }
                }
            }
            Ok(messages)
        })
        .await
}
