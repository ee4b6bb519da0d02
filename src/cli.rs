//! The command line. Its help texts are the reference of the product's configuration.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::Config;

/// Traces and logs in one open lake.
///
/// Spanlake takes OpenTelemetry traces and logs (OTLP over gRPC and HTTP), makes them durable and searchable at once,
/// keeps them as Parquet files in Delta Lake tables that other tools can read, and shows them in the browser.
#[derive(Debug, Parser)]
#[command(name = "spanlake", version, arg_required_else_help = true, max_term_width = 120)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(Box<ServeArguments>),
    Sql(SqlArguments),
    Replay(ReplayArguments),
    /// Print the OpenAPI description of the HTTP API, as /openapi.json answers it
    Openapi,
}

/// Receive, store, search and show traces and logs.
///
/// Needs no configuration: data lies in ./spanlake-data, OpenTelemetry SDKs send to their default ports on this
/// machine, and the user interface is at http://127.0.0.1:4319.
///
/// Every option can also be given as an environment variable and as a key of the TOML file named by --config (the same
/// name with underscores, e.g. http_listen = "127.0.0.1:4319"). A flag wins over the environment, the environment over
/// the file. Durations are written 500ms, 30s, 2h, 30d; sizes 64MiB, 10GB.
///
/// SIGTERM or Ctrl-C stops gracefully: requests in flight are answered and everything is flushed. A second one ends at
/// once; what was acknowledged is in the write-ahead log and is there after the next start.
#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Read options from this TOML file; an unknown key is an error
    #[arg(long, env = "SPANLAKE_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Fill the lake with example traffic
    ///
    /// A recorded run of a ticket shop of 24 services (105 traces, 45 of them failing, with their logs), shifted to
    /// now and sent through the OTLP port, then a few traces per second until the server stops.
    #[arg(long, env = "SPANLAKE_DEMO", value_parser = clap::builder::FalseyValueParser::new())]
    pub(crate) demo: bool,

    #[command(flatten)]
    pub(crate) options: Config,
}

const SQL_EXAMPLES: &str = "\
Examples:
  spanlake sql \"SELECT service, count(*) FROM spans GROUP BY service\"
  spanlake sql --format csv \"SELECT time, body FROM logs WHERE match(body, 'timeout') LIMIT 20\"";

/// Ask the tables spans and logs a question in SQL.
///
/// Without --url the data directory is opened directly, rows in its write-ahead log included; nothing in it is changed.
/// That needs the directory for itself: while a server runs on it, use --url.
///
/// Columns of spans: trace_id, span_id, parent_span_id, trace_state, flags, service, name, kind, start_time, end_time,
/// duration_ns, status, status_message, scope_name, scope_version, resource, attributes, events, links and the dropped
/// counts.
///
/// Columns of logs: time, observed_time, severity_number, severity, severity_text, body, trace_id, span_id,
/// flags, service, event_name, scope_name, scope_version, resource, attributes.
///
/// attributes['key'] is one attribute; match(body, 'words') is true when every word occurs.
#[derive(Debug, Args)]
#[command(after_long_help = SQL_EXAMPLES)]
pub(crate) struct SqlArguments {
    /// One SELECT statement
    pub(crate) statement: String,

    /// Data directory to read
    #[arg(long, env = "SPANLAKE_DATA_DIR", value_name = "DIR", default_value = crate::config::DATA_DIR)]
    pub(crate) data_dir: PathBuf,

    /// Ask this running server instead, e.g. http://127.0.0.1:4319
    #[arg(long, env = "SPANLAKE_URL", value_name = "URL")]
    pub(crate) url: Option<String>,

    /// How to print the answer
    #[arg(long, value_enum, default_value_t = SqlFormat::Table)]
    pub(crate) format: SqlFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SqlFormat {
    /// A table for people
    Table,
    /// Comma-separated values with a header line
    Csv,
    /// One object with columns and rows, as the HTTP API answers
    Json,
}

/// Send recorded traces and logs to an OTLP/HTTP port.
///
/// Reads packs (*.otlp.zst: a zstd stream of frames, each a varint length and one ExportTraceServiceRequest or
/// ExportLogsServiceRequest) and OTLP/JSON with one request per line (*.jsonl). Requests that are refused for the
/// moment (429, 503) are sent again after the time the server asks for. Ends with exit code 1 when not everything was
/// accepted.
#[derive(Debug, Args)]
pub(crate) struct ReplayArguments {
    /// Packs or OTLP/JSON lines
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// OTLP/HTTP address to send to
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:4318")]
    pub(crate) to: String,

    /// Move all times of all files by one distance, so that the latest becomes now
    #[arg(long)]
    pub(crate) shift_to_now: bool,

    /// At most this many spans and log records per second; as fast as the server accepts when absent
    #[arg(long, value_name = "ITEMS_PER_SECOND")]
    pub(crate) rate: Option<NonZeroU32>,
}
