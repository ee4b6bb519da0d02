//! A server's life: one process per directory, configuration, graceful stop, restart, and the command line.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use prost::Message as _;
use serde_json::Value;

use crate::support::messages::{log_record, logs_request, span, trace_request};
use crate::support::packs::{Pack, Signal};
use crate::support::server::{NO_FLUSH, binary, run, stderr, stdout};
use crate::support::{Home, Server, wait_for};

/// Runs a command that must end by itself within half a minute.
fn output_of(mut command: Command) -> Output {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let started = Instant::now();
    while child.try_wait().expect("the child can be asked").is_none() {
        if started.elapsed() > Duration::from_secs(30) {
            child.kill().expect("the child can be killed");
            panic!("{command:?} did not end");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.wait_with_output().expect("the output can be read")
}

#[test]
fn a_second_process_on_a_directory_ends_with_a_clear_error() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    server.export("/v1/traces", &trace_request("lock", vec![span(1, 1, "lock")]).encode_to_vec());
    let second = output_of(home.serve_command(NO_FLUSH));
    assert_eq!(second.status.code(), Some(1), "{}", stderr(&second));
    let message = stderr(&second);
    assert!(message.contains(&home.data_dir_text()), "the error names the directory: {message}");
    assert!(!message.contains("panicked"), "{message}");
    assert_eq!(server.count("SELECT count(*) FROM spans"), 1, "the first one is not disturbed");
    assert!(home.data_dir().join("addresses.json").exists(), "nor is its addresses.json");
    // The lock dies with its holder, however it dies.
    server.kill();
    let third = home.start_ready(NO_FLUSH);
    assert_eq!(third.count("SELECT count(*) FROM spans"), 1);
}

/// The answers that must not depend on where the rows lie.
fn answers(server: &Server) -> Vec<Value> {
    let sql = [
        "SELECT service, name, kind, status, count(*), sum(duration_ns), min(start_time), max(end_time) FROM spans GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
        "SELECT service, severity, severity_text, count(*), min(time), sum(octet_length(body)) FROM logs GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        "SELECT * FROM spans ORDER BY trace_id, span_id LIMIT 50",
        "SELECT * FROM logs ORDER BY time, span_id, body LIMIT 50",
    ];
    let mut answers: Vec<Value> = sql
        .iter()
        .map(|sql| server.sql(sql).unwrap_or_else(|e| panic!("{e}")).rows.into_iter().map(Value::Array).collect())
        .collect();
    let traces = server.pages("/api/v1/traces?limit=100", "traces").unwrap_or_else(|error| panic!("{error}"));
    for trace in traces.iter().take(10) {
        let id = trace["trace_id"].as_str().expect("an id");
        let mut page = server.get_json(&format!("/api/v1/traces/{id}")).unwrap_or_else(|error| panic!("{error}"));
        // An id of a log record names its place, which flush and compaction change.
        for log in page["logs"].as_array_mut().expect("logs") {
            log["id"].take();
        }
        answers.push(page);
    }
    answers.push(Value::Array(traces));
    answers.push(server.get_json("/api/v1/services").unwrap_or_else(|error| panic!("{error}")));
    answers
}

#[test]
fn a_graceful_stop_flushes_and_a_restart_answers_the_same() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let pack = Pack::shipped("ci-trainticket");
    for signal in Signal::ALL {
        pack.requests(signal).iter().for_each(|request| server.export(signal.http_path(), request));
    }
    let before = answers(&server);
    let stopped = Instant::now();
    let status = server.stop();
    assert!(status.success(), "SIGTERM ended the server with {status}");
    assert!(stopped.elapsed() < Duration::from_secs(10), "the stop took {:?}", stopped.elapsed());
    assert!(!home.data_dir().join("addresses.json").exists(), "addresses.json is gone after a graceful stop");

    let server = home.start_ready(NO_FLUSH);
    for signal in Signal::ALL {
        assert_eq!(server.status(signal.table(), "memtable_rows"), 0, "{signal:?}: everything was flushed");
        assert_eq!(server.status(signal.table(), "rows"), pack.count(signal.table()), "{signal:?}");
    }
    for (index, (before, after)) in before.iter().zip(answers(&server)).enumerate() {
        assert_eq!(before, &after, "answer {index}");
    }
}

/// Requests in flight at SIGTERM are answered, and what was acknowledged is there afterwards.
#[test]
fn a_stop_in_the_middle_of_traffic_loses_nothing_acknowledged() {
    let home = Home::new();
    let server = home.start_ready(&["--flush-interval", "300ms"]);
    let acknowledged = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut acknowledged = 0;
            for id in 1.. {
                let body = trace_request("stop", vec![span(id, 1, "stop")]).encode_to_vec();
                match server.try_otlp("POST", "/v1/traces", &[("content-type", "application/x-protobuf")], &body) {
                    Ok(reply) if reply.status == 200 => acknowledged += 1,
                    Ok(reply) => {
                        assert_eq!(reply.status, 503, "the last answers are success or 503: {}", reply.excerpt());
                        break;
                    }
                    Err(_) => break,
                }
            }
            acknowledged
        });
        std::thread::sleep(Duration::from_millis(700));
        server.terminate();
        sender.join().expect("the sender ends")
    });
    drop_after_exit(server);
    let server = home.start_ready(NO_FLUSH);
    let stored = server.count("SELECT count(*) FROM spans");
    assert!(acknowledged > 10, "only {acknowledged} requests were sent");
    assert!(stored == acknowledged || stored == acknowledged + 1, "{acknowledged} acknowledged, {stored} stored");
    assert_eq!(server.count("SELECT count(DISTINCT trace_id) FROM spans"), stored, "each once");
}

/// Waits for the end of a server that was asked to stop.
fn drop_after_exit(mut server: Server) {
    wait_for("the end after SIGTERM", Duration::from_secs(20), || (!server.alive()).then_some(()));
}

#[test]
fn the_command_line_asks_a_stopped_directory_and_a_running_server() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    server.export("/v1/traces", &trace_request("cli", vec![span(1, 1, "a"), span(1, 2, "b, \"c\"")]).encode_to_vec());
    let sql = "SELECT name, duration_ns FROM spans ORDER BY name";
    let url = server.url();
    let ask = |target: &[&str], format: &str| {
        let output = run(&[&["sql", sql], target, &["--format", format]].concat());
        assert!(output.status.success(), "{target:?} {format}: {}", stderr(&output));
        stdout(&output)
    };
    let check = |target: &[&str]| {
        assert_eq!(ask(target, "csv"), "name,duration_ns\na,5000000\n\"b, \"\"c\"\"\",5000000\n", "{target:?}");
        let json = ask(target, "json");
        assert!(
            json.contains("5000000") && serde_json::from_str::<Value>(&json).is_ok() || lines_are_json(&json),
            "{target:?}: {json}"
        );
        let table = ask(target, "table");
        assert!(table.contains("name") && table.contains("b, \"c\"") && table.contains('|'), "{target:?}: {table}");
    };
    check(&["--url", &url]);
    assert!(server.stop().success());
    check(&["--data-dir", &home.data_dir_text()]);

    let bad = run(&["sql", "SELECT nothing FROM spans", "--data-dir", &home.data_dir_text()]);
    assert!(!bad.status.success() && stderr(&bad).contains("nothing"), "{}", stderr(&bad));
    let bad = run(&["sql", "DROP TABLE spans", "--data-dir", &home.data_dir_text()]);
    assert!(!bad.status.success() && !stderr(&bad).contains("panicked"), "{}", stderr(&bad));
    let bad = run(&["sql", sql, "--url", "http://127.0.0.1:9"]);
    assert!(!bad.status.success() && stderr(&bad).contains("127.0.0.1:9"), "{}", stderr(&bad));
    let absent = home.path().join("absent");
    let absent = absent.to_str().expect("text");
    let bad = run(&["sql", sql, "--data-dir", absent]);
    assert!(!bad.status.success() && stderr(&bad).contains(absent), "{}", stderr(&bad));
    assert!(!std::path::Path::new(absent).exists(), "a question creates no directory");
}

fn lines_are_json(text: &str) -> bool {
    text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok())
}

/// A data directory that was left by kill -9 answers without a server too: what was acknowledged is in its log.
#[test]
fn the_command_line_reads_a_directory_after_a_crash() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    server.export("/v1/logs", &logs_request("cli", vec![log_record("left in the log")]).encode_to_vec());
    server.kill();
    let output = run(&["sql", "SELECT body FROM logs", "--data-dir", &home.data_dir_text(), "--format", "csv"]);
    assert_eq!(stdout(&output), "body\nleft in the log\n", "{}", stderr(&output));
    let server = home.start_ready(NO_FLUSH);
    assert_eq!(server.count("SELECT count(*) FROM logs"), 1, "asking changed nothing");
}

#[test]
fn configuration_comes_from_environment_and_file_and_flags_win() {
    let home = Home::new();
    let mut command = binary();
    command.arg("serve").env("SPANLAKE_DATA_DIR", home.data_dir()).stdin(Stdio::null());
    for name in ["SPANLAKE_OTLP_GRPC_LISTEN", "SPANLAKE_OTLP_HTTP_LISTEN", "SPANLAKE_HTTP_LISTEN"] {
        command.env(name, "127.0.0.1:0");
    }
    let server = home.start_command(command);
    assert!(server.stop().success());

    let file = home.path().join("spanlake.toml");
    let listen =
        "otlp_grpc_listen = \"127.0.0.1:0\"\notlp_http_listen = \"127.0.0.1:0\"\nhttp_listen = \"127.0.0.1:0\"\n";
    std::fs::write(&file, format!("data_dir = \"{}\"\n{listen}", home.data_dir_text())).expect("a file");
    let mut command = binary();
    command.args(["serve", "--config"]).arg(&file).stdin(Stdio::null());
    let server = home.start_command(command);
    assert!(server.stop().success());

    // A flag is stronger than the environment, the environment stronger than the file.
    std::fs::write(&file, format!("data_dir = \"/proc/nowhere\"\n{listen}")).expect("a file");
    let mut command = binary();
    command.args(["serve", "--config"]).arg(&file).env("SPANLAKE_DATA_DIR", home.data_dir()).stdin(Stdio::null());
    assert!(home.start_command(command).stop().success());
    let mut command = binary();
    command.args(["serve", "--config"]).arg(&file).env("SPANLAKE_DATA_DIR", "/proc/nowhere");
    command.arg("--data-dir").arg(home.data_dir()).stdin(Stdio::null());
    assert!(home.start_command(command).stop().success());
}

#[test]
fn what_is_configured_wrongly_is_said_clearly() {
    let home = Home::new();
    let file = home.path().join("broken.toml");
    let config = |text: &str| {
        std::fs::write(&file, text).expect("a file");
        let mut command = home.serve_command(&[]);
        command.arg("--config").arg(&file);
        output_of(command)
    };
    let cases = [
        ("an unknown flag", output_of(home.serve_command(&["--nothing"])), "--nothing"),
        ("a bad duration", output_of(home.serve_command(&["--flush-interval", "soon"])), "soon"),
        ("a bad retention", output_of(home.serve_command(&["--retention", "-5d"])), "retention"),
        ("a file that is no TOML", config("data_dir = ["), "broken.toml"),
        ("an unknown key", config("data_dri = \"x\"\n"), "data_dri"),
        ("a key of another type", config("data_dir = 5\n"), "data_dir"),
    ];
    for (what, output, named) in cases {
        assert!(!output.status.success(), "{what} was accepted");
        let message = stderr(&output);
        assert!(message.contains(named) && !message.contains("panicked"), "{what}: the error names {named}: {message}");
    }
    let mut nowhere = binary();
    nowhere.args(["serve", "--http-listen", "nowhere", "--data-dir"]).arg(home.data_dir());
    let output = output_of(nowhere);
    assert!(!output.status.success() && stderr(&output).contains("nowhere"), "{}", stderr(&output));
    let mut absent = home.serve_command(&[]);
    absent.args(["--config", "/nowhere/spanlake.toml"]);
    let output = output_of(absent);
    assert!(!output.status.success() && stderr(&output).contains("/nowhere/spanlake.toml"), "{}", stderr(&output));
}

#[test]
fn a_port_in_use_is_said_clearly() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("its address").to_string();
    let home = Home::new();
    let mut command = binary();
    command.arg("serve").arg("--data-dir").arg(home.data_dir()).stdin(Stdio::null());
    command.args(["--otlp-grpc-listen", "127.0.0.1:0", "--otlp-http-listen", "127.0.0.1:0", "--http-listen", &address]);
    let output = output_of(command);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains(&address), "the error names the address: {}", stderr(&output));
}

#[test]
fn help_reads_like_documentation() {
    for (args, words) in [
        (&["--help"][..], &["serve", "sql", "replay"][..]),
        (
            &["serve", "--help"],
            &[
                "--data-dir",
                "--otlp-grpc-listen",
                "--otlp-http-listen",
                "--http-listen",
                "--retention",
                "--demo",
                "--config",
                "SPANLAKE_DATA_DIR",
                "4317",
                "4318",
                "4319",
            ],
        ),
        (&["sql", "--help"], &["--url", "--data-dir", "--format", "csv", "json", "table"]),
        (&["replay", "--help"], &["--to", "--shift-to-now", "--rate"]),
    ] {
        let output = run(args);
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
        for word in words {
            assert!(stdout(&output).contains(word), "{args:?} does not mention {word}:\n{}", stdout(&output));
        }
    }
    assert!(stdout(&run(&["--version"])).contains("0.1.0"));
}

#[test]
fn the_other_routes_answer() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let health = server.get_json("/api/v1/health").expect("health");
    assert_eq!((&health["status"], &health["version"]), (&"ok".into(), &"0.1.0".into()));
    assert_eq!(server.get_json("/api/v1/ready").expect("ready")["ready"], true);
    let status = server.get_json("/api/v1/status").expect("status");
    assert_eq!(status["otlp_http"], server.addresses.otlp_http.to_string());
    assert_eq!(status["otlp_grpc"], server.addresses.otlp_grpc.to_string());
    assert_eq!(
        (&status["signals"]["spans"]["rows"], &status["signals"]["logs"]["oldest_unix_nano"]),
        (&0.into(), &Value::Null)
    );
    assert_eq!(status["retention_seconds"], Value::Null, "everything is kept");
    // A page knows which interface it was loaded from.
    let build = status["ui_build"].as_str().expect("a text");
    let page = server.get("/").text();
    assert_eq!(page.contains(&format!(r#"name="spanlake-build" content="{build}""#)), !build.is_empty(), "{build}");
    let openapi = server.get_json("/openapi.json").expect("the description");
    assert!(openapi["openapi"].as_str().is_some_and(|version| version.starts_with("3.")), "{}", openapi["openapi"]);
    for path in [
        "/api/v1/health",
        "/api/v1/ready",
        "/api/v1/status",
        "/api/v1/traces",
        "/api/v1/traces/{trace_id}",
        "/api/v1/traces/{trace_id}/spans/{span_id}",
        "/api/v1/traces/{trace_id}/links_in",
        "/api/v1/traces/histogram",
        "/api/v1/logs",
        "/api/v1/logs/histogram",
        "/api/v1/services",
        "/api/v1/services/{service}/operations",
        "/api/v1/sql",
    ] {
        assert!(openapi["paths"][path].is_object(), "/openapi.json does not describe {path}");
    }
    assert!(openapi["components"]["schemas"]["TraceSkeleton"].is_object(), "the columns of a skeleton are described");
    for path in ["/", "/traces/abc", "/logs?q=x"] {
        let page = server.try_get(path, "text/html").expect("a page");
        assert!(
            page.status == 200 && page.header("content-type").starts_with("text/html"),
            "{path}: {}",
            page.excerpt()
        );
        assert!(page.text().to_lowercase().contains("<!doctype html>"), "{path}: {}", page.excerpt());
    }
}
