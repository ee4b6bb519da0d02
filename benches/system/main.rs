//! The system benchmark: the real binary, a workload of our own, every question, every answer checked.
//!
//! `benches/README.md` says how to run and read it.

mod load;
mod machine;
mod measure;
mod questions;
mod report;
mod server;
mod signal;
#[path = "../workload/mod.rs"]
mod workload;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use clap::Parser;
use measure::Run;
use report::{Figures, Report};
use signal::SignalName;
use workload::{NANOS_PER_MINUTE, Plan};

const SEED: u64 = 1;
const ITEMS: u64 = 3_000_000;
/// Without `--bench`, which `cargo bench` gives: enough to see that everything works.
const ITEMS_OF_A_TRIAL: u64 = 20_000;

/// Starts the binary, loads it, asks it, and prints the table of targets.
#[derive(Debug, Parser)]
struct Arguments {
    /// Spans, and log records [default: 3000000; 20000 when not run by `cargo bench`]
    #[arg(long)]
    items: Option<u64>,

    /// What to measure, each with a server and a directory of its own
    #[arg(long, value_enum, value_delimiter = ',', default_values = ["spans", "logs"])]
    signals: Vec<SignalName>,

    /// Measure a tenth of the items first: does what must not grow with them grow?
    #[arg(long)]
    growth: bool,

    /// Connections that send at the same time
    #[arg(long, default_value_t = 4)]
    connections: usize,

    /// Another binary than the one built with the benchmark
    #[arg(long)]
    binary: Option<PathBuf>,

    /// Write the figures as JSON to this file
    #[arg(long)]
    json: Option<PathBuf>,

    /// Work in this directory and keep it; it must be empty or absent
    #[arg(long)]
    keep: Option<PathBuf>,

    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

impl Arguments {
    fn binary(&self) -> PathBuf {
        self.binary.clone().unwrap_or_else(|| env!("CARGO_BIN_EXE_spanlake").into())
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let items = arguments.items.unwrap_or(if arguments.bench { ITEMS } else { ITEMS_OF_A_TRIAL });
    ensure!(items >= ITEMS_OF_A_TRIAL, "--items is {items}: with less than {ITEMS_OF_A_TRIAL} there is little to ask");
    ensure!(!arguments.growth || items >= 10 * ITEMS_OF_A_TRIAL, "--items is {items}: a tenth of it is too little");
    ensure!(arguments.connections > 0, "--connections is 0");
    let temporary = tempfile::TempDir::with_prefix("spanlake-bench-")?;
    let dir = arguments.keep.as_deref().unwrap_or(temporary.path());
    let is_empty = fs::read_dir(dir).map_or(true, |mut entries| entries.next().is_none());
    ensure!(is_empty, "{} is not empty", dir.display());
    let plan = Plan { seed: SEED, items, begin: begin()? };
    let mut report = Report {
        version: String::new(),
        cores: machine::cores()?,
        memory_gib: machine::memory_gib()?,
        signals: Vec::new(),
    };
    for &signal in &arguments.signals {
        let figures = run(signal, &arguments, plan, dir)?;
        println!("\nSpanlake {}, {} cores, {:.0} GiB", figures.version, report.cores, report.memory_gib);
        println!("{items} {}\n\n{}", figures.signal, figures.tables());
        report.version.clone_from(&figures.version);
        report.signals.push(figures);
    }
    if let Some(path) = &arguments.json {
        fs::write(path, serde_json::to_vec_pretty(&report)?).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn run(signal: SignalName, arguments: &Arguments, plan: Plan, dir: &Path) -> anyhow::Result<Figures> {
    let measure = |plan: Plan| {
        let dir = dir.join(format!("{}-{}", signal.text(), plan.items));
        fs::create_dir_all(&dir)?;
        Run { signal, arguments, plan, dir: &dir }.measure()
    };
    let tenth = arguments.growth.then(|| measure(Plan { items: plan.items / 10, ..plan })).transpose()?;
    let mut figures = measure(plan)?;
    if let Some(tenth) = tenth {
        figures.compare(&tenth);
    }
    Ok(figures)
}

/// The workload ends a minute ago: what a slow trace does after it has begun is not in the future.
fn begin() -> anyhow::Result<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
    Ok(u64::try_from(now.as_nanos())? - Plan::LENGTH - NANOS_PER_MINUTE)
}
