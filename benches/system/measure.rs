//! One signal, from an empty directory to the last answer.

use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use crate::Arguments;
use crate::load::{self, Sent};
use crate::machine::{Others, cpu_seconds};
use crate::questions::{Expected, Question, about_logs, about_spans};
use crate::report::{Figures, Ingest};
use crate::server::{Ask, Server};
use crate::workload::facts::{LogFacts, SpanFacts};
use crate::workload::landscape::Landscape;
use crate::workload::random::hex;
use crate::workload::requests::Request;
use crate::workload::templates::LAST_WORD;
use crate::workload::{NANOS_PER_MINUTE, Plan, VALUES, logs, spans};

const COLD: usize = 1;
const WARM_UPS: usize = 3;
/// After each other on an idle server: how long until a lone item is found.
const LONE_ITEMS: u64 = 11;
const FIND_MAX: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SignalName {
    Spans,
    Logs,
}

/// What is sent and what is asked.
struct Workload {
    requests: Vec<Request>,
    questions: Vec<Question>,
    /// Finds the item that is sent last.
    last: Probe,
}

/// Has an item arrived?
struct Probe {
    ask: Ask,
    expected: Expected,
}

impl SignalName {
    pub(crate) fn text(self) -> &'static str {
        match self {
            SignalName::Spans => "spans",
            SignalName::Logs => "logs",
        }
    }

    fn method(self) -> &'static str {
        match self {
            SignalName::Spans => load::TRACES,
            SignalName::Logs => load::LOGS,
        }
    }

    fn workload(self, plan: Plan) -> Workload {
        let landscape = Landscape::new();
        match self {
            SignalName::Spans => {
                let (requests, facts) = spans::spans(plan, &landscape);
                Workload { requests, last: last_span(&facts), questions: about_spans(&facts, &landscape) }
            }
            SignalName::Logs => {
                let (requests, facts) = logs::logs(plan, &landscape);
                Workload { requests, last: last_record(&facts), questions: about_logs(&facts, &landscape) }
            }
        }
    }

    /// A single item, older than everything else.
    fn lone_item(self, plan: Plan) -> (Vec<Request>, Probe) {
        let landscape = Landscape::new();
        match self {
            SignalName::Spans => {
                let (requests, facts) = spans::spans(plan, &landscape);
                (requests, last_span(&facts))
            }
            SignalName::Logs => {
                let (requests, facts) = logs::logs(plan, &landscape);
                (requests, last_record(&facts))
            }
        }
    }
}

/// The span that was sent last belongs to a trace whose other spans may have come before.
fn last_span(facts: &SpanFacts) -> Probe {
    let last = facts.last.clone().expect("there are spans");
    let (trace, span) = (hex(&last.trace_id), hex(&last.span_id));
    let sql = format!("SELECT trace_id, span_id FROM spans WHERE trace_id = '{trace}' AND span_id = '{span}'");
    Probe { ask: Ask::Sql(sql), expected: Expected::Rows(vec![vec![trace.into(), span.into()]]) }
}

fn last_record(facts: &LogFacts) -> Probe {
    let time = facts.newest.descending()[0];
    let path = format!("/api/v1/logs?q={LAST_WORD}&from={time}&to={}", time + 1);
    Probe { ask: Ask::Get(path), expected: Expected::Logs(vec![time]) }
}

/// Loads the server with one signal and asks everything. Errors: a wrong answer among others.
pub(crate) fn measure(signal: SignalName, arguments: &Arguments, plan: Plan, dir: &Path) -> anyhow::Result<Figures> {
    let name = signal.text();
    eprintln!("{name}: generating {} items", plan.items);
    let Workload { requests, questions, last } = signal.workload(plan);
    let server = Server::start(&arguments.binary(), dir)?;
    eprintln!("{name}: sending {} requests over {} connections", requests.len(), arguments.connections);
    let request_bytes: u64 = requests.iter().map(|request| request.body.len() as u64).sum();
    let version = server.version()?;
    let loader = std::process::id();
    let (cpu_before, loader_cpu_before) = (server.cpu_seconds()?, cpu_seconds(loader)?);
    let others = Others::watch(server.pid())?;
    let (sent, findable) = load(&server, signal, requests, arguments.connections, &last)?;
    let others_sending_percent = others.percent()?;
    let loader_cpu = cpu_seconds(loader)? - loader_cpu_before;
    eprintln!("{name}: settling");
    server.settle()?;
    let cpu = server.cpu_seconds()? - cpu_before;
    let peak_bytes = server.peak_bytes()?;
    let mut answers = Vec::with_capacity(questions.len());
    let others = Others::watch(server.pid())?;
    for question in &questions {
        eprintln!("{name}: {}", question.name);
        answers.push(warm(&server, question)?);
    }
    let others_asking_percent = others.percent()?;
    server.stop()?;
    let mut lake_bytes = 0;
    for (question, answer) in questions.iter().zip(&mut answers) {
        // The files of segments that were merged away go when the server starts.
        let server = Server::start(&arguments.binary(), dir)?;
        eprintln!("{name}: {}, cold", question.name);
        answer.cold_ms = Some(ms(ask_one(&server, question, 0)?));
        lake_bytes = server.lake_bytes()?;
        server.stop()?;
    }
    eprintln!("{name}: lone items");
    let findable_idle = lone_items(signal, arguments, plan, dir)?;
    ensure!(sent.items == plan.items, "{} of {} items were acknowledged", sent.items, plan.items);
    let ingest = Ingest {
        items: plan.items,
        request_bytes_per_item: request_bytes as f64 / plan.items as f64,
        items_per_second: sent.items as f64 / sent.took.as_secs_f64(),
        latency_p50_ms: ms(percentile(&sent.latencies, 50)),
        latency_p99_ms: ms(percentile(&sent.latencies, 99)),
        retries: sent.retries,
        cpu_s_per_million: cpu * 1e6 / plan.items as f64,
        loader_cpu_s_per_million: loader_cpu * 1e6 / plan.items as f64,
        others_sending_percent,
        others_asking_percent,
        disk_bytes_per_item: lake_bytes as f64 / plan.items as f64,
        peak_memory_mb: peak_bytes as f64 / 1e6,
        findable_after_load_ms: ms(findable),
        findable_idle_ms: ms(findable_idle),
    };
    Ok(Figures { signal: name, version, ingest, answers })
}

/// Sends everything; beside how that went, how long after its acknowledge the last item was found.
fn load(
    server: &Server,
    signal: SignalName,
    requests: Vec<Request>,
    connections: usize,
    last: &Probe,
) -> anyhow::Result<(Sent, Duration)> {
    let (acknowledged, last_acknowledged) = mpsc::channel();
    std::thread::scope(|scope| {
        let finder = scope.spawn(move || {
            let acknowledged: Instant = last_acknowledged.recv().context("the last item was never acknowledged")?;
            find(server, last, acknowledged)
        });
        let sent = load::send(server.otlp_grpc, signal.method(), requests, connections, acknowledged);
        let found = finder.join().map_err(|_| anyhow::anyhow!("the search for the last item panicked"))?;
        Ok((sent?, found?))
    })
}

/// Asks until the item is there.
fn find(server: &Server, probe: &Probe, acknowledged: Instant) -> anyhow::Result<Duration> {
    loop {
        let (answer, _) = server.ask(&probe.ask)?;
        let checked = probe.expected.check(&answer);
        let took = acknowledged.elapsed();
        match checked {
            Ok(()) => return Ok(took),
            Err(error) if took > FIND_MAX => return Err(error).context("the last item is not found"),
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// Median of how long after its acknowledge a lone item was found, on a server that has nothing else to do.
fn lone_items(signal: SignalName, arguments: &Arguments, plan: Plan, dir: &Path) -> anyhow::Result<Duration> {
    let server = Server::start(&arguments.binary(), dir)?;
    let mut took = Vec::new();
    for nth in 0..LONE_ITEMS {
        let begin = plan.begin - NANOS_PER_MINUTE + nth;
        let (requests, probe) = signal.lone_item(Plan { seed: plan.seed + 1 + nth, items: 1, begin });
        let (_, found) = load(&server, signal, requests, 1, &probe)?;
        took.push(found);
    }
    server.stop()?;
    took.sort_unstable();
    Ok(percentile(&took, 50))
}

/// How one question was answered.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Answer {
    pub(crate) question: &'static str,
    pub(crate) target_ms: f64,
    pub(crate) median_ms: f64,
    pub(crate) p95_ms: f64,
    pub(crate) cold_ms: Option<f64>,
    pub(crate) cpu_ms: f64,
    /// Must the cost be the same however much is stored?
    pub(crate) is_constant: bool,
    /// The median with a tenth of the items.
    pub(crate) tenth_ms: Option<f64>,
}

fn warm(server: &Server, question: &Question) -> anyhow::Result<Answer> {
    for nth in COLD..COLD + WARM_UPS {
        ask_one(server, question, nth)?;
    }
    let cpu_before = server.cpu_seconds()?;
    let timed = COLD + WARM_UPS..VALUES;
    let count = timed.len();
    let mut took = timed.map(|nth| ask_one(server, question, nth)).collect::<anyhow::Result<Vec<_>>>()?;
    let cpu = server.cpu_seconds()? - cpu_before;
    took.sort_unstable();
    Ok(Answer {
        question: question.name,
        target_ms: question.target_ms,
        median_ms: ms(percentile(&took, 50)),
        p95_ms: ms(percentile(&took, 95)),
        cold_ms: None,
        cpu_ms: cpu * 1e3 / count as f64,
        is_constant: question.is_constant,
        tenth_ms: None,
    })
}

fn ask_one(server: &Server, question: &Question, nth: usize) -> anyhow::Result<Duration> {
    let (ask, expected) = &question.asks[nth];
    let (answer, took) = server.ask(ask)?;
    if let Err(error) = expected.check(&answer) {
        bail!("WRONG ANSWER to \"{}\", {}: {error}", question.name, ask.text());
    }
    Ok(took)
}

/// Nearest rank of ascending values; zero when there are none.
fn percentile(ascending: &[Duration], percent: usize) -> Duration {
    let rank = (ascending.len() * percent).div_ceil(100).max(1);
    ascending.get(rank - 1).copied().unwrap_or_default()
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
