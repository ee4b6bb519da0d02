//! Figures as a table for people and as JSON for machines.

use std::fmt::Write;

use serde::Serialize;

use crate::measure::Answer;

/// Everything measured in one run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Of the server, as it says.
    pub(crate) version: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: f64,
    pub(crate) signals: Vec<Figures>,
}

/// Everything measured of one signal.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    pub(crate) signal: &'static str,
    #[serde(skip)]
    pub(crate) version: String,
    pub(crate) ingest: Ingest,
    pub(crate) answers: Vec<Answer>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Ingest {
    pub(crate) items: u64,
    pub(crate) request_bytes_per_item: f64,
    pub(crate) items_per_second: f64,
    pub(crate) latency_p50_ms: f64,
    pub(crate) latency_p99_ms: f64,
    pub(crate) retries: u64,
    pub(crate) cpu_s_per_million: f64,
    /// Of the loader, while it sends: it shares the cores.
    pub(crate) loader_cpu_s_per_million: f64,
    pub(crate) disk_bytes_per_item: f64,
    pub(crate) peak_memory_mb: f64,
    /// Of the last item, while the server still works on the load.
    pub(crate) findable_after_load_ms: f64,
    pub(crate) findable_idle_ms: f64,
}

/// What ingesting may cost.
struct Targets {
    items_per_second: f64,
    cpu_s_per_million: f64,
    disk_bytes_per_item: f64,
    peak_memory_mb: f64,
    findable_ms: f64,
}

/// 512 MiB.
const PEAK_MEMORY_MB: f64 = 536.9;
const FINDABLE_MS: f64 = 50.0;
/// A cold answer may take this many times a warm one.
const COLD_FACTOR: f64 = 5.0;

impl Targets {
    fn of(signal: &str) -> Self {
        let (items_per_second, disk_bytes_per_item) =
            if signal == "spans" { (220_000.0, 70.0) } else { (340_000.0, 105.0) };
        Self {
            items_per_second,
            cpu_s_per_million: 7.0,
            disk_bytes_per_item,
            peak_memory_mb: PEAK_MEMORY_MB,
            findable_ms: FINDABLE_MS,
        }
    }
}

impl Figures {
    /// One line for each target.
    pub(crate) fn table(&self) -> String {
        let mut table = String::new();
        let (ingest, targets) = (&self.ingest, Targets::of(self.signal));
        line(&mut table, [self.signal, "target", "measured", "", "", "", ""]);
        let mut at_most = |name: &str, target: f64, measured: f64, digits: usize| {
            let verdict = verdict(measured <= target);
            line(&mut table, [name, &number(target, digits), &number(measured, digits), "", "", "", verdict]);
        };
        at_most("server CPU s per million, settled", targets.cpu_s_per_million, ingest.cpu_s_per_million, 2);
        at_most("bytes on disk per item, settled", targets.disk_bytes_per_item, ingest.disk_bytes_per_item, 1);
        at_most("peak resident memory, MB", targets.peak_memory_mb, ingest.peak_memory_mb, 0);
        at_most("findable after the last acknowledge, ms", targets.findable_ms, ingest.findable_after_load_ms, 1);
        at_most("findable, a lone item, ms", targets.findable_ms, ingest.findable_idle_ms, 1);
        let (rate, wanted) = (ingest.items_per_second, targets.items_per_second);
        let is_fast = verdict(rate >= wanted);
        line(&mut table, ["acknowledged items/s", &number(wanted, 0), &number(rate, 0), "", "", "", is_fast]);
        let latencies = format!("{:.1} / {:.1}", ingest.latency_p50_ms, ingest.latency_p99_ms);
        line(&mut table, ["request p50 / p99, ms", "", &latencies, "", "", "", ""]);
        line(&mut table, ["refused for the moment, sent again", "", &ingest.retries.to_string(), "", "", "", ""]);
        let loader = number(ingest.loader_cpu_s_per_million, 2);
        line(&mut table, ["loader CPU s per million", "", &loader, "", "", "", ""]);
        let bytes = number(ingest.request_bytes_per_item, 0);
        line(&mut table, ["bytes per item as sent", "", &bytes, "", "", "", ""]);
        line(&mut table, ["question, ms", "target", "median", "p95", "cold", "CPU", ""]);
        for answer in &self.answers {
            answer_line(&mut table, answer);
        }
        table
    }
}

fn answer_line(table: &mut String, answer: &Answer) {
    let cold = answer.cold_ms.map_or_else(String::new, |cold| number(cold, 1));
    let is_warm_enough = answer.cold_ms.is_none_or(|cold| cold <= COLD_FACTOR * answer.median_ms);
    let verdict = match (answer.median_ms <= answer.target_ms, is_warm_enough) {
        (true, true) => "ok",
        (true, false) => "ok, cold over",
        (false, true) => "over",
        (false, false) => "over, cold over",
    };
    let [target, median, p95, cpu] =
        [answer.target_ms, answer.median_ms, answer.p95_ms, answer.cpu_ms].map(|value| number(value, 1));
    line(table, [answer.question, &target, &median, &p95, &cold, &cpu, verdict]);
}

fn verdict(is_met: bool) -> &'static str {
    if is_met { "ok" } else { "over" }
}

/// Rows of a Markdown table, readable as they are.
fn line(table: &mut String, cells: [&str; 7]) {
    let [name, target, measured, p95, cold, cpu, verdict] = cells;
    writeln!(table, "| {name:<56} | {target:>8} | {measured:>13} | {p95:>7} | {cold:>7} | {cpu:>7} | {verdict:<15} |")
        .expect("writing to a String cannot fail");
}

fn number(value: f64, digits: usize) -> String {
    format!("{value:.digits$}")
}
