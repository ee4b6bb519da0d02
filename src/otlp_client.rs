//! Sends requests to an OTLP/HTTP port the way exporters do: again after a moment when the server says so.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use prost::Message;
use proto::otlp::{ExportLogsServiceResponse, ExportTraceServiceResponse};
use ureq::Agent;
use ureq::http::StatusCode;

use crate::pack::Request;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// How long one request is sent again and again before the client gives up.
const RETRY_MAX: Duration = Duration::from_secs(120);
/// Wait before sending again when the server names no time; doubled each time up to [`BACKOFF_MAX`].
const BACKOFF: Duration = Duration::from_millis(200);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// What became of a request's spans or log records.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) accepted: u64,
    pub(crate) refused: u64,
    /// Why, in the server's words.
    pub(crate) reason: String,
}

pub(crate) struct OtlpClient {
    agent: Agent,
    /// `http://host:port`
    base: String,
}

impl OtlpClient {
    /// Errors: not an `http://` address.
    pub(crate) fn new(url: &str) -> anyhow::Result<Self> {
        let base = url.trim_end_matches('/').to_owned();
        if !base.starts_with("http://") {
            bail!("{url} is not an OTLP/HTTP address: write http://HOST:PORT (there is no TLS here)");
        }
        let config = Agent::config_builder().timeout_global(Some(REQUEST_TIMEOUT)).http_status_as_error(false);
        Ok(Self { agent: config.build().new_agent(), base })
    }

    /// Returns once the server has accepted or refused it. `keep_on` is asked before each further attempt.
    /// Errors: the server cannot be reached, refuses the whole request, or asks to wait for longer than [`RETRY_MAX`].
    pub(crate) fn send(&self, request: &Request, keep_on: impl Fn() -> bool) -> anyhow::Result<Delivery> {
        let body = request.encode();
        let items = request.items() as u64;
        let url = format!("{}{}", self.base, request.path());
        let started = Instant::now();
        let mut backoff = BACKOFF;
        loop {
            let answer = self.post(&url, &body).with_context(|| format!("cannot send to {url}"))?;
            if answer.status == StatusCode::OK {
                return delivery(request, items, &answer.body);
            }
            let is_temporary = matches!(answer.status.as_u16(), 429 | 502 | 503 | 504);
            let wait = answer.retry_after.unwrap_or(backoff);
            if !is_temporary || started.elapsed() + wait > RETRY_MAX || !keep_on() {
                bail!("{url} answered {}: {}", answer.status, answer.message());
            }
            std::thread::sleep(wait);
            backoff = (backoff * 2).min(BACKOFF_MAX);
        }
    }

    fn post(&self, url: &str, body: &[u8]) -> Result<Answer, ureq::Error> {
        let mut response = self.agent.post(url).header("content-type", "application/x-protobuf").send(body)?;
        let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after = header.and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
        Ok(Answer { status: response.status(), retry_after, body })
    }
}

struct Answer {
    status: StatusCode,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

/// `google.rpc.Status`, the body of OTLP errors.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

impl Answer {
    fn message(&self) -> String {
        match RpcStatus::decode(self.body.as_slice()) {
            Ok(status) if !status.message.is_empty() => status.message,
            _ => String::from_utf8_lossy(&self.body).chars().take(200).collect(),
        }
    }
}

fn delivery(request: &Request, items: u64, body: &[u8]) -> anyhow::Result<Delivery> {
    let partial = match request {
        Request::Traces(_) => {
            let response = ExportTraceServiceResponse::decode(body).context("the answer is not OTLP")?;
            response.partial_success.map(|partial| (partial.rejected_spans, partial.error_message))
        }
        Request::Logs(_) => {
            let response = ExportLogsServiceResponse::decode(body).context("the answer is not OTLP")?;
            response.partial_success.map(|partial| (partial.rejected_log_records, partial.error_message))
        }
    };
    let (refused, reason) = partial.unwrap_or_default();
    let refused = u64::try_from(refused).unwrap_or(0).min(items);
    Ok(Delivery { accepted: items - refused, refused, reason })
}
