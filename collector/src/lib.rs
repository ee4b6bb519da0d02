//! Floor 2, the write path: OTLP in, rows in the store.
//!
//! 1. [`receiver`] takes a request over gRPC or HTTP and brings it to protobuf bytes, within limits.
//! 2. [`columns`] makes the rows: one pass over the bytes, straight into Arrow builders.
//! 3. [`ingester`] conducts: admit, convert, append to the log and the memtable, and only then acknowledge.
//! 4. [`flush`] moves rows into segments, [`compaction`] merges small segments, [`retention`] removes expired dates.
//!
//! Behind the receivers a signal is a value; nothing but the record's own columns knows which one it is.

mod admission;
mod backoff;
pub mod columns;
mod compaction;
mod error;
mod flush;
mod ingester;
mod received;
mod receiver;
mod retention;
mod settings;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use metrics::gauge;
use parking_lot::Mutex;
use proto::Signal;
use storage::{StorageError, Store};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

pub use crate::error::IngestError;
pub use crate::ingester::Outcome;
pub use crate::received::{LastRequest, ReceivedCounts};
pub use crate::settings::CollectorSettings;

use crate::admission::Admission;
use crate::backoff::Backoff;
use crate::flush::FlushPolicy;
use crate::ingester::{Ingester, RequestLimits};
use crate::received::Received;
use crate::receiver::body::{Compression, Encoded, Format};
use crate::receiver::server::Server;

/// Why the write path cannot start.
#[derive(Debug, thiserror::Error)]
pub enum CollectorError {
    #[error("{what} cannot listen on {address}: {source}")]
    Listen { what: &'static str, address: SocketAddr, source: io::Error },
    #[error("settings: {0}")]
    Settings(String),
}

/// The running write path. A cheap handle; [`Collector::shutdown`] ends it.
#[derive(Clone, Debug)]
pub struct Collector {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    ingester: Ingester,
    settings: CollectorSettings,
    grpc: SocketAddr,
    http: SocketAddr,
    received: Arc<Received>,
    health: HealthReporter,
    /// True once replay has ended.
    replayed: watch::Receiver<bool>,
    stop_receiving: CancellationToken,
    stop_maintenance: CancellationToken,
    servers: Mutex<JoinSet<()>>,
    maintenance: Mutex<JoinSet<()>>,
}

impl Collector {
    /// Opens both ports, then replays the log and keeps the store in shape in the background. Requests are accepted
    /// from the moment this returns.
    ///
    /// Errors: a port that cannot be opened, or settings that contradict each other.
    pub async fn start(store: Store, settings: CollectorSettings) -> Result<Collector, CollectorError> {
        settings.check().map_err(CollectorError::Settings)?;
        let grpc_listener = listen("OTLP/gRPC", settings.grpc).await?;
        let http_listener = listen("OTLP/HTTP", settings.http).await?;
        let address = |listener: &TcpListener, asked| listener.local_addr().unwrap_or(asked);
        let (grpc, http) = (address(&grpc_listener, settings.grpc), address(&http_listener, settings.http));

        let admission = Admission::new(settings.inflight_bytes_max, settings.admission_wait);
        let limits = RequestLimits {
            request_bytes_max: settings.request_bytes_max,
            body_time_max: settings.body_time_max,
            room_wait: settings.admission_wait,
        };
        let received = Arc::new(Received::default());
        let ingester = Ingester::new(store.clone(), admission.clone(), limits, Arc::clone(&received));
        let health = HealthReporter::new();
        for service in [receiver::grpc::TRACE_SERVICE, receiver::grpc::LOGS_SERVICE] {
            health.set_service_status(service, ServingStatus::Serving).await;
        }
        let health_routes = Routes::new(HealthServer::new(HealthService::from_health_reporter(health.clone())));
        let grpc_router = receiver::grpc::router(ingester.clone(), health_routes);
        let http_router = receiver::http::router(ingester.clone(), &settings.cors_origins);

        let (stop_receiving, stop_maintenance) = (CancellationToken::new(), CancellationToken::new());
        let server = || Server {
            connections_max: settings.connections_max,
            drain_time_max: settings.drain_time_max,
            stop: stop_receiving.clone(),
        };
        let mut servers = JoinSet::new();
        servers.spawn(server().serve(grpc_listener, grpc_router, true));
        servers.spawn(server().serve(http_listener, http_router, false));

        let (replay_ended, replayed) = watch::channel(false);
        tokio::spawn(replay(store.clone(), replay_ended, stop_maintenance.clone()));
        let mut maintenance = JoinSet::new();
        for signal in Signal::ALL {
            let policy = FlushPolicy::new(&settings);
            maintenance.spawn(flush::run(store.clone(), signal, policy, stop_maintenance.clone()));
        }
        maintenance.spawn(compaction::run(store.clone(), settings.clone(), stop_maintenance.clone()));
        maintenance.spawn(retention::run(store.clone(), settings.clone(), stop_maintenance.clone()));
        maintenance.spawn(report(admission, stop_maintenance.clone()));

        let shared = Shared {
            store,
            ingester,
            settings,
            grpc,
            http,
            received,
            health,
            replayed,
            stop_receiving,
            stop_maintenance,
            servers: Mutex::new(servers),
            maintenance: Mutex::new(maintenance),
        };
        Ok(Collector { shared: Arc::new(shared) })
    }

    /// Where OTLP/gRPC is served; the real port when 0 was asked for.
    pub fn grpc_address(&self) -> SocketAddr {
        self.shared.grpc
    }

    pub fn http_address(&self) -> SocketAddr {
        self.shared.http
    }

    /// What has come in since the start.
    pub fn received(&self, signal: Signal) -> ReceivedCounts {
        self.shared.received.counts(signal)
    }

    /// Stores the records of one signal of an OTLP/JSON document that did not come by a port; fields of other signals
    /// are passed over. Returns when the rows are on disk and visible; the bounds are those of the ports.
    pub async fn ingest_json(&self, signal: Signal, json: Bytes) -> Result<Outcome, IngestError> {
        let ingester = &self.shared.ingester;
        let mut reservation = ingester.admission().reserve_nothing_yet();
        reservation.grow(json.len()).await?;
        let encoded = Encoded { bytes: json, compression: Compression::Identity, format: Format::Json };
        let result = ingester.ingest(signal, encoded, reservation).await;
        result.inspect_err(|error| ingester.count_refused(signal, error))
    }

    /// Returns when everything that was acknowledged before the call lies in segments. Waits for the replay to end.
    pub async fn flush_all(&self) -> Result<(), StorageError> {
        // An error means that replay gave up; what it did not read stays in the log.
        let _ = self.shared.replayed.clone().wait_for(|ended| *ended).await;
        for signal in Signal::ALL {
            flush::flush(&self.shared.store, signal).await?;
        }
        Ok(())
    }

    /// Merges what the policy would merge. `force`: everything of a date into one segment.
    pub async fn compact_all(&self, force: bool) -> Result<(), StorageError> {
        let Shared { store, settings, stop_maintenance, .. } = self.shared.as_ref();
        for signal in Signal::ALL {
            if force {
                compaction::compact_forced(store, signal).await?;
            } else {
                compaction::compact(store, signal, settings.compaction_rows_max, stop_maintenance).await?;
            }
        }
        Ok(())
    }

    /// Stops accepting, lets the requests at hand end (at most `drain_time_max`), ends the background work and writes
    /// what is in the memtable into segments. A second call does nothing.
    pub async fn shutdown(&self) {
        let shared = self.shared.as_ref();
        for service in ["", receiver::grpc::TRACE_SERVICE, receiver::grpc::LOGS_SERVICE] {
            shared.health.set_service_status(service, ServingStatus::NotServing).await;
        }
        shared.stop_receiving.cancel();
        let mut servers = std::mem::take(&mut *shared.servers.lock());
        while servers.join_next().await.is_some() {}
        shared.stop_maintenance.cancel();
        let mut maintenance = std::mem::take(&mut *shared.maintenance.lock());
        while maintenance.join_next().await.is_some() {}
        for signal in Signal::ALL {
            // What cannot be flushed is in the log, and the next start replays it.
            if let Err(error) = flush::flush(&shared.store, signal).await {
                tracing::error!(%error, %signal, "rows could not be flushed at the stop; they stay in the log");
            }
        }
    }
}

async fn listen(what: &'static str, address: SocketAddr) -> Result<TcpListener, CollectorError> {
    TcpListener::bind(address).await.map_err(|source| CollectorError::Listen { what, address, source })
}

/// Errors (a full disk, say) are tried again: until replay has ended queries are not complete and nothing is flushed.
async fn replay(store: Store, ended: watch::Sender<bool>, stop: CancellationToken) {
    let mut backoff = Backoff::default();
    loop {
        match ingester::replay(&store).await {
            Ok(outcome) => {
                if outcome.requests > 0 || outcome.set_aside > 0 {
                    let (requests, rows, set_aside) = (outcome.requests, outcome.rows, outcome.set_aside);
                    tracing::info!(requests, rows, set_aside, "replayed the log");
                }
                ended.send_replace(true);
                return;
            }
            Err(error) => {
                let pause = backoff.next();
                tracing::error!(%error, retry_in = ?pause, "the log could not be replayed to its end");
                if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                    return;
                }
            }
        }
    }
}

/// Sets the gauge of what is being received.
async fn report(admission: Admission, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(std::time::Duration::from_secs(5));
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        gauge!("spanlake_ingest_inflight_bytes").set(admission.reserved() as f64);
    }
}

fn unix_millis() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
