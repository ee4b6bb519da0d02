//! `spanlake replay`: recorded packs to an OTLP/HTTP port.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::ReplayArguments;
use crate::human::with_separators;
use crate::otlp_client::OtlpClient;
use crate::pack::{self, Request};

/// What was sent, and what became of it.
#[derive(Debug, Default)]
struct Summary {
    requests: u64,
    spans: u64,
    log_records: u64,
    refused: u64,
    reason: String,
}

pub(crate) fn run(arguments: ReplayArguments) -> anyhow::Result<()> {
    let client = OtlpClient::new(&arguments.to)?;
    let distance = if arguments.shift_to_now { distance_to_now(&arguments.files)? } else { 0 };
    let started = Instant::now();
    let bar = progress_bar(&arguments.files)?;
    let mut summary = Summary::default();
    let pace = arguments.rate.map(|rate| Pace { started, per_second: f64::from(rate.get()) });
    for file in &arguments.files {
        bar.set_message(file.file_name().unwrap_or_default().to_string_lossy().into_owned());
        for request in pack::open(file, |input| bar.wrap_read(input))? {
            let mut request = request?;
            request.shift(distance);
            summary.send(&client, &request)?;
            if let Some(pace) = &pace {
                pace.wait_for(summary.spans + summary.log_records + summary.refused);
            }
        }
    }
    bar.finish_and_clear();
    println!("{}", summary.text(started.elapsed(), &arguments.to));
    let refused = with_separators(summary.refused);
    ensure!(summary.refused == 0, "{refused} records were refused: {}", summary.reason);
    Ok(())
}

impl Summary {
    fn send(&mut self, client: &OtlpClient, request: &Request) -> anyhow::Result<()> {
        let delivery = client.send(request, || true)?;
        self.requests += 1;
        match request {
            Request::Traces(_) => self.spans += delivery.accepted,
            Request::Logs(_) => self.log_records += delivery.accepted,
        }
        self.refused += delivery.refused;
        if self.reason.is_empty() {
            self.reason = delivery.reason;
        }
        Ok(())
    }

    fn text(&self, elapsed: Duration, to: &str) -> String {
        let [spans, records, requests] = [self.spans, self.log_records, self.requests].map(with_separators);
        let rate = (self.spans + self.log_records) as f64 / elapsed.as_secs_f64().max(0.001);
        format!(
            "sent {spans} spans and {records} log records in {requests} requests to {to} in {:.1} s ({} per second)",
            elapsed.as_secs_f64(),
            with_separators(rate as u64)
        )
    }
}

/// How far all times have to move for the latest of all files to be now.
fn distance_to_now(files: &[PathBuf]) -> anyhow::Result<i64> {
    let mut latest = 0;
    for file in files {
        for request in pack::open(file, |input| input)? {
            latest = latest.max(request?.latest());
        }
    }
    ensure!(latest > 0, "no span and no log record has a time: nothing to shift");
    let latest = i64::try_from(latest).context("a time after the year 2262 cannot be shifted")?;
    Ok(unix_nanos_now() - latest)
}

/// The clock, in nanoseconds since the epoch.
pub(crate) fn unix_nanos_now() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_nanos()).unwrap_or(i64::MAX)
}

/// Counts bytes of the files: how many requests they hold is known only at their end.
fn progress_bar(files: &[PathBuf]) -> anyhow::Result<ProgressBar> {
    let mut bytes = 0;
    for file in files {
        bytes += std::fs::metadata(file).with_context(|| format!("cannot open {}", file.display()))?.len();
    }
    let style = ProgressStyle::with_template("{wide_msg} {bar:30} {bytes} of {total_bytes}, {eta} left")?;
    Ok(ProgressBar::new(bytes).with_style(style))
}

struct Pace {
    started: Instant,
    per_second: f64,
}

impl Pace {
    /// Sleeps until `sent` items are due.
    fn wait_for(&self, sent: u64) {
        let due = Duration::try_from_secs_f64(sent as f64 / self.per_second).unwrap_or(Duration::MAX);
        std::thread::sleep(due.saturating_sub(self.started.elapsed()));
    }
}
