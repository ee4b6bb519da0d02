//! `spanlake serve`: opens the store, starts the write and the read path, and stops them in reverse order.

use std::future::IntoFuture;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, anyhow};
use async_trait::async_trait;
use axum::body::Bytes;
use collector::{Collector, IngestError, Outcome};
use query::{Admin, ErrorKind, Imported, MetricsRender, QueryError, QuerySettings, Received};
use serde_json::json;
use storage::{StorageError, Store};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use crate::cli::ServeArguments;
use crate::config::{Config, Settings};
use crate::demo::Demo;
use crate::telemetry::{self, Metrics};

/// Time for queries at hand when the server stops.
const QUERY_DRAIN_MAX: Duration = Duration::from_secs(5);
/// Time for a whole stop. What is not flushed by then is in the write-ahead log.
const STOP_MAX: Duration = Duration::from_secs(120);
/// Time for threads that are still busy when everything has been stopped.
const THREADS_END_MAX: Duration = Duration::from_secs(2);

pub(crate) fn run(arguments: ServeArguments) -> anyhow::Result<()> {
    let file = arguments.config.as_deref().map(Config::read).transpose()?.unwrap_or_default();
    let settings = Settings::of(arguments.options.or(file))?;
    telemetry::init_logging(&settings.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")?;
    let result = runtime.block_on(serve(settings, arguments.demo));
    runtime.shutdown_timeout(THREADS_END_MAX);
    result
}

async fn serve(settings: Settings, demo: bool) -> anyhow::Result<()> {
    // Before anything that takes time: a signal during the start stops as gracefully as a later one.
    let mut signals = StopSignals::new()?;
    let metrics = Metrics::install()?;
    let store = Store::open(settings.store.clone()).await.map_err(explain)?;
    let addresses_file = AddressesFile::new(&settings.store.data_dir)?;
    let listener = listen(settings.http).await?;
    let collector = Collector::start(store.clone(), settings.collector.clone()).await?;
    let addresses = Addresses {
        otlp_grpc: collector.grpc_address(),
        otlp_http: collector.http_address(),
        http: listener.local_addr().context("query port")?,
    };
    let query = QueryServer::start(listener, &store, &collector, &settings, addresses, metrics.clone())?;
    let upkeep = tokio::spawn(metrics.upkeep());
    addresses_file.write(addresses)?;
    announce(addresses, &settings.store.data_dir);
    let demo = if demo { Some(Demo::start(addresses.otlp_http)?) } else { None };

    let why = signals.next().await;
    tracing::info!("{why}: stopping");
    let stop = stop(addresses_file, demo, query, &collector, &store);
    let result = tokio::select! {
        stopped = tokio::time::timeout(STOP_MAX, stop) => {
            stopped.map_err(|_| anyhow!("not stopped within {STOP_MAX:?}; what is not flushed is in the write-ahead log"))
        }
        why = signals.next() => {
            Err(anyhow!("{why} again: stopped at once; what is not flushed is in the write-ahead log"))
        }
    };
    upkeep.abort();
    result
}

/// In the reverse order of the start.
async fn stop(addresses: AddressesFile, demo: Option<Demo>, query: QueryServer, collector: &Collector, store: &Store) {
    addresses.remove();
    if let Some(demo) = demo {
        let ended = tokio::task::spawn_blocking(move || demo.stop());
        if let Err(error) = ended.await {
            tracing::warn!("demo: {error}");
        }
    }
    query.stop().await;
    collector.shutdown().await;
    store.close();
    tracing::info!("stopped");
}

/// Adds what to do about it where a person can do something.
fn explain(error: StorageError) -> anyhow::Error {
    let hint = match error.kind() {
        storage::ErrorKind::Locked => "stop that process, choose another --data-dir, or ask the running server",
        storage::ErrorKind::Corrupt => "a file was changed or damaged after it was written",
        _ => return anyhow::Error::new(error),
    };
    anyhow!("{error}: {hint}")
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("the query port cannot listen on {address}"))
}

/// Where the ports really are.
#[derive(Clone, Copy, Debug)]
struct Addresses {
    otlp_grpc: SocketAddr,
    otlp_http: SocketAddr,
    http: SocketAddr,
}

/// `<data-dir>/addresses.json`: there exactly while all ports are open.
struct AddressesFile {
    path: PathBuf,
}

impl AddressesFile {
    /// Removes what a killed server left.
    fn new(data_dir: &Path) -> anyhow::Result<Self> {
        let path = data_dir.join("addresses.json");
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(Self { path }),
        }
    }

    /// By rename: a reader never sees half of it.
    fn write(&self, addresses: Addresses) -> anyhow::Result<()> {
        let content = json!({
            "otlp_grpc": addresses.otlp_grpc.to_string(),
            "otlp_http": addresses.otlp_http.to_string(),
            "http": addresses.http.to_string(),
            "pid": std::process::id(),
        });
        let new = self.path.with_extension("json.new");
        std::fs::write(&new, format!("{content}\n")).with_context(|| format!("cannot write {}", new.display()))?;
        std::fs::rename(&new, &self.path).with_context(|| format!("cannot write {}", self.path.display()))
    }

    fn remove(self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!("cannot remove {}: {error}", self.path.display());
        }
    }
}

fn announce(addresses: Addresses, data_dir: &Path) {
    let Addresses { otlp_grpc, otlp_http, http } = addresses;
    let text = format!(
        "Spanlake {}\n  open in the browser  http://{http}\n  OTLP/gRPC            {otlp_grpc}\n  \
         OTLP/HTTP            http://{otlp_http}\n  data                 {}\n",
        env!("CARGO_PKG_VERSION"),
        data_dir.display()
    );
    // Nobody may be reading; then nobody misses it.
    let mut stdout = std::io::stdout();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    for (what, address) in [("OTLP/gRPC", otlp_grpc), ("OTLP/HTTP", otlp_http), ("the query port", http)] {
        if !address.ip().is_loopback() {
            tracing::warn!("{what} listens on {address}: whoever reaches it needs no password");
        }
    }
}

/// The read path's HTTP server.
struct QueryServer {
    stop: oneshot::Sender<()>,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl QueryServer {
    fn start(
        listener: TcpListener,
        store: &Store,
        collector: &Collector,
        settings: &Settings,
        addresses: Addresses,
        metrics: Metrics,
    ) -> anyhow::Result<Self> {
        let query_settings = QuerySettings {
            engine: settings.engine.clone(),
            version: env!("CARGO_PKG_VERSION"),
            otlp_grpc: addresses.otlp_grpc.to_string(),
            otlp_http: addresses.otlp_http.to_string(),
            flow_keys: settings.flow_keys.clone(),
            started: SystemTime::now(),
            retention: settings.collector.retention,
        };
        let render_store = store.clone();
        let render: MetricsRender = Arc::new(move || metrics.render(&render_store));
        let admin = Arc::new(WritePath(collector.clone()));
        let router = query::router(store.clone(), query_settings, admin, render)?;
        let (stop, stopped) = oneshot::channel();
        let server = axum::serve(listener, router).with_graceful_shutdown(async move {
            // A dropped sender stops as well.
            let _ = stopped.await;
        });
        Ok(Self { stop, server: tokio::spawn(server.into_future()) })
    }

    async fn stop(mut self) {
        let _ = self.stop.send(());
        if tokio::time::timeout(QUERY_DRAIN_MAX, &mut self.server).await.is_err() {
            tracing::warn!("queries were still running after {QUERY_DRAIN_MAX:?}");
            self.server.abort();
        }
    }
}

/// What the query port may ask of the write path.
struct WritePath(Collector);

#[async_trait]
impl Admin for WritePath {
    async fn flush_all(&self) -> Result<(), QueryError> {
        self.0.flush_all().await.map_err(QueryError::from)
    }

    async fn compact_all(&self, force: bool) -> Result<(), QueryError> {
        self.0.compact_all(force).await.map_err(QueryError::from)
    }

    fn received(&self, signal: proto::Signal) -> Received {
        let counts = self.0.received(signal);
        let last = counts.last.map(|last| (last.arrival, last.newest));
        let refused = counts.refused.into_iter().collect();
        Received { accepted: counts.accepted, rejected: counts.rejected, refused, last }
    }

    async fn import(&self, signal: proto::Signal, json: Bytes) -> Result<Imported, QueryError> {
        let Outcome { accepted, rejected, rejected_reason } =
            self.0.ingest_json(signal, json).await.map_err(not_imported)?;
        Ok(Imported { accepted, rejected, rejected_reason })
    }
}

fn not_imported(error: IngestError) -> QueryError {
    let (kind, hint) = match &error {
        IngestError::Busy(_) => (ErrorKind::Busy, "try again in a moment"),
        IngestError::Unavailable(_) => (ErrorKind::Unavailable, "try again later"),
        IngestError::TooLarge(_) => (ErrorKind::TooLarge, "import it in smaller parts"),
        IngestError::Internal(_) => (ErrorKind::Internal, "this is a fault of Spanlake: the server's log says more"),
        _ => (ErrorKind::BadRequest, "import OTLP/JSON, such as a download of a trace"),
    };
    QueryError::new(kind, error.to_string(), hint)
}

/// SIGTERM and SIGINT.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn new() -> anyhow::Result<Self> {
        let on = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self { terminate: on(SignalKind::terminate())?, interrupt: on(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
