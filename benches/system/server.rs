//! The server under test: a child process, its ports, its CPU time, memory and files.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use ureq::Agent;

use crate::machine;

const START_MAX: Duration = Duration::from_secs(60);
const STOP_MAX: Duration = Duration::from_secs(60);
const ANSWER_MAX: Duration = Duration::from_secs(600);
const ANSWER_BYTES_MAX: u64 = 256 << 20;
/// A settled server uses less than this much CPU time ...
const QUIET_CPU: f64 = 0.05;
/// ... in this time. Longer than the pause between two looks for something to merge.
const QUIET_TIME: Duration = Duration::from_secs(11);

/// What is asked of the server.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Get(String),
    Sql(String),
}

impl Ask {
    pub(crate) fn text(&self) -> &str {
        match self {
            Ask::Get(path) => path,
            Ask::Sql(sql) => sql,
        }
    }
}

pub(crate) struct Server {
    child: Child,
    http: SocketAddr,
    #[allow(dead_code, reason = "only the benchmark of causes sends there, which shares this file")]
    pub(crate) otlp_http: SocketAddr,
    pub(crate) otlp_grpc: SocketAddr,
    data_dir: PathBuf,
    agent: Agent,
}

impl Server {
    /// Starts `binary serve` with its defaults on `dir`/data and free ports, and waits until it is ready.
    pub(crate) fn start(binary: &Path, dir: &Path) -> anyhow::Result<Self> {
        let data_dir = dir.join("data");
        let log = File::options().create(true).append(true).open(dir.join("server.log"))?;
        let mut command = Command::new(binary);
        command.arg("serve").arg("--data-dir").arg(&data_dir);
        for flag in ["--otlp-grpc-listen", "--otlp-http-listen", "--http-listen"] {
            command.arg(flag).arg("127.0.0.1:0");
        }
        // What the shell says about Spanlake is no default.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SPANLAKE_")) {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut child = command.spawn().with_context(|| format!("cannot start {}", binary.display()))?;
        let started = Instant::now();
        let [http, otlp_grpc, otlp_http] = loop {
            if let Some(status) = child.try_wait()? {
                bail!("the server ended with {status} instead of starting: see {}", dir.join("server.log").display());
            }
            if let Some(addresses) = addresses(&data_dir, child.id())? {
                break addresses;
            }
            ensure!(started.elapsed() < START_MAX, "the server does not start");
            std::thread::sleep(Duration::from_millis(5));
        };
        let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(ANSWER_MAX));
        let server = Self { child, http, otlp_http, otlp_grpc, data_dir, agent: config.build().new_agent() };
        while server.ask(&Ask::Get("/api/v1/ready".to_owned())).is_err() {
            ensure!(started.elapsed() < START_MAX, "the server does not become ready");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(server)
    }

    /// The answer, and how long it took until its last byte was here.
    pub(crate) fn ask(&self, ask: &Ask) -> anyhow::Result<(Value, Duration)> {
        let started = Instant::now();
        let response = match ask {
            Ask::Get(path) => self.agent.get(format!("http://{}{path}", self.http)).call(),
            Ask::Sql(sql) => self.post("/api/v1/sql", &json!({ "sql": sql })),
        };
        let mut response = response.with_context(|| format!("no answer to {}", ask.text()))?;
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
        let took = started.elapsed();
        let status = response.status();
        let excerpt = || String::from_utf8_lossy(&body[..body.len().min(400)]).into_owned();
        ensure!(status == 200, "{} is answered with {status}: {}", ask.text(), excerpt());
        Ok((serde_json::from_slice(&body).with_context(|| format!("{}: {}", ask.text(), excerpt()))?, took))
    }

    fn post(&self, path: &str, body: &Value) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let request = self.agent.post(format!("http://{}{path}", self.http)).header("content-type", "application/json");
        request.send(body.to_string().as_bytes())
    }

    /// Everything in segments.
    pub(crate) fn flush(&self) -> anyhow::Result<()> {
        let response = self.post("/api/v1/admin/flush", &json!({}))?;
        ensure!(response.status() == 200, "the flush is answered with {}", response.status());
        Ok(())
    }

    /// Everything flushed, merged, and no work left.
    pub(crate) fn settle(&self) -> anyhow::Result<()> {
        self.flush()?;
        let response = self.post("/api/v1/admin/compact", &json!({}))?;
        ensure!(response.status() == 200, "the compaction is answered with {}", response.status());
        loop {
            let before = self.cpu_seconds()?;
            std::thread::sleep(QUIET_TIME);
            if self.cpu_seconds()? - before < QUIET_CPU {
                return Ok(());
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// User and system time so far.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        machine::cpu_seconds(self.pid())
    }

    /// The version that the server says it is.
    pub(crate) fn version(&self) -> anyhow::Result<String> {
        let (health, _) = self.ask(&Ask::Get("/api/v1/health".to_owned()))?;
        Ok(health["version"].as_str().context("/api/v1/health has no version")?.to_owned())
    }

    /// The most memory that was resident at any time.
    pub(crate) fn peak_bytes(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib << 10)
    }

    /// All files of the lake: segments, indexes, Delta log.
    pub(crate) fn lake_bytes(&self) -> anyhow::Result<u64> {
        let mut bytes = 0;
        let mut directories = vec![self.data_dir.join("lake")];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory)? {
                let entry = entry?;
                let metadata = entry.metadata()?;
                if metadata.is_dir() { directories.push(entry.path()) } else { bytes += metadata.len() }
            }
        }
        Ok(bytes)
    }

    /// SIGTERM, and waits for the end. The standard library sends SIGKILL only, hence the shell's `kill`.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        let sent = Command::new("sh").arg("-c").arg(format!("kill -TERM {}", self.child.id())).status()?;
        ensure!(sent.success(), "SIGTERM was not sent");
        let asked = Instant::now();
        while self.child.try_wait()?.is_none() {
            ensure!(asked.elapsed() < STOP_MAX, "the server does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // After `stop` both fail, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `http`, `otlp_grpc` and `otlp_http`, once this process has written them.
fn addresses(data_dir: &Path, pid: u32) -> anyhow::Result<Option<[SocketAddr; 3]>> {
    let Ok(text) = fs::read(data_dir.join("addresses.json")) else { return Ok(None) };
    let value: Value = serde_json::from_slice(&text).context("addresses.json")?;
    if value["pid"].as_u64() != Some(u64::from(pid)) {
        return Ok(None);
    }
    let address = |name: &str| -> anyhow::Result<SocketAddr> {
        Ok(value[name].as_str().with_context(|| format!("addresses.json has no {name}"))?.parse()?)
    };
    Ok(Some([address("http")?, address("otlp_grpc")?, address("otlp_http")?]))
}
