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
    pub(crate) disk_bytes_per_item: f64,
    pub(crate) findable_idle_ms: f64,
    /// Part of all cores that others had while questions were asked.
    pub(crate) others_asking_percent: f64,
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
    /// Part of all cores that neither the server nor the loader had.
    pub(crate) others_sending_percent: f64,
    pub(crate) peak_memory_mb: f64,
    /// Of the last item, while the server still works on the load.
    pub(crate) findable_after_load_ms: f64,
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
/// With ten times the items, what must not grow may take this many times as long.
const GROWTH_FACTOR: f64 = 2.0;

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
    /// `tenth`: the same questions with a tenth of the items.
    pub(crate) fn compare(&mut self, tenth: &Figures) {
        for (answer, tenth) in self.answers.iter_mut().zip(&tenth.answers) {
            answer.tenth_ms = Some(tenth.median_ms);
        }
    }

    /// Two tables in Markdown: what ingesting took, and what the questions took.
    pub(crate) fn tables(&self) -> String {
        let mut text = String::new();
        self.ingest_table(&mut text);
        text.push('\n');
        line(&mut text, [&format!("{}, ms", self.signal), "target", "median", "p95", "cold", "tenth", "CPU", ""]);
        line(&mut text, ["---", "---:", "---:", "---:", "---:", "---:", "---:", "---"]);
        for answer in &self.answers {
            answer_line(&mut text, answer);
        }
        text
    }

    fn ingest_table(&self, text: &mut String) {
        let (ingest, targets) = (&self.ingest, Targets::of(self.signal));
        short_line(text, [self.signal, "target", "measured", ""]);
        short_line(text, ["---", "---:", "---:", "---"]);
        let (wanted, rate) = (number(targets.items_per_second, 0), number(ingest.items_per_second, 0));
        let is_fast = verdict(ingest.items_per_second >= targets.items_per_second);
        short_line(text, ["acknowledged items/s", &wanted, &rate, is_fast]);
        let mut at_most = |name: &str, target: f64, measured: f64, digits: usize| {
            let verdict = verdict(measured <= target);
            short_line(text, [name, &number(target, digits), &number(measured, digits), verdict]);
        };
        at_most("server CPU s per million, settled", targets.cpu_s_per_million, ingest.cpu_s_per_million, 2);
        at_most("bytes on disk per item, settled", targets.disk_bytes_per_item, self.disk_bytes_per_item, 1);
        at_most("peak resident memory, MB", targets.peak_memory_mb, ingest.peak_memory_mb, 0);
        at_most("findable after the last acknowledge, ms", targets.findable_ms, ingest.findable_after_load_ms, 1);
        at_most("findable, a lone item, ms", targets.findable_ms, self.findable_idle_ms, 1);
        let latencies = format!("{:.1} / {:.1}", ingest.latency_p50_ms, ingest.latency_p99_ms);
        let others = format!("{:.0} / {:.0}", ingest.others_sending_percent, self.others_asking_percent);
        for (name, measured) in [
            ("request p50 / p99, ms", latencies),
            ("refused for the moment, sent again", ingest.retries.to_string()),
            ("loader CPU s per million", number(ingest.loader_cpu_s_per_million, 2)),
            ("taken by others while sending / asking, % of all cores", others),
            ("bytes per item as sent", number(ingest.request_bytes_per_item, 0)),
        ] {
            short_line(text, [name, "", &measured, ""]);
        }
    }
}

fn answer_line(text: &mut String, answer: &Answer) {
    let optional = |value: Option<f64>| value.map_or_else(String::new, |value| number(value, 1));
    let mut verdicts = vec![verdict(answer.median_ms <= answer.target_ms)];
    if answer.cold_ms.is_some_and(|cold| cold > COLD_FACTOR * answer.median_ms) {
        verdicts.push("cold over");
    }
    if answer.is_constant && answer.tenth_ms.is_some_and(|tenth| answer.median_ms > GROWTH_FACTOR * tenth) {
        verdicts.push("grows");
    }
    let cells = [
        answer.question,
        &number(answer.target_ms, 1),
        &number(answer.median_ms, 1),
        &number(answer.p95_ms, 1),
        &optional(answer.cold_ms),
        &optional(answer.tenth_ms),
        &number(answer.cpu_ms, 1),
        &verdicts.join(", "),
    ];
    line(text, cells);
}

fn verdict(is_met: bool) -> &'static str {
    if is_met { "ok" } else { "over" }
}

fn short_line(text: &mut String, cells: [&str; 4]) {
    let [name, target, measured, verdict] = cells;
    writeln!(text, "| {name:<56} | {target:>8} | {measured:>13} | {verdict:<9} |")
        .expect("writing to a String cannot fail");
}

/// A row of a Markdown table, readable as it is.
fn line(text: &mut String, cells: [&str; 8]) {
    let [name, target, measured, p95, cold, tenth, cpu, verdict] = cells;
    writeln!(
        text,
        "| {name:<56} | {target:>7} | {measured:>7} | {p95:>7} | {cold:>7} | {tenth:>7} | {cpu:>7} | {verdict:<9} |"
    )
    .expect("writing to a String cannot fail");
}

fn number(value: f64, digits: usize) -> String {
    format!("{value:.digits$}")
}
