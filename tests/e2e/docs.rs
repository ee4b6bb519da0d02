//! What the documentation says is true: its commands work, its paths exist.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::packs::{Pack, Signal};
use crate::support::server::NO_FLUSH;
use crate::support::{Home, Server};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The code blocks of a Markdown file, with their language.
fn blocks(text: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let code: Vec<&str> = lines.by_ref().take_while(|line| !line.starts_with("```")).collect();
            blocks.push((language.to_owned(), code.join("\n")));
        }
    }
    blocks
}

fn block(text: &str, needle: &str) -> String {
    let found = blocks(text).into_iter().map(|(_, code)| code).find(|code| code.contains(needle));
    found.unwrap_or_else(|| panic!("no code block has {needle:?}"))
}

/// The shell sees `spanlake` as our binary, and this server where the documentation has the default ports.
fn shell(server: &Server, home: &Home, script: &str) -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_spanlake"));
    let script = script
        .replace("127.0.0.1:4318", &server.addresses.otlp_http.to_string())
        .replace("127.0.0.1:4319", &server.addresses.http.to_string());
    let path = std::env::var("PATH").unwrap_or_default();
    let with_binary = format!("{}:{path}", binary.parent().expect("a directory").display());
    let output = Command::new("sh").args(["-c", &script]).env("PATH", with_binary).current_dir(home.path()).output();
    let output = output.expect("a shell");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}\n{out}\n{err}");
    out.into_owned()
}

#[test]
fn the_readmes_curl_sends_a_span() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let answer = shell(&server, &home, &block(&read("README.md"), "curl "));
    assert_eq!(answer.trim(), "{}");
    let recent = "SELECT count(*) FROM spans WHERE service = 'hello' AND start_time > now() - INTERVAL '1 minute'";
    assert_eq!(server.count(recent), 1);
}

#[test]
fn the_readmes_first_question_is_answered() {
    let home = Home::new();
    let server = home.start_ready(NO_FLUSH);
    let pack = Pack::shipped("ci-trainticket");
    pack.requests(Signal::Spans).iter().for_each(|request| server.export("/v1/traces", request));
    let script = block(&read("README.md"), "spanlake sql");
    // The recording is of 2023; the question is about the last minutes.
    let all_times = script.replace("INTERVAL '15 minutes'", "INTERVAL '36500 days'");
    assert_ne!(script, all_times, "the question has a time range");
    let table = shell(&server, &home, &all_times);
    assert!(table.contains("ts-travel-service") && table.contains("errors"), "{table}");
}

#[test]
fn the_paths_of_the_documentation_exist() {
    let mut missing = Vec::new();
    let mut checked = 0;
    for name in ["ARCHITECTURE.md", "README.md"] {
        let text = read(name);
        let quoted = text.split('`').skip(1).step_by(2);
        let linked = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for path in quoted.chain(linked) {
            let top = path.split('/').next().unwrap_or_default();
            let ours =
                ["proto", "storage", "collector", "query", "src", "ui", "tests", "benches", "docs"].contains(&top);
            if ours && path.contains('/') && !path.contains([' ', '*', '<', '{']) {
                checked += 1;
                if !root().join(path).exists() {
                    missing.push(format!("{name}: {path}"));
                }
            }
        }
    }
    assert!(checked > 5, "only {checked} paths were found in the documentation");
    assert!(missing.is_empty(), "these do not exist: {missing:#?}");
}
