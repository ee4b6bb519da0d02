//! `spanlake serve` as a child process: all ports 0, found by `<data-dir>/addresses.json`.

use std::fs::{File, OpenOptions};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;

use super::grpc::GrpcClient;
use super::http::{Reply, agent};
use super::wait_for;

/// How long a start may take until `addresses.json` is there. Far above the promise of seconds: the tests that hold
/// the promise measure it themselves.
const START_LIMIT: Duration = Duration::from_secs(60);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

/// Flags under which nothing is flushed unless a test asks for it.
pub(crate) const NO_FLUSH: &[&str] =
    &["--flush-interval", "1h", "--flush-rows", "1000000000", "--flush-bytes", "8GiB", "--memtable-memory", "16GiB"];

/// The compiled binary under test.
pub(crate) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spanlake"));
    // What the developer's shell says about Spanlake is no part of a test.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SPANLAKE_")) {
        command.env_remove(name);
    }
    command
}

/// Runs the binary to its end.
pub(crate) fn run(args: &[&str]) -> Output {
    binary().args(args).stdin(Stdio::null()).output().expect("the binary starts")
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A temporary place with a data directory and the log of the servers that ran on it.
pub(crate) struct Home {
    dir: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self { dir: TempDir::with_prefix("spanlake-e2e-").expect("a temporary directory") }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.path().join("data")
    }

    pub(crate) fn data_dir_text(&self) -> String {
        self.data_dir().to_str().expect("temporary paths are text").to_owned()
    }

    fn log_path(&self) -> PathBuf {
        self.path().join("server.log")
    }

    /// What the servers of this home printed: the last 4 KiB.
    pub(crate) fn log_tail(&self) -> String {
        let bytes = std::fs::read(self.log_path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(4096)..]).into_owned()
    }

    /// `spanlake serve` on this home, ports 0, plus `args`.
    pub(crate) fn serve_command(&self, args: &[&str]) -> Command {
        let mut command = binary();
        command.arg("serve").arg("--data-dir").arg(self.data_dir());
        for flag in ["--otlp-grpc-listen", "--otlp-http-listen", "--http-listen"] {
            command.arg(flag).arg("127.0.0.1:0");
        }
        command.args(args).stdin(Stdio::null());
        command
    }

    /// Starts a server and waits until its listeners are open. It may still be replaying its log.
    pub(crate) fn start(&self, args: &[&str]) -> Server {
        let command = self.serve_command(args);
        self.start_command(command)
    }

    pub(crate) fn start_command(&self, mut command: Command) -> Server {
        let log = OpenOptions::new().create(true).append(true).open(self.log_path()).expect("a log file");
        let copy: File = log.try_clone().expect("a second handle of the log file");
        let spawned = Instant::now();
        let mut child = command.stdout(log).stderr(copy).spawn().expect("the binary starts");
        let addresses = wait_for("addresses.json", START_LIMIT, || {
            if let Some(status) = child.try_wait().expect("the child can be asked") {
                panic!("the server ended with {status} instead of starting:\n{}", self.log_tail());
            }
            read_addresses(&self.data_dir(), child.id())
        });
        Server { child, addresses, spawned, agent: agent(REQUEST_TIMEOUT) }
    }

    /// Starts a server and waits until it is ready (its log is replayed).
    pub(crate) fn start_ready(&self, args: &[&str]) -> Server {
        let server = self.start(args);
        server.wait_ready();
        server
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- end of the server's log ---\n{}", self.log_tail());
        }
    }
}

/// A file left by a killed server names another process; it does not count.
fn read_addresses(data_dir: &Path, pid: u32) -> Option<Addresses> {
    let text = std::fs::read(data_dir.join("addresses.json")).ok()?;
    let value: Value = serde_json::from_slice(&text).expect("addresses.json is never half written");
    if value["pid"].as_u64() != Some(u64::from(pid)) {
        return None;
    }
    let address = |name: &str| -> SocketAddr {
        let text = value[name].as_str().unwrap_or_else(|| panic!("addresses.json has no {name}: {value}"));
        text.parse().unwrap_or_else(|_| panic!("{name} is not an address: {text}"))
    };
    Some(Addresses { otlp_grpc: address("otlp_grpc"), otlp_http: address("otlp_http"), http: address("http") })
}

#[derive(Clone, Copy)]
pub(crate) struct Addresses {
    pub(crate) otlp_grpc: SocketAddr,
    pub(crate) otlp_http: SocketAddr,
    pub(crate) http: SocketAddr,
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) addresses: Addresses,
    pub(crate) spawned: Instant,
    agent: Agent,
}

impl Server {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addresses.http)
    }

    pub(crate) fn otlp_url(&self) -> String {
        format!("http://{}", self.addresses.otlp_http)
    }

    pub(crate) fn grpc(&self) -> GrpcClient {
        GrpcClient::connect(self.addresses.otlp_grpc)
    }

    /// GET on the query port; `Err` when there was no answer.
    pub(crate) fn try_get(&self, path: &str, accept: &str) -> Result<Reply, String> {
        let response = self.agent.get(format!("{}{path}", self.url())).header("accept", accept).call();
        Reply::read(response.map_err(|error| format!("GET {path}: {error}"))?)
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.try_get(path, "application/json").unwrap_or_else(|error| panic!("{error}"))
    }

    /// The JSON answer of a GET that must succeed.
    pub(crate) fn get_json(&self, path: &str) -> Result<Value, String> {
        let reply = self.try_get(path, "application/json")?;
        if reply.status != 200 {
            return Err(format!("GET {path}: {}", reply.excerpt()));
        }
        reply.try_json().map_err(|error| format!("GET {path}: {error}"))
    }

    pub(crate) fn post_json(&self, path: &str, body: &Value, accept: &str) -> Result<Reply, String> {
        let response = self
            .agent
            .post(format!("{}{path}", self.url()))
            .header("content-type", "application/json")
            .header("accept", accept)
            .send(body.to_string().as_bytes());
        Reply::read(response.map_err(|error| format!("POST {path}: {error}"))?)
    }

    /// A POST on the query port with a body of any type.
    pub(crate) fn post_as(&self, path: &str, content_type: &str, body: &[u8]) -> Result<Reply, String> {
        let response = self.agent.post(format!("{}{path}", self.url())).header("content-type", content_type).send(body);
        Reply::read(response.map_err(|error| format!("POST {path}: {error}"))?)
    }

    /// A request on the OTLP/HTTP port with exactly these headers.
    pub(crate) fn try_otlp(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Reply, String> {
        let mut request = ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.otlp_url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.to_vec()).map_err(|error| error.to_string())?;
        let response = self.agent.run(request).map_err(|error| format!("{method} {path}: {error}"))?;
        Reply::read(response)
    }

    pub(crate) fn otlp(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.try_otlp("POST", path, headers, body).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Sends OTLP/protobuf that must be accepted whole.
    pub(crate) fn export(&self, path: &str, body: &[u8]) {
        let reply = self.otlp(path, &[("content-type", "application/x-protobuf")], body);
        assert!(reply.status == 200 && reply.body.is_empty(), "{path} was not accepted whole: {}", reply.excerpt());
    }

    pub(crate) fn ready(&self) -> bool {
        self.try_get("/api/v1/ready", "application/json").is_ok_and(|reply| reply.status == 200)
    }

    pub(crate) fn wait_ready(&self) {
        wait_for("/api/v1/ready", START_LIMIT, || self.ready().then_some(()));
    }

    pub(crate) fn flush(&self) -> Value {
        self.admin("/api/v1/admin/flush")
    }

    /// Merges everything of a date into one segment.
    pub(crate) fn compact(&self) -> Value {
        self.admin("/api/v1/admin/compact?force=true")
    }

    fn admin(&self, path: &str) -> Value {
        let reply = self.post_json(path, &json!({}), "application/json").unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(reply.status, 200, "{path}: {}", reply.excerpt());
        reply.json()
    }

    /// `signals.<signal>.<field>` of `/api/v1/status`.
    pub(crate) fn status(&self, signal: &str, field: &str) -> i64 {
        let status = self.get_json("/api/v1/status").unwrap_or_else(|error| panic!("{error}"));
        status["signals"][signal][field].as_i64().unwrap_or_else(|| panic!("no signals.{signal}.{field} in {status}"))
    }

    /// SIGKILL, and nothing else.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the child can be killed");
        self.child.wait().expect("the child can be waited for");
    }

    /// SIGKILL while other threads still talk to the server; it is reaped when dropped.
    pub(crate) fn kill_now(&self) {
        self.signal("-KILL");
    }

    /// SIGTERM, and the exit status.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.terminate();
        wait_for("the end after SIGTERM", Duration::from_secs(60), || {
            self.child.try_wait().expect("the child can be asked")
        })
    }

    /// Sends SIGTERM without waiting.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    /// There is no safe call for it in the standard library, hence the shell's own `kill`.
    fn signal(&self, signal: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill {signal} {}", self.pid())]).status();
        assert!(sent.expect("the shell runs").success(), "{signal} was not sent");
    }

    /// Whether the process still runs.
    pub(crate) fn alive(&mut self) -> bool {
        self.child.try_wait().expect("the child can be asked").is_none()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; then both calls fail, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
