//! `spanlake sql`: one question to a data directory or to a running server.

use std::io::{ErrorKind as IoErrorKind, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};
use arrow::ipc::reader::StreamReader;
use query::{Engine, EngineSettings, Rows, result};
use serde_json::{Value as Json, json};
use storage::{Store, StoreSettings};
use ureq::Agent;

use crate::cli::{SqlArguments, SqlFormat};
use crate::replay::unix_nanos_now;

/// A person at a terminal can press Ctrl-C.
const TIMEOUT: Duration = Duration::from_secs(600);
/// A server answers with less; this bounds what a wrong address can send.
const ANSWER_BYTES_MAX: u64 = 4 << 30;
const TRUNCATED_HEADER: &str = "x-spanlake-truncated";

pub(crate) fn run(arguments: SqlArguments) -> anyhow::Result<()> {
    let answer = match &arguments.url {
        Some(url) => ask_server(url, &arguments.statement, arguments.format)?,
        None => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            let answer = runtime.block_on(ask_directory(&arguments.data_dir, &arguments.statement, arguments.format));
            runtime.shutdown_background();
            answer?
        }
    };
    print(&answer.text)?;
    if answer.truncated {
        eprintln!("note: there are more rows than these; add a LIMIT, or aggregate");
    }
    Ok(())
}

struct Answer {
    text: Vec<u8>,
    truncated: bool,
}

async fn ask_directory(data_dir: &Path, statement: &str, format: SqlFormat) -> anyhow::Result<Answer> {
    ensure!(data_dir.is_dir(), "there is no data directory {}: name one with --data-dir", data_dir.display());
    ensure!(data_dir.join("lake").is_dir(), "{} is not a data directory of Spanlake", data_dir.display());
    let started = Instant::now();
    let mut settings = StoreSettings::new(data_dir);
    // A question writes nothing: what is in the log stays there, and its rows stay in memory.
    settings.replay_flush_bytes = usize::MAX;
    let store = Store::open(settings).await.map_err(|error| match error.kind() {
        storage::ErrorKind::Locked => anyhow!("{error}: ask the server that holds it with --url {}", url_of(data_dir)),
        _ => anyhow::Error::new(error),
    })?;
    let arrival = unix_nanos_now();
    let convert = move |signal, payload: &[u8]| {
        collector::columns::to_record_batch(signal, payload, arrival)
            .map(|converted| converted.batch)
            .map_err(|error| error.to_string())
    };
    store.replay(convert).await?;
    let engine = Engine::new(store, EngineSettings { timeout: TIMEOUT, ..EngineSettings::default() })?;
    let rows_max = engine.settings().rows_max;
    let query = engine.begin("sql", None).await?;
    let rows = query.answer(statement, rows_max).await?;
    let text = match format {
        SqlFormat::Table => result::table(&rows)?.into_bytes(),
        SqlFormat::Csv => result::csv(&rows, &|_| Ok(()))?,
        SqlFormat::Json => {
            let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            result::json(&rows, elapsed_ms, &|_| Ok(()))?
        }
    };
    Ok(Answer { text, truncated: rows.truncated })
}

/// Where the server on a data directory answers, as far as it says so.
fn url_of(data_dir: &Path) -> String {
    let addresses = std::fs::read(data_dir.join("addresses.json")).ok();
    let addresses: Option<Json> = addresses.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let http = addresses.as_ref().and_then(|addresses| addresses["http"].as_str());
    format!("http://{}", http.unwrap_or("127.0.0.1:4319"))
}

fn ask_server(url: &str, statement: &str, format: SqlFormat) -> anyhow::Result<Answer> {
    ensure!(
        url.starts_with("http://"),
        "{url} is not the address of a server: write http://HOST:PORT (there is no TLS here)"
    );
    let url = format!("{}/api/v1/sql", url.trim_end_matches('/'));
    let accept = match format {
        SqlFormat::Table => "application/vnd.apache.arrow.stream",
        SqlFormat::Csv => "text/csv",
        SqlFormat::Json => "application/json",
    };
    let body = json!({ "sql": statement }).to_string();
    let config = Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).build();
    let request = config.new_agent().post(&url).header("content-type", "application/json").header("accept", accept);
    let mut response = request.send(body.as_bytes()).with_context(|| format!("cannot ask {url}"))?;
    let status = response.status();
    let truncated = response.headers().contains_key(TRUNCATED_HEADER);
    let bytes = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
    let bytes = bytes.with_context(|| format!("the answer of {url}"))?;
    if !status.is_success() {
        bail!("{}", refusal(&bytes).unwrap_or_else(|| format!("{url} answered {status}")));
    }
    if format != SqlFormat::Table {
        return Ok(Answer { text: bytes, truncated });
    }
    let reader = StreamReader::try_new(bytes.as_slice(), None).context("the answer is not an Arrow stream")?;
    let schema = reader.schema();
    let batches = reader.collect::<Result<_, _>>().context("the answer is not an Arrow stream")?;
    let rows = Rows { schema, batches, truncated };
    Ok(Answer { text: result::table(&rows)?.into_bytes(), truncated })
}

/// `{"error": {"message", "hint"}}` in words.
fn refusal(body: &[u8]) -> Option<String> {
    let body: Json = serde_json::from_slice(body).ok()?;
    let message = body["error"]["message"].as_str()?;
    let hint = body["error"]["hint"].as_str().filter(|hint| !hint.is_empty());
    Some(hint.map_or(message.to_owned(), |hint| format!("{message} ({hint})")))
}

fn print(text: &[u8]) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    let newline: &[u8] = if text.ends_with(b"\n") { b"" } else { b"\n" };
    match stdout.write_all(text).and_then(|()| stdout.write_all(newline)).and_then(|()| stdout.flush()) {
        // `spanlake sql ... | head` has read enough.
        Err(error) if error.kind() == IoErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot print the answer"),
    }
}
