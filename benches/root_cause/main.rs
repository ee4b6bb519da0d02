//! Where does the service that a fault was injected into come in the ranking of `/api/v1/root-cause`?
//!
//! The real binary is started for each recorded pack that has labelled faults, gets the pack, and is asked about the
//! three minutes after each injection against the rest of the pack. Printed are the rank of the labelled service and
//! what comes first. `benches/README.md` says how to run it and keeps the last table.

#[path = "../system/machine.rs"]
#[expect(dead_code, reason = "the system benchmark measures the machine too")]
mod machine;
#[path = "../system/server.rs"]
#[expect(dead_code, reason = "the system benchmark sends and settles too")]
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use clap::Parser;
use serde_json::Value;
use server::{Ask, Server};

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Ranks the labelled service of every recorded fault.
#[derive(Debug, Parser)]
struct Arguments {
    /// Directories with packs in them, or packs [default: those of tests/data, and of ../shared/data or $SPANLAKE_DATA]
    packs: Vec<PathBuf>,

    /// Print the first changes of the first service too
    #[arg(long)]
    verbose: bool,

    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

/// Ranks of one pack's faults that show in the data, by its labels.
#[derive(Debug, Default)]
struct Score {
    visible: usize,
    first: usize,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut score = Score::default();
    println!("| pack | fault | labelled service | visible as | rank | first | score | second | ms |");
    println!("|---|---|---|---|---|---|---|---|---|");
    for pack in packs(&arguments.packs)? {
        rank_pack(&pack, &arguments, &mut score)?;
    }
    println!(
        "\n{} of {} faults whose signs the labels name have the labelled service first",
        score.first, score.visible
    );
    Ok(())
}

/// Directories with a manifest.
fn packs(named: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside = std::env::var_os("SPANLAKE_DATA").map_or_else(|| here.join("../shared/data"), PathBuf::from);
    let usual = [here.join("tests/data"), beside];
    let mut packs = Vec::new();
    for place in if named.is_empty() { &usual[..] } else { named } {
        if place.join("manifest.json").exists() {
            packs.push(place.clone());
            continue;
        }
        let Ok(entries) = fs::read_dir(place) else {
            println!("SKIPPED: there is no {}; set SPANLAKE_DATA", place.display());
            continue;
        };
        let mut found: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<_>>()?;
        found.retain(|path| path.join("manifest.json").exists());
        found.sort();
        for pack in found {
            if packs.iter().all(|known: &PathBuf| known.file_name() != pack.file_name()) {
                packs.push(pack);
            }
        }
    }
    Ok(packs)
}

fn rank_pack(pack: &Path, arguments: &Arguments, score: &mut Score) -> anyhow::Result<()> {
    let manifest: Value = serde_json::from_slice(&fs::read(pack.join("manifest.json"))?)?;
    let faults = manifest["facts"]["faults"].as_array().cloned().unwrap_or_default();
    if faults.is_empty() {
        return Ok(());
    }
    let directory = tempfile::TempDir::with_prefix("spanlake-causes-")?;
    let server = Server::start(Path::new(env!("CARGO_BIN_EXE_spanlake")), directory.path())?;
    replay(pack, &server)?;
    let time = |field: &str| manifest["time_range"][field].as_i64().context("the manifest names its time range");
    let (begin, end) = (time("first_span_start_ns")?, time("last_span_end_ns")?);
    for fault in &faults {
        let seconds = |field: &str| fault[field].as_i64().with_context(|| format!("the fault has {field}"));
        let from = seconds("inject_unix_s")? * NANOS_PER_SECOND;
        let to = seconds("window_end_unix_s")? * NANOS_PER_SECOND;
        let question =
            format!("/api/v1/root-cause?from={from}&to={to}&base_from={}&base_to={}", begin.min(from), end.max(to) + 1);
        let (answer, took) = server.ask(&Ask::Get(question))?;
        let causes = answer["services"].as_array().context("the answer has services")?;
        let label = fault["service"].as_str().context("the fault has a service")?;
        let rank = causes.iter().position(|cause| cause["service"] == label).map(|at| at + 1);
        let visible = fault["visible_as"].as_array().map(Vec::len);
        if visible.is_some_and(|signs| signs > 0) {
            score.visible += 1;
            score.first += usize::from(rank == Some(1));
        }
        let named = |nth: usize| causes.get(nth).and_then(|cause| cause["service"].as_str()).unwrap_or("-");
        let scored = |nth: usize| causes.get(nth).and_then(|cause| cause["score"].as_f64()).unwrap_or(0.0);
        println!(
            "| {} | {} | {label} | {} | {} | {} | {:.2} | {} {:.2} | {} |",
            manifest["pack"].as_str().unwrap_or("?"),
            fault["fault"].as_str().unwrap_or("?"),
            visible.map_or("not told".to_owned(), |signs| format!("{signs} signs")),
            rank.map_or("-".to_owned(), |rank| rank.to_string()),
            named(0),
            scored(0),
            named(1),
            scored(1),
            took.as_millis(),
        );
        if arguments.verbose {
            for cause in causes.iter().take(2) {
                for change in cause["changes"].as_array().into_iter().flatten().take(3) {
                    println!("    {:.3} {}", change["weight"].as_f64().unwrap_or(0.0), change["sentence"]);
                }
            }
        }
    }
    server.stop()
}

/// Sends a pack as it was recorded, and waits until it is in segments.
fn replay(pack: &Path, server: &Server) -> anyhow::Result<()> {
    let entries = fs::read_dir(pack)?.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    let files = entries.into_iter().filter(|path| path.to_string_lossy().ends_with(".otlp.zst"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_spanlake"));
    command.arg("replay").args(files).arg("--to").arg(format!("http://{}", server.otlp_http));
    let output = command.output().context("cannot start spanlake replay")?;
    ensure!(output.status.success(), "replay of {}: {}", pack.display(), String::from_utf8_lossy(&output.stderr));
    server.flush()
}
