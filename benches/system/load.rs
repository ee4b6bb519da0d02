//! Sends encoded requests over OTLP/gRPC, as many connections at a time as asked for.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use bytes::{Buf, BufMut, Bytes};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request as GrpcRequest, Status};
use tonic_types::StatusExt;

use crate::workload::requests::Request;

/// A request that is not accepted within this time has failed.
const GIVE_UP: Duration = Duration::from_secs(120);
/// Before a request is sent again when the server does not say.
const PAUSE: Duration = Duration::from_millis(100);

pub(crate) const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
pub(crate) const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// How sending went.
pub(crate) struct Sent {
    pub(crate) items: u64,
    pub(crate) took: Duration,
    /// Of each request, from its first sending to its acknowledge.
    pub(crate) latencies: Vec<Duration>,
    pub(crate) retries: u64,
}

struct Load {
    requests: Vec<Request>,
    next: AtomicUsize,
    method: &'static str,
    /// Told when the last request has been acknowledged.
    last_acknowledged: Sender<Instant>,
}

/// Returns when all is acknowledged. One thread for all connections: the cores are the server's.
/// Errors: anything that was not accepted.
pub(crate) fn send(
    server: SocketAddr,
    method: &'static str,
    requests: Vec<Request>,
    connections: usize,
    last_acknowledged: Sender<Instant>,
) -> anyhow::Result<Sent> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let mut channels = Vec::new();
        for _ in 0..connections {
            let endpoint = Endpoint::from_shared(format!("http://{server}"))?.tcp_nodelay(true);
            channels.push(endpoint.connect().await.context("cannot connect")?);
        }
        let load = Arc::new(Load { requests, next: AtomicUsize::new(0), method, last_acknowledged });
        let started = Instant::now();
        let tasks: Vec<_> =
            channels.into_iter().map(|channel| tokio::spawn(worker(Arc::clone(&load), channel))).collect();
        let mut sent = Sent { items: 0, took: Duration::ZERO, latencies: Vec::new(), retries: 0 };
        for task in tasks {
            let part = task.await??;
            sent.items += part.items;
            sent.latencies.extend(part.latencies);
            sent.retries += part.retries;
        }
        sent.took = started.elapsed();
        sent.latencies.sort_unstable();
        Ok(sent)
    })
}

async fn worker(load: Arc<Load>, channel: Channel) -> anyhow::Result<Sent> {
    let mut sent = Sent { items: 0, took: Duration::ZERO, latencies: Vec::new(), retries: 0 };
    loop {
        let nth = load.next.fetch_add(1, Ordering::Relaxed);
        let Some(request) = load.requests.get(nth) else { return Ok(sent) };
        let started = Instant::now();
        sent.retries += export(&channel, load.method, &request.body).await?;
        sent.latencies.push(started.elapsed());
        sent.items += request.items;
        if nth + 1 == load.requests.len() {
            // Nobody may listen.
            let _ = load.last_acknowledged.send(Instant::now());
        }
    }
}

/// Sends until it is accepted whole; how often it had to be sent again.
async fn export(channel: &Channel, method: &'static str, body: &Bytes) -> anyhow::Result<u64> {
    let started = Instant::now();
    let mut retries = 0;
    loop {
        let mut client = Grpc::new(channel.clone());
        client.ready().await.context("not connected")?;
        let request = GrpcRequest::new(body.clone());
        match client.unary(request, PathAndQuery::from_static(method), Raw).await {
            Ok(answer) => {
                // Both signals have the count of what was rejected in the same place.
                let answer = ExportTraceServiceResponse::decode(answer.into_inner())?;
                let partial = answer.partial_success.unwrap_or_default();
                ensure!(partial.rejected_spans == 0, "items were rejected: {}", partial.error_message);
                return Ok(retries);
            }
            Err(status) if may_retry(&status) && started.elapsed() < GIVE_UP => {
                retries += 1;
                tokio::time::sleep(delay(&status).unwrap_or(PAUSE)).await;
            }
            Err(status) => bail!("refused: {status}"),
        }
    }
}

/// OTLP specification, "OTLP/gRPC Response": RESOURCE_EXHAUSTED only with a delay.
fn may_retry(status: &Status) -> bool {
    status.code() == Code::Unavailable || (status.code() == Code::ResourceExhausted && delay(status).is_some())
}

fn delay(status: &Status) -> Option<Duration> {
    status.get_details_retry_info().and_then(|info| info.retry_delay)
}

/// Bytes in, bytes out.
#[derive(Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}
