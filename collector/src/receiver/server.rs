//! Connections: accepted up to a limit, with timeouts against senders that never finish, ended gracefully.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// How long a connection may take for a request's header, and so also how long it may be idle in HTTP/1: longer than the
/// few seconds between two exports, as a connection closed at the wrong moment costs some SDKs their batch.
const HEADER_TIME_MAX: Duration = Duration::from_secs(30);
const HEADER_BYTES_MAX: u32 = 64 << 10;

/// Per HTTP/2 connection.
const STREAMS_MAX: u32 = 200;
/// At least 1 MiB, or a batch takes several round trips.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;

/// A peer that vanished is noticed after the sum. Pings of clients are answered at any rate.
const PING_INTERVAL: Duration = Duration::from_secs(60);
const PING_TIME_MAX: Duration = Duration::from_secs(20);

/// After a failed accept, most often for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What both ports need.
pub(crate) struct Server {
    pub(crate) connections_max: usize,
    /// From the start of the stop until connections are cut off.
    pub(crate) drain_time_max: Duration,
    pub(crate) stop: CancellationToken,
}

impl Server {
    /// Serves `router` until `stop`, then lets the requests at hand end. `http2_only`: for gRPC.
    pub(crate) async fn serve(self, listener: TcpListener, router: Router, http2_only: bool) {
        let builder = connection_builder(http2_only);
        let connections = Arc::new(Semaphore::new(self.connections_max));
        let graceful = GracefulShutdown::new();
        let cut_off = CancellationToken::new();
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => break,
                accepted = async {
                    let permit = Arc::clone(&connections).acquire_owned().await.expect("never closed");
                    (listener.accept().await, permit)
                } => accepted,
            };
            let (stream, permit) = match accepted {
                (Ok((stream, _)), permit) => (stream, permit),
                (Err(error), _) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (builder, router) = (builder.clone(), router.clone());
            let (watcher, stop, cut_off) = (graceful.watcher(), self.stop.clone(), cut_off.clone());
            tokio::spawn(async move {
                let _permit = permit;
                if !matches!(stop.run_until_cancelled(first_byte(&stream)).await, Some(Ok(()))) {
                    return;
                }
                let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
                let connection = watcher.watch(connection.into_owned());
                // Broken connections are the peer's affair and everyday.
                if let Some(Err(error)) = cut_off.run_until_cancelled(connection).await {
                    tracing::debug!(%error, "a connection ended");
                }
            });
        }
        drop(listener);
        if tokio::time::timeout(self.drain_time_max, graceful.shutdown()).await.is_err() {
            tracing::warn!("requests were still being received when the time to stop was over; they are cut off");
            cut_off.cancel();
        }
    }
}

fn connection_builder(http2_only: bool) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME_MAX)
        .max_buf_size(HEADER_BYTES_MAX as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(HEADER_BYTES_MAX)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIME_MAX);
    if http2_only { builder.http2_only() } else { builder }
}

/// A connection that never says a word is neither waited for at a stop nor kept for ever: HTTP/2 has no timeout for it.
async fn first_byte(stream: &TcpStream) -> io::Result<()> {
    // Answers are a few bytes: waiting to fill a packet would only delay them.
    stream.set_nodelay(true)?;
    // Not `readable`, which may return early.
    tokio::time::timeout(HEADER_TIME_MAX, stream.peek(&mut [0])).await?.map(drop)
}
