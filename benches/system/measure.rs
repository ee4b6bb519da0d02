//! One signal, from an empty directory to the last answer.

use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use crate::Arguments;
use crate::load::{self, Sent};
use crate::machine::{Others, cpu_seconds};
use crate::questions::Question;
use crate::report::{Figures, Ingest};
use crate::server::Server;
use crate::signal::{Probe, SignalName};
use crate::workload::requests::Request;
use crate::workload::{NANOS_PER_MINUTE, Plan, VALUES};

const COLD: usize = 1;
const WARM_UPS: usize = 3;
/// After each other on an idle server: how long until a lone item is found.
const LONE_ITEMS: u64 = 11;
const FIND_MAX: Duration = Duration::from_secs(60);

/// What is measured, with what, and where.
pub(crate) struct Run<'a> {
    pub(crate) signal: SignalName,
    pub(crate) arguments: &'a Arguments,
    pub(crate) plan: Plan,
    /// Of the server: its data and its log.
    pub(crate) dir: &'a Path,
}

impl Run<'_> {
    /// Loads the server and asks everything. Errors: a wrong answer among others.
    pub(crate) fn measure(&self) -> anyhow::Result<Figures> {
        self.say(&format!("generating {} items", self.plan.items));
        let workload = self.signal.workload(self.plan);
        let server = self.start()?;
        let version = server.version()?;
        let ingest = self.ingest(&server, workload.requests, &workload.last)?;
        let others = Others::watch(server.pid())?;
        let mut answers = Vec::with_capacity(workload.questions.len());
        for question in &workload.questions {
            self.say(question.name);
            answers.push(warm(&server, question)?);
        }
        let others_asking_percent = others.percent()?;
        server.stop()?;
        let mut lake_bytes = 0;
        for (question, answer) in workload.questions.iter().zip(&mut answers) {
            self.say(&format!("{}, cold", question.name));
            let server = self.start()?;
            answer.cold_ms = Some(ms(ask_one(&server, question, 0)?.1));
            // The files of segments that were merged away went when the server started.
            lake_bytes = server.lake_bytes()?;
            server.stop()?;
        }
        Ok(Figures {
            signal: self.signal.text(),
            version,
            ingest,
            disk_bytes_per_item: lake_bytes as f64 / self.plan.items as f64,
            findable_idle_ms: ms(self.find_lone_items()?),
            others_asking_percent,
            answers,
        })
    }

    fn start(&self) -> anyhow::Result<Server> {
        Server::start(&self.arguments.binary(), self.dir)
    }

    fn say(&self, what: &str) {
        eprintln!("{}: {what}", self.signal.text());
    }

    /// Sends everything and waits until the server has settled.
    fn ingest(&self, server: &Server, requests: Vec<Request>, last: &Probe) -> anyhow::Result<Ingest> {
        let (connections, items) = (self.arguments.connections, self.plan.items as f64);
        self.say(&format!("sending {} requests over {connections} connections", requests.len()));
        let request_bytes: usize = requests.iter().map(|request| request.body.len()).sum();
        let loader = std::process::id();
        let (cpu_before, loader_cpu_before) = (server.cpu_seconds()?, cpu_seconds(loader)?);
        let others = Others::watch(server.pid())?;
        let (sent, findable) = load(server, self.signal, requests, connections, last)?;
        let others_sending_percent = others.percent()?;
        let loader_cpu = cpu_seconds(loader)? - loader_cpu_before;
        ensure!(sent.items == self.plan.items, "{} of {items} items were acknowledged", sent.items);
        self.say("settling");
        server.settle()?;
        let cpu = server.cpu_seconds()? - cpu_before;
        Ok(Ingest {
            items: self.plan.items,
            request_bytes_per_item: request_bytes as f64 / items,
            items_per_second: items / sent.took.as_secs_f64(),
            latency_p50_ms: ms(percentile(&sent.latencies, 50)),
            latency_p99_ms: ms(percentile(&sent.latencies, 99)),
            retries: sent.retries,
            cpu_s_per_million: cpu * 1e6 / items,
            loader_cpu_s_per_million: loader_cpu * 1e6 / items,
            others_sending_percent,
            peak_memory_mb: server.peak_bytes()? as f64 / 1e6,
            findable_after_load_ms: ms(findable),
        })
    }

    /// Median of how long after its acknowledge a lone item was found, on a server that has nothing else to do.
    fn find_lone_items(&self) -> anyhow::Result<Duration> {
        self.say("lone items");
        let server = self.start()?;
        let mut took = Vec::new();
        for nth in 0..LONE_ITEMS {
            let plan =
                Plan { seed: self.plan.seed + 1 + nth, items: 1, begin: self.plan.begin - NANOS_PER_MINUTE + nth };
            let (requests, probe) = self.signal.lone_item(plan);
            took.push(load(&server, self.signal, requests, 1, &probe)?.1);
        }
        server.stop()?;
        took.sort_unstable();
        Ok(percentile(&took, 50))
    }
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
    let mut is_proof = false;
    for nth in COLD..COLD + WARM_UPS {
        let (answer, _) = ask_one(server, question, nth)?;
        is_proof |= question.asks[nth].1.proves_something(&answer)?;
    }
    ensure!(is_proof, "\"{}\" has empty answers only: there is nothing to measure", question.name);
    let cpu_before = server.cpu_seconds()?;
    let timed = COLD + WARM_UPS..VALUES;
    let count = timed.len();
    let mut took = timed.map(|nth| Ok(ask_one(server, question, nth)?.1)).collect::<anyhow::Result<Vec<_>>>()?;
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

fn ask_one(server: &Server, question: &Question, nth: usize) -> anyhow::Result<(Value, Duration)> {
    let (ask, expected) = &question.asks[nth];
    let (answer, took) = server.ask(ask)?;
    if let Err(error) = expected.check(&answer) {
        bail!("WRONG ANSWER to \"{}\", {}: {error}", question.name, ask.text());
    }
    Ok((answer, took))
}

/// Nearest rank of ascending values; zero when there are none.
fn percentile(ascending: &[Duration], percent: usize) -> Duration {
    let rank = (ascending.len() * percent).div_ceil(100).max(1);
    ascending.get(rank - 1).copied().unwrap_or_default()
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
