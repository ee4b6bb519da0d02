//! Our own logs and metrics.

use std::time::Duration;

use anyhow::Context;
use metrics::gauge;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use storage::Store;
use tracing_subscriber::EnvFilter;

/// Histograms keep what was recorded until somebody reads them or this time has passed.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Logs to standard error. `filter` as in `RUST_LOG`.
pub(crate) fn init_logging(filter: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).with_context(|| format!("log filter {filter:?}"))?;
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let with_colour = std::io::IsTerminal::is_terminal(&std::io::stderr());
    subscriber.with_ansi(with_colour).try_init().map_err(|error| anyhow::anyhow!("logging: {error}"))
}

/// Where all metrics of the process are collected.
#[derive(Clone)]
pub(crate) struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    pub(crate) fn install() -> anyhow::Result<Self> {
        const SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0];
        let builder =
            PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?;
        let handle = builder.install_recorder().context("metrics")?;
        Ok(Self { handle })
    }

    /// The Prometheus text of `/metrics`; gauges of the store are of this moment.
    pub(crate) fn render(&self, store: &Store) -> String {
        let stats = store.stats();
        gauge!("spanlake_wal_files").set(stats.wal_files as f64);
        gauge!("spanlake_wal_bytes").set(stats.wal_bytes as f64);
        for signal in stats.signals {
            let name = signal.signal.name();
            gauge!("spanlake_memtable_rows", "signal" => name).set(signal.memtable_rows as f64);
            gauge!("spanlake_memtable_bytes", "signal" => name).set(signal.memtable_bytes as f64);
            gauge!("spanlake_segments", "signal" => name).set(signal.segments as f64);
            gauge!("spanlake_segment_rows", "signal" => name).set(signal.segment_rows as f64);
            gauge!("spanlake_segment_bytes", "signal" => name).set(signal.segment_bytes as f64);
        }
        self.handle.render()
    }

    /// Keeps histograms small while nobody reads them. Never ends.
    pub(crate) async fn upkeep(self) {
        let mut tick = tokio::time::interval(UPKEEP_INTERVAL);
        loop {
            tick.tick().await;
            self.handle.run_upkeep();
        }
    }
}
