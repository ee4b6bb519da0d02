//! Configuration: as typed ([`Config`]) and as meant ([`Settings`]), turned into each other once, here.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use clap::Args;
use collector::CollectorSettings;
use query::{EngineSettings, FLOW_KEYS, FLOW_KEYS_MAX};
use serde::Deserialize;
use storage::StoreSettings;

use crate::human::{ByteSize, HumanDuration, ListenAddress};

/// Where data lies unless told otherwise.
pub(crate) const DATA_DIR: &str = "./spanlake-data";

/// Our own floors at INFO; libraries only when something is wrong.
const LOG_FILTER: &str = "warn,spanlake=info,collector=info,query=info,storage=info";

/// Options as typed: in the file, in the environment or as flags; what is absent has its default.
#[derive(Clone, Debug, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Directory of all data; created when absent [default: ./spanlake-data]
    #[arg(long, env = "SPANLAKE_DATA_DIR", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Where OTLP over gRPC is received [default: 127.0.0.1:4317]
    ///
    /// Port 0 takes a free port; all addresses are then in addresses.json in the data directory. There is no
    /// authentication: listen on other interfaces only in a network you trust.
    #[arg(long, env = "SPANLAKE_OTLP_GRPC_LISTEN", value_name = "ADDRESS")]
    pub(crate) otlp_grpc_listen: Option<ListenAddress>,

    /// Where OTLP over HTTP is received, protobuf and JSON [default: 127.0.0.1:4318]
    #[arg(long, env = "SPANLAKE_OTLP_HTTP_LISTEN", value_name = "ADDRESS")]
    pub(crate) otlp_http_listen: Option<ListenAddress>,

    /// Where the user interface, the HTTP API and /metrics are served [default: 127.0.0.1:4319]
    #[arg(long, env = "SPANLAKE_HTTP_LISTEN", value_name = "ADDRESS")]
    pub(crate) http_listen: Option<ListenAddress>,

    /// Delete data older than this, whole UTC dates at a time, e.g. 30d [default: keep everything]
    #[arg(long, env = "SPANLAKE_RETENTION", value_name = "DURATION", allow_hyphen_values = true)]
    pub(crate) retention: Option<HumanDuration>,

    /// Write rows into Parquet segments when the oldest has waited this long [default: 30s]
    ///
    /// Rows are durable and searchable before that; longer intervals make fewer and larger segments.
    #[arg(long, env = "SPANLAKE_FLUSH_INTERVAL", value_name = "DURATION")]
    pub(crate) flush_interval: Option<HumanDuration>,

    /// Write rows into segments when this many wait [default: 250000]
    #[arg(long, env = "SPANLAKE_FLUSH_ROWS", value_name = "ROWS")]
    pub(crate) flush_rows: Option<usize>,

    /// Write rows into segments when they take this much memory [default: 64MiB]
    #[arg(long, env = "SPANLAKE_FLUSH_BYTES", value_name = "SIZE")]
    pub(crate) flush_bytes: Option<ByteSize>,

    /// Memory of rows that wait to be written; beyond it senders wait, then are asked to come back [default: 192MiB]
    #[arg(long, env = "SPANLAKE_MEMTABLE_MEMORY", value_name = "SIZE")]
    pub(crate) memtable_memory: Option<ByteSize>,

    /// How long a request waits for room before its sender is asked to come back [default: 2s]
    #[arg(long, env = "SPANLAKE_ADMISSION_WAIT", value_name = "DURATION")]
    pub(crate) admission_wait: Option<HumanDuration>,

    /// Largest request that is received, inflated; senders of more get an error [default: 64MiB]
    #[arg(long, env = "SPANLAKE_REQUEST_SIZE", value_name = "SIZE")]
    pub(crate) request_size: Option<ByteSize>,

    /// Web pages of these origins may send from the browser, * for any; separated by commas [default: none]
    #[arg(long, env = "SPANLAKE_CORS_ORIGINS", value_name = "ORIGINS", value_delimiter = ',')]
    pub(crate) cors_origins: Option<Vec<String>>,

    /// Memory of all running queries together; one that needs more fails with an explanation [default: 512MiB]
    #[arg(long, env = "SPANLAKE_QUERY_MEMORY", value_name = "SIZE")]
    pub(crate) query_memory: Option<ByteSize>,

    /// Time a query may take unless it asks for another [default: 30s]
    #[arg(long, env = "SPANLAKE_QUERY_TIMEOUT", value_name = "DURATION")]
    pub(crate) query_timeout: Option<HumanDuration>,

    /// Queries that run at once; more wait [default: 8]
    #[arg(long, env = "SPANLAKE_QUERY_CONCURRENCY", value_name = "QUERIES")]
    pub(crate) query_concurrency: Option<usize>,

    /// Attribute keys that carry the id of a flow, separated by commas [default: order.id, session.id, request.id, ...]
    ///
    /// The page of a flow looks under them in spans, log records and their resources. GET /api/v1/status lists those in
    /// use; a list given here takes the place of the default, which is:
    /// x-request-id, request.id, request_id, http.request.header.x-request-id, http.req.id, correlation.id,
    /// correlation_id, x-correlation-id, http.request.header.x-correlation-id, order.id, order_id, app.order.id,
    /// session.id, app.session.id, session, messaging.message.conversation_id, messaging.message.id, transaction.id,
    /// workflow.id, job.id, aws.request_id, faas.invocation_id.
    #[arg(long, env = "SPANLAKE_FLOW_KEYS", value_name = "KEYS", value_delimiter = ',')]
    pub(crate) flow_keys: Option<Vec<String>>,

    /// What is logged to standard error: a level, or levels per module [default: info, warn for libraries]
    #[arg(long, env = "SPANLAKE_LOG", value_name = "FILTER")]
    pub(crate) log: Option<String>,
}

impl Config {
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read configuration {}", file.display()))?;
        toml::from_str(&text).with_context(|| format!("configuration {}", file.display()))
    }

    /// What is absent here is taken from `weaker`.
    pub(crate) fn or(self, weaker: Self) -> Self {
        Self {
            data_dir: self.data_dir.or(weaker.data_dir),
            otlp_grpc_listen: self.otlp_grpc_listen.or(weaker.otlp_grpc_listen),
            otlp_http_listen: self.otlp_http_listen.or(weaker.otlp_http_listen),
            http_listen: self.http_listen.or(weaker.http_listen),
            retention: self.retention.or(weaker.retention),
            flush_interval: self.flush_interval.or(weaker.flush_interval),
            flush_rows: self.flush_rows.or(weaker.flush_rows),
            flush_bytes: self.flush_bytes.or(weaker.flush_bytes),
            memtable_memory: self.memtable_memory.or(weaker.memtable_memory),
            admission_wait: self.admission_wait.or(weaker.admission_wait),
            request_size: self.request_size.or(weaker.request_size),
            cors_origins: self.cors_origins.or(weaker.cors_origins),
            query_memory: self.query_memory.or(weaker.query_memory),
            query_timeout: self.query_timeout.or(weaker.query_timeout),
            query_concurrency: self.query_concurrency.or(weaker.query_concurrency),
            flow_keys: self.flow_keys.or(weaker.flow_keys),
            log: self.log.or(weaker.log),
        }
    }
}

/// Options as meant: the settings of each floor.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) store: StoreSettings,
    pub(crate) collector: CollectorSettings,
    pub(crate) engine: EngineSettings,
    pub(crate) flow_keys: Vec<String>,
    /// Of the query port.
    pub(crate) http: SocketAddr,
    pub(crate) log: String,
}

impl Settings {
    /// Errors: options that cannot be meant.
    pub(crate) fn of(config: Config) -> anyhow::Result<Self> {
        ensure!(config.flush_rows != Some(0), "flush-rows is 0: rows could never wait for each other");
        ensure!(config.query_concurrency != Some(0), "query-concurrency is 0: no query could run");
        let mut store = StoreSettings::new(config.data_dir.unwrap_or_else(|| DATA_DIR.into()));
        let mut collector = CollectorSettings::default();
        let mut engine = EngineSettings::default();
        set(&mut collector.grpc, config.otlp_grpc_listen.map(|address| address.0));
        set(&mut collector.http, config.otlp_http_listen.map(|address| address.0));
        set(&mut collector.flush_interval, config.flush_interval.map(|interval| interval.0));
        set(&mut collector.flush_rows, config.flush_rows);
        set(&mut collector.flush_bytes, bytes("flush-bytes", config.flush_bytes)?);
        set(&mut collector.admission_wait, config.admission_wait.map(|wait| wait.0));
        set(&mut collector.request_bytes_max, bytes("request-size", config.request_size)?);
        collector.inflight_bytes_max = collector.inflight_bytes_max.max(collector.request_bytes_max.saturating_mul(2));
        set(&mut collector.cors_origins, config.cors_origins);
        collector.retention = config.retention.map(|retention| retention.0);
        set(&mut store.memtable_bytes_max, bytes("memtable-memory", config.memtable_memory)?);
        // A full memtable refuses, so a flush begins well before: two signals, one part being written and one filling.
        collector.flush_bytes = collector.flush_bytes.min(store.memtable_bytes_max / 4);
        set(&mut engine.memory_bytes_max, bytes("query-memory", config.query_memory)?);
        set(&mut engine.timeout, config.query_timeout.map(|timeout| timeout.0));
        engine.timeout_max = engine.timeout_max.max(engine.timeout);
        set(&mut engine.running_max, config.query_concurrency);
        Ok(Self {
            store,
            collector,
            engine,
            flow_keys: flow_keys(config.flow_keys)?,
            http: config.http_listen.map_or((Ipv4Addr::LOCALHOST, 4319).into(), |address| address.0),
            log: config.log.unwrap_or_else(|| LOG_FILTER.to_owned()),
        })
    }
}

/// Each once, without blanks around it.
fn flow_keys(typed: Option<Vec<String>>) -> anyhow::Result<Vec<String>> {
    let Some(typed) = typed else { return Ok(FLOW_KEYS.map(str::to_owned).to_vec()) };
    let mut keys: Vec<String> = Vec::new();
    for key in typed.iter().map(|key| key.trim()) {
        if !key.is_empty() && !keys.iter().any(|known| known == key) {
            keys.push(key.to_owned());
        }
    }
    ensure!(!keys.is_empty(), "flow-keys names no key: leave it out for the default");
    ensure!(keys.len() <= FLOW_KEYS_MAX, "flow-keys names {} keys, of at most {FLOW_KEYS_MAX}", keys.len());
    Ok(keys)
}

fn set<T>(setting: &mut T, typed: Option<T>) {
    if let Some(typed) = typed {
        *setting = typed;
    }
}

fn bytes(option: &str, size: Option<ByteSize>) -> anyhow::Result<Option<usize>> {
    let bytes = size.map(|size| usize::try_from(size.0)).transpose();
    let bytes = bytes.with_context(|| format!("{option} is more than this machine can address"))?;
    ensure!(bytes != Some(0), "{option} is 0");
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_empty_file_is_valid_and_means_the_defaults() {
        let config: Config = toml::from_str("").expect("valid");
        let settings = Settings::of(config).expect("valid");
        assert_eq!(settings.http.to_string(), "127.0.0.1:4319");
        assert_eq!(settings.store.data_dir, Path::new(DATA_DIR));
        assert_eq!(settings.collector.retention, None);
        assert_eq!(settings.flow_keys, FLOW_KEYS);
    }

    #[test]
    fn every_key_is_read_and_the_stronger_wins() {
        let text = r#"
            data_dir = "/data"
            otlp_grpc_listen = "127.0.0.1:1"
            otlp_http_listen = "127.0.0.1:2"
            http_listen = "127.0.0.1:3"
            retention = "30d"
            flush_interval = "2s"
            flush_rows = 1000
            flush_bytes = "1MiB"
            memtable_memory = "2MiB"
            admission_wait = "500ms"
            request_size = "100MiB"
            cors_origins = ["https://example.org"]
            query_memory = "3MiB"
            query_timeout = "20m"
            query_concurrency = 4
            flow_keys = ["order.id", " order.id ", "basket"]
            log = "warn"
        "#;
        let file: Config = toml::from_str(text).expect("valid");
        let flags = Config { flush_rows: Some(7), ..Config::default() };
        let settings = Settings::of(flags.or(file)).expect("valid");
        assert_eq!(settings.collector.flush_rows, 7);
        assert_eq!(settings.collector.retention, Some(Duration::from_secs(30 * 86_400)));
        assert_eq!((settings.collector.grpc.port(), settings.collector.http.port(), settings.http.port()), (1, 2, 3));
        assert_eq!(settings.collector.inflight_bytes_max, 200 << 20);
        assert_eq!(settings.collector.admission_wait, Duration::from_millis(500));
        assert_eq!((settings.store.memtable_bytes_max, settings.engine.memory_bytes_max), (2 << 20, 3 << 20));
        assert_eq!(settings.engine.timeout_max, Duration::from_secs(1200), "the maximum is not below the default");
        assert_eq!((settings.engine.running_max, settings.log.as_str()), (4, "warn"));
        assert_eq!(settings.flow_keys, ["order.id", "basket"]);
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        for (text, named) in [
            ("data_dri = 'x'", "data_dri"),
            ("flush_interval = 'soon'", "soon"),
            ("flush_rows = '5'", "flush_rows"),
            ("http_listen = 'nowhere'", "nowhere"),
        ] {
            let error = toml::from_str::<Config>(text).expect_err(text);
            assert!(error.to_string().contains(named), "{error}");
        }
        let none = Config { query_memory: Some(ByteSize(0)), ..Config::default() };
        assert!(Settings::of(none).expect_err("zero").to_string().contains("query-memory"));
        let none = Config { flow_keys: Some(vec![" ".to_owned()]), ..Config::default() };
        assert!(Settings::of(none).expect_err("no key").to_string().contains("flow-keys"));
    }
}
