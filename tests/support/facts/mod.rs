//! The facts of a pack's manifest, checked against a server that has taken the pack in.
//!
//! The manifest was computed from the source's CSV files by code that never saw OTLP. Every key of `facts` is either
//! in [`CHECKS`] or in [`UNCHECKED`] with the reason; a key that is in neither is a failure. All failures are
//! collected and printed together.

mod logs;
mod overview;
mod spans;
mod traces;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fmt::{Debug, Display};

use serde_json::Value;

use super::packs::Pack;
use super::server::Server;

/// A fact that cannot be asked for is a failed fact: the error says why.
type Outcome = Result<(), String>;
type Check = fn(&Facts<'_>, &mut Report) -> Outcome;

/// Key in `facts` (or, for the first two, in the manifest itself) and the code that checks it.
const CHECKS: &[(&str, Check)] = &[
    ("counts", overview::counts),
    ("time_range", overview::time_range),
    ("structure", overview::structure),
    ("spans_per_service", spans::per_service),
    ("error_spans_per_service", spans::errors_per_service),
    ("duration_ns_per_service", spans::durations_per_service),
    ("duration_ns_per_operation", spans::durations_per_operation),
    ("edges", spans::edges),
    ("spans_per_minute", spans::per_minute),
    ("traces_containing_service", traces::containing_service),
    ("traces_containing_both", traces::containing_both),
    ("root_operations", traces::root_operations),
    ("error_traces_ids", traces::error_ids),
    ("searches_traces", traces::searches),
    ("trace_duration_ns", traces::durations),
    ("trace_span_count", traces::span_counts),
    ("trace_depth_histogram", traces::depth_histogram),
    ("longest_traces", traces::longest),
    ("largest_traces", traces::largest),
    ("deepest_traces", traces::deepest),
    ("some_traces", traces::some),
    ("logs_per_service", logs::per_service),
    ("logs_per_severity", logs::per_severity),
    ("logs_per_service_severity", logs::per_service_severity),
    ("logs_per_node", logs::per_node),
    ("logs_per_logger_top", logs::per_logger),
    ("logs_per_minute", logs::per_minute),
    ("logs_attributes_equal", logs::attributes_equal),
    ("logs_body_bytes", logs::body_bytes),
    ("log_terms", logs::terms),
    ("distinct_words", logs::distinct_words),
    ("rare_words", logs::rare_words),
    ("searches_logs", logs::searches),
];

/// What a manifest says beyond that, and why no check asks for it.
const UNCHECKED: &[(&str, &str)] = &[
    ("definitions", "the meaning of the facts, not a fact"),
    ("source_files", "names files of the recording, not of the pack"),
    ("csv_files_read", "counts files of the recording, not of the pack"),
    ("faults", "needs the comparison of a service with its own past, which does not exist yet (issue 4)"),
];

/// What the checks ask: a server, and the facts it should know.
pub(crate) struct Facts<'a> {
    server: &'a Server,
    manifest: &'a Value,
    /// All trace summaries and all log records, paged through once.
    summaries: OnceCell<Vec<Value>>,
    records: OnceCell<Vec<Value>>,
}

impl Facts<'_> {
    fn get(&self, key: &str) -> &Value {
        &self.manifest["facts"][key]
    }

    fn list(&self, key: &str) -> Result<&[Value], String> {
        self.get(key).as_array().map(Vec::as_slice).ok_or_else(|| format!("the manifest's {key} is not a list"))
    }

    /// Key to integer.
    fn counts(&self, key: &str) -> Result<BTreeMap<String, i64>, String> {
        let fields = self.get(key).as_object().ok_or_else(|| format!("the manifest's {key} is not a map"))?;
        fields.iter().map(|(name, value)| Ok((name.clone(), integer(value)?))).collect()
    }

    /// Every trace by `/api/v1/traces`, page by page.
    fn summaries(&self) -> Result<&[Value], String> {
        if self.summaries.get().is_none() {
            let pages = self.server.pages("/api/v1/traces?limit=1000", "traces")?;
            let _ = self.summaries.set(pages);
        }
        Ok(self.summaries.get().expect("set above"))
    }

    /// Every record by `/api/v1/logs`, page by page.
    fn records(&self) -> Result<&[Value], String> {
        if self.records.get().is_none() {
            let pages = self.server.pages("/api/v1/logs?limit=5000", "logs")?;
            let _ = self.records.set(pages);
        }
        Ok(self.records.get().expect("set above"))
    }

    /// Compares a map of the manifest with a statement that gives key and count.
    fn counts_by_sql(&self, report: &mut Report, key: &str, sql: &str) -> Outcome {
        let expected = self.counts(key)?;
        report.counts("by SQL", &expected, &self.server.sql(sql)?.counts()?);
        Ok(())
    }
}

fn integer(value: &Value) -> Result<i64, String> {
    value.as_i64().ok_or_else(|| format!("not an integer: {value}"))
}

fn text<'v>(value: &'v Value, key: &str) -> Result<&'v str, String> {
    value[key].as_str().ok_or_else(|| format!("no text {key:?} in {}", short(value)))
}

fn number(value: &Value, key: &str) -> Result<i64, String> {
    value[key].as_i64().ok_or_else(|| format!("no integer {key:?} in {}", short(value)))
}

/// A time of the API: nanoseconds as decimal text.
fn nanos(value: &Value, key: &str) -> Result<i64, String> {
    text(value, key)?.parse().map_err(|_| format!("{key:?} is not nanoseconds in {}", short(value)))
}

fn short(value: &Value) -> String {
    value.to_string().chars().take(300).collect()
}

/// Collects what was compared and what differed.
pub(crate) struct Report {
    title: String,
    kind: &'static str,
    compared: BTreeMap<&'static str, usize>,
    failures: Vec<String>,
}

impl Report {
    fn equal<T: PartialEq + Debug>(&mut self, what: impl Display, expected: T, got: T) {
        *self.compared.entry(self.kind).or_default() += 1;
        if expected != got {
            self.failures.push(format!("{}: {what}: expected {expected:?}, got {got:?}", self.kind));
        }
    }

    fn fail(&mut self, what: impl Display) {
        self.failures.push(format!("{}: {what}", self.kind));
    }

    /// Each key is a fact, and so is that there is no other key.
    fn counts(&mut self, how: &str, expected: &BTreeMap<String, i64>, got: &BTreeMap<String, i64>) {
        for (key, count) in expected {
            self.equal(format_args!("{key:?} {how}"), Some(count), got.get(key));
        }
        let invented: Vec<_> = got.keys().filter(|key| !expected.contains_key(*key)).collect();
        self.equal(format_args!("keys the source does not have, {how}"), Vec::new(), invented);
    }

    fn finish(self) -> usize {
        let total = self.compared.values().sum();
        let kinds: Vec<String> = self.compared.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        println!("{}: {total} facts checked: {}", self.title, kinds.join(", "));
        assert!(
            self.failures.is_empty(),
            "{}: {} of {total} facts failed:\n{}",
            self.title,
            self.failures.len(),
            self.failures.join("\n")
        );
        total
    }
}

/// Checks every fact of the pack; `phase` says where its rows lie now. Returns how many facts were compared.
pub(crate) fn check(server: &Server, pack: &Pack, phase: &str) -> usize {
    let facts = Facts { server, manifest: &pack.manifest, summaries: OnceCell::new(), records: OnceCell::new() };
    let title = format!("{} {phase}", pack.name);
    let mut report = Report { title, kind: "", compared: BTreeMap::new(), failures: Vec::new() };
    let known = pack.manifest["facts"].as_object().expect("a manifest has facts");
    for key in known.keys() {
        let named = |table: &[&str]| table.contains(&key.as_str());
        let checked: Vec<&str> = CHECKS.iter().map(|(name, _)| *name).collect();
        let left_out: Vec<&str> = UNCHECKED.iter().map(|(name, _)| *name).collect();
        assert!(named(&checked) || named(&left_out), "nobody checks the fact {key:?}, and no reason says why");
    }
    for (key, run) in CHECKS {
        // A pack without logs has no facts about logs.
        if !known.contains_key(*key) && pack.manifest.get(*key).is_none() {
            continue;
        }
        report.kind = key;
        let before = report.failures.len();
        if let Err(error) = run(&facts, &mut report) {
            report.fail(error);
        }
        let compared = report.compared.get(key).copied().unwrap_or_default();
        let failed = report.failures.len() > before;
        assert!(compared > 0 || failed, "the check of {key:?} compared nothing");
    }
    report.finish()
}
