//! OTLP/gRPC with the bytes as given: a client that would encode messages itself could not send broken ones.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use bytes::{Buf, BufMut};
use tokio::runtime::Runtime;
use tonic::client::Grpc;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

pub(crate) const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
pub(crate) const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
pub(crate) const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

/// Bytes in, bytes out.
#[derive(Default)]
struct RawCodec;

impl Codec for RawCodec {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut bytes = vec![0; buffer.remaining()];
        buffer.copy_to_slice(&mut bytes);
        Ok(Some(bytes))
    }
}

/// A blocking client over one connection.
pub(crate) struct GrpcClient {
    runtime: Runtime,
    channel: Channel,
}

impl GrpcClient {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let endpoint = Endpoint::from_str(&format!("http://{address}")).expect("an address is an endpoint");
        let endpoint = endpoint.timeout(Duration::from_secs(60)).connect_timeout(Duration::from_secs(5));
        let channel = runtime.block_on(async { endpoint.connect_lazy() });
        Self { runtime, channel }
    }

    /// One unary call; the answer's message bytes, or the status.
    pub(crate) fn call(
        &self,
        method: &'static str,
        message: &[u8],
        encoding: Option<CompressionEncoding>,
    ) -> Result<Vec<u8>, Status> {
        let mut client = Grpc::new(self.channel.clone());
        if let Some(encoding) = encoding {
            client = client.send_compressed(encoding).accept_compressed(encoding);
        }
        self.runtime.block_on(async {
            client.ready().await.map_err(|error| Status::unavailable(format!("not connected: {error}")))?;
            let path = ureq::http::uri::PathAndQuery::from_static(method);
            let answer = client.unary(Request::new(message.to_vec()), path, RawCodec).await?;
            Ok(answer.into_inner())
        })
    }

    /// Sends a message that must be accepted whole.
    pub(crate) fn export(&self, method: &'static str, message: &[u8]) {
        let answer = self.call(method, message, None).unwrap_or_else(|status| panic!("{method}: {status}"));
        assert!(answer.is_empty(), "{method} was not accepted whole: {answer:?}");
    }
}
