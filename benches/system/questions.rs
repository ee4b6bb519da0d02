//! The questions: what is asked, what the answer must be, and how fast it should come.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, ensure};
use proto::time::{date_of_day, day_of};
use serde_json::{Value, json};

use crate::server::Ask;
use crate::workload::facts::{ErrorCounts, LogFacts, Newest, PAGE, SHORT_PAGE, SpanFacts, SpanKey, TraceKey, p99};
use crate::workload::landscape::{Landscape, asked_users, user_id};
use crate::workload::random::hex;
use crate::workload::templates::{COMMON_WORDS, rare_word};
use crate::workload::{NANOS_PER_MINUTE, Plan, VALUES};

/// Of the service map.
const MAP_TARGET_MS_PER_MILLION: f64 = 100.0;

/// One line of the table, asked with [`VALUES`] different values.
pub(crate) struct Question {
    pub(crate) name: &'static str,
    pub(crate) target_ms: f64,
    /// The cost must not depend on how much is stored.
    pub(crate) is_constant: bool,
    pub(crate) asks: Vec<(Ask, Expected)>,
}

/// The right answer.
pub(crate) enum Expected {
    /// Log records with these times, in this order.
    Logs(Vec<u64>),
    /// Traces in this order.
    Traces(Vec<TraceKey>),
    /// One trace of exactly these spans.
    Trace(Vec<SpanKey>),
    /// Rows of SQL in this order.
    Rows(Vec<Vec<Value>>),
    /// Rows of SQL in any order.
    AnyOrder(Vec<Vec<Value>>),
    /// A service map: how many spans it counts, and the requests of its services.
    Map { spans: u64, requests: BTreeMap<String, u64> },
}

impl Expected {
    /// Errors: how the answer is wrong.
    pub(crate) fn check(&self, answer: &Value) -> anyhow::Result<()> {
        match self {
            Expected::Logs(times) => {
                let times: Vec<String> = times.iter().map(u64::to_string).collect();
                same(&times, &texts(answer, "logs", "time_unix_nano")?)
            }
            Expected::Traces(traces) => {
                let ids: Vec<String> = traces.iter().map(|trace| hex(&trace.trace_id)).collect();
                same(&ids, &texts(answer, "traces", "trace_id")?)?;
                let answered = list(answer, "traces")?.iter().map(|trace| trace["span_count"].as_u64());
                let spans: Vec<Option<u64>> = traces.iter().map(|trace| Some(trace.spans)).collect();
                same(&spans, &answered.collect::<Vec<_>>())
            }
            Expected::Trace(spans) => {
                let ids: BTreeSet<String> = spans.iter().map(|span| hex(&span.span_id)).collect();
                let answered = texts(answer, "spans", "span_id")?;
                ensure!(answered.len() == spans.len(), "{} spans instead of {}", answered.len(), spans.len());
                same(&ids.into_iter().collect::<Vec<_>>(), &sorted(answered))
            }
            Expected::Rows(rows) => same(rows, &rows_of(answer)?),
            Expected::AnyOrder(rows) => {
                let as_texts = |rows: &[Vec<Value>]| sorted(rows.iter().map(|row| json!(row).to_string()).collect());
                same(&as_texts(rows), &as_texts(&rows_of(answer)?))
            }
            Expected::Map { spans, requests } => {
                ensure!(answer["span_count"] == json!(spans), "{} spans instead of {spans}", answer["span_count"]);
                let services = list(answer, "nodes")?.iter().filter(|node| node["type"] == "service");
                let found = services.map(|node| (node["name"].as_str().unwrap_or(""), node["requests"].as_u64()));
                let expected: Vec<_> = requests.iter().map(|(name, count)| (name.as_str(), Some(*count))).collect();
                same(&expected, &found.collect::<Vec<_>>())
            }
        }
    }

    /// Whether there is something to check: false for an empty answer.
    /// Errors: the right answer without its last item is taken for right too.
    pub(crate) fn proves_something(&self, answer: &Value) -> anyhow::Result<bool> {
        let name = match self {
            Expected::Logs(_) => "logs",
            Expected::Traces(_) => "traces",
            Expected::Trace(_) => "spans",
            Expected::Rows(_) | Expected::AnyOrder(_) => "rows",
            Expected::Map { .. } => "nodes",
        };
        let mut less = answer.clone();
        if less[name].as_array_mut().and_then(Vec::pop).is_none() {
            return Ok(false);
        }
        ensure!(self.check(&less).is_err(), "an answer that lacks an item is taken for right");
        Ok(true)
    }
}

fn list<'a>(answer: &'a Value, name: &str) -> anyhow::Result<&'a Vec<Value>> {
    answer[name].as_array().with_context(|| format!("the answer has no {name}"))
}

fn texts(answer: &Value, name: &str, key: &str) -> anyhow::Result<Vec<String>> {
    let text = |item: &Value| item[key].as_str().map(str::to_owned).with_context(|| format!("no {key} in {item}"));
    list(answer, name)?.iter().map(text).collect()
}

fn rows_of(answer: &Value) -> anyhow::Result<Vec<Vec<Value>>> {
    ensure!(answer["truncated"] == json!(false), "the answer is cut off");
    let row = |row: &Value| row.as_array().cloned().context("a row is not an array");
    list(answer, "rows")?.iter().map(row).collect()
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort_unstable();
    texts
}

fn same<T: PartialEq + std::fmt::Debug>(expected: &[T], answered: &[T]) -> anyhow::Result<()> {
    let differs = expected.iter().zip(answered).position(|(expected, answered)| expected != answered);
    if let Some(at) = differs {
        anyhow::bail!("item {at} is {:?} instead of {:?}", answered[at], expected[at]);
    }
    ensure!(expected.len() == answered.len(), "{} items instead of {}", answered.len(), expected.len());
    Ok(())
}

fn question(name: &'static str, target_ms: f64, ask: impl FnMut(usize) -> (Ask, Expected)) -> Question {
    Question { name, target_ms, is_constant: false, asks: (0..VALUES).map(ask).collect() }
}

impl Question {
    fn constant(self) -> Self {
        Self { is_constant: true, ..self }
    }
}

/// What is asked about spans.
pub(crate) fn about_spans(plan: Plan, facts: &SpanFacts, landscape: &Landscape) -> Vec<Question> {
    let service = |nth: usize| (nth, landscape.services[nth].name);
    let users: Vec<u64> = asked_users(plan).collect();
    vec![
        question("trace by id", 5.0, |nth| {
            let trace = &facts.traces[nth % facts.traces.len()];
            (Ask::Get(format!("/api/v1/traces/{}", hex(&trace[0].trace_id))), Expected::Trace(trace.clone()))
        })
        .constant(),
        question("newest 20 error spans of a service, HTTP status >= 500", 10.0, |nth| {
            let (at, service) = service(nth);
            let sql = format!(
                "SELECT trace_id, span_id FROM spans WHERE service = '{service}' AND status = 'ERROR' \
                 AND attributes['http.response.status_code'] >= 500 ORDER BY start_time DESC LIMIT {SHORT_PAGE}"
            );
            (Ask::Sql(sql), span_ids(&facts.failed[at], SHORT_PAGE))
        }),
        question("newest 20 traces with such a span (page)", 10.0, |nth| {
            let (at, service) = service(nth);
            let path = format!(
                "/api/v1/traces?service={service}&status=ERROR&attr=http.response.status_code=500&limit={SHORT_PAGE}"
            );
            (Ask::Get(path), traces(&facts.failed_traces[at], SHORT_PAGE))
        }),
        question("newest 100 spans of one user", 10.0, |nth| {
            let user = user_id(users[nth]);
            let sql = format!(
                "SELECT trace_id, span_id FROM spans WHERE attributes['user.id'] = '{user}' \
                 ORDER BY start_time DESC LIMIT {PAGE}"
            );
            (Ask::Sql(sql), span_ids(&facts.users[&users[nth]], PAGE))
        }),
        question("newest 20 traces of one user (page)", 10.0, |nth| {
            let path = format!("/api/v1/traces?attr=user.id={}&limit={SHORT_PAGE}", user_id(users[nth]));
            (Ask::Get(path), traces(&facts.user_traces[&users[nth]], SHORT_PAGE))
        }),
        question("newest 100 spans of everything", 5.0, |nth| {
            // The question has no value: the limit differs, so that no answer is one given before.
            let sql = format!("SELECT trace_id, span_id FROM spans ORDER BY start_time DESC LIMIT {}", PAGE + nth);
            (Ask::Sql(sql), span_ids(&facts.newest, PAGE + nth))
        })
        .constant(),
        question("newest 100 traces of everything (page)", 5.0, |nth| {
            let limit = PAGE + nth;
            (Ask::Get(format!("/api/v1/traces?limit={limit}")), traces(&facts.newest_traces, limit))
        })
        .constant(),
        question("errors per service per minute", 30.0, |nth| {
            let sql = format!(
                "SELECT service, date_trunc('minute', start_time), count(*) AS errors_{nth} FROM spans \
                 WHERE status = 'ERROR' GROUP BY 1, 2"
            );
            (Ask::Sql(sql), errors(&facts.errors, landscape))
        }),
        question("p99 duration per service", 60.0, |nth| {
            let sql = format!("SELECT service, percentile(duration_ns, 0.99) AS p99_{nth} FROM spans GROUP BY service");
            (Ask::Sql(sql), p99s(&facts.durations, landscape))
        }),
        question("service map of all spans, by minute", MAP_TARGET_MS_PER_MILLION * plan.items as f64 / 1e6, |nth| {
            // What a trace does after it has begun is within a minute.
            let (from, to) = (plan.begin, plan.begin + Plan::LENGTH + NANOS_PER_MINUTE);
            let path = format!("/api/v1/map?from={from}&to={to}&buckets={}", 61 + nth);
            (Ask::Get(path), map(plan, &facts.served, landscape))
        }),
    ]
}

/// What is asked about log records.
pub(crate) fn about_logs(plan: Plan, facts: &LogFacts, landscape: &Landscape) -> Vec<Question> {
    let users: Vec<u64> = asked_users(plan).collect();
    let mut sampled: Vec<u64> = facts.traces.keys().copied().collect();
    sampled.sort_unstable();
    let newest_first = |times: &[u64]| Expected::Logs(times.iter().rev().copied().take(PAGE).collect());
    vec![
        question("rare word", 5.0, |nth| (page(&format!("q={}", rare_word(nth))), newest_first(&facts.rare[nth])))
            .constant(),
        question("common word, newest 100", 10.0, |nth| {
            (page(&format!("q={}", COMMON_WORDS[nth])), Expected::Logs(facts.common[nth].descending()))
        })
        .constant(),
        question("word + service + 10 minutes, newest 100", 5.0, |nth| {
            let window = &facts.windows[nth];
            let (word, service) = (window.word, landscape.services[window.service].name);
            let filters = format!("q={word}&service={service}&from={}&to={}", window.from, window.to);
            (page(&filters), Expected::Logs(window.newest.descending()))
        }),
        question("logs of one trace id", 5.0, |nth| {
            let trace = sampled[nth * sampled.len() / VALUES];
            let id = crate::workload::landscape::trace_id(plan.seed, trace);
            (page(&format!("trace_id={}", hex(&id))), newest_first(&facts.traces[&trace]))
        })
        .constant(),
        question("newest 100 of one user", 10.0, |nth| {
            let expected = Expected::Logs(facts.users[&users[nth]].descending());
            (page(&format!("attr=user.id={}", user_id(users[nth]))), expected)
        }),
        question("newest 100 of everything", 5.0, |nth| {
            let limit = PAGE + nth;
            let newest = facts.newest.descending().into_iter().take(limit).collect();
            (Ask::Get(format!("/api/v1/logs?limit={limit}")), Expected::Logs(newest))
        })
        .constant(),
        question("errors per service per minute", 30.0, |nth| {
            let sql = format!(
                "SELECT service, date_trunc('minute', time), count(*) AS errors_{nth} FROM logs \
                 WHERE severity_number >= 17 GROUP BY 1, 2"
            );
            (Ask::Sql(sql), errors(&facts.errors, landscape))
        }),
    ]
}

fn page(filters: &str) -> Ask {
    Ask::Get(format!("/api/v1/logs?{filters}&limit={PAGE}"))
}

fn span_ids(newest: &Newest<SpanKey>, limit: usize) -> Expected {
    let row = |key: SpanKey| vec![json!(hex(&key.trace_id)), json!(hex(&key.span_id))];
    Expected::Rows(newest.descending().into_iter().take(limit).map(row).collect())
}

fn traces(newest: &Newest<TraceKey>, limit: usize) -> Expected {
    Expected::Traces(newest.descending().into_iter().take(limit).collect())
}

fn errors(counts: &ErrorCounts, landscape: &Landscape) -> Expected {
    let row = |(&(service, minute), &count): (&(usize, u64), &u64)| {
        vec![json!(landscape.services[service].name), json!(minute_text(minute)), json!(count)]
    };
    Expected::AnyOrder(counts.iter().map(row).collect())
}

fn p99s(durations: &[Vec<u64>], landscape: &Landscape) -> Expected {
    let row = |(durations, service): (&Vec<u64>, &crate::workload::landscape::Service)| {
        Some(vec![json!(service.name), json!(p99(durations)?)])
    };
    Expected::AnyOrder(durations.iter().zip(&landscape.services).filter_map(row).collect())
}

fn map(plan: Plan, served: &[u64], landscape: &Landscape) -> Expected {
    let named = served.iter().zip(&landscape.services).filter(|(count, _)| **count > 0);
    let requests = named.map(|(count, service)| (service.name.to_owned(), *count)).collect();
    Expected::Map { spans: plan.items, requests }
}

/// RFC 3339 with nine digits of a minute since the epoch, as SQL answers have it.
fn minute_text(minute: u64) -> String {
    let time = (minute * NANOS_PER_MINUTE).cast_signed();
    let date = date_of_day(day_of(time));
    let of_day = minute % (24 * 60);
    format!("{date}T{:02}:{:02}:00.000000000Z", of_day / 60, of_day % 60)
}
